"""The arguments of a half-typed command, and the place of the cursor in them.

Owns: words, a JSON object and an option string as one tree, whatever is missing in them. Must not know:
schemas, local commands.
"""

from __future__ import annotations

from ..language import tokens as t
from ..language.keyval import OLD_SYNTAX, option_command, pieces
from ..language.parse import key_parts
from . import slot as s
from .given import JSON, OPAQUE, STRING, TEXT, WORD, Given, nothing
from .literal import scan, unquoted
from .slot import Call, Context, Slot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..language.tokens import Token
    from .literal import Spot

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
            self.slots.append(Slot(s.KEY, "", self._cursor, call=self._call))

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
            s.KEY,
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
        form = WORD if is_plain else JSON
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
            slot = Slot(s.FILE, typed[1:], start, call=self._call, subject="@")
        else:
            quote = typed[:1] if value.kind == t.QUOTED else ""
            text = unquoted(typed) if quote else typed
            slot = Slot(s.VALUE, text, value.start, call=self._call, path=path, quote=quote)
            slot.closed = value.closed and self._cursor == value.end - 1 and bool(quote)
            if operator == ":=":
                slot.writing = s.LITERAL
        self.slots.append(slot)

    def spot(self, spot: Spot | None, path: Sequence[str]) -> None:
        """The cursor is in a literal that stands at `path`."""
        self._is_found = True
        if spot is not None:
            self.slots.append(_slot_of_spot(spot, self._call, (*path, *spot.path)))


def _slot_of_spot(spot: Spot, call: Call, path: Sequence[str]) -> Slot:
    slot = Slot(
        s.VALUE if spot.is_value else s.KEY,
        spot.text,
        spot.start,
        call=call,
        path=path,
        writing=s.LITERAL,
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

ENVELOPE = ("execute", "arguments", "id", "exec-oob")
EXECUTE = ("execute", "exec-oob")


def read_raw(line: str, cursor: int, token: Token) -> Context:
    """The context in a line of raw JSON."""
    root, spot = scan(token.text, token.start, cursor)
    name = next(filter(None, map(root.text_of, EXECUTE)), "")
    arguments = root.members.get("arguments") or nothing(token.end)
    call = Call(s.COMMAND, name, arguments, name_end=token.start)
    call.is_whole = True
    call.is_closed = token.closed and cursor >= token.end
    call.envelope = root
    call.writing = s.LITERAL
    call.is_out_of_band = "exec-oob" in root.members
    if spot is None:
        return Context(cursor, [], call)
    path = spot.path
    if path[:1] == ("arguments",) and (len(path) > 1 or not spot.is_value):
        return Context(cursor, [_slot_of_spot(spot, call, path[1:])], call)
    slot = _slot_of_spot(spot, call, path)
    call.key_path = ((), "")
    if not spot.is_value and not path:
        slot.kind, slot.words = s.ENVELOPE, tuple(root.members)
    elif spot.is_value and len(path) == 1 and path[0] in EXECUTE:
        slot.kind = s.COMMAND
    elif spot.is_value and path == ("arguments",):
        slot.kind, slot.words = s.WORD, ("{",)
    else:
        return Context(cursor, [], call)
    return Context(cursor, [slot], call)


# -- an option string -----------------------------------------------------------------------------


def read_option_string(line: str, cursor: int, word: Token, start: int) -> Context:
    """The context in the option string that begins at `start`, for the command that `word` names."""
    name, implied = option_command(word.text)
    call = Call(s.COMMAND, name, nothing(start), name_end=word.end)
    call.writing = s.KEYVAL
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
            given = Given(WORD, value, start + value_start, start + end, start + begin)
            why = call.root.add(path, given)
            if why:
                call.mistakes.append(f"{written[:_LONG]} is given {why}")
        if not start + begin <= cursor <= start + end:
            continue
        if is_implied or cursor > start + key_end:
            call.key_path = (tuple(path[:-1]), path[-1])
            typed = line[start + value_start : cursor].replace(",,", ",")
            slots.append(Slot(s.VALUE, typed, start + value_start, call=call, path=path))
        if cursor <= start + key_end:
            *parents, last = _key_path(line[start + begin : cursor], name)
            slot = Slot(s.KEY, last, cursor - len(last), call=call, path=parents)
            slot.own = path[len(parents)] if len(path) > len(parents) else ""
            call.key_path = (slot.path, slot.own)
            slots.append(slot)
    for slot in slots:
        slot.writing = s.KEYVAL
    return Context(cursor, slots, call)


def _key_path(text: str, command: str) -> list[str]:
    return [text] if command == OLD_SYNTAX else text.split(".")
