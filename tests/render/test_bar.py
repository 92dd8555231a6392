"""Progress as a bar: as wide as it should be, and full only where all is done."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from prompt_toolkit.utils import get_cwidth

from qmpshell.render import bar, percent


@pytest.mark.parametrize(
    ("done", "unicode", "drawn"),
    [
        (0, "▕        ▏", "[........]"),
        (43, "▕███▍    ▏", "[###.....]"),
        (50, "▕████    ▏", "[####....]"),
        (99, "▕███████▉▏", "[#######.]"),
        (100, "▕████████▏", "[########]"),
        (120, "▕████████▏", "[########]"),
        (-5, "▕        ▏", "[........]"),
    ],
)
def test_a_bar(done: int, unicode: str, drawn: str) -> None:
    assert bar(done, 100, cells=8, unicode=True) == unicode
    assert bar(done, 100, cells=8, unicode=False) == drawn


@given(st.integers(-(2**63), 2**64), st.integers(1, 2**64), st.integers(1, 40), st.booleans())
def test_its_width_depends_on_nothing(done: int, total: int, cells: int, unicode: bool) -> None:
    text = bar(done, total, cells=cells, unicode=unicode)
    assert get_cwidth(text) == cells + 2
    assert text.isascii() or unicode
    assert (text[1:-1] in ("█" * cells, "#" * cells)) == (done >= total)
    assert (percent(done, total) == 100) == (done >= total)
