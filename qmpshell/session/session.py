"""The session: what is sent when, and which reply belongs to what.

The drivers of scripts and of the terminal call its methods, and perform the effects that each call
returns, in order. Times are seconds of any monotonic clock.
"""

from __future__ import annotations

from collections import deque

from ..errors import CONNECTION, FAILED, OK, LineError
from ..language import Introspection, SourceLine, suggestion_for
from ..qmp import (
    READY,
    REFUSED,
    Event,
    Greeting,
    Malformed,
    NotQmp,
    Reply,
    command_object,
    encode_message,
    failed,
    hmp_text,
    selected_cpu,
)
from ..render import escape, format_line_error, with_position
from .connection import (
    CONNECTED,
    LOST,
    OFFLINE,
    UNCONNECTED,
    ConnectionState,
    explain_garbage,
    explain_monitor,
)
from .effects import (
    Connect,
    Effect,
    Exit,
    Ready,
    Send,
    ShowEvent,
    ShowMessage,
    ShowReply,
    ShowUnexpected,
)
from .execute import LineRunner, LineSubmitter, list_commands, names_in, returned
from .lines import LineQueue, describe_unsent
from .log import MessageLogger
from .requests import PreparedLine, Request, RequestTable, answer_query, unknown_command_name
from .waits import WaitList

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..errors import LineError
    from ..language import Redirect, SourceLine
    from ..manual import ManualCache
    from ..qmp import Item
    from ..storage import Settings
    from .effects import Effect
    from .live_names import BackgroundQueries
    from .ports import Ports
    from .requests import Request
    from .vm import VmState


