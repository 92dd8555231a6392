"""Calls that wait, beside the loop.

Owns: a thread for each, which nothing waits for: the shell can end while one hangs, as the loop's own
threads would not let it. Must not know: what is called.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import termios
import threading
from collections.abc import Callable
from functools import partial
from typing import Protocol, TypeVar

from ..transport import Stream

T = TypeVar("T")


def in_thread(call: Callable[[], T], *, unwanted: Callable[[T], None]) -> asyncio.Future[T]:
    """What `call` returns or raises. If that is cancelled before, `unwanted` is given the result."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def succeed(result: T) -> None:
        if future.cancelled():
            unwanted(result)
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


class Reconnecting:
    """`connect` opens the stream to an address, or with None to the same one again, says how it is named,
    and raises what it likes; it runs in a thread. `connected` is given both, `failed` why there is none."""

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

    def begin(self, text: str | None) -> None:
        self.cancel()
        self._attempt = asyncio.ensure_future(self._try(text))

    def cancel(self) -> bool:
        """Whether there was anything to cancel."""
        if self._attempt is None:
            return False
        self._attempt.cancel()
        return True

    async def _try(self, text: str | None) -> None:
        try:
            stream, address = await in_thread(
                partial(self._connect, text), unwanted=lambda opened: opened[0].close()
            )
        except asyncio.CancelledError:
            self._end("not connected")
        except Exception as error:  # whatever it is, the shell is not to wait for ever
            self._end(str(error))
        else:
            self._attempt = None
            self._connected(stream, address)

    def _end(self, reason: str) -> None:
        if self._attempt is asyncio.current_task():
            self._attempt = None
            self._failed(reason)


class Companion(Protocol):
    """A process with an output. Either descriptor may be None: nothing can be waited for, or no
    longer."""

    @property
    def output_descriptor(self) -> int | None: ...
    @property
    def end_descriptor(self) -> int | None: ...
    def read_output(self) -> str:
        """What it has written since the last call; never waits."""

    def rest_of_output(self) -> str:
        """All that is left when it has ended."""

    def poll(self) -> int | None:
        """None while it runs."""

    def describe_end(self) -> str:
        """How it ended, in words."""


class CompanionWatch:
    """`show` is given what it writes, `ended` how it ended. Call `look` on SIGCHLD."""

    def __init__(
        self, companion: Companion, *, show: Callable[[str], None], ended: Callable[[str], None]
    ) -> None:
        self._companion = companion
        self._show = show
        self._ended = ended
        self._watched: list[int] = []

    def begin(self) -> None:
        loop = asyncio.get_running_loop()
        for descriptor in (self._companion.output_descriptor, self._companion.end_descriptor):
            if descriptor is not None:
                loop.add_reader(descriptor, self.look)
                self._watched.append(descriptor)

    def look(self) -> None:
        """Show what is new."""
        if not self._watched:
            return
        if self._companion.poll() is not None:
            self.close()
            self._give(self._companion.rest_of_output())
            self._ended(self._companion.describe_end())
            return
        self._give(self._companion.read_output())
        loop = asyncio.get_running_loop()
        for descriptor in self._watched[:]:
            if descriptor not in (
                self._companion.output_descriptor,
                self._companion.end_descriptor,
            ):
                # It has closed its output, and that was closed here.
                loop.remove_reader(descriptor)
                self._watched.remove(descriptor)

    def close(self) -> None:
        loop = asyncio.get_running_loop()
        for descriptor in self._watched:
            loop.remove_reader(descriptor)
        self._watched.clear()

    def _give(self, text: str) -> None:
        if text:
            self._show(text)


def is_hang_up(error: BaseException) -> bool:
    """Whether reading, writing or setting the terminal failed because its window was closed."""
    gone = (errno.EIO, errno.ENXIO, errno.ENOTTY)
    if isinstance(error, termios.error):
        return bool(error.args) and error.args[0] in gone
    return isinstance(error, OSError) and error.errno in gone
