"""File operations beside the event loop, which a FIFO or a slow file system would block."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from ..session import CloseRedirect, OpenRedirect, ReadFile
from ..storage import FileReader
from .background import run_in_thread

FileStep = ReadFile | OpenRedirect | CloseRedirect


class FileOperations:
    """Runs the operations of steps. `answer` receives each step with its result, unless it is stopped."""

    def __init__(self, *, answer: Callable[[FileStep, object], None]) -> None:
        self._answer = answer
        self._running: dict[int, tuple[FileStep, asyncio.Task[None]]] = {}

    def start(self, step: FileStep, work: Coroutine[Any, Any, object]) -> None:
        """Start an operation whose result is the answer to the step."""
        self._running[id(step)] = step, asyncio.ensure_future(self._run(step, work))

    def stop(self, step: FileStep) -> None:
        """Stop the operation of a step, if there is one."""
        _, task = self._running.pop(id(step), (None, None))
        if task is not None:
            task.cancel()

    def read(self, step: ReadFile) -> None:
        """Read a file."""
        self.start(step, _read(step.path))

    async def _run(self, step: FileStep, work: Coroutine[Any, Any, object]) -> None:
        answer = await work
        del self._running[id(step)]
        self._answer(step, answer)


async def _read(path: str) -> bytes | OSError:
    try:
        reader = await run_in_thread(partial(_open, path), discard=FileReader.close)
        try:
            while not reader.has_ended:
                await _wait_until_readable(reader)
                reader.read()
            return reader.data
        finally:
            reader.close()
    except OSError as error:
        return error


def _open(path: str) -> FileReader:
    """Open a file, and read it if that cannot wait for another process."""
    reader = FileReader(path, is_interactive=True)
    while reader.is_regular and not reader.has_ended:
        reader.read()
    return reader


async def _wait_until_readable(reader: FileReader) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    try:
        loop.add_reader(reader.fileno(), ready.set)
    except PermissionError:  # a device that is always readable, such as /dev/zero
        await asyncio.sleep(0)
        return
    try:
        await ready.wait()
    finally:
        loop.remove_reader(reader.fileno())


async def wait_until_writable(descriptor: int) -> None:
    """Wait until a descriptor, not that of a regular file, accepts data."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_writer(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_writer(descriptor)
