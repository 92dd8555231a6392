"""Pages of text at a terminal.

Owns: their styles, and whether a page has room on the screen. Must not know: what they are about, pagers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prompt_toolkit.utils import get_cwidth

from ..page import Block
from ..render.folding import fold
from ..render.pages import layout
from . import styles

Fragments = list[tuple[str, str]]


class PageView:
    """`width` gives the columns of the terminal."""

    def __init__(self, *, width: Callable[[], int]) -> None:
        self._width = width

    def fragments(self, blocks: list[Block], *, rows: int) -> Fragments | None:
        """The page in styles; None where it takes more than so many rows. 0 rows are no limit."""
        shown, rest = fold(
            self._pieces(blocks), lines=rows, columns=self._width(), width=get_cwidth
        )
        if rest is not None:
            return None
        return [
            (f"class:{styles.help_style(style)}" if style else "", text) for style, text in shown
        ]

    def painted(self, blocks: list[Block], paint: Mapping[str, tuple[str, str]]) -> Iterator[str]:
        """The page as text; `paint` has what stands before and behind each style."""
        for style, text in self._pieces(blocks):
            before, after = paint.get(style, ("", ""))
            yield f"{before}{text}{after}"

    def _pieces(self, blocks: list[Block]) -> Iterator[tuple[str, str]]:
        return layout(blocks, width=self._width(), measure=get_cwidth)
