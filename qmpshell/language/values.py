"""The values in a line: scalars, JSON, and members from dotted keys. Nothing here fails."""

from __future__ import annotations

import re

from ..errors import LineError
from ..qmp import LITERAL, QEMU, JsonError, JsonReader, json_number, json_string
from ..record import Record
from . import tokens as t
from .tokens import Token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..qmp import Dialect


# Forms of values.
BARE_WORD = "word"  # unquoted text, whose type decides
TEXT = "text"  # quoted text after `=`, whose type also decides
STRING = "string"  # a JSON string
JSON = "json"  # another JSON scalar: true, 5, null
OPAQUE = "opaque"  # a value that is not in the line: from a file, or typed without echo
OBJECT = "object"
ARRAY = "array"
DOTTED = "dotted"  # members from dotted keys: an object or an array

_CONTAINERS = (OBJECT, ARRAY, DOTTED)
# Those of all scalars.
_NO_MEMBERS: dict[str, Value] = {}

# What is wrong with a key.
REPEATED = "occurs twice"
BOTH_KINDS = "has both a value and members"

# What may come next in JSON.
EXPECTS_KEY, EXPECTS_COLON, EXPECTS_VALUE, EXPECTS_COMMA = "key", "colon", "value", "comma"
_JSON_TOKEN = (
    r"""(?:"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"?|'[^'\\\n]*+(?:\\.[^'\\\n]*+)*+'?)"""
    rf"""|[^{t.BLANKS}{{}}\[\]:,"']+|[{{}}\[\]:,]"""
)


class Argument(Record):
    """`key op value`. `path` is the parts of the key, each a name and its offset in the line.

    `json` is the JSON of a value after `:=` or in brackets. After `=`, the type of the argument
    decides if brackets are JSON, so a mistake there is not an `error` of the argument.
    """

    key: Token
    path: list[tuple[str, int]]
    operator: Token
    value: Token
    json: JsonTree | None = None
    error: LineError | None = None


class Value:
    """A value in a line.

    `form` is one of the above; `text` is that of a scalar, or of brackets after `=`, which may be
    meant as text. `start` and `end` are its position. `argument` is the argument that it is from,
    or the first with its dotted key, at `depth` parts of the path. A value in JSON has the object
    or array that contains it as `holder`, under `name`.
    """

    __slots__ = ("_members", "argument", "depth", "end", "form", "holder", "name", "start", "text")  # fmt: skip

    def __init__(
        self,
        form: str,
        text: str,
        start: int,
        end: int,
        *,
        argument: Argument | None = None,
        depth: int = 0,
        holder: Value | None = None,
    ) -> None:
        self.form = form
        self.text = text
        self.start = start
        self.end = end
        self.argument = argument
        self.depth = depth
        self.holder = holder
        self.name = ""
        self._members: dict[str, Value] | None = {} if form in _CONTAINERS else _NO_MEMBERS

    @property
    def members(self) -> dict[str, Value]:
        """The members of an object, or the items of an array under the names "0", "1" and so on."""
        if self._members is None:
            assert self.argument is not None
            assert self.argument.json is not None
            self._members = self.argument.json.root.members
        return self._members

    @property
    def leaf(self) -> Argument | None:
        """The argument of which this is the value, or None for members from dotted keys."""
        return self.argument if self.form != DOTTED else None

    @property
    def key(self) -> str:
        """The key as written, or up to here that of members from dotted keys."""
        if self.form != DOTTED:
            return self.argument.key.text if self.argument is not None else ""
        path = self.argument.path if self.argument is not None else []
        return ".".join(name for name, _ in path[: self.depth])

    @property
    def key_start(self) -> int:
        """The offset of its dotted key, or of the value in JSON."""
        return self.argument.key.start if self.argument is not None else self.start

    @property
    def part_start(self) -> int:
        """The offset of the last part of its dotted key."""
        return self.argument.path[self.depth - 1][1] if self.argument is not None else self.start

    @property
    def name_start(self) -> int:
        """The offset of the last part of its dotted key, or of the key of a value."""
        return self.part_start if self.form == DOTTED else self.key_start

    @property
    def is_scalar(self) -> bool:
        """Whether it is neither an object nor an array."""
        return self.form in (BARE_WORD, TEXT, STRING, JSON, OPAQUE)

    def holds(self, cursor: int) -> bool:
        """Return True if the cursor is in the value or at an end of it, so that it is being typed."""
        return self.start <= cursor <= self.end

    def text_of(self, name: str) -> str | None:
        """Return the text of a member, or None."""
        member = self.members.get(name)
        is_text = member is not None and member.form in (BARE_WORD, TEXT, STRING)
        return member.text if member is not None and is_text else None

    def at(self, path: Iterable[str]) -> Value | None:
        """Return the value at a path below this one, or None."""
        found: Value | None = self
        for name in path:
            found = found.members.get(name) if found is not None else None
        return found

    def json_path(self) -> tuple[str, ...]:
        """Return the path of an object or array from the outermost one in its JSON."""
        path: list[str] = []
        value = self
        while value.holder is not None:
            path.append(value.name)
            value = value.holder
        return tuple(reversed(path))

    def indices(self) -> list[str]:
        """Return the names in order if they are 0, 1, 2… without a gap, else []."""
        indices = [str(number) for number in range(len(self.members))]
        return indices if all(index in self.members for index in indices) else []

    def is_numbered(self) -> bool:
        """Return True if all names are decimal numbers."""
        return all(name.isascii() and name.isdecimal() for name in self.members)

    def add(self, argument: Argument, value: Value | None = None) -> LineError | None:
        """Add an argument, or this value of it, to the members.

        Return the error if it contradicts another one.
        """
        node = self
        *parents, (name, start) = argument.path
        for depth, (parent, parent_start) in enumerate(parents, 1):
            child = node.members.get(parent)
            if child is None:
                place = argument.value
                child = Value(DOTTED, "", place.start, place.end, argument=argument, depth=depth)
                node.members[parent] = child
            elif child.form != DOTTED:
                return _both(parent, parent_start)
            node = child
        there = node.members.get(name)
        if there is None:
            node.members[name] = value or _value_of(argument)
            return None
        if there.form == DOTTED:
            return _both(name, start)
        key = argument.key
        return key.error(f"{key.text} {REPEATED}")

    def leaves(self) -> Iterator[Argument]:
        """Yield the arguments below, in any order."""
        todo = [self]
        while todo:
            for child in todo.pop().members.values():
                if child.form == DOTTED:
                    todo.append(child)
                elif child.argument is not None:
                    yield child.argument

    def nodes(self) -> Iterator[Value]:
        """Yield the objects and arrays from dotted keys below, parents before children."""
        todo = [self]
        while todo:
            for child in todo.pop().members.values():
                if child.form == DOTTED:
                    yield child
                    todo.append(child)


