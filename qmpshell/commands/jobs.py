"""`/jobs`: the jobs, until they are done.

Owns: the words of it. Must not know: how jobs are followed, how they are shown.
"""

from __future__ import annotations

from .words import take_timeout, usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..effects import Effect
    from ..language.command import LocalCommand
    from .host import Host


def run(host: Host, call: LocalCommand) -> list[Effect]:
    timeout, tokens = take_timeout(call)
    if tokens:
        raise usage(call, f"{tokens[0].text[:40]!r} is not for {call.name}", tokens[0])
    return host.watch_jobs(None if timeout is None else host.now + timeout)
