"""Redirects at a terminal: replies to a file or a system shell command."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable
from itertools import chain

from ..language import Redirect
from ..script import OutputError, RedirectTarget, ScriptView
from ..session import CloseRedirect, OpenRedirect, ShowDocument, ShowReply, ShowResult
from .background import run_in_thread
from .files import FileOperations, wait_until_writable
from .formatter import overwrite_question, refusal_text
from .prompt import PromptController
from .styles import Devices

# Seconds between two attempts to open a FIFO that has no reader.
_RETRY_AFTER = 0.05


class RedirectController:
    """Handles redirects, one at a time. `files` opens and writes the files.

    `whole` lays out a reply for a pager. `answer` receives each step after it was performed, and the
    problem, or "". `run_program` lends the terminal to an awaitable.
    """

    def __init__(
        self,
        devices: Devices,
        prompt_controller: PromptController,
        *,
        files: FileOperations,
        whole: Callable[[ShowReply], Iterable[str]],
        answer: Callable[[OpenRedirect | CloseRedirect, str], None],
        run_program: Callable[[Awaitable[str]], Awaitable[None]],
        problem: Callable[[str], None],
    ) -> None:
        self._devices = devices
        self._prompt_controller = prompt_controller
        self._whole = whole
        self._files = files
        self._answer = answer
        self._run_program = run_program
        self._redirect: Redirect | None = None
        # The open file. A command starts only after the last reply, because it needs the terminal.
        self._file: RedirectTarget | None = None
        self._parts: list[bytes] = []
        # The replies for a pager, laid out for the terminal.
        self._pages: list[Iterable[str]] = []
        # Whether a failure was shown. A command that would get no data is not run then.
        self._has_failed = False
        # Redirected output looks like that of a script.
        self._view = ScriptView(devices.settings, name="", out=self._write, err=problem)

    def show(self, shown: ShowReply | ShowResult | ShowDocument) -> bool:
        """Handle a reply, a result or a help document.

        Return True if it goes to a redirect, and False for a failure.
        """
        if shown.redirect is None or self._redirect is None:
            return False
        if isinstance(shown, ShowReply) and shown.is_failure:
            self._has_failed = True
            return False
        if isinstance(shown, ShowReply) and is_pager(shown.redirect):
            self._pages.append(self._whole(shown))
        else:
            self._view.show(shown)
        return True

    def open(self, step: OpenRedirect) -> None:
        """Open a redirect, after confirmation if a file would be overwritten."""
        redirect = step.redirect
        if redirect.operator == ">" and os.path.isfile(os.path.expanduser(redirect.text)):
            self._prompt_controller.run_suspended(lambda: self._ask_overwrite(step))
        else:
            self._files.start(step, self._open(redirect))

    async def _ask_overwrite(self, step: OpenRedirect) -> None:
        name = step.redirect.text
        if await self._prompt_controller.confirm(overwrite_question(name)):
            self._files.start(step, self._open(step.redirect))
        else:
            self._answer(step, refusal_text(name))

    async def _open(self, redirect: Redirect) -> str:
        """Open the file. Return the problem, or ""."""
        self._parts, self._pages = [], []
        self._has_failed = False
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
        elif self._has_failed and not self._parts and not self._pages:
            self._answer(step, "")
        elif redirect is not None:
            self._prompt_controller.run_suspended(lambda: self._run_command(redirect, step))

    async def _run_command(self, redirect: Redirect, step: CloseRedirect) -> None:
        programs = self._prompt_controller.programs
        if self._pages:
            work = programs.page(chain(*self._pages), pager=redirect.text)
        else:
            work = programs.shell(redirect.text, b"".join(self._parts))
        await self._run_program(work)
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


_PAGERS = ("less", "more", "most")
# Text of a system shell command that is more than one program and its arguments.
_OPERATORS = frozenset("|&;<>()`$\n")


def is_pager(redirect: Redirect | None) -> bool:
    """Return True if a redirect is a pager and nothing else."""
    if redirect is None or redirect.operator != "|" or _OPERATORS.intersection(redirect.text):
        return False
    program = redirect.text.split(maxsplit=1)[:1]
    return bool(program) and os.path.basename(program[0]) in _PAGERS
