"""The program at a pseudo-terminal with a model of the screen."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import struct
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import pexpect
import pyte
from pyte.screens import StaticDefaultDict
from wcwidth import wcwidth

from .program import COMMAND, environment

_TIMEOUT = 60.0  # seconds
_READ_TIMEOUT = 10.0  # seconds


class _Screen(pyte.HistoryScreen):
    """A screen that answers queries for the cursor position."""

    def __init__(self, columns: int, rows: int, *, answer: Callable[[str], None]) -> None:
        super().__init__(columns, rows, history=10_000)
        self._answer = answer

    def write_process_input(self, data: str) -> None:
        self._answer(data)

    def resize(self, lines: int | None = None, columns: int | None = None) -> None:
        """Change the size like xterm, which cuts lines and keeps the cursor in the window."""
        super().resize(lines, columns)
        self.cursor.x = min(self.cursor.x, self.columns - 1)

    def wrap_again(self, columns: int) -> None:
        """Change the width like terminals that wrap the lines on the screen again."""
        cursor, rows = self.cursor, list[list[Any]]()
        for y in range(self.lines):
            cells = [self.buffer[y][x] for x in range(self.columns)]
            while cells and cells[-1] == self.default_char:
                cells.pop()
            if y == cursor.y:
                cells += [self.default_char] * (cursor.x + 1 - len(cells))
                before = _wrap(cells[: cursor.x + 1], columns)
                position = (len(rows) + len(before) - 1, len(before[-1]) - 1)
            rows += _wrap(cells, columns)
        while len(rows) > self.lines and not rows[-1]:
            rows.pop()
        gone = max(len(rows) - self.lines, 0)
        for row in rows[:gone]:
            line: StaticDefaultDict[int, Any] = StaticDefaultDict(self.default_char)
            line.update(enumerate(row))
            self.history.top.append(line)
        self.resize(self.lines, columns)
        for y, row in enumerate(rows[gone:]):
            self.buffer[y].clear()
            self.buffer[y].update(enumerate(row))
        self.cursor.y, self.cursor.x = max(position[0] - gone, 0), position[1]


def _wrap(cells: list[Any], columns: int) -> list[list[Any]]:
    """Return rows with the cells. The second half of a wide character is an empty cell."""
    rows: list[list[Any]] = [[]]
    for at, cell in enumerate(cells):
        is_wide = at + 1 < len(cells) and not cells[at + 1].data
        if len(rows[-1]) + 1 + is_wide > columns:
            rows.append([])
        rows[-1].append(cell)
    return rows


def _text_of(cells: StaticDefaultDict[int, Any], columns: range) -> str:
    """Return the text of a row; the cell after a wide character has none."""
    text = ""
    end = max(cells, default=-1)
    is_stub = False
    for x in columns[: end + 1]:
        data = "" if is_stub else cells[x].data
        is_stub = data > "\x7f" and wcwidth(data[0]) == 2
        text += data
    return text


class Terminal:
    """The program at a terminal of the given size.

    `screen` is the screen model, `raw` holds all bytes that the program wrote, `modes_before` is
    the value of `modes` before the program started.
    """

    def __init__(
        self,
        *arguments: str,
        columns: int = 100,
        rows: int = 24,
        command: tuple[str, ...] = COMMAND,
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.screen = _Screen(columns, rows, answer=self.type_at_once)
        self._stream = pyte.ByteStream(self.screen)
        self.child: pexpect.spawn[bytes] = pexpect.spawn(
            command[0],
            [*command[1:], *arguments],
            dimensions=(rows, columns),
            # Menus would contain the descriptions of the manual that happens to be installed.
            env=environment(
                **{"TERM": "xterm", "LC_ALL": "C.UTF-8", "MANPATH": "/nonexistent", **variables}
            ),
            timeout=_TIMEOUT,
        )
        self.modes_before = self.modes
        self.child.delaybeforesend = None
        vars(self.child)["ptyproc"].delayafterclose = 0
        # The screen lines since the last change, because conditions read them many times.
        self._lines: list[str] | None = None
        self.raw = b""
        # The process that reads the last Tab, and how many bytes it has read then.
        self._read_after_tab: tuple[int, int] | None = None

    @property
    def modes(self) -> list[Any]:
        """Return the terminal attributes, as `stty -a` prints them."""
        return termios.tcgetattr(self.child.child_fd)

    @property
    def lines(self) -> list[str]:
        """Return the screen lines without trailing blanks; toolbar rows are empty."""
        if self._lines is None:
            toolbar = self._toolbar_rows
            self._lines = ["" if y in toolbar else line for y, line in enumerate(self._all_lines)]
        return list(self._lines)

    @property
    def toolbar(self) -> str:
        """Return the text of the bottom toolbar, with its rows joined by blanks."""
        return " ".join(self._all_lines[y].strip() for y in self._toolbar_rows)

    @property
    def _all_lines(self) -> list[str]:
        # The property `display` of pyte needs several milliseconds.
        buffer, columns = self.screen.buffer, range(self.screen.columns)
        return [_text_of(buffer[y], columns).rstrip() for y in range(self.screen.lines)]

    @property
    def _toolbar_rows(self) -> range:
        """Return the last non-empty rows that are in reverse video from the first blank.

        After the terminal was widened, the right part of these rows is not drawn yet.
        """
        end = self.screen.lines
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
        line = self.screen.buffer[y]
        return [line[x] for x in range(self.screen.columns)]

    def _is_drawn(self, cell: Any) -> bool:
        return bool(cell.reverse) or cell.data != " "

    @property
    def text(self) -> str:
        return "\n".join(self.lines).rstrip()

    @property
    def current(self) -> str:
        """Return the line with the cursor."""
        return self.lines[self.screen.cursor.y]

    @property
    def above(self) -> list[str]:
        """Return the lines above the cursor, nearest first."""
        return self.lines[: self.screen.cursor.y][::-1]

    def colour_of(self, text: str) -> str:
        """Return the color of the first character of the first occurrence of `text`."""
        for y, line in enumerate(self._all_lines):
            if text in line:
                return str(self.screen.buffer[y][line.index(text)].fg)
        raise AssertionError(f"no {text!r} on the screen:\n{self.text}")

    @property
    def history(self) -> list[str]:
        """Return the lines on the screen and the lines that scrolled off."""
        columns = range(self.screen.columns)
        left = ["".join(line[x].data for x in columns).rstrip() for line in self.screen.history.top]
        return left + self.lines

    def type(self, keys: str) -> None:
        """Send keys. Text after a Tab is sent when the program has read the Tab."""
        # A Tab in a long text that arrives at once is pasted, so that it completes nothing.
        parts = re.findall(r"[^\t]{0,40}\t|[^\t]{1,40}(?=[^\t]*\t)|[^\t]+", keys)
        for part in parts:
            self._wait_until_tab_is_read()
            reader = self._reader()
            before = self._bytes_read(reader)
            sent = self.child.send(part)
            if part.endswith("\t") or part is not parts[-1]:
                self._read_after_tab = reader, before + sent

    def _wait_until_tab_is_read(self) -> None:
        """Wait until the program has read the last Tab, unless it reads nothing now."""
        last, self._read_after_tab = self._read_after_tab, None
        if last is None:
            return
        reader, wanted = last
        deadline = time.monotonic() + _READ_TIMEOUT
        while time.monotonic() < deadline:
            if not self._pump() or self._reader() != reader:
                break
            if self._bytes_read(reader) >= wanted and not self._bytes_waiting():
                break

    def _reader(self) -> int:
        """Return the process that may read from the terminal, or 0."""
        try:
            return os.tcgetpgrp(self.child.child_fd)
        except OSError:
            return 0

    def wait_until_it_waits(self) -> None:
        """Wait until the program has read all input that the kernel has, and waits for events."""
        self.wait(
            lambda: not self._bytes_waiting() and self._is_waiting() and not self._bytes_waiting(),
            "program that waits",
        )

    def _is_waiting(self) -> bool:
        process = Path(f"/proc/{self.child.pid}")
        if process.joinpath("stat").read_text().rpartition(")")[2].split()[0] != "S":
            return False
        # It may only wait until another thread releases the interpreter lock.
        return not process.joinpath("wchan").read_text().startswith("futex")

    def _bytes_waiting(self) -> int:
        """Return how many typed bytes the program has not read yet."""
        terminal = os.open(f"/proc/{self.child.pid}/fd/0", os.O_RDWR | os.O_NOCTTY)
        try:
            (count,) = struct.unpack("i", fcntl.ioctl(terminal, termios.FIONREAD, bytes(4)))
        finally:
            os.close(terminal)
        return int(count)

    def _bytes_read(self, reader: int) -> int:
        """Return how many bytes a process has read so far, from the terminal and from files."""
        try:
            fields = Path(f"/proc/{reader}/io").read_text("ascii").split()
        except OSError:
            return 0
        return int(fields[fields.index("rchar:") + 1])

    def type_at_once(self, keys: str) -> None:
        """Send keys as a terminal without bracketed paste sends pasted text."""
        self.child.send(keys)

    def paste(self, text: str) -> None:
        """Send text as a terminal sends pasted text."""
        self.type(f"\x1b[200~{text}\x1b[201~")

    def line(self, text: str) -> None:
        """Type a line and Enter."""
        self.type(text + "\r")

    def resize(
        self, columns: int, rows: int, *, wraps: bool = False, through: tuple[int, ...] = ()
    ) -> None:
        """Change the size of the window. With `wraps`, the terminal wraps its lines again.

        The window has the widths in `through` before, as while a user drags its edge.
        """
        self._read_pending_output()
        for width in through:
            if not wraps:
                self.screen.resize(rows, width)
            self.child.setwinsize(rows, width)
        if wraps:
            self.screen.wrap_again(columns)
        self._lines = None
        self.screen.resize(rows, columns)
        self.child.setwinsize(rows, columns)

    def _read_pending_output(self) -> None:
        """Read what the program draws until it waits: after the resize it would be misplaced.

        The program has then read the position of the cursor, which it asks for.
        """
        before = -1
        while len(self.raw) > before:
            before = len(self.raw)
            self.wait_until_it_waits()
            self._pump()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program."""
        self.child.kill(number)

    def _pump(self) -> bool:
        """Read pending output; return True if the program is running."""
        try:
            data = self.child.read_nonblocking(65536, timeout=0.05)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.raw += data
        self._lines = None
        self._stream.feed(data)
        return True

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _TIMEOUT
        while not condition():
            alive = self._pump()
            if condition():
                return
            if not alive or time.monotonic() > deadline:
                below = f"\n[{self.toolbar}]" if self.toolbar else ""
                raise AssertionError(f"no {what} on the screen:\n{self.text}{below}")

    def wait_for(self, text: str) -> None:
        """Wait until `text` is on the screen."""
        self.wait(lambda: text in self.text, repr(text))

    def wait_toolbar(self, *texts: str) -> None:
        """Wait until the toolbar contains all of `texts`."""
        self.wait(lambda: all(text in self.toolbar for text in texts), f"toolbar with {texts}")

    def wait_toolbar_time(self, text: str, seconds: int) -> None:
        """Wait until the toolbar contains `text` and at least this time, such as "2 s"."""

        def is_shown() -> bool:
            found = re.search(re.escape(text) + r", (\d+) s", self.toolbar)
            return found is not None and int(found[1]) >= seconds

        self.wait(is_shown, f"toolbar with {text}, {seconds} s")

    def wait_prompt(self, prompt: str = "(QEMU)") -> None:
        """Wait until the cursor is behind an empty prompt."""
        column = len(prompt) + 1
        self.wait(
            lambda: self.current == prompt and self.screen.cursor.x == column,
            f"empty prompt {prompt}",
        )

    def wait_ready(self, prompt: str = "(QEMU)") -> None:
        """Wait until the banner and a prompt below it are shown."""
        self.wait_for("Ctrl-D leaves the shell")
        self.wait_prompt(prompt)

    def wait_above(self, *texts: str, prompt: str = "(QEMU)") -> None:
        """Wait until lines with these texts are directly above an empty prompt."""
        self.wait(
            lambda: (
                self.current == prompt
                and len(self.above) >= len(texts)
                and all(map(str.__contains__, self.above, reversed(texts)))
            ),
            f"empty prompt below {texts}",
        )

    def end(self) -> int:
        """Wait until the program exits; return its exit status."""
        deadline = time.monotonic() + _TIMEOUT
        while self._pump():
            if time.monotonic() > deadline:
                raise AssertionError(f"the program does not end:\n{self.text}")
        self.child.wait()
        if self.child.exitstatus is None:
            raise AssertionError(f"ended by signal {self.child.signalstatus}")
        return int(self.child.exitstatus)

    def leave(self) -> int:
        """Type q, Ctrl-C and Ctrl-D, which end pagers, waits and the shell; return the exit status."""
        deadline = time.monotonic() + _TIMEOUT
        typed_at = 0.0
        while self._pump():
            now = time.monotonic()
            if now > deadline:
                raise AssertionError(f"the program does not end:\n{self.text}")
            if now > typed_at + 0.5:
                self.type("q\x03\x04")
                typed_at = now
        return self.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        # After the end of the output, `isalive` would wait for the end of the program.
        if not self.child.terminated:
            assert self.child.pid is not None
            os.kill(self.child.pid, signal.SIGKILL)
            self.child.wait()
        self.child.close(force=True)
        _, found, rest = self.raw.partition(b"Traceback")
        assert not found, f"{self.text}\nTraceback{rest[:5_000].decode(errors='replace')}"
