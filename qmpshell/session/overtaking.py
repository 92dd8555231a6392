"""Lines that do not wait for earlier ones at a terminal, such as /help, /connect and /quit."""

from __future__ import annotations

from ..errors import ConnectionLost
from ..language import ShellCommand
from ..render import escape
from .commands.arguments import file_name
from .connection import UNCONNECTED
from .effects import Confirm, TryConnect
from .execute import NOT_LEFT, is_exit
from .lines import count_commands, describe_unsent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .execute import LineRunner
    from .requests import PreparedLine
    from .scheduler import Scheduler
    from .state import SessionState
    from .steps import Steps


# Shell commands that run beside earlier lines.
_AT_ONCE = ("/oob", "/status", "/help", "/apropos")


class OvertakingLines:
    """Runs the lines that do not wait for earlier ones."""

    def __init__(self, state: SessionState, scheduler: Scheduler, runner: LineRunner) -> None:
        self._state = state
        self._scheduler = scheduler
        self._runner = runner
        self._lines = state.lines

    def run(self, line: PreparedLine) -> bool:
        """Run a line that does not wait for others. Return False if it must be queued."""
        command, connection = _only_command(line), self._state.connection
        if command in _AT_ONCE and connection.is_working and not self._scheduler.is_in_dialog:
            task = self._lines.make_task(line)
            self._scheduler.start_beside(task, self._runner.run_beside(task))
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
            question = self._state.end_question()
            if question:
                self._start(line, self._confirm_leaving(question))
            else:
                self._leave()
            return True
        if line.error is not None:
            self._start(line, self._runner.report_error(line.source, line.error))
            return True
        return False

    def _start(self, line: PreparedLine, steps: Steps) -> None:
        self._scheduler.start_beside(self._lines.make_task(line), steps)

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
        self._state.forget_requests()
        if current is not None and current.is_evaluating and current.blocked_on is None:
            self._scheduler.run(current)  # it reports that its query was not answered
        unsent = self._state.drop_lines()
        self._state.connection.end()
        if unsent:
            self._state.outbox.show(describe_unsent(unsent))

    def _confirm_leaving(self, question: str) -> Steps:
        if (yield Confirm(question, None)):
            self._leave()
        else:
            self._state.outbox.show(NOT_LEFT)

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


def _only_command(line: PreparedLine) -> str:
    """Return the shell command that a line consists of, "/quit" for `exit`, or ""."""
    plan = line.plan
    if plan is None or len(plan.actions) != 1:
        return ""
    (action,) = plan.actions
    if not isinstance(action, ShellCommand):
        return "/quit" if is_exit(action) else ""
    if action.name == "/quit":
        return "/quit" if not action.tokens else ""
    return action.name if plan.redirect is None else ""


def _address_of(line: PreparedLine) -> str | None:
    """Return the address in a `/connect` line, or None."""
    assert line.plan is not None
    (call,) = line.plan.actions
    assert isinstance(call, ShellCommand)
    return file_name(call, "")[0] if call.tokens else None
