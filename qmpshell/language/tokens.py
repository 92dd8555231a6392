"""The tokenizer: splits a line into tokens with their positions.

It never fails. Incomplete or invalid text becomes a token that says so (`closed` is false, or the
kind is WORD); `Tree.items` in `syntax.py` is strict.
"""

from __future__ import annotations

import re

from ..errors import LineError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


NAME = "name"  # the command's name
WORD = "word"  # a word without "=" where an argument is expected
KEY = "key"  # file.driver
OPERATOR = "operator"  # = or :=
VALUE = "value"  # plain text after the operator, possibly empty
QUOTED = "quoted"  # a quoted value, including the quotes
COMPOUND = "compound"  # a value in brackets
OBJECT = "object"  # a JSON object instead of a command or as its arguments
SEPARATOR = "separator"  # ; or the line end in a transaction; empty between JSON objects
COMMENT = "comment"  # from # to the end of the line
SHELL_COMMAND = "shell-command"  # /wait: the name of a shell command
TEXT = "text"  # the rest of a line, for the human monitor or the system shell
PIPE = "pipe"  # |
REDIRECT = "redirect"  # > >> < <>
FILE = "file"  # the file name after a redirection operator, possibly quoted
OPEN = "open"  # transaction(
CLOSE = "close"  # ) as a separate word
# Leaves of JSON, and what is between all tokens.
MEMBER = "member"  # a string that is the name of a member
STRING = "string"
LITERAL = "literal"  # a number or another word
MARK = "mark"  # a bracket, colon or comma
BLANK = "blank"


class Token:
    """A token. `text` is the line from `start` to `end`; `closed` is false if a quote or bracket is open."""

    __slots__ = ("closed", "end", "kind", "start", "text")

    def __init__(self, kind: str, text: str, start: int, *, closed: bool = True) -> None:
        self.kind = kind
        self.text = text
        self.start = start
        self.end = start + len(text)
        self.closed = closed

    def error(self, reason: str, *, hint: str = "") -> LineError:
        """Return the error about this token."""
        return LineError(reason, start=self.start, end=self.end, hint=hint)

    def __repr__(self) -> str:
        return f"Token({self.kind}, {self.text!r}, {self.start})"


# Web pages contain no-break spaces, which look like blanks.
NO_BREAK_SPACES = "\u00a0\u202f"
BLANKS = f" \t\r\n{NO_BREAK_SPACES}"
# A word ends at a blank, or before a semicolon that a blank or the end follows. Compiling a set with a
# character above 255 takes longer than a short script. The other expressions are compiled on first
# use, because many scripts do not need them.
_ASCII_WORD = re.compile(r"[^ \t\r\n;]*+(?:;(?![ \t\r\n]|$)[^ \t\r\n;]*+)*+")
_WORD = f"[^{BLANKS};]*+(?:;(?![{BLANKS}]|$)[^{BLANKS};]*+)*+"
_DOUBLE = r'"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+("?)'
_SINGLE = r"'[^'\n]*+('?)"
# A name, an index or quoted text, then what must follow it.
_KEY_PART = r'"(?:[^"\\]|\\.)*"|[^\s"=.;:{}\[\]]*(?:;(?!\s|$)[^\s"=.;:{}\[\]]*)*'
_OPERATOR = r":?="
_BRACKET = r"""["'\[\]{}]"""
_JSON_STRINGS = {'"': _DOUBLE, "'": r"'[^'\\\n]*+(?:\\.[^'\\\n]*+)*+('?)"}


# The start of a transaction, the shell command that takes a line for the human monitor, the one that
# takes a line of either kind, and the one whose text is not for a shell of this host.
TRANSACTION = "transaction("
HUMAN = "/hmp"
WATCH = "/watch"
# The shell commands that show a document, which /watch can repeat.
VIEWS = ("/graph", "/info", "/table")
TYPE = "/type"
# Words that stand for a shell command, because users of other shells try them first.
_ALIASES = {"help": "/help", "?": "/help"}

_CLOSE_END = f";?(?:[{BLANKS}]|$)"
_REDIRECT = f"<&|(?:>>|<>|[<>])(?=[{BLANKS}]|$)"
# The human monitor has bitwise expressions, as in "p 1 | 2".
_HUMAN_PIPE = (
    rf"(?<=[ \t{NO_BREAK_SPACES}])\|"
    rf"(?=[ \t{NO_BREAK_SPACES}]+(?![-+]?[0-9])[^ \t{NO_BREAK_SPACES}]|[ \t{NO_BREAK_SPACES}]*$)"
)


