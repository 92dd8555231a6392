"""Lines that overtake others at a terminal, and what blocks the queue there: its description and end."""

from __future__ import annotations

from ..errors import ConnectionLost
from ..language import ShellCommand
from ..render import escape
from .connection import UNCONNECTED
from .effects import CloseRedirect, TryConnect
from .lines import count_commands, describe_unsent
from .requests import is_exit
from .steps import WaitStopped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .execute import LineRunner
    from .requests import PreparedLine
    from .scheduler import Scheduler
    from .state import SessionState
    from .steps import Steps


# It sends nothing, so that it works before the greeting too.
_STATUS = "/status"
# Shell commands that do not wait for earlier lines.
_AT_ONCE = ("/oob", _STATUS, "/help", "/apropos")
# Seconds after which a wait is shown, and after which a cause is suggested.
_SHOWN_AFTER = 1.0
_LONG_WAIT = 5.0


class Interaction:
    """Runs lines that do not wait for earlier ones, such as /help, /connect and /quit.

    It also describes what blocks the queue, and stops waiting for that.
    """

    def __init__(self, state: SessionState, scheduler: Scheduler, runner: LineRunner) -> None:
        self._state = state
        self._scheduler = scheduler
        self._runner = runner
        self._lines = state.lines

    # -- overtaking lines -------------------------------------------------------------------------

    def run(self, line: PreparedLine) -> bool:
        """Run a line that does not wait for others. Return False if it must be queued."""
        command, connection = _only_command(line), self._state.connection
        is_possible = connection.is_working or command == _STATUS
        if command in _AT_ONCE and is_possible and not self._scheduler.is_in_dialog:
            task = self._lines.make_task(line)
            self._scheduler.start_in_background(task, self._runner.run_in_background(task))
            return True
        if command == "/connect":
            address = _address_of(line)
            if address is not None and connection.is_working:
                self._lines.drop_attempts()
                self._start(line, self._try_connect(line, address))
                return True
            self._drop_connection()
            return False
        if command == "/quit" and not self._lines.unsent:
            wait = self._lines.awaited
            if wait is not None and self._state.interactive:
                text = f"the shell exits after the wait for {escape(wait.label)}"
                self._state.outbox.show(f"{text}; Ctrl-C ends the wait")
            self._start(line, self._runner.leave(self._leave))
            return True
        if line.error is not None and not line.source.is_one_of_several:
            self._start(line, self._runner.report_error(line.source, line.error))
            return True
        return False

    def _start(self, line: PreparedLine, steps: Steps) -> None:
        self._scheduler.start_in_background(self._lines.make_task(line), steps)

    def _try_connect(self, line: PreparedLine, address: str) -> Steps:
        """Connect to another server, and keep the connection if that fails. Meanwhile lines wait."""
        waiting = self._lines.waiting
        earlier = len(waiting)
        try:
            problem = yield TryConnect(address, self._state.outbox.now)
        except ConnectionLost:  # there is nothing to keep
            problem = ""
        later = [waiting.pop() for _ in range(len(waiting) - earlier)][::-1]
        if problem:
            text = self._state.explain_kept_connection(problem, unsent=count_commands(later))
            self._state.failures.report(line.source, 0, text)
            return
        self._drop_connection()
        waiting.extend([line, *later])

    def _drop_connection(self) -> None:
        """Leave the server, because the user wants another connection."""
        current = self._lines.current
        self._state.abandon_requests()
        if current is not None and current.is_evaluating and current.blocked_on is None:
            self._scheduler.run(current)  # it reports that its query was not answered
        unsent = self._state.drop_lines()
        self._state.connection.end()
        if unsent:
            self._state.outbox.show(describe_unsent(unsent))

    def _leave(self) -> None:
        """Leave after the reply to what was sent, if there is a connection."""
        if self._state.connection.state == UNCONNECTED:
            self._state.exit()
            return
        self._lines.close()
        request = self._state.sender.table.oldest_user_request
        if request is not None:
            text = f"leaving after the reply to {escape(request.label)}; Ctrl-D leaves now"
            self._state.outbox.show(text)

    # -- what blocks the queue --------------------------------------------------------------------

    @property
    def is_blocked(self) -> bool:
        """Whether queued lines wait for something that the user should know."""
        state = self._state
        return (
            self._lines.awaited is not None
            or self._scheduler.attempt is not None
            or state.sender.table.oldest_blocking is not None
            or state.files.task is not None
            or state.connection.state == UNCONNECTED
        )

    def describe_blocker(self, now: float) -> str:
        """Describe what blocks the queue, for how long, and the queued lines, or return ""."""
        blocker = self._find_blocker()
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

    def _find_blocker(self) -> tuple[str, float, str] | None:
        """Return what blocks the queue, since when, and why it may take long."""
        state, connection, wait = self._state, self._state.connection, self._lines.awaited
        if connection.state == UNCONNECTED:
            return f"a connection to {escape(connection.address)}", connection.since, ""
        attempt = self._scheduler.attempt
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
        if request is not None and (request.source is not None or self._lines.unsent):
            cause = "the server may be stopped or busy"
            return f"the reply to {escape(request.label)}", request.sent_at, cause
        return None

    def abandon_blocker(self) -> None:
        """Stop waiting for what blocks the queue, else end the live view, else drop queued lines."""
        state, lines = self._state, self._lines
        reader, wait, request = state.files.task, lines.awaited, state.sender.table.oldest_blocking
        if reader is not None:
            is_open = isinstance(reader.blocked_on, CloseRedirect)
            text = "not all data was written" if is_open else "nothing was sent"
            state.outbox.show(f"no longer waiting for {escape(reader.file)}; {text}")
            state.files.stop(reader)
            reader.interrupt(WaitStopped())
        elif lines.current is not None and wait is not None:
            state.outbox.show(f"no longer waiting for {escape(wait.label)}")
            lines.current.interrupt(WaitStopped())
        elif request is not None and (request.source is not None or lines.unsent):
            if request.source is not None:
                text = f"the reply to {request.label}; the server may still run it"
                state.outbox.show(f"no longer waiting for {text}")
            request.abandon()
        elif lines.view_task is not None:
            self._scheduler.stop_live_view()
            return
        else:
            unsent = state.drop_lines()
            if unsent:
                state.outbox.show(describe_unsent(unsent))
            if request is not None:
                request.abandon()
            return
        self._scheduler.advance()


def _only_command(line: PreparedLine) -> str:
    """Return the shell command that a line consists of, "/quit" for `exit`, or ""."""
    parsed = line.parsed
    if parsed is None or len(parsed.actions) != 1:
        return ""
    (action,) = parsed.actions
    if not isinstance(action, ShellCommand):
        return "/quit" if is_exit(action) else ""
    if action.name == "/quit":
        return "/quit" if not action.tokens else ""
    return action.name if parsed.redirect is None else ""


def _address_of(line: PreparedLine) -> str | None:
    """Return the address in a `/connect` line, or None."""
    assert line.parsed is not None
    (call,) = line.parsed.actions
    assert isinstance(call, ShellCommand)
    from .commands.arguments import file_name  # the first prompt does not need it

    return file_name(call, "")[0] if call.tokens else None
