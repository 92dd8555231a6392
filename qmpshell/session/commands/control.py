"""Shell commands that send requests or change the session."""

from __future__ import annotations

from ...errors import LineError
from ...language import (
    DASHED_OPTIONS,
    NAME,
    OBJECT,
    USE_JSON,
    WORD,
    CommandItem,
    ParsedLine,
    SourceLine,
    Token,
    command_item,
    evaluate_command,
    find_syntax_mistake,
    is_human_option,
    option_command,
    option_hint,
    parse_options,
)
from ...render import escape
from ..connection import CONNECTED
from ..effects import Confirm, Connect, OpenFile, Restart, ShowReply, TryConnect
from ..execute import NOT_LEFT
from ..lines import describe_unsent
from ..requests import PreparedLine, Request
from ..steps import Issue
from .arguments import command_words, file_name, usage_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ...language import Command, ShellCommand
    from ...qmp import Reply
    from ..context import CommandContext
    from ..steps import Steps
    from .arguments import Run


# How deep files may run files.
_MAX_SOURCE_DEPTH = 16
# A control character makes the server's parser discard incomplete input (qmp-spec, "Errors").
_RESYNC = b"\x01\n"


def run_connect(context: CommandContext, call: ShellCommand) -> Steps:
    """Run `/connect [ADDRESS]`."""
    address = file_name(call, "")[0] if call.tokens else None
    yield from _connect(context, address)


def _connect(context: CommandContext, text: str | None, step: Connect | None = None) -> Steps:
    """Connect to the address in `text`, or with None to the last server that sent a greeting.

    `step` is the step that does it.
    """
    if context.settings.dry_run:
        return
    state, connection = context.state, context.state.connection
    if text is not None and state.interactive and connection.is_working:
        problem = yield TryConnect(text, context.now)
        if problem:
            context.fail(state.explain_kept_connection(problem, unsent=state.drop_lines()))
            return
    if connection.state == CONNECTED:
        state.abandon_requests()
    address = text
    if address is None:
        address, text = connection.greeted_address, connection.greeted_text
    if address != connection.greeted_address:
        state.events.clear()
    connection.reset(address, text, now=context.now)
    state.server.clear()
    state.vm.stop()
    state.lines.drop_view()
    problem = yield step or Connect(text)
    if problem:
        connection.end()
        unsent = state.drop_lines()
        more = f"; {describe_unsent(unsent)}" if unsent else ""
        state.failures.report_no_server(f"{problem}{more}")


def run_hmp(context: CommandContext, call: ShellCommand) -> Steps:
    """Run `/hmp LINE`."""
    if not call.tokens:
        raise usage_error(call, "a human monitor command is missing")
    token = call.tokens[0]
    yield from context.runner.run_hmp(context.task, token.text, token.start)


def run_keyval(context: CommandContext, call: ShellCommand) -> Steps:
    """Run `/keyval COMMAND KEY=VALUE,…`."""
    if not call.tokens or call.tokens[0].kind != WORD:
        raise usage_error(call, "the name of a command is missing")
    if len(call.tokens) == 1:
        raise usage_error(call, f"the option string of {call.tokens[0].text[:40]} is missing")
    item = _option_item(call)

    def evaluate() -> Command:
        try:
            return evaluate_command(item, context.introspection)
        except LineError as error:
            if error.hint == USE_JSON:  # which an option string cannot contain
                error.hint = ""
            raise

    command = yield from context.evaluated(evaluate)
    if command is not None:
        yield from context.runner.run_command(context.task, command)


def _option_item(call: ShellCommand) -> CommandItem:
    """Return the command of `/keyval` with its arguments."""
    first, second = call.tokens[:2]
    text = call.line[second.start : call.tokens[-1].end]
    name, implied = option_command(first.text)
    if name.startswith("-"):
        hint = f"it has {', '.join(DASHED_OPTIONS)}"
        if name == "-chardev":
            hint = option_hint("chardev-add", text)
        raise first.error(f"{call.name} has no option {name[:40]}", hint=hint)
    token = Token(NAME, name, first.start)
    if second.kind == OBJECT:
        if len(call.tokens) > 2:
            raise usage_error(call, "text after the JSON object", call.tokens[2])
        return command_item(call.line, token, [second])
    if is_human_option(name, text):
        raise second.error(f"{call.name} {name} takes KEY=VALUE,…", hint=option_hint(name, text))
    options = parse_options(text, second.start, name, implied_key=implied)
    mistake = find_syntax_mistake(text, second.start) or options.error
    if mistake is not None:
        raise mistake
    return CommandItem(token, options.given)


def run_log(context: CommandContext, call: ShellCommand) -> Steps:
    """Run `/log FILE|off`."""
    path, start, end = file_name(call, "a file name is missing, or off")
    state, log = context.state, None
    if call.tokens[0].text != "off":
        # The session limits the time of the step.
        log = yield OpenFile(
            path, lambda: state.ports.open_log(path, None), lambda late: late.close()
        )
        if isinstance(log, Exception):
            reason = f"{path}: {log.strerror}" if isinstance(log, OSError) else str(log)
            raise LineError(reason, start=start, end=end)
    state.message_logger.use(log)


