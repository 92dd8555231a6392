"""Bytes to messages.

Owns: finding where each JSON object in a stream ends, in time linear in the bytes, however they are
cut. Must not know: what the messages mean, or where the bytes come from.

QMP ends each message with CRLF (qmp-spec, "General Definitions"), and a server without `pretty=on`
puts no other line end into it: a line that reads as an object is a message, and that is the fast way.
All else (a message over many lines, several on one, none complete yet) is scanned for strings and
brackets. Where a message is large the scan does not look at each bracket: it deletes whatever is not
structure with the C primitives of `bytes` and cancels pairs.

Bytes that cannot be part of an object come out as Garbage, and the next object is found again:
- outside an object, all up to the line's end or the next `{`;
- a string with a raw line end in it (JSON forbids it) ends the broken object with that line;
- a greeting inside an object ends it: the server was restarted, as it can be behind a serial line.
"""

from __future__ import annotations

import re

from .json import JsonError, decode, decode_strict
from .messages import Garbage, Message, classify

_OPEN = 0x7B
_STRUCTURE = re.compile(rb'["{}\[\]\\]')
_IN_STRING = re.compile(rb'["\\\n]')
_NOT_STRUCTURE = bytes(set(range(256)) - set(b'"{}[]\n'))
_ONE_BRACKET = bytes.maketrans(b"[]", b"{}")
_BETWEEN = re.compile(rb"[ \t\r\n\xff]*")
_GARBAGE_END = re.compile(rb"[\n{]")
# Not possible inside a message: in a string the quotes would be escaped, and QMP has no such member.
_GREETING = b'{"QMP": {"'

# So many bytes of an object are scanned plainly; then windows are passed over that double in size,
# so that the work is never more than in proportion to the object.
_PLAIN_WINDOW = 4096
_LARGEST_WINDOW = 1 << 20
# Garbage without a line end is given out in pieces of about this size.
_GARBAGE_LIMIT = 1 << 16
# Nesting deeper than this is counted bracket by bracket.
_CANCEL_ROUNDS = 16


class Framer:
    """Feed it bytes in any pieces; each call returns what they completed, in order."""

    __slots__ = ("_depth", "_escaped", "_in_string", "_length", "_parts")

    def __init__(self) -> None:
        # The bytes of the object (or of the garbage, where the depth is 0) that is not complete.
        self._parts: list[bytes] = []
        self._restart()

    def _restart(self) -> None:
        self._parts = []
        self._length = 0
        self._depth = 0
        self._in_string = False
        self._escaped = False

    @property
    def pending(self) -> bytes:
        """The beginning of what is not complete yet, 4096 bytes at most."""
        head = b""
        for part in self._parts:
            head += part[: 4096 - len(head)]
            if len(head) >= 4096:
                break
        return head

    def feed(self, data: bytes) -> list[Message | Garbage]:
        found: list[Message | Garbage] = []
        position = 0
        # A line that was read whole in vain is not read whole again, nor looked for where there is none.
        plain_until = 0
        # Where the next greeting begins, which ends an object; looked for when the last one is passed.
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
                position = self._garbage(data, position, found)
            else:
                if self._depth == 0 and self._parts:
                    self._give_garbage(found)
                seam = self._greeting_at_seam(data, position)
                if seam:
                    data, position, greeting = b"".join(self._parts) + data[position:], seam, -1
                    self._parts = [data[:seam]]
                    self._give_garbage(found)
                    continue
                inside = position + (not self._parts)  # the object may be a greeting itself
                if greeting < inside:
                    greeting = data.find(_GREETING, inside)
                    greeting = greeting if greeting >= 0 else len(data)
                position = self._object(data, position, greeting, found)
        return found

    def end(self) -> list[Message | Garbage]:
        """The stream has ended: what was not complete, as garbage."""
        found: list[Message | Garbage] = []
        if self._parts:
            self._give_garbage(found)
        return found

    def _add(self, part: bytes) -> None:
        self._parts.append(part)
        self._length += len(part)

    def _give_garbage(self, found: list[Message | Garbage]) -> None:
        found.append(Garbage(b"".join(self._parts).rstrip(b"\r\n")))
        self._restart()

    def _garbage(self, data: bytes, position: int, found: list[Message | Garbage]) -> int:
        match = _GARBAGE_END.search(data, position)
        end = match.start() if match else len(data)
        self._add(data[position:end])
        if match or self._length > _GARBAGE_LIMIT:
            self._give_garbage(found)
        return end

    def _object(
        self, data: bytes, position: int, greeting: int, found: list[Message | Garbage]
    ) -> int:
        """Take what belongs to the object that is open or begins here, up to `greeting` at most; the
        offset behind it."""
        end = self._object_end(data, position, greeting)
        self._add(data[position : end or greeting])
        if (end and self._in_string) or (not end and greeting < len(data)):
            self._give_garbage(found)
        elif end:
            raw = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
            self._restart()
            if not _strictly(raw, found):
                _leniently(raw, found)
        return end or greeting

    def _greeting_at_seam(self, data: bytes, start: int) -> int:
        """Where a greeting begins, counted from the open object's first byte, that began in an earlier
        piece and goes on in `data`; 0 for none: the object may itself be the greeting."""
        overlap = len(_GREETING) - 1
        if not self._parts:
            return 0
        tail = b"".join(self._parts[-overlap:])[-overlap:]
        seam = (tail + data[start : start + overlap]).find(_GREETING)
        return self._length - len(tail) + seam if seam >= 0 else 0

    def _object_end(self, data: bytes, position: int, limit: int) -> int:
        """The offset after the object's last byte, 0 where it does not end before `limit`.

        Where the object breaks in a string, that is the end, and `_in_string` stays set.
        """
        window = _PLAIN_WINDOW
        stop = min(position + window, limit)
        while position < limit:
            if window == _PLAIN_WINDOW or not self._pass_over(data[position:stop]):
                end = self._end_in_window(data, position, stop)
                if end:
                    return end
            window = min(2 * window, _LARGEST_WINDOW)
            position, stop = stop, min(stop + window, limit)
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

    def _pass_over(self, piece: bytes) -> bool:
        """Whether the object goes on beyond `piece`; then, and only then, the state moves there."""
        if self._escaped:
            piece = piece[1:]
        escaped = False
        if b"\\" in piece:
            # In this order: what is left of a run of backslashes escapes what follows it.
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


def _strictly(raw: bytes, found: list[Message | Garbage]) -> bool:
    """Add the message that `raw`, blanks around it aside, is, if the fast decoder can read it."""
    raw = raw.rstrip()
    try:
        value = decode_strict(raw)
    except (ValueError, RecursionError):
        return False
    found.append(classify(raw, value))
    return True


def _leniently(raw: bytes, found: list[Message | Garbage]) -> None:
    try:
        found.append(classify(raw, decode(raw), strict=False))
    except JsonError:
        found.append(Garbage(raw))


def _depths(brackets: bytes) -> tuple[int, int]:
    """The lowest depth that a run of `{` and `}` reaches, and the one it ends at, from 0.

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
