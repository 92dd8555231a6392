"""How a name or a value is written where the cursor is.

Owns: quotes, and what follows a key: in words, in a literal, in an option string. Must not know: which
names there are.
"""

from __future__ import annotations

from ..language.tokens import KEY, QUOTED, VALUE, tokenize
from ..render.escape import utf8_string
from ..schema.scalars import is_ambiguous
from .slot import KEYVAL, LITERAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .slot import Slot

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


def spell_key(slot: Slot, name: str, ending: str) -> str:
    """A member's name: `ending` is `=`, or `.` where more of the key is to follow."""
    if slot.writing == LITERAL:
        quoted = quote(name, slot.quote)
        return quoted[:-1] if slot.closed else quoted if slot.behind == ":" else f"{quoted}: "
    text = name
    if slot.writing != KEYVAL and (slot.quote or not is_plain_part(name)):
        text = utf8_string(name)
    is_there = slot.behind == ending or (ending == "=" and slot.behind == ":")
    return text if is_there else text + ending


def is_plain_part(name: str) -> bool:
    """Whether a part of a key needs no quotes."""
    if _PLAIN.issuperset(name):
        return bool(name)
    tokens = tokenize(f"x {name}=")
    if "." in name and not name.startswith("__"):
        return False
    return [one.kind for one in tokens[1:2]] == [KEY] and tokens[1].text == name


def spell_value(slot: Slot, text: str, *, is_string: bool, is_loose: bool = False) -> str:
    """A value. `is_string` is false for what JSON writes without quotes, `is_loose` says that without
    quotes the text could be taken for something else than a string."""
    if slot.writing == KEYVAL:
        return text.replace(",", ",,")
    if slot.writing == LITERAL:
        if not is_string:
            return text
        quoted = quote(text, slot.quote)
        return quoted[:-1] if slot.closed else quoted
    if not slot.quote and not (is_loose and is_string and is_ambiguous(text)) and _is_plain(text):
        return text
    quoted = quote_word(text, slot.quote)
    return quoted[:-1] if slot.closed else quoted


def _is_plain(text: str) -> bool:
    """Whether a value is one word that says the same without quotes."""
    if _PLAIN.issuperset(text):
        return bool(text)
    tokens = tokenize(f"x y={text} ")
    return (
        len(tokens) == 4
        and tokens[3].kind == VALUE
        and tokens[3].text == text
        and not text.startswith("@")
        and text.isprintable()
    )


def quote_word(text: str, mark: str = "") -> str:
    """A text in quotes, as the command line has them: JSON's escapes, but only in double ones."""
    if mark == "'" and "'" not in text and text.isprintable():
        return f"'{text}'"
    return utf8_string(text)


def quote(text: str, mark: str) -> str:
    """A string in a literal."""
    if mark != "'":
        return utf8_string(text)
    inner = utf8_string(text)[1:-1].replace('\\"', '"').replace("'", "\\'")
    return f"'{inner}'"


def spell_word(text: str, mark: str = "") -> str:
    """A single word, such as a file's name."""
    tokens = tokenize(f"x {text} ")
    plain = len(tokens) == 2 and tokens[1].text == text and tokens[1].kind not in (QUOTED,)
    blanks = any(char in " \t\r\n" for char in text)
    if not mark and not blanks and (plain or "=" in text) and text[:1] not in "\"'":
        return text
    return quote_word(text, mark)
