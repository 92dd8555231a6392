"""The stream of a session on prompt_toolkit's loop.

Owns: when the stream is read and written, and that it is closed once. Must not know: what the bytes
say, or what an end of the stream means.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from ..errors import ConnectionLost
from ..transport.stream import Stream


class Wire:
    """Holds one stream at a time. `received` is given what comes, b"" for its end, after which the
    stream is closed; `lost` is told why it broke."""

    def __init__(self, *, received: Callable[[bytes], None], lost: Callable[[str], None]) -> None:
        self._received = received
        self._lost = lost
        self._stream: Stream | None = None
        self._writing = False

    def attach(self, stream: Stream) -> None:
        """Read from this stream from now on; the one before is closed."""
        self.close()
        self._stream = stream
        asyncio.get_running_loop().add_reader(stream.fileno(), self._readable)

    def send(self, data: bytes, descriptor: int | None) -> None:
        """Send, or queue; where there is no stream nothing happens."""
        if self._stream is None:
            return
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
        loop.remove_reader(stream.fileno())
        loop.remove_writer(stream.fileno())
        self._writing = False
        stream.close()

    def _readable(self) -> None:
        assert self._stream is not None
        try:
            data = self._stream.read()
        except ConnectionLost as error:
            self.close()
            self._lost(str(error))
            return
        if data is None:
            return
        if not data:
            self.close()
        self._received(data)

    def _writable(self) -> None:
        assert self._stream is not None
        with contextlib.suppress(ConnectionLost):
            self._stream.flush()
        if not self._stream.want_write:
            self._writing = False
            asyncio.get_running_loop().remove_writer(self._stream.fileno())
