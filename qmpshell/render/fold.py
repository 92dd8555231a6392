"""Folding: the head of text that is too long for the screen, and the size of the rest.

It consumes no more of the text than necessary.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from .json import Piece

# Hiding this many rows or fewer would save nothing: the note about them takes a row itself.
_MIN_HIDDEN = 2
_TAB = 8

# Text that stands for one character in JSON or in escaped plain text, such as a surrogate pair.
_ESCAPE = (
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\U[0-9a-fA-F]{8}|\\."
)
_LONGEST_ESCAPE = 12
_PART = 1 << 16

# Lines are counted up to this many characters: laying them out takes about 40 ms, which blocks the
# terminal.
_COUNTED = 500_000


def fold_pieces(
    pieces: Iterable[Piece], *, lines: int, columns: int, width: Callable[[str], int] = len
) -> tuple[list[Piece], Iterator[Piece] | None]:
    """Return what fits in `lines` rows of `columns`, and the rest, or None if everything fits.

    Everything is shown if `lines` is 0 or if that takes at most two more rows. A line longer than
    `columns` counts as the rows that it takes; it is split too, but never within an escape. The
    line end at the cut belongs to the rest. `width` returns the columns of text without control
    characters.
    """
    source = iter(pieces)
    if lines <= 0:
        return list(source), None
    shown: list[Piece] = []
    screen = _Screen(max(columns, 1), width)
    cut: tuple[int, int] | None = None
    for piece in source:
        text = piece[1]
        at = 0
        if cut is None:
            at = screen.fill(text, 0, lines)
            if at < len(text):
                cut = (len(shown), at)
        shown.append(piece)
        if cut is not None and screen.fill(text, at, lines + _MIN_HIDDEN) < len(text):
            return _cut(shown, *cut, source)
    return shown, None


def _cut(
    pieces: list[Piece], index: int, at: int, source: Iterator[Piece]
) -> tuple[list[Piece], Iterator[Piece]]:
    style, text = pieces[index]
    at = _before_escape(text, at)
    shown = [*pieces[:index], (style, text[:at])]
    rest = chain(_parts(style, text, at), pieces[index + 1 :], source)
    while shown and not shown[-1][1]:
        shown.pop()
    if shown and shown[-1][1].endswith("\n"):
        style, text = shown.pop()
        rest = chain([(style, "\n")], rest)
        if len(text) > 1:
            shown.append((style, text[:-1]))
    return shown, rest


def _parts(style: str, text: str, start: int) -> Iterator[Piece]:
    """Yield `text` from `start` on, in parts that are copied only when consumed."""
    for at in range(start, len(text), _PART):
        yield (style, text[at : at + _PART])


def _before_escape(text: str, at: int) -> int:
    """Return `at`, or the start of the escape that contains it."""
    # Scan from the start: only there is it clear which of two backslashes escapes the other.
    for match in re.finditer(_ESCAPE, text[: at + _LONGEST_ESCAPE]):
        if match.end() > at:
            return min(match.start(), at)
    return at


class _Screen:
    """Counts the rows that text takes on a terminal that wraps lines."""

    def __init__(self, columns: int, width: Callable[[str], int]) -> None:
        self._columns = columns
        self._width = width
        self._row = 1
        self._column = 0
        # A line end starts a new row only if text follows it.
        self._line_ended = False

    def fill(self, text: str, start: int, rows: int) -> int:
        """Write `text` from `start` on into the first `rows` rows. Return the offset after what fits."""
        at = start
        while at < len(text):
            if self._line_ended:
                if self._row == rows:
                    return at
                self._start_row()
            if text[at] == "\n":
                self._line_ended = True
                at += 1
                continue
            end = text.find("\n", at, at + self._columns)
            if end < 0:
                end = min(len(text), at + self._columns)
            at = self._fill_row(text, at, end)
            if at < end:
                if self._row == rows:
                    return at
                self._start_row()
        return at

    def _start_row(self) -> None:
        self._row += 1
        self._column = 0
        self._line_ended = False

    def _fill_row(self, text: str, start: int, end: int) -> int:
        """Return the offset up to which `text` fits in the current row."""
        stretch = text[start:end]
        filled = self._column + self._width(stretch)
        if filled <= self._columns and "\t" not in stretch:
            self._column = filled
            return end
        for at, char in enumerate(stretch, start):
            if char == "\t":  # a tab stops at the last column
                filled = min(self._column - self._column % _TAB + _TAB, self._columns)
            else:
                filled = self._column + self._width(char)
            # A character that is wider than the whole row is written all the same.
            if filled > self._columns and self._column:
                return at
            self._column = filled
        return end


def remainder_text(rest: Iterable[Piece], *, size: int) -> str:
    """Describe the size of `rest`, as "3,214 more lines" or, if very long, "the rest of 10.3 MB".

    `size` is the size of the whole message in bytes.
    """
    lines = characters = 0
    last = ""
    for _, text in rest:
        characters += len(text)
        if characters > _COUNTED:
            return f"the rest of {_size_text(size)}"
        lines += text.count("\n")
        last = text or last
    if last.endswith("\n"):
        lines -= 1
    return _more(lines, "line") if lines > 0 else _more(characters, "character")


def _more(count: int, what: str) -> str:
    return f"{count:,} more {what}{'s' if count != 1 else ''}"


def _size_text(size: int) -> str:
    if size < 1_000_000:
        return f"{max(size, 1000) // 1000} KB"
    return f"{size / 1_000_000:,.1f} MB"
