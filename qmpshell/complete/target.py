"""What is at the cursor: the completion target, and the command around it."""

from __future__ import annotations

import re

from ..language import (
    BLANKS,
    INHERITED,
    MAX_TYPED,
    OLD_SYNTAX,
    JsonTree,
    LineAssembler,
    Token,
    Value,
    command_item,
    is_transcript,
    no_members,
    option_command,
    parse,
    parse_key,
    parse_options,
    prompt_width,
    shell_command_name,
    tokens as t,
    unquoted,
    values as v,
)
from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..language import Argument, CommandItem, Part, Tree


# What can be completed.
COMMAND = "command"  # a command of the server
SHELL_COMMAND = "shell-command"  # a shell command
KEY = "key"  # a member of the object at `path`
VALUE = "value"  # the value at `path`
EVENT = "event"
EVENT_FILTER = "event-filter"  # a mode, or an event name with wildcards
TOPIC = "topic"  # anything that /help accepts
JOB_ID = "job-id"
KEY_NAME = "key-name"  # a key of the VM's keyboard
FILE = "file"  # a file; `subject` is ADDRESS, "@" after an @, or ""
PROGRAM = "program"  # a program of this host
SETTING = "setting"
SETTING_VALUE = "setting-value"  # a value of the setting `subject`
OPTION_NAME = "option-name"  # blockdev, device…
ENVELOPE = "envelope"  # a member of a command in JSON
WORD = "word"  # one of `words`
INFO = "info"  # a view of /info, or an argument after `words`

# Where a KEY needs no value: after `/help NAME`.
HELP = "help"
# What a FILE is for.
ADDRESS = "address"  # a socket to connect to

# The syntax around the target.
LINE = "line"  # words of a line
LITERAL = "literal"  # a JSON or Python literal
KEYVAL = "keyval"  # an option string

# Whose arguments a command has.
ACTION = "action"  # an action of a transaction


class PartialCommand(Record):
    """A command while it is typed. `sort` is COMMAND, EVENT (for /wait) or ACTION.

    `root` contains its arguments so far. `key_path` is the position of the cursor in them: the path
    of the object or array, and the name of the member if the cursor is on one. `is_whole` is true
    if the arguments are an object in brackets, `is_closed` if the cursor is after the last of them.
    `envelope` contains the other members of a command in JSON.
    """

    sort: str
    name: str
    root: Value
    is_whole: bool = False
    is_closed: bool = False
    envelope: Value | None = None
    is_out_of_band: bool = False
    key_path: tuple[tuple[str, ...], str] = ((), "")


class CompletionTarget(Record):
    """What can be completed at the cursor."""

    # One of the constants above, such as COMMAND or VALUE.
    kind: str
    # What is typed of it, up to the cursor, without quotes.
    text: str
    # Where it starts in the line, with its quote. A completion replaces the line from here on.
    start: int
    # The command around it, if any.
    call: PartialCommand | None = None
    # For a KEY, the path of the object or array in the arguments; for a VALUE, that of the value.
    path: tuple[str, ...] = ()
    writing: str = LINE  # or LITERAL or KEYVAL
    quote: str = ""  # the opening quote
    # For a SETTING_VALUE, the setting; for a FILE, ADDRESS or "@"; for a COMMAND, ACTION or "oob";
    # for a KEY, HELP or "".
    subject: str = ""
    # For a WORD, the words that fit; for INFO and ENVELOPE, those that are in the line already.
    words: tuple[str, ...] = ()
    # How many characters after the cursor belong to the word, and are replaced too.
    suffix_length: int = 0
    # The character after them, or "" at the end of the line.
    next_char: str = ""
    # Whether nothing but the closing quote of the word is after the cursor.
    closed: bool = False
    # The whole name at the cursor, which can be replaced although it is in the line already.
    name_at_cursor: str = ""
    # For a KEY, the whole key up to the cursor as written, and where it starts.
    raw: str = ""
    raw_start: int = 0


