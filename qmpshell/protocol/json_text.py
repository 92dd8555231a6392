"""JSON text to values and back, for whatever a server may write.

Owns: the choice between the standard library's fast codec and our own reader and writer, which have
no recursion limit and know `inf` and `nan`. Must not know: QMP.
"""

from __future__ import annotations

import json

from .json_reader import SERVER, JsonError, JsonReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_encode_string = json.encoder.encode_basestring_ascii


def _refuse_word(word: str) -> float:
    # Python's NaN and Infinity; our own reader takes the spellings that QEMU uses as well.
    raise ValueError(word)


_decoder = json.JSONDecoder(parse_constant=_refuse_word)
# json.dumps makes an encoder anew each time it is not given the usual options.
_encoder = json.JSONEncoder(allow_nan=False)


def decode_strict(data: bytes) -> Any:
    """The value of one RFC 8259 text in UTF-8, by the fast decoder alone.

    Raises ValueError or RecursionError for all that `decode` may still be able to read.
    """
    return _decoder.decode(str(data, "utf-8"))


def decode(data: bytes) -> Any:
    """The value of one JSON text in UTF-8; bytes that are not UTF-8 become U+FFFD.

    Raises JsonError, with an offset into the decoded text, for anything that is not one JSON value.
    """
    text = str(data, "utf-8", "replace")
    try:
        return _decoder.decode(text)
    except (ValueError, RecursionError):
        return _decode_slowly(text)


def _decode_slowly(text: str) -> Any:
    reader = JsonReader(SERVER)
    end = reader.feed(text)
    if not reader.complete:
        raise JsonError("the text ends inside a value", end)
    if text[end:].strip(" \t\r\n"):
        raise JsonError("text follows the value", end)
    return reader.value


def encode(value: object) -> str:
    """One line of ASCII JSON, laid out as QEMU does it.

    JSON has no infinite numbers: they are written as 1e999 and -1e999, which every reader takes for
    them, and NaN as null.
    """
    try:
        return _encoder.encode(value)
    except (ValueError, RecursionError):
        return "".join(_pieces(value))


def encode_scalar(value: object) -> str:
    """JSON for a value that is neither an object nor an array, ASCII."""
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
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _pieces(value: object) -> Iterator[str]:
    # A stack of what is still to be written: text as it stands, or a value.
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
