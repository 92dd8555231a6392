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
    is_too_deep,
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


def chain(length: int) -> dict[str, Any]:
    """Return objects nested `length` deep."""
    value: dict[str, Any] = {}
    for _ in range(length - 1):
        value = {"a": value}
    return value


def test_deep_message_is_encoded() -> None:
    assert encode_message(chain(3000)) == b'{"a": ' * 2999 + b"{}" + b"}" * 2999 + b"\n"


@pytest.mark.parametrize("depth", [1, 3000])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_number_that_is_not_finite_is_rejected(depth: int, value: float) -> None:
    message = chain(depth)
    end = message
    while end:
        end = end["a"]
    end["a"] = value
    with pytest.raises(ValueError, match="Out of range"):
        encode_message(message)


@pytest.mark.parametrize("depth", [1, 3000])
def test_circular_message_is_rejected(depth: int) -> None:
    message = chain(depth)
    end = message
    while end:
        end = end["a"]
    end["a"] = [message]
    with pytest.raises(ValueError, match="Circular"):
        encode_message(message)


def test_repeated_part_of_message_is_not_circular() -> None:
    part = chain(1200)
    assert encode_message({"a": part, "b": part}).count(b'"a"') == 2399


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[" * 1024 + "]" * 1024, False),
        ("[" * 1025 + "]" * 1025, True),
        ('{"a":' * 1025 + "1" + "}" * 1025, True),
        ("[" * 1025, True),
        ("[]" * 5000, False),
        ('["' + "[" * 5000 + '"]', False),
        ("['" + "[" * 5000 + "\\'[']", False),
        ('["\\"' + "[" * 5000 + '"]', False),
        ('["a", ' + "[" * 1024 + "]" * 1024 + "]", True),
    ],
    ids=range(9),
)
def test_nesting_beyond_the_limit_is_found(text: str, expected: bool) -> None:
    assert is_too_deep(text.encode()) is expected


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
