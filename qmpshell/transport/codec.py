"""A stream whose bytes a codec converts, such as telnet or TLS."""

from __future__ import annotations

import math
import os
import select
import time

from ..errors import ConnectError, ConnectionLost
from ..qmp import INSPECTION_DELAY
from .stream import Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    class Codec(Protocol):
        """Converts between the bytes on the wire and the bytes of the monitor, without I/O."""

        @property
        def is_open(self) -> bool:
            """Whether the opening handshake is complete; monitor data waits until then."""

        def receive(self, data: bytes) -> bytes:
            """Return the monitor bytes in bytes of the wire; b"" is its end. Raises CodecError."""

        def send(self, data: bytes) -> bytes:
            """Return the wire bytes for monitor bytes. Raises CodecError."""

        def data_to_send(self) -> bytes:
            """Return, once, what the codec itself must send now."""


class CodecError(ConnectionLost):
    """The bytes on the wire violate the rules of the codec."""


class CodecStream(Stream):
    """A stream over another one. Monitor data waits until the codec's handshake is complete."""

    def __init__(self, stream: Stream, codec: Codec) -> None:
        super().__init__(stream.fileno())
        self._stream = stream
        self._codec = codec
        self._waiting: list[bytes] = []
        self._received: list[bytes] = []
        self._has_ended = False
        self._send_own_data()

    @property
    def want_write(self) -> bool:
        """Whether wire data waits for the descriptor to become writable; then call `flush`."""
        return self._stream.want_write

    def read(self, most: int = 1 << 20) -> bytes | None:
        """Return available monitor data, None if there is none, b"" at the end.

        All of it is returned, so nothing remains that `poll` does not report. Raises ConnectionLost.
        """
        if self._received:
            return self._received.pop(0)
        return self._read_wire(most)

    def _read_wire(self, most: int) -> bytes | None:
        if self._has_ended:
            return b""
        wire = self._stream.read(most)
        if wire is None:
            return None
        self._has_ended = not wire
        try:
            data = self._codec.receive(wire)
        finally:
            self._send_own_data()  # an alert too
        self._send_waiting()
        return data or (b"" if self._has_ended else None)

    def write(self, data: bytes, descriptors: Sequence[int] = ()) -> None:
        """Send as much as possible and queue the rest. Raises ConnectionLost."""
        for descriptor in descriptors:
            os.close(descriptor)
        self._waiting.append(data)
        self._send_waiting()

    def flush(self) -> None:
        """Send as much of the queue as possible. Raises ConnectionLost."""
        self._stream.flush()

    def shut_down(self) -> None:
        """End the connection for the other side."""
        self._stream.shut_down()

    def close(self) -> None:
        """Close the stream below."""
        self._stream.close()

    def _send_waiting(self) -> None:
        if self._waiting and self._codec.is_open:
            data = b"".join(self._waiting)
            self._waiting.clear()
            self._stream.write(self._codec.send(data))

    def _send_own_data(self) -> None:
        if data := self._codec.data_to_send():
            self._stream.write(data)

    def open(
        self, *, name: str, timeout: float, explain: Callable[[bool], str] = lambda _is_late: ""
    ) -> None:
        """Complete the handshake within `timeout` seconds. Raises ConnectError.

        `name` is the protocol, for messages. `explain` returns why the server does not answer, or "";
        it is called soon, and with True when the time is over.
        """
        end = time.monotonic() + timeout
        inspect_at = min(end, time.monotonic() + INSPECTION_DELAY)
        try:
            while not self._codec.is_open:
                if not self._wait(inspect_at):
                    inspect_at = self._inspect(name, explain, end)
                    continue
                if self.want_write:
                    self.flush()
                # One byte, so that data after the handshake stays where `poll` reports it.
                data = self._read_wire(1)
                if data:
                    self._received.append(data)
                elif data == b"" and not self._codec.is_open:
                    raise CodecError(
                        f"the server closed the connection during the {name} handshake;"
                        f" does it speak {name}?"
                    )
        except ConnectionLost as error:
            reason = explain(True) if self._has_ended else ""
            raise ConnectError(reason or str(error)) from error

    def _inspect(self, name: str, explain: Callable[[bool], str], end: float) -> float:
        """Return until when to wait for a silent server. Raises ConnectError if that is useless."""
        is_late = time.monotonic() >= end
        reason = explain(is_late)
        if is_late and not reason:
            reason = (
                f"no {name} handshake in time: the server may serve another client,"
                f" or not speak {name}"
            )
        if reason:
            raise ConnectError(reason)
        return end

    def _wait(self, end: float) -> bool:
        poll = select.poll()
        poll.register(self, select.POLLIN | (select.POLLOUT if self.want_write else 0))
        return bool(poll.poll(math.ceil(max(end - time.monotonic(), 0) * 1000)))
