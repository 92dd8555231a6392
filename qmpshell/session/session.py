"""The session itself: the order of things.

Owns: what is sent when, and who waits for which reply. Must not know: sockets, descriptors, terminals,
clocks (`now` is handed in, in seconds of any monotonic clock). The script runner and the terminal are
its two drivers: they carry out the effects that every call returns, in order.
"""

from __future__ import annotations

from collections import deque

from ..errors import CONNECTION, FAILED, OK, LineError
from ..language import Facts, Source, hint_for
from ..qmp import (
    READY,
    REFUSED,
    Event,
    Foreign,
    Garbage,
    Greeting,
    Reply,
    chosen_cpu,
    command_object,
    encode_message,
    failed,
    human_text,
)
from ..render import escape, line_message, placed
from .connection import (
    CONNECTED,
    LOST,
    OFFLINE,
    UNCONNECTED,
    Link,
    explain_garbage,
    explain_monitor,
)
from .effects import Connect, Effect, Greeted, Leave, Send, ShowEvent, ShowReply, ShowStray, Tell
from .execute import Intake, LineRunner, list_commands, names_in, returned
from .lines import LineQueue, were_not_sent
from .log import Logbook
from .requests import Outstanding, Prepared, Request, answer_own, mistaken_name
from .waits import Waiting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..errors import LineError
    from ..language import Destination, Source
    from ..manual import Library
    from ..qmp import Item
    from ..storage import Settings
    from .effects import Effect
    from .live_names import Probes
    from .ports import Ports
    from .requests import Request
    from .vm import Machine


