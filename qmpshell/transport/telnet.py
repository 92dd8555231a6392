"""Telnet (RFC 854): removes and answers negotiation, and escapes the byte 0xFF."""

from __future__ import annotations

_IAC, _DONT, _DO, _WONT, _WILL, _SB, _SE = 255, 254, 253, 252, 251, 250, 240
_NEGOTIATION = (_DONT, _DO, _WONT, _WILL)
_BINARY, _SUPPRESS_GO_AHEAD = 0, 3
# Not the echo: it would return each command to us.
_ACCEPTED = (_BINARY, _SUPPRESS_GO_AHEAD)

_DATA, _COMMAND, _OPTION, _SUBNEGOTIATION, _SUBCOMMAND = range(5)


class TelnetCodec:
    """The client's side. The escapes may be split between calls at any byte."""

    is_open = True

    def __init__(self) -> None:
        self._state = _DATA
        self._verb = 0
        self._answers = bytearray()
        # The options in effect, by the verb that asks for them. Only a change is answered, so that
        # two sides cannot answer each other without end (RFC 854).
        self._enabled: set[tuple[int, int]] = set()

    def receive(self, data: bytes) -> bytes:
        """Return the data without negotiation."""
        if self._state == _DATA and _IAC not in data:
            return data
        output = bytearray()
        position = 0
        while position < len(data):
            if self._state in (_DATA, _SUBNEGOTIATION):
                end = data.find(_IAC, position)
                end = len(data) if end < 0 else end
                if self._state == _DATA:
                    output += data[position:end]
                if end < len(data):
                    self._state = _COMMAND if self._state == _DATA else _SUBCOMMAND
                position = end + 1
                continue
            if self._read_command(data[position]):
                output.append(_IAC)
            position += 1
        return bytes(output)

    def _read_command(self, byte: int) -> bool:
        """Handle a byte after IAC. Return True if it is an escaped 0xFF of the data."""
        state, self._state = self._state, _DATA
        if state == _OPTION:
            self._answer(self._verb, byte)
        elif state == _SUBCOMMAND:
            self._state = _DATA if byte == _SE else _SUBNEGOTIATION
        elif byte in _NEGOTIATION:
            self._verb = byte
            self._state = _OPTION
        elif byte == _SB:
            self._state = _SUBNEGOTIATION
        return state == _COMMAND and byte == _IAC

    def _answer(self, verb: int, option: int) -> None:
        positive, negative = (_DO, _DONT) if verb in (_WILL, _WONT) else (_WILL, _WONT)
        asked = verb in (_WILL, _DO)
        key = positive, option
        if asked and option not in _ACCEPTED:
            self._answers += bytes((_IAC, negative, option))
        elif asked != (key in self._enabled):
            self._enabled ^= {key}
            self._answers += bytes((_IAC, positive if asked else negative, option))

    def send(self, data: bytes) -> bytes:
        """Return the data with each 0xFF doubled."""
        return data.replace(b"\xff", b"\xff\xff")

    def data_to_send(self) -> bytes:
        """Return the answers to the negotiation so far, once."""
        answers = bytes(self._answers)
        self._answers.clear()
        return answers
