"""Redaction of typed lines for the history: `@?`, which asks again, replaces each secret.

Lines in which that is impossible are dropped.
"""

from __future__ import annotations

import re
from itertools import pairwise

from ..errors import LineError
from ..language import (
    CommandItem,
    JsonTree,
    LineAssembler,
    RawItem,
    ShellCommandItem,
    command_item,
    is_transcript,
    parse,
    tokens as t,
    unquote,
)
from ..qmp import (
    LITERAL,
    QEMU,
    Dialect,
    JsonError,
    JsonReader,
    command_facts,
    encode,
    json_number,
)
from ..record import Record
from ..render import REDACTED, replace_spans
from .redact import (
    Secrets,
    hmp_secret_spans,
    is_harmless,
    longest_first,
    looks_secret,
    redact_command,
    replace_secrets,
    secret_spans,
)
from .secret_names import is_secret_name, nearest_argument, secret_command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ..language import Argument, LogicalLine, Token, Tree
    from .redact import Span


_KEYVAL = "/keyval"
_MARKS = (t.SEPARATOR, t.OPEN, t.CLOSE, t.PIPE)
_WORD_ENDS = (t.VALUE, t.QUOTED, t.COMPOUND, t.OBJECT, t.WORD, t.FILE)
_AFTER_FILE = (*_MARKS, t.COMMENT, t.REDIRECT)
_ASSIGNED = re.compile(r'(?<![\w.-])([\w.-]++)"?[ \t]*+:?=[ \t]*+(?=[^@\s])')
_PIECE = re.compile(r"""[=:"'{}\[\],]""")
_OBJECT = re.compile(r"\bobject[-_]add\b|secret\w*,", re.IGNORECASE)
_DATA = re.compile(r"\bdata:?=(?!@)")
# Shell commands whose words are names, not commands to run.
_ABOUT_NAMES = ("/help", "/apropos")
# Words that may make a later word a secret.
_SECRET_BY_NEIGHBOUR = re.compile(
    r"""(?<![\w-])(?:arg|data|secret|value)["']?[ \t]*+(?:=|:)(?!=?[ \t]*+@)"""
)


def redact_line(line: str, *, human: bool = False) -> str | None:
    """Return the line without its secrets, or None if it must not be kept.

    A line without secrets is returned unchanged. `human` is true for a human monitor line, where
    `@?` would be an ordinary password: there, a line with a secret is dropped, like a line with a
    secret within JSON.
    """
    spans = secret_values(line, human=human)
    return None if spans is None else ask_in_text(line, spans)


def secret_values(line: str, *, human: bool = False) -> list[Span] | None:
    """Return the positions that `@?` must replace, in order and disjoint, or None to drop the line."""
    if human and not line.lstrip().startswith("/"):  # not a shell command in its place
        return None if hmp_secret_spans(line) else []
    try:
        spans = list(_edits(line))
    except _CannotRedactError:
        return None
    except LineError:
        return (
            None if looks_secret(line) or hmp_secret_spans(line) or _may_hide_secret(line) else []
        )
    return None if _secret_is_left(ask_in_text(line, spans)) else spans


# Tokens that never contain a secret.
_STRUCTURE = (*_MARKS, t.OPERATOR, t.REDIRECT)
_COMMAND_NAME = re.compile(r"/?[\w-]+")
# Not an option string.
_PLAIN_VALUE = re.compile(r"[\w/-]*")
# Words in messages are shortened to this many characters.
_MAX_SHOWN = 40


def hidden_spans(line: str, *, human: bool) -> list[Span]:
    """Return the positions that a message about the line must not repeat, in order and disjoint.

    If it is unclear what in a line is secret, only its first commands and their known arguments
    are shown.
    """
    spans = hmp_secret_spans(line) if human else secret_values(line)
    return _all_but_names(line) if spans is None else spans