class Incoming:
    """Takes a session's messages one by one, in the order in which they came."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def take(self, item: Item) -> list[Effect]:
        if isinstance(item, Reply):
            return self._reply(item)
        if isinstance(item, Foreign):
            address = self._session.link.address
            if self._session.settings.agent:
                return self._session.ending.give_up(explain_monitor(address))
            return self._session.ending.give_up(explain_garbage(address, item.raw))
        if isinstance(item, Garbage):
            return [ShowStray(item, "unreadable")]
        self._session.logbook.received(item)
        if isinstance(item, Event):
            return self._event(item)
        if isinstance(item, Greeting):
            return self._greeting(item)
        return [ShowStray(item, "not a message of QMP")]

    def _event(self, event: Event) -> list[Effect]:
        if event.name == "SHUTDOWN":
            self._session.link.shutdown_seen = True
        session = self._session
        session.recent.append(event)
        if session.machine is not None:
            session.machine.see(event)
        if not session.waits.see(event):
            session.events.append(event)
        if session.waits.awaited is None and session.waits.panel is None:
            return [ShowEvent(event)]
        return [ShowEvent(event), *session.waits.look()]

    def _greeting(self, greeting: Greeting) -> list[Effect]:
        if not self._session.settings.negotiate:
            return [ShowStray(greeting, "")] if self._session.interactive else []
        if not self._session.link.expects_answer:
            self._session.link.expect_answer(self._session.now)
        effects: list[Effect] = []
        if self._session.can_probe:
            self._session.facts.forget()
            self._session.names = None
        if self._session.queue.needing is not None:  # it is read when the new server can be asked
            self._session.queue.lines.appendleft(self._session.queue.needing)
            self._session.queue.needing = None
        for request in self._session.outstanding.clear():
            if request.source is None:
                effects += answer_own(request, None)
            elif not request.abandoned:
                text = f"the server started anew; the outcome of {request.label} is unknown"
                effects += self._session.failures.at(request.source, request.start, text)
        return effects

    def _reply(self, reply: Reply) -> list[Effect]:
        request = self._session.outstanding.take(reply)
        self._session.logbook.received(reply, request)
        if request is None:
            return [ShowStray(reply, "a reply that nobody asked for")]
        if request.source is None:
            return answer_own(request, reply) if not request.abandoned else []
        elapsed = self._session.now - request.sent_at
        shown = ShowReply(
            reply,
            request,
            late=request.abandoned,
            elapsed=elapsed,
            destination=None if request.abandoned else request.destination,
        )
        self._session.last = shown
        if self._session.machine is not None:
            self._session.machine.see_reply(request, reply)
        return [*self._shown(shown), *answer_own(request, reply)]

    def _shown(self, shown: ShowReply) -> list[Effect]:
        """What a reply to the user means."""
        reply, request = shown.reply, shown.request
        if reply.is_error:
            return [shown, *self._error_reply(reply, request)]
        if request.text is not None and failed(human_text(reply.value.get("return", ""))):
            self._session.failures.mark()
            return [shown, *self._session.failures.stop_on_error()]
        if request.is_quit:
            self._session.link.quit_answered = True
        if request.text is not None:
            chosen = chosen_cpu(request.text)
            self._session.cpu = self._session.cpu if chosen is None else chosen
        return [shown]

    def _error_reply(self, reply: Reply, request: Request) -> list[Effect]:
        refused = request.name == "qmp_capabilities" and reply.error_class == "CommandNotFound"
        if refused and self._session.settings.negotiate:
            text = "qmpshell has negotiated already; with -N (--skip-negotiation) it is yours to do"
            return [Tell(self._session.failures.place(request.source, request.start, text))]
        self._session.failures.mark()
        return [*self._hint(reply, request), *self._session.failures.stop_on_error()]

    def _hint(self, reply: Reply, request: Request) -> list[Effect]:
        """What may have been meant."""
        text = hint_for(reply.desc, None)
        if text:
            return [Tell(self._session.failures.place(request.source, request.start, text))]
        name = mistaken_name(reply, request)
        if not name or (self._session.settings.stop_on_error and not self._session.interactive):
            return []
        if self._session.names is None and self._session.facts.schema is not None:
            self._session.names = self._session.facts.schema.commands()
        if self._session.names is not None or not self._session.can_probe:
            return self._suggest(name, request)

        def answered(found: Reply | None) -> list[Effect]:
            self._session.names = names_in(returned(found))
            return self._suggest(name, request)

        question = list_commands(agent=self._session.settings.agent)
        return self._session.ask(question, {}, answered)

    def _suggest(self, name: str, request: Request) -> list[Effect]:
        from .commands.registry import COMMANDS

        text = hint_for(name, [*(self._session.names or ()), *COMMANDS])
        return (
            [Tell(self._session.failures.place(request.source, request.start, text))]
            if text
            else []
        )


class Ending:
    """`is_leaving` says that nothing more is taken: we leave when what was sent is answered."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.is_leaving = False

    # -- the connection ------------------------------------------------------------------------

    def end_of_stream(self) -> list[Effect]:
        """The server has closed the stream."""
        session = self._session
        effects: list[Effect] = []
        for item in session.link.protocol.receive_end():
            if isinstance(item, Foreign):
                return self.give_up(explain_garbage(session.link.address, item.raw))
            effects.append(ShowStray(item, "cut off"))
        return effects + self.connection_lost("")

    def give_up(self, text: str) -> list[Effect]:
        """The connection is of no use; `text` says why."""
        session = self._session
        session.link.end()
        session.forget_lines()
        return session.failures.no_server(text)

    def connection_lost(self, reason: str) -> list[Effect]:
        """The stream broke; `reason` is empty where the server just closed it."""
        session = self._session
        link, unsent = session.link, session.queue.unsent
        awaited, waiting = session.waits.awaited, session.outstanding.waiting
        is_quitting = link.ended_well or (waiting is not None and waiting.is_silent)
        ended_well = is_quitting and session.outstanding.all_quit and awaited is None
        early = link.protocol.state != READY
        line, opening = session.queue.current, session.queue.opening
        finishing = session.queue.finishing
        link.end()
        background = [one for one in session.outstanding.clear() if one.background]
        session.forget_lines()
        session.asking = None
        if line is not None and line.destination is not None and opening is None:
            # Its replies are still on their way to a file or a command.
            line.actions.clear()
            session.queue.current, session.queue.finishing = line, finishing
        unanswered = [effect for one in background for effect in answer_own(one, None)]
        if early:
            text = link.explain_early_loss(reason)
            if unsent and session.interactive:
                text += f"; {were_not_sent(unsent)}"
            return session.failures.no_server(text)
        if ended_well and not unsent:
            link.quit_answered = True
            told: list[Effect] = [Tell("the server has exited")] if session.interactive else []
            return [*told, *session.advance()]
        text = link.explain_loss(reason, waiting, awaited)
        if waiting is not None:
            text = session.failures.place(waiting.source, waiting.start, text)
        if unsent:
            text += f"; {_more(unsent) if waiting is not None else were_not_sent(unsent)}"
        return [*session.advance(), *session.failures.no_server(text), *unanswered]

    # -- the session ---------------------------------------------------------------------------

    def leave(self) -> list[Effect]:
        """`exit`: leave when what was sent is answered; what follows is forgotten."""
        queue = self._session.queue
        self.is_leaving = True
        queue.lines.clear()
        if queue.current is not None:
            queue.current.actions.clear()
        return []

    def leave_soon(self) -> list[Effect]:
        """A person leaves; whatever we ask ourselves does not keep them."""
        self.is_leaving = True
        return self.leave_if_done() or self._tell_delay()

    def leave_if_done(self) -> list[Effect]:
        session = self._session
        queue = session.queue
        if not self.is_leaving or queue.lines or session.waits.awaited is not None:
            return []
        if queue.needing is not None or queue.current is not None:
            return []
        return self.left() if session.waiting is None else []

    def left(self) -> list[Effect]:
        """Leave, whatever is awaited."""
        session = self._session
        if session.lost and not session.link.ended_well:
            return [Leave(CONNECTION)]
        return [Leave(OK if session.interactive else session.failures.status)]

    def _tell_delay(self) -> list[Effect]:
        waiting = self._session.waiting
        if waiting is None:
            return []
        return [Tell(f"leaving when {escape(waiting.label)} is answered; Ctrl-D leaves now")]


