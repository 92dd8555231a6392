"""QOM, QEMU's tree of objects: properties, paths, and the types of what they refer to."""

from __future__ import annotations

import re

from ..record import Record
from .json import as_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# Lists the properties of several objects with their values (QEMU 10.1).
QOM_LIST_GET = "qom-list-get"

_ROOT = "/"


class QomProperty(Record):
    """A property of an object (qom.json, ObjectPropertyInfo). Children and links are properties too."""

    name: str
    type: str
    description: str = ""

    @property
    def child_type(self) -> str:
        """The type of the object, or "" if the property is not a child."""
        return relation_type(self.type, "child")

    @property
    def link_type(self) -> str:
        """The type of the objects that the link may point to, or "" if the property is not a link."""
        return relation_type(self.type, "link")


def relation_type(type_name: str, relation: str) -> str:
    """Return `iothread` for `child<iothread>`, or "" for another relation."""
    if type_name.startswith(f"{relation}<") and type_name.endswith(">"):
        return type_name[len(relation) + 1 : -1]
    return ""


def parse_properties(value: object) -> list[QomProperty]:
    """Return the properties in a result of `qom-list`, ordered by name. Never raises."""
    found = [
        QomProperty(
            as_text(entry["name"]),
            as_text(entry.get("type", "")),
            as_text(entry.get("description", "")),
        )
        for entry in (value if isinstance(value, list) else ())
        if isinstance(entry, dict) and "name" in entry
    ]
    return sorted(found, key=lambda entry: natural_key(entry.name))


def natural_key(name: str) -> list[tuple[bool, int, str]]:
    """Return a sort key that puts `ide.2` before `ide.10`."""
    parts = re.split("([0-9]{1,9})", name)
    return [
        (number % 2 == 1, int(part) if number % 2 else 0, part) for number, part in enumerate(parts)
    ]


def join_path(path: str, name: str) -> str:
    """Return the path of an object's child or property.

    >>> join_path("/", "machine"), join_path("/machine", "unattached")
    ('/machine', '/machine/unattached')
    """
    return f"{path.rstrip('/')}/{name}"


def clean_path(path: str) -> str:
    """Return a path without needless slashes.

    >>> clean_path("/machine//rtc/"), clean_path("//"), clean_path("device[0]/")
    ('/machine/rtc', '/', 'device[0]')
    """
    start = _ROOT if path.startswith(_ROOT) else ""
    return start + "/".join(part for part in path.split("/") if part)


def split_property(text: str) -> Iterator[tuple[str, str]]:
    """Yield how PATH.PROPERTY may be split. Names of objects and properties can contain dots.

    >>> list(split_property("/machine/pcie.0.bus"))
    [('/machine/pcie.0', 'bus'), ('/machine/pcie', '0.bus')]
    """
    start = text.rfind("/") + 1
    for position in range(len(text) - 2, start - 1, -1):
        path = text[:position]
        if text[position] == "." and path:
            yield path if position > start else clean_path(path), text[position + 1 :]