def run_oob(context: CommandContext, call: ShellCommand) -> Steps:
    """Run `/oob COMMAND [KEY=VALUE…]`."""
    if call.tokens and call.tokens[0].kind == OBJECT:
        hint = 'without /oob, send {"exec-oob": COMMAND, …}'
        raise call.tokens[0].error("/oob takes no JSON message", hint=hint)
    if not call.tokens or call.tokens[0].kind != WORD:
        raise usage_error(call, "the name of a command is missing")
    first = call.tokens[0]
    if first.text.startswith("/"):
        raise usage_error(call, "only server commands can be sent out of band", first)
    name = Token(NAME, first.text, first.start)
    item = command_item(call.line, name, call.tokens[1:])
    command = yield from context.evaluated(lambda: evaluate_command(item, context.introspection))
    if command is not None:
        command.oob = True
        yield from context.runner.run_command(context.task, command)


def run_source(context: CommandContext, call: ShellCommand) -> Steps:
    """Run `/source FILE`: its lines run before the following ones."""
    path, start, end = file_name(call, "a file name is missing")
    try:
        data = yield from context.read_file(path)
    except OSError as error:
        raise LineError(f"{path}: {error.strerror}", start=start, end=end) from None
    depths, task, answers = context.state.source_depth, context.task, context.state.answers
    depth = depths.get(task.source.name, 0) + 1
    if depth > _MAX_SOURCE_DEPTH:
        context.fail(f"{escape(path)}: /source is nested more than {_MAX_SOURCE_DEPTH} deep")
        return
    depths[path] = depth
    from ..input import LineInput, ScriptLines  # few scripts need it

    lines = ScriptLines([LineInput(path, data=data)], human=context.settings.hmp)
    found: list[PreparedLine] = []
    while not lines.ended:
        line = lines.pop()
        if line is not None:
            found.append(context.runner.prepare(line) if isinstance(line, SourceLine) else line)
    if task.actions or answers.is_enabled:
        # The rest of the line runs after the file's lines.
        rest = PreparedLine(task.source, ParsedLine([action for action, _ in task.actions]))
        rest.requests = [request for _, request in task.actions]
        rest.ends_file = answers.is_enabled
        found.append(rest)
        task.actions.clear()
    if answers.is_enabled:
        answers.start_file()
    context.state.lines.waiting.extendleft(reversed(found))


def _without_arguments(run: Callable[[CommandContext], Steps | None]) -> Run:
    """Return the function of a shell command that has no arguments and calls `run`."""

    def checked(context: CommandContext, call: ShellCommand) -> Steps | None:
        if command_words(call):
            raise usage_error(call, f"{call.name} takes no arguments", call.tokens[0])
        return run(context)

    return checked


run_quit = _without_arguments(lambda context: context.runner.leave())


@_without_arguments
def run_last(context: CommandContext) -> None:
    """Show the last reply again, in the redirect of the line if there is one."""
    last = context.state.sender.last
    if context.settings.dry_run:
        return
    if last is None:
        context.fail("no reply yet")
        return
    shown = ShowReply(
        last.reply,
        last.request,
        late=False,
        elapsed=last.elapsed,
        redirect=context.task.redirect,
        again=True,
    )
    context.state.answers.add_reply(shown)


@_without_arguments
def run_restart(context: CommandContext) -> Steps:
    """End the server that qmpshell has started, if it runs, and start it again."""
    child = context.state.ports.child
    if child is None or not context.state.interactive:
        context.fail("/restart works only in a shell that was opened by qmpshell run")
        return
    question = child.end_question()
    if question and not (yield Confirm(question, None)):
        context.show_message(NOT_LEFT)
        return
    yield from _connect(context, None, Restart(None))


@_without_arguments
def run_resync(context: CommandContext) -> Steps:
    """Reset the server's parser."""
    if context.settings.dry_run:
        return
    context.require_connection("not connected")
    # The reply is an error without an id, and shows that the parser works.
    reply: Reply | None = yield Issue(Request({}, data=_RESYNC, source=None))
    if reply is None:
        context.fail("the server did not answer; it may be stopped")
    else:
        context.show_message("the server's parser was reset")


@_without_arguments
def run_status(context: CommandContext) -> None:
    """Describe the connection in several lines."""
    state = context.state
    connection = state.connection
    protocol, greeting = connection.protocol, connection.protocol.greeting
    lines = [f"{connection.address}: {connection.state}"]
    if context.settings.agent:
        lines.append(f"server: guest agent {escape(state.server.agent_version)}".rstrip())
    elif greeting is not None and greeting.version is not None:
        version = ".".join(map(str, greeting.version))
        lines.append(f"server: QEMU {version} {escape(greeting.package)}".rstrip())
    if state.vm.state is not None and state.vm.state.status:
        lines.append(f"VM state: {escape(state.vm.state.status)}")
    if not context.settings.agent:
        lines.append(f"capabilities: {', '.join(sorted(protocol.capabilities)) or 'none'}")
        lines.append(f"events that no /wait has returned: {state.events.unclaimed_count}")
    request = state.sender.table.oldest_user_request
    if request is not None:
        lines.append(f"waiting for the reply to {request.label}")
    context.show_message("\n".join(lines))
