"""JSON parsing and encoding: strict and fast where possible, tolerant and non-recursive where needed.

`json.loads` is several times faster than `JsonReader` and is tried first. `JsonReader` handles nesting
beyond Python's recursion limit, the `inf` and `nan` that QEMU prints (json-writer.c), the single quotes
that QEMU accepts (json-lexer.c), Python literals, input over several lines, and error positions.
"""

from __future__ import annotations

import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined]  # not in typeshed

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


class JsonError(ValueError):
    """Invalid JSON: `reason`, and `position` as an offset into the text."""

    def __init__(self, reason: str, position: int) -> None:
        super().__init__(f"{reason} at offset {position}")
        self.reason = reason
        self.position = position


class Dialect(Record, kw_only=True):
    """What a JsonReader accepts beyond RFC 8259."""

    words: dict[str, object]
    single_quotes: bool = False
    trailing_commas: bool = False
    repeated_keys: bool = False
    infinite: bool = True
    no_break_spaces: bool = False


_JSON_WORDS: dict[str, object] = {"true": True, "false": False, "null": None}
_NOT_FINITE = {
    "inf": float("inf"),
    "Infinity": float("inf"),
    "nan": float("nan"),
    "NaN": float("nan"),
}

# What servers send: json-writer.c prints doubles with "%.17g".
SERVER = Dialect(words=_JSON_WORDS | _NOT_FINITE, repeated_keys=True)
# What QEMU accepts, and no-break spaces of web pages. Repeated keys pass: the server rejects them
# itself.
QEMU = Dialect(words=_JSON_WORDS, single_quotes=True, repeated_keys=True, no_break_spaces=True)
# What users type as a value: JSON and Python literals, mixed.
LITERAL = Dialect(
    words=_JSON_WORDS | {"True": True, "False": False, "None": None},
    single_quotes=True,
    trailing_commas=True,
    infinite=False,
    no_break_spaces=True,
)

# Compiled on first use, because many scripts need none of them.
_BLANKS = r"[ \t\r\n]*"
_MORE_BLANKS = r"[ \t\r\n\u00a0\u202f]*"
_NUMBER = r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?"
_WORD = r"-?[A-Za-z_0-9.+-]+"
_SINGLE = r"'[^'\\\x00-\x1f]*+(?:\\.[^'\\\x00-\x1f]*+)*+'"
_DOUBLE = r'"[^"\\\x00-\x1f]*+(?:\\.[^"\\\x00-\x1f]*+)*+"'
_CONTROL_CHARACTER = r"[\x00-\x1f]"
_QUOTES = r"""\\'|"|(?s:\\.)"""

TOO_LARGE = "the number is too large for JSON as QEMU reads it"

_VALUE, _VALUE_OR_CLOSE, _KEY, _KEY_OR_CLOSE, _COLON, _COMMA_OR_CLOSE, _DONE = range(7)
_EXPECTED = {
    _VALUE: "a value",
    _VALUE_OR_CLOSE: "a value or ]",
    _KEY: "a name in quotes",
    _KEY_OR_CLOSE: "a name in quotes or }",
    _COLON: "a colon",
}


def json_number(text: str) -> int | float | None:
    """Return the number that `text` is in JSON's grammar, or None. Integers are exact.

    >>> json_number("-5"), json_number("1e3"), json_number("007")
    (-5, 1000.0, None)
    """
    match = re.fullmatch(_NUMBER, text)
    return _number(match) if match is not None else None


def _number(match: re.Match[str]) -> int | float:
    text = match[0]
    if match[1] is None and match[2] is None:
        try:
            return int(text)
        except ValueError:  # more digits than Python converts (sys.set_int_max_str_digits)
            return float(text)
    return float(text)


def json_string(text: str, start: int) -> tuple[str, int]:
    """Parse the string whose opening double quote is at `start`. Return it and the offset after it.

    Raises JsonError.
    """
    try:
        value, end = scanstring(text, start + 1, True)
    except ValueError as error:
        raise JsonError(*_string_mistake(getattr(error, "msg", ""), start, error)) from None
    return str(value), int(end)


