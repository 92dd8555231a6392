"""Tests of websockets: the codec for any input, and a real QEMU with websocket=on."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from websockets.frames import Close, Frame, Opcode
from websockets.server import ServerProtocol

import qmpshell
from qmpshell.errors import ConnectError
from qmpshell.session import explain_silence
from qmpshell.transport import SocketStream, TcpAddress, open_stream
from qmpshell.transport.codec import CodecError, CodecStream
from qmpshell.transport.websocket import WebsocketCodec
from tests.harness.program import environment, run
from tests.harness.relay import start_relay
from tests.harness.screen import Terminal
from tests.harness.servers import INSTALLATIONS, Server, start_qemu
from tests.harness.waiting import sleeps_less_than
from tests.harness.woken import Woken

URI = "ws://localhost:4444/"


def accept(codec: WebsocketCodec) -> tuple[ServerProtocol, bytes]:
    """Return a server that has accepted the codec's handshake, and its response."""
    server = ServerProtocol(subprotocols=["binary"], max_size=None)  # type: ignore[list-item]
    server.receive_data(codec.data_to_send())
    (request,) = server.events_received()
    server.send_response(server.accept(request))  # type: ignore[arg-type]
    return server, b"".join(server.data_to_send())


def opened() -> tuple[WebsocketCodec, ServerProtocol]:
    codec = WebsocketCodec(URI)
    server, response = accept(codec)
    assert not codec.is_open
    assert codec.receive(response) == b""
    assert codec.is_open
    return codec, server


def frame(opcode: int, data: bytes, *, fin: bool = True) -> bytes:
    return Frame(Opcode(opcode), data, fin).serialize(mask=False)


def fragmented(parts: Sequence[bytes], *, opcode: int = Opcode.BINARY) -> bytes:
    """Return a message in one frame for each part, with a ping behind each."""
    wire = b""
    for number, part in enumerate(parts):
        wire += frame(opcode if number == 0 else Opcode.CONT, part, fin=number == len(parts) - 1)
        wire += frame(Opcode.PING, b"%d" % number)
    return wire


def cut(data: bytes, sizes: Sequence[int]) -> Iterator[bytes]:
    for size in sizes:
        if data:
            yield data[:size]
            data = data[size:]
    if data:
        yield data


def receive_all(codec: WebsocketCodec, chunks: Sequence[bytes]) -> tuple[bytes, str]:
    """Return the data before the codec's error, and the error."""
    received = b""
    try:
        for chunk in chunks:
            received += codec.receive(chunk)
    except CodecError as error:
        return received, str(error)
    return received, ""


messages = st.lists(st.lists(st.binary(max_size=200), min_size=1, max_size=4), max_size=5)
sizes = st.lists(st.integers(1, 50), max_size=60)


@given(messages, sizes, st.sampled_from([Opcode.BINARY, Opcode.TEXT]))
def test_codec_output_does_not_depend_on_chunks(
    parts: list[list[bytes]], sizes: list[int], opcode: Opcode
) -> None:
    codec = WebsocketCodec(URI)
    server, response = accept(codec)
    wire = response + b"".join(fragmented(message, opcode=opcode) for message in parts)
    received = b"".join(codec.receive(chunk) for chunk in cut(wire, sizes))
    assert received == b"".join(part for message in parts for part in message)
    assert codec.is_open
    # Each ping is answered.
    server.receive_data(codec.data_to_send())
    pongs = [event for event in server.events_received() if isinstance(event, Frame)]
    assert [event.opcode for event in pongs] == [Opcode.PONG] * sum(map(len, parts))
    assert codec.receive(b"") == b""


@given(st.lists(st.binary(max_size=100), max_size=20), st.booleans())
def test_any_bytes_give_data_or_codec_error(chunks: list[bytes], is_open: bool) -> None:
    codec = opened()[0] if is_open else WebsocketCodec(URI)
    with contextlib.suppress(CodecError):
        for chunk in [*chunks, b"", b"after the end"]:
            assert isinstance(codec.receive(chunk), bytes)
            codec.data_to_send()
        codec.send(b"x")