class Context(Record):
    """The completion targets at the cursor, the command around it, if any, and the parsed line."""

    cursor: int
    targets: list[CompletionTarget] = []
    call: PartialCommand | None = None
    tree: Tree | None = None


ENVELOPE_MEMBERS = ("execute", "arguments", "id", "exec-oob")
EXECUTE = ("execute", "exec-oob")


# What a single word of each shell command is. A FILE is everything after the name.
_WORDS = {
    "/help": TOPIC,
    "/wait-job": JOB_ID,
    "/source": FILE,
    "/screen": FILE,
    "/log": FILE,
    "/connect": FILE,
    "/events": EVENT_FILTER,
}
_OFF = {"/log": ("off",)}
# The options of each shell command.
_OPTIONS = {
    "/wait": ("-t", "--check"),
    "/wait-job": ("-t",),
    "/wait-migration": ("-t",),
    "/jobs": ("-t",),
    "/watch": ("-n", "-c"),
    "/table": ("-s", "--tsv", "-v"),
    "/screen": ("-v",),
}
_GRAPHS = ("block ", "devices ", "qom ", "pci ")
_GRAPH_OPTIONS = ("--dot", "-v")
# Options without a value.
_FLAGS = ("--tsv", "-v", "--check")


_OUTPUT_OF_DOCUMENTS = "<- "
# Targets that are replaced as a whole, and the characters of such a name.
_NAMES = (COMMAND, SHELL_COMMAND, KEY, EVENT, TOPIC)
_REST_OF_NAME = re.compile(r"[\w-]+")
_REST_OF_VALUE = re.compile(r"(?:(?!;(?:\s|$))\S)+")
_REST_OF_OPTION = re.compile(r"(?:,,|[^,\s])+")
# Lines with more items get no diagnostics.
_MAX_ITEMS = 24


def logical_line(text: str, cursor: int) -> tuple[str, int]:
    """Return the logical line at the cursor of a text with several physical lines, and the offset there."""
    if "\n" not in text:
        return text, cursor
    assembler = LineAssembler(transcript=is_transcript(text))
    lines = text.split("\n")
    row = text.count("\n", 0, cursor) + 1
    column = cursor - (text.rfind("\n", 0, cursor) + 1)
    for number, line in enumerate(lines, 1):
        whole = assembler.feed(line, number)
        if number >= row and (whole is not None or not assembler.open or number == len(lines)):
            found = whole or assembler.pop()
            return found.text, found.offset_of(row, column)
    return text, cursor


def find_target(line: str, cursor: int) -> Context:
    """Return what is at `cursor` of a logical line."""
    tree = find_tree(line, cursor)
    if tree is None:
        return Context(cursor)
    line = tree.line
    context = _Finder(line, cursor).in_tree(tree)
    context.tree = tree
    for target in context.targets:
        target.suffix_length = _rest_of_word(target, line, cursor)
        target.next_char = line[cursor + target.suffix_length : cursor + target.suffix_length + 1]
    return context


def _rest_of_word(target: CompletionTarget, line: str, cursor: int) -> int:
    """Return how many characters after the cursor belong to the completed name or value.

    If no part of a name is before the cursor, a new one is inserted there.
    """
    if target.quote or target.writing == LITERAL:
        return 0
    if target.kind == VALUE:
        rest = _REST_OF_OPTION if target.writing == KEYVAL else _REST_OF_VALUE
    elif target.kind in _NAMES and target.text:
        rest = _REST_OF_NAME
    else:
        return 0
    match = rest.match(line, cursor)
    return len(match[0]) if match else 0


def find_tree(line: str, cursor: int) -> Tree | None:
    """Return the tree of a line with blanks in place of a pasted prompt, so that all offsets stay.

    None if the line is too long, or nothing for a server is at the cursor.
    """
    if len(line) > MAX_TYPED or not 0 <= cursor <= len(line):
        return None
    dropped = prompt_width(line)
    if cursor < dropped or line.startswith(_OUTPUT_OF_DOCUMENTS, len(line) - len(line.lstrip())):
        return None
    return parse(" " * dropped + line[dropped:])


