"""Test StreamReader: order, batching and latency of received data."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import threading
from collections.abc import Callable

import pytest

from qmpshell.terminal import StreamReader
from qmpshell.transport import SocketStream


def exchange(on_data: Callable[[StreamReader, socket.socket, bytes], bool], first: bytes) -> None:
    """Run a StreamReader; call `on_data` for each read until it returns True."""

    async def main() -> None:
        done = asyncio.Event()
        local, peer = socket.socketpair()

        def received(data: bytes) -> None:
            if on_data(reader, peer, data):
                done.set()

        reader = StreamReader(received=received, lost=lambda _reason: done.set())
        reader.attach(SocketStream(local))
        with peer:
            peer.sendall(first)
            await done.wait()
            reader.close()

    asyncio.run(main())


def test_reader_delivers_all_data_and_eof() -> None:
    pieces = [b"%d," % number for number in range(3000)] + [os.urandom(3_000_000)]
    got: list[bytes] = []

    def write(peer: socket.socket) -> None:
        for piece in pieces:
            peer.sendall(piece)
        peer.shutdown(socket.SHUT_WR)

    def on_data(_reader: StreamReader, peer: socket.socket, data: bytes) -> bool:
        if not got:
            threading.Thread(target=write, args=(peer,), daemon=True).start()
        got.append(data)
        return data == b""

    exchange(on_data, b"start,")
    assert b"".join(got) == b"start," + b"".join(pieces)


def test_reader_batches_a_stream_of_events() -> None:
    """The next data is available at once, but the reader waits for more."""
    times: list[float] = []

    def on_data(_reader: StreamReader, peer: socket.socket, _data: bytes) -> bool:
        times.append(asyncio.get_running_loop().time())
        peer.sendall(b"event\n")
        return len(times) == 10

    for _ in range(20):
        times.clear()
        exchange(on_data, b"event\n")
        pauses = [after - before for before, after in itertools.pairwise(times)]
        # After a long pause of the test machine there is no storm, so the reader need not wait.
        storm = [pause for before, pause in itertools.pairwise(pauses) if before < 0.009]
        if storm:
            break
    assert storm
    assert min(storm) > 0.004


@pytest.mark.parametrize("sent", [b"answer\n", b"more of a line "])
def test_reader_reads_awaited_data_at_once(sent: bytes) -> None:
    turns = 0
    read_at: list[int] = []

    def turn() -> None:
        nonlocal turns
        turns += 1
        asyncio.get_running_loop().call_soon(turn)

    def on_data(reader: StreamReader, peer: socket.socket, _data: bytes) -> bool:
        if not turns:
            turn()
        read_at.append(turns)
        if sent.endswith(b"\n"):
            reader.send(b"command", None)
            peer.recv(100)
        peer.sendall(sent)
        return len(read_at) == 10

    exchange(on_data, sent)
    # Three iterations of the event loop: one reads, one handles keys, and one redraws first.
    assert all(after - before <= 3 for before, after in itertools.pairwise(read_at))


LONG_LINE = b"{" * 1_000_000 + b"\n"
BURST = b"event\n" * 20_000


def test_reader_divides_a_burst_into_parts() -> None:
    """The pieces of a long line arrive first. They cost nothing, unlike events."""
    parts: list[bytes] = []
    turns: list[int] = []

    def write(peer: socket.socket) -> None:
        peer.sendall(LONG_LINE)
        peer.sendall(BURST)

    def on_data(_reader: StreamReader, peer: socket.socket, data: bytes) -> bool:
        if not parts:
            threading.Thread(target=write, args=(peer,), daemon=True).start()
        parts.append(data)
        asyncio.get_running_loop().call_soon(turns.append, len(parts))
        return b"".join(parts).endswith(BURST)

    exchange(on_data, b"{")
    assert b"".join(parts) == b"{" + LONG_LINE + BURST
    assert max(data.count(b"event") for data in parts) <= 12_000
    # The event loop handles other things, such as keys, between the parts.
    assert turns[: len(parts) - 1] == list(range(1, len(parts)))


@pytest.mark.parametrize("data", [BURST, b"event\n"])
def test_key_is_shown_before_data_that_waits(data: bytes) -> None:
    """A key and data wait: the next part of a burst, or an event that arrives at the same time."""
    order: list[str] = []
    typed, keyboard = os.pipe()

    def on_key() -> None:
        order.append(os.read(typed, 1).decode())
        asyncio.get_running_loop().call_soon(order.append, "redraw")

    def on_data(_reader: StreamReader, peer: socket.socket, _data: bytes) -> bool:
        if not order:
            peer.sendall(b"event\n")
            asyncio.get_running_loop().add_reader(typed, on_key)
            os.write(keyboard, b"k")
        order.append("data")
        return len(order) >= 4

    try:
        exchange(on_data, data)
    finally:
        os.close(typed)
        os.close(keyboard)
    assert order[:4] == ["data", "k", "redraw", "data"]


def test_closed_reader_discards_the_rest_of_a_burst() -> None:
    parts: list[bytes] = []

    def on_data(reader: StreamReader, _peer: socket.socket, data: bytes) -> bool:
        parts.append(data)
        other, peer = socket.socketpair()
        peer.sendall(b"other\n")
        peer.close()
        reader.attach(SocketStream(other))
        return b"other\n" in parts

    exchange(on_data, BURST)
    assert len(parts) == 2