def _both(name: str, start: int) -> LineError:
    return LineError(f"{name} {BOTH_KINDS}", start=start, end=start + len(name))


def no_members(position: int = 0) -> Value:
    """Return an empty set of arguments."""
    return Value(DOTTED, "", position, position)


def _value_of(argument: Argument) -> Value:
    token = argument.value
    is_plain = argument.operator.text != ":="
    form = BARE_WORD if is_plain else JSON
    text = token.text
    if token.kind == t.COMPOUND:
        form = OBJECT if text[0] == "{" else ARRAY
        text = text if is_plain else ""
    elif token.kind == t.QUOTED:
        form, text = TEXT if is_plain else STRING, unquoted(text)
    elif text[:1] == "@":
        form = OPAQUE
    value = Value(form, text, token.start, token.end, argument=argument, depth=len(argument.path))
    if token.kind == t.COMPOUND:
        value._members = None  # not parsed yet: evaluation does not need it
    return value


def unquoted(text: str) -> str:
    """Return the text of a string that may be unclosed, with complete escapes decoded."""
    quote = text[0]
    inner = text[1:-1] if len(text) > 1 and text[-1] == quote else text[1:]
    if "\\" not in inner:
        return inner
    if quote == "'":
        inner = inner.replace("\\'", "'").replace('"', '\\"')
    try:
        return json_string(f'"{inner}"', 0)[0]
    except JsonError:
        return inner


def _value_at(leaf: JsonLeaf) -> Value:
    """Return the value that a token of JSON is or opens."""
    form, text = JSON, leaf.text
    if leaf.kind == t.MARK:
        form, text = (OBJECT if leaf.text == "{" else ARRAY), ""
    elif leaf.kind != t.LITERAL:
        form, text = STRING, unquoted(leaf.text)
    return Value(form, text, leaf.start, leaf.end, holder=leaf.holder)


class JsonLeaf(Token):
    """A token of JSON. Before it, the object or array `holder` expects a key, colon, value or comma.

    `key` is the name of the last value in `holder`, and `count` the number of its values.
    """

    __slots__ = ("count", "expects", "holder", "key")

    holder: Value
    key: str
    count: int

    def __init__(self, kind: str, text: str, start: int, expects: str) -> None:
        self.kind = kind
        self.text = text
        self.start = start
        self.end = start + len(text)
        self.closed = True
        self.expects = expects

    @property
    def path(self) -> tuple[str, ...]:
        """The path of the value that is expected, or of the object whose member is."""
        path = self.holder.json_path()
        if self.expects != EXPECTS_VALUE:
            return path
        return (*path, self.key if self.holder.form == OBJECT else str(self.count))


