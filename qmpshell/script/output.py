"""Standard output of a script.

Owns: writing without ever blocking the rest, and what a failing or vanished reader means. Must not
know: what is written. O_NONBLOCK is never set: the open file may be shared with other processes. A
pipe that poll calls writable takes PIPE_BUF bytes without blocking, and so much is written at a time.
"""

from __future__ import annotations

import errno
import os
import select
import stat
from collections import deque


class ReaderGone(Exception):
    """Nobody reads our output any more."""


class OutputFailed(Exception):
    """The output could not be written; the text says why."""


class Output:
    """A queue in front of a descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._queue: deque[memoryview] = deque()
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        # How many bytes surely go since poll said so.
        self._sure = 0
        # A regular file never blocks for long.
        self._at_once = stat.S_ISREG(os.fstat(descriptor).st_mode)

    def fileno(self) -> int:
        return self._descriptor

    @property
    def pending(self) -> bool:
        """Whether something waits until the descriptor can be written to; then call `flush`."""
        return bool(self._queue)

    def write(self, data: bytes) -> None:
        """Queue `data` and write what goes. Raises ReaderGone or OutputFailed."""
        self._queue.append(memoryview(data))
        if len(self._queue) == 1:
            self.flush()

    def flush(self) -> None:
        """Write on as far as it goes. Raises ReaderGone or OutputFailed."""
        while self._queue:
            head = self._queue[0]
            if not self._at_once:
                if len(head) > self._sure:
                    if not self._poll.poll(0):
                        return
                    self._sure = select.PIPE_BUF
                    head = head[: self._sure]
                self._sure -= len(head)
            try:
                written = os.write(self._descriptor, head)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._queue.clear()
                if error.errno in (errno.EPIPE, errno.ECONNRESET):
                    raise ReaderGone from None
                raise OutputFailed(error.strerror or str(error)) from None
            if written < len(self._queue[0]):
                self._queue[0] = self._queue[0][written:]
            else:
                self._queue.popleft()
