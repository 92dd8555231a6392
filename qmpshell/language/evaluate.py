"""A line to what is to be done.

Owns: which facts a line needs, and the reading of each kind of item with them. Must not know:
sessions, where the line came from. `read` gives a Plan, or the Need that stands in its way; it raises
LineError.
"""

from __future__ import annotations

import re
import unicodedata

from ..errors import LineError
from ..qmp import (
    LITERAL,
    QEMU,
    TOO_LARGE,
    JsonError,
    JsonReader,
    is_ambiguous,
    json_number,
    read_any,
    read_bool,
    read_int,
    read_number,
    read_property,
)
from . import tokens as t
from .syntax import (
    Action,
    Argument,
    Command,
    CommandItem,
    Destination,
    Item,
    LocalCommand,
    LocalItem,
    Node,
    Plan,
    RawCommand,
    RawItem,
    TransactionItem,
    build,
    leaves,
    nodes,
    parse,
    unquote,
)
from .tokens import Token, tokenize, tokenize_human

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from ..qmp import Member, Schema
    from .syntax import Argument
    from .tokens import Token


QUOTE_IT = "to have it as text, put it in quotes"
_AFTER_JSON_OPERATOR = "after := stands JSON, text in double quotes; plain text stands after ="
_NULLS = ("null", "None")
ASK = "@?"
_LONG = 40
_LONGEST_CURE = 70
# Strings, and words between brackets, commas and colons.
_WORDS = (
    r"""(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"|'[^'\\]*+(?:\\.[^'\\]*+)*+')"""
    r"""|(?P<word>[^\s{}\[\]:,"'\\]+)"""
)
_JSON_WORDS = ("true", "false", "null", "True", "False", "None", "nan", "NaN", "inf", "Infinity")


def is_json(argument: Argument) -> bool:
    """Whether the value is JSON whatever its type is."""
    return argument.operator.text == ":="


def is_file(argument: Argument) -> bool:
    """Whether the value stands in a file."""
    return argument.value.kind == t.VALUE and argument.value.text[:1] == "@"


def plain_text(argument: Argument, facts: Facts) -> str:
    """The text after `=`, without its quotes, or from the file or the person that it names."""
    token = argument.value
    if token.kind == t.QUOTED:
        return unquote(token)
    if not is_file(argument):
        return token.text
    if token.text == ASK:
        return _asked(argument, facts)
    data = _file(token, facts)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise LineError(
            f"{token.text[1:]} is not UTF-8", start=token.start, end=token.end
        ) from None


def _asked(argument: Argument, facts: Facts) -> str:
    token = argument.value
    secret = facts.secrets.get(token.start)
    if secret is None:
        raise LineError(
            "there is no terminal at which to ask",
            start=token.start,
            end=token.end,
            cure="key=@FILE reads the value from a file",
        )
    return secret


