"""One session: what comes from the user and from the server, to what is to be done.

Owns: the order of things. The queue, who waits for which reply, what a loss means, how a session ends.
Must not know: sockets, descriptors, terminals, clocks (`now` is handed in, in seconds of any
monotonic clock). The script runner and the terminal are its two drivers: they carry out the effects
that every call returns, in order.
"""

from __future__ import annotations

from collections import deque

from . import exits
from .diagnosis import explain_garbage, explain_silence
from .effects import (
    Ask,
    Effect,
    Greeted,
    Learned,
    Leave,
    Send,
    ShowEvent,
    ShowReply,
    ShowStray,
    Tell,
)
from .guard import destroys
from .protocol.commands import command_object, encode_message
from .protocol.human_monitor import CPU_COMMAND, failed, human_text
from .protocol.messages import Event, Foreign, Garbage, Greeting, Reply
from .protocol.negotiation import GREETING, READY, REFUSED, QmpProtocol
from .render.diagnostics import line_message, placed
from .render.escape import escape
from .requests import Prepared, Request, Source, encode_human, prepare, prepare_human

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .protocol.messages import Item
    from .settings import Settings

# Seconds without a greeting until the user is told why that may be, and until a script gives up.
_SILENCE = 2.0
_GIVE_UP = 5.0

_UNCONNECTED = "unconnected"
_CONNECTED = "connected"
_LOST = "lost"


