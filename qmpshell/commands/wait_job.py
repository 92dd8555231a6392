"""`/wait-job`: until a job has ended.

Owns: what the events of a job say of it. Must not know: what happens meanwhile. Jobs may be gone
before their command is answered, so that the events that have come are looked at, too.
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
    job = tokens[0].text
    wait = JobWait(job, deadline=None if timeout is None else host.now + timeout)
    for event in host.untaken_events():
        wait.see(event)

    def listed(reply: Reply | None) -> list[Effect]:
        wait.take_list(reply.value.get("return") if reply is not None else None)
        if not wait.known:
            return host.fail(f"there is no job {escape(job)}")
        if wait.ended:
            return host.fail(wait.failure) if wait.failure else []
        return host.wait(wait)

    wait.list_jobs = lambda: host.ask("query-jobs", {}, listed)
    return host.ask("query-jobs", {}, listed)
