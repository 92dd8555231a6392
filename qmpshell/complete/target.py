"""What is at the cursor: the completion target, and the command around it."""

from __future__ import annotations

import re

from ..errors import LineError
from ..language import (
    BLANKS,
    BOTH_KINDS,
    INHERITED,
    OLD_SYNTAX,
    REPEATED,
    LineAssembler,
    Token,
    is_transcript,
    key_parts,
    option_command,
    parse,
    pieces,
    prompt_width,
    shell_command_name,
    stray_word,
    tokens as t,
)
from ..qmp import JsonError, json_string
from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ..language import BOTH_KINDS, REPEATED, Part, Token, Tree


# What can be completed.
COMMAND = "command"  # a command of the server
LOCAL = "local"  # a shell command
KEY = "key"  # a member of the object at `path`
VALUE = "value"  # the value at `path`
EVENT = "event"
EVENT_FILTER = "event-filter"  # a mode, or an event name with wildcards
TOPIC = "topic"  # anything that /help accepts
JOB_ID = "job-id"
FILE = "file"  # a file; `subject` is ADDRESS or ""
PROGRAM = "program"  # a program of this host
SETTING = "setting"
SETTING_VALUE = "setting-value"  # a value of the setting `subject`
OPTION_NAME = "option-name"  # blockdev, device…
ENVELOPE = "envelope"  # a member of a command in JSON
WORD = "word"  # one of `words`

# What a FILE is for.
ADDRESS = "address"  # a socket to connect to

# The syntax around the target.
LINE = "line"  # words of a line
LITERAL = "literal"  # a JSON or Python literal
KEYVAL = "keyval"  # an option string

# Whose arguments a command has.
ACTION = "action"  # an action of a transaction


class PartialCommand(Record):
    """A command while it is typed. `sort` is COMMAND, EVENT (for /wait) or ACTION.

    `root` contains its arguments so far. `key_path` is the position of the cursor in them: the path
    of the object or array, and the name of the member if the cursor is on one. `writing` is LINE,
    LITERAL or KEYVAL. `is_whole` is true if the arguments are an object in brackets, `is_closed` if
    the cursor is after the last of them. `envelope` contains the other members of a command in
    JSON. `mistakes` are sentences about words that are not arguments.
    """

    sort: str
    name: str
    root: TypedValue
    name_end: int
    writing: str = LINE
    is_whole: bool = False
    is_closed: bool = False
    envelope: TypedValue | None = None
    is_out_of_band: bool = False
    mistakes: list[str] = []
    key_path: tuple[tuple[str, ...], str] = ((), "")


class CompletionTarget(Record):
    """A completion target.

    `text` is the typed text without quotes; it starts at `start` and is replaced up to the cursor.
    `quote` is its opening quote; `writing` is LINE, LITERAL or KEYVAL. `after` characters behind
    the cursor are part of the word and are replaced too; `behind` is the character after them.
    `own` is the name at the cursor, which can be replaced. `raw` is the key up to the cursor as
    written, from `raw_start` on.
    """

    kind: str
    text: str
    start: int
    call: PartialCommand | None = None
    path: tuple[str, ...] = ()
    writing: str = LINE
    quote: str = ""
    subject: str = ""
    words: tuple[str, ...] = ()
    after: int = 0
    behind: str = ""
    closed: bool = False
    own: str = ""
    raw: str = ""
    raw_start: int = 0


class Context(Record):
    """The completion targets at the cursor, and the command around it, if any."""

    cursor: int
    slots: list[CompletionTarget] = []
    call: PartialCommand | None = None


BARE_WORD = "word"  # unquoted text, whose type decides
TEXT = "text"  # quoted text after `=`, whose type also decides
STRING = "string"  # a JSON string
JSON = "json"  # another JSON scalar: true, 5, null
OPAQUE = "opaque"  # a value that is not in the line: from a file, or typed without echo
OBJECT = "object"
ARRAY = "array"
DOTTED = "dotted"  # members from dotted keys: an object or an array


