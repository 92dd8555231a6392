"""Evaluation: a line and what is known of the server's types give commands with JSON values.

`evaluate_line` returns a ParsedLine, or the Missing information that it needs first. It raises LineError.
"""

from __future__ import annotations

import re

from ..errors import LineError
from ..qmp import (
    AGENT_PREFIX,
    DEVICE_ADD,
    DEVICE_ADD_ARGUMENTS,
    NO_SCHEMA,
    QOM_SET,
    TOO_LARGE,
    WARNED_FEATURES,
    JsonError,
    is_ambiguous,
    json_number,
    parse_any,
    parse_integers,
    parse_property,
    parse_scalar,
)
from ..record import Record
from . import tokens as t
from .syntax import (
    QUOTE_IT,
    Action,
    Command,
    CommandItem,
    Item,
    ParsedLine,
    Part,
    RawCommand,
    RawItem,
    ShellCommand,
    TransactionItem,
    build_tree,
    command_item,
    parse,
    unquote,
)
from .tokens import Token, shell_command_name
from .values import STRINGS, Value, no_members, read_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from ..qmp import Member, Schema
    from .values import Argument, JsonTree


ASK = "@?"
NO_VARIABLE = "the name of an environment variable must follow @$"
_MAX_SHOWN = 40
_STRING_OR_NO_BREAK_SPACE = f"{STRINGS}|[{t.NO_BREAK_SPACES}]"


def is_json(argument: Argument) -> bool:
    """Return True if the value is JSON for any type."""
    return argument.operator.text == ":="


def is_file(argument: Argument) -> bool:
    """Return True if the value is read from a file."""
    return argument.value.kind == t.VALUE and argument.value.text[:1] == "@"


MISSING_SCHEMA = "schema"
MISSING_DRIVER = "driver"
MISSING_OBJECT = "object"
MISSING_SECRET = "secret"
MISSING_FILE = "file"


class Missing(Record):
    """What must be known before a line can be evaluated.

    MISSING_SCHEMA: the server's schema. MISSING_DRIVER: the properties of the device driver
    `subject`. MISSING_OBJECT: the properties of the object at QOM path `subject`. MISSING_SECRET:
    what the user types without echo for the key `subject` at `start`. MISSING_FILE: the content of
    the file `subject`.
    """

    kind: str
    subject: str = ""
    start: int = 0


class MissingError(Exception):
    """Something must be known before a line can be evaluated."""

    def __init__(self, missing: Missing) -> None:
        super().__init__(missing)
        self.missing = missing


class PropertyType(Record):
    """A QOM property's `type` and `description` (qom.json, ObjectPropertyInfo)."""

    type: str
    description: str = ""


Properties = dict[str, PropertyType]


class Introspection:
    """What is known of the server's types.

    `schema` is None if there is none; `has_schema` is false until that is known. `drivers` and
    `objects` map drivers and QOM paths to properties; `secrets` maps offsets in the line to secrets
    that the user typed. `read_file` returns the bytes of a file and raises OSError, or
    MissingError if they must be read first; `read_variable` returns an environment variable, or
    None. `can_ask` is true if a user is present.
    """

    def __init__(
        self,
        *,
        read_file: Callable[[str], bytes],
        read_variable: Callable[[str], bytes | None] = lambda _name: None,
        schema: Schema | None = None,
        has_schema: bool = False,
        can_ask: bool = False,
    ) -> None:
        self.read_file = read_file
        self.read_variable = read_variable
        self.schema = schema
        self.has_schema = has_schema or schema is not None
        self.can_ask = can_ask
        self.drivers: dict[str, Properties | None] = {}
        self.objects: dict[str, Properties | None] = {}
        self.secrets: dict[int, str] = {}

    def clear(self) -> None:
        """Clear everything about the server, because it is another one now."""
        self.schema = None
        self.has_schema = False
        self.drivers.clear()
        self.objects.clear()


