"""The waits of /watch and /jobs, which a terminal shows as live views."""

from __future__ import annotations

from ..render import escape
from .effects import ShowDocument, ShowMessage, ShowReply
from .waits import PENDING, Wait, advice_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from ..qmp import Reply
    from ..render import Block
    from .effects import ShowPicture
    from .requests import Request
    from .vm import Job, Jobs


_SEEN = 1.0  # seconds for which a mark stays visible
_MAX_RATED = 1_000_000  # bytes of a reply; comparing a longer one would block the terminal


class Watch(Wait):
    """What is shown of a command that runs every `interval` seconds, `count` times or without end.

    `shown` is the latest reply, or the latest document of a shell command; `before` the one that it
    is compared with. `times` is the number of rounds. A round takes `elapsed` seconds.
    """

    def __init__(self, text: str, *, interval: float, count: int | None) -> None:
        super().__init__(f"/watch {text}", None)
        self.text = text
        self.interval = interval
        self.shown: ShowReply | ShowDocument | None = None
        self.before: Reply | ShowDocument | None = None
        self.times = 0
        self.elapsed = 0.0
        # The values of this round and of the last one, each with its time, in order.
        self._values: list[tuple[object, float]] = []
        self._last_values: list[tuple[object, float]] = []
        # The result of the latest reply, with rates.
        self.value: object = None
        self._count = count
        self._marked_until = 0.0

    def on_reply(self, reply: Reply, request: Request, *, elapsed: float, now: float) -> None:
        """Handle a reply, and end after the last one."""
        latest = self.shown.reply if isinstance(self.shown, ShowReply) else None
        value = reply.value.get("return")
        is_changed = latest is not None and latest.value.get("return") != value
        self._compare(latest, is_changed=is_changed, now=now)
        self.shown = ShowReply(reply, request, late=False, elapsed=elapsed)
        self.value = value
        if len(reply.raw) <= _MAX_RATED:
            self.value = self.with_rates(value, request.name, now)
        self._end_round(elapsed)
        # The command does not exist, so there is nothing to watch.
        is_unknown = reply.is_error and reply.error_class == "CommandNotFound"
        self.ended |= is_unknown and self.times == 1

    def on_document(self, blocks: list[Block], *, elapsed: float, now: float) -> None:
        """Handle the document of a shell command, and end after the last one."""
        latest = self.shown if isinstance(self.shown, ShowDocument) else None
        is_changed = latest is not None and latest.blocks != blocks
        self._compare(latest, is_changed=is_changed, now=now)
        self.shown = ShowDocument(blocks, is_result=True)
        self._end_round(elapsed)

    def _end_round(self, elapsed: float) -> None:
        self.times += 1
        self.elapsed = elapsed
        self._last_values, self._values = self._values, []
        self.ended = self.times == self._count

    def _compare(
        self, latest: Reply | ShowDocument | None, *, is_changed: bool, now: float
    ) -> None:
        """Keep changes marked for a while, so that they are visible if rounds are short."""
        if is_changed or now >= self._marked_until:
            self.before = latest
        if is_changed:
            self._marked_until = now + _SEEN

    def with_rates(self, value: object, command: str, now: float) -> object:
        """Return the result of a command, with the rates of growing integers since the last round."""
        from ..render.views.numbers import NumberMeanings, with_rates  # few sessions need it

        place = len(self._values)
        self._values.append((value, now))
        if place >= len(self._last_values):
            return value
        before, since = self._last_values[place]
        meanings = NumberMeanings(command)
        return with_rates(before, value, seconds=now - since, meanings=meanings)


class ScreenWatch(Watch):
    """The pictures of the VM's screen, for `/watch /screen`; `picture` is the latest."""

    def __init__(self, text: str, *, interval: float, count: int | None) -> None:
        super().__init__(text, interval=interval, count=count)
        self.picture: ShowPicture | None = None

    def on_picture(self, picture: ShowPicture) -> None:
        """Handle a picture, and end after the last one."""
        self.times += 1
        self.picture = picture
        self.ended = self.times == self._count


class WatchRound:
    """A round of a view: the document, or what went wrong, or that the user has stopped it.

    `is_beside` is true if only the live view shows it.
    """

    def __init__(self, view: Watch, *, is_beside: bool) -> None:
        self.view = view
        self.is_beside = is_beside
        self.is_first = view.times == 0
        self.blocks: list[Block] = []
        self.problem = ""
        self.is_stopped = False


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
        if not failed and not self._cancelled:
            return ""
        if total == 1:
            return f"the job {'failed' if failed else 'was cancelled'}"
        if not self._cancelled:
            return f"{failed} of {total} jobs failed"
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
        job.is_reported = True
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
