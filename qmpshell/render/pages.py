"""A page of text (`page`) laid out to a width.

Owns: how paragraphs are filled, lists indented and tables aligned, and escaping. Must not know: colours
(the styles are names), or terminals.
"""

from __future__ import annotations

import re

from ..page import EMPHASIS, NAME, PLAIN, WARNING, Group, Heading, Item, Literal, Paragraph, Table
from .escape import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ..page import Block, Span

HEADING = "heading"
LITERAL = "literal"
# The styles of pieces; what has none of them is plain.
STYLES = (HEADING, LITERAL, NAME, EMPHASIS, WARNING)

Piece = tuple[str, str]

_NARROW = 60
# So much of a line is left to text, however deep its indentation.
_LEAST = 16
_INDENT, _GAP = 2, 2
# A column of a table is padded to one part in so many of a line; what is longer stands out of it.
_WIDEST = 3


def layout(
    blocks: Sequence[Block], *, width: int, measure: Callable[[str], int] = len
) -> Iterator[Piece]:
    """`(style, text)` pieces, whose lines have at most `width` columns, but for literal text; the last
    ends with a line end. `measure` gives the columns of a text that is escaped."""
    return _Layout(max(width, _LEAST), measure).blocks(blocks, 0)


def text_of(blocks: Sequence[Block], *, width: int) -> str:
    """The same without styles, and without the last line end."""
    return "".join(text for _, text in layout(blocks, width=width)).removesuffix("\n")


class _Layout:
    def __init__(self, width: int, measure: Callable[[str], int]) -> None:
        self._width = width
        self._measure = measure
        self._step = 4 if width >= _NARROW else 2

    def blocks(self, blocks: Sequence[Block], indent: int) -> Iterator[Piece]:
        before: Block | None = None
        outer = indent
        for block in blocks:
            if before is not None and _is_apart(before, block):
                yield (PLAIN, "\n")
            before = block
            if isinstance(block, Heading):
                # What stands below a lesser heading stands further in.
                indent = outer + (_INDENT if block.level > 1 else 0)
                yield from self._filled(
                    [(HEADING if style == PLAIN else style, text) for style, text in block.spans],
                    outer,
                    hanging=2 * self._step,
                )
            elif isinstance(block, Paragraph):
                yield from self._filled(block.spans, indent)
            elif isinstance(block, Literal):
                for line in block.text.split("\n"):
                    if line.strip():
                        yield (LITERAL, " " * indent + escape(line.expandtabs()))
                    yield (PLAIN, "\n")
            elif isinstance(block, Item):
                yield from self._item(block, indent)
            elif isinstance(block, Group):
                yield from self.blocks(block.blocks, self._deeper(indent, self._step))
            elif isinstance(block, Table):
                yield from self._table(block, indent)

    def _deeper(self, indent: int, step: int) -> int:
        return min(indent + step, self._width - _LEAST)

    def _item(self, item: Item, indent: int) -> Iterator[Piece]:
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
            # It stands in the indentation of the first line.
            yield (PLAIN, mark + " " * room)
            yield (style, text[inner:])
        else:
            yield from self._filled([(PLAIN, item.mark)], min(indent, inner))
            if text != "\n":
                yield (style, text)
        yield from pieces

    def _filled(self, spans: Iterable[Span], indent: int, *, hanging: int = 0) -> Iterator[Piece]:
        """The words of spans, line by line; all lines but the first stand `hanging` further in."""
        column, start = 0, indent
        room = self._width - max(indent, self._deeper(indent, hanging))
        for word in _words(spans):
            for part in self._cut(word, room):
                size = sum(self._measure(text) for _, text in part)
                if not column:
                    yield (PLAIN, " " * start)
                    column = start
                elif column + 1 + size > self._width:
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

    def _cut(self, word: list[Piece], room: int) -> Iterator[list[Piece]]:
        """A word, or parts of one that has no room on any line."""
        if sum(self._measure(text) for _, text in word) <= room:
            yield word
            return
        part: list[Piece] = []
        used = 0
        for style, text in word:
            for char in text:
                size = self._measure(char)
                if used + size > room:
                    yield part
                    part, used = [], 0
                if part and part[-1][0] == style:
                    part[-1] = (style, part[-1][1] + char)
                else:
                    part.append((style, char))
                used += size
        yield part

    def _table(self, table: Table, indent: int) -> Iterator[Piece]:
        rows = [
            [(style, " ".join(escape(text, keep="\n\t").split())) for style, text in row]
            for row in table.rows
        ]
        widest = self._width // _WIDEST
        sizes = [
            min(max((self._measure(row[n][1]) for row in rows if n < len(row)), default=0), widest)
            for n in range(max(map(len, rows), default=0))
        ]
        for row in rows:
            room, blanks = self._width - indent, indent
            for number, (style, text) in enumerate(row):
                fitting = self._fitting(text, room)
                if fitting:
                    yield (PLAIN, " " * blanks)
                    yield (style, fitting)
                used = max(self._measure(fitting), sizes[number])
                blanks = used - self._measure(fitting) + _GAP
                room -= used + _GAP
            yield (PLAIN, "\n")

    def _fitting(self, text: str, room: int) -> str:
        if self._measure(text) <= room:
            return text
        fitting, used = "", 1
        for char in text:
            used += self._measure(char)
            if used > room:
                break
            fitting += char
        return fitting + "…" if room > 0 else ""


def _is_apart(before: Block, block: Block) -> bool:
    """Whether a blank line stands between the two."""
    if isinstance(block, Item) and isinstance(before, Item):
        return False
    return not (isinstance(before, Heading) and before.level > 1)


def _words(spans: Iterable[Span]) -> Iterator[list[Piece]]:
    """The words of spans, escaped; one may have several styles."""
    word: list[Piece] = []
    for style, text in spans:
        for number, part in enumerate(re.split(r"[ \n\t]+", text)):
            if number and word:
                yield word
                word = []
            if part:
                word.append((style, escape(part)))
    if word:
        yield word
