"""A line's replies at the terminal, on their way to a file or to a shell command.

Owns: the file, or what is kept for the command. Must not know: sessions, the screen, how a command is
run.
"""

from __future__ import annotations

import os

from ..language.command import Destination
from .scratch import write_all


class Diversion:
    """`open`, then `write`, then `close`; for a command, `data` is what it is to read."""

    def __init__(self, destination: Destination) -> None:
        self.destination = destination
        self._descriptor: int | None = None
        self._parts: list[bytes] = []
        self._problem = ""

    @property
    def is_command(self) -> bool:
        return self.destination.operator == "|"

    def open(self) -> str:
        """What went wrong, or nothing."""
        if self.is_command:
            return ""
        flags = os.O_TRUNC if self.destination.operator == ">" else os.O_APPEND
        try:
            self._descriptor = os.open(
                self.destination.text, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flags, 0o666
            )
        except OSError as error:
            return f"{self.destination.text}: {error.strerror}"
        return ""

    def write(self, data: bytes) -> None:
        if self._descriptor is None:
            self._parts.append(data)
            return
        try:
            write_all(self._descriptor, data)
        except OSError as error:
            self._problem = f"{self.destination.text}: {error.strerror}"

    @property
    def data(self) -> bytes:
        return b"".join(self._parts)

    def close(self) -> str:
        """What went wrong, or nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
        return self._problem
