"""Tests of the encoding of commands as messages."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from qmpshell.qmp import command_object, encode_message


@pytest.mark.parametrize(
    ("arguments", "oob", "expected"),
    [
        (None, False, {"execute": "x"}),
        ({}, False, {"execute": "x"}),
        ({"a": 1}, False, {"execute": "x", "arguments": {"a": 1}}),
        (None, True, {"exec-oob": "x"}),
        ({"a": None}, True, {"exec-oob": "x", "arguments": {"a": None}}),
    ],
)
def test_command_object_has_only_given_members(
    arguments: dict[str, Any] | None, oob: bool, expected: dict[str, Any]
) -> None:
    found = command_object("x", arguments, oob=oob)
    assert found == expected
    assert list(found) == list(expected)


def test_message_is_one_line_of_ascii() -> None:
    message = {"execute": "x", "arguments": {"a": "é\n", "b": 2**64 - 1}, "id": "1"}
    assert encode_message(message) == (
        b'{"execute": "x", "arguments": {"a": "\\u00e9\\n", "b": 18446744073709551615},'
        b' "id": "1"}\n'
    )


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none()))
def test_random_arguments_are_encoded_exactly(arguments: dict[str, Any]) -> None:
    data = encode_message(command_object("x", arguments))
    assert data.isascii() and data.endswith(b"\n") and data.count(b"\n") == 1
    assert json.loads(data).get("arguments", {}) == arguments
