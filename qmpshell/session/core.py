"""The session itself: the order of things.

Owns: what is sent when, who waits for which reply, what a loss means, how a session ends. Must not
know: sockets, descriptors, terminals, clocks (`now` is handed in, in seconds of any monotonic clock).
The script runner and the terminal are its two drivers: they carry out the effects that every call
returns, in order.
"""

from __future__ import annotations

from collections import deque

from .. import exits
from ..diagnosis import explain_garbage
from ..effects import (
    Effect,
    Greeted,
    Learned,
    Leave,
    Send,
    ShowReply,
    ShowStray,
    Tell,
)
from ..errors import LineError
from ..language.command import LocalCommand
from ..language.facts import SCHEMA, Facts, Need
from ..protocol.commands import command_object, encode_message
from ..protocol.messages import Event, Foreign, Greeting, Reply
from ..protocol.negotiation import READY, REFUSED
from ..render.diagnostics import line_message, placed
from ..render.escape import escape
from ..requests import (
    Prepared,
    Request,
    Source,
    prepare,
    prepare_human,
)
from .connecting import Connecting
from .holdup import describe_hold_up, is_held_up
from .incoming import Incoming
from .knowledge import learn, names_in, returned
from .lines import LineRunner, is_exit
from .link import CONNECTED, LOST, OFFLINE, UNCONNECTED, Link
from .logbook import Logbook
from .outstanding import Outstanding, answer_own
from .queue import CurrentLine, LineQueue, were_not_sent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..language.command import Destination
    from ..manual.library import Library
    from ..ports import Ports
    from ..settings import Settings
    from ..waits import Wait
    from .machine import Machine

