"""A blocking QMP client for Python programs.

It uses no event loop and no threads. Use a connection from one thread at a time, except for `close`.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Protocol, Self

from .errors import (
    AddressError,
    CommandError,
    ConnectError,
    ConnectionLost,
    LaunchError,
    NegotiationError,
    NoGreetingError,
    OperationError,
    ProtocolError,
    ReplyTimeout,
)
from .qmp import (
    NEGOTIATING,
    READY,
    REFUSED,
    AgentProtocol,
    Event,
    Item,
    NotQmp,
    QmpProtocol,
    Reply,
    command_facts,
    command_object,
    encode_message,
)
from .session import (
    JobWait,
    explain_garbage,
    explain_monitor,
    explain_peer,
    explain_quiet_agent,
    explain_silence,
)
from .transport import Listener, Stream, connect_with_retries, find_peer, make_address

if TYPE_CHECKING:
    from .qemu import Qemu
    from .transport import Address


class HasFileno(Protocol):
    """An open file or socket."""

    def fileno(self) -> int:
        """Return its descriptor."""


File = int | HasFileno
# An address: any form that the command line accepts, the path of a UNIX socket, or host and port.
AddressLike = str | os.PathLike[str] | tuple[str, int]
Match = Callable[[dict[str, Any]], bool] | Mapping[str, Any]
Timeout = float | Literal["default"] | None

_GREETING_TIMEOUT = 5.0
# Seconds without a greeting until the system is asked if the server is of another kind.
_INSPECTION = 0.3
_MAX_EVENTS = 100_000
# Seconds until an agent is asked again; it may not run yet.
_FIRST_RETRY = 2.0
# Seconds without a reply after which an agent's command that is answered only on failure has succeeded.
_SILENT_SUCCESS = 3.0
# The longest single wait, in seconds: poll accepts no infinite one.
_MAX_POLL = 3600.0
_MIGRATION_INTERVAL = 0.1
_MIGRATION_ENDS = ("completed", "failed", "cancelled")


def connect(
    address: AddressLike,
    *,
    negotiate: bool = True,
    agent: bool = False,
    wait: float | None = None,
    timeout: float | None = None,
    greeting_timeout: float | None = None,
) -> Connection:
    """Connect to the server at `address`: a text as on the command line, a Path, or (host, port).

    `agent` is true for a guest agent. `wait` retries for that many seconds if the server is not
    there yet, or serves another client. The greeting must arrive within `greeting_timeout` seconds;
    by default, within the rest of `wait`, or 5 seconds without it. `timeout` limits the wait for each
    later reply, in seconds; None means no limit. With `negotiate=False`, nothing is sent and no
    greeting is expected.

    Raises AddressError, ConnectError, ProtocolError, NegotiationError, ReplyTimeout or
    ConnectionLost.
    """
    begun = time.monotonic()
    parsed = make_address(address, exists=os.path.exists)
    stream = connect_with_retries(parsed, wait=wait, clock=time.monotonic, sleep=time.sleep)
    if greeting_timeout is None:
        greeting_timeout = _GREETING_TIMEOUT
        if wait:
            greeting_timeout = max(0.1, wait - (time.monotonic() - begun))
    name = address if isinstance(address, str) else str(parsed)
    connection = Connection(stream, address=name, negotiate=negotiate, agent=agent, timeout=timeout)
    connection.negotiate(greeting_timeout, parsed)
    return connection


def listen(address: AddressLike) -> Server:
    """Listen at `address` for a QEMU that connects (`-qmp unix:PATH` without server=on).

    Raises AddressError, or ConnectError if the address is in use or cannot be bound.
    """
    return Server(address)


def launch(
    command: Sequence[str | os.PathLike[str]] = (),
    *,
    wait: float = 30.0,
    timeout: float | None = None,
    environment: Mapping[str, str] | None = None,
) -> LaunchedQemu:
    """Start QEMU like `qmpshell run`, and return the connection to it. `close` ends QEMU.

    `command` is the program, possibly with a wrapper in front of it, and its arguments. If the first
    word starts with `-`, the program is `$QEMU`, or else that of the host's architecture. Without
    arguments, QEMU gets a small paused VM. QEMU must be ready within `wait` seconds. `timeout`
    limits the wait for each later reply. `environment` replaces that of the process.

    Raises CommandLineError, LaunchError, or the exceptions of `connect`.
    """
    import tempfile

    from .qemu import find_program, make_command_line, make_runtime_directory, start_qemu

    variables = os.environ if environment is None else environment
    line = make_command_line(
        [os.fspath(word) for word in command],
        named=variables.get("QEMU", ""),
        machine=os.uname().machine,
        find=lambda name: find_program(name, variables),
    )
    directory = make_runtime_directory(variables.get("XDG_RUNTIME_DIR", ""), pid=os.getpid())
    with contextlib.ExitStack() as stack:
        stack.callback(directory.remove)
        # A file, because nothing may read a pipe while the program does something else.
        output = stack.enter_context(tempfile.TemporaryFile())
        qemu, stream = start_qemu(line, directory, environment=variables, output=output.fileno())
        stack.pop_all()
    connection = LaunchedQemu(stream, qemu, output=output, timeout=timeout)
    try:
        connection._start(wait)
    except BaseException:
        connection.close()
        raise
    return connection


class Server:
    """A listening socket for QEMU to connect to. `close` removes its path.

    Its mode is 0600, and only processes of the same user and of root are accepted. After `accept`,
    others are refused until it is called again.
    """

    def __init__(self, address: AddressLike) -> None:
        parsed = make_address(address, exists=os.path.exists)
        self._address = address if isinstance(address, str) else str(parsed)
        self._listener = Listener(parsed)
        self._is_closed = False

    def accept(
        self,
        *,
        negotiate: bool = True,
        wait: float | None = None,
        timeout: float | None = None,
        greeting_timeout: float = _GREETING_TIMEOUT,
    ) -> Connection:
        """Return the connection of the next client within `wait` seconds; see `connect`.

        Raises ConnectError after `close`.
        """
        if self._is_closed:
            raise ConnectError(f"{self._address}: closed, so that no client can connect")
        stream = self._listener.accept(timeout=wait)
        connection = Connection(stream, address=self._address, negotiate=negotiate, timeout=timeout)
        connection.negotiate(greeting_timeout)
        return connection

    def close(self) -> None:
        """Stop listening, and remove the socket's path."""
        self._is_closed = True
        self._listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class Connection:
    """A negotiated QMP connection. Iterating over it yields events, without end.

    The connection keeps the newest 100,000 events until the program reads them; `events_dropped`
    counts the others. Replies are matched by id, so a reply that arrives after its timeout is
    discarded. `close` may be called from any thread; a waiting call then raises ConnectionLost.
    """

    def __init__(
        self,
        stream: Stream,
        *,
        address: str,
        negotiate: bool = True,
        agent: bool = False,
        timeout: float | None = None,
    ) -> None:
        self._stream = stream
        self._address = address
        self._agent = AgentProtocol(negotiate=negotiate) if agent else None
        self._protocol = self._agent or QmpProtocol(negotiate=negotiate)
        self._events: deque[dict[str, Any]] = deque()
        self._replies: deque[Reply] = deque()
        self._count = 0
        # Replies without an id that must be discarded: their commands have timed out.
        self._unanswered = 0
        self._lost: str | None = None
        # `close` wakes a waiting call by closing the pipe's other end.
        self._wake, self._waker = os.pipe()
        self._lock = threading.Lock()
        self._closed = False
        self._users = 0
        self.timeout = timeout
        self.events_dropped = 0

    def negotiate(self, timeout: float, address: Address | None = None) -> None:
        """Wait for the greeting at most `timeout` seconds, and negotiate. Closes the connection on failure.

        `connect` does this. The errors name what is at `address`. Raises ReplyTimeout,
        NegotiationError, ProtocolError or ConnectionLost.
        """
        try:
            self._negotiate(timeout, address)
        except BaseException:
            self.close()
            raise
        refusal = self._protocol.refusal
        if refusal is not None:
            self.close()
            raise NegotiationError(
                f"{self._address}: the server refused to negotiate: {refusal.desc}"
            )

    def _negotiate(self, timeout: float, address: Address | None) -> None:
        deadline, pause = time.monotonic() + timeout, _FIRST_RETRY
        if self._agent is None and timeout > _INSPECTION:
            pause = _INSPECTION
        while True:
            left = deadline - time.monotonic()
            try:
                if self._agent is not None:
                    self._agent.synchronize(int(time.monotonic() * 1e6))
                    self._answer_handshake()
                self._receive_until(self._is_negotiated, min(pause, left), "the greeting")
            except ReplyTimeout:
                if pause >= left:
                    raise self._silence(address) from None
                if self._agent is None:
                    self._check_kind(address)
                    pause = timeout
                pause *= 2
            else:
                return

    def _check_kind(self, address: Address | None) -> None:
        """Raise ProtocolError if the silent server certainly is not a QMP server."""
        if address is not None:
            has_answered = bool(self._protocol.pending) or self._protocol.state == NEGOTIATING
            peer = find_peer(address)
            text, is_fatal = explain_peer(self._address, peer, has_answered=has_answered)
            if is_fatal:
                raise ProtocolError(text)

    def _is_negotiated(self) -> bool:
        return self._protocol.state in (READY, REFUSED)

    def _silence(self, address: Address | None) -> ReplyTimeout:
        """Return the exception about a server that does not answer."""
        peer = find_peer(address) if address is not None else None
        pending, greeted = self._protocol.pending, self._protocol.state == NEGOTIATING
        if self._agent is not None:
            return NoGreetingError(explain_quiet_agent(self._address, pending, peer=peer))
        text = explain_silence(self._address, pending, greeted=greeted, peer=peer)
        return ReplyTimeout(text) if pending or greeted else NoGreetingError(text, busy=True)

    def execute(
        self,
        name: str,
        arguments: dict[str, Any] | None = None,
        *,
        oob: bool = False,
        timeout: Timeout = "default",
        fds: Sequence[File] = (),
    ) -> Any:
        """Run a command and return its result.

        `fds` are open files or descriptors to pass along, for commands such as `getfd`; they stay
        open here. `oob` runs it out of band if the server supports that (see `capabilities`).
        `timeout` is in seconds; None means no limit, and the default is the connection's.

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
        timeout: Timeout = "default",
        fds: Sequence[File] = (),
    ) -> dict[str, Any]:
        """Send a complete QMP message and return the complete reply, also if it is an error.

        If the message has no `id`, one is added and removed from the reply. `fds` are passed along.
        Some commands of a guest agent are answered only if they fail, so that they succeed if no
        reply arrives within three seconds. Raises ReplyTimeout or ConnectionLost, and AddressError
        if files cannot be passed.
        """
        added = "id" not in message and self._protocol.echoes_ids
        if added:
            self._count += 1
            message = {**message, "id": f"qmpshell-{self._count}"}
        name = str(message.get("execute", message.get("exec-oob", "the message")))
        what = f"the reply to {name}"
        seconds = self.timeout if timeout == "default" else timeout
        is_silent = self._agent is not None and not command_facts(name).replies_on_success
        if is_silent:
            seconds = min(_SILENT_SUCCESS, math.inf if seconds is None else seconds)
        with self._in_use("nothing was sent"):
            self._send(encode_message(message), fds, what)
            try:
                reply = self._await_reply(message.get("id"), seconds, what)
            except (ReplyTimeout, ConnectionLost):
                if not is_silent or self._closed:
                    raise
                return {"return": {}}
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
                if reply.value.get("id", expected if reply.is_error else None) != expected:
                    continue
                if self._unanswered and "id" not in reply.value and expected is None:
                    self._unanswered -= 1
                    continue
                found.append(reply)
            return bool(found)

        try:
            self._receive_until(answered, timeout, what)
        except ReplyTimeout:
            self._unanswered += expected is None
            raise
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
                self._receive_until(lambda: bool(self._events), timeout, "an event")
            except ReplyTimeout:
                return None
        return self._events.popleft()

    def get_events(self) -> list[dict[str, Any]]:
        """Return all events that have arrived, without waiting."""
        with contextlib.suppress(ConnectionLost), self._in_use(""):
            while self._lost is None and self._poll(0):
                self._receive()
        return self.clear_events()

    def clear_events(self) -> list[dict[str, Any]]:
        """Remove and return the events received so far, without reading from the connection."""
        events = list(self._events)
        self._events.clear()
        return events

    def wait_event(
        self, name: str, *, match: Match | None = None, timeout: float | None = None
    ) -> dict[str, Any]:
        """Remove and return the first event called `name`, past or future.

        `match` contains members that the event's `data` must have, or is a function that receives
        the data and returns True to accept the event. Other events are kept, also if `match` raises
        an exception. Raises ReplyTimeout after `timeout` seconds, or ConnectionLost.
        """
        found: list[dict[str, Any]] = []
        kept: deque[dict[str, Any]] = deque()

        def came() -> bool:
            while self._events and not found:
                event = self._events.popleft()
                kept.append(event)  # `match` may raise
                if event["event"] == name and _matches(match, event.get("data", {})):
                    found.append(kept.pop())
            return bool(found)

        what = f"event {name}{_describe(match)}"
        try:
            self._receive_until(came, timeout, what)
        finally:
            self._events.extendleft(reversed(kept))
        return found[0]

    def wait_job(self, job: str, *, timeout: float | None = None) -> None:
        """Wait until the job with this id has ended. It may have ended already.

        Events are kept. Raises OperationError if the job failed, was cancelled or is unknown,
        ReplyTimeout after `timeout` seconds, or ConnectionLost.
        """
        deadline = _deadline(timeout)
        wait = JobWait(job, deadline=None)
        wait.request_list()
        seen: deque[dict[str, Any]] = deque()
        status = ""
        try:
            while not wait.ended:
                while self._events:
                    event = self._events.popleft()
                    seen.append(event)
                    wait.on_event(Event(b"", event))
                    data = event.get("data", {})
                    if event["event"] == "JOB_STATUS_CHANGE" and data.get("id") == job:
                        status = str(data.get("status"))
                left, query = deadline - time.monotonic(), wait.next_query()
                if query is not None:
                    reply = self.send({"execute": query}, timeout=left)
                    wait.on_answer(Reply(b"", reply))
                elif not wait.ended:
                    self._receive_until(lambda: bool(self._events), left, f"the end of job {job}")
        except ReplyTimeout:
            more = f"; it is {status}" if status else ""
            more += ": job-complete ends it" if status == "ready" else ""
            text = f"{self._address}: job {job} did not end within {timeout:g} s{more}"
            raise ReplyTimeout(text) from None
        finally:
            self._events.extendleft(reversed(seen))
        if wait.failure:
            raise OperationError(f"{self._address}: {wait.failure}")

    def wait_migration(self, *, timeout: float | None = None) -> dict[str, Any]:
        """Wait until the migration has ended, and return the result of `query-migrate`.

        Raises OperationError if it failed, was cancelled or was not started, ReplyTimeout after
        `timeout` seconds, or ConnectionLost.
        """
        deadline = _deadline(timeout)
        while True:
            left = max(0.0, deadline - time.monotonic())
            info: dict[str, Any] = self.execute("query-migrate")
            status = info.get("status", "none")
            if status == "none":
                raise OperationError(f"{self._address}: no migration was started")
            if status in _MIGRATION_ENDS:
                break
            if not left:
                text = f"{self._address}: the migration did not end within {timeout:g} s"
                raise ReplyTimeout(f"{text}; it is {status}")
            with contextlib.suppress(ReplyTimeout):
                self._receive_until(lambda: False, min(left, _MIGRATION_INTERVAL), "the migration")
        if status != "completed":
            reason = f": {info['error-desc']}" if "error-desc" in info else ""
            how = "failed" if status == "failed" else "was cancelled"
            raise OperationError(f"{self._address}: the migration {how}{reason}")
        return info

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
        """Return the descriptor, for a poll loop; `get_events` then reads.

        Raises ConnectionLost after `close`.
        """
        if self._closed:
            raise ConnectionLost(f"{self._address}: the connection is closed")
        return self._stream.fileno()

    def close(self) -> None:
        """Close the connection. The server continues. Any thread may call this."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            os.close(self._waker)
            is_used = self._users > 0  # then the waiting call closes the stream
        if not is_used:
            self._dispose()

    def _dispose(self) -> None:
        self._stream.close()
        os.close(self._wake)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @contextlib.contextmanager
    def _in_use(self, consequence: str) -> Iterator[None]:
        """Keep the stream open meanwhile. Raises ConnectionLost."""
        with self._lock:
            self._check_open(consequence)
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                must_dispose = self._closed and not self._users
            if must_dispose:
                self._dispose()

    def _check_open(self, consequence: str) -> None:
        if self._closed:
            raise ConnectionLost(f"{self._address}: the connection is closed; {consequence}")
        if self._lost is not None:
            raise ConnectionLost(f"{self._address}: {self._lost}; {consequence}")

    def _send(self, data: bytes, files: Sequence[File], what: str) -> None:
        """Send a message whose reply is `what`. Raises ConnectionLost or AddressError."""
        if files and not self._stream.passes_descriptors:
            raise AddressError(f"{self._address}: files can be passed only over a UNIX socket")
        descriptors = [file if isinstance(file, int) else file.fileno() for file in files]
        try:
            self._stream.write(data, [os.dup(descriptor) for descriptor in descriptors])
        except ConnectionLost as error:
            while self._lost is None and self._poll(0):  # the server's last messages
                self._receive()
            self._lost = self._lost or f"connection lost: {error}"
            self._check_open(f"{what} will not arrive")

    def _receive_until(self, done: Callable[[], bool], timeout: float | None, what: str) -> None:
        if done():
            return
        deadline = _deadline(timeout)
        consequence = f"{what} will not arrive"
        with self._in_use(consequence):
            while not done():
                self._check_open(consequence)
                left = deadline - time.monotonic()
                if left < 0:
                    raise ReplyTimeout(
                        f"{self._address}: {what} did not arrive within {timeout:g} s"
                    )
                if self._poll(left):
                    self._receive()

    def _poll(self, timeout: float) -> bool:
        """Wait for the stream at most `timeout` seconds, or until `close`. Return True if it is ready."""
        poll = select.poll()
        events = select.POLLIN | (select.POLLOUT if self._stream.want_write else 0)
        poll.register(self._stream.fileno(), events)
        poll.register(self._wake, 0)
        ready = poll.poll(math.ceil(min(max(0.0, timeout), _MAX_POLL) * 1000))
        return not self._closed and bool(ready)

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
        self._answer_handshake()

    def _answer_handshake(self) -> None:
        answer = self._protocol.data_to_send()
        if answer and self._lost is None:
            self._send(answer, (), "the reply to the negotiation")

    def _handle(self, item: Item) -> None:
        if isinstance(item, Reply):
            self._replies.append(item)
        elif isinstance(item, Event):
            if len(self._events) >= _MAX_EVENTS:
                self._events.popleft()
                self.events_dropped += 1
            self._events.append(item.value)
        elif isinstance(item, NotQmp):
            if self._agent is not None and b'"QMP"' in item.raw:
                raise ProtocolError(explain_monitor(self._address))
            agent = self._agent is not None
            raise ProtocolError(explain_garbage(self._address, item.raw, agent=agent))


