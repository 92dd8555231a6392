"""The shell commands /jobs, /wait-job and /watch."""

from __future__ import annotations

from ...language import (
    HUMAN,
    OBJECT,
    TEXT,
    VIEWS,
    WORD,
    Command,
    RawCommand,
    ShellCommand,
    Token,
)
from ..waits import JobWait
from .arguments import (
    evaluate_own_command,
    find_mistake,
    no_argument_error,
    number,
    parse_timeout,
    require_monitor,
    usage_error,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..context import CommandContext
    from ..steps import Steps


def run_jobs(context: CommandContext, call: ShellCommand) -> Steps:
    """Run `/jobs [-t SECONDS]`."""
    timeout, tokens = parse_timeout(call)
    if tokens:
        raise no_argument_error(call, tokens[0])
    require_monitor(context, call, "jobs")
    # A live view is not a wait, and only ends early if the user wants that.
    is_view = context.is_beside and timeout is None
    from ..watching import watch_jobs  # few scripts need it

    yield from watch_jobs(context, None if is_view else context.deadline(timeout))


def run_wait_job(context: CommandContext, call: ShellCommand) -> Steps:
    """Run `/wait-job [-t SECONDS] ID`."""
    timeout, tokens = parse_timeout(call)
    if len(tokens) != 1 or tokens[0].kind != WORD:
        raise usage_error(call, "the id of a job is missing")
    require_monitor(context, call, "jobs")
    wait = JobWait(
        tokens[0].text,
        deadline=context.deadline(timeout),
        can_query=context.state.sender.can_query,
        is_ending=tokens[0].text in context.state.vm.ending_jobs,
    )
    for event in context.state.events.unclaimed:
        wait.on_event(event)
    wait.request_list()  # the job may be unknown, or may have ended before
    yield from context.wait(wait)


def run_wait_migration(context: CommandContext, call: ShellCommand) -> Steps:
    """Run `/wait-migration [-t SECONDS]`."""
    timeout, tokens = parse_timeout(call)
    if tokens:
        raise no_argument_error(call, tokens[0])
    require_monitor(context, call, "migrations")
    from ..vm import MigrationWait  # few scripts need it

    can_query = context.state.sender.can_query
    wait = MigrationWait(deadline=context.deadline(timeout), can_query=can_query)
    yield from context.wait(wait, polled="query-migrate")


SCREEN = "/screen"
_INTERVAL = 2.0
_SHORTEST = 0.1


def run_watch(context: CommandContext, call: ShellCommand) -> Steps:
    """Run `/watch [-n SECONDS] [-c TIMES] COMMAND|/hmp LINE|VIEW`."""
    interval, count, tokens = _watch_options(call)
    if not tokens or tokens[0].kind not in (WORD, OBJECT):
        raise usage_error(call, "the command to watch is missing")
    text = call.line[tokens[0].start : tokens[-1].end]
    if tokens[0].text == SCREEN:
        from .screen import watch_screen  # few sessions need it

        yield from watch_screen(context, call, tokens, interval=interval, count=count)
        return

    watched = yield from context.evaluated(lambda: _watched(context, call, tokens[0], tokens[1:]))
    if watched is not None:
        from ..live_views import Watch  # few scripts need them
        from ..watching import watch

        yield from watch(context, watched, Watch(text, interval=interval, count=count))


def _watch_options(call: ShellCommand) -> tuple[float, int | None, list[Token]]:
    """Return interval, count and the other tokens of `/watch`."""
    interval, count, position = _INTERVAL, None, 0
    while True:
        option = call.tokens[position : position + 2]
        if not option or option[0].text not in ("-n", "-c"):
            return interval, count, call.tokens[position:]
        if option[0].text == "-n":
            interval = number(call, option, "seconds")
            if interval < _SHORTEST:
                raise usage_error(call, f"it must be at least {_SHORTEST:g} seconds", option[1])
        else:
            given = number(call, option, "times")
            if given < 1 or given != int(given):
                raise usage_error(call, "it must be a whole number, at least 1", option[1])
            count = int(given)
        position += 2


def _watched(
    context: CommandContext, call: ShellCommand, first: Token, rest: list[Token]
) -> Command | RawCommand | ShellCommand | Token:
    """Return the command to watch, or the token of a human monitor line."""
    if first.text == HUMAN:
        if not rest or rest[0].kind != TEXT:
            raise usage_error(call, "a human monitor command is missing", first)
        return rest[0]
    if first.text in VIEWS:
        view = ShellCommand(first.text, rest, line=call.line, start=first.start)
        mistake = find_mistake(view)
        if mistake is not None:
            raise mistake
        return view
    if first.text.startswith("/"):
        names = " and ".join((", ".join((HUMAN, *VIEWS)), SCREEN))
        raise usage_error(call, f"only server commands, {names} can be watched", first)
    return evaluate_own_command(context, call, first, rest, what="a repeated command")
