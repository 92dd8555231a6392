"""What is known of the virtual machine: its run state, its jobs, its migration.

Owns: what events say of them, and when the server is asked again. Must not know: how they are shown,
clocks (`now` is handed in, in seconds). All questions are asked in the background, one at a time, none
while a command of the user's is awaited, and each at most once a second. What the server refuses once
is not asked again until it greets anew.
"""

from __future__ import annotations

from ..effects import Learned
from .jobs import Jobs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..effects import Effect
    from ..protocol.messages import Event, Reply
    from ..requests import Request
    from .core import Session

RUNNING = "running"

_PAUSE = 1.0  # seconds between two questions of a kind
# What an event says the run state is (run-state.json).
_STATES = {
    "RESUME": RUNNING,
    "WAKEUP": RUNNING,
    "SUSPEND": "suspended",
    "SHUTDOWN": "shutdown",
    "GUEST_PANICKED": "guest-panicked",
}
# The run state may be another after these; STOP does not say why.
_UNCLEAR = ("STOP", "RESET", "GUEST_PANICKED", "WATCHDOG", "SUSPEND_DISK", "MIGRATION")
# MigrationStatus (migration.json): these are no migration that goes on.
_NO_MIGRATION = ("", "none", "completed", "failed", "cancelled")
_BLOCK_JOB_COMMANDS = ("block-", "blockdev-", "drive-", "transaction")


class Migration:
    """`status` is one of MigrationStatus, or empty; `done` of `total` bytes of the guest's memory are
    copied. `was_seen` says that it went on while we were there."""

    __slots__ = ("done", "status", "total", "was_seen")

    def __init__(self) -> None:
        self.status = ""
        self.done = 0
        self.total = 0
        self.was_seen = False

    @property
    def goes_on(self) -> bool:
        return self.status not in _NO_MIGRATION

    def take(self, value: Any) -> None:
        """What `query-migrate` returned."""
        if not isinstance(value, dict):
            return
        self.status = str(value.get("status", ""))
        self.was_seen |= self.goes_on
        ram = value.get("ram")
        if isinstance(ram, dict):
            total, remaining = ram.get("total"), ram.get("remaining")
            if isinstance(total, int) and isinstance(remaining, int):
                self.total, self.done = total, max(total - remaining, 0)


class _Question:
    """One that is asked again and again, as long as it is `wanted`, and not before `free_at`."""

    __slots__ = ("free_at", "name", "wanted")

    def __init__(self, name: str, *, wanted: bool) -> None:
        self.name = name
        self.wanted = wanted
        self.free_at = 0.0


class Machine:
    """`status` is the run state, empty where it is not known. With `only_jobs` nothing but the jobs is
    followed."""

    def __init__(self, session: Session, *, only_jobs: bool = False) -> None:
        self._session = session
        self._only_jobs = only_jobs
        self.begin()

    def begin(self) -> None:
        """A server has greeted: nothing is known of its machine."""
        self.status = ""
        self.jobs = Jobs()
        self.migration = Migration()
        everything = not self._only_jobs
        self._status = _Question("query-status", wanted=everything)
        self._jobs = _Question("query-jobs", wanted=True)
        self._migration = _Question("query-migrate", wanted=everything)
        self._questions = [self._status, self._jobs, self._migration]
        self._asked: _Question | None = None
        self._is_told = False

    # -- what is noticed -----------------------------------------------------------------------

    def see(self, event: Event) -> None:
        name = event.name
        if self.jobs.see(event):
            self._jobs.wanted |= self.jobs.need_list or self.jobs.are_moving
            return
        if self._only_jobs:
            return
        state = _STATES.get(name)
        if state is not None:
            self.status = state
            self._status.wanted = False
        elif name == "STOP" and self.status in ("", RUNNING):
            self.status = "paused"  # until the answer says why
        if name in _UNCLEAR:
            self._status.wanted = True
        if name == "MIGRATION":
            self._migration.wanted = True

    def see_reply(self, request: Request, reply: Reply) -> None:
        """The reply to a command of the user's."""
        if reply.is_error:
            return
        name, value = request.name, reply.value.get("return")
        if request.text is not None:
            name = request.text.split(maxsplit=1)[0] if request.text.strip() else ""
        if name == "query-status":
            self._take_status(value)
        elif name == "query-jobs":
            self.jobs.take(value)
            self._jobs.wanted |= self.jobs.are_moving
        elif name.startswith("migrate"):  # without a capability no event tells of it
            self._migration.wanted = not self._only_jobs
            self.migration.was_seen |= name == "migrate"
        elif name.startswith(_BLOCK_JOB_COMMANDS) and self._jobs.name == "query-block-jobs":
            self._jobs.wanted = True

    # -- asking --------------------------------------------------------------------------------

    @property
    def deadline(self) -> float | None:
        """When `tick` is due; None as long as there is nothing to ask, or no time for it."""
        times = [one.free_at for one in self._questions if one.wanted]
        return min(times) if times and self._may_ask else None

    @property
    def _may_ask(self) -> bool:
        session = self._session
        if self._asked is not None or not session.can_probe or not session.link.is_ready:
            return False
        if self._only_jobs and not any(wait.follows_jobs for wait in session.waits):
            return False
        return not session.outstanding.has_foreground

    def tick(self, now: float) -> list[Effect]:
        if not self._may_ask:
            return []
        for question in self._questions:
            if question.wanted and now >= question.free_at:
                return self._ask(question, now)
        return []

    def list_jobs(self, now: float) -> list[Effect]:
        """Ask for the jobs now, as the user wants to see them."""
        self._jobs.wanted = True
        self._jobs.free_at = now
        return self._ask(self._jobs, now) if self._asked is None else []

    def _ask(self, question: _Question, now: float) -> list[Effect]:
        self._asked = question
        question.wanted = False
        question.free_at = now + _PAUSE

        def answered(reply: Reply | None) -> list[Effect]:
            if self._asked is not question:  # of another server
                return []
            self._asked = None
            if reply is None:
                return []
            return self._refused(question) if reply.is_error else self._take(question, reply)

        return self._session.ask(question.name, {}, answered, background=True)

    def _refused(self, question: _Question) -> list[Effect]:
        if question.name == "query-jobs":  # it is of QEMU 3.0
            question.name = "query-block-jobs"
            return self._ask(question, self._session.now)
        self._questions = [one for one in self._questions if one is not question]
        if question is self._jobs:
            self.jobs.are_refused = True
            self.jobs.take([])
            return self._session.waits.look()
        return []

    def _take(self, question: _Question, reply: Reply) -> list[Effect]:
        value = reply.value.get("return")
        if question is self._status:
            self._take_status(value)
            first, self._is_told = not self._is_told, True
            return [Learned(question.name, value)] if first else []
        if question is self._migration:
            self.migration.take(value)
            question.wanted |= self.migration.goes_on
            # Its end changes the run state, of which an event tells only where the machine ran.
            self._status.wanted |= self.migration.was_seen and not self.migration.goes_on
            return []
        self.jobs.take(value)
        question.wanted |= self.jobs.are_moving
        return self._session.waits.look()

    def _take_status(self, value: object) -> None:
        if isinstance(value, dict) and isinstance(value.get("status"), str):
            self.status = value["status"]