def _all_but_names(line: str) -> list[Span]:
    hidden: list[Span] = []
    command = argument = ""
    for token in parse(line).tokens:
        if token.kind in (t.NAME, t.SHELL_COMMAND) and not command:
            shown = _COMMAND_NAME.fullmatch(token.text) is not None
            command = secret_command(token.text)
        elif token.kind == t.KEY:
            argument = nearest_argument(command, token.text)
            shown = argument != "" or is_secret_name(token.text)
        elif token.kind == t.VALUE and argument in command_facts(command).other_arguments:
            shown = _PLAIN_VALUE.fullmatch(token.text) is not None
        else:
            shown = token.kind in _STRUCTURE
        if not shown:
            hidden.append((token.start, token.end))
    return hidden


def without_spans(message: str, line: str, spans: list[Span]) -> str:
    """Return a message without the words of the line at these positions."""
    words: set[str] = set()
    for start, end in spans:
        text = line[start:end]
        words |= {text, text.strip("\"'"), *text.split(), *re.findall(r"\w+", text)}
    shown = {word[:_MAX_SHOWN] for word in words}
    quoted = {repr(word)[1:-1] for word in shown}
    return replace_secrets(message, longest_first(words | shown | quoted))


def ask_in_text(text: str, spans: list[Span]) -> str:
    """Return `text` with `@?` at the given positions, which are in order and disjoint."""
    return replace_spans(text, spans, "@?")


class _CannotRedactError(Exception):
    """The line has a secret at a place where `@?` is not possible."""


class _Leaf(Record):
    """A typed value and its place in the arguments."""

    node: dict[str, Any]
    key: str
    token: Token


def _secret_is_left(line: str) -> bool:
    """Return True if there is a secret outside the grammar: in comments, names, system shell commands."""
    return (
        bool(secret_spans(line, assignments=False))
        or _adds_secret_object(line)
        or any(
            is_secret_name(match[1]) and not is_harmless(match[1], line, match.end())
            for match in _ASSIGNED.finditer(line)
        )
    )


def _adds_secret_object(line: str) -> bool:
    """Return True for `object_add secret,data=DATA`, typed as a QMP line or as part of one."""
    start = _OBJECT.search(line)
    return (
        start is not None
        and "secret" in line.lower()
        and _DATA.search(line, start.end()) is not None
    )


def _edits(line: str) -> Iterator[Span]:
    """Yield the positions that `@?` must replace.

    Raises LineError for an invalid line, and _CannotRedactError if `@?` cannot replace a secret.
    """
    tree = parse(line)
    _check_blanks(tree)
    for part in tree.parts:
        item, tokens = part.item, part.tokens
        if isinstance(item, RawItem):
            if [token for token in tokens[1:] if token.kind not in (t.REDIRECT, t.FILE)]:
                raise _unreadable(tokens[1])
            _check_json(JsonTree(item.token).read())
        elif isinstance(item, ShellCommandItem) and tokens[-1].kind == t.TEXT:
            _check_human(tokens[-1].text)  # of /hmp, or of /watch
        elif isinstance(item, ShellCommandItem) and item.name.text == _KEYVAL:
            # object_add of the human monitor has the same option string.
            start = item.tokens[0].end if item.tokens else item.name.end
            _check_human("object_add " + line[start : tokens[-1].end])
        elif item is not None:
            if _may_hide_secret(line[item.name.start : (tokens or [item.name])[-1].end]):
                raise _CannotRedactError
            if isinstance(item, ShellCommandItem):
                if item.name.text not in _ABOUT_NAMES:
                    _check_words(line, item.tokens)
                item = _command_of(item, line)
            yield from _item_edits(item)


def _command_of(item: ShellCommandItem, line: str) -> CommandItem:
    """Return the command that a shell command may run: its name is the last word before arguments."""
    words = [item.name]
    for token in item.tokens:
        if token.kind in (t.KEY, t.OBJECT):
            break
        if is_piece(token.text):
            raise _unreadable(token)
        words.append(token)
    return command_item(line, words[-1], item.tokens[len(words) - 1 :])


def is_piece(line: str) -> bool:
    """Return True if the line starts in the middle of a command or of JSON."""
    words = line.split(None, 1)
    return bool(words) and words[0][0] not in "{#" and _PIECE.search(words[0]) is not None


