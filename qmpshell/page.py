"""A page of text: what is said, not how it is laid out.

Owns: the kinds of blocks, and the styles that words have. Must not know: where text comes from, widths,
colours. Nothing in it is escaped yet: whoever shows it does that (`render.pages`).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PLAIN = ""
NAME = "name"  # what is typed, or defined
EMPHASIS = "emphasis"
WARNING = "warning"

# `(style, text)`; a blank between two words belongs to one of them.
Span = tuple[str, str]
Spans = list[Span]


class Block:
    """Blocks of one kind with the same parts are equal."""

    __slots__: Sequence[str] = ()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and all(
            getattr(self, name) == getattr(other, name) for name in self.__slots__
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        parts = ", ".join(repr(getattr(self, name)) for name in self.__slots__)
        return f"{type(self).__name__}({parts})"


class Heading(Block):
    """`level` 1 is the highest."""

    __slots__ = ("level", "spans")

    def __init__(self, spans: Spans, level: int = 1) -> None:
        self.spans = spans
        self.level = level


class Paragraph(Block):
    __slots__ = ("spans",)

    def __init__(self, spans: Spans) -> None:
        self.spans = spans


class Literal(Block):
    """Text whose lines stay as they are."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class Item(Block):
    """An item of a list: `term` is what it defines, or `mark` what stands before it, such as `1.`"""

    __slots__ = ("blocks", "mark", "term")

    def __init__(self, term: Spans, blocks: list[Block] | None = None, *, mark: str = "") -> None:
        self.term = term
        self.blocks = blocks if blocks is not None else []
        self.mark = mark


class Group(Block):
    """Blocks that are set off from those around them."""

    __slots__ = ("blocks",)

    def __init__(self, blocks: list[Block]) -> None:
        self.blocks = blocks


class Table(Block):
    """Rows of cells; the last column has what is said of the others."""

    __slots__ = ("rows",)

    def __init__(self, rows: list[list[Span]]) -> None:
        self.rows = rows


def heading(text: str) -> Heading:
    """A lesser heading."""
    return Heading([(PLAIN, text)], 2)


def paragraph(text: str) -> Paragraph:
    return Paragraph([(PLAIN, text)])


def plain(spans: Iterable[Span]) -> str:
    """The text of spans, without its styles.

    >>> plain([(NAME, "stop"), (PLAIN, " stops")])
    'stop stops'
    """
    return "".join(text for _, text in spans)
