"""Redirects at the terminal: replies go to a file or a system shell command."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable

from ..language import Redirect
from ..render import escape
from ..script import ScriptView
from ..session import CloseRedirect, OpenRedirect, ShowReply
from ..storage import Settings
from .processes import write_all
from .prompt import PromptController


class TerminalRedirect:
    """The target of a line's replies: `open`, `write`, `close`. For a command, `data` is its input."""

    def __init__(self, redirect: Redirect) -> None:
        self.redirect = redirect
        self._descriptor: int | None = None
        self._parts: list[bytes] = []
        self._problem = ""

    @property
    def is_command(self) -> bool:
        """Whether the target is a system shell command."""
        return self.redirect.operator == "|"

    def open(self) -> str:
        """Open the target. Return what went wrong, or ""."""
        if self.is_command:
            return ""
        flags = os.O_TRUNC if self.redirect.operator == ">" else os.O_APPEND
        try:
            self._descriptor = os.open(
                self.redirect.text, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flags, 0o666
            )
        except OSError as error:
            return f"{self.redirect.text}: {error.strerror}"
        return ""

    def write(self, data: bytes) -> None:
        """Write or keep data."""
        if self._descriptor is None:
            self._parts.append(data)
            return
        try:
            write_all(self._descriptor, data)
        except OSError as error:
            self._problem = f"{self.redirect.text}: {error.strerror}"

    @property
    def data(self) -> bytes:
        """The data for the command."""
        return b"".join(self._parts)

    def close(self) -> str:
        """Close the target. Return what went wrong, or ""."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
        return self._problem


class RedirectController:
    """Handles redirects, one at a time.

    `answer` receives each step after it was performed, and the problem, or "". `run_program` lends
    the terminal to an awaitable.
    """

    def __init__(
        self,
        settings: Settings,
        prompt_controller: PromptController,
        *,
        answer: Callable[[OpenRedirect | CloseRedirect, str], None],
        run_program: Callable[[Awaitable[str]], Awaitable[None]],
        problem: Callable[[str], None],
    ) -> None:
        self._prompt_controller = prompt_controller
        self._answer = answer
        self._run_program = run_program
        self._redirect: TerminalRedirect | None = None
        # Redirected output looks like that of a script.
        self._view = ScriptView(settings, name="", out=self._write, err=problem)

    def show_reply(self, shown: ShowReply) -> bool:
        """Handle a reply. Return True if it goes to a redirect."""
        if shown.redirect is None or self._redirect is None:
            return False
        self._view.show(shown)
        return True

    def open(self, step: OpenRedirect) -> None:
        """Open a redirect, after confirmation if a file would be overwritten."""
        redirect = step.redirect
        if redirect.operator == ">" and os.path.exists(redirect.text):
            self._prompt_controller.run_suspended(lambda: self._ask_overwrite(step))
        else:
            self._open(step)

    def close(self, step: CloseRedirect) -> None:
        """Close the redirect after the last reply."""
        redirect, self._redirect = self._redirect, None
        if redirect is None:
            return
        problem = redirect.close()
        if not redirect.is_command:
            self._answer(step, problem)
            return

        async def work() -> None:
            command = redirect.redirect.text
            await self._run_program(self._prompt_controller.programs.shell(command, redirect.data))
            self._answer(step, "")

        self._prompt_controller.run_suspended(work)

    async def _ask_overwrite(self, step: OpenRedirect) -> None:
        redirect = step.redirect
        if await self._prompt_controller.confirm(
            f"{escape(redirect.text)} exists and would be overwritten"
        ):
            self._open(step)
        else:
            self._answer(step, f"{redirect.text} was not overwritten; nothing was sent")

    def _open(self, step: OpenRedirect) -> None:
        self._redirect = TerminalRedirect(step.redirect)
        problem = self._redirect.open()
        if problem:
            self._redirect = None
        self._answer(step, problem)

    def _write(self, data: bytes, _destination: Redirect | None) -> None:
        if self._redirect is not None:
            self._redirect.write(data)