class Session:
    """`address` is how the server is named in messages. `interactive` means: a person waits, who is
    asked before what destroys, who may type on while a reply is awaited, and whom nothing throws out.
    """

    def __init__(self, settings: Settings, *, address: str, interactive: bool) -> None:
        self._settings = settings
        self._address = address
        self._interactive = interactive
        self._protocol = QmpProtocol(negotiate=settings.negotiate)
        self._link = _UNCONNECTED
        self._queue: deque[Request] = deque()
        self._in_flight: deque[Request] = deque()
        self._asking: Request | None = None
        self._cpu: int | None = None
        self._count = 0
        self._leaving = False
        self._quit_answered = False
        self._shutdown_seen = False
        self._silence_at: float | None = None
        self._give_up_at: float | None = None
        self.status = exits.OK

    # -- what the driver asks ------------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """Whether all lines so far are dealt with, and the next can be."""
        return not self._queue and not self._in_flight and self._ready

    @property
    def _ready(self) -> bool:
        return self._link != _CONNECTED or self._protocol.state == READY

    @property
    def lost(self) -> bool:
        return self._link == _LOST

    @property
    def waiting(self) -> Request | None:
        """The oldest request whose reply is awaited."""
        return next(
            (one for one in self._in_flight if one.source is not None and not one.abandoned), None
        )

    @property
    def _unsent(self) -> int:
        return sum(request.source is not None for request in self._queue)

    @property
    def _holding(self) -> Request | None:
        """The request that holds up the queue: the user's, or a question of our own."""
        return next((one for one in self._in_flight if not one.abandoned), None)

    @property
    def greeting(self) -> Greeting | None:
        return self._protocol.greeting

    @property
    def deadline(self) -> float | None:
        """When `tick` is due at the latest; None where nothing depends on time."""
        times = [time for time in (self._silence_at, self._give_up_at) if time is not None]
        holding = self._holding
        if self._settings.timeout is not None and holding is not None:
            times.append(holding.sent_at + self._settings.timeout)
        return min(times, default=None)

    # -- the connection ------------------------------------------------------------------------

    def connected(self, now: float, *, give_up_at: float | None = None) -> list[Effect]:
        """The stream is open. `give_up_at` is when `--wait` ends."""
        self._link = _CONNECTED
        if self._protocol.state != READY:
            self._expect_answer(now, give_up_at=give_up_at)
            return []
        return [Greeted(), *self._pump(now)]

    def receive(self, data: bytes, now: float) -> list[Effect]:
        """Bytes from the server; b"" is its end."""
        if not data:
            return self._ended(now)
        protocol = self._protocol
        was_ready = protocol.state == READY
        effects: list[Effect] = []
        for item in protocol.receive(data):
            effects += self._item(item, now)
            if self._link == _LOST:
                return effects
        answer = protocol.data_to_send()
        if answer:
            effects.append(Send(answer))
            was_ready = False
        if protocol.state == REFUSED:
            assert protocol.refusal is not None
            effects += self._fail(
                f"{self._address}: the server refuses: {escape(protocol.refusal.desc)}"
            )
        elif protocol.state == READY and not was_ready:
            self._silence_at = self._give_up_at = None
            effects.append(Greeted())
        return [*effects, *self._pump(now), *self._leave_if_done()]

    def connection_lost(self, reason: str) -> list[Effect]:
        """The stream broke; `reason` is empty where the server just closed it."""
        return self._lost(reason)

    # -- the user ------------------------------------------------------------------------------

    def prepare(self, source: Source) -> Prepared:
        """Read a line, which may be done while an earlier one is under way."""
        if self._settings.hmp:
            return prepare_human(source, next_id=self._next_id)
        return prepare(source, next_id=self._next_id)

    def submit(self, prepared: Prepared, now: float) -> list[Effect]:
        """Queue a line that was read, or say why it could not be read."""
        if prepared.error is not None:
            self._failed()
            return [
                Tell(
                    line_message(prepared.source, prepared.error, named=not self._interactive),
                    is_error=True,
                ),
                *self._stop_on_error(),
            ]
        self._leaving |= prepared.leaves
        if prepared.requests and self._link == _LOST:
            text = self._placed(prepared.requests[0], "not connected; nothing was sent")
            return [Tell(text, is_error=True), *self._leave(exits.CONNECTION)]
        self._queue += prepared.requests
        return [*self._pump(now), *self._leave_if_done()]

    def learn(self, name: str, now: float) -> list[Effect]:
        """Ask the server something of our own; the answer comes as Learned, an error as nothing."""
        message = command_object(name) | {"id": self._own_id()}
        request = Request(message, data=encode_message(message), source=None, own_id=message["id"])
        self._queue.append(request)
        return self._pump(now)

    def leave(self) -> list[Effect]:
        """The person leaves."""
        if self.lost and not self._ended_well:
            return [Leave(exits.CONNECTION)]
        return [Leave(exits.OK if self._interactive else self.status)]

    def answer(self, *, go_on: bool, now: float) -> list[Effect]:
        """The person's answer to Ask."""
        request, self._asking = self._asking, None
        if request is None or not self._queue or self._queue[0] is not request:
            return []
        if not go_on:
            self._queue.popleft()
            return [Tell("not sent"), *self._pump(now)]
        return self._pump(now, confirmed=request)

    def abandon(self, now: float) -> list[Effect]:
        """Wait no longer for the oldest reply: it will be shown as late."""
        request = self._holding
        if request is None or (request.source is None and not self._queue):
            return self._drop_queue()
        request.abandoned = True
        if request.source is None:
            return self._pump(now)
        text = f"no longer waiting for the reply to {_label(request)}; it may still be carried out"
        return [Tell(text), *self._pump(now), *self._leave_if_done()]

    def _drop_queue(self) -> list[Effect]:
        """Forget the lines that wait for the server to be ready."""
        count = self._unsent
        self._queue.clear()
        return [Tell(f"{count} {_were(count)} not sent")] if count else []

    def end_of_input(self, now: float) -> list[Effect]:
        """No line will follow, and all are dealt with."""
        return self.leave()

    def tick(self, now: float) -> list[Effect]:
        """Do what is due by now."""
        effects: list[Effect] = []
        if self._give_up_at is not None and now >= self._give_up_at:
            return self._fail(self._diagnose_silence())
        if self._silence_at is not None and now >= self._silence_at:
            self._silence_at = None
            effects.append(Tell(self._diagnose_silence()))
        timeout, request = self._settings.timeout, self._holding
        if timeout is not None and request is not None and now >= request.sent_at + timeout:
            effects += self._timed_out(request, timeout, now)
        return effects

    # -- inside --------------------------------------------------------------------------------

    def _next_id(self) -> str | None:
        # A script has one command in flight, which needs no id; an id costs QEMU a fifth of its time.
        return self._own_id() if self._interactive else None

    def _own_id(self) -> str:
        self._count += 1
        return f"qmpshell-{self._count}"

    def _expect_answer(self, now: float, *, give_up_at: float | None) -> None:
        """From now on the negotiation must get on."""
        self._silence_at = now + _SILENCE
        if not self._interactive:
            self._give_up_at = give_up_at if give_up_at is not None else now + _GIVE_UP

    def _pump(self, now: float, *, confirmed: Request | None = None) -> list[Effect]:
        """Send the next request if nothing stands in the way."""
        if not self._queue or self._link != _CONNECTED or self._protocol.state != READY:
            return []
        if self._asking is not None or self._holding is not None:
            return []
        request = self._queue[0]
        if self._interactive and request is not confirmed:
            what = destroys(request)
            if what:
                self._asking = request
                return [Ask(what, request)]
        self._queue.popleft()
        if request.text is not None:
            encode_human(request, cpu=self._cpu)
        request.sent_at = now
        self._in_flight.append(request)
        return [Send(request.data, request)]

    def _leave_if_done(self) -> list[Effect]:
        if not self._leaving or self._queue or self.waiting is not None:
            return []
        return self.leave()

    def _item(self, item: Item, now: float) -> list[Effect]:
        if isinstance(item, Reply):
            return self._reply(item, now)
        if isinstance(item, Event):
            if item.name == "SHUTDOWN":
                self._shutdown_seen = True
            return [ShowEvent(item)]
        if isinstance(item, Greeting):
            return self._greeting(item, now)
        if isinstance(item, Foreign):
            return self._fail(explain_garbage(self._address, item.raw))
        reason = "unreadable" if isinstance(item, Garbage) else "not a message of QMP"
        return [ShowStray(item, reason)]

    def _greeting(self, greeting: Greeting, now: float) -> list[Effect]:
        if not self._settings.negotiate:
            return [ShowStray(greeting, "")] if self._interactive else []
        if self._silence_at is None and self._give_up_at is None:
            self._expect_answer(now, give_up_at=None)
        lost = list(self._in_flight)
        self._in_flight.clear()
        effects: list[Effect] = []
        for request in lost:
            if request.source is not None and not request.abandoned:
                self._failed()
                text = f"the server started anew; the outcome of {_label(request)} is unknown"
                effects.append(Tell(self._placed(request, text), is_error=True))
        if lost:
            effects += self._stop_on_error()
        return effects

    def _reply(self, reply: Reply, now: float) -> list[Effect]:
        request = next((one for one in self._in_flight if one.answers(reply)), None)
        if request is None:
            return [ShowStray(reply, "a reply that nobody asked for")]
        self._in_flight.remove(request)
        if request.source is None:
            return [Learned(request.name, reply.value["return"])] if not reply.is_error else []
        elapsed = now - request.sent_at
        late = request.abandoned
        effects: list[Effect] = [ShowReply(reply, request, late=late, elapsed=elapsed)]
        if reply.is_error:
            effects += self._error_reply(reply, request)
        elif request.text is not None:
            effects += self._human_reply(request, human_text(reply.value.get("return", "")))
        elif _is_quit(request):
            self._quit_answered = True
        return effects

    def _error_reply(self, reply: Reply, request: Request) -> list[Effect]:
        refused = request.name == "qmp_capabilities" and reply.error_class == "CommandNotFound"
        if refused and self._settings.negotiate:
            text = (
                "qmpshell has negotiated already; with -N (--skip-negotiation) this is yours to do"
            )
            return [Tell(self._placed(request, text))]
        self._failed()
        return self._stop_on_error()

    def _human_reply(self, request: Request, text: str) -> list[Effect]:
        assert request.text is not None
        if failed(text):
            self._failed()
            return self._stop_on_error()
        chosen = CPU_COMMAND.fullmatch(request.text)
        if chosen:
            self._cpu = int(chosen[1])
        if _is_quit(request):
            self._quit_answered = True
        return []

    def _failed(self) -> None:
        if self.status == exits.OK:
            self.status = exits.FAILED

    def _stop_on_error(self) -> list[Effect]:
        if not self._settings.stop_on_error or self._interactive:
            return []
        self._queue.clear()
        return [Leave(self.status)]

    def _timed_out(self, request: Request, timeout: float, now: float) -> list[Effect]:
        if request.source is None:
            request.abandoned = True
            return self._pump(now)
        text = f"no reply to {_label(request)} within {timeout:g} s; its outcome is unknown"
        if self._interactive:
            request.abandoned = True
            return [Tell(text, is_error=True), *self._pump(now)]
        self._queue.clear()
        self.status = exits.CONNECTION
        return [Tell(self._placed(request, text), is_error=True), Leave(exits.CONNECTION)]

    @property
    def _ended_well(self) -> bool:
        return self._quit_answered or self._shutdown_seen

    def _ended(self, now: float) -> list[Effect]:
        effects: list[Effect] = []
        for item in self._protocol.receive_end():
            if isinstance(item, Foreign):
                return self._fail(explain_garbage(self._address, item.raw))
            effects.append(ShowStray(item, "cut off"))
        return effects + self._lost("")

    def _lost(self, reason: str) -> list[Effect]:
        state = self._protocol.state
        self._link = _LOST
        self._silence_at = self._give_up_at = None
        waiting = [one for one in self._in_flight if one.source is not None and not one.abandoned]
        unsent = self._unsent
        self._in_flight.clear()
        self._queue.clear()
        self._asking = None
        why = f": {reason}" if reason else ""
        if state != READY:
            when = "before the server greeted" if state == GREETING else "during the negotiation"
            text = f"{self._address}: the connection was closed {when}{why}"
            if unsent and self._interactive:
                text += f"; {unsent} {_were(unsent)} not sent"
            return [Tell(text, is_error=True), *self._leave(exits.CONNECTION)]
        if self._ended_well and all(map(_is_quit, waiting)) and not unsent:
            return [Tell("the server has exited")] if self._interactive else []
        if waiting:
            request = waiting[0]
            text = f"connection lost{why} while waiting for the reply to {_label(request)}"
            text = self._placed(request, f"{text}; its outcome is unknown")
        else:
            text = f"{self._address}: connection lost{why}"
        if unsent:
            text += f"; {unsent} more {_were(unsent)} not sent"
        return [Tell(text, is_error=True), *self._leave(exits.CONNECTION)]

    def _fail(self, text: str) -> list[Effect]:
        """The connection is of no use."""
        self._link = _LOST
        self._silence_at = self._give_up_at = None
        self._queue.clear()
        return [Tell(text, is_error=True), *self._leave(exits.CONNECTION)]

    def _leave(self, status: int) -> list[Effect]:
        self.status = status
        return [] if self._interactive else [Leave(status)]

    def _diagnose_silence(self) -> str:
        return explain_silence(
            self._address, self._protocol.pending, greeted=self._protocol.state != GREETING
        )

    def _placed(self, request: Request, text: str) -> str:
        if self._interactive or request.source is None:
            return text
        return placed(request.source, request.start, text)


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _is_quit(request: Request) -> bool:
    if request.name == "human-monitor-command":
        return request.arguments.get("command-line") in ("quit", "q")
    return request.name == "quit"


def _label(request: Request) -> str:
    return request.text or request.name or "the command"