class TypedValue:
    """A value in a line.

    `form` is one of the above; `text` is that of a scalar, or of brackets after `=`, which may be
    meant as text; `members` are those of an object or array (by "0", "1"…). `start` and `end` are
    its position; `key_start` is where its name starts if it has a dotted key.
    """

    __slots__ = ("end", "form", "key_start", "members", "start", "text")

    def __init__(self, form: str, text: str, start: int, end: int, key_start: int = -1) -> None:
        self.form = form
        self.text = text
        self.start = start
        self.end = end
        self.key_start = start if key_start < 0 else key_start
        self.members: dict[str, TypedValue] = {}

    @property
    def is_scalar(self) -> bool:
        """Whether it is neither an object nor an array."""
        return self.form in (BARE_WORD, TEXT, STRING, JSON, OPAQUE)

    def holds(self, cursor: int) -> bool:
        """Return True if the cursor is in the value or at an end of it, so that it is being typed."""
        return self.start <= cursor <= self.end

    @property
    def is_literal(self) -> bool:
        """Return True if it is in brackets, so that no dotted key can add to it."""
        return self.form in (OBJECT, ARRAY)

    def text_of(self, name: str) -> str | None:
        """Return the text of a member, or None."""
        member = self.members.get(name)
        is_text = member is not None and member.form in (BARE_WORD, TEXT, STRING)
        return member.text if member is not None and is_text else None

    def at(self, path: Iterable[str]) -> TypedValue | None:
        """Return the value at a path below this one, or None."""
        found: TypedValue | None = self
        for name in path:
            found = found.members.get(name) if found is not None else None
        return found

    def add(self, path: Sequence[str], value: TypedValue) -> str:
        """Add a value at a path. Return a sentence about what is wrong with that, or ""."""
        node = self
        for name in path[:-1]:
            child = node.members.get(name)
            if child is None:
                child = node.members[name] = TypedValue(DOTTED, "", value.start, value.end)
                child.key_start = value.key_start
            elif child.form != DOTTED:
                return f"{name[:_MAX_SHOWN]} {BOTH_KINDS}"
            node = child
        there = node.members.get(path[-1])
        if there is not None:
            if there.form == DOTTED:
                return f"{path[-1][:_MAX_SHOWN]} {BOTH_KINDS}"
            return f"{'.'.join(path)[:_MAX_SHOWN]} {REPEATED}"
        node.members[path[-1]] = value
        return ""


def nothing(position: int) -> TypedValue:
    """Return an empty set of arguments."""
    return TypedValue(DOTTED, "", position, position)


_TOKEN = (
    r"""(?P<string>"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"?|'[^'\\\n]*+(?:\\.[^'\\\n]*+)*+'?)"""
    r"""|(?P<word>[^\s{}\[\]:,"']+)|[{}\[\]:,]"""
)
_KEY, _COLON, _VALUE, _COMMA = "key", "colon", "value", "comma"


class CursorTarget:
    """What is expected at the cursor: a member of the object at `path`, or with `is_value` a value there.

    `text` is the typed part, from `start` on; `quote` is its opening quote, if any; `closed` is
    true if its closing quote is right after the cursor; `own` is the complete name at the cursor.
    """

    __slots__ = ("closed", "is_value", "own", "path", "quote", "start", "text")

    def __init__(self, path: Sequence[str], start: int, *, is_value: bool) -> None:
        self.path = tuple(path)
        self.start = start
        self.is_value = is_value
        self.text = ""
        self.quote = ""
        self.closed = False
        self.own = ""


class _Frame:
    """An open object or array, what may come next in it, and the path of its last value."""

    __slots__ = ("expects", "given", "key")

    def __init__(self, given: TypedValue) -> None:
        self.given = given
        self.expects = _KEY if given.form == OBJECT else _VALUE
        self.key = ""


def scan_literal(text: str, start: int, cursor: int) -> tuple[TypedValue, CursorTarget | None]:
    """Return the content of a literal that starts at the bracket `text[0]`, and the target at the cursor.

    `start` is the offset of the text in the line, which `cursor` refers to.
    """
    scanner = _Scanner(start, cursor)
    for match in re.finditer(_TOKEN, text):
        if not scanner.on_token(match):
            break
    return scanner.finish(start + len(text))


