"""Tests of the progress bar."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from prompt_toolkit.utils import get_cwidth

from qmpshell.render import percent, progress_bar


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
def test_progress_bar_shows_fraction(done: int, unicode: str, drawn: str) -> None:
    assert progress_bar(done, 100, cells=8, unicode=True) == unicode
    assert progress_bar(done, 100, cells=8, unicode=False) == drawn


@given(st.integers(-(2**63), 2**64), st.integers(1, 2**64), st.integers(1, 40), st.booleans())
def test_progress_bar_width_is_constant(done: int, total: int, cells: int, unicode: bool) -> None:
    text = progress_bar(done, total, cells=cells, unicode=unicode)
    assert get_cwidth(text) == cells + 2
    assert text.isascii() or unicode
    assert (text[1:-1] in ("█" * cells, "#" * cells)) == (done >= total)
    assert (percent(done, total) == 100) == (done >= total)
