"""What the session does when time passes: diagnoses, retries, and the ends of waits and timeouts."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .requests import Request
    from .scheduler import Scheduler
    from .state import SessionState


# Seconds without a reply after which a command that is answered only on failure has succeeded.
_SILENT_SUCCESS = 3.0


class Timeouts:
    """Does what is due at a time."""

    def __init__(self, state: SessionState, scheduler: Scheduler) -> None:
        self._state = state
        self._scheduler = scheduler
        self._settings = state.settings
        self._connection = state.connection
        self._table = state.sender.table

    @property
    def deadline(self) -> float | None:
        """The time at which something is due, or None."""
        state = self._state
        times = [self._reply_deadline, state.files.deadline, state.vm.deadline]
        if state.lines.has_waits:
            times += state.lines.deadlines
        times += self._connection.deadlines
        return min((time for time in times if time is not None), default=None)

    def tick(self, now: float) -> None:
        """Do what is due at `now`."""
        if not self._tick_connection(now):
            return
        self._scheduler.on_time(now)
        self._state.files.on_time(now)
        self._scheduler.advance()
        self._state.vm.poll()
        request, deadline = self._table.oldest_blocking, self._reply_deadline
        if request is not None and deadline is not None and now >= deadline:
            self._on_timeout(request)
        self._scheduler.advance()

    def _tick_connection(self, now: float) -> bool:
        """Do what is due for the negotiation. Return False if the connection is given up."""
        connection, outbox = self._connection, self._state.outbox
        if connection.give_up_at is not None and now >= connection.give_up_at:
            self._state.abandon_connection(connection.explain_giving_up(now))
            return False
        if connection.inspect_at is not None and now >= connection.inspect_at:
            text, is_fatal = connection.inspect()
            if is_fatal:
                self._state.abandon_connection(text)
                return False
            if text:
                outbox.show(text)
        if connection.silence_at is not None and now >= connection.silence_at:
            text = connection.on_silence(now)
            if text:
                outbox.show(text)
        if connection.again_at is not None and now >= connection.again_at:
            connection.synchronize(now)
            self._state.sender.send_handshake()
        return True

    @property
    def _reply_deadline(self) -> float | None:
        """When the oldest request that blocks the queue has taken too long, or None."""
        request = self._table.oldest_blocking if self._table else None
        if request is None:
            return None
        timeout = self._settings.timeout
        if request.is_silent:
            timeout = _SILENT_SUCCESS if timeout is None else min(timeout, _SILENT_SUCCESS)
        return None if timeout is None else request.sent_at + timeout

    def _on_timeout(self, request: Request) -> None:
        state, timeout, task = self._state, self._settings.timeout, self._state.lines.current
        if request.is_silent and request.source is not None:
            self._on_silent_success(request)
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

    def _on_silent_success(self, request: Request) -> None:
        """Treat a request without a reply as successful. A later reply is shown as late."""
        self._table.dismiss(request)
        if request.is_quit:
            self._connection.on_quit()
        if self._state.interactive:
            text = f"{request.label} was sent; it is answered only if it fails"
            self._state.outbox.show(text)
        request.answer(None)
