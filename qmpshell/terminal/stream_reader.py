"""Reading and writing a session's stream on prompt_toolkit's event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from ..errors import ConnectionLost
from ..transport import Stream

# Keys are handled between two reads, so a read takes about this long, in seconds: pieces of a large
# reply are cheap, logged events are expensive.
_READ_TIME = 0.004
_MIN_READ, _MAX_READ = 1 << 12, 1 << 18
# A server writes events one by one. Reading each at once would leave no time for keys in an event
# storm, so the events of this many seconds are read together. A reply and the rest of a line are
# read at once.
_GATHER_TIME = 0.005


class StreamReader:
    """Owns one stream at a time.

    `received` is called with data, b"" at the end, after which the stream is closed; `lost` with
    the reason of a failure; `show` with messages of the program behind the stream.
    """

    def __init__(
        self,
        *,
        received: Callable[[bytes], None],
        lost: Callable[[str], None],
        show: Callable[[str], None] = lambda _text: None,
    ) -> None:
        self._received = received
        self._lost = lost
        self._show = show
        self._error_descriptor: int | None = None
        self._stream: Stream | None = None
        self._writing = False
        self._read_size = _MIN_READ
        self._read_at = 0.0
        self._answered = True
        self._pause_timer: asyncio.TimerHandle | None = None

    def attach(self, stream: Stream) -> None:
        """Read from this stream from now on, and close the previous one."""
        self.close()
        self._stream = stream
        asyncio.get_running_loop().add_reader(stream.fileno(), self._readable)
        self._error_descriptor = stream.error_descriptor
        if self._error_descriptor is not None:
            asyncio.get_running_loop().add_reader(self._error_descriptor, self._show_errors)

    def send(self, data: bytes, descriptor: int | None) -> None:
        """Send or queue data. Without a stream, do nothing."""
        if self._stream is None:
            return
        self._answered = False
        try:
            self._stream.write(data, () if descriptor is None else (descriptor,))
        except ConnectionLost:
            return  # its end will be read after the server's last messages
        if self._stream.want_write and not self._writing:
            self._writing = True
            asyncio.get_running_loop().add_writer(self._stream.fileno(), self._writable)

    def close(self) -> None:
        """Close the stream."""
        stream, self._stream = self._stream, None
        if stream is None:
            return
        loop = asyncio.get_running_loop()
        if self._pause_timer is not None:
            self._pause_timer.cancel()
            self._pause_timer = None
        loop.remove_reader(stream.fileno())
        loop.remove_writer(stream.fileno())
        self._writing = False
        self._unwatch_errors()
        stream.close()

    def _show_errors(self) -> None:
        assert self._stream is not None
        text = self._stream.read_errors()
        if self._stream.error_descriptor is None:
            self._unwatch_errors()
        if text:
            self._show(text)

    def _unwatch_errors(self) -> None:
        if self._error_descriptor is not None:
            asyncio.get_running_loop().remove_reader(self._error_descriptor)
            self._error_descriptor = None

    def _readable(self) -> None:
        assert self._stream is not None
        clock = asyncio.get_running_loop().time
        began, before = clock(), self._read_at
        size = self._read_size
        self._answered, is_answer = True, not self._answered
        try:
            data = self._stream.read(size)
        except ConnectionLost as error:
            self.close()
            self._lost(str(error))
            return
        if data is None:
            return
        if not data:
            self.close()
        self._received(data)
        self._read_at = clock()
        self._adapt_read_size(len(data), self._read_at - began)
        is_all = len(data) < size
        is_awaited = is_answer or not self._answered or not data.endswith(b"\n")
        if is_all and not is_awaited and began < before + 2 * _GATHER_TIME:
            self._pause_reading()

    def _adapt_read_size(self, count: int, taken: float) -> None:
        """Adapt the size of reads so that one takes about a moment; `count` bytes took `taken` seconds."""
        fitting = int(count * _READ_TIME / max(taken, 1e-6))
        self._read_size = min(max(fitting, _MIN_READ), 2 * self._read_size, _MAX_READ)

    def _pause_reading(self) -> None:
        if self._stream is not None:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._stream.fileno())
            self._pause_timer = loop.call_later(_GATHER_TIME, self._resume_reading)

    def _resume_reading(self) -> None:
        self._pause_timer = None
        if self._stream is not None:
            asyncio.get_running_loop().add_reader(self._stream.fileno(), self._readable)

    def _writable(self) -> None:
        assert self._stream is not None
        with contextlib.suppress(ConnectionLost):
            self._stream.flush()
        if not self._stream.want_write:
            self._writing = False
            asyncio.get_running_loop().remove_writer(self._stream.fileno())
