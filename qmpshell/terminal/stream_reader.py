"""The stream of a session on prompt_toolkit's loop.

Owns: when the stream is read and written, and that it is closed once. Must not know: what the bytes
say, or what an end of the stream means.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from ..errors import ConnectionLost
from ..transport import Stream

# Keys are dealt with between two reads. So much is read at once as takes about so long (seconds):
# cheap are the pieces of a large reply, dear are events that are logged.
_MOMENT = 0.004
_LEAST, _MOST = 1 << 12, 1 << 18
# A server writes events one by one. Who reads each of them at once does little else in a storm, and
# where processors are scarce the keys wait: so many seconds of it are read together. What answers us
# is read at once, and so is the rest of a line.
_GATHER = 0.005


class Wire:
    """Holds one stream at a time. `received` is given what comes, b"" for its end, after which the
    stream is closed; `lost` is told why it broke."""

    def __init__(self, *, received: Callable[[bytes], None], lost: Callable[[str], None]) -> None:
        self._received = received
        self._lost = lost
        self._stream: Stream | None = None
        self._writing = False
        self._read_size = _LEAST
        self._read_at = 0.0
        self._answered = True
        self._resting: asyncio.TimerHandle | None = None

    def attach(self, stream: Stream) -> None:
        """Read from this stream from now on; the one before is closed."""
        self.close()
        self._stream = stream
        asyncio.get_running_loop().add_reader(stream.fileno(), self._readable)

    def send(self, data: bytes, descriptor: int | None) -> None:
        """Send, or queue; where there is no stream nothing happens."""
        if self._stream is None:
            return
        self._answered = False
        try:
            self._stream.write(data, descriptor)
        except ConnectionLost:
            return  # its end is about to be read, behind what the server said last
        if self._stream.want_write and not self._writing:
            self._writing = True
            asyncio.get_running_loop().add_writer(self._stream.fileno(), self._writable)

    def close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is None:
            return
        loop = asyncio.get_running_loop()
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
        loop.remove_reader(stream.fileno())
        loop.remove_writer(stream.fileno())
        self._writing = False
        stream.close()

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
        self._pace(len(data), self._read_at - began)
        is_all = len(data) < size
        is_awaited = is_answer or not self._answered or not data.endswith(b"\n")
        if is_all and not is_awaited and began < before + 2 * _GATHER:
            self._rest()

    def _pace(self, count: int, taken: float) -> None:
        """Read on so that it takes about a moment, judging by `count` bytes that took `taken`."""
        fitting = int(count * _MOMENT / max(taken, 1e-6))
        self._read_size = min(max(fitting, _LEAST), 2 * self._read_size, _MOST)

    def _rest(self) -> None:
        if self._stream is not None:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._stream.fileno())
            self._resting = loop.call_later(_GATHER, self._go_on)

    def _go_on(self) -> None:
        self._resting = None
        if self._stream is not None:
            asyncio.get_running_loop().add_reader(self._stream.fileno(), self._readable)

    def _writable(self) -> None:
        assert self._stream is not None
        with contextlib.suppress(ConnectionLost):
            self._stream.flush()
        if not self._stream.want_write:
            self._writing = False
            asyncio.get_running_loop().remove_writer(self._stream.fileno())