class JsonReader:
    """An incremental parser for one value. A string, word or number is never split between chunks.

    Once `complete` is true, `value` is the value. `depth` is the number of open brackets.
    """

    __slots__ = ("_blanks", "_dialect", "_keys", "_number", "_stack", "_state", "_word", "value")

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._blanks = re.compile(_MORE_BLANKS if dialect.no_break_spaces else _BLANKS).match
        self._word = re.compile(_WORD).match
        self._number = re.compile(_NUMBER).fullmatch
        self._stack: list[dict[str, Any] | list[Any]] = []
        self._keys: list[str] = []
        self._state = _VALUE
        self.value: Any = None

    @property
    def complete(self) -> bool:
        """Whether the value is complete."""
        return self._state == _DONE

    @property
    def depth(self) -> int:
        """The number of open brackets."""
        return len(self._stack)

    def feed(self, text: str, position: int = 0) -> int:
        """Parse from `position` on. Return the offset after the value, or the end of the text.

        Raises JsonError, after which the reader cannot be used.
        """
        while self._state != _DONE:
            match = self._blanks(text, position)
            assert match is not None
            position = match.end()
            if position == len(text):
                break
            position = self._token(text, position)
        return position

    def _token(self, text: str, position: int) -> int:
        char = text[position]
        state = self._state
        if state in (_VALUE, _VALUE_OR_CLOSE):
            if char == "]" and state == _VALUE_OR_CLOSE:
                self._close()
            elif char == "{":
                self._stack.append({})
                self._state = _KEY_OR_CLOSE
            elif char == "[":
                self._stack.append([])
                self._state = _VALUE_OR_CLOSE
            else:
                value, position = self._scalar(text, position)
                self._add_value(value)
                return position
        elif state in (_KEY, _KEY_OR_CLOSE):
            if char != "}" or state == _KEY:
                return self._key(text, position)
            self._close()
        elif state == _COLON:
            if char != ":":
                raise JsonError("expected a colon", position)
            self._state = _VALUE
        else:
            self._separator(char, position)
        return position + 1

    def _separator(self, char: str, position: int) -> None:
        in_object = isinstance(self._stack[-1], dict)
        if char == ("}" if in_object else "]"):
            self._close()
        elif char == ",":
            if self._dialect.trailing_commas:
                self._state = _KEY_OR_CLOSE if in_object else _VALUE_OR_CLOSE
            else:
                self._state = _KEY if in_object else _VALUE
        else:
            raise JsonError(f"expected a comma or {'}' if in_object else ']'}", position)

    def _key(self, text: str, position: int) -> int:
        if text[position] not in "\"'":
            raise JsonError(f"expected {_EXPECTED[self._state]}", position)
        key, end = self._string(text, position)
        if not self._dialect.repeated_keys and key in self._stack[-1]:
            raise JsonError(f"the name {key!r} occurs twice", position)
        self._keys.append(key)
        self._state = _COLON
        return end

    def _scalar(self, text: str, position: int) -> tuple[object, int]:
        char = text[position]
        if char in "\"'":
            return self._string(text, position)
        word = self._word(text, position)
        if word is None:
            raise JsonError(f"expected {_EXPECTED[self._state]}", position)
        number = self._number(word[0])
        if number is not None:
            value = _number(number)
            if not self._dialect.infinite and value in (float("inf"), float("-inf")):
                raise JsonError(TOO_LARGE, position)
            return value, word.end()
        name = word[0]
        words = self._dialect.words
        if name in words:
            return words[name], word.end()
        if name[0] == "-" and isinstance(words.get(name[1:]), float):
            return -float(name[1:]), word.end()
        raise JsonError(f"expected {_EXPECTED[self._state]}, not {name[:40]!r}", position)

    def _string(self, text: str, position: int) -> tuple[str, int]:
        single = text[position] == "'"
        if single and not self._dialect.single_quotes:
            raise JsonError("strings need double quotes", position)
        if not single:
            try:
                return json_string(text, position)
            except JsonError as error:
                if not self._dialect.single_quotes or "\\'" not in text:
                    raise
                original = error
        match = re.compile(_SINGLE if single else _DOUBLE).match(text, position)
        if match is None:
            raise _not_closed(text, position) if single else original
        try:
            # QEMU accepts \' in both kinds of string, JSON in neither.
            inner = re.sub(_QUOTES, _requote, match[0][1:-1])
            return json_string(f'"{inner}"', 0)[0], match.end()
        except JsonError as error:
            raise JsonError(error.reason, position) from None

    def _add_value(self, value: object) -> None:
        stack = self._stack
        if not stack:
            self.value = value
            self._state = _DONE
            return
        container = stack[-1]
        if isinstance(container, dict):
            container[self._keys.pop()] = value
        else:
            container.append(value)
        self._state = _COMMA_OR_CLOSE

    def _close(self) -> None:
        self._add_value(self._stack.pop())


def _requote(match: re.Match[str]) -> str:
    piece = match[0]
    if piece == "\\'":
        return "'"
    return '\\"' if piece == '"' else piece


def _not_closed(text: str, start: int) -> JsonError:
    match = re.compile(_CONTROL_CHARACTER).search(text, start + 1)
    if match is not None and match[0] != "\n":
        return JsonError(_CONTROL, match.start())
    return JsonError("the string is not closed on its line", start)


_CONTROL = "a string may not hold a raw control character or line end"