def json_leaves(text: str, start: int) -> Iterator[JsonLeaf]:
    """Yield the tokens of brackets at offset `start`, and an empty one if they are not closed.

    Never fails. The tokens have no `holder`, `key` and `count`; those in a JsonTree have.
    """
    is_object = text[0] == "{"
    are_objects = [is_object]  # of all open brackets
    expects = EXPECTS_KEY if is_object else EXPECTS_VALUE
    yield JsonLeaf(t.MARK, text[0], start, expects)
    for match in re.compile(_JSON_TOKEN).finditer(text, 1):
        word, kind, expected = match[0], t.MARK, expects
        first = word[0]
        if first in "{[":
            is_object = first == "{"
            are_objects.append(is_object)
            expects = EXPECTS_KEY if is_object else EXPECTS_VALUE
        elif first in "}]":
            are_objects.pop()
            is_object = are_objects[-1] if are_objects else False
            expects = EXPECTS_COMMA
        elif first == ",":
            expects = EXPECTS_KEY if is_object else EXPECTS_VALUE
        elif first == ":":
            expects = EXPECTS_VALUE if expects == EXPECTS_COLON else expects
        else:
            kind = t.STRING if first in "\"'" else t.LITERAL
            if expects == EXPECTS_KEY:
                kind = t.MEMBER if kind == t.STRING else kind
                expects = EXPECTS_COLON
            elif expects == EXPECTS_VALUE:
                expects = EXPECTS_COMMA
        yield JsonLeaf(kind, word, start + match.start(), expected)
        if not are_objects:
            return
    # Where the next token would be.
    yield JsonLeaf(t.MARK, "", start + len(text), expects)


# How much of a line a hint repeats, in characters.
MAX_HINT = 70
# How much of a long word messages repeat, in characters.
MAX_SHOWN = 40
NO_BLANKS = "there must be no blanks around ="
# The last string may be open.
STRINGS = r"""("[^"\\]*+(?:\\.[^"\\]*+)*+"?|'[^'\\]*+(?:\\.[^'\\]*+)*+'?)"""
# The quotes of word processors and web pages, in place of those of JSON.
_TYPOGRAPHIC = "\u201c\u201d\u201e\u201f\u2018\u2019\u201a\u201b"
_QUOTED_TEXT = rf"[{_TYPOGRAPHIC}]([^{_TYPOGRAPHIC}]*)[{_TYPOGRAPHIC}]"
# What is wrong with them.
TYPOGRAPHIC_QUOTES = "the quotes are typographic"
# Strings, text in typographic quotes, and words between brackets, commas and colons.
_WORDS = rf"""{STRINGS}|{_QUOTED_TEXT}|(?P<word>[^\s{{}}\[\]:,"'\\]+)"""
_JSON_WORDS = ("true", "false", "null", "True", "False", "None", "nan", "NaN", "inf", "Infinity")


def shortened(text: str) -> str:
    """Return a text for a hint, with … for the end of a long one."""
    return text if len(text) <= MAX_HINT else f"{text[:MAX_HINT]}…"


