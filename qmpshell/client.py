"""A blocking QMP client for Python programs.

It uses no event loop and no threads. Use a connection from one thread at a time.
"""

from __future__ import annotations

import math
import os
import select
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, Protocol, Self

from .errors import (
    AddressError,
    CommandError,
    ConnectionLost,
    NegotiationError,
    ProtocolError,
    ReplyTimeout,
)
from .qmp import (
    NEGOTIATING,
    READY,
    REFUSED,
    Event,
    Item,
    NotQmp,
    QmpProtocol,
    Reply,
    command_object,
    encode_message,
)
from .session import explain_garbage, explain_silence
from .transport import Listener, Stream, connect_with_retries, parse_address


class HasFileno(Protocol):
    """An open file or socket."""

    def fileno(self) -> int:
        """Return its descriptor."""


File = int | HasFileno

_GREETING_TIMEOUT = 5.0
_MAX_EVENTS = 100_000


def connect(
    address: str,
    *,
    negotiate: bool = True,
    wait: float | None = None,
    timeout: float | None = None,
    greeting_timeout: float = _GREETING_TIMEOUT,
) -> Connection:
    """Connect to the server at `address`, which has any form that the command line accepts.

    `wait` retries for that many seconds if the server is not there yet. The greeting must arrive
    within `greeting_timeout` seconds, or within the rest of `wait` if that is longer. `timeout`
    limits the wait for each later reply, in seconds; None means no limit. With `negotiate=False`,
    nothing is sent and no greeting is expected.

    Raises AddressError, ConnectError, ProtocolError, NegotiationError, ReplyTimeout or
    ConnectionLost.
    """
    begun = time.monotonic()
    stream = connect_with_retries(
        parse_address(address, exists=os.path.exists),
        wait=wait,
        clock=time.monotonic,
        sleep=time.sleep,
    )
    left = max(greeting_timeout, (wait or 0.0) - (time.monotonic() - begun))
    connection = Connection(stream, address=address, negotiate=negotiate, timeout=timeout)
    connection._connect(left)
    return connection


def listen(address: str) -> Server:
    """Listen at `address` for a QEMU that connects (`-qmp unix:PATH` without server=on).

    Raises AddressError, or ConnectError if the address is in use or cannot be bound.
    """
    return Server(address)


