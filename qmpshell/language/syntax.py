"""The syntax tree of a line, and the value classes of parsed and evaluated lines."""

from __future__ import annotations

import re

from ..errors import LineError
from ..qmp import JsonError, json_string, main_argument, option_command_name
from ..record import Record
from . import tokens as t
from .tokens import Token, tokenize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any


class Argument(Record):
    """`key op value`. `path` is the parts of the key, each a name and its offset in the line."""

    key: Token
    path: list[tuple[str, int]]
    operator: Token
    value: Token


class FileWord(Record):
    """A file after a redirection operator: one of > >> < <>, or after <& the number of a descriptor.

    `start` is the offset of its name.
    """

    operator: str
    path: str
    start: int


class CommandItem(Record):
    """`NAME key=value…` or `NAME {…}`.

    `whole` is the object that is the complete arguments; `file` is the file whose descriptor is
    passed along.
    """

    name: Token
    arguments: list[Argument]
    whole: Token | None
    file: FileWord | None = None


class RawItem(Record):
    """A JSON object instead of a command. `token` is its text; `file` is as in CommandItem."""

    token: Token
    file: FileWord | None = None


class TransactionItem(Record):
    """`transaction( actions ) key=value…`."""

    token: Token
    actions: list[CommandItem]
    arguments: list[Argument]


class ShellCommandItem(Record):
    """A shell command: its name, with the `/`, and the tokens of its arguments."""

    name: Token
    tokens: list[Token]


Item = CommandItem | RawItem | TransactionItem | ShellCommandItem


class Redirect(Record):
    """Where the replies of a line go: a file (`>`, `>>`) or a command of the system shell (`|`)."""

    operator: str
    text: str
    start: int


class Line(Record):
    """The items of a line, in order, and the redirect of their replies."""

    items: list[Item]
    redirect: Redirect | None


class Command(Record):
    """A command to send.

    `arguments` are JSON values; `notes` are remarks for the user (deprecated or unstable members);
    `file` is the file whose descriptor is passed along.
    """

    name: str
    arguments: dict[str, Any]
    start: int
    notes: list[str] = []
    file: FileWord | None = None
    oob: bool = False


class RawCommand(Record):
    """JSON to send as typed. `value` is its value; `file` is as in Command."""

    text: str
    value: dict[str, Any]
    start: int
    file: FileWord | None = None


class ShellCommand(Record):
    """A shell command to run: its name with the `/`, its tokens, and the line that they are from."""

    name: str
    tokens: list[Token]
    line: str
    start: int


Action = Command | RawCommand | ShellCommand


class ParsedLine(Record):
    """An evaluated line: its actions in order, and the redirect of their replies."""

    actions: list[Action]
    redirect: Redirect | None = None


# Commands that leave the shell. No server has these; `quit` is the server's.
EXIT_COMMANDS = ("exit", "/quit")

# Quoted text, or a downstream name, which contains dots (qmp-spec, "Downstream extension of QMP").
_PART = r'("(?:[^"\\]|\\.)*")|(__[A-Za-z0-9.-]+_[^".]*|[^".]*)'
# What is wrong with a key.
REPEATED = "occurs twice"
BOTH_KINDS = "has both a value and members"
_OUTPUTS = (">", ">>")
# The operator before the number of an inherited descriptor.
INHERITED = "<&"
_QUOTE_IT = "quote it to send it as text"


class StrayWordError(LineError):
    """The first argument of a command is a word that gives no hint of what is meant.

    `command` is the name of the command, which starts at `command_start`.
    """

    def __init__(self, reason: str, command: Token, *, start: int, end: int, hint: str) -> None:
        super().__init__(reason, start=start, end=end, hint=hint)
        self.command = command.text
        self.command_start = command.start


