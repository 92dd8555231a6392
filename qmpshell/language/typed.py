"""A tree of arguments to JSON, by the server's schema.

Owns: objects, arrays, unions and alternates. Must not know: text, the command line around it.
The discriminator of a union is found first, wherever it stands. A member that the schema does not
know is read without a type, and sent. Raises LineError.
"""

from __future__ import annotations

from ..errors import LineError
from . import tokens as t
from .command import Argument
from .tree import Node, nodes
from .values import (
    QUOTE_IT,
    is_file,
    is_json,
    plain_text,
    read_as_json,
    read_json,
    read_scalar,
    read_untyped,
    scalar,
    takes,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ..schema.model import Member, Schema
    from .facts import Facts

# A schema may be recursive (a block node below a block node); typing ends before Python does.
_DEEPEST = 60
# A path to the only scalar in an object or array is found down to so many parts.
_FEW_PARTS = 4
_TOLD = ("deprecated", "unstable")
_SCALARS = ("str", "int", "number", "boolean", "null", "any", "enum")


def untyped(root: Node, facts: Facts) -> dict[str, Any]:
    """The object that a tree is where nothing says of which type it is. Does not recurse."""
    made: dict[int, Any] = {}
    for node in (*reversed(list(nodes(root))), root):
        members = {
            name: made.pop(id(child)) if isinstance(child, Node) else read_untyped(child, facts)
            for name, child in node.children.items()
        }
        indices = node.indices() if node is not root else []
        made[id(node)] = [members[index] for index in indices] if indices else members
    found = made[id(root)]
    assert isinstance(found, dict)
    return found


class TypedReader:
    """Reads one command's arguments; `notes` gathers what to tell of its members."""

    def __init__(self, schema: Schema, facts: Facts) -> None:
        self._schema = schema
        self._facts = facts
        self.notes: list[str] = []

    def members_of(self, node: Node, type_name: str, *, depth: int = 0) -> dict[str, Any]:
        """The members of a node, by the object type's."""
        members = self._schema.members(type_name, lambda tag: self._tag(node, tag))
        return {
            name: self._member(child, members.get(name), depth)
            for name, child in node.children.items()
        }

    def _tag(self, node: Node, tag: str) -> str | None:
        child = node.children.get(tag)
        if not isinstance(child, Argument):
            return None
        if is_json(child):
            value = read_as_json(child, self._facts)
            return value if isinstance(value, str) else None
        return plain_text(child, self._facts)

    def _member(self, child: Node | Argument, member: Member | None, depth: int) -> object:
        if member is None:
            return self._value(child, "", depth + 1)
        key = child.key if isinstance(child, Node) else child.key.text
        self.note(key, member.features)
        return self._value(child, member.type, depth + 1)

    def _value(self, child: Node | Argument, type_name: str, depth: int) -> object:
        kind = self._schema.kind(type_name) or "any"
        if isinstance(child, Node):
            return self._node(child, type_name, kind, depth)
        if is_json(child):
            return read_as_json(child, self._facts)
        if kind == "alternate":
            return self._alternate(child, type_name)
        if kind in _SCALARS:
            if kind == "enum":
                self._note_enum(child, type_name)
            return read_scalar(child, kind, self._facts)
        if child.value.kind == t.COMPOUND:
            return read_json(child.value.text, child.value.start)
        raise takes(child, kind, member=self._only_member(type_name))

    def _note_enum(self, argument: Argument, type_name: str) -> None:
        text = plain_text(argument, self._facts)
        self.note(f"{argument.key.text}={text}", self._schema.enum_values(type_name).get(text, ()))

    def note(self, what: str, features: Iterable[str]) -> None:
        """Keep what is to be told of `what`."""
        self.notes += [f"{what} is {feature}" for feature in _TOLD if feature in features]

    # -- dotted keys ---------------------------------------------------------------------------

    def _node(self, node: Node, type_name: str, kind: str, depth: int) -> object:
        if kind == "alternate":
            type_name, kind = self._compound_alternative(node, type_name)
        if depth > _DEEPEST or kind == "any":
            return _untyped_value(node, self._facts)
        if kind == "object":
            return self.members_of(node, type_name, depth=depth)
        if kind == "array":
            return self._array(node, type_name, depth)
        raise LineError(
            f"{node.key} has no members: it is a single value",
            start=node.start,
            end=node.start + 1,
            cure="what stands after := is sent as it is",
        )

    def _compound_alternative(self, node: Node, type_name: str) -> tuple[str, str]:
        kinds = {self._schema.kind(name): name for name in self._schema.alternatives(type_name)}
        for kind in ("array", "object") if node.is_numbered() else ("object", "array"):
            name = kinds.get(kind)
            if name is not None:
                return name, kind
        return "", "str"

    def _array(self, node: Node, type_name: str, depth: int) -> list[Any]:
        element = self._schema.element_type(type_name) or ""
        for index in range(len(node.children)):
            if str(index) not in node.children:
                wrong = next(iter(node.children.values()))
                raise LineError(
                    f"{node.key} is an array: {node.key}.{index} is missing",
                    start=wrong.start if isinstance(wrong, Node) else wrong.key.start,
                    end=None if isinstance(wrong, Node) else wrong.key.end,
                    cure="indices run from 0 without a gap",
                )
        return [
            self._value(node.children[str(index)], element, depth + 1)
            for index in range(len(node.children))
        ]

    # -- alternates ----------------------------------------------------------------------------

    def _alternate(self, argument: Argument, type_name: str) -> object:
        """Whichever fits: an alternate has at most one type of each of JSON's kinds."""
        kinds = {self._schema.kind(name): name for name in self._schema.alternatives(type_name)}
        token = argument.value
        takes_text = "str" in kinds or "enum" in kinds
        bracket = {"{": "object", "[": "array"}.get(token.text[:1])
        if token.kind == t.COMPOUND and (bracket in kinds or not takes_text):
            return read_json(token.text, token.start, cure=QUOTE_IT if takes_text else "")
        text = plain_text(argument, self._facts)
        is_text = token.kind == t.QUOTED or is_file(argument)
        if "enum" in kinds and text in self._schema.enum_values(kinds["enum"]):
            return text
        if not (is_text and takes_text):
            for kind in ("null", "boolean", "int", "number"):
                if kind in kinds:
                    value, found = scalar(text, kind)
                    if found:
                        return value
        if takes_text:
            return text
        kind = "object" if "object" in kinds else "array"
        raise takes(argument, kind, member=self._only_member(kinds.get(kind, "")))

    def _only_member(self, type_name: str) -> str:
        """The path of the one scalar that must be in an object or array, if there is one alone."""
        path: list[str] = []
        while len(path) < _FEW_PARTS:
            kind = self._schema.kind(type_name)
            kinds = [self._schema.kind(one) for one in self._schema.alternatives(type_name)]
            if kind in _SCALARS or "str" in kinds:
                return ".".join(path)
            if kind == "array":
                path.append("0")
                type_name = self._schema.element_type(type_name) or ""
                continue
            members = self._schema.members(type_name, lambda tag: None).values()
            required = [member for member in members if not member.optional]
            if len(required) != 1 or self._schema.tag(type_name) is not None:
                return ""
            path.append(required[0].name)
            type_name = required[0].type
        return ""


def _untyped_value(node: Node, facts: Facts) -> object:
    holder = Node((), 0, 0)
    holder.children["x"] = node
    return untyped(holder, facts)["x"]
