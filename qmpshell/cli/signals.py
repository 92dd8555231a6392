"""Signals that are raised as exceptions, but only where the program can be interrupted."""

from __future__ import annotations

import contextlib
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


class SignalReceived(BaseException):
    """A signal requests the exit. Not an Exception, so that no other code catches it."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Signals:
    """Signals that request the exit. They are held at first, and again after one was raised."""

    def __init__(self) -> None:
        self._held = True
        self._pending = 0

    def install(self) -> None:
        """Install the handlers, and hold signals from now on."""
        self._held, self._pending = True, 0
        numbers = [signal.SIGINT, signal.SIGTERM]
        for number in (signal.SIGHUP, signal.SIGQUIT):
            # SIGHUP is ignored under nohup, and SIGQUIT in a background job of a script.
            if signal.getsignal(number) != signal.SIG_IGN:
                numbers.append(number)
        for number in numbers:
            signal.signal(number, self._on_signal)

    def hold(self) -> None:
        """Hold signals from now on."""
        self._held = True

    def release(self) -> None:
        """Raise SignalReceived for a signal from now on, or for a held one."""
        self._held = False
        if self._pending:
            self._on_signal(self._pending, None)

    @contextlib.contextmanager
    def released(self) -> Iterator[None]:
        """Raise SignalReceived for a signal in this block, or for a held one."""
        try:
            self.release()
            yield
        finally:
            self._held = True

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._pending = number
        if not self._held:
            self._held, self._pending = True, 0
            raise SignalReceived(128 + number)
