"""Files and redirects beside the event loop, which a FIFO or a slow file system would block."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from functools import cached_property, partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from ..errors import OutputError, QmpShellError
from ..language import Redirect
from ..session import (
    CloseRedirect,
    FileStep,
    OpenFile,
    OpenRedirect,
    ReadFile,
    ShowDocument,
    ShowPicture,
    ShowReply,
    ShowResult,
)
from ..storage import FileReader, read_or_open
from ..transport import run_in_thread, wait_for_any
from .formatter import is_pager, overwrite_question, refusal_text
from .output import OutputView
from .prompt import PromptController
from .styles import Devices

if TYPE_CHECKING:
    from ..script import ScriptView
    from ..storage import RedirectTarget

# Seconds between two attempts to open a FIFO that has no reader.
_RETRY_AFTER = 0.05


class FileOperations:
    """Runs the operations of steps. `answer` receives each step with its result, unless it is stopped."""

    def __init__(self, *, answer: Callable[[FileStep, object], None]) -> None:
        self._answer = answer
        self._running: dict[int, tuple[FileStep, asyncio.Task[None]]] = {}

    def start(self, step: FileStep, work: Coroutine[Any, Any, object]) -> None:
        """Start an operation whose result is the answer to the step."""
        task = asyncio.ensure_future(self._run(step, work))
        # A task that is stopped at once does not start the work.
        task.add_done_callback(lambda _task: work.close())
        self._running[id(step)] = step, task

    def stop(self, step: FileStep) -> None:
        """Stop the operation of a step, if there is one."""
        _, task = self._running.pop(id(step), (None, None))
        if task is not None:
            task.cancel()

    def open(self, step: ReadFile | OpenFile) -> None:
        """Read or open a file."""
        self.start(step, _read(step.path) if isinstance(step, ReadFile) else _open(step))

    async def _run(self, step: FileStep, work: Coroutine[Any, Any, object]) -> None:
        answer = await work
        del self._running[id(step)]
        self._answer(step, answer)


async def _read(path: str) -> bytes | OSError:
    try:
        reader = await run_in_thread(
            partial(read_or_open, path, is_interactive=True), discard=FileReader.close
        )
        try:
            while not reader.has_ended:
                try:
                    await wait_for_any({reader.fileno(): False})
                except PermissionError:  # a device that is always readable, such as /dev/zero
                    await asyncio.sleep(0)
                reader.read()
            return reader.data
        finally:
            reader.close()
    except OSError as error:
        return error


async def _open(step: OpenFile) -> object:
    try:
        return await run_in_thread(step.call, discard=step.discard)
    except (OSError, QmpShellError) as error:
        return error


class RedirectController:
    """Handles redirects, one at a time, and shows in the pager what does not fit on the screen.

    `files` opens and writes the files. `answer` receives each step after it was performed, and the
    problem, or "".
    """

    def __init__(
        self,
        devices: Devices,
        prompt_controller: PromptController,
        display: OutputView,
        *,
        files: FileOperations,
        answer: Callable[[OpenRedirect | CloseRedirect, str], None],
    ) -> None:
        self._devices = devices
        self._prompt_controller = prompt_controller
        self._display = display
        self._files = files
        self._answer = answer
        self._redirect: Redirect | None = None
        # The open file. A command starts only after the last reply, because it needs the terminal.
        self._file: RedirectTarget | None = None
        self._parts: list[bytes] = []
        # The replies for a pager, laid out for the terminal.
        self._pages: list[Iterable[str]] = []
        self._is_wide = False
        # Whether a failure was shown. A command that would get no data is not run then.
        self._has_failed = False

    @cached_property
    def _view(self) -> ScriptView:
        """The view for redirected output, which looks like that of a script."""
        from ..script import ScriptView  # the first prompt does not need it

        return ScriptView(
            self._devices.settings, name="", out=self._write, err=self._display.show_error
        )

    def show(self, shown: ShowReply | ShowResult | ShowDocument | ShowPicture) -> bool:
        """Handle a reply, a result, a help document or a picture.

        Return True if it goes to a redirect, and False for a failure.
        """
        if shown.redirect is None or self._redirect is None:
            return False
        if isinstance(shown, ShowReply) and shown.is_failure:
            self._has_failed = True
            return False
        if isinstance(shown, ShowReply | ShowDocument) and is_pager(shown.redirect):
            text, is_wide = self._display.view.for_pager(shown, self._devices.theme)
            self._pages.append(text)
            self._is_wide |= is_wide
        else:
            self._view.show(shown)
        return True

    def open(self, step: OpenRedirect) -> None:
        """Open a redirect, after confirmation if a file would be overwritten."""
        self._files.start(step, self._open(step.redirect))

    async def _open(self, redirect: Redirect) -> str:
        """Open the file. Return the problem, or ""."""
        if not await self._may_overwrite(redirect):
            return refusal_text(redirect.text)
        self._parts, self._pages, self._is_wide = [], [], False
        self._has_failed = False
        if redirect.operator != "|":
            from ..storage import RedirectTarget  # the first prompt does not need it

            file = RedirectTarget(redirect, environment=self._devices.environment)
            try:
                while not file.start():
                    waits_for = file.waits_for
                    await (wait_for_any(waits_for) if waits_for else asyncio.sleep(_RETRY_AFTER))
            except OutputError as error:
                return str(error)
            finally:
                if not file.is_open:
                    file.stop()
            self._file = file
        self._redirect = redirect
        return ""

    async def _may_overwrite(self, redirect: Redirect) -> bool:
        path = os.path.expanduser(redirect.text)
        is_file = partial(os.path.isfile, path)
        if redirect.operator != ">" or not await run_in_thread(is_file):
            return True
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        async def ask() -> None:
            confirmed = await self._prompt_controller.confirm(overwrite_question(redirect.text))
            if not answer.done():
                answer.set_result(confirmed)

        self._prompt_controller.run_suspended(ask)
        return await answer

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
        programs = self._prompt_controller.foreground
        if self._pages:
            pages = chain(*self._pages)
            work = programs.page(pages, pager=redirect.text, is_wide=self._is_wide)
        else:
            work = programs.shell(redirect.text, b"".join(self._parts))
        await self._run_program(work)
        self._answer(step, "")

    def page(self, shown: ShowReply | ShowDocument) -> None:
        """Show what does not fit on the screen in the pager."""
        text, is_wide = self._display.view.for_pager(shown, self._devices.theme)
        programs, pager = self._prompt_controller.foreground, self._devices.settings.pager
        self._prompt_controller.run_suspended(
            lambda: self._run_program(programs.page(text, pager=pager, is_wide=is_wide))
        )

    async def _run_program(self, work: Awaitable[str]) -> None:
        self._display.flush()
        await self._prompt_controller.run_program(work)


async def _finish(file: RedirectTarget) -> str:
    """Write what the file has not accepted yet, such as a FIFO with a slow reader."""
    try:
        file.end()
        while file.problem is None:
            await wait_for_any(file.waits_for)
            file.flush()
        return file.problem
    finally:
        file.stop()
