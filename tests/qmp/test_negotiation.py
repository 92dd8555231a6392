"""Tests of the greeting and the negotiation of capabilities."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, strategies as st

from qmpshell.qmp import (
    GREETING,
    NEGOTIATING,
    READY,
    REFUSED,
    Event,
    Greeting,
    Item,
    Malformed,
    Message,
    NotQmp,
    QmpProtocol,
    Reply,
)

WITH_OOB = b'{"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 22}, "package": ""}, "capabilities": ["oob"]}}\r\n'
WITHOUT = WITH_OOB.replace(b'"oob"', b"")
EVENT = b'{"timestamp": {"seconds": 1, "microseconds": 0}, "event": "RESUME"}\r\n'
NOT_FOUND = {"class": "CommandNotFound", "desc": "The command qmp_capabilities has not been found"}
GENERIC = {"class": "GenericError", "desc": "no"}


def request(number: int, *, enable: list[str] | None = None) -> dict[str, Any]:
    command: dict[str, Any] = {"execute": "qmp_capabilities"}
    if enable:
        command["arguments"] = {"enable": enable}
    return command | {"id": f"qmpshell-negotiation-{number}"}


def answer(number: int, error: dict[str, str] | None = None) -> bytes:
    body = {"return": {}} if error is None else {"error": error}
    return json.dumps(body | {"id": f"qmpshell-negotiation-{number}"}).encode() + b"\r\n"


def sent(protocol: QmpProtocol) -> list[dict[str, Any]]:
    """Return the messages that the protocol sends."""
    data = protocol.data_to_send()
    assert data == b"" or data.endswith(b"\n")
    return [json.loads(line) for line in data.splitlines()]


def kinds(found: list[Item]) -> list[type]:
    return [type(item) for item in found]


@pytest.mark.parametrize(
    ("greeting", "enable"),
    [
        (WITH_OOB, ["oob"]),
        (WITHOUT, []),
        (b'{"QMP": {"capabilities": []}}\r\n', []),
        (b'{"QMP": {"capabilities": ["x", 5, "oob", "y"]}}\r\n', ["oob"]),
        (b'{"QMP": {"capabilities": ["x"]}}', []),
        (b'{"QMP": {}}\r\n', []),
        (b'{"QMP": null}\r\n', []),
        (json.dumps(json.loads(WITH_OOB), indent=4).encode(), ["oob"]),
    ],
)
def test_greeting_enables_offered_capabilities(greeting: bytes, enable: list[str]) -> None:
    protocol = QmpProtocol()
    assert protocol.state == GREETING
    assert sent(protocol) == []
    assert kinds(protocol.receive(greeting)) == [Greeting]
    assert protocol.state == NEGOTIATING
    assert sent(protocol) == [request(1, enable=enable)]
    assert sent(protocol) == []
    assert protocol.receive(answer(1)) == []
    assert protocol.state == READY
    assert protocol.capabilities == set(enable)
    assert sent(protocol) == []


def test_greeting_is_stored_with_its_version() -> None:
    protocol = QmpProtocol()
    assert protocol.greeting is None
    protocol.receive(WITH_OOB)
    assert protocol.greeting is not None and protocol.greeting.version == (7, 2, 22)


def test_events_during_negotiation_are_returned() -> None:
    protocol = QmpProtocol()
    assert kinds(protocol.receive(EVENT)) == [Event]
    assert protocol.state == GREETING
    assert kinds(protocol.receive(EVENT + WITH_OOB + EVENT)) == [Event, Greeting, Event]
    assert kinds(protocol.receive(EVENT + answer(1) + EVENT)) == [Event, Event]
    assert protocol.state == READY


def test_refused_oob_is_retried_without_oob() -> None:
    protocol = QmpProtocol()
    protocol.receive(WITH_OOB)
    assert sent(protocol) == [request(1, enable=["oob"])]
    assert protocol.receive(answer(1, GENERIC)) == []
    assert protocol.state == NEGOTIATING
    assert sent(protocol) == [request(2)]
    assert protocol.receive(answer(2)) == []
    assert protocol.state == READY
    assert protocol.capabilities == frozenset()


def test_second_refusal_ends_the_negotiation() -> None:
    protocol = QmpProtocol()
    protocol.receive(WITH_OOB)
    protocol.receive(answer(1, GENERIC))
    protocol.receive(answer(2, GENERIC))
    assert protocol.state == REFUSED
    assert protocol.refusal is not None and protocol.refusal.desc == "no"


@pytest.mark.parametrize("greeting", [WITH_OOB, WITHOUT])
def test_already_negotiated_server_is_ready(greeting: bytes) -> None:
    protocol = QmpProtocol()
    protocol.receive(greeting)
    assert protocol.receive(answer(1, NOT_FOUND)) == []
    assert protocol.state == READY
    assert protocol.capabilities == frozenset()
    assert protocol.refusal is None


@pytest.mark.parametrize("error_class", ["GenericError", "KVMMissingCap", ""])
def test_other_error_class_refuses_negotiation(error_class: str) -> None:
    protocol = QmpProtocol()
    protocol.receive(WITHOUT)
    protocol.receive(answer(1, {"class": error_class, "desc": "you may not"}))
    assert protocol.state == REFUSED
    assert protocol.refusal is not None and protocol.refusal.desc == "you may not"
    assert protocol.data_to_send() == request_bytes(1)


def request_bytes(number: int) -> bytes:
    return json.dumps(request(number)).encode() + b"\n"


@pytest.mark.parametrize(
    "marker", ['"libvirt-5"', "1", "null", "[1]", '"qmpshell-1"', '{"a": "qmpshell-negotiation-1"}']
)
def test_reply_with_foreign_id_is_ignored(marker: str) -> None:
    protocol = QmpProtocol()
    protocol.receive(WITHOUT)
    stale = f'{{"return": {{}}, "id": {marker}}}\r\n'.encode()
    assert kinds(protocol.receive(stale)) == []
    assert protocol.state == NEGOTIATING
    error = f'{{"error": {{"class": "GenericError", "desc": "x"}}, "id": {marker}}}\r\n'.encode()
    assert kinds(protocol.receive(error)) == []
    assert protocol.state == NEGOTIATING
    assert protocol.receive(answer(1)) == []
    assert protocol.state == READY


def test_reply_before_greeting_is_ignored() -> None:
    protocol = QmpProtocol()
    assert kinds(protocol.receive(b'{"return": {}}\r\n')) == []
    assert kinds(protocol.receive(answer(1))) == []
    assert protocol.state == GREETING


@pytest.mark.parametrize(
    ("data", "state"),
    [
        (b'{"return": {}}\r\n', READY),
        (b'{"error": {"class": "CommandNotFound", "desc": "x"}}\r\n', READY),
        (b'{"error": {"class": "GenericError", "desc": "x"}}\r\n', REFUSED),
    ],
)
def test_reply_without_id_ends_negotiation(data: bytes, state: str) -> None:
    protocol = QmpProtocol()
    protocol.receive(WITHOUT)
    assert protocol.receive(data) == []
    assert protocol.state == state


def test_ready_protocol_returns_all_messages() -> None:
    protocol = QmpProtocol()
    protocol.receive(WITHOUT)
    protocol.receive(answer(1))
    assert kinds(protocol.receive(b'{"return": {}}\r\n' + EVENT + b'{"a": 1}\r\nx\n')) == [
        Reply,
        Event,
        Message,
        Malformed,
    ]


@pytest.mark.parametrize("second", [None, NOT_FOUND])
@pytest.mark.parametrize("together", [False, True])
def test_second_greeting_is_negotiated_again(second: dict[str, str] | None, together: bool) -> None:
    protocol = QmpProtocol()
    if together:
        assert kinds(protocol.receive(WITH_OOB + WITH_OOB)) == [Greeting, Greeting]
    else:
        assert kinds(protocol.receive(WITH_OOB)) == [Greeting]
        assert kinds(protocol.receive(WITH_OOB)) == [Greeting]
    assert sent(protocol) == [request(1, enable=["oob"]), request(2, enable=["oob"])]
    assert protocol.receive(answer(1)) == []
    assert protocol.receive(answer(2, second)) == []
    assert protocol.state == READY
    assert protocol.capabilities == {"oob"}
    assert sent(protocol) == []


def test_greeting_after_ready_restarts_negotiation() -> None:
    protocol = QmpProtocol()
    protocol.receive(WITH_OOB)
    protocol.receive(answer(1))
    assert kinds(protocol.receive(WITHOUT)) == [Greeting]
    assert protocol.state == NEGOTIATING
    assert sent(protocol) == [request(1, enable=["oob"]), request(2)]
    protocol.receive(answer(2))
    assert protocol.state == READY
    assert protocol.capabilities == frozenset()


def test_greeting_after_incomplete_message_restarts_negotiation() -> None:
    protocol = QmpProtocol()
    protocol.receive(WITHOUT)
    protocol.receive(answer(1))
    assert kinds(protocol.receive(b'{"return": {"sta' + WITHOUT)) == [Malformed, Greeting]
    assert protocol.state == NEGOTIATING


def test_disabled_negotiation_returns_all_messages() -> None:
    protocol = QmpProtocol(negotiate=False)
    assert protocol.state == READY
    found = protocol.receive(WITH_OOB + answer(1) + EVENT)
    assert kinds(found) == [Greeting, Reply, Event]
    assert protocol.state == READY
    assert protocol.data_to_send() == b""
    assert protocol.greeting is not None


def test_truncated_message_at_end_is_not_qmp() -> None:
    protocol = QmpProtocol()
    assert protocol.receive(b'{"QMP": {') == []
    assert protocol.pending == b'{"QMP": {'
    (item,) = protocol.receive_end()
    assert isinstance(item, NotQmp) and item.raw == b'{"QMP": {'


@given(st.lists(st.integers(1, 60)), st.booleans())
def test_random_chunking_gives_same_result(sizes: list[int], oob: bool) -> None:
    greeting = WITH_OOB if oob else WITHOUT
    steps = [EVENT + greeting + EVENT, EVENT + b'{"return": 1, "id": "x"}' + answer(1) + EVENT]
    protocol = QmpProtocol()
    found: list[Item] = []
    for step in steps:
        cuts = [0]
        for size in sizes:
            cuts.append(min(cuts[-1] + size, len(step)))
        for start, end in pairwise([*cuts, len(step)]):
            found += protocol.receive(step[start:end])
    assert kinds(found) == [Event, Greeting, Event, Event, Event]
    assert sent(protocol) == [request(1, enable=["oob"] if oob else [])]
    assert protocol.state == READY


@given(
    st.lists(
        st.sampled_from([WITH_OOB, WITHOUT, EVENT, answer(1), answer(2), answer(1, NOT_FOUND)])
        | st.sampled_from([answer(1, GENERIC), answer(2, GENERIC), b"{", b'"', b"\n"])
        | st.binary(max_size=8)
    )
)
def test_valid_server_works_after_any_earlier_input(noise: list[bytes]) -> None:
    """A greeting on its own line restarts the negotiation after any bytes."""
    protocol = QmpProtocol()
    for data in noise:
        protocol.receive(data)
    protocol.data_to_send()
    protocol.receive(b'"\n' + WITHOUT)
    last_request = sent(protocol)[-1]
    reply = {"return": {}, "id": last_request["id"]}
    protocol.receive(json.dumps(reply).encode() + b"\r\n")
    assert protocol.state == READY
