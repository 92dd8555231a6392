"""Output: what is written to stdout, stderr and pipes, whose readers may be slow."""

from __future__ import annotations

import errno
import os
import select
import stat
from collections import deque
from functools import cache

from ..errors import OutputClosedError, OutputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .threads import FileWriter


# The server is not read while more output than this waits for a slow reader.
_MAX_PENDING = 16 << 20  # bytes
# Milliseconds after which a signal is handled that has arrived just before a wait, and so does not
# end it.
LONGEST_WAIT = 1000
_OVERHEAD = 250  # bytes of memory for each item of the queue, about


class Output:
    """A queue of bytes for a descriptor. `may_block` is false if it is non-blocking.

    While data is `pending`, call `flush` when a descriptor of `waits_for` is ready. `file` writes to
    the descriptor if `poll` does not show when that accepts data.
    """

    def __init__(
        self, descriptor: int, *, may_block: bool = True, file: FileWriter | None = None
    ) -> None:
        self._descriptor = descriptor
        self._file = file
        self._queue: deque[memoryview] = deque()
        self._size = 0
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        # How many bytes can be written without blocking, according to the last poll.
        self._ready_size = 0
        status = os.fstat(descriptor)
        mode = status.st_mode if may_block else 0
        is_null = stat.S_ISCHR(mode) and status.st_rdev == os.stat(os.devnull).st_rdev
        # Whether a program reads the output, or nobody does: no disk can be full.
        self.has_reader = stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or is_null
        # A regular file on a disk never blocks for long.
        self._at_once = not may_block or stat.S_ISREG(mode) or is_null
        if stat.S_ISREG(mode):
            from .files import may_hang  # stdout is seldom a file
            from .threads import FileWriter

            self._file = FileWriter(descriptor) if may_hang(descriptor) else None

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    @property
    def size(self) -> int:
        """The number of bytes that are not written yet."""
        return self._size if self._file is None else self._file.size

    @property
    def pending(self) -> bool:
        """Whether data waits for a descriptor, or the file is not closed after `end`."""
        return bool(self._queue) if self._file is None else self._file.pending

    @property
    def waits_for(self) -> dict[int, bool]:
        """The descriptors to wait for, each True if it must be writable, False if readable."""
        if self._file is not None:
            return {self._file.fileno(): False} if self._file.pending else {}
        return {self._descriptor: True} if self._queue else {}

    @property
    def written_to_file(self) -> int | None:
        """The size of what was written to a file system that may not answer, or None."""
        return None if self._file is None else self._file.written

    @property
    def is_full(self) -> bool:
        """Whether more data waits than the limit, so that no more should be produced."""
        return self.size + _OVERHEAD * len(self._queue) > _MAX_PENDING

    def add(self, data: bytes) -> None:
        """Queue `data`, for `flush`."""
        if self._file is not None:
            self._file.add(data)
        else:
            self._queue.append(memoryview(data))
            self._size += len(data)

    def write(self, data: bytes) -> None:
        """Queue `data` and write as much as possible. Raises OutputClosedError or OutputError."""
        waits = bool(self._queue)
        self.add(data)
        if not waits:
            self.flush()

    def flush(self, *, is_last: bool = False) -> None:
        """Write as much of the queue as possible. Raises OutputClosedError or OutputError.

        To a file, at most what can be written within a short time; `is_last` is as for FileWriter.
        """
        try:
            if self._file is not None:
                self._file.flush(is_last=is_last)
            else:
                self._flush_queue()
        except OSError as error:
            self._queue.clear()
            self._size = 0
            if self._file is None and error.errno in (errno.EPIPE, errno.ECONNRESET):
                raise OutputClosedError from None
            raise OutputError(error.strerror or str(error)) from None

    def _flush_queue(self) -> None:
        while self._queue:
            head = self._queue[0]
            if not self._at_once:
                if len(head) > self._ready_size:
                    if not self._poll.poll(0):
                        return
                    self._ready_size = select.PIPE_BUF
                    head = head[: self._ready_size]
                self._ready_size -= len(head)
            try:
                written = os.write(self._descriptor, head)
            except (BlockingIOError, InterruptedError):
                return
            self._size -= written
            if written < len(self._queue[0]):
                self._queue[0] = self._queue[0][written:]
            else:
                self._queue.popleft()

    def drain(self) -> None:
        """Wait until all data is written. Raises OutputClosedError or OutputError."""
        while self.pending:
            wait_for(self.waits_for, None)
            self.flush()

    def end(self) -> None:
        """Have `flush` close a file after its data. Other descriptors remain for `close`."""
        if self._file is not None:
            self._file.is_closing = True

    def close(self) -> None:
        """Close the descriptor, whatever was not written."""
        if self._file is not None:
            self._file.close()
        else:
            os.close(self._descriptor)


def write_to_stderr(data: bytes) -> None:
    """Write all data to stderr, ignoring errors. A signal handler can interrupt it."""
    try:
        if _may_stderr_hang():
            from .threads import call_in_thread, write_all

            call_in_thread(lambda: write_all(2, data))
            return
        while data:
            data = data[os.write(2, data) :]
    except OSError:
        pass


@cache  # `fstat` would wait for the file system after a write
def _may_stderr_hang() -> bool:
    try:
        if not stat.S_ISREG(os.fstat(2).st_mode):
            return False
    except OSError:
        return False
    from .files import may_hang  # stderr is seldom a file

    return may_hang(2)


def poll_events(waits_for: dict[int, bool]) -> dict[int, int]:
    """Return the events of `poll` for descriptors: True if it must be writable, False if readable."""
    return {
        descriptor: select.POLLOUT if is_writing else select.POLLIN
        for descriptor, is_writing in waits_for.items()
    }


def wait_for(waits_for: dict[int, bool], milliseconds: float | None) -> None:
    """Wait for one of the descriptors, with None for LONGEST_WAIT."""
    waiter = select.poll()
    for descriptor, events in poll_events(waits_for).items():
        waiter.register(descriptor, events)
    waiter.poll(LONGEST_WAIT if milliseconds is None else milliseconds)
