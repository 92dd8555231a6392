"""Tests of the layout of help pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import example, given, strategies as st
from prompt_toolkit.utils import get_cwidth

from qmpshell.render import (
    EMPHASIS,
    HEADING,
    LITERAL,
    NAME,
    PLAIN,
    STYLES,
    Block,
    Group,
    Heading,
    Item,
    Lines,
    Literal,
    Page,
    Paragraph,
    Span,
    Table,
    definition,
    format_document,
    heading,
    text_of,
    text_parts,
)


def paragraph(text: str) -> Paragraph:
    return Paragraph([(PLAIN, text)])


PAGE: list[Block] = [
    Heading([(NAME, "stop"), (PLAIN, " (command)")]),
    paragraph("Stop all of them at once, and say so."),
    Heading([(PLAIN, "Arguments")], 2),
    Item([(NAME, "when"), (PLAIN, ": int")], [paragraph("the time"), paragraph("in seconds")]),
    Item([(NAME, "why"), (PLAIN, ": str")], [paragraph("the reason")]),
    Item([], [paragraph("one point of a list")], mark="•"),
    Item([], [paragraph("two")], mark="10."),
    Heading([(PLAIN, "Example")], 2),
    Literal('-> { "execute":\n\n       "stop" }'),
    Group([paragraph("set off")]),
    Heading([(EMPHASIS, "From a manual.")]),
]


def test_page_is_wrapped_and_indented() -> None:
    assert (
        text_of(PAGE, width=32)
        == """\
stop (command)

Stop all of them at once, and
say so.

Arguments
  when: int
    the time

    in seconds
  why: str
    the reason
  • one point of a list
  10. two

Example
  -> { "execute":

         "stop" }

    set off