def _string_mistake(message: str, start: int, error: ValueError) -> tuple[str, int]:
    position = getattr(error, "pos", start)
    if message.startswith("Invalid control character"):
        return _CONTROL, position
    if "escape" in message:
        return "the string has an escape that is not valid in JSON", position
    return "the string is not closed", start


_encode_string = json.encoder.encode_basestring_ascii


def _refuse_word(word: str) -> float:
    # Python's NaN and Infinity. JsonReader also accepts QEMU's spellings.
    raise ValueError(word)


_decoder = json.JSONDecoder(parse_constant=_refuse_word)
# json.dumps creates an encoder on each call with unusual options.
_encoder = json.JSONEncoder(allow_nan=False)


def decode_strict(data: bytes) -> Any:
    """Parse one RFC 8259 text in UTF-8, without blanks around it, with the fast decoder alone.

    Raises ValueError or RecursionError for everything that `decode` may still be able to parse.
    """
    text = str(data, "utf-8")
    value, end = _decoder.raw_decode(text)
    if end < len(text):
        raise ValueError
    return value


def decode(data: bytes) -> Any:
    """Parse one JSON text in UTF-8. Bytes that are not UTF-8 become U+FFFD.

    Raises JsonError, with an offset into the decoded text, for anything but one JSON value.
    """
    text = str(data, "utf-8", "replace")
    try:
        return _decoder.decode(text)
    except (ValueError, RecursionError):
        pass  # decode it slowly
    reader = JsonReader(SERVER)
    end = reader.feed(text)
    if not reader.complete:
        raise JsonError("the text ends inside a value", end)
    if text[end:].strip(" \t\r\n"):
        raise JsonError("text after the value", end)
    return reader.value


def encode_strict(value: object) -> str:
    """Return one line of ASCII JSON in QEMU's layout.

    Raises ValueError for numbers that are not finite and for circular references.
    """
    try:
        return _encoder.encode(value)
    except RecursionError:
        _check_acyclic(value)
        return "".join(_pieces(value))


def _check_acyclic(value: object) -> None:
    """Raise ValueError if a value contains itself or a number that is not finite."""
    todo: list[tuple[bool, object]] = [(False, value)]
    above: set[int] = set()
    while todo:
        is_end, item = todo.pop()
        if is_end:
            above.discard(id(item))
        elif isinstance(item, (dict, list, tuple)):
            if id(item) in above:
                raise ValueError("Circular reference detected")
            above.add(id(item))
            todo.append((True, item))
            todo += [(False, part) for part in (item.values() if isinstance(item, dict) else item)]
        elif isinstance(item, float) and (item != item or abs(item) == float("inf")):
            raise ValueError("Out of range float values are not JSON compliant")


def encode(value: object) -> str:
    """Return one line of ASCII JSON in QEMU's layout.

    JSON has no infinite numbers: they are written as 1e999 and -1e999, which every parser reads as
    infinite. NaN is written as null.
    """
    try:
        return _encoder.encode(value)
    except (ValueError, RecursionError):
        return "".join(_pieces(value))


def as_text(value: object) -> str:
    """Return a value from a server as text: a string as it is, another value as JSON. Never raises.

    >>> as_text("stop"), as_text([1, None])
    ('stop', '[1, null]')
    """
    return value if isinstance(value, str) else encode(value)


def encode_scalar(value: object) -> str:
    """Return ASCII JSON for a value that is neither an object nor an array."""
    if isinstance(value, str):
        return _encode_string(value)
    if isinstance(value, float):
        if value != value:
            return "null"
        if value in (float("inf"), float("-inf")):
            return "1e999" if value > 0 else "-1e999"
        return float.__repr__(value)
    if value is True:
        return "true"
    if value is False:
        return "false"
    if value is None:
        return "null"
    if isinstance(value, int):
        return int.__repr__(value)
    raise TypeError(f"{type(value).__name__} cannot be represented in JSON")


def _pieces(value: object) -> Iterator[str]:
    # A stack of what remains to be written: text, or a value.
    todo: list[tuple[bool, Any]] = [(False, value)]
    while todo:
        is_text, item = todo.pop()
        if is_text:
            yield item
        elif isinstance(item, dict):
            yield "{"
            todo.append((True, "}"))
            members = list(item.items())
            for index in range(len(members) - 1, -1, -1):
                key, member = members[index]
                todo.append((False, member))
                todo.append((True, (", " if index else "") + _encode_string(str(key)) + ": "))
        elif isinstance(item, (list, tuple)):
            yield "["
            todo.append((True, "]"))
            for index in range(len(item) - 1, -1, -1):
                todo.append((False, item[index]))
                if index:
                    todo.append((True, ", "))
        else:
            yield encode_scalar(item)
