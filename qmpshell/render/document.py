"""Help documents: blocks of styled text, and their layout for a width.

The text in a document is not escaped; `format_document` escapes it.
"""

from __future__ import annotations

import re
from itertools import groupby
from operator import itemgetter

from ..record import Record
from .text import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence


PLAIN = ""
NAME = "name"  # something that the user types, or that is defined
EMPHASIS = "emphasis"
WARNING = "warning"

# `(style, text)`. A blank between two words belongs to one of them.
Span = tuple[str, str]
Spans = list[Span]


class Block(Record):
    """Base class of blocks. Blocks of the same class with the same fields are equal."""

    __hash__ = None  # type: ignore[assignment]


class Heading(Block):
    """A heading. `level` 1 is the highest."""

    spans: Spans
    level: int = 1


class Paragraph(Block):
    """Text that is filled into lines."""

    spans: Spans


class Literal(Block):
    """Text whose line breaks are kept."""

    text: str


class Item(Block):
    """An item of a list or a definition.

    `term` is what the item defines; `mark` precedes the item, for example `1.`
    """

    term: Spans
    blocks: list[Block] = []
    mark: str = ""


class Group(Block):
    """Blocks that are separated from those around them."""

    blocks: list[Block]


class Table(Block):
    """Rows of cells. The last column describes the others."""

    rows: list[Spans]


class Lines(Block):
    """Lines with styles, which are never cut.

    With `wrap`, long ones continue with an indentation. With `keeps_tabs`, tabs stay tabs.
    """

    lines: Iterable[Spans]
    wrap: bool = False
    keeps_tabs: bool = False


def heading(text: str) -> Heading:
    """Return a heading of level 2."""
    return Heading([(PLAIN, text)], 2)


def paragraph(text: str) -> Paragraph:
    """Return a paragraph of plain text."""
    return Paragraph([(PLAIN, text)])


