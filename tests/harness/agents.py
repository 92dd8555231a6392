"""A guest agent with scripted answers, for commands that would change this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .scripted import Peer, ScriptedServer

# The value of a reply, an error as {"error": …}, or a function that may answer or not.
Answer = Any | Callable[[Peer, dict[str, Any]], object]


def never(_peer: Peer, _command: dict[str, Any]) -> None:
    """Do not answer."""


def leave(_peer: Peer, _command: dict[str, Any]) -> None:
    """Close the connection."""
    raise EOFError


class ScriptedAgent(ScriptedServer):
    """A server that synchronizes and answers. `received` are the other commands so far."""

    def __init__(self, path: Path, answers: Mapping[str, Answer], *, before: bytes = b"") -> None:
        super().__init__(path, self._play)
        self._answers = answers
        self._before = before
        self.received: list[tuple[str, Any]] = []

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.received]

    def _play(self, peer: Peer) -> None:
        peer.send(self._before)
        while True:
            command = peer.read_any()
            name, arguments = command["execute"], command.get("arguments", {})
            if name == "guest-sync-delimited":
                peer.send(b"\xff")
            if name in ("guest-sync-delimited", "guest-sync"):
                peer.reply(command, arguments["id"])
                continue
            self.received.append((name, arguments))
            answer = self._answers.get(name, {})
            if callable(answer):
                answer(peer, command)
            elif isinstance(answer, dict) and "error" in answer:
                peer.reply(command, **answer)
            else:
                peer.reply(command, answer)


def synchronize_without_ids(peer: Peer) -> None:
    """Synchronize like an agent before QEMU 4.0."""
    for _ in range(2):
        command = peer.read_any()
        peer.send(b"\xff" * (command["execute"] == "guest-sync-delimited"))
        command.pop("id", None)
        peer.reply(command, command["arguments"]["id"])


def serve_late_error(peer: Peer) -> None:
    """Play an agent without ids whose silent command fails after the client has stopped waiting."""
    synchronize_without_ids(peer)
    failing, synchronization = peer.read_any(), peer.read_any()
    assert failing["execute"] == "guest-suspend-ram"
    peer.reply(failing, error={"class": "GenericError", "desc": "too late"})
    peer.send(b"\xff")
    peer.reply(synchronization, synchronization["arguments"]["id"])
    for _ in range(2):
        command = peer.read_any()
        peer.reply(command, command["execute"])
    peer.ended()
