"""A program at a pseudo-terminal, with the time of each change of its screen."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import sys
import termios
import time
from collections.abc import Callable
from typing import Self

import pyte

from .measure import environment

PROMPT = "(QEMU) "
_BARE = f"""
import asyncio
from prompt_toolkit import PromptSession
async def main():
    await PromptSession().prompt_async({PROMPT!r})
asyncio.run(main())
"""
# The minimum that any prompt_toolkit shell does.
BARE = [sys.executable, "-c", _BARE]

COLUMNS, ROWS = 100, 30
_TIMEOUT = 30.0  # seconds


class _Screen(pyte.Screen):
    """A screen that answers queries for the cursor position."""

    def __init__(self, answer: Callable[[str], None]) -> None:
        super().__init__(COLUMNS, ROWS)
        self._answer = answer

    def write_process_input(self, data: str) -> None:
        self._answer(data)


class Terminal:
    """Start `command`; `began` is its start time on the monotonic clock."""

    def __init__(self, command: list[str]) -> None:
        self._screen = _Screen(self.type)
        self._stream = pyte.ByteStream(self._screen)
        variables = environment() | {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (ROWS, COLUMNS))
        self.began = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.login_tty(slave)
                os.chdir("/")
                os.execve(command[0], command, variables)
            finally:
                os._exit(127)
        os.close(slave)

    @property
    def typed(self) -> str:
        """Return the cursor's line up to the cursor."""
        cursor = self._screen.cursor
        line = self._screen.buffer[cursor.y]
        return "".join(line[x].data for x in range(cursor.x))

    @property
    def text(self) -> str:
        """Return the text on the screen."""
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip()

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def watch(self, until: float) -> bool:
        """Read the next output; return True if it arrived before the time `until`."""
        ready, _, _ = select.select([self._master], [], [], max(0.0, until - time.monotonic()))
        if ready:
            self._stream.feed(os.read(self._master, 1 << 16))
        return bool(ready)

    def wait(self, condition: Callable[[], bool]) -> float:
        """Wait until `condition` holds; return that time."""
        deadline = time.monotonic() + _TIMEOUT
        while not condition():
            if not self.watch(deadline):
                raise TimeoutError(f"what was waited for does not come:\n{self.text}")
        return time.monotonic()

    @property
    def memory(self) -> int:
        """Return the resident memory in bytes."""
        with open(f"/proc/{self.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    @property
    def processor_times(self) -> tuple[float, float]:
        """Return the seconds on a processor, and those of waiting for one while others used it."""
        with open(f"/proc/{self.pid}/schedstat", encoding="ascii") as file:
            work, waits, _ = map(int, file.read().split())
        return work / 1e9, waits / 1e9

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            while os.read(self._master, 1 << 16):
                pass
        os.close(self._master)
        os.waitpid(self.pid, 0)
