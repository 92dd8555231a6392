"""Checks of waiting times that also hold on a slow, busy machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_MEASUREMENTS = 5


@contextmanager
def sleeps_less_than(seconds: float) -> Iterator[None]:
    """Assert that this thread sleeps for less time than this in the block.

    The time that it runs, or is ready to run but waits for a processor, does not count.
    """
    start = _sleep_clock()
    yield
    slept = _sleep_clock() - start
    assert slept < seconds, f"slept for {slept:.3f} s"


def _sleep_clock() -> float:
    """Return a time in seconds that only passes while this thread sleeps."""
    try:
        running, ready, _ = Path("/proc/thread-self/schedstat").read_text("ascii").split()
    except FileNotFoundError:  # a kernel without these statistics
        return time.monotonic() - time.thread_time()
    return time.monotonic() - (int(running) + int(ready)) / 1e9


def takes_less_than(seconds: float, action: Callable[[], object]) -> bool:
    """Return True if an action takes less time than this, at least once in several attempts.

    Use it for the time of other processes; they may have waited for a processor.
    """
    for _ in range(_MEASUREMENTS):
        start = time.monotonic()
        action()
        if time.monotonic() - start < seconds:
            return True
    return False
