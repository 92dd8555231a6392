"""A line to what is to be done.

Owns: which facts a line needs, and the reading of each kind of item with them. Must not know:
sessions, where the line came from. `read` gives a Plan, or the Need that stands in its way; it raises
LineError.
"""

from __future__ import annotations

import unicodedata

from ..errors import LineError
from ..protocol.json_reader import QEMU, JsonError, JsonReader
from ..schema.scalars import is_ambiguous, read_property
from . import tokens as t
from .command import (
    Action,
    Argument,
    Command,
    CommandItem,
    Destination,
    Item,
    LocalCommand,
    LocalItem,
    Plan,
    RawCommand,
    RawItem,
    TransactionItem,
)
from .facts import DRIVER, OBJECT, SCHEMA, SECRET, Facts, Need, Properties
from .parse import parse
from .tokens import Token, tokenize, tokenize_human
from .tree import Node, build, leaves, nodes
from .typed import TypedReader, untyped
from .values import ASK, is_file, is_json, plain_text, quoted_words, read_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..schema.model import Member, Schema

# The guest agent's commands, of no schema.
_AGENT_PREFIX = "guest-"
# The arguments of device_add that are not properties of the device (qdev.json).
_DEVICE_ADD = ("driver", "bus", "id")


def read(line: str, facts: Facts) -> Plan | Need:
    """What a line says; a Plan without actions for a blank line or a comment."""
    if not line.isprintable():
        _refuse_controls(line)
    parsed = parse(line, tokenize(line))
    actions: list[Action] = []
    for item in parsed.items:
        action = _read_item(item, line, facts)
        if isinstance(action, Need):
            return action
        actions.append(action)
    return Plan(actions, parsed.destination)


def split_human(line: str) -> tuple[str, Destination | None]:
    """A line for the human monitor, and the shell command that takes its output."""
    text = ""
    destination = None
    tokens = tokenize_human(line)
    for index, token in enumerate(tokens):
        if token.kind == t.PIPE:
            if index + 1 == len(tokens):
                raise LineError("a shell command must follow |", start=token.start)
            destination = Destination("|", tokens[index + 1].text, token.start)
            break
        text = token.text
    return text, destination


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


def _read_item(item: Item, line: str, facts: Facts) -> Action | Need:
    if isinstance(item, RawItem):
        return read_raw(item.token)
    if isinstance(item, LocalItem):
        name = item.name
        return LocalCommand(name.text, item.tokens, line=line, start=name.start)
    if isinstance(item, TransactionItem):
        return _read_transaction(item, facts)
    return read_command(item, facts)


def read_raw(token: Token) -> RawCommand:
    """A line of JSON: one object, in JSON as QEMU reads it."""
    reader = JsonReader(QEMU)
    try:
        end = reader.feed(token.text)
        if not reader.complete:
            raise JsonError("the JSON object is not complete", end)
        if end < len(token.text):
            raise JsonError("text follows the JSON object", end)
    except JsonError as error:
        raise LineError(
            error.reason,
            start=token.start + min(error.position, len(token.text) - 1),
            cure=quoted_words(token.text),
        ) from None
    return RawCommand(token.text, reader.value, start=token.start)


def read_command(item: CommandItem, facts: Facts) -> Command | Need:
    """A command with its arguments, read by the types that they have."""
    name = item.name
    if item.whole is not None:
        whole = read_json(item.whole.text, item.whole.start)
        assert isinstance(whole, dict)
        return Command(name.text, whole, start=name.start, file=item.file)
    root = build(item.arguments)
    need = _secret_needed(root, facts)
    if need is not None:
        return need
    read = _ways.get(name.text, _by_schema)(name, root, facts)
    if isinstance(read, Need):
        return read
    arguments, notes = read
    return Command(name.text, arguments, start=name.start, notes=notes, file=item.file)


Read = tuple["dict[str, Any]", list[str]]


def _secret_needed(root: Node, facts: Facts) -> Need | None:
    if facts.can_ask:
        for argument in leaves(root):
            if argument.value.text == ASK and argument.value.start not in facts.secrets:
                return Need(SECRET, argument.key.text, start=argument.value.start)
    return None


# -- by the schema --------------------------------------------------------------------------------


def _by_schema(name: Token, root: Node, facts: Facts) -> Read | Need:
    if name.text.startswith(_AGENT_PREFIX):
        from .agent import agent_schema  # few scripts need it

        return _typed(name, root, facts, schema=agent_schema())
    if not facts.has_schema and _is_open(root):
        return Need(SCHEMA)
    if facts.schema is None:
        return untyped(root, facts), []
    return _typed(name, root, facts, schema=facts.schema)


def _typed(name: Token, root: Node, facts: Facts, *, schema: Schema) -> Read:
    command = schema.command(name.text)
    if command is None:
        return untyped(root, facts), []
    reader = TypedReader(schema, facts)
    arguments = reader.members_of(root, command.arg_type)
    notes = [
        f"{name.text} is {one}" for one in ("deprecated", "unstable") if one in command.features
    ]
    return arguments, notes + reader.notes


def _is_open(root: Node) -> bool:
    """Whether anything in the tree can be read in more than one way."""
    return any(map(_is_open_value, leaves(root))) or any(
        node.is_numbered() and not node.indices() for node in nodes(root)
    )