def _file(token: Token, facts: Facts) -> bytes:
    path = token.text[1:]
    if not path:
        raise LineError(
            "the name of a file must follow @", start=token.start, end=token.end, cure=QUOTE_IT
        )
    try:
        return facts.read_file(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise LineError(
            f"{path}: {reason}", start=token.start, end=token.end, cure=QUOTE_IT
        ) from None


def read_as_json(argument: Argument, facts: Facts) -> object:
    """The value after `:=`."""
    token = argument.value
    if not token.text:
        raise LineError("JSON must follow :=", start=argument.operator.start, end=token.end)
    if is_file(argument):
        if token.text == ASK:
            return _asked(argument, facts)
        return _json_file(token, _file(token, facts))
    if token.kind == t.QUOTED and token.text[0] == "'":
        return unquote(token)
    return read_json(token.text, token.start, cure=_AFTER_JSON_OPERATOR)


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


def read_untyped(argument: Argument, facts: Facts) -> object:
    """The value where nothing says of which type it is: quotes make text, brackets JSON or Python,
    the rest by its looks."""
    token = argument.value
    if is_json(argument):
        return read_as_json(argument, facts)
    if token.kind == t.COMPOUND:
        return read_json(token.text, token.start, cure=QUOTE_IT)
    text = plain_text(argument, facts)
    if token.kind == t.QUOTED or is_file(argument):
        return text
    if json_number(text) in (float("inf"), float("-inf")):
        raise LineError(TOO_LARGE, start=token.start, end=token.end, cure=QUOTE_IT)
    return read_any(text)


def read_scalar(argument: Argument, kind: str, facts: Facts) -> object:
    """The value of a builtin type or an enum; `kind` as in `Schema.kind`."""
    if is_json(argument):
        return read_as_json(argument, facts)
    if kind == "any":
        return read_untyped(argument, facts)
    text = plain_text(argument, facts)
    if kind in ("str", "enum"):
        return text
    value, found = scalar(text, kind)
    if not found:
        raise _wrong(argument, f"takes {_TAKES[kind]}, not {_short(text)}")
    return value


def scalar(text: str, kind: str) -> tuple[object, bool]:
    """The value that `text` is of a kind that is neither `str` nor `enum`, and whether it is one."""
    if kind == "null":
        return None, text in _NULLS
    reader = {"int": read_int, "number": read_number, "boolean": read_bool}.get(kind)
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


def takes(argument: Argument, kind: str, *, member: str = "") -> LineError:
    """The error that the text of a value is none of its kind; `member` is the path below it at which
    the text may have been meant to stand, if any."""
    cure = ""
    if member:
        text = argument.value.text
        value = text if argument.value.kind != t.COMPOUND and 0 < len(text) <= _LONG else "VALUE"
        cure = f"did you mean {argument.key.text}.{member}={value}?"
    return _wrong(argument, f"takes {_TAKES[kind]}, not {_short(argument.value.text)}", cure=cure)


def _wrong(argument: Argument, reason: str, *, cure: str = "") -> LineError:
    token = argument.value
    return LineError(
        f"{argument.key.text} {reason}",
        start=token.start if token.text else argument.operator.start,
        end=token.end,
        cure=cure or "what stands after := is sent as it is",
    )


def _short(text: str) -> str:
    return f"{text[:_LONG]!r}" if text else "nothing"


def read_json(text: str, start: int, *, cure: str = "") -> object:
    """One JSON value, Python's literals mixed in, that begins at offset `start` of the line; `cure`
    is what to do if it is none."""
    try:
        return _read_json(text)
    except JsonError as error:
        place = start + min(error.position, len(text) - 1)
        raise LineError(error.reason, start=place, cure=quoted_words(text) or cure) from None


def quoted_words(text: str) -> str:
    """The cure of an object that only lacks quotes around its names and texts; else nothing."""
    if text[:1] != "{":
        return ""
    quoted = re.sub(_WORDS, _quote_word, text)
    if quoted == text:
        return ""
    try:
        _read_json(quoted)
    except JsonError:
        return ""
    if len(quoted) > _LONGEST_CURE:
        return "names and texts stand in quotes there"
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
    rest = text[end:].lstrip(" \t\r\n")
    if rest:
        raise JsonError("text follows the value", len(text) - len(rest))
    return reader.value


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


MISSING_SCHEMA = "schema"
MISSING_DRIVER = "driver"
MISSING_OBJECT = "object"
MISSING_SECRET = "secret"


class Need:
    """What must be known before a line can be read.

    SCHEMA: the server's schema. DRIVER: the properties of the device driver `subject`. OBJECT: those
    of the object at QOM path `subject`. SECRET: what the person types, unseen, for the key `subject`
    at `start`.
    """

    __slots__ = ("kind", "start", "subject")

    def __init__(self, kind: str, subject: str = "", *, start: int = 0) -> None:
        self.kind = kind
        self.subject = subject
        self.start = start


class PropertyType:
    """A QOM property's `type` and `description` (qom.json, ObjectPropertyInfo)."""

    __slots__ = ("description", "type")

    def __init__(self, type_name: str, description: str = "") -> None:
        self.type = type_name
        self.description = description


Properties = dict[str, PropertyType]


class Facts:
    """`schema` is None where there is none to be had; `has_schema` is false until that is known.

    `drivers` and `objects` hold properties by driver and by QOM path, `secrets` what was typed, by the
    offset in the line. `read_file` gives a file's bytes and raises OSError. `can_ask` says whether a
    person is there.
    """

    __slots__ = ("can_ask", "drivers", "has_schema", "objects", "read_file", "schema", "secrets")

    def __init__(
        self,
        *,
        read_file: Callable[[str], bytes],
        schema: Schema | None = None,
        has_schema: bool = False,
        can_ask: bool = False,
    ) -> None:
        self.read_file = read_file
        self.schema = schema
        self.has_schema = has_schema or schema is not None
        self.can_ask = can_ask
        self.drivers: dict[str, Properties | None] = {}
        self.objects: dict[str, Properties | None] = {}
        self.secrets: dict[int, str] = {}

    def forget(self) -> None:
        """The server is another one now."""
        self.schema = None
        self.has_schema = False
        self.drivers.clear()
        self.objects.clear()


def no_file(path: str) -> bytes:
    """A `read_file` for readers that have no files."""
    raise FileNotFoundError(2, "there are no files here", path)


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
                return Need(MISSING_SECRET, argument.key.text, start=argument.value.start)
    return None


# -- by the schema --------------------------------------------------------------------------------


def _by_schema(name: Token, root: Node, facts: Facts) -> Read | Need:
    if name.text.startswith(_AGENT_PREFIX):
        from ..qmp import load_agent_schema  # few scripts need it

        return _typed(name, root, facts, schema=load_agent_schema())
    if not facts.has_schema and _is_open(root):
        return Need(MISSING_SCHEMA)
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
            return Need(MISSING_DRIVER, driver)
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
            return Need(MISSING_OBJECT, path)
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
        return Need(MISSING_SCHEMA)
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
