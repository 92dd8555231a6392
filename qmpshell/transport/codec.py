"""Streams whose bytes on the wire differ from the bytes of the monitor."""

from __future__ import annotations

from ..errors import ConnectionLost
from .stream import Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    class Codec(Protocol):
        """Converts between the bytes on the wire and the bytes of the monitor, without I/O."""

        @property
        def is_open(self) -> bool:
            """Whether the opening handshake is complete; data of the monitor waits until then."""

        def receive(self, data: bytes) -> bytes:
            """Return the monitor's bytes in `data` from the wire; b"" is its end. Raises CodecError."""

        def send(self, data: bytes) -> bytes:
            """Return the bytes on the wire for `data` of the monitor. Raises CodecError."""

        def data_to_send(self) -> bytes:
            """Return once what the codec itself must send now, as in a handshake."""


class CodecError(ConnectionLost):
    """The peer violates the protocol of the transport, or does not speak it."""


class CodecStream(Stream):
    """A stream of the monitor's bytes over `stream`, which has those of the wire."""

    def __init__(self, stream: Stream, codec: Codec) -> None:
        super().__init__(stream.fileno())
        self._stream = stream
        self._codec = codec
        # Data of the monitor until the codec is open.
        self._waiting = b""
        self._exchange()

    @property
    def want_write(self) -> bool:
        """Whether data waits for the descriptor to become writable; then call `flush`."""
        return self._stream.want_write

    def read(self, most: int = 1 << 20) -> bytes | None:
        """Return available data as other streams do. Raises ConnectionLost."""
        data = self._stream.read(most)
        if data is None:
            return None
        found = self._codec.receive(data)
        if data:
            self._exchange()
        return found if found or not data else None

    def _exchange(self) -> None:
        wire = self._codec.data_to_send()
        if self._waiting and self._codec.is_open:
            wire += self._codec.send(self._waiting)
            self._waiting = b""
        if wire:
            self._stream.write(wire)

    def write(self, data: bytes, _descriptors: Sequence[int] = ()) -> None:
        """Send as much as possible and queue the rest. Raises ConnectionLost."""
        if self._codec.is_open:
            self._stream.write(self._codec.send(data))
        else:
            self._waiting += data

    def flush(self) -> None:
        """Send as much of the queue as possible. Raises ConnectionLost."""
        self._stream.flush()

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()
