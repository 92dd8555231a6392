"""The queries for the state of the VM: one at a time, and none while the user waits for a reply."""

from __future__ import annotations

from ..qmp import READY, as_text
from .connection import CONNECTED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..qmp import Event, Reply
    from ..storage import Settings
    from .connection import ConnectionState, RequestSender
    from .effects import Outbox
    from .lines import LineQueue
    from .requests import Request
    from .vm import Jobs, VmState


# With a prefix, these have been commands since before QEMU 3.0.
_ENDS_JOB = ("job-cancel", "job-complete", "job-finalize")


class VmTracker:
    """Keeps the state of the VM in `state`, which is None as long as nothing needs it."""

    def __init__(
        self,
        settings: Settings,
        connection: ConnectionState,
        sender: RequestSender,
        outbox: Outbox,
        lines: LineQueue,
    ) -> None:
        self._settings = settings
        self._connection = connection
        self._sender = sender
        self._outbox = outbox
        self._lines = lines
        self.state: VmState | None = None
        # The ids of jobs that the user has ended, but that may be ready for a moment longer.
        self.ending_jobs: set[str] = set()

    def start(self) -> None:
        """Start to track the VM of the connected server. Its first run state is a QueryResult."""
        from .vm import VmState  # a script does not need it

        if self._sender.can_query and not self._settings.agent:
            self.state = VmState()

    def stop(self) -> None:
        """Forget the VM, because the server is another one."""
        self.state = None
        self.ending_jobs.clear()

    def follow_jobs(self, recent: Iterable[Event]) -> None:
        """Track the jobs, with the `recent` events, and query them now."""
        from .vm import VmState

        if self.state is None:
            self.state = VmState(only_jobs=True)
            for event in recent:  # a job may have ended before
                self.state.on_event(event)
        self.state.request_jobs(self._outbox.now)
        self.poll()

    @property
    def can_query(self) -> bool:
        """Whether qmpshell may send its own queries."""
        return self._sender.can_query

    @property
    def jobs(self) -> Jobs:
        """The jobs of the VM, which are tracked."""
        assert self.state is not None
        return self.state.jobs

    def on_event(self, event: Event) -> None:
        """Handle an event."""
        if self.ending_jobs and event.name == "JOB_STATUS_CHANGE":
            data = event.value.get("data")
            if isinstance(data, dict) and data.get("status") == "created":
                self.ending_jobs.discard(as_text(data.get("id")))
        if self.state is not None:
            self.state.on_event(event)

    def on_reply(self, request: Request, reply: Reply) -> None:
        """Handle the reply to a command that the user has typed."""
        if request.name.removeprefix("block-") in _ENDS_JOB and not reply.is_error:
            job = request.arguments.get("id", request.arguments.get("device"))
            self.ending_jobs.add(as_text(job))
        if self.state is not None:
            self.state.on_reply(request, reply)

    @property
    def deadline(self) -> float | None:
        """The time at which `poll` is due, or None."""
        if self.state is None or not self._may_query:
            return None
        return self.state.deadline

    @property
    def _may_query(self) -> bool:
        state = self.state
        connection = self._connection
        if not self._sender.can_query or connection.protocol.state != READY:
            return False
        if state is not None and state.only_jobs:
            follows = any(task.wait is not None and task.wait.follows_jobs for task in self._lines)
            if not follows:
                return False
        return not self._sender.table.has_foreground

    def poll(self) -> None:
        """Send the query that is due, if any."""
        state = self.state
        if state is None or not (self._may_query or state.is_urgent):
            return
        if self._connection.state != CONNECTED:
            return
        name = state.next_query(self._outbox.now)
        if name is None:
            return

        def answered(reply: Reply | None) -> None:
            if self.state is not state:  # a query to another server
                return
            result = state.on_answer(reply, self._outbox.now)
            if result is not None:
                self._outbox.emit(result)
            if state.is_urgent:
                self.poll()

        self._sender.query(name, {}, answered, background=True)
