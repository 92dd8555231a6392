"""Colours for what is typed: every character keeps its place, whatever it is."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prompt_toolkit.document import Document

from qmpshell.terminal.lexer import LineLexer

ALPHABET = st.sampled_from([*"ab=:;{}[]\"'\\|<>()#/@,.1-\n\t ", "transaction(", "-> ", "<- ", "é"])


def coloured(text: str) -> list[list[tuple[str, str]]]:
    document = Document(text)
    line = LineLexer().lex_document(document)
    return [
        [(style.removeprefix("class:typed."), part) for style, part, *_ in line(number) if part]
        for number in range(document.line_count)
    ]


@given(st.one_of(st.text(), st.lists(ALPHABET).map("".join)))
@example('{"a": \n1} x')
@example("transaction(\na b=1\n) c=2")
def test_every_character_stays_where_it_is(text: str) -> None:
    lines = ["".join(part for _, part in line) for line in coloured(text)]
    assert "\n".join(lines) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("stop", [[("name", "stop")]]),
        (
            "a b=1 c.d=on e=x",
            [
                [
                    *[("name", "a"), ("", " "), ("key", "b"), ("mark", "="), ("number", "1")],
                    *[("", " "), ("key", "c.d"), ("mark", "="), ("word", "on"), ("", " ")],
                    *[("key", "e"), ("mark", "="), ("string", "x")],
                ]
            ],
        ),
        (
            '{"a":\n [1, "b"]}',
            [
                [("mark", "{"), ("key", '"a"'), ("mark", ":")],
                [
                    *[("mark", " ["), ("number", "1"), ("mark", ", "), ("string", '"b"')],
                    ("mark", "]}"),
                ],
            ],
        ),
        ("a b='x", [[("name", "a"), ("", " "), ("key", "b"), ("mark", "="), ("open", "'x")]]),
        (
            "/wait X # c",
            [[("local", "/wait"), ("", " "), ("", "X"), ("", " "), ("comment", "# c")]],
        ),
        ("(QEMU) stop", [[("comment", "(QEMU) "), ("name", "stop")]]),
        ("a | jq .", [[("name", "a"), ("", " "), ("mark", "|"), ("", " "), ("shell", "jq .")]]),
        ("a\nb", [[("name", "a")], [("name", "b")]]),
    ],
)
def test_tokens_have_their_styles(text: str, expected: list[list[tuple[str, str]]]) -> None:
    assert coloured(text) == expected