class _Scanner:
    def __init__(self, start: int, cursor: int) -> None:
        self._offset = start
        self._cursor = cursor
        self._stack: list[_Frame] = []
        self._root: TypedValue | None = None
        self._spot: CursorTarget | None = None
        self._is_past = False  # the cursor

    def on_token(self, match: re.Match[str]) -> bool:
        """Handle a token. Return True if the literal is still open."""
        start, end = self._offset + match.start(), self._offset + match.end()
        token = match[0]
        if self._root is None:
            self._open(token, start)
            return True
        if not self._is_past and start >= self._cursor:
            self._find_spot(self._cursor)
        if match.lastgroup is not None:
            is_whole = len(token) > 1 and token[-1] == token[0]
            is_string = match.lastgroup == "string"
            # After a closing quote there is nothing to complete.
            if not self._is_past and self._cursor <= end - (is_string and is_whole):
                self._find_spot(start, token)
            self._scalar(token, start, end, is_string=is_string)
        elif token in "{[":
            self._open(token, start)
        elif token in "}]":
            self._stack.pop().given.end = end
            if not self._stack:
                return False
            self._stack[-1].expects = _COMMA
        else:
            self._punctuation(token)
        return True

    def finish(self, end: int) -> tuple[TypedValue, CursorTarget | None]:
        assert self._root is not None
        if self._stack:
            for frame in self._stack:
                frame.given.end = end
            if not self._is_past and self._cursor <= end:
                self._find_spot(self._cursor)
        return self._root, self._spot

    def _find_spot(self, start: int, token: str = "") -> None:
        """Set the target: the cursor is here, or in a token that starts here."""
        self._is_past = True
        frame = self._stack[-1]
        if frame.expects not in (_KEY, _VALUE):
            return
        is_value = frame.expects == _VALUE
        path = [frame.key for frame in self._stack[:-1]]
        if is_value:
            path.append(_next_key(frame))
        spot = self._spot = CursorTarget(path, start, is_value=is_value)
        spot.quote = token[0] if token and token[0] in "\"'" else ""
        typed = token[: self._cursor - start]
        spot.text = unquoted(typed) if spot.quote else typed
        rest = token[self._cursor - start :]
        spot.closed = bool(spot.quote) and rest == spot.quote
        if rest:
            spot.own = unquoted(token) if spot.quote else token
        elif not spot.quote:
            spot.own = token

    def _scalar(self, token: str, start: int, end: int, *, is_string: bool) -> None:
        text = unquoted(token) if is_string else token
        frame = self._stack[-1]
        if frame.expects == _KEY:
            frame.key = text
            frame.expects = _COLON
        elif frame.expects == _VALUE:
            self._hang(TypedValue(STRING if is_string else JSON, text, start, end))
            frame.expects = _COMMA

    def _open(self, token: str, start: int) -> None:
        given = TypedValue(OBJECT if token == "{" else ARRAY, "", start, start + 1)
        if self._root is None:
            self._root = given
        else:
            self._hang(given)
        self._stack.append(_Frame(given))

    def _hang(self, given: TypedValue) -> None:
        frame = self._stack[-1]
        if frame.expects == _VALUE:
            frame.key = _next_key(frame)
            frame.given.members.setdefault(frame.key, given)

    def _punctuation(self, token: str) -> None:
        frame = self._stack[-1]
        if token == ":":
            if frame.expects == _COLON:
                frame.expects = _VALUE
        else:
            frame.expects = _KEY if frame.given.form == OBJECT else _VALUE


def _next_key(frame: _Frame) -> str:
    """Return the name of the next value in an object or array."""
    return frame.key if frame.given.form == OBJECT else str(len(frame.given.members))


def unquoted(token: str) -> str:
    """Return the text of a string that may be unclosed, with complete escapes decoded."""
    quote = token[0]
    inner = token[1:-1] if len(token) > 1 and token[-1] == quote else token[1:]
    if "\\" not in inner:
        return inner
    if quote == "'":
        inner = inner.replace("\\'", "'").replace('"', '\\"')
    try:
        return json_string(f'"{inner}"', 0)[0]
    except JsonError:
        return inner


_MAX_SHOWN = 40


def argument_context(
    line: str, cursor: int, sort: str, name: Token, tokens: Sequence[Token]
) -> Context:
    """Return the context of a cursor after a command's name. `tokens` are those after it."""
    call = PartialCommand(sort, name.text, nothing(name.end), name_end=name.end)
    reader = _ArgumentReader(line, cursor, call, name)
    if tokens and tokens[0].kind == t.OBJECT:
        call.is_whole = True
        call.is_closed = tokens[0].closed and cursor >= tokens[0].end
        call.root, spot = scan_literal(tokens[0].text, tokens[0].start, cursor)
        if cursor <= tokens[0].start:
            return Context(cursor, [], call)
        reader.spot(spot, ())
        return Context(cursor, reader.slots, call)
    return reader.read(tokens)


