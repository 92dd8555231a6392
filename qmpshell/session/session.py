"""The session: passes bytes, lines and time to its parts, and returns what the driver must do.

The drivers of scripts and of the terminal call its methods, and perform the effects that each call
returns, in order. Times are seconds of any monotonic clock.
"""

from __future__ import annotations

from ..errors import CONNECTION, OK, ConnectionLost
from ..language import MISSING_SCHEMA, Missing, ShellCommand, error_hint
from ..qmp import (
    READY,
    REFUSED,
    Event,
    Greeting,
    Malformed,
    NotQmp,
    Reply,
    selected_cpu,
)
from ..render import escape
from .connection import CONNECTED, OFFLINE, UNCONNECTED
from .effects import (
    CloseRedirect,
    Confirm,
    Connect,
    Exit,
    OpenRedirect,
    QueryResult,
    ReadFile,
    ReadSecret,
    Ready,
    Send,
    ShowEvent,
    ShowReply,
    ShowUnexpected,
    StopFile,
    TryConnect,
)
from .execute import NOT_LEFT, LineRunner, is_exit
from .lines import Task, count_commands, describe_unsent
from .requests import PreparedLine, Request
from .server import list_commands, returned
from .state import SessionState
from .steps import Issue, MoveBeside, NextCommand, NotConnected, Query, WaitFor, WaitStopped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..errors import LineError
    from ..language import Introspection, SourceLine, StrayWordError
    from ..manual import Descriptions
    from ..qmp import Item
    from ..storage import Settings
    from ..transport import Peer
    from .effects import Effect
    from .live_names import HmpCatalogueLoader, LiveCache
    from .ports import Ports
    from .steps import Step, Steps
    from .vm import VmState
    from .waits import Wait


# Seconds without a reply after which a command that is answered only on failure has succeeded.
_SILENT_SUCCESS = 3.0
# Seconds after which a wait is shown, and after which a cause is suggested.
_SHOWN_AFTER = 1.0
_LONG_WAIT = 5.0
# Shell commands that do not wait for earlier lines at a terminal.
_AT_ONCE = ("/oob", "/status", "/help", "/apropos")
# Seconds for a greeting in any case if the connection has taken all of `--wait`.
_MIN_WAIT = 1.0
# Steps that open a dialog, which holds all lines.
_DIALOGS = (Confirm, ReadSecret)