_TAKES = {
    "int": "a whole number, such as 5, 0x1f or 64k",
    "number": "a number",
    "boolean": "on or off, true or false, yes or no",
    "null": "null",
    "object": "members, as in KEY.MEMBER=VALUE, or {…}",
    "array": "members, as in KEY.0=VALUE, or […]",
}


# The hint for a value that `key=value` cannot express.
USE_JSON = "use := to send any JSON value"


def wrong_value(key: str, kind: str, text: str) -> str:
    """Return the sentence about the text of a value that is not of its kind."""
    return f"{key} takes {_TAKES[kind]}, not {shown_value(text)}"


def shown_value(text: str) -> str:
    """Return the start of a value in quotes, for a message."""
    return f"{text[:_MAX_SHOWN]!r}" if text else "nothing"


def takes(argument: Argument, kind: str, text: str, *, member: str = "") -> LineError:
    """Return the error for a text that is not of its kind.

    `member` is the path of the member that the text may have been meant for, or "".
    """
    token = argument.value
    hint = USE_JSON
    if is_file(argument):
        hint = f"did you mean {argument.key.text}:={token.text[:_MAX_SHOWN]}?"
    elif member:
        is_short = token.kind != t.COMPOUND and 0 < len(token.text) <= _MAX_SHOWN
        hint = f"did you mean {argument.key.text}.{member}={token.text if is_short else 'VALUE'}?"
    return LineError(
        wrong_value(argument.key.text, kind, text),
        start=token.start if token.text else argument.operator.start,
        end=token.end,
        hint=hint,
    )


# A schema may be recursive (a block node below a block node). This limits nested dotted keys.
_MAX_DEPTH = 60
# The path to the only scalar in an object or array is searched for down to this depth.
_FEW_PARTS = 4
_SCALARS = ("str", "int", "number", "boolean", "null", "any", "enum")


def feature_notes(what: str, features: Iterable[str]) -> list[str]:
    """Return remarks about `what` if it is deprecated or unstable."""
    return [f"{what} is {feature}" for feature in WARNED_FEATURES if feature in features]


# The names of string types in QOM.
_TEXTS = ("str", "string")


