"""The types of the values in a command, from the schema, and their short descriptions."""

from __future__ import annotations

from functools import cache

from ..language import action_members
from ..language.values import ARRAY
from ..qmp import Member, Schema, command_facts
from .target import ACTION, COMMAND, EVENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ..language import Value
    from .target import PartialCommand


_LONGEST_TYPE = 28


class TypeResolver:
    """Resolves types in one schema."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        # Each of these is computed once.
        self.of_any_branch: Callable[[str], dict[str, Member]] = cache(self._of_any_branch)
        self.is_reference: Callable[[str], bool] = cache(self._is_reference)
        self.words: Callable[[str], str] = cache(self._in_words)
        self.describe_command: Callable[[str], str] = cache(self._describe_command)

    def of_call(self, call: PartialCommand) -> str:
        """Return the type of a command's arguments, or "" if unknown."""
        if call.sort == ACTION:
            member = action_members(self.schema, call.name).get("data")
            return member.type if member is not None else ""
        find = self.schema.event if call.sort == EVENT else self.schema.command
        info = find(call.name)
        return info.arg_type if info is not None else ""

    def of_action(self) -> str:
        """Return the type of an action of a transaction, or "" if unknown."""
        info = self.schema.command("transaction")
        return self.at(info.arg_type if info is not None else "", None, ("actions", "0"))

    def at(self, type_name: str, given: Value | None, path: Sequence[str]) -> str:
        """Return the type at a path below a type, with the branches that the given values choose."""
        for name in path:
            type_name = self.below(type_name, given, name)
            given = given.members.get(name) if given is not None else None
        return type_name

    def below(self, type_name: str, given: Value | None, name: str) -> str:
        """Return the type of a member or element of a type."""
        type_name = self.schema.compound(type_name, by_index=name.isdecimal())
        if self.schema.kind(type_name) == "array":
            return self.schema.element_type(type_name) or ""
        member = self.members(type_name, given).get(name)
        if member is None:
            # The discriminator may follow.
            member = self.of_any_branch(type_name).get(name)
        return member.type if member is not None else ""

    def members(self, type_name: str, given: Value | None) -> dict[str, Member]:
        """Return the members of an object, with the branches that its values choose."""
        return self.schema.members(type_name, given.text_of if given is not None else None)

    def has_members(self, type_name: str) -> bool:
        """Return True if an object of this type may have members."""
        return bool(self.members(type_name, None)) or self.schema.tag(type_name) is not None

    def tags(self, type_name: str, given: Value | None) -> Iterable[str]:
        """Return the known discriminators, from the outermost union inwards."""
        return self.schema.tags(type_name, given.text_of if given is not None else None)

    def _of_any_branch(self, type_name: str) -> dict[str, Member]:
        """Return the members of all branches of a union; the first branch wins."""
        found: dict[str, Member] = {}
        for case in self.schema.cases(type_name).values():
            for name, member in self.schema.members(case).items():
                found.setdefault(name, member)
        return found

    def _is_reference(self, type_name: str) -> bool:
        """Return True for a node name or a complete node (BlockdevRef), recognized by its structure."""
        branches = self.schema.branches(type_name)
        return "str" in branches and any(
            self.schema.tag(branch) == "driver" for branch in branches.values()
        )

    def all_words(self, type_name: str, most: int) -> str:
        """Describe a type with all values of an enum, or their number if there are more than `most`."""
        return self._in_words(type_name, most=most)

    def _in_words(self, type_name: str, depth: int = 0, most: int = 0) -> str:
        """Describe a type briefly: `str`, `report|ignore|…`, `node or {…}`, `[int]`."""
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
            kinds = [self._in_words(alternative, depth + 1, most) for alternative in types]
            words = sorted((text if kind == "str" else kind for kind in kinds), key=_is_compound)
            return " or ".join(words) or kind
        return {"object": "{…}", "boolean": "bool"}.get(kind, kind)

    def _describe_command(self, name: str) -> str:
        """Describe the required arguments of a command."""
        info = self.schema.command(name)
        members = self.schema.members(info.arg_type) if info is not None else {}
        needed = command_facts(name).needed
        return ", ".join(
            member.name
            for member in members.values()
            if not member.optional or member.name in needed
        )

    def takes_arguments(self, name: str) -> bool:
        """Return True if a command has arguments."""
        info = self.schema.command(name)
        return info is None or bool(self.schema.members(info.arg_type))


def _some(values: list[str]) -> str:
    """Return the first values of an enum."""
    text = ""
    for number, value in enumerate(values):
        longer = f"{text}|{value}" if number else value
        if number and len(longer) + 2 * (number + 1 < len(values)) > _LONGEST_TYPE:
            return f"{text}|…"
        text = longer
    return text or "enum"


def _is_compound(words: str) -> bool:
    return words.startswith(("{", "["))


# Objects deeper than this are not checked.
_MAX_DEPTH = 8


def is_required(member: Member, call: PartialCommand, path: Sequence[str]) -> bool:
    """Return True if the server requires a member of the object at `path` of a command's arguments."""
    is_argument = call.sort == COMMAND and not path
    return not member.optional or (is_argument and member.name in command_facts(call.name).needed)


def missing_below(
    types: TypeResolver, type_name: str, given: Value, *, depth: int = 0
) -> Iterator[tuple[list[str], str]]:
    """Yield path and type of each required member that is missing, also in nested objects."""
    type_name = types.schema.compound(type_name, by_index=_is_indexed(given))
    kind = types.schema.kind(type_name)
    if depth > _MAX_DEPTH or given.is_scalar:
        return
    inner_types: dict[str, str] = {}
    if kind == "array":
        inner_types = dict.fromkeys(given.members, types.schema.element_type(type_name) or "")
    elif kind == "object" and given.form != ARRAY:
        members = types.members(type_name, given)
        inner_types = {name: member.type for name, member in members.items()}
        for member in members.values():
            if not member.optional and member.name not in given.members:
                yield [member.name], member.type
    for name, child in given.members.items():
        if name in inner_types:
            for path, missing in missing_below(types, inner_types[name], child, depth=depth + 1):
                yield [name, *path], missing


def _is_indexed(given: Value) -> bool:
    return bool(given.members) and all(name.isdecimal() for name in given.members)
