"""Blocking calls in threads, reconnecting, and the output of a server that qmpshell has started.

The shell can end while such a call hangs, which asyncio's own threads do not allow.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import termios
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol, TypeVar

from ..transport import Stream

T = TypeVar("T")


def run_in_thread(call: Callable[[], T], *, discard: Callable[[T], None]) -> asyncio.Future[T]:
    """Return the result of `call` as a future. If it is cancelled, `discard` receives the result."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def succeed(result: T) -> None:
        if future.cancelled():
            discard(result)
        else:
            future.set_result(result)

    def fail(error: Exception) -> None:
        if not future.cancelled():
            future.set_exception(error)

    def work() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            try:
                result = call()
            except Exception as error:
                loop.call_soon_threadsafe(fail, error)
            else:
                loop.call_soon_threadsafe(succeed, result)

    threading.Thread(target=work, daemon=True).start()
    return future


class Reconnector:
    """Reconnects in a thread.

    `connect` opens the stream to an address, or with None to the same one again, and returns its
    name; it may raise any exception. `connected` receives both, `failed` the reason.
    """

    def __init__(
        self,
        connect: Callable[[str | None], tuple[Stream, str]],
        *,
        connected: Callable[[Stream, str], None],
        failed: Callable[[str], None],
    ) -> None:
        self._connect = connect
        self._connected = connected
        self._failed = failed
        self._attempt: asyncio.Task[None] | None = None

    def start(self, text: str | None) -> None:
        """Start an attempt to connect, and cancel the previous one."""
        self._start(
            run_in_thread(partial(self._connect, text), discard=lambda opened: opened[0].close())
        )

    def restart(self, child_server: ChildServer) -> None:
        """End a child server, start it again, and connect to it."""
        self._start(_restart(child_server))

    def _start(self, opening: Awaitable[tuple[Stream, str]]) -> None:
        self.cancel()
        self._attempt = asyncio.ensure_future(self._try(opening))

    def cancel(self) -> bool:
        """Cancel the attempt. Return True if there was one."""
        if self._attempt is None:
            return False
        self._attempt.cancel()
        return True

    async def _try(self, opening: Awaitable[tuple[Stream, str]]) -> None:
        try:
            stream, address = await opening
        except asyncio.CancelledError:
            self._end("not connected")
        except Exception as error:  # whatever it is, the shell must not wait forever
            self._end(str(error))
        else:
            self._attempt = None
            self._connected(stream, address)

    def _end(self, reason: str) -> None:
        if self._attempt is asyncio.current_task():
            self._attempt = None
            self._failed(reason)


class ChildProcess(Protocol):
    """A process with output. Its descriptors are None if there is nothing to wait for.

    `address` is the address of its monitor.
    """

    address: str

    @property
    def output_descriptor(self) -> int | None:
        """The descriptor that is readable if there is output, or None."""

    @property
    def end_descriptor(self) -> int | None:
        """The descriptor that is readable after the end, or None."""

    def read_output(self) -> str:
        """Return the output since the last call. Never blocks."""

    def read_rest(self) -> str:
        """Return the remaining output after its end."""

    def poll(self) -> int | None:
        """Return None while it runs."""

    def describe_end(self) -> str:
        """Describe how it ended."""


class ChildServer(Protocol):
    """A server that qmpshell has started."""

    @property
    def process(self) -> ChildProcess:
        """Its current process."""

    @property
    def keep(self) -> bool:
        """Whether it continues when the shell exits."""

    def end_question(self) -> str:
        """Return a sentence that says that it will be ended, or "" if that loses nothing."""

    def end(self) -> None:
        """End the process, which may take a while."""

    def start(self) -> tuple[Stream, str]:
        """Start a new process. Return a stream to it, and its name. Raises QmpShellError."""


async def _restart(child_server: ChildServer) -> tuple[Stream, str]:
    await run_in_thread(child_server.end, discard=lambda _: None)
    # Not in a thread: Linux would end the process when the thread that started it ends.
    return child_server.start()


class ChildWatcher:
    """Watches a child server. `show` receives its output; `ended` is called at its end.

    Call `show_output` on SIGCHLD.
    """

    def __init__(
        self,
        child_server: ChildServer,
        *,
        show: Callable[[str], None],
        ended: Callable[[], None],
    ) -> None:
        self._child_server = child_server
        self._show = show
        self._ended = ended
        self._watched: list[int] = []

    def start(self) -> None:
        """Start to watch."""
        loop = asyncio.get_running_loop()
        process = self._child_server.process
        for descriptor in (process.output_descriptor, process.end_descriptor):
            if descriptor is not None:
                loop.add_reader(descriptor, self.show_output)
                self._watched.append(descriptor)

    def show_output(self) -> None:
        """Show new output."""
        if not self._watched:
            return
        process = self._child_server.process
        if process.poll() is not None:
            self.close()
            self._show_output(process.read_rest())
            self._ended()
            return
        self._show_output(process.read_output())
        loop = asyncio.get_running_loop()
        for descriptor in self._watched[:]:
            if descriptor not in (process.output_descriptor, process.end_descriptor):
                # The server has closed its output, and the descriptor is closed.
                loop.remove_reader(descriptor)
                self._watched.remove(descriptor)

    def close(self) -> None:
        """Stop watching."""
        loop = asyncio.get_running_loop()
        for descriptor in self._watched:
            loop.remove_reader(descriptor)
        self._watched.clear()

    def _show_output(self, text: str) -> None:
        if text:
            self._show(text)


def is_terminal_gone(error: BaseException) -> bool:
    """Return True if an operation failed because the terminal's window was closed."""
    gone = (errno.EIO, errno.ENXIO, errno.ENOTTY)
    if isinstance(error, termios.error):
        return bool(error.args) and error.args[0] in gone
    return isinstance(error, OSError) and error.errno in gone
