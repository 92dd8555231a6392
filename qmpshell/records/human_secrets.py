"""Secrets in lines for the human monitor.

Owns: its own forms of what holds a secret (QEMU's hmp-commands.hx). Must not know: QMP's commands,
messages, or who sends the line.
"""

from __future__ import annotations

import re

from .secret_text import is_secret_name, merged, secret_spans

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .secret_text import Span

# monitor/hmp.c, get_command_name: a slash ends a name too.
_COMMAND = re.compile(r"\s*+([^\s/]*+)/?")
# monitor/hmp.c, get_str: quotes open only at the start of a word, and the word ends with them.
_WORD = re.compile(r'"(?:\\.|[^"\\])*+"?|\S+', re.DOTALL)
_AFTER_PASSWORD = re.compile(r"\s*(?:-d\s*\S+)?\s*(?:keep|fail|disconnect)?\s*")
_SECRET_DATA = re.compile(r"(?:^|(?<=[\s,]))(?:props\.)?data=((?:[^,]|,,)*+)")


def human_spans(line: str) -> list[Span]:
    """Where in `line` secrets stand, in order and apart."""
    name, words = _split(line)
    own = _FORMS.get(name)
    return merged((own(line, words) if own else []) + secret_spans(line))


def asks_for_secret(line: str) -> bool:
    """Whether the answer to `line` is a secret."""
    name, words = _split(line)
    return name == "qom-get" and len(words) > 1 and is_secret_property(_plain(words[1]))


def is_secret_property(name: str) -> bool:
    """Whether an object's property of that name may be a secret: a secret object's is `data`."""
    return name == "data" or is_secret_name(name)


def _split(line: str) -> tuple[str, list[re.Match[str]]]:
    """The command's name and its words, without the flags before the first."""
    command = _COMMAND.match(line)
    assert command is not None
    words = list(_WORD.finditer(line, command.end()))
    while words and re.fullmatch(r"-\w", words[0][0]):
        del words[0]
    return command[1], words


def _plain(word: re.Match[str]) -> str:
    return word[0].strip('"')


def _rest(line: str, words: list[re.Match[str]], index: int) -> list[Span]:
    return [(words[index].start(), len(line.rstrip()))] if len(words) > index else []


def _set_password(line: str, words: list[re.Match[str]]) -> list[Span]:
    """`set_password PROTOCOL PASSWORD [-d DISPLAY] [ACTION]`"""
    if len(words) > 1 and _AFTER_PASSWORD.fullmatch(line, words[1].end()):
        return [words[1].span()]
    return _rest(line, words, 1)


def _block_passwd(line: str, words: list[re.Match[str]]) -> list[Span]:
    """`block_passwd DEVICE PASSWORD`"""
    return _rest(line, words, 1)


def _change(line: str, words: list[re.Match[str]]) -> list[Span]:
    """`change vnc password PASSWORD`"""
    words = [word for word in words if word[0] != "-f"]
    if [_plain(word) for word in words[:2]] in (["vnc", "password"], ["vnc", "passwd"]):
        return _rest(line, words, 2)
    return []


def _qom_set(line: str, words: list[re.Match[str]]) -> list[Span]:
    """`qom-set PATH PROPERTY VALUE`"""
    if len(words) > 1 and is_secret_property(_plain(words[1])):
        return _rest(line, words, 2)
    return []


def _object_add(line: str, words: list[re.Match[str]]) -> list[Span]:
    """`object_add secret,id=ID,data=DATA,…` or the same as JSON"""
    if not words:
        return []
    options = line[words[0].start() :].lower()
    untold = "=" in options.partition(",")[0] and "qom-type=" not in options
    if not untold and "secret" not in options:
        return []
    if words[0][0].startswith("{"):
        return _rest(line, words, 0)
    return [match.span(1) for match in _SECRET_DATA.finditer(line, words[0].start())]


_FORMS: dict[str, Callable[[str, list[re.Match[str]]], list[Span]]] = {
    "block_passwd": _block_passwd,
    "change": _change,
    "object_add": _object_add,
    # Not the human monitor's, but typed there.
    "object-add": _object_add,
    "qom-set": _qom_set,
    "set_password": _set_password,
}
