"""One session: what comes from the user and from the server, to what is to be done.

Owns: the order of things. The queue of lines, who waits for which reply, what a loss means, how a
session ends. Must not know: sockets, descriptors, terminals, clocks (`now` is handed in, in seconds of
any monotonic clock). The script runner and the terminal are its two drivers: they carry out the
effects that every call returns, in order.
"""

from __future__ import annotations

from collections import deque

from . import exits
from .diagnosis import explain_garbage, explain_silence
from .effects import (
    Ask,
    AskSecret,
    Divert,
    Effect,
    Finish,
    Greeted,
    Learned,
    Leave,
    Send,
    ShowCommand,
    ShowEvent,
    ShowReply,
    ShowStray,
    Tell,
)
from .errors import LineError, QmpShellError
from .guard import destroys
from .hints import hint_for, mistaken_name
from .language.command import Action, Command, LocalCommand, RawCommand
from .language.facts import DRIVER, OBJECT, SCHEMA, SECRET, Facts, PropertyType
from .protocol.commands import command_object, encode_message
from .protocol.human_monitor import CPU_COMMAND, failed, human_text
from .protocol.messages import Event, Foreign, Garbage, Greeting, Reply
from .protocol.negotiation import GREETING, READY, REFUSED, QmpProtocol
from .render.diagnostics import line_message, placed
from .render.escape import escape
from .requests import (
    LEAVING,
    Prepared,
    Request,
    Source,
    make_human_request,
    make_request,
    prepare,
    prepare_human,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .language.command import Destination, FileWord
    from .language.facts import Need
    from .ports import MessageLog, Ports
    from .protocol.messages import Item
    from .settings import Settings
    from .waits import Wait

# Seconds without a greeting until the user is told why that may be, and until a script gives up.
_SILENCE = 2.0
_GIVE_UP = 5.0
# So many of the latest events are kept for `/wait`.
_KEPT_EVENTS = 10_000
# One file may run another so deep.
_DEEPEST_SOURCE = 16
# A control character makes the server's parser give up what it has (qmp-spec, "Errors").
_RESYNC = b"\x01\n"

_UNCONNECTED = "unconnected"
_CONNECTED = "connected"
_LOST = "lost"
_OFFLINE = "offline"  # a dry run without a server


class _Line:
    """The line that is being carried out."""

    __slots__ = ("actions", "destination", "source")

    def __init__(self, prepared: Prepared) -> None:
        plan = prepared.plan
        assert plan is not None
        self.source = prepared.source
        self.actions: deque[tuple[Action, Request | None]] = deque(
            zip(plan.actions, prepared.requests, strict=True)
        )
        self.destination = plan.destination


class Session:
    """`address` is how the server is named in messages. `interactive` means: a person waits, who is
    asked before what destroys, who may type on while a reply is awaited, and whom nothing throws out.
    """

    def __init__(
        self, settings: Settings, *, address: str, interactive: bool, ports: Ports
    ) -> None:
        self.settings = settings
        self.now = 0.0
        self.status = exits.OK
        self.facts = Facts(read_file=ports.read_file, can_ask=interactive)
        self._address = address
        self._interactive = interactive
        self._ports = ports
        self._protocol = QmpProtocol(negotiate=settings.negotiate)
        self._log: MessageLog | None = None
        self._link = _UNCONNECTED
        self._lines: deque[Prepared] = deque()
        self._line: _Line | None = None
        self._in_flight: deque[Request] = deque()
        self._asking: Request | None = None
        self._needing: Prepared | None = None
        self._wait: Wait | None = None
        self._opening: Destination | None = None
        self._finishing: Destination | None = None
        self._events: deque[Event] = deque(maxlen=_KEPT_EVENTS)
        self._names: list[str] | None = None
        self._told: set[str] = set()
        self._cpu: int | None = None
        self._count = 0
        self._source_depth: dict[str, int] = {}
        self._leaving = False
        self._passes_descriptors = False
        self._quit_answered = False
        self._shutdown_seen = False
        self._silence_at: float | None = None
        self._give_up_at: float | None = None
        if settings.log is not None:
            self.set_log(settings.log)

    # -- what the driver asks ------------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """Whether all lines so far are dealt with, and the next can be."""
        return (
            not self._lines
            and self._line is None
            and not self._in_flight
            and self._needing is None
            and self._ready
        )

    @property
    def _ready(self) -> bool:
        return self._link != _CONNECTED or self._protocol.state == READY

    @property
    def lost(self) -> bool:
        return self._link == _LOST

    @property
    def waiting(self) -> Request | None:
        """The oldest request whose reply is awaited."""
        for request in self._in_flight:
            if request.source is not None and not request.abandoned:
                return request
        return None

    @property
    def _unsent(self) -> int:
        """How many commands were not sent; a line that was not read yet counts as one."""
        count = sum(len(one.plan.actions) if one.plan else 1 for one in self._lines)
        if self._line is not None:
            count += len(self._line.actions)
        return count + (self._needing is not None)

    @property
    def _holding(self) -> Request | None:
        """The request that holds up the queue: the user's, or a question of our own."""
        for request in self._in_flight:
            if not request.abandoned:
                return request
        return None

    @property
    def greeting(self) -> Greeting | None:
        return self._protocol.greeting

    @property
    def deadline(self) -> float | None:
        """When `tick` is due at the latest; None where nothing depends on time."""
        if self.settings.timeout is None and self._wait is None and self._silence_at is None:
            return self._give_up_at
        times = [time for time in (self._silence_at, self._give_up_at) if time is not None]
        if self._wait is not None and self._wait.deadline is not None:
            times.append(self._wait.deadline)
        holding = self._holding
        if self.settings.timeout is not None and holding is not None:
            times.append(holding.sent_at + self.settings.timeout)
        return min(times, default=None)

    # -- the connection ------------------------------------------------------------------------

    def connected(
        self, now: float, *, give_up_at: float | None = None, passes_descriptors: bool = False
    ) -> list[Effect]:
        """The stream is open. `give_up_at` is when `--wait` ends; `passes_descriptors` says whether
        files can be sent over it."""
        self.now = now
        self._passes_descriptors = passes_descriptors
        self._link = _CONNECTED
        if not (self.settings.probe and self.settings.negotiate):
            self.facts.has_schema = True
        if self._protocol.state != READY:
            self._expect_answer(give_up_at=give_up_at)
            return []
        return [Greeted(), *self._advance()]

    def offline(self) -> list[Effect]:
        """There is no server: lines are only read (`--dry-run`)."""
        self._link = _OFFLINE
        return []

    def receive(self, data: bytes, now: float) -> list[Effect]:
        """Bytes from the server; b"" is its end."""
        self.now = now
        if not data:
            return self._ended()
        protocol = self._protocol
        was_ready = protocol.state == READY
        effects: list[Effect] = []
        items = protocol.receive(data)
        for own in protocol.take_own_replies():
            self._record("received", own.value, None)
        for item in items:
            effects += self._item(item)
            if self._link == _LOST:
                return effects
        answer = protocol.data_to_send()
        if answer:
            self._record_sent_bytes(answer)
            effects.append(Send(answer))
            was_ready = False
        if protocol.state == REFUSED:
            assert protocol.refusal is not None
            desc = escape(protocol.refusal.desc)
            effects += self._fail_link(f"{self._address}: the server refuses: {desc}")
        elif protocol.state == READY and not was_ready:
            self._silence_at = self._give_up_at = None
            effects.append(Greeted())
        return [*effects, *self._advance()]

    def connection_lost(self, reason: str) -> list[Effect]:
        """The stream broke; `reason` is empty where the server just closed it."""
        return self._lost(reason)

    # -- the user ------------------------------------------------------------------------------

    def prepare(self, source: Source) -> Prepared:
        """Read a line, which may be done while an earlier one is under way."""
        if self.settings.hmp:
            return prepare_human(source)
        return prepare(source, self.facts, encode=not self._interactive)

    def submit(self, prepared: Prepared, now: float) -> list[Effect]:
        """Queue a line that was read, or say why it could not be read."""
        self.now = now
        self._lines.append(prepared)
        if self._interactive and _overtakes(prepared) and self._link == _CONNECTED:
            return self._overtake(self._lines.pop())
        if self._interactive and _leaves(prepared) and self._unsent == 1:
            # Whatever we ask ourselves does not keep a person.
            self._lines.clear()
            self._leaving = True
            return self._leave_if_done()
        return self._advance()

    def answer(self, *, go_on: bool, now: float) -> list[Effect]:
        """The person's answer to Ask."""
        self.now = now
        request, self._asking = self._asking, None
        if request is None or self._link == _LOST:
            return []
        if not go_on:
            return [Tell("not sent"), *self._advance()]
        return [*self._transmit(request), *self._advance()]

    def secret(self, text: str | None, now: float) -> list[Effect]:
        """What the person typed for AskSecret; None if nothing."""
        self.now = now
        prepared, self._needing = self._needing, None
        if prepared is None or prepared.need is None:
            return []
        if text is None:
            return [Tell("not sent"), *self._advance()]
        self.facts.secrets[prepared.need.start] = text
        self._lines.appendleft(self.prepare(prepared.source))
        return self._advance()

    def diverted(self, destination: Destination, problem: str, now: float) -> list[Effect]:
        """A destination is ready, or has a `problem`; then nothing of its line is sent."""
        self.now = now
        if self._opening is not destination:
            return []
        self._opening = None
        effects: list[Effect] = []
        if problem and self._line is not None:
            source, self._line = self._line.source, None
            effects += self._fail_at(source, destination.start, escape(problem))
        return [*effects, *self._advance()]

    def finished(self, destination: Destination, problem: str, now: float) -> list[Effect]:
        """A destination has taken all, or has a `problem`."""
        self.now = now
        if self._finishing is not destination:
            return []
        source = self._line.source if self._line is not None else None
        self._finishing = self._line = None
        effects = self._fail_at(source, destination.start, escape(problem)) if problem else []
        return [*effects, *self._advance()]

    def abandon(self, now: float) -> list[Effect]:
        """Wait no longer for the oldest reply: it will be shown as late."""
        self.now = now
        if self._wait is not None:
            label, self._wait = self._wait.label, None
            return [Tell(f"no longer waiting for {escape(label)}"), *self._advance()]
        request = self._holding
        if request is None or (request.source is None and not self._unsent):
            return self._drop_queue()
        request.abandoned = True
        if request.source is None:
            return [*self._answer_own(request, None), *self._advance()]
        text = f"no longer waiting for the reply to {request.label}; it may still be carried out"
        return [Tell(text), *self._advance()]

    def _drop_queue(self) -> list[Effect]:
        """Forget the lines that wait for the server to be ready."""
        count = self._unsent
        self._clear_queue()
        return [Tell(f"{count} {_were(count)} not sent")] if count else []

    def _clear_queue(self) -> None:
        self._lines.clear()
        self._line = self._needing = self._wait = self._opening = self._finishing = None

    def end_of_input(self, now: float) -> list[Effect]:
        """No line will follow, and all are dealt with."""
        return self._left()

    def leave(self) -> list[Effect]:
        """`exit`: leave when what was sent is answered; what follows is forgotten."""
        self._leaving = True
        self._lines.clear()
        if self._line is not None:
            self._line.actions.clear()
        return []

    def person_leaves(self) -> list[Effect]:
        """The person leaves at once, whatever is awaited."""
        return self._left()

    def learn(self, name: str, now: float) -> list[Effect]:
        """Ask the server something of our own; the answer comes as Learned, an error as nothing."""
        self.now = now

        def learnt(reply: Reply | None) -> list[Effect]:
            value = _returned(reply)
            if name == "query-commands" and isinstance(value, list):
                self._names = [str(one.get("name")) for one in value if isinstance(one, dict)]
            return [Learned(name, value)] if value is not None else []

        return self.ask(name, {}, learnt)

    def tick(self, now: float) -> list[Effect]:
        """Do what is due by now."""
        self.now = now
        effects: list[Effect] = []
        if self._give_up_at is not None and now >= self._give_up_at:
            return self._fail_link(self._diagnose_silence())
        if self._silence_at is not None and now >= self._silence_at:
            self._silence_at = None
            effects.append(Tell(self._diagnose_silence()))
        wait = self._wait
        if wait is not None and wait.deadline is not None and now >= wait.deadline:
            self._wait = None
            effects += [*self.fail(f"{escape(wait.label)} did not come in time"), *self._advance()]
        timeout, request = self.settings.timeout, self._holding
        if timeout is not None and request is not None and now >= request.sent_at + timeout:
            effects += self._timed_out(request, timeout)
        return effects

    # -- carrying out lines --------------------------------------------------------------------

    def _advance(self) -> list[Effect]:
        """Go on with the lines as far as nothing stands in the way."""
        effects: list[Effect] = []
        while not self._is_held():
            if self._line is not None:
                effects += self._step(self._line)
            elif self._lines:
                effects += self._begin(self._lines.popleft())
            else:
                break
        return [*effects, *self._leave_if_done()]

    def _is_held(self) -> bool:
        if self._in_flight and self._holding is not None:
            return True
        return (
            not self._ready
            or self._link == _UNCONNECTED
            or self._asking is not None
            or self._needing is not None
            or self._wait is not None
            or self._opening is not None
            or self._finishing is not None
        )

    def _begin(self, prepared: Prepared) -> list[Effect]:
        source = prepared.source
        if prepared.error is not None:
            return self._line_error(source, prepared.error)
        if prepared.need is not None:
            return self._resolve(prepared, prepared.need)
        assert prepared.plan is not None
        self._line = _Line(prepared)
        if prepared.plan.destination is not None:
            self._opening = prepared.plan.destination
            return [Divert(prepared.plan.destination)]
        return []

    def _step(self, line: _Line) -> list[Effect]:
        if line.actions:
            return self._act(line, *line.actions.popleft())
        if line.destination is not None:
            self._finishing = line.destination
            return [Finish(line.destination)]
        self._line = None
        self.facts.secrets.clear()
        self.facts.objects.clear()
        return []

    def _act(self, line: _Line, action: Action, request: Request | None) -> list[Effect]:
        if isinstance(action, LocalCommand) or action_leaves(action):
            assert isinstance(action, (LocalCommand, Command))
            return self._run_local(line, action)
        assert isinstance(action, (Command, RawCommand))
        try:
            return self.perform(action, request)
        except LineError as error:
            return self._line_error(line.source, error)

    def _run_local(self, line: _Line, action: LocalCommand | Command) -> list[Effect]:
        from .commands.registry import find  # few scripts need it

        call = action
        if isinstance(call, Command):
            call = LocalCommand("/quit", [], line="", start=action.start)
        if call.name == "/hmp" and not call.tokens and self.settings.hmp:
            return self.perform_human(call.line, call.start)
        run = find(call.name)
        try:
            if run is None:
                raise LineError(
                    f"there is no local command {call.name[:40]}",
                    start=call.start,
                    end=call.start + len(call.name),
                    cure=hint_for(call.name, _local_names()) or "/help lists them",
                )
            return run(self, call)
        except LineError as error:
            return self._line_error(line.source, error)

    def _line_error(self, source: Source, error: LineError) -> list[Effect]:
        self._failed()
        text = line_message(source, error, named=not self._interactive)
        return [Tell(text, is_error=True), *self._stop_on_error()]

    def perform(
        self, command: Command | RawCommand, request: Request | None = None
    ) -> list[Effect]:
        """Send a command as if it had been typed; `request` is what was made of it before, if
        anything. Raises LineError."""
        if request is None:
            request = make_request(command, self._current_source(), self._next_id())
        effects: list[Effect] = []
        if isinstance(command, Command):
            effects += self._notes(command)
            if command.file is not None and self._link == _CONNECTED and not self.settings.dry_run:
                request.descriptor = self._open(command.file)
        return [*effects, *self._try(request)]

    def perform_human(self, text: str, start: int) -> list[Effect]:
        """Send a line to the human monitor."""
        source = self._current_source()
        return self._try(
            make_human_request(text, source, self._next_id(), start=start, cpu=self._cpu)
        )

    def _open(self, file: FileWord) -> int:
        if not self._passes_descriptors:
            raise LineError(
                "an open file can be sent over a UNIX socket only",
                start=file.start,
                end=file.start + len(file.path),
            )
        try:
            return self._ports.open_file(file.path, file.operator)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise LineError(
                f"{file.path}: {reason}", start=file.start, end=file.start + len(file.path)
            ) from None

    def _notes(self, command: Command) -> list[Effect]:
        if not self._interactive and not self.settings.verbose:
            return []
        new = [note for note in dict.fromkeys(command.notes) if note not in self._told]
        self._told.update(new)
        return [Tell(note) for note in new]

    def _try(self, request: Request) -> list[Effect]:
        """Send a request if there is a server, and if the person is sure."""
        if self._line is not None:
            request.destination = self._line.destination
        if self.settings.dry_run:
            return [ShowCommand(request.data, request)]
        if self._link == _LOST:
            assert request.source is not None
            text = "not connected; nothing was sent"
            self._clear_queue()
            return [
                Tell(self._placed(request.source, request.start, text), is_error=True),
                *self._leave_link(exits.CONNECTION),
            ]
        if self._interactive:
            what = destroys(request)
            if what:
                self._asking = request
                return [Ask(what, request)]
        return self._transmit(request)

    def _transmit(self, request: Request) -> list[Effect]:
        request.sent_at = self.now
        self._in_flight.append(request)
        if self._log is not None:
            self._record("sent", request.message, None)
        return [Send(request.data, request)]

    def _current_source(self) -> Source:
        assert self._line is not None
        return self._line.source

    def _overtake(self, prepared: Prepared) -> list[Effect]:
        """`/oob` at a terminal waits for nothing."""
        held = self._line
        self._line = _Line(prepared)
        self._line.destination = None
        effects = self._step(self._line)
        self._line = held
        return effects

    # -- facts ---------------------------------------------------------------------------------

    def _resolve(self, prepared: Prepared, need: Need) -> list[Effect]:
        """Get what a line needs before it can be read; then read it again."""
        if need.kind == SECRET:
            self._needing = prepared
            return [AskSecret(need.subject)]
        note: list[Effect] = []
        if self._link == _OFFLINE and need.kind == SCHEMA:
            text = "read without the server's schema: give an ADDRESS to have its types"
            note = [Tell(self._placed(prepared.source, 0, text))]
        if not self._can_probe():
            self._without(need)
            self._lines.appendleft(self.prepare(prepared.source))
            return note
        self._needing = prepared

        def answered(reply: Reply | None) -> list[Effect]:
            self._needing = None
            self._learn_fact(need, _returned(reply))
            self._lines.appendleft(self.prepare(prepared.source))
            return []

        return self.ask(*_question(need), answered)

    def _can_probe(self) -> bool:
        return self.settings.probe and self.settings.negotiate and self._link == _CONNECTED

    def _without(self, need: Need) -> None:
        self._learn_fact(need, None)

    def _learn_fact(self, need: Need, value: object) -> None:
        if need.kind == SCHEMA:
            self.facts.has_schema = True
            if isinstance(value, list):
                from .schema.model import Schema  # many scripts need none

                self.facts.schema = Schema(value)
        else:
            table = self.facts.drivers if need.kind == DRIVER else self.facts.objects
            table[need.subject] = _properties(value)

    def satisfy(self, need: Need, call: LocalCommand) -> list[Effect]:
        """Get what a local command needs, and run it again."""
        assert self._line is not None
        if need.kind == SECRET:
            return self.fail("a secret is asked for only where it is an argument of a command")
        self._line.actions.appendleft((call, None))
        if not self._can_probe():
            self._without(need)
            return []

        def answered(reply: Reply | None) -> list[Effect]:
            self._learn_fact(need, _returned(reply))
            return []

        return self.ask(*_question(need), answered)

    # -- what local commands may do ------------------------------------------------------------

    def untaken_events(self) -> list[Event]:
        """The latest events that no `/wait` has taken, oldest first."""
        return list(self._events)

    def take_event(self, event: Event) -> None:
        self._events.remove(event)

    def tell(self, text: str) -> list[Effect]:
        return [Tell(text)]

    def fail(self, text: str) -> list[Effect]:
        """The command that runs has failed."""
        source = self._line.source if self._line is not None else None
        return self._fail_at(source, 0, text)

    def _fail_at(self, source: Source | None, start: int, text: str) -> list[Effect]:
        self._failed()
        return [Tell(self._placed(source, start, text), is_error=True), *self._stop_on_error()]

    def ask(
        self, name: str, arguments: dict[str, Any], then: Callable[[Reply | None], list[Effect]]
    ) -> list[Effect]:
        """Ask the server something of our own; `then` takes the reply, or None where none came."""
        if self._link != _CONNECTED:
            return then(None)
        message = command_object(name, arguments) | {"id": self._own_id()}
        request = Request(
            message,
            data=encode_message(message),
            source=None,
            own_id=message["id"],
            then=then,
        )
        return self._transmit(request)

    def wait(self, wait: Wait) -> list[Effect]:
        """Hold up the lines that follow until `wait` is over."""
        if self.settings.dry_run:
            return []
        if self._link == _CONNECTED:
            self._wait = wait
            return []
        return self.fail(f"not connected: {escape(wait.label)} will not come")

    def resync(self) -> list[Effect]:
        """Make the server's parser give up what it has; its answer is an error without an id."""
        source = self._current_source()
        request = Request({}, data=_RESYNC, source=source, text=None)

        def answered(reply: Reply | None) -> list[Effect]:
            return [Tell("the server's parser has begun anew")] if reply is not None else []

        request.then = answered
        request.source = None
        return self._transmit(request) if self._link == _CONNECTED else []

    def source(self, name: str, data: bytes) -> list[Effect]:
        """Run the lines of a file before what follows."""
        from .inputs import LineInput, ScriptLines  # few scripts need it

        outer = self._current_source().name
        depth = self._source_depth.get(outer, 0) + 1
        if depth > _DEEPEST_SOURCE:
            return self.fail(f"{escape(name)}: files run files, more than {_DEEPEST_SOURCE} deep")
        self._source_depth[name] = depth
        lines = ScriptLines([LineInput(name, data=data)], verbatim=self.settings.hmp)
        found: list[Prepared] = []
        while not lines.ended:
            taken = lines.take()
            if taken is not None:
                found.append(self.prepare(taken) if isinstance(taken, Source) else taken)
        self._lines.extendleft(reversed(found))
        return []

    def set_log(self, path: str | None) -> None:
        """Begin a log, or end it. Raises QmpShellError."""
        log = self._ports.open_log(path) if path is not None else None
        if self._log is not None:
            self._log.close()
        self._log = log

    def describe(self) -> str:
        """What the session is connected to, over several lines."""
        lines = [f"{self._address}: {self._link}"]
        greeting = self._protocol.greeting
        if greeting is not None and greeting.version is not None:
            version = ".".join(map(str, greeting.version))
            lines.append(f"server: QEMU {version} {escape(greeting.package)}".rstrip())
        lines.append(f"capabilities: {', '.join(sorted(self._protocol.capabilities)) or 'none'}")
        lines.append(f"events kept for /wait: {len(self._events)}")
        if self.waiting is not None:
            lines.append(f"waiting for the reply to {self.waiting.label}")
        return "\n".join(lines)

    # -- what comes from the server ------------------------------------------------------------

    def _item(self, item: Item) -> list[Effect]:
        if isinstance(item, Reply):
            return self._reply(item)
        if not isinstance(item, (Garbage, Foreign)):
            self._record("received", item.value, None)
        if isinstance(item, Event):
            return self._event(item)
        if isinstance(item, Greeting):
            return self._greeting(item)
        if isinstance(item, Foreign):
            return self._fail_link(explain_garbage(self._address, item.raw))
        reason = "unreadable" if isinstance(item, Garbage) else "not a message of QMP"
        return [ShowStray(item, reason)]

    def _event(self, event: Event) -> list[Effect]:
        if event.name == "SHUTDOWN":
            self._shutdown_seen = True
        wait = self._wait
        if wait is None or not wait.see(event):
            self._events.append(event)
        effects: list[Effect] = [ShowEvent(event)]
        if wait is not None and wait.ended:
            self._wait = None
            if wait.failure:
                effects += self.fail(wait.failure)
        elif wait is not None and wait.ask is not None:
            ask, wait.ask, self._wait = wait.ask, None, None
            effects += ask()
        return effects

    def _greeting(self, greeting: Greeting) -> list[Effect]:
        if not self.settings.negotiate:
            return [ShowStray(greeting, "")] if self._interactive else []
        if self._silence_at is None and self._give_up_at is None:
            self._expect_answer(give_up_at=None)
        lost = list(self._in_flight)
        self._in_flight.clear()
        effects: list[Effect] = []
        for request in lost:
            if request.source is None:
                effects += self._answer_own(request, None)
            elif not request.abandoned:
                text = f"the server started anew; the outcome of {request.label} is unknown"
                effects += self._fail_at(request.source, request.start, text)
        return effects

    def _reply(self, reply: Reply) -> list[Effect]:
        request = self._answered_by(reply)
        if self._log is not None:
            self._record("received", reply.value, request)
        if request is None:
            return [ShowStray(reply, "a reply that nobody asked for")]
        self._in_flight.remove(request)
        if request.source is None:
            return self._answer_own(request, reply) if not request.abandoned else []
        elapsed = self.now - request.sent_at
        late = request.abandoned
        effects: list[Effect] = [ShowReply(reply, request, late=late, elapsed=elapsed)]
        if reply.is_error:
            effects += self._error_reply(reply, request)
        elif request.text is not None:
            effects += self._human_reply(request, human_text(reply.value.get("return", "")))
        elif request.is_quit:
            self._quit_answered = True
        return effects

    def _answered_by(self, reply: Reply) -> Request | None:
        for request in self._in_flight:
            if request.answers(reply):
                return request
        return None

    def _answer_own(self, request: Request, reply: Reply | None) -> list[Effect]:
        then, request.then = request.then, None
        return then(reply) if then is not None else []

    def _error_reply(self, reply: Reply, request: Request) -> list[Effect]:
        refused = request.name == "qmp_capabilities" and reply.error_class == "CommandNotFound"
        if refused and self.settings.negotiate:
            text = (
                "qmpshell has negotiated already; with -N (--skip-negotiation) this is yours to do"
            )
            return [Tell(self._placed(request.source, request.start, text))]
        self._failed()
        return [*self._hint(reply, request), *self._stop_on_error()]

    def _hint(self, reply: Reply, request: Request) -> list[Effect]:
        """What may have been meant."""
        text = hint_for(reply.desc, None)
        if text:
            return [Tell(self._placed(request.source, request.start, text))]
        name = mistaken_name(reply, request)
        if not name or self.settings.stop_on_error:
            return []
        names = self._names
        if names is None and self.facts.schema is not None:
            names = self.facts.schema.commands()
        if names is not None:
            return self._suggest(name, names, request)
        if not self._can_probe():
            return []

        def answered(found: Reply | None) -> list[Effect]:
            value = _returned(found)
            self._names = (
                [str(one.get("name")) for one in value if isinstance(one, dict)]
                if isinstance(value, list)
                else []
            )
            return self._suggest(name, self._names, request)

        return self.ask("query-commands", {}, answered)

    def _suggest(self, name: str, names: list[str], request: Request) -> list[Effect]:
        text = hint_for(name, [*names, *_local_names()])
        return [Tell(self._placed(request.source, request.start, text))] if text else []

    def _human_reply(self, request: Request, text: str) -> list[Effect]:
        assert request.text is not None
        if failed(text):
            self._failed()
            return self._stop_on_error()
        chosen = CPU_COMMAND.fullmatch(request.text)
        if chosen:
            self._cpu = int(chosen[1])
        if request.is_quit:
            self._quit_answered = True
        return []

    def _timed_out(self, request: Request, timeout: float) -> list[Effect]:
        if request.source is None:
            request.abandoned = True
            return [*self._answer_own(request, None), *self._advance()]
        text = f"no reply to {request.label} within {timeout:g} s; its outcome is unknown"
        if self._interactive:
            request.abandoned = True
            return [Tell(text, is_error=True), *self._advance()]
        self._clear_queue()
        self.status = exits.CONNECTION
        text = self._placed(request.source, request.start, text)
        return [Tell(text, is_error=True), Leave(exits.CONNECTION)]

    # -- ends ----------------------------------------------------------------------------------

    def _leave_if_done(self) -> list[Effect]:
        if not self._leaving or self._unsent or self.waiting is not None or self._wait is not None:
            return []
        return self._left()

    def _left(self) -> list[Effect]:
        if self.lost and not self._ended_well:
            return [Leave(exits.CONNECTION)]
        return [Leave(exits.OK if self._interactive else self.status)]

    def _failed(self) -> None:
        if self.status == exits.OK:
            self.status = exits.FAILED

    def _stop_on_error(self) -> list[Effect]:
        if not self.settings.stop_on_error or self._interactive:
            return []
        self._clear_queue()
        return [Leave(self.status)]

    @property
    def _ended_well(self) -> bool:
        return self._quit_answered or self._shutdown_seen

    def _ended(self) -> list[Effect]:
        effects: list[Effect] = []
        for item in self._protocol.receive_end():
            if isinstance(item, Foreign):
                return self._fail_link(explain_garbage(self._address, item.raw))
            effects.append(ShowStray(item, "cut off"))
        return effects + self._lost("")

    def _lost(self, reason: str) -> list[Effect]:
        state = self._protocol.state
        self._link = _LOST
        self._silence_at = self._give_up_at = None
        waiting = [one for one in self._in_flight if one.source is not None and not one.abandoned]
        awaited = self._wait
        unsent = self._unsent
        self._in_flight.clear()
        self._clear_queue()
        self._asking = None
        why = f": {reason}" if reason else ""
        if state != READY:
            when = "before the server greeted" if state == GREETING else "during the negotiation"
            text = f"{self._address}: the connection was closed {when}{why}"
            if unsent and self._interactive:
                text += f"; {unsent} {_were(unsent)} not sent"
            return [Tell(text, is_error=True), *self._leave_link(exits.CONNECTION)]
        quitting = all(request.is_quit for request in waiting)
        if self._ended_well and quitting and not unsent and awaited is None:
            return [Tell("the server has exited")] if self._interactive else []
        if waiting:
            request = waiting[0]
            text = f"connection lost{why} while waiting for the reply to {request.label}"
            text = f"{text}; its outcome is unknown"
            text = self._placed(request.source, request.start, text)
        elif awaited is not None:
            text = (
                f"{self._address}: connection lost{why} while waiting for {escape(awaited.label)}"
            )
        else:
            text = f"{self._address}: connection lost{why}"
        if unsent:
            text += f"; {unsent} more {_were(unsent)} not sent"
        return [Tell(text, is_error=True), *self._leave_link(exits.CONNECTION)]

    def _fail_link(self, text: str) -> list[Effect]:
        """The connection is of no use."""
        self._link = _LOST
        self._silence_at = self._give_up_at = None
        self._clear_queue()
        return [Tell(text, is_error=True), *self._leave_link(exits.CONNECTION)]

    def _leave_link(self, status: int) -> list[Effect]:
        self.status = status
        return [] if self._interactive else [Leave(status)]

    # -- the rest ------------------------------------------------------------------------------

    def _expect_answer(self, *, give_up_at: float | None) -> None:
        """From now on the negotiation must get on."""
        self._silence_at = self.now + _SILENCE
        if not self._interactive:
            self._give_up_at = give_up_at if give_up_at is not None else self.now + _GIVE_UP

    def _next_id(self) -> str | None:
        # A script has one command in flight, which needs no id; an id costs QEMU a fifth of its time.
        return self._own_id() if self._interactive else None

    def _own_id(self) -> str:
        self._count += 1
        return f"qmpshell-{self._count}"

    def _diagnose_silence(self) -> str:
        return explain_silence(
            self._address, self._protocol.pending, greeted=self._protocol.state != GREETING
        )

    def _placed(self, source: Source | None, start: int, text: str) -> str:
        if self._interactive or source is None:
            return text
        return placed(source, start, text)

    def _record(self, direction: str, message: dict[str, Any], request: Request | None) -> None:
        """Write a message to the log, if there is one, without its secrets."""
        if self._log is None:
            return
        from .records.redaction import redact_command, redact_reply

        if direction == "sent":
            shown = redact_command(message)
        else:
            shown = redact_reply(message, request.message if request is not None else None)
        try:
            self._log.write(direction, shown)
        except QmpShellError:
            self._log = None

    def _record_sent_bytes(self, data: bytes) -> None:
        if self._log is not None:
            from .protocol.json_text import decode

            for line in data.splitlines():
                self._record("sent", decode(line), None)


def action_leaves(action: Action) -> bool:
    """Whether it is `exit`, which no server has."""
    return isinstance(action, Command) and action.name in LEAVING and not action.arguments


def _overtakes(prepared: Prepared) -> bool:
    plan = prepared.plan
    if plan is None or len(plan.actions) != 1:
        return False
    action = plan.actions[0]
    return isinstance(action, LocalCommand) and action.name == "/oob"


def _leaves(prepared: Prepared) -> bool:
    plan = prepared.plan
    if plan is None or len(plan.actions) != 1:
        return False
    action = plan.actions[0]
    return action_leaves(action) or (isinstance(action, LocalCommand) and action.name == "/quit")


def _question(need: Need) -> tuple[str, dict[str, Any]]:
    if need.kind == DRIVER:
        return "device-list-properties", {"typename": need.subject}
    if need.kind == OBJECT:
        return "qom-list", {"path": need.subject}
    return "query-qmp-schema", {}


def _properties(value: object) -> dict[str, PropertyType] | None:
    if not isinstance(value, list):
        return None
    return {
        str(one.get("name")): PropertyType(str(one.get("type")), str(one.get("description", "")))
        for one in value
        if isinstance(one, dict)
    }


def _returned(reply: Reply | None) -> object:
    return reply.value.get("return") if reply is not None else None


def _local_names() -> list[str]:
    from .commands.registry import COMMANDS

    return list(COMMANDS)


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
