"""Mistakes in lines, shown with their place.

Owns: `NAME:LINE:COLUMN: message`, the line and the caret under it. Must not know: why it is a mistake.
"""

from __future__ import annotations

import unicodedata

from .text import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..errors import LineError
    from ..language import Source


# Of a long line so many characters are shown around the mistake.
_BEFORE, _AFTER = 50, 26


def placed(source: Source, offset: int, text: str) -> str:
    """`text` behind the place of `offset`."""
    number, column, _ = source.line.locate(offset)
    return f"{escape(source.name)}:{number}:{column}: {text}"


def line_message(source: Source, error: LineError, *, named: bool) -> str:
    """The mistake, its line, a caret under its place, and the cure, on lines of their own; `named`
    puts the place as NAME:LINE:COLUMN before it."""
    _, column, line = source.line.locate(error.start)
    shown, caret = excerpt(line, column - 1, error.end - error.start)
    reason = escape(error.reason)
    place = placed(source, error.start, reason) if named else reason
    text = f"{place}\n  {shown}\n  {caret}"
    return f"{text}\n  {escape(error.cure)}" if error.cure else text


def excerpt(line: str, start: int, length: int) -> tuple[str, str]:
    """What is shown of a line around `start`, and the carets to be put under it."""
    first = max(0, start - _BEFORE)
    last = max(start + 1, min(len(line), start + _AFTER))
    head = "…" if first else ""
    tail = "…" if last < len(line) else ""
    before = head + escape(line[first:start])
    marked = escape(line[start : min(last, start + length)])
    rest = escape(line[start + length : last])
    return f"{before}{marked}{rest}{tail}", " " * _width(before) + "^" * max(1, _width(marked))


def _width(text: str) -> int:
    """The columns that `text` takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(
        0
        if unicodedata.category(char) in ("Mn", "Me")
        else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in text
    )
