"""A line's replies at the terminal, on their way to a file or to a shell command.

Owns: the file, or what is kept for the command. Must not know: sessions, the screen, how a command is
run.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable

from ..language import Destination
from ..render import escape
from ..script import ScriptView
from ..session import ShowReply
from ..storage import Settings
from .processes import write_all
from .prompt import Stage


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


class Destinations:
    """One at a time. `opened` is told that one is ready, or what is wrong with it; `done` the same when it
    has taken all; `run_program` lends the terminal to what is awaited."""

    def __init__(
        self,
        settings: Settings,
        stage: Stage,
        *,
        opened: Callable[[Destination, str], None],
        done: Callable[[Destination, str], None],
        run_program: Callable[[Awaitable[str]], Awaitable[None]],
        problem: Callable[[str], None],
    ) -> None:
        self._stage = stage
        self._opened = opened
        self._done = done
        self._run_program = run_program
        self._diversion: Diversion | None = None
        # What goes to files and commands looks as it does in scripts.
        self._view = ScriptView(settings, name="", out=self._write, err=problem)

    def take(self, shown: ShowReply) -> bool:
        """Whether the reply goes somewhere else than to the screen."""
        if shown.destination is None or self._diversion is None:
            return False
        self._view.show(shown)
        return True

    def begin(self, destination: Destination) -> None:
        if destination.operator == ">" and os.path.exists(destination.text):
            self._stage.interlude(lambda: self._ask_overwrite(destination))
        else:
            self._open(destination)

    def end(self) -> None:
        """All replies have been taken."""
        diversion, self._diversion = self._diversion, None
        if diversion is None:
            return
        problem = diversion.close()
        if not diversion.is_command:
            self._done(diversion.destination, problem)
            return

        async def work() -> None:
            command = diversion.destination.text
            await self._run_program(self._stage.programs.shell(command, diversion.data))
            self._done(diversion.destination, "")

        self._stage.interlude(work)

    async def _ask_overwrite(self, destination: Destination) -> None:
        if await self._stage.confirm(f"{escape(destination.text)} exists and would be overwritten"):
            self._open(destination)
        else:
            self._opened(destination, f"{destination.text} was left as it is; nothing was sent")

    def _open(self, destination: Destination) -> None:
        self._diversion = Diversion(destination)
        problem = self._diversion.open()
        if problem:
            self._diversion = None
        self._opened(destination, problem)

    def _write(self, data: bytes, destination: Destination | None) -> None:
        if self._diversion is not None:
            self._diversion.write(data)
