"""The words of a local command.

Owns: `-t SECONDS`, counts of words, and what is wrong with them. Must not know: what commands do.
Raises LineError.
"""

from __future__ import annotations

from ..errors import LineError
from ..language import tokens as t
from .registry import COMMANDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..language.command import LocalCommand
    from ..language.tokens import Token


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


def take_timeout(call: LocalCommand) -> tuple[float | None, list[Token]]:
    """The seconds of `-t`, None without it, and the other tokens."""
    tokens = call.tokens
    if not tokens or tokens[0].text != "-t":
        return None, tokens
    if len(tokens) < 2:
        raise usage(call, "a number of seconds must follow -t", tokens[0])
    try:
        seconds = float(tokens[1].text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1e9:
        raise usage(call, f"{tokens[1].text[:40]!r} is no number of seconds", tokens[1])
    return seconds, tokens[2:]