From a manual."""
    )


def test_page_pieces_have_styles() -> None:
    pieces = list(format_document(PAGE, width=80))
    assert pieces[0:2] == [(PLAIN, ""), (NAME, "stop")] or pieces[0] == (NAME, "stop")
    assert (HEADING, "Arguments") in pieces
    assert (LITERAL, '  -> { "execute":') in pieces
    assert "".join(text for _, text in pieces).endswith("manual.\n")


def test_word_of_several_styles_is_not_split() -> None:
    spans: list[Span] = [(PLAIN, 'see "'), (NAME, "device"), (PLAIN, '", it is there')]
    assert text_of([Paragraph(spans)], width=16) == 'see "device", it\nis there'


def test_long_word_is_split_at_width() -> None:
    assert text_of([paragraph("a " + "x" * 40)], width=20) == f"a\n{'x' * 20}\n{'x' * 20}"


def test_long_name_is_split_after_separators() -> None:
    assert (
        text_of([paragraph("[none|GLOB,…|-GLOB|list]")], width=16) == "[none|GLOB,…|\n-GLOB|list]"
    )
    assert (
        text_of([paragraph("x block-dirty-bitmap-add")], width=20) == "x\nblock-dirty-bitmap-\nadd"
    )


ROWS: list[list[Span]] = [
    [(NAME, "a"), (PLAIN, "command"), (PLAIN, "does something or other, and then stops")],
    [(NAME, "block-stream-and-on-and-on"), (PLAIN, "event"), (PLAIN, "x y")],
    [(NAME, "b"), (PLAIN, "enum, not in this server"), (PLAIN, "never")],
    [(NAME, "c"), (PLAIN, "enum"), (PLAIN, "")],
]


def test_table_wraps_last_column_and_long_cells() -> None:
    assert text_of([Table(ROWS)], width=50).splitlines() == [
        "a  command  does something or other, and then",
        "            stops",
        "block-stream-and-on-and-on",
        "   event    x y",
        "b  enum, not in this server",
        "            never",
        "c  enum",
    ]


def test_narrow_table_puts_last_cell_below() -> None:
    assert text_of([Table(ROWS)], width=28).splitlines() == [
        "a command",
        "  does something or other,",
        "  and then stops",
        "block-stream-and-on-and-on",
        "    event",
        "  x y",
        "b enum, not in this server",
        "  never",
        "c enum",
    ]


def test_small_table_keeps_columns_at_narrow_width() -> None:
    rows: list[list[Span]] = [[(NAME, "x=1"), (PLAIN, "One")], [(NAME, "x=two"), (PLAIN, "Two")]]
    assert text_of([Table(rows)], width=16) == "x=1    One\nx=two  Two"


@pytest.mark.parametrize("width", [100, 80, 40, 20])
def test_table_words_are_not_split(width: int) -> None:
    rows = [list(row) for row in ROWS if len(row[0][1]) < width]
    lines = text_of([Heading([(PLAIN, "x")], 2), Table(rows)], width=width).splitlines()
    assert max(map(len, lines)) <= width
    found = [word for line in lines[1:] for word in line.split()]
    assert found == [word for row in rows for _, text in row for word in text.split()]


@pytest.mark.parametrize("width", [-5, 0, 1, 16, 40, 10_000])
def test_page_at_any_width_keeps_its_text(width: int) -> None:
    text = text_of(PAGE, width=width)
    assert "".join(text.split()) == "".join(text_of(PAGE, width=80).split())


def test_control_characters_in_page_are_escaped() -> None:
    hostile = "\x1b[2J\u202e\x00"
    spans: list[Span] = [(NAME, hostile)]
    blocks: list[Block] = [
        Heading(spans),
        Paragraph(spans),
        Literal(hostile),
        Item(spans, [paragraph(hostile)]),
        Item([], [paragraph("x")], mark=hostile),
        Table([spans, spans]),
    ]
    text = text_of(blocks, width=80)
    assert "\\x1b[2J\\u202e\\x00" in text
    assert text.isascii()
    assert text.replace("\n", "").isprintable()


TEXT = st.text("ab \n\u4e2d\u200b", max_size=60)
SPANS = st.lists(st.tuples(st.sampled_from([PLAIN, NAME, EMPHASIS]), TEXT), max_size=4)
SIMPLE = st.one_of(
    SPANS.map(Paragraph),
    st.builds(Heading, SPANS, st.sampled_from([1, 2])),
    st.lists(SPANS, max_size=3).map(Table),
)


def nested(inner: st.SearchStrategy[Block]) -> st.SearchStrategy[Block]:
    blocks = st.lists(inner, max_size=3)
    marked = st.builds(
        lambda blocks, mark: Item([], blocks, mark=mark), blocks, st.sampled_from(["•", "10."])
    )
    return st.one_of(blocks.map(Group), st.builds(Item, SPANS, blocks), marked)


BLOCKS = st.lists(st.recursive(SIMPLE, nested, max_leaves=12), max_size=4)


@given(BLOCKS, st.integers(16, 100))
@example([Group([Paragraph([("", "\u200b" * 3)])])], 16)
def test_random_page_fits_width_and_keeps_words(blocks: list[Block], width: int) -> None:
    pieces = list(format_document(blocks, width=width, measure=get_cwidth))
    assert {style for style, _ in pieces} <= {PLAIN, *STYLES}
    text = "".join(piece for _, piece in pieces)
    assert not text or text.endswith("\n")
    for line in text.split("\n"):
        assert get_cwidth(line) <= width
    assert text == "".join(
        piece for _, piece in format_document(blocks, width=width, measure=get_cwidth)
    )


def test_lines_are_escaped_and_never_filled() -> None:
    lines = Lines([[(NAME, "disk0"), (PLAIN, "  \x1b " + 30 * "long ")], [], [(PLAIN, "a\tb")]])
    pieces = list(format_document([lines], width=20))
    assert (NAME, "disk0") in pieces
    expected = ["disk0  \\x1b " + 30 * "long ", "", "a       b"]
    assert text_of([lines], width=20).split("\n") == expected


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            "NAME      12  some words in a column that is long",
            ["NAME      12  some words in a column", "  that is long"],
        ),
        (
            "  label: a value with more words than fit",
            ["  label: a value with more words than", "    fit"],
        ),
        (
            "│  ├─ a name with more words than fit here",
            ["│  ├─ a name with more words than fit", "        here"],
        ),
        (
            "- first: item with more words than fit here",
            ["- first: item with more words than fit", "    here"],
        ),
        (f"  {'x' * 45}", [f"  {'x' * 36}", f"    {'x' * 9}"]),
        ("fits into this line", ["fits into this line"]),
        ("", [""]),
    ],
)
def test_wrapped_lines_continue_below_their_text(text: str, lines: list[str]) -> None:
    assert text_of([Lines([[(NAME, text[:4]), ("", text[4:])]], wrap=True)], width=40) == "\n".join(
        lines
    )
    assert text_of([Lines([[("", text)]])], width=40) == text


def test_page_has_headings_only_for_sections_with_blocks() -> None:
    page = Page()
    page.title("stop", ["command", "since 0.14"])
    page.section("Arguments", [])
    page.section("Members", [heading("With driver=qcow2"), paragraph("a")])
    page.section("Values", [definition("on", [paragraph("b")], type_text="bool", remark=" (old)")])
    page.names([("x", "c")])
    assert text_of(page.blocks, width=80) == (
        "stop (command, since 0.14)\n\nWith driver=qcow2\n  a\n\nValues\n  on: bool (old)\n      b\n\n  x  c"
    )


def test_parts_are_the_text_and_come_early() -> None:
    made: list[int] = []

    def lines() -> Iterator[list[Span]]:
        for number in range(20_000):
            made.append(number)
            yield [(PLAIN, f"line {number}")]

    parts = text_parts([Lines(lines(), wrap=True)], width=80)
    first = next(parts)
    assert len(made) < 1000
    text = first + "".join(parts)
    assert text == "".join(f"line {number}\n" for number in range(20_000))
    assert "".join(text_parts([], width=80)) == ""
