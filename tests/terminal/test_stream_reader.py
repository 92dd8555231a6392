"""The stream of a session on the loop: all of it, in order, and the keys between."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import threading
from collections.abc import Callable

import pytest

from qmpshell.terminal import Wire
from qmpshell.transport import SocketStream


def exchange(heard: Callable[[Wire, socket.socket, bytes], bool], first: bytes) -> None:
    """Give `heard` what the wire reads, and the other end of it, until it says so."""

    async def main() -> None:
        done = asyncio.Event()
        ours, theirs = socket.socketpair()

        def received(data: bytes) -> None:
            if heard(wire, theirs, data):
                done.set()

        wire = Wire(received=received, lost=lambda reason: done.set())
        wire.attach(SocketStream(ours))
        with theirs:
            theirs.sendall(first)
            await done.wait()
            wire.close()

    asyncio.run(main())


def test_all_that_is_sent_arrives_in_order_and_its_end_is_told() -> None:
    pieces = [b"%d," % number for number in range(3000)] + [os.urandom(3_000_000)]
    got: list[bytes] = []

    def write(theirs: socket.socket) -> None:
        for piece in pieces:
            theirs.sendall(piece)
        theirs.shutdown(socket.SHUT_WR)

    def heard(wire: Wire, theirs: socket.socket, data: bytes) -> bool:
        if not got:
            threading.Thread(target=write, args=(theirs,)).start()
        got.append(data)
        return data == b""

    exchange(heard, b"begun,")
    assert b"".join(got) == b"begun," + b"".join(pieces)


def test_what_comes_bit_by_bit_is_read_in_larger_bits() -> None:
    """Whatever comes next is there at once, and is left for a while all the same."""
    times: list[float] = []

    def heard(wire: Wire, theirs: socket.socket, data: bytes) -> bool:
        times.append(asyncio.get_running_loop().time())
        theirs.sendall(b"event\n")
        return len(times) == 10

    exchange(heard, b"event\n")
    pauses = [after - before for before, after in itertools.pairwise(times)]
    # Where the machine itself had paused for long there is no storm, and no need to wait.
    storm = [pause for before, pause in itertools.pairwise(pauses) if before < 0.009]
    assert storm
    assert min(storm) > 0.004


@pytest.mark.parametrize("sent", [b"answer\n", b"more of a line "])
def test_what_is_waited_for_is_read_at_once(sent: bytes) -> None:
    turns = 0
    read_at: list[int] = []

    def turn() -> None:
        nonlocal turns
        turns += 1
        asyncio.get_running_loop().call_soon(turn)

    def heard(wire: Wire, theirs: socket.socket, data: bytes) -> bool:
        if not turns:
            turn()
        read_at.append(turns)
        if sent.endswith(b"\n"):
            wire.send(b"command", None)
            theirs.recv(100)
        theirs.sendall(sent)
        return len(read_at) == 10

    exchange(heard, sent)
    # In the turn of the loop that follows, or in the one behind it.
    assert all(after - before <= 2 for before, after in itertools.pairwise(read_at))
