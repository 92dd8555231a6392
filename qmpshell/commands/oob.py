"""`/oob`: a command out of band (qmp-spec, "Out-of-band execution").

Owns: reading the command behind it. Must not know: how it overtakes.
"""

from __future__ import annotations

from ..language.facts import Need
from ..language.parse import command_item
from ..language.read import read_command
from ..language.tokens import NAME, WORD, Token
from .words import usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..effects import Effect
    from ..language.command import LocalCommand
    from .host import Host


def run(host: Host, call: LocalCommand) -> list[Effect]:
    if not call.tokens or call.tokens[0].kind != WORD:
        raise usage(call, "the name of a command is missing")
    first = call.tokens[0]
    name = Token(NAME, first.text, first.start)
    item = command_item(call.line, name, call.tokens[1:])
    command = read_command(item, host.facts)
    if isinstance(command, Need):
        return host.satisfy(command, call)
    command.oob = True
    return host.perform(command)
