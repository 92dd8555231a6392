"""`/jobs`: the jobs, until they are done.

Owns: the words of it. Must not know: how jobs are followed, how they are shown.
"""

from __future__ import annotations

from ...language import (
    HUMAN,
    NAME,
    OBJECT,
    TEXT,
    WORD,
    Need,
    Token,
    command_item,
    read_command,
    read_raw,
)
from ...render import escape
from ..waits import JobWait
from .arguments import number, take_timeout, usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...language import LocalCommand
    from ...qmp import Reply
    from ..context import Host
    from ..effects import Effect


def run_jobs(host: Host, call: LocalCommand) -> list[Effect]:
    timeout, tokens = take_timeout(call)
    if tokens:
        raise usage(call, f"{tokens[0].text[:40]!r} is not for {call.name}", tokens[0])
    return host.watch_jobs(None if timeout is None else host.now + timeout)


def run_wait_job(host: Host, call: LocalCommand) -> list[Effect]:
    timeout, tokens = take_timeout(call)
    if len(tokens) != 1 or tokens[0].kind != WORD:
        raise usage(call, "the id of a job is missing")
    if host.settings.dry_run:
        return []
    wait = JobWait(tokens[0].text, deadline=None if timeout is None else host.now + timeout)
    for event in host.untaken_events():
        wait.see(event)
    wait.ask = None

    def ask() -> list[Effect]:
        wait.is_listing = True
        return host.ask("query-jobs", {}, listed)

    def listed(reply: Reply | None) -> list[Effect]:
        wait.take_list(reply.value.get("return") if reply is not None else None)
        if reply is not None and reply.is_error and not wait.known:
            wait.give_up(f"the server does not list its jobs: {escape(reply.desc)}")
        elif reply is not None and not wait.known:
            wait.give_up(f"there is no job {escape(tokens[0].text)}")
        return host.settle(wait)

    effects = host.wait(wait)
    if not host.can_probe:
        return [*effects, *host.settle(wait)]
    wait.list_jobs = ask
    return [*effects, *ask()]


_INTERVAL = 2.0
_SHORTEST = 0.1


def run_watch(host: Host, call: LocalCommand) -> list[Effect]:
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
