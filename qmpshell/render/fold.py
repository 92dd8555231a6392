"""The head of a text that is too long for the screen, and how much the rest is.

Owns: counting the rows that text takes, where it is cut, and the words for what is left out. Must not
know: what the text says, or where it is shown. It takes no more of the text than it needs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from .json import Piece

# Leaving out so few rows would spare nothing: what says so takes one itself.
_SLACK = 2
_TAB = 8

# What stands for one character in JSON text or in escaped plain text; a surrogate pair is one.
_ESCAPE = (
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\U[0-9a-fA-F]{8}|\\."
)
_LONGEST_ESCAPE = 12
_PART = 1 << 16

# Lines are counted in so many characters at most: laying them out takes about 40 ms, and while that
# lasts nothing else is done.
_COUNTED = 500_000


def fold_pieces(
    pieces: Iterable[Piece], *, lines: int, columns: int, width: Callable[[str], int] = len
) -> tuple[list[Piece], Iterator[Piece] | None]:
    """What is shown of `pieces` in `lines` rows of `columns`, and what is left out, None for nothing.

    All is shown where `lines` is 0 and where that takes two rows more at most. A line that is longer
    than `columns` counts as the rows that it takes, and it is cut too, but not inside an escape. The line
    end at the cut belongs to what is left out. `width` gives the columns of text without controls.
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
        if cut is not None and screen.fill(text, at, lines + _SLACK) < len(text):
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
    """What `text` has from `start` on: copied only as far as it is asked for."""
    for at in range(start, len(text), _PART):
        yield (style, text[at : at + _PART])


def _before_escape(text: str, at: int) -> int:
    """`at`, or the start of the escape that it is inside of."""
    # From the beginning on: in the middle nothing tells which of two backslashes belongs to which.
    for match in re.finditer(_ESCAPE, text[: at + _LONGEST_ESCAPE]):
        if match.end() > at:
            return min(match.start(), at)
    return at


class _Screen:
    """Counts the rows that text takes on a terminal that wraps its lines."""

    def __init__(self, columns: int, width: Callable[[str], int]) -> None:
        self._columns = columns
        self._width = width
        self._row = 1
        self._column = 0
        # A line end begins a row only for what follows it.
        self._line_ended = False

    def fill(self, text: str, start: int, rows: int) -> int:
        """Write `text` from `start` on into the first `rows` rows; how far it got in them."""
        at = start
        while at < len(text):
            if self._line_ended:
                if self._row == rows:
                    return at
                self._begin_row()
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
                self._begin_row()
        return at

    def _begin_row(self) -> None:
        self._row += 1
        self._column = 0
        self._line_ended = False

    def _fill_row(self, text: str, start: int, end: int) -> int:
        """How far `text` goes on the present row."""
        stretch = text[start:end]
        taken = self._column + self._width(stretch)
        if taken <= self._columns and "\t" not in stretch:
            self._column = taken
            return end
        for at, char in enumerate(stretch, start):
            if char == "\t":  # it stops at the edge
                taken = min(self._column - self._column % _TAB + _TAB, self._columns)
            else:
                taken = self._column + self._width(char)
            # What is wider than the whole row is written nevertheless.
            if taken > self._columns and self._column:
                return at
            self._column = taken
        return end


def remainder_text(rest: Iterable[Piece], *, size: int) -> str:
    """How much `rest` is, as "3,214 more lines" or, of a very long one, "the rest of 10.3 MB".

    `size` is that of the whole as it came, in bytes.
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
