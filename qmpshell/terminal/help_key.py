"""What F1 asks for.

Owns: the line of help that fits what stands at the cursor. Must not know: keys, screens, what there is to
tell.
"""

from __future__ import annotations

import re

from ..commands.registry import COMMANDS
from ..complete.human_help import INFO
from ..language.tokens import (
    COMPOUND,
    KEY,
    LOCAL,
    NAME,
    OBJECT,
    OPERATOR,
    QUOTED,
    SEPARATOR,
    VALUE,
    WORD,
    Token,
    tokenize,
)

_EXECUTE = r"""["'](?:execute|exec-oob)["']\s*:\s*["']([^"'\s]+)["']"""
# No other text may be put in a line of ours.
_SIMPLE = r"[\w.:/+-]+"
_HELP = "/help"
_HUMAN_HELP = ("help", "?")


def help_line(text: str, cursor: int) -> str:
    """The `/help` for the item of `text` that the cursor is in: with the argument that it is on, and
    with those that may choose a branch. Without an item the overview.

    >>> help_line("stop; blockdev-add driver=qcow2 no", 34)
    '/help blockdev-add no driver=qcow2'
    """
    item = _item(text, cursor)
    if not item:
        return _HELP
    first = item[0]
    if first.kind == OBJECT:
        found = re.search(_EXECUTE, first.text)
        return f"{_HELP} {found[1]}" if found and _is_simple(found[1]) else _HELP
    if first.kind == LOCAL:
        return _of_local(item, cursor)
    if not _is_simple(first.text):
        return _HELP
    given = {
        key.text: value.text
        for key, operator, value in zip(item, item[1:], item[2:], strict=False)
        if (key.kind, operator.kind, value.kind) == (KEY, OPERATOR, VALUE)
        if _is_simple(key.text) and _is_simple(value.text)
    }
    chosen = [f"{key}={value}" for key, value in given.items()]
    return " ".join([_HELP, first.text, *_key(item[1:], cursor), *chosen])


def _key(arguments: list[Token], cursor: int) -> list[str]:
    """The name of the argument that the cursor is on, if it is on one."""
    key: Token | None = None
    for token in arguments:
        if token.kind not in (WORD, KEY, OPERATOR, VALUE, QUOTED, COMPOUND):
            key = None
        elif token.kind in (WORD, KEY):
            key = token
        if token.start <= cursor <= token.end:
            return [key.text] if key is not None and _is_simple(key.text) else []
    return []


def human_help_line(text: str, cursor: int) -> str:
    """The line for the human monitor that asks its own help for the command that the cursor is in; without
    a command, for all.

    >>> human_help_line("info block -v", 3)
    'help info block'
    """
    begin = text.rfind("\n", 0, cursor) + 1
    words = text[begin:].partition("\n")[0].split()
    if words and words[0] in _HUMAN_HELP:
        words = words[1:]
    # The name ends where a format begins, as in "x/4i $pc".
    topic = [word.partition("/")[0] for word in words[: 2 if words[:1] == [INFO] else 1]]
    return " ".join([_HUMAN_HELP[0], *(word for word in topic if _is_simple(word))])


def _item(text: str, cursor: int) -> list[Token]:
    """The tokens of the item that the cursor stands in, or behind: from its name on. What stands behind
    the cursor belongs to it, too: it may choose a branch."""
    items: list[list[Token]] = []
    for token in tokenize(text):
        is_argument = token.kind == OBJECT and items and items[-1][0].kind == NAME
        begins = token.kind in (NAME, LOCAL, SEPARATOR) or (
            token.kind == OBJECT and not is_argument
        )
        if begins and token.start > cursor:
            break
        if begins or not items:
            items.append([token])
        else:
            items[-1].append(token)
    return items[-1] if items and items[-1][0].kind in (NAME, LOCAL, OBJECT) else []


def _of_local(item: list[Token], cursor: int) -> str:
    """Of a local command itself, or of the name behind it that the cursor is in."""
    name = item[0].text
    for token in item[1:]:
        if token.kind == WORD and token.start <= cursor <= token.end and _is_simple(token.text):
            if token.text[:1] not in ("-", "/"):
                return f"{_HELP} {token.text}"
    return f"{_HELP} {name}" if any(one.startswith(name) for one in COMMANDS) else _HELP


def _is_simple(text: str) -> bool:
    return re.fullmatch(_SIMPLE, text) is not None
