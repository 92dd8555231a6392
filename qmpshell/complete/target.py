"""A place in a line where something may stand.

Owns: the shapes that say so. Must not know: how places are found, what is offered there.
"""

from __future__ import annotations

import re

from ..errors import LineError
from ..language import (
    OLD_SYNTAX,
    LineAssembler,
    Token,
    key_parts,
    option_command,
    pieces,
    prompt_width,
    tokenize,
    tokens as t,
)
from ..qmp import JsonError, json_string

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ..language import Token


# What may stand there.
COMMAND = "command"  # a command of the server's
LOCAL = "local"  # a command of ours
KEY = "key"  # a member of what is at `path`
VALUE = "value"  # the value at `path`
EVENT = "event"
EVENT_FILTER = "event-filter"  # a mode, or an event with wildcards
TOPIC = "topic"  # whatever /help knows
JOB_ID = "job-id"
FILE = "file"  # of which sort the `subject` says, ADDRESS or nothing
SETTING = "setting"
SETTING_VALUE = "setting-value"  # of the setting `subject`
OPTION_NAME = "option-name"  # blockdev, device…
ENVELOPE = "envelope"  # a member of a command in JSON
WORD = "word"  # one of `words`

# What a FILE is for.
ADDRESS = "address"  # where a server listens

# How it is written.
LINE = "line"  # words of the command line
LITERAL = "literal"  # in a JSON or Python literal
KEYVAL = "keyval"  # in an option string of QEMU's

# Whose arguments a call's are.
ACTION = "action"  # of a transaction, by its own name


class Call:
    """A command that is being typed: `sort` is COMMAND, EVENT (which /wait takes like one) or ACTION.

    `root` is what its arguments are so far, `key_path` where in them the cursor is: the path of the
    object or array that it is in, and the name of the member that it is on, if on one. `writing` is LINE,
    LITERAL or KEYVAL; `is_whole` says that the arguments are an object in brackets, `is_closed` that the
    cursor stands behind the last of them; `envelope` is what a command in JSON has around its
    arguments; `mistakes` are sentences about words that are no arguments.
    """

    __slots__ = (
        "envelope",
        "is_closed",
        "is_out_of_band",
        "is_whole",
        "key_path",
        "mistakes",
        "name",
        "name_end",
        "root",
        "sort",
        "writing",
    )

    def __init__(self, sort: str, name: str, root: Given, *, name_end: int) -> None:
        self.sort = sort
        self.name = name
        self.name_end = name_end
        self.root = root
        self.writing = LINE
        self.is_whole = False
        self.is_closed = False
        self.envelope: Given | None = None
        self.is_out_of_band = False
        self.mistakes: list[str] = []
        self.key_path: tuple[tuple[str, ...], str] = ((), "")


class Slot:
    """`text` is what is typed already, without quotes, and stands from `start` on; all of it up to the
    cursor is replaced. `quote` is the one that it began with; `writing` is LINE, LITERAL or KEYVAL.

    `after` characters behind the cursor belong to the same word and are replaced too; `behind` is the
    one that stands behind those; `own` is the name that is there now, which may be
    typed anew; `raw` is the key up to the cursor as it is written, from `raw_start` on.
    """

    __slots__ = (
        "after",
        "behind",
        "call",
        "closed",
        "kind",
        "own",
        "path",
        "quote",
        "raw",
        "raw_start",
        "start",
        "subject",
        "text",
        "words",
        "writing",
    )

    def __init__(
        self,
        kind: str,
        text: str,
        start: int,
        *,
        call: Call | None = None,
        path: Sequence[str] = (),
        writing: str = LINE,
        quote: str = "",
        subject: str = "",
        words: Sequence[str] = (),
    ) -> None:
        self.kind = kind
        self.text = text
        self.start = start
        self.call = call
        self.path = tuple(path)
        self.writing = writing
        self.quote = quote
        self.subject = subject
        self.words = tuple(words)
        self.after = 0
        self.behind = ""
        self.closed = False
        self.own = ""
        self.raw = ""
        self.raw_start = start

    def __repr__(self) -> str:
        return f"Slot({self.kind}, {self.text!r}, {self.start}, path={self.path})"


