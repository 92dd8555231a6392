"""Where a line's replies go, if not to the screen.

Owns: the file or the shell command of the line that is carried out, and the question before a file is
overwritten. Must not know: what replies say, in which order lines are carried out.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable

from ..effects import ShowReply
from ..language.command import Destination
from ..render.escape import escape
from ..script.view import ScriptView
from ..settings import Settings
from .diversion import Diversion
from .stage import Stage


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
