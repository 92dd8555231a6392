"""What lines wait for: an event, the end of a job, or a time."""

from __future__ import annotations

from ..qmp import as_text
from ..render import escape
from .effects import ShowMessage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..errors import LineError
    from ..qmp import Event, Reply


class Wait:
    """What a line waits for. The session passes events to it and runs its queries.

    `label` names it for the user. At `deadline`, if any, it fails. Once it has `ended`, `failure` is
    the reason, if any. `since` is when it started. `blocks_user` is true if a user cannot send a
    command before it ends.
    """

    # Whether the jobs of the VM must be tracked meanwhile.
    follows_jobs = False

    def __init__(self, label: str, deadline: float | None) -> None:
        self.label = label
        self.deadline = deadline
        self.ended = False
        self.failure = ""
        self.since = 0.0
        self.blocks_user = False

    def on_event(self, _event: Event) -> bool:
        """Handle an event. Return True if the wait consumes it."""
        return False

    def explain_timeout(self) -> str:
        """Return a message for the case that the deadline has passed."""
        return f"{escape(self.label)} did not end within {self._seconds}"

    def advise(self, advice: str) -> str:
        """Return advice for the user, with what must be done first."""
        return f"{advice} (Ctrl-C first)" if self.blocks_user else advice

    @property
    def _seconds(self) -> str:
        """The time from the start to the deadline, in words."""
        return f"{(self.deadline or 0.0) - self.since:g} s"

    def next_query(self) -> str | None:
        """Return the command that must be run before the wait can end, once, or None."""
        return None

    def on_answer(self, reply: Reply | None) -> None:
        """Handle the reply to the query."""

    def new_messages(self) -> list[ShowMessage]:
        """Return messages about what has changed, and update `ended`."""
        return []


class EventWait(Wait):
    """Waits for one event, which is consumed and then in `event`.

    `name` is a name or glob, or several with commas between them. `matches` checks the members of
    an event, and `members` describes them for the user. `check` receives the reply to the query
    for the schema, and returns a mistake in the call, if any; without it, there is no query.
    """

    def __init__(
        self,
        name: str,
        matches: Callable[[Event], bool],
        *,
        deadline: float | None,
        members: str = "",
        check: Callable[[Reply], LineError | None] | None = None,
    ) -> None:
        super().__init__(f"{name} with {members}" if members else name, deadline)
        self._names = name.split(",")
        self._matches = matches
        self._check = check
        self._needs_schema = check is not None
        self.event: Event | None = None
        self.mistake: LineError | None = None

    def wants(self, event: Event) -> bool:
        """Return True for a matching event."""
        from fnmatch import fnmatchcase  # few scripts need it

        is_named = any(fnmatchcase(event.name, glob) for glob in self._names)
        return is_named and self._matches(event)

    def on_event(self, event: Event) -> bool:
        """Consume a matching event."""
        if self.ended or not self.wants(event):
            return False
        self.ended = True
        self.event = event
        return True

    def next_query(self) -> str | None:
        """Return the command that returns the schema, once."""
        needs_schema, self._needs_schema = self._needs_schema, False
        return "query-qmp-schema" if needs_schema else None

    def on_answer(self, reply: Reply | None) -> None:
        """Check the call with the schema, unless the event has arrived already."""
        if reply is not None and self._check is not None:
            mistake = self._check(reply)
            if not self.ended:
                self.mistake = mistake
                self.ended = mistake is not None

    def explain_timeout(self) -> str:
        """Return a message for the case that the deadline has passed."""
        return f"no {escape(self.label)} within {self._seconds}"


# States of jobs (job.json, JobStatus).
CONCLUDED = "concluded"
PENDING = "pending"
READY = "ready"
# The error text of a cancelled job (QEMU: job.c, from ECANCELED).
CANCELLED = "Operation canceled"
_ADVICE = {
    READY: "job-complete ends it",
    PENDING: "job-finalize ends it",
    "paused": "job-resume continues it",
    "standby": "job-resume continues it",
}
# A job has these states for a moment, too: whenever QEMU drains its nodes, or without manual
# finalization. BLOCK_JOB_PENDING is only sent if the job waits for the user.
_MOMENTARY = ("paused", "standby", PENDING)


def advice_for(status: str) -> str:
    """Return how the user ends or continues a job in this state, or ""."""
    return _ADVICE.get(status, "")


class JobWait(Wait):
    """Waits for the end of a job (job.json): concluded, or no longer there.

    A concluded job that is not dismissed automatically is queried for its error, if `can_query`. A
    cancelled job has failed. A job that waits for the user is reported, unless the user has ended
    it already (`is_ending`).
    """

    def __init__(
        self,
        job: str,
        *,
        deadline: float | None,
        can_query: bool = True,
        is_ending: bool = False,
    ) -> None:
        super().__init__(f"job {job}", deadline)
        self._job = job
        self.known = False
        self._concluded = self._aborted = self._cancelled = False
        self._error = ""
        # The last state, whether the job stays in it, and the states that were reported.
        self._state = ""
        self._lasts = False
        self._reported: set[str] = set()
        self._is_ending = is_ending
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
        self.failure = (
            f"there is no job {escape(self._job)}; it may have ended (auto-dismiss=off keeps it)"
        )
        if reply.is_error:
            self.failure = f"the server does not list its jobs: {escape(reply.desc)}"

    def on_event(self, event: Event) -> bool:
        """Handle an event, without consuming it."""
        data = event.value.get("data")
        if not isinstance(data, dict):
            return False
        if event.name == "JOB_STATUS_CHANGE" and data.get("id") == self._job:
            self._status(data.get("status"))
        elif data.get("id") == self._job and event.name == "BLOCK_JOB_PENDING":
            self._set_state(PENDING, is_lasting=True)
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
            self._is_ending = False
            self._reported.clear()
            self.failure = self._error = ""
        self.known = True
        self._set_state(status, is_lasting=status not in _MOMENTARY)
        if status == "aborting":
            self._aborted = True
        elif status == CONCLUDED:
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
                status = as_text(job.get("status"))
                self._set_state(status, is_lasting=status not in ("paused", "standby"))
                if status == CONCLUDED:
                    if isinstance(job.get("error"), str):
                        self._error = job["error"]
                    self._end()
                elif self._concluded:  # the list is older than that
                    self._needs_list = True
                return
        if self._concluded:
            self._end()

    def _set_state(self, state: str, *, is_lasting: bool) -> None:
        self._lasts = is_lasting or (self._lasts and state == self._state)
        self._state = state

    def new_messages(self) -> list[ShowMessage]:
        """Return a message about a job that waits for the user."""
        advice = self._advice if self._lasts else ""
        if self.ended or not advice or self._state in self._reported:
            return []
        self._reported.add(self._state)
        text = f"{escape(self.label)} is {self._state}; {self.advise(advice)}"
        return [ShowMessage(text)]

    @property
    def _advice(self) -> str:
        return "" if self._is_ending else advice_for(self._state)

    def explain_timeout(self) -> str:
        """Return a message for the case that the deadline has passed."""
        advice = f": it is {self._state}; {self._advice}" if self._advice else ""
        return f"{super().explain_timeout()}{advice}"

    def _end(self) -> None:
        self.ended = True
        self._needs_list = False
        if self._cancelled or self._error == CANCELLED:
            self.failure = f"job {escape(self._job)} was cancelled"
        elif self._error:
            self.failure = f"job {escape(self._job)} failed: {escape(self._error)}"
        elif self._aborted:
            self.failure = f"job {escape(self._job)} was aborted"
