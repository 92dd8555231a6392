"""The waits of /watch and /jobs, which a terminal shows as live views."""

from __future__ import annotations

from ..render import escape
from .effects import ShowMessage, ShowReply
from .waits import PENDING, Wait, advice_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from ..qmp import Reply
    from .requests import Request
    from .vm import Job, Jobs


_SEEN = 1.0  # seconds for which a mark stays visible


class Watch(Wait):
    """The replies to a command that is sent every `interval` seconds, `count` times or without end.

    `shown` is the latest reply, `before` the one that it is compared with, `times` the number of
    replies.
    """

    def __init__(self, text: str, *, interval: float, count: int | None) -> None:
        super().__init__(f"/watch {text}", None)
        self.text = text
        self.interval = interval
        self.shown: ShowReply | None = None
        self.before: Reply | None = None
        self.times = 0
        self._count = count
        self._marked_until = 0.0

    def on_reply(self, reply: Reply, request: Request, *, elapsed: float, now: float) -> None:
        """Handle a reply, and end after the last one."""
        self.times += 1
        self._compare(reply, now)
        self.shown = ShowReply(reply, request, late=False, elapsed=elapsed)
        # The command does not exist, so there is nothing to watch.
        self.ended = reply.is_error and self.times == 1 and reply.error_class == "CommandNotFound"
        self.ended |= self.times == self._count

    def _compare(self, reply: Reply, now: float) -> None:
        """Keep changes marked for a while, so that they are visible if replies arrive quickly."""
        latest = self.shown.reply if self.shown is not None else None
        value = reply.value.get("return")
        changed = latest is not None and latest.value.get("return") != value
        if changed or now >= self._marked_until:
            self.before = latest
        if changed:
            self._marked_until = now + _SEEN


class JobsWatch(Wait):
    """Follows all jobs until they have ended; fails if one failed or was cancelled.

    A job that waits for a command from the user, such as a mirror that is ready, has not ended.
    `find_jobs` returns the jobs of the VM; `ending` are the ids of those that the user has ended.
    With `is_beside`, the terminal shows the running jobs.
    """

    follows_jobs = True

    def __init__(
        self,
        find_jobs: Callable[[], Jobs],
        *,
        deadline: float | None,
        can_query: Callable[[], bool],
        is_beside: bool,
        ending: Collection[str] = (),
    ) -> None:
        super().__init__("the end of the jobs", deadline)
        self._find_jobs = find_jobs
        self._can_query = can_query
        self._is_beside = is_beside
        # The status that was reported of each job.
        self._reported: dict[str, str] = {}
        self._ending = ending
        self._failed = self._cancelled = 0

    @property
    def jobs(self) -> Jobs:
        """The jobs of the VM."""
        return self._find_jobs()

    def new_messages(self) -> list[ShowMessage]:
        """Return messages about changes of the jobs, and end when all have ended."""
        jobs = self.jobs
        if not jobs.are_known or self.ended:
            return []
        messages = [message for job in jobs.pop_ended() for message in self._report_end(job)]
        for job in jobs.all.values():
            if not job.is_over:
                messages += self._report_status(job)
            elif self._is_settled:
                messages += self._report_end(job)
        self.ended = jobs.are_over and (self._is_settled or not jobs.all)
        if self.ended and jobs.are_refused:
            self.failure = "the server does not list its jobs"
        elif self.ended and not self._reported:
            messages.append(ShowMessage("there are no jobs"))
        elif self.ended:
            self.failure = self._describe_failures()
        return messages

    def _describe_failures(self) -> str:
        """Return how many jobs did not succeed, in words, or ""."""
        failed, total = self._failed, len(self._reported)
        if not self._cancelled:
            return f"{failed} of {total} jobs failed" if failed else ""
        cancelled = f"{self._cancelled} was cancelled"
        if self._cancelled > 1:
            cancelled = f"{self._cancelled} were cancelled"
        return f"of {total} jobs, {f'{failed} failed and ' if failed else ''}{cancelled}"

    def explain_timeout(self) -> str:
        """Return a message for the case that the deadline has passed."""
        waiting = [
            f"{job_label(job)} is {job.status}; {self.advice(job)}"
            for job in self.jobs.all.values()
            if self.advice(job)
        ]
        return "; ".join([f"the jobs did not end within {self._seconds}", *waiting[:1]])

    def advice(self, job: Job) -> str:
        """Return how the user ends a job that waits for that, or ""."""
        return advice_for(job.status) if job.awaits_user and job.id not in self._ending else ""

    @property
    def _is_settled(self) -> bool:
        """Return True if the reason for a job's end is known, as far as possible."""
        return not self.jobs.need_list or not self._can_query()

    def _report_status(self, job: Job) -> list[ShowMessage]:
        if self._reported.get(job.id) == job.status or not job.kind:
            return []
        if job.status == PENDING and not job.awaits_user:
            return []  # for a moment only
        self._reported[job.id] = job.status
        if self._is_beside:
            return []
        done = f", {100 * job.current // job.total} %" if job.total > 0 else ""
        advice = self.advice(job)
        text = f"{job_label(job)}: {escape(job.status)}{done}{'; ' if advice else ''}{advice}"
        return [ShowMessage(text)]

    def _report_end(self, job: Job) -> list[ShowMessage]:
        if self._reported.get(job.id) == _OVER:
            return []
        self._reported[job.id] = _OVER
        self._cancelled += job.cancelled
        self._failed += job.has_failed and not job.cancelled
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
