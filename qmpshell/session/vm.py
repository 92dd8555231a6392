"""The state of the VM: run state, jobs and migration, from events and background queries.

One query is in flight at a time, none while a command of the user's is awaited, and each at most
once per second. A query that the server rejects is not repeated until its next greeting.
"""

from __future__ import annotations

from collections import deque

from ..qmp import NO_MIGRATION, RUN_STATE_EVENTS, RUN_STATES, RUNNING
from .effects import QueryResult

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..qmp import Event, Reply
    from .effects import Effect
    from .requests import Request
    from .session import Session


CONCLUDED = "concluded"
# Events report all changes in these states (job.json, JobStatus).
_STILL = ("created", "paused", "standby", "waiting", "pending", CONCLUDED)
# More jobs than anyone looks at; a server may invent them.
_MAX_JOBS = 1000
_KEPT_ENDED = 100
# Servers without query-jobs have query-block-jobs with other names.
_BLOCK_JOB_EVENTS = ("BLOCK_JOB_COMPLETED", "BLOCK_JOB_CANCELLED")


class Job:
    """A job.

    `kind` is the server's type, such as mirror, "" while only an event has named the job; `status`
    is a JobStatus; `current` of `total` is done, in the job's own units; `error` is the server's
    text. All of them come from the server and are not trusted.
    """

    __slots__ = ("aborted", "cancelled", "current", "error", "id", "kind", "status", "total")

    def __init__(self, name: str) -> None:
        self.id = name
        self.kind = ""
        self.status = ""
        self.current = 0
        self.total = 0
        self.error = ""
        self.aborted = False
        self.cancelled = False

    @property
    def is_over(self) -> bool:
        """Whether the job has concluded."""
        return self.status == CONCLUDED

    @property
    def has_failed(self) -> bool:
        """Return True if the job failed. A cancelled job did not."""
        return not self.cancelled and (bool(self.error) or self.aborted)


class Jobs:
    """The jobs by id in `all`, and the latest of the past ones in `ended`."""

    def __init__(self) -> None:
        self.all: dict[str, Job] = {}
        self.ended: deque[Job] = deque(maxlen=_KEPT_ENDED)
        # Whether a list has arrived; before, there may be others.
        self.are_known = False
        self.are_refused = False
        # Whether a list would tell more.
        self.need_list = False

    @property
    def make_progress(self) -> bool:
        """Return True if a job makes progress that no event reports."""
        return any(job.status not in _STILL for job in self.all.values())

    @property
    def are_over(self) -> bool:
        """Whether all jobs have concluded."""
        return all(job.is_over for job in self.all.values())

    def pop_ended(self) -> list[Job]:
        """Remove and return the jobs that have ended since the last call."""
        ended = list(self.ended)
        self.ended.clear()
        return ended

    def on_event(self, event: Event) -> bool:
        """Handle an event. Return True if it is about a job."""
        data = event.value.get("data")
        if not isinstance(data, dict):
            return False
        if event.name == "JOB_STATUS_CHANGE":
            name, status = data.get("id"), data.get("status")
            if isinstance(name, str) and isinstance(status, str):
                self._changed(name, status)
            return True
        if not event.name.startswith("BLOCK_JOB_"):
            return False
        job = self.all.get(str(data.get("device")))
        if job is not None:
            job.cancelled |= event.name == "BLOCK_JOB_CANCELLED"
            _update_progress(job, data.get("offset"), data.get("len"))
            if event.name in _BLOCK_JOB_EVENTS and isinstance(data.get("error"), str):
                job.error = data["error"]
        # An old server has no other events.
        self.need_list |= event.name in _BLOCK_JOB_EVENTS
        return True

    def _changed(self, name: str, status: str) -> None:
        if status == "null":
            job = self.all.pop(name, None)
            if job is not None:
                self.ended.append(job)
            return
        job = self.all.get(name)
        if job is None or (status == "created" and job.is_over):
            if len(self.all) >= _MAX_JOBS:
                return
            job = self.all[name] = Job(name)
        job.status = status
        job.aborted |= status == "aborting"
        # A concluded job may have an error, which only a list contains.
        self.need_list |= not job.kind or status == CONCLUDED

    def update(self, listed: Any) -> None:
        """Handle a result of `query-jobs` or `query-block-jobs`."""
        self.need_list = False
        self.are_known = True
        if not isinstance(listed, list):
            return
        found: dict[str, Job] = {}
        for entry in listed[:_MAX_JOBS]:
            if isinstance(entry, dict):
                name = entry.get("id", entry.get("device"))
                if isinstance(name, str):
                    found[name] = self.all.get(name) or Job(name)
                    _update_job(found[name], entry)
        self.ended.extend(job for name, job in self.all.items() if name not in found)
        self.all = found


