"""The shell commands /jobs, /wait-job and /watch."""

from __future__ import annotations

from ...language import (
    HUMAN,
    NAME,
    OBJECT,
    TEXT,
    WORD,
    Missing,
    Token,
    command_item,
    evaluate_command,
    evaluate_raw,
)
from ...render import escape
from ..waits import JobWait
from .arguments import number, parse_timeout, usage_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...language import Command, RawCommand, ShellCommand
    from ...qmp import Reply
    from ..context import CommandContext
    from ..effects import Effect


def run_jobs(context: CommandContext, call: ShellCommand) -> list[Effect]:
    """Run `/jobs [-t SECONDS]`."""
    timeout, tokens = parse_timeout(call)
    if tokens:
        raise usage_error(call, f"{call.name} has no argument {tokens[0].text[:40]!r}", tokens[0])
    return context.watch_jobs(None if timeout is None else context.now + timeout)


def run_wait_job(context: CommandContext, call: ShellCommand) -> list[Effect]:
    """Run `/wait-job [-t SECONDS] ID`."""
    timeout, tokens = parse_timeout(call)
    if len(tokens) != 1 or tokens[0].kind != WORD:
        raise usage_error(call, "the id of a job is missing")
    if context.settings.dry_run:
        return []
    wait = JobWait(tokens[0].text, deadline=None if timeout is None else context.now + timeout)
    for event in context.unclaimed_events():
        wait.on_event(event)
    wait.ask = None

    def ask() -> list[Effect]:
        wait.is_listing = True
        return context.ask("query-jobs", {}, listed)

    def listed(reply: Reply | None) -> list[Effect]:
        wait.on_job_list(reply.value.get("return") if reply is not None else None)
        if reply is not None and reply.is_error and not wait.known:
            wait.fail(f"the server does not list its jobs: {escape(reply.desc)}")
        elif reply is not None and not wait.known:
            wait.fail(f"there is no job {escape(tokens[0].text)}")
        return context.finish_if_ended(wait)

    effects = context.wait(wait)
    if not context.can_probe:
        return [*effects, *context.finish_if_ended(wait)]
    wait.list_jobs = ask
    return [*effects, *ask()]


_INTERVAL = 2.0
_SHORTEST = 0.1


def run_watch(context: CommandContext, call: ShellCommand) -> list[Effect]:
    """Run `/watch [-n SECONDS] [-c TIMES] COMMAND|/hmp LINE`."""
    interval, count, tokens = _watch_options(call)
    if not tokens or tokens[0].kind not in (WORD, OBJECT):
        raise usage_error(call, "the command to watch is missing")
    text = call.line[tokens[0].start : tokens[-1].end]
    watched = _watched(context, call, tokens[0], tokens[1:])
    if isinstance(watched, Missing):
        return context.satisfy(watched, call)
    return context.watch(watched, text, interval=interval, count=count)


def _watch_options(call: ShellCommand) -> tuple[float, int | None, list[Token]]:
    """Return interval, count and the other tokens of `/watch`."""
    interval, count, tokens = _INTERVAL, None, call.tokens
    while tokens and tokens[0].text in ("-n", "-c"):
        if tokens[0].text == "-n":
            interval = number(call, tokens, "seconds")
            if interval < _SHORTEST:
                raise usage_error(call, f"it must be at least {_SHORTEST:g} seconds", tokens[1])
        else:
            given = number(call, tokens, "times")
            if given < 1 or given != int(given):
                raise usage_error(call, "it must be a whole number, at least 1", tokens[1])
            count = int(given)
        tokens = tokens[2:]
    return interval, count, tokens


def _watched(
    context: CommandContext, call: ShellCommand, first: Token, rest: list[Token]
) -> Command | RawCommand | Token | Missing:
    """Return the command to watch, the token of a human monitor line, or what is missing."""
    if first.kind == OBJECT:
        if rest:
            raise usage_error(call, "text after the JSON object", rest[0])
        return evaluate_raw(first)
    if first.text == HUMAN:
        if not rest or rest[0].kind != TEXT:
            raise usage_error(call, "a human monitor command is missing", first)
        return rest[0]
    if first.text.startswith("/"):
        raise usage_error(call, f"only server commands and {HUMAN} can be watched", first)
    name = Token(NAME, first.text, first.start)
    item = command_item(call.line, name, rest)
    if item.file is not None:
        raise usage_error(call, "a repeated command cannot pass a file", rest[-1])
    return evaluate_command(item, context.introspection)