class Context:
    """What may stand at the cursor, and the call that it stands in, if any."""

    __slots__ = ("call", "cursor", "slots")

    def __init__(self, cursor: int, slots: Sequence[Slot] = (), call: Call | None = None) -> None:
        self.cursor = cursor
        self.slots = list(slots)
        self.call = call


BARE_WORD = "word"  # text as it stands, to be read by the type
TEXT = "text"  # in quotes behind `=`: the type counts all the same
STRING = "string"  # a string of JSON's, whatever it looks like
JSON = "json"  # JSON's own true, 5, null
OPAQUE = "opaque"  # what is not to be seen here: from a file, or typed unseen
OBJECT = "object"
ARRAY = "array"
DOTTED = "dotted"  # members that dotted keys give: an object or an array


class Given:
    """One value: `form` is one of the above, `text` that of a scalar, and of brackets behind `=`, which
    may be meant as text; `members` are those of what is no scalar (of an array by "0", "1"…). `start`
    and `end` are its place in the line; of a member by a dotted key, `key_start` is where its name
    begins.
    """

    __slots__ = ("end", "form", "key_start", "members", "start", "text")

    def __init__(self, form: str, text: str, start: int, end: int, key_start: int = -1) -> None:
        self.form = form
        self.text = text
        self.start = start
        self.end = end
        self.key_start = start if key_start < 0 else key_start
        self.members: dict[str, Given] = {}

    @property
    def is_scalar(self) -> bool:
        return self.form in (BARE_WORD, TEXT, STRING, JSON, OPAQUE)

    def holds(self, cursor: int) -> bool:
        """Whether the cursor is in it, or at an end of it: it is being typed."""
        return self.start <= cursor <= self.end

    @property
    def is_literal(self) -> bool:
        """Whether it stands in brackets, so that no dotted key can add to it."""
        return self.form in (OBJECT, ARRAY)

    def text_of(self, name: str) -> str | None:
        """The text of a member that has one."""
        member = self.members.get(name)
        is_text = member is not None and member.form in (BARE_WORD, TEXT, STRING)
        return member.text if member is not None and is_text else None

    def at(self, path: Iterable[str]) -> Given | None:
        """What stands at a path below this."""
        found: Given | None = self
        for name in path:
            found = found.members.get(name) if found is not None else None
        return found

    def add(self, path: Sequence[str], value: Given) -> str:
        """Hang a value in at a path; what is wrong with that, if anything, without saying where."""
        node = self
        for name in path[:-1]:
            child = node.members.get(name)
            if child is None:
                child = node.members[name] = Given(DOTTED, "", value.start, value.end)
                child.key_start = value.key_start
            elif child.form != DOTTED:
                return "both a value and members"
            node = child
        there = node.members.get(path[-1])
        if there is not None:
            return "both a value and members" if there.form == DOTTED else "twice"
        node.members[path[-1]] = value
        return ""


def nothing(position: int) -> Given:
    """No arguments yet."""
    return Given(DOTTED, "", position, position)


_TOKEN = (
    r"""(?P<string>"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"?|'[^'\\\n]*+(?:\\.[^'\\\n]*+)*+'?)"""
    r"""|(?P<word>[^\s{}\[\]:,"']+)|[{}\[\]:,]"""
)
_KEY, _COLON, _VALUE, _COMMA = "key", "colon", "value", "comma"


