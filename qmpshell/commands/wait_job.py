"""`/wait-job`: until a job has ended.

Owns: asking for the list of jobs, and when. Must not know: what the events of a job mean (that is
`waits`). A job may be gone before its command is answered, so that the events that have come are
looked at, too.
"""

from __future__ import annotations

from ..language.tokens import WORD
from ..render.escape import escape
from ..waits import JobWait
from .words import take_timeout, usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..effects import Effect
    from ..language.command import LocalCommand
    from ..protocol.messages import Reply
    from .host import Host


def run(host: Host, call: LocalCommand) -> list[Effect]:
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