class MessageHandler:
    """Handles the messages of a session, in order of arrival."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def handle(self, item: Item) -> list[Effect]:
        """Handle a message or malformed data."""
        if isinstance(item, Reply):
            return self._reply(item)
        if isinstance(item, NotQmp):
            address = self._session.link.address
            if self._session.settings.agent:
                return self._session.ending.abandon_connection(explain_monitor(address))
            return self._session.ending.abandon_connection(explain_garbage(address, item.raw))
        if isinstance(item, Malformed):
            return [ShowUnexpected(item, "unreadable")]
        self._session.message_logger.received(item)
        if isinstance(item, Event):
            return self._event(item)
        if isinstance(item, Greeting):
            return self._greeting(item)
        return [ShowUnexpected(item, "not a QMP message")]

    def _event(self, event: Event) -> list[Effect]:
        if event.name == "SHUTDOWN":
            self._session.link.shutdown_seen = True
        session = self._session
        session.recent.append(event)
        if session.machine is not None:
            session.machine.on_event(event)
        if not session.waits.on_event(event):
            session.events.append(event)
        if session.waits.awaited is None and session.waits.live_view is None:
            return [ShowEvent(event)]
        return [ShowEvent(event), *session.waits.on_change()]

    def _greeting(self, greeting: Greeting) -> list[Effect]:
        if not self._session.settings.negotiate:
            return [ShowUnexpected(greeting, "")] if self._session.interactive else []
        if not self._session.link.expects_answer:
            self._session.link.expect_answer(self._session.now)
        effects: list[Effect] = []
        if self._session.can_probe:
            self._session.introspection.forget()
            self._session.names = None
        if (
            self._session.queue.missing_line is not None
        ):  # it is evaluated when the new server is ready
            self._session.queue.lines.appendleft(self._session.queue.missing_line)
            self._session.queue.missing_line = None
        for request in self._session.request_table.clear():
            if request.source is None:
                effects += answer_query(request, None)
            elif not request.abandoned:
                text = f"the server was restarted; the outcome of {request.label} is unknown"
                effects += self._session.failures.at(request.source, request.start, text)
        return effects

    def _reply(self, reply: Reply) -> list[Effect]:
        request = self._session.request_table.match(reply)
        self._session.message_logger.received(reply, request)
        if request is None:
            return [ShowUnexpected(reply, "an unexpected reply")]
        if request.source is None:
            return answer_query(request, reply) if not request.abandoned else []
        elapsed = self._session.now - request.sent_at
        shown = ShowReply(
            reply,
            request,
            late=request.abandoned,
            elapsed=elapsed,
            redirect=None if request.abandoned else request.redirect,
        )
        self._session.last = shown
        if self._session.machine is not None:
            self._session.machine.on_reply(request, reply)
        return [*self._shown(shown), *answer_query(request, reply)]

    def _shown(self, shown: ShowReply) -> list[Effect]:
        """Handle the meaning of a reply to the user."""
        reply, request = shown.reply, shown.request
        if reply.is_error:
            return [shown, *self._error_reply(reply, request)]
        if request.text is not None and failed(hmp_text(reply.value.get("return", ""))):
            self._session.failures.mark()
            return [shown, *self._session.failures.stop_on_error()]
        if request.is_quit:
            self._session.link.quit_answered = True
        if request.text is not None:
            chosen = selected_cpu(request.text)
            self._session.cpu = self._session.cpu if chosen is None else chosen
        return [shown]

    def _error_reply(self, reply: Reply, request: Request) -> list[Effect]:
        refused = request.name == "qmp_capabilities" and reply.error_class == "CommandNotFound"
        if refused and self._session.settings.negotiate:
            text = "qmpshell has already negotiated; use -N (--skip-negotiation) to do it yourself"
            return [ShowMessage(self._session.failures.place(request.source, request.start, text))]
        self._session.failures.mark()
        return [*self._hint(reply, request), *self._session.failures.stop_on_error()]

    def _hint(self, reply: Reply, request: Request) -> list[Effect]:
        """Return a hint about an error reply."""
        text = suggestion_for(reply.desc, None)
        if text:
            return [ShowMessage(self._session.failures.place(request.source, request.start, text))]
        name = unknown_command_name(reply, request)
        if not name or (self._session.settings.stop_on_error and not self._session.interactive):
            return []
        if self._session.names is None and self._session.introspection.schema is not None:
            self._session.names = self._session.introspection.schema.commands()
        if self._session.names is not None or not self._session.can_probe:
            return self._suggest(name, request)

        def answered(found: Reply | None) -> list[Effect]:
            self._session.names = names_in(returned(found))
            return self._suggest(name, request)

        question = list_commands(agent=self._session.settings.agent)
        return self._session.ask(question, {}, answered)

    def _suggest(self, name: str, request: Request) -> list[Effect]:
        from .commands.registry import COMMANDS

        text = suggestion_for(name, [*(self._session.names or ()), *COMMANDS])
        return (
            [ShowMessage(self._session.failures.place(request.source, request.start, text))]
            if text
            else []
        )


class SessionEnd:
    """Handles the end of connections and of the session.

    `is_leaving` is true once no more lines are accepted: the session ends after the last reply.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.is_leaving = False

    def end_of_stream(self) -> list[Effect]:
        """Handle the end of the stream."""
        session = self._session
        effects: list[Effect] = []
        for item in session.link.protocol.receive_end():
            if isinstance(item, NotQmp):
                return self.abandon_connection(explain_garbage(session.link.address, item.raw))
            effects.append(ShowUnexpected(item, "cut off"))
        return effects + self.connection_lost("")

    def abandon_connection(self, text: str) -> list[Effect]:
        """End an unusable connection; `text` says why."""
        session = self._session
        session.link.end()
        session.drop_lines()
        return session.failures.no_server(text)

    def connection_lost(self, reason: str) -> list[Effect]:
        """Handle a broken stream. `reason` is "" if the server closed it."""
        session = self._session
        link, unsent = session.link, session.queue.unsent
        awaited, waiting = session.waits.awaited, session.request_table.oldest_user_request
        is_quitting = link.ended_well or (waiting is not None and waiting.is_silent)
        ended_well = is_quitting and session.request_table.only_quit_awaited and awaited is None
        early = link.protocol.state != READY
        line, opening = session.queue.current, session.queue.opening
        closing = session.queue.closing
        link.end()
        background = [request for request in session.request_table.clear() if request.background]
        session.drop_lines()
        session.asking = None
        if line is not None and line.redirect is not None and opening is None:
            # Its replies are still on their way to a file or command.
            line.actions.clear()
            session.queue.current, session.queue.closing = line, closing
        unanswered = [effect for item in background for effect in answer_query(item, None)]
        if early:
            text = link.explain_early_loss(reason)
            if unsent and session.interactive:
                text += f"; {describe_unsent(unsent)}"
            return session.failures.no_server(text)
        if ended_well and not unsent:
            link.quit_answered = True
            told: list[Effect] = (
                [ShowMessage("the server has exited")] if session.interactive else []
            )
            return [*told, *session.advance()]
        text = link.explain_loss(reason, waiting, awaited)
        if waiting is not None:
            text = session.failures.place(waiting.source, waiting.start, text)
        if unsent:
            text += f"; {_more(unsent) if waiting is not None else describe_unsent(unsent)}"
        return [*session.advance(), *session.failures.no_server(text), *unanswered]

    def leave(self) -> list[Effect]:
        """Leave after the replies to what was sent. Queued lines are dropped."""
        queue = self._session.queue
        self.is_leaving = True
        queue.lines.clear()
        if queue.current is not None:
            queue.current.actions.clear()
        return []

    def leave_soon(self) -> list[Effect]:
        """Leave at the user's request, without waiting for qmpshell's own queries."""
        self.is_leaving = True
        return self.leave_if_done() or self._explain_delay()

    def leave_if_done(self) -> list[Effect]:
        """Leave if nothing is awaited any more."""
        session = self._session
        queue = session.queue
        if not self.is_leaving or queue.lines or session.waits.awaited is not None:
            return []
        if queue.missing_line is not None or queue.current is not None:
            return []
        return self.left() if session.waiting is None else []

    def left(self) -> list[Effect]:
        """Leave without waiting for anything."""
        session = self._session
        if session.lost and not session.link.ended_well:
            return [Exit(CONNECTION)]
        return [Exit(OK if session.interactive else session.failures.status)]

    def _explain_delay(self) -> list[Effect]:
        waiting = self._session.waiting
        if waiting is None:
            return []
        return [
            ShowMessage(f"leaving after the reply to {escape(waiting.label)}; Ctrl-D leaves now")
        ]


