"""What a line says, once it is understood.

Owns: the shapes that `parse` and `read` give. Must not know: text, schemas, connections.
"""

from __future__ import annotations

import re

from ..errors import LineError
from ..qmp import JsonError, json_string
from . import tokens as t

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from .tokens import Token


class Argument:
    """`key op value`: `path` is the key's parts, each a name and its offset in the line."""

    __slots__ = ("key", "operator", "path", "value")

    def __init__(
        self, key: Token, path: list[tuple[str, int]], operator: Token, value: Token
    ) -> None:
        self.key = key
        self.path = path
        self.operator = operator
        self.value = value


class FileWord:
    """A redirection: `operator` is one of > >> < <>, `path` the file's name, `start` its offset."""

    __slots__ = ("operator", "path", "start")

    def __init__(self, operator: str, path: str, start: int) -> None:
        self.operator = operator
        self.path = path
        self.start = start


class CommandItem:
    """`NAME key=value…` or `NAME {…}` as parsed: `whole` is the object that is all its arguments,
    `file` the file whose descriptor goes with it."""

    __slots__ = ("arguments", "file", "name", "whole")

    def __init__(
        self,
        name: Token,
        arguments: list[Argument],
        whole: Token | None,
        file: FileWord | None = None,
    ) -> None:
        self.name = name
        self.arguments = arguments
        self.whole = whole
        self.file = file


class RawItem:
    """A JSON object in the place of a command; `token` is its text."""

    __slots__ = ("token",)

    def __init__(self, token: Token) -> None:
        self.token = token


class TransactionItem:
    """`transaction( actions ) key=value…`."""

    __slots__ = ("actions", "arguments", "token")

    def __init__(self, token: Token, actions: list[CommandItem], arguments: list[Argument]) -> None:
        self.token = token
        self.actions = actions
        self.arguments = arguments


class LocalItem:
    """A command of our own: its name, with the `/`, and the tokens of its arguments."""

    __slots__ = ("name", "tokens")

    def __init__(self, name: Token, tokens: list[Token]) -> None:
        self.name = name
        self.tokens = tokens


Item = CommandItem | RawItem | TransactionItem | LocalItem


class Destination:
    """Where a line's replies go: to a FILE (`>`, `>>`), or to a shell command (`|`)."""

    __slots__ = ("operator", "start", "text")

    def __init__(self, operator: str, text: str, start: int) -> None:
        self.operator = operator
        self.text = text
        self.start = start


class Line:
    """The items of a line, in order, and where their replies go."""

    __slots__ = ("destination", "items")

    def __init__(self, items: list[Item], destination: Destination | None) -> None:
        self.items = items
        self.destination = destination


class Command:
    """A command ready to be sent: `arguments` as JSON values, `notes` what to tell of it (members
    that are deprecated or unstable), `file` the file whose descriptor goes with it."""

    __slots__ = ("arguments", "file", "name", "notes", "oob", "start")

    def __init__(
        self,
        name: str,
        arguments: dict[str, Any],
        *,
        start: int,
        notes: list[str] | None = None,
        file: FileWord | None = None,
        oob: bool = False,
    ) -> None:
        self.name = name
        self.arguments = arguments
        self.start = start
        self.notes = notes or []
        self.file = file
        self.oob = oob


class RawCommand:
    """JSON that goes out as it was typed; `value` is what it says."""

    __slots__ = ("start", "text", "value")

    def __init__(self, text: str, value: dict[str, Any], *, start: int) -> None:
        self.text = text
        self.value = value
        self.start = start


class LocalCommand:
    """A command of our own, ready to run: its name with the `/`, its tokens, and the line's text
    that they came from."""

    __slots__ = ("line", "name", "start", "tokens")

    def __init__(self, name: str, tokens: list[Token], *, line: str, start: int) -> None:
        self.name = name
        self.tokens = tokens
        self.line = line
        self.start = start


Action = Command | RawCommand | LocalCommand


class Plan:
    """A line as it is carried out: the actions in order, and where their replies go."""

    __slots__ = ("actions", "destination")

    def __init__(self, actions: list[Action], destination: Destination | None = None) -> None:
        self.actions = actions
        self.destination = destination


# No command of any server's is called so; `quit` is the server's own.
LEAVING = ("exit", "/quit")

