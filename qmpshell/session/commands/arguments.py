"""The words of a local command.

Owns: `-t SECONDS` and other numbers, counts of words, and what is wrong with them. Must not know: what
commands do. Raises LineError.
"""

from __future__ import annotations

from ...errors import LineError
from ...language import hint_for, tokens as t, unquote
from .registry import COMMANDS, find

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ...language import LocalCommand, Token


def usage(call: LocalCommand, reason: str, token: Token | None = None) -> LineError:
    """The error that a local command was called wrongly, at `token` or at its name."""
    start = call.start if token is None else token.start
    end = start + len(call.name) if token is None else token.end
    return LineError(reason, start=start, end=end, cure=f"usage: {COMMANDS[call.name][1]}")


def words(call: LocalCommand) -> list[Token]:
    """The call's arguments, of which none is KEY=VALUE."""
    for token in call.tokens:
        if token.kind != t.WORD:
            raise usage(call, f"{token.text[:40]!r} is not for {call.name}", token)
    return call.tokens


def text_of(token: Token) -> str:
    """A word, without its quotes if it stands in some."""
    if len(token.text) > 1 and token.text[0] in "\"'" and token.text[-1] == token.text[0]:
        return unquote(token)
    return token.text


def file_name(call: LocalCommand, what: str) -> tuple[str, int, int]:
    """The one word of a call, whatever it holds, and its place; `what` says what is missing."""
    if not call.tokens:
        raise usage(call, what)
    first, last = call.tokens[0], call.tokens[-1]
    text = call.line[first.start : last.end]
    if len(call.tokens) == 1:
        return text_of(first), first.start, first.end
    if any(char in " \t\r\n" for char in text):
        raise usage(call, "one name is enough; one with blanks stands in quotes", call.tokens[1])
    return text, first.start, last.end


def take_timeout(call: LocalCommand) -> tuple[float | None, list[Token]]:
    """The seconds of `-t`, None without it, and the other tokens."""
    tokens = call.tokens
    if not tokens or tokens[0].text != "-t":
        return None, tokens
    return number(call, tokens, "seconds"), tokens[2:]


def number(call: LocalCommand, tokens: list[Token], what: str) -> float:
    """The number, of `what`, that follows the first of the tokens."""
    if len(tokens) < 2:
        raise usage(call, f"a number of {what} must follow {tokens[0].text}", tokens[0])
    try:
        found = float(tokens[1].text)
    except ValueError:
        found = -1.0
    if not 0 <= found < 1e9:
        raise usage(call, f"{tokens[1].text[:40]!r} is no number of {what}", tokens[1])
    return found


class _WordsAreRight(Exception):
    """The command has come to ask its host."""


class _NoHost:
    def __getattr__(self, name: str) -> Any:
        raise _WordsAreRight


def mistake(call: LocalCommand) -> LineError | None:
    """The mistake in a call, if there is one that needs no server to be found."""
    run = find(call.name)
    if run is None:
        return LineError(
            f"there is no local command {call.name[:40]}",
            start=call.start,
            end=call.start + len(call.name),
            cure=hint_for(call.name, list(COMMANDS)) or "/help lists them",
        )
    host: Any = _NoHost()
    try:
        run(host, call)
    except _WordsAreRight:
        return None
    except LineError as error:
        return error
    return None
