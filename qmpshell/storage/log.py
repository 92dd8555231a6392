"""The message log: one line of JSON for each message."""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
from functools import lru_cache

from ..errors import OutputClosedError, OutputError, QmpShellError
from .files import NON_BLOCKING, failure_reason, may_hang, refusal_of_mode
from .output import Output
from .threads import FileWriter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


_FLAGS = os.O_WRONLY | os.O_APPEND | NON_BLOCKING
_PRIVATE = 0o600
_NO_FILE = "it is neither a file nor a FIFO nor a terminal"
_REASONS = {
    errno.ELOOP: "it is a symbolic link, which is not followed",
    errno.ENXIO: "it has no reader",
}
_HANGS = "its file system does not answer"
_NOT_READ = "its reader does not read"


class LogError(QmpShellError):
    """The log cannot be opened or written."""


class Log:
    """Appends to the file at `path`, which is created with mode 0600 if necessary.

    `clock` returns the seconds since the epoch. A write is always whole lines, so that the lines of
    several logs in one file stay intact. What `flush` cannot write at once stays queued: wait for the
    descriptors in `waits_for`, and call `flush`. More than `max_pending` bytes that are not accepted
    are an error. `flush` waits a short time for a file system that may not answer; without `waits`,
    only the last `flush` does.
    """

    def __init__(
        self,
        path: str,
        *,
        clock: Callable[[], float],
        max_pending: int | None = None,
        waits: bool = True,
    ) -> None:
        self.path = path
        self._clock = clock
        self._max_pending = max_pending
        # A line was cut off, for example on a full disk. The next one must not be joined to it.
        self._is_cut_off = False
        descriptor, file = _open(path), None
        if may_hang(descriptor):
            # A line is one write, because other programs may write to the file too.
            file = FileWriter(descriptor, block=sys.maxsize, waits=waits)
        self._output: Output | None = Output(descriptor, may_block=False, file=file)
        # Lines that the next flush writes at once.
        self._lines: list[bytes] = []
        self._size = 0
        # What may be wrong if nothing is written.
        self._delay = _NOT_READ if file is None else _HANGS

    @property
    def pending(self) -> int:
        """The number of bytes that are not written yet."""
        return self._output.size + self._size if self._output is not None else 0

    @property
    def waits_for(self) -> dict[int, bool]:
        """The descriptors to wait for before `flush`: True if it must be writable, False if readable."""
        return self._output.waits_for if self._output is not None else {}

    def add(self, direction: str, message: str) -> None:
        """Queue a message, which is one line of ASCII JSON, for `flush`.

        `direction` is "sent" or "received". Raises LogError.
        """
        head = f'{{"time": "{_timestamp(self._clock())}", "direction": "{direction}", "message": '
        line = f"{head}{message}}}\n".encode("ascii")
        if self._output is None:
            raise self._error("it is closed")
        if self._is_cut_off:
            line, self._is_cut_off = b"\n" + line, False
        self._lines.append(line)
        self._size += len(line)

    def flush(self, *, is_last: bool = False) -> None:
        """Write as much of the queue as possible. Raises LogError."""
        assert self._output is not None
        if self._lines:
            self._output.add(b"".join(self._lines))
            self._lines.clear()
            self._size = 0
        try:
            self._output.flush(is_last=is_last)
        except (OutputClosedError, OutputError) as error:
            self._is_cut_off = True
            raise self._error(str(error) or "its reader is gone") from error
        if self._max_pending is not None and self.pending > self._max_pending:
            raise self._error(self._delay)

    def _error(self, reason: str) -> LogError:
        return LogError(f"cannot write to the log {self.path}: {reason}")

    def close(self) -> None:
        """Close the file."""
        output, self._output = self._output, None
        if output is not None:
            output.close()


def _open(path: str) -> int:
    if path == "-":
        raise LogError("cannot open the log -: name a file; a file of this name is ./-")
    try:
        descriptor = _open_for_appending(path)
    except (OSError, ValueError) as error:
        reason = _NO_FILE if _is_socket(path) else failure_reason(error, _REASONS)
        raise LogError(f"cannot open the log {path}: {reason}") from error
    try:
        refusal = _refusal(os.fstat(descriptor).st_mode)
    except OSError as error:
        refusal = failure_reason(error, _REASONS)
    if refusal:
        os.close(descriptor)
        raise LogError(f"cannot open the log {path}: {refusal}")
    return descriptor


def _open_for_appending(path: str) -> int:
    try:
        return os.open(path, _FLAGS | os.O_CREAT | os.O_NOFOLLOW, _PRIVATE)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        link = error
    # /dev/stderr and a shell's >(COMMAND) are links; only links to regular files are dangerous. The
    # link is followed once, and the checks apply to what was opened.
    try:
        descriptor = os.open(path, _FLAGS)
    except FileNotFoundError:
        raise link from None
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise link
    return descriptor


def _refusal(mode: int) -> str:
    """Return why a file of this mode is not used, or ""."""
    if stat.S_ISREG(mode):
        return refusal_of_mode(mode)
    if not (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
        return _NO_FILE
    return ""


def _is_socket(path: str) -> bool:
    """Return True for a socket: opening one fails in the same way as opening a FIFO without a reader."""
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def _timestamp(seconds: float) -> str:
    """Return the time in ISO 8601, UTC.

    >>> _timestamp(1700000000.5)
    '2023-11-14T22:13:20.500000Z'
    """
    whole, microseconds = divmod(round(seconds * 1_000_000), 1_000_000)
    return f"{_whole_seconds(whole)}.{microseconds:06d}Z"


@lru_cache(maxsize=1)  # in an event storm, many messages have the same second
def _whole_seconds(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
