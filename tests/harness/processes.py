"""Functions that find and kill processes by a unique word of their command line."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_TIMEOUT = 60.0  # seconds


def find(mark: str) -> list[int]:
    """Return the ids of the running processes that have `mark` as a word of their command line."""
    found = []
    for directory in Path("/proc").iterdir():
        if directory.name.isdecimal():
            with contextlib.suppress(OSError):
                words = (directory / "cmdline").read_bytes().split(b"\0")
                state = (directory / "stat").read_text().rpartition(")")[2].split()[0]
                if mark.encode() in words and state not in "ZX":
                    found.append(int(directory.name))
    return found


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


@contextlib.contextmanager
def killed_afterwards(mark: str) -> Iterator[None]:
    """Kill all processes with the mark at the end of the block."""
    try:
        yield
    finally:
        for pid in find(mark):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