# In quotes; or a downstream name, whose dots are its own (qmp-spec, "Downstream extension of QMP").
_PART = re.compile(r'("(?:[^"\\]|\\.)*")|(__[A-Za-z0-9.-]+_[^".]*|[^".]*)')
_OUTPUTS = (">", ">>")
_QUOTE_IT = "to have it as text, put it in quotes"


def parse(line: str, tokens: list[Token]) -> Line:
    """The items of a line, in order; none for a blank line or a comment."""
    words = [token for token in tokens if token.kind != t.COMMENT]
    words, destination = _destination(line, words)
    items: list[Item] = []
    position = 0
    while position < len(words):
        if words[position].kind == t.SEPARATOR:
            position += 1
        elif words[position].kind == t.OPEN:
            item, position = _transaction(line, words, position)
            items.append(item)
        else:
            end = _item_end(words, position)
            items.append(_item(line, words[position:end]))
            position = end
    if destination is not None and not items:
        raise LineError("there is no command whose replies could go there", start=words_start(line))
    return Line(items, destination)


def words_start(line: str) -> int:
    return len(line) - len(line.lstrip())


def _item_end(words: list[Token], position: int) -> int:
    while position < len(words) and words[position].kind != t.SEPARATOR:
        position += 1
    return position


# -- where replies go -----------------------------------------------------------------------------


def _destination(line: str, words: list[Token]) -> tuple[list[Token], Destination | None]:
    for index, token in enumerate(words):
        if token.kind == t.PIPE:
            _check_no_exec(words[:index], token)
            if index + 1 == len(words):
                raise LineError("a shell command must follow |", start=token.start)
            return words[:index], Destination("|", words[index + 1].text, token.start)
        if token.kind == t.REDIRECT and token.text in _OUTPUTS:
            _check_no_exec(words[:index], token)
            file = _file_word(line, words, index)
            if index + 2 < len(words):
                extra = words[index + 2]
                raise LineError(
                    "text follows the file that the line ends with",
                    start=extra.start,
                    end=extra.end,
                    cure="> FILE takes the replies of the whole line, and stands at its end",
                )
            return words[:index], Destination(token.text, file.path, file.start)
    return words, None


def _check_no_exec(words: list[Token], mark: Token) -> None:
    """`uri=exec:cat > file` means the shell of the host that QEMU runs on, not ours."""
    for token in reversed(words):
        if token.kind == t.SEPARATOR:
            return
        if token.kind == t.VALUE and token.text.startswith("exec:"):
            raise LineError(
                f"{mark.text} after exec: would take the replies, not be part of the command",
                start=mark.start,
                end=mark.end,
                cure='quote the whole value: uri="exec:cat > file"',
            )


def _file_word(line: str, words: list[Token], index: int) -> FileWord:
    mark = words[index]
    if index + 1 == len(words) or words[index + 1].kind != t.FILE:
        raise LineError(f"a file must follow {mark.text}", start=mark.start, end=mark.end)
    token = words[index + 1]
    path = token.text
    if path[0] in "\"'":
        _check_end(line, token)
        path = unquote(token)
    return FileWord(mark.text, path, token.start)


# -- items ----------------------------------------------------------------------------------------


def _item(line: str, tokens: list[Token]) -> Item:
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
    if first.kind == t.LOCAL:
        return LocalItem(first, rest)
    return command_item(line, first, rest)


def command_item(line: str, name: Token, rest: list[Token]) -> CommandItem:
    """A command from its name and the tokens of its arguments."""
    _check_name(name)
    file: FileWord | None = None
    for index, token in enumerate(rest):
        if token.kind == t.REDIRECT:
            _check_no_exec(rest[:index], token)
            file = _file_word(line, rest, index)
            if index + 2 < len(rest):
                extra = rest[index + 2]
                raise LineError(
                    "text follows the file that goes with the command",
                    start=extra.start,
                    end=extra.end,
                    cure=f"{token.text} FILE stands behind the arguments",
                )
            rest = rest[:index]
            break
    if rest and rest[0].kind == t.OBJECT:
        _check_end(line, rest[0])
        _check_alone(rest, 1)
        return CommandItem(name, [], rest[0], file)
    return CommandItem(name, arguments(line, name, rest), None, file)


