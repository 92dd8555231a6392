"""Tests of the parser of manual pages in roff."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from qmpshell.manual import literal, parse_page, spans
from qmpshell.render import (
    EMPHASIS,
    NAME,
    PLAIN,
    Block,
    Group,
    Heading,
    Item,
    Literal,
    Paragraph,
    Table,
    plain_text_of,
)


def words(text: str) -> Paragraph:
    return Paragraph([(PLAIN, text)])


# -- text -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("roff", "text"),
    [
        (r"block\-stream", "block-stream"),
        (r"it\(aqs \(dqon\(dq", 'it\'s "on"'),
        (r"a\\b", r"a\b"),
        (r"a\eb", r"a\b"),
        (r"\&.sp", ".sp"),
        (r"\%word", "word"),
        (r"\(bu one", "• one"),
        (r"\[u2026]\[em]\(em", "…——"),
        (r"\[u110000]\[nosuch]\(zz", ""),
        ('a \\" a comment', "a"),
        ("a\\\nb", "ab"),
        ("one\n  two\tthree", "one two three"),
        (r"\s+1big\s0 \*(lq \n[x] \h'1m'", "big"),
        (r"\f", ""),
        ("\\", ""),
        (r"\(", ""),
    ],
)
def test_roff_escape_gives_plain_text(roff: str, text: str) -> None:
    assert plain_text_of(spans(roff)) == text


@pytest.mark.parametrize(
    ("roff", "found"),
    [
        (r"\fBdevice\fP is", [(NAME, "device"), (PLAIN, " is")]),
        (r"in \fBdevice\fP\&.", [(PLAIN, "in "), (NAME, "device"), (PLAIN, ".")]),
        (r"\fI\%A\fP and \fIB\fR", [(EMPHASIS, "A"), (PLAIN, " and "), (EMPHASIS, "B")]),
        (r"\f(CWx\fP \f[B]y\f[]", [(NAME, "x"), (PLAIN, " "), (NAME, "y")]),
        (r"\fBa\fIb\fPc\fR", [(NAME, "a"), (EMPHASIS, "b"), (NAME, "c")]),
        ("\\fBtwo\nwords\\fP", [(NAME, "two words")]),
        (r"\fB \fPx", [(PLAIN, "x")]),
    ],
)
def test_font_escapes_give_styled_spans(roff: str, found: object) -> None:
    assert spans(roff) == found


def test_literal_text_keeps_its_blanks() -> None:
    assert literal(r"\-> {  \(dqa\(dq }  \fBx\fP") == '-> {  "a" }  x'


# -- blocks ---------------------------------------------------------------------------------------

BLOCKS: list[tuple[str, list[Block]]] = [
    ("one\ntwo\n.sp\nthree", [words("one two"), words("three")]),
    ("one\n\ntwo", [words("one"), words("two")]),
    (".SH A B\n.SS \\fBc\\fP (Command)\nx", [
        Heading([(PLAIN, "A B")], 1),
        Heading([(NAME, "c"), (PLAIN, " (Command)")], 2),
        words("x"),
    ]),
    (".nf\n.ft C\n\\-> {\n     x\n\n}\n.ft P\n.fi", [Literal("-> {\n     x\n\n}")]),
    (".TP\n.B \\fBid\\fP: \\fBint\\fP\nwhat\nit is\n.sp\nmore\n.TP\n.B other\nx", [
        Item(
            [(NAME, "id"), (PLAIN, ": "), (NAME, "int")], [words("what it is"), words("more")]
        ),
        Item([(NAME, "other")], [words("x")]),
    ]),
    (".TP\nThe members of \\fBA\\fP\n.TP\n.B b", [
        Item([(PLAIN, "The members of "), (NAME, "A")]),
        Item([(NAME, "b")]),
    ]),
    (".IP \\(bu 2\none\n.IP \\(bu 2\ntwo\n.IP 3. 3\nthree", [
        Item([], [words("one")], mark="•"),
        Item([], [words("two")], mark="•"),
        Item([], [words("three")], mark="3."),
    ]),
    ('.IP "Example: a b"\nx', [Item([(PLAIN, "Example: a b")], [words("x")])]),
    (".INDENT 0.0\n.IP \\(bu 2\nx\n.UNINDENT\nafter", [
        Item([], [words("x")], mark="•"),
        words("after"),
    ]),
    (".TP\n.B a\n.INDENT 7.0\n.TP\n.B b\nx\n.UNINDENT\ny\n.TP\n.B c", [
        Item([(NAME, "a")], [Item([(NAME, "b")], [words("x")]), words("y")]),
        Item([(NAME, "c")]),
    ]),
    (".INDENT 0.0\n.INDENT 3.5\nquoted\n.UNINDENT\n.UNINDENT", [Group([words("quoted")])]),
    (".INDENT 3.5\n.sp\n.nf\nx\n.fi\n.UNINDENT", [Literal("x")]),
    # Sphinx omits the line end.
    ("\\fIAvailability\\fP: x.INDENT 7.0\n.TP\n.B a\nb\n.UNINDENT", [
        Paragraph([(EMPHASIS, "Availability"), (PLAIN, ": x")]),
        Item([(NAME, "a")], [words("b")]),
    ]),
    (".TS\ncenter;\n|l|l|.\n_\nT{\nremote\nT}\tT{\nlocal\naddress\nT}\n_\nT{\na\nT}\tT{\nb\nT}\n_\n.TE\nx", [
        Table([[(PLAIN, "remote"), (PLAIN, "local address")], [(PLAIN, "a"), (PLAIN, "b")]]),
        words("x"),
    ]),
    # Unknown requests are ignored, and text is kept.
    (".nosuch x y\ntext\n.de foo\n.sp\nnot text\n..\n.\\\" comment\nmore", [words("text more")]),
    (".UNINDENT\n.UNINDENT\nx\n.INDENT", [words("x"), Group([])]),
    ("'sp\nx\r\n", [words("x")]),
    (".RS 4\nx\n.RE", [Group([words("x")])]),
    (".TP\n.B a\nb\n.PP\nc", [Item([(NAME, "a")], [words("b")]), words("c")]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "blocks"), BLOCKS)
def test_roff_page_gives_blocks(text: str, blocks: list[Block]) -> None:
    found = parse_page(text)
    assert [block for block in found if block != Group([])] == [
        block for block in blocks if block != Group([])
    ]


def test_part_ends_with_its_indentation() -> None:
    text = "one\n.INDENT 7.0\ntwo\n.UNINDENT\nthree\n.UNINDENT\nfour\n"
    assert parse_page(text, is_part=True) == [words("one"), Group([words("two")]), words("three")]
    assert parse_page(text)[-1] == words("four")


def test_deep_indentation_is_parsed() -> None:
    blocks = parse_page(".INDENT 1\n" * 10_000 + "deep\n" + ".UNINDENT\n" * 10_000 + "x")
    assert "deep" in repr(blocks)
    assert blocks[-1] == words("x")


LINES = st.one_of(
    st.sampled_from(
        [line for text, _ in BLOCKS for line in text.split("\n")]
        + [".IP", ".TP", ".SS", ".B", ".TS", ".TE", ".nf", ".fi", ".SH x", ".INDENT", '.B "a', "T{"]
    ),
    st.text(max_size=20),
    st.text("\\f.BI(aq[]-\"' \t", max_size=20),
)


@given(st.lists(LINES))
def test_random_lines_are_parsed_without_error(lines: list[str]) -> None:
    text = "\n".join(lines)
    parse_page(text)
    parse_page(text, is_part=True)


@given(st.lists(st.sampled_from(["alpha", "beta", ".sp", ".PP", ".INDENT 1", ".UNINDENT", ".TP"])))
def test_random_requests_lose_no_text(lines: list[str]) -> None:
    found = repr(parse_page("\n".join(lines)))
    for word in ("alpha", "beta"):
        assert found.count(word) == lines.count(word)


@given(st.text())
def test_spans_of_random_text_have_single_blanks(text: str) -> None:
    found = spans(text)
    assert all(part for _, part in found)
    whole = plain_text_of(found)
    assert whole == whole.strip(" ")
    assert "  " not in whole
