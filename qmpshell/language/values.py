"""One value's text to JSON, by its type.

Owns: what quotes, brackets, `:=` and `@` mean, and how each type is written (DESIGN: "key=value is
read by the schema"). Must not know: keys that belong together, commands. Raises LineError with the
place.
"""

from __future__ import annotations

import re

from ..errors import LineError
from ..protocol.json_reader import LITERAL, TOO_LARGE, JsonError, JsonReader, json_number
from ..schema.scalars import read_any, read_bool, read_int, read_number
from . import tokens as t
from .parse import unquote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .command import Argument
    from .facts import Facts
    from .tokens import Token

QUOTE_IT = "to have it as text, put it in quotes"
_AFTER_JSON_OPERATOR = "after := stands JSON, text in double quotes; plain text stands after ="
_NULLS = ("null", "None")
ASK = "@?"
_LONG = 40
_LONGEST_CURE = 70
# Strings, and words between brackets, commas and colons.
_WORDS = (
    r"""(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"|'[^'\\]*+(?:\\.[^'\\]*+)*+')"""
    r"""|(?P<word>[^\s{}\[\]:,"'\\]+)"""
)
_JSON_WORDS = ("true", "false", "null", "True", "False", "None", "nan", "NaN", "inf", "Infinity")


def is_json(argument: Argument) -> bool:
    """Whether the value is JSON whatever its type is."""
    return argument.operator.text == ":="


def is_file(argument: Argument) -> bool:
    """Whether the value stands in a file."""
    return argument.value.kind == t.VALUE and argument.value.text[:1] == "@"


def plain_text(argument: Argument, facts: Facts) -> str:
    """The text after `=`, without its quotes, or from the file or the person that it names."""
    token = argument.value
    if token.kind == t.QUOTED:
        return unquote(token)
    if not is_file(argument):
        return token.text
    if token.text == ASK:
        return _asked(argument, facts)
    data = _file(token, facts)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise LineError(
            f"{token.text[1:]} is not UTF-8", start=token.start, end=token.end
        ) from None


def _asked(argument: Argument, facts: Facts) -> str:
    token = argument.value
    secret = facts.secrets.get(token.start)
    if secret is None:
        raise LineError(
            "there is no terminal at which to ask",
            start=token.start,
            end=token.end,
            cure="key=@FILE reads the value from a file",
        )
    return secret


