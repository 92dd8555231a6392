"""A terminal with a screen model, and the program in it.

Owns: a pty, the keys that go in, and the screen that comes out. It waits for what a person would wait
for, never for a time.
"""

from __future__ import annotations

import signal
import termios
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Self

import pexpect
import pyte

from .program import COMMAND, environment

_PATIENCE = 15.0


class _Screen(pyte.HistoryScreen):
    """A screen that answers when it is asked where the cursor is."""

    def __init__(self, columns: int, rows: int, *, answer: Callable[[str], None]) -> None:
        super().__init__(columns, rows, history=10_000)
        self._answer = answer

    def write_process_input(self, data: str) -> None:
        self._answer(data)


class Terminal:
    """The program at a terminal of so many columns and rows.

    `screen` is what it shows, `raw` every byte that the program wrote, `modes_before` what `modes`
    were when the program began.
    """

    def __init__(
        self,
        *arguments: str,
        columns: int = 100,
        rows: int = 24,
        command: tuple[str, ...] = COMMAND,
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.screen = _Screen(columns, rows, answer=self.type)
        self._stream = pyte.ByteStream(self.screen)
        self.child: pexpect.spawn[bytes] = pexpect.spawn(
            command[0],
            [*command[1:], *arguments],
            dimensions=(rows, columns),
            env=environment(**{"TERM": "xterm", "LC_ALL": "C.UTF-8", **variables}),
            timeout=_PATIENCE,
        )
        self.modes_before = self.modes
        self.child.delaybeforesend = None
        self.raw = b""

    @property
    def modes(self) -> list[Any]:
        """How the terminal is set: what `stty -a` shows."""
        return termios.tcgetattr(self.child.child_fd)

    @property
    def lines(self) -> list[str]:
        """What the screen shows, without blanks at the ends; the rows of the toolbar are empty."""
        toolbar = self._toolbar_rows
        return ["" if y in toolbar else line for y, line in enumerate(self._all_lines)]

    @property
    def toolbar(self) -> str:
        """What the toolbar at the bottom says, its rows joined by blanks."""
        return " ".join(self._all_lines[y].strip() for y in self._toolbar_rows)

    @property
    def _all_lines(self) -> list[str]:
        return [line.rstrip() for line in self.screen.display]

    @property
    def _toolbar_rows(self) -> range:
        """The last rows that are not empty, as far as they are in reverse video from the first blank
        on; where the terminal was made wider, the rest of them is not drawn yet."""
        end = len(self.screen.display)
        while end and not any(map(self._is_drawn, self._cells(end - 1))):
            end -= 1
        start = end
        while start and self._is_toolbar(self._cells(start - 1)):
            start -= 1
        return range(start, end)

    def _is_toolbar(self, cells: list[Any]) -> bool:
        begins = bool(cells[0].reverse) and cells[0].data == " "
        return begins and all(cell.reverse for cell in cells if cell.data != " ")

    def _cells(self, y: int) -> list[Any]:
        return [self.screen.buffer[y][x] for x in range(self.screen.columns)]

    def _is_drawn(self, cell: Any) -> bool:
        return bool(cell.reverse) or cell.data != " "

    @property
    def text(self) -> str:
        return "\n".join(self.lines).rstrip()

    @property
    def current(self) -> str:
        """The line with the cursor."""
        return self.lines[self.screen.cursor.y]

    @property
    def above(self) -> list[str]:
        """The lines above the cursor, the nearest first."""
        return self.lines[: self.screen.cursor.y][::-1]

    def colour_of(self, text: str) -> str:
        """The colour in which `text` begins, where it stands first on the screen."""
        for y, line in enumerate(self.screen.display):
            if text in line:
                return str(self.screen.buffer[y][line.index(text)].fg)
        raise AssertionError(f"no {text!r} on the screen:\n{self.text}")

    @property
    def history(self) -> list[str]:
        """What the screen shows and what has left it at the top."""
        columns = range(self.screen.columns)
        left = ["".join(line[x].data for x in columns).rstrip() for line in self.screen.history.top]
        return left + self.lines

    def type(self, keys: str) -> None:
        self.child.send(keys)

    def paste(self, text: str) -> None:
        """What a terminal sends when text is pasted into it."""
        self.type(f"\x1b[200~{text}\x1b[201~")

    def line(self, text: str) -> None:
        """Type a line and Enter."""
        self.type(text + "\r")

    def resize(self, columns: int, rows: int) -> None:
        self.screen.resize(rows, columns)
        self.child.setwinsize(rows, columns)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program."""
        self.child.kill(number)

    def _pump(self) -> bool:
        """Take what has come; whether the program still runs."""
        try:
            data = self.child.read_nonblocking(65536, timeout=0.05)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.raw += data
        self._stream.feed(data)
        return True

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not condition():
            alive = self._pump()
            if condition():
                return
            if not alive or time.monotonic() > deadline:
                below = f"\n[{self.toolbar}]" if self.toolbar else ""
                raise AssertionError(f"no {what} on the screen:\n{self.text}{below}")

    def wait_for(self, text: str) -> None:
        """Until `text` is on the screen."""
        self.wait(lambda: text in self.text, repr(text))

    def wait_toolbar(self, *texts: str) -> None:
        """Until the toolbar has all of `texts`."""
        self.wait(lambda: all(text in self.toolbar for text in texts), f"toolbar with {texts}")

    def wait_prompt(self, prompt: str = "(QEMU)") -> None:
        """Until the cursor stands behind an empty prompt."""
        column = len(prompt) + 1
        self.wait(
            lambda: self.current == prompt and self.screen.cursor.x == column,
            f"empty prompt {prompt}",
        )

    def wait_ready(self, prompt: str = "(QEMU)") -> None:
        """Until the banner is there, and below it a prompt."""
        self.wait_for("Ctrl-D leaves the shell;")
        self.wait_prompt(prompt)

    def wait_above(self, *texts: str, prompt: str = "(QEMU)") -> None:
        """Until right above an empty prompt stand lines with these texts."""
        self.wait(
            lambda: (
                self.current == prompt
                and len(self.above) >= len(texts)
                and all(map(str.__contains__, self.above, reversed(texts)))
            ),
            f"empty prompt below {texts}",
        )

    def end(self) -> int:
        """Wait for the program's end; its exit status."""
        deadline = time.monotonic() + _PATIENCE
        while self._pump():
            if time.monotonic() > deadline:
                raise AssertionError(f"the program does not end:\n{self.text}")
        self.child.wait()
        if self.child.exitstatus is None:
            raise AssertionError(f"ended by signal {self.child.signalstatus}")
        return int(self.child.exitstatus)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.child.isalive():
            self.child.kill(signal.SIGKILL)
        self.child.close(force=True)
        assert b"Traceback" not in self.raw, self.text
