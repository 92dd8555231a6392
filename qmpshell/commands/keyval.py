"""`/keyval`: a command whose arguments are QEMU's own option string.

Owns: which command has which key first. Must not know: QEMU's syntax (that is `language.keyval`).
"""

from __future__ import annotations

from ..errors import LineError
from ..language.command import Argument, CommandItem
from ..language.facts import Need
from ..language.keyval import read_keyval, read_options
from ..language.read import read_command
from ..language.tokens import KEY, NAME, OBJECT, OPERATOR, QUOTED, VALUE, WORD, Token
from ..protocol.json_text import encode
from .words import usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..effects import Effect
    from ..language.command import LocalCommand
    from .host import Host

# The option's name or the command's: the command, and the key that stands first without its name.
_COMMANDS = {
    "blockdev": ("blockdev-add", "driver"),
    "blockdev-add": ("blockdev-add", "driver"),
    "chardev-add": ("chardev-add", None),
    "device": ("device_add", "driver"),
    "device_add": ("device_add", "driver"),
    "netdev": ("netdev_add", "type"),
    "netdev_add": ("netdev_add", "type"),
    "object": ("object-add", "qom-type"),
    "object-add": ("object-add", "qom-type"),
}


def run(host: Host, call: LocalCommand) -> list[Effect]:
    if len(call.tokens) < 2 or call.tokens[0].kind != WORD:
        raise usage(call, "a command and its option string are missing")
    first, second = call.tokens[:2]
    name, implied = _COMMANDS.get(first.text.lstrip("-"), (first.text, None))
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
    # -device has QEMU's older syntax, in which a dot belongs to the name.
    read = read_options if name == "device_add" else read_keyval
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
