"""A program that has the terminal for a while: a pager, an editor, a shell command.

Owns: its process group, handing the terminal over and taking it back, being stopped and continued
together. Must not know: what the program is for, sessions, the screen.
The loop goes on meanwhile, so that the server is read.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import termios
from collections.abc import Callable, Mapping, Sequence

# A program that touches the terminal before it has been given it is stopped by the kernel.
_TOO_EARLY = (signal.SIGTTIN, signal.SIGTTOU)
_PATIENCE = 1.0  # seconds


class Foreground:
    """Runs one program at a time on the terminal `descriptor`.

    `stop` stops ourselves, and returns when we are continued. Call `child_changed` on SIGCHLD.
    """

    def __init__(self, descriptor: int, *, stop: Callable[[], None]) -> None:
        self._terminal = descriptor
        self._stop = stop
        self._changed = asyncio.Event()
        self._process: subprocess.Popen[bytes] | None = None

    def child_changed(self) -> None:
        self._changed.set()

    def end(self) -> None:
        """Tell the program that its terminal has gone; one that does not care is killed."""
        if self._process is not None:
            self._signal(self._process.pid, signal.SIGHUP, signal.SIGCONT)
            asyncio.get_running_loop().call_later(_PATIENCE, self._kill, self._process.pid)

    def _kill(self, pid: int) -> None:
        if self._process is not None and self._process.pid == pid:
            self._signal(pid, signal.SIGKILL)

    def _signal(self, group: int, *numbers: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            for number in numbers:
                os.killpg(group, number)

    async def run(
        self,
        command: str | Sequence[str],
        *,
        stdin: int | None = None,
        environment: Mapping[str, str],
    ) -> int:
        """Until the program ends; its exit status, below 0 for a signal. Text is a shell command.

        The terminal must be in the mode that programs expect. Raises OSError where it cannot begin.
        """
        modes = termios.tcgetattr(self._terminal)
        ours = os.getpgrp()
        self._process = process = subprocess.Popen(
            command,
            shell=isinstance(command, str),
            stdin=stdin,
            env=dict(environment),
            process_group=0,
        )
        try:
            self._hand_over(process.pid)
            process.returncode = await self._wait(process.pid, ours, modes)
        finally:
            self._process = None
            self._hand_over(ours)
            termios.tcsetattr(self._terminal, termios.TCSADRAIN, modes)
        return process.returncode

    async def _wait(self, pid: int, ours: int, modes: list[int | list[bytes | int]]) -> int:
        while True:
            self._changed.clear()
            found, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
            if not found:
                await self._changed.wait()
            elif os.WIFSTOPPED(status):
                if os.WSTOPSIG(status) not in _TOO_EARLY:
                    theirs = termios.tcgetattr(self._terminal)
                    self._hand_over(ours)
                    termios.tcsetattr(self._terminal, termios.TCSADRAIN, modes)
                    self._stop()
                    termios.tcsetattr(self._terminal, termios.TCSADRAIN, theirs)
                self._hand_over(pid)
                os.killpg(pid, signal.SIGCONT)
            else:
                return os.waitstatus_to_exitcode(status)

    def _hand_over(self, group: int) -> None:
        # Who is in the background would be stopped by asking for the terminal.
        before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        try:
            os.tcsetpgrp(self._terminal, group)
        except (OSError, ProcessLookupError):
            pass  # it has ended already, or the terminal has gone
        finally:
            signal.signal(signal.SIGTTOU, before)
