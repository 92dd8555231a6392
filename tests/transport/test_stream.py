"""Tests of streams and connection attempts."""

from __future__ import annotations

import os
import pty
import socket
import tty
from collections.abc import Sequence
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
    connect_with_retries,
    open_stream,
)


def pair() -> tuple[SocketStream, socket.socket]:
    local, remote = socket.socketpair()
    return SocketStream(local), remote


def test_read_returns_available_bytes_without_blocking() -> None:
    stream, remote = pair()
    with remote:
        assert stream.read() is None
        remote.sendall(b"abc")
        assert stream.read() == b"abc"
        assert stream.read() is None
        remote.close()
        assert stream.read() == b""
    stream.close()


def test_read_returns_at_most_the_requested_size() -> None:
    stream, remote = pair()
    with remote:
        remote.sendall(b"abcde")
        assert [stream.read(2), stream.read(2), stream.read(2)] == [b"ab", b"cd", b"e"]
    stream.close()


def test_large_write_arrives_at_slow_reader() -> None:
    stream, remote = pair()
    data = os.urandom(3_000_000)
    received = b""
    with remote:
        stream.write(data[:2_000_000])
        stream.write(data[2_000_000:])
        assert stream.want_write
        while len(received) < len(data):
            received += remote.recv(1 << 20)
            stream.flush()
        assert not stream.want_write
    assert received == data
    stream.close()


def test_interrupted_write_is_not_repeated() -> None:
    class Interrupted(SocketStream):
        def _write(self, data: bytes | memoryview, descriptors: Sequence[int]) -> int:
            super()._write(data, descriptors)
            raise KeyboardInterrupt  # by a signal handler

    local, remote = socket.socketpair()
    stream = Interrupted(local)
    with remote:
        with pytest.raises(KeyboardInterrupt):
            stream.write(b"abc")
        stream.flush()
        stream.close()
        assert remote.recv(100) == b"abc"


def test_descriptor_stays_blocking() -> None:
    stream, remote = pair()
    with remote:
        stream.write(b"x" * 3_000_000)
        assert stream.read() is None
        assert os.get_blocking(stream.fileno())
    stream.close()


def test_write_to_closed_peer_raises_connection_lost() -> None:
    stream, remote = pair()
    remote.close()
    with pytest.raises(ConnectionLost):
        stream.write(b"x")
    stream.close()


def test_terminal_descriptor_is_used_and_not_closed() -> None:
    local, remote = pty.openpty()
    tty.setraw(remote)
    stream = open_stream(FdAddress(remote), timeout=1)
    os.write(local, b"greeting\n")
    assert stream.read() == b"greeting\n"
    stream.write(b"x" * 2000)
    received = b""
    while len(received) < 2000:
        received += os.read(local, 4096)
        stream.flush()
    assert received == b"x" * 2000
    stream.close()
    os.close(remote)  # the caller still owns the open descriptor
    os.close(local)


def test_socket_without_permission_raises_connect_error(tmp_path: Path) -> None:
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
    """A clock that advances only in `sleep`."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept = 0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds
        self.slept += 1


def connect(address: UnixAddress | TcpAddress, clock: Clock, *, wait: float | None) -> Stream:
    return connect_with_retries(
        address, wait=wait, clock=clock, sleep=clock.sleep, notice=NOTICES.append
    )


NOTICES: list[str] = []


def test_connect_without_wait_tries_once(tmp_path: Path) -> None:
    clock = Clock()
    with pytest.raises(ConnectError, match="no such socket"):
        connect(UnixAddress(str(tmp_path / "none")), clock, wait=None)
    assert clock.slept == 0


def test_connect_with_wait_retries_until_timeout(tmp_path: Path) -> None:
    clock = Clock()
    with pytest.raises(ConnectError, match=r"path given to it\?; tried for 3 s\)$"):
        connect(UnixAddress(str(tmp_path / "none")), clock, wait=3)
    assert clock.now == pytest.approx(3)
    assert 10 < clock.slept < 40


def test_permanent_error_is_not_retried(tmp_path: Path) -> None:
    clock = Clock()
    with pytest.raises(ConnectError, match="a directory"):
        connect(UnixAddress(str(tmp_path)), clock, wait=3)
    assert clock.slept == 0


def test_busy_server_is_retried_and_notice_shown(
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
                client = socket.socket(socket.AF_UNIX)
                waiting.append(client)
                client.setblocking(False)
                client.connect(str(path))
        except BlockingIOError:
            pass
        # The notice explains it already.
        with pytest.raises(ConnectError, match=r"busy.sock: gave up after 5 s"):
            connect(UnixAddress(str(path)), clock, wait=None)
        assert clock.now == pytest.approx(5)
        assert len(NOTICES) == 1
        assert "busy: another client" in NOTICES[0]
        for client in waiting:
            client.close()
