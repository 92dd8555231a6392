"""Tests of the encoding of commands as messages."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from qmpshell.qmp import (
    Event,
    Framer,
    Greeting,
    Message,
    Reply,
    command_object,
    encode_message,
    hmp_text,
)
from tests.harness.mutation import RAW


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


def parse(raw: str) -> Message:
    """Return the message that a server sends as `raw`."""
    (message,) = Framer().feed(raw.encode() + b"\r\n")
    assert isinstance(message, Message)
    return message


@pytest.mark.parametrize("raw", RAW, ids=range(len(RAW)))
def test_message_with_any_value_has_text(raw: str) -> None:
    event = parse(f'{{"event": {raw}}}')
    assert isinstance(event, Event)
    assert isinstance(event.name, str)
    for text in ('{"error": %s}', '{"error": {"class": %s, "desc": %s}}'):
        reply = parse(text.replace("%s", raw))
        assert isinstance(reply, Reply)
        assert isinstance(reply.error_class, str)
        assert isinstance(reply.desc, str)
    returned = parse(f'{{"return": {raw}}}')
    assert isinstance(hmp_text(returned.value["return"]), str)


@pytest.mark.parametrize("raw", RAW, ids=range(len(RAW)))
@pytest.mark.parametrize(
    "greeting",
    [
        '{"QMP": %s}',
        '{"QMP": {"version": %s, "capabilities": %s}}',
        '{"QMP": {"version": {"qemu": %s, "package": %s}, "capabilities": [%s]}}',
        '{"QMP": {"version": {"qemu": {"major": %s, "minor": %s, "micro": %s}}}}',
    ],
)
def test_greeting_with_any_value_can_be_read(greeting: str, raw: str) -> None:
    message = parse(greeting.replace("%s", raw))
    assert isinstance(message, Greeting)
    version = message.version
    assert version is None or all(type(number) in (int, bool) for number in version)
    assert isinstance(message.package, str)
    assert all(isinstance(name, str) for name in message.capabilities)