_MARKS = (t.SEPARATOR, t.OPEN, t.CLOSE)


def _tokens_of_part(tree: Tree, number: int) -> Iterator[Token]:
    """Yield the tokens of a part, with those of the redirect after it."""
    marks = 0
    for token in tree.tokens:
        marks += token.kind in _MARKS
        if marks > number or token.kind == t.PIPE:
            return
        if marks == number and token.kind not in (*_MARKS, t.COMMENT):
            yield token


def _set_key_path(target: CompletionTarget) -> None:
    """Store in the command where the cursor is."""
    assert target.call is not None
    is_member = target.kind == VALUE and target.path
    target.call.key_path = (
        (target.path[:-1], target.path[-1]) if is_member else (target.path, target.name_at_cursor)
    )


class _Finder:
    """Finds what is at a cursor in a line."""

    def __init__(self, line: str, cursor: int) -> None:
        self._line = line
        self._cursor = cursor

    def _context(self, *targets: CompletionTarget, call: PartialCommand | None = None) -> Context:
        return Context(self._cursor, list(targets), call)

    def _target(
        self, kind: str, text: str, *, words: Sequence[str] = (), subject: str = ""
    ) -> CompletionTarget:
        """Return a target whose text ends at the cursor."""
        start = self._cursor - len(text)
        return CompletionTarget(kind, text, start, words=tuple(words), subject=subject)

    def _typed(self, tokens: Sequence[Token]) -> str:
        """Return the typed part of the word at the cursor."""
        for token in tokens:
            if token.start < self._cursor <= token.end:
                return self._line[token.start : self._cursor]
        return ""

    def in_tree(self, tree: Tree) -> Context:
        before = [token for token in tree.tokens if token.start < self._cursor]
        for index, token in enumerate(before):
            if token.kind == t.PIPE:
                return self._context(*program_targets(self._line, self._cursor, token.end))
            if token.kind == t.COMMENT and self._cursor <= token.end:
                return self._context()
            if token.kind == t.REDIRECT and token.end <= self._cursor:
                file = tree.tokens[index + 1] if index + 1 < len(tree.tokens) else None
                if file is None or file.kind != t.FILE or self._cursor <= file.end:
                    return self._context(*self._file_targets(token, file))
            elif token.kind in _MARKS and self._cursor <= token.end and token.text != "\n":
                if token.kind != t.OPEN:
                    return self._context()
                return self._context(self._target(COMMAND, self._typed([token])))
        number = sum(token.kind in _MARKS for token in before)
        tokens = list(_tokens_of_part(tree, number))
        return self.item_context(tokens, tree.parts[number])

    def item_context(self, item: Sequence[Token], part: Part) -> Context:
        """Return the context in one item of a line, the part whose tokens are `item`."""
        if part.is_closing:
            name = Token(t.NAME, "transaction", 0)
            context = self.argument_context(COMMAND, name, item)
            if context.call is not None:
                context.call.root.members.setdefault("actions", Value(v.OPAQUE, "", 0, 0))
            return context
        text = ""
        if item and self._cursor > item[0].start:
            first = item[0]
            if first.kind == t.OBJECT:
                return self.raw_context(first)
            if self._cursor > first.end:
                if first.kind == t.SHELL_COMMAND:
                    return self.shell_command_context(first, item[1:])
                sort = ACTION if part.is_action else COMMAND
                return self.argument_context(sort, first, item[1:])
            text = self._line[first.start : self._cursor]
        if part.is_action:
            end = self._target(WORD, text, words=(")",))
            return self._context(self._target(COMMAND, text, subject=ACTION), end)
        shell_command = self._target(SHELL_COMMAND, text)
        if text.startswith("/"):
            return self._context(shell_command)
        return self._context(self._target(COMMAND, text), *([shell_command] if not text else []))

    def argument_context(self, sort: str, name: Token, tokens: Sequence[Token]) -> Context:
        """Return the context of a cursor after a command's name. `tokens` are those after it."""
        item = command_item(self._line, name, list(tokens))
        call = PartialCommand(sort, name.text, no_members(name.end))
        if item.whole is None or item.json is None:
            for argument in item.arguments:
                call.root.add(argument)
            return self._context(*self._argument_targets(item, call), call=call)
        call.root, call.is_whole = item.json.root, True
        call.is_closed = item.whole.closed and self._cursor >= item.whole.end
        targets = self._json_targets(item.json, call) if self._cursor > item.whole.start else []
        return self._context(*targets, call=call)

    def _argument_targets(self, item: CommandItem, call: PartialCommand) -> list[CompletionTarget]:
        """Return the targets at a cursor among `key=value` arguments."""
        for argument in item.arguments:
            if argument.key.start < self._cursor <= argument.key.end:
                return [self._key_target(argument.key, call)]
            if argument.key.end < self._cursor <= argument.value.end:
                return self._value_targets(argument, call)
        for word in item.words:
            if word.start < self._cursor <= word.end:
                return [self._key_target(word, call)] if word.kind == t.WORD else []
        if self._line[self._cursor - 1 : self._cursor] in (" ", "\t", "\n"):
            return [CompletionTarget(KEY, "", self._cursor, call=call)]
        return []

    def _key_target(self, key: Token, call: PartialCommand) -> CompletionTarget:
        path, _ = parse_key(key.text, key.start)
        *parents, (name, start) = [part for part in path if part[1] <= self._cursor]
        typed = self._line[start : self._cursor]
        quote = '"' if typed.startswith('"') else ""
        text = unquoted(typed) if quote else typed
        above = tuple(parent for parent, _ in parents)
        target = CompletionTarget(
            KEY, text, start, call=call, path=above, quote=quote, name_at_cursor=name
        )
        target.raw, target.raw_start = self._line[key.start : self._cursor], key.start
        _set_key_path(target)
        return target

    def _value_targets(self, argument: Argument, call: PartialCommand) -> list[CompletionTarget]:
        token = argument.value
        if self._cursor < token.start:
            return []
        path = tuple(name for name, _ in argument.path)
        call.key_path = (path[:-1], path[-1])
        if token.kind == t.COMPOUND:
            assert argument.json is not None
            return self._json_targets(argument.json, call, path)
        typed = self._line[token.start : self._cursor]
        if typed.startswith("@"):
            return [CompletionTarget(FILE, typed[1:], token.start + 1, call=call, subject="@")]
        quote = typed[:1] if token.kind == t.QUOTED else ""
        if quote and token.closed and self._cursor == token.end:
            return []
        text = unquoted(typed) if quote else typed
        target = CompletionTarget(VALUE, text, token.start, call=call, path=path, quote=quote)
        target.closed = token.closed and self._cursor == token.end - 1 and bool(quote)
        if argument.operator.text == ":=":
            target.writing = LITERAL
        return [target]

    def _json_targets(
        self, json: JsonTree, call: PartialCommand, path: tuple[str, ...] = ()
    ) -> list[CompletionTarget]:
        """Return the target at a cursor in JSON whose path is `path`."""
        leaf = json.leaf_at(self._cursor)
        if leaf is None or leaf.expects not in (v.EXPECTS_KEY, v.EXPECTS_VALUE):
            return []
        token = leaf.text if leaf.start < self._cursor else ""
        typed, rest = token[: self._cursor - leaf.start], token[self._cursor - leaf.start :]
        quote = token[:1] if token[:1] in ("'", '"') else ""
        target = CompletionTarget(
            VALUE if leaf.expects == v.EXPECTS_VALUE else KEY,
            unquoted(typed) if quote else typed,
            leaf.start if token else self._cursor,
            call=call,
            path=(*path, *leaf.path),
            writing=LITERAL,
            quote=quote,
        )
        target.closed = bool(quote) and rest == quote
        if not quote:
            target.name_at_cursor = token
        elif rest:
            target.name_at_cursor = unquoted(token)
        _set_key_path(target)
        return [target]

    def raw_context(self, token: Token) -> Context:
        """Return the context in a line of raw JSON."""
        json = JsonTree(token)
        root = json.root
        name = next(filter(None, map(root.text_of, EXECUTE)), "")
        arguments = root.members.get("arguments") or no_members(token.end)
        call = PartialCommand(
            COMMAND,
            name,
            arguments,
            is_whole=True,
            is_closed=token.closed and self._cursor >= token.end,
            envelope=root,
            is_out_of_band="exec-oob" in root.members,
        )
        context = self._context(*self._json_targets(json, call), call=call)
        if not context.targets:
            return context
        (target,) = context.targets
        path, is_value = target.path, target.kind == VALUE
        if path[:1] == ("arguments",) and (len(path) > 1 or not is_value):
            target.path = path[1:]
            _set_key_path(target)
            return context
        call.key_path = ((), "")
        if not is_value and not path:
            target.kind, target.words = ENVELOPE, tuple(root.members)
        elif is_value and len(path) == 1 and path[0] in EXECUTE:
            target.kind = COMMAND
        elif is_value and path == ("arguments",):
            target.kind, target.words = WORD, ("{",)
        else:
            context.targets = []
        return context

    def option_string_context(self, word: Token, start: int) -> Context:
        """Return the context in the option string at `start` for the command that `word` names."""
        name, implied = option_command(word.text)
        call = PartialCommand(COMMAND, name, no_members(start))
        targets: list[CompletionTarget] = []
        text = self._line[start:].rstrip()
        if start + len(text) < self._cursor:
            text = self._line[start : self._cursor]
        arguments = parse_options(text, start, name, implied_key=implied).arguments
        last = arguments[-1].value  # the end of the line is not part of it
        last.text = last.text.rstrip()
        for argument in arguments:
            key, token = argument.key, argument.value
            is_value = argument.operator.text != ""
            is_implied = not (key.text or is_value) and argument.path[0][0] == implied
            if is_value or (is_implied and token.text):
                call.root.add(argument)
            if not key.start <= self._cursor <= token.end:
                continue
            if is_implied or (is_value and self._cursor > key.end):
                typed = self._line[token.start : self._cursor].replace(",,", ",")
                path = tuple(part for part, _ in argument.path)
                targets.append(CompletionTarget(VALUE, typed, token.start, call=call, path=path))
                _set_key_path(targets[-1])
            if is_implied or self._cursor <= key.end:
                typed = self._line[key.start : self._cursor]
                *parents, part = [typed] if name == OLD_SYNTAX else typed.split(".")
                target = self._target(KEY, part)
                target.call, target.path = call, tuple(parents)
                own = argument.path[len(parents) : len(parents) + 1]
                target.name_at_cursor = own[0][0] if own else ""
                _set_key_path(target)
                targets.append(target)
        for target in targets:
            target.writing = KEYVAL
        return self._context(*targets, call=call)

    def shell_command_context(self, name: Token, tokens: Sequence[Token]) -> Context:
        """Return the context of a cursor after the name of a shell command."""
        command = shell_command_name(name.text)
        options = _OPTIONS.get(command, ())
        while tokens and tokens[0].text in options and self._cursor > tokens[0].end:
            used = 1 if tokens[0].text in _FLAGS else 2
            if len(tokens) < used or (used > 1 and self._cursor <= tokens[1].end):
                return self._context()
            options = tuple(option for option in options if option != tokens[0].text)
            tokens = tokens[used:]
        context = self._shell_arguments(command, tokens)
        text = self._typed(tokens[:1])
        if options and (text or command in ("/jobs", "/wait-migration")):
            words = [f"{option} " for option in options]
            context.targets.append(self._target(WORD, text, words=words))
        return context

    def _shell_arguments(self, name: str, tokens: Sequence[Token]) -> Context:
        """Return the context in the arguments of the shell command `name`."""
        if name == t.WATCH and tokens and tokens[0].text.startswith("/"):
            return self._watched_view(tokens)
        if name == "/table":
            # What precedes the last word is for the table.
            places = [number for number, token in enumerate(tokens) if token.kind == t.WORD]
            tokens = tokens[places[-1] :] if places else []
            return self._command(COMMAND, tokens)
        if name in ("/oob", t.WATCH):
            return self._command(COMMAND, tokens, is_out_of_band=name == "/oob")
        if name == "/wait":
            return self._command(EVENT, tokens)
        if name == "/keyval":
            return self._option_string(tokens)
        if name == "/set":
            return self._context(*self._settings(tokens))
        if name in ("/graph", "/info", "/key"):
            return self._context(self._view_target(name, tokens))
        if name == "/help" and tokens and self._cursor > tokens[0].end:
            return self._help_arguments(tokens)
        kind = _WORDS.get(name)
        if kind is None or (tokens and self._cursor > tokens[-1].end):
            return self._context()
        return self._context(*self._word_targets(name, kind, tokens))

    def _help_arguments(self, tokens: Sequence[Token]) -> Context:
        """Return the context after `/help NAME`. The line does not run the command NAME."""
        if tokens[0].kind != t.WORD:
            return self._context()
        targets = self.argument_context(COMMAND, tokens[0], tokens[1:]).targets
        for target in targets:
            target.subject = HELP if target.kind == KEY else target.subject
        return self._context(*targets)

    def _view_target(self, name: str, tokens: Sequence[Token]) -> CompletionTarget:
        """Return what is completed after `/graph`, `/info` or `/key`."""
        text = self._typed(tokens)
        earlier = [token.text for token in tokens if token.end < self._cursor]
        if name == "/graph":
            is_named = any(word not in _GRAPH_OPTIONS for word in earlier)
            names = _GRAPHS if not is_named else ()
            options = _GRAPH_OPTIONS if is_named or text else ()
            words = [word for word in (*names, *options) if word not in earlier]
            return self._target(WORD, text, words=words)
        if name == "/info":
            return self._target(INFO, text, words=earlier)
        return self._target(KEY_NAME, text.rpartition("-")[2])

    def _watched_view(self, tokens: Sequence[Token]) -> Context:
        """Return the context in a shell command that `/watch` repeats."""
        if self._cursor > tokens[0].end:
            return self.shell_command_context(tokens[0], tokens[1:])
        words = [f"{name} " for name in (t.HUMAN, *t.VIEWS, "/screen")]
        return self._context(self._target(WORD, self._typed(tokens), words=words))

    def _word_targets(
        self, name: str, kind: str, tokens: Sequence[Token]
    ) -> list[CompletionTarget]:
        if kind == FILE:
            subject = ADDRESS if name == "/connect" else ""
            return self._files(tokens, words=_OFF.get(name, ()), subject=subject)
        text = self._typed(tokens)
        if kind == EVENT_FILTER:
            target = self._target(kind, text.rpartition(",")[2].lstrip("+-"))
            return (
                [target] if len(tokens) > 1 else [self._target(WORD, text, words=("list",)), target]
            )
        return [] if len(tokens) > 1 else [self._target(kind, text)]

    def _command(
        self, sort: str, tokens: Sequence[Token], *, is_out_of_band: bool = False
    ) -> Context:
        if not tokens or self._cursor <= tokens[0].end:
            text = self._typed(tokens)
            if sort == EVENT:  # the last of several names
                text = text.rpartition(",")[2]
            subject = "oob" if is_out_of_band else ""
            return self._context(self._target(sort, text, subject=subject))
        context = self.argument_context(sort, tokens[0], tokens[1:])
        if context.call is not None:
            context.call.is_out_of_band = is_out_of_band
        return context

    def _option_string(self, tokens: Sequence[Token]) -> Context:
        if not tokens or self._cursor <= tokens[0].end:
            return self._context(self._target(OPTION_NAME, self._typed(tokens)))
        if len(tokens) > 1 and tokens[1].kind == t.OBJECT:
            return self.argument_context(COMMAND, tokens[0], tokens[1:])
        start = min(tokens[1].start, self._cursor) if len(tokens) > 1 else self._cursor
        return self.option_string_context(tokens[0], start)

    def _settings(self, tokens: Sequence[Token]) -> list[CompletionTarget]:
        for index, token in enumerate(tokens):
            if not token.start <= self._cursor <= token.end:
                continue
            if token.kind in (t.VALUE, t.QUOTED) and index > 1:
                quote = token.text[0] if token.kind == t.QUOTED else ""
                if quote and token.closed and self._cursor == token.end:
                    return []
                typed = self._line[token.start + len(quote) : self._cursor]
                start = token.start
                if "," in typed:
                    typed = typed.rpartition(",")[2]
                    start, quote = self._cursor - len(typed), ""
                name = tokens[index - 2].text
                return [CompletionTarget(SETTING_VALUE, typed, start, subject=name, quote=quote)]
            if token.kind in (t.WORD, t.KEY) and self._cursor > token.start:
                return [self._target(SETTING, self._typed([token]))]
        at_blank = self._line[self._cursor - 1 : self._cursor] in tuple(BLANKS)
        return [self._target(SETTING, "")] if at_blank else []

    def _files(
        self, tokens: Sequence[Token], *, words: Sequence[str] = (), subject: str = ""
    ) -> list[CompletionTarget]:
        start = tokens[0].start if tokens and tokens[0].start < self._cursor else self._cursor
        typed = self._line[start : self._cursor]
        quote = typed[:1] if typed[:1] in ("'", '"') else ""
        if not quote and any(char in BLANKS for char in typed):
            return []
        is_at_end = bool(tokens) and tokens[0].closed and self._cursor == tokens[0].end
        if quote and is_at_end and len(typed) > 1 and typed.endswith(quote):
            return []
        target = CompletionTarget(FILE, typed[len(quote) :], start, quote=quote, subject=subject)
        return [target, self._target(WORD, typed, words=words)] if words else [target]

    def _file_targets(self, mark: Token, file: Token | None) -> list[CompletionTarget]:
        if self._cursor == mark.end or mark.text == INHERITED:
            return []
        return self._files([file] if file is not None and file.kind == t.FILE else [])