class Part:
    """The text of one item, or of its place in the line. It may be incomplete or invalid.

    `tokens` are those of the item, without comments and the redirect of its replies; `end` is where
    the cursor leaves it. `mark` is the `;`, line end, `transaction(` or `)` before it, if any.
    `is_action` is true in a transaction, `is_closing` for the arguments after its `)`.
    `has_redirect` is true if the redirect of the line follows.
    """

    __slots__ = ("end", "has_redirect", "is_action", "is_closing", "mark", "tokens")

    def __init__(self, mark: Token | None, *, is_action: bool, is_closing: bool) -> None:
        self.mark = mark
        self.is_action = is_action
        self.is_closing = is_closing
        self.tokens: list[Token] = []
        self.end = 0
        self.has_redirect = False


class Tree:
    """A parsed line. `tokens` are its leaves; only blanks are between them.

    `parts` are in order. The items of a line without mistakes are its `items()`.
    """

    __slots__ = ("line", "parts", "tokens")

    def __init__(self, line: str, tokens: list[Token], parts: list[Part]) -> None:
        self.line = line
        self.tokens = tokens
        self.parts = parts

    def items(self) -> Line:
        """Return the items and the redirect. A blank line or a comment has none. Raises LineError."""
        redirect = _redirect(self.line, self.tokens) if self.parts[-1].has_redirect else None
        items: list[Item] = []
        opening: Token | None = None
        actions: list[CommandItem] = []
        for part in self.parts:
            if part.mark is not None and part.mark.kind == t.OPEN:
                opening, actions = part.mark, []
            if part.is_action and part.tokens:
                actions.append(_action(self.line, part.tokens))
            elif part.is_closing and opening is not None:
                rest = arguments(self.line, opening, part.tokens)
                items.append(TransactionItem(opening, actions, rest))
                opening = None
            elif part.tokens:
                items.append(_item(self.line, part.tokens))
        if opening is not None:
            raise LineError(
                "the transaction is not closed",
                start=opening.start,
                end=opening.end,
                hint=") as a separate word ends it",
            )
        if redirect is not None and not items:
            raise LineError("there are no replies to redirect", start=words_start(self.line))
        return Line(items, redirect)

    def find_error(self, part: Part) -> LineError | None:
        """Return the mistake in one part, or None."""
        try:
            if part.is_closing:
                arguments(self.line, self._opening_of(part), part.tokens)
            elif part.is_action and part.tokens:
                _action(self.line, part.tokens)
            elif part.tokens:
                _item(self.line, part.tokens)
        except LineError as error:
            return error
        return None

    def _opening_of(self, closing: Part) -> Token:
        """Return the `transaction(` that the part after a `)` belongs to."""
        before = self.parts[: self.parts.index(closing)]
        return next(
            part.mark for part in reversed(before) if part.mark and part.mark.kind == t.OPEN
        )


def parse(line: str) -> Tree:
    """Parse a line. Never fails: mistakes are found in `Tree.items`."""
    tokens = tokenize(line)
    return Tree(line, tokens, list(_parts(line, tokens)))


def _parts(line: str, tokens: list[Token]) -> Iterator[Part]:
    part = Part(None, is_action=False, is_closing=False)
    for token in tokens:
        if token.kind in (t.SEPARATOR, t.OPEN, t.CLOSE):
            part.end = part.end or token.start
            yield part
            is_action = token.kind == t.OPEN or (part.is_action and token.kind != t.CLOSE)
            before, part = part, Part(token, is_action=is_action, is_closing=token.kind == t.CLOSE)
            part.has_redirect = before.has_redirect
        elif token.kind == t.PIPE or (token.kind == t.REDIRECT and token.text in _OUTPUTS):
            part.end = part.end or token.start
            part.has_redirect = True
        elif token.kind == t.COMMENT:
            part.end = part.end or (token.start if part.tokens else 0)
        elif not part.has_redirect:
            part.tokens.append(token)
            part.end = 0  # a comment before it was not the end
    part.end = part.end or len(line)
    yield part


def words_start(line: str) -> int:
    """Return the offset of the first character that is not blank."""
    return len(line) - len(line.lstrip())


