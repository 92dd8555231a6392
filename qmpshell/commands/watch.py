"""`/watch`: a command again and again.

Owns: the words before the command, and reading it. Must not know: when it is sent, how its replies are
shown.
"""

from __future__ import annotations

from ..language.facts import Need
from ..language.parse import command_item
from ..language.read import read_command, read_raw
from ..language.tokens import HUMAN, NAME, OBJECT, TEXT, WORD, Token
from .words import number, usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..effects import Effect
    from ..language.command import LocalCommand
    from .host import Host

_INTERVAL = 2.0
_SHORTEST = 0.1


def run(host: Host, call: LocalCommand) -> list[Effect]:
    interval, count, tokens = _INTERVAL, None, call.tokens
    while tokens and tokens[0].text in ("-n", "-c"):
        if tokens[0].text == "-n":
            interval = number(call, tokens, "seconds")
            if interval < _SHORTEST:
                raise usage(call, f"it takes at least {_SHORTEST:g} seconds", tokens[1])
        else:
            given = number(call, tokens, "times")
            if given < 1 or given != int(given):
                raise usage(call, "it is 1 or a larger whole number", tokens[1])
            count = int(given)
        tokens = tokens[2:]
    if not tokens or tokens[0].kind not in (WORD, OBJECT):
        raise usage(call, "the command to watch is missing")
    first, rest = tokens[0], tokens[1:]
    text = call.line[first.start : tokens[-1].end]
    if first.kind == OBJECT:
        if rest:
            raise usage(call, "text follows the JSON object", rest[0])
        return host.watch(read_raw(first), text, interval=interval, count=count)
    if first.text == HUMAN:
        if not rest or rest[0].kind != TEXT:
            raise usage(call, "a line for the human monitor is missing", first)
        return host.watch(rest[0], text, interval=interval, count=count)
    if first.text.startswith("/"):
        raise usage(call, f"only commands of the server's and {HUMAN} can be watched", first)
    name = Token(NAME, first.text, first.start)
    item = command_item(call.line, name, rest)
    if item.file is not None:
        raise usage(call, "no file can go with a command that is sent again and again", rest[-1])
    command = read_command(item, host.facts)
    if isinstance(command, Need):
        return host.satisfy(command, call)
    return host.watch(command, text, interval=interval, count=count)
