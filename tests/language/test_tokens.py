"""Tests of the tokenizer: positions of tokens, and incomplete text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from qmpshell.language import Token, tokenize, tokens as t


def texts(line: str) -> list[tuple[str, str]]:
    return [(token.kind, token.text) for token in tokenize(line)]


def check(line: str) -> list[Token]:
    """Assert that tokens are ordered, have correct positions and omit only blanks."""
    found = tokenize(line)
    position = 0
    for token in found:
        assert token.start >= position
        assert line[position : token.start].strip(t.BLANKS) == ""
        assert token.end == token.start + len(token.text)
        assert token.text == line[token.start : token.end]
        position = token.end
    assert line[position:].strip(t.BLANKS) == ""
    return found


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", []),
        (" \t\r\n", []),
        ("stop", [(t.NAME, "stop")]),
        ("  stop ", [(t.NAME, "stop")]),
        ("# x = y", [(t.COMMENT, "# x = y")]),
        ("stop # x", [(t.NAME, "stop"), (t.COMMENT, "# x")]),
        ("stop#x", [(t.NAME, "stop#x")]),
        ("a; b", [(t.NAME, "a"), (t.SEPARATOR, ";"), (t.NAME, "b")]),
        ("a;b", [(t.NAME, "a;b")]),
        ("a;", [(t.NAME, "a"), (t.SEPARATOR, ";")]),
        ("a b=1", [(t.NAME, "a"), (t.KEY, "b"), (t.OPERATOR, "="), (t.VALUE, "1")]),
        ("a b:=1", [(t.NAME, "a"), (t.KEY, "b"), (t.OPERATOR, ":="), (t.VALUE, "1")]),
        ("a b=", [(t.NAME, "a"), (t.KEY, "b"), (t.OPERATOR, "="), (t.VALUE, "")]),
        (
            "a b= c=1",
            [
                (t.NAME, "a"),
                (t.KEY, "b"),
                (t.OPERATOR, "="),
                (t.VALUE, ""),
                (t.KEY, "c"),
                (t.OPERATOR, "="),
                (t.VALUE, "1"),
            ],
        ),
        ("a b", [(t.NAME, "a"), (t.WORD, "b")]),
        ("\xa0a\xa0b=1\u202f", [(t.NAME, "a"), (t.KEY, "b"), (t.OPERATOR, "="), (t.VALUE, "1")]),
        ("{}{}", [(t.OBJECT, "{}"), (t.SEPARATOR, ""), (t.OBJECT, "{}")]),
        ("{} \t{}", [(t.OBJECT, "{}"), (t.SEPARATOR, ""), (t.OBJECT, "{}")]),
        ("{};{}", [(t.OBJECT, "{}"), (t.SEPARATOR, ";"), (t.OBJECT, "{}")]),
        ("{} ;a", [(t.OBJECT, "{}"), (t.SEPARATOR, ";"), (t.NAME, "a")]),
        ("{} # {}", [(t.OBJECT, "{}"), (t.COMMENT, "# {}")]),
        ("a {} {}", [(t.NAME, "a"), (t.OBJECT, "{}"), (t.OBJECT, "{}")]),
        ("a =b", [(t.NAME, "a"), (t.WORD, "=b")]),
        ('a "b c"', [(t.NAME, "a"), (t.WORD, '"b c"')]),
        ('a b."c.d e"=1', [(t.NAME, "a"), (t.KEY, 'b."c.d e"'), (t.OPERATOR, "="), (t.VALUE, "1")]),
        ('a b="c d" e', [*[(t.NAME, "a"), (t.KEY, "b"), (t.OPERATOR, "="), (t.QUOTED, '"c d"')], (t.WORD, "e")]),
        ("a b='c;  d'; e", [*[(t.NAME, "a"), (t.KEY, "b"), (t.OPERATOR, "="), (t.QUOTED, "'c;  d'")], (t.SEPARATOR, ";"), (t.NAME, "e")]),
        ("a b=it's c", [*[(t.NAME, "a"), (t.KEY, "b"), (t.OPERATOR, "="), (t.VALUE, "it's")], (t.WORD, "c")]),
        ("a b=/d[0]", [(t.NAME, "a"), (t.KEY, "b"), (t.OPERATOR, "="), (t.VALUE, "/d[0]")]),
        ("a b=[1, '] ']", [(t.NAME, "a"), (t.KEY, "b"), (t.OPERATOR, "="), (t.COMPOUND, "[1, '] ']")]),
        ('a b=json:{"c": 1} d', [*[(t.NAME, "a"), (t.KEY, "b"), (t.OPERATOR, "="), (t.VALUE, 'json:{"c": 1}')], (t.WORD, "d")]),
        ('a {"b": "}"} c', [(t.NAME, "a"), (t.OBJECT, '{"b": "}"}'), (t.WORD, "c")]),
        ('{"a": 1}; b', [(t.OBJECT, '{"a": 1}'), (t.SEPARATOR, ";"), (t.NAME, "b")]),
        ("a b=1 # c", [*[(t.NAME, "a"), (t.KEY, "b"), (t.OPERATOR, "="), (t.VALUE, "1")], (t.COMMENT, "# c")]),
    ],
)  # fmt: skip
def test_tokenize_returns_kinds_and_texts(line: str, expected: list[tuple[str, str]]) -> None:
    assert texts(line) == expected
    check(line)


@pytest.mark.parametrize(
    ("line", "closed"),
    [
        ('a b="c"', True),
        ('a b="c', False),
        ('a b="', False),
        ('a b="c\\"', False),
        ("a b='c'", True),
        ("a b='c\\'", True),
        ("a b='", False),
        ("a b=[1]", True),
        ("a b=[1", False),
        ("a b=[']", False),
        ('a b={"x": [1}', False),
        ('{"a": 1', False),
        ('{"a": 1}', True),
        ('a b=json:{"c', False),
        ('a b=json:{"c": 1}', True),
        ("a b=c", True),
        ("a", True),
    ],
)
def test_incomplete_token_is_not_closed(line: str, closed: bool) -> None:
    assert check(line)[-1].closed is closed


@pytest.mark.parametrize(
    "line",
    [
        "blockdev-add driver=qcow2 file={'driver': \"file\"} node-name='a b'; stop # x",
        'x a."b.c"=json:["1", 2] d:={"e": \'f\'} g="\\u0041" h=[[[{}]]] i=; {"execute": "x"}',
    ],
)
def test_every_prefix_of_line_has_valid_tokens(line: str) -> None:
    for end in range(len(line) + 1):
        check(line[:end])


def test_appended_text_keeps_earlier_tokens() -> None:
    line = "blockdev-add driver=raw file.driver=file "
    before = [(token.kind, token.text, token.start) for token in tokenize(line)]
    for more in ("x", 'x="', "x={", "x=[1, ", "'", "# no"):
        after = [(token.kind, token.text, token.start) for token in tokenize(line + more)]
        assert after[: len(before)] == before


pieces = st.lists(
    st.sampled_from([*" \t\n=:;#\"'{}[].\\abjson0é|<>()/", ":=", "json:", "; ", '"x"', "{'a': 1}"])
    | st.sampled_from(["transaction(", " ) ", " | ", " > ", "/hmp ", " <> ", "/wait ", "/watch "])
    | st.text(max_size=3)
).map("".join)


@pytest.mark.parametrize(
    "line", ["a | b\xa0", "a | \u3000", "/hmp a\x85", "/hmp \xa0", "a\xa0b=1", "a\u202fb"]
)
def test_only_ascii_and_no_break_spaces_are_blanks(line: str) -> None:
    check(line)


@given(pieces)
def test_random_text_has_valid_tokens(line: str) -> None:
    check(line)


@given(pieces)
def test_only_value_or_separator_is_empty(line: str) -> None:
    for token in check(line):
        assert token.text or token.kind in (t.VALUE, t.SEPARATOR)


@pytest.mark.parametrize(
    "unit",
    [
        '"',
        "'",
        "[",
        "{",
        "a.",
        "a=",
        "a:",
        ";",
        "=",
        "\\",
        "#",
        "a=[ ",
        "> ",
        "< a ",
        "|",
        "{}",
        "{};",
    ],
)
@pytest.mark.parametrize("prefix", ["x ", "transaction( x ", "/hmp ", "/watch "])
def test_tokenizer_work_is_linear_in_text(unit: str, prefix: str, count_lines: Any) -> None:
    """Four times the text may execute at most about six times as many lines of Python."""
    small, large = (
        count_lines(lambda line=prefix + unit * size: tokenize(line)) for size in (500, 2000)
    )
    assert large < 6 * small + 500
