"""File operations beside the event loop, which a FIFO or a slow file system would block."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from ..errors import QmpShellError
from ..session import FileStep, OpenFile, ReadFile
from ..storage import FileReader, read_or_open
from ..transport import run_in_thread


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

    def read(self, step: ReadFile) -> None:
        """Read a file."""
        self.start(step, _read(step.path))

    def open(self, step: OpenFile) -> None:
        """Open a file."""
        self.start(step, _open(step))

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
                await _wait_until_readable(reader)
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


async def _wait_until_readable(reader: FileReader) -> None:
    try:
        await wait_for_any({reader.fileno(): False})
    except PermissionError:  # a device that is always readable, such as /dev/zero
        await asyncio.sleep(0)


async def wait_for_any(waits_for: dict[int, bool]) -> None:
    """Wait for one of the descriptors: True if it must be writable, False if readable."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    try:
        for descriptor, is_writing in waits_for.items():
            (loop.add_writer if is_writing else loop.add_reader)(descriptor, ready.set)
        await ready.wait()
    finally:
        for descriptor, is_writing in waits_for.items():
            (loop.remove_writer if is_writing else loop.remove_reader)(descriptor)