class _ArgumentReader:
    def __init__(self, line: str, cursor: int, call: PartialCommand, name: Token) -> None:
        self._line = line
        self._cursor = cursor
        self._call = call
        self._name = name
        self._is_found = False  # the cursor
        self.slots: list[CompletionTarget] = []

    def read(self, tokens: Sequence[Token]) -> Context:
        position = 0
        while position < len(tokens):
            token = tokens[position]
            if not self._is_found and self._cursor <= token.start:
                self._blank()
            if token.kind in (t.REDIRECT, t.FILE):
                break
            if token.kind == t.KEY:
                self._argument(token, *tokens[position + 1 : position + 3])
                position += 3
            else:
                self._word(tokens, position)
                position += 1
        if not self._is_found and self._cursor > (tokens[-1].end if tokens else -1):
            self._blank()
        return Context(self._cursor, self.slots, self._call)

    def _blank(self) -> None:
        self._is_found = True
        if self._line[self._cursor - 1 : self._cursor] in (" ", "\t", "\n"):
            self.slots.append(CompletionTarget(KEY, "", self._cursor, call=self._call))

    def _word(self, tokens: Sequence[Token], position: int) -> None:
        """Handle a word that is not an argument yet."""
        token = tokens[position]
        if not self._is_found and token.start < self._cursor <= token.end:
            self._is_found = True
            if token.kind == t.WORD:
                self._key(token)
        else:
            self._call.mistakes.append(stray_word(self._name, tokens, position).sentence)

    def _key(self, token: Token) -> None:
        """Handle a cursor in a key."""
        start = token.start
        parts = [(start + offset, name) for offset, name in _parts(token.text)]
        *parents, (place, _) = [part for part in parts if part[0] <= self._cursor]
        typed = self._line[place : self._cursor]
        slot = CompletionTarget(
            KEY,
            part_text(typed),
            place,
            call=self._call,
            path=tuple(text for _, text in parents),
            quote='"' if typed.startswith('"') else "",
        )
        slot.own = parts[len(parents)][1]
        slot.raw, slot.raw_start = self._line[start : self._cursor], start
        self._call.key_path = (slot.path, slot.own)
        self.slots.append(slot)

    def _argument(self, key: Token, operator: Token, value: Token) -> None:
        path = [part_text(part[0]) for part in key_parts(key.text)]
        given, spot = self._value(operator, value)
        given.key_start = key.start
        wrong = self._call.root.add(path, given)
        if wrong:
            self._call.mistakes.append(wrong)
        if self._is_found or not key.start < self._cursor <= value.end:
            return
        self._is_found = True
        if self._cursor <= key.end:
            self._key(key)
        elif self._cursor >= value.start:
            self._call.key_path = (tuple(path[:-1]), path[-1])
            if value.kind == t.COMPOUND:
                self.spot(spot, path)
            elif not (value.kind == t.QUOTED and value.closed and self._cursor == value.end):
                self._scalar(value, path, operator=operator.text)

    def _value(self, operator: Token, value: Token) -> tuple[TypedValue, CursorTarget | None]:
        is_plain = operator.text == "="
        if value.kind == t.COMPOUND:
            given, spot = scan_literal(value.text, value.start, self._cursor)
            given.text = value.text if is_plain else ""
            return given, spot
        form = BARE_WORD if is_plain else JSON
        text = value.text
        if value.kind == t.QUOTED:
            form, text = TEXT if is_plain else STRING, unquoted(text)
        elif text.startswith("@"):
            form = OPAQUE
        return TypedValue(form, text, value.start, value.end), None

    def _scalar(self, value: Token, path: Sequence[str], *, operator: str) -> None:
        typed = self._line[value.start : self._cursor]
        if typed.startswith("@"):
            start = value.start + 1
            slot = CompletionTarget(FILE, typed[1:], start, call=self._call, subject="@")
        else:
            quote = typed[:1] if value.kind == t.QUOTED else ""
            text = unquoted(typed) if quote else typed
            slot = CompletionTarget(
                VALUE, text, value.start, call=self._call, path=tuple(path), quote=quote
            )
            slot.closed = value.closed and self._cursor == value.end - 1 and bool(quote)
            if operator == ":=":
                slot.writing = LITERAL
        self.slots.append(slot)

    def spot(self, spot: CursorTarget | None, path: Sequence[str]) -> None:
        """Handle a cursor in a literal at `path`."""
        self._is_found = True
        if spot is not None:
            self.slots.append(_slot_of_spot(spot, self._call, (*path, *spot.path)))


def _slot_of_spot(
    spot: CursorTarget, call: PartialCommand, path: Sequence[str]
) -> CompletionTarget:
    slot = CompletionTarget(
        VALUE if spot.is_value else KEY,
        spot.text,
        spot.start,
        call=call,
        path=tuple(path),
        writing=LITERAL,
        quote=spot.quote,
    )
    slot.closed = spot.closed
    slot.own = spot.own
    call.key_path = (
        (slot.path[:-1], slot.path[-1]) if spot.is_value and path else (slot.path, slot.own)
    )
    return slot


