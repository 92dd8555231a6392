"""The jobs of a server, as far as they are known.

Owns: what events and the lists of jobs say of them. Must not know: when the lists are asked for, how
jobs are shown.
"""

from __future__ import annotations

from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..protocol.messages import Event

CONCLUDED = "concluded"
# In these nothing happens that no event tells of (job.json, JobStatus).
_STILL = ("created", "paused", "standby", "waiting", "pending", CONCLUDED)
# More jobs than people look at; a server may make them up.
_MOST = 1000
_KEPT_ENDED = 100
# Before query-jobs there was query-block-jobs, which has other names for the same.
_BLOCK_JOB_EVENTS = ("BLOCK_JOB_COMPLETED", "BLOCK_JOB_CANCELLED")


class Job:
    """`kind` is the server's type, such as mirror, empty as long as only an event has named the job;
    `status` one of JobStatus; `current` of `total` is done, in units of the job's own; `error` is the
    server's text. All of them are the server's, and not trusted."""

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
        return self.status == CONCLUDED

    @property
    def has_failed(self) -> bool:
        """One that was cancelled has ended, and not failed."""
        return not self.cancelled and (bool(self.error) or self.aborted)


class Jobs:
    """`all` has those that there are, by their ids, `ended` the latest of those that are gone."""

    def __init__(self) -> None:
        self.all: dict[str, Job] = {}
        self.ended: deque[Job] = deque(maxlen=_KEPT_ENDED)
        # Whether a list was taken; before, there may be others.
        self.are_known = False
        self.are_refused = False
        # Whether a list would tell what is not known yet.
        self.need_list = False

    @property
    def are_moving(self) -> bool:
        """Whether any job gets on without an event that says so."""
        return any(job.status not in _STILL for job in self.all.values())

    @property
    def are_over(self) -> bool:
        return all(job.is_over for job in self.all.values())

    def take_ended(self) -> list[Job]:
        """Those that are gone since the last time."""
        ended = list(self.ended)
        self.ended.clear()
        return ended

    def see(self, event: Event) -> bool:
        """Take notice of an event; whether it was one of a job."""
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
            _take_progress(job, data.get("offset"), data.get("len"))
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
            if len(self.all) >= _MOST:
                return
            job = self.all[name] = Job(name)
        job.status = status
        job.aborted |= status == "aborting"
        # Who has concluded may have an error, which only a list tells.
        self.need_list |= not job.kind or status == CONCLUDED

    def take(self, listed: Any) -> None:
        """What `query-jobs` returned, or `query-block-jobs`."""
        self.need_list = False
        self.are_known = True
        if not isinstance(listed, list):
            return
        found: dict[str, Job] = {}
        for one in listed[:_MOST]:
            if isinstance(one, dict):
                name = one.get("id", one.get("device"))
                if isinstance(name, str):
                    found[name] = self.all.get(name) or Job(name)
                    _take_job(found[name], one)
        self.ended.extend(job for name, job in self.all.items() if name not in found)
        self.all = found


def _take_job(job: Job, one: dict[str, Any]) -> None:
    job.kind = str(one.get("type", job.kind))
    if "device" in one:
        state = "paused" if one.get("paused") is True else "running"
        job.status = str(one.get("status", "ready" if one.get("ready") is True else state))
        _take_progress(job, one.get("offset"), one.get("len"))
    else:
        job.status = str(one.get("status", job.status))
        _take_progress(job, one.get("current-progress"), one.get("total-progress"))
    if isinstance(one.get("error"), str):
        job.error = one["error"]


def _take_progress(job: Job, current: object, total: object) -> None:
    if isinstance(current, int) and isinstance(total, int):
        job.current, job.total = current, total
