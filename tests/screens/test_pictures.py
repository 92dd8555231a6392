"""The pictures of the README show what the shell shows now."""

from __future__ import annotations

import pytest

from tests.harness.servers import NEWEST

from .pictures import DIRECTORY, PICTURES


@pytest.mark.parametrize("name", PICTURES)
def test_picture_equals_screen(name: str) -> None:
    saved = (DIRECTORY / f"{name}.svg").read_text()
    assert PICTURES[name](NEWEST) == saved, "python -m tests.screens writes it again"