class Session:
    """A session with one server.

    `address` is its name in messages. `interactive` is true if a user is present: destructive
    commands need confirmation, lines can be queued, and no failure ends the session. `has_live_view`
    is true if the driver shows `live_view` below a prompt.

    Raises QmpShellError if the log in the settings cannot be opened.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        address: str,
        interactive: bool,
        ports: Ports,
        has_live_view: bool = True,
    ) -> None:
        self.settings = settings
        self.interactive = interactive
        self.state = state = SessionState(
            settings,
            address=address,
            interactive=interactive,
            has_live_view=has_live_view,
            ports=ports,
            leave=self._leave,
            stop=self._stop_at_failure,
        )
        self.connection = state.connection
        self.server = state.server
        self._lines = state.lines
        self._table = state.sender.table
        self._outbox = state.outbox
        self._failures = state.failures
        self._runner = LineRunner(
            state,
            run_shell_command=self._run_shell_command,
            find_mistake=_find_mistake,
            suggest=self._suggest,
        )
        # Files that the driver opens, reads or writes.
        self._file_steps: list[ReadFile | OpenRedirect | CloseRedirect] = []
        # Since when the log accepts no messages.
        self._log_blocked_since: float | None = None
        # Whether no more lines are accepted: the session ends after the last reply.
        self._is_leaving = False
        state.message_logger.open(settings.log)

    # -- what drivers and the screen use ----------------------------------------------------------

    @property
    def status(self) -> int:
        """The exit status so far."""
        return self._failures.status

    @property
    def idle(self) -> bool:
        """Whether all lines are done and the next one can start."""
        # A request that was given up, or that nothing waits for, need not be answered.
        return (
            not self._lines
            and self.connection.is_ready
            and (not self._table or self._table.oldest_blocking is None)
        )

    @property
    def lost(self) -> bool:
        """Whether the connection is lost."""
        return self.connection.is_lost

    @property
    def log_descriptor(self) -> int | None:
        """The descriptor of the log if messages wait for it; call `flush_log` when it is writable."""
        return self.state.message_logger.blocked_descriptor

    def flush_log(self, now: float, *, is_last: bool = False) -> list[Effect]:
        """Write waiting messages to the log. With `is_last`, report those that remain."""
        self._outbox.now = now
        self.state.message_logger.flush(is_last=is_last)
        self._log_blocked_since = None
        return self._drain()

    @property
    def can_query(self) -> bool:
        """Whether qmpshell may send its own queries."""
        return self.state.sender.can_query

    @property
    def greeting(self) -> Greeting | None:
        """The server's greeting, or None."""
        return self.connection.greeting

    @property
    def find_peer(self) -> Callable[[str], Peer | None] | None:
        """The function that returns what the system shows about the server at an address, or None."""
        return self.state.ports.find_peer

    @property
    def introspection(self) -> Introspection:
        """What is known of the server's types."""
        return self.server.introspection

    @property
    def vm(self) -> VmState | None:
        """The state of the VM, if it is tracked."""
        return self.state.vm.state

    @property
    def live_view(self) -> Wait | None:
        """The wait of `/watch` or `/jobs` that the terminal shows below the prompt, or None."""
        return self._lines.live_view

    def make_live_cache(self) -> LiveCache:
        """Return a cache of the names that only the server knows."""
        from .live_names import LiveCache  # a script does not need it

        return LiveCache(self.state, is_free=self._is_free)

    def make_catalogue_loader(self) -> HmpCatalogueLoader:
        """Return a loader of the human monitor's help."""
        from .live_names import HmpCatalogueLoader  # a script does not need it

        return HmpCatalogueLoader(self.state)

    def _is_free(self) -> bool:
        """Return True if no command of the user's is in flight or queued."""
        return (
            self.connection.is_ready
            and self._table.oldest_blocking is None
            and not self._lines.unsent
            and not self._is_in_dialog
        )

    # -- the connection ---------------------------------------------------------------------------

    def connected(
        self,
        now: float,
        *,
        address: str | None = None,
        give_up_at: float | None = None,
        passes_descriptors: bool = False,
    ) -> list[Effect]:
        """Handle an open stream.

        `address` is the server's name from now on. `give_up_at` is the end of `--wait`.
        `passes_descriptors` is true if files can be passed along.
        """
        self._outbox.now = now
        connection = self.connection
        connection.address = address or connection.address
        connection.passes_descriptors = passes_descriptors
        connection.state = CONNECTED
        if not self.can_query or self.settings.agent:
            self.introspection.has_schema = True
        for task in self._lines:
            if isinstance(task.blocked_on, Connect):
                task.resume(task.blocked_on, "")
                if self.settings.wait is not None:
                    give_up_at = max(connection.since + self.settings.wait, now + _MIN_WAIT)
        if connection.is_ready:
            connection.end_negotiation()
            self._outbox.emit(Ready())
            return self._advance()
        connection.start_negotiation(now, give_up_at=give_up_at)
        self._negotiate()
        return self._drain()

    def offline(self) -> list[Effect]:
        """Work without a server: lines are only evaluated (`--dry-run`)."""
        self.connection.state = OFFLINE
        self.introspection.has_schema = self.settings.agent
        return []

    def _negotiate(self) -> bool:
        """Send what the handshake has to send. Return True if it sent anything."""
        data = self.connection.protocol.data_to_send()
        if data:
            self.state.message_logger.sent_bytes(data)
            self._outbox.emit(Send(data))
        return bool(data)

    def connection_lost(self, reason: str) -> list[Effect]:
        """Handle a broken stream. `reason` is "" if the server closed it."""
        self._on_lost(reason)
        return self._drain()

    def _on_lost(self, reason: str) -> None:
        connection, lines = self.connection, self._lines
        unsent, wait, request = lines.unsent, lines.awaited, self._table.oldest_user_request
        is_quitting = connection.ended_well or (request is not None and request.is_silent)
        ended_well = is_quitting and self._table.only_quit_awaited and wait is None
        early = connection.protocol.state != READY
        connection.end()
        own = [item for item in self._table.clear() if item.background]
        lines.waiting.clear()
        if early:
            more = f"; {describe_unsent(unsent)}" if unsent and self.interactive else ""
            text = f"{connection.explain_early_loss(reason)}{more}{self._reconnect_hint}"
            self._failures.report_no_server(text)
            self._interrupt_all()
        elif ended_well and not unsent:
            connection.quit_answered = True
            self.state.answers.finish_item()
            if self.interactive:
                self._outbox.show("the server has exited")
            self._interrupt_all()
        else:
            text = connection.explain_loss(reason, request, wait)
            if request is not None:
                text = self.state.place(request, text)
            if unsent:
                text += f"; {_more(unsent) if request is not None else describe_unsent(unsent)}"
            self._interrupt_all()
            self._failures.report_no_server(f"{text}{self._reconnect_hint}")
        for item in own:
            item.answer(None)

    @property
    def _reconnect_hint(self) -> str:
        """What the user can do after a loss, or "". The end of a child server has its own message."""
        can_reconnect = self.state.ports.child is None and self.connection.can_reconnect
        return "; /connect reconnects" if self.interactive and can_reconnect else ""

    def _interrupt_all(self) -> None:
        """Let each line end, because the connection is lost. It still closes its redirect."""
        for task in self._lines:
            if not isinstance(task.blocked_on, CloseRedirect):
                task.interrupt(ConnectionLost("the connection is lost"))
        self._run_lines()

    def _abandon_connection(self, text: str) -> None:
        """End an unusable connection; `text` says why."""
        self.connection.end()
        self.state.drop_lines()
        self._failures.report_no_server(text)

    # -- messages from the server -----------------------------------------------------------------

    def receive(self, data: bytes, now: float) -> list[Effect]:
        """Handle received bytes; b"" is the end."""
        self._outbox.now = now
        if self.lost:
            return []  # the session has given up the connection
        if data:
            self._receive(data)
        else:
            self._receive_end()
        return self._advance()

    def _receive(self, data: bytes) -> None:
        protocol, logger = self.connection.protocol, self.state.message_logger
        was_ready = protocol.state == READY
        items = protocol.receive(data)
        own = protocol.pop_handshake_replies()
        for index, item in enumerate(items):
            while own and own[0][0] <= index:
                logger.received(own.pop(0)[1])
            self._on_item(item)
            if self.lost:
                return
        for _, reply in own:
            logger.received(reply)
        was_ready = not self._negotiate() and was_ready
        if protocol.state == REFUSED:
            assert protocol.refusal is not None
            desc = escape(protocol.refusal.desc)
            self._abandon_connection(
                f"{self.connection.address}: the server refused to negotiate: {desc}"
            )
        elif protocol.state == READY and not was_ready:
            self.connection.end_negotiation()
            self._outbox.emit(Ready())

    def _receive_end(self) -> None:
        for item in self.connection.protocol.receive_end():
            if isinstance(item, NotQmp):
                self._abandon_connection(self.connection.explain_not_server(item.raw))
                return
            self._outbox.emit(ShowUnexpected(item, "cut off"))
        self._on_lost("")

    def _on_item(self, item: Item) -> None:
        if isinstance(item, Reply):
            self._on_reply(item)
        elif isinstance(item, NotQmp):
            self._abandon_connection(self.connection.explain_not_server(item.raw))
        elif isinstance(item, Malformed):
            self._outbox.emit(ShowUnexpected(item, "unreadable"))
        else:
            self.state.message_logger.received(item)
            if isinstance(item, Event):
                self._on_event(item)
            elif isinstance(item, Greeting):
                self._on_greeting(item)
            else:
                self._outbox.emit(ShowUnexpected(item, "not a QMP message"))

    def _on_event(self, event: Event) -> None:
        if event.name == "SHUTDOWN":
            self.connection.on_shutdown(event.value.get("data"))
        self.state.vm.on_event(event)
        wait = self._lines.awaited
        is_consumed = wait is not None and wait.on_event(event)
        self.state.events.add(event, is_consumed=is_consumed)
        self._outbox.emit(ShowEvent(event))
        if self._lines.has_waits:
            self._check_waits()

    def _on_greeting(self, greeting: Greeting) -> None:
        connection, lines = self.connection, self._lines
        if not self.settings.negotiate:
            if self.interactive:
                self._outbox.emit(ShowUnexpected(greeting, ""))
            return
        if not connection.expects_answer:
            connection.expect_answer(self._outbox.now)
        if self.can_query:
            self.server.on_restart()
        if lines.current is not None and lines.current.is_evaluating:
            # It is evaluated when the new server is ready.
            lines.waiting.appendleft(lines.current.line)
            lines.current = None
        for request in self._table.clear():
            if request.source is not None and not request.abandoned:
                text = f"the server was restarted; the outcome of {request.label} is unknown"
                self._failures.report(request.source, request.start, text)
            request.answer(None)

    def _on_reply(self, reply: Reply) -> None:
        request = self._table.match(reply)
        self.state.message_logger.received(reply, request)
        if request is None:
            self._outbox.emit(ShowUnexpected(reply, "an unexpected reply"))
            return
        if request.source is not None:
            self._on_user_reply(reply, request)
        if request.source is not None or not request.abandoned:
            request.answer(reply)
        if self._lines.has_waits:
            self._check_waits()

    def _on_user_reply(self, reply: Reply, request: Request) -> None:
        """Show the reply to a command that the user has typed, and handle its meaning."""
        shown = ShowReply(
            reply,
            request,
            late=request.abandoned,
            elapsed=self._outbox.now - request.sent_at,
            redirect=None if request.abandoned else request.redirect,
        )
        self.state.sender.last = shown
        self.state.vm.on_reply(request, reply)
        self.state.answers.add_reply(shown)
        if reply.is_error:
            self._on_error_reply(reply, request)
            return
        if request.text is not None:
            if shown.is_failure:
                self._failures.mark()
                self._failures.stop_on_error()
                return
            cpu = selected_cpu(request.text)
            self.server.cpu = self.server.cpu if cpu is None else cpu
        if request.is_quit:
            self.connection.on_quit()

    def _on_error_reply(self, reply: Reply, request: Request) -> None:
        is_negotiation = request.name == "qmp_capabilities"
        if is_negotiation and reply.error_class == "CommandNotFound" and self.settings.negotiate:
            text = "qmpshell has already negotiated; use -N (--skip-negotiation) to do it yourself"
            self._outbox.show(self.state.place(request, text))
            return
        self._failures.mark()
        hint = error_hint(reply.desc)
        if hint:
            self._outbox.show(self.state.place(request, hint))
        elif self.state.gives_hints:
            from .hints import hint_steps  # only after errors

            steps = hint_steps(self.state, reply, request)
            if steps is not None:
                assert request.source is not None
                # The hint is about a command that is done. No line runs before it is shown.
                self._start_beside(Task(PreparedLine(request.source), number=0), steps)
        self._failures.stop_on_error()

    def _suggest(self, error: StrayWordError, source: SourceLine) -> Steps:
        from .hints import suggest_for_stray_word  # only after errors

        yield from suggest_for_stray_word(self.state, error, source)

    # -- lines ------------------------------------------------------------------------------------

    def prepare(self, source: SourceLine) -> PreparedLine:
        """Parse and evaluate a line, possibly while an earlier one is in flight."""
        return self._runner.prepare(source)

    def submit(self, line: PreparedLine, now: float) -> list[Effect]:
        """Queue a line, or report its error."""
        self._outbox.now = now
        if self._is_leaving:
            return []
        if not self.interactive or not self._run_at_once(line):
            self._lines.waiting.append(line)
        return self._advance()

    def _run_at_once(self, line: PreparedLine) -> bool:
        """Run a line that does not wait for others. Return False if it must be queued."""
        command = _only_command(line)
        may_overtake = self.connection.state == CONNECTED and self.connection.is_ready
        if command in _AT_ONCE and may_overtake and not self._is_in_dialog:
            task = self._lines.make_task(line)
            self._start_beside(task, self._runner.run_beside(task))
            return True
        if command == "/connect":
            address = _address_of(line)
            if address is not None and self.connection.is_working:
                for attempt in [task for task in self._lines.beside if _is_connecting(task)]:
                    attempt.steps.close()
                    self._lines.remove(attempt)
                self._start_beside(self._lines.make_task(line), self._try_connect(line, address))
                return True
            self._drop_connection()
            return False
        if command == "/quit" and not self._lines.unsent:
            question = self.state.end_question()
            if question:
                self._start_beside(self._lines.make_task(line), self._confirm_leaving(question))
            else:
                self._leave_at_once()
            return True
        if line.error is not None:
            task = self._lines.make_task(line)
            self._start_beside(task, self._runner.report_error(line.source, line.error))
            return True
        return False

    def _try_connect(self, line: PreparedLine, address: str) -> Steps:
        """Connect to another server, and keep the connection if that fails. Meanwhile lines wait."""
        waiting = self._lines.waiting
        earlier = len(waiting)
        try:
            problem = yield TryConnect(address, self._outbox.now)
        except ConnectionLost:  # there is nothing to keep
            problem = ""
        later = [waiting.pop() for _ in range(len(waiting) - earlier)][::-1]
        if problem:
            text = self.state.explain_kept_connection(problem, unsent=count_commands(later))
            self._failures.report(line.source, 0, text)
            return
        self._drop_connection()
        waiting.extend([line, *later])

    def _drop_connection(self) -> None:
        """Leave the server, because the user wants another connection."""
        current = self._lines.current
        self.state.forget_requests()
        if current is not None and current.is_evaluating and current.blocked_on is None:
            self._run(current)  # it reports that its query was not answered
        unsent = self.state.drop_lines()
        self.connection.end()
        if unsent:
            self._outbox.show(describe_unsent(unsent))

    def _confirm_leaving(self, question: str) -> Steps:
        if (yield Confirm(question, None)):
            self._leave_at_once()
        else:
            self._outbox.show(NOT_LEFT)

    def _leave_at_once(self) -> None:
        """Leave after the reply to what was sent, if there is a connection."""
        if self.connection.state == UNCONNECTED:
            self._exit()
            return
        self._is_leaving = True
        request = self._table.oldest_user_request
        if request is not None:
            text = f"leaving after the reply to {escape(request.label)}; Ctrl-D leaves now"
            self._outbox.show(text)

    def _run_shell_command(self, task: Task, call: ShellCommand) -> Steps | None:
        """Return the steps of a shell command, or None if it is done. Raises LineError."""
        from .commands.registry import find_command  # few scripts need these
        from .context import CommandContext

        run = find_command(call.name)
        assert run is not None  # `prepare` has checked that
        return run(CommandContext(self.state, self._runner, task, call), call)

    def _advance(self) -> list[Effect]:
        """Run lines until something blocks them. Return the effects of the call."""
        self._run_lines()
        if self._is_leaving and not self._lines and self._table.oldest_user_request is None:
            self._exit()
        return self._drain()

    def _drain(self) -> list[Effect]:
        """Remove and return the effects of the call."""
        self._report_log_problem()
        if self.log_descriptor is None:
            self._log_blocked_since = None
        elif self._log_blocked_since is None:
            self._log_blocked_since = self._outbox.now
        if self._file_steps:
            self._stop_unneeded_files()
        return self._outbox.drain()

    def _report_log_problem(self) -> None:
        problem = self.state.message_logger.pop_problem()
        if problem:
            self._failures.mark()
            self._outbox.show(problem, is_error=True)

    def _run_lines(self) -> None:
        while True:
            task = self._next_task()
            if task is None:
                return
            self._run(task)

    def _next_task(self) -> Task | None:
        """Return the line that continues or starts next: the oldest of those that can."""
        lines, task = self._lines, self._lines.current
        if task is None:
            if lines.waiting and not self._is_held:
                task = lines.start_next()
                task.steps = self._runner.run(task)
        elif task.blocked_on is not None or (task.wait is None and self._is_held):
            task = None
        other = lines.ready_beside if lines.beside else None
        return other if task is None or (other and other.number < task.number) else task

    @property
    def _is_in_dialog(self) -> bool:
        return any(isinstance(task.blocked_on, _DIALOGS) for task in self._lines)

    @property
    def _is_held(self) -> bool:
        """Whether no line may continue, apart from one that waits for the answer to its dialog."""
        if self._table and self._table.oldest_blocking is not None:
            return True
        connection = self.connection
        if not connection.is_ready or connection.state == UNCONNECTED:
            return True
        beside = self._lines.beside
        return bool(beside) and (self._is_in_dialog or any(map(_is_connecting, beside)))

    def _start_beside(self, task: Task, steps: Steps) -> None:
        """Run steps that block no other line."""
        task.steps = steps
        self._lines.beside.append(task)
        self._run(task)

    def _run(self, task: Task) -> None:
        """Run a line to its next step, or to its end."""
        try:
            is_running = task.run()
        except NotConnected as error:
            self.state.drop_lines()
            self._failures.report_no_server(str(error))
            return
        except (ConnectionLost, WaitStopped):
            is_running = False
        if not is_running or not self._lines.contains(task):
            task.steps.close()
            self._lines.remove(task)
            return
        assert task.blocked_on is not None
        self._start(task, task.blocked_on)

    def _start(self, task: Task, step: Step) -> None:
        """Start what a line waits for."""
        match step:
            case Issue(request=request):
                request.then = lambda reply: task.resume(step, reply)
                self.state.sender.transmit(request)
            case Query(name=name, arguments=arguments):
                self.state.sender.query(name, arguments, lambda reply: task.resume(step, reply))
            case WaitFor():
                self._check_waits()
            case MoveBeside(view=view):
                self._stop_live_view()
                self._lines.move_beside(task, view)
                task.resume(step, None)
            case NextCommand():
                task.resume(step, None)
            case _:
                if isinstance(step, (ReadFile, OpenRedirect, CloseRedirect)):
                    task.blocked_since = self._outbox.now
                    self._file_steps.append(step)
                self._outbox.emit(step)

    def answer(self, step: Step, answer: object, now: float) -> list[Effect]:
        """Pass the driver's answer to a step to the line that waits for it.

        An answer to an obsolete step is ignored.
        """
        self._outbox.now = now
        self._file_steps = [other for other in self._file_steps if other is not step]
        for task in self._lines:
            if task.blocked_on is step:
                if isinstance(step, Confirm) and step.request and not self.connection.is_ready:
                    answer = False
                task.resume(step, answer)
                if self._lines.current is not task or isinstance(step, Connect):
                    self._run(task)
        return self._advance()

    def _stop_at_failure(self) -> None:
        task = self._lines.current
        if task is not None and task.redirect is not None:
            self._leave()  # once the earlier replies have reached their redirect
            return
        self.state.drop_lines()
        self._outbox.emit(Exit(self._failures.status))

    # -- files ------------------------------------------------------------------------------------

    @property
    def _file_task(self) -> Task | None:
        """The line that waits for a file, which may be a FIFO, or None."""
        if not self._file_steps:
            return None
        return next((task for task in self._lines if task.file), None)

    def _stop_unneeded_files(self) -> None:
        """Stop to read or open files for lines that were dropped. Redirects are still written."""
        awaited = {id(task.blocked_on) for task in self._lines}
        for step in self._file_steps:
            if id(step) not in awaited and not isinstance(step, CloseRedirect):
                self._outbox.emit(StopFile(step))
        self._file_steps = [step for step in self._file_steps if id(step) in awaited]

    def _stop_file(self, task: Task) -> None:
        """Stop to read, open or write the file that a line waits for."""
        step = task.blocked_on
        assert isinstance(step, (ReadFile, OpenRedirect, CloseRedirect))
        self._outbox.emit(StopFile(step))
        self._file_steps = [other for other in self._file_steps if other is not step]

    @property
    def _file_deadline(self) -> float | None:
        """When a script stops waiting for a file or the log."""
        timeout = self.settings.timeout
        if timeout is None or self.interactive:
            return None
        task, since = self._file_task, self._log_blocked_since
        if task is not None:
            since = task.blocked_since
        return None if since is None else since + timeout

    def _on_file_timeout(self) -> None:
        task, within = self._file_task, f"within {self.settings.timeout:g} s"
        if task is None:
            self.state.message_logger.fail(f"its reader accepted no data {within}")
            return
        step = task.blocked_on
        self._stop_file(task)
        match step:
            case ReadFile():
                task.resume(step, OSError(0, f"it could not be read {within}"))
            case OpenRedirect():
                task.resume(step, f"{task.file}: it got no reader {within}; nothing was sent")
            case CloseRedirect():
                text = f"its reader did not accept all data {within}"
                task.resume(step, f"{task.file}: {text}")

    # -- waits ------------------------------------------------------------------------------------

    def _check_waits(self) -> None:
        """Report what is new for waits, run their queries, and let the lines continue."""
        for task in self._lines:
            step = task.blocked_on
            if not isinstance(step, WaitFor):
                continue
            wait = step.wait
            for message in wait.new_messages():
                self._outbox.emit(message)
            name = wait.next_query()
            if name is not None:
                task.query = self.state.sender.query(name, {}, wait.on_answer)
            elif wait.ended:
                task.abandon_query()
                task.resume(step, None)

    def _stop_live_view(self) -> None:
        """Stop the live view, because the user wants it or another one is shown."""
        task = self._lines.view_task
        if task is not None:
            task.interrupt(WaitStopped())
            self._run(task)

    def abandon(self, now: float) -> list[Effect]:
        """Stop waiting for the oldest reply. It is shown as late when it arrives."""
        self._outbox.now = now
        task, wait = self._file_task, self._lines.awaited
        if task is not None:
            is_open = isinstance(task.blocked_on, CloseRedirect)
            text = "not all data was written" if is_open else "nothing was sent"
            self._outbox.show(f"no longer waiting for {escape(task.file)}; {text}")
            self._stop_file(task)
            task.interrupt(WaitStopped())
            return self._advance()
        task = self._lines.current
        if task is not None and wait is not None:
            self._outbox.show(f"no longer waiting for {escape(wait.label)}")
            task.interrupt(WaitStopped())
            return self._advance()
        request = self._table.oldest_blocking
        if request is None or (request.source is None and not self._lines.unsent):
            if self._lines.view_task is not None:
                self._stop_live_view()
            else:
                unsent = self.state.drop_lines()
                if unsent:
                    self._outbox.show(describe_unsent(unsent))
            return self._drain()
        request.abandoned = True
        if request.source is not None:
            text = (
                f"no longer waiting for the reply to {request.label}; the server may still run it"
            )
            self._outbox.show(text)
        request.answer(None)
        return self._advance()

    def describe_blocker(self, now: float) -> str:
        """Describe what blocks the queue, for how long, and the queued lines, or return ""."""
        blocker = self._blocker()
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

    @property
    def is_blocked(self) -> bool:
        """Whether queued lines wait for something that the user should know."""
        return (
            self._lines.awaited is not None
            or any(map(_is_connecting, self._lines))
            or self._table.oldest_blocking is not None
            or self._file_task is not None
            or self.connection.state == UNCONNECTED
        )

    def _blocker(self) -> tuple[str, float, str] | None:
        """Return what blocks the queue, since when, and why it may take long."""
        connection, wait = self.connection, self._lines.awaited
        if connection.state == UNCONNECTED:
            return f"a connection to {escape(connection.address)}", connection.since, ""
        for task in self._lines:
            if isinstance(task.blocked_on, TryConnect):
                attempt = task.blocked_on
                return f"a connection to {escape(attempt.text)}", attempt.since, ""
        if not connection.is_ready:
            return None  # its own message says so
        reader = self._file_task
        if reader is not None:
            return escape(reader.file), reader.blocked_since, ""
        if wait is not None:
            return escape(wait.label), wait.since, ""
        request = self._table.oldest_blocking
        if request is not None and (request.source is not None or self._lines.unsent):
            cause = "the server may be stopped or busy"
            return f"the reply to {escape(request.label)}", request.sent_at, cause
        return None

    # -- time -------------------------------------------------------------------------------------

    @property
    def deadline(self) -> float | None:
        """The time at which `tick` is due, or None."""
        times: list[float] = []
        request = self._table.oldest_blocking if self._table else None
        timeout = self._timeout_of(request) if request is not None else None
        if request is not None and timeout is not None:
            times.append(request.sent_at + timeout)
        if self._file_deadline is not None:
            times.append(self._file_deadline)
        if self._lines.has_waits:
            times += self._lines.deadlines
        if self.connection.has_deadlines:
            times += self.connection.deadlines
        if self.vm is not None and self.state.vm.deadline is not None:
            times.append(self.state.vm.deadline)
        return min(times, default=None)

    def tick(self, now: float) -> list[Effect]:
        """Do what is due at `now`."""
        self._outbox.now = now
        connection = self.connection
        if connection.give_up_at is not None and now >= connection.give_up_at:
            self._abandon_connection(connection.explain_giving_up(now))
            return self._drain()
        if connection.inspect_at is not None and now >= connection.inspect_at:
            text, is_fatal = connection.inspect()
            if is_fatal:
                self._abandon_connection(text)
                return self._drain()
            if text:
                self._outbox.show(text)
        if connection.silence_at is not None and now >= connection.silence_at:
            connection.silence_at = None
            self._outbox.show(connection.explain_silence())
        if connection.again_at is not None and now >= connection.again_at:
            connection.synchronize(now)
            self._negotiate()
        self._tick_waits(now)
        if self._file_deadline is not None and now >= self._file_deadline:
            self._on_file_timeout()
        effects = self._advance()
        self.state.vm.poll()
        request = self._table.oldest_blocking
        timeout = self._timeout_of(request) if request is not None else None
        if request is not None and timeout is not None and now >= request.sent_at + timeout:
            self._on_timeout(request)
        return effects + self._advance()

    def _tick_waits(self, now: float) -> None:
        for task in self._lines:
            wait, step = task.wait, task.blocked_on
            if wait is not None and wait.deadline is not None and now >= wait.deadline:
                task.interrupt(WaitStopped(wait.explain_timeout()))
            elif isinstance(step, WaitFor):
                step.wait.on_time(now)
        self._check_waits()

    def _timeout_of(self, request: Request) -> float | None:
        """Return the timeout of a request in seconds, or None."""
        timeout = self.settings.timeout
        if request.is_silent:
            return _SILENT_SUCCESS if timeout is None else min(timeout, _SILENT_SUCCESS)
        return timeout

    def _on_timeout(self, request: Request) -> None:
        timeout, task = self.settings.timeout, self._lines.current
        if request.is_silent and request.source is not None:
            self._on_silent_success(request)
            return
        is_evaluating = task is not None and task.is_evaluating
        if task is not None and is_evaluating and request.source is None and not self.interactive:
            self.state.drop_lines()
            text = f"no reply to {request.name} within {timeout:g} s; nothing was sent"
            self._failures.report_no_server(self._failures.place(task.source, 0, text))
            return
        request.abandoned = True
        text = f"no reply to {request.label} within {timeout:g} s; its outcome is unknown"
        if request.source is not None:
            if not self.interactive:
                self.state.drop_lines()
                self._failures.report_no_server(self.state.place(request, text))
                return
            self._outbox.show(text, is_error=True)
        request.answer(None)

    def _on_silent_success(self, request: Request) -> None:
        """Treat a request without a reply as successful. A later reply is shown as late."""
        self._table.dismiss(request)
        if request.is_quit:
            self.connection.on_quit()
        if self.interactive:
            self._outbox.show(f"{request.label} was sent; it is answered only if it fails")
        request.answer(None)

    # -- background queries -----------------------------------------------------------------------

    def track_vm(self, now: float) -> None:
        """Start to track the VM of the connected server. Its first run state is a QueryResult."""
        self._outbox.now = now
        self.state.vm.start()

    def learn_commands(self, now: float) -> list[Effect]:
        """Query the names of the server's commands, and an agent's version."""
        name = list_commands(agent=self.settings.agent)
        return self.run_query(name, now, is_command_list=True)

    def run_query(self, name: str, now: float, *, is_command_list: bool = False) -> list[Effect]:
        """Query the result of command `name`, which arrives as QueryResult. Errors are ignored."""
        self._outbox.now = now

        def answered(reply: Reply | None) -> None:
            value = returned(reply)
            if value is None:
                return
            if is_command_list:
                self.server.learn_commands(value)
            self._outbox.emit(QueryResult(name, value))

        self.state.sender.query(name, {}, answered, background=True)
        return self._drain()

    def load_schema(self, now: float) -> list[Effect]:
        """Query the schema, unless it is known or unavailable."""
        self._outbox.now = now
        introspection = self.introspection
        if introspection.has_schema or not self.can_query:
            return []

        def answered(reply: Reply | None) -> None:
            value = returned(reply)
            if reply is not None and not introspection.has_schema:
                self.server.learn(Missing(MISSING_SCHEMA), value)
            if value is not None:
                self._outbox.emit(QueryResult("query-qmp-schema", value))

        self.state.sender.query("query-qmp-schema", {}, answered, background=True)
        return self._drain()

    def read_descriptions(self) -> Descriptions:
        """Return the descriptions in the server's manual. This takes long; it may run in a thread."""
        from ..manual import Descriptions  # a script does not need it

        return Descriptions(self.state.manual().reference)

    # -- the end ----------------------------------------------------------------------------------

    def end_of_input(self, now: float) -> list[Effect]:
        """Handle the end of input, after all lines are done."""
        self._outbox.now = now
        return self.leave_now()

    def leave_now(self) -> list[Effect]:
        """Leave at once, whatever is awaited."""
        self._exit()
        return self._drain()

    def _leave(self) -> None:
        """Leave after the replies to what was sent. Queued lines are dropped."""
        self._is_leaving = True
        self._lines.waiting.clear()
        if self._lines.current is not None:
            self._lines.current.actions.clear()

    def _exit(self) -> None:
        self._report_log_problem()
        self.state.answers.close()
        if self.lost and not self.connection.ended_well:
            self._outbox.emit(Exit(CONNECTION))
        else:
            self._outbox.emit(Exit(OK if self.interactive else self._failures.status))


def _find_mistake(call: ShellCommand) -> LineError | None:
    from .commands.arguments import find_mistake  # few scripts need it

    return find_mistake(call)


def _address_of(line: PreparedLine) -> str | None:
    """Return the address in a `/connect` line, or None."""
    from .commands.arguments import file_name  # few sessions need it

    assert line.plan is not None
    (call,) = line.plan.actions
    assert isinstance(call, ShellCommand)
    return file_name(call, "")[0] if call.tokens else None


def _is_connecting(task: Task) -> bool:
    return isinstance(task.blocked_on, TryConnect)


def _more(unsent: int) -> str:
    return f"{unsent} more was not sent" if unsent == 1 else f"{unsent} more were not sent"


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