class Spot:
    """What is expected at the cursor: the name of a member of what is at `path`, or with `is_value` the
    value at `path` itself.

    `text` is what is typed of it, from `start` on; `quote` is the quote that it began with, if any,
    `closed` says that its closing quote stands right behind the cursor, and `own` is the name that
    stands there now, if it is whole.
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
    """An object or array that is open, what may come next in it, and where in it the last value is."""

    __slots__ = ("expects", "given", "key")

    def __init__(self, given: Given) -> None:
        self.given = given
        self.expects = _KEY if given.form == OBJECT else _VALUE
        self.key = ""


def scan(text: str, start: int, cursor: int) -> tuple[Given, Spot | None]:
    """What a literal that begins at the opening bracket `text[0]` holds, and the spot at the cursor;
    None where nothing is expected there. `start` is the offset of the text in the line, in which
    `cursor` is, too."""
    scanner = _Scanner(start, cursor)
    for match in re.finditer(_TOKEN, text):
        if not scanner.take(match):
            break
    return scanner.finish(start + len(text))


class _Scanner:
    def __init__(self, start: int, cursor: int) -> None:
        self._offset = start
        self._cursor = cursor
        self._stack: list[_Frame] = []
        self._root: Given | None = None
        self._spot: Spot | None = None
        self._is_past = False  # the cursor

    def take(self, match: re.Match[str]) -> bool:
        """Go on by a token; whether the literal is still open."""
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
            # Behind a closing quote there is nothing left to complete.
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

    def finish(self, end: int) -> tuple[Given, Spot | None]:
        assert self._root is not None
        if self._stack:
            for frame in self._stack:
                frame.given.end = end
            if not self._is_past and self._cursor <= end:
                self._find_spot(self._cursor)
        return self._root, self._spot

    def _find_spot(self, start: int, token: str = "") -> None:
        """The cursor is here, or in a token that begins here."""
        self._is_past = True
        frame = self._stack[-1]
        if frame.expects not in (_KEY, _VALUE):
            return
        is_value = frame.expects == _VALUE
        path = [one.key for one in self._stack[:-1]]
        if is_value:
            path.append(_place(frame))
        spot = self._spot = Spot(path, start, is_value=is_value)
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
            self._hang(Given(STRING if is_string else JSON, text, start, end))
            frame.expects = _COMMA

    def _open(self, token: str, start: int) -> None:
        given = Given(OBJECT if token == "{" else ARRAY, "", start, start + 1)
        if self._root is None:
            self._root = given
        else:
            self._hang(given)
        self._stack.append(_Frame(given))

    def _hang(self, given: Given) -> None:
        frame = self._stack[-1]
        if frame.expects == _VALUE:
            frame.key = _place(frame)
            frame.given.members.setdefault(frame.key, given)

    def _punctuation(self, token: str) -> None:
        frame = self._stack[-1]
        if token == ":":
            if frame.expects == _COLON:
                frame.expects = _VALUE
        else:
            frame.expects = _KEY if frame.given.form == OBJECT else _VALUE


def _place(frame: _Frame) -> str:
    """The name under which the next value of an object or array stands."""
    return frame.key if frame.given.form == OBJECT else str(len(frame.given.members))


def unquoted(token: str) -> str:
    """The text of a string that may be open at its end, escapes as far as they are whole."""
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


_LONG = 40


def read_arguments(
    line: str, cursor: int, sort: str, name: Token, tokens: Sequence[Token]
) -> Context:
    """The context of a cursor behind a command's name: `tokens` are those behind it."""
    call = Call(sort, name.text, nothing(name.end), name_end=name.end)
    reader = _ArgumentReader(line, cursor, call)
    if tokens and tokens[0].kind == t.OBJECT:
        call.is_whole = True
        call.is_closed = tokens[0].closed and cursor >= tokens[0].end
        call.root, spot = scan(tokens[0].text, tokens[0].start, cursor)
        if cursor <= tokens[0].start:
            return Context(cursor, [], call)
        reader.spot(spot, ())
        return Context(cursor, reader.slots, call)
    return reader.read(tokens)


