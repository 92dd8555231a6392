"""Waits: what a session can wait for between two lines."""

from __future__ import annotations

from ..render import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from ..language import SourceLine
    from ..qmp import Event
    from .effects import Effect
    from .session import Session


class Wait:
    """A wait of a shell command.

    `label` names what it waits for; at `deadline`, if any, it fails. Once it has `ended`, `failure`
    is the reason, if any. `source` and `start` are the position of the command, `since` is its
    time. `verb` completes the sentence about a timeout.
    """

    verb = "come"

    def __init__(self, label: str, deadline: float | None) -> None:
        self.label = label
        self.deadline = deadline
        self.ended = False
        self.failure = ""
        self.source: SourceLine | None = None
        self.start = 0
        self.since = 0.0
        # The query that is necessary before the wait can end, if any.
        self.ask: Callable[[], list[Effect]] | None = None
        # When `act` is due, or None.
        self.due: float | None = None
        # Whether it does not block the queue, because the user only watches.
        self.is_beside = False
        # Whether the jobs must be queried meanwhile.
        self.follows_jobs = False

    def on_event(self, event: Event) -> bool:
        """Handle an event. Return True if the wait consumes it."""
        raise NotImplementedError

    def on_change(self) -> list[Effect]:
        """Handle new information. Return effects."""
        return []

    def act(self, _now: float) -> list[Effect]:
        """Do what is due."""
        self.due = None
        return []

    def stop(self) -> list[Effect]:
        """Stop at the user's request."""
        return []


class EventWait(Wait):
    """Waits for one event and consumes it."""

    def __init__(
        self, name: str, matches: Callable[[Event], bool], *, deadline: float | None
    ) -> None:
        super().__init__(name, deadline)
        self._name = name
        self._matches = matches

    def wants(self, event: Event) -> bool:
        """Return True for a matching event."""
        return event.name == self._name and self._matches(event)

    def on_event(self, event: Event) -> bool:
        """Consume a matching event."""
        self.ended = self.wants(event)
        return self.ended


class JobWait(Wait):
    """Waits for the end of a job (job.json): concluded, or no longer there.

    A concluded job that is not dismissed automatically is queried for its error. A cancelled job
    has ended and did not fail.
    """

    verb = "end"

    def __init__(self, job: str, *, deadline: float | None) -> None:
        super().__init__(f"job {job}", deadline)
        self._job = job
        self.known = False
        self._concluded = self._aborted = self._cancelled = False
        self._error = ""
        # The function that queries the jobs, and whether its reply is outstanding.
        self.list_jobs: Callable[[], list[Effect]] | None = None
        self.is_listing = False

    def on_event(self, event: Event) -> bool:
        """Handle an event, without consuming it."""
        data = event.value.get("data")
        if not isinstance(data, dict):
            return False
        if event.name == "JOB_STATUS_CHANGE" and data.get("id") == self._job:
            self._status(data.get("status"))
        elif data.get("device") == self._job and event.name == "BLOCK_JOB_CANCELLED":
            self._cancelled = True
        elif data.get("device") == self._job and event.name == "BLOCK_JOB_COMPLETED":
            error = data.get("error")
            self._error = error if isinstance(error, str) else self._error
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
            # A list that was queried already may contain enough.
            self.ask = None if self.is_listing else self.list_jobs
        elif status == "null":
            self._end()

    def on_job_list(self, jobs: Any) -> None:
        """Handle a result of `query-jobs`. Anything but a list is ignored."""
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
                elif self._concluded:  # the list is older than that
                    self.ask = self.list_jobs
                return
        if self._concluded:
            self._end()

    def fail(self, failure: str) -> None:
        """End the wait with a failure."""
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


class WaitList:
    """The waits of a session: `awaited` blocks the queue, `live_view` does not."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.awaited: Wait | None = None
        self.live_view: Wait | None = None

    def __iter__(self) -> Iterator[Wait]:
        return iter([wait for wait in (self.awaited, self.live_view) if wait is not None])

    def clear(self) -> None:
        """Drop all waits."""
        self.awaited = self.live_view = None

    @property
    def deadlines(self) -> list[float]:
        """Return the times at which `tick` is due."""
        times = [time for wait in self for time in (wait.deadline, wait.due)]
        return [time for time in times if time is not None]

    def on_event(self, event: Event) -> bool:
        """Handle an event. Return True if a wait consumes it."""
        return self.awaited is not None and self.awaited.on_event(event)

    def on_change(self) -> list[Effect]:
        """Handle new information that waits may be about."""
        return [effect for wait in self for effect in self.finish_if_ended(wait)]

    def finish_if_ended(self, wait: Wait) -> list[Effect]:
        """Continue if `wait` is over."""
        if wait not in (self.awaited, self.live_view):
            return []
        effects = wait.on_change()
        if not wait.ended:
            ask, wait.ask = wait.ask, None
            return [*effects, *(ask() if ask is not None else [])]
        self._end(wait)
        if wait.failure:
            effects += self._session.failures.at(wait.source, wait.start, wait.failure)
        return effects

    def tick(self, now: float) -> list[Effect]:
        """Do what is due at `now`."""
        effects: list[Effect] = []
        for wait in self:
            if wait.deadline is not None and now >= wait.deadline:
                self._end(wait)
                text = f"{escape(wait.label)} did not {wait.verb} in time"
                effects += self._session.failures.at(wait.source, wait.start, text)
            elif wait.due is not None and now >= wait.due:
                effects += [*wait.act(now), *self.finish_if_ended(wait)]
        return effects

    def stop_live_view(self) -> list[Effect]:
        """Stop the live view at the user's request."""
        live_view, self.live_view = self.live_view, None
        return live_view.stop() if live_view is not None else []

    def _end(self, wait: Wait) -> None:
        if self.awaited is wait:
            self.awaited = None
        else:
            self.live_view = None