_BETWEEN_PROGRAMS = re.compile(r"[|;&(]")


def program_targets(line: str, cursor: int, start: int) -> list[CompletionTarget]:
    """Return what is at the cursor in a system shell command from `start` on: a program or a file."""
    command = line[start:cursor]
    if not command or any(char in command for char in "\"'\\`$"):
        return []
    *_, last = _BETWEEN_PROGRAMS.split(command)
    word = re.split(r"[\s<>]", last)[-1]
    is_program = not last.strip() or last.lstrip() == word
    kind = PROGRAM if is_program and "/" not in word else FILE
    return [CompletionTarget(kind, word, cursor - len(word))]


def argument_context(
    line: str, cursor: int, sort: str, name: Token, tokens: Sequence[Token]
) -> Context:
    """Return the context of a cursor after a command's name. `tokens` are those after it."""
    return _Finder(line, cursor).argument_context(sort, name, tokens)


def finished_context(line: str, part: Part) -> Context:
    """Return the context of a part of a line as if the cursor had left it."""
    last = part.tokens[-1].end
    return _Finder(line[:last], last + 1).item_context(part.tokens, part)


def with_command(context: Context) -> Context:
    """Return the context, or if it has no command, that of the item around the cursor.

    A cursor in the name of a command is not in its arguments. A name at the end of a line is being
    typed.
    """
    tree, cursor = context.tree, context.cursor
    if context.call is None and tree is not None:
        for part in items_of(tree):
            if part.tokens[0].start <= cursor < part.tokens[-1].end:
                return finished_context(tree.line, part)
    return context


def items_of(tree: Tree) -> list[Part]:
    """Return the parts of a line that are not empty, up to the maximum number."""
    return [part for part in tree.parts if part.tokens][:_MAX_ITEMS]
