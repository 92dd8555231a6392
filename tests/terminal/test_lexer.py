"""Test the colours of typed text."""

from __future__ import annotations

import pytest
from hypothesis import example, given, strategies as st
from prompt_toolkit.document import Document

from qmpshell.terminal import LineLexer

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
def test_lexer_preserves_any_text(text: str) -> None:
    lines = ["".join(part for _, part in line) for line in coloured(text)]
    assert "\n".join(lines) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("stop", [[("command", "stop")]]),
        (
            "a b=1 c.d=on e=x",
            [
                [
                    *[
                        ("command", "a"),
                        ("", " "),
                        ("argument", "b"),
                        ("operator", "="),
                        ("number", "1"),
                    ],
                    *[("", " "), ("argument", "c.d"), ("operator", "="), ("word", "on"), ("", " ")],
                    *[("argument", "e"), ("operator", "="), ("string", "x")],
                ]
            ],
        ),
        (
            '{"a":\n [1, "b"]}',
            [
                [("operator", "{"), ("argument", '"a"'), ("operator", ":")],
                [
                    *[("", " "), ("operator", "["), ("number", "1"), ("operator", ","), ("", " ")],
                    *[("string", '"b"'), ("operator", "]"), ("operator", "}")],
                ],
            ],
        ),
        (
            "a b='x",
            [[("command", "a"), ("", " "), ("argument", "b"), ("operator", "="), ("string", "'x")]],
        ),
        (
            "/wait X # c",
            [[("shell-command", "/wait"), ("", " "), ("", "X"), ("", " "), ("comment", "# c")]],
        ),
        ("(QEMU) stop", [[("comment", "(QEMU) "), ("command", "stop")]]),
        (
            "a | jq .",
            [[("command", "a"), ("", " "), ("operator", "|"), ("", " "), ("shell", "jq .")]],
        ),
        ("a\nb", [[("command", "a")], [("command", "b")]]),
    ],
)
def test_lexer_styles_each_token(text: str, expected: list[list[tuple[str, str]]]) -> None:
    assert coloured(text) == expected
