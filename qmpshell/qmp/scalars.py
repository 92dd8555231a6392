"""Parsing of scalar values by type. Text of another type gives None, not an error."""

from __future__ import annotations

import re

from .json import LITERAL, json_number

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
# Compiled on first use: most scripts need none.
_HEXADECIMAL = r"[-+]?0[xX][0-9a-fA-F]+"
_SIZE = r"([-+]?)([0-9]+)(?:\.([0-9]+))?([bBkKmMgGtTpPeE]?)"
_POWERS = "bkmgtpe"
_RANGE = r"([0-9]{1,9})(?:-([0-9]{1,9}))?"
_LARGEST_RANGE = 1 << 16

# Also `uint4` (vfio-pci) and `uint64_t` (smbios properties of machines).
_PROPERTY_INTEGER = r"u?int[0-9]*(?:_t)?|size(?:32)?"
_PROPERTY_NUMBERS = ("number", "double", "float")
# QEMU 7.2 gives a PCI address the type "int32" and this description; QEMU 10 gives it the type
# "str". It is text in both: as text, 10 is slot 0x10; as an integer, it is another slot, and not
# the same in both.
_PCI_ADDRESS = "Slot and optional function number"


def parse_int(text: str) -> int | None:
    """Parse an integer: decimal, `0x…`, or a size as QEMU writes it.

    >>> parse_int("-5"), parse_int("0x1b"), parse_int("64k"), parse_int("1.5G"), parse_int("1.5")
    (-5, 27, 65536, 1610612736, None)
    """
    # Hexadecimal numbers have no suffix: the b of 0x1b is a digit, and QEMU has deprecated the others.
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


def parse_number(text: str) -> int | float | None:
    """Parse a number in JSON's grammar. Integers are exact; a number that is not finite gives None."""
    number = json_number(text)
    return None if number in (float("inf"), float("-inf")) else number


def parse_bool(text: str) -> bool | None:
    """Parse a boolean: on/off, true/false, yes/no, True/False."""
    return _BOOLEANS.get(text)


def parse_scalar(text: str, kind: str) -> tuple[object, bool]:
    """Parse `text` as a kind other than `str` and `enum`. Return the value and whether it is valid."""
    if kind == "null":
        return None, text in _NULLS
    reader = {"int": parse_int, "number": parse_number, "boolean": parse_bool}.get(kind)
    value: object = reader(text) if reader is not None else None
    return value, value is not None


def parse_integers(text: str) -> list[int]:
    """Parse an integer or a range as a list, like QEMU's options. Return [] for any other text.

    >>> parse_integers("2"), parse_integers("0-3"), parse_integers("3-0"), parse_integers("a")
    ([2], [0, 1, 2, 3], [], [])
    """
    match = re.fullmatch(_RANGE, text)
    if match is None:
        return []
    first = int(match[1])
    last = int(match[2] or first)
    return list(range(first, last + 1)) if last - first < _LARGEST_RANGE else []


def parse_any(text: str) -> object:
    """Parse a scalar whose type is unknown by its appearance. Anything else is text.

    >>> parse_any("1e3"), parse_any("None"), parse_any("on"), parse_any("64k"), parse_any("007")
    (1000.0, None, 'on', '64k', '007')
    """
    if text in LITERAL.words:  # `on` and `yes` are text if the type is unknown
        return LITERAL.words[text]
    number = parse_number(text)
    return text if number is None else number


def is_ambiguous(text: str) -> bool:
    """Return True if an unquoted text may be anything but a string, so that its type matters.

    >>> [is_ambiguous(text) for text in ("5", "64k", "0-3", "on", "null", "[1]", "disk0", "5.0.0")]
    [True, True, True, True, True, True, False, False]
    """
    return (
        text[:1] in ("{", "[")
        or text in _BOOLEANS
        or text in _NULLS
        or re.fullmatch(_HEXADECIMAL, text) is not None
        or re.fullmatch(_SIZE, text) is not None
        or re.fullmatch(_RANGE, text) is not None
        or json_number(text) is not None
    )


def parse_property(text: str, type_name: str, *, description: str = "") -> object:
    """Parse the value of a QOM property.

    `type_name` and `description` are those of `device-list-properties` or `qom-list`. Text that is
    not of the type is returned as it is, for the server to judge: older versions parse everything
    from text, and an integer property may accept more than integers.

    >>> parse_property("64k", "size"), parse_property("5.0", "int32"), parse_property("on", "OnOffAuto")
    (65536, '5.0', 'on')
    """
    if type_name == "any":
        return parse_any(text)
    kind = property_kind(type_name, descriptions=(description,))
    value, found = parse_scalar(text, kind)
    return value if found else text


def property_kind(type_name: str, *, descriptions: Iterable[str]) -> str:
    """Return the kind of scalar of a QOM property: `int`, `number`, `boolean`, or "" for text.

    `descriptions` are the property's descriptions.
    """
    if type_name == "bool":
        return "boolean"
    if type_name in _PROPERTY_NUMBERS:
        return "number"
    if any(item.startswith(_PCI_ADDRESS) for item in descriptions):
        return ""
    return "int" if re.fullmatch(_PROPERTY_INTEGER, type_name) else ""