def _parts(key: str) -> list[tuple[int, str]]:
    """Return the parts of an incomplete key with their offsets."""
    found: list[tuple[int, str]] = []
    for part in key_parts(key):
        if not part[0] and key[part.end() : part.end() + 1] == '"':
            # An unclosed quote.
            return [*found, (part.end(), part_text(key[part.end() :]))]
        found.append((part.start(), part_text(part[0])))
    return found


def part_text(part: str) -> str:
    """Return the name for a part of a key, which may be quoted and unclosed."""
    return unquoted(part) if part[:1] == '"' else part


ENVELOPE_MEMBERS = ("execute", "arguments", "id", "exec-oob")
EXECUTE = ("execute", "exec-oob")


def raw_context(_line: str, cursor: int, token: Token) -> Context:
    """Return the context in a line of raw JSON."""
    root, spot = scan_literal(token.text, token.start, cursor)
    name = next(filter(None, map(root.text_of, EXECUTE)), "")
    arguments = root.members.get("arguments") or nothing(token.end)
    call = PartialCommand(COMMAND, name, arguments, name_end=token.start)
    call.is_whole = True
    call.is_closed = token.closed and cursor >= token.end
    call.envelope = root
    call.writing = LITERAL
    call.is_out_of_band = "exec-oob" in root.members
    if spot is None:
        return Context(cursor, [], call)
    path = spot.path
    if path[:1] == ("arguments",) and (len(path) > 1 or not spot.is_value):
        return Context(cursor, [_slot_of_spot(spot, call, path[1:])], call)
    slot = _slot_of_spot(spot, call, path)
    call.key_path = ((), "")
    if not spot.is_value and not path:
        slot.kind, slot.words = ENVELOPE, tuple(root.members)
    elif spot.is_value and len(path) == 1 and path[0] in EXECUTE:
        slot.kind = COMMAND
    elif spot.is_value and path == ("arguments",):
        slot.kind, slot.words = WORD, ("{",)
    else:
        return Context(cursor, [], call)
    return Context(cursor, [slot], call)


def option_string_context(line: str, cursor: int, word: Token, start: int) -> Context:
    """Return the context in the option string at `start` for the command that `word` names."""
    name, implied = option_command(word.text)
    call = PartialCommand(COMMAND, name, nothing(start), name_end=word.end)
    call.writing = KEYVAL
    slots: list[CompletionTarget] = []
    text = line[start:].rstrip()
    if start + len(text) < cursor:
        text = line[start:cursor]
    for begin, key_end, end in pieces(text):
        written = text[begin:key_end]
        is_implied = begin == 0 and key_end == end and implied is not None
        path = [implied or ""] if is_implied else _key_path(written, name)
        value_start = begin if is_implied else min(key_end + 1, end)
        value = text[value_start:end].replace(",,", ",")
        if end == len(text):
            value = value.rstrip()  # the end of the line is not part of it
        if (is_implied and value) or key_end < end:
            given = TypedValue(BARE_WORD, value, start + value_start, start + end, start + begin)
            wrong = call.root.add(path, given)
            if wrong:
                call.mistakes.append(wrong)
        if not start + begin <= cursor <= start + end:
            continue
        if is_implied or cursor > start + key_end:
            call.key_path = (tuple(path[:-1]), path[-1])
            typed = line[start + value_start : cursor].replace(",,", ",")
            slots.append(
                CompletionTarget(VALUE, typed, start + value_start, call=call, path=tuple(path))
            )
        if cursor <= start + key_end:
            *parents, last = _key_path(line[start + begin : cursor], name)
            slot = CompletionTarget(KEY, last, cursor - len(last), call=call, path=tuple(parents))
            slot.own = path[len(parents)] if len(path) > len(parents) else ""
            call.key_path = (slot.path, slot.own)
            slots.append(slot)
    for slot in slots:
        slot.writing = KEYVAL
    return Context(cursor, slots, call)


def _key_path(text: str, command: str) -> list[str]:
    return [text] if command == OLD_SYNTAX else text.split(".")


# What a single word of each shell command is. A FILE is everything after the name.
_WORDS = {
    "/help": TOPIC,
    "/wait-job": JOB_ID,
    "/source": FILE,
    "/log": FILE,
    "/connect": FILE,
    "/events": EVENT_FILTER,
}
_OFF = {"/log": ("off",)}
# Options with a number as value.
_OPTIONS = {
    "/wait": ("-t",),
    "/wait-job": ("-t",),
    "/wait-migration": ("-t",),
    "/jobs": ("-t",),
    "/watch": ("-n", "-c"),
}


