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
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Protocol, Self

from .client_state import ClientBase, PendingReply, greeting_waits, result_of
from .errors import (
    AddressError,
    CommandError,
    ConnectError,
    ConnectionLost,
    LaunchError,
    OperationError,
    ReplyTimeout,
)
from .qmp import (
    GREETING_TIMEOUT,
    MIN_GREETING_WAIT,
    SILENT_SUCCESS_DELAY,
    Event,
    Reply,
    command_object,
)
from .session import JobWait, MigrationWait
from .transport import (
    Credentials,
    Listener,
    Stream,
    TcpAddress,
    connect_with_retries,
    inspect_server,
    make_address,
    with_credentials,
)

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

# The longest single wait, in seconds: poll accepts no infinite one.
_MAX_POLL = 3600.0
_MIGRATION_INTERVAL = 0.1
# How many commands of `execute_many` are sent before their replies have arrived.
_MAX_UNANSWERED = 256
# Linux passes no more descriptors with one message (SCM_MAX_FD, unix(7)).
_MAX_FILES = 253
# Seconds for the reply to a query that is sent when a wait ends.
_LAST_QUERY = 1.0


def connect(
    address: AddressLike,
    *,
    negotiate: bool = True,
    agent: bool = False,
    wait: float | None = None,
    timeout: float | None = None,
    greeting_timeout: float | None = None,
    tls_creds: str | os.PathLike[str] | None = None,
    tls_hostname: str | None = None,
) -> Connection:
    """Connect to the server at `address`: a text as on the command line, a Path, or (host, port).

    `agent` is true for a guest agent. `wait` retries for that many seconds if the server is not
    there yet, or serves another client; with 0, it does not retry. The greeting must arrive within
    `greeting_timeout` seconds; by default, within the rest of `wait`, but at least a second, or 5
    seconds without it. `timeout` limits the wait for each later reply, in seconds; None means no
    limit. With `negotiate=False`, nothing is sent and no greeting is expected. `tls_creds` is the
    directory of the certificates for TLS, and `tls_hostname` the name in the server's certificate
    if that is not the host of the address.

    Raises AddressError, ConnectError, ProtocolError, NegotiationError, ReplyTimeout or
    ConnectionLost.
    """
    started = time.monotonic()
    parsed = parse_with_credentials(address, tls_creds, tls_hostname)
    stream = connect_with_retries(parsed, wait=wait, clock=time.monotonic, sleep=time.sleep)
    name = address if isinstance(address, str) else str(parsed)
    connection = Connection(stream, address=name, negotiate=negotiate, agent=agent, timeout=timeout)
    connection.negotiate(rest_for_greeting(greeting_timeout, wait, started), parsed)
    return connection


def parse_with_credentials(
    address: AddressLike, tls_creds: str | os.PathLike[str] | None, tls_hostname: str | None
) -> Address:
    """Return the address, by the parameters of `connect`. Raises AddressError."""
    parsed = make_address(address, exists=os.path.exists)
    if tls_creds is None:
        if tls_hostname is not None or (isinstance(parsed, TcpAddress) and parsed.tls):
            raise AddressError(f"{parsed}: TLS needs the certificates: give tls_creds=DIR")
        return parsed
    if not isinstance(parsed, TcpAddress):
        raise AddressError(f"{parsed}: tls_creds is for TCP, but this is not a TCP address")
    return with_credentials(parsed, Credentials(os.fspath(tls_creds), tls_hostname or ""))


def rest_for_greeting(timeout: float | None, wait: float | None, started: float) -> float:
    """Return the seconds to wait for the greeting, by the parameters of `connect`."""
    if timeout is not None:
        return timeout
    if wait is None:
        return GREETING_TIMEOUT
    return max(MIN_GREETING_WAIT, wait - (time.monotonic() - started))


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
    if isinstance(command, str):
        raise TypeError("the command must be a list of words, not a string")
    import tempfile

    from .qemu import ChildServer

    variables = os.environ if environment is None else environment
    words = [os.fspath(word) for word in command]
    with contextlib.ExitStack() as stack:
        # A file, because nothing may read a pipe while the program does something else.
        output = stack.enter_context(tempfile.TemporaryFile())
        child = ChildServer(words, environment=variables)
        stream, _ = child.start(output=output.fileno())
        stack.pop_all()
    connection = LaunchedQemu(stream, child.process, output=output, timeout=timeout)
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
        greeting_timeout: float = GREETING_TIMEOUT,
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


