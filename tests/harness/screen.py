"""A terminal with a screen model, and the program in it.

Owns: a pty, the keys that go in, and the screen that comes out. It waits for what a person would wait
for, never for a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Self

import pexpect
import pyte

from .program import COMMAND, environment

_PATIENCE = 15.0


class Terminal:
    """The program at a terminal of so many columns and rows."""

    def __init__(
        self,
        *arguments: str,
        columns: int = 80,
        rows: int = 24,
        command: tuple[str, ...] = COMMAND,
        **env: str,
    ) -> None:
        self.screen = pyte.HistoryScreen(columns, rows, history=10_000)
        self._stream = pyte.ByteStream(self.screen)
        self.child: pexpect.spawn[bytes] = pexpect.spawn(
            command[0],
            [*command[1:], *arguments],
            dimensions=(rows, columns),
            env=environment(**({"TERM": "xterm", "LC_ALL": "C.UTF-8"} | env)),
            timeout=_PATIENCE,
        )
        self.child.delaybeforesend = None
        self.raw = b""

    @property
    def lines(self) -> list[str]:
        """What the screen shows, without blanks at the ends."""
        return [line.rstrip() for line in self.screen.display]

    @property
    def text(self) -> str:
        return "\n".join(self.lines).rstrip()

    @property
    def current(self) -> str:
        """The line with the cursor."""
        return self.lines[self.screen.cursor.y]

    def type(self, keys: str) -> None:
        self.child.send(keys)

    def line(self, text: str) -> None:
        """Type a line and Enter."""
        self.type(text + "\r")

    def _pump(self) -> bool:
        """Take what has come; whether the program still runs."""
        try:
            data = self.child.read_nonblocking(65536, timeout=0.05)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.raw += data
        # A terminal answers when it is asked where the cursor is.
        for _ in range(data.count(b"\x1b[6n")):
            self.child.send(f"\x1b[{self.screen.cursor.y + 1};{self.screen.cursor.x + 1}R")
        self._stream.feed(data)
        return True

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not condition():
            alive = self._pump()
            if condition():
                return
            if not alive or time.monotonic() > deadline:
                raise AssertionError(f"no {what} on the screen:\n{self.text}")

    def wait_for(self, text: str) -> None:
        """Until `text` is on the screen."""
        self.wait(lambda: text in self.text, repr(text))

    def wait_prompt(self, prompt: str = "(QEMU)") -> None:
        """Until the cursor stands behind an empty prompt."""
        self.wait(lambda: self.current == prompt, f"empty prompt {prompt}")

    def end(self) -> int:
        """Wait for the program's end; its exit status."""
        deadline = time.monotonic() + _PATIENCE
        while self._pump():
            if time.monotonic() > deadline:
                raise AssertionError(f"the program does not end:\n{self.text}")
        self.child.close()
        if self.child.exitstatus is None:
            raise AssertionError(f"ended by signal {self.child.signalstatus}")
        return int(self.child.exitstatus)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.child.close(force=True)
