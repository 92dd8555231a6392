"""A server that runs a scripted part on each connection."""

from __future__ import annotations

import json
import select
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

GREETING = (
    b'{"QMP": {"version": {"qemu": {"micro": 0, "minor": 1, "major": 9}, "package": ""},'
    b' "capabilities": ["oob"]}}\r\n'
)


class Peer:
    """The server's end of a connection."""

    def __init__(self, connection: socket.socket, listener: socket.socket) -> None:
        self.connection = connection
        self._listener = listener
        self._buffer = b""
        # Queries for the VM state that the terminal sends once.
        self._questions: set[str] = set()
        connection.settimeout(60)

    def accept_another(self) -> None:
        """Wait for another connection, and for its end."""
        other, _ = self._listener.accept()
        with other:
            assert Peer(other, self._listener).ended()

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def read(self) -> dict[str, Any]:
        """Return the next command; reject the terminal's own query for the VM state."""
        while True:
            command = self.read_any()
            if not self._refuses(command):
                return command

    def _refuses(self, command: dict[str, Any]) -> bool:
        """Reject the command and return True if it queries the VM state."""
        if "id" not in command or command.get("execute") not in self._questions:
            return False
        self._questions.discard(command["execute"])
        self.reply(command, error={"class": "CommandNotFound", "desc": "none of mine"})
        return True

    def read_any(self) -> dict[str, Any]:
        """Return the next command from the user or the terminal."""
        while b"\n" not in self._buffer:
            data = self.connection.recv(65536)
            if not data:
                raise EOFError
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        value = json.loads(line.lstrip(b"\xff"))  # the sentinel of guest-sync-delimited
        assert isinstance(value, dict)
        return value

    def read_the_users(self) -> dict[str, Any]:
        """Return the user's next command; answer the terminal's own queries."""
        while True:
            command = self.read()
            if not _is_own_question(command):
                return command
            self.reply(command, [])

    def poll_the_users(self) -> dict[str, Any] | None:
        """Return the user's next command, or None if it has not arrived."""
        while self.has_input():
            command = self.read_any()
            if self._refuses(command):
                continue
            if not _is_own_question(command):
                return command
            self.reply(command, [])
        return None

    def has_input(self) -> bool:
        """Return True if the client has sent something that was not read."""
        return b"\n" in self._buffer or bool(select.select([self.connection], [], [], 0)[0])

    def reply(self, command: dict[str, Any], value: object = None, **members: object) -> None:
        """Answer a command with its id, if any."""
        message: dict[str, Any] = members or {"return": {} if value is None else value}
        if "id" in command:
            message["id"] = command["id"]
        self.send(json.dumps(message).encode() + b"\r\n")

    def negotiate(self, greeting: bytes = GREETING) -> None:
        """Send the greeting and accept the negotiation."""
        self._questions = {"query-status", "query-jobs", "query-block-jobs", "query-migrate"}
        self.send(greeting)
        command = self.read()
        assert command["execute"] == "qmp_capabilities"
        self.reply(command)

    def ended(self) -> bool:
        """Wait until the client closes the connection."""
        try:
            while self.connection.recv(65536):
                pass
        except ConnectionResetError:
            pass
        return True


def _is_own_question(command: dict[str, Any]) -> bool:
    """Return True if the terminal sends this command by itself."""
    line = command.get("arguments", {}).get("command-line")
    return command.get("execute") in ("query-commands", "query-qmp-schema") or line in (
        "help",
        "help info",
    )


class ScriptedServer:
    """Run `part` on each connection until the block ends."""

    def __init__(self, path: Path, part: Callable[[Peer], object]) -> None:
        self.path = path
        self._part = part
        self._failure: BaseException | None = None
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(8)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def address(self) -> str:
        return str(self.path)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                try:
                    self._part(Peer(connection, self._listener))
                except (EOFError, BrokenPipeError, ConnectionResetError):
                    pass
                except BaseException as failure:
                    self._failure = failure

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(60)
        assert not self._thread.is_alive()
        if self._failure is not None:
            raise self._failure