class JsonTree:
    """JSON in a line, in a dialect. It may be incomplete or invalid.

    For brackets, `root` is the object or array, and `leaves` are its tokens, with only blanks
    between them. These are parsed when they are used, and so are the value and the error. `prefix`
    precedes the JSON that a hint suggests: the key and the operator of an argument.
    """

    def __init__(self, token: Token, dialect: Dialect = LITERAL, *, prefix: str = "") -> None:
        self._text = token.text
        self._prefix = prefix
        self._start = token.start
        self._dialect = dialect
        self._root: Value | None = None
        self._leaves: list[JsonLeaf] = []
        self._is_read = False
        self._value: object = None
        self._error: LineError | None = None

    def read(self, *, hint: str = "") -> object:
        """Return the value. Raises LineError, with `hint` if the mistake has no better one.

        With a `hint`, an array may be text in brackets, so that its words need no quotes of their own.
        """
        error = self.error
        if error is not None and hint and (not error.hint or self._may_be_text(error)):
            error = LineError(error.reason, start=error.start, end=error.end, hint=hint)
        if error is not None:
            raise error
        return self._value

    def _may_be_text(self, error: LineError) -> bool:
        return self._text[:1] == "[" and error.reason != TYPOGRAPHIC_QUOTES

    @property
    def error(self) -> LineError | None:
        """The first mistake, or None."""
        if not self._is_read:
            self._is_read = True
            try:
                self._value = read_json(self._text, self._dialect)
            except JsonError as error:
                position = min(error.position, max(len(self._text) - 1, 0))
                is_typographic = self._text[position : position + 1] in _TYPOGRAPHIC
                reason = TYPOGRAPHIC_QUOTES if self._text and is_typographic else error.reason
                hint = _quoted_words(self._text, self._prefix)
                self._error = LineError(reason, start=self._start + position, hint=hint)
        return self._error

    @property
    def root(self) -> Value:
        """The object or array."""
        return self._root or self._parse()

    @property
    def leaves(self) -> list[JsonLeaf]:
        """The tokens, and an empty one if the brackets are not closed."""
        if self._root is None:
            self._parse()
        return self._leaves

    def _parse(self) -> Value:
        text, start = self._text, self._start
        self._root = root = Value(OBJECT if text[0] == "{" else ARRAY, "", start, start + 1)
        holder, key = root, ""
        for leaf in json_leaves(text, start):
            leaf.holder, leaf.key, leaf.count = holder, key, len(holder.members)
            self._leaves.append(leaf)
            if leaf.start == start:
                continue
            if leaf.text in ("}", "]"):
                holder.end = leaf.end
                key, holder = holder.name, holder.holder or holder
            elif leaf.kind != t.MARK and leaf.expects == EXPECTS_KEY:
                key = unquoted(leaf.text) if leaf.kind == t.MEMBER else leaf.text
            elif leaf.kind != t.MARK or leaf.text in ("{", "["):
                value = _value_at(leaf)
                if leaf.expects == EXPECTS_VALUE:
                    key = key if holder.form == OBJECT else str(leaf.count)
                    holder.members.setdefault(key, value)
                value.name = key
                if leaf.kind == t.MARK:
                    holder, key = value, ""
        if not self._leaves[-1].text:
            holders: Value | None = holder
            while holders is not None:
                holders.end = start + len(text)
                holders = holders.holder
        return root

    def leaf_at(self, cursor: int) -> JsonLeaf | None:
        """Return the string or word that the cursor is in, or the leaf after the cursor.

        None after a closing quote, where nothing can be typed, and after the last bracket.
        """
        for leaf in self.leaves[1:]:
            if leaf.start >= cursor:
                return leaf
            if leaf.kind != t.MARK and cursor <= leaf.end:
                is_after = cursor == leaf.end and leaf.kind != t.LITERAL
                return (
                    None
                    if is_after and len(leaf.text) > 1 and leaf.text[-1] == leaf.text[0]
                    else leaf
                )
        return None


def read_json(text: str, dialect: Dialect = LITERAL) -> object:
    """Return the JSON value in a text. Raises JsonError."""
    what = "JSON object" if dialect is QEMU else "value"
    reader = JsonReader(dialect)
    end = reader.feed(text)
    if not reader.complete:
        raise JsonError(f"the {what} is not complete", end)
    rest = text[end:].lstrip(t.BLANKS)
    if rest:
        raise JsonError(f"text after the {what}", len(text) - len(rest))
    return reader.value


def has_typographic_quotes(message: bytes) -> bool:
    """Return True if any text in ASCII JSON contains typographic quotes."""
    return re.search(rb"\\u201[89a-f]", message) is not None


def without_typographic_quotes(text: str) -> str | None:
    """Return the text between typographic quotes, or None if the text is not in such quotes."""
    match = re.fullmatch(_QUOTED_TEXT, text)
    return match[1] if match is not None else None


def _quoted_words(text: str, prefix: str) -> str:
    """Return a hint for brackets that only lack quotes around names and texts, else "".

    `prefix` precedes the brackets in the line.
    """
    if text[:1] not in ("{", "["):
        return ""
    quoted = re.sub(_WORDS, _quote_word, text)
    if quoted == text:
        return ""
    try:
        read_json(quoted)
    except JsonError:
        return ""
    quoted = re.sub(r"\s*\n\s*", " ", quoted)
    if len(quoted) > MAX_HINT:
        return "names and texts need quotes in JSON"
    return f"did you mean {prefix}{quoted}?"


def _quote_word(match: re.Match[str]) -> str:
    word = match["word"]
    inner = without_typographic_quotes(match[0])
    if inner is not None:
        return f'"{inner}"'
    is_value = word is None or word in _JSON_WORDS or json_number(word) is not None
    return match[0] if is_value else f'"{word}"'
