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


def is_blocked(state: SessionState, scheduler: Scheduler) -> bool:
    """Return True if queued lines wait for something that the user should know."""
    return (
        state.lines.awaited is not None
        or scheduler.attempt is not None
        or state.sender.table.oldest_blocking is not None
        or state.files.task is not None
        or state.connection.state == UNCONNECTED
    )


def describe_blocker(state: SessionState, scheduler: Scheduler, now: float) -> str:
    """Describe what blocks the queue, for how long, and the queued lines, or return ""."""
    blocker = _find(state, scheduler)
    if blocker is None:
        return ""
    what, since, cause = blocker
    seconds = now - since
    if seconds < _SHOWN_AFTER:
        return ""
    text = f"waiting for {what}, {int(seconds)} s; Ctrl-C stops waiting"
    unsent = state.lines.unsent
    if unsent:
        text += f"; {unsent} more {'is' if unsent == 1 else 'are'} queued"
    return f"{text}; {cause}" if cause and seconds >= _LONG_WAIT else text


def _find(state: SessionState, scheduler: Scheduler) -> tuple[str, float, str] | None:
    """Return what blocks the queue, since when, and why it may take long."""
    connection, wait = state.connection, state.lines.awaited
    if connection.state == UNCONNECTED:
        return f"a connection to {escape(connection.address)}", connection.since, ""
    attempt = scheduler.attempt
    if attempt is not None:
        return f"a connection to {escape(attempt.text)}", attempt.since, ""
    if not connection.is_ready:
        return None  # its own message says so
    reader = state.files.task
    if reader is not None:
        return escape(reader.file), reader.blocked_since, ""
    if wait is not None:
        return escape(wait.label), wait.since, ""
    request = state.sender.table.oldest_blocking
    if request is not None and (request.source is not None or state.lines.unsent):
        cause = "the server may be stopped or busy"
        return f"the reply to {escape(request.label)}", request.sent_at, cause
    return None


def abandon_blocker(state: SessionState, scheduler: Scheduler) -> None:
    """Stop waiting for what blocks the queue, else end the live view, else drop queued lines."""
    request = state.sender.table.oldest_blocking
    if _abandon_file(state) or _abandon_wait(state):
        scheduler.advance()
    elif request is not None and (request.source is not None or state.lines.unsent):
        if request.source is not None:
            state.outbox.show(
                f"no longer waiting for the reply to {request.label}; the server may still run it"
            )
        request.abandon()
        scheduler.advance()
    elif state.lines.view_task is not None:
        scheduler.stop_live_view()
    else:
        unsent = state.drop_lines()
        if unsent:
            state.outbox.show(describe_unsent(unsent))
        if request is not None:
            request.abandon()


def _abandon_file(state: SessionState) -> bool:
    task = state.files.task
    if task is None:
        return False
    is_open = isinstance(task.blocked_on, CloseRedirect)
    text = "not all data was written" if is_open else "nothing was sent"
    state.outbox.show(f"no longer waiting for {escape(task.file)}; {text}")
    state.files.stop(task)
    task.interrupt(WaitStopped())
    return True


def _abandon_wait(state: SessionState) -> bool:
    task, wait = state.lines.current, state.lines.awaited
    if task is None or wait is None:
        return False
    state.outbox.show(f"no longer waiting for {escape(wait.label)}")
    task.interrupt(WaitStopped())
    return True
