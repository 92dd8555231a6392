"""Display of very long lines: only what fits on the screen around the cursor is laid out."""

from __future__ import annotations

from collections.abc import Callable

from prompt_toolkit.data_structures import Size
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.layout.processors import TabsProcessor, Transformation, TransformationInput

from ..language import MAX_TYPED

LONG_TEXT = f"more than {MAX_TYPED:,} characters: no colours, completion or checks until Enter"

_TAB_STOP = 8  # columns, as in terminals
# How many screens of a long line are laid out.
_SCREENS = 4


def is_long(text: str) -> bool:
    """Return True if text is too long for colours, completion and checks."""
    return len(text) > MAX_TYPED


class LongLineProcessor(TabsProcessor):
    """Shows tabs as blanks, and of a long line only a part around the cursor."""

    def __init__(self, get_size: Callable[[], Size]) -> None:
        super().__init__(tabstop=_TAB_STOP, char1=" ", char2=" ", style="")
        self._get_size = get_size

    def apply_transformation(self, ti: TransformationInput) -> Transformation:
        """Return the fragments to show, and functions for the positions of their characters."""
        if sum(len(text) for _, text, *_ in ti.fragments) <= MAX_TYPED:
            return self._expand(ti)
        document = ti.document
        has_cursor = ti.lineno == document.cursor_position_row
        size = self._get_size()
        screen = max(size.rows * size.columns, 1)
        column = document.cursor_position_col if has_cursor else 0
        # Whole screens are left out, so that the line wraps at the same places.
        start = max(0, column // screen - 1) * screen
        end = start + _SCREENS * screen
        ti.fragments = _cut(ti.fragments, start, end)
        shown = self._expand(ti)

        def source_to_display(position: int) -> int:
            return shown.source_to_display(min(max(position, start), end) - start)

        def display_to_source(position: int) -> int:
            return shown.display_to_source(position) + start

        return Transformation(
            shown.fragments,
            source_to_display=source_to_display,
            display_to_source=display_to_source,
        )

    def _expand(self, ti: TransformationInput) -> Transformation:
        # Looking at each character of a line without tabs would take longer than all else.
        if any("\t" in text for _, text, *_ in ti.fragments):
            return super().apply_transformation(ti)
        return Transformation(ti.fragments)


def _cut(fragments: StyleAndTextTuples, start: int, end: int) -> StyleAndTextTuples:
    """Return the characters from `start` to `end`. An ellipsis replaces the first of a cut line."""
    found: StyleAndTextTuples = []
    position = 0
    for style, text, *_ in fragments:
        found.append((style, text[max(start - position, 0) : max(end - position, 0)]))
        position += len(text)
    if start:
        found = [(style, text) for style, text, *_ in found if text]
        found[0] = (found[0][0], "…" + found[0][1][1:])
    return found
