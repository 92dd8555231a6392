"""Tokens to the items of a line, strictly.

Owns: the grammar, and what is wrong with a line that breaks it: place, reason, cure. Must not know:
what a value means (that is `read`), or where a line came from. Raises LineError.
"""

from __future__ import annotations

import re

from ..errors import LineError
from ..protocol.json_reader import JsonError, json_string
from . import tokens as t
from .command import Argument, CommandItem, RawItem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .tokens import Token

# In quotes; or a downstream name, whose dots are its own (qmp-spec, "Downstream extension of QMP").
_PART = re.compile(r'("(?:[^"\\]|\\.)*")|(__[A-Za-z0-9.-]+_[^".]*|[^".]*)')


def parse(line: str, tokens: list[Token]) -> list[CommandItem | RawItem]:
    """The items of a line, in order; an empty list for a blank line or a comment."""
    items: list[CommandItem | RawItem] = []
    item: list[Token] = []
    for token in tokens:
        if token.kind == t.SEPARATOR:
            if item:
                items.append(_item(line, item))
            item = []
        elif token.kind != t.COMMENT:
            item.append(token)
    if item:
        items.append(_item(line, item))
    return items


def _item(line: str, tokens: list[Token]) -> CommandItem | RawItem:
    first, *rest = tokens
    if first.kind == t.OBJECT:
        if rest:
            raise LineError(
                "text follows the JSON object",
                start=rest[0].start,
                end=rest[0].end,
                cure="a line of JSON is one object and nothing else",
            )
        return RawItem(first)
    _check_name(line, first)
    arguments: list[Argument] = []
    whole: Token | None = None
    position = 0
    while position < len(rest):
        token = rest[position]
        if whole is not None or (token.kind == t.OBJECT and arguments):
            raise LineError(
                "a JSON object is the whole of the arguments; nothing may stand beside it",
                start=token.start,
                end=token.end,
            )
        if token.kind == t.OBJECT:
            _check_end(line, token)
            whole = token
            position += 1
        elif token.kind == t.KEY:
            arguments.append(_argument(line, *rest[position : position + 3]))
            position += 3
        else:
            following = rest[position + 1].text if position + 1 < len(rest) else ""
            before = rest[position - 1]
            raise _not_an_argument(
                first,
                token,
                before=before if before.kind == t.VALUE else None,
                loose=following.startswith(("=", ":=")),
            )
    return CommandItem(first, arguments, whole)


# Of longer words only so much is repeated.
_LONG = 40
_NAME_OPENING = "\"'[(<>|&"


def _check_name(line: str, name: Token) -> None:
    text = name.text
    if text[0] in _NAME_OPENING or "=" in text:
        cure = "a line is: command key=value …, or a JSON object"
        if "=" in text:
            cure = "the command's name comes first: command key=value …"
        raise LineError("this is no command name", start=name.start, end=name.end, cure=cure)


def _not_an_argument(name: Token, token: Token, *, before: Token | None, loose: bool) -> LineError:
    """`before` is the plain value that `token` follows; `loose` says that an operator follows it."""
    text = token.text
    if len(text) > _LONG:
        cure = "an argument is KEY=VALUE"
    elif loose or (before is not None and not before.text):
        cure = "no blanks stand around the ="
    elif text.startswith("--"):
        cure = f"did you mean {text.lstrip('-')}{'' if '=' in text else '=…'}?"
    elif text.startswith(("=", ":=")):
        cure = "no blanks stand around the ="
    elif before is not None:
        cure = "an argument is KEY=VALUE; a value with blanks stands in quotes"
    else:
        cure = f"an argument is KEY=VALUE: did you mean id={text}?"
    return LineError(
        f"{text[:_LONG]!r} is no argument of {name.text[:_LONG]}",
        start=token.start,
        end=token.end,
        cure=cure,
    )


def _argument(line: str, key: Token, operator: Token, value: Token) -> Argument:
    _check_end(line, value)
    return Argument(key, _path(key), operator, value)


def _check_end(line: str, token: Token) -> None:
    if not token.closed:
        if token.kind == t.QUOTED:
            raise LineError(
                "the quote is not closed",
                start=token.start,
                end=token.end,
                cure="a quote that belongs to the text stands in quotes of the other kind",
            )
        raise LineError(
            "the bracket is not closed",
            start=token.start,
            end=token.end,
            cure="to have it as text, put it in quotes" if token.kind != t.OBJECT else "",
        )
    following = line[token.end : token.end + 1]
    if (token.kind != t.VALUE or token.text.startswith("json:")) and following not in (
        "",
        " ",
        "\t",
        "\r",
        "\n",
    ):
        alone = following == ";" and line[token.end + 1 : token.end + 2] in ("", " ", "\t", "\n")
        if not alone:
            raise LineError(
                "a blank must follow the closing quote or bracket",
                start=token.end,
                cure="to have quotes inside a value, quote the whole of it",
            )


def _path(key: Token) -> list[tuple[str, int]]:
    path: list[tuple[str, int]] = []
    position = 0
    text = key.text
    while True:
        match = _PART.match(text, position)
        assert match is not None
        if match[1] is not None:
            part = _unquote_part(match[1], key.start + position)
        else:
            part = match[2]
        if not part and match[1] is None:
            raise LineError(
                "a part of the key is empty", start=key.start + min(position, len(text) - 1)
            )
        path.append((part, key.start + position))
        position = match.end()
        if position == len(text):
            return path
        if text[position] != ".":
            raise LineError(
                "a quoted part of a key ends at its closing quote", start=key.start + position
            )
        position += 1


def _unquote_part(text: str, start: int) -> str:
    try:
        return json_string(text, 0)[0]
    except JsonError as error:
        raise LineError(error.reason, start=start, end=start + len(text)) from None