class _ArgumentReader:
    def __init__(self, line: str, cursor: int, call: Call) -> None:
        self._line = line
        self._cursor = cursor
        self._call = call
        self._is_found = False  # the cursor
        self.slots: list[Slot] = []

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
                self._word(token)
                position += 1
        if not self._is_found and self._cursor > (tokens[-1].end if tokens else -1):
            self._blank()
        return Context(self._cursor, self.slots, self._call)

    def _blank(self) -> None:
        self._is_found = True
        if self._line[self._cursor - 1 : self._cursor] in (" ", "\t", "\n"):
            self.slots.append(Slot(KEY, "", self._cursor, call=self._call))

    def _word(self, token: Token) -> None:
        """A word that is no argument yet."""
        if not self._is_found and token.start < self._cursor <= token.end:
            self._is_found = True
            if token.kind == t.WORD:
                self._key(token, token.end)
        elif token.kind == t.WORD:
            self._call.mistakes.append(f"{token.text[:_LONG]} is no KEY=VALUE")
        else:
            self._call.mistakes.append("nothing may stand beside a JSON object")

    def _key(self, token: Token, end: int) -> None:
        """The cursor is in a key that ends at `end`; what stands there may be typed anew."""
        start = token.start
        parts = [(start + offset, name) for offset, name in _parts(token.text)]
        *parents, (place, _) = [one for one in parts if one[0] <= self._cursor]
        typed = self._line[place : self._cursor]
        slot = Slot(
            KEY,
            part_text(typed),
            place,
            call=self._call,
            path=[text for _, text in parents],
            quote='"' if typed.startswith('"') else "",
        )
        slot.own = parts[len(parents)][1]
        slot.raw, slot.raw_start = self._line[start : self._cursor], start
        self._call.key_path = (slot.path, slot.own)
        self.slots.append(slot)

    def _argument(self, key: Token, operator: Token, value: Token) -> None:
        path = [part_text(one[0]) for one in key_parts(key.text)]
        given, spot = self._value(operator, value)
        given.key_start = key.start
        why = self._call.root.add(path, given)
        if why:
            self._call.mistakes.append(f"{key.text[:_LONG]} is given {why}")
        if self._is_found or not key.start < self._cursor <= value.end:
            return
        self._is_found = True
        if self._cursor <= key.end:
            self._key(key, key.end)
        elif self._cursor >= value.start:
            self._call.key_path = (tuple(path[:-1]), path[-1])
            if value.kind == t.COMPOUND:
                self.spot(spot, path)
            elif not (value.kind == t.QUOTED and value.closed and self._cursor == value.end):
                self._scalar(value, path, operator=operator.text)

    def _value(self, operator: Token, value: Token) -> tuple[Given, Spot | None]:
        is_plain = operator.text == "="
        if value.kind == t.COMPOUND:
            given, spot = scan(value.text, value.start, self._cursor)
            given.text = value.text if is_plain else ""
            return given, spot
        form = BARE_WORD if is_plain else JSON
        text = value.text
        if value.kind == t.QUOTED:
            form, text = TEXT if is_plain else STRING, unquoted(text)
        elif text.startswith("@"):
            form = OPAQUE
        return Given(form, text, value.start, value.end), None

    def _scalar(self, value: Token, path: Sequence[str], *, operator: str) -> None:
        typed = self._line[value.start : self._cursor]
        if typed.startswith("@"):
            start = value.start + 1
            slot = Slot(FILE, typed[1:], start, call=self._call, subject="@")
        else:
            quote = typed[:1] if value.kind == t.QUOTED else ""
            text = unquoted(typed) if quote else typed
            slot = Slot(VALUE, text, value.start, call=self._call, path=path, quote=quote)
            slot.closed = value.closed and self._cursor == value.end - 1 and bool(quote)
            if operator == ":=":
                slot.writing = LITERAL
        self.slots.append(slot)

    def spot(self, spot: Spot | None, path: Sequence[str]) -> None:
        """The cursor is in a literal that stands at `path`."""
        self._is_found = True
        if spot is not None:
            self.slots.append(_slot_of_spot(spot, self._call, (*path, *spot.path)))


