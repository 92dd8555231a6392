"""Reading and writing a session's stream on prompt_toolkit's event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from ..errors import ConnectionLost
from ..transport import DescriptorWatch, Stream, Timer

_MAX_READ = 1 << 18
# Keys are handled between two parts of the data, so a part takes about this long, in seconds: logged
# events are more expensive than others. The beginning of a line costs nothing until its end arrives.
_PART_TIME = 0.004
_MIN_PART = 1 << 12
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
        self._error_watch = DescriptorWatch(self._show_errors)
        self._stream: Stream | None = None
        self._writing = False
        self._part_size = _MIN_PART
        # What was read, but not given to `received` yet.
        self._rest = b""
        self._part_timer = Timer(self._receive_after_redraw)
        self._read_at = 0.0
        self._answered = True
        # Whether reading pauses after the data.
        self._is_gathering = False
        self._pause_timer = Timer(self._resume_reading)

    def attach(self, stream: Stream) -> None:
        """Read from this stream from now on, and close the previous one."""
        self.close()
        self._stream = stream
        asyncio.get_running_loop().add_reader(stream.fileno(), self._readable)
        self._watch_errors(stream)

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
        self._rest = b""
        loop = asyncio.get_running_loop()
        self._part_timer.set(None)
        self._pause_timer.set(None)
        loop.remove_reader(stream.fileno())
        loop.remove_writer(stream.fileno())
        self._writing = False
        self._error_watch.update({})
        stream.close()

    def _show_errors(self) -> None:
        assert self._stream is not None
        text = self._stream.read_errors()
        self._watch_errors(self._stream)
        if text:
            self._show(text)

    def _watch_errors(self, stream: Stream) -> None:
        descriptor = stream.error_descriptor
        self._error_watch.update({} if descriptor is None else {descriptor: False})

    def _readable(self) -> None:
        assert self._stream is not None
        if self._rest:
            return  # what was read before must be received first
        try:
            data = self._stream.read(_MAX_READ)
        except ConnectionLost as error:
            self.close()
            self._lost(str(error))
            return
        if data is None:
            return
        if not data:
            self.close()
            self._received(data)
            return
        loop = asyncio.get_running_loop()
        is_answer, self._answered = not self._answered, True
        self._is_gathering = (
            not is_answer
            and data.endswith(b"\n")
            and len(data) < _MAX_READ
            and loop.time() < self._read_at + 2 * _GATHER_TIME
        )
        self._rest = data
        self._part_timer.set(0)

    def _receive_after_redraw(self) -> None:
        # The event loop calls timers after the handlers of keys, which request a redraw by `call_soon`.
        asyncio.get_running_loop().call_soon(self._receive_part)

    def _receive_part(self) -> None:
        """Pass on the first lines of the data. The rest follows when keys were handled and shown."""
        loop = asyncio.get_running_loop()
        data = self._rest
        if not data:
            return  # the stream was closed
        first = data.find(b"\n") + 1
        end = data.find(b"\n", first + self._part_size) + 1
        part, self._rest = (data[:end], data[end:]) if first and end else (data, b"")
        if self._rest:
            self._is_gathering = False
            self._part_timer.set(0)
        started = loop.time()
        self._received(part)
        self._read_at = loop.time()
        if first:
            fitting = int(len(part) * _PART_TIME / max(self._read_at - started, 1e-6))
            self._part_size = min(max(fitting, _MIN_PART), 2 * self._part_size, _MAX_READ)
        if self._is_gathering and self._answered:
            self._pause_reading()

    def _pause_reading(self) -> None:
        if self._stream is not None:
            asyncio.get_running_loop().remove_reader(self._stream.fileno())
            self._pause_timer.set(_GATHER_TIME)

    def _resume_reading(self) -> None:
        if self._stream is not None:
            asyncio.get_running_loop().add_reader(self._stream.fileno(), self._readable)

    def _writable(self) -> None:
        assert self._stream is not None
        with contextlib.suppress(ConnectionLost):
            self._stream.flush()
        if not self._stream.want_write:
            self._writing = False
            asyncio.get_running_loop().remove_writer(self._stream.fileno())
