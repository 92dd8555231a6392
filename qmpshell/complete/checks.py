"""What is missing in a half-typed command.

Owns: that, by the schema. Must not know: the cursor, words.
"""

from __future__ import annotations

from .given import ARRAY, DOTTED
from .slot import EVENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .given import Given
    from .shapes import Shapes
    from .slot import Call

# Objects that are begun deeper than this are not looked into.
_DEEPEST = 8


def missing_below(
    shapes: Shapes, type_name: str, given: Given, *, depth: int = 0
) -> Iterator[tuple[list[str], str]]:
    """The members that must be given and are not, in an object and in those that are begun in it, each
    as its path and its type. What is not an object misses nothing."""
    type_name = shapes.compound(type_name, by_index=_is_indexed(given))
    kind = shapes.schema.kind(type_name)
    if depth > _DEEPEST or kind not in ("object", "array") or given.is_scalar:
        return
    if kind == "array":
        element = shapes.schema.element_type(type_name) or ""
        for index, child in given.members.items():
            for path, missing in missing_below(shapes, element, child, depth=depth + 1):
                yield [index, *path], missing
        return
    if given.form == ARRAY:
        return
    members = shapes.members(type_name, given)
    for member in members.values():
        if not member.optional and member.name not in given.members:
            yield [member.name], member.type
    for name, child in given.members.items():
        if name in members and not child.is_scalar:
            for path, missing in missing_below(shapes, members[name].type, child, depth=depth + 1):
                yield [name, *path], missing


def _is_indexed(given: Given) -> bool:
    return bool(given.members) and all(name.isdecimal() for name in given.members)


def has_missing(shapes: Shapes, call: Call) -> bool:
    """Whether a command needs more than it has."""
    if call.sort == EVENT or call.root.form != DOTTED:
        return False
    type_name = shapes.of_call(call)
    return any(True for _ in missing_below(shapes, type_name, call.root))
