"""What kind of thing may stand at the cursor.

Owns: the way from the tokens of a half-typed line to slots. Must not know: what a schema or a server
has, how names are offered. It never fails.
"""

from __future__ import annotations

import re

from ..errors import LineError
from ..language import tokens as t
from ..language.lines import LineAssembler, prompt_width
from ..language.tokens import Token, tokenize
from . import slot as s
from .arguments import read_arguments, read_raw
from .given import OPAQUE, Given
from .local import local_slots
from .slot import Context, Slot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# A longer line was pasted; nobody completes it, and reading it at each key would be felt.
_LONGEST = 1 << 13
_OUTPUT_OF_DOCUMENTS = "<- "
# What is a name as a whole, and how one goes on.
_NAMES = (s.COMMAND, s.LOCAL, s.KEY, s.EVENT, s.TOPIC)
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
            return _place(found.text, text, first=first, cursor=cursor)
        offset = end + 1
    return text, cursor


def _place(logical: str, text: str, *, first: int, cursor: int) -> tuple[str, int]:
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
    if slot.quote or slot.writing == s.LITERAL:
        return 0
    if slot.kind == s.VALUE:
        rest = _REST_OF_OPTION if slot.writing == s.KEYVAL else _REST_OF_VALUE
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
    context = read_arguments(line, cursor, s.COMMAND, name, item)
    if context.call is not None:
        context.call.root.members.setdefault("actions", Given(OPAQUE, "", 0, 0))
    return context


def _opening(token: Token, cursor: int) -> list[Slot]:
    if token.kind != t.OPEN:
        return []
    return [Slot(s.COMMAND, token.text[: cursor - token.start], token.start)]


def _file_slots(line: str, cursor: int, mark: Token, file: Token | None) -> list[Slot]:
    if cursor == mark.end:
        return []
    if file is None or cursor <= file.start or file.kind != t.FILE:
        return [Slot(s.FILE, "", cursor)]
    quote = file.text[0] if file.text[0] in "\"'" else ""
    if quote and file.closed and cursor == file.end:
        return []
    return [Slot(s.FILE, line[file.start + len(quote) : cursor], file.start, quote=quote)]


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
            sort = s.ACTION if is_action else s.COMMAND
            return read_arguments(line, cursor, sort, first, item[1:])
        start = first.start
        text = line[start:cursor]
    if is_action:
        ends = [Slot(s.WORD, text, start, words=(")",))]
        return Context(cursor, [Slot(s.COMMAND, text, start, subject=s.ACTION), *ends])
    if text.startswith("/"):
        return Context(cursor, [Slot(s.LOCAL, text, start)])
    slots = [Slot(s.COMMAND, text, start)]
    return Context(cursor, slots if text else [*slots, Slot(s.LOCAL, text, start)])