def _may_hide_secret(line: str) -> bool:
    """Return True if such a line may contain a secret that only its command would reveal."""
    return is_piece(line) and _SECRET_BY_NEIGHBOUR.search(line) is not None


def _check_blanks(tree: Tree) -> None:
    """Raise LineError for words without a blank between them, and for text after a redirect."""
    for before, token in pairwise(tree.tokens):
        if before.end == token.start and before.kind in _WORD_ENDS and token.kind not in _MARKS:
            raise _unreadable(token)
        is_redirected = before.kind == t.FILE and tree.parts[-1].has_redirect
        if is_redirected and token.kind not in _AFTER_FILE:
            raise _unreadable(token)


def _unreadable(token: Token) -> LineError:
    return LineError("the line cannot be read", start=token.start)


def _item_edits(item: CommandItem) -> Iterator[Span]:
    name = item.name.text
    if item.words or (item.whole is not None and item.errors):
        raise _unreadable(item.name)
    if item.json is not None:
        value = item.json.read()
        _check_json({"execute": name, "arguments": value})
    arguments: dict[str, Any] = {}
    leaves = [leaf for argument in item.arguments for leaf in _leaves(arguments, argument)]
    found = Secrets({"execute": name, "arguments": arguments}, is_command=True)
    owners = {owner for owner, _ in found.places}
    for leaf in leaves:
        inside = _containers(leaf.node[leaf.key])
        if (id(leaf.node), leaf.key) in found.places or not owners.isdisjoint(inside):
            if "," in leaf.key:  # part of an option string, which the server would reject
                raise _CannotRedactError
            yield leaf.token.start, leaf.token.end


def _check_json(value: Any) -> None:
    if Secrets(value, is_command=True).places:
        raise _CannotRedactError


def _check_words(line: str, tokens: list[Token]) -> None:
    """Check a human monitor line after a shell command that does not accept one."""
    for word, following in pairwise(tokens):
        if word.kind == following.kind == t.WORD and secret_command(word.text):
            _check_human(line[word.start : tokens[-1].end])
            return


def _check_human(line: str) -> None:
    if hmp_secret_spans(line):
        raise _CannotRedactError


def _containers(value: object) -> Iterator[int]:
    """Return the identities of all objects and arrays in `value`."""
    todo = [value]
    while todo:
        node = todo.pop()
        if isinstance(node, (dict, list)):
            yield id(node)
            todo += node.values() if isinstance(node, dict) else node


def _leaves(arguments: dict[str, Any], argument: Argument) -> list[_Leaf]:
    """Add a value to the arguments. Return no leaf if it is empty, in a file, or asked for."""
    value = argument.value
    if argument.error is not None:
        raise argument.error
    *parents, name = [part for part, _ in argument.path]
    node = arguments
    for parent in parents:
        node = node.setdefault(parent, {})
        if not isinstance(node, dict):
            raise _unreadable(value)
    if name in node:
        raise _unreadable(value)
    if not value.text or (value.kind == t.VALUE and value.text[0] == "@"):
        node[name] = None
        return []
    node[name] = _value(argument)
    return [_Leaf(node, name, value)]


def _value(argument: Argument) -> object:
    """Return the value, as far as it is certain without a schema."""
    token = argument.value
    text = token.text
    if token.kind == t.QUOTED:
        return unquote(token)
    if token.kind == t.COMPOUND and argument.json is not None:
        return argument.json.read()
    # Not null, because a secret may have this text.
    boolean = LITERAL.words.get(text)
    number = json_number(text) if boolean is None else boolean
    return text if number is None else number


# JSON for QMP, which is a mistake in a human monitor line.
_JSON_COMMAND = re.compile(r"""^[ \t\r\f\v]*+{|["']exec(?:ute|-oob)["']""", re.MULTILINE)
# Line endings that suggest a forgotten backslash.
_CONTINUING = ("=", ":", ",", "{", "[")


