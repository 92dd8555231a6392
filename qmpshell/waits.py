"""What a session may wait for between two lines.

Owns: when a wait is over, and whether well. Must not know: time (deadlines are compared elsewhere),
what is shown.
"""

from __future__ import annotations

from .render.escape import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .effects import Effect
    from .protocol.messages import Event


class Wait:
    """`label` names what is waited for, `deadline` is when that ends in failure, or None."""

    def __init__(self, label: str, deadline: float | None) -> None:
        self.label = label
        self.deadline = deadline
        self.ended = False
        self.failure = ""
        # What must be asked before the end is known, if anything.
        self.ask: Callable[[], list[Effect]] | None = None

    def see(self, event: Event) -> bool:
        """Take notice of an event; whether it is used up by that."""
        raise NotImplementedError


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


_BLOCK_JOB_EVENTS = ("BLOCK_JOB_COMPLETED", "BLOCK_JOB_CANCELLED")


class JobWait(Wait):
    """For the end of a job (job.json): it is concluded, or no longer there.

    A concluded job that dismisses itself is gone at once; one that does not is asked for its error.
    """

    def __init__(self, job: str, *, deadline: float | None) -> None:
        super().__init__(f"job {job}", deadline)
        self._job = job
        self.known = False
        self._aborted = False
        self._error = ""
        self._told_end = False
        self.list_jobs: Callable[[], list[Effect]] | None = None

    def see(self, event: Event) -> bool:
        data = event.value.get("data")
        if not isinstance(data, dict):
            return False
        if event.name == "JOB_STATUS_CHANGE" and data.get("id") == self._job:
            self._status(data.get("status"))
        elif event.name in _BLOCK_JOB_EVENTS and data.get("device") == self._job:
            self._told_end = True
            if event.name == "BLOCK_JOB_CANCELLED":
                self._aborted = False
            if isinstance(data.get("error"), str):
                self._error = data["error"]
        return False

    def _status(self, status: object) -> None:
        if status == "created":  # another job of the same name
            self.ended = self._aborted = self._told_end = False
            self.failure = self._error = ""
        self.known = True
        if status == "aborting":
            self._aborted = True
        elif status == "concluded":
            self.ask = self.list_jobs
        elif status == "null":
            self._end()

    def take_list(self, jobs: Any) -> None:
        """What `query-jobs` returned; anything but a list says nothing."""
        self.ask = None
        if self.ended or not isinstance(jobs, list):
            return
        for job in jobs:
            if isinstance(job, dict) and job.get("id") == self._job:
                self.known = True
                if job.get("status") == "concluded":
                    if isinstance(job.get("error"), str):
                        self._error = job["error"]
                    self._end()
                return

    def _end(self) -> None:
        self.ended = True
        self.ask = None
        if self._error:
            self.failure = f"job {escape(self._job)} failed: {escape(self._error)}"
        elif self._aborted:
            self.failure = f"job {escape(self._job)} was aborted"
