"""What lines wait for: an event, the end of a job, or a time."""

from __future__ import annotations

from ..render import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..qmp import Event, Reply
    from .effects import ShowMessage


class Wait:
    """What a line waits for. The session passes events to it and runs its queries.

    `label` names it for the user. At `deadline`, if any, it fails, and `verb` completes the sentence
    about that. Once it has `ended`, `failure` is the reason, if any. `since` is when it started.
    """

    verb = "come"
    # Whether the jobs of the VM must be tracked meanwhile.
    follows_jobs = False

    def __init__(self, label: str, deadline: float | None) -> None:
        self.label = label
        self.deadline = deadline
        self.ended = False
        self.failure = ""
        self.since = 0.0

    def on_event(self, _event: Event) -> bool:
        """Handle an event. Return True if the wait consumes it."""
        return False

    def on_time(self, now: float) -> None:
        """Handle the passing of time."""

    @property
    def due(self) -> float | None:
        """When `on_time` has an effect, or None."""
        return None

    def next_query(self) -> str | None:
        """Return the command that must be run before the wait can end, once, or None."""
        return None

    def on_answer(self, reply: Reply | None) -> None:
        """Handle the reply to the query."""

    def new_messages(self) -> list[ShowMessage]:
        """Return messages about what has changed, and update `ended`."""
        return []


class Delay(Wait):
    """Waits until a time."""

    def __init__(self, until: float) -> None:
        super().__init__("", None)
        self._until = until

    @property
    def due(self) -> float | None:
        """When the delay ends."""
        return self._until

    def on_time(self, now: float) -> None:
        """End at the time."""
        self.ended = now >= self._until


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
        if self.ended or not self.wants(event):
            return False
        self.ended = True
        return True


class JobWait(Wait):
    """Waits for the end of a job (job.json): concluded, or no longer there.

    A concluded job that is not dismissed automatically is queried for its error, if `can_query`. A
    cancelled job has ended and did not fail.
    """

    verb = "end"

    def __init__(self, job: str, *, deadline: float | None, can_query: bool = True) -> None:
        super().__init__(f"job {job}", deadline)
        self._job = job
        self.known = False
        self._concluded = self._aborted = self._cancelled = False
        self._error = ""
        self._can_query = can_query
        self._needs_list = self._is_listing = False

    def request_list(self) -> None:
        """Query the jobs first, because the job may not exist."""
        self._needs_list = True

    def next_query(self) -> str | None:
        """Return the command that lists the jobs, if a list is needed and not on its way."""
        if not self._needs_list or not self._can_query or self._is_listing:
            return None
        self._needs_list, self._is_listing = False, True
        return "query-jobs"

    def on_answer(self, reply: Reply | None) -> None:
        """Handle the reply to `query-jobs`."""
        self.on_job_list(reply.value.get("return") if reply is not None else None)
        if reply is None or self.known:
            return
        self.ended = True
        self.failure = f"there is no job {escape(self._job)}"
        if reply.is_error:
            self.failure = f"the server does not list its jobs: {escape(reply.desc)}"

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
            self._needs_list = not self._is_listing
        elif status == "null":
            self._end()

    def on_job_list(self, jobs: Any) -> None:
        """Handle a result of `query-jobs`. Anything but a list is ignored."""
        self._needs_list = self._is_listing = False
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
                    self._needs_list = True
                return
        if self._concluded:
            self._end()

    def _end(self) -> None:
        self.ended = True
        self._needs_list = False
        if self._cancelled:
            return
        if self._error:
            self.failure = f"job {escape(self._job)} failed: {escape(self._error)}"
        elif self._aborted:
            self.failure = f"job {escape(self._job)} was aborted"
