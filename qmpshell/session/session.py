"""The session: passes bytes, lines and time to its parts, and returns what the driver must do.

The drivers of scripts and of the terminal call its methods, and perform the effects that each call
returns, in order. Times are seconds of any monotonic clock.
"""

from __future__ import annotations

from functools import cached_property

from ..language import HUMAN, MISSING_SCHEMA, Missing
from ..qmp import READY, REFUSED, Event, Greeting, Malformed, NotQmp, Reply
from ..render import escape
from .effects import Connect, QueryResult, Ready, ShowEvent, ShowReply, ShowUnexpected
from .execute import LineRunner
from .lines import Task, describe_unsent
from .requests import PreparedLine, is_unanswered_info
from .scheduler import Scheduler
from .server import list_commands, result_or_none
from .state import SessionState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..errors import LineError
    from ..language import ShellCommand, SourceLine
    from ..manual import Descriptions
    from ..qmp import Item
    from ..storage import Settings
    from .effects import Effect
    from .interaction import Interaction
    from .live_cache import HmpCatalogueLoader, LiveCache
    from .ports import Ports
    from .requests import Request
    from .steps import Step, Steps
    from .vm import VmState
    from .waits import Wait


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
        )
        self.connection = state.connection
        self.server = state.server
        # What is known of the server's types.
        self.introspection = state.server.introspection
        # Returns what the system shows about the server at an address; None if nothing does.
        self.find_peer = ports.find_peer
        self._lines = state.lines
        self._table = state.sender.table
        self._outbox = state.outbox
        self._runner = LineRunner(
            state,
            run_shell_command=self._run_shell_command,
            find_mistake=_find_mistake,
        )
        self._scheduler = Scheduler(state, self._runner)
        if settings.log is not None:
            timeout = None if interactive else settings.timeout
            state.message_logger.use(ports.open_log(settings.log, timeout))

    def _run_shell_command(self, task: Task, call: ShellCommand) -> Steps | None:
        """Return the steps of a shell command, or None if it is done. Raises LineError."""
        if call.name == HUMAN and call.tokens:
            return self._runner.run_hmp(task, call.tokens[0].text, call.tokens[0].start)
        from .commands.arguments import find_command  # few scripts need these
        from .context import CommandContext

        run = find_command(call.name)
        assert run is not None  # `prepare` has checked that
        return run(CommandContext(self.state, self._runner, task, call), call)

    # -- what drivers and the screen use ----------------------------------------------------------

    @property
    def status(self) -> int:
        """The exit status so far."""
        return self.state.failures.status

    @property
    def idle(self) -> bool:
        """Whether all lines are done and the next one can start."""
        # A request that was given up, or that nothing waits for, need not be answered.
        return not self._lines and self.connection.is_ready and self._table.oldest_blocking is None

    def is_ended_by(self, data: bytes) -> bool:
        """Return True if the session will be idle after it has received `data`.

        This is known if `data` is the successful reply to the last command of the only line, without
        an id, and there is no log that must accept the reply first.
        """
        task, request = self._lines.current, self._table.only
        return (
            task is not None
            and request is not None
            and task.line.requests[-1:] == [request]
            and not (request.redirect or request.is_silent or self._lines.waiting)
            and "id" not in request.message
            and not self.state.message_logger.is_open
            and self.connection.protocol.is_only_success(data)
        )

    @property
    def lost(self) -> bool:
        """Whether the connection is lost."""
        return self.connection.is_lost

    @property
    def log_waits_for(self) -> dict[int, bool]:
        """The descriptors that messages for the log wait for; call `flush_log` when one is ready.

        Each is True if it must be writable, False if readable.
        """
        return self.state.message_logger.waits_for

    def flush_log(self, now: float, *, is_last: bool = False) -> list[Effect]:
        """Write waiting messages to the log. With `is_last`, report those that remain."""
        self._outbox.start(now)
        self.state.files.flush_log(is_last=is_last)
        return self.state.pop_effects()

    @property
    def can_query(self) -> bool:
        """Whether qmpshell may send its own queries."""
        return self.state.sender.can_query

    @property
    def greeting(self) -> Greeting | None:
        """The server's greeting, or None."""
        return self.connection.protocol.greeting

    @property
    def vm(self) -> VmState | None:
        """The state of the VM, if it is tracked."""
        return self.state.vm.state

    @property
    def live_view(self) -> Wait | None:
        """The wait of `/watch` or `/jobs` that the terminal shows below the prompt, or None."""
        task = self._lines.view_task
        return task.wait if task is not None else None

    def make_live_cache(self) -> LiveCache:
        """Return a cache of the names that only the server knows."""
        from .live_cache import LiveCache  # a script does not need it

        return LiveCache(self.state, is_free=self._is_free)

    def make_catalogue_loader(self) -> HmpCatalogueLoader:
        """Return a loader of the human monitor's help."""
        from .live_cache import HmpCatalogueLoader  # a script does not need it

        return HmpCatalogueLoader(self.state)

    def _is_free(self) -> bool:
        """Return True if no command of the user's is in flight or queued."""
        return (
            self.connection.is_ready
            and self._table.oldest_blocking is None
            and not self._lines.unsent
            and not self._scheduler.is_in_dialog
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
        self._outbox.start(now)
        connection = self.connection
        connection.open(address, passes_descriptors=passes_descriptors)
        if not self.can_query or self.settings.agent:
            self.server.use_no_schema()
        for task in self._lines:
            if isinstance(task.blocked_on, Connect):
                task.resume(task.blocked_on, "")
                if self.settings.wait is not None:
                    give_up_at = connection.since + self.settings.wait
        if connection.is_ready:
            connection.end_negotiation()
            self._outbox.emit(Ready())
            return self._advance()
        connection.start_negotiation(now, give_up_at=give_up_at)
        self.state.sender.send_handshake()
        return self.state.pop_effects()

    def offline(self) -> list[Effect]:
        """Work without a server: lines are only evaluated (`--dry-run`)."""
        self.connection.work_offline()
        if self.settings.agent:
            self.server.use_no_schema()
        return []

    def receive(self, data: bytes, now: float) -> list[Effect]:
        """Handle received bytes; b"" is the end."""
        self._outbox.start(now)
        if self.connection.is_lost:
            return []  # the session has given up the connection
        if data:
            self._receive_data(data)
        else:
            self._receive_end()
            if not self.lost:
                self._on_lost("")
        return self._advance()

    def connection_lost(self, reason: str) -> list[Effect]:
        """Handle a broken stream. `reason` is "" if the server closed it."""
        self._on_lost(reason)
        return self.state.pop_effects()

    def _on_lost(self, reason: str) -> None:
        from .losses import end_connection  # most scripts end before their server

        end_connection(self.state, self._scheduler, reason)

    # -- messages ---------------------------------------------------------------------------------

    def _receive_data(self, data: bytes) -> None:
        """Handle the messages in received bytes."""
        protocol, logger = self.connection.protocol, self.state.message_logger
        was_ready = protocol.state == READY
        items = protocol.receive(data)
        own = protocol.pop_handshake_replies() if protocol.own_replies else []
        for index, item in enumerate(items):
            while own and own[0][0] <= index:
                logger.received(own.pop(0)[1])
            self._on_item(item)
            if self.connection.is_lost:
                return
        for _, reply in own:
            logger.received(reply)
        if protocol.outgoing:
            self.state.sender.send_handshake()
            was_ready = False
        if protocol.state == REFUSED:
            assert protocol.refusal is not None
            desc = escape(protocol.refusal.desc)
            self.state.abandon_connection(
                f"{self.connection.address}: the server refused to negotiate: {desc}"
            )
        elif protocol.state == READY and not was_ready:
            self.connection.end_negotiation()
            self._outbox.emit(Ready())

    def _receive_end(self) -> None:
        """Handle what was received before the end of the stream, and is not a complete message."""
        for item in self.connection.protocol.receive_end():
            if isinstance(item, NotQmp):
                self._on_item(item)
                return
            # A server that exits may cut off a long reply that the user has not asked for.
            if not self.state.sender.table.oldest_is_background:
                self._outbox.emit(ShowUnexpected(item, "incomplete message"))

    def _on_item(self, item: Item) -> None:
        if isinstance(item, Reply):
            self._on_reply(item)
        elif isinstance(item, NotQmp):
            self.state.abandon_connection(self.connection.explain_not_server(item.raw))
        elif isinstance(item, Malformed):
            self._outbox.emit(ShowUnexpected(item, "not a JSON object"))
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
            self._scheduler.check_waits()

    def _on_greeting(self, greeting: Greeting) -> None:
        connection = self.connection
        if not self.settings.negotiate:
            if self.state.interactive:
                self._outbox.emit(ShowUnexpected(greeting, ""))
            return
        if not connection.expects_answer:
            connection.expect_answer(self._outbox.now)
        if self.state.sender.can_query:
            self.state.server.on_restart()
        self._lines.restart_evaluation()
        for request in self.state.sender.table.clear():
            if request.source is not None and not request.abandoned:
                text = f"the server was restarted; the outcome of {request.label} is unknown"
                self.state.failures.report(request.source, request.start, text)
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
            self._scheduler.check_waits()

    def _on_user_reply(self, reply: Reply, request: Request) -> None:
        """Show the reply to a command that the user has typed, and handle its meaning."""
        is_error = reply.is_error
        is_replaced = is_error and self.settings.hmp and is_unanswered_info(reply, request)
        if is_replaced and not request.abandoned:
            return
        shown = ShowReply(
            reply,
            request,
            late=request.abandoned,
            elapsed=self._outbox.now - request.sent_at,
            redirect=None if request.abandoned else request.redirect,
        )
        self.state.sender.set_last(shown)
        self.state.vm.on_reply(request, reply)
        if is_error or request.abandoned or not request.is_view:
            self.state.answers.add_reply(shown)
        if is_error:
            self._on_error_reply(reply, request)
            return
        if request.text is not None:
            if shown.is_failure:
                self.state.failures.mark()
                self.state.failures.stop_on_error()
                return
            from ..qmp import selected_cpu  # few scripts use the human monitor

            self.state.server.select_cpu(selected_cpu(request.text))
        if request.is_quit:
            self.connection.on_quit()

    def _on_error_reply(self, reply: Reply, request: Request) -> None:
        from ..language import error_hint  # few commands fail

        state = self.state
        is_negotiation = request.name == "qmp_capabilities"
        if is_negotiation and reply.error_class == "CommandNotFound" and self.settings.negotiate:
            text = "qmpshell has already negotiated; use -N (--skip-negotiation) to do it yourself"
            self._outbox.show(state.place(request, text))
            return
        self.state.failures.mark()
        hint = error_hint(reply.desc, request.arguments if request.is_typed else None)
        if hint:
            self._outbox.show(state.place(request, hint))
        else:
            from .hints import hint_steps  # only after errors

            steps = hint_steps(state, reply, request)
            if steps is not None:
                assert request.source is not None
                # The hint is about a command that is done. No line runs before it is shown.
                task = Task(PreparedLine(request.source), number=0)
                self._scheduler.start_in_background(task, steps)
                return
        self.state.failures.stop_on_error()

    # -- lines ------------------------------------------------------------------------------------

    def prepare(self, source: SourceLine) -> PreparedLine:
        """Parse and evaluate a line, possibly while an earlier one is in flight."""
        return self._runner.prepare(source)

    def submit(self, line: PreparedLine, now: float) -> list[Effect]:
        """Queue a line, or report its error."""
        self._outbox.start(now)
        if self._lines.is_closed:
            return []
        if not self.interactive or not self._interaction.run(line):
            self._lines.waiting.append(line)
        return self._advance()

    @cached_property
    def _interaction(self) -> Interaction:
        from .interaction import Interaction  # a script does not need it

        return Interaction(self.state, self._scheduler, self._runner)

    def answer(self, step: Step, answer: object, now: float) -> list[Effect]:
        """Pass the driver's answer to a step to the line that waits for it.

        An answer to an obsolete step is ignored.
        """
        self._outbox.start(now)
        self._scheduler.answer(step, answer)
        return self._advance()

    def abandon(self, now: float) -> list[Effect]:
        """Stop waiting for what blocks the queue (Ctrl-C)."""
        self._outbox.start(now)
        self._interaction.abandon_blocker()
        return self.state.pop_effects()

    def describe_blocker(self, now: float) -> str:
        """Describe what blocks the queue, for how long, and the queued lines, or return ""."""
        return self._interaction.describe_blocker(now)

    @property
    def is_blocked(self) -> bool:
        """Whether queued lines wait for something that the user should know."""
        return self._interaction.is_blocked

    # -- time -------------------------------------------------------------------------------------

    @property
    def deadline(self) -> float | None:
        """The time at which `tick` is due, or None."""
        return self._scheduler.deadline

    def tick(self, now: float) -> list[Effect]:
        """Do what is due at `now`."""
        self._outbox.start(now)
        self._scheduler.tick(now)
        return self.state.pop_effects()

    # -- background queries -----------------------------------------------------------------------

    def track_vm(self, now: float) -> None:
        """Start to track the VM of the connected server. Its first run state is a QueryResult."""
        self._outbox.start(now)
        self.state.vm.start()

    def query_commands(self, now: float) -> list[Effect]:
        """Query the names of the server's commands, and an agent's version.

        The result arrives as QueryResult. Errors are ignored.
        """
        self._outbox.start(now)
        name = list_commands(agent=self.settings.agent)

        def answered(reply: Reply | None) -> None:
            value = result_or_none(reply)
            if value is not None:
                self.server.store_commands(value)
                self._outbox.emit(QueryResult(name, value))

        self.state.sender.query(name, {}, answered, background=True)
        return self.state.pop_effects()

    def load_schema(self, now: float) -> list[Effect]:
        """Query the schema, unless it is known or unavailable."""
        self._outbox.start(now)
        introspection = self.introspection
        if introspection.has_schema or not self.can_query:
            return []

        def answered(reply: Reply | None) -> None:
            value = result_or_none(reply)
            if reply is not None and not introspection.has_schema:
                self.server.store(Missing(MISSING_SCHEMA), value)
            if value is not None:
                self._outbox.emit(QueryResult("query-qmp-schema", value))

        self.state.sender.query("query-qmp-schema", {}, answered, background=True)
        return self.state.pop_effects()

    def read_descriptions(self) -> Descriptions:
        """Return the descriptions in the server's manual. This takes long; it may run in a thread."""
        from ..manual import Descriptions  # a script does not need it

        return Descriptions(self.state.manual().reference)

    # -- the end ----------------------------------------------------------------------------------

    def end_of_input(self, now: float) -> list[Effect]:
        """Handle the end of input, after all lines are done."""
        self._outbox.start(now)
        return self.leave_now()

    def leave_now(self) -> list[Effect]:
        """Leave at once, whatever is awaited."""
        unsent = self.state.lines.unsent
        if unsent:
            self._outbox.show(describe_unsent(unsent))
        self.state.exit()
        return self.state.pop_effects()

    def _advance(self) -> list[Effect]:
        """Run lines until something blocks them. Return the effects of the call."""
        self._scheduler.advance()
        return self.state.pop_effects()


def _find_mistake(call: ShellCommand) -> LineError | None:
    from .commands.arguments import find_mistake  # few scripts need it

    return find_mistake(call)
