"""The items of a line to commands with typed arguments.

Owns: the meaning of keys and operators. Must not know: sessions, where the line came from.
Raises LineError.
"""

from __future__ import annotations

import unicodedata

from ..errors import LineError
from ..protocol.json_reader import QEMU, JsonError, JsonReader
from . import tokens as t
from .command import Argument, Command, CommandItem, RawCommand, RawItem
from .parse import parse
from .tokens import tokenize
from .values import read_json, read_value, unquote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def read_line(line: str) -> list[Command | RawCommand]:
    """The commands of a line, in order; an empty list for a blank line or a comment."""
    if not line.isprintable():
        _refuse_controls(line)
    return [
        read_raw(item) if isinstance(item, RawItem) else read_command(item)
        for item in parse(line, tokenize(line))
    ]


def _refuse_controls(line: str) -> None:
    for offset, char in enumerate(line):
        if unicodedata.category(char) == "Cs":
            raise LineError("a byte that is no text in this terminal's encoding", start=offset)
        if unicodedata.category(char) == "Cc" and char not in "\t\r\n":
            raise LineError(
                f"a control character (U+{ord(char):04X}) stands in the line",
                start=offset,
                cure="in JSON's double quotes it is written as an escape, such as \\u0007",
            )


def read_raw(item: RawItem) -> RawCommand:
    """A line of JSON: one object, in JSON as QEMU reads it."""
    token = item.token
    reader = JsonReader(QEMU)
    try:
        end = reader.feed(token.text)
        if not reader.complete:
            raise JsonError("the JSON object is not complete", end)
        if end < len(token.text):
            raise JsonError("text follows the JSON object", end)
    except JsonError as error:
        raise LineError(
            error.reason, start=token.start + min(error.position, len(token.text) - 1)
        ) from None
    return RawCommand(token.text, reader.value, start=token.start)


def read_command(item: CommandItem) -> Command:
    name = item.name
    if item.whole is not None:
        whole = read_json(item.whole.text, item.whole.start)
        assert isinstance(whole, dict)
        return Command(name.text, whole, start=name.start)
    tree = _Tree()
    for argument in item.arguments:
        tree.add(argument)
    return Command(name.text, tree.object(), start=name.start)


def _read_argument(argument: Argument) -> object:
    value = argument.value
    if argument.operator.text == "=":
        return read_value(value)
    if not value.text:
        raise LineError("JSON must follow :=", start=argument.operator.start, end=value.end)
    if value.kind == t.QUOTED and value.text[0] == "'":
        return unquote(value)
    return read_json(value.text, value.start, cure=_AFTER_JSON_OPERATOR)


_AFTER_JSON_OPERATOR = "after := stands JSON, text in double quotes; plain text stands after ="


class _Tree:
    """Arguments with dotted keys, gathered into nested objects; arrays are found at the end."""

    def __init__(self) -> None:
        self._root: dict[str, Any] = {}
        # The dictionaries that dotted keys made, by identity, each with where it hangs; a value that
        # was typed is none. A parent stands before its children.
        self._made: dict[int, tuple[dict[str, Any], str]] = {}

    def add(self, argument: Argument) -> None:
        value = _read_argument(argument)
        node: Any = self._root
        *parents, (name, start) = argument.path
        for parent, parent_start in parents:
            child = node.get(parent)
            if child is None and parent not in node:
                child = node[parent] = {}
                self._made[id(child)] = (node, parent)
            elif id(child) not in self._made:
                raise _both(parent, parent_start)
            node = child
        if name in node:
            if id(node[name]) in self._made:
                raise _both(name, start)
            raise LineError(
                f"{argument.key.text} is given twice",
                start=argument.key.start,
                end=argument.key.end,
            )
        node[name] = value

    def object(self) -> dict[str, Any]:
        for parent, name in reversed(self._made.values()):
            members = parent[name]
            indices = _indices(members)
            if indices:
                parent[name] = [members[index] for index in indices]
        return self._root


def _indices(members: dict[str, Any]) -> list[str]:
    """The names in order where they are 0, 1, 2… without a gap; else an empty list."""
    indices = [str(number) for number in range(len(members))]
    return indices if all(index in members for index in indices) else []


def _both(name: str, start: int) -> LineError:
    return LineError(
        f"{name} is given both a value and members", start=start, end=start + len(name)
    )
