"""What a shell command can use of its session. Use methods that return steps with `yield from`."""

from __future__ import annotations

from ..language import (
    MISSING_FILE,
    MISSING_SCHEMA,
    MISSING_SECRET,
    Command,
    FileNeededError,
    Missing,
    ParsedLine,
    RawCommand,
    SourceLine,
)
from ..render import escape
from .connection import CONNECTED, LOST
from .effects import (
    Confirm,
    Connect,
    ReadFile,
    Restart,
    ShowDocument,
    ShowEvent,
    ShowReply,
    ShowResult,
    TryConnect,
)
from .execute import NOT_LEFT, UNANSWERED
from .lines import describe_unsent
from .requests import PreparedLine, Request, make_request
from .server import returned
from .steps import Issue, MoveBeside, NotConnected, Query, WaitFor, WaitStopped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any, TypeVar

    from ..language import Introspection, ShellCommand, Token
    from ..manual import Manual
    from ..qmp import Event, Reply
    from ..render import Block
    from ..storage import Settings
    from .execute import LineRunner
    from .lines import Task
    from .live_views import Watch
    from .migration import MigrationWait
    from .state import SessionState
    from .steps import Step, Steps
    from .waits import Wait

    T = TypeVar("T")


# How deep files may run files.
_MAX_SOURCE_DEPTH = 16
# A control character makes the server's parser discard incomplete input (qmp-spec, "Errors").
_RESYNC = b"\x01\n"


