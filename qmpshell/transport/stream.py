"""A stream of bytes over a descriptor, never blocking.

Owns: reading what is there, queueing what cannot be written yet. Must not know: addresses, QMP,
who waits. O_NONBLOCK is never set: the descriptor may be shared with other processes.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import sys
from collections import deque

from ..errors import ConnectionLost

# The memory for a large read is a mapping of its own each time, so much is read at once only while
# as much is there.
_READ_SIZE = 1 << 16
_LARGE_READ_SIZE = 1 << 20
# A pipe that poll calls writable takes this many bytes without blocking (POSIX's PIPE_BUF is less).
_SURE_SIZE = 512
_ENDED = (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN, errno.ESHUTDOWN, errno.EIO)


class Stream:
    """Base of the streams: a queue for writing over two primitives that may raise BlockingIOError."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        # What is to be sent, and a descriptor that goes with its first byte.
        self._queue: deque[tuple[memoryview, int | None]] = deque()
        self._read_size = _READ_SIZE

    def fileno(self) -> int:
        return self._descriptor

    @property
    def want_write(self) -> bool:
        """Whether something waits until the descriptor can be written to; then call `flush`."""
        return bool(self._queue)

    def read(self, most: int = _LARGE_READ_SIZE) -> bytes | None:
        """What has come, `most` bytes of it; None if nothing has, b"" at the end. A reset counts as
        the end.

        Raises ConnectionLost if the stream broke in any other way.
        """
        try:
            data = self._read(min(self._read_size, most))
        except (BlockingIOError, InterruptedError):
            return None
        except OSError as error:
            if error.errno in _ENDED:
                return b""
            raise ConnectionLost(f"reading failed: {error.strerror or error}") from error
        self._read_size = _LARGE_READ_SIZE if len(data) >= _READ_SIZE else _READ_SIZE
        return data

    @property
    def passes_descriptors(self) -> bool:
        """Whether open files can be sent along: over a UNIX socket only."""
        return False

    def write(self, data: bytes, descriptor: int | None = None) -> None:
        """Send as much as goes at once and queue the rest. `descriptor` goes along with the first
        byte, and is closed here when it has gone. Raises ConnectionLost."""
        self._queue.append((memoryview(data), descriptor))
        if len(self._queue) == 1:
            self.flush()

    def flush(self) -> None:
        """Send on from the queue as much as goes at once. Raises ConnectionLost."""
        while self._queue:
            head, descriptor = self._queue[0]
            try:
                sent = self._write(head, descriptor)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._drop_queue()
                raise ConnectionLost(f"sending failed: {error.strerror or error}") from error
            if descriptor is not None:
                os.close(descriptor)
            if sent < len(head):
                self._queue[0] = (head[sent:], None)
            else:
                self._queue.popleft()

    def _drop_queue(self) -> None:
        for _, descriptor in self._queue:
            if descriptor is not None:
                os.close(descriptor)
        self._queue.clear()

    def close(self) -> None:
        raise NotImplementedError

    def _read(self, size: int) -> bytes:
        raise NotImplementedError

    def _write(self, data: memoryview, descriptor: int | None) -> int:
        raise NotImplementedError


class SocketStream(Stream):
    """A connected stream socket, which is owned and closed with the stream."""

    def __init__(self, connected: socket.socket) -> None:
        super().__init__(connected.fileno())
        self._socket = connected

    def _read(self, size: int) -> bytes:
        return self._socket.recv(size, socket.MSG_DONTWAIT)

    @property
    def passes_descriptors(self) -> bool:
        return self._socket.family == socket.AF_UNIX

    def _write(self, data: memoryview, descriptor: int | None) -> int:
        if descriptor is not None:
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptor.to_bytes(4, sys.byteorder))
            return self._socket.sendmsg([data], [rights], socket.MSG_DONTWAIT)
        return self._socket.send(data, socket.MSG_DONTWAIT)

    def close(self) -> None:
        self._socket.close()


class DescriptorStream(Stream):
    """A pipe or a terminal that was handed to us, for both directions."""

    def _ready(self, events: int) -> None:
        poll = select.poll()
        poll.register(self._descriptor, events)
        if not poll.poll(0):
            raise BlockingIOError

    def _read(self, size: int) -> bytes:
        self._ready(select.POLLIN)
        return os.read(self._descriptor, size)

    def _write(self, data: memoryview, descriptor: int | None) -> int:
        self._ready(select.POLLOUT)
        return os.write(self._descriptor, data[:_SURE_SIZE])

    def close(self) -> None:
        os.close(self._descriptor)