def _slot_of_spot(spot: Spot, call: Call, path: Sequence[str]) -> Slot:
    slot = Slot(
        VALUE if spot.is_value else KEY,
        spot.text,
        spot.start,
        call=call,
        path=path,
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
    """The parts of a key that may be half typed, with their offsets."""
    found: list[tuple[int, str]] = []
    for one in key_parts(key):
        if not one[0] and key[one.end() : one.end() + 1] == '"':
            # A quote that is still open.
            return [*found, (one.end(), part_text(key[one.end() :]))]
        found.append((one.start(), part_text(one[0])))
    return found


def part_text(part: str) -> str:
    """The name that a part of a key is, which may be in quotes and open at its end."""
    return unquoted(part) if part[:1] == '"' else part


# -- a command in JSON ----------------------------------------------------------------------------

ENVELOPE_MEMBERS = ("execute", "arguments", "id", "exec-oob")
EXECUTE = ("execute", "exec-oob")


def read_raw(line: str, cursor: int, token: Token) -> Context:
    """The context in a line of raw JSON."""
    root, spot = scan(token.text, token.start, cursor)
    name = next(filter(None, map(root.text_of, EXECUTE)), "")
    arguments = root.members.get("arguments") or nothing(token.end)
    call = Call(COMMAND, name, arguments, name_end=token.start)
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


# -- an option string -----------------------------------------------------------------------------


def read_option_string(line: str, cursor: int, word: Token, start: int) -> Context:
    """The context in the option string that begins at `start`, for the command that `word` names."""
    name, implied = option_command(word.text)
    call = Call(COMMAND, name, nothing(start), name_end=word.end)
    call.writing = KEYVAL
    slots: list[Slot] = []
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
            value = value.rstrip()  # what ends the line is no part of it
        if (is_implied and value) or key_end < end:
            given = Given(BARE_WORD, value, start + value_start, start + end, start + begin)
            why = call.root.add(path, given)
            if why:
                call.mistakes.append(f"{written[:_LONG]} is given {why}")
        if not start + begin <= cursor <= start + end:
            continue
        if is_implied or cursor > start + key_end:
            call.key_path = (tuple(path[:-1]), path[-1])
            typed = line[start + value_start : cursor].replace(",,", ",")
            slots.append(Slot(VALUE, typed, start + value_start, call=call, path=path))
        if cursor <= start + key_end:
            *parents, last = _key_path(line[start + begin : cursor], name)
            slot = Slot(KEY, last, cursor - len(last), call=call, path=parents)
            slot.own = path[len(parents)] if len(path) > len(parents) else ""
            call.key_path = (slot.path, slot.own)
            slots.append(slot)
    for slot in slots:
        slot.writing = KEYVAL
    return Context(cursor, slots, call)


def _key_path(text: str, command: str) -> list[str]:
    return [text] if command == OLD_SYNTAX else text.split(".")


# What a single word is; a FILE is all that follows the name, whatever it looks like.
_WORDS = {
    "/help": TOPIC,
    "/wait-job": JOB_ID,
    "/source": FILE,
    "/log": FILE,
    "/connect": FILE,
    "/events": EVENT_FILTER,
}
_OFF = {"/log": ("off",)}
# Those that a number follows.
_OPTIONS = {"/wait": ("-t",), "/wait-job": ("-t",), "/jobs": ("-t",), "/watch": ("-n", "-c")}


def local_slots(line: str, cursor: int, name: Token, tokens: Sequence[Token]) -> Context:
    """The context of a cursor behind a local command's name."""
    options = _OPTIONS.get(name.text, ())
    while tokens and tokens[0].text in options and cursor > tokens[0].end:
        if len(tokens) == 1 or cursor <= tokens[1].end:
            return Context(cursor)
        options = tuple(one for one in options if one != tokens[0].text)
        tokens = tokens[2:]
    context = _behind(line, cursor, name.text, tokens)
    text, start = _typed(line, cursor, tokens[:1])
    if options and (text or name.text == "/jobs"):
        words = tuple(f"{option} " for option in options)
        context.slots.append(Slot(WORD, text, start, words=words))
    return context


def _behind(line: str, cursor: int, name: str, tokens: Sequence[Token]) -> Context:
    if name in ("/oob", "/watch"):
        return _command(line, cursor, COMMAND, tokens, is_out_of_band=name == "/oob")
    if name == "/wait":
        return _command(line, cursor, EVENT, tokens)
    if name == "/keyval":
        return _option_string(line, cursor, tokens)
    if name == "/set":
        return Context(cursor, _settings(line, cursor, tokens))
    kind = _WORDS.get(name)
    text, start = _typed(line, cursor, tokens)
    if kind is None or (tokens and cursor > tokens[-1].end):
        return Context(cursor)
    if kind == FILE:
        slots = _files(line, cursor, tokens, words=_OFF.get(name, ()))
        if name == "/connect":
            for slot in slots:
                slot.subject = ADDRESS
        return Context(cursor, slots)
    if len(tokens) > 1 and kind != EVENT_FILTER:
        return Context(cursor)
    if kind == EVENT_FILTER:
        typed = text.rpartition(",")[2].lstrip("+-")
        slot = Slot(kind, typed, cursor - len(typed))
        if len(tokens) > 1:
            return Context(cursor, [slot])
        return Context(cursor, [Slot(WORD, text, start, words=("list",)), slot])
    return Context(cursor, [Slot(kind, text, start)])


def _typed(line: str, cursor: int, tokens: Sequence[Token]) -> tuple[str, int]:
    """The word at the cursor as far as it is typed."""
    for token in tokens:
        if token.start < cursor <= token.end:
            return line[token.start : cursor], token.start
    return "", cursor


def _command(
    line: str, cursor: int, sort: str, tokens: Sequence[Token], *, is_out_of_band: bool = False
) -> Context:
    if not tokens or cursor <= tokens[0].end:
        text, start = _typed(line, cursor, tokens)
        slot = Slot(sort, text, start, subject="oob" if is_out_of_band else "")
        return Context(cursor, [slot])
    context = read_arguments(line, cursor, sort, tokens[0], tokens[1:])
    if context.call is not None:
        context.call.is_out_of_band = is_out_of_band
    return context


def _option_string(line: str, cursor: int, tokens: Sequence[Token]) -> Context:
    if not tokens or cursor <= tokens[0].end:
        text, start = _typed(line, cursor, tokens)
        return Context(cursor, [Slot(OPTION_NAME, text, start)])
    if len(tokens) > 1 and tokens[1].kind == t.OBJECT:
        return read_arguments(line, cursor, COMMAND, tokens[0], tokens[1:])
    start = min(tokens[1].start, cursor) if len(tokens) > 1 else cursor
    return read_option_string(line, cursor, tokens[0], start)


def _settings(line: str, cursor: int, tokens: Sequence[Token]) -> list[Slot]:
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
            return [Slot(SETTING_VALUE, typed, start, subject=name, quote=quote)]
        if token.kind in (t.WORD, t.KEY) and cursor > token.start:
            return [Slot(SETTING, line[token.start : cursor], token.start)]
    at_blank = line[cursor - 1 : cursor] in (" ", "\t")
    return [Slot(SETTING, "", cursor)] if at_blank else []


def _files(line: str, cursor: int, tokens: Sequence[Token], *, words: Sequence[str]) -> list[Slot]:
    start = tokens[0].start if tokens and tokens[0].start < cursor else cursor
    typed = line[start:cursor]
    quote = typed[:1] if typed[:1] in ("'", '"') else ""
    if not quote and any(char in " \t" for char in typed):
        return []
    if quote and tokens and tokens[0].closed and cursor == tokens[0].end and len(typed) > 1:
        if typed.endswith(quote):
            return []
    slots = [Slot(FILE, typed[len(quote) :], start, quote=quote)]
    return [*slots, Slot(WORD, typed, start, words=words)] if words else slots


# A longer line was pasted; nobody completes it, and reading it at each key would be felt.
_LONGEST = 1 << 13
_OUTPUT_OF_DOCUMENTS = "<- "
# What is a name as a whole, and how one goes on.
_NAMES = (COMMAND, LOCAL, KEY, EVENT, TOPIC)
_REST_OF_NAME = re.compile(r"[\w-]+")
_REST_OF_VALUE = re.compile(r"(?:(?!;(?:\s|$))\S)+")
_REST_OF_OPTION = re.compile(r"(?:,,|[^,\s])+")


def logical_line(text: str, cursor: int) -> tuple[str, int]:
    """Of a text of several physical lines, the logical line that the cursor is in, and the cursor's
    offset there."""
    if "\n" not in text:
        return text, cursor
    assembler = LineAssembler()
    offset = 0
    first = 0
    for number, line in enumerate(text.split("\n"), 1):
        end = offset + len(line)
        if not assembler.open:
            first = number
        try:
            whole = assembler.feed(line, number)
        except LineError:
            whole = assembler.take()
        if cursor <= end and (whole is not None or not assembler.open or end == len(text)):
            found = whole or assembler.take()
            return _slot_place(found.text, text, first=first, cursor=cursor)
        offset = end + 1
    return text, cursor


def _slot_place(logical: str, text: str, *, first: int, cursor: int) -> tuple[str, int]:
    """Where the cursor is in a logical line that begins in the physical line `first` of a text."""
    physical = text.split("\n")
    start = sum(len(line) + 1 for line in physical[: first - 1])
    row = text.count("\n", start, cursor)
    lines = logical.split("\n")
    if row >= len(lines):
        return logical, len(logical)
    column = cursor - start - sum(len(line) + 1 for line in physical[first - 1 : first - 1 + row])
    if row == 0:
        column = max(column - prompt_width(physical[first - 1]), 0)
    return logical, sum(len(line) + 1 for line in lines[:row]) + min(column, len(lines[row]))


def find_context(line: str, cursor: int) -> Context:
    """What may stand at `cursor` of a logical line."""
    found = find_tokens(line, cursor)
    if found is None:
        return Context(cursor)
    line, tokens = found
    context = _find(line, cursor, tokens)
    for slot in context.slots:
        slot.after = _rest_of_word(slot, line, cursor)
        slot.behind = line[cursor + slot.after : cursor + slot.after + 1]
    return context


def _rest_of_word(slot: Slot, line: str, cursor: int) -> int:
    """How much behind the cursor belongs to the name or the value that is completed. Where nothing of a
    name stands before the cursor, another one is to be put there."""
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


def find_tokens(line: str, cursor: int) -> tuple[str, list[Token]] | None:
    """The line with blanks for a prompt that was pasted with it, so that all offsets stay as they are,
    and its tokens; None where it is too long, or nothing for a server at the cursor."""
    if len(line) > _LONGEST or not 0 <= cursor <= len(line):
        return None
    dropped = prompt_width(line)
    if cursor < dropped or line.startswith(_OUTPUT_OF_DOCUMENTS, len(line) - len(line.lstrip())):
        return None
    if dropped:
        line = " " * dropped + line[dropped:]
    return line, tokenize(line)


def _find(line: str, cursor: int, tokens: list[Token]) -> Context:
    item: list[Token] = []
    is_action = in_transaction = is_closing = False
    for index, token in enumerate(tokens):
        if token.start >= cursor and token.kind == t.SEPARATOR:
            break
        if token.kind == t.COMMENT:
            if token.start < cursor <= token.end:
                return Context(cursor)
        elif token.kind == t.PIPE:
            if token.start < cursor:
                return Context(cursor)
            break
        elif token.kind == t.REDIRECT and token.end <= cursor:
            file = tokens[index + 1] if index + 1 < len(tokens) else None
            if file is None or file.kind != t.FILE or cursor <= file.end:
                return Context(cursor, _file_slots(line, cursor, token, file))
            item.append(token)
        elif token.kind in (t.SEPARATOR, t.OPEN, t.CLOSE):
            if token.start < cursor <= token.end and token.text != "\n":
                return Context(cursor, _opening(token, cursor))
            if token.start >= cursor:
                break
            item = []
            in_transaction = (in_transaction or token.kind == t.OPEN) and token.kind != t.CLOSE
            is_closing = token.kind == t.CLOSE
            is_action = in_transaction
        else:
            item.append(token)
    return read_item(line, cursor, item, is_action=is_action, is_closing=is_closing)


def read_item(
    line: str, cursor: int, item: Sequence[Token], *, is_action: bool, is_closing: bool
) -> Context:
    """The context in one item of a line, of which `item` are the tokens; `is_closing` says that it
    stands behind the `)` of a transaction, whose other arguments these are."""
    if not is_closing:
        return _item(line, cursor, item, is_action=is_action)
    name = Token(t.NAME, "transaction", 0)
    context = read_arguments(line, cursor, COMMAND, name, item)
    if context.call is not None:
        context.call.root.members.setdefault("actions", Given(OPAQUE, "", 0, 0))
    return context


def _opening(token: Token, cursor: int) -> list[Slot]:
    if token.kind != t.OPEN:
        return []
    return [Slot(COMMAND, token.text[: cursor - token.start], token.start)]


def _file_slots(line: str, cursor: int, mark: Token, file: Token | None) -> list[Slot]:
    if cursor == mark.end:
        return []
    if file is None or cursor <= file.start or file.kind != t.FILE:
        return [Slot(FILE, "", cursor)]
    quote = file.text[0] if file.text[0] in "\"'" else ""
    if quote and file.closed and cursor == file.end:
        return []
    return [Slot(FILE, line[file.start + len(quote) : cursor], file.start, quote=quote)]


def _item(line: str, cursor: int, item: Sequence[Token], *, is_action: bool) -> Context:
    if not item or cursor <= item[0].start:
        text = ""
        start = cursor
    else:
        first = item[0]
        if first.kind == t.OBJECT:
            return read_raw(line, cursor, first)
        if cursor > first.end:
            if first.kind == t.LOCAL:
                return local_slots(line, cursor, first, item[1:])
            sort = ACTION if is_action else COMMAND
            return read_arguments(line, cursor, sort, first, item[1:])
        start = first.start
        text = line[start:cursor]
    if is_action:
        ends = [Slot(WORD, text, start, words=(")",))]
        return Context(cursor, [Slot(COMMAND, text, start, subject=ACTION), *ends])
    if text.startswith("/"):
        return Context(cursor, [Slot(LOCAL, text, start)])
    slots = [Slot(COMMAND, text, start)]
    return Context(cursor, slots if text else [*slots, Slot(LOCAL, text, start)])


_OUTPUTS = (">", ">>")
# Who types more of them reads no warnings.
_MOST = 24


class Item:
    """`tokens` are those of one item, of the line up to `end`; `holds_cursor` says that it is the one
    that is being typed."""

    __slots__ = ("end", "holds_cursor", "is_action", "is_closing", "tokens")

    def __init__(self, *, is_action: bool, is_closing: bool) -> None:
        self.tokens: list[Token] = []
        self.end = 0
        self.is_action = is_action
        self.is_closing = is_closing
        self.holds_cursor = False

    def context(self, line: str) -> Context:
        """Its call as it is when the cursor has left it."""
        last = self.tokens[-1].end
        cursor = last + 1
        return read_item(
            line[:last],
            cursor,
            self.tokens,
            is_action=self.is_action,
            is_closing=self.is_closing,
        )


def split(line: str, cursor: int, tokens: Sequence[Token]) -> list[Item]:
    """The items of a line, in order, as many as are looked at."""
    items = [one for one in _items(line, tokens) if one.tokens]
    for one in items:
        first = one.tokens[0]
        one.holds_cursor = first.start <= cursor <= one.end
    return items[:_MOST]


def _items(line: str, tokens: Sequence[Token]) -> Iterator[Item]:
    item = Item(is_action=False, is_closing=False)
    for token in tokens:
        ends = token.kind in (t.SEPARATOR, t.OPEN, t.CLOSE)
        if ends or token.kind == t.PIPE or (token.kind == t.REDIRECT and token.text in _OUTPUTS):
            item.end = item.end or token.start
            yield item
            if not ends:
                return
            is_action = token.kind == t.OPEN or (item.is_action and token.kind != t.CLOSE)
            item = Item(is_action=is_action, is_closing=token.kind == t.CLOSE)
        elif token.kind != t.COMMENT:
            item.tokens.append(token)
        elif item.tokens:
            item.end = token.start
    item.end = item.end or len(line)
    yield item
