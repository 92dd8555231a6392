"""A value's text to its JSON value, where nothing says of which type it is.

Owns: the reading without a schema (DESIGN: "Without a schema"). Must not know: commands, keys.
Raises LineError with the place.
"""

from __future__ import annotations

from ..errors import LineError
from ..protocol.json_reader import (
    LITERAL,
    TOO_LARGE,
    JsonError,
    JsonReader,
    json_number,
    json_string,
)
from . import tokens as t

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .tokens import Token

_WORDS: dict[str, object] = {
    "true": True,
    "True": True,
    "false": False,
    "False": False,
    "null": None,
    "None": None,
}


def read_value(token: Token) -> object:
    """The value after `=`: quotes make text, brackets JSON or Python, the rest by its looks."""
    if token.kind == t.QUOTED:
        return unquote(token)
    if token.kind == t.COMPOUND:
        return read_json(token.text, token.start, cure="to have it as text, put it in quotes")
    text = token.text
    if text in _WORDS:
        return _WORDS[text]
    if text[:1] in _NUMBER_STARTS:
        number = json_number(text)
        if number is not None:
            return _finite(number, token)
    return text


_NUMBER_STARTS = tuple("-0123456789")


def _finite(number: int | float, token: Token) -> int | float:
    if number in (float("inf"), float("-inf")):
        raise LineError(
            TOO_LARGE,
            start=token.start,
            end=token.end,
            cure="to have it as text, put it in quotes",
        )
    return number


def unquote(token: Token) -> str:
    """The text in quotes: in double quotes with JSON's escapes, in single quotes as it stands."""
    if token.text[0] == "'":
        return token.text[1:-1]
    try:
        return json_string(token.text, 0)[0]
    except JsonError as error:
        raise LineError(
            error.reason,
            start=token.start + min(error.position, len(token.text) - 1),
            cure="a backslash is written \\\\ in double quotes, or put it in single quotes",
        ) from None


def read_json(text: str, start: int, *, cure: str = "") -> object:
    """One JSON value, Python's literals mixed in, that begins at offset `start` of the line; `cure`
    is what to do if it is none."""
    reader = JsonReader(LITERAL)
    try:
        end = reader.feed(text)
        if not reader.complete:
            raise JsonError("the value is not complete", end)
        rest = text[end:].lstrip(" \t\r\n")
        if rest:
            raise JsonError("text follows the value", len(text) - len(rest))
    except JsonError as error:
        place = start + min(error.position, len(text) - 1)
        raise LineError(error.reason, start=place, cure=cure) from None
    return reader.value
