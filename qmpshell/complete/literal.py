"""A JSON or Python literal that is being typed.

Owns: what it holds so far, and what is expected at the cursor. Must not know: schemas, commands.
`JsonReader` is for what is finished, and refuses the rest; this takes every text and never fails.
"""

from __future__ import annotations

import re

from ..protocol.json_reader import JsonError, json_string
from .given import ARRAY, JSON, OBJECT, STRING, Given

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_TOKEN = (
    r"""(?P<string>"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"?|'[^'\\\n]*+(?:\\.[^'\\\n]*+)*+'?)"""
    r"""|(?P<word>[^\s{}\[\]:,"']+)|[{}\[\]:,]"""
)
_KEY, _COLON, _VALUE, _COMMA = "key", "colon", "value", "comma"


class Spot:
    """What is expected at the cursor: the name of a member of what is at `path`, or with `is_value` the
    value at `path` itself.

    `text` is what is typed of it, from `start` on; `quote` is the quote that it began with, if any,
    `closed` says that its closing quote stands right behind the cursor, and `own` is the name that
    stands there now, if it is whole.
    """

    __slots__ = ("closed", "is_value", "own", "path", "quote", "start", "text")

    def __init__(self, path: Sequence[str], start: int, *, is_value: bool) -> None:
        self.path = tuple(path)
        self.start = start
        self.is_value = is_value
        self.text = ""
        self.quote = ""
        self.closed = False
        self.own = ""


class _Frame:
    """An object or array that is open, what may come next in it, and where in it the last value is."""

    __slots__ = ("expects", "given", "key")

    def __init__(self, given: Given) -> None:
        self.given = given
        self.expects = _KEY if given.form == OBJECT else _VALUE
        self.key = ""


def scan(text: str, start: int, cursor: int) -> tuple[Given, Spot | None]:
    """What a literal that begins at the opening bracket `text[0]` holds, and the spot at the cursor;
    None where nothing is expected there. `start` is the offset of the text in the line, in which
    `cursor` is, too."""
    scanner = _Scanner(start, cursor)
    for match in re.finditer(_TOKEN, text):
        if not scanner.take(match):
            break
    return scanner.finish(start + len(text))


class _Scanner:
    def __init__(self, start: int, cursor: int) -> None:
        self._offset = start
        self._cursor = cursor
        self._stack: list[_Frame] = []
        self._root: Given | None = None
        self._spot: Spot | None = None
        self._is_past = False  # the cursor

    def take(self, match: re.Match[str]) -> bool:
        """Go on by a token; whether the literal is still open."""
        start, end = self._offset + match.start(), self._offset + match.end()
        token = match[0]
        if self._root is None:
            self._open(token, start)
            return True
        if not self._is_past and start >= self._cursor:
            self._find_spot(self._cursor)
        if match.lastgroup is not None:
            is_whole = len(token) > 1 and token[-1] == token[0]
            is_string = match.lastgroup == "string"
            # Behind a closing quote there is nothing left to complete.
            if not self._is_past and self._cursor <= end - (is_string and is_whole):
                self._find_spot(start, token)
            self._scalar(token, start, end, is_string=is_string)
        elif token in "{[":
            self._open(token, start)
        elif token in "}]":
            self._stack.pop().given.end = end
            if not self._stack:
                return False
            self._stack[-1].expects = _COMMA
        else:
            self._punctuation(token)
        return True

    def finish(self, end: int) -> tuple[Given, Spot | None]:
        assert self._root is not None
        if self._stack:
            for frame in self._stack:
                frame.given.end = end
            if not self._is_past and self._cursor <= end:
                self._find_spot(self._cursor)
        return self._root, self._spot

    def _find_spot(self, start: int, token: str = "") -> None:
        """The cursor is here, or in a token that begins here."""
        self._is_past = True
        frame = self._stack[-1]
        if frame.expects not in (_KEY, _VALUE):
            return
        is_value = frame.expects == _VALUE
        path = [one.key for one in self._stack[:-1]]
        if is_value:
            path.append(_place(frame))
        spot = self._spot = Spot(path, start, is_value=is_value)
        spot.quote = token[0] if token and token[0] in "\"'" else ""
        typed = token[: self._cursor - start]
        spot.text = unquoted(typed) if spot.quote else typed
        rest = token[self._cursor - start :]
        spot.closed = bool(spot.quote) and rest == spot.quote
        if rest:
            spot.own = unquoted(token) if spot.quote else token
        elif not spot.quote:
            spot.own = token

    def _scalar(self, token: str, start: int, end: int, *, is_string: bool) -> None:
        text = unquoted(token) if is_string else token
        frame = self._stack[-1]
        if frame.expects == _KEY:
            frame.key = text
            frame.expects = _COLON
        elif frame.expects == _VALUE:
            self._hang(Given(STRING if is_string else JSON, text, start, end))
            frame.expects = _COMMA

    def _open(self, token: str, start: int) -> None:
        given = Given(OBJECT if token == "{" else ARRAY, "", start, start + 1)
        if self._root is None:
            self._root = given
        else:
            self._hang(given)
        self._stack.append(_Frame(given))

    def _hang(self, given: Given) -> None:
        frame = self._stack[-1]
        if frame.expects == _VALUE:
            frame.key = _place(frame)
            frame.given.members.setdefault(frame.key, given)

    def _punctuation(self, token: str) -> None:
        frame = self._stack[-1]
        if token == ":":
            if frame.expects == _COLON:
                frame.expects = _VALUE
        else:
            frame.expects = _KEY if frame.given.form == OBJECT else _VALUE


def _place(frame: _Frame) -> str:
    """The name under which the next value of an object or array stands."""
    return frame.key if frame.given.form == OBJECT else str(len(frame.given.members))


def unquoted(token: str) -> str:
    """The text of a string that may be open at its end, escapes as far as they are whole."""
    quote = token[0]
    inner = token[1:-1] if len(token) > 1 and token[-1] == quote else token[1:]
    if "\\" not in inner:
        return inner
    if quote == "'":
        inner = inner.replace("\\'", "'").replace('"', '\\"')
    try:
        return json_string(f'"{inner}"', 0)[0]
    except JsonError:
        return inner
