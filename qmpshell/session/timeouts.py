"""What the session does when time passes: diagnoses, retries, and the ends of waits and timeouts."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .requests import Request
    from .scheduler import Scheduler
    from .state import SessionState


# Seconds without a reply after which a command that is answered only on failure has succeeded.
_SILENT_SUCCESS = 3.0


def next_deadline(state: SessionState) -> float | None:
    """Return the time at which something is due, or None."""
    times = [_reply_deadline(state), state.files.deadline, state.vm.deadline]
    if state.lines.has_waits:
        times += state.lines.deadlines
    times += state.connection.deadlines
    return min((time for time in times if time is not None), default=None)


def tick(state: SessionState, scheduler: Scheduler, now: float) -> None:
    """Do what is due at `now`."""
    if not _tick_connection(state, now):
        return
    scheduler.on_time(now)
    state.files.on_time(now)
    scheduler.advance()
    state.vm.poll()
    request, deadline = state.sender.table.oldest_blocking, _reply_deadline(state)
    if request is not None and deadline is not None and now >= deadline:
        _on_timeout(state, request)
    scheduler.advance()


def _tick_connection(state: SessionState, now: float) -> bool:
    """Do what is due for the negotiation. Return False if the connection is given up."""
    connection, outbox = state.connection, state.outbox
    if connection.give_up_at is not None and now >= connection.give_up_at:
        state.abandon_connection(connection.explain_giving_up(now))
        return False
    if connection.inspect_at is not None and now >= connection.inspect_at:
        text, is_fatal = connection.inspect()
        if is_fatal:
            state.abandon_connection(text)
            return False
        if text:
            outbox.show(text)
    if connection.silence_at is not None and now >= connection.silence_at:
        text = connection.on_silence(now)
        if text:
            outbox.show(text)
    if connection.again_at is not None and now >= connection.again_at:
        connection.synchronize(now)
        state.sender.send_handshake()
    return True


def _reply_deadline(state: SessionState) -> float | None:
    """Return when the oldest request that blocks the queue has taken too long, or None."""
    table = state.sender.table
    request = table.oldest_blocking if table else None
    if request is None:
        return None
    timeout = state.settings.timeout
    if request.is_silent:
        timeout = _SILENT_SUCCESS if timeout is None else min(timeout, _SILENT_SUCCESS)
    return None if timeout is None else request.sent_at + timeout


def _on_timeout(state: SessionState, request: Request) -> None:
    timeout, task = state.settings.timeout, state.lines.current
    if request.is_silent and request.source is not None:
        _on_silent_success(state, request)
        return
    is_evaluating = task is not None and task.is_evaluating
    if task is not None and is_evaluating and request.source is None and not state.interactive:
        state.drop_lines()
        text = f"no reply to {request.name} within {timeout:g} s; nothing was sent"
        state.failures.report_no_server(state.failures.place(task.source, 0, text))
        return
    text = f"no reply to {request.label} within {timeout:g} s; its outcome is unknown"
    if request.source is not None:
        if not state.interactive:
            request.abandoned = True
            state.drop_lines()
            state.failures.report_no_server(state.place(request, text))
            return
        state.outbox.show(text, is_error=True)
    request.abandon()


def _on_silent_success(state: SessionState, request: Request) -> None:
    """Treat a request without a reply as successful. A later reply is shown as late."""
    state.sender.table.dismiss(request)
    if request.is_quit:
        state.connection.on_quit()
    if state.interactive:
        text = f"{request.label} was sent; it is answered only if it fails"
        state.outbox.show(text)
    request.answer(None)
