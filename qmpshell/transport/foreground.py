"""Process groups of child programs: which one owns the terminal, and their end after a signal."""

from __future__ import annotations

import contextlib
import os
import signal
import termios
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType
    from typing import Any

# The kernel stops a program that uses the terminal before it owns it.
BACKGROUND_SIGNALS = (signal.SIGTTIN, signal.SIGTTOU)
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
# Seconds for a process group to end after a signal, before it is killed.
_PATIENCE = 1.0
# The status of `os.waitpid` if the system shell reports that a program was interrupted.
_INTERRUPTED = (128 + signal.SIGINT) << 8
_POLL_INTERVAL = 0.01


def set_foreground(terminal: int, group: int) -> None:
    """Make a process group own the terminal. Ignore errors: either may have gone."""
    # The kernel stops a background process that uses the terminal.
    before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    try:
        os.tcsetpgrp(terminal, group)
    except OSError:
        pass
    finally:
        signal.signal(signal.SIGTTOU, before)


def signal_group(group: int, *numbers: int) -> bool:
    """Send signals to a process group. Return False if it does not exist any more."""
    try:
        for number in numbers:
            os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # it has changed its user
        pass
    return True


def end_group(group: int, number: int) -> None:
    """End the process group of a child with a signal, and kill it if that does not end it."""
    signal_group(group, number, signal.SIGCONT)
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(group, os.WNOHANG)
        if not signal_group(group, 0):
            return
        time.sleep(_POLL_INTERVAL)
    signal_group(group, signal.SIGKILL)


@contextlib.contextmanager
def hold_signals() -> Iterator[set[int]]:
    """Deliver signals that end this process only at the end of the block. Yield the former mask."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING_SIGNALS)
    try:
        yield mask
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


class CleanupOnSignal:
    """Calls `clean_up` with the number of a signal that ends this process, before it ends.

    Call `close` when there is nothing to clean up any more; the exception that Python itself raises
    after Ctrl-C must lead to that, because it may not end this process. In another thread than the main
    one, it does nothing.
    """

    def __init__(self, clean_up: Callable[[int], None]) -> None:
        self._clean_up = clean_up
        self._is_cleaning = False
        self._before: dict[int, Any] = {}
        with contextlib.suppress(ValueError):  # in another thread
            for number in ENDING_SIGNALS:
                # SIGHUP is ignored under nohup, and others in a background job of a script.
                if signal.getsignal(number) != signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._is_cleaning:
            return
        before = self._before.get(number)
        if before is signal.default_int_handler:
            before(number, frame)
        self._is_cleaning = True
        self._clean_up(number)
        self.close()
        if callable(before):
            before(number, frame)
        else:
            os.kill(os.getpid(), number)

    def close(self) -> None:
        """Restore the former handlers, unless others have replaced this one."""
        for number, before in self._before.items():
            if signal.getsignal(number) == self._on_signal:
                signal.signal(number, before)
        self._before.clear()


class ChildGroup:
    """A child with its own process group, which owns the terminal of this process while it runs.

    It stops and continues together with this process. Call `poll` often, because a stop of the child
    cannot be waited for. Without a terminal, wait for `descriptor`, if that is not None. A signal that
    ends this process ends the child too.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._cleanup = CleanupOnSignal(lambda number: end_group(pid, number))
        self._group = os.getpgrp()
        self._terminal, self._modes = _open_terminal()
        self.descriptor: int | None = None
        if self._is_foreground:
            set_foreground(self._terminal, pid)
        elif not self.owns_terminal:
            with contextlib.suppress(AttributeError, OSError):  # not on every system
                self.descriptor = os.pidfd_open(pid)

    @property
    def owns_terminal(self) -> bool:
        """Whether the terminal belongs to it, or will when this process is in the foreground."""
        return self._modes is not None

    @property
    def _is_foreground(self) -> bool:
        try:
            return os.tcgetpgrp(self._terminal) in (self._group, self._pid)
        except OSError:
            return False

    def poll(self) -> int | None:
        """Return the status of `os.waitpid` if the child has ended, or None."""
        found, status = os.waitpid(self._pid, os.WNOHANG | os.WUNTRACED * self.owns_terminal)
        if not found:
            return None
        if os.WIFSTOPPED(status):
            self._on_stop(os.WSTOPSIG(status))
            return None
        if status in (signal.SIGINT, _INTERRUPTED) and self._is_foreground:
            # Ctrl-C reached only the child. A script ends then, like one of the system shell.
            self._reclaim()
            os.killpg(0, signal.SIGINT)
        return status

    def end(self) -> None:
        """End the child."""
        end_group(self._pid, signal.SIGTERM)

    def close(self) -> None:
        """Own the terminal again. The child has ended."""
        self._cleanup.close()
        if self._is_foreground:
            self._reclaim()
        for descriptor in (self.descriptor, self._terminal if self.owns_terminal else None):
            if descriptor is not None:
                os.close(descriptor)

    def _reclaim(self) -> None:
        set_foreground(self._terminal, self._group)
        assert self._modes is not None
        with contextlib.suppress(termios.error):  # the terminal has gone
            termios.tcsetattr(self._terminal, termios.TCSADRAIN, self._modes)

    def _on_stop(self, number: int) -> None:
        if not (number in BACKGROUND_SIGNALS and self._is_foreground):
            is_foreground = self._is_foreground
            theirs = termios.tcgetattr(self._terminal) if is_foreground else None
            if is_foreground:
                self._reclaim()
            os.killpg(0, signal.SIGTSTP)  # returns when the user's shell continues this process
            if theirs is not None and self._is_foreground:
                termios.tcsetattr(self._terminal, termios.TCSADRAIN, theirs)
        if self._is_foreground:
            set_foreground(self._terminal, self._pid)
        signal_group(self._pid, signal.SIGCONT)


def _open_terminal() -> tuple[int, list[Any] | None]:
    """Return a descriptor of the terminal of this process and its modes, or -1 and None."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return -1, None
    try:
        return terminal, termios.tcgetattr(terminal)
    except termios.error:
        os.close(terminal)
        return -1, None
