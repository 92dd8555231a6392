"""What may stand behind the name of a local command.

Owns: which of them takes what. Must not know: what they do.
"""

from __future__ import annotations

from ..language import tokens as t
from . import slot as s
from .arguments import read_arguments, read_option_string
from .slot import Context, Slot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..language.tokens import Token

# What a single word is; a FILE is all that follows the name, whatever it looks like.
_WORDS = {
    "/help": s.TOPIC,
    "/wait-job": s.JOB_ID,
    "/source": s.FILE,
    "/log": s.FILE,
    "/connect": s.FILE,
    "/events": s.EVENT_FILTER,
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
        context.slots.append(Slot(s.WORD, text, start, words=words))
    return context


def _behind(line: str, cursor: int, name: str, tokens: Sequence[Token]) -> Context:
    if name in ("/oob", "/watch"):
        return _command(line, cursor, s.COMMAND, tokens, is_out_of_band=name == "/oob")
    if name == "/wait":
        return _command(line, cursor, s.EVENT, tokens)
    if name == "/keyval":
        return _option_string(line, cursor, tokens)
    if name == "/set":
        return Context(cursor, _settings(line, cursor, tokens))
    kind = _WORDS.get(name)
    text, start = _typed(line, cursor, tokens)
    if kind is None or (tokens and cursor > tokens[-1].end):
        return Context(cursor)
    if kind == s.FILE:
        slots = _files(line, cursor, tokens, words=_OFF.get(name, ()))
        if name == "/connect":
            for slot in slots:
                slot.subject = s.ADDRESS
        return Context(cursor, slots)
    if len(tokens) > 1 and kind != s.EVENT_FILTER:
        return Context(cursor)
    if kind == s.EVENT_FILTER:
        typed = text.rpartition(",")[2].lstrip("+-")
        slot = Slot(kind, typed, cursor - len(typed))
        if len(tokens) > 1:
            return Context(cursor, [slot])
        return Context(cursor, [Slot(s.WORD, text, start, words=("list",)), slot])
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
        return Context(cursor, [Slot(s.OPTION_NAME, text, start)])
    if len(tokens) > 1 and tokens[1].kind == t.OBJECT:
        return read_arguments(line, cursor, s.COMMAND, tokens[0], tokens[1:])
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
            return [Slot(s.SETTING_VALUE, typed, start, subject=name, quote=quote)]
        if token.kind in (t.WORD, t.KEY) and cursor > token.start:
            return [Slot(s.SETTING, line[token.start : cursor], token.start)]
    at_blank = line[cursor - 1 : cursor] in (" ", "\t")
    return [Slot(s.SETTING, "", cursor)] if at_blank else []


def _files(line: str, cursor: int, tokens: Sequence[Token], *, words: Sequence[str]) -> list[Slot]:
    start = tokens[0].start if tokens and tokens[0].start < cursor else cursor
    typed = line[start:cursor]
    quote = typed[:1] if typed[:1] in ("'", '"') else ""
    if not quote and any(char in " \t" for char in typed):
        return []
    if quote and tokens and tokens[0].closed and cursor == tokens[0].end and len(typed) > 1:
        if typed.endswith(quote):
            return []
    slots = [Slot(s.FILE, typed[len(quote) :], start, quote=quote)]
    return [*slots, Slot(s.WORD, typed, start, words=words)] if words else slots