def tokenize(line: str) -> list[Token]:
    """Return the tokens of a line. Only blanks are between them."""
    return list(_tokens(line))


def tokenize_hmp(line: str) -> list[Token]:
    """Return the tokens of a human monitor line: its TEXT, and a pipe."""
    return list(_human(line, 0))


def _tokens(line: str) -> Iterator[Token]:  # noqa: C901 - a state machine
    position = 0
    expects_command = True
    in_transaction = in_watch = False
    # Whether the last token is a JSON object instead of a command.
    after_json = False
    # Up to here no key with an operator starts: each stretch of text is searched for one once.
    no_operator_before = 0
    while True:
        before = position
        position = _skip(line, position)
        if in_transaction and not expects_command and "\n" in line[before:position]:
            newline = line.index("\n", before)
            yield Token(SEPARATOR, "\n", newline)
            expects_command = True
        if position == len(line):
            return
        token = _mark(line, position)
        if after_json and line[position] == ";":
            token = Token(SEPARATOR, ";", position)
        elif after_json and line[position] == "{":
            yield Token(SEPARATOR, "", position)
            expects_command = True
        after_json = False
        if token is not None and token.kind == PIPE and not expects_command:
            yield token
            yield from _rest(line, token.end)
            return
        if token is not None and token.kind == REDIRECT and not expects_command:
            yield token
            file = _file(line, _skip(line, token.end))
            if file is not None:
                yield file
                token = file
        elif token is not None and token.kind in (COMMENT, SEPARATOR):
            expects_command |= token.kind == SEPARATOR
            yield token
        elif token is not None and token.kind == CLOSE and in_transaction:
            in_transaction = expects_command = False
            yield token
        elif expects_command:
            token = _command(line, position)
            in_transaction |= token.kind == OPEN
            expects_command = token.kind == OPEN
            in_watch = token.kind == SHELL_COMMAND and token.text == WATCH
            after_json = token.kind == OBJECT
            yield token
            if token.kind == SHELL_COMMAND and token.text == HUMAN:
                yield from _human(line, token.end)
                return
            if token.kind == SHELL_COMMAND and token.text == TYPE:
                yield from _rest(line, token.end)
                return
        elif line[position] == "{":
            token = _compound(line, position, OBJECT)
            yield token
        elif (
            in_watch
            and line.startswith(HUMAN, position)
            and _ends_word(line, position + len(HUMAN))
        ):
            yield Token(WORD, HUMAN, position)
            yield from _human(line, position + len(HUMAN))
            return
        else:
            if position >= no_operator_before:
                end = _key_end(line, position)
                operator = re.compile(_OPERATOR).match(line, end)
                if operator is None or end == position:
                    no_operator_before = max(end, position + 1)
            if position < no_operator_before:
                token = _word_token(line, position)
                yield token
            else:
                assert operator is not None
                yield Token(KEY, line[position:end], position)
                yield Token(OPERATOR, operator[0], end)
                token = _value(line, operator.end())
                yield token
        position = token.end


def _mark(line: str, position: int) -> Token | None:
    """Return a token that is not a word: a comment, separator, pipe, redirection operator or `)`."""
    char = line[position]
    if char == "#":
        end = line.find("\n", position)
        return Token(COMMENT, line[position : end if end >= 0 else len(line)], position)
    if char == ";" and _stands_alone(line, position):
        return Token(SEPARATOR, ";", position)
    if char == "|" and _stands_alone(line, position):
        return Token(PIPE, "|", position)
    if char in "<>":
        match = re.compile(_REDIRECT).match(line, position)
        return Token(REDIRECT, match[0], position) if match else None
    if char == ")" and re.compile(_CLOSE_END).match(line, position + 1):
        return Token(CLOSE, ")", position)
    return None


def _command(line: str, position: int) -> Token:
    if line[position] == "{":
        return _compound(line, position, OBJECT)
    word = _word(line, position)
    if word.startswith(TRANSACTION):
        return Token(OPEN, TRANSACTION, position)
    # No command of a server starts with a slash.
    is_shell_command = word[0] == "/" or word in _ALIASES
    return Token(SHELL_COMMAND if is_shell_command else NAME, word, position)


