"""What is wrong with a single value, by its type, in words.

Owns: which scalars are of a type, as they are written: on the command line the type reads the text, in
JSON the writing says the type. Must not know: members, the cursor beyond whether it is in the value.
"""

from __future__ import annotations

import re

from ..language.values import scalar
from ..schema.scalars import property_kind
from .given import ARRAY, JSON, OBJECT, STRING, TEXT, WORD

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .given import Given
    from .known import Known
    from .shapes import Shapes

LONG = 40
_NUMBERS = {
    "int": "a whole number, such as 5, 0x1f or 64k",
    "number": "a number",
    "boolean": "on or off, true or false",
    "null": "null",
}
_JSON_WORDS = {
    "int": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}
_IN_WORDS = {**_JSON_WORDS, "str": "text", "object": "members", "array": "a list"}
_BRACKETS = {OBJECT: "object", ARRAY: "array"}
_KIND_OF_WORD = {
    "true": "boolean",
    "false": "boolean",
    "True": "boolean",
    "False": "boolean",
    "null": "null",
    "None": "null",
}
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
# Beyond these QEMU reads a number of JSON's as a double, which is no integer.
_SMALLEST, _LARGEST = -(1 << 63), (1 << 64) - 1
# Of as many values each is named, of more only how many there are.
_FEW = 10
# QEMU 7.2 reads the properties of devices from text, and takes these words, too.
_OTHER_BOOLEANS = ("y", "n")


class TypeCheck:
    """Asks one command's schema; what it finds wrong is a sentence about `key`, or nothing."""

    def __init__(self, shapes: Shapes, known: Known) -> None:
        self._shapes = shapes
        self._known = known

    # -- by the schema -------------------------------------------------------------------------

    def scalar(self, given: Given, type_name: str, kind: str, key: str, *, typed: bool) -> str:
        """`typed` says that it is being typed, so that more may follow."""
        if kind == "enum":
            return self._enum(given, type_name, key, typed=typed)
        if kind in _NUMBERS:
            return _number(given, kind, key, typed=typed)
        if kind == "str":
            return f"{key} takes text, in quotes" if given.form == JSON and not typed else ""
        if kind in ("object", "array") and not typed:
            shape = "{…}" if kind == "object" else "[…]"
            if given.form in (STRING, JSON):
                return f"{key} takes {shape}"
            more = f"{key}.NAME=…" if kind == "object" else f"{key}.0=…"
            return f"{key} takes {shape}, or {more}"
        return ""

    def compound(self, given: Given, kind: str, key: str) -> str:
        """Members, or brackets, in the place of something else."""
        if kind == "str" and given.text:
            return ""
        return f"{key} takes {_IN_WORDS.get(kind, kind)}"

    def enum_of_brackets(self, given: Given, type_name: str, key: str) -> str:
        return f"{key} takes {self._values(type_name, given.text or _shown(given))}"

    def _enum(self, given: Given, type_name: str, key: str, *, typed: bool) -> str:
        values = self._shapes.schema.enum_values(type_name)
        if given.text in values:
            is_bare = given.form == JSON and not typed
            return f"{key} takes text, in quotes" if is_bare else ""
        if typed and any(one.startswith(given.text) for one in values):
            return ""
        return f"{key} takes {self._values(type_name, given.text)}"

    def _values(self, type_name: str, text: str) -> str:
        """What an enum takes instead of a text."""
        values = self._shapes.schema.enum_values(type_name)
        guess = self._known.guess(text, values, type_name)
        meant = f": did you mean {guess}?" if guess else ""
        if not meant and len(values) > _FEW:
            meant = ": Tab lists them"
        return f"{self._shapes.all_words(type_name, _FEW)}, not {text[:LONG]}{meant}"

    def alternate(self, given: Given, type_name: str, key: str, *, typed: bool) -> str:
        """A scalar, or brackets, that an alternate may not have."""
        schema = self._shapes.schema
        kinds = {str(schema.kind(one)): one for one in schema.alternatives(type_name)}
        form, text = given.form, given.text
        has_text = "str" in kinds
        if form in _BRACKETS:
            if _BRACKETS[form] in kinds or (has_text and text):
                return ""
            return self._alternates(type_name, _shown(given), key)
        if typed or (has_text and form in (WORD, TEXT, STRING)) or (form == WORD and not text):
            return ""
        if "enum" in kinds and form != JSON and text in schema.enum_values(kinds["enum"]):
            return ""
        if any(kind in _NUMBERS and _reads_as(given, kind) for kind in kinds):
            return ""
        return self._alternates(type_name, _shown(given), key)

    def _alternates(self, type_name: str, shown: str, key: str) -> str:
        return f"{key} takes {self._shapes.all_words(type_name, _FEW)}, not {shown}"


