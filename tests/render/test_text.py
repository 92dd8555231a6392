"""Tests of the escaping of control and direction characters."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given, strategies as st

from qmpshell.render import escape, escape_json, escape_lines, utf8_string

CONTROLS = [*range(0x20), 0x7F, *range(0x80, 0xA0)]
BIDIRECTIONAL = [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
INVISIBLE = [0x00AD, 0x180E, 0x200B, 0x200C, 0x200D, 0x2028, 0x2029, 0x2060, 0xFEFF, 0xFFF9]
SURROGATES = [0xD800, 0xDBFF, 0xDC00, 0xDFFF]
TAGS = [0xE0001, 0xE0041, 0xE007F]


@pytest.mark.parametrize("code", CONTROLS)
def test_control_characters_are_escaped(code: int) -> None:
    assert escape(f"a{chr(code)}b") == f"a\\x{code:02x}b"


@pytest.mark.parametrize("code", [*BIDIRECTIONAL, *INVISIBLE[1:], *SURROGATES], ids=hex)
def test_direction_and_invisible_characters_are_escaped(code: int) -> None:
    assert escape(f"a{chr(code)}b") == f"a\\u{code:04x}b"
    assert escape(f"é{chr(code)}") == f"é\\u{code:04x}"


def test_soft_hyphen_is_escaped() -> None:
    assert escape("a\xadb") == "a\\xadb"


@pytest.mark.parametrize("code", TAGS, ids=hex)
def test_tag_characters_are_escaped(code: int) -> None:
    assert escape(chr(code)) == f"\\U{code:08x}"


@pytest.mark.parametrize(
    "text", ["", "plain ASCII ~!", "é ü 日本語 🙂", "a\\x1b", "ก้", "\u00a0", "مرحبا", "\ue000"]
)
def test_ordinary_text_is_unchanged(text: str) -> None:
    assert escape(text) == escape_lines(text) == text


@given(st.text(st.characters() | st.sampled_from([chr(c) for c in (*SURROGATES, 0x1B, 0x9B)])))
def test_random_text_has_no_active_characters(text: str) -> None:
    shown = escape(text)
    assert not any(unicodedata.category(char) in ("Cc", "Cs") for char in shown)
    assert not any(
        unicodedata.bidirectional(char) in ("LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI")
        for char in shown
    )  # fmt: skip
    shown.encode("utf-8")


@pytest.mark.parametrize(
    ("text", "keep", "shown"),
    [
        ("a\nb\tc\r\x1b", "", "a\\x0ab\\x09c\\x0d\\x1b"),
        ("a\nb\tc\r\x1b", "\n", "a\nb\\x09c\\x0d\\x1b"),
        ("a\nb\tc\r\x1b", "\n\t", "a\nb\tc\\x0d\\x1b"),
        ("\x1b]52;c;eA==\x07", "\n", "\\x1b]52;c;eA==\\x07"),
    ],
)
def test_escape_keeps_given_characters(text: str, keep: str, shown: str) -> None:
    assert escape(text, keep=keep) == shown


def test_escape_lines_keeps_line_ends_and_tabs() -> None:
    assert escape_lines("a\n\tb\r\n\x1b[31m\u202ec") == "a\n\tb\\x0d\n\\x1b[31m\\u202ec"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('"\x7f"', '"\\u007f"'),
        ('"\u202e"', '"\\u202e"'),
        ('"\x9b"', '"\\u009b"'),
        ('"\U000e0041é"', '"\\udb40\\udc41é"'),
    ],
)
def test_escape_json_uses_json_escapes(text: str, shown: str) -> None:
    assert escape_json(text) == shown


@given(st.text())
def test_escape_json_keeps_random_value(text: str) -> None:
    shown = escape_json(json.dumps(text, ensure_ascii=False))
    assert json.loads(shown) == text
    assert escape(shown) == shown


@given(
    st.text(st.characters() | st.sampled_from([chr(c) for c in (*SURROGATES, 0x1B, 0x7F, 0x9B)]))
)
def test_utf8_string_is_equal_escaped_json(text: str) -> None:
    shown = utf8_string(text)
    assert json.loads(shown) == json.loads(json.dumps(text))
    assert shown == escape(shown)
    assert text.isascii() or not text.isprintable() or json.dumps(text) != shown
