"""A script whose output is read slowly or not at all makes the server wait and loses nothing."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.program import run, start
from tests.harness.scripted import Peer, ScriptedServer

Scripted = Callable[[Callable[[Peer], object]], ScriptedServer]
MAX_MEMORY = 100 << 20  # bytes; 200,000 queued events took more than 60 MB beside the program's 25


def storm(count: int, size: int) -> bytes:
    """Return events whose data contains `size` characters."""
    text = b"x" * size
    return b"".join(
        b'{"event": "E", "data": {"n": %d, "text": "%s"}}\r\n' % (number, text)
        for number in range(count)
    )


class Flood:
    """A part that sends events before the reply. `sent` is the number of bytes so far.

    `is_stuck` is set when the client has not read for `patience` seconds.
    """

    def __init__(self, count: int, size: int, patience: float) -> None:
        self._data = storm(count, size)
        self._patience = patience
        self.sent = 0
        self.is_stuck = threading.Event()

    def __call__(self, peer: Peer) -> None:
        peer.negotiate()
        command = peer.read()
        data = memoryview(self._data)
        peer.connection.settimeout(self._patience)
        while data:
            try:
                written = peer.connection.send(data[: 1 << 16])
            except TimeoutError:
                self.is_stuck.set()
                peer.connection.settimeout(60)
                continue
            self.sent += written
            data = data[written:]
        peer.reply(command)
        peer.ended()


@pytest.mark.parametrize(
    ("count", "size", "patience", "options"),
    [(200_000, 60, 1, ()), (2_000, 10_000, 4, ("--timeout", "3"))],
    ids=["small", "timeout"],
)
def test_reader_that_pauses_stops_the_server(
    scripted: Scripted, count: int, size: int, patience: float, options: tuple[str, ...]
) -> None:
    flood = Flood(count, size, patience)
    server = scripted(flood)
    with start(*options, server.address) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(b"query-name\n")
        process.stdin.close()
        assert flood.is_stuck.wait(60)
        assert flood.sent < 18 << 20
        assert memory_of(process.pid) < MAX_MEMORY
        # All events and the reply arrive, although the reply took longer than --timeout.
        *events, reply = process.stdout.read().splitlines()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0
        assert len(events) == count
        assert all(b'"n": %d,' % number in text for number, text in enumerate(events))
        assert reply == b'{"return": {}}'


def test_command_that_pauses_stops_the_server(scripted: Scripted, tmp_path: Path) -> None:
    count = 150
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    answered = 0
    is_stuck = threading.Event()

    def part(peer: Peer) -> None:
        nonlocal answered
        peer.negotiate()
        while answered < count:
            peer.connection.settimeout(None if is_stuck.is_set() else 1)
            try:
                command = peer.read()
            except TimeoutError:
                is_stuck.set()
                continue
            peer.reply(command, "x" * 200_000)
            answered += 1
        peer.ended()

    line = f"{'; '.join(['query-name'] * count)} | read go <{gate}; wc -l"
    with start(scripted(part).address) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{line}\n".encode())
        process.stdin.close()
        assert is_stuck.wait(60)
        assert answered < 100
        gate.write_text("go\n")
        assert int(process.stdout.read()) == count
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


def memory_of(pid: int) -> int:
    """Return the resident memory of a process in bytes."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) << 10


def test_reply_is_missed_although_reader_was_slow(scripted: Scripted) -> None:
    """A server that does not answer is still reported after --timeout."""

    def part(peer: Peer) -> None:
        peer.negotiate()
        peer.read()
        peer.send(storm(100, 10))
        peer.ended()

    result = run("--timeout", "1", scripted(part).address, input="query-name\n")
    assert result.status == 3
    assert len(result.lines) == 100
    assert "within 1 s" in result.err