def _redirect(line: str, tokens: list[Token]) -> Redirect | None:
    """Return the redirect of the replies to a line. Raises LineError."""
    words = [token for token in tokens if token.kind != t.COMMENT]
    for index, token in enumerate(words):
        if token.kind == t.PIPE:
            _check_no_exec(words[:index], token)
            if index + 1 == len(words):
                raise LineError("a shell command must follow |", start=token.start)
            return Redirect("|", words[index + 1].text, token.start)
        if token.kind == t.REDIRECT and token.text in _OUTPUTS:
            _check_no_exec(words[:index], token)
            file = _file_word(line, words, index)
            if index + 2 < len(words):
                extra = words[index + 2]
                raise LineError(
                    "text after the file name of the redirect",
                    start=extra.start,
                    end=extra.end,
                    hint="> FILE must be at the end of the line; it gets the replies to the whole line",
                )
            return Redirect(token.text, file.path, file.start)
    return None


def _check_no_exec(words: list[Token], mark: Token) -> None:
    """Reject `uri=exec:cat > file`: the command is meant for the host of QEMU, not for this shell."""
    for token in reversed(words):
        if token.kind == t.SEPARATOR:
            return
        if token.kind == t.VALUE and token.text.startswith("exec:"):
            raise LineError(
                f"{mark.text} after exec: would redirect the replies, and not be part of the command",
                start=mark.start,
                end=mark.end,
                hint='quote the whole value: uri="exec:cat > file"',
            )


def _file_word(line: str, words: list[Token], index: int) -> FileWord:
    mark = words[index]
    if mark.text == INHERITED:
        return _descriptor_word(words, index)
    if index + 1 == len(words) or words[index + 1].kind != t.FILE:
        raise LineError(f"a file must follow {mark.text}", start=mark.start, end=mark.end)
    token = words[index + 1]
    path = token.text
    if path[0] in "\"'":
        _check_end(line, token)
        path = unquote(token)
    return FileWord(mark.text, path, token.start)


def _descriptor_word(words: list[Token], index: int) -> FileWord:
    mark = words[index]
    token = words[index + 1] if index + 1 < len(words) else mark
    number = token.text
    if not (number.isascii() and number.isdecimal() and len(number) < 10):
        raise LineError(
            "the number of an inherited descriptor must follow <&",
            start=token.start,
            end=token.end,
            hint="for a file, write < FILE",
        )
    return FileWord(mark.text, number, token.start)


def _item(line: str, tokens: list[Token]) -> Item:
    first, *rest = tokens
    if first.kind == t.OBJECT:
        rest, file = _split_file(line, rest)
        if rest:
            raise LineError(
                "text after the JSON object",
                start=rest[0].start,
                end=rest[0].end,
                hint="only another JSON object or ; COMMAND may follow",
            )
        return RawItem(first, file)
    if first.kind == t.LOCAL:
        return ShellCommandItem(first, rest)
    return command_item(line, first, rest)


def command_item(line: str, name: Token, rest: list[Token]) -> CommandItem:
    """Return a command from its name and the tokens of its arguments."""
    _check_name(name)
    rest, file = _split_file(line, rest)
    if rest and rest[0].kind == t.OBJECT:
        _check_end(line, rest[0])
        _check_alone(rest, 1)
        return CommandItem(name, [], rest[0], file)
    return CommandItem(name, arguments(line, name, rest), None, file)


def _split_file(line: str, tokens: list[Token]) -> tuple[list[Token], FileWord | None]:
    """Split the tokens after a command into its arguments and the file that is passed to it."""
    for index, token in enumerate(tokens):
        if token.kind == t.REDIRECT:
            _check_no_exec(tokens[:index], token)
            file = _file_word(line, tokens, index)
            if index + 2 < len(tokens):
                extra = tokens[index + 2]
                raise LineError(
                    "text after the file that is passed to the command",
                    start=extra.start,
                    end=extra.end,
                    hint=f"{token.text} FILE must follow the arguments",
                )
            return tokens[:index], file
    return tokens, None