class CommandContext:
    """The session for the call of a shell command in a line."""

    def __init__(
        self, state: SessionState, runner: LineRunner, task: Task, call: ShellCommand
    ) -> None:
        self._state = state
        self._runner = runner
        self._task = task
        self._call = call

    @property
    def can_query(self) -> bool:
        """Whether qmpshell may send its own queries."""
        return self._state.sender.can_query

    @property
    def settings(self) -> Settings:
        """The settings of the session."""
        return self._state.settings

    @property
    def introspection(self) -> Introspection:
        """What is known of the server's types."""
        return self._state.server.introspection

    @property
    def now(self) -> float:
        """The current time of the session, in seconds."""
        return self._state.outbox.now

    def deadline(self, timeout: float | None) -> float | None:
        """Return the end of a wait with this timeout, or with that of the settings, or None."""
        seconds = self.settings.timeout if timeout is None else timeout
        return None if seconds is None else self.now + seconds

    def show_result(self, value: object) -> None:
        """Show the result of the command, or write it to the redirect of the line."""
        if self._task.redirect is None:
            self._state.answers.set_result(value)
        self._state.outbox.emit(ShowResult(value, self._task.redirect))

    def show_message(self, text: str) -> None:
        """Show a message."""
        self._state.outbox.show(text)

    def show_event(self, event: Event) -> None:
        """Show an event, even if it is hidden."""
        self._state.outbox.emit(ShowEvent(event, again=True))

    def show_document(self, blocks: list[Block]) -> None:
        """Show a help document."""
        self._state.outbox.emit(ShowDocument(blocks, self._task.redirect))

    def fail(self, text: str) -> None:
        """Report the failure of the command."""
        self._state.failures.report(self._task.source, self._call.start, text)

    # -- events -----------------------------------------------------------------------------------

    def unclaimed_events(self) -> list[Event]:
        """Return the latest events that no `/wait` has consumed, oldest first."""
        return list(self._state.events.unclaimed)

    def claim_event(self, event: Event) -> None:
        """Remove an event that a wait consumes."""
        self._state.events.unclaimed.remove(event)

    def recent_events(self) -> list[Event]:
        """Return the latest events, oldest first."""
        return list(self._state.events.recent)

    def learn_schema(self, reply: Reply) -> None:
        """Store the reply to `query-qmp-schema`."""
        self._state.server.learn(Missing(MISSING_SCHEMA), returned(reply))

    # -- missing information ----------------------------------------------------------------------

    def evaluated(self, evaluate: Callable[[], T | Missing]) -> Generator[Step, Any, T | None]:
        """Call `evaluate` until it has the information that it needs. Return its result.

        Return None after a failure, which is reported.
        """
        files: dict[str, bytes | OSError] = {}
        server = self._state.server
        while True:
            server.files = files
            try:
                found = evaluate()
            except FileNeededError as needed:
                found = Missing(MISSING_FILE, needed.path)
            finally:
                server.files = {}
            if not isinstance(found, Missing):
                return found
            if found.kind == MISSING_SECRET:
                self.fail("only the arguments of a server command can be secrets")
                return None
            if found.kind == MISSING_FILE:
                files[found.subject] = yield ReadFile(found.subject)
            elif not (yield from self.find_missing(found)):
                return None

    def read_file(self, path: str) -> Generator[Step, Any, bytes]:
        """Return the content of a file. Raises OSError."""
        data: bytes | OSError = yield ReadFile(path)
        if isinstance(data, OSError):
            raise data
        return data

    def find_missing(self, need: Missing) -> Generator[Step, Any, bool]:
        """Query missing information. Return False after a failure, which is reported."""
        start = self._call.start
        if (yield from self._runner.find_missing(need, self._task.source, start)):
            return True
        self._task.actions.clear()
        self.fail(UNANSWERED)
        return False

    def manual(self, name: str = "") -> Manual:
        """Return the manual of the server, or the one that contains `name` if the server is unknown."""
        return self._state.manual(name)

    # -- commands ---------------------------------------------------------------------------------

    def run_command(self, command: Command) -> Steps:
        """Send a command as if it had been typed."""
        yield from self._runner.run_command(self._task, command)

    def run_hmp(self, text: str, start: int) -> Steps:
        """Send a human monitor line."""
        yield from self._runner.run_hmp(self._task, text, start)

    def show_last(self) -> None:
        """Show the last reply again, in the redirect of the line if there is one."""
        last = self._state.sender.last
        if self.settings.dry_run:
            return
        if last is None:
            self.fail("no reply yet")
            return
        shown = ShowReply(
            last.reply,
            last.request,
            late=False,
            elapsed=last.elapsed,
            redirect=self._task.redirect,
            again=True,
        )
        self._state.answers.add_reply(shown)

    # -- waits ------------------------------------------------------------------------------------

    def wait(self, wait: Wait) -> Steps:
        """Block the following lines until `wait` has ended, and report its failure."""
        if self.settings.dry_run:
            return
        self._start_wait(wait)
        yield WaitFor(wait)
        if wait.failure:
            self.fail(wait.failure)

    def _start_wait(self, wait: Wait) -> None:
        if self._state.connection.state != CONNECTED:
            text = f"not connected: {escape(wait.label)} will not come"
            raise NotConnected(
                self._state.failures.place(self._task.source, self._call.start, text)
            )
        self._task.wait = wait
        wait.since = self.now

    def wait_for_migration(self, wait: MigrationWait) -> Steps:
        """Block the following lines until the migration has ended, and report its failure."""
        from .migration import POLL_INTERVAL
        from .waits import Delay

        if self.settings.dry_run:
            return
        self._start_wait(wait)
        while not wait.ended:
            if self.can_query:
                wait.on_answer((yield Query("query-migrate", {})))
                for message in wait.new_messages():
                    self._state.outbox.emit(message)
            if not wait.ended:
                yield WaitFor(Delay(self.now + POLL_INTERVAL) if self.can_query else wait)
        if wait.failure:
            self.fail(wait.failure)

    @property
    def is_beside(self) -> bool:
        """Whether a view does not block the following lines, because nothing depends on it."""
        task = self._task
        is_alone = not task.actions and task.redirect is None
        return (
            self._state.has_live_view
            and is_alone
            and task.source.name not in self._state.source_depth
        )

    def is_ending_job(self, job: str) -> bool:
        """Return True if the user has ended a job, which may still be ready for a moment."""
        return job in self._state.vm.ending_jobs

    def watch_jobs(self, deadline: float | None) -> Steps:
        """Follow all jobs until they have ended."""
        from .live_views import JobsWatch  # few scripts need it

        if self.settings.dry_run:
            return
        state, is_beside = self._state, self.is_beside
        watch = JobsWatch(
            lambda: state.vm.jobs,
            deadline=deadline,
            can_query=lambda: state.sender.can_query,
            is_beside=is_beside,
            ending=state.vm.ending_jobs,
        )
        self._start_wait(watch)
        if is_beside:
            yield MoveBeside(watch)
        state.vm.follow_jobs(state.events.recent)
        if state.interactive:
            state.vm.jobs.pop_ended()
        try:
            yield WaitFor(watch)
        except WaitStopped as stopped:
            if is_beside and not str(stopped):
                self.show_message("no longer watching the jobs")
            raise
        if watch.failure:
            self.fail(watch.failure)

    def watch(self, what: Command | RawCommand | Token, view: Watch) -> Steps:
        """Send a command, or the human monitor line in a token, repeatedly. Raises LineError."""
        if isinstance(what, Command):
            self._runner.show_notes(what)
        if self.settings.dry_run:
            yield from self._runner.send(self._task, self._request(what))
            return
        is_beside = self.is_beside
        self._start_wait(view)
        if is_beside:
            yield MoveBeside(view)
        try:
            while not view.ended:
                started, request = self.now, self._request(what)
                sent = _as_own(request) if is_beside else request
                sent.redirect = self._task.redirect
                if view.times == 0:
                    reply = yield from self._runner.send(self._task, sent)
                else:
                    reply = yield Issue(sent)
                if reply is None:
                    return
                elapsed = self.now - started
                view.on_reply(reply, request, elapsed=elapsed, now=self.now)
                if not view.ended:
                    yield from self._pause(max(started + view.interval, self.now))
        except WaitStopped:
            self._show_watched(view, is_beside=is_beside)
            if is_beside:
                self.show_message(f"no longer watching {escape(view.text)}")
            raise
        self._show_watched(view, is_beside=is_beside)

    def _pause(self, until: float) -> Steps:
        """Wait for the next round.

        A terminal runs a system shell command after its last reply, so each round has its own.
        """
        from .waits import Delay  # few scripts need it

        task, redirect = self._task, self._task.redirect
        if not self._state.interactive or redirect is None or redirect.operator != "|":
            yield WaitFor(Delay(until))
            return
        yield from self._runner.close_redirect(task)
        yield WaitFor(Delay(until))
        yield from self._runner.open_redirect(task, redirect)

    def _request(self, what: Command | RawCommand | Token) -> Request:
        if isinstance(what, (Command, RawCommand)):
            return make_request(what, self._task.source, self._state.sender.next_id())
        return self._runner.hmp_request(self._task, what.text, what.start)

    def _show_watched(self, view: Watch, *, is_beside: bool) -> None:
        """Print the last reply of a live view, which disappears."""
        if is_beside and view.shown is not None:
            self._state.outbox.emit(view.shown)

    # -- the session ------------------------------------------------------------------------------

    def restart(self) -> Steps:
        """End the server that qmpshell has started, if it runs, and start it again."""
        child = self._state.ports.child
        if child is None or not self._state.interactive:
            self.fail("/restart works only in a shell that was opened by qmpshell run")
            return
        question = child.end_question()
        if question and not (yield Confirm(question, None)):
            self.show_message(NOT_LEFT)
            return
        yield from self.connect(None, Restart(None))

    def connect(self, text: str | None, step: Connect | None = None) -> Steps:
        """Connect to the address in `text`, or with None to the last server that sent a greeting.

        `step` is the step that does it.
        """
        if self.settings.dry_run:
            return
        state, connection = self._state, self._state.connection
        if text is not None and state.interactive and connection.is_working:
            problem = yield TryConnect(text, self.now)
            if problem:
                self.fail(state.explain_kept_connection(problem, unsent=state.drop_lines()))
                return
        if connection.state == CONNECTED:
            state.forget_requests()
        address = text
        if address is None:
            address, text = connection.greeted_address, connection.greeted_text
        if address != connection.greeted_address:
            state.events.clear()
        connection.reset(address, text, now=self.now)
        state.server.forget()
        state.vm.stop()
        state.lines.drop_view()
        problem = yield step or Connect(text)
        if problem:
            state.connection.state = LOST
            unsent = state.drop_lines()
            more = f"; {describe_unsent(unsent)}" if unsent else ""
            state.failures.report_no_server(f"{problem}{more}")

    def resync(self) -> Steps:
        """Reset the server's parser."""
        if self.settings.dry_run:
            return
        source, start = self._task.source, self._call.start
        if self._state.connection.state != CONNECTED:
            raise NotConnected(self._state.failures.place(source, start, "not connected"))
        # The reply is an error without an id, and shows that the parser works.
        reply: Reply | None = yield Issue(Request({}, data=_RESYNC, source=None))
        if reply is None:
            self.fail("the server did not answer; it may be stopped")
        else:
            self.show_message("the server's parser was reset")

    def run_file(self, name: str, data: bytes) -> None:
        """Run the lines of a file before the following ones."""
        from .input import LineInput, ScriptLines  # few scripts need it

        depths, task = self._state.source_depth, self._task
        depth = depths.get(task.source.name, 0) + 1
        if depth > _MAX_SOURCE_DEPTH:
            self.fail(f"{escape(name)}: /source is nested more than {_MAX_SOURCE_DEPTH} deep")
            return
        depths[name] = depth
        lines = ScriptLines([LineInput(name, data=data)], human=self.settings.hmp)
        found: list[PreparedLine] = []
        while not lines.ended:
            line = lines.pop()
            if line is not None:
                found.append(self._runner.prepare(line) if isinstance(line, SourceLine) else line)
        answers = self._state.answers
        if task.actions or answers.is_enabled:
            # The rest of the line runs after the file's lines.
            rest = PreparedLine(task.source, ParsedLine([action for action, _ in task.actions]))
            rest.requests = [request for _, request in task.actions]
            rest.ends_file = answers.is_enabled
            found.append(rest)
            task.actions.clear()
        if answers.is_enabled:
            answers.start_file()
        self._state.lines.waiting.extendleft(reversed(found))

    def set_log(self, path: str | None) -> None:
        """Start or end the log. Raises QmpShellError."""
        self._state.message_logger.open(path)

    def describe(self) -> str:
        """Describe the connection in several lines."""
        state = self._state
        connection = state.connection
        protocol, greeting = connection.protocol, connection.greeting
        lines = [f"{connection.address}: {connection.state}"]
        if self.settings.agent:
            lines.append(f"server: guest agent {escape(state.server.agent_version)}".rstrip())
        elif greeting is not None and greeting.version is not None:
            version = ".".join(map(str, greeting.version))
            lines.append(f"server: QEMU {version} {escape(greeting.package)}".rstrip())
        if state.vm.state is not None and state.vm.state.status:
            lines.append(f"VM state: {escape(state.vm.state.status)}")
        if not self.settings.agent:
            lines.append(f"capabilities: {', '.join(sorted(protocol.capabilities)) or 'none'}")
            lines.append(f"unclaimed events: {len(state.events.unclaimed)}")
        request = state.sender.table.oldest_user_request
        if request is not None:
            lines.append(f"waiting for the reply to {request.label}")
        return "\n".join(lines)

    def leave(self) -> Steps:
        """Leave the shell."""
        yield from self._runner.leave()


def _as_own(request: Request) -> Request:
    """Return a request as a query of qmpshell's own, which is not shown and blocks nothing."""
    own = Request(request.message, data=request.data, source=None, own_id=request.own_id)
    own.background = True
    return own