def _transaction(line: str, words: list[Token], start: int) -> tuple[TransactionItem, int]:
    opening = words[start]
    actions: list[CommandItem] = []
    position = start + 1
    while position < len(words) and words[position].kind != t.CLOSE:
        if words[position].kind == t.SEPARATOR:
            position += 1
            continue
        end = position
        while end < len(words) and words[end].kind not in (t.SEPARATOR, t.CLOSE):
            end += 1
        item = _item(line, words[position:end])
        if not isinstance(item, CommandItem) or item.file is not None:
            token = words[position]
            raise LineError(
                "a transaction has actions, such as blockdev-snapshot-sync, and nothing else",
                start=token.start,
                end=token.end,
            )
        actions.append(item)
        position = end
    if position == len(words):
        raise LineError(
            "the transaction is not closed",
            start=opening.start,
            end=opening.end,
            cure=") as a word of its own ends it",
        )
    end = _item_end(words, position + 1)
    return (
        TransactionItem(opening, actions, arguments(line, opening, words[position + 1 : end])),
        end,
    )


_NAME_OPENING = "\"'[(<>|&)"
# Of longer words only so much is repeated.
_LONG = 40


# The member that people leave the name of out, as QEMU's command line lets them.
_FIRST = {
    "block-commit": "device",
    "block-stream": "device",
    "blockdev-add": "driver",
    "blockdev-del": "node-name",
    "device_add": "driver",
    "human-monitor-command": "command-line",
    "migrate": "uri",
    "netdev_add": "type",
    "object-add": "qom-type",
    "qom-get": "path",
    "qom-list": "path",
    "qom-set": "path",
}
# What these are about has an id.
_ABOUT_IDS = ("del", "remove", "dismiss", "cancel", "pause", "resume", "complete", "finalize")


def _check_name(name: Token) -> None:
    text = name.text
    if text[0] in _NAME_OPENING or "=" in text or name.kind != t.NAME:
        cure = "a line is: command key=value …, or a JSON object"
        if "=" in text:
            cure = "the command's name comes first: command key=value …"
        raise LineError("this is no command name", start=name.start, end=name.end, cure=cure)


# -- arguments ------------------------------------------------------------------------------------


def arguments(line: str, name: Token, tokens: list[Token]) -> list[Argument]:
    """`key=value` words; `name` is whose they are."""
    found: list[Argument] = []
    position = 0
    while position < len(tokens):
        token = tokens[position]
        if token.kind == t.OBJECT:
            _check_alone(tokens, position)
        if token.kind != t.KEY:
            following = tokens[position + 1].text if position + 1 < len(tokens) else ""
            before = tokens[position - 1]
            raise _not_an_argument(
                name,
                token,
                before=before if before.kind == t.VALUE else None,
                loose=following.startswith(("=", ":=")),
            )
        found.append(_argument(line, *tokens[position : position + 3]))
        position += 3
    return found


def _check_alone(tokens: list[Token], position: int) -> None:
    if position < len(tokens):
        token = tokens[position]
        raise LineError(
            "a JSON object is the whole of the arguments; nothing may stand beside it",
            start=token.start,
            end=token.end,
        )


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
    elif text[0] in "|<>":
        cure = f"a blank must follow {text[0]}"
    elif text == ")":
        cure = f"it closes nothing: a transaction begins with {t.TRANSACTION}"
    else:
        cure = "an argument is KEY=VALUE"
        first = _FIRST.get(name.text) or _id_of(name.text)
        if first:
            cure += f": did you mean {first}={text}?"
    return LineError(
        f"{text[:_LONG]!r} is no argument of {name.text[:_LONG]}",
        start=token.start,
        end=token.end,
        cure=cure,
    )


def _id_of(command: str) -> str:
    """The member that says which one it is about, of a command of that kind."""
    if not command.endswith(_ABOUT_IDS):
        return ""
    return "device" if command.startswith("block-job-") else "id"


def _argument(line: str, key: Token, operator: Token, value: Token) -> Argument:
    _check_end(line, value)
    return Argument(key, _path(key), operator, value)


def _check_end(line: str, token: Token) -> None:
    if not token.closed:
        if token.kind in (t.QUOTED, t.FILE):
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
            cure=_QUOTE_IT if token.kind != t.OBJECT else "",
        )
    following = line[token.end : token.end + 1]
    if token.kind == t.VALUE and not token.text.startswith("json:"):
        return
    if following in ("", " ", "\t", "\r", "\n"):
        return
    alone = following == ";" and line[token.end + 1 : token.end + 2] in ("", " ", "\t", "\n")
    if not alone:
        raise LineError(
            "a blank must follow the closing quote or bracket",
            start=token.end,
            cure="to have quotes inside a value, quote the whole of it",
        )


