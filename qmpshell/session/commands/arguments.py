"""The functions of shell commands, and parsing of their arguments. Functions raise LineError."""

from __future__ import annotations

from importlib import import_module

from ...errors import LineError
from ...language import (
    command_item,
    evaluate_command,
    evaluate_raw,
    raw_item,
    suggestion_for,
    tokens as t,
    unquote,
)
from .registry import COMMANDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ...language import Command, RawCommand, ShellCommand, Token
    from ..context import CommandContext
    from ..steps import Steps

    # A function that waits for something returns its steps.
    Run = Callable[[CommandContext, ShellCommand], Steps | None]


# The option of views that shows their requests.
SHOW_REQUESTS = "-v"


def usage_error(call: ShellCommand, reason: str, token: Token | None = None) -> LineError:
    """Return the error for a wrong call of a shell command, at `token` or at its name."""
    return (token or call).error(reason, hint=f"usage: {COMMANDS[call.name][1]}")


def no_argument_error(call: ShellCommand, token: Token) -> LineError:
    """Return the error for an argument that a shell command does not have."""
    return usage_error(call, f"{call.name} has no argument {token.text[:40]!r}", token)


def no_option_error(call: ShellCommand, token: Token) -> LineError:
    """Return the error for an option that a shell command does not have."""
    return usage_error(call, f"{call.name} has no option {token.text[:40]!r}", token)


def reject_option(call: ShellCommand, token: Token) -> None:
    """Raise LineError for a word that looks like an option, which the shell command does not have."""
    if token.kind == t.WORD and token.text.startswith("-"):
        raise no_option_error(call, token)


def command_words(call: ShellCommand) -> list[Token]:
    """Return the command's arguments, none of which may be KEY=VALUE."""
    for token in call.tokens:
        if token.kind != t.WORD:
            raise no_argument_error(call, token)
    return call.tokens


def text_of(token: Token) -> str:
    """Return a word without its quotes."""
    if len(token.text) > 1 and token.text[0] in "\"'" and token.text[-1] == token.text[0]:
        return unquote(token)
    return token.text


def file_name(call: ShellCommand, what: str) -> tuple[str, int, int]:
    """Return the only word of a command, as it is, and its position. `what` names it in the error."""
    if not call.tokens:
        raise usage_error(call, what)
    first, last = call.tokens[0], call.tokens[-1]
    if first.kind == t.WORD and first.text.startswith("-"):
        reason = f"{call.name} has no option {first.text[:40]!r}"
        raise first.error(reason, hint=f"use ./{first.text[:40]} for that name")
    text = call.line[first.start : last.end]
    if len(call.tokens) == 1:
        return text_of(first), first.start, first.end
    if text[0] in "\"'" and text.find(text[0], 1) == len(text) - 1 and "\\" not in text:
        return text[1:-1], first.start, last.end  # with a = in it, which makes several tokens
    if any(char in t.BLANKS for char in text):
        reason = f"{call.name} takes one word; quote it if it contains blanks"
        raise usage_error(call, reason, call.tokens[1])
    return text, first.start, last.end


def value_text(token: Token) -> str:
    """Return the value of KEY=VALUE without its quotes."""
    return unquote(token) if token.kind == t.QUOTED else token.text


def parse_timeout(call: ShellCommand) -> tuple[float | None, list[Token]]:
    """Return the seconds of `-t`, in any place, or None, and the other tokens."""
    tokens = call.tokens
    for index, token in enumerate(tokens):
        if token.kind == t.WORD and token.text == "-t":
            rest = tokens[:index] + tokens[index + 2 :]
            return number(call, tokens[index:], "seconds"), rest
    return None, tokens


def number(call: ShellCommand, tokens: list[Token], what: str) -> float:
    """Return the number after the first token. `what` names its unit."""
    if len(tokens) < 2:
        raise usage_error(call, f"a number of {what} must follow {tokens[0].text}", tokens[0])
    try:
        found = float(tokens[1].text)
    except ValueError:
        found = -1.0
    if not 0 <= found < 1e9:
        raise usage_error(call, f"{tokens[1].text[:40]!r} is not a number of {what}", tokens[1])
    return found


def require_monitor(context: CommandContext, call: ShellCommand, what: str) -> None:
    """Raise LineError if the server is a guest agent, which has no `what`."""
    if context.settings.agent:
        raise call.error(f"a guest agent has no {what}")


def evaluate_own_command(
    context: CommandContext, call: ShellCommand, first: Token, rest: list[Token], *, what: str
) -> Command | RawCommand:
    """Return the server's command that a shell command runs.

    `what` names it in the error about a file. Raises MissingError and LineError.
    """
    if first.kind == t.OBJECT:
        if rest:
            raise usage_error(call, "text after the JSON object", rest[0])
        return evaluate_raw(raw_item(first))
    item = command_item(call.line, t.Token(t.NAME, first.text, first.start), rest)
    if item.file is not None:
        raise usage_error(call, f"{what} cannot pass a file", rest[-1])
    return evaluate_command(item, context.introspection)


def find_command(name: str) -> Run | None:
    """Return the function that runs a shell command, or None if there is none of that name.

    Its module is imported on first use.
    """
    entry = COMMANDS.get(name)
    if entry is None:
        return None
    run: Run
    module, _, function = entry[0].partition(".")
    run = getattr(import_module(f".{module}", __package__), function)
    return run


class _ContextUsedError(Exception):
    """The arguments are valid: the command has called its context."""


class _NoContext:
    def evaluated(self, evaluate: Callable[[], object]) -> None:
        evaluate()
        raise _ContextUsedError

    def __getattr__(self, name: str) -> Any:
        raise _ContextUsedError


def find_mistake(call: ShellCommand) -> LineError | None:
    """Return the error in a shell command that can be found without a server, or None."""
    run = find_command(call.name)
    if run is None:
        hint = suggestion_for(call.name, list(COMMANDS)) or "/help shows the list"
        return call.error(f"unknown shell command {call.name[:40]}", hint=hint)
    context: Any = _NoContext()
    try:
        for _ in run(context, call) or ():
            break
    except _ContextUsedError:
        return None
    except LineError as error:
        return error
    return None
