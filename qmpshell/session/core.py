"""The session itself: the order of things.

Owns: what is sent when, and who waits for which reply. Must not know: sockets, descriptors, terminals,
clocks (`now` is handed in, in seconds of any monotonic clock). The script runner and the terminal are
its two drivers: they carry out the effects that every call returns, in order.
"""

from __future__ import annotations

from collections import deque

from ..effects import (
    Effect,
    Greeted,
    Send,
    ShowReply,
    Tell,
)
from ..errors import LineError
from ..language.facts import Facts
from ..protocol.commands import command_object, encode_message
from ..protocol.messages import Event, Greeting, Reply
from ..protocol.negotiation import READY, REFUSED
from ..render.escape import escape
from ..requests import (
    Prepared,
    Request,
    Source,
)
from .connecting import Connecting
from .ending import Ending
from .failures import Failures
from .holdup import describe_hold_up, is_held_up
from .incoming import Incoming
from .intake import Intake
from .lines import LineRunner
from .link import CONNECTED, LOST, OFFLINE, UNCONNECTED, Link
from .logbook import Logbook
from .outstanding import Outstanding, answer_own
from .queue import LineQueue, were_not_sent
from .timing import Timing
from .waiting import Waiting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..language.command import Destination
    from ..manual.library import Library
    from ..ports import Ports
    from ..settings import Settings
    from .machine import Machine
    from .probes import Probes

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
        from .probes import Probes  # a script asks nothing

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
