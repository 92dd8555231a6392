"""The state of the VM: run state, jobs and migration, from events and background queries; its waits.

One query is in flight at a time, none while a command of the user's is awaited, and each at most
once per second. A query that the server rejects is not repeated until its next greeting.
"""

from __future__ import annotations

from collections import deque

from ..qmp import NO_MIGRATION, RUN_STATE_EVENTS, RUN_STATES, RUNNING, as_text
from ..record import Record
from ..render import escape
from .effects import QueryResult, ShowMessage
from .waits import CANCELLED, CONCLUDED, PENDING, READY, Wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..qmp import Event, Reply
    from .requests import Request


# Events report all changes in these states (job.json, JobStatus).
_STILL = ("created", "paused", "standby", "waiting", PENDING, CONCLUDED)
# More jobs than anyone looks at; a server may invent them.
_MAX_JOBS = 1000
_KEPT_ENDED = 100
# Servers without query-jobs have query-block-jobs with other names.
_BLOCK_JOB_EVENTS = ("BLOCK_JOB_COMPLETED", "BLOCK_JOB_CANCELLED")


class Job(Record):
    """A job.

    `kind` is the server's type, such as mirror, "" while only an event has named the job; `status`
    is a JobStatus; `current` of `total` is done, in the job's own units; `error` is the server's
    text. All of them come from the server and are not trusted.
    """

    id: str
    kind: str = ""
    status: str = ""
    current: int = 0
    total: int = 0
    error: str = ""
    aborted: bool = False
    cancelled: bool = False
    # Whether it is ready, or pending, until the user acts.
    awaits_user: bool = False
    # Whether the user was told that it is over.
    is_reported: bool = False

    @property
    def is_over(self) -> bool:
        """Whether the job has concluded."""
        return self.status == CONCLUDED

    @property
    def has_failed(self) -> bool:
        """Whether the job failed or was cancelled."""
        return self.cancelled or bool(self.error) or self.aborted


class Jobs:
    """The jobs by id in `all`, and the latest of the past ones in `ended` if they were not reported."""

    def __init__(self) -> None:
        self.all: dict[str, Job] = {}
        self.ended: deque[Job] = deque(maxlen=_KEPT_ENDED)
        # Whether a list has arrived; before, there may be others.
        self.are_known = False
        self.are_refused = False
        # Whether the list of jobs has more information.
        self.need_list = False

    @property
    def any_in_progress(self) -> bool:
        """Whether a job makes progress that no event reports."""
        return any(job.status not in _STILL for job in self.all.values())

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
        job = self.all.get(as_text(data.get("id", data.get("device"))))
        if job is not None:
            job.awaits_user |= event.name == "BLOCK_JOB_PENDING"
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
            if job is not None and not job.is_reported:
                self.ended.append(job)
            return
        job = self.all.get(name)
        if job is None or (status == "created" and job.is_over):
            if len(self.all) >= _MAX_JOBS:
                return
            job = self.all[name] = Job(name)
        job.status = status
        job.awaits_user = status == READY
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
        self.ended.extend(
            job for name, job in self.all.items() if name not in found and not job.is_reported
        )
        self.all = found


def _update_job(job: Job, entry: dict[str, Any]) -> None:
    job.kind = as_text(entry.get("type", job.kind))
    if "device" in entry:
        state = "paused" if entry.get("paused") is True else "running"
        job.status = as_text(entry.get("status", "ready" if entry.get("ready") is True else state))
        _update_progress(job, entry.get("offset"), entry.get("len"))
    else:
        job.status = as_text(entry.get("status", job.status))
        _update_progress(job, entry.get("current-progress"), entry.get("total-progress"))
    job.awaits_user = job.status in (READY, PENDING)
    if isinstance(entry.get("error"), str):
        job.error = entry["error"]
        job.cancelled |= job.error == CANCELLED


def _update_progress(job: Job, current: object, total: object) -> None:
    if isinstance(current, int) and isinstance(total, int):
        job.current, job.total = current, total


_PAUSE = 1.0  # seconds between two queries of a kind
_BLOCK_JOB_COMMANDS = ("block-", "blockdev-", "drive-", "transaction")


class Migration(Record):
    """A migration.

    `status` is a MigrationStatus or ""; `done` of `total` bytes of the guest's memory are copied.
    `was_seen` is true if it was in progress during this session.
    """

    status: str = ""
    done: int = 0
    total: int = 0
    was_seen: bool = False

    @property
    def is_active(self) -> bool:
        """Whether the migration is in progress."""
        return self.status not in NO_MIGRATION

    def update(self, value: Any) -> None:
        """Handle a result of `query-migrate`."""
        if not isinstance(value, dict):
            return
        self.status = as_text(value.get("status", ""))
        self.was_seen |= self.is_active
        ram = value.get("ram")
        if isinstance(ram, dict):
            total, remaining = ram.get("total"), ram.get("remaining")
            if isinstance(total, int) and isinstance(remaining, int):
                self.total, self.done = total, max(total - remaining, 0)


# Commands for migrations that wait for the user (migration.json, MigrationStatus). No event contains
# the side of the migration that the server is on.
_MIGRATION_ADVICE = {
    "pre-switchover": "migrate-continue continues it",
    "postcopy-paused": (
        "migrate-recover on the destination and then migrate with resume=on on the source continue it"
    ),
}


