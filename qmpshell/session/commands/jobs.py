"""The shell commands /jobs, /wait-job and /wait-migration."""

from __future__ import annotations

from ...language import WORD
from ...render import escape
from ..effects import ShowMessage
from ..steps import MoveToBackground, WaitFor, WaitStopped
from ..waits import PENDING, JobWait, Wait, advice_for
from .arguments import no_argument_error, parse_timeout, reject_option, require_monitor, usage_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...language import ShellCommand
    from ..context import CommandContext
    from ..steps import Steps
    from ..vm import Job, Jobs
    from ..vm_tracker import VmTracker


def run_jobs(context: CommandContext, call: ShellCommand) -> Steps:
    """Run `/jobs [-t SECONDS]`: follow all jobs until they have ended."""
    timeout, tokens = parse_timeout(call)
    if tokens:
        raise no_argument_error(call, tokens[0])
    require_monitor(context, call, "jobs")
    if context.settings.dry_run:
        return
    state, is_in_background = context.state, context.is_in_background
    # A live view is not a wait, and only ends early if the user wants that.
    deadline = None if is_in_background and timeout is None else context.deadline(timeout)
    watch = JobsWatch(state.vm, deadline=deadline, is_in_background=is_in_background)
    context.start_wait(watch)
    if is_in_background:
        yield MoveToBackground(watch)
    state.vm.follow_jobs(state.events.recent)
    if state.interactive:
        state.vm.jobs.pop_ended()
    try:
        yield WaitFor(watch)
    except WaitStopped as stopped:
        if is_in_background and not str(stopped):
            context.show_message("no longer watching the jobs")
        raise
    if watch.failure:
        context.fail(watch.failure)


class JobsWatch(Wait):
    """Follows all jobs until they have ended; fails if one failed or was cancelled.

    A job that waits for a command from the user, such as a mirror that is ready, has not ended.
    With `is_in_background`, the terminal shows the running jobs.
    """

    follows_jobs = True

    def __init__(self, vm: VmTracker, *, deadline: float | None, is_in_background: bool) -> None:
        super().__init__("the end of the jobs", deadline)
        self._vm = vm
        self._is_in_background = is_in_background
        # The status that was reported of each job.
        self._reported: dict[str, str] = {}
        self._failed = self._cancelled = 0

    @property
    def jobs(self) -> Jobs:
        """The jobs of the VM."""
        return self._vm.jobs

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
        are_over = all(job.is_over for job in jobs.all.values())
        self.ended = are_over and (self._is_settled or not jobs.all)
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
        is_awaited = job.awaits_user and job.id not in self._vm.ending_jobs
        return advice_for(job.status) if is_awaited else ""

    @property
    def _is_settled(self) -> bool:
        """Return True if the reason for a job's end is known, as far as possible."""
        return not self.jobs.need_list or not self._vm.can_query

    def _report_status(self, job: Job) -> list[ShowMessage]:
        if self._reported.get(job.id) == job.status or not job.kind:
            return []
        if job.status == PENDING and not job.awaits_user:
            return []  # for a moment only
        self._reported[job.id] = job.status
        if self._is_in_background:
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


def run_wait_job(context: CommandContext, call: ShellCommand) -> Steps:
    """Run `/wait-job [-t SECONDS] ID`."""
    timeout, tokens = parse_timeout(call)
    if not tokens or tokens[0].kind != WORD:
        raise usage_error(call, "the ID of a job is missing")
    reject_option(call, tokens[0])
    if len(tokens) > 1:
        raise usage_error(call, "/wait-job takes one ID", tokens[1])
    require_monitor(context, call, "jobs")
    wait = JobWait(
        tokens[0].text,
        deadline=context.deadline(timeout),
        can_query=context.state.sender.can_query,
        is_ending=tokens[0].text in context.state.vm.ending_jobs,
    )
    for event in context.state.events.unclaimed():
        wait.on_event(event)
    wait.request_list()  # the job may be unknown, or may have ended before
    yield from context.wait(wait)


def run_wait_migration(context: CommandContext, call: ShellCommand) -> Steps:
    """Run `/wait-migration [-t SECONDS]`."""
    timeout, tokens = parse_timeout(call)
    if tokens:
        raise no_argument_error(call, tokens[0])
    require_monitor(context, call, "migrations")
    from ..vm import MigrationWait  # few scripts need it

    can_query = context.state.sender.can_query
    wait = MigrationWait(deadline=context.deadline(timeout), can_query=can_query)
    yield from context.wait(wait, polled="query-migrate")