@given(st.binary(max_size=200), st.binary(min_size=1, max_size=100), sizes)
def test_data_before_violation_is_returned_for_any_chunks(
    data: bytes, junk: bytes, sizes: list[int]
) -> None:
    codec, _ = opened()
    # A frame with a reserved bit is a violation.
    wire = frame(Opcode.BINARY, data) + b"\xf2\x00" + junk
    received, error = receive_all(codec, [*cut(wire, sizes), b""])
    assert received == data
    assert "violates the websocket protocol" in error


@given(st.lists(st.binary(max_size=70_000), max_size=4))
def test_sent_data_arrives_as_binary_messages(parts: list[bytes]) -> None:
    codec, server = opened()
    for part in parts:
        server.receive_data(codec.send(part))
    events = server.events_received()
    assert [(event.opcode, event.data) for event in events if isinstance(event, Frame)] == [
        (Opcode.BINARY, part) for part in parts
    ]


def test_handshake_asks_for_subprotocol_binary() -> None:
    request = WebsocketCodec("ws://[::1]:4444/").data_to_send()
    assert b"\r\nSec-WebSocket-Protocol: binary\r\n" in request
    assert b"\r\nHost: [::1]:4444\r\n" in request


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        (b'{"QMP": {}}\r\n', 'the server does not speak websocket: it sent “{"QMP": {}}'),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "it answered 404 Not Found"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "it answered 200 OK"),
        (b"HTTP/1.1 101 Switching\r\n\r\n", "the websocket handshake failed: "),
        (b"", "the server closed the connection during the websocket handshake"),
    ],
)
def test_failed_handshake_is_explained(wire: bytes, reason: str) -> None:
    codec = WebsocketCodec(URI)
    received, error = receive_all(codec, [wire, b""])
    assert received == b""
    assert reason in error
    assert "\n" not in error


def test_close_of_server_is_answered_and_ends_stream() -> None:
    codec, server = opened()
    assert (
        codec.receive(frame(Opcode.BINARY, b"last") + frame(Opcode.CLOSE, b"\x03\xe8")) == b"last"
    )
    server.receive_data(codec.data_to_send())
    (event,) = server.events_received()
    assert isinstance(event, Frame)
    assert Close.parse(bytes(event.data)).code == 1000
    with pytest.raises(CodecError, match="the server has closed the websocket"):
        codec.send(b"x")
    assert codec.receive(b"") == b""


def test_close_with_error_names_code() -> None:
    codec, _ = opened()
    with pytest.raises(CodecError, match="closed the websocket with code 1011: overload"):
        codec.receive(frame(Opcode.CLOSE, b"\x03\xf3overload"))


def test_data_waits_for_end_of_handshake() -> None:
    local, peer = socket.socketpair()
    codec = WebsocketCodec(URI)
    # The request leaves at once.
    stream = CodecStream(SocketStream(local), codec)
    request = peer.recv(4096)
    stream.write(b"early ")
    stream.write(b"data")
    assert not select.select([peer], [], [], 0)[0]
    server = ServerProtocol(subprotocols=["binary"])  # type: ignore[list-item]
    server.receive_data(request)
    server.send_response(server.accept(server.events_received()[0]))  # type: ignore[arg-type]
    peer.sendall(b"".join(server.data_to_send()) + frame(Opcode.BINARY, b""))
    assert stream.read() is None  # not the end
    server.receive_data(peer.recv(4096))
    (event,) = server.events_received()
    assert isinstance(event, Frame)
    assert event.data == b"early data"
    peer.close()
    assert stream.read() == b""
    stream.close()


