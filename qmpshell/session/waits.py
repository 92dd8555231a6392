"""What a session may wait for between two lines.

Owns: when a wait is over, and whether well. Must not know: time (deadlines are compared elsewhere),
how anything is shown.
"""

from __future__ import annotations

from ..render import escape
from .effects import ShowReply, Tell
from .requests import Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from ..language import Destination, Source
    from ..qmp import Event, Reply
    from .effects import Effect
    from .session import Session
    from .vm import Job, Jobs


class Wait:
    """`label` names what is waited for, `deadline` is when that ends in failure, or None. Once it has
    `ended`, `failure` says why not well, if so. `source` and `start` are where it was called,
    `since` is when. `verb` is what it did not do in time."""

    verb = "come"

    def __init__(self, label: str, deadline: float | None) -> None:
        self.label = label
        self.deadline = deadline
        self.ended = False
        self.failure = ""
        self.source: Source | None = None
        self.start = 0
        self.since = 0.0
        # What must be asked before the end is known, if anything.
        self.ask: Callable[[], list[Effect]] | None = None
        # When `act` is due, or None.
        self.due: float | None = None
        # Whether it holds up no lines: a person looks on, and may go on.
        self.is_beside = False
        # Whether the jobs are to be asked about meanwhile.
        self.follows_jobs = False

    def see(self, event: Event) -> bool:
        """Take notice of an event; whether it is used up by that."""
        raise NotImplementedError

    def look(self) -> list[Effect]:
        """Something has come that it may be about; what is to be done of that."""
        return []

    def act(self, now: float) -> list[Effect]:
        """`due` has come."""
        self.due = None
        return []

    def stop(self) -> list[Effect]:
        """The person has seen enough of it."""
        return []


class EventWait(Wait):
    """For one event, which it takes."""

    def __init__(
        self, name: str, matches: Callable[[Event], bool], *, deadline: float | None
    ) -> None:
        super().__init__(name, deadline)
        self._name = name
        self._matches = matches

    def wants(self, event: Event) -> bool:
        return event.name == self._name and self._matches(event)

    def see(self, event: Event) -> bool:
        self.ended = self.wants(event)
        return self.ended


class JobWait(Wait):
    """For the end of a job (job.json): it is concluded, or no longer there.

    A concluded job that does not dismiss itself is asked for its error. One that was cancelled has
    ended, and not failed.
    """

    verb = "end"

    def __init__(self, job: str, *, deadline: float | None) -> None:
        super().__init__(f"job {job}", deadline)
        self._job = job
        self.known = False
        self._concluded = self._aborted = self._cancelled = False
        self._error = ""
        # How the list of jobs is asked for, and whether it has been and has not come.
        self.list_jobs: Callable[[], list[Effect]] | None = None
        self.is_listing = False

    def see(self, event: Event) -> bool:
        data = event.value.get("data")
        if not isinstance(data, dict):
            return False
        if event.name == "JOB_STATUS_CHANGE" and data.get("id") == self._job:
            self._status(data.get("status"))
        elif data.get("device") == self._job and event.name == "BLOCK_JOB_CANCELLED":
            self._cancelled = True
        elif data.get("device") == self._job and event.name == "BLOCK_JOB_COMPLETED":
            if isinstance(data.get("error"), str):
                self._error = data["error"]
        return False

    def _status(self, status: object) -> None:
        if not isinstance(status, str):
            return
        if status == "created":  # another job of the same name
            self.ended = self._concluded = self._aborted = self._cancelled = False
            self.failure = self._error = ""
        self.known = True
        if status == "aborting":
            self._aborted = True
        elif status == "concluded":
            self._concluded = True
            # A list that was asked for already may still say enough.
            self.ask = None if self.is_listing else self.list_jobs
        elif status == "null":
            self._end()

    def take_list(self, jobs: Any) -> None:
        """What `query-jobs` returned; anything but a list says nothing."""
        self.ask = None
        self.is_listing = False
        if self.ended or not isinstance(jobs, list):
            return
        for job in jobs:
            if isinstance(job, dict) and job.get("id") == self._job:
                self.known = True
                if job.get("status") == "concluded":
                    if isinstance(job.get("error"), str):
                        self._error = job["error"]
                    self._end()
                elif self._concluded:  # the list was made before that
                    self.ask = self.list_jobs
                return
        if self._concluded:
            self._end()

    def give_up(self, failure: str) -> None:
        """The job cannot be waited for."""
        self.ended = True
        self.failure = failure

    def _end(self) -> None:
        self.ended = True
        self.ask = None
        if self._cancelled:
            return
        if self._error:
            self.failure = f"job {escape(self._job)} failed: {escape(self._error)}"
        elif self._aborted:
            self.failure = f"job {escape(self._job)} was aborted"


class Waiting:
    """`awaited` holds up the lines; `panel` is what a person looks on at beside them."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.awaited: Wait | None = None
        self.panel: Wait | None = None

    def __iter__(self) -> Iterator[Wait]:
        return iter([wait for wait in (self.awaited, self.panel) if wait is not None])

    def clear(self) -> None:
        self.awaited = self.panel = None

    @property
    def deadlines(self) -> list[float]:
        """When `tick` is due."""
        times = [time for wait in self for time in (wait.deadline, wait.due)]
        return [time for time in times if time is not None]

    def see(self, event: Event) -> bool:
        """Whether an event is used up by what is waited for."""
        return self.awaited is not None and self.awaited.see(event)

    def look(self) -> list[Effect]:
        """Something was learnt that what is waited for may be about."""
        return [effect for wait in self for effect in self.settle(wait)]

    def settle(self, wait: Wait) -> list[Effect]:
        """Go on if `wait` is over."""
        if wait not in (self.awaited, self.panel):
            return []
        effects = wait.look()
        if not wait.ended:
            ask, wait.ask = wait.ask, None
            return [*effects, *(ask() if ask is not None else [])]
        self._end(wait)
        if wait.failure:
            effects += self._session.failures.at(wait.source, wait.start, wait.failure)
        return effects

    def tick(self, now: float) -> list[Effect]:
        """Do what is due by now."""
        effects: list[Effect] = []
        for wait in self:
            if wait.deadline is not None and now >= wait.deadline:
                self._end(wait)
                text = f"{escape(wait.label)} did not {wait.verb} in time"
                effects += self._session.failures.at(wait.source, wait.start, text)
            elif wait.due is not None and now >= wait.due:
                effects += [*wait.act(now), *self.settle(wait)]
        return effects

    def stop_panel(self) -> list[Effect]:
        """The person has seen enough of what goes on beside the lines."""
        panel, self.panel = self.panel, None
        return panel.stop() if panel is not None else []

    def _end(self, wait: Wait) -> None:
        if self.awaited is wait:
            self.awaited = None
        else:
            self.panel = None


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
