"""Tests of JSON for programs: one ASCII line for each message, unchanged if possible."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from qmpshell.qmp import Framer, Message
from qmpshell.render import message_line, value_line, value_pretty


def message(data: bytes) -> Message:
    framer = Framer()
    (found,) = framer.feed(data)
    assert isinstance(found, Message)
    return found


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b'{"return": {}}\r\n', b'{"return": {}}\n'),
        (b'{"return":{ } , "id":1}\r\n', b'{"return":{ } , "id":1}\n'),
        (b'{"return": 0.10000000000000001}\r\n', b'{"return": 0.10000000000000001}\n'),
        (b'{"return": 1.00}\r\n', b'{"return": 1.00}\n'),
        (b'{"return": {"a": 1, "a": 2}}\r\n', b'{"return": {"a": 1, "a": 2}}\n'),
        (b'{"return": "\\u00e9\\/"}\r\n', b'{"return": "\\u00e9\\/"}\n'),
        (b'{\r\n    "return": {\r\n    }\r\n}\r\n', b'{"return": {}}\n'),
        (b'{"return":\r5}', b'{"return": 5}\n'),
        ('{"return": "é\u202e"}\n'.encode(), b'{"return": "\\u00e9\\u202e"}\n'),
        (b'{"return": "\x7f"}\n', b'{"return": "\\u007f"}\n'),
        (b'{"return": "\xff"}\n', b'{"return": "\\ufffd"}\n'),
        (b'{"return": [inf, -inf, nan]}\n', b'{"return": [1e999, -1e999, null]}\n'),
    ],
)
def test_message_line_keeps_the_received_text(data: bytes, line: bytes) -> None:
    assert message_line(message(data)) == line


@given(
    st.dictionaries(st.just("return"), json_values, min_size=1),
    st.sampled_from([None, 0, 4]),
    st.booleans(),
)
def test_random_message_is_one_equal_ascii_line(
    value: dict[str, Any], indent: int | None, ascii_only: bool
) -> None:  # fmt: skip
    data = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "replace")
    found = message(data)
    line = message_line(found)
    assert line.isascii() and line.endswith(b"\n") and line.count(b"\n") == 1
    assert line[:-1].decode().isprintable()
    assert json.loads(line) == found.value


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ({}, b"{}\n"),
        ("é\n", b'"\\u00e9\\n"\n'),
        (None, b"null\n"),
        ([1, {"a": True}], b'[1, {"a": true}]\n'),
        (float("inf"), b"1e999\n"),
        (2**64 - 1, b"18446744073709551615\n"),
    ],
)
def test_value_line_formats_examples(value: object, line: bytes) -> None:
    assert value_line(value) == line


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({}, b"{}\n"),
        ({"a": [1, {}]}, b'{\n  "a": [\n    1,\n    {}\n  ]\n}\n'),
        ([float("inf"), "é"], b'[\n  1e999,\n  "\\u00e9"\n]\n'),
        ("x", b'"x"\n'),
    ],
)
def test_value_pretty_formats_examples(value: object, text: bytes) -> None:
    assert value_pretty(value) == text


@given(json_values)
def test_random_value_pretty_is_equal_ascii_json(value: object) -> None:
    text = value_pretty(value)
    assert text.isascii()
    assert json.loads(text) == value


def test_deeply_nested_message_is_formatted() -> None:
    found = message(b'{"return": ' + b"[" * 3000 + b"]" * 3000 + b"}\r\n")
    assert message_line(found) == b'{"return": ' + b"[" * 3000 + b"]" * 3000 + b"}\n"
    pretty = value_pretty(found.value)
    assert b"".join(pretty.split()) == b'{"return":' + b"[" * 3000 + b"]" * 3000 + b"}"
