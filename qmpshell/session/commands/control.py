"""`/connect`: back to the server, or to another one.

Owns: the words of it. Must not know: addresses.
"""

from __future__ import annotations

from ...errors import LineError, QmpShellError
from ...language import (
    KEY,
    NAME,
    OBJECT,
    OLD_SYNTAX,
    OPERATOR,
    QUOTED,
    VALUE,
    WORD,
    Argument,
    CommandItem,
    Need,
    Token,
    command_item,
    option_command,
    read_command,
    read_keyval,
    read_options,
)
from ...qmp import encode
from .arguments import file_name, usage, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...language import LocalCommand
    from ..context import Host
    from ..effects import Effect


def run_connect(host: Host, call: LocalCommand) -> list[Effect]:
    address = file_name(call, "")[0] if call.tokens else None
    return host.connect(address)


def run_hmp(host: Host, call: LocalCommand) -> list[Effect]:
    if not call.tokens:
        raise usage(call, "a line for the human monitor is missing")
    token = call.tokens[0]
    return host.perform_human(token.text, token.start)


def run_keyval(host: Host, call: LocalCommand) -> list[Effect]:
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


def run_last(host: Host, call: LocalCommand) -> list[Effect]:
    if words(call):
        raise usage(call, "it takes nothing", call.tokens[0])
    return host.show_last()


def run_log(host: Host, call: LocalCommand) -> list[Effect]:
    path, start, end = file_name(call, "the name of a file is missing, or off")
    try:
        host.set_log(None if call.tokens[0].text == "off" else path)
    except QmpShellError as error:
        raise LineError(str(error), start=start, end=end) from None
    return []


def run_oob(host: Host, call: LocalCommand) -> list[Effect]:
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


def run_quit(host: Host, call: LocalCommand) -> list[Effect]:
    if words(call):
        raise usage(call, "it takes nothing", call.tokens[0])
    return host.leave()


def run_resync(host: Host, call: LocalCommand) -> list[Effect]:
    if words(call):
        raise usage(call, "it takes nothing", call.tokens[0])
    return host.resync()


def run_source(host: Host, call: LocalCommand) -> list[Effect]:
    path, start, end = file_name(call, "the name of a file is missing")
    try:
        data = host.facts.read_file(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise LineError(f"{path}: {reason}", start=start, end=end) from None
    return host.source(path, data)


def run_status(host: Host, call: LocalCommand) -> list[Effect]:
    if words(call):
        raise usage(call, "it takes nothing", call.tokens[0])
    return host.tell(host.describe())