def shell_command_context(line: str, cursor: int, name: Token, tokens: Sequence[Token]) -> Context:
    """Return the context of a cursor after the name of a shell command."""
    command = shell_command_name(name.text)
    options = _OPTIONS.get(command, ())
    while tokens and tokens[0].text in options and cursor > tokens[0].end:
        if len(tokens) == 1 or cursor <= tokens[1].end:
            return Context(cursor)
        options = tuple(option for option in options if option != tokens[0].text)
        tokens = tokens[2:]
    context = _behind(line, cursor, command, tokens)
    text, start = _typed(line, cursor, tokens[:1])
    if options and (text or command in ("/jobs", "/wait-migration")):
        words = tuple(f"{option} " for option in options)
        context.slots.append(CompletionTarget(WORD, text, start, words=words))
    return context


def _behind(line: str, cursor: int, name: str, tokens: Sequence[Token]) -> Context:
    """Return the context in the arguments of the shell command `name`."""
    if name in ("/oob", "/watch"):
        return _command(line, cursor, COMMAND, tokens, is_out_of_band=name == "/oob")
    if name == "/wait":
        return _command(line, cursor, EVENT, tokens)
    if name == "/keyval":
        return _option_string(line, cursor, tokens)
    if name == "/set":
        return Context(cursor, _settings(line, cursor, tokens))
    kind = _WORDS.get(name)
    if kind is None or (tokens and cursor > tokens[-1].end):
        return Context(cursor)
    return Context(cursor, _word_slots(line, cursor, name, kind, tokens))


def _word_slots(
    line: str, cursor: int, name: str, kind: str, tokens: Sequence[Token]
) -> list[CompletionTarget]:
    text, start = _typed(line, cursor, tokens)
    if kind == FILE:
        slots = _files(line, cursor, tokens, words=_OFF.get(name, ()))
        if name == "/connect":
            for slot in slots:
                slot.subject = ADDRESS
        return slots
    if kind == EVENT_FILTER:
        typed = text.rpartition(",")[2].lstrip("+-")
        slot = CompletionTarget(kind, typed, cursor - len(typed))
        return (
            [slot]
            if len(tokens) > 1
            else [CompletionTarget(WORD, text, start, words=("list",)), slot]
        )
    return [] if len(tokens) > 1 else [CompletionTarget(kind, text, start)]


def _typed(line: str, cursor: int, tokens: Sequence[Token]) -> tuple[str, int]:
    """Return the typed part of the word at the cursor."""
    for token in tokens:
        if token.start < cursor <= token.end:
            return line[token.start : cursor], token.start
    return "", cursor


def _command(
    line: str, cursor: int, sort: str, tokens: Sequence[Token], *, is_out_of_band: bool = False
) -> Context:
    if not tokens or cursor <= tokens[0].end:
        text, start = _typed(line, cursor, tokens)
        if sort == EVENT:  # the last of several names
            start += text.rfind(",") + 1
            text = line[start:cursor]
        slot = CompletionTarget(sort, text, start, subject="oob" if is_out_of_band else "")
        return Context(cursor, [slot])
    context = argument_context(line, cursor, sort, tokens[0], tokens[1:])
    if context.call is not None:
        context.call.is_out_of_band = is_out_of_band
    return context


def _option_string(line: str, cursor: int, tokens: Sequence[Token]) -> Context:
    if not tokens or cursor <= tokens[0].end:
        text, start = _typed(line, cursor, tokens)
        return Context(cursor, [CompletionTarget(OPTION_NAME, text, start)])
    if len(tokens) > 1 and tokens[1].kind == t.OBJECT:
        return argument_context(line, cursor, COMMAND, tokens[0], tokens[1:])
    start = min(tokens[1].start, cursor) if len(tokens) > 1 else cursor
    return option_string_context(line, cursor, tokens[0], start)


def _settings(line: str, cursor: int, tokens: Sequence[Token]) -> list[CompletionTarget]:
    for index, token in enumerate(tokens):
        if not token.start <= cursor <= token.end:
            continue
        if token.kind in (t.VALUE, t.QUOTED) and index > 1:
            quote = token.text[0] if token.kind == t.QUOTED else ""
            if quote and token.closed and cursor == token.end:
                return []
            typed = line[token.start + len(quote) : cursor]
            start = token.start
            if "," in typed:
                typed = typed.rpartition(",")[2]
                start, quote = cursor - len(typed), ""
            name = tokens[index - 2].text
            return [CompletionTarget(SETTING_VALUE, typed, start, subject=name, quote=quote)]
        if token.kind in (t.WORD, t.KEY) and cursor > token.start:
            return [CompletionTarget(SETTING, line[token.start : cursor], token.start)]
    at_blank = line[cursor - 1 : cursor] in tuple(BLANKS)
    return [CompletionTarget(SETTING, "", cursor)] if at_blank else []


