"""The type that stands at each place of a half-typed command.

Owns: finding it in a schema, and remembering what was dear to find. Must not know: lines, the cursor,
what is offered.
"""

from __future__ import annotations

from ..language import action_members
from ..qmp import Member, Schema
from .target import ACTION, ARRAY, DOTTED, EVENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .target import Call, Given


# Members of device_add beyond these are the driver's (qdev.json).
DEVICE_ADD = "device_add"
_LONGEST_TYPE = 28


class Shapes:
    """Asks one schema."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self._unions: dict[str, dict[str, Member]] = {}
        self._words: dict[str, str] = {}
        self._references: dict[str, bool] = {}
        self._commands: dict[str, str] = {}

    # -- types by place ------------------------------------------------------------------------

    def of_call(self, call: Call) -> str:
        """The type of a call's arguments; empty where it is not known."""
        if call.sort == ACTION:
            member = action_members(self.schema, call.name).get("data")
            return member.type if member is not None else ""
        find = self.schema.event if call.sort == EVENT else self.schema.command
        info = find(call.name)
        return info.arg_type if info is not None else ""

    def at(self, type_name: str, given: Given | None, path: Sequence[str]) -> str:
        """The type at a path below a type, as the given values have chosen it."""
        for name in path:
            type_name = self.below(type_name, given, name)
            given = given.members.get(name) if given is not None else None
        return type_name

    def below(self, type_name: str, given: Given | None, name: str) -> str:
        type_name = self.compound(type_name, by_index=name.isdecimal())
        if self.schema.kind(type_name) == "array":
            return self.schema.element_type(type_name) or ""
        member = self.members(type_name, given).get(name)
        if member is None:
            # The discriminator may still come.
            member = self.of_any_branch(type_name).get(name)
        return member.type if member is not None else ""

    def compound(self, type_name: str, *, by_index: bool = False) -> str:
        """The type itself, or of an alternate the one that has members."""
        if self.schema.kind(type_name) != "alternate":
            return type_name
        kinds = {self.schema.kind(name): name for name in self.schema.alternatives(type_name)}
        for kind in ("array", "object") if by_index else ("object", "array"):
            if kind in kinds:
                return kinds[kind]
        return ""

    def members(self, type_name: str, given: Given | None) -> dict[str, Member]:
        """The members of an object as it stands."""
        return self.schema.members(type_name, given.text_of if given is not None else _unset)

    def tags(self, type_name: str, given: Given | None) -> list[str]:
        """The discriminators, from the outermost union inwards, as far as they are known."""
        found: list[str] = []
        tag = self.schema.tag(type_name)
        while tag is not None and tag not in found:
            found.append(tag)
            value = given.text_of(tag) if given is not None else None
            type_name = self.schema.cases(type_name).get(value or "", "")
            tag = self.schema.tag(type_name)
        return found

    def of_any_branch(self, type_name: str) -> dict[str, Member]:
        """What some branch of a union has, the first that has it."""
        known = self._unions.get(type_name)
        if known is None:
            known = self._unions[type_name] = {}
            for case in self.schema.cases(type_name).values():
                for name, member in self.schema.members(case, _unset).items():
                    known.setdefault(name, member)
        return known

    # -- in words ------------------------------------------------------------------------------

    def is_reference(self, type_name: str) -> bool:
        """Whether it is a node's name or a whole node (BlockdevRef), by what it looks like: type names
        say nothing."""
        known = self._references.get(type_name)
        if known is None:
            types = self.schema.alternatives(type_name)
            kinds = [self.schema.kind(one) for one in types]
            known = "str" in kinds and any(self.schema.tag(one) == "driver" for one in types)
            self._references[type_name] = known
        return known

    def words(self, type_name: str) -> str:
        """A type in a few words: `str`, `report|ignore|…`, `node or {…}`, `[int]`."""
        known = self._words.get(type_name)
        if known is None:
            known = self._words[type_name] = self._in_words(type_name, depth=0)
        return known

    def all_words(self, type_name: str, most: int) -> str:
        """The same with all the values of an enum, or where there are more than `most`, their number."""
        return self._in_words(type_name, depth=0, most=most)

    def _in_words(self, type_name: str, depth: int, most: int = 0) -> str:
        kind = self.schema.kind(type_name) or "any"
        if kind == "enum":
            values = list(self.schema.enum_values(type_name))
            if len(values) > most > 0:
                return f"one of {len(values)} values"
            return "|".join(values) if most and values else _some(values)
        if kind == "array":
            element = self.schema.element_type(type_name) or ""
            return f"[{self._in_words(element, depth + 1)}]" if depth < 3 else "[…]"
        if kind == "alternate":
            if depth > 3:
                return "…"
            text = "node" if self.is_reference(type_name) else "str"
            types = self.schema.alternatives(type_name)
            kinds = [self._in_words(one, depth + 1, most) for one in types]
            words = sorted((text if one == "str" else one for one in kinds), key=_is_compound)
            return " or ".join(words)
        return {"object": "{…}", "boolean": "bool"}.get(kind, kind)

    def describe_command(self, name: str) -> str:
        """What a command must be given."""
        known = self._commands.get(name)
        if known is None:
            info = self.schema.command(name)
            members = self.schema.members(info.arg_type, _unset) if info is not None else {}
            known = ", ".join(member.name for member in members.values() if not member.optional)
            self._commands[name] = known
        return known

    def takes_arguments(self, name: str) -> bool:
        info = self.schema.command(name)
        return info is None or bool(self.schema.members(info.arg_type, _unset))


def _some(values: list[str]) -> str:
    """The first of an enum's values."""
    text = ""
    for number, value in enumerate(values):
        longer = f"{text}|{value}" if number else value
        if number and len(longer) + 2 * (number + 1 < len(values)) > _LONGEST_TYPE:
            return f"{text}|…"
        text = longer
    return text or "enum"


def _is_compound(words: str) -> bool:
    return words[0] in "{["


def _unset(tag: str) -> str | None:
    return None


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