def _update_job(job: Job, entry: dict[str, Any]) -> None:
    job.kind = str(entry.get("type", job.kind))
    if "device" in entry:
        state = "paused" if entry.get("paused") is True else "running"
        job.status = str(entry.get("status", "ready" if entry.get("ready") is True else state))
        _update_progress(job, entry.get("offset"), entry.get("len"))
    else:
        job.status = str(entry.get("status", job.status))
        _update_progress(job, entry.get("current-progress"), entry.get("total-progress"))
    if isinstance(entry.get("error"), str):
        job.error = entry["error"]


def _update_progress(job: Job, current: object, total: object) -> None:
    if isinstance(current, int) and isinstance(total, int):
        job.current, job.total = current, total


_PAUSE = 1.0  # seconds between two queries of a kind
_BLOCK_JOB_COMMANDS = ("block-", "blockdev-", "drive-", "transaction")


class Migration:
    """A migration.

    `status` is a MigrationStatus or ""; `done` of `total` bytes of the guest's memory are copied.
    `was_seen` is true if it was in progress during this session.
    """

    __slots__ = ("done", "status", "total", "was_seen")

    def __init__(self) -> None:
        self.status = ""
        self.done = 0
        self.total = 0
        self.was_seen = False

    @property
    def is_active(self) -> bool:
        """Whether the migration is in progress."""
        return self.status not in NO_MIGRATION

    def update(self, value: Any) -> None:
        """Handle a result of `query-migrate`."""
        if not isinstance(value, dict):
            return
        self.status = str(value.get("status", ""))
        self.was_seen |= self.is_active
        ram = value.get("ram")
        if isinstance(ram, dict):
            total, remaining = ram.get("total"), ram.get("remaining")
            if isinstance(total, int) and isinstance(remaining, int):
                self.total, self.done = total, max(total - remaining, 0)


class _Query:
    """A repeated query: sent while it is `wanted`, and not before `free_at`."""

    __slots__ = ("free_at", "name", "wanted")

    def __init__(self, name: str, *, wanted: bool) -> None:
        self.name = name
        self.wanted = wanted
        self.free_at = 0.0


