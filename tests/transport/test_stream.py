"""Streams: nothing blocks, nothing is lost, the descriptor's flags are left alone."""

from __future__ import annotations

import os
import pty
import socket
import tty
from pathlib import Path

import pytest

from qmpshell.errors import ConnectError, ConnectionLost
from qmpshell.transport import (
    FdAddress,
    Listener,
    SocketStream,
    Stream,
    TcpAddress,
    UnixAddress,
    open_patiently,
    open_stream,
)


def pair() -> tuple[SocketStream, socket.socket]:
    ours, theirs = socket.socketpair()
    return SocketStream(ours), theirs


def test_reading_gives_what_is_there_and_never_waits() -> None:
    stream, theirs = pair()
    with theirs:
        assert stream.read() is None
        theirs.sendall(b"abc")
        assert stream.read() == b"abc"
        assert stream.read() is None
        theirs.close()
        assert stream.read() == b""
    stream.close()


def test_no_more_is_read_than_is_asked_for() -> None:
    stream, theirs = pair()
    with theirs:
        theirs.sendall(b"abcde")
        assert [stream.read(2), stream.read(2), stream.read(2)] == [b"ab", b"cd", b"e"]
    stream.close()


def test_all_of_a_large_write_arrives_though_the_other_end_is_slow() -> None:
    stream, theirs = pair()
    data = os.urandom(3_000_000)
    got = b""
    with theirs:
        stream.write(data[:2_000_000])
        stream.write(data[2_000_000:])
        assert stream.want_write
        while len(got) < len(data):
            got += theirs.recv(1 << 20)
            stream.flush()
        assert not stream.want_write
    assert got == data
    stream.close()


def test_the_descriptor_stays_blocking() -> None:
    stream, theirs = pair()
    with theirs:
        stream.write(b"x" * 3_000_000)
        assert stream.read() is None
        assert os.get_blocking(stream.fileno())
    stream.close()


def test_writing_to_a_peer_that_has_gone_is_a_loss() -> None:
    stream, theirs = pair()
    theirs.close()
    with pytest.raises(ConnectionLost):
        stream.write(b"x")
    stream.close()


def test_a_terminal_that_was_handed_to_us() -> None:
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    stream = open_stream(FdAddress(theirs), timeout=1)
    os.write(ours, b"greeting\n")
    assert stream.read() == b"greeting\n"
    stream.write(b"x" * 2000)
    got = b""
    while len(got) < 2000:
        got += os.read(ours, 4096)
        stream.flush()
    assert got == b"x" * 2000
    stream.close()
    os.close(theirs)  # it was ours to lend, and is open still
    os.close(ours)


def test_a_listener_removes_what_it_made_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    listener = Listener(UnixAddress(str(path)))
    assert path.exists()
    with pytest.raises(ConnectError, match="cannot listen"):
        Listener(UnixAddress(str(path)))
    assert path.exists()
    path.unlink()
    path.write_text("somebody else's")
    listener.close()
    assert path.read_text() == "somebody else's"
    other = tmp_path / "b.sock"
    listener = Listener(UnixAddress(str(other)))
    listener.close()
    assert not other.exists()


def test_nobody_connects(tmp_path: Path) -> None:
    listener = Listener(UnixAddress(str(tmp_path / "a.sock")))
    with pytest.raises(ConnectError, match=r"nobody connected in 0\.01 s"):
        listener.accept(timeout=0.01)
    listener.close()


def test_a_socket_that_may_not_be_opened(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    listener = Listener(UnixAddress(str(path)))
    for parent in (tmp_path, *list(tmp_path.parents)[:2]):
        parent.chmod(0o755)
    path.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        with pytest.raises(ConnectError, match="permission denied") as caught:
            open_stream(UnixAddress(str(path)), timeout=1)
        assert not caught.value.retriable
    finally:
        os.seteuid(user)
        listener.close()


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept = 0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds
        self.slept += 1


def patiently(address: UnixAddress | TcpAddress, clock: Clock, *, wait: float | None) -> Stream:
    return open_patiently(address, wait=wait, clock=clock, sleep=clock.sleep, notice=NOTICES.append)


NOTICES: list[str] = []


def test_without_wait_one_attempt_is_made(tmp_path: Path) -> None:
    clock = Clock()
    with pytest.raises(ConnectError, match="no such socket"):
        patiently(UnixAddress(str(tmp_path / "none")), clock, wait=None)
    assert clock.slept == 0


def test_wait_tries_on_for_so_long_and_not_longer(tmp_path: Path) -> None:
    clock = Clock()
    with pytest.raises(ConnectError, match=r"tried for 3 s"):
        patiently(UnixAddress(str(tmp_path / "none")), clock, wait=3)
    assert clock.now == pytest.approx(3)
    assert 10 < clock.slept < 40


def test_wait_does_not_help_against_what_will_not_change(tmp_path: Path) -> None:
    clock = Clock()
    with pytest.raises(ConnectError, match="a directory"):
        patiently(UnixAddress(str(tmp_path)), clock, wait=3)
    assert clock.slept == 0


def test_a_busy_server_is_tried_again_for_five_seconds_and_told_of_after_two(
    tmp_path: Path,
) -> None:
    NOTICES.clear()
    path = tmp_path / "busy.sock"
    clock = Clock()
    waiting: list[socket.socket] = []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(1)
        try:
            while True:
                one = socket.socket(socket.AF_UNIX)
                waiting.append(one)
                one.setblocking(False)
                one.connect(str(path))
        except BlockingIOError:
            pass
        with pytest.raises(ConnectError, match="busy"):
            patiently(UnixAddress(str(path)), clock, wait=None)
        assert clock.now == pytest.approx(5)
        assert len(NOTICES) == 1
        for one in waiting:
            one.close()
