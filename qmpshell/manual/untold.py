"""What a manual does not say: which type's members a command takes.

Owns: finding that type, as QEMU 7's manual leaves it out. Must not know: searching, pages of help.
"""

from __future__ import annotations

from .entries import COMMAND, EVENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..schema.model import Schema
    from .reference import Reference

_TYPED = (COMMAND, EVENT)


def untold_type(reference: Reference, name: str, schema: Schema | None) -> str:
    """The type whose members a command or an event takes where the manual does not say so: by its name,
    and by the names of its members if there is a schema. Empty where there is none."""
    entry = reference.entry(name, *_TYPED)
    if entry is None or entry.members or entry.inherited:
        return ""
    members: set[str] | None = None
    if schema is not None:
        info = schema.command(name) or schema.event(name)
        members = set(schema.members(info.arg_type, lambda _: None)) if info is not None else None
    if members is not None and not members:
        return ""
    whole = squeezed(name)
    for place in reference.places:
        type_name = squeezed(place.name)
        if place.kind in _TYPED or type_name not in whole:
            continue
        if members is None and type_name == whole:
            return place.name
        if members is not None and {one.name for one in reference.at(place).members} == members:
            return place.name
    return ""


def squeezed(name: str) -> str:
    """`block-dirty-bitmap-add` and `BlockDirtyBitmapAdd` as one."""
    return name.replace("-", "").replace("_", "").lower()