class _Evaluator:
    """Evaluates the arguments of one command. `notes` collects remarks about them."""

    def __init__(self, introspection: Introspection) -> None:
        self._introspection = introspection
        self._schema = introspection.schema or NO_SCHEMA
        self.notes: list[str] = []

    def command(self, name: str, arguments: Iterable[Argument]) -> dict[str, Any]:
        """Return the arguments of a command."""
        root = build_tree(arguments)
        self._find_secret(root)
        if name == DEVICE_ADD:
            return self._device_add(root)
        return self._qom_set(root) if name == QOM_SET else self._by_schema(name, root)

    def transaction(self, item: TransactionItem) -> dict[str, Any]:
        """Return the arguments of `transaction`.

        Each action becomes `{"type": NAME, "data": {…}}` (transaction.json).
        """
        root = build_tree(item.arguments)
        actions_given = root.members.get("actions")
        if actions_given is not None:
            start = actions_given.name_start
            raise LineError("actions occurs twice", start=start, end=start + len("actions"))
        trees = [build_tree(action.arguments) for action in item.actions]
        for entry in (root, *trees):
            self._find_secret(entry)
        if not self._introspection.has_schema and any(map(_is_open, trees)):
            raise MissingError(Missing(MISSING_SCHEMA))
        actions = [
            {"type": action.name.text, "data": self._action(action, tree)}
            for action, tree in zip(item.actions, trees, strict=True)
        ]
        return {"actions": actions, **self._by_schema("transaction", root)}

    def _find_secret(self, root: Value) -> None:
        for argument in root.leaves() if self._introspection.can_ask else ():
            start = argument.value.start
            if argument.value.text == ASK and start not in self._introspection.secrets:
                raise MissingError(Missing(MISSING_SECRET, argument.key.text, start))

    def _action(self, action: CommandItem, root: Value) -> dict[str, Any]:
        if action.json is not None:
            return _json_object(action.json)
        name = action.name.text
        members = action_members(self._schema, name)
        if "data" not in members:
            return dict(self._untyped(root))
        if "type" in members:
            features = self._schema.enum_values(members["type"].type).get(name, ())
            self.notes += feature_notes(name, features)
        return self._members(root, members["data"].type)

    def _by_schema(self, name: str, root: Value) -> dict[str, Any]:
        if name.startswith(AGENT_PREFIX):
            from ..qmp import load_agent_schema  # few scripts need it

            self._schema = load_agent_schema()
        elif not self._introspection.has_schema and _is_open(root):
            raise MissingError(Missing(MISSING_SCHEMA))
        command = self._schema.command(name)
        if command is None:
            return dict(self._untyped(root))
        self.notes += feature_notes(name, command.features)
        return self._members(root, command.arg_type)

    def _device_add(self, root: Value) -> dict[str, Any]:
        """Evaluate device_add by the driver's properties.

        QEMU is strict since 9.2; older ones accept text.
        """
        driver = self._text_of(root, "driver")
        properties: Properties | None = None
        if driver in self._introspection.drivers:
            properties = self._introspection.drivers[driver]
        elif driver is not None and any(
            _is_open_value(child.leaf)
            for key, child in root.members.items()
            if child.leaf is not None and key not in DEVICE_ADD_ARGUMENTS
        ):
            raise MissingError(Missing(MISSING_DRIVER, driver))
        return self._by_properties(root, properties or {}, texts=DEVICE_ADD_ARGUMENTS)

    def _qom_set(self, root: Value) -> dict[str, Any]:
        """Evaluate the value of `qom-set` by the type of the object's property."""
        path, name = self._text_of(root, "path"), self._text_of(root, "property")
        types: Properties = {}
        value = root.members.get("value")
        if path is not None and name is not None and value is not None and value.leaf is not None:
            if path not in self._introspection.objects and _is_open_value(value.leaf):
                raise MissingError(Missing(MISSING_OBJECT, path))
            properties = self._introspection.objects.get(path) or {}
            if name in properties:
                types = {"value": properties[name]}
        return self._by_properties(root, types, texts=("path", "property"))

    def _text_of(self, root: Value, key: str) -> str | None:
        child = root.members.get(key)
        if child is None or child.leaf is None or is_json(child.leaf):
            return None
        return self._text(child.leaf)

    def _by_properties(
        self, root: Value, properties: Properties, *, texts: tuple[str, ...]
    ) -> dict[str, Any]:
        """Return members evaluated by QOM types. The members in `texts` are text in any case."""
        typed: dict[str, Any] = {}
        rest = no_members()
        for key, child in root.members.items():
            known = PropertyType("str") if key in texts else properties.get(key)
            argument = child.leaf
            if argument is None or is_json(argument) or known is None:
                rest.members[key] = child
            elif argument.value.kind == t.COMPOUND and known.type not in _TEXTS:
                rest.members[key] = child  # a list, or a structure that only JSON can express
            else:
                text = self._text(argument)
                typed[key] = parse_property(text, known.type, description=known.description)
        by_looks = self._untyped(rest)
        return {key: typed[key] if key in typed else by_looks[key] for key in root.members}

    def _members(self, node: Value, type_name: str, *, depth: int = 0) -> dict[str, Any]:
        """Return the members of a node of an object type."""
        members = self._schema.members(type_name, lambda tag: self._tag(node, tag))
        found: dict[str, Any] = {}
        for name, child in node.members.items():
            member = members.get(name)
            if member is not None:
                self.notes += feature_notes(child.key, member.features)
            found[name] = self._value(child, member.type if member is not None else "", depth + 1)
        return found

    def _tag(self, node: Value, tag: str) -> str | None:
        child = node.members.get(tag)
        argument = child.leaf if child is not None else None
        if argument is None:
            return None
        if is_json(argument):
            value = self._json_value(argument)
            return value if isinstance(value, str) else None
        return self._text(argument)

    def _value(self, child: Value, type_name: str, depth: int) -> object:
        kind = self._schema.kind(type_name) or "any"
        argument = child.leaf
        if argument is None:
            return self._node(child, type_name, kind, depth)
        if is_json(argument):
            return self._json_value(argument)
        if kind == "alternate":
            return self._alternate(argument, type_name)
        if kind in _SCALARS:
            return self._scalar(argument, type_name, kind)
        if argument.value.kind == t.COMPOUND:
            return _json(argument)
        if self._schema.kind(self._schema.element_type(type_name) or "") == "int":
            integers = parse_integers(self._text(argument))
            if integers:
                return integers
        only_member = self._only_member(type_name)
        raise takes(argument, kind, argument.value.text, member=only_member)

    def _scalar(self, argument: Argument, type_name: str, kind: str) -> object:
        """Return the value of a builtin type or an enum."""
        if kind == "any":
            return self._untyped_value(argument)
        text = self._text(argument)
        if kind == "enum":
            features = self._schema.enum_values(type_name).get(text, ())
            self.notes += feature_notes(f"{argument.key.text}={text}", features)
        if kind in ("str", "enum"):
            return text
        value, found = parse_scalar(text, kind)
        if not found:
            raise takes(argument, kind, text)
        return value

    def _node(self, node: Value, type_name: str, kind: str, depth: int) -> object:
        if kind == "alternate":
            type_name = self._schema.compound(type_name, by_index=node.is_numbered())
            kind = self._schema.kind(type_name) or "str"
        if depth > _MAX_DEPTH or kind == "any":
            return self._untyped(node, may_be_array=True)
        if kind == "object":
            return self._members(node, type_name, depth=depth)
        if kind == "array":
            return self._array(node, type_name, depth)
        raise LineError(
            f"{node.key} has no members: it is a single value",
            start=node.name_start,
            end=node.name_start + 1,
            hint=USE_JSON,
        )

    def _array(self, node: Value, type_name: str, depth: int) -> list[Any]:
        element = self._schema.element_type(type_name) or ""
        for index in range(len(node.members)):
            if str(index) not in node.members:
                wrong = next(iter(node.members.values()))
                raise LineError(
                    f"{node.key} is an array: {node.key}.{index} is missing",
                    start=wrong.name_start,
                    end=wrong.leaf.key.end if wrong.leaf is not None else None,
                    hint="the indexes must be 0, 1, 2… without a gap",
                )
        return [self._value(node.members[index], element, depth + 1) for index in node.indices()]

    def _alternate(self, argument: Argument, type_name: str) -> object:
        """Return the value by the branch that fits: an alternate has at most one branch per JSON kind."""
        kinds = self._schema.branches(type_name)
        token = argument.value
        takes_text = "str" in kinds or "enum" in kinds
        bracket = {"{": "object", "[": "array"}.get(token.text[:1])
        if token.kind == t.COMPOUND and (bracket in kinds or not takes_text):
            return _json(argument, hint=QUOTE_IT if takes_text else "")
        text = self._text(argument)
        is_text = token.kind == t.QUOTED or is_file(argument)
        if "enum" in kinds and text in self._schema.enum_values(kinds["enum"]):
            return text
        if not (is_text and takes_text):
            for kind in ("null", "boolean", "int", "number"):
                if kind in kinds:
                    value, found = parse_scalar(text, kind)
                    if found:
                        return value
        if takes_text:
            return text
        kind = "object" if "object" in kinds else "array"
        only_member = self._only_member(kinds.get(kind, ""))
        raise takes(argument, kind, token.text, member=only_member)

    def _only_member(self, type_name: str) -> str:
        """Return the path of the only required scalar in an object or array, or ""."""
        path: list[str] = []
        while len(path) < _FEW_PARTS:
            kind = self._schema.kind(type_name)
            if kind in _SCALARS or "str" in self._schema.branches(type_name):
                return ".".join(path)
            if kind == "array":
                path.append("0")
                type_name = self._schema.element_type(type_name) or ""
                continue
            members = self._schema.members(type_name, lambda _tag: None).values()
            required = [member for member in members if not member.optional]
            if len(required) != 1 or self._schema.tag(type_name) is not None:
                return ""
            path.append(required[0].name)
            type_name = required[0].type
        return ""

    def _untyped(self, root: Value, *, may_be_array: bool = False) -> Any:
        """Return the object for a tree of unknown type, or with `may_be_array` the array. Not recursive."""
        if not root.members:
            return {}
        made: dict[int, Any] = {}
        for node in (*reversed(list(root.nodes())), root):
            members = {
                name: self._untyped_value(child.leaf)
                if child.leaf is not None
                else made.pop(id(child))
                for name, child in node.members.items()
            }
            indices = node.indices() if may_be_array or node is not root else []
            made[id(node)] = [members[index] for index in indices] if indices else members
        return made[id(root)]

    def _text(self, argument: Argument) -> str:
        """Return the text after `=` without quotes, or from the file or the user that it names."""
        token = argument.value
        if token.kind == t.QUOTED:
            return unquote(token)
        if not is_file(argument):
            return token.text
        if token.text == ASK:
            return self._asked(argument)
        data = self._content(token)
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            raise token.error(f"{token.text[1:]} is not UTF-8") from None

    def _asked(self, argument: Argument) -> str:
        token = argument.value
        secret = self._introspection.secrets.get(token.start)
        if secret is None:
            raise token.error(
                "only the interactive shell can ask for a value",
                hint="key=@FILE reads the value from a file",
            )
        return secret

    def _content(self, token: Token) -> bytes:
        path = token.text[1:]
        if path[:1] == "$":
            value = self._introspection.read_variable(path[1:])
            if value is not None:
                return value
            raise token.error(
                f"the environment variable {path[1:]} is not set" if path[1:] else NO_VARIABLE,
                hint=f"a file of this name is @./{path}; {QUOTE_IT}",
            )
        if not path:
            raise token.error("the name of a file must follow @", hint=QUOTE_IT)
        try:
            return self._introspection.read_file(path)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise token.error(f"{path}: {reason}", hint=QUOTE_IT) from None

    def _json_value(self, argument: Argument) -> object:
        """Return the value after `:=`."""
        token = argument.value
        if is_file(argument):
            if token.text == ASK:
                return self._asked(argument)
            return self._json_file(token, self._content(token))
        if token.kind == t.QUOTED and token.text[0] == "'":
            return unquote(token)
        return _json(argument)

    def _json_file(self, token: Token, data: bytes) -> object:
        try:
            return read_json(data.decode("utf-8"))
        except UnicodeDecodeError:
            reason, position = "not UTF-8", 0
        except JsonError as error:
            reason, position = error.reason, error.position
        raise token.error(f"{token.text[1:]} is not JSON: offset {position}: {reason}")

    def _untyped_value(self, argument: Argument) -> object:
        """Return a value of unknown type: quoted text, JSON or Python in brackets, the rest by appearance."""
        token = argument.value
        if is_json(argument):
            return self._json_value(argument)
        if token.kind == t.COMPOUND:
            return _json(argument, hint=QUOTE_IT)
        text = self._text(argument)
        if token.kind == t.QUOTED or is_file(argument):
            return text
        if json_number(text) in (float("inf"), float("-inf")):
            raise token.error(TOO_LARGE, hint=QUOTE_IT)
        return parse_any(text)