def redact_entry(text: str, *, human: bool, raw: bool = False) -> str | None:
    """Return a history entry without its secrets, or None if nothing of it may be kept.

    An entry with a leading blank is not kept. Lines without secrets are returned unchanged, except
    for empty ones around them. `human` is true for human monitor lines, `raw` for lines sent
    verbatim; neither has `@?`.
    """
    if text[:1] in (" ", "\t", *t.NO_BREAK_SPACES):
        return None
    if raw or (human and _JSON_COMMAND.search(text)):
        kept = text if _is_harmless(text) else ""
    elif human:
        lines = _logical_lines(text, human=True)
        kept = "\n".join(line for line, spans in lines if spans == [])
    else:
        kept = _redact(text)
    # A leading blank would keep the line out of the history when it is entered again.
    return kept.lstrip().rstrip("\n") or None


def _is_harmless(text: str) -> bool:
    """Return True if a text contains no secret, whether it is for QMP or the human monitor."""
    if secret_spans(text) or any(hmp_secret_spans(line) for line in text.split("\n")):
        return False
    has_pieces = False
    for line, spans in _logical_lines(text):
        if is_piece(line):
            has_pieces = True
        elif line.lstrip()[:1] != "{":
            continue
        if spans != []:
            return False
    return not (has_pieces and looks_secret(text))


def _redact(text: str) -> str:
    kept: list[str] = []
    before = ""
    suspicious: bool | None = None
    for line, spans in _logical_lines(text):
        stray = before.rstrip().endswith(_CONTINUING) or is_piece(line)
        before = line
        if stray and suspicious is None:
            suspicious = looks_secret(text)
        # After a forgotten backslash, a secret may be far from what makes it one.
        if spans is not None and not (stray and suspicious):
            kept.append(ask_in_text(line, spans))
    return "\n".join(kept)


def _logical_lines(text: str, *, human: bool = False) -> Iterator[tuple[str, list[Span] | None]]:
    """Yield each logical line as typed, and the positions of its secrets, or None to drop it.

    Invalid JSON includes everything after it, because its end is unknown.
    """
    typed = text.split("\n")
    assembler = LineAssembler(human=human, transcript=is_transcript(text, human=human))
    for number, last in enumerate(typed):
        line = assembler.feed(last, number)
        if line is not None and assembler.is_broken:
            rest = "\n".join(typed[line.locate(0)[0] :])
            broken = looks_secret(rest) or any(
                secret_values(line) != [] for line in rest.split("\n")
            )
            yield rest, None if broken else []
            return
        if line is None and number == len(typed) - 1 and assembler.open:
            line = assembler.pop()
        if line is not None:
            yield _as_typed(line, human=human)


def _as_typed(line: LogicalLine, *, human: bool) -> tuple[str, list[Span] | None]:
    """Return the typed text of a logical line, without prompts, and the positions of its secrets."""
    begins: dict[int, int] = {}
    typed: list[str] = []
    position = 0
    for number, text, prompt in line.physical_lines:
        begins[number] = position - prompt
        typed.append(text[prompt:])
        position += len(typed[-1]) + 1

    def place(offset: int) -> int:
        number, column, _ = line.locate(offset)
        return begins[number] + column - 1

    spans = secret_values(line.text, human=human)
    if spans is not None:
        # The end is found by the last character: the text after it may be on another line.
        spans = [(place(start), place(end - 1) + 1) for start, end in spans]
    return "\n".join(typed), spans


# -- text for `-v` --------------------------------------------------------------------------------

_NO_REPEATED_NAMES = Dialect(words=QEMU.words, single_quotes=True)


def sent_text(data: bytes, message: dict[str, Any]) -> str:
    """Return sent data for `-v`: unchanged, or encoded again without its secrets.

    `message` is {} for a line of `--raw`, which may be anything.
    """
    text = data.decode("utf-8", "backslashreplace").strip()
    if not message:
        return redact_entry(text, human=False, raw=True) or REDACTED
    shown = redact_command(message)
    if shown is not message:
        return encode(shown)
    # The message has only the last of several members with the same name.
    hides_members = text != encode(message) and _has_repeated_name(text)
    return encode(message) if hides_members and looks_secret(text) else text


def _has_repeated_name(text: str) -> bool:
    try:
        JsonReader(_NO_REPEATED_NAMES).feed(text)
    except JsonError:
        return True
    return False