def _path(key: Token) -> list[tuple[str, int]]:
    path: list[tuple[str, int]] = []
    text = key.text
    for match in key_parts(text):
        start = key.start + match.start()
        part = match[2] if match[1] is None else _unquote_part(match[1], start)
        if not part and match[1] is None:
            raise LineError(
                "a part of the key is empty",
                start=key.start + min(match.start(), len(text) - 1),
            )
        path.append((part, start))
        end = match.end()
        if end < len(text) and text[end] != ".":
            raise LineError(
                "a quoted part of a key ends at its closing quote", start=key.start + end
            )
    return path


def key_parts(text: str) -> Iterator[re.Match[str]]:
    """The parts of a key as they are written: group 1 is a part in quotes, group 2 a plain one, which
    may be empty. It never fails: what follows a part without a dot is a part of its own."""
    position = 0
    while True:
        match = _PART.match(text, position)
        assert match is not None
        yield match
        position = match.end()
        if position == len(text):
            return
        # A quote that opens nothing is a part of the text behind it.
        position += text[position] == "." or match.end() == match.start()


def _unquote_part(text: str, start: int) -> str:
    try:
        return json_string(text, 0)[0]
    except JsonError as error:
        raise LineError(error.reason, start=start, end=start + len(text)) from None


def unquote(token: Token) -> str:
    """The text in quotes: in double quotes with JSON's escapes, in single quotes as it stands."""
    if token.text[0] == "'":
        return token.text[1:-1]
    try:
        return json_string(token.text, 0)[0]
    except JsonError as error:
        raise LineError(
            error.reason,
            start=token.start + min(error.position, len(token.text) - 1),
            cure="a backslash is written \\\\ in double quotes, or put it in single quotes",
        ) from None


class Node:
    """The members that dotted keys give an object or array; `start` is where the first is named, at
    `depth` parts of its `path`."""

    __slots__ = ("_depth", "_path", "children", "start")

    def __init__(self, path: Sequence[tuple[str, int]], depth: int, start: int) -> None:
        self.children: dict[str, Node | Argument] = {}
        self.start = start
        self._path = path
        self._depth = depth

    @property
    def key(self) -> str:
        """The dotted key."""
        return ".".join(name for name, _ in self._path[: self._depth])

    def indices(self) -> list[str]:
        """The names in order where they are 0, 1, 2… without a gap; else an empty list."""
        indices = [str(number) for number in range(len(self.children))]
        return indices if all(index in self.children for index in indices) else []

    def is_numbered(self) -> bool:
        return all(name.isascii() and name.isdecimal() for name in self.children)


def build(arguments: Iterable[Argument]) -> Node:
    """The tree of some arguments."""
    root = Node((), 0, 0)
    for argument in arguments:
        add(root, argument)
    return root


def add(root: Node, argument: Argument) -> None:
    """Hang one argument into the tree."""
    node = root
    *parents, (name, start) = argument.path
    for depth, (parent, parent_start) in enumerate(parents, 1):
        child = node.children.get(parent)
        if child is None:
            child = node.children[parent] = Node(argument.path, depth, parent_start)
        elif not isinstance(child, Node):
            raise _both(parent, parent_start)
        node = child
    there = node.children.get(name)
    if isinstance(there, Node):
        raise _both(name, start)
    if there is not None:
        key = argument.key.text
        raise LineError(f"{key} is given twice", start=argument.key.start, end=argument.key.end)
    node.children[name] = argument


def leaves(node: Node) -> Iterator[Argument]:
    """The arguments, in no order that matters."""
    todo = [node]
    while todo:
        for child in todo.pop().children.values():
            if isinstance(child, Node):
                todo.append(child)
            else:
                yield child


def nodes(node: Node) -> Iterator[Node]:
    """The nodes below, parents before their children."""
    todo = [node]
    while todo:
        one = todo.pop()
        for child in one.children.values():
            if isinstance(child, Node):
                yield child
                todo.append(child)


def _both(name: str, start: int) -> LineError:
    return LineError(
        f"{name} is given both a value and members", start=start, end=start + len(name)
    )
