"""Servers that do not accept a connection, for the tests of both clients."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from qmpshell import ProtocolError, ReplyTimeout
from tests.harness.scripted import GREETING, Peer

# The timeout also limits the time until the data are there.
parametrize_greetings = pytest.mark.parametrize(
    ("greeting", "timeout", "error", "complaint"),
    [
        (b"SSH-2.0-x\r\n", 60.0, ProtocolError, "SSH"),
        (b"", 0.1, ReplyTimeout, "no greeting"),
        (GREETING, 1.0, ReplyTimeout, "does not answer qmp_capabilities"),
        (b'{"QMP": {}', 1.0, ReplyTimeout, "only part of a greeting"),
    ],
)


def serve_greeting(greeting: bytes) -> Callable[[Peer], object]:
    """Return a server that sends only this."""

    def serve(peer: Peer) -> None:
        peer.send(greeting)
        peer.ended()

    return serve


def answer_after_another_connection(peer: Peer) -> None:
    """Answer like QEMU if two of its threads have accepted the connection."""
    peer.send(GREETING)
    peer.accept_another()
    for _ in range(2):
        peer.reply(peer.read())
    peer.ended()


def refuse(peer: Peer) -> None:
    """Refuse to negotiate."""
    peer.send(b'{"QMP": {}}')
    peer.reply(peer.read(), error={"class": "GenericError", "desc": "no"})
