"""A relay to a real server that changes, drops and repeats some of its messages."""

from __future__ import annotations

import contextlib
import json
import random
import selectors
import socket
import threading
from pathlib import Path
from typing import Any, Self

# Values that a server should not send in these places. A text of `RAW` is inserted as it is.
_MARK = "a place for raw JSON"
RAW = (
    "1e999",
    "-1e999",
    "1" * 5000,
    "[" * 3000 + "]" * 3000,
    '{"a":' * 3000 + "1" + "}" * 3000,
    "[1]",
    '{"name": [1]}',
    "null",
    "true",
    "-1",
    "0.5",
    '""',
    '"\\ud800"',
    '"\\u001b[2J\\u0000\\u202e"',
    '"' + "x" * 70_000 + '"',
)
_GARBAGE = (
    b"\xff\x00",
    b"}",
    b"[1, 2]\n",
    b'"text"\n',
    b"{\n",
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
)


class MutatingServer:
    """Accepts one client after another and connects each to the server at `upstream`.

    The messages to a client are changed by a random generator that starts with `seed`.
    """

    def __init__(self, path: Path, upstream: str, seed: int) -> None:
        self._random = random.Random(seed)
        self._upstream = upstream
        self._ended = threading.Event()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(4)
        self._listener.settimeout(0.1)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.address = str(path)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._thread.join(60)
        self._listener.close()
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        while not self._ended.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            with client, socket.socket(socket.AF_UNIX) as server:
                server.connect(self._upstream)
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    self._relay(client, server)

    def _relay(self, client: socket.socket, server: socket.socket) -> None:
        client.setblocking(True)
        buffer = b""
        with selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ)
            selector.register(server, selectors.EVENT_READ)
            while not self._ended.is_set():
                for key, _ in selector.select(0.1):
                    source = key.fileobj
                    assert isinstance(source, socket.socket)
                    data = source.recv(1 << 16)
                    if not data:
                        return
                    if source is client:
                        server.sendall(data)
                        continue
                    *lines, buffer = (buffer + data).split(b"\n")
                    for line in lines:
                        if not self._forward(client, line + b"\n"):
                            return

    def _forward(self, client: socket.socket, line: bytes) -> bool:
        """Send a message or what becomes of it. Return False if the connection should end."""
        choice = self._random.random()
        if b'"QMP"' in line[:8]:
            choice *= 0.85  # without a greeting, a client waits for five seconds
        if choice < 0.70:
            client.sendall(line)
        elif choice < 0.87:
            client.sendall(self._changed(line))
        elif choice < 0.90:
            client.sendall(line + line)
        elif choice < 0.93:
            client.sendall(self._random.choice(_GARBAGE) + line)
        elif choice < 0.95:
            client.sendall(line[: self._random.randrange(len(line))])
        elif choice < 0.97:
            pass  # a message that never arrives
        elif choice < 0.98:
            return False
        else:
            for start in range(min(len(line), 300)):
                client.sendall(line[start : start + 1])
            client.sendall(line[300:])
        return True

    def _changed(self, line: bytes) -> bytes:
        """Return a message with one value replaced or one member removed."""
        message = json.loads(line)
        places: list[tuple[Any, Any]] = []
        todo: list[Any] = [message]
        while todo:
            holder = todo.pop()
            keys = list(holder) if isinstance(holder, dict) else range(len(holder))
            for key in keys:
                places.append((holder, key))
                if isinstance(holder[key], (dict, list)):
                    todo.append(holder[key])
        # Values near the top have more effect, so prefer them.
        index = min(self._random.randrange(len(places)), self._random.randrange(len(places)))
        holder, key = places[index]
        if isinstance(holder, dict) and self._random.random() < 0.2:
            del holder[key]
            return json.dumps(message).encode() + b"\r\n"
        holder[key] = _MARK
        raw = self._random.choice(RAW)
        return json.dumps(message).replace(f'"{_MARK}"', raw).encode() + b"\r\n"
