"""Shell commands that send requests or change the session."""

from __future__ import annotations

from ...errors import LineError, QmpShellError
from ...language import (
    NAME,
    OBJECT,
    WORD,
    CommandItem,
    Token,
    command_item,
    evaluate_command,
    option_command,
    parse_options,
)
from .arguments import command_words, file_name, usage_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ...language import ShellCommand
    from ..context import CommandContext
    from ..steps import Steps
    from .registry import Run


def run_connect(context: CommandContext, call: ShellCommand) -> Steps:
    """Run `/connect [ADDRESS]`."""
    address = file_name(call, "")[0] if call.tokens else None
    yield from context.connect(address)


def run_hmp(context: CommandContext, call: ShellCommand) -> Steps:
    """Run `/hmp LINE`."""
    if not call.tokens:
        raise usage_error(call, "a human monitor command is missing")
    token = call.tokens[0]
    yield from context.runner.run_hmp(context.task, token.text, token.start)


def run_keyval(context: CommandContext, call: ShellCommand) -> Steps:
    """Run `/keyval COMMAND KEY=VALUE,…`."""
    if len(call.tokens) < 2 or call.tokens[0].kind != WORD:
        raise usage_error(call, "a command and its option string are missing")
    first, second = call.tokens[:2]
    name, implied = option_command(first.text)
    if second.kind == OBJECT and len(call.tokens) > 2:
        raise usage_error(call, "text after the JSON object", call.tokens[2])
    token = Token(NAME, name, first.start)
    if second.kind == OBJECT:
        item = command_item(call.line, token, [second])
    else:
        text = call.line[second.start : call.tokens[-1].end]
        options = parse_options(text, second.start, name, implied_key=implied)
        if options.error is not None:
            raise options.error
        item = CommandItem(token, options.given)
    command = yield from context.evaluated(lambda: evaluate_command(item, context.introspection))
    if command is not None:
        yield from context.run_command(command)


def run_log(context: CommandContext, call: ShellCommand) -> Steps:
    """Run `/log FILE|off`."""
    path, start, end = file_name(call, "a file name is missing, or off")
    try:
        yield from context.set_log(None if call.tokens[0].text == "off" else path)
    except QmpShellError as error:
        raise LineError(str(error), start=start, end=end) from None
    except OSError as error:
        raise LineError(f"{path}: {error.strerror}", start=start, end=end) from None


def run_oob(context: CommandContext, call: ShellCommand) -> Steps:
    """Run `/oob COMMAND [KEY=VALUE…]`."""
    if not call.tokens or call.tokens[0].kind != WORD:
        raise usage_error(call, "the name of a command is missing")
    first = call.tokens[0]
    name = Token(NAME, first.text, first.start)
    item = command_item(call.line, name, call.tokens[1:])
    command = yield from context.evaluated(lambda: evaluate_command(item, context.introspection))
    if command is not None:
        command.oob = True
        yield from context.run_command(command)


def run_source(context: CommandContext, call: ShellCommand) -> Steps:
    """Run `/source FILE`."""
    path, start, end = file_name(call, "a file name is missing")
    try:
        data = yield from context.read_file(path)
    except OSError as error:
        raise LineError(f"{path}: {error.strerror}", start=start, end=end) from None
    context.run_file(path, data)


def _without_arguments(run: Callable[[CommandContext], Steps | None]) -> Run:
    """Return the function of a shell command that has no arguments and calls `run`."""

    def checked(context: CommandContext, call: ShellCommand) -> Steps | None:
        if command_words(call):
            raise usage_error(call, "it has no arguments", call.tokens[0])
        return run(context)

    return checked


run_last = _without_arguments(lambda context: context.show_last())
run_quit = _without_arguments(lambda context: context.runner.leave())
run_restart = _without_arguments(lambda context: context.restart())
run_resync = _without_arguments(lambda context: context.resync())
run_status = _without_arguments(lambda context: context.show_message(context.describe()))
