"""Framing: splits a byte stream into JSON objects, in linear time for any chunking.

QMP ends each message with CRLF (qmp-spec, "General Definitions"). Without `pretty=on`, a server
sends no other line end within a message, so the fast path parses a whole line as an object.
Everything else (a message over many lines, several on one line, incomplete ones) is scanned for
strings and brackets. In a large message, the scan does not visit every bracket: it deletes
everything that is not structure with the C methods of `bytes` and cancels pairs.

Bytes that cannot belong to an object become Malformed, and scanning resumes at the next object:
- outside an object, everything up to the end of the line or the next `{`;
- a string that contains a line end (invalid JSON) ends the broken object with that line;
- a greeting within an object ends it: the server was restarted, as on a serial line.
"""

from __future__ import annotations

import re

from .json import JsonError, decode, decode_strict
from .messages import Malformed, Message, classify

_OPEN = 0x7B
_STRUCTURE = re.compile(rb'["{}\[\]\\]')
_IN_STRING = re.compile(rb'["\\\n]')
_NOT_STRUCTURE = bytes(set(range(256)) - set(b'"{}[]\n'))
_ONE_BRACKET = bytes.maketrans(b"[]", b"{}")
_BETWEEN = re.compile(rb"[ \t\r\n\xff]*")
_GARBAGE_END = rb"[\n{]"  # compiled on first use, because servers send no garbage
# Impossible within a message: quotes in a string are escaped, and QMP has no such member.
_GREETING = b'{"QMP": {"'
# How a reply that reports success starts.
_SUCCESS = b'{"return":'

# This many bytes of an object are scanned plainly. After them, the windows double in size until one holds
# the end, so that the total work is proportional to the size of the object.
_PLAIN_WINDOW = 4096
_LARGEST_WINDOW = 1 << 20
# Malformed bytes without a line end are returned in pieces of about this size.
_GARBAGE_LIMIT = 1 << 16
# Deeper nesting than this is counted bracket by bracket.
_CANCEL_ROUNDS = 16


