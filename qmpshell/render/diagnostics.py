"""Error messages for lines, with their position and a caret."""

from __future__ import annotations

from .text import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..errors import LineError
    from ..language import SourceLine


# How much of a long line is shown before and after the error, in characters.
_BEFORE, _AFTER = 50, 26


def with_position(source: SourceLine, offset: int, text: str) -> str:
    """Return `text` with the position of `offset` before it."""
    number, column, _ = source.line.locate(offset)
    return f"{escape(source.name)}:{number}:{column}: {text}"


def format_line_error(source: SourceLine, error: LineError, *, named: bool) -> str:
    """Return an error message with its line, a caret under the position, and the hint.

    With `named`, NAME:LINE:COLUMN precedes the message.
    """
    _, column, line = source.line.locate(error.start)
    shown, caret = excerpt(line, column - 1, error.end - error.start)
    reason = escape(error.reason)
    place = with_position(source, error.start, reason) if named else reason
    text = f"{place}\n  {shown}\n  {caret}" if line else place
    return f"{text}\n  {escape(error.hint)}" if error.hint else text


def excerpt(line: str, start: int, length: int) -> tuple[str, str]:
    """Return the part of a line around `start` and the carets to show below it."""
    first = max(0, start - _BEFORE)
    last = max(start + 1, min(len(line), start + _AFTER))
    head = "…" if first else ""
    tail = "…" if last < len(line) else ""
    before = head + escape(line[first:start])
    marked = escape(line[start : min(last, start + length)])
    rest = escape(line[start + length : last])
    return f"{before}{marked}{rest}{tail}", " " * _width(before) + "^" * max(1, _width(marked))


def _width(text: str) -> int:
    """Return the number of columns that `text` takes on a terminal."""
    if text.isascii():
        return len(text)
    from wcwidth import wcswidth  # slow to import, rarely needed

    return max(0, wcswidth(text))
