"""Non-blocking byte streams over descriptors.

O_NONBLOCK is never set, because other processes may share the descriptor.
"""

from __future__ import annotations

import _socket  # `socket` makes enumerations and imports selectors: a tenth of the start of a script
import contextlib
import errno
import os
import select
import sys
from collections import deque

from ..errors import ConnectionLost

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# A large read allocates a new mapping each time, so it is used only while that much data arrives.
_READ_SIZE = 1 << 16
_LARGE_READ_SIZE = 1 << 20
# A pipe that poll reports as writable accepts this many bytes without blocking (POSIX PIPE_BUF).
_MIN_SEND_SIZE = 512
_ENDED = (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN, errno.ESHUTDOWN, errno.EIO)


def explain_failure(error: OSError, reasons: Mapping[int, str]) -> str:
    """Return why a stream could not be opened: the reason for the number of the error, or the system's."""
    number = errno.ETIMEDOUT if isinstance(error, TimeoutError) else error.errno
    return reasons.get(number or 0) or error.strerror or str(error)


class Stream:
    """Base class of streams: a write queue over two primitives that may raise BlockingIOError.

    `passes_descriptors` is true if open files can be passed along, which only a UNIX socket allows.
    `error_descriptor` is that of messages for the user that come beside the data, or None. If it is
    readable, call `read_errors`; it may become None then.
    """

    passes_descriptors = False
    error_descriptor: int | None = None

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        # Data to send, each with the descriptors to pass with its first byte.
        self._queue: deque[tuple[bytes | memoryview, Sequence[int]]] = deque()
        self._read_size = _READ_SIZE

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    @property
    def want_write(self) -> bool:
        """Whether data waits for the descriptor to become writable; then call `flush`."""
        return bool(self._queue)

    def read(self, most: int = _LARGE_READ_SIZE) -> bytes | None:
        """Return available data, at most `most` bytes, None if there is none, b"" at the end.

        A reset counts as the end. Raises ConnectionLost for any other failure.
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

    def read_errors(self) -> str:
        """Return the messages since the last call. Never blocks."""
        return ""

    def await_start(self, seconds: float) -> None:
        """Wait for the first data of a command, which may fail to connect. Raises ConnectError."""

    def write(self, data: bytes, descriptors: Sequence[int] = ()) -> None:
        """Send as much as possible and queue the rest. Raises ConnectionLost.

        `descriptors` are passed with the first byte and closed after that.
        """
        self._queue.append((data, descriptors))
        if len(self._queue) == 1:
            self.flush()

    def flush(self) -> None:
        """Send as much of the queue as possible. Raises ConnectionLost."""
        while self._queue:
            # Before sending: after an exception of a signal handler, nothing may be sent again.
            head, descriptors = self._queue.popleft()
            try:
                sent = self._write(head, descriptors)
            except (BlockingIOError, InterruptedError):
                self._queue.appendleft((head, descriptors))
                return
            except OSError as error:
                _close_all(descriptors)
                self._drop_queue()
                raise ConnectionLost(f"sending failed: {error.strerror or error}") from error
            if descriptors:
                _close_all(descriptors)
            if sent < len(head):
                self._queue.appendleft((memoryview(head)[sent:], ()))

    def _drop_queue(self) -> None:
        for _, descriptors in self._queue:
            _close_all(descriptors)
        self._queue.clear()

    def shut_down(self) -> None:
        """End a socket's connection for the other side, which is free for others then. Keep it open."""

    def close(self) -> None:
        """Close the stream."""
        raise NotImplementedError

    def _read(self, size: int) -> bytes:
        raise NotImplementedError

    def _write(self, data: bytes | memoryview, descriptors: Sequence[int]) -> int:
        raise NotImplementedError


def _close_all(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


class SocketStream(Stream):
    """A connected stream socket. Closing the stream closes it."""

    def __init__(self, connected: _socket.socket) -> None:
        super().__init__(connected.fileno())
        self._socket = connected
        self.passes_descriptors = connected.family == _socket.AF_UNIX

    def _read(self, size: int) -> bytes:
        return self._socket.recv(size, _socket.MSG_DONTWAIT)

    def _write(self, data: bytes | memoryview, descriptors: Sequence[int]) -> int:
        if descriptors:
            numbers = b"".join(number.to_bytes(4, sys.byteorder) for number in descriptors)
            rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, numbers)
            return self._socket.sendmsg([data], [rights], _socket.MSG_DONTWAIT)
        return self._socket.send(data, _socket.MSG_DONTWAIT)

    def shut_down(self) -> None:
        """End the connection for the other side."""
        with contextlib.suppress(OSError):  # it has ended already
            self._socket.shutdown(_socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class DescriptorStream(Stream):
    """An inherited pipe or terminal, for both directions."""

    def _ready(self, events: int) -> None:
        poll = select.poll()
        poll.register(self._descriptor, events)
        if not poll.poll(0):
            raise BlockingIOError

    def _read(self, size: int) -> bytes:
        self._ready(select.POLLIN)
        return os.read(self._descriptor, size)

    def _write(self, data: bytes | memoryview, _descriptors: Sequence[int]) -> int:
        self._ready(select.POLLOUT)
        return os.write(self._descriptor, data[:_MIN_SEND_SIZE])

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._descriptor)