def _files(
    line: str, cursor: int, tokens: Sequence[Token], *, words: Sequence[str]
) -> list[CompletionTarget]:
    start = tokens[0].start if tokens and tokens[0].start < cursor else cursor
    typed = line[start:cursor]
    quote = typed[:1] if typed[:1] in ("'", '"') else ""
    if not quote and any(char in BLANKS for char in typed):
        return []
    is_closed = bool(tokens) and tokens[0].closed and cursor == tokens[0].end and len(typed) > 1
    if quote and is_closed and typed.endswith(quote):
        return []
    slots = [CompletionTarget(FILE, typed[len(quote) :], start, quote=quote)]
    return [*slots, CompletionTarget(WORD, typed, start, words=tuple(words))] if words else slots


# A longer line was pasted and is not completed: parsing it at each key would delay typing.
_MAX_LINE = 1 << 13
_OUTPUT_OF_DOCUMENTS = "<- "
# Targets that are replaced as a whole, and the characters of such a name.
_NAMES = (COMMAND, LOCAL, KEY, EVENT, TOPIC)
_REST_OF_NAME = re.compile(r"[\w-]+")
_REST_OF_VALUE = re.compile(r"(?:(?!;(?:\s|$))\S)+")
_REST_OF_OPTION = re.compile(r"(?:,,|[^,\s])+")


def logical_line(text: str, cursor: int) -> tuple[str, int]:
    """Return the logical line at the cursor of a text with several physical lines, and the offset there."""
    if "\n" not in text:
        return text, cursor
    assembler = LineAssembler(transcript=is_transcript(text))
    lines = text.split("\n")
    row = text.count("\n", 0, cursor) + 1
    column = cursor - (text.rfind("\n", 0, cursor) + 1)
    for number, line in enumerate(lines, 1):
        try:
            whole = assembler.feed(line, number)
        except LineError:
            whole = assembler.pop()
        if number >= row and (whole is not None or not assembler.open or number == len(lines)):
            found = whole or assembler.pop()
            return found.text, found.offset_of(row, column)
    return text, cursor


def find_target(line: str, cursor: int) -> Context:
    """Return what is at `cursor` of a logical line."""
    tree = find_tree(line, cursor)
    if tree is None:
        return Context(cursor)
    line = tree.line
    context = _find(tree, cursor)
    for slot in context.slots:
        slot.after = _rest_of_word(slot, line, cursor)
        slot.behind = line[cursor + slot.after : cursor + slot.after + 1]
    return context


def _rest_of_word(slot: CompletionTarget, line: str, cursor: int) -> int:
    """Return how many characters after the cursor belong to the completed name or value.

    If no part of a name is before the cursor, a new one is inserted there.
    """
    if slot.quote or slot.writing == LITERAL:
        return 0
    if slot.kind == VALUE:
        rest = _REST_OF_OPTION if slot.writing == KEYVAL else _REST_OF_VALUE
    elif slot.kind in _NAMES and slot.text:
        rest = _REST_OF_NAME
    else:
        return 0
    match = rest.match(line, cursor)
    return len(match[0]) if match else 0


def find_tree(line: str, cursor: int) -> Tree | None:
    """Return the tree of a line with blanks in place of a pasted prompt, so that all offsets stay.

    None if the line is too long, or nothing for a server is at the cursor.
    """
    if len(line) > _MAX_LINE or not 0 <= cursor <= len(line):
        return None
    dropped = prompt_width(line)
    if cursor < dropped or line.startswith(_OUTPUT_OF_DOCUMENTS, len(line) - len(line.lstrip())):
        return None
    return parse(" " * dropped + line[dropped:])


_MARKS = (t.SEPARATOR, t.OPEN, t.CLOSE)