# So many of the latest events are kept for `/wait`.
_KEPT_EVENTS = 10_000
_RECENT_EVENTS = 1_000
# A person's commands that wait for none before them.
_AT_ONCE = ("/oob", "/status", "/help", "/apropos")


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
        self.status = exits.OK
        self.facts = Facts(read_file=ports.read_file, can_ask=interactive)
        self.link = Link(address, negotiate=settings.negotiate, gives_up=not interactive)
        self.queue = LineQueue()
        self.logbook = Logbook(ports.open_log)
        # The latest events that no `/wait` has taken.
        self.events: deque[Event] = deque(maxlen=_KEPT_EVENTS)
        # The latest events, be they taken or not.
        self.recent: deque[Event] = deque(maxlen=_RECENT_EVENTS)
        self.awaited: Wait | None = None
        # What goes on beside the lines at a terminal.
        self.panel: Wait | None = None
        # What is known of the virtual machine, if anybody wants to know.
        self.machine: Machine | None = None
        self.source_depth: dict[str, int] = {}
        self.interactive = interactive
        self.ports = ports
        self._incoming = Incoming(self)
        self.runner = LineRunner(self)
        self.connecting = Connecting(self)
        self.last: ShowReply | None = None
        self.outstanding = Outstanding()
        self.asking: Request | None = None
        self.names: list[str] | None = None
        # The manuals that help has been asked from.
        self.library: Library | None = None
        self.told: set[str] = set()
        self.cpu: int | None = None
        self._count = 0
        self._leaving = False
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
        link, timeout, machine = self.link, self.settings.timeout, self.machine
        if timeout is None and self.awaited is None and machine is None and link.silence_at is None:
            return link.give_up_at
        times = [time for time in (link.silence_at, link.give_up_at) if time is not None]
        for wait in self.waits:
            times += [time for time in (wait.deadline, wait.due) if time is not None]
        if machine is not None and machine.deadline is not None:
            times.append(machine.deadline)
        holding = self.outstanding.holding
        if timeout is not None and holding is not None:
            times.append(holding.sent_at + timeout)
        return min(times, default=None)

    @property
    def is_held_up(self) -> bool:
        """Whether the lines that follow wait for something."""
        return is_held_up(self)

    def describe_hold_up(self, now: float) -> str:
        """For what they have waited a while, in words; empty if for nothing."""
        return describe_hold_up(self, now)

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
        if not self.can_probe:
            self.facts.has_schema = True
        if not self.link.is_ready:
            self.link.expect_answer(now, give_up_at=give_up_at)
            return []
        return [Greeted(), *self._advance()]

    def connect_failed(self, text: str, now: float) -> list[Effect]:
        """What Connect asked for could not be done; `text` says why."""
        self.now = now
        return self.connecting.failed(text)

    def offline(self) -> list[Effect]:
        """There is no server: lines are only read (`--dry-run`)."""
        self.link.state = OFFLINE
        return []

    def receive(self, data: bytes, now: float) -> list[Effect]:
        """Bytes from the server; b"" is its end."""
        self.now = now
        if self.lost:
            return []  # it was given up, and what it still says is of no use
        if not data:
            return self._ended()
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
        answer = protocol.data_to_send()
        if answer:
            self.logbook.sent_bytes(answer)
            effects.append(Send(answer))
            was_ready = False
        if protocol.state == REFUSED:
            assert protocol.refusal is not None
            desc = escape(protocol.refusal.desc)
            effects += self.fail_link(f"{self.link.address}: the server refuses: {desc}")
        elif protocol.state == READY and not was_ready:
            self.link.settle()
            effects.append(Greeted())
        return [*effects, *self._advance()]

    def connection_lost(self, reason: str) -> list[Effect]:
        """The stream broke; `reason` is empty where the server just closed it."""
        link, unsent = self.link, self.queue.unsent
        awaited, waiting = self.awaited, self.outstanding.waiting
        ended_well = link.ended_well and self.outstanding.all_quit and awaited is None
        early = link.protocol.state != READY
        line, opening = self.queue.current, self.queue.opening
        finishing = self.queue.finishing
        link.end()
        self.outstanding.clear()
        self.forget_lines()
        self.asking = None
        if line is not None and line.destination is not None and opening is None:
            # Its replies are still on their way to a file or a command.
            line.actions.clear()
            self.queue.current, self.queue.finishing = line, finishing
        if early:
            text = link.explain_early_loss(reason)
            if unsent and self.interactive:
                text += f"; {were_not_sent(unsent)}"
            return self.give_up(text)
        if ended_well and not unsent:
            told: list[Effect] = [Tell("the server has exited")] if self.interactive else []
            return [*told, *self._advance()]
        text = link.explain_loss(reason, waiting, awaited)
        if waiting is not None:
            text = self.place(waiting.source, waiting.start, text)
        if unsent:
            text += f"; {_more(unsent) if waiting is not None else were_not_sent(unsent)}"
        return [*self._advance(), *self.give_up(text)]

    # -- the user ------------------------------------------------------------------------------

    def prepare(self, source: Source) -> Prepared:
        """Read a line, which may be done while an earlier one is under way."""
        if self.settings.hmp:
            return prepare_human(source)
        prepared = prepare(source, self.facts, encode=not self.interactive)
        if prepared.plan is not None:
            for action in prepared.plan.actions:
                if isinstance(action, LocalCommand):
                    from ..commands.check import mistake  # few scripts need it

                    error = mistake(action)
                    if error is not None:
                        return Prepared(source, error=error)
        return prepared

    def submit(self, prepared: Prepared, now: float) -> list[Effect]:
        """Queue a line that was read, or say why it could not be read."""
        self.now = now
        if self._leaving:
            return []
        may_overtake = self._may_overtake and self.asking is None
        if self.interactive and may_overtake and _overtakes(prepared):
            return self.runner.overtake(CurrentLine(prepared))
        if self.interactive and _is_local(prepared, "/connect"):
            effects = self.connecting.make_way()
            self.queue.lines.append(prepared)
            return [*effects, *self._advance()]
        if self.interactive and not self.queue.unsent and _leaves(prepared):
            if self.link.state == UNCONNECTED:
                return self._left()
            # Whatever we ask ourselves does not keep a person.
            self._leaving = True
            return self._leave_if_done() or self._tell_delay()
        if self.interactive and prepared.error is not None:
            return self.line_error(prepared.source, prepared.error)
        self.queue.lines.append(prepared)
        return self._advance()

    def answer(self, *, go_on: bool, now: float, to: Request | None = None) -> list[Effect]:
        """The person's answer to Ask; `to` is the request that was asked about."""
        self.now = now
        if to is not None and to is not self.asking:
            return []  # that question is no longer put
        request, self.asking = self.asking, None
        if request is None or self.lost:
            return []
        if not go_on or not self.link.is_ready:
            return [Tell("not sent"), *answer_own(request, None), *self._advance()]
        return [*self.transmit(request), *self._advance()]

    def secret(self, text: str | None, now: float) -> list[Effect]:
        """What the person typed for AskSecret; None if nothing."""
        self.now = now
        prepared, self.queue.needing = self.queue.needing, None
        if prepared is None or prepared.need is None:
            return []
        if text is None:
            return [Tell("not sent"), *self._advance()]
        prepared.secrets[prepared.need.start] = text
        self.runner.read_again(prepared)
        return self._advance()

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
            effects += self.line_error(source, error)
        return [*effects, *self._advance()]

    def finished(self, destination: Destination, problem: str, now: float) -> list[Effect]:
        """A destination has taken all, or has a `problem`."""
        self.now = now
        if self.queue.finishing is not destination:
            return []
        source = self.queue.current.source if self.queue.current is not None else None
        self.queue.finishing = self.queue.current = None
        effects = self.fail_at(source, destination.start, escape(problem)) if problem else []
        return [*effects, *self._advance()]

    def abandon(self, now: float) -> list[Effect]:
        """Wait no longer for the oldest reply: it will be shown as late."""
        self.now = now
        if self.awaited is not None:
            label, self.awaited = self.awaited.label, None
            return [Tell(f"no longer waiting for {escape(label)}"), *self._advance()]
        request = self.outstanding.holding
        nothing_held = request is None or (request.source is None and not self.queue.unsent)
        if nothing_held and self.panel is not None:
            panel, self.panel = self.panel, None
            return panel.stop()
        if request is None or nothing_held:
            count = self.queue.unsent
            self.forget_lines()
            return [Tell(were_not_sent(count))] if count else []
        request.abandoned = True
        if request.source is None:
            return [*answer_own(request, None), *self._advance()]
        text = f"no longer waiting for the reply to {request.label}; it may still be carried out"
        return [Tell(text), *self._advance()]

    def end_of_input(self, now: float) -> list[Effect]:
        """No line will follow, and all are dealt with."""
        return self._left()

    def leave(self) -> list[Effect]:
        """`exit`: leave when what was sent is answered; what follows is forgotten."""
        self._leaving = True
        self.queue.lines.clear()
        if self.queue.current is not None:
            self.queue.current.actions.clear()
        return []

    def person_leaves(self) -> list[Effect]:
        """The person leaves at once, whatever is awaited."""
        return self._left()

    def learn(self, name: str, now: float) -> list[Effect]:
        """Ask the server something of our own; the answer comes as Learned, an error as nothing."""
        self.now = now

        def learnt(reply: Reply | None) -> list[Effect]:
            value = returned(reply)
            if name == "query-commands" and value is not None:
                self.names = names_in(value)
            return [Learned(name, value)] if value is not None else []

        return self.ask(name, {}, learnt, background=True)

    def watch_machine(self, now: float) -> list[Effect]:
        """The server has greeted: from now on follow what its virtual machine does, as far as it may
        be asked. The first run state comes as Learned too."""
        from .machine import Machine  # a script has no need of it

        self.now = now
        if self.can_probe:
            self.machine = Machine(self)
        return []

    def load_schema(self, now: float) -> list[Effect]:
        """Ask for the schema before a line needs it."""
        self.now = now
        if self.facts.has_schema or not self.can_probe:
            return []

        def loaded(reply: Reply | None) -> list[Effect]:
            value = returned(reply)
            if reply is not None and not self.facts.has_schema:
                learn(self.facts, Need(SCHEMA), value)
            return [Learned("query-qmp-schema", value)] if value is not None else []

        return self.ask("query-qmp-schema", {}, loaded, background=True)

    def tick(self, now: float) -> list[Effect]:
        """Do what is due by now."""
        self.now = now
        link, effects = self.link, list[Effect]()
        if link.give_up_at is not None and now >= link.give_up_at:
            return self.fail_link(link.explain_silence())
        if link.silence_at is not None and now >= link.silence_at:
            link.silence_at = None
            effects.append(Tell(link.explain_silence()))
        for wait in self.waits:
            if wait.deadline is not None and now >= wait.deadline:
                self._end(wait)
                text = f"{escape(wait.label)} did not come in time"
                effects += [*self.fail_at(wait.source, wait.start, text), *self._advance()]
            elif wait.due is not None and now >= wait.due:
                effects += [*wait.act(now), *self.settle(wait), *self._advance()]
        if self.machine is not None:
            effects += self.machine.tick(now)
        timeout, request = self.settings.timeout, self.outstanding.holding
        if timeout is not None and request is not None and now >= request.sent_at + timeout:
            effects += self._timed_out(request, timeout)
        return effects

    # -- carrying out lines --------------------------------------------------------------------

    def _advance(self) -> list[Effect]:
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
        return [*effects, *self._leave_if_done()]

    def _is_held(self) -> bool:
        if self.outstanding and self.outstanding.holding is not None:
            return True
        return (
            not self.link.is_ready
            or self.link.state == UNCONNECTED
            or self.asking is not None
            or self.awaited is not None
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
        message = command_object(name, arguments) | {"id": own_id}
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
    def _may_overtake(self) -> bool:
        return self.link.state == CONNECTED and self.link.is_ready

    @property
    def can_probe(self) -> bool:
        """Whether the server may be asked what nobody typed."""
        return self.settings.probe and self.settings.negotiate and self.link.state == CONNECTED

    def next_id(self) -> str | None:
        # A script has one command in flight, which needs no id; an id costs QEMU a fifth of its time.
        return self._own_id() if self.interactive else None

    def _own_id(self) -> str:
        self._count += 1
        return f"qmpshell-{self._count}"

    def settle(self, wait: Wait) -> list[Effect]:
        """Go on if `wait`, which holds up the lines or goes on beside them, is over."""
        if wait not in self.waits:
            return []
        effects = wait.look()
        if not wait.ended:
            ask, wait.ask = wait.ask, None
            return [*effects, *(ask() if ask is not None else [])]
        self._end(wait)
        if wait.failure:
            effects += self.fail_at(wait.source, wait.start, wait.failure)
        return effects

    def look(self) -> list[Effect]:
        """Something was learnt that what is waited for may be about."""
        return [effect for wait in self.waits for effect in self.settle(wait)]

    @property
    def waits(self) -> list[Wait]:
        """What the lines wait for, and what goes on beside them."""
        return [wait for wait in (self.awaited, self.panel) if wait is not None]

    def _end(self, wait: Wait) -> None:
        if self.awaited is wait:
            self.awaited = None
        else:
            self.panel = None

    def _timed_out(self, request: Request, timeout: float) -> list[Effect]:
        needing = self.queue.needing
        if request.source is None and needing is not None and not self.interactive:
            self.forget_lines()
            text = f"no reply to {request.name} within {timeout:g} s; nothing was sent"
            return self.give_up(self.place(needing.source, 0, text))
        if request.source is None:
            request.abandoned = True
            return [*answer_own(request, None), *self._advance()]
        text = f"no reply to {request.label} within {timeout:g} s; its outcome is unknown"
        if self.interactive:
            request.abandoned = True
            return [Tell(text, is_error=True), *self._advance()]
        self.forget_lines()
        return self.give_up(self.place(request.source, request.start, text))

    # -- failures and ends ---------------------------------------------------------------------

    def fail_at(self, source: Source | None, start: int, text: str) -> list[Effect]:
        """A line has failed, at this place of it."""
        self.mark_failed()
        return [Tell(self.place(source, start, text), is_error=True), *self.stop_on_error()]

    def line_error(self, source: Source, error: LineError) -> list[Effect]:
        self.mark_failed()
        text = line_message(source, error, named=self._is_named(source))
        return [Tell(text, is_error=True), *self.stop_on_error()]

    def mark_failed(self) -> None:
        if self.status == exits.OK:
            self.status = exits.FAILED

    def stop_on_error(self) -> list[Effect]:
        if not self.settings.stop_on_error or self.interactive:
            return []
        line = self.queue.current
        if line is not None and line.destination is not None and self.queue.opening is None:
            return self.leave()  # once the replies so far are where they belong
        self.forget_lines()
        return [Leave(self.status)]

    def forget_lines(self) -> None:
        self.queue.clear()
        self.awaited = self.panel = None

    def _leave_if_done(self) -> list[Effect]:
        if not self._leaving or self.queue.lines or self.awaited is not None:
            return []
        if self.queue.needing is not None or self.queue.current is not None:
            return []
        return self._left() if self.waiting is None else []

    def _tell_delay(self) -> list[Effect]:
        waiting = self.waiting
        label = waiting.label if waiting is not None else None
        if label is None:
            return []
        return [Tell(f"leaving when {escape(label)} is answered; Ctrl-D leaves now")]

    def _left(self) -> list[Effect]:
        if self.lost and not self.link.ended_well:
            return [Leave(exits.CONNECTION)]
        return [Leave(exits.OK if self.interactive else self.status)]

    def _ended(self) -> list[Effect]:
        effects: list[Effect] = []
        for item in self.link.protocol.receive_end():
            if isinstance(item, Foreign):
                return self.fail_link(explain_garbage(self.link.address, item.raw))
            effects.append(ShowStray(item, "cut off"))
        return effects + self.connection_lost("")

    def fail_link(self, text: str) -> list[Effect]:
        """The connection is of no use."""
        self.link.end()
        self.forget_lines()
        return self.give_up(text)

    def give_up(self, text: str) -> list[Effect]:
        """Say why there is no server; a script ends with that."""
        self.status = exits.CONNECTION
        tell = Tell(text, is_error=True)
        return [tell] if self.interactive else [tell, Leave(exits.CONNECTION)]

    def place(self, source: Source | None, start: int, text: str) -> str:
        if source is None or not self._is_named(source):
            return text
        return placed(source, start, text)

    def _is_named(self, source: Source) -> bool:
        """Whether a person must be told in which file a line stands."""
        return not self.interactive or source.name in self.source_depth


def _is_local(prepared: Prepared, name: str) -> bool:
    """Whether the line is one local command, of this name."""
    plan = prepared.plan
    if plan is None or len(plan.actions) != 1:
        return False
    action = plan.actions[0]
    return isinstance(action, LocalCommand) and action.name == name and not plan.destination


def _overtakes(prepared: Prepared) -> bool:
    """Whether the line waits for none before it."""
    return any(_is_local(prepared, name) for name in _AT_ONCE)


def _leaves(prepared: Prepared) -> bool:
    plan = prepared.plan
    if plan is None or len(plan.actions) != 1:
        return False
    action = plan.actions[0]
    if isinstance(action, LocalCommand):
        return action.name == "/quit" and not action.tokens
    return is_exit(action)


def _more(unsent: int) -> str:
    return f"{unsent} more was not sent" if unsent == 1 else f"{unsent} more were not sent"
