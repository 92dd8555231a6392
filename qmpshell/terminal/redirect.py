"""Redirects at a terminal: replies to a file or a system shell command."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable

from ..language import Redirect
from ..render import escape
from ..script import OutputError, RedirectTarget, ScriptView
from ..session import CloseRedirect, OpenRedirect, ShowReply
from .background import run_in_thread
from .files import FileOperations, wait_until_writable
from .prompt import PromptController
from .styles import Devices

# Seconds between two attempts to open a FIFO that has no reader.
_RETRY_AFTER = 0.05


class RedirectController:
    """Handles redirects, one at a time. `files` opens and writes the files.

    `answer` receives each step after it was performed, and the problem, or "". `run_program` lends
    the terminal to an awaitable.
    """

    def __init__(
        self,
        devices: Devices,
        prompt_controller: PromptController,
        *,
        files: FileOperations,
        answer: Callable[[OpenRedirect | CloseRedirect, str], None],
        run_program: Callable[[Awaitable[str]], Awaitable[None]],
        problem: Callable[[str], None],
    ) -> None:
        self._devices = devices
        self._prompt_controller = prompt_controller
        self._files = files
        self._answer = answer
        self._run_program = run_program
        self._redirect: Redirect | None = None
        # The open file. A command starts only after the last reply, because it needs the terminal.
        self._file: RedirectTarget | None = None
        self._parts: list[bytes] = []
        # Redirected output looks like that of a script.
        self._view = ScriptView(devices.settings, name="", out=self._write, err=problem)

    def show_reply(self, shown: ShowReply) -> bool:
        """Handle a reply. Return True if it goes to a redirect."""
        if shown.redirect is None or self._redirect is None:
            return False
        self._view.show(shown)
        return True

    def open(self, step: OpenRedirect) -> None:
        """Open a redirect, after confirmation if a file would be overwritten."""
        redirect = step.redirect
        if redirect.operator == ">" and os.path.isfile(redirect.text):
            self._prompt_controller.run_suspended(lambda: self._ask_overwrite(step))
        else:
            self._files.start(step, self._open(redirect))

    async def _ask_overwrite(self, step: OpenRedirect) -> None:
        name = step.redirect.text
        if await self._prompt_controller.confirm(f"{escape(name)} exists and would be overwritten"):
            self._files.start(step, self._open(step.redirect))
        else:
            self._answer(step, f"{name} was not overwritten; nothing was sent")

    async def _open(self, redirect: Redirect) -> str:
        """Open the file. Return the problem, or ""."""
        self._parts = []
        if redirect.operator != "|":
            file = RedirectTarget(redirect, environment=self._devices.environment)
            try:
                while not await run_in_thread(file.start, discard=lambda _: file.stop()):
                    await asyncio.sleep(_RETRY_AFTER)
            except OutputError as error:
                return str(error)
            self._file = file
        self._redirect = redirect
        return ""

    def _write(self, data: bytes, _redirect: Redirect | None) -> None:
        if self._file is not None:
            self._file.write(data)
        else:
            self._parts.append(data)

    def close(self, step: CloseRedirect) -> None:
        """Close the redirect after the last reply."""
        redirect, self._redirect = self._redirect, None
        file, self._file = self._file, None
        if file is not None:
            self._files.start(step, _finish(file))
        elif redirect is not None:
            self._prompt_controller.run_suspended(lambda: self._run_command(redirect, step))

    async def _run_command(self, redirect: Redirect, step: CloseRedirect) -> None:
        data = b"".join(self._parts)
        programs = self._prompt_controller.programs
        await self._run_program(programs.shell(redirect.text, data))
        self._answer(step, "")


async def _finish(file: RedirectTarget) -> str:
    """Write what the file has not accepted yet, such as a FIFO with a slow reader."""
    try:
        file.end()
        while file.problem is None:
            (descriptor,) = file.waits_for
            await wait_until_writable(descriptor)
            file.flush()
        return file.problem
    finally:
        file.stop()