def _more(unsent: int) -> str:
    return f"{unsent} more was not sent" if unsent == 1 else f"{unsent} more were not sent"


class Failures:
    """Those of one session; `status` is what it would end with now."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.status = OK

    def at(self, source: Source | None, start: int, text: str) -> list[Effect]:
        """A line has failed, at this place of it."""
        self.mark()
        return [Tell(self.place(source, start, text), is_error=True), *self.stop_on_error()]

    def of_line(self, source: Source, error: LineError) -> list[Effect]:
        """A line cannot be understood, or not be carried out as it stands."""
        self.mark()
        text = line_message(source, error, named=self._is_named(source))
        return [Tell(text, is_error=True), *self.stop_on_error()]

    def mark(self) -> None:
        if self.status == OK:
            self.status = FAILED

    def stop_on_error(self) -> list[Effect]:
        session = self._session
        if not session.settings.stop_on_error or session.interactive:
            return []
        line = session.queue.current
        if line is not None and line.destination is not None and session.queue.opening is None:
            return session.leave()  # once the replies so far are where they belong
        session.forget_lines()
        return [Leave(self.status)]

    def no_server(self, text: str) -> list[Effect]:
        """Say why there is no server; a script ends with that."""
        self.status = CONNECTION
        tell = Tell(text, is_error=True)
        return [tell] if self._session.interactive else [tell, Leave(CONNECTION)]

    def place(self, source: Source | None, start: int, text: str) -> str:
        """The text, with where it happened if a person must be told."""
        if source is None or not self._is_named(source):
            return text
        return placed(source, start, text)

    def _is_named(self, source: Source) -> bool:
        """Whether a person must be told in which file a line stands."""
        return not self._session.interactive or source.name in self._session.source_depth


# After so many seconds without an answer a command has succeeded that is answered only where it fails.
_SILENT_SUCCESS = 3.0


class Timing:
    """The times of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def deadline(self) -> float | None:
        """When `tick` is due at the latest; None where nothing depends on time."""
        session = self._session
        holding = session.outstanding.holding
        patience = self._patience(holding) if holding is not None else None
        if patience is None and session.machine is None and self._is_timeless:
            return None  # as in most scripts, for every message
        times = [*session.link.deadlines, *session.waits.deadlines]
        if session.machine is not None and session.machine.deadline is not None:
            times.append(session.machine.deadline)
        if holding is not None and patience is not None:
            times.append(holding.sent_at + patience)
        return min(times, default=None)

    @property
    def _is_timeless(self) -> bool:
        """Whether neither the connection nor a wait has a time set."""
        link, waits = self._session.link, self._session.waits
        if waits.awaited is not None or waits.panel is not None:
            return False
        return link.silence_at is None and link.give_up_at is None and link.again_at is None

    def tick(self, now: float) -> list[Effect]:
        """Do what is due by now."""
        session, link = self._session, self._session.link
        if link.give_up_at is not None and now >= link.give_up_at:
            return session.ending.give_up(link.explain_silence())
        effects: list[Effect] = []
        if link.silence_at is not None and now >= link.silence_at:
            link.silence_at = None
            effects.append(Tell(link.explain_silence()))
        if link.again_at is not None and now >= link.again_at:
            link.synchronise(now)
            effects += session.negotiate()
        effects += [*session.waits.tick(now), *session.advance()]
        if session.machine is not None:
            effects += session.machine.tick(now)
        request = session.outstanding.holding
        if request is not None:
            patience = self._patience(request)
            if patience is not None and now >= request.sent_at + patience:
                effects += self._give_up(request)
        return effects

    def _patience(self, request: Request) -> float | None:
        """For how many seconds its reply is awaited."""
        timeout = self._session.settings.timeout
        if request.is_silent:
            return _SILENT_SUCCESS if timeout is None else min(timeout, _SILENT_SUCCESS)
        return timeout

    def _give_up(self, request: Request) -> list[Effect]:
        session, timeout = self._session, self._session.settings.timeout
        needing = session.queue.needing
        if request.is_silent and request.source is not None:
            return self._succeeded(request)
        if request.source is None and needing is not None and not session.interactive:
            session.forget_lines()
            text = f"no reply to {request.name} within {timeout:g} s; nothing was sent"
            text = session.failures.place(needing.source, 0, text)
            return session.failures.no_server(text)
        request.abandoned = True
        if request.source is None:
            return [*answer_own(request, None), *session.advance()]
        text = f"no reply to {request.label} within {timeout:g} s; its outcome is unknown"
        if session.interactive:
            return [Tell(text, is_error=True), *session.advance()]
        session.forget_lines()
        text = session.failures.place(request.source, request.start, text)
        return session.failures.no_server(text)

    def _succeeded(self, request: Request) -> list[Effect]:
        """It would have been answered by now if it had failed; if it still is, that is shown as late."""
        session = self._session
        session.outstanding.dismiss(request)
        session.link.quit_answered |= request.is_quit
        told: list[Effect] = []
        if session.interactive:
            told = [Tell(f"{request.label} is under way: it is answered only where it fails")]
        return [*told, *session.advance()]