def _json(argument: Argument, *, hint: str = "") -> object:
    """Return the value of JSON. Raises LineError, with `hint` if the mistake has no better one."""
    assert argument.json is not None
    return argument.json.read(hint=hint)


def _json_object(json: JsonTree) -> dict[str, Any]:
    """Return the object that is the arguments of a command, or a command."""
    value = json.read()
    assert isinstance(value, dict)
    return value


def _is_open(root: Value) -> bool:
    """Return True if any value in the tree is ambiguous."""
    if not root.members:
        return False
    return any(map(_is_open_value, root.leaves())) or any(
        node.is_numbered() and not node.indices() for node in root.nodes()
    )


def _is_open_value(argument: Argument) -> bool:
    if is_json(argument):
        return False
    token = argument.value
    if token.kind == t.QUOTED:
        # A quoted number is text, unless the type says otherwise.
        return is_ambiguous(token.text.strip("\"'"))
    if token.text == ASK:
        return False  # text typed without echo is a string if the type is unknown
    return token.kind == t.COMPOUND or is_file(argument) or is_ambiguous(token.text)


def evaluate_line(line: str, introspection: Introspection) -> ParsedLine | Missing:
    """Evaluate a line. A blank line or a comment gives a ParsedLine without actions."""
    parsed = parse(line).items()
    try:
        actions = [_evaluate_item(item, line, introspection) for item in parsed.items]
    except MissingError as error:
        return error.missing
    return ParsedLine(actions, parsed.redirect)


