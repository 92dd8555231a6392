"""Programs that own the terminal for a while: pager, editor, system shell commands.

Each has its own process group, which gets the terminal, and is stopped and continued together with the
shell. Meanwhile the event loop runs, so that the server is read.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import tempfile
import termios
from asyncio import sleep
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import FileIO
from itertools import chain
from typing import IO

from ..transport import BACKGROUND_SIGNALS, set_foreground, signal_group, wait_for_any

_KILL_AFTER = 1.0  # seconds
# The system shell's exit status for a command that does not exist.
_NOT_FOUND = 127
# How much text is made before other events are handled, in bytes.
_CHUNK = 1 << 14
_MAX_SHOWN = 60
_COLOR = re.compile(r"\x1b\[[0-9;]*m")


class ForegroundProcess:
    """Runs one program at a time on the terminal `descriptor`, with the variables of `environment`.

    `stop` stops this process and returns when it is continued. Call `child_changed` on SIGCHLD.
    """

    def __init__(
        self, descriptor: int, environment: Mapping[str, str], *, stop: Callable[[], None]
    ) -> None:
        self._terminal = descriptor
        self._environment = environment
        self._stop = stop
        self._changed = asyncio.Event()
        self._process: subprocess.Popen[bytes] | None = None

    def child_changed(self) -> None:
        """Handle SIGCHLD."""
        self._changed.set()

    def end(self) -> None:
        """Tell the program that the terminal has gone, and kill it if it does not end."""
        if self._process is not None:
            signal_group(self._process.pid, signal.SIGHUP, signal.SIGCONT)
            asyncio.get_running_loop().call_later(_KILL_AFTER, self._kill, self._process.pid)

    def _kill(self, pid: int) -> None:
        if self._process is not None and self._process.pid == pid:
            signal_group(pid, signal.SIGKILL)

    def suspend(self) -> bool:
        """Stop the program, and then this process like after Ctrl-Z. Return False without a program."""
        return self._process is not None and signal_group(self._process.pid, signal.SIGTSTP)

    async def run(
        self,
        command: str | Sequence[str],
        *,
        stdin: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> int:
        """Run a program until it ends. Return its exit status, negative for a signal.

        Text is a system shell command. The terminal must be in the mode that programs expect.
        Raises OSError if it cannot be started.
        """
        modes = termios.tcgetattr(self._terminal)
        ours = os.getpgrp()
        self._process = process = subprocess.Popen(
            command,
            shell=isinstance(command, str),
            stdin=stdin,
            env=dict(environment or self._environment),
            process_group=0,
        )
        try:
            set_foreground(self._terminal, process.pid)
            process.returncode = await self._wait(process.pid, ours, modes)
        finally:
            self._process = None
            set_foreground(self._terminal, ours)
            termios.tcsetattr(self._terminal, termios.TCSADRAIN, modes)
        return process.returncode

    async def _wait(self, pid: int, ours: int, modes: list[int | list[bytes | int]]) -> int:
        while True:
            self._changed.clear()
            found, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
            if not found:
                await self._changed.wait()
            elif os.WIFSTOPPED(status):
                if os.WSTOPSIG(status) not in BACKGROUND_SIGNALS:
                    theirs = termios.tcgetattr(self._terminal)
                    set_foreground(self._terminal, ours)
                    termios.tcsetattr(self._terminal, termios.TCSADRAIN, modes)
                    self._stop()
                    termios.tcsetattr(self._terminal, termios.TCSADRAIN, theirs)
                set_foreground(self._terminal, pid)
                signal_group(pid, signal.SIGCONT)
            else:
                return os.waitstatus_to_exitcode(status)

    async def shell(self, command: str, data: bytes) -> str:
        """Run a system shell command that reads `data`. Return what went wrong, or ""."""
        try:
            with _open_nameless() as file:
                file.write(data)
                file.seek(0)
                status = await self.run(command, stdin=file.fileno())
        except OSError as error:
            return f"{command[:_MAX_SHOWN]}: {error.strerror}"
        # The user has interrupted it.
        return f"{command}: {_ended(status)}" if status not in (0, -signal.SIGINT) else ""

    async def page(self, text: Iterable[str], *, pager: str, is_wide: bool = False) -> str:
        """Show text in `pager`, or in the environment's if it is "". Return what went wrong, or "".

        The text is made while the pager reads it. `less` scrolls sideways if the text `is_wide`.
        """
        command = pager or self._environment.get("PAGER", "")
        if not command.strip():
            has_less = shutil.which("less", path=self._environment.get("PATH"))
            command = "less" if has_less else "more"
        # Without these, the programs show the codes of colours. The user's own options follow.
        options = self._environment.get("LESS", "")
        # With -F, less would end before the user can scroll sideways.
        options = f"-RS {options} -+F" if is_wide else f"-R {options}"
        environment = {**self._environment, "LESS": options}
        environment.setdefault("LV", "-c")
        environment.setdefault("LESSCHARSET", "utf-8")  # the text is, whatever the locale
        if os.path.basename(command.split(maxsplit=1)[0]) == "more":
            # It counts the codes of colours as columns, and would break lines too early.
            text = (_COLOR.sub("", part) for part in text)
        chunks = (part.encode("utf-8", "backslashreplace") for part in text)
        try:
            status = await self._run_reading(command, chunks, environment)
        except OSError as error:
            return f"{command[:_MAX_SHOWN]}: {error.strerror}"
        return f"{command}: {_ended(status)}" if status == _NOT_FOUND else ""

    async def edit(self, text: str) -> tuple[str | None, str]:
        """Return the text after editing, None on failure, and what went wrong."""
        editor = self._environment.get("VISUAL") or self._environment.get("EDITOR") or "vi"
        try:
            with tempfile.TemporaryDirectory(prefix="qmpshell-") as directory:  # private
                path = os.path.join(directory, "line.qmp")
                with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
                    file.write(text)
                # Through the system shell, because the variables may contain options and quotes.
                status = await self.run(["/bin/sh", "-c", f'{editor} "$1"', "sh", path])
                if status:
                    return None, f"{editor}: {_ended(status)}; the line is unchanged"
                with open(path, encoding="utf-8", errors="surrogateescape") as file:
                    return file.read().removesuffix("\n"), ""
        except OSError as error:
            return None, f"{editor}: {error.strerror}"

    async def _run_reading(
        self, command: str, chunks: Iterable[bytes], environment: Mapping[str, str]
    ) -> int:
        """Run a program that reads chunks from a pipe. Return its exit status. Raises OSError."""
        source, sink = os.pipe()
        with open(source, "rb", buffering=0), open(sink, "wb", buffering=0) as pipe:
            writing = asyncio.ensure_future(_write_and_close(pipe, chunks))
            try:
                status = await self.run(command, stdin=source, environment=environment)
            finally:
                writing.cancel()
                await asyncio.wait([writing])
        if not writing.cancelled():
            writing.result()
        return status


def _open_nameless() -> IO[bytes]:
    """Open an unlinked empty file."""
    if hasattr(os, "memfd_create"):
        return open(os.memfd_create("qmpshell"), "wb")
    return tempfile.TemporaryFile("wb")  # macOS


async def _write_and_close(pipe: FileIO, chunks: Iterable[bytes]) -> None:
    """Write chunks to a pipe, as its reader accepts them, and close it."""
    descriptor = pipe.fileno()
    os.set_blocking(descriptor, False)
    pending = bytearray()
    for chunk in chain(chunks, [b""]):
        pending += chunk
        if chunk and len(pending) < _CHUNK:
            continue
        await sleep(0)  # the server is read meanwhile
        while pending:
            try:
                del pending[: os.write(descriptor, pending)]
            except BlockingIOError:
                await wait_for_any({descriptor: True})
    pipe.close()


def _ended(status: int) -> str:
    if status == _NOT_FOUND:
        return "no such command"
    return f"ended by signal {-status}" if status < 0 else f"ended with status {status}"
