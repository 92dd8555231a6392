"""Evaluation: a line and what is known of the server's types give commands with JSON values.

`evaluate` returns a ParsedLine, or the Missing information that it needs first. It raises LineError.
"""

from __future__ import annotations

import re

from ..errors import LineError
from ..qmp import (
    DEVICE_ADD,
    DEVICE_ADD_ARGUMENTS,
    LITERAL,
    QEMU,
    QOM_SET,
    TOO_LARGE,
    JsonError,
    JsonReader,
    is_ambiguous,
    json_number,
    parse_any,
    parse_bool,
    parse_int,
    parse_number,
    parse_property,
)
from ..record import Record
from . import tokens as t
from .syntax import (
    Action,
    Argument,
    Command,
    CommandItem,
    FileWord,
    Item,
    Node,
    ParsedLine,
    RawCommand,
    RawItem,
    Redirect,
    ShellCommand,
    ShellCommandItem,
    TransactionItem,
    build_tree,
    command_item,
    nodes,
    parse,
    tree_leaves,
    unquote,
)
from .tokens import Token, shell_command_name, tokenize_hmp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from ..qmp import Member, Schema
    from .syntax import Argument
    from .tokens import Token


QUOTE_IT = "quote it to send it as text"
_AFTER_JSON_OPERATOR = "after := comes JSON, with text in double quotes; after = comes plain text"
_NULLS = ("null", "None")
ASK = "@?"
NO_VARIABLE = "the name of an environment variable must follow @$"
_MAX_SHOWN = 40
_MAX_HINT = 70
# The last string may be open.
_STRING = r"""("[^"\\]*+(?:\\.[^"\\]*+)*+"?|'[^'\\]*+(?:\\.[^'\\]*+)*+'?)"""
# Strings, and words between brackets, commas and colons.
_WORDS = rf"""{_STRING}|(?P<word>[^\s{{}}\[\]:,"'\\]+)"""
_STRING_OR_NO_BREAK_SPACE = f"{_STRING}|[{t.NO_BREAK_SPACES}]"
_JSON_WORDS = ("true", "false", "null", "True", "False", "None", "nan", "NaN", "inf", "Infinity")


def is_json(argument: Argument) -> bool:
    """Return True if the value is JSON for any type."""
    return argument.operator.text == ":="


def is_file(argument: Argument) -> bool:
    """Return True if the value is read from a file."""
    return argument.value.kind == t.VALUE and argument.value.text[:1] == "@"


def plain_text(argument: Argument, introspection: Introspection) -> str:
    """Return the text after `=` without quotes, or from the file or the user that it names."""
    token = argument.value
    if token.kind == t.QUOTED:
        return unquote(token)
    if not is_file(argument):
        return token.text
    if token.text == ASK:
        return _asked(argument, introspection)
    data = _file(token, introspection)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise LineError(
            f"{token.text[1:]} is not UTF-8", start=token.start, end=token.end
        ) from None


def _asked(argument: Argument, introspection: Introspection) -> str:
    token = argument.value
    secret = introspection.secrets.get(token.start)
    if secret is None:
        raise LineError(
            "there is no terminal to ask at",
            start=token.start,
            end=token.end,
            hint="key=@FILE reads the value from a file",
        )
    return secret