def choice_misfit(given: Given, choices: Sequence[str], key: str, *, typed: bool) -> str:
    """What is wrong with the value of a QOM property that takes one of a few words."""
    if given.form not in (WORD, TEXT, STRING) or given.text in choices:
        return ""
    if typed and any(one.startswith(given.text) for one in choices):
        return ""
    return f"{key} takes {'|'.join(choices)}, not {given.text[:LONG] or 'nothing'}"


def property_misfit(given: Given, meta: str, key: str, *, typed: bool, strict: bool) -> str:
    """What is wrong with the value of a QOM property, of which `meta` says the type first. `strict`
    says that the server takes no text for a number, in JSON."""
    type_name, *words = meta.split(", ")
    kind = property_kind(type_name, descriptions=words)
    if kind not in _NUMBERS or given.form not in (WORD, TEXT, STRING, JSON):
        return ""
    if given.form == JSON:
        is_clear = strict or _KIND_OF_WORD.get(given.text, "int") != kind
        return _number(given, kind, key, typed=typed) if is_clear and kind != "number" else ""
    if not strict:
        if (kind == "boolean" and given.text in _OTHER_BOOLEANS) or _is_float(given.text, kind):
            return ""
        if given.form == STRING and scalar(given.text, kind)[1]:
            return ""
    return _number(given, kind, key, typed=typed)


def _is_float(text: str, kind: str) -> bool:
    """Whether a C library would read a number that JSON does not know, such as .5."""
    if kind != "number":
        return False
    try:
        float(text)
    except ValueError:
        return False
    return True


def _number(given: Given, kind: str, key: str, *, typed: bool) -> str:
    if _reads_as(given, kind):
        return ""
    if given.form == STRING:
        return f"{key} takes {_JSON_WORDS[kind]}, without quotes"
    if typed and _may_become(given, kind):
        return ""
    words = _JSON_WORDS if given.form == JSON else _NUMBERS
    return f"{key} takes {words[kind]}, not {given.text[:LONG] or 'nothing'}"


def _shown(given: Given) -> str:
    if given.form in _BRACKETS:
        return {OBJECT: "{…}", ARRAY: "[…]"}[given.form]
    return given.text[:LONG]


def _reads_as(given: Given, kind: str) -> bool:
    """Whether a scalar is of a kind that is neither `str` nor an enum."""
    if given.form == STRING:
        return False
    if given.form == JSON:
        found = _json_kind(given.text)
        return found == kind or (found, kind) == ("int", "number")
    return scalar(given.text, kind)[1]


def _json_kind(text: str) -> str:
    """The kind of a word of JSON's, or of Python's; empty for what is none."""
    match = _JSON_NUMBER.fullmatch(text)
    if match is None:
        return _KIND_OF_WORD.get(text, "")
    is_whole = match[1] is None and match[2] is None
    # More digits than Python converts are too many all the same.
    in_range = (
        len(text) <= len(str(_LARGEST)) and _SMALLEST <= int(text) <= _LARGEST
        if is_whole
        else False
    )
    return "int" if in_range else "number"


def _may_become(given: Given, kind: str) -> bool:
    """Whether a text that is being typed may still be of a kind."""
    text = given.text
    if kind in ("boolean", "null"):
        words: tuple[str, ...] = ("null", "None")
        if kind == "boolean":
            words = ("true", "false", "True", "False")
            if given.form != JSON:
                words += ("on", "off", "yes", "no")
        return any(one.startswith(text) for one in words)
    if given.form == JSON:
        return all(char in ("-0123456789" if kind == "int" else "+-.0123456789eE") for char in text)
    return all(char in "+-.0123456789xXabcdefABCDEFkKMmGgTtPpEe" for char in text)
