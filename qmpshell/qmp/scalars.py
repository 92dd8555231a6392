"""The text of a scalar to its value, by type.

Owns: how integers, sizes, numbers and booleans are written (DESIGN: "The line"), and what QOM calls
its types. Must not know: tokens, quotes, keys. A text that is none of its type is None, not an error.
"""

from __future__ import annotations

import re

from .json import json_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


_BOOLEANS = {
    "true": True,
    "True": True,
    "on": True,
    "yes": True,
    "false": False,
    "False": False,
    "off": False,
    "no": False,
}
_NULLS = ("null", "None")
# What these words are where nothing says of which type they are: `on` and `yes` are text there.
_WORDS: dict[str, object] = {
    "true": True,
    "True": True,
    "false": False,
    "False": False,
    "null": None,
    "None": None,
}

# Compiled when they are first needed: most scripts need none.
_HEXADECIMAL = r"[-+]?0[xX][0-9a-fA-F]+"
_SIZE = r"([-+]?)([0-9]+)(?:\.([0-9]+))?([bBkKmMgGtTpPeE]?)"
_NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?"
_POWERS = "bkmgtpe"

# Also `uint4` (vfio-pci), `uint64_t` (the machines' smbios properties).
_PROPERTY_INTEGER = r"u?int[0-9]*(?:_t)?|size(?:32)?"
_PROPERTY_NUMBERS = ("number", "double", "float")
# QEMU 7.2 calls a PCI address "int32" and describes it with these words; QEMU 10 calls it "str". It is
# text in both: as text, 10 is the slot 0x10, and as an integer other slots, not the same in the two.
_PCI_ADDRESS = "Slot and optional function number"


def read_int(text: str) -> int | None:
    """An integer: decimal, `0x…`, or a size as QEMU writes them.

    >>> read_int("-5"), read_int("0x1b"), read_int("64k"), read_int("1.5G"), read_int("1.5")
    (-5, 27, 65536, 1610612736, None)
    """
    # Hexadecimal has no suffixes: the b of 0x1b is a digit, and QEMU has deprecated the others.
    if re.fullmatch(_HEXADECIMAL, text):
        return int(text, 16)
    match = re.fullmatch(_SIZE, text)
    if match is None:
        return None
    sign, whole, fraction, suffix = match[1], match[2], match[3] or "", match[4].lower()
    if fraction and not suffix:
        return None
    try:
        digits = int(sign + whole + fraction)
    except ValueError:  # more digits than Python converts (sys.set_int_max_str_digits)
        return None
    value, rest = divmod(digits << 10 * _POWERS.find(suffix or "b"), 10 ** len(fraction))
    return None if rest else value


def read_number(text: str) -> int | float | None:
    """A number in JSON's grammar, integers exact; None also where it is too large to be finite."""
    number = json_number(text)
    return None if number in (float("inf"), float("-inf")) else number


def read_bool(text: str) -> bool | None:
    return _BOOLEANS.get(text)


def read_any(text: str) -> object:
    """A scalar by its looks, where nothing says of which type it is: the rest is text.

    >>> read_any("1e3"), read_any("None"), read_any("on"), read_any("64k"), read_any("007")
    (1000.0, None, 'on', '64k', '007')
    """
    if text in _WORDS:
        return _WORDS[text]
    number = read_number(text)
    return text if number is None else number


def is_ambiguous(text: str) -> bool:
    """Whether an unquoted text may be anything but a string, so that its type must be known.

    >>> [is_ambiguous(text) for text in ("5", "64k", "on", "null", "[1]", "disk0", "5.0.0", "")]
    [True, True, True, True, True, False, False, False]
    """
    return (
        text[:1] in ("{", "[")
        or text in _BOOLEANS
        or text in _NULLS
        or re.fullmatch(_HEXADECIMAL, text) is not None
        or re.fullmatch(_SIZE, text) is not None
        or re.fullmatch(_NUMBER, text) is not None
    )


def read_property(text: str, type_name: str, *, description: str = "") -> object:
    """The value of a QOM property, whose type and description `device-list-properties` and
    `qom-list` give.

    What does not read as its type is sent as text, for the server to judge: its older versions read
    everything from text, and an integer property may take more than integers.

    >>> read_property("64k", "size"), read_property("5.0", "int32"), read_property("on", "OnOffAuto")
    (65536, '5.0', 'on')
    """
    if type_name == "any":
        return read_any(text)
    kind = property_kind(type_name, descriptions=(description,))
    reader = {"boolean": read_bool, "number": read_number, "int": read_int}.get(kind)
    value: object = reader(text) if reader is not None else None
    return text if value is None else value


def property_kind(type_name: str, *, descriptions: Iterable[str]) -> str:
    """Which kind of scalar (`int`, `number`, `boolean`) a QOM property of a type takes; empty for any
    text. `descriptions` are what is said of it."""
    if type_name == "bool":
        return "boolean"
    if type_name in _PROPERTY_NUMBERS:
        return "number"
    if any(one.startswith(_PCI_ADDRESS) for one in descriptions):
        return ""
    return "int" if re.fullmatch(_PROPERTY_INTEGER, type_name) else ""