class Connection(ClientBase):
    """A negotiated QMP connection. Iterating over it yields events, without end.

    The connection keeps the newest 100,000 events until the program reads them; `events_dropped`
    counts the others. Replies are matched by id, so a reply that arrives after its timeout is
    discarded. `close` may be called from any thread, or by a signal handler; a waiting call then raises
    ConnectionLost.
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
        super().__init__(stream, address=address, negotiate=negotiate, agent=agent)
        # `close` wakes a waiting call by closing the pipe's other end.
        wake, waker = os.pipe()
        self._wake, self._waker = os.fdopen(wake, "rb", 0), os.fdopen(waker, "wb", 0)
        # The thread of each call that uses the stream, and a key; another thread must not use it too.
        self._users: list[tuple[int, object]] = []
        # A thread or a signal handler that closes the stream removes it, which cannot be interrupted.
        self._unclosed = [stream]
        self.timeout = timeout

    def negotiate(self, timeout: float, address: Address | None = None) -> None:
        """Wait for the greeting at most `timeout` seconds, and negotiate. Closes the connection on failure.

        `connect` does this. The errors name what is at `address`. Raises ReplyTimeout,
        NegotiationError, ProtocolError or ConnectionLost.
        """
        try:
            self._negotiate(timeout, address)
            self._state.check_negotiation()
        except BaseException:
            self.close()
            raise

    def _negotiate(self, timeout: float, address: Address | None) -> None:
        agent = self._state.agent
        peer = None
        for seconds in greeting_waits(timeout, agent=agent is not None):
            if agent is not None:
                agent.synchronize(int(time.monotonic() * 1e6))
                self._answer_handshake()
            elif peer is not None:
                self._state.check_kind(peer)
            try:
                self._receive_until(lambda: self._state.is_negotiated, seconds, "the greeting")
            except ReplyTimeout:
                if address is not None:
                    peer = inspect_server(address, wakes=self._state.needs_waking(seconds))
            else:
                return
        raise self._state.no_greeting_error(peer)

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

        Raises CommandError for an error reply, ReplyTimeout or ConnectionLost, ValueError if the
        arguments cannot be JSON or are nested deeper than QEMU accepts or if there are too many
        files, AddressError if files cannot be passed over this transport, and OSError if one of them
        is not open.
        """
        return result_of(
            self.send(command_object(name, arguments, oob=oob), timeout=timeout, fds=fds)
        )

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
        reply arrives within three seconds. Raises ReplyTimeout or ConnectionLost, and AddressError or
        OSError if files cannot be passed.
        """
        seconds = self.timeout if timeout == "default" else timeout
        request = self._state.make_request(message)
        if request.is_silent:
            seconds = min(SILENT_SUCCESS_DELAY, math.inf if seconds is None else seconds)
        with self._in_use("nothing was sent"):
            self._send(request.data, fds, [request])
            try:
                self._receive_until(lambda: request.has_ended, seconds, request.what)
                return request.result(self._address)
            except (ReplyTimeout, ConnectionLost):
                if not request.is_silent or self._closed:
                    raise
                return {"return": {}}
            finally:
                self._state.abandon(request)

    def execute_many(
        self, commands: Iterable[tuple[str, dict[str, Any]]], *, timeout: Timeout = "default"
    ) -> Generator[Any]:
        """Run commands, as pairs of name and arguments, without waiting for each reply.

        Yield the result of each in order, or its CommandError. Use nothing else of the connection
        until the iterator has ended or was closed. `timeout` limits the wait for each reply. Raises
        ReplyTimeout or ConnectionLost.
        """
        seconds = self.timeout if timeout == "default" else timeout
        rest = iter(commands)
        requests: deque[PendingReply] = deque()
        try:
            while True:
                if len(requests) <= _MAX_UNANSWERED // 2:
                    batch = [
                        # The replies arrive in order, and an id costs QEMU time.
                        self._state.make_request(command_object(name, arguments), needs_id=False)
                        for name, arguments in islice(rest, _MAX_UNANSWERED - len(requests))
                    ]
                    data = b"".join(request.data for request in batch)
                    if data:
                        with self._in_use("nothing was sent"):
                            self._send(data, (), batch)
                        requests.extend(batch)
                if not requests:
                    return
                what = requests[0].what
                self._receive_until(lambda: requests[0].has_ended, seconds, what)
                reply = requests.popleft().result(self._address)
                yield CommandError(reply) if "error" in reply else reply["return"]
        finally:
            for request in requests:
                self._state.abandon(request)

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
        events = self._state.events
        if not events:
            try:
                self._receive_until(lambda: bool(events), timeout, "an event")
            except ReplyTimeout:
                return None
        return events.popleft()

    def get_events(self) -> list[dict[str, Any]]:
        """Return all events that have arrived, without waiting.

        Raises ConnectionLost if there are none and the connection is lost or closed.
        """
        with contextlib.suppress(ConnectionLost), self._in_use(""):
            self._receive_rest()
        events = self.clear_events()
        if not events:
            self._check_open("no event will arrive")
        return events

    def wait_event(
        self, name: str, *, match: Match | None = None, timeout: float | None = None
    ) -> dict[str, Any]:
        """Remove and return the first event called `name`, past or future.

        `match` contains members that the event's `data` must have, or is a function that receives
        the data and returns True to accept the event. Other events are kept, also if `match` raises
        an exception. Raises ReplyTimeout after `timeout` seconds, or ConnectionLost.
        """
        search = self._state.search(name, match)
        try:
            self._receive_until(lambda: search.has_ended, timeout, search.what)
            return search.result()
        finally:
            self._state.end_search(search)

    def wait_job(self, job: str, *, timeout: float | None = None) -> None:
        """Wait until the job with this id has ended. It may have ended already.

        Events are kept. Raises OperationError if the job failed, was cancelled or is unknown,
        ReplyTimeout after `timeout` seconds, or ConnectionLost.
        """
        deadline, events = _deadline(timeout), self._state.events
        wait = JobWait(job, deadline=timeout)
        wait.request_list()
        seen: deque[dict[str, Any]] = deque()
        try:
            while not wait.ended:
                while events:
                    event = events.popleft()
                    seen.append(event)
                    wait.on_event(Event(b"", event))
                left, query = deadline - time.monotonic(), wait.next_query()
                if query is not None:
                    reply = self.send({"execute": query}, timeout=self._reply_timeout(left))
                    wait.on_answer(Reply(b"", reply))
                elif not wait.ended:
                    self._receive_until(lambda: bool(events), left, f"the end of job {job}")
        except ReplyTimeout:
            if time.monotonic() < deadline:
                raise
            raise ReplyTimeout(f"{self._address}: {wait.explain_timeout()}") from None
        finally:
            events.extendleft(reversed(seen))
        if wait.failure:
            raise OperationError(f"{self._address}: {wait.failure}")

    def wait_migration(self, *, timeout: float | None = None) -> dict[str, Any]:
        """Wait until the migration has ended, and return the result of `query-migrate`.

        Raises OperationError if it failed, was cancelled or was not started, ReplyTimeout after
        `timeout` seconds, or ConnectionLost.
        """
        deadline = _deadline(timeout)
        wait = MigrationWait(deadline=timeout)
        while True:
            left = max(0.0, deadline - time.monotonic())
            seconds = self._reply_timeout(left + _LAST_QUERY)
            info: dict[str, Any] = self.execute("query-migrate", timeout=seconds)
            wait.on_answer(Reply(b"", {"return": info}))
            if wait.ended:
                break
            if not left:
                raise ReplyTimeout(f"{self._address}: {wait.explain_timeout()}")
            with contextlib.suppress(ReplyTimeout):
                self._receive_until(lambda: False, min(left, _MIGRATION_INTERVAL), "the migration")
        if wait.failure:
            raise OperationError(f"{self._address}: {wait.failure}")
        return info

    def _reply_timeout(self, left: float) -> float:
        """Return the timeout of a query of a wait that has `left` seconds left."""
        return left if self.timeout is None else min(left, self.timeout)

    def fileno(self) -> int:
        """Return the descriptor, for a poll loop; `get_events` then reads.

        Raises ConnectionLost after `close`.
        """
        if self._closed:
            raise ConnectionLost(f"{self._address}: the connection is closed")
        return self._stream.fileno()

    def close(self) -> None:
        """Close the connection. The server continues. Any thread or signal handler may call this."""
        self._closed = True
        self._waker.close()
        if not self._users:  # otherwise the waiting call closes the stream
            self._dispose()

    def _dispose(self) -> None:
        with contextlib.suppress(IndexError):
            self._unclosed.pop().close()
        self._wake.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @contextlib.contextmanager
    def _in_use(self, consequence: str) -> Iterator[None]:
        """Keep the stream open meanwhile. Raises ConnectionLost.

        Raises RuntimeError if another thread uses it: that one could read this one's reply.
        """
        user = threading.get_ident(), object()
        try:
            self._users.append(
                user
            )  # before the check, so that `close` does not close the stream after it
            self._check_open(consequence)
            if self._users[0][0] != user[0]:
                raise RuntimeError(
                    f"{self._address}: another thread uses this connection; open one for each thread,"
                    " or use a lock"
                )
            yield
        finally:
            if user in self._users:
                self._users.remove(user)
            if self._closed and not self._users:
                self._dispose()

    def _send(self, data: bytes, files: Sequence[File], requests: Sequence[PendingReply]) -> None:
        """Send the data of `requests`. Raises ConnectionLost or AddressError."""
        self._write(data, duplicate_files(files, self._stream, self._address), requests)
        self._check_open(f"{requests[0].what} will not arrive")

    def _receive_until(self, done: Callable[[], bool], timeout: float | None, what: str) -> None:
        if done():
            return
        deadline = _deadline(timeout)
        consequence = f"{what} will not arrive"
        is_over = False
        with self._in_use(consequence):
            while not done():
                self._check_open(consequence)
                if is_over:
                    raise ReplyTimeout(
                        f"{self._address}: {what} did not arrive within {timeout:g} s"
                    )
                left = deadline - time.monotonic()
                is_over = left <= 0  # but what has arrived is read once more
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

    def _receive_rest(self) -> None:
        # Data that completes no message of a codec counts as none, so `_receive` does not tell the end.
        while self._lost is None and self._poll(0):
            self._receive()


class LaunchedQemu(Connection):
    """The connection to a QEMU that `launch` has started. `close` ends QEMU."""

    def __init__(
        self, stream: Stream, qemu: Qemu, *, output: BinaryIO, timeout: float | None = None
    ) -> None:
        super().__init__(stream, address=qemu.address, timeout=timeout)
        self._qemu = qemu
        self._launched_by = os.getpid()
        self._output = output
        self._last_output = ""

    def _start(self, wait: float) -> None:
        """Wait until QEMU is ready. Raises LaunchError, or the exceptions of `connect`."""
        is_running = self._qemu.await_start(
            self._stream, ask=True, patience=wait, show=lambda _text: None
        )
        if not is_running:
            output = self.output.strip()
            written = f": {output}" if output else ", without any output"
            raise LaunchError(f"{self._qemu.describe_end()} before the monitor was ready{written}")
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
        """Close the connection and end QEMU: with `quit`, then SIGTERM, then SIGKILL.

        In a forked process, close only the connection there: QEMU belongs to the parent.
        """
        super().close()
        if os.getpid() != self._launched_by:
            return
        self._qemu.end()
        self._last_output = self.output
        self._output.close()


def duplicate_files(files: Sequence[File], stream: Stream, address: str) -> list[int]:
    """Return duplicates of the files' descriptors, to pass over the stream.

    Raises ValueError if there are too many, AddressError, or OSError if one is not open.
    """
    if len(files) > _MAX_FILES:
        raise ValueError(f"at most {_MAX_FILES} files can be passed at once; nothing was sent")
    if files and not stream.passes_descriptors:
        raise AddressError(f"{address}: files can be passed only over a UNIX socket")
    descriptors = [file if isinstance(file, int) else file.fileno() for file in files]
    with contextlib.ExitStack() as stack:
        duplicates = []
        for descriptor in descriptors:
            duplicates.append(os.dup(descriptor))
            stack.callback(os.close, duplicates[-1])
        stack.pop_all()
    return duplicates


def _deadline(timeout: float | None) -> float:
    return math.inf if timeout is None else time.monotonic() + timeout