def _file(token: Token, facts: Facts) -> bytes:
    path = token.text[1:]
    if not path:
        raise LineError(
            "the name of a file must follow @", start=token.start, end=token.end, cure=QUOTE_IT
        )
    try:
        return facts.read_file(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise LineError(
            f"{path}: {reason}", start=token.start, end=token.end, cure=QUOTE_IT
        ) from None


def read_as_json(argument: Argument, facts: Facts) -> object:
    """The value after `:=`."""
    token = argument.value
    if not token.text:
        raise LineError("JSON must follow :=", start=argument.operator.start, end=token.end)
    if is_file(argument):
        if token.text == ASK:
            return _asked(argument, facts)
        return _json_file(token, _file(token, facts))
    if token.kind == t.QUOTED and token.text[0] == "'":
        return unquote(token)
    return read_json(token.text, token.start, cure=_AFTER_JSON_OPERATOR)


def _json_file(token: Token, data: bytes) -> object:
    try:
        return _read_json(data.decode("utf-8"))
    except UnicodeDecodeError:
        reason, position = "not UTF-8", 0
    except JsonError as error:
        reason, position = error.reason, error.position
    raise LineError(
        f"{token.text[1:]}: offset {position}: {reason}", start=token.start, end=token.end
    )


def read_untyped(argument: Argument, facts: Facts) -> object:
    """The value where nothing says of which type it is: quotes make text, brackets JSON or Python,
    the rest by its looks."""
    token = argument.value
    if is_json(argument):
        return read_as_json(argument, facts)
    if token.kind == t.COMPOUND:
        return read_json(token.text, token.start, cure=QUOTE_IT)
    text = plain_text(argument, facts)
    if token.kind == t.QUOTED or is_file(argument):
        return text
    if json_number(text) in (float("inf"), float("-inf")):
        raise LineError(TOO_LARGE, start=token.start, end=token.end, cure=QUOTE_IT)
    return read_any(text)


def read_scalar(argument: Argument, kind: str, facts: Facts) -> object:
    """The value of a builtin type or an enum; `kind` as in `Schema.kind`."""
    if is_json(argument):
        return read_as_json(argument, facts)
    if kind == "any":
        return read_untyped(argument, facts)
    text = plain_text(argument, facts)
    if kind in ("str", "enum"):
        return text
    value, found = scalar(text, kind)
    if not found:
        raise _wrong(argument, f"takes {_TAKES[kind]}, not {_short(text)}")
    return value


def scalar(text: str, kind: str) -> tuple[object, bool]:
    """The value that `text` is of a kind that is neither `str` nor `enum`, and whether it is one."""
    if kind == "null":
        return None, text in _NULLS
    reader = {"int": read_int, "number": read_number, "boolean": read_bool}.get(kind)
    value: object = reader(text) if reader is not None else None
    return value, value is not None


_TAKES = {
    "int": "a whole number, such as 5, 0x1f or 64k",
    "number": "a number",
    "boolean": "on or off, true or false, yes or no",
    "null": "null",
    "object": "members, as in KEY.MEMBER=VALUE, or {…}",
    "array": "members, as in KEY.0=VALUE, or […]",
}


def takes(argument: Argument, kind: str, *, member: str = "") -> LineError:
    """The error that the text of a value is none of its kind; `member` is the path below it at which
    the text may have been meant to stand, if any."""
    cure = ""
    if member:
        text = argument.value.text
        value = text if argument.value.kind != t.COMPOUND and 0 < len(text) <= _LONG else "VALUE"
        cure = f"did you mean {argument.key.text}.{member}={value}?"
    return _wrong(argument, f"takes {_TAKES[kind]}, not {_short(argument.value.text)}", cure=cure)


def _wrong(argument: Argument, reason: str, *, cure: str = "") -> LineError:
    token = argument.value
    return LineError(
        f"{argument.key.text} {reason}",
        start=token.start if token.text else argument.operator.start,
        end=token.end,
        cure=cure or "what stands after := is sent as it is",
    )


def _short(text: str) -> str:
    return f"{text[:_LONG]!r}" if text else "nothing"


def read_json(text: str, start: int, *, cure: str = "") -> object:
    """One JSON value, Python's literals mixed in, that begins at offset `start` of the line; `cure`
    is what to do if it is none."""
    try:
        return _read_json(text)
    except JsonError as error:
        place = start + min(error.position, len(text) - 1)
        raise LineError(error.reason, start=place, cure=quoted_words(text) or cure) from None


def quoted_words(text: str) -> str:
    """The cure of an object that only lacks quotes around its names and texts; else nothing."""
    if text[:1] != "{":
        return ""
    quoted = re.sub(_WORDS, _quote_word, text)
    if quoted == text:
        return ""
    try:
        _read_json(quoted)
    except JsonError:
        return ""
    if len(quoted) > _LONGEST_CURE:
        return "names and texts stand in quotes there"
    return f"did you mean {quoted}?"


def _quote_word(match: re.Match[str]) -> str:
    word = match["word"]
    is_value = word is None or word in _JSON_WORDS or json_number(word) is not None
    return match[0] if is_value else f'"{word}"'


def _read_json(text: str) -> object:
    reader = JsonReader(LITERAL)
    end = reader.feed(text)
    if not reader.complete:
        raise JsonError("the value is not complete", end)
    rest = text[end:].lstrip(" \t\r\n")
    if rest:
        raise JsonError("text follows the value", len(text) - len(rest))
    return reader.value
