"""The waits of /watch and /jobs, which a terminal shows as live views."""

from __future__ import annotations

from ..render import escape
from .effects import ShowMessage, ShowReply
from .requests import Request
from .waits import Wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..language import Redirect
    from ..qmp import Event, Reply
    from .effects import Effect
    from .session import Session
    from .vm import Job, Jobs


_SEEN = 1.0  # seconds for which a mark stays visible


class Watch(Wait):
    """Sends a request every `interval` seconds, `count` times or until it is stopped.

    Never while the previous reply is awaited. `shown` is the latest reply, `before` the one that it
    is compared with, `times` the number of replies.
    """

    def __init__(
        self,
        session: Session,
        text: str,
        *,
        make: Callable[[], Request],
        interval: float,
        count: int | None,
        redirect: Redirect | None,
    ) -> None:
        super().__init__(f"/watch {text}", None)
        self._session = session
        self._make = make
        self._count = count
        self._destination = redirect
        self._begun_at = 0.0
        self._marked_until = 0.0
        self.text = text
        self.interval = interval
        self.shown: ShowReply | None = None
        self.before: Reply | None = None
        self.times = 0

    def send_first(self) -> list[Effect]:
        """Send the first request, which may need confirmation. Raises LineError."""
        return self._session.runner.send(self._request())

    def on_event(self, _event: Event) -> bool:
        """Ignore an event."""
        return False

    def act(self, _now: float) -> list[Effect]:
        """Send the next request."""
        self.due = None
        return self._session.transmit(self._request())

    def stop(self) -> list[Effect]:
        """Stop watching."""
        text = f"no longer watching {escape(self.text)}"
        return [*([self.shown] if self.shown else []), ShowMessage(text)]

    def _compare(self, reply: Reply) -> None:
        """Keep changes marked for a while, so that they are visible if replies arrive quickly."""
        latest = self.shown.reply if self.shown is not None else None
        value = reply.value.get("return")
        changed = latest is not None and latest.value.get("return") != value
        if changed or self._session.now >= self._marked_until:
            self.before = latest
        if changed:
            self._marked_until = self._session.now + _SEEN

    def _request(self) -> Request:
        made = self._make()
        made.redirect = self._destination
        self._begun_at = self._session.now
        if not self.is_beside:
            made.then = lambda reply: self._answered(reply, made)
            return made
        # A query of qmpshell's own, whose reply is shown like one to a typed command.
        own = Request(made.message, data=made.data, source=None, own_id=made.own_id)
        own.then = lambda reply: self._answered(reply, made)
        own.background = True
        return own

    def _answered(self, reply: Reply | None, request: Request) -> list[Effect]:
        session = self._session
        if reply is None:
            self.ended = True
            return session.waits.finish_if_ended(self)
        self.times += 1
        self._compare(reply)
        elapsed = session.now - self._begun_at
        self.shown = ShowReply(reply, request, late=False, elapsed=elapsed)
        # The command does not exist, so there is nothing to watch.
        self.ended = reply.is_error and self.times == 1 and reply.error_class == "CommandNotFound"
        self.ended |= self.times == self._count
        if self.ended:
            last: list[Effect] = [self.shown] if session.waits.live_view is self else []
            return [*last, *session.waits.finish_if_ended(self)]
        self.due = max(self._begun_at + self.interval, session.now)
        return []


class JobsWatch(Wait):
    """Follows all jobs until they have ended; fails if one failed.

    A job that waits for a command from the user, such as a mirror that is ready, has not ended.
    """

    def __init__(self, session: Session, *, deadline: float | None) -> None:
        super().__init__("the end of the jobs", deadline)
        self.follows_jobs = True
        self._session = session
        # The status that was reported of each job.
        self._reported: dict[str, str] = {}
        self._failed = 0

    @property
    def jobs(self) -> Jobs:
        """The jobs of the VM."""
        assert self._session.machine is not None
        return self._session.machine.jobs

    def on_event(self, _event: Event) -> bool:
        """Ignore an event: the VM's state handles it."""
        return False

    def stop(self) -> list[Effect]:
        """Stop watching."""
        return [ShowMessage("no longer watching the jobs")]

    def on_change(self) -> list[Effect]:
        """Report changes of the jobs, and end when all have ended."""
        jobs = self.jobs
        if not jobs.are_known or self.ended:
            return []
        effects = [effect for job in jobs.pop_ended() for effect in self._over(job)]
        for job in jobs.all.values():
            if not job.is_over:
                effects += self._status(job)
            elif self._is_settled:
                effects += self._over(job)
        self.ended = jobs.are_over and (self._is_settled or not jobs.all)
        if self.ended and jobs.are_refused:
            self.failure = "the server does not list its jobs"
        elif self.ended and not self._reported:
            effects.append(ShowMessage("there are no jobs"))
        elif self.ended and self._failed:
            self.failure = f"{self._failed} of {len(self._reported)} jobs failed"
        return effects

    @property
    def _is_settled(self) -> bool:
        """Return True if the reason for a job's end is known, as far as possible."""
        return not self.jobs.need_list or not self._session.can_probe

    def _status(self, job: Job) -> list[Effect]:
        if self._reported.get(job.id) == job.status or not job.kind:
            return []
        self._reported[job.id] = job.status
        if self.is_beside:
            return []
        done = f", {100 * job.current // job.total} %" if job.total > 0 else ""
        return [ShowMessage(f"{job_label(job)}: {escape(job.status)}{done}")]

    def _over(self, job: Job) -> list[Effect]:
        if self._reported.get(job.id) == _OVER:
            return []
        self._reported[job.id] = _OVER
        self._failed += job.has_failed
        return [ShowMessage(f"{job_label(job)}: {outcome(job)}", is_error=job.has_failed)]


_OVER = ""  # not a status of any job


def job_label(job: Job) -> str:
    """Return a job's id and kind."""
    kind = f" ({escape(job.kind)})" if job.kind else ""
    return f"job {escape(job.id)}{kind}"


def outcome(job: Job) -> str:
    """Describe how a job has ended."""
    if job.cancelled:
        return "cancelled"
    if job.error:
        return f"failed: {escape(job.error)}"
    return "aborted" if job.aborted else "done"