def _more(unsent: int) -> str:
    return f"{unsent} more was not sent" if unsent == 1 else f"{unsent} more were not sent"


class FailureLog:
    """Records failures. `status` is the exit status so far."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.status = OK

    def at(self, source: SourceLine | None, start: int, text: str) -> list[Effect]:
        """Report the failure of a line, at this position."""
        self.mark()
        return [ShowMessage(self.place(source, start, text), is_error=True), *self.stop_on_error()]

    def of_line(self, source: SourceLine, error: LineError) -> list[Effect]:
        """Report a line that cannot be parsed, or not be executed as it is."""
        self.mark()
        text = format_line_error(source, error, named=self._is_named(source))
        return [ShowMessage(text, is_error=True), *self.stop_on_error()]

    def mark(self) -> None:
        """Record that a command failed."""
        if self.status == OK:
            self.status = FAILED

    def stop_on_error(self) -> list[Effect]:
        """End the session if it ends at the first failure."""
        session = self._session
        if not session.settings.stop_on_error or session.interactive:
            return []
        line = session.queue.current
        if line is not None and line.redirect is not None and session.queue.opening is None:
            return session.leave()  # once the earlier replies have reached their redirect
        session.drop_lines()
        return [Exit(self.status)]

    def no_server(self, text: str) -> list[Effect]:
        """Report that there is no server, which ends a script."""
        self.status = CONNECTION
        tell = ShowMessage(text, is_error=True)
        return [tell] if self._session.interactive else [tell, Exit(CONNECTION)]

    def place(self, source: SourceLine | None, start: int, text: str) -> str:
        """Return the text, with its position if that is not obvious."""
        if source is None or not self._is_named(source):
            return text
        return with_position(source, start, text)

    def _is_named(self, source: SourceLine) -> bool:
        """Return True if the user must be told the file of a line."""
        return not self._session.interactive or source.name in self._session.source_depth


# Seconds without a reply after which a command that is answered only on failure has succeeded.
_SILENT_SUCCESS = 3.0


class Timeouts:
    """Handles the timeouts of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def deadline(self) -> float | None:
        """The time at which `tick` is due, or None."""
        session = self._session
        oldest_blocking = session.request_table.oldest_blocking
        patience = self._timeout_of(oldest_blocking) if oldest_blocking is not None else None
        if patience is None and session.machine is None and self._is_timeless:
            return None  # the usual case in scripts, for every message
        times = [*session.link.deadlines, *session.waits.deadlines]
        if session.machine is not None and session.machine.deadline is not None:
            times.append(session.machine.deadline)
        if oldest_blocking is not None and patience is not None:
            times.append(oldest_blocking.sent_at + patience)
        return min(times, default=None)

    @property
    def _is_timeless(self) -> bool:
        """Return True if neither the connection nor a wait has a timeout."""
        link, waits = self._session.link, self._session.waits
        if waits.awaited is not None or waits.live_view is not None:
            return False
        return link.silence_at is None and link.give_up_at is None and link.again_at is None

    def tick(self, now: float) -> list[Effect]:
        """Do what is due at `now`."""
        session, link = self._session, self._session.link
        if link.give_up_at is not None and now >= link.give_up_at:
            return session.ending.abandon_connection(link.explain_silence())
        effects: list[Effect] = []
        if link.silence_at is not None and now >= link.silence_at:
            link.silence_at = None
            effects.append(ShowMessage(link.explain_silence()))
        if link.again_at is not None and now >= link.again_at:
            link.synchronize(now)
            effects += session.negotiate()
        effects += [*session.waits.tick(now), *session.advance()]
        if session.machine is not None:
            effects += session.machine.tick(now)
        request = session.request_table.oldest_blocking
        if request is not None:
            patience = self._timeout_of(request)
            if patience is not None and now >= request.sent_at + patience:
                effects += self._report_timeout(request)
        return effects

    def _timeout_of(self, request: Request) -> float | None:
        """Return the timeout of a request in seconds, or None."""
        timeout = self._session.settings.timeout
        if request.is_silent:
            return _SILENT_SUCCESS if timeout is None else min(timeout, _SILENT_SUCCESS)
        return timeout

    def _report_timeout(self, request: Request) -> list[Effect]:
        session, timeout = self._session, self._session.settings.timeout
        missing_line = session.queue.missing_line
        if request.is_silent and request.source is not None:
            return self._succeeded(request)
        if request.source is None and missing_line is not None and not session.interactive:
            session.drop_lines()
            text = f"no reply to {request.name} within {timeout:g} s; nothing was sent"
            text = session.failures.place(missing_line.source, 0, text)
            return session.failures.no_server(text)
        request.abandoned = True
        if request.source is None:
            return [*answer_query(request, None), *session.advance()]
        text = f"no reply to {request.label} within {timeout:g} s; its outcome is unknown"
        if session.interactive:
            return [ShowMessage(text, is_error=True), *session.advance()]
        session.drop_lines()
        text = session.failures.place(request.source, request.start, text)
        return session.failures.no_server(text)

    def _succeeded(self, request: Request) -> list[Effect]:
        """Treat a request without a reply as successful. A later reply is shown as late."""
        session = self._session
        session.request_table.dismiss(request)
        session.link.quit_answered |= request.is_quit
        told: list[Effect] = []
        if session.interactive:
            told = [ShowMessage(f"{request.label} was sent; it is answered only if it fails")]
        return [*told, *session.advance()]


