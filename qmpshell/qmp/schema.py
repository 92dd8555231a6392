"""What `query-qmp-schema` returns, as a model to ask.

Owns: the shape of SchemaInfo (QEMU's qapi/introspect.json): commands, events, members, unions,
alternates, features. Must not know: lines, values, connections.

A schema comes from the server and is not trusted: whatever it holds, nothing here raises; what is
missing or of the wrong shape is None or empty. Type names are meaningless and differ between servers.
"""

from __future__ import annotations

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


class CommandInfo:
    """`arg_type` is an object type; `ret_type` may be any type."""

    __slots__ = ("allow_oob", "arg_type", "features", "name", "ret_type")

    def __init__(
        self,
        name: str,
        arg_type: str,
        ret_type: str,
        *,
        allow_oob: bool,
        features: tuple[str, ...],
    ) -> None:
        self.name = name
        self.arg_type = arg_type
        self.ret_type = ret_type
        self.allow_oob = allow_oob
        self.features = features


class EventInfo:
    """`arg_type` is the object type of the event's `data`."""

    __slots__ = ("arg_type", "features", "name")

    def __init__(self, name: str, arg_type: str, features: tuple[str, ...]) -> None:
        self.name = name
        self.arg_type = arg_type
        self.features = features


class Member:
    """A member of an object. `type` is empty where the schema has a hole."""

    __slots__ = ("features", "name", "optional", "type")

    def __init__(
        self, name: str, type_name: str, *, optional: bool, features: tuple[str, ...]
    ) -> None:
        self.name = name
        self.type = type_name
        self.optional = optional
        self.features = features

    def __repr__(self) -> str:
        return f"Member({self.name}, {self.type!r}{', optional' if self.optional else ''})"


class Schema:
    """An index by name is made at once, everything else when it is asked for."""

    __slots__ = ("_cases", "_entities", "_enums", "_own_members")

    def __init__(self, entities: list[dict[str, Any]]) -> None:
        self._entities = {entity["name"]: entity for entity in _named(entities)}
        # What was worked out before, by type.
        self._own_members: dict[str, dict[str, Member]] = {}
        self._enums: dict[str, dict[str, tuple[str, ...]]] = {}
        self._cases: dict[str, dict[str, str]] = {}

    # -- commands and events -------------------------------------------------------------------

    def command(self, name: str) -> CommandInfo | None:
        entity = self._of_meta_type(name, "command")
        if entity is None:
            return None
        return CommandInfo(
            name,
            _text(entity.get("arg-type")),
            _text(entity.get("ret-type")),
            allow_oob=entity.get("allow-oob") is True,
            features=_texts(entity.get("features")),
        )

    def commands(self) -> list[str]:
        """The names, in the server's order."""
        return self._names("command")

    def event(self, name: str) -> EventInfo | None:
        entity = self._of_meta_type(name, "event")
        if entity is None:
            return None
        return EventInfo(name, _text(entity.get("arg-type")), _texts(entity.get("features")))

    def events(self) -> list[str]:
        return self._names("event")

    # -- types ---------------------------------------------------------------------------------

    def entity(self, type_name: str) -> dict[str, Any] | None:
        """The SchemaInfo as the server sent it."""
        return self._entities.get(type_name)

    def kind(self, type_name: str) -> str | None:
        """`str`, `int`, `number`, `boolean`, `null`, `any`, `enum`, `array`, `object` or
        `alternate`; None for what is no type that this schema knows."""
        entity = self._entities.get(type_name)
        if entity is None:
            return None
        meta_type = _text(entity.get("meta-type"))
        if meta_type == "builtin":
            return _KIND_OF_JSON_TYPE.get(_text(entity.get("json-type")))
        return meta_type if meta_type in _KINDS else None

    def enum_values(self, type_name: str) -> dict[str, tuple[str, ...]]:
        """Each value of an enum with its features, in the server's order.

        `members` is there since QEMU 6.2 or so; `values` is older, and deprecated.
        """
        known = self._enums.get(type_name)
        if known is not None:
            return known
        entity = self._of_meta_type(type_name, "enum")
        if entity is None:
            return {}
        values = {
            member["name"]: _texts(member.get("features"))
            for member in _named(entity.get("members"))
        }
        for value in _texts(entity.get("values")):
            values.setdefault(value, ())
        self._enums[type_name] = values
        return values

    def element_type(self, type_name: str) -> str | None:
        entity = self._of_meta_type(type_name, "array")
        return None if entity is None else _text(entity.get("element-type")) or None

    def alternatives(self, type_name: str) -> list[str]:
        """The types that an alternate may have."""
        entity = self._of_meta_type(type_name, "alternate")
        types = [_text(member.get("type")) for member in _dicts(entity and entity.get("members"))]
        return [name for name in types if name]

    # -- objects -------------------------------------------------------------------------------

    def tag(self, type_name: str) -> str | None:
        """The name of the member that chooses a union's variant; None where it is no union."""
        entity = self._of_meta_type(type_name, "object")
        return None if entity is None else _text(entity.get("tag")) or None

    def cases(self, type_name: str) -> dict[str, str]:
        """Each value of a union's tag that has a variant, with the variant's type."""
        known = self._cases.get(type_name)
        if known is None:
            entity = self._of_meta_type(type_name, "object")
            known = {
                variant["case"]: _text(variant.get("type"))
                for variant in _dicts(entity and entity.get("variants"))
                if isinstance(variant.get("case"), str)
            }
            self._cases[type_name] = known
        return known

    def members(self, type_name: str, tag_value: Callable[[str], str | None]) -> dict[str, Member]:
        """The members of an object as it stands: `tag_value` says what a tag is set to, if anything.

        A variant's members stand beside the tag, on the same level; a variant may be a union too.
        """
        found: dict[str, Member] = {}
        seen: set[str] = set()
        todo: str | None = type_name
        while todo is not None and todo not in seen:
            seen.add(todo)
            for name, member in self._members_of(todo).items():
                found.setdefault(name, member)
            tag = self.tag(todo)
            case = None if tag is None else tag_value(tag)
            todo = None if case is None else self.cases(todo).get(case)
        return found

    def _members_of(self, type_name: str) -> dict[str, Member]:
        own = self._own_members.get(type_name)
        if own is None:
            entity = self._of_meta_type(type_name, "object")
            own = {
                member["name"]: Member(
                    member["name"],
                    _text(member.get("type")),
                    optional="default" in member,
                    features=_texts(member.get("features")),
                )
                for member in _named(entity and entity.get("members"))
            }
            self._own_members[type_name] = own
        return own

    # -- the index -----------------------------------------------------------------------------

    def _of_meta_type(self, name: str, meta_type: str) -> dict[str, Any] | None:
        entity = self._entities.get(name)
        return entity if entity is not None and entity.get("meta-type") == meta_type else None

    def _names(self, meta_type: str) -> list[str]:
        return [
            name for name, entity in self._entities.items() if entity.get("meta-type") == meta_type
        ]


def _dicts(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for item in value:
            if isinstance(item, dict):
                yield item


def _named(value: object) -> Iterator[dict[str, Any]]:
    return (item for item in _dicts(value) if isinstance(item.get("name"), str))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(item for item in value if isinstance(item, str))