class Page:
    """A help page. `blocks` are its blocks from top to bottom."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []

    def title(self, name: str, remarks: Iterable[str]) -> None:
        """Add the title: a name, and remarks in parentheses."""
        self.blocks.append(Heading([(NAME, name), (PLAIN, f" ({', '.join(remarks)})")]))

    def text(self, text: str) -> None:
        """Add a paragraph."""
        self.blocks.append(paragraph(text))

    def section(self, label: str, blocks: Iterable[Block]) -> None:
        """Add blocks with a heading, unless they have one or there are none."""
        added = list(blocks)
        if added and not isinstance(added[0], Heading):
            self.blocks.append(heading(label))
        self.blocks += added

    def names(self, rows: Iterable[tuple[str, str]]) -> None:
        """Add a table of names and their descriptions."""
        self.blocks.append(names_table(rows))


def names_table(rows: Iterable[tuple[str, str]]) -> Table:
    """Return a table of names and their descriptions."""
    return Table([[(NAME, name), (PLAIN, text)] for name, text in rows])


def definition(name: str, blocks: list[Block], *, type_text: str = "", remark: str = "") -> Item:
    """Return an item that describes a name, with its type and a remark, if any."""
    term: Spans = [(NAME, name)]
    if type_text:
        term.append((PLAIN, f": {type_text}"))
    if remark:
        term.append((EMPHASIS, remark))
    return Item(term, blocks)


def fold_lines(blocks: Iterable[Block], most: int) -> list[Block]:
    """Return blocks whose Lines have at most `most` lines, and a note about the others; 0 means no limit."""
    folded: list[Block] = []
    for block in blocks:
        if isinstance(block, Lines) and most > 0:
            lines = list(block.lines)
            rest = len(lines) - most
            if rest > 1:
                lines[most:] = [[(EMPHASIS, f"… {rest:,} more lines")]]
            block = Lines(lines, wrap=block.wrap, keeps_tabs=block.keeps_tabs)
        folded.append(block)
    return folded


def plain_text_of(spans: Iterable[Span]) -> str:
    """Return the text of spans without styles.

    >>> plain_text_of([(NAME, "stop"), (PLAIN, " stops")])
    'stop stops'
    """
    return "".join(text for _, text in spans)


HEADING = "heading"
LITERAL = "literal"
# The styles of pieces. Text without any of them is plain.
STYLES = (HEADING, LITERAL, NAME, EMPHASIS, WARNING)

_NARROW = 60
# How much of a line is left to text at any indentation, in columns.
_MIN_WIDTH = 16
_INDENT, _GAP = 2, 2
# The least width of the last column of a table. If there is less room, its cells go below the others.
_LEAST_COLUMN = 24
# A word that is too long for a line is split after one of these characters, preferably of the first
# set.
_BREAK_CHARACTERS = ("|,", "-_/.=")
# How much text is made before it is shown, in characters: little at first.
_FIRST_PART, _LARGEST_PART = 1 << 12, 1 << 16
# What may precede the text of a line: the lines of a tree, or the dash of a list.
_BEFORE_TEXT = " │├└─|`-"


def format_document(
    blocks: Sequence[Block], *, width: int, measure: Callable[[str], int] = len
) -> Iterator[Span]:
    """Yield `(style, text)` pieces whose lines have at most `width` columns.

    The lines of Literal, and of Lines without `wrap`, are longer if their text is. The last piece ends
    with a line end. `measure` returns the columns of escaped text.
    """
    return _Layout(max(width, _MIN_WIDTH), measure).blocks(blocks, 0)


def text_of(blocks: Sequence[Block], *, width: int) -> str:
    """Return the layout without styles and without the last line end."""
    return "".join(text_parts(blocks, width=width)).removesuffix("\n")


def text_parts(blocks: Sequence[Block], *, width: int) -> Iterator[str]:
    """Yield the layout without styles, in parts that become longer."""
    part, size, most = list[str](), 0, _FIRST_PART
    for _, text in format_document(blocks, width=width):
        part.append(text)
        size += len(text)
        if size >= most:
            yield "".join(part)
            part.clear()
            size, most = 0, min(2 * most, _LARGEST_PART)
    yield "".join(part)


class _Layout:
    def __init__(self, width: int, measure: Callable[[str], int]) -> None:
        self._width = width
        self._measure = measure
        self._step = 4 if width >= _NARROW else 2

    def blocks(self, blocks: Sequence[Block], indent: int) -> Iterator[Span]:
        before: Block | None = None
        outer = indent
        for block in blocks:
            if before is not None and _needs_blank_line(before, block):
                yield (PLAIN, "\n")
            before = block
            if isinstance(block, Heading):
                # Blocks below a heading of level 2 are indented.
                indent = outer + (_INDENT if block.level > 1 else 0)
                yield from self._filled(
                    [(HEADING if style == PLAIN else style, text) for style, text in block.spans],
                    outer,
                    hanging=2 * self._step,
                )
            elif isinstance(block, Paragraph):
                yield from self._filled(block.spans, indent)
            elif isinstance(block, Literal):
                yield from self._literal(block, indent)
            elif isinstance(block, Lines):
                yield from self._lines(block, indent)
            elif isinstance(block, Item):
                yield from self._item(block, indent)
            elif isinstance(block, Group):
                yield from self.blocks(block.blocks, self._deeper(indent, self._step))
            elif isinstance(block, Table):
                yield from self._table(block, indent)

    def _deeper(self, indent: int, step: int) -> int:
        return min(indent + step, self._width - _MIN_WIDTH)

    def _literal(self, literal: Literal, indent: int) -> Iterator[Span]:
        for line in literal.text.split("\n"):
            if line.strip():
                yield (LITERAL, " " * indent + escape(line.expandtabs()))
            yield (PLAIN, "\n")

    def _lines(self, lines: Lines, indent: int) -> Iterator[Span]:
        for spans in lines.lines:
            pieces = [
                (style, escape(text, keep="\t") if lines.keeps_tabs else escape(text.expandtabs()))
                for style, text in spans
            ]
            text = plain_text_of(pieces)
            if lines.wrap and indent + self._measure(text) > self._width:
                yield from self._wrapped(pieces, indent)
                continue
            yield (PLAIN, " " * indent)
            yield from pieces
            yield (PLAIN, "\n")

    def _wrapped(self, pieces: Spans, indent: int) -> Iterator[Span]:
        """Yield one line that is too long. What fits keeps its blanks; the rest is filled below it."""
        text = plain_text_of(pieces)
        before = len(text) - len(text.lstrip(_BEFORE_TEXT))
        start = self._deeper(indent, self._measure(text[:before]))
        end = text.rfind(" ", before, self._fitting(text, self._width - indent) + 1)
        first = max(len(text[: max(end, 0)].rstrip()), before)
        yield (PLAIN, " " * indent)
        yield from _cut_pieces(pieces, 0, first)
        rest = _cut_pieces(pieces, first, len(text))
        column = indent + self._measure(text[:before])
        if first > before or column > start:
            yield (PLAIN, "\n")
            yield from self._filled(rest, self._deeper(start, self._step))
        else:
            yield from self._filled(rest, start, hanging=self._step, column=column)

    def _fitting(self, text: str, room: int) -> int:
        """Return how many characters fit into `room` columns."""
        for position, char in enumerate(text):
            room -= self._measure(char)
            if room < 0:
                return position
        return len(text)

    def _item(self, item: Item, indent: int) -> Iterator[Span]:
        if not item.mark:
            yield from self._filled(item.term, indent, hanging=2 * self._step)
            yield from self.blocks(item.blocks, self._deeper(indent, self._step))
            return
        mark = " " * indent + escape(item.mark)
        inner = self._deeper(indent, self._measure(mark) - indent + 1)
        pieces = self.blocks(item.blocks, inner)
        style, text = next(pieces, (PLAIN, "\n"))
        room = inner - self._measure(mark)
        if room > 0 and text[:inner].isspace() and len(text) >= inner and text[0] == " ":
            # The mark takes the place of the indentation in the first line.
            yield (PLAIN, mark + " " * room)
            yield (style, text[inner:])
        else:
            yield from self._filled([(PLAIN, item.mark)], min(indent, inner))
            if text != "\n":
                yield (style, text)
        yield from pieces

    def _filled(
        self, spans: Iterable[Span], indent: int, *, hanging: int = 0, column: int = 0
    ) -> Iterator[Span]:
        """Yield the words of spans, filled into lines. All lines but the first are indented by `hanging`.

        The first `column` columns of the first line are in use.
        """
        start, is_first = indent, True
        room = self._width - max(indent, self._deeper(indent, hanging))
        for word in _words(spans):
            whole = self._width - start if is_first else room
            for number, part in enumerate(self._cut(word, room, whole=whole)):
                size = sum(self._measure(text) for _, text in part)
                if is_first:
                    yield (PLAIN, " " * (start - column))
                    column, is_first = start, False
                elif number or column + 1 + size > self._width:
                    start = self._deeper(indent, hanging)
                    yield (PLAIN, "\n" + " " * start)
                    column = start
                else:
                    yield (PLAIN, " ")
                    column += 1
                yield from part
                column += size
        if column:
            yield (PLAIN, "\n")

    def _cut(self, word: Spans, room: int, *, whole: int) -> Iterator[Spans]:
        """Yield a word, or its parts if it has more than `whole` columns.

        Names, alternatives and lists are split at their separators.
        """
        if sum(self._measure(text) for _, text in word) <= whole:
            yield word
            return
        part: Spans = []
        used = 0
        for style, char in ((style, char) for style, text in word for char in text):
            size = self._measure(char)
            if used + size > room:
                position = _break_position(part)
                yield join_spans(part[:position])
                part = part[position:]
                used = sum(self._measure(char) for _, char in part)
            part.append((style, char))
            used += size
        yield join_spans(part)

    def _table(self, table: Table, indent: int) -> Iterator[Span]:
        rows = [
            [(style, " ".join(escape(text, keep="\n\t").split())) for style, text in row]
            for row in table.rows
        ]
        starts = self._starts(rows, indent)
        for row in rows:
            if starts:
                yield from self._aligned(row, starts)
            else:
                yield from self._stacked(row, indent, last=max(map(len, rows)) - 1)

    def _starts(self, rows: Sequence[Sequence[Span]], indent: int) -> list[int]:
        """Return the start of each column of a table, or [] if the last one has too little room."""
        starts = [indent]
        count = max(map(len, rows), default=0)
        for number in range(count - 1):
            # A longer cell gets a line of its own.
            most = (self._width - indent) * 2 // 5 // (number + 1)
            sizes = [self._measure(row[number][1]) for row in rows if number < len(row)]
            size = max((size for size in sizes if size <= most), default=most)
            starts.append(starts[-1] + size + _GAP)
        last = max((self._measure(row[-1][1]) for row in rows if 0 < len(row) == count), default=0)
        return starts if self._width - starts[-1] >= min(last, _LEAST_COLUMN) else []

    def _aligned(self, row: Sequence[Span], starts: list[int]) -> Iterator[Span]:
        column = 0
        for number, (style, text) in enumerate(row):
            start = starts[number]
            if not text:
                continue
            if column and column + _GAP > start:
                yield (PLAIN, "\n")
                column = 0
            end = start + self._measure(text)
            if number + 1 < len(starts) and end + _GAP <= starts[number + 1]:
                yield (PLAIN, " " * (start - column))
                yield (style, text)
                column = end
            else:
                hanging = 2 * self._step if number + 1 < len(starts) else 0
                yield from self._filled([(style, text)], start, hanging=hanging, column=column)
                column = 0
        if column or not any(text for _, text in row):
            yield (PLAIN, "\n")

    def _stacked(self, row: Sequence[Span], indent: int, *, last: int) -> Iterator[Span]:
        """Yield a row whose last cell goes below the others."""
        before = [piece for cell in row[:last] for piece in (cell, (PLAIN, " "))]
        yield from self._filled(before, indent, hanging=2 * self._step)
        yield from self._filled(row[last:], self._deeper(indent, self._step))


def _needs_blank_line(before: Block, block: Block) -> bool:
    """Return True if a blank line separates the two blocks."""
    if isinstance(block, Item) and isinstance(before, Item):
        return False
    return not (isinstance(before, Heading) and before.level > 1)


def _break_position(chars: Spans) -> int:
    """Return after how many characters a word is split."""
    for characters in _BREAK_CHARACTERS:
        found = [number for number, (_, char) in enumerate(chars, 1) if char in characters]
        if found:
            return found[-1]
    return len(chars)


def join_spans(spans: Iterable[Span]) -> Spans:
    """Join neighbours of the same style."""
    return [
        (style, "".join(text for _, text in group))
        for style, group in groupby(spans, key=itemgetter(0))
    ]


def _cut_pieces(pieces: Iterable[Span], start: int, end: int) -> Iterator[Span]:
    """Yield the characters from `start` to `end`."""
    for style, text in pieces:
        part = text[max(start, 0) : max(end, 0)]
        if part:
            yield (style, part)
        start, end = start - len(text), end - len(text)


def _words(spans: Iterable[Span]) -> Iterator[Spans]:
    """Yield the words of spans, escaped. A word may have several styles."""
    word: Spans = []
    for style, text in spans:
        for number, part in enumerate(re.split(r"[ \n\t]+", text)):
            if number and word:
                yield word
                word = []
            if part:
                word.append((style, escape(part)))
    if word:
        yield word
