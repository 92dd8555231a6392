"""A stream over a codec, with a handshake."""

import socket
from collections.abc import Iterator

import pytest

from qmpshell.errors import ConnectError, ConnectionLost
from qmpshell.transport import SocketStream
from qmpshell.transport.codec import CodecError, CodecStream


class UpperCodec:
    """Sends capital letters after the handshake "hello" and "welcome"."""

    def __init__(self) -> None:
        self.is_open = False
        self._own = b"hello"
        self._begin = b""

    def receive(self, data: bytes) -> bytes:
        if b"!" in data:
            self._own = b"alert"
            raise CodecError("a wrong byte")
        if not self.is_open:
            self._begin += data
            if not self._begin.startswith(b"welcome"):
                return b""
            self.is_open = True
            data = self._begin.removeprefix(b"welcome")
        return data.lower()

    def send(self, data: bytes) -> bytes:
        return data.upper()

    def data_to_send(self) -> bytes:
        own, self._own = self._own, b""
        return own


@pytest.fixture
def ends() -> Iterator[tuple[CodecStream, socket.socket]]:
    ours, theirs = socket.socketpair()
    stream = CodecStream(SocketStream(ours), UpperCodec())
    theirs.settimeout(60)
    with theirs:
        yield stream, theirs
        stream.close()


Ends = tuple[CodecStream, socket.socket]


def test_codec_stream_queues_data_until_open(ends: Ends) -> None:
    stream, server = ends
    assert server.recv(99) == b"hello"
    stream.write(b"one ")
    stream.write(b"two")
    server.setblocking(False)
    with pytest.raises(BlockingIOError):
        server.recv(99)
    server.sendall(b"welcome")
    assert stream.read() is None
    assert server.recv(99) == b"ONE TWO"
    server.sendall(b"REPLY")
    assert stream.read() == b"reply"
    server.shutdown(socket.SHUT_WR)
    assert stream.read() == b""
    assert stream.read() == b""


def test_codec_stream_sends_alert_before_error(ends: Ends) -> None:
    stream, server = ends
    assert server.recv(99) == b"hello"
    server.sendall(b"!")
    with pytest.raises(ConnectionLost, match="a wrong byte"):
        stream.read()
    assert server.recv(99) == b"alert"


def test_open_keeps_data_after_handshake(ends: Ends) -> None:
    stream, server = ends
    server.sendall(b"welcomeGREETING")
    stream.open(name="upper", timeout=60)
    assert stream.read() == b"greeting"
    assert stream.read() is None


def test_open_without_handshake_reports_reason(ends: Ends) -> None:
    stream, server = ends
    with pytest.raises(ConnectError, match="no upper handshake in time"):
        stream.open(name="upper", timeout=0)
    server.shutdown(socket.SHUT_WR)
    with pytest.raises(ConnectError, match="closed the connection during the upper handshake"):
        stream.open(name="upper", timeout=60)


def test_large_write_does_not_block(ends: Ends) -> None:
    stream, server = ends
    server.sendall(b"welcome")
    stream.open(name="upper", timeout=60)
    stream.write(b"x" * (1 << 24))
    assert stream.want_write


def test_open_asks_for_cause_early_and_late(ends: Ends) -> None:
    stream, _ = ends
    asked: list[bool] = []

    def explain(is_late: bool) -> str:
        asked.append(is_late)
        return "busy" if is_late else ""

    with pytest.raises(ConnectError, match=r"^busy$"):
        stream.open(name="upper", timeout=0.5, explain=explain)
    assert asked == [False, True]
    with pytest.raises(ConnectError, match=r"^not upper$"):
        stream.open(name="upper", timeout=30, explain=lambda _is_late: "not upper")


def test_open_asks_for_cause_of_early_end(ends: Ends) -> None:
    stream, server = ends
    server.shutdown(socket.SHUT_WR)
    with pytest.raises(ConnectError, match=r"^expects TLS$"):
        stream.open(name="upper", timeout=30, explain=lambda _is_late: "expects TLS")