def find_error(part: Part, schema: Schema | None) -> LineError | None:
    """Return the first mistake in an item, which evaluation reports, or None.

    Values that are not in the line are not checked.
    """
    item: Item | None = part.item
    if item is None or part.errors:
        return next(iter(part.errors), None)
    if isinstance(item, CommandItem) and part.opening is not None:
        actions, rest = ([item], []) if part.is_action else ([], item.arguments)
        item = TransactionItem(part.opening, actions, rest)
    known = Introspection(read_file=_no_content, read_variable=_no_content, schema=schema)
    known.has_schema = known.can_ask = True
    while True:
        try:
            _evaluate_item(item, part.line, known)
            return None
        except LineError as error:
            return error
        except MissingError as error:
            subject = error.missing.subject
            if error.missing.kind not in (MISSING_DRIVER, MISSING_OBJECT):
                return None
            known.drivers[subject] = known.objects[subject] = None


def _no_content(name: str) -> bytes:
    raise MissingError(Missing(MISSING_FILE, name))


def _evaluate_item(item: Item, line: str, introspection: Introspection) -> Action:
    if isinstance(item, RawItem):
        return evaluate_raw(item)
    if isinstance(item, TransactionItem):
        evaluator = _Evaluator(introspection)
        arguments = evaluator.transaction(item)
        return Command("transaction", arguments, item.token.start, evaluator.notes)
    if isinstance(item, CommandItem):
        return evaluate_command(item, introspection)
    word = item.name.text
    if word[0] != "/":  # it may be the name of a server's command
        if not introspection.has_schema:
            raise MissingError(Missing(MISSING_SCHEMA))
        schema = introspection.schema
        if schema is not None and schema.command(word) is not None:
            name = Token(t.NAME, word, item.name.start)
            return evaluate_command(command_item(line, name, item.tokens), introspection)
    return ShellCommand(shell_command_name(word), item.tokens, line=line, start=item.name.start)