def test_missing_library_is_named() -> None:
    code = (
        "import sys; sys.modules['websockets'] = None\n"
        "import qmpshell\n"
        "try: qmpshell.connect('websocket:127.0.0.1:1')\n"
        "except qmpshell.ConnectError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True
    )
    assert "pip install 'qmpshell[websocket]'" in done.stdout


def test_invalid_uri_is_rejected() -> None:
    with pytest.raises(ConnectError, match="not a valid address"):
        WebsocketCodec("http://localhost/")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture(params=INSTALLATIONS, ids=lambda installation: installation.name)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Server, str]]:
    """Start a QEMU whose second monitor is a websocket. Return it and the monitor's address."""
    with ExitStack() as stack:
        port = free_port()
        started = stack.enter_context(
            start_qemu(
                request.param,
                tmp_path / "vm.sock",
                *("-name", "on-web", "-chardev"),
                f"socket,id=w,host=127.0.0.1,port={port},server=on,wait=off,websocket=on",
                *("-mon", "chardev=w,mode=control"),
            )
        )
        stack.enter_context(Woken(started.path))
        yield started, f"websocket:127.0.0.1:{port}"


Started = tuple[Server, str]


def test_script_runs_over_websocket(server: Started) -> None:
    for _ in range(2):
        result = run(server[1], input="query-name\nquery-qmp-schema\nquery-status\n")
        assert result.status == 0, result.err
        assert result.err == ""
        assert result.lines[0] == '{"return": {"name": "on-web"}}'
        assert len(result.lines[1]) > 100_000
        assert '"status": "prelaunch"' in result.lines[2]


def test_library_sends_large_message_over_websocket(one_qemu: Server) -> None:
    """Through a relay, because QEMU's own websocket sometimes fails with a large message."""
    with (
        start_relay(one_qemu.address, websocket=True) as port,
        qmpshell.connect(f"websocket:127.0.0.1:{port}", wait=60) as qmp,
    ):
        with pytest.raises(qmpshell.CommandError, match=r"n{1000}"):
            qmp.execute("n" * 300_000)
        assert qmp.execute("query-name") == {}


def test_terminal_uses_websocket(server: Started) -> None:
    with Terminal("-q", server[1], columns=160) as terminal:
        terminal.wait_prompt()
        terminal.line("query-name")
        terminal.wait_above('{"return": {"name": "on-web"}}')
        server[0].kill()
        terminal.wait_above(f"{server[1]}: connection lost")


def test_large_write_to_stopped_server_does_not_block(server: Started) -> None:
    host, _, port = server[1].removeprefix("websocket:").partition(":")
    stream = open_stream(TcpAddress(host, int(port), websocket=True), timeout=60)
    data = b""
    while b'"QMP"' not in data:
        assert select.select([stream], [], [], 60)[0]
        data += stream.read() or b""
    server[0].stop()
    data = os.urandom(20_000_000)
    with sleeps_less_than(0.5):
        stream.write(data)
        assert stream.want_write
        stream.close()
    server[0].process.send_signal(signal.SIGCONT)


def test_plain_monitor_is_diagnosed(one_qemu: Server) -> None:
    port = free_port()
    with start_qemu(
        INSTALLATIONS[0],
        Path(one_qemu.address).with_name("other.sock"),
        *("-qmp", f"tcp:127.0.0.1:{port},server=on,wait=off"),
    ) as other:
        qmpshell.connect(other.address).close()
        result = run(f"websocket:127.0.0.1:{port}", "-c", "query-name")
        assert result.status == 3
        assert 'the server does not speak websocket: it sent “{"QMP"' in result.err


@pytest.mark.parametrize("address", ["websocket:a:1", "wss://a:1", "socket,path=a,websocket=on"])
def test_silence_of_websocket_names_known_bug(address: str) -> None:
    assert explain_silence(address, b"", greeted=True).endswith(
        "; QEMU's monitors do not work over websockets: use one without websocket=on"
    )
    assert explain_silence("a:1", b"", greeted=True).endswith("does not answer qmp_capabilities")