class LaunchedQemu(Connection):
    """The connection to a QEMU that `launch` has started. `close` ends QEMU."""

    def __init__(
        self, stream: Stream, qemu: Qemu, *, output: BinaryIO, timeout: float | None = None
    ) -> None:
        super().__init__(stream, address=qemu.address, timeout=timeout)
        self._qemu = qemu
        self._output = output
        self._last_output = ""

    def _start(self, wait: float) -> None:
        """Wait until QEMU is ready. Raises LaunchError, or the exceptions of `connect`."""
        is_running = self._qemu.await_start(
            self._stream, ask=True, patience=wait, show=lambda _text: None
        )
        if not is_running:
            raise LaunchError(
                f"{self._qemu.describe_end()} before the monitor was ready: {self.output.strip()}"
            )
        self.negotiate(wait)

    @property
    def pid(self) -> int:
        """The process id of QEMU, or of a wrapper that has started it."""
        return self._qemu.pid

    @property
    def address(self) -> str:
        """The path of the monitor's socket, for a second client after this one."""
        return self._qemu.address

    @property
    def output(self) -> str:
        """What QEMU has written to stdout and stderr so far."""
        if self._output.closed:
            return self._last_output
        size = os.fstat(self._output.fileno()).st_size
        return os.pread(self._output.fileno(), size, 0).decode("utf-8", "backslashreplace")

    def poll(self) -> int | None:
        """Return None while QEMU runs, then its exit status, or minus the signal number."""
        return self._qemu.poll()

    def close(self) -> None:
        """Close the connection and end QEMU: with `quit`, then SIGTERM, then SIGKILL."""
        super().close()
        self._qemu.end()
        self._last_output = self.output
        self._output.close()


def _deadline(timeout: float | None) -> float:
    return math.inf if timeout is None else time.monotonic() + timeout


def _matches(match: Match | None, data: dict[str, Any]) -> bool:
    if match is None:
        return True
    if isinstance(match, Mapping):
        return all(name in data and data[name] == value for name, value in match.items())
    return match(data)


def _describe(match: Match | None) -> str:
    if not isinstance(match, Mapping):
        return ""
    return " with " + ", ".join(f"{name}={value}" for name, value in match.items())