class Connecting:
    """Does a session's `/connect`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def make_way(self) -> list[Effect]:
        """A person wants another connection now: nothing of this one is waited for any longer."""
        session = self._session
        unsent = session.queue.unsent
        effects = self._forget()
        session.forget_lines()
        session.asking = None
        session.link.end()
        return [*effects, Tell(were_not_sent(unsent))] if unsent else effects

    def begin(self, text: str | None) -> list[Effect]:
        """Leave this server, and connect to what `text` names, or with None to this one again."""
        session = self._session
        effects = self._forget() if session.link.state == CONNECTED else []
        settings = session.settings
        same = text is None or text == session.link.address
        session.link = Link(
            session.link.address if text is None else text,
            settings,
            gives_up=not session.interactive,
        )
        session.link.state = UNCONNECTED
        session.link.since = session.now
        session.facts.forget()
        session.names = session.cpu = None
        session.agent_version = ""
        session.told.clear()
        session.waits.panel = session.machine = None
        if not same:
            session.events.clear()
            session.recent.clear()
        return [*effects, Connect(text)]

    def failed(self, text: str) -> list[Effect]:
        """There is no server; `text` says why."""
        session = self._session
        if session.link.state != UNCONNECTED:
            return []
        session.link.state = LOST
        unsent = session.queue.unsent
        session.forget_lines()
        return session.failures.no_server(f"{text}; {were_not_sent(unsent)}" if unsent else text)

    def _forget(self) -> list[Effect]:
        session = self._session
        effects: list[Effect] = []
        for request in session.outstanding.clear():
            if request.source is None:
                effects += answer_own(request, None)
            elif not request.abandoned:
                text = f"no longer waiting for the reply to {request.label}; its outcome is unknown"
                effects.append(Tell(text))
        return effects


# A wait of so many seconds is told of; after so many more there may be something wrong.
_TOLD = 1.0
_LONG = 5.0


def is_held_up(session: Session) -> bool:
    """Whether anything is waited for that a person might want to know of."""
    return (
        session.waits.awaited is not None
        or session.outstanding.holding is not None
        or session.link.state == UNCONNECTED
    )


def describe_hold_up(session: Session, now: float) -> str:
    """What is waited for, how long, and how many lines are queued; empty if not for long."""
    held = _held_by(session)
    if held is None:
        return ""
    what, since, cause = held
    seconds = now - since
    if seconds < _TOLD:
        return ""
    text = f"waiting for {what}, {int(seconds)} s; Ctrl-C stops waiting"
    unsent = session.queue.unsent
    if unsent:
        text += f"; {unsent} more {'is' if unsent == 1 else 'are'} queued"
    return f"{text}; {cause}" if cause and seconds >= _LONG else text


def _held_by(session: Session) -> tuple[str, float, str] | None:
    """What is waited for, since when, and why it may take long."""
    link = session.link
    if link.state == UNCONNECTED:
        return f"a connection to {escape(link.address)}", link.since, ""
    if link.state == CONNECTED and link.protocol.state != READY:
        return None  # that is told by itself
    if session.waits.awaited is not None:
        return escape(session.waits.awaited.label), session.waits.awaited.since, ""
    request = session.outstanding.holding
    if request is not None and (request.source is not None or session.queue.unsent):
        cause = "the server may be stopped, or busy"
        return f"the reply to {escape(request.label)}", request.sent_at, cause
    return None


# So many of the latest events are kept for `/wait`.
_KEPT_EVENTS = 10_000
_RECENT_EVENTS = 1_000


class Session:
    """`address` is how the server is named in messages. `interactive` means: a person waits, who is
    asked before what destroys, who may type on while a reply is awaited, and whom nothing throws out.

    Raises QmpShellError where the log that the settings name cannot be opened.
    """

    def __init__(
        self, settings: Settings, *, address: str, interactive: bool, ports: Ports
    ) -> None:
        self.settings = settings
        self.now = 0.0
        self.facts = Facts(read_file=ports.read_file, can_ask=interactive)
        self.link = Link(address, settings, gives_up=not interactive)
        self.queue = LineQueue()
        self.logbook = Logbook(ports.open_log)
        # The latest events that no `/wait` has taken.
        self.events: deque[Event] = deque(maxlen=_KEPT_EVENTS)
        # The latest events, be they taken or not.
        self.recent: deque[Event] = deque(maxlen=_RECENT_EVENTS)
        self.waits = Waiting(self)
        self.failures = Failures(self)
        self.ending = Ending(self)
        self.timing = Timing(self)
        # What is known of the virtual machine, if anybody wants to know.
        self.machine: Machine | None = None
        self.source_depth: dict[str, int] = {}
        self.interactive = interactive
        self.ports = ports
        self._incoming = Incoming(self)
        self._intake = Intake(self)
        self.runner = LineRunner(self)
        self.connecting = Connecting(self)
        self.last: ShowReply | None = None
        self.outstanding = Outstanding()
        self.asking: Request | None = None
        self.names: list[str] | None = None
        # What an agent says its version is.
        self.agent_version = ""
        # The manuals that help has been asked from.
        self.library: Library | None = None
        self.told: set[str] = set()
        self.cpu: int | None = None
        self._count = 0
        self.logbook.open(settings.log)

    # -- what the driver asks ------------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """Whether all lines so far are dealt with, and the next can be."""
        return not self.outstanding and not self.queue and self.link.is_ready

    @property
    def lost(self) -> bool:
        return self.link.state == LOST

    @property
    def waiting(self) -> Request | None:
        """The oldest request of the user's whose reply is awaited."""
        return self.outstanding.waiting

    @property
    def greeting(self) -> Greeting | None:
        return self.link.protocol.greeting

    @property
    def deadline(self) -> float | None:
        """When `tick` is due at the latest; None where nothing depends on time."""
        return self.timing.deadline

    @property
    def is_held_up(self) -> bool:
        """Whether the lines that follow wait for something."""
        return is_held_up(self)

    def describe_hold_up(self, now: float) -> str:
        """For what they have waited a while, in words; empty if for nothing."""
        return describe_hold_up(self, now)

    @property
    def probes(self) -> Probes:
        """What may be asked for a person's sake."""
        from .live_names import Probes  # a script asks nothing

        return Probes(self)

    # -- the connection ------------------------------------------------------------------------

    def connected(
        self,
        now: float,
        *,
        address: str | None = None,
        give_up_at: float | None = None,
        passes_descriptors: bool = False,
    ) -> list[Effect]:
        """The stream is open. `address` is how the server is named from now on; `give_up_at` is when
        `--wait` ends; `passes_descriptors` says whether files can be sent over it."""
        self.now = now
        self.link.address = address or self.link.address
        self.link.passes_descriptors = passes_descriptors
        self.link.state = CONNECTED
        if not self.can_probe or self.settings.agent:
            self.facts.has_schema = True
        if not self.link.is_ready:
            self.link.begin(now, give_up_at=give_up_at)
            return self.negotiate()
        return [Greeted(), *self.advance()]

    def connect_failed(self, text: str, now: float) -> list[Effect]:
        """What Connect asked for could not be done; `text` says why."""
        self.now = now
        return self.connecting.failed(text)

    def offline(self) -> list[Effect]:
        """There is no server: lines are only read (`--dry-run`)."""
        self.link.state = OFFLINE
        self.facts.has_schema = self.settings.agent
        return []

    def receive(self, data: bytes, now: float) -> list[Effect]:
        """Bytes from the server; b"" is its end."""
        self.now = now
        if self.lost:
            return []  # it was given up, and what it still says is of no use
        if not data:
            return self.ending.end_of_stream()
        protocol = self.link.protocol
        was_ready = protocol.state == READY
        effects: list[Effect] = []
        items = protocol.receive(data)
        own = protocol.take_own_replies()
        for index, item in enumerate(items):
            while own and own[0][0] <= index:
                self.logbook.received(own.pop(0)[1])
            effects += self._incoming.take(item)
            if self.lost:
                return effects
        for _, reply in own:
            self.logbook.received(reply)
        negotiation = self.negotiate()
        effects += negotiation
        was_ready = was_ready and not negotiation
        if protocol.state == REFUSED:
            assert protocol.refusal is not None
            desc = escape(protocol.refusal.desc)
            effects += self.ending.give_up(f"{self.link.address}: the server refuses: {desc}")
        elif protocol.state == READY and not was_ready:
            self.link.settle()
            effects.append(Greeted())
        return [*effects, *self.advance()]

    def negotiate(self) -> list[Effect]:
        """Send what the protocol itself has to say now."""
        data = self.link.protocol.data_to_send()
        if not data:
            return []
        self.logbook.sent_bytes(data)
        return [Send(data)]

    def connection_lost(self, reason: str) -> list[Effect]:
        """The stream broke; `reason` is empty where the server just closed it."""
        return self.ending.connection_lost(reason)

    # -- the user ------------------------------------------------------------------------------

    def prepare(self, source: Source) -> Prepared:
        """Read a line, which may be done while an earlier one is under way."""
        return self._intake.prepare(source)

    def submit(self, prepared: Prepared, now: float) -> list[Effect]:
        """Queue a line that was read, or say why it could not be read."""
        self.now = now
        return self._intake.submit(prepared)

    def answer(self, *, go_on: bool, now: float, to: Request | None = None) -> list[Effect]:
        """The person's answer to Ask; `to` is the request that was asked about."""
        self.now = now
        if to is not None and to is not self.asking:
            return []  # that question is no longer put
        request, self.asking = self.asking, None
        if request is None or self.lost:
            return []
        if not go_on or not self.link.is_ready:
            return [Tell("not sent"), *answer_own(request, None), *self.advance()]
        return [*self.transmit(request), *self.advance()]

    def secret(self, text: str | None, now: float) -> list[Effect]:
        """What the person typed for AskSecret; None if nothing."""
        self.now = now
        prepared, self.queue.needing = self.queue.needing, None
        if prepared is None or prepared.need is None:
            return []
        if text is None:
            return [Tell("not sent"), *self.advance()]
        prepared.secrets[prepared.need.start] = text
        self.runner.read_again(prepared)
        return self.advance()

    def diverted(self, destination: Destination, problem: str, now: float) -> list[Effect]:
        """A destination is ready, or has a `problem`; then nothing of its line is sent."""
        self.now = now
        if self.queue.opening is not destination:
            return []
        self.queue.opening = None
        effects: list[Effect] = []
        if problem and self.queue.current is not None:
            source, self.queue.current = self.queue.current.source, None
            start = destination.start
            error = LineError(problem, start=start, end=start + len(destination.text))
            effects += self.failures.of_line(source, error)
        return [*effects, *self.advance()]

    def finished(self, destination: Destination, problem: str, now: float) -> list[Effect]:
        """A destination has taken all, or has a `problem`."""
        self.now = now
        if self.queue.finishing is not destination:
            return []
        source = self.queue.current.source if self.queue.current is not None else None
        self.queue.finishing = self.queue.current = None
        effects = self.failures.at(source, destination.start, escape(problem)) if problem else []
        return [*effects, *self.advance()]

    def abandon(self, now: float) -> list[Effect]:
        """Wait no longer for the oldest reply: it will be shown as late."""
        self.now = now
        awaited, self.waits.awaited = self.waits.awaited, None
        if awaited is not None:
            text = f"no longer waiting for {escape(awaited.label)}"
            return [Tell(text), *self.advance()]
        request = self.outstanding.holding
        nothing_held = request is None or (request.source is None and not self.queue.unsent)
        if nothing_held and self.waits.panel is not None:
            return self.waits.stop_panel()
        if request is None or nothing_held:
            count = self.queue.unsent
            self.forget_lines()
            return [Tell(were_not_sent(count))] if count else []
        request.abandoned = True
        if request.source is None:
            return [*answer_own(request, None), *self.advance()]
        text = f"no longer waiting for the reply to {request.label}; it may still be carried out"
        return [Tell(text), *self.advance()]

    def end_of_input(self, now: float) -> list[Effect]:
        """No line will follow, and all are dealt with."""
        return self.ending.left()

    def person_leaves(self) -> list[Effect]:
        """The person leaves at once, whatever is awaited."""
        return self.ending.left()

    def leave(self) -> list[Effect]:
        """`exit`: leave when what was sent is answered; what follows is forgotten."""
        return self.ending.leave()

    def tick(self, now: float) -> list[Effect]:
        """Do what is due by now."""
        self.now = now
        return self.timing.tick(now)

    # -- carrying out lines --------------------------------------------------------------------

    def advance(self) -> list[Effect]:
        """Go on with the lines as far as nothing stands in the way."""
        effects: list[Effect] = []
        queue = self.queue
        while not self._is_held():
            if queue.current is not None:
                effects += self.runner.step(queue.current)
            elif queue.lines:
                effects += self.runner.begin(queue.lines.popleft())
            else:
                break
        if self.logbook.problem:
            effects.append(Tell(self.logbook.problem, is_error=True))
            self.logbook.problem = ""
        return [*effects, *self.ending.leave_if_done()]

    def _is_held(self) -> bool:
        if self.outstanding and self.outstanding.holding is not None:
            return True
        return (
            not self.link.is_ready
            or self.link.state == UNCONNECTED
            or self.asking is not None
            or self.waits.awaited is not None
            or self.queue.is_held
        )

    # -- sending -------------------------------------------------------------------------------

    def ask(
        self,
        name: str,
        arguments: dict[str, Any],
        then: Callable[[Reply | None], list[Effect]],
        *,
        background: bool = False,
    ) -> list[Effect]:
        """Ask the server something of our own; `then` takes the reply, or None where none came. In
        the background it holds up nobody."""
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
        """Send a request, whatever else is under way."""
        request.sent_at = self.now
        if not self.interactive:
            self.last = None  # it may be large, and a script asks for it at once or never
        self.outstanding.add(request)
        self.logbook.sent(request.message)
        return [Send(request.data, request)]

    @property
    def can_probe(self) -> bool:
        """Whether the server may be asked what nobody typed."""
        return self.settings.probe and self.settings.negotiate and self.link.state == CONNECTED

    def next_id(self) -> str | None:
        return self._own_id() if self.needs_ids else None

    @property
    def needs_ids(self) -> bool:
        """A script has one command in flight, which needs no id; an id costs QEMU a fifth of its time."""
        return self.interactive or self.outstanding.has_silent

    def _own_id(self) -> str | None:
        if not self.link.protocol.echoes_ids:
            return None
        self._count += 1
        return f"qmpshell-{self._count}"

    def forget_lines(self) -> None:
        self.queue.clear()
        self.waits.clear()
