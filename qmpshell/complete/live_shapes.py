"""Pieces of answers that are not trusted.

Owns: reading them so that nothing raises, whatever they hold. Must not know: which answers there are.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, TypeGuard

# A larger number is nobody's size, and Python refuses to print one of thousands of digits.
_LARGEST = 1 << 64


def children(value: object) -> Iterator[tuple[str, str]]:
    """The names and types of an object's children in what `qom-list` returned."""
    for one in dicts(value):
        type_name = inner(text_at(one, "type"), "child")
        if type_name:
            yield text_at(one, "name"), type_name


def inner(type_name: str, relation: str) -> str:
    """`iothread` of `child<iothread>`; empty where it is no such relation."""
    if type_name.startswith(f"{relation}<") and type_name.endswith(">"):
        return type_name[len(relation) + 1 : -1]
    return ""


def dicts(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for item in value:
            if isinstance(item, dict):
                yield item


def dict_at(value: dict[str, Any], name: str) -> dict[str, Any]:
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def text_at(value: dict[str, Any], name: str) -> str:
    found = value.get(name)
    return found if isinstance(found, str) else ""


def in_words(*words: str) -> str:
    return ", ".join(word for word in words if word)


def is_number(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and -_LARGEST < value < _LARGEST