def evaluate_raw(item: RawItem) -> RawCommand:
    """Return the command that a JSON object is."""
    value = _json_object(item.json)
    return RawCommand(plain_blanks(item.token.text), value, item.token.start, item.file)


def plain_blanks(text: str) -> str:
    """Return the text with blanks in place of no-break spaces outside quotes."""
    if not any(char in text for char in t.NO_BREAK_SPACES):
        return text
    return re.sub(_STRING_OR_NO_BREAK_SPACE, lambda match: match[1] or " ", text)


def evaluate_command(item: CommandItem, introspection: Introspection) -> Command:
    """Evaluate a command and its arguments by their types. Raises MissingError and LineError."""
    if item.errors:
        raise item.errors[0]
    name = item.name
    if item.json is not None:
        return Command(name.text, _json_object(item.json), start=name.start, file=item.file)
    evaluator = _Evaluator(introspection)
    arguments = evaluator.command(name.text, item.arguments)
    return Command(name.text, arguments, name.start, evaluator.notes, item.file)


def action_members(schema: Schema, name: str) -> dict[str, Member]:
    """Return the members of a transaction action, or {} if the schema does not have it."""
    command = schema.command("transaction")
    members = schema.members(command.arg_type, lambda _tag: None) if command else {}
    element = schema.element_type(members["actions"].type) if "actions" in members else None
    return schema.members(element, lambda _tag: name) if element is not None else {}
