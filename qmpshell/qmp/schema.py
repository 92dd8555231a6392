"""A model of what `query-qmp-schema` returns (SchemaInfo in QEMU's qapi/introspect.json).

A schema comes from the server and is not trusted. No method raises, whatever it contains: what is
missing or malformed is None or empty. Type names are meaningless and differ between servers.
"""

from __future__ import annotations

from functools import cache

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any


_KIND_OF_JSON_TYPE = {
    "string": "str",
    "int": "int",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
    "object": "object",
    "array": "array",
    "value": "any",
}
_KINDS = ("enum", "array", "object", "alternate")
# Features that users are warned about.
WARNED_FEATURES = ("deprecated", "unstable")


class CommandInfo(Record):
    """A command. `arg_type` is an object type; `ret_type` is any type."""

    name: str
    arg_type: str
    ret_type: str
    allow_oob: bool
    features: tuple[str, ...]


class EventInfo(Record):
    """An event. `arg_type` is the object type of its `data`."""

    name: str
    arg_type: str
    features: tuple[str, ...]


class Member(Record):
    """A member of an object. `type` is empty if the schema does not have the type."""

    name: str
    type: str
    optional: bool
    features: tuple[str, ...]


class Schema:
    """The schema of a server. Everything but the index of names is computed on demand."""

    def __init__(self, entities: list[dict[str, Any]]) -> None:
        self._entities = {entity["name"]: entity for entity in _named(entities)}
        # Each of these is computed once.
        self.enum_values: Callable[[str], dict[str, tuple[str, ...]]] = cache(self._enum_values)
        self.cases: Callable[[str], dict[str, str]] = cache(self._cases)
        self._members_of: Callable[[str], dict[str, Member]] = cache(self._own_members)

    def command(self, name: str) -> CommandInfo | None:
        """Return a command, or None."""
        entity = self._of_meta_type(name, "command")
        if not entity:
            return None
        return CommandInfo(
            name,
            _text(entity.get("arg-type")),
            _text(entity.get("ret-type")),
            allow_oob=entity.get("allow-oob") is True,
            features=_texts(entity.get("features")),
        )

    def commands(self) -> list[str]:
        """Return the names of the commands, in the server's order."""
        return self._names("command")

    def event(self, name: str) -> EventInfo | None:
        """Return an event, or None."""
        entity = self._of_meta_type(name, "event")
        if not entity:
            return None
        return EventInfo(name, _text(entity.get("arg-type")), _texts(entity.get("features")))

    def events(self) -> list[str]:
        """Return the names of the events, in the server's order."""
        return self._names("event")

    def entity(self, type_name: str) -> dict[str, Any] | None:
        """Return the SchemaInfo as the server sent it."""
        return self._entities.get(type_name)

    def kind(self, type_name: str) -> str | None:
        """Return the kind of a type, or None for an unknown type.

        The kinds are `str`, `int`, `number`, `boolean`, `null`, `any`, `enum`, `array`, `object`,
        `alternate`.
        """
        entity = self._entities.get(type_name)
        if entity is None:
            return None
        meta_type = _text(entity.get("meta-type"))
        if meta_type == "builtin":
            return _KIND_OF_JSON_TYPE.get(_text(entity.get("json-type")))
        return meta_type if meta_type in _KINDS else None

    def _enum_values(self, type_name: str) -> dict[str, tuple[str, ...]]:
        """Return each value of an enum with its features, in the server's order.

        QEMU sends `members` since 6.2; `values` is older and deprecated.
        """
        entity = self._of_meta_type(type_name, "enum")
        values = {
            member["name"]: _texts(member.get("features"))
            for member in _named(entity.get("members"))
        }
        for value in _texts(entity.get("values")):
            values.setdefault(value, ())
        return values

    def element_type(self, type_name: str) -> str | None:
        """Return the type of an array's elements, or None."""
        return _text(self._of_meta_type(type_name, "array").get("element-type")) or None

    def alternatives(self, type_name: str) -> list[str]:
        """Return the types of an alternate's branches."""
        entity = self._of_meta_type(type_name, "alternate")
        types = [_text(member.get("type")) for member in dicts(entity.get("members"))]
        return [name for name in types if name]

    def branches(self, type_name: str) -> dict[str, str]:
        """Return the branch of an alternate for each kind of value: no two have the same kind."""
        kinds = [(self.kind(name), name) for name in self.alternatives(type_name)]
        return {kind: name for kind, name in kinds if kind is not None}

    def compound(self, type_name: str, *, by_index: bool = False) -> str:
        """Return the type, or the branch of an alternate that has members, or "".

        If two branches have members, `by_index` chooses the array.
        """
        if self.kind(type_name) != "alternate":
            return type_name
        branches = self.branches(type_name)
        array, other = branches.get("array", ""), branches.get("object", "")
        return (array or other) if by_index else (other or array)

    def tag(self, type_name: str) -> str | None:
        """Return the name of a union's discriminator, or None if the type is not a union."""
        return _text(self._of_meta_type(type_name, "object").get("tag")) or None

    def _cases(self, type_name: str) -> dict[str, str]:
        """Return the variant type of each discriminator value that has one."""
        return {
            variant["case"]: _text(variant.get("type"))
            for variant in dicts(self._of_meta_type(type_name, "object").get("variants"))
            if isinstance(variant.get("case"), str)
        }

    def tags(
        self, type_name: str, tag_value: Callable[[str], str | None] | None
    ) -> dict[str, dict[str, str]]:
        """Return the discriminators that are chosen, and the first that is not, with their cases.

        The outermost comes first. `tag_value` is as in `members`.
        """
        found: dict[str, dict[str, str]] = {}
        tag = self.tag(type_name)
        while tag is not None and tag not in found:
            found[tag] = self.cases(type_name)
            value = tag_value(tag) if tag_value is not None else None
            type_name = found[tag].get(value or "", "")
            tag = self.tag(type_name)
        return found

    def members(
        self, type_name: str, tag_value: Callable[[str], str | None] | None = None
    ) -> dict[str, Member]:
        """Return the members of an object. `tag_value` returns the value of a discriminator, or None.

        The members of a variant are on the same level as the discriminator. A variant may itself be
        a union.
        """
        found: dict[str, Member] = {}
        seen: set[str] = set()
        todo: str | None = type_name
        while todo is not None and todo not in seen:
            seen.add(todo)
            for name, member in self._members_of(todo).items():
                found.setdefault(name, member)
            tag = self.tag(todo)
            case = tag_value(tag) if tag is not None and tag_value is not None else None
            todo = None if case is None else self.cases(todo).get(case)
        return found

    def _own_members(self, type_name: str) -> dict[str, Member]:
        return {
            member["name"]: Member(
                member["name"],
                _text(member.get("type")),
                optional="default" in member,
                features=_texts(member.get("features")),
            )
            for member in _named(self._of_meta_type(type_name, "object").get("members"))
        }

    def _of_meta_type(self, name: str, meta_type: str) -> dict[str, Any]:
        """Return an entity of this kind, or {}."""
        entity = self._entities.get(name, {})
        return entity if entity.get("meta-type") == meta_type else {}

    def _names(self, meta_type: str) -> list[str]:
        return [
            name for name, entity in self._entities.items() if entity.get("meta-type") == meta_type
        ]


def dicts(value: object) -> Iterator[dict[str, Any]]:
    """Yield the objects in a list; nothing for another value."""
    if isinstance(value, list):
        for item in value:
            if isinstance(item, dict):
                yield item


def _named(value: object) -> Iterator[dict[str, Any]]:
    return (item for item in dicts(value) if isinstance(item.get("name"), str))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(item for item in value if isinstance(item, str))


# The schema of a server that has none, or whose schema is not known yet.
NO_SCHEMA = Schema([])