class MigrationWait(Wait):
    """Waits for the end of the migration. A migration that was cancelled has failed.

    Without `can_query`, it relies on events, which the server sends with the capability `events`.
    """

    def __init__(self, *, deadline: float | None, can_query: bool = True) -> None:
        super().__init__("the migration", deadline)
        self._can_query = can_query
        self._migration = Migration()
        self._reported = ""

    def on_event(self, event: Event) -> bool:
        """Handle an event, without consuming it."""
        data = event.value.get("data")
        if event.name == "MIGRATION" and not self._can_query:
            self._update(data)
        return False

    def on_answer(self, reply: Reply | None) -> None:
        """Handle a reply to `query-migrate`."""
        if reply is None or self.ended:
            return
        if reply.is_error:
            self.ended = True
            self.failure = f"the server does not report migrations: {escape(reply.desc)}"
            return
        self._update(reply.value.get("return"))

    def _update(self, value: Any) -> None:
        self._migration.update(value)
        status, reason = self._migration.status, ""
        self.ended = not self._migration.is_active
        if isinstance(value, dict) and isinstance(value.get("error-desc"), str):
            reason = f": {escape(value['error-desc'])}"
        if self.ended and status != "completed":
            self.failure = {
                "failed": f"the migration failed{reason}",
                "cancelled": "the migration was cancelled",
            }.get(status, "there is no migration")

    def new_messages(self) -> list[ShowMessage]:
        """Return a message about a migration that waits for the user."""
        status = self._migration.status
        advice = _MIGRATION_ADVICE.get(status, "")
        if not advice or status == self._reported:
            return []
        self._reported = status
        return [ShowMessage(f"the migration is {status}; {self.advise(advice)}")]

    def explain_timeout(self) -> str:
        """Return a message for the case that the deadline has passed."""
        migration = self._migration
        text = super().explain_timeout()
        if not migration.status:
            return text
        text += f": it is {escape(migration.status)}"
        if migration.total > 0:
            text += f", {100 * migration.done // migration.total} %"
        advice = _MIGRATION_ADVICE.get(migration.status, "")
        return f"{text}; {advice}" if advice else text


class _Query(Record):
    """A repeated query: sent while it is `wanted`, and not before `free_at`."""

    name: str
    wanted: bool
    free_at: float = 0.0


class VmState:
    """The state of a VM. `status` is the run state, or "". With `only_jobs`, only jobs are tracked.

    The session sends the command that `next_query` returns, and passes the reply to `on_answer`.
    """

    def __init__(self, *, only_jobs: bool = False) -> None:
        self.only_jobs = only_jobs
        self.status = ""
        self.jobs = Jobs()
        self.migration = Migration()
        self._status = _Query("query-status", wanted=not only_jobs)
        self._jobs = _Query("query-jobs", wanted=True)
        self._migration = _Query("query-migrate", wanted=not only_jobs)
        self._queries = [self._status, self._jobs, self._migration]
        # Whether the jobs must be queried even while the user waits for a reply.
        self.is_urgent = False
        # The query in flight.
        self._sent: _Query | None = None
        self._is_reported = False

    def on_event(self, event: Event) -> None:
        """Handle an event."""
        name = event.name
        if self.jobs.on_event(event):
            self._jobs.wanted |= self.jobs.need_list or self.jobs.any_in_progress
            return
        if self.only_jobs:
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
            self._jobs.wanted |= self.jobs.any_in_progress
        elif name.startswith("migrate"):  # without a capability, no event reports it
            self._migration.wanted = not self.only_jobs
            self.migration.was_seen |= name == "migrate"
        elif name.startswith(_BLOCK_JOB_COMMANDS) and self._jobs.name == "query-block-jobs":
            self._jobs.wanted = True

    @property
    def deadline(self) -> float | None:
        """The time at which `next_query` has a query, or None."""
        if self._sent is not None:
            return None
        return min((query.free_at for query in self._queries if query.wanted), default=None)

    def next_query(self, now: float) -> str | None:
        """Return the command that must be run now, if any. One is in flight at a time."""
        if self._sent is not None:
            return None
        for query in [self._jobs] if self.is_urgent else self._queries:
            if query.wanted and now >= query.free_at:
                self.is_urgent = False
                self._sent = query
                query.wanted = False
                query.free_at = now + _PAUSE
                return query.name
        return None

    def request_jobs(self, now: float) -> None:
        """Query the jobs next, because the user wants to see them."""
        self._jobs.wanted = self.is_urgent = True
        self.jobs.are_known = False
        self._jobs.free_at = now

    def on_answer(self, reply: Reply | None, now: float) -> QueryResult | None:
        """Handle the reply to the query. Return the first run state."""
        query, self._sent = self._sent, None
        if query is None or reply is None:
            return None
        if reply.is_error:
            self._on_refusal(query, now)
            return None
        value = reply.value.get("return")
        if query is self._status:
            self._update_status(value)
            first, self._is_reported = not self._is_reported, True
            return QueryResult(query.name, value) if first else None
        if query is self._migration:
            self.migration.update(value)
            query.wanted |= self.migration.is_active
            # Its end changes the run state; an event reports that only for a running VM.
            self._status.wanted |= self.migration.was_seen and not self.migration.is_active
            return None
        self.jobs.update(value)
        query.wanted |= self.jobs.any_in_progress
        return None

    def _on_refusal(self, query: _Query, now: float) -> None:
        if query.name == "query-jobs":  # it is new in QEMU 3.0
            query.name = "query-block-jobs"
            self.request_jobs(now)
            return
        self._queries = [item for item in self._queries if item is not query]
        if query is self._jobs:
            self.jobs.are_refused = True
            self.jobs.update([])

    def _update_status(self, value: object) -> None:
        if isinstance(value, dict) and isinstance(value.get("status"), str):
            self.status = value["status"]