class VmState:
    """The state of a VM. `status` is the run state, or "". With `only_jobs`, only jobs are tracked."""

    def __init__(self, session: Session, *, only_jobs: bool = False) -> None:
        self._session = session
        self._only_jobs = only_jobs
        self.reset()

    def reset(self) -> None:
        """Reset the state after a greeting."""
        self.status = ""
        self.jobs = Jobs()
        self.migration = Migration()
        everything = not self._only_jobs
        self._status = _Query("query-status", wanted=everything)
        self._jobs = _Query("query-jobs", wanted=True)
        self._migration = _Query("query-migrate", wanted=everything)
        self._queries = [self._status, self._jobs, self._migration]
        self._asked: _Query | None = None
        self._is_reported = False

    def on_event(self, event: Event) -> None:
        """Handle an event."""
        name = event.name
        if self.jobs.on_event(event):
            self._jobs.wanted |= self.jobs.need_list or self.jobs.make_progress
            return
        if self._only_jobs:
            return
        state = RUN_STATES.get(name)
        if state is not None:
            self.status = state
            self._status.wanted = False
        elif name == "STOP" and self.status in ("", RUNNING):
            self.status = "paused"  # until the query returns the reason
        if name in RUN_STATE_EVENTS:
            self._status.wanted = True
        if name == "MIGRATION":
            self._migration.wanted = True

    def on_reply(self, request: Request, reply: Reply) -> None:
        """Handle the reply to a command that the user has typed."""
        if reply.is_error:
            return
        name, value = request.name, reply.value.get("return")
        if request.text is not None:
            name = request.text.split(maxsplit=1)[0] if request.text.strip() else ""
        if name == "query-status":
            self._update_status(value)
        elif name == "query-jobs":
            self.jobs.update(value)
            self._jobs.wanted |= self.jobs.make_progress
        elif name.startswith("migrate"):  # without a capability, no event reports it
            self._migration.wanted = not self._only_jobs
            self.migration.was_seen |= name == "migrate"
        elif name.startswith(_BLOCK_JOB_COMMANDS) and self._jobs.name == "query-block-jobs":
            self._jobs.wanted = True

    @property
    def deadline(self) -> float | None:
        """The time at which `tick` is due, or None."""
        times = [query.free_at for query in self._queries if query.wanted]
        return min(times) if times and self._may_ask else None

    @property
    def _may_ask(self) -> bool:
        session = self._session
        if self._asked is not None or not session.can_probe or not session.link.is_ready:
            return False
        if self._only_jobs and not any(wait.follows_jobs for wait in session.waits):
            return False
        return not session.request_table.has_foreground

    def tick(self, now: float) -> list[Effect]:
        """Send the query that is due, if any."""
        if not self._may_ask:
            return []
        for question in self._queries:
            if question.wanted and now >= question.free_at:
                return self._ask(question, now)
        return []

    def list_jobs(self, now: float) -> list[Effect]:
        """Query the jobs now, because the user wants to see them."""
        self._jobs.wanted = True
        self._jobs.free_at = now
        return self._ask(self._jobs, now) if self._asked is None else []

    def _ask(self, question: _Query, now: float) -> list[Effect]:
        self._asked = question
        question.wanted = False
        question.free_at = now + _PAUSE

        def answered(reply: Reply | None) -> list[Effect]:
            if self._asked is not question:  # a query to another server
                return []
            self._asked = None
            if reply is None:
                return []
            return self._refused(question) if reply.is_error else self._on_result(question, reply)

        return self._session.ask(question.name, {}, answered, background=True)

    def _refused(self, question: _Query) -> list[Effect]:
        if question.name == "query-jobs":  # it is new in QEMU 3.0
            question.name = "query-block-jobs"
            return self._ask(question, self._session.now)
        self._queries = [query for query in self._queries if query is not question]
        if question is self._jobs:
            self.jobs.are_refused = True
            self.jobs.update([])
            return self._session.waits.on_change()
        return []

    def _on_result(self, question: _Query, reply: Reply) -> list[Effect]:
        value = reply.value.get("return")
        if question is self._status:
            self._update_status(value)
            first, self._is_reported = not self._is_reported, True
            return [QueryResult(question.name, value)] if first else []
        if question is self._migration:
            self.migration.update(value)
            question.wanted |= self.migration.is_active
            # Its end changes the run state; an event reports that only for a running VM.
            self._status.wanted |= self.migration.was_seen and not self.migration.is_active
            return []
        self.jobs.update(value)
        question.wanted |= self.jobs.make_progress
        return self._session.waits.on_change()

    def _update_status(self, value: object) -> None:
        if isinstance(value, dict) and isinstance(value.get("status"), str):
            self.status = value["status"]
