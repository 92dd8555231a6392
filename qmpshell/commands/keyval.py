"""`/keyval`: a command whose arguments are QEMU's own option string.

Owns: the words of it, and the places of what is wrong. Must not know: QEMU's syntax (that is
`language.keyval`).
"""

from __future__ import annotations

from ..errors import LineError
from ..language.command import Argument, CommandItem
from ..language.facts import Need
from ..language.keyval import OLD_SYNTAX, option_command, read_keyval, read_options
from ..language.read import read_command
from ..language.tokens import KEY, NAME, OBJECT, OPERATOR, QUOTED, VALUE, WORD, Token
from ..protocol.json_text import encode
from .words import usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..effects import Effect
    from ..language.command import LocalCommand
    from .host import Host


def run(host: Host, call: LocalCommand) -> list[Effect]:
    if len(call.tokens) < 2 or call.tokens[0].kind != WORD:
        raise usage(call, "a command and its option string are missing")
    first, second = call.tokens[:2]
    name, implied = option_command(first.text)
    if second.kind == OBJECT and len(call.tokens) > 2:
        raise usage(call, "text follows the JSON object", call.tokens[2])
    start, end = second.start, call.tokens[-1].end
    text = call.line[start:end]
    token = Token(NAME, name, first.start)
    if second.kind == OBJECT:
        item = CommandItem(token, [], second)
    else:
        item = CommandItem(token, _arguments(text, start, name, implied), None)
    command = read_command(item, host.facts)
    if isinstance(command, Need):
        return host.satisfy(command, call)
    return host.perform(command)


def _arguments(text: str, start: int, name: str, implied: str | None) -> list[Argument]:
    read = read_options if name == OLD_SYNTAX else read_keyval
    try:
        pairs = read(text, implied_key=implied)
    except LineError as error:
        raise LineError(
            error.reason, start=start + error.start, end=start + error.end, cure=error.cure
        ) from None
    return [
        Argument(
            Token(KEY, ".".join(path), start),
            [(part, start) for part in path],
            Token(OPERATOR, "=", start),
            # An @ has no meaning in QEMU's syntax, but in quotes it has none in ours.
            Token(QUOTED, encode(value), start) if value[:1] == "@" else Token(VALUE, value, start),
        )
        for path, value in pairs
    ]