def _file(token: Token, introspection: Introspection) -> bytes:
    path = token.text[1:]
    if path[:1] == "$":
        value = introspection.read_variable(path[1:])
        if value is not None:
            return value
        raise LineError(
            f"the environment variable {path[1:]} is not set" if path[1:] else NO_VARIABLE,
            start=token.start,
            end=token.end,
            hint=f"a file of this name is @./{path}; {QUOTE_IT}",
        )
    if not path:
        raise LineError(
            "the name of a file must follow @", start=token.start, end=token.end, hint=QUOTE_IT
        )
    try:
        return introspection.read_file(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise LineError(
            f"{path}: {reason}", start=token.start, end=token.end, hint=QUOTE_IT
        ) from None


def read_as_json(argument: Argument, introspection: Introspection) -> object:
    """Return the value after `:=`."""
    token = argument.value
    if not token.text:
        raise LineError("JSON must follow :=", start=argument.operator.start, end=token.end)
    if is_file(argument):
        if token.text == ASK:
            return _asked(argument, introspection)
        return _json_file(token, _file(token, introspection))
    if token.kind == t.QUOTED and token.text[0] == "'":
        return unquote(token)
    return read_json(token.text, token.start, hint=_AFTER_JSON_OPERATOR)


def _json_file(token: Token, data: bytes) -> object:
    try:
        return _read_json(data.decode("utf-8"))
    except UnicodeDecodeError:
        reason, position = "not UTF-8", 0
    except JsonError as error:
        reason, position = error.reason, error.position
    raise LineError(
        f"{token.text[1:]}: offset {position}: {reason}", start=token.start, end=token.end
    )


def read_untyped(argument: Argument, introspection: Introspection) -> object:
    """Return a value of unknown type: quoted text, JSON or Python in brackets, the rest by appearance."""
    token = argument.value
    if is_json(argument):
        return read_as_json(argument, introspection)
    if token.kind == t.COMPOUND:
        return read_json(token.text, token.start, hint=QUOTE_IT)
    text = plain_text(argument, introspection)
    if token.kind == t.QUOTED or is_file(argument):
        return text
    if json_number(text) in (float("inf"), float("-inf")):
        raise LineError(TOO_LARGE, start=token.start, end=token.end, hint=QUOTE_IT)
    return parse_any(text)


def read_scalar(argument: Argument, kind: str, introspection: Introspection) -> object:
    """Return the value of a builtin type or an enum; `kind` as in `Schema.kind`."""
    if is_json(argument):
        return read_as_json(argument, introspection)
    if kind == "any":
        return read_untyped(argument, introspection)
    text = plain_text(argument, introspection)
    if kind in ("str", "enum"):
        return text
    value, found = parse_scalar(text, kind)
    if not found:
        raise _wrong(argument, wrong_value(argument.key.text, kind, text))
    return value


def parse_scalar(text: str, kind: str) -> tuple[object, bool]:
    """Parse `text` as a kind other than `str` and `enum`. Return the value and whether it is valid."""
    if kind == "null":
        return None, text in _NULLS
    reader = {"int": parse_int, "number": parse_number, "boolean": parse_bool}.get(kind)
    value: object = reader(text) if reader is not None else None
    return value, value is not None


_TAKES = {
    "int": "a whole number, such as 5, 0x1f or 64k",
    "number": "a number",
    "boolean": "on or off, true or false, yes or no",
    "null": "null",
    "object": "members, as in KEY.MEMBER=VALUE, or {…}",
    "array": "members, as in KEY.0=VALUE, or […]",
}


def wrong_value(key: str, kind: str, text: str) -> str:
    """Return the sentence about the text of a value that is not of its kind."""
    return f"{key} takes {_TAKES[kind]}, not {shown_value(text)}"


def shown_value(text: str) -> str:
    """Return the start of a value in quotes, for a message."""
    return f"{text[:_MAX_SHOWN]!r}" if text else "nothing"


def takes(argument: Argument, kind: str, *, member: str = "") -> LineError:
    """Return the error for text that is not of its kind.

    `member` is the path of the member that the text may have been meant for, or "".
    """
    hint = ""
    if member:
        text = argument.value.text
        value = (
            text if argument.value.kind != t.COMPOUND and 0 < len(text) <= _MAX_SHOWN else "VALUE"
        )
        hint = f"did you mean {argument.key.text}.{member}={value}?"
    text = argument.value.text
    return _wrong(argument, wrong_value(argument.key.text, kind, text), hint=hint)


def _wrong(argument: Argument, reason: str, *, hint: str = "") -> LineError:
    token = argument.value
    return LineError(
        reason,
        start=token.start if token.text else argument.operator.start,
        end=token.end,
        hint=hint or "use := to send any JSON value",
    )


def read_json(text: str, start: int, *, hint: str = "") -> object:
    """Parse one JSON value, with Python literals, that starts at offset `start` of the line.

    `hint` is the hint of the error if the text is invalid.
    """
    try:
        return _read_json(text)
    except JsonError as error:
        place = start + min(error.position, len(text) - 1)
        raise LineError(error.reason, start=place, hint=quoted_words(text) or hint) from None


def quoted_words(text: str) -> str:
    """Return a hint for an object that only lacks quotes around names and texts, else ""."""
    if text[:1] != "{":
        return ""
    quoted = re.sub(_WORDS, _quote_word, text)
    if quoted == text:
        return ""
    try:
        _read_json(quoted)
    except JsonError:
        return ""
    if len(quoted) > _MAX_HINT:
        return "names and texts need quotes in JSON"
    return f"did you mean {quoted}?"


def _quote_word(match: re.Match[str]) -> str:
    word = match["word"]
    is_value = word is None or word in _JSON_WORDS or json_number(word) is not None
    return match[0] if is_value else f'"{word}"'


def _read_json(text: str) -> object:
    reader = JsonReader(LITERAL)
    end = reader.feed(text)
    if not reader.complete:
        raise JsonError("the value is not complete", end)
    rest = text[end:].lstrip(t.BLANKS)
    if rest:
        raise JsonError("text after the value", len(text) - len(rest))
    return reader.value


# A schema may be recursive (a block node below a block node). This limits nested dotted keys.
_MAX_DEPTH = 60
# The path to the only scalar in an object or array is searched for down to this depth.
_FEW_PARTS = 4
_REPORTED_FEATURES = ("deprecated", "unstable")
_SCALARS = ("str", "int", "number", "boolean", "null", "any", "enum")


def untyped(root: Node, introspection: Introspection) -> dict[str, Any]:
    """Return the object for a tree of unknown type. Not recursive."""
    made: dict[int, Any] = {}
    for node in (*reversed(list(nodes(root))), root):
        members = {
            name: made.pop(id(child))
            if isinstance(child, Node)
            else read_untyped(child, introspection)
            for name, child in node.children.items()
        }
        indices = node.indices() if node is not root else []
        made[id(node)] = [members[index] for index in indices] if indices else members
    found = made[id(root)]
    assert isinstance(found, dict)
    return found


class TypedEvaluator:
    """Evaluates the arguments of one command by their types. `notes` collects remarks about them."""

    def __init__(self, schema: Schema, introspection: Introspection) -> None:
        self._schema = schema
        self._facts = introspection
        self.notes: list[str] = []

    def members_of(self, node: Node, type_name: str, *, depth: int = 0) -> dict[str, Any]:
        """Return the members of a node of an object type."""
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
        """Add a note about `what` if it is deprecated or unstable."""
        self.notes += [
            f"{what} is {feature}" for feature in _REPORTED_FEATURES if feature in features
        ]

    def _node(self, node: Node, type_name: str, kind: str, depth: int) -> object:
        if kind == "alternate":
            type_name, kind = self._compound_alternative(node, type_name)
        if depth > _MAX_DEPTH or kind == "any":
            return _untyped_value(node, self._facts)
        if kind == "object":
            return self.members_of(node, type_name, depth=depth)
        if kind == "array":
            return self._array(node, type_name, depth)
        raise LineError(
            f"{node.key} has no members: it is a single value",
            start=node.start,
            end=node.start + 1,
            hint="use := to send any JSON value",
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
                    hint="the indexes must be 0, 1, 2… without a gap",
                )
        return [
            self._value(node.children[str(index)], element, depth + 1)
            for index in range(len(node.children))
        ]

    def _alternate(self, argument: Argument, type_name: str) -> object:
        """Return the value by the branch that fits: an alternate has at most one branch per JSON kind."""
        kinds = {self._schema.kind(name): name for name in self._schema.alternatives(type_name)}
        token = argument.value
        takes_text = "str" in kinds or "enum" in kinds
        bracket = {"{": "object", "[": "array"}.get(token.text[:1])
        if token.kind == t.COMPOUND and (bracket in kinds or not takes_text):
            return read_json(token.text, token.start, hint=QUOTE_IT if takes_text else "")
        text = plain_text(argument, self._facts)
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
        raise takes(argument, kind, member=self._only_member(kinds.get(kind, "")))

    def _only_member(self, type_name: str) -> str:
        """Return the path of the only required scalar in an object or array, or ""."""
        path: list[str] = []
        while len(path) < _FEW_PARTS:
            kind = self._schema.kind(type_name)
            kinds = [
                self._schema.kind(alternative)
                for alternative in self._schema.alternatives(type_name)
            ]
            if kind in _SCALARS or "str" in kinds:
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


def _untyped_value(node: Node, introspection: Introspection) -> object:
    holder = Node((), 0, 0)
    holder.children["x"] = node
    return untyped(holder, introspection)["x"]


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


class FileNeededError(Exception):
    """A `read_file` function does not have the content of the file `path` yet."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


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
    FileNeededError if they must be read first; `read_variable` returns an environment variable, or
    None. `can_ask` is true if a user is present.
    """

    __slots__ = (
        "can_ask",
        "drivers",
        "has_schema",
        "objects",
        "read_file",
        "read_variable",
        "schema",
        "secrets",
    )

    def __init__(
        self,
        *,
        read_file: Callable[[str], bytes],
        read_variable: Callable[[str], bytes | None] | None = None,
        schema: Schema | None = None,
        has_schema: bool = False,
        can_ask: bool = False,
    ) -> None:
        self.read_file = read_file
        self.read_variable = read_variable or no_variable
        self.schema = schema
        self.has_schema = has_schema or schema is not None
        self.can_ask = can_ask
        self.drivers: dict[str, Properties | None] = {}
        self.objects: dict[str, Properties | None] = {}
        self.secrets: dict[int, str] = {}

    def forget(self) -> None:
        """Forget everything about the server, because it is another one now."""
        self.schema = None
        self.has_schema = False
        self.drivers.clear()
        self.objects.clear()


def no_file(path: str) -> bytes:
    """Raise OSError: the `read_file` of callers that must not read files."""
    raise FileNotFoundError(2, "files are not available", path)


def no_variable(_name: str) -> bytes | None:
    """Return None: the `read_variable` of callers without an environment."""
    return None


# The commands of the guest agent, which has no schema.
_AGENT_PREFIX = "guest-"


def evaluate_line(line: str, introspection: Introspection) -> ParsedLine | Missing:
    """Evaluate a line. A blank line or a comment gives a ParsedLine without actions."""
    if not line.isprintable():
        _refuse_controls(line)
    parsed = parse(line).items()
    actions: list[Action] = []
    for item in parsed.items:
        try:
            action = _read_item(item, line, introspection)
        except FileNeededError as needed:
            return Missing(MISSING_FILE, needed.path)
        if isinstance(action, Missing):
            return action
        actions.append(action)
    return ParsedLine(actions, parsed.redirect)


def split_hmp_line(line: str) -> tuple[str, Redirect | None]:
    """Split a line for the human monitor into the command and the redirect of its output."""
    text = ""
    redirect = None
    tokens = tokenize_hmp(line)
    for index, token in enumerate(tokens):
        if token.kind == t.PIPE:
            if index + 1 == len(tokens):
                raise LineError("a shell command must follow |", start=token.start)
            redirect = Redirect("|", tokens[index + 1].text, token.start)
            break
        text = token.text
    return text, redirect


def _refuse_controls(line: str) -> None:
    if line.isprintable():
        return
    for offset, char in enumerate(line):
        if "\ud800" <= char <= "\udfff":
            raise LineError("a byte that is not valid in this terminal's encoding", start=offset)
        if (char < " " or "\x7f" <= char <= "\x9f") and char not in "\t\r\n":
            raise LineError(
                f"a control character (U+{ord(char):04X}) in the line",
                start=offset,
                hint="in double quotes, write it as a JSON escape, such as \\u0007",
            )


def _read_item(item: Item, line: str, introspection: Introspection) -> Action | Missing:
    if isinstance(item, RawItem):
        return evaluate_raw(item.token, file=item.file)
    if isinstance(item, ShellCommandItem):
        return _read_shell_command(item, line, introspection)
    if isinstance(item, TransactionItem):
        return _read_transaction(item, introspection)
    return evaluate_command(item, introspection)


def _read_shell_command(
    item: ShellCommandItem, line: str, introspection: Introspection
) -> Action | Missing:
    """Return a shell command, or the server's command if a word without / is the name of one."""
    word = item.name.text
    if word[0] != "/":
        if not introspection.has_schema:
            return Missing(MISSING_SCHEMA)
        schema = introspection.schema
        if schema is not None and schema.command(word) is not None:
            name = Token(t.NAME, word, item.name.start)
            return evaluate_command(command_item(line, name, item.tokens), introspection)
    return ShellCommand(shell_command_name(word), item.tokens, line=line, start=item.name.start)


def evaluate_raw(token: Token, *, file: FileWord | None = None) -> RawCommand:
    """Evaluate one JSON object, in the dialect that QEMU accepts."""
    reader = JsonReader(QEMU)
    try:
        end = reader.feed(token.text)
        if not reader.complete:
            raise JsonError("the JSON object is not complete", end)
        if end < len(token.text):
            raise JsonError("text after the JSON object", end)
    except JsonError as error:
        raise LineError(
            error.reason,
            start=token.start + min(error.position, len(token.text) - 1),
            hint=quoted_words(token.text),
        ) from None
    text = plain_blanks(token.text)
    return RawCommand(text, reader.value, start=token.start, file=file)


def plain_blanks(text: str) -> str:
    """Return the text with blanks in place of no-break spaces outside quotes."""
    if not any(char in text for char in t.NO_BREAK_SPACES):
        return text
    return re.sub(_STRING_OR_NO_BREAK_SPACE, lambda match: match[1] or " ", text)


def evaluate_command(item: CommandItem, introspection: Introspection) -> Command | Missing:
    """Evaluate a command and its arguments by their types."""
    name = item.name
    if item.whole is not None:
        whole = read_json(item.whole.text, item.whole.start)
        assert isinstance(whole, dict)
        return Command(name.text, whole, start=name.start, file=item.file)
    root = build_tree(item.arguments)
    need = _secret_needed(root, introspection)
    if need is not None:
        return need
    result = _evaluators.get(name.text, _by_schema)(name, root, introspection)
    if isinstance(result, Missing):
        return result
    arguments, notes = result
    return Command(name.text, arguments, start=name.start, notes=notes, file=item.file)


Read = tuple["dict[str, Any]", list[str]]


def _secret_needed(root: Node, introspection: Introspection) -> Missing | None:
    if introspection.can_ask:
        for argument in tree_leaves(root):
            if argument.value.text == ASK and argument.value.start not in introspection.secrets:
                return Missing(MISSING_SECRET, argument.key.text, start=argument.value.start)
    return None


def _by_schema(name: Token, root: Node, introspection: Introspection) -> Read | Missing:
    if name.text.startswith(_AGENT_PREFIX):
        from ..qmp import load_agent_schema  # few scripts need it

        return _typed(name, root, introspection, schema=load_agent_schema())
    if not introspection.has_schema and _is_open(root):
        return Missing(MISSING_SCHEMA)
    if introspection.schema is None:
        return untyped(root, introspection), []
    return _typed(name, root, introspection, schema=introspection.schema)


def _typed(name: Token, root: Node, introspection: Introspection, *, schema: Schema) -> Read:
    command = schema.command(name.text)
    if command is None:
        return untyped(root, introspection), []
    reader = TypedEvaluator(schema, introspection)
    arguments = reader.members_of(root, command.arg_type)
    notes = [
        f"{name.text} is {feature}"
        for feature in ("deprecated", "unstable")
        if feature in command.features
    ]
    return arguments, notes + reader.notes


def _is_open(root: Node) -> bool:
    """Return True if any value in the tree is ambiguous."""
    return any(map(_is_open_value, tree_leaves(root))) or any(
        node.is_numbered() and not node.indices() for node in nodes(root)
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


def _device_add(_name: Token, root: Node, introspection: Introspection) -> Read | Missing:
    """Evaluate device_add by the driver's properties: QEMU is strict since 9.2; older ones accept text."""
    driver = _text_of(root, "driver", introspection)
    properties: Properties | None = None
    if driver is not None:
        if driver in introspection.drivers:
            properties = introspection.drivers[driver]
        elif any(
            _is_open_value(child)
            for key, child in _arguments(root)
            if key not in DEVICE_ADD_ARGUMENTS
        ):
            return Missing(MISSING_DRIVER, driver)
    return _by_properties(
        root, properties, texts=DEVICE_ADD_ARGUMENTS, introspection=introspection
    ), []


def _qom_set(_name: Token, root: Node, introspection: Introspection) -> Read | Missing:
    """Evaluate the value of `qom-set` by the type of the object's property."""
    path, prop = _text_of(root, "path", introspection), _text_of(root, "property", introspection)
    types: Properties | None = None
    value = root.children.get("value")
    if path is not None and prop is not None and isinstance(value, Argument):
        if path in introspection.objects:
            properties = introspection.objects[path]
            if properties and prop in properties:
                types = {"value": properties[prop]}
        elif _is_open_value(value):
            return Missing(MISSING_OBJECT, path)
    return _by_properties(root, types, texts=("path", "property"), introspection=introspection), []


_evaluators = {DEVICE_ADD: _device_add, QOM_SET: _qom_set}


def _arguments(root: Node) -> list[tuple[str, Argument]]:
    return [(key, child) for key, child in root.children.items() if isinstance(child, Argument)]


def _text_of(root: Node, key: str, introspection: Introspection) -> str | None:
    child = root.children.get(key)
    if not isinstance(child, Argument) or is_json(child):
        return None
    return plain_text(child, introspection)


# The names of string types in QOM.
_TEXTS = ("str", "string")


def _by_properties(
    root: Node,
    properties: Properties | None,
    *,
    texts: tuple[str, ...],
    introspection: Introspection,
) -> dict[str, Any]:
    """Return members evaluated by QOM types. The members in `texts` are text in any case."""
    typed: dict[str, Any] = {}
    rest = Node((), 0, root.start)
    for key, child in root.children.items():
        known = (properties or {}).get(key)
        kind = "str" if key in texts else known.type if known is not None else None
        if isinstance(child, Node) or is_json(child) or kind is None:
            rest.children[key] = child
        elif child.value.kind == t.COMPOUND and kind not in _TEXTS:
            rest.children[key] = child  # a list, or a structure that only JSON can express
        else:
            description = known.description if known is not None else ""
            text = plain_text(child, introspection)
            typed[key] = parse_property(text, kind, description=description)
    by_looks = untyped(rest, introspection)
    return {key: typed[key] if key in typed else by_looks[key] for key in root.children}


def _read_transaction(item: TransactionItem, introspection: Introspection) -> Command | Missing:
    """Evaluate `transaction`. Each action becomes `{"type": NAME, "data": {…}}` (transaction.json)."""
    token = item.token
    root = build_tree(item.arguments)
    actions_given = root.children.get("actions")
    if actions_given is not None:
        start = actions_given.start if isinstance(actions_given, Node) else actions_given.key.start
        raise LineError("actions occurs twice", start=start, end=start + len("actions"))
    for entry in (root, *(build_tree(action.arguments) for action in item.actions)):
        need = _secret_needed(entry, introspection)
        if need is not None:
            return need
    if not introspection.has_schema and any(
        action.whole is None and _is_open(build_tree(action.arguments)) for action in item.actions
    ):
        return Missing(MISSING_SCHEMA)
    actions: list[dict[str, Any]] = []
    notes: list[str] = []
    for action in item.actions:
        data, told = _action(action, introspection)
        actions.append({"type": action.name.text, "data": data})
        notes += told
    rest = _by_schema(Token(t.NAME, "transaction", token.start), root, introspection)
    if isinstance(rest, Missing):
        return rest
    arguments = {"actions": actions, **rest[0]}
    return Command("transaction", arguments, start=token.start, notes=notes + rest[1])


def _action(action: CommandItem, introspection: Introspection) -> Read:
    if action.whole is not None:
        whole = read_json(action.whole.text, action.whole.start)
        assert isinstance(whole, dict)
        return whole, []
    root = build_tree(action.arguments)
    schema, name = introspection.schema, action.name.text
    members = action_members(schema, name) if schema is not None else {}
    if schema is None or "data" not in members:
        return untyped(root, introspection), []
    reader = TypedEvaluator(schema, introspection)
    if "type" in members:
        reader.note(name, schema.enum_values(members["type"].type).get(name, ()))
    return reader.members_of(root, members["data"].type), reader.notes


def action_members(schema: Schema, name: str) -> dict[str, Member]:
    """Return the members of a transaction action, or {} if the schema does not have it."""
    command = schema.command("transaction")
    members = schema.members(command.arg_type, lambda _tag: None) if command else {}
    element = schema.element_type(members["actions"].type) if "actions" in members else None
    return schema.members(element, lambda _tag: name) if element is not None else {}