class Reconnection:
    """Performs /connect."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def abandon_all(self) -> list[Effect]:
        """Abandon all waits, because the user wants another connection now."""
        session = self._session
        unsent = session.queue.unsent
        effects = self._forget()
        session.drop_lines()
        session.asking = None
        session.link.end()
        return [*effects, ShowMessage(describe_unsent(unsent))] if unsent else effects

    def start(self, text: str | None) -> list[Effect]:
        """Close the connection and connect to the address in `text`, or with None to the same one."""
        session = self._session
        effects = self._forget() if session.link.state == CONNECTED else []
        settings = session.settings
        same = text is None or text == session.link.address
        session.link = ConnectionState(
            session.link.address if text is None else text,
            settings,
            gives_up=not session.interactive,
        )
        session.link.state = UNCONNECTED
        session.link.since = session.now
        session.introspection.forget()
        session.names = session.cpu = None
        session.agent_version = ""
        session.told.clear()
        session.waits.live_view = session.machine = None
        if not same:
            session.events.clear()
            session.recent.clear()
        return [*effects, Connect(text)]

    def failed(self, text: str) -> list[Effect]:
        """Report that there is no server; `text` says why."""
        session = self._session
        if session.link.state != UNCONNECTED:
            return []
        session.link.state = LOST
        unsent = session.queue.unsent
        session.drop_lines()
        return session.failures.no_server(f"{text}; {describe_unsent(unsent)}" if unsent else text)

    def _forget(self) -> list[Effect]:
        session = self._session
        effects: list[Effect] = []
        for request in session.request_table.clear():
            if request.source is None:
                effects += answer_query(request, None)
            elif not request.abandoned:
                text = f"no longer waiting for the reply to {request.label}; its outcome is unknown"
                effects.append(ShowMessage(text))
        return effects


# Seconds after which a wait is shown, and after which a cause is suggested.
_SHOWN_AFTER = 1.0
_LONG_WAIT = 5.0


def is_blocked(session: Session) -> bool:
    """Return True if the queue waits for anything that the user should know."""
    return (
        session.waits.awaited is not None
        or session.request_table.oldest_blocking is not None
        or session.link.state == UNCONNECTED
    )


def describe_blocker(session: Session, now: float) -> str:
    """Describe what blocks the queue, for how long, and the queued lines, or return ""."""
    held = _held_by(session)
    if held is None:
        return ""
    what, since, cause = held
    seconds = now - since
    if seconds < _SHOWN_AFTER:
        return ""
    text = f"waiting for {what}, {int(seconds)} s; Ctrl-C stops waiting"
    unsent = session.queue.unsent
    if unsent:
        text += f"; {unsent} more {'is' if unsent == 1 else 'are'} queued"
    return f"{text}; {cause}" if cause and seconds >= _LONG_WAIT else text


def _held_by(session: Session) -> tuple[str, float, str] | None:
    """Return what blocks the queue, since when, and why it may take long."""
    link = session.link
    if link.state == UNCONNECTED:
        return f"a connection to {escape(link.address)}", link.since, ""
    if link.state == CONNECTED and link.protocol.state != READY:
        return None  # its own message says so
    if session.waits.awaited is not None:
        return escape(session.waits.awaited.label), session.waits.awaited.since, ""
    request = session.request_table.oldest_blocking
    if request is not None and (request.source is not None or session.queue.unsent):
        cause = "the server may be stopped or busy"
        return f"the reply to {escape(request.label)}", request.sent_at, cause
    return None


# How many of the latest events are kept for `/wait`.
_KEPT_EVENTS = 10_000
_RECENT_EVENTS = 1_000


class Session:
    """A session with one server.

    `address` is its name in messages. `interactive` is true if a user is present: destructive
    commands need confirmation, lines can be queued, and no failure ends the session.

    Raises QmpShellError if the log in the settings cannot be opened.
    """

    def __init__(
        self, settings: Settings, *, address: str, interactive: bool, ports: Ports
    ) -> None:
        self.settings = settings
        self.now = 0.0
        self.introspection = Introspection(read_file=ports.read_file, can_ask=interactive)
        self.link = ConnectionState(address, settings, gives_up=not interactive)
        self.queue = LineQueue()
        self.message_logger = MessageLogger(ports.open_log)
        # The latest events that no `/wait` has consumed.
        self.events: deque[Event] = deque(maxlen=_KEPT_EVENTS)
        # The latest events, consumed or not.
        self.recent: deque[Event] = deque(maxlen=_RECENT_EVENTS)
        self.waits = WaitList(self)
        self.failures = FailureLog(self)
        self.ending = SessionEnd(self)
        self.timing = Timeouts(self)
        # The state of the VM, if a driver tracks it.
        self.machine: VmState | None = None
        self.source_depth: dict[str, int] = {}
        self.interactive = interactive
        self.ports = ports
        self._incoming = MessageHandler(self)
        self._intake = LineSubmitter(self)
        self.runner = LineRunner(self)
        self.connecting = Reconnection(self)
        self.last: ShowReply | None = None
        self.request_table = RequestTable()
        self.asking: Request | None = None
        self.names: list[str] | None = None
        # The version of a guest agent.
        self.agent_version = ""
        # Loaded manual pages.
        self.manual_cache: ManualCache | None = None
        self.told: set[str] = set()
        self.cpu: int | None = None
        self._count = 0
        self.message_logger.open(settings.log)

    @property
    def idle(self) -> bool:
        """Whether all lines are done and the next one can start."""
        return not self.request_table and not self.queue and self.link.is_ready

    @property
    def lost(self) -> bool:
        """Whether the connection is lost."""
        return self.link.state == LOST

    @property
    def waiting(self) -> Request | None:
        """The oldest request of the user's that awaits its reply."""
        return self.request_table.oldest_user_request

    @property
    def greeting(self) -> Greeting | None:
        """The server's greeting, or None."""
        return self.link.protocol.greeting

    @property
    def deadline(self) -> float | None:
        """The time at which `tick` is due, or None."""
        return self.timing.deadline

    @property
    def is_blocked(self) -> bool:
        """Whether queued lines wait for something."""
        return is_blocked(self)

    def describe_blocker(self, now: float) -> str:
        """Describe what blocks the queue, or return ""."""
        return describe_blocker(self, now)

    @property
    def probes(self) -> BackgroundQueries:
        """The queries of qmpshell's own."""
        from .live_names import BackgroundQueries  # a script sends none

        return BackgroundQueries(self)

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
        self.now = now
        self.link.address = address or self.link.address
        self.link.passes_descriptors = passes_descriptors
        self.link.state = CONNECTED
        if not self.can_probe or self.settings.agent:
            self.introspection.has_schema = True
        if not self.link.is_ready:
            self.link.start_negotiation(now, give_up_at=give_up_at)
            return self.negotiate()
        return [Ready(), *self.advance()]

    def connect_failed(self, text: str, now: float) -> list[Effect]:
        """Handle a failed connection attempt; `text` says why."""
        self.now = now
        return self.connecting.failed(text)

    def offline(self) -> list[Effect]:
        """Work without a server: lines are only evaluated (`--dry-run`)."""
        self.link.state = OFFLINE
        self.introspection.has_schema = self.settings.agent
        return []

    def receive(self, data: bytes, now: float) -> list[Effect]:
        """Handle received bytes; b"" is the end."""
        self.now = now
        if self.lost:
            return []  # the session has given up the connection
        if not data:
            return self.ending.end_of_stream()
        protocol = self.link.protocol
        was_ready = protocol.state == READY
        effects: list[Effect] = []
        items = protocol.receive(data)
        own = protocol.pop_handshake_replies()
        for index, item in enumerate(items):
            while own and own[0][0] <= index:
                self.message_logger.received(own.pop(0)[1])
            effects += self._incoming.handle(item)
            if self.lost:
                return effects
        for _, reply in own:
            self.message_logger.received(reply)
        negotiation = self.negotiate()
        effects += negotiation
        was_ready = was_ready and not negotiation
        if protocol.state == REFUSED:
            assert protocol.refusal is not None
            desc = escape(protocol.refusal.desc)
            effects += self.ending.abandon_connection(
                f"{self.link.address}: the server refused to negotiate: {desc}"
            )
        elif protocol.state == READY and not was_ready:
            self.link.end_negotiation()
            effects.append(Ready())
        return [*effects, *self.advance()]

    def negotiate(self) -> list[Effect]:
        """Send what the handshake has to send."""
        data = self.link.protocol.data_to_send()
        if not data:
            return []
        self.message_logger.sent_bytes(data)
        return [Send(data)]

    def connection_lost(self, reason: str) -> list[Effect]:
        """Handle a broken stream. `reason` is "" if the server closed it."""
        return self.ending.connection_lost(reason)

    def prepare(self, source: SourceLine) -> PreparedLine:
        """Parse and evaluate a line, possibly while an earlier one is in flight."""
        return self._intake.prepare(source)

    def submit(self, prepared: PreparedLine, now: float) -> list[Effect]:
        """Queue a line, or report its error."""
        self.now = now
        return self._intake.submit(prepared)

    def answer(self, *, go_on: bool, now: float, to: Request | None = None) -> list[Effect]:
        """Handle the answer to Confirm about the request `to`."""
        self.now = now
        if to is not None and to is not self.asking:
            return []  # the question is obsolete
        request, self.asking = self.asking, None
        if request is None or self.lost:
            return []
        if not go_on or not self.link.is_ready:
            return [ShowMessage("not sent"), *answer_query(request, None), *self.advance()]
        return [*self.transmit(request), *self.advance()]

    def secret(self, text: str | None, now: float) -> list[Effect]:
        """Handle the text typed for ReadSecret, or None."""
        self.now = now
        prepared, self.queue.missing_line = self.queue.missing_line, None
        if prepared is None or prepared.need is None:
            return []
        if text is None:
            return [ShowMessage("not sent"), *self.advance()]
        prepared.secrets[prepared.need.start] = text
        self.runner.read_again(prepared)
        return self.advance()

    def redirect_opened(self, redirect: Redirect, problem: str, now: float) -> list[Effect]:
        """Handle an opened redirect. With a `problem`, nothing of its line is sent."""
        self.now = now
        if self.queue.opening is not redirect:
            return []
        self.queue.opening = None
        effects: list[Effect] = []
        if problem and self.queue.current is not None:
            source, self.queue.current = self.queue.current.source, None
            start = redirect.start
            error = LineError(problem, start=start, end=start + len(redirect.text))
            effects += self.failures.of_line(source, error)
        return [*effects, *self.advance()]

    def redirect_closed(self, redirect: Redirect, problem: str, now: float) -> list[Effect]:
        """Handle a closed redirect, with a `problem` or ""."""
        self.now = now
        if self.queue.closing is not redirect:
            return []
        source = self.queue.current.source if self.queue.current is not None else None
        self.queue.closing = self.queue.current = None
        effects = self.failures.at(source, redirect.start, escape(problem)) if problem else []
        return [*effects, *self.advance()]

    def abandon(self, now: float) -> list[Effect]:
        """Stop waiting for the oldest reply. It is shown as late when it arrives."""
        self.now = now
        awaited, self.waits.awaited = self.waits.awaited, None
        if awaited is not None:
            text = f"no longer waiting for {escape(awaited.label)}"
            return [ShowMessage(text), *self.advance()]
        request = self.request_table.oldest_blocking
        nothing_held = request is None or (request.source is None and not self.queue.unsent)
        if nothing_held and self.waits.live_view is not None:
            return self.waits.stop_live_view()
        if request is None or nothing_held:
            count = self.queue.unsent
            self.drop_lines()
            return [ShowMessage(describe_unsent(count))] if count else []
        request.abandoned = True
        if request.source is None:
            return [*answer_query(request, None), *self.advance()]
        text = f"no longer waiting for the reply to {request.label}; the server may still run it"
        return [ShowMessage(text), *self.advance()]

    def end_of_input(self, _now: float) -> list[Effect]:
        """Handle the end of input, after all lines are done."""
        return self.ending.left()

    def leave_now(self) -> list[Effect]:
        """Leave at once, whatever is awaited."""
        return self.ending.left()

    def leave(self) -> list[Effect]:
        """Leave after the replies to what was sent. Queued lines are dropped."""
        return self.ending.leave()

    def tick(self, now: float) -> list[Effect]:
        """Do what is due at `now`."""
        self.now = now
        return self.timing.tick(now)

    def advance(self) -> list[Effect]:
        """Execute lines until something blocks the queue."""
        effects: list[Effect] = []
        queue = self.queue
        while not self._is_held():
            if queue.current is not None:
                effects += self.runner.step(queue.current)
            elif queue.lines:
                effects += self.runner.start(queue.lines.popleft())
            else:
                break
        if self.message_logger.problem:
            effects.append(ShowMessage(self.message_logger.problem, is_error=True))
            self.message_logger.problem = ""
        return [*effects, *self.ending.leave_if_done()]

    def _is_held(self) -> bool:
        if self.request_table and self.request_table.oldest_blocking is not None:
            return True
        return (
            not self.link.is_ready
            or self.link.state == UNCONNECTED
            or self.asking is not None
            or self.waits.awaited is not None
            or self.queue.is_held
        )

    def ask(
        self,
        name: str,
        arguments: dict[str, Any],
        then: Callable[[Reply | None], list[Effect]],
        *,
        background: bool = False,
    ) -> list[Effect]:
        """Send a query of qmpshell's own. `then` receives the reply, or None.

        With `background`, it does not block the queue.
        """
        if self.link.state != CONNECTED:
            return then(None)
        own_id = self._own_id()
        message = command_object(name, arguments)
        if own_id is not None:
            message["id"] = own_id
        data = encode_message(message)
        request = Request(message, data=data, source=None, own_id=own_id, then=then)
        request.background = background
        return self.transmit(request)

    def transmit(self, request: Request) -> list[Effect]:
        """Send a request at once."""
        request.sent_at = self.now
        if not self.interactive:
            self.last = None  # it may be large, and a script uses it at once or never
        self.request_table.add(request)
        self.message_logger.sent(request.message)
        return [Send(request.data, request)]

    @property
    def can_probe(self) -> bool:
        """Whether qmpshell may send its own queries."""
        return self.settings.probe and self.settings.negotiate and self.link.state == CONNECTED

    def next_id(self) -> str | None:
        """Return an id for the next request, or None."""
        return self._own_id() if self.needs_ids else None

    @property
    def needs_ids(self) -> bool:
        """Return True if requests need ids.

        A script has one command in flight and needs none; an id costs QEMU 20 % of its time.
        """
        return self.interactive or self.request_table.has_silent_requests

    def _own_id(self) -> str | None:
        if not self.link.protocol.echoes_ids:
            return None
        self._count += 1
        return f"qmpshell-{self._count}"

    def drop_lines(self) -> None:
        """Drop all lines, with what they wait for."""
        self.queue.clear()
        self.waits.clear()