def _action(line: str, tokens: list[Token]) -> CommandItem:
    """Return an action of a transaction."""
    item = _item(line, tokens)
    if not isinstance(item, CommandItem) or item.file is not None:
        raise LineError(
            "only actions, such as blockdev-snapshot-sync, are allowed in a transaction",
            start=tokens[0].start,
            end=tokens[0].end,
        )
    return item


_NAME_OPENING = "\"'[(<>|&)"
# How much of a long word messages repeat, in characters.
_MAX_SHOWN = 40
# How much of a line a hint repeats, in characters.
_MAX_HINT = 70


def _check_name(name: Token) -> None:
    text = name.text
    if text[0] in _NAME_OPENING or "=" in text or name.kind != t.NAME:
        hint = "a line is COMMAND KEY=VALUE…, or a JSON object"
        if "=" in text:
            hint = "the command's name comes first: COMMAND KEY=VALUE…"
        raise LineError("not a command name", start=name.start, end=name.end, hint=hint)


def arguments(line: str, name: Token, tokens: list[Token]) -> list[Argument]:
    """Return the `key=value` arguments of the command `name`."""
    found: list[Argument] = []
    for position in range(0, len(tokens), 3):
        if tokens[position].kind != t.KEY:
            raise stray_word(name, tokens, position)
        found.append(_argument(line, *tokens[position : position + 3]))
    _check_no_option_string(line, name, found)
    return found


# A further option after the text of an option string.
_MORE_OPTIONS = r",[\w.-]+="


def _check_no_option_string(line: str, name: Token, found: list[Argument]) -> None:
    """Reject `device_add e1000,id=n`, which has the syntax of QEMU's command line."""
    command = option_command_name(name.text)
    if not command or not found:
        return
    first = found[0]
    is_main = first.key.text == main_argument(command) and first.operator.text == "="
    if "," not in first.key.text.partition('"')[0] and not (
        is_main and first.value.kind == t.VALUE and re.search(_MORE_OPTIONS, first.value.text)
    ):
        return
    text = line[first.key.start : found[-1].value.end]
    raise LineError(
        f"{name.text[:_MAX_SHOWN]} takes KEY=VALUE separated by blanks",
        start=first.key.start,
        end=first.value.end,
        hint=f"use /keyval {command} {shortened(text)}",
    )


def shortened(text: str) -> str:
    """Return a text for a hint, with … for the end of a long one."""
    return text if len(text) <= _MAX_HINT else f"{text[:_MAX_HINT]}…"


def stray_word(name: Token, tokens: Sequence[Token], position: int) -> LineError:
    """Return the error for a word among the arguments of `name` that is not an argument."""
    token = tokens[position]
    if token.kind == t.OBJECT:
        return _not_alone(token)
    following = tokens[position + 1].text if position + 1 < len(tokens) else ""
    before = tokens[position - 1] if position else None
    return _not_an_argument(
        name,
        token,
        before=before if before is not None and before.kind == t.VALUE else None,
        loose=following.startswith(("=", ":=")),
    )


def _check_alone(tokens: list[Token], position: int) -> None:
    if position < len(tokens):
        raise _not_alone(tokens[position])


def _not_alone(token: Token) -> LineError:
    return LineError("a JSON object must be the only argument", start=token.start, end=token.end)


