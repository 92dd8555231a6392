"""A relay from TCP to a UNIX socket, with or without websocket frames: `python -m tests.harness.relay`.

QEMU's own websockets do not notice commands, so that nothing can be measured with them.
"""

from __future__ import annotations

import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol


@contextmanager
def start_relay(path: str, *, websocket: bool) -> Iterator[int]:
    """Relay to the socket at `path`, for one client after another. Yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number, port = listener.fileno(), listener.getsockname()[1]
        command = [sys.executable, "-m", "tests.harness.relay", str(number), path]
        process = subprocess.Popen([*command, *["websocket"] * websocket], pass_fds=[number])
    try:
        yield port
    finally:
        process.kill()
        process.wait()


class _Frames:
    """The server's side of a websocket."""

    def __init__(self) -> None:
        self._protocol = ServerProtocol(subprotocols=["binary"], max_size=None)  # type: ignore[list-item]

    def decode(self, data: bytes) -> bytes:
        self._protocol.receive_data(data)
        found = b""
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                found += event.data if event.opcode is Opcode.BINARY else b""
            else:
                self._protocol.send_response(self._protocol.accept(event))  # type: ignore[arg-type]
        return found

    def encode(self, data: bytes) -> bytes:
        if data:
            self._protocol.send_binary(data)
        return b"".join(self._protocol.data_to_send())


class _Plain:
    """No frames."""

    def decode(self, data: bytes) -> bytes:
        return data

    def encode(self, data: bytes) -> bytes:
        return data


def _serve(client: socket.socket, path: str, codec: _Frames | _Plain) -> None:
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while isinstance(codec, _Frames):  # the handshake
        data = client.recv(65536)
        if not data:
            return
        codec.decode(data)
        if response := codec.encode(b""):
            client.sendall(response)
            break
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(path)
        poll = select.poll()
        poll.register(client, select.POLLIN)
        poll.register(server, select.POLLIN)
        while True:
            for descriptor, _ in poll.poll():
                data = (client if descriptor == client.fileno() else server).recv(1 << 18)
                if not data:
                    return
                if descriptor == server.fileno():
                    client.sendall(codec.encode(data))
                else:
                    server.sendall(codec.decode(data))


def main(number: int, path: str, *, websocket: bool) -> None:
    with socket.socket(fileno=number) as listener:
        while True:
            client, _ = listener.accept()
            with client, suppress(OSError):
                _serve(client, path, _Frames() if websocket else _Plain())


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], websocket="websocket" in sys.argv)
