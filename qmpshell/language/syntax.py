"""The syntax tree of a line, and the value classes of parsed and evaluated lines."""

from __future__ import annotations

import re
from functools import cached_property

from ..errors import LineError
from ..qmp import (
    QEMU,
    JsonError,
    json_string,
)
from ..record import Record
from . import tokens as t
from .tokens import Token, tokenize, tokenize_hmp
from .values import (
    NO_BLANKS,
    Argument,
    JsonTree,
    Value,
    json_leaves,
    no_members,
    shortened,
    unquoted,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any


class FileWord(Record):
    """A file after a redirection operator: one of > >> < <>, or after <& the number of a descriptor.

    `start` is the offset of its name.
    """

    operator: str
    path: str
    start: int


class CommandItem(Record):
    """`NAME key=value…` or `NAME {…}`, which may be incomplete or invalid.

    `whole` is the object that is the complete arguments, and `json` its content; `words` are the
    words that are not KEY=VALUE; `file` is the file whose descriptor is passed along.
    """

    name: Token
    arguments: list[Argument] = []
    words: list[Token] = []
    whole: Token | None = None
    json: JsonTree | None = None
    file: FileWord | None = None
    errors: list[LineError] = []


class RawItem(Record):
    """A JSON object instead of a command, in the dialect that QEMU accepts.

    `token` is its text, and `json` its content; `file` is as in CommandItem.
    """

    token: Token
    json: JsonTree
    file: FileWord | None = None
    errors: list[LineError] = []


class TransactionItem(Record):
    """`transaction( actions ) key=value…`."""

    token: Token
    actions: list[CommandItem]
    arguments: list[Argument]


class ShellCommandItem(Record):
    """A shell command: its name, with the `/`, and the tokens of its arguments."""

    name: Token
    tokens: list[Token]
    errors: list[LineError] = []


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

    def error(self, reason: str, *, hint: str = "") -> LineError:
        """Return the error about the name."""
        return LineError(reason, start=self.start, end=self.start + len(self.name), hint=hint)


Action = Command | RawCommand | ShellCommand


class ParsedLine(Record):
    """An evaluated line: its actions in order, and the redirect of their replies."""

    actions: list[Action]
    redirect: Redirect | None = None


# Commands that leave the shell. No server has these; `quit` is the server's.
EXIT_COMMANDS = ("exit", "/quit")

# Quoted text, or a downstream name, which contains dots (qmp-spec, "Downstream extension of QMP").
_PART = r'("(?:[^"\\]|\\.)*")|(__[A-Za-z0-9.-]+_[^".]*|[^".]*)'
_OUTPUTS = (">", ">>")
# The operator before the number of an inherited descriptor.
INHERITED = "<&"
QUOTE_IT = "quote it to send it as text"
_AFTER_JSON_OPERATOR = "after := comes JSON, with text in double quotes; after = comes plain text"


class UnseparatedCloseError(LineError):
    """An action of a transaction ends with a `)` that is part of its last word."""


class Part:
    """The text of one item, or of its place in the line. It may be incomplete or invalid.

    `tokens` are those of the item, without comments and the redirect of its replies; `end` is where
    the cursor leaves it. `mark` is the `;`, line end, `transaction(` or `)` before it, if any.
    `opening` is the `transaction(` that it belongs to: as an action if `is_action`, or with the
    arguments after its `)` if `is_closing`. `has_redirect` is true if the redirect of the line
    follows, and `precedes_close` if a `)` does. `misplaced` is the error if such an item cannot be
    at this place.
    """

    def __init__(self, line: str, mark: Token | None = None, opening: Token | None = None) -> None:
        self.line = line
        self.mark = mark
        self.opening = opening
        self.is_closing = mark is not None and mark.kind == t.CLOSE
        self.is_action = opening is not None and not self.is_closing
        self.tokens: list[Token] = []
        self.end = 0
        self.has_redirect = False
        self.precedes_close = False
        self.misplaced: LineError | None = None

    @cached_property
    def item(self) -> CommandItem | RawItem | ShellCommandItem | None:
        """What the tokens mean, or None without tokens. After `)`, a command without a name."""
        return self._parse() if self.tokens or self.is_closing else None

    @property
    def errors(self) -> list[LineError]:
        """The mistakes, in the order in which they are reported."""
        item = self.item
        first = [self.misplaced] if self.misplaced is not None else []
        return first + (item.errors if item is not None else [])

    def _parse(self) -> CommandItem | RawItem | ShellCommandItem:
        if self.is_closing:
            assert self.opening is not None
            closing = CommandItem(self.opening)
            _parse_arguments(self.line, closing, self.tokens)
            return closing
        item = _item(self.line, self.tokens)
        if self.is_action and (not isinstance(item, CommandItem) or item.file is not None):
            item.errors.append(_not_an_action(self.tokens[0]))
        if self.is_action and not self.precedes_close and t.ends_with_close(self.tokens[-1]):
            item.errors.insert(0, _unseparated_close(self.tokens[-1]))
        return item


class HumanPart(Part):
    """A human monitor line, which is what `/hmp` runs."""

    def __init__(self, line: str, tokens: list[Token]) -> None:
        super().__init__(line)
        self.tokens = [token for token in tokens[:1] if token.kind == t.TEXT]
        self.end = len(line)
        self.has_redirect = any(token.kind == t.PIPE for token in tokens)

    def _parse(self) -> ShellCommandItem:
        return ShellCommandItem(Token(t.SHELL_COMMAND, t.HUMAN, self.tokens[0].start), self.tokens)


class Tree:
    """A parsed line. `tokens` are its words; only blanks are between them.

    `parts` are in order, and `redirect` is that of the replies. The items of a line without
    mistakes are its `items()`. Mistakes outside of the parts are in `errors`.
    """

    __slots__ = ("errors", "line", "parts", "redirect", "tokens")

    def __init__(
        self, line: str, tokens: list[Token], parts: list[Part], errors: list[LineError]
    ) -> None:
        self.line = line
        self.tokens = tokens
        self.parts = parts
        self.errors = errors
        self.redirect: Redirect | None = None
        if parts[-1].has_redirect:
            try:
                self.redirect = _redirect(line, tokens)
            except LineError as error:
                self.errors.append(error)

    @property
    def all_errors(self) -> Iterator[LineError]:
        """The mistakes, in the order in which they are reported."""
        yield from self.errors
        for part in self.parts:
            yield from part.errors
        opening = self.parts[-1].opening
        if self.parts[-1].is_action and opening is not None:
            yield opening.error(
                "the transaction is not closed", hint=") as a separate word ends it"
            )

    def leaves(self) -> Iterator[Token]:
        """Yield the smallest tokens, those of JSON too, and the blanks. Joined, they are the line."""
        position = 0
        for token in self.tokens:
            is_json = token.kind in (t.COMPOUND, t.OBJECT)
            for leaf in json_leaves(token.text, token.start) if is_json else (token,):
                if leaf.start > position:
                    yield Token(t.BLANK, self.line[position : leaf.start], position)
                yield leaf
                position = leaf.end
        if position < len(self.line):
            yield Token(t.BLANK, self.line[position:], position)

    def items(self) -> Line:
        """Return the items and the redirect. A blank line or a comment has none. Raises LineError."""
        for error in self.all_errors:
            raise error
        items: list[Item] = []
        actions: list[CommandItem] = []
        for part in self.parts:
            item = part.item
            if part.is_action:
                assert item is None or isinstance(item, CommandItem)
                actions += [item] if item is not None else []
            elif part.is_closing:
                assert part.opening is not None
                assert isinstance(item, CommandItem)
                items.append(TransactionItem(part.opening, actions, item.arguments))
                actions = []
            elif item is not None:
                items.append(item)
        return Line(items, self.redirect)


def parse(line: str, *, human: bool = False) -> Tree:
    """Parse a line, or a `human` monitor line. Never fails: mistakes are in the tree."""
    if human:
        tokens = tokenize_hmp(line)
        return Tree(line, tokens, [HumanPart(line, tokens)], [])
    tokens = tokenize(line)
    errors = [] if line.isprintable() else _control_errors(line)
    return Tree(line, tokens, list(_parts(line, tokens)), errors)


# Characters that cannot be typed, apart from line ends and tabs. Bytes that are not valid become
# surrogates.
_CONTROLS = r"[\ud800-\udfff]|[^ -~\t\r\n\u00a0-\U0010ffff]"


def _control_errors(line: str) -> list[LineError]:
    """Return the error for the first character that the line may not contain, if any."""
    match = re.search(_CONTROLS, line)
    if match is None:
        return []
    if match[0] >= "\ud800":
        what = "a byte that is not valid in this terminal's encoding"
        return [LineError(what, start=match.start())]
    return [
        LineError(
            f"a control character (U+{ord(match[0]):04X}) in the line",
            start=match.start(),
            hint="in double quotes, write it as a JSON escape, such as \\u0007",
        )
    ]


def _parts(line: str, tokens: list[Token]) -> Iterator[Part]:
    part = Part(line)
    for token in tokens:
        if token.kind in (t.SEPARATOR, t.OPEN, t.CLOSE):
            part.end = part.end or token.start
            part.precedes_close = token.kind == t.CLOSE
            yield part
            opening = token if token.kind == t.OPEN else None if part.is_closing else part.opening
            before, part = part, Part(line, token, opening)
            part.has_redirect = before.has_redirect
            if token.kind == t.OPEN and before.is_action:
                part.misplaced = _not_an_action(token)
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


def _redirect(line: str, tokens: list[Token]) -> Redirect | None:
    """Return the redirect of the replies to a line. Raises LineError."""
    words = [token for token in tokens if token.kind != t.COMMENT]
    for index, token in enumerate(words):
        if token.kind == t.PIPE:
            _check_no_exec(words[:index], token)
            if index + 1 == len(words):
                raise LineError("a program must follow |", start=token.start)
            return Redirect("|", words[index + 1].text, token.start)
        if token.kind == t.REDIRECT and token.text in _OUTPUTS:
            _check_no_exec(words[:index], token)
            file = _file_word(line, words, index)
            if index + 2 < len(words):
                extra = words[index + 2]
                raise extra.error(
                    "text after the file name of the redirect",
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
            raise mark.error(
                f"{mark.text} after exec: would redirect the replies, and not be part of the command",
                hint='quote the whole value: uri="exec:cat > file"',
            )


def _file_word(line: str, words: list[Token], index: int) -> FileWord:
    mark = words[index]
    if mark.text == INHERITED:
        return _descriptor_word(words, index)
    if index + 1 == len(words) or words[index + 1].kind != t.FILE:
        raise mark.error(f"a file must follow {mark.text}")
    token = words[index + 1]
    path = token.text
    if path[0] in "\"'":
        error = _end_error(line, token)
        if error is not None:
            raise error
        path = unquote(token)
    return FileWord(mark.text, path, token.start)


def _descriptor_word(words: list[Token], index: int) -> FileWord:
    mark = words[index]
    token = words[index + 1] if index + 1 < len(words) else mark
    number = token.text
    if not (number.isascii() and number.isdecimal() and len(number) < 10):
        raise token.error(
            "the number of an inherited descriptor must follow <&", hint="for a file, write < FILE"
        )
    return FileWord(mark.text, number, token.start)


def _item(line: str, tokens: list[Token]) -> CommandItem | RawItem | ShellCommandItem:
    first, *rest = tokens
    if first.kind == t.SHELL_COMMAND:
        return ShellCommandItem(first, rest)
    if first.kind != t.OBJECT:
        return command_item(line, first, rest)
    item = raw_item(first)
    rest = _parse_file(line, item, rest)
    if rest:
        error = LineError(
            "text after the JSON object",
            start=rest[0].start,
            end=rest[0].end,
            hint="only another JSON object or ; COMMAND may follow",
        )
        item.errors.append(error)
    return item


def raw_item(token: Token) -> RawItem:
    """Return a JSON object that is a command."""
    json = JsonTree(token, QEMU)
    return RawItem(token, json, errors=[json.error] if json.error is not None else [])


def command_item(line: str, name: Token, rest: list[Token]) -> CommandItem:
    """Return a command from its name and the tokens of its arguments."""
    item = CommandItem(name)
    _check_name(item, line, rest)
    rest = _parse_file(line, item, rest)
    if rest and rest[0].kind == t.OBJECT:
        item.whole, item.json = rest[0], JsonTree(rest[0])
        alone = _not_alone(rest[1]) if rest[1:] else None
        error = _end_error(line, rest[0]) or alone or item.json.error
        item.errors += [error] if error is not None else []
    else:
        _parse_arguments(line, item, rest)
    return item


def _parse_file(line: str, item: CommandItem | RawItem, tokens: list[Token]) -> list[Token]:
    """Parse the file that is passed to a command. Return the tokens of its arguments."""
    for index, token in enumerate(tokens):
        if token.kind == t.REDIRECT:
            try:
                _check_no_exec(tokens[:index], token)
                item.file = _file_word(line, tokens, index)
            except LineError as error:
                item.errors.append(error)
            if index + 2 < len(tokens):
                extra = tokens[index + 2]
                misplaced = extra.error(
                    "text after the file that is passed to the command",
                    hint=f"{token.text} FILE must follow the arguments",
                )
                item.errors.append(misplaced)
            return tokens[:index]
    return tokens


def _not_an_action(first: Token) -> LineError:
    return first.error("only actions, such as blockdev-snapshot-sync, are allowed in a transaction")


def _unseparated_close(word: Token) -> UnseparatedCloseError:
    hint = "to send ) as part of the value, quote the value" if word.kind == t.VALUE else ""
    return UnseparatedCloseError("a blank must precede )", start=word.end - 1, hint=hint)


_NAME_OPENING = "\"'[(<>|&)]}"
# The prompt of the human monitor, which may precede a pasted line.
_HUMAN_PROMPT = "(qemu)"


def _check_name(item: CommandItem, line: str, rest: list[Token]) -> None:
    """Check the name of a command. `rest` are the tokens after it."""
    name = item.name
    text = name.text
    if text[0] in _NAME_OPENING or "=" in text or name.kind != t.NAME:
        hint = "a line is COMMAND KEY=VALUE…, or a JSON object"
        if "=" in text:
            hint = "the command's name comes first: COMMAND KEY=VALUE…"
        elif text == _HUMAN_PROMPT:
            human_line = shortened(line[rest[0].start : rest[-1].end]) if rest else "LINE"
            hint = f"this is the prompt of the human monitor: use {t.HUMAN} {human_line}"
        error = name.error("not a command name", hint=hint)
        item.errors.append(error)


def arguments(line: str, name: Token, tokens: list[Token]) -> list[Argument]:
    """Return the `key=value` arguments of the command `name`. Raises LineError."""
    item = CommandItem(name)
    _parse_arguments(line, item, tokens)
    if item.errors:
        raise item.errors[0]
    return item.arguments


def _parse_arguments(line: str, item: CommandItem, tokens: list[Token]) -> None:
    position = 0
    while position < len(tokens):
        if tokens[position].kind == t.KEY:
            argument = _argument(line, *tokens[position : position + 3])
            item.arguments.append(argument)
            position += 3
            is_followed = tokens[position : position + 1] and tokens[position].kind != t.KEY
            error = argument.error or _json_error(argument, hint=NO_BLANKS if is_followed else "")
        else:
            item.words.append(tokens[position])
            is_object = tokens[position].kind == t.OBJECT
            error = (
                _not_alone(tokens[position])
                if is_object
                else _stray_word_error(item.name, tokens, position)
            )
            position += 1
        if error is not None:
            item.errors.append(error)
    if item.arguments and not item.errors:
        first = item.arguments[0]
        if "," in first.key.text or "," in first.value.text:
            from .stray_words import option_string_error  # few commands have such an argument

            error = option_string_error(line, item.name, item.arguments)
            if error is not None:
                item.errors.append(error)


def _stray_word_error(name: Token, tokens: Sequence[Token], position: int) -> LineError:
    from .stray_words import stray_word_error  # few lines are invalid

    return stray_word_error(name, tokens, position)


def _not_alone(token: Token) -> LineError:
    return token.error("a JSON object must be the only argument")


def _argument(line: str, key: Token, operator: Token, value: Token) -> Argument:
    path, error = parse_key(key.text, key.start)
    is_json = operator.text == ":=" or value.kind == t.COMPOUND
    json = JsonTree(value, prefix=key.text + operator.text) if is_json else None
    return Argument(key, path, operator, value, json, _end_error(line, value) or error)


def _json_error(argument: Argument, *, hint: str) -> LineError | None:
    """Return the mistake in the JSON after `:=`, or None. `hint` is that for missing JSON."""
    operator, value = argument.operator, argument.value
    if operator.text != ":=" or argument.json is None or value.text[:1] in ("@", "'"):
        return None
    if not value.text:
        return LineError("JSON must follow :=", start=operator.start, end=value.end, hint=hint)
    error = argument.json.error
    if error is None or error.hint:
        return error
    return LineError(error.reason, start=error.start, hint=_AFTER_JSON_OPERATOR)


def _end_error(line: str, token: Token) -> LineError | None:
    """Return the mistake at the end of a value, an object or a file name."""
    if not token.closed:
        if token.kind in (t.QUOTED, t.FILE):
            return token.error(
                "the quote is not closed",
                hint="enclose a quote character in quotes of the other kind",
            )
        return token.error(
            "the bracket is not closed", hint=QUOTE_IT if token.kind != t.OBJECT else ""
        )
    following = line[token.end : token.end + 1]
    if token.kind == t.VALUE and not token.text.startswith("json:"):
        return None
    alone = following == ";" and line[token.end + 1 : token.end + 2] in t.BLANKS
    if following in t.BLANKS or alone:
        return None
    return LineError(
        "a blank must follow the closing quote or bracket",
        start=token.end,
        hint="quote the whole value if it contains quotes",
    )


def parse_key(text: str, start: int) -> tuple[list[tuple[str, int]], LineError | None]:
    """Return the parts of a key that starts at `start`, each a name and its offset, and the first mistake."""
    path: list[tuple[str, int]] = []
    errors: list[LineError] = []
    for match in _key_parts(text):
        place = start + match.start()
        if match[1] is not None:
            path.append((unquoted(match[1]), place))
            errors += _part_errors(match[1], place)
        else:
            path.append((match[2], place))
            if not match[2]:
                place = start + min(match.start(), len(text) - 1)
                errors.append(LineError("a part of the key is empty", start=place))
        end = match.end()
        if end < len(text) and text[end] != ".":
            if not match[0] and text[end] == '"':  # an unclosed quote
                path[-1] = (unquoted(text[end:]), start + end)
            reason = "a quoted part of a key ends at its closing quote"
            errors.append(LineError(reason, start=start + end))
            if not match[0]:
                break
    return path, errors[0] if errors else None


def _key_parts(text: str) -> Iterator[re.Match[str]]:
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


def _part_errors(text: str, start: int) -> list[LineError]:
    try:
        json_string(text, 0)
    except JsonError as error:
        return [LineError(error.reason, start=start, end=start + len(text))]
    return []


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


def build_tree(arguments: Iterable[Argument]) -> Value:
    """Return the members that some arguments give. Raises LineError if they contradict each other."""
    root = no_members()
    for argument in arguments:
        error = root.add(argument)
        if error is not None:
            raise error
    return root