class Server:
    """A listening socket for QEMU to connect to. `close` removes its path."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._listener = Listener(parse_address(address, exists=os.path.exists))

    def accept(
        self,
        *,
        negotiate: bool = True,
        wait: float | None = None,
        timeout: float | None = None,
        greeting_timeout: float = _GREETING_TIMEOUT,
    ) -> Connection:
        """Return the connection of the next client within `wait` seconds; see `connect`."""
        stream = self._listener.accept(timeout=wait)
        connection = Connection(stream, address=self._address, negotiate=negotiate, timeout=timeout)
        connection._connect(greeting_timeout)
        return connection

    def close(self) -> None:
        """Stop listening, and remove the socket's path."""
        self._listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class Connection:
    """A negotiated QMP connection. Iterating over it yields events, without end.

    The connection keeps the newest 100,000 events until the program reads them; `events_dropped`
    counts the others. Replies are matched by id, so a reply that arrives after its timeout is
    discarded.
    """

    def __init__(
        self, stream: Stream, *, address: str, negotiate: bool = True, timeout: float | None = None
    ) -> None:
        self._stream = stream
        self._address = address
        self._protocol = QmpProtocol(negotiate=negotiate)
        self._events: deque[dict[str, Any]] = deque()
        self._replies: deque[Reply] = deque()
        self._count = 0
        self._closed = False
        self._lost: str | None = None
        self.timeout = timeout
        self.events_dropped = 0

    def _connect(self, timeout: float) -> None:
        try:
            self._receive_until(lambda: self._protocol.state in (READY, REFUSED), timeout)
        except ReplyTimeout:
            text = explain_silence(
                self._address,
                self._protocol.pending,
                greeted=self._protocol.state == NEGOTIATING,
            )
            self.close()
            raise ReplyTimeout(text) from None
        except BaseException:
            self.close()
            raise
        refusal = self._protocol.refusal
        if refusal is not None:
            self.close()
            raise NegotiationError(
                f"{self._address}: the server refused to negotiate: {refusal.desc}"
            )

    def execute(
        self,
        name: str,
        arguments: dict[str, Any] | None = None,
        *,
        oob: bool = False,
        timeout: float | Literal["default"] | None = "default",
        fds: Sequence[File] = (),
    ) -> Any:
        """Run a command and return its result.

        `fds` are open files or descriptors to pass along, for commands such as `getfd`; they stay
        open here. `oob` runs it out of band if the server supports that (see `capabilities`). `timeout` is in
        seconds; None means no limit, and the default is the connection's.

        Raises CommandError for an error reply, ReplyTimeout or ConnectionLost, and AddressError if
        files cannot be passed over this transport.
        """
        reply = self.send(command_object(name, arguments, oob=oob), timeout=timeout, fds=fds)
        if "error" in reply:
            raise CommandError(reply)
        return reply["return"]

    def send(
        self,
        message: dict[str, Any],
        *,
        timeout: float | Literal["default"] | None = "default",
        fds: Sequence[File] = (),
    ) -> dict[str, Any]:
        """Send a complete QMP message and return the complete reply, also if it is an error.

        If the message has no `id`, one is added and removed from the reply. `fds` are passed along.
        Raises ReplyTimeout or ConnectionLost, and AddressError if files cannot be passed.
        """
        added = "id" not in message
        if added:
            self._count += 1
            message = {**message, "id": f"qmpshell-{self._count}"}
        expected = message["id"]
        self._write(encode_message(message), fds)
        seconds = self.timeout if timeout == "default" else timeout
        what = message.get("execute", message.get("exec-oob", "the message"))
        reply = self._await_reply(expected, seconds, str(what))
        if added:
            return {name: value for name, value in reply.items() if name != "id"}
        return reply

    def _await_reply(self, expected: object, timeout: float | None, what: str) -> dict[str, Any]:
        found: list[Reply] = []

        def answered() -> bool:
            while self._replies and not found:
                reply = self._replies.popleft()
                # An error without an id answers a message that the server could not parse
                # (qmp-spec, "Error").
                if reply.value.get("id", expected if reply.is_error else None) == expected:
                    found.append(reply)
            return bool(found)

        self._receive_until(answered, timeout, f"the reply to {what}")
        return found[0].value

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self.events()

    def events(self, *, timeout: float | None = None) -> Iterator[dict[str, Any]]:
        """Yield each event once, as a complete message with `event`, `data` and `timestamp`.

        Ends when the connection is lost or closed, or after `timeout` seconds without an event.
        """
        while True:
            try:
                event = self.pull_event(timeout=timeout)
            except ConnectionLost:
                return
            if event is None:
                return
            yield event

    def pull_event(self, *, timeout: float | None = None) -> dict[str, Any] | None:
        """Return the oldest event, waiting for one if necessary, or None after `timeout` seconds.

        Raises ConnectionLost.
        """
        if not self._events:
            try:
                self._receive_until(lambda: bool(self._events), timeout)
            except ReplyTimeout:
                return None
        return self._events.popleft()

    def get_events(self) -> list[dict[str, Any]]:
        """Return all events that have arrived, without waiting."""
        while not self._closed and self._lost is None and self._poll(0):
            self._receive()
        return self.clear_events()

    def clear_events(self) -> list[dict[str, Any]]:
        """Remove and return the events received so far, without reading from the connection."""
        events = list(self._events)
        self._events.clear()
        return events

    def wait_event(
        self,
        name: str,
        *,
        match: Callable[[dict[str, Any]], bool] | None = None,
        timeout: float | None = None,
    ) -> dict[str, Any]:
        """Remove and return the first event called `name`, past or future.

        `match` receives the event's `data` and returns True to accept the event. Other events are
        kept. Raises ReplyTimeout after `timeout` seconds, or ConnectionLost.
        """
        found: list[dict[str, Any]] = []
        kept: deque[dict[str, Any]] = deque()

        def came() -> bool:
            while self._events and not found:
                event = self._events.popleft()
                fits = event["event"] == name and (match is None or match(event.get("data", {})))
                (found if fits else kept).append(event)
            return bool(found)

        try:
            self._receive_until(came, timeout, f"event {name}")
        finally:
            self._events.extendleft(reversed(kept))
        return found[0]

    @property
    def greeting(self) -> dict[str, Any] | None:
        """The server's greeting, or None without negotiation."""
        greeting = self._protocol.greeting
        return greeting.value if greeting is not None else None

    @property
    def capabilities(self) -> frozenset[str]:
        """The negotiated capabilities: `oob` if the server supports it."""
        return self._protocol.capabilities

    def fileno(self) -> int:
        """Return the descriptor, for a poll loop; `get_events` then reads."""
        return self._stream.fileno()

    def close(self) -> None:
        """Close the connection. The server continues."""
        if not self._closed:
            self._closed = True
            self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _write(self, data: bytes, files: Sequence[File] = ()) -> None:
        self._check_open("nothing was sent")
        if files and not self._stream.passes_descriptors:
            raise AddressError(f"{self._address}: files can be passed only over a UNIX socket")
        descriptors = [file if isinstance(file, int) else file.fileno() for file in files]
        self._stream.write(data, [os.dup(descriptor) for descriptor in descriptors])

    def _check_open(self, consequence: str) -> None:
        if self._closed:
            raise ConnectionLost(f"{self._address}: the connection is closed; {consequence}")
        if self._lost is not None:
            raise ConnectionLost(f"{self._address}: {self._lost}; {consequence}")

    def _receive_until(
        self, done: Callable[[], bool], timeout: float | None, what: str = "the server"
    ) -> None:
        deadline = None if timeout is None else time.monotonic() + timeout
        while not done():
            self._check_open(f"{what} will not arrive")
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left < 0:
                raise ReplyTimeout(f"{self._address}: {what} did not arrive within {timeout:g} s")
            if self._poll(left):
                self._receive()

    def _poll(self, timeout: float | None) -> bool:
        poll = select.poll()
        events = select.POLLIN | (select.POLLOUT if self._stream.want_write else 0)
        poll.register(self._stream.fileno(), events)
        return bool(poll.poll(None if timeout is None else math.ceil(max(0.0, timeout) * 1000)))

    def _receive(self) -> None:
        try:
            if self._stream.want_write:
                self._stream.flush()
            data = self._stream.read()
        except ConnectionLost as error:
            self._lost = f"connection lost: {error}"
            return
        if data is None:
            return
        if not data:
            self._lost = "connection lost: the server closed it"
        for item in self._protocol.receive(data) if data else self._protocol.receive_end():
            self._handle(item)
        answer = self._protocol.data_to_send()
        if answer:
            self._write(answer)

    def _handle(self, item: Item) -> None:
        if isinstance(item, Reply):
            self._replies.append(item)
        elif isinstance(item, Event):
            if len(self._events) >= _MAX_EVENTS:
                self._events.popleft()
                self.events_dropped += 1
            self._events.append(item.value)
        elif isinstance(item, NotQmp):
            raise ProtocolError(explain_garbage(self._address, item.raw))
