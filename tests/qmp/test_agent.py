"""Tests of the synchronization with a guest agent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from qmpshell.qmp import GREETING, NEGOTIATING, READY, AgentProtocol, Malformed, NotQmp, Reply

SEED = 12345
ANSWER = b'\xff{"return": 12345}\n'
ECHO = b'{"return": 12345, "id": "qmpshell-synchronisation-1"}\n'
OLD = b'{"error": {"class": "GenericError", "desc": "QMP input member \'id\' is unexpected"}}\n'
STRAY = b'{"error": {"class": "GenericError", "desc": "JSON parse error"}}\n'


def synchronizing() -> AgentProtocol:
    protocol = AgentProtocol()
    protocol.synchronize(SEED)
    assert sent(protocol) == [{"execute": "guest-sync-delimited", "arguments": {"id": SEED}}]
    return protocol


def sent(protocol: AgentProtocol) -> list[dict[str, Any]]:
    data = protocol.data_to_send()
    return [json.loads(line.lstrip(b"\xff")) for line in data.splitlines()]


def ready() -> AgentProtocol:
    protocol = synchronizing()
    assert protocol.receive(ANSWER) == []
    sent(protocol)
    assert protocol.receive(ECHO) == []
    assert protocol.state == READY
    protocol.pop_handshake_replies()
    return protocol


def test_sentinel_precedes_the_synchronization_request() -> None:
    protocol = AgentProtocol()
    protocol.synchronize(SEED)
    assert protocol.data_to_send().startswith(b'\xff{"execute": "guest-sync-delimited"')
    assert protocol.data_to_send() == b""


def test_two_replies_complete_the_synchronization() -> None:
    protocol = synchronizing()
    assert protocol.state == GREETING
    assert protocol.receive(ANSWER) == []
    assert protocol.state == NEGOTIATING
    assert sent(protocol) == [
        {
            "execute": "guest-sync",
            "arguments": {"id": SEED},
            "id": "qmpshell-synchronisation-1",
        }
    ]
    assert protocol.receive(ECHO) == []
    assert (protocol.state, protocol.echoes_ids) == (READY, True)
    (reply,) = protocol.receive(b'{"return": {}}\n')
    assert isinstance(reply, Reply)


def test_agent_without_ids_is_supported() -> None:
    protocol = synchronizing()
    protocol.receive(ANSWER)
    protocol.receive(OLD)
    assert (protocol.state, protocol.echoes_ids) == (READY, False)


def test_replies_before_discard_are_dropped() -> None:
    protocol = synchronizing()
    protocol.receive(ANSWER)
    protocol.receive(OLD)
    sent(protocol)
    protocol.discard_replies()
    assert [command["arguments"] for command in sent(protocol)] == [{"id": SEED + 1}]
    late = b'{"error": {"class": "GenericError", "desc": "late"}}\n'
    (reply,) = protocol.receive(late + b'\xff{"return": %d}\n{"return": 7}\n' % (SEED + 1))
    assert isinstance(reply, Reply)
    assert reply.value == {"return": 7}
    assert protocol.data_to_send() == b""


def test_reply_for_earlier_client_is_only_logged() -> None:
    protocol = synchronizing()
    stale = b'{"return": {"pid": 7}}\n{"return": 12344}\n'
    assert protocol.receive(STRAY + stale + b'{"return": {"half": "of a' + ANSWER) == []
    assert protocol.state == NEGOTIATING
    assert [reply.value for _, reply in protocol.pop_handshake_replies()] == [
        {"error": {"class": "GenericError", "desc": "JSON parse error"}},
        {"return": {"pid": 7}},
        {"return": 12344},
        {"return": SEED},
    ]


@pytest.mark.parametrize("value", ["true", "12345.0", '"12345"', "[12345]", "{}", "null"])
def test_wrong_value_does_not_synchronize(value: str) -> None:
    protocol = AgentProtocol()
    protocol.synchronize(1 if value == "true" else SEED)
    protocol.receive(b'\xff{"return": ' + value.encode() + b"}\n")
    assert protocol.state == GREETING


def test_only_latest_attempt_synchronizes() -> None:
    """The second sentinel causes an error between the two replies."""
    protocol = synchronizing()
    protocol.synchronize(SEED + 1)
    assert protocol.receive(STRAY + ANSWER + STRAY) == []
    assert protocol.state == GREETING
    assert protocol.receive(b'\xff{"return": 12346}\n') == []
    assert protocol.state == NEGOTIATING


def test_qmp_greeting_is_reported_as_not_agent() -> None:
    protocol = synchronizing()
    (item,) = protocol.receive(b'{"QMP": {"version": {}, "capabilities": []}}\r\n')
    assert isinstance(item, NotQmp)


def test_console_text_is_kept_in_pending() -> None:
    protocol = synchronizing()
    assert protocol.receive(b"debian login: \r\n") == []
    assert protocol.receive(b"") == []
    assert b"debian login" in protocol.pending
    assert protocol.receive(ANSWER) == []  # the agent now uses the former console
    assert protocol.state == NEGOTIATING


def test_disabled_negotiation_is_ready_at_once() -> None:
    protocol = AgentProtocol(negotiate=False)
    protocol.synchronize(SEED)
    assert (protocol.state, protocol.data_to_send()) == (READY, b"")


def test_ready_agent_returns_all_messages() -> None:
    protocol = ready()
    found = protocol.receive(b'\xff{"return": 12345}\nrubbish\n')
    assert [type(item) for item in found] == [Reply, Malformed]
    assert protocol.pop_handshake_replies() == []


def test_synchronization_id_fits_in_63_bits() -> None:
    protocol = AgentProtocol()
    protocol.synchronize(1 << 80 | 5)
    assert 0 <= sent(protocol)[0]["arguments"]["id"] < 1 << 63


@given(cuts=st.lists(st.integers(0, 400)), stale=st.binary(max_size=60))
def test_random_chunking_synchronizes(cuts: list[int], stale: bytes) -> None:
    protocol = synchronizing()
    data = stale.replace(b'"QMP"', b"") + ANSWER
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(data)], strict=True):
        assert not protocol.receive(data[start:end])
    assert protocol.state == NEGOTIATING
    rest = ECHO + b'{"return": 1}\n'
    items = [item for byte in rest for item in protocol.receive(bytes([byte]))]
    assert protocol.state == READY
    assert [item.raw for item in items] == [b'{"return": 1}']


@given(data=st.lists(st.binary(max_size=80), max_size=8))
def test_random_bytes_raise_no_error(data: list[bytes]) -> None:
    protocol = synchronizing()
    for piece in data:
        protocol.receive(piece)
        protocol.data_to_send()
    protocol.receive_end()
