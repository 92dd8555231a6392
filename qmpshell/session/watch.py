"""What a person, or a script, looks on at: a command again and again, the jobs until they are done.

Owns: when each is over, and what is said of it in lines. Must not know: how the live picture at a
terminal looks.
Beside the lines (`is_beside`) the terminal draws the picture itself, from `shown` and `before`, or from
the machine's jobs; otherwise every reply and every change is shown for itself, and the lines wait.
"""

from __future__ import annotations

from ..effects import ShowReply, Tell
from ..render.escape import escape
from ..requests import Request
from ..waits import Wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..effects import Effect
    from ..language.command import Destination
    from ..protocol.messages import Event, Reply
    from .core import Session
    from .jobs import Job, Jobs

_SEEN = 1.0  # seconds in which a mark is seen


class Watch(Wait):
    """Sends what `make` gives every `interval` seconds, `count` times or, with None, until it is
    stopped; never while the reply before is awaited.

    `shown` is the latest reply, `before` the one that it is compared to, `times` how many there were.
    """

    def __init__(
        self,
        session: Session,
        text: str,
        *,
        make: Callable[[], Request],
        interval: float,
        count: int | None,
        destination: Destination | None,
    ) -> None:
        super().__init__(f"/watch {text}", None)
        self._session = session
        self._make = make
        self._count = count
        self._destination = destination
        self._begun_at = 0.0
        self._marked_until = 0.0
        self.text = text
        self.interval = interval
        self.shown: ShowReply | None = None
        self.before: Reply | None = None
        self.times = 0

    def begin(self) -> list[Effect]:
        """The first time, which a person may be asked about. Raises LineError."""
        return self._session.runner.send(self._request())

    def see(self, event: Event) -> bool:
        return False

    def act(self, now: float) -> list[Effect]:
        self.due = None
        return self._session.transmit(self._request())

    def stop(self) -> list[Effect]:
        text = f"no longer watching {escape(self.text)}"
        return [*([self.shown] if self.shown else []), Tell(text)]

    def _compare(self, reply: Reply) -> None:
        """What changed stays marked for a while, or nobody would see it where replies come fast."""
        latest = self.shown.reply if self.shown is not None else None
        value = reply.value.get("return")
        changed = latest is not None and latest.value.get("return") != value
        if changed or self._session.now >= self._marked_until:
            self.before = latest
        if changed:
            self._marked_until = self._session.now + _SEEN

    def _request(self) -> Request:
        made = self._make()
        made.destination = self._destination
        self._begun_at = self._session.now
        if not self.is_beside:
            made.then = lambda reply: self._answered(reply, made)
            return made
        # A question of the shell's own, whose reply is shown as the one to what was typed.
        own = Request(made.message, data=made.data, source=None, own_id=made.own_id)
        own.then = lambda reply: self._answered(reply, made)
        own.background = True
        return own

    def _answered(self, reply: Reply | None, request: Request) -> list[Effect]:
        session = self._session
        if reply is None:
            self.ended = True
            return session.waits.settle(self)
        self.times += 1
        self._compare(reply)
        elapsed = session.now - self._begun_at
        self.shown = ShowReply(reply, request, late=False, elapsed=elapsed)
        # No such command: there is nothing to wait for.
        self.ended = reply.is_error and self.times == 1 and reply.error_class == "CommandNotFound"
        self.ended |= self.times == self._count
        if self.ended:
            last: list[Effect] = [self.shown] if session.waits.panel is self else []
            return [*last, *session.waits.settle(self)]
        self.due = max(self._begun_at + self.interval, session.now)
        return []


class JobsWatch(Wait):
    """Until all jobs have ended; it fails if one failed. One that waits for a command of the user's,
    as a mirror does that is ready, has not ended."""

    def __init__(self, session: Session, *, deadline: float | None) -> None:
        super().__init__("the end of the jobs", deadline)
        self.follows_jobs = True
        self._session = session
        # The status that was told of each job.
        self._told: dict[str, str] = {}
        self._failed = 0

    @property
    def jobs(self) -> Jobs:
        assert self._session.machine is not None
        return self._session.machine.jobs

    def see(self, event: Event) -> bool:
        return False

    def stop(self) -> list[Effect]:
        return [Tell("no longer watching the jobs")]

    def look(self) -> list[Effect]:
        jobs = self.jobs
        if not jobs.are_known or self.ended:
            return []
        effects = [effect for job in jobs.take_ended() for effect in self._over(job)]
        for job in jobs.all.values():
            if not job.is_over:
                effects += self._status(job)
            elif self._is_settled:
                effects += self._over(job)
        self.ended = jobs.are_over and (self._is_settled or not jobs.all)
        if self.ended and jobs.are_refused:
            self.failure = "the server does not list its jobs"
        elif self.ended and not self._told:
            effects.append(Tell("there are no jobs"))
        elif self.ended and self._failed:
            self.failure = f"{self._failed} of {len(self._told)} jobs failed"
        return effects

    @property
    def _is_settled(self) -> bool:
        """Whether it is known why a job has ended, as far as that can be."""
        return not self.jobs.need_list or not self._session.can_probe

    def _status(self, job: Job) -> list[Effect]:
        if self._told.get(job.id) == job.status or not job.kind:
            return []
        self._told[job.id] = job.status
        if self.is_beside:
            return []
        done = f", {100 * job.current // job.total} %" if job.total > 0 else ""
        return [Tell(f"{job_label(job)}: {escape(job.status)}{done}")]

    def _over(self, job: Job) -> list[Effect]:
        if self._told.get(job.id) == _OVER:
            return []
        self._told[job.id] = _OVER
        self._failed += job.has_failed
        return [Tell(f"{job_label(job)}: {outcome(job)}", is_error=job.has_failed)]


_OVER = ""  # no status is so


def job_label(job: Job) -> str:
    kind = f" ({escape(job.kind)})" if job.kind else ""
    return f"job {escape(job.id)}{kind}"


def outcome(job: Job) -> str:
    """How a job has ended, in words."""
    if job.cancelled:
        return "cancelled"
    if job.error:
        return f"failed: {escape(job.error)}"
    return "aborted" if job.aborted else "done"
