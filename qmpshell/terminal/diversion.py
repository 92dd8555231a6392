"""A line's replies at the terminal, on their way to a file or to a shell command.

Owns: the file, or the command and what it prints. Must not know: sessions, the screen. The command
runs in a process group of its own; its output is handed back, to be shown above the prompt.
"""

from __future__ import annotations

import asyncio
import os
import subprocess

from ..language.command import Destination


class Diversion:
    """`open`, then `write`, then `end`."""

    def __init__(self, destination: Destination) -> None:
        self.destination = destination
        self._descriptor: int | None = None
        self._data: list[bytes] = []
        self._problem = ""

    def open(self) -> str:
        """What went wrong, or nothing."""
        if self.destination.operator == "|":
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
            self._data.append(data)
            return
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError as error:
            self._problem = f"{self.destination.text}: {error.strerror}"

    async def end(self) -> tuple[bytes, str]:
        """What a command printed, and what went wrong, or nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            return b"", self._problem
        process = await asyncio.create_subprocess_shell(
            self.destination.text,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
        said, _ = await process.communicate(b"".join(self._data))
        code = process.returncode
        problem = f"{self.destination.text}: ended with status {code}" if code else ""
        return said, problem