class Framer:
    """Splits bytes into messages. Each call of `feed` returns what is complete, in order."""

    __slots__ = ("_depth", "_escaped", "_in_string", "_is_one_line", "_length", "_parts")

    def __init__(self) -> None:
        # The bytes of the incomplete object (or of malformed data if the depth is 0).
        self._parts: list[bytes] = []
        self._restart()

    def _restart(self) -> None:
        self._parts = []
        self._length = 0
        self._is_one_line = True
        self._depth = 0
        self._in_string = False
        self._escaped = False

    @property
    def pending(self) -> bytes:
        """The start of the incomplete data, at most 4096 bytes."""
        head = b""
        for part in self._parts:
            head += part[: 4096 - len(head)]
            if len(head) >= 4096:
                break
        return head

    def is_only_success(self, data: bytes) -> bool:
        """Return True if `data` is one complete reply that reports success and has no id.

        False does not mean the opposite: long replies are not examined.
        """
        if self._parts or len(data) > _PLAIN_WINDOW or not data.startswith(_SUCCESS):
            return False
        try:
            return len(decode_strict(data.rstrip())) == 1
        except (ValueError, RecursionError):
            return False

    def feed(self, data: bytes) -> list[Message | Malformed]:
        """Add bytes. Return the messages and malformed data that are now complete, in order."""
        found: list[Message | Malformed] = []
        position = self._rest_of_line(data, found) if self._depth else 0
        # A line that could not be parsed as a whole is not tried again before this offset.
        plain_until = 0
        # Where the next greeting starts, which ends an object; searched for again once it is passed.
        greeting = -1
        while position < len(data):
            if not self._parts:
                between = _BETWEEN.match(data, position)
                assert between is not None
                position = between.end()
                if position == len(data):
                    break
                if position >= plain_until and data[position] == _OPEN:
                    plain_until = data.find(b"\n", position) + 1 or len(data) + 1
                    if plain_until <= len(data) and _strictly(data[position:plain_until], found):
                        position = plain_until
                        continue
            if self._depth == 0 and data[position] != _OPEN:
                position = self._malformed(data, position, found)
            else:
                if self._depth == 0 and self._parts:
                    self._end_malformed(found)
                seam = self._greeting_across_chunks(data, position)
                if seam:
                    data, position, greeting = b"".join(self._parts) + data[position:], seam, -1
                    self._parts = [data[:seam]]
                    self._end_malformed(found)
                    continue
                inside = position + (not self._parts)  # the object may be a greeting itself
                if greeting < inside:
                    greeting = data.find(_GREETING, inside)
                    greeting = greeting if greeting >= 0 else len(data)
                position = self._object(data, position, greeting, found)
        return found

    def end(self) -> list[Message | Malformed]:
        """Handle the end of the stream. Return incomplete data as Malformed."""
        found: list[Message | Malformed] = []
        if self._parts:
            self._end_malformed(found)
        return found

    def _rest_of_line(self, data: bytes, found: list[Message | Malformed]) -> int:
        """Parse the open object and the end of its line, without a scan. Return the offset after it, or 0."""
        end = data.find(b"\n") + 1
        # Tried once for each object: after a failure, its parts contain the line end.
        if not end or not self._is_one_line:
            return 0
        raw = b"".join((*self._parts, data[:end].rstrip()))
        self._parts = []  # no second copy of a large message while it is decoded
        if _strictly(raw, found):
            self._restart()
            return end
        self._parts = [raw[: self._length]]
        return 0

    def _add(self, part: bytes) -> None:
        self._parts.append(part)
        self._length += len(part)
        self._is_one_line = self._is_one_line and b"\n" not in part

    def _end_malformed(self, found: list[Message | Malformed]) -> None:
        found.append(Malformed(b"".join(self._parts).rstrip(b"\r\n")))
        self._restart()

    def _malformed(self, data: bytes, position: int, found: list[Message | Malformed]) -> int:
        match = re.compile(_GARBAGE_END).search(data, position)
        end = match.start() if match else len(data)
        self._add(data[position:end])
        if match or self._length > _GARBAGE_LIMIT:
            self._end_malformed(found)
        return end

    def _object(
        self, data: bytes, position: int, greeting: int, found: list[Message | Malformed]
    ) -> int:
        """Consume the object that is open or starts at `position`, at most up to `greeting`.

        Return the offset after it.
        """
        end = self._object_end(data, position, greeting)
        self._add(data[position : end or greeting])
        if (end and self._in_string) or (not end and greeting < len(data)):
            self._end_malformed(found)
        elif end:
            raw = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
            self._restart()
            if not _strictly(raw, found):
                _leniently(raw, found)
        return end or greeting

    def _greeting_across_chunks(self, data: bytes, start: int) -> int:
        """Return where a greeting starts that began in an earlier chunk and continues in `data`.

        The offset counts from the first byte of the open object. 0 means none: the object may
        itself be the greeting.
        """
        overlap = len(_GREETING) - 1
        if not self._parts:
            return 0
        tail = b"".join(self._parts[-overlap:])[-overlap:]
        seam = (tail + data[start : start + overlap]).find(_GREETING)
        return self._length - len(tail) + seam if seam >= 0 else 0

    def _object_end(self, data: bytes, position: int, limit: int) -> int:
        """Return the offset after the object's last byte, or 0 if it does not end before `limit`.

        If the object breaks within a string, that is the end, and `_in_string` stays set.
        """
        # An object that began in an earlier chunk is as large as the bytes that it already has.
        window = min(max(self._length, _PLAIN_WINDOW), _LARGEST_WINDOW)
        ends_in_window = False
        while position < limit:
            stop = min(position + window, limit)
            if window > _PLAIN_WINDOW:
                if not self._skip(data[position:stop]):
                    # Look for the end in smaller windows, so that little is scanned plainly.
                    window //= 2
                    ends_in_window = True
                    continue
            elif end := self._end_in_window(data, position, stop):
                return end
            position = stop
            if ends_in_window:
                window = max(window // 2, _PLAIN_WINDOW)
            else:
                window = min(2 * window, _LARGEST_WINDOW)
        return 0

    def _end_in_window(self, data: bytes, position: int, stop: int) -> int:
        if self._escaped:
            self._escaped = False
            position += 1
        while True:
            match = (_IN_STRING if self._in_string else _STRUCTURE).search(data, position, stop)
            if match is None:
                return 0
            position = match.end()
            byte = match[0]
            if byte == b"\\":
                if position == stop:
                    self._escaped = True
                    return 0
                position += 1
            elif byte == b'"':
                self._in_string = not self._in_string
            elif byte == b"\n":
                return position
            elif byte in b"{[":
                self._depth += 1
            else:
                self._depth -= 1
                if self._depth == 0:
                    return position

    def _skip(self, piece: bytes) -> bool:
        """Return True if the object continues after `piece`. Only then does the state advance."""
        if self._escaped:
            piece = piece[1:]
        escaped = False
        if b"\\" in piece:
            # The order matters: the rest of a run of backslashes escapes what follows it.
            piece = piece.replace(b"\\\\", b"").replace(b'\\"', b"")
            escaped = piece.endswith(b"\\")
        parts = piece.translate(None, _NOT_STRUCTURE).split(b'"')
        outside, inside = parts[self._in_string :: 2], parts[not self._in_string :: 2]
        if b"\n" in b"".join(inside):
            return False
        lowest, change = _depths(b"".join(outside).translate(_ONE_BRACKET, b"\n"))
        if self._depth + lowest <= 0:
            return False
        self._depth += change
        self._in_string ^= len(parts) % 2 == 0
        self._escaped = escaped
        return True


def _strictly(raw: bytes, found: list[Message | Malformed]) -> bool:
    """Append the message in `raw`, without surrounding blanks, if the fast decoder can parse it."""
    raw = raw.rstrip()
    try:
        value = decode_strict(raw)
    except (ValueError, RecursionError):
        return False
    found.append(classify(raw, value))
    return True


def _leniently(raw: bytes, found: list[Message | Malformed]) -> None:
    try:
        found.append(classify(raw, decode(raw), strict=False))
    except JsonError:
        found.append(Malformed(raw))


def _depths(brackets: bytes) -> tuple[int, int]:
    """Return the lowest and the final depth of a run of `{` and `}` that starts at depth 0.

    >>> _depths(b"}{{")
    (-1, 1)
    """
    for _ in range(_CANCEL_ROUNDS):
        shorter = brackets.replace(b"{}", b"")
        if len(shorter) == len(brackets):
            closing = brackets.count(b"}")
            return -closing, len(brackets) - 2 * closing
        brackets = shorter
    depth = lowest = 0
    for bracket in brackets:
        depth += 1 if bracket == 0x7B else -1
        lowest = min(lowest, depth)
    return lowest, depth