def _find(tree: Tree, cursor: int) -> Context:
    before = [token for token in tree.tokens if token.start < cursor]
    for index, token in enumerate(before):
        if token.kind == t.PIPE:
            return Context(cursor, program_slots(tree.line, cursor, token.end))
        if token.kind == t.COMMENT and cursor <= token.end:
            return Context(cursor)
        if token.kind == t.REDIRECT and token.end <= cursor:
            file = tree.tokens[index + 1] if index + 1 < len(tree.tokens) else None
            if file is None or file.kind != t.FILE or cursor <= file.end:
                return Context(cursor, _file_slots(tree.line, cursor, token, file))
        elif token.kind in _MARKS and cursor <= token.end and token.text != "\n":
            return Context(cursor, _opening(token, cursor))
    number = sum(token.kind in _MARKS for token in before)
    item = list(_tokens_of_part(tree, number))
    part = tree.parts[number]
    return item_context(
        tree.line, cursor, item, is_action=part.is_action, is_closing=part.is_closing
    )


def _tokens_of_part(tree: Tree, number: int) -> Iterator[Token]:
    """Yield the tokens of a part, with those of the redirect after it."""
    marks = 0
    for token in tree.tokens:
        marks += token.kind in _MARKS
        if marks > number or token.kind == t.PIPE:
            return
        if marks == number and token.kind not in (*_MARKS, t.COMMENT):
            yield token


def item_context(
    line: str, cursor: int, item: Sequence[Token], *, is_action: bool, is_closing: bool
) -> Context:
    """Return the context in one item of a line, whose tokens are `item`.

    `is_closing` is true for the arguments after the `)` of a transaction.
    """
    if not is_closing:
        return _item(line, cursor, item, is_action=is_action)
    name = Token(t.NAME, "transaction", 0)
    context = argument_context(line, cursor, COMMAND, name, item)
    if context.call is not None:
        context.call.root.members.setdefault("actions", TypedValue(OPAQUE, "", 0, 0))
    return context


def _opening(token: Token, cursor: int) -> list[CompletionTarget]:
    if token.kind != t.OPEN:
        return []
    return [CompletionTarget(COMMAND, token.text[: cursor - token.start], token.start)]


_BETWEEN_PROGRAMS = re.compile(r"[|;&(]")


def program_slots(line: str, cursor: int, start: int) -> list[CompletionTarget]:
    """Return what is at the cursor in a system shell command from `start` on: a program or a file."""
    command = line[start:cursor]
    if not command or any(char in command for char in "\"'\\`$"):
        return []
    *_, last = _BETWEEN_PROGRAMS.split(command)
    word = re.split(r"[\s<>]", last)[-1]
    is_program = not last.strip() or last.lstrip() == word
    kind = PROGRAM if is_program and "/" not in word else FILE
    return [CompletionTarget(kind, word, cursor - len(word))]


def _file_slots(line: str, cursor: int, mark: Token, file: Token | None) -> list[CompletionTarget]:
    if cursor == mark.end or mark.text == INHERITED:
        return []
    if file is None or cursor <= file.start or file.kind != t.FILE:
        return [CompletionTarget(FILE, "", cursor)]
    quote = file.text[0] if file.text[0] in "\"'" else ""
    if quote and file.closed and cursor == file.end:
        return []
    return [CompletionTarget(FILE, line[file.start + len(quote) : cursor], file.start, quote=quote)]


def _item(line: str, cursor: int, item: Sequence[Token], *, is_action: bool) -> Context:
    if not item or cursor <= item[0].start:
        text = ""
        start = cursor
    else:
        first = item[0]
        if first.kind == t.OBJECT:
            return raw_context(line, cursor, first)
        if cursor > first.end:
            if first.kind == t.LOCAL:
                return shell_command_context(line, cursor, first, item[1:])
            sort = ACTION if is_action else COMMAND
            return argument_context(line, cursor, sort, first, item[1:])
        start = first.start
        text = line[start:cursor]
    if is_action:
        ends = [CompletionTarget(WORD, text, start, words=(")",))]
        return Context(cursor, [CompletionTarget(COMMAND, text, start, subject=ACTION), *ends])
    if text.startswith("/"):
        return Context(cursor, [CompletionTarget(LOCAL, text, start)])
    slots = [CompletionTarget(COMMAND, text, start)]
    return Context(cursor, slots if text else [*slots, CompletionTarget(LOCAL, text, start)])


# Lines with more items get no diagnostics.
_MAX_ITEMS = 24


def finished_context(line: str, part: Part) -> Context:
    """Return the context of a part of a line as if the cursor had left it."""
    last = part.tokens[-1].end
    return item_context(
        line[:last],
        last + 1,
        part.tokens,
        is_action=part.is_action,
        is_closing=part.is_closing,
    )


def items_of(tree: Tree) -> list[Part]:
    """Return the parts of a line that are not empty, up to the maximum number."""
    return [part for part in tree.parts if part.tokens][:_MAX_ITEMS]
