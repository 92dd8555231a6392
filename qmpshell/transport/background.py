"""Helpers for an event loop: blocking calls in threads, and waits for descriptors and for a time.

The shell can end while such a call hangs, which asyncio's own threads do not allow.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from ..errors import ConnectError
from .address import Address
from .connect import connect_with_retries
from .stream import Stream

T = TypeVar("T")


def run_in_thread(
    call: Callable[[], T], *, discard: Callable[[T], None] = lambda _: None
) -> asyncio.Future[T]:
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


class DescriptorWatch:
    """Calls a function whenever one of the `watched` descriptors is ready."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self.watched: Mapping[int, bool] = {}

    def update(self, waits_for: Mapping[int, bool]) -> None:
        """Wait for these descriptors: True if it must be writable, False if readable."""
        loop = asyncio.get_running_loop()
        for descriptor, is_writing in self.watched.items():
            (loop.remove_writer if is_writing else loop.remove_reader)(descriptor)
        self.watched = dict(waits_for)
        for descriptor, is_writing in waits_for.items():
            (loop.add_writer if is_writing else loop.add_reader)(descriptor, self._call)


class Timer:
    """Calls a function once, at the time that was set last."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self._handle: asyncio.TimerHandle | None = None

    @property
    def due(self) -> float | None:
        """When the function will be called, by the clock of the loop, or None."""
        return None if self._handle is None else self._handle.when()

    def set(self, seconds: float | None) -> None:
        """Call the function in this time, or with None not at all."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if seconds is not None:
            self._handle = asyncio.get_running_loop().call_later(seconds, self._on_time)

    def _on_time(self) -> None:
        self._handle = None
        self._call()


async def wait_for_any(waits_for: Mapping[int, bool]) -> None:
    """Wait for one of the descriptors, as a DescriptorWatch."""
    ready = asyncio.Event()
    watch = DescriptorWatch(ready.set)
    try:
        watch.update(waits_for)
        await ready.wait()
    finally:
        watch.update({})


async def connect_in_background(address: Address, *, wait: float | None) -> Stream:
    """Connect like `connect_with_retries`, which blocks for host names, handshakes and pauses."""
    is_cancelled = threading.Event()

    def sleep(seconds: float) -> None:
        if is_cancelled.wait(seconds):
            raise ConnectError(f"{address}: cancelled")

    opening = run_in_thread(
        lambda: connect_with_retries(address, wait=wait, clock=time.monotonic, sleep=sleep),
        discard=lambda stream: stream.close(),
    )
    try:
        return await opening
    except asyncio.CancelledError:
        is_cancelled.set()
        if not opening.cancelled() and opening.exception() is None:
            opening.result().close()
        raise
