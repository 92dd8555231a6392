"""What a session may wait for between two lines.

Owns: when a wait is over, and whether well. Must not know: time (deadlines are compared elsewhere),
how anything is shown.
"""

from __future__ import annotations

from .render.escape import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .effects import Effect
    from .protocol.messages import Event
    from .requests import Source


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