def _is_open_value(argument: Argument) -> bool:
    if is_json(argument):
        return False
    token = argument.value
    if token.kind == t.QUOTED:
        # In quotes a number is text, unless the type says otherwise.
        return is_ambiguous(token.text.strip("\"'"))
    if token.text == ASK:
        return False  # what is typed unseen is text where nothing says otherwise
    return token.kind == t.COMPOUND or is_file(argument) or is_ambiguous(token.text)


# -- what the schema leaves open ------------------------------------------------------------------


def _device_add(name: Token, root: Node, facts: Facts) -> Read | Need:
    """A device's properties by the driver: strict since QEMU 9.2 or so, text does for older ones."""
    driver = _text_of(root, "driver", facts)
    properties: Properties | None = None
    if driver is not None:
        if driver in facts.drivers:
            properties = facts.drivers[driver]
        elif any(
            _is_open_value(child) for key, child in _arguments(root) if key not in _DEVICE_ADD
        ):
            return Need(DRIVER, driver)
    return _by_properties(root, properties, texts=_DEVICE_ADD, facts=facts), []


def _qom_set(name: Token, root: Node, facts: Facts) -> Read | Need:
    """The value of `qom-set` by the type that the object gives for the property."""
    path, prop = _text_of(root, "path", facts), _text_of(root, "property", facts)
    types: Properties | None = None
    value = root.children.get("value")
    if path is not None and prop is not None and isinstance(value, Argument):
        if path in facts.objects:
            properties = facts.objects[path]
            if properties and prop in properties:
                types = {"value": properties[prop]}
        elif _is_open_value(value):
            return Need(OBJECT, path)
    return _by_properties(root, types, texts=("path", "property"), facts=facts), []


_ways = {"device_add": _device_add, "qom-set": _qom_set}


def _arguments(root: Node) -> list[tuple[str, Argument]]:
    return [(key, child) for key, child in root.children.items() if isinstance(child, Argument)]


def _text_of(root: Node, key: str, facts: Facts) -> str | None:
    child = root.children.get(key)
    if not isinstance(child, Argument) or is_json(child):
        return None
    return plain_text(child, facts)


# What QOM calls its strings.
_TEXTS = ("str", "string")


def _by_properties(
    root: Node, properties: Properties | None, *, texts: tuple[str, ...], facts: Facts
) -> dict[str, Any]:
    """Members by QOM's types; `texts` are text whatever they look like."""
    typed: dict[str, Any] = {}
    rest = Node((), 0, root.start)
    for key, child in root.children.items():
        known = (properties or {}).get(key)
        kind = "str" if key in texts else known.type if known is not None else None
        if isinstance(child, Node) or is_json(child) or kind is None:
            rest.children[key] = child
        elif child.value.kind == t.COMPOUND and kind not in _TEXTS:
            rest.children[key] = child  # a list, or a structure that only JSON can say
        else:
            description = known.description if known is not None else ""
            text = plain_text(child, facts)
            typed[key] = read_property(text, kind, description=description)
    by_looks = untyped(rest, facts)
    return {key: typed[key] if key in typed else by_looks[key] for key in root.children}


# -- transactions ---------------------------------------------------------------------------------


def _read_transaction(item: TransactionItem, facts: Facts) -> Command | Need:
    """`transaction` with its actions: `{"type": NAME, "data": {…}}` each (transaction.json)."""
    token = item.token
    root = build(item.arguments)
    actions_given = root.children.get("actions")
    if actions_given is not None:
        start = actions_given.start if isinstance(actions_given, Node) else actions_given.key.start
        raise LineError("actions is given twice", start=start, end=start + len("actions"))
    for one in (root, *(build(action.arguments) for action in item.actions)):
        need = _secret_needed(one, facts)
        if need is not None:
            return need
    if not facts.has_schema and any(
        action.whole is None and _is_open(build(action.arguments)) for action in item.actions
    ):
        return Need(SCHEMA)
    actions: list[dict[str, Any]] = []
    notes: list[str] = []
    for action in item.actions:
        data, told = _action(action, facts)
        actions.append({"type": action.name.text, "data": data})
        notes += told
    rest = _by_schema(Token(t.NAME, "transaction", token.start), root, facts)
    if isinstance(rest, Need):
        return rest
    arguments = {"actions": actions, **rest[0]}
    return Command("transaction", arguments, start=token.start, notes=notes + rest[1])


def _action(action: CommandItem, facts: Facts) -> Read:
    if action.whole is not None:
        whole = read_json(action.whole.text, action.whole.start)
        assert isinstance(whole, dict)
        return whole, []
    root = build(action.arguments)
    schema, name = facts.schema, action.name.text
    members = action_members(schema, name) if schema is not None else {}
    if schema is None or "data" not in members:
        return untyped(root, facts), []
    reader = TypedReader(schema, facts)
    if "type" in members:
        reader.note(name, schema.enum_values(members["type"].type).get(name, ()))
    return reader.members_of(root, members["data"].type), reader.notes


def action_members(schema: Schema, name: str) -> dict[str, Member]:
    """The members of an action of this name; none where the schema does not say."""
    command = schema.command("transaction")
    members = schema.members(command.arg_type, lambda tag: None) if command else {}
    element = schema.element_type(members["actions"].type) if "actions" in members else None
    return schema.members(element, lambda tag: name) if element is not None else {}
