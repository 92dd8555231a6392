"""Websockets, as a monitor has with `websocket=on` (RFC 6455).

The frames are those of the library `websockets`, whose core does no I/O. Its alternative wsproto takes
three times as long for a small message in both directions (15 instead of 5 µs), because it is written
in Python only, and needs a second package, h11. Few users have such a monitor, so the library is an extra.
"""

from __future__ import annotations

from ..errors import ConnectError
from ..render import escape
from .codec import CodecError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from websockets.client import ClientProtocol

# QEMU names this one (io/channel-websock.c).
_SUBPROTOCOL = "binary"
_NORMAL_CLOSE = (1000, 1001)
_MAX_SHOWN = 40  # bytes
_TELNET = (b"\xff\xfb", b"\xff\xfd")  # the start of its negotiation


class WebsocketCodec:
    """The client's side of a websocket at `uri`, such as ws://localhost:4444/.

    Raises ConnectError if the library is not installed or the URI is invalid.
    """

    def __init__(self, uri: str) -> None:
        try:
            from websockets.client import ClientProtocol
            from websockets.exceptions import InvalidState, InvalidURI
            from websockets.frames import DATA_OPCODES, Frame
            from websockets.typing import Subprotocol
            from websockets.uri import parse_uri
        except ImportError as error:
            raise ConnectError(
                "websockets need a library: install it with pip install 'qmpshell[websocket]'"
            ) from error
        try:
            parsed = parse_uri(uri)
        except InvalidURI as error:
            raise ConnectError(f"{uri}: not a valid address of a websocket") from error
        self._frame_class, self._data_opcodes = Frame, DATA_OPCODES
        self._invalid_state = InvalidState
        self._protocol: ClientProtocol = ClientProtocol(
            parsed, subprotocols=[Subprotocol(_SUBPROTOCOL)], max_size=None
        )
        self._protocol.send_request(self._protocol.connect())
        # The first bytes of the server, for a message if it does not speak the protocol.
        self._first = b""
        # Whether the opening handshake is complete; data of the monitor waits until then.
        self.is_open = False
        self._has_ended = False

    def receive(self, data: bytes) -> bytes:
        """Return the monitor's bytes in `data` from the wire; b"" is its end. Raises CodecError."""
        protocol = self._protocol
        if not self.is_open:
            self._first = (self._first + data)[:_MAX_SHOWN]
        if not self._has_ended:
            if data:
                protocol.receive_data(data)
            else:
                self._has_ended = True
                protocol.receive_eof()
        found = b"".join([self._data(event) for event in protocol.events_received()])
        if not found:
            self._raise_error()
        return found

    def _data(self, event: object) -> bytes:
        if isinstance(event, self._frame_class):
            return bytes(event.data) if event.opcode in self._data_opcodes else b""
        self.is_open = self._protocol.handshake_exc is None  # it is the response
        return b""

    def _raise_error(self) -> None:
        protocol = self._protocol
        if protocol.handshake_exc is not None:
            raise CodecError(self._explain_handshake(protocol.handshake_exc))
        if protocol.parser_exc is not None and not isinstance(protocol.parser_exc, EOFError):
            raise CodecError(f"the server violates the websocket protocol: {protocol.parser_exc}")
        closed = protocol.close_rcvd
        if closed is not None and closed.code not in _NORMAL_CLOSE:
            reason = f": {closed.reason}" if closed.reason else ""
            raise CodecError(f"the server closed the websocket with code {closed.code}{reason}")

    def _explain_handshake(self, error: Exception) -> str:
        from websockets.exceptions import InvalidStatus

        if isinstance(error, InvalidStatus):
            response = error.response
            return (
                "the HTTP server has no websocket there: it answered"
                f" {response.status_code} {response.reason_phrase}"
            )
        if self._first.startswith(b"HTTP/"):
            return f"the websocket handshake failed: {error}"
        if not self._first:
            return "the server closed the connection during the websocket handshake"
        if self._first.startswith(_TELNET):
            return "the server uses telnet, not a websocket; use telnet:HOST:PORT, or telnet=on"
        shown = escape(self._first.decode("utf-8", "backslashreplace").strip())
        remedy = "; connect without it" if self._first.startswith(b"{") else ""
        return f"the server does not speak websocket: it sent “{shown}”{remedy}"

    def send(self, data: bytes) -> bytes:
        """Return the bytes on the wire for `data` of the monitor. Raises CodecError."""
        try:
            self._protocol.send_binary(data)
        except self._invalid_state as error:
            raise CodecError("the server has closed the websocket") from error
        return self.data_to_send()

    def data_to_send(self) -> bytes:
        """Return once what the codec itself must send now: the handshake, a pong, or the close."""
        return b"".join(self._protocol.data_to_send())