def _not_an_argument(name: Token, token: Token, *, before: Token | None, loose: bool) -> LineError:
    """Return the error for a word that is not an argument.

    `before` is the plain value before `token`, if any. `loose` is true if an operator follows it.
    """
    text = token.text
    reason = f"{name.text.removesuffix('(')[:_MAX_SHOWN]} has no argument {text[:_MAX_SHOWN]!r}"
    if len(text) > _MAX_SHOWN:
        hint = "expected KEY=VALUE"
    elif loose or (before is not None and not before.text):
        hint = "there must be no blanks around ="
    elif text.startswith("--"):
        hint = f"did you mean {text.lstrip('-')}{'' if '=' in text else '=…'}?"
    elif text.startswith(("=", ":=")):
        hint = "there must be no blanks around ="
    elif before is not None:
        hint = "expected KEY=VALUE; quote a value that contains blanks"
    elif text.startswith(("|", "<", ">")):
        hint = f"a blank must follow {text[0]}"
    elif text == ")":
        hint = f"there is no open transaction; one starts with {t.TRANSACTION}"
    else:
        hint = "expected KEY=VALUE"
        first = "" if text.startswith("-") else main_argument(name.text)
        if not first:
            return StrayWordError(reason, name, start=token.start, end=token.end, hint=hint)
        hint += f": did you mean {first}={text}?"
    return LineError(reason, start=token.start, end=token.end, hint=hint)


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
                hint="enclose a quote character in quotes of the other kind",
            )
        raise LineError(
            "the bracket is not closed",
            start=token.start,
            end=token.end,
            hint=_QUOTE_IT if token.kind != t.OBJECT else "",
        )
    following = line[token.end : token.end + 1]
    if token.kind == t.VALUE and not token.text.startswith("json:"):
        return
    if following in t.BLANKS:
        return
    alone = following == ";" and line[token.end + 1 : token.end + 2] in t.BLANKS
    if not alone:
        raise LineError(
            "a blank must follow the closing quote or bracket",
            start=token.end,
            hint="quote the whole value if it contains quotes",
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
    """Yield the parts of a key as written: group 1 is a quoted part, group 2 a plain one, possibly empty.

    Never fails: text after a part without a dot is a part of its own.
    """
    position = 0
    while True:
        match = re.compile(_PART).match(text, position)
        assert match is not None
        yield match
        position = match.end()
        if position == len(text):
            return
        # A quote that does not open a part belongs to the text after it.
        position += text[position] == "." or match.end() == match.start()


def _unquote_part(text: str, start: int) -> str:
    try:
        return json_string(text, 0)[0]
    except JsonError as error:
        raise LineError(error.reason, start=start, end=start + len(text)) from None


def unquote(token: Token) -> str:
    """Return quoted text: with JSON's escapes in double quotes, verbatim in single quotes."""
    if token.text[0] == "'":
        return token.text[1:-1]
    try:
        return json_string(token.text, 0)[0]
    except JsonError as error:
        raise LineError(
            error.reason,
            start=token.start + min(error.position, len(token.text) - 1),
            hint="write \\\\ for a backslash in double quotes, or use single quotes",
        ) from None


class Node:
    """An object or array given by dotted keys.

    `start` is the offset of its first name, at `depth` parts of `path`.
    """

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
        """Return the names in order if they are 0, 1, 2… without a gap, else []."""
        indices = [str(number) for number in range(len(self.children))]
        return indices if all(index in self.children for index in indices) else []

    def is_numbered(self) -> bool:
        """Return True if all names are decimal numbers."""
        return all(name.isascii() and name.isdecimal() for name in self.children)


def build_tree(arguments: Iterable[Argument]) -> Node:
    """Return the tree of some arguments."""
    root = Node((), 0, 0)
    for argument in arguments:
        add_argument(root, argument)
    return root


def add_argument(root: Node, argument: Argument) -> None:
    """Add an argument to the tree. Raises LineError if it contradicts another one."""
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
        raise LineError(f"{key} {REPEATED}", start=argument.key.start, end=argument.key.end)
    node.children[name] = argument


def tree_leaves(node: Node) -> Iterator[Argument]:
    """Yield the arguments, in any order."""
    todo = [node]
    while todo:
        for child in todo.pop().children.values():
            if isinstance(child, Node):
                todo.append(child)
            else:
                yield child


def nodes(node: Node) -> Iterator[Node]:
    """Yield the nodes below, parents before children."""
    todo = [node]
    while todo:
        one = todo.pop()
        for child in one.children.values():
            if isinstance(child, Node):
                yield child
                todo.append(child)


def _both(name: str, start: int) -> LineError:
    return LineError(f"{name} {BOTH_KINDS}", start=start, end=start + len(name))