def ends_with_close(token: Token) -> bool:
    """Return True if an unquoted word ends with a `)` without its `(`.

    >>> [token.text for token in tokenize("a b=c) d=(e)") if ends_with_close(token)]
    ['c)']
    """
    text = token.text
    is_word = token.kind in (NAME, WORD, VALUE)
    return is_word and text.endswith(")") and text.count(")") > text.count("(")


def shell_command_name(word: str) -> str:
    """Return the name of the shell command that a word stands for.

    >>> shell_command_name("?"), shell_command_name("/wait")
    ('/help', '/wait')
    """
    return _ALIASES.get(word, word)


def _file(line: str, position: int) -> Token | None:
    if position == len(line):
        return None
    quoted = _quoted(line, position)
    if quoted is not None:
        return Token(FILE, quoted.text, position, closed=quoted.closed)
    if _mark(line, position) is not None:
        return None
    return Token(FILE, _word(line, position), position)


def _rest(line: str, position: int) -> Iterator[Token]:
    position = _skip(line, position)
    text = line[position:].rstrip(BLANKS)
    if text:
        yield Token(TEXT, text, position)


def _human(line: str, position: int) -> Iterator[Token]:
    start = _skip(line, position)
    pipe = re.compile(_HUMAN_PIPE).search(line, start)
    text = line[start : pipe.start() if pipe else len(line)].rstrip(BLANKS)
    if text:
        yield Token(TEXT, text, start)
    if pipe:
        yield Token(PIPE, "|", pipe.start())
        yield from _rest(line, pipe.end())


def _skip(line: str, position: int) -> int:
    while position < len(line) and line[position] in BLANKS:
        position += 1
    return position


def _stands_alone(line: str, position: int) -> bool:
    return position + 1 == len(line) or line[position + 1] in BLANKS


def _ends_word(line: str, position: int) -> bool:
    if position == len(line) or line[position] in BLANKS:
        return True
    return line[position] == ";" and _stands_alone(line, position)


def _word(line: str, position: int) -> str:
    expression = _ASCII_WORD if line.isascii() else re.compile(_WORD)
    match = expression.match(line, position)
    assert match is not None
    return match[0]


def _word_token(line: str, start: int) -> Token:
    # Quotes have no meaning here, but their content is one mistake, not several.
    quoted = _quoted(line, start)
    return Token(WORD, quoted.text if quoted else _word(line, start), start)


def _key_end(line: str, position: int) -> int:
    while True:
        part = re.compile(_KEY_PART).match(line, position)
        assert part is not None
        position = part.end()
        # A colon is part of the key, unless it is part of ":=".
        while line[position : position + 1] == ":" and line[position : position + 2] != ":=":
            rest = re.compile(_KEY_PART).match(line, position + 1)
            assert rest is not None
            position = rest.end()
        if line[position : position + 1] != ".":
            return position
        position += 1


def _value(line: str, position: int) -> Token:
    char = line[position : position + 1]
    if char and char in "{[":
        return _compound(line, position, COMPOUND)
    quoted = _quoted(line, position)
    if quoted is not None:
        return quoted
    if line.startswith("json:", position) and line[position + 5 : position + 6] in (
        "{",
        "[",
        '"',
        "'",
    ):
        inner = _value(line, position + 5)
        return Token(VALUE, line[position : inner.end], position, closed=inner.closed)
    return Token(VALUE, _word(line, position), position)


def _quoted(line: str, position: int) -> Token | None:
    char = line[position : position + 1]
    if char not in ('"', "'"):
        return None
    match = re.compile(_DOUBLE if char == '"' else _SINGLE).match(line, position)
    assert match is not None
    return Token(QUOTED, match[0], position, closed=bool(match[1]))


def _compound(line: str, start: int, kind: str) -> Token:
    """Return the token up to the bracket that closes the first one. JSON parsing checks that they match."""
    depth = 0
    position = start
    while True:
        match = re.compile(_BRACKET).search(line, position)
        if match is None:
            return Token(kind, line[start:], start, closed=False)
        position = match.end()
        if match[0] in "{[":
            depth += 1
        elif match[0] in "}]":
            depth -= 1
            if depth == 0:
                return Token(kind, line[start:position], start)
        else:
            string = re.compile(_JSON_STRINGS[match[0]]).match(line, match.start())
            assert string is not None
            position = string.end()
