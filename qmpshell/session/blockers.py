"""What blocks the queue at a terminal: how it is described, and how the user stops waiting for it."""

from __future__ import annotations

from ..render import escape
from .connection import UNCONNECTED
from .effects import CloseRedirect
from .lines import describe_unsent
from .steps import WaitStopped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .scheduler import Scheduler
    from .state import SessionState


# Seconds after which a wait is shown, and after which a cause is suggested.
_SHOWN_AFTER = 1.0
_LONG_WAIT = 5.0


class Blockers:
    """What blocks the queue: a connection, a file, a wait of a shell command, or a reply."""

    def __init__(self, state: SessionState, scheduler: Scheduler) -> None:
        self._state = state
        self._scheduler = scheduler
        self._lines = state.lines
        self._table = state.sender.table

    @property
    def is_blocked(self) -> bool:
        """Whether queued lines wait for something that the user should know."""
        state = self._state
        return (
            self._lines.awaited is not None
            or self._scheduler.attempt is not None
            or self._table.oldest_blocking is not None
            or state.files.task is not None
            or state.connection.state == UNCONNECTED
        )

    def describe(self, now: float) -> str:
        """Describe what blocks the queue, for how long, and the queued lines, or return ""."""
        blocker = self._find()
        if blocker is None:
            return ""
        what, since, cause = blocker
        seconds = now - since
        if seconds < _SHOWN_AFTER:
            return ""
        text = f"waiting for {what}, {int(seconds)} s; Ctrl-C stops waiting"
        unsent = self._lines.unsent
        if unsent:
            text += f"; {unsent} more {'is' if unsent == 1 else 'are'} queued"
        return f"{text}; {cause}" if cause and seconds >= _LONG_WAIT else text

    def _find(self) -> tuple[str, float, str] | None:
        """Return what blocks the queue, since when, and why it may take long."""
        connection, wait = self._state.connection, self._lines.awaited
        if connection.state == UNCONNECTED:
            return f"a connection to {escape(connection.address)}", connection.since, ""
        attempt = self._scheduler.attempt
        if attempt is not None:
            return f"a connection to {escape(attempt.text)}", attempt.since, ""
        if not connection.is_ready:
            return None  # its own message says so
        reader = self._state.files.task
        if reader is not None:
            return escape(reader.file), reader.blocked_since, ""
        if wait is not None:
            return escape(wait.label), wait.since, ""
        request = self._table.oldest_blocking
        if request is not None and (request.source is not None or self._lines.unsent):
            cause = "the server may be stopped or busy"
            return f"the reply to {escape(request.label)}", request.sent_at, cause
        return None

    def abandon(self) -> None:
        """Stop waiting for what blocks the queue, else end the live view, else drop queued lines."""
        request = self._table.oldest_blocking
        if self._abandon_file() or self._abandon_wait():
            self._scheduler.advance()
        elif request is not None and (request.source is not None or self._lines.unsent):
            if request.source is not None:
                self._state.outbox.show(
                    f"no longer waiting for the reply to {request.label};"
                    " the server may still run it"
                )
            request.abandon()
            self._scheduler.advance()
        elif self._lines.view_task is not None:
            self._scheduler.stop_live_view()
        else:
            unsent = self._state.drop_lines()
            if unsent:
                self._state.outbox.show(describe_unsent(unsent))
            if request is not None:
                request.abandon()

    def _abandon_file(self) -> bool:
        task = self._state.files.task
        if task is None:
            return False
        is_open = isinstance(task.blocked_on, CloseRedirect)
        text = "not all data was written" if is_open else "nothing was sent"
        self._state.outbox.show(f"no longer waiting for {escape(task.file)}; {text}")
        self._state.files.stop(task)
        task.interrupt(WaitStopped())
        return True

    def _abandon_wait(self) -> bool:
        task, wait = self._lines.current, self._lines.awaited
        if task is None or wait is None:
            return False
        self._state.outbox.show(f"no longer waiting for {escape(wait.label)}")
        task.interrupt(WaitStopped())
        return True
