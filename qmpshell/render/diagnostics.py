"""Error messages for lines, with their position and a caret."""

from __future__ import annotations

from .text import REDACTED, escape, replace_spans, text_width

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..errors import LineError
    from ..language import SourceLine


# How much of a long line is shown before and after the error, in characters.
_BEFORE, _AFTER = 50, 26


def with_position(source: SourceLine, offset: int, text: str) -> str:
    """Return `text` with the position of `offset` before it, or the option that makes the line."""
    if source.is_option:
        return f"qmpshell: {escape(source.name)}: {text}"
    number, column, _ = source.line.locate(offset)
    return f"{escape(source.name)}:{number}:{column}: {text}"


def format_line_error(
    source: SourceLine, error: LineError, *, named: bool, hidden: Iterable[tuple[int, int]] = ()
) -> str:
    """Return an error message with its line, a caret under the position, and the hint.

    With `named`, NAME:LINE:COLUMN precedes the message. `hidden` are the positions of the secrets
    in the line, in order and disjoint.
    """
    _, column, line = source.line.locate(error.start)
    start, end = column - 1, column - 1 + error.end - error.start
    # A physical line, without its prompt, starts at this offset of the logical line.
    origin = error.start - start
    parts = [(max(0, first - origin), min(len(line), last - origin)) for first, last in hidden]
    parts = [(first, last) for first, last in parts if first < last]
    shown, caret = excerpt(*_redacted(line, start, end, parts))
    reason = escape(error.reason)
    place = with_position(source, error.start, reason) if named else reason
    text = f"{place}\n  {shown}\n  {caret}" if line and not source.is_option else place
    return f"{text}\n  {escape(error.hint)}" if error.hint else text


def _redacted(
    line: str, start: int, end: int, hidden: list[tuple[int, int]]
) -> tuple[str, int, int]:
    """Return the line without what is hidden, and the start and length of the marked part in it."""
    text = replace_spans(line, hidden, REDACTED)
    moved_start = _moved(start, hidden, inside=0)
    return text, moved_start, _moved(end, hidden, inside=len(REDACTED)) - moved_start


def _moved(offset: int, hidden: list[tuple[int, int]], *, inside: int) -> int:
    """Return the offset in the redacted text. `inside` is added to the start of a redacted part."""
    shift = 0
    for first, last in hidden:
        if offset >= last:
            shift += len(REDACTED) - (last - first)
        elif offset > first:
            return first + shift + inside
    return offset + shift


def excerpt(line: str, start: int, length: int) -> tuple[str, str]:
    """Return the part of a line around `start` and the carets to show below it."""
    first = max(0, start - _BEFORE)
    last = max(start + 1, min(len(line), start + _AFTER))
    if last == len(line) - 1:  # the mark is as wide as what it stands for
        last += 1
    head = "…" if first else ""
    tail = "…" if last < len(line) else ""
    before = head + escape(line[first:start])
    marked = escape(line[start : min(last, start + length)])
    rest = escape(line[start + length : last])
    return f"{before}{marked}{rest}{tail}", " " * text_width(before) + "^" * max(
        1, text_width(marked)
    )
