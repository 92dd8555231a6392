"""The requests, replies and events of a Python program's connection, without I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from .errors import (
    CommandError,
    ConnectionLost,
    NegotiationError,
    NoGreetingError,
    ProtocolError,
    ReplyTimeout,
)
from .qmp import (
    INSPECTION_DELAY,
    NEGOTIATING,
    READY,
    REFUSED,
    SILENCE_DELAY,
    AgentProtocol,
    Event,
    Greeting,
    NotQmp,
    QmpProtocol,
    Reply,
    command_facts,
    decode,
    encode,
    encode_message,
    is_too_deep,
)
from .session import (
    echoes,
    explain_garbage,
    explain_peer,
    explain_quiet_agent,
    explain_silence,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from .transport import Peer, Stream

    Match = Callable[[dict[str, Any]], bool] | Mapping[str, Any]

# Seconds until an agent is asked again, at first and at most; it may not run yet.
_FIRST_RETRY = 2.0
_LAST_RETRY = 5.0
_MAX_EVENTS = 100_000
# After an exception of a signal handler, it is unknown which part was sent, or parsed.
_INTERRUPTED = "an exception interrupted the connection in the middle of a message"


def greeting_waits(timeout: float, *, agent: bool) -> Iterator[float]:
    """Yield the seconds to wait for the greeting or the agent each time, `timeout` in total."""
    pause = _FIRST_RETRY if agent else INSPECTION_DELAY
    while pause < timeout:
        yield pause
        timeout -= pause
        following = SILENCE_DELAY if pause < SILENCE_DELAY else timeout
        pause = min(2 * pause, _LAST_RETRY) if agent else following
    yield timeout


def describe_match(match: Match | None) -> str:
    """Return the condition of a wait for an event for messages, or ""."""
    if not isinstance(match, Mapping):
        return ""
    return " with " + ", ".join(f"{name}={value}" for name, value in match.items())


class PendingReply:
    """A message that is sent as `data`, and its `reply`, which is None until it arrives.

    `is_silent` is true if a success has no reply. `is_lost` is true if the server was restarted.
    `on_change` is called when either the reply or the restart arrives.
    """

    __slots__ = ("_has_own_id", "_id", "data", "is_lost", "is_silent", "on_change", "reply", "what")

    def __init__(self, message: dict[str, Any], *, has_own_id: bool, is_silent: bool) -> None:
        name = message.get("execute", message.get("exec-oob", "the message"))
        self.what = f"the reply to {name}"
        self.data = encode_message(message)
        self.is_silent = is_silent
        self.reply: dict[str, Any] | None = None
        self.is_lost = False
        self.on_change: Callable[[], object] = _ignore
        self._id = message.get("id")
        if self._id is not None and not has_own_id:
            # As the server reads it: a tuple becomes a list, and keys become strings.
            self._id = decode(encode(self._id).encode())
        self._has_own_id = has_own_id

    @property
    def has_ended(self) -> bool:
        """Whether the reply is there, or will not arrive."""
        return self.reply is not None or self.is_lost

    def result(self, address: str) -> dict[str, Any]:
        """Return the reply. Raises ConnectionLost if the server at `address` was restarted."""
        if self.reply is None:
            raise ConnectionLost(
                f"{address}: the server was restarted; {self.what} will not arrive"
            )
        return self.reply

    def answers(self, reply: dict[str, Any]) -> bool:
        """Return True if `reply` belongs to this message.

        An error without an id answers a message that the server could not parse (qmp-spec, "Error").
        """
        return echoes(self._id, reply.get("id", self._id if "error" in reply else None))

    def resolve(self, reply: dict[str, Any]) -> None:
        """Set the reply, without an id that was added to the message."""
        if self._has_own_id:
            reply = {name: value for name, value in reply.items() if name != "id"}
        self.reply = reply
        self.on_change()


def result_of(reply: dict[str, Any]) -> Any:
    """Return the result in a reply. Raises CommandError for an error."""
    if "error" in reply:
        raise CommandError(reply)
    return reply["return"]


class EventSearch:
    """Waits for one event, which it removes from the others. `on_change` is called at the end.

    `position` is the number of events before it. `error` is an exception of `match`.
    """

    def __init__(self, name: str, match: Match | None) -> None:
        self._name = name
        self._match = match
        self.event: dict[str, Any] | None = None
        self.position = 0
        self.error: BaseException | None = None
        self.is_returned = False
        self.on_change: Callable[[], object] = _ignore

    @property
    def has_ended(self) -> bool:
        """Whether the event or an exception of `match` is there."""
        return self.event is not None or self.error is not None

    @property
    def what(self) -> str:
        """The event in words."""
        return f"event {self._name}{describe_match(self._match)}"

    def result(self) -> dict[str, Any]:
        """Return the event, or raise the exception of `match`."""
        if self.error is not None:
            raise self.error
        assert self.event is not None
        self.is_returned = True
        return self.event

    def offer(self, event: dict[str, Any]) -> bool:
        """Return True if this is the event, which then belongs to the search."""
        try:
            if event["event"] != self._name or not self._accepts(event.get("data", {})):
                return False
        except Exception as error:  # of the caller's function
            self.error = error
            self.on_change()
            return False
        self.event = event
        self.on_change()
        return True

    def _accepts(self, data: Any) -> bool:
        match = self._match
        if isinstance(match, Mapping):
            return isinstance(data, dict) and all(
                name in data and data[name] == value for name, value in match.items()
            )
        return match is None or match(data)


class ClientState:
    """A connection without its stream: requests and received bytes in, replies and events out."""

    def __init__(self, address: str, *, negotiate: bool, agent: bool) -> None:
        self.address = address
        self.agent = AgentProtocol(negotiate=negotiate) if agent else None
        self.protocol = self.agent or QmpProtocol(negotiate=negotiate)
        # The events that no search has removed. The oldest are dropped if they are too many.
        self.events: deque[dict[str, Any]] = deque()
        self.events_dropped = 0
        self._searches: list[EventSearch] = []
        # In the order of the requests; also those that nobody waits for, whose replies are discarded.
        self._pending: deque[PendingReply] = deque()
        self._count = 0
        # What has answered instead of a QMP server, or None.
        self._failure: str | None = None

    # -- negotiation

    @property
    def is_negotiated(self) -> bool:
        """Whether the negotiation has ended; then call `check_negotiation`."""
        return self._failure is not None or self.protocol.state in (READY, REFUSED)

    def check_negotiation(self) -> None:
        """Raise ProtocolError if it is not a QMP server, NegotiationError if it has refused."""
        if self._failure is not None:
            raise ProtocolError(self._failure)
        refusal = self.protocol.refusal
        if refusal is not None:
            raise NegotiationError(
                f"{self.address}: the server refused to negotiate: {refusal.desc}"
            )

    def check_kind(self, peer: Peer | None) -> None:
        """Raise ProtocolError if the silent server certainly is not a QMP server."""
        has_answered = bool(self.protocol.pending) or self.protocol.state == NEGOTIATING
        text, is_fatal = explain_peer(self.address, peer, has_answered=has_answered)
        if is_fatal and self.agent is None:
            raise ProtocolError(text)

    def needs_waking(self, seconds: float) -> bool:
        """Return True if `wake_server` may help after `seconds` without an answer."""
        return (
            seconds >= SILENCE_DELAY and self.agent is None and self.protocol.state == NEGOTIATING
        )

    def no_greeting_error(self, peer: Peer | None) -> ReplyTimeout:
        """Return the exception about a server that does not answer."""
        pending, greeted = self.protocol.pending, self.protocol.state == NEGOTIATING
        if self.agent is not None:
            return NoGreetingError(explain_quiet_agent(self.address, pending, peer=peer))
        text = explain_silence(self.address, pending, greeted=greeted, peer=peer)
        return ReplyTimeout(text) if pending or greeted else NoGreetingError(text, busy=True)

    # -- requests

    def make_request(self, message: dict[str, Any], *, needs_id: bool = True) -> PendingReply:
        """Return the request for a complete message. If it has no `id`, one is added.

        Without `needs_id`, replies arrive in the order of the requests. Raises ValueError if the
        message cannot be JSON, or is nested deeper than QEMU accepts.
        """
        has_own_id = needs_id and "id" not in message and self.protocol.echoes_ids
        if has_own_id:
            self._count += 1
            message = {**message, "id": f"qmpshell-{self._count}"}
        name = str(message.get("execute", ""))
        is_silent = self.agent is not None and not command_facts(name).replies_on_success
        request = PendingReply(message, has_own_id=has_own_id, is_silent=is_silent)
        if is_too_deep(request.data):
            raise ValueError("the message is nested deeper than QEMU accepts; nothing was sent")
        return request

    def expect(self, request: PendingReply) -> None:
        """Wait for the reply to a request that was sent."""
        request.data = b""
        self._pending.append(request)

    def abandon(self, request: PendingReply) -> None:
        """Discard the reply of a request, when it arrives."""
        request.on_change = _ignore
        if request.is_silent and request in self._pending:
            self._pending.remove(request)  # there may never be one
            if self.agent is not None and not self.agent.echoes_ids and not self._pending:
                # Without an id, a late error could be taken for the next reply.
                self.agent.discard_replies()

    # -- events

    def search(self, name: str, match: Match | None) -> EventSearch:
        """Search the events, and then those to come, for the first called `name` that matches."""
        search = EventSearch(name, match)
        for number, event in enumerate(self.events):
            if search.offer(event):
                del self.events[number]
            if search.has_ended:
                return search
        self._searches.append(search)
        return search

    def end_search(self, search: EventSearch) -> None:
        """Forget a search. Its event is put back if `result` has not returned it."""
        if search in self._searches:
            self._searches.remove(search)
        if search.event is not None and not search.is_returned and not self._offer(search.event):
            self.events.insert(search.position, search.event)

    # -- input

    def receive(self, data: bytes) -> None:
        """Handle received bytes; b"" is the end of the stream."""
        for item in self.protocol.receive(data) if data else self.protocol.receive_end():
            if isinstance(item, Reply):
                self._on_reply(item.value)
            elif isinstance(item, Event):
                self._on_event(item.value)
            elif isinstance(item, Greeting):
                self._on_greeting()
            elif isinstance(item, NotQmp) and self._failure is None:
                is_agent = self.agent is not None
                self._failure = explain_garbage(self.address, item.raw, agent=is_agent)

    def _on_reply(self, reply: dict[str, Any]) -> None:
        for number, request in enumerate(self._pending):
            if request.answers(reply):
                del self._pending[number]
                request.resolve(reply)
                return

    def _offer(self, event: dict[str, Any]) -> bool:
        """Return True if a search takes the event."""
        for search in list(self._searches):
            is_found = search.offer(event)
            if search.has_ended:
                self._searches.remove(search)
            if is_found:
                search.position = len(self.events)
                return True
        return False

    def _on_event(self, event: dict[str, Any]) -> None:
        if self._searches and self._offer(event):
            return
        if len(self.events) >= _MAX_EVENTS:
            self.events.popleft()
            self.events_dropped += 1
        self.events.append(event)

    def _on_greeting(self) -> None:
        if self.protocol.state == NEGOTIATING:  # a server that was restarted forgets its commands
            lost, self._pending = self._pending, deque()
            for request in lost:
                request.is_lost = True
                request.on_change()


class ClientBase:
    """The base class of the blocking and of the asyncio connection."""

    def __init__(self, stream: Stream, *, address: str, negotiate: bool, agent: bool) -> None:
        self._stream = stream
        self._address = address
        self._state = ClientState(address, negotiate=negotiate, agent=agent)
        self._closed = False
        self._lost: str | None = None  # the reason

    def _check_open(self, consequence: str) -> None:
        if self._closed:
            raise ConnectionLost(f"{self._address}: the connection is closed; {consequence}")
        if self._lost is not None:
            raise ConnectionLost(f"{self._address}: {self._lost}; {consequence}")

    def _end(self, reason: str) -> None:
        """Handle the end of the connection."""
        if self._lost is None:
            self._lost = reason

    def _receive(self) -> bool:
        """Send queued data and handle received data. Return True if there was some."""
        if self._lost is not None:
            return False
        try:
            self._stream.flush()
            data = self._stream.read()
            if data is not None:
                self._state.receive(data)
        except ConnectionLost as error:
            self._end(f"connection lost: {error}")
            return False
        except BaseException:
            self._end(_INTERRUPTED)
            self._stream.shut_down()
            raise
        if data == b"":
            self._end("connection lost: the server closed it")
        elif data is not None:
            self._answer_handshake()
        return bool(data)

    def _receive_rest(self) -> None:
        """Handle what the server has sent before it closed the connection."""
        while self._receive():
            pass

    def _answer_handshake(self) -> None:
        answer = self._state.protocol.data_to_send()
        if answer and self._lost is None:
            self._write(answer, ())

    def _write(
        self, data: bytes, descriptors: Sequence[int], requests: Sequence[PendingReply] = ()
    ) -> None:
        """Send the data of `requests` after that of the handshake, or handle the end of the connection."""
        try:
            self._stream.write(self._state.protocol.data_to_send() + data, descriptors)
            for request in requests:
                self._state.expect(request)
        except ConnectionLost as error:
            self._receive_rest()
            self._end(f"connection lost: {error}")
        except BaseException:
            self._end(_INTERRUPTED)
            self._stream.shut_down()
            raise

    @property
    def greeting(self) -> dict[str, Any] | None:
        """The server's greeting, or None without negotiation."""
        greeting = self._state.protocol.greeting
        return greeting.value if greeting is not None else None

    @property
    def capabilities(self) -> frozenset[str]:
        """The negotiated capabilities: `oob` if the server supports it."""
        return self._state.protocol.capabilities

    @property
    def events_dropped(self) -> int:
        """The number of events that were dropped because the program did not read them."""
        return self._state.events_dropped

    def clear_events(self) -> list[dict[str, Any]]:
        """Remove and return the events received so far, without reading from the connection."""
        events = list(self._state.events)
        self._state.events.clear()
        return events


def _ignore() -> None:
    """Do nothing."""
