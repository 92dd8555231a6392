"""Blocking calls in threads, reconnecting, and the output of a server that qmpshell has started.

The shell can end while such a call hangs, which asyncio's own threads do not allow.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import math
import os
import select
import termios
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Protocol, TypeVar

from ..errors import ConnectError
from ..qmp import NotQmp
from ..record import Record
from ..session import ConnectionState
from ..storage import Settings
from ..transport import Peer, Stream

T = TypeVar("T")


def run_in_thread(call: Callable[[], T], *, discard: Callable[[T], None]) -> asyncio.Future[T]:
    """Return the result of `call` as a future. If it is cancelled, `discard` receives the result."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def succeed(result: T) -> None:
        if future.cancelled():
            discard(result)
        else:
            future.set_result(result)

    def fail(error: Exception) -> None:
        if not future.cancelled():
            future.set_exception(error)

    def work() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            try:
                result = call()
            except Exception as error:
                loop.call_soon_threadsafe(fail, error)
            else:
                loop.call_soon_threadsafe(succeed, result)

    threading.Thread(target=work, daemon=True).start()
    return future


def await_greeting(
    stream: Stream,
    connection: ConnectionState,
    clock: Callable[[], float],
    *,
    wait: float | None = None,
) -> bytes:
    """Wait for the greeting of a QMP server, or the answer of an agent. Return the received bytes.

    With `wait`, a busy or stopped server gets that many seconds. Raises ConnectError or
    ConnectionLost.
    """
    start = clock()
    connection.start_negotiation(start, give_up_at=None if wait is None else start + wait)
    protocol, received = connection.protocol, b""
    poll = select.poll()
    poll.register(stream.fileno(), select.POLLIN)
    while not connection.has_greeting:
        hello = protocol.data_to_send()
        if hello:
            stream.write(hello)
        now, give_up_at = clock(), connection.give_up_at or 0.0
        if connection.inspect_at is not None and now >= connection.inspect_at:
            text, is_fatal = connection.inspect()
            if is_fatal or (text and wait is None):
                raise ConnectError(text)
        if now >= give_up_at:
            raise ConnectError(connection.explain_silence())
        left = min(give_up_at, connection.inspect_at or give_up_at) - now
        poll.poll(math.ceil(max(left, 0.0) * 1000))
        data = stream.read()
        if data is None:
            continue
        for item in protocol.receive(data) if data else protocol.receive_end():
            if isinstance(item, NotQmp):
                raise ConnectError(connection.explain_not_server(item.raw))
        if not data:
            raise ConnectError(connection.explain_early_loss(""))
        received += data
    return received if protocol.greeting is not None else b""


def is_same_server(name: str, other: str) -> bool:
    """Return True if two addresses are equal, or are paths of the same socket."""
    try:
        return name == other or os.path.samefile(name, other)
    except (OSError, ValueError):
        return False


class Reached(Record):
    """An open stream to a server that has sent its greeting, which is in `data`."""

    text: str
    stream: Stream
    address: str
    data: bytes = b""


def reach_server(
    text: str,
    current: str,
    settings: Settings,
    *,
    connect: Callable[[str | None], tuple[Stream, str]],
    find_peer: Callable[[str], Peer | None] | None,
) -> Reached:
    """Connect beside the server at `current`, which is kept, and wait for the greeting."""
    stream, address = connect(text)
    peer = find_peer(address) if find_peer is not None else None
    holder = peer.holder if peer is not None else None
    # A monitor serves one client: it greets this one when the other connection is closed. It may
    # have another name now, such as localhost.
    if is_same_server(address, current) or (holder is not None and holder.pid == os.getpid()):
        return Reached(text, stream, address)
    try:
        connection = ConnectionState(address, settings, gives_up=True, find_peer=find_peer)
        data = await_greeting(stream, connection, time.monotonic, wait=settings.wait)
        return Reached(text, stream, address, data)
    except BaseException:
        stream.close()
        raise


class Reconnector:
    """Connects in a thread.

    `connect` opens the stream to an address, or with None to the first one, and returns its name;
    it may raise any exception. `find_peer` is the session's. `connected` receives both, and what
    was read already; `failed` the reason. `tried` receives the result of `try_connect`: the
    problem, or "".
    """

    def __init__(
        self,
        connect: Callable[[str | None], tuple[Stream, str]],
        *,
        find_peer: Callable[[str], Peer | None] | None,
        connected: Callable[[Stream, str, bytes], None],
        failed: Callable[[str], None],
        tried: Callable[[str], None],
    ) -> None:
        self._connect = connect
        self._find_peer = find_peer
        self._connected = connected
        self._failed = failed
        self._tried = tried
        self._attempt: asyncio.Task[None] | None = None
        # The server that the last attempt has reached and that is not used yet.
        self._reached: Reached | None = None

    def start(self, text: str | None) -> None:
        """Connect, with the stream of the last attempt if it is for this address."""
        reached = self._reached
        if reached is not None and reached.text == text:
            self._reached = None
            self._connected(reached.stream, reached.address, reached.data)
            return
        self._run(
            self._start(
                run_in_thread(
                    partial(self._connect, text), discard=lambda opened: opened[0].close()
                )
            )
        )

    def restart(self, child_server: ChildServer) -> None:
        """End a child server, start it again, and connect to it."""
        self._run(self._start(_restart(child_server)))

    def try_connect(self, text: str, *, current: str, settings: Settings) -> None:
        """Connect beside the server at `current`, which is kept, and wait for the greeting."""
        self._run(self._try(text, current, settings))

    def _run(self, attempt: Coroutine[object, object, None]) -> None:
        self.cancel()
        self._attempt = asyncio.ensure_future(attempt)

    def cancel(self) -> bool:
        """Cancel the attempt. Return True if there was one."""
        self.drop_reached()
        if self._attempt is None:
            return False
        self._attempt.cancel()
        return True

    def drop_reached(self) -> None:
        """Close the stream of the last attempt, if it is not used."""
        reached, self._reached = self._reached, None
        if reached is not None:
            reached.stream.close()

    async def _start(self, opening: Awaitable[tuple[Stream, str]]) -> None:
        try:
            stream, address = await opening
        except asyncio.CancelledError:
            self._end(self._failed, "not connected")
        except Exception as error:  # whatever it is, the shell must not wait forever
            self._end(self._failed, str(error))
        else:
            self._attempt = None
            self._connected(stream, address, b"")

    async def _try(self, text: str, current: str, settings: Settings) -> None:
        try:
            self._reached = await run_in_thread(
                partial(
                    reach_server,
                    text,
                    current,
                    settings,
                    connect=self._connect,
                    find_peer=self._find_peer,
                ),
                discard=lambda reached: reached.stream.close(),
            )
        except asyncio.CancelledError:
            self._end(self._tried, "stopped connecting")
        except Exception as error:  # as above
            self._end(self._tried, str(error))
        else:
            self._end(self._tried, "")

    def _end(self, report: Callable[[str], None], reason: str) -> None:
        if self._attempt is asyncio.current_task():
            self._attempt = None
            report(reason)


class ChildProcess(Protocol):
    """A process with output. Its descriptors are None if there is nothing to wait for.

    `address` is the address of its monitor.
    """

    address: str

    @property
    def output_descriptor(self) -> int | None:
        """The descriptor that is readable if there is output, or None."""

    @property
    def end_descriptor(self) -> int | None:
        """The descriptor that is readable after the end, or None."""

    def read_output(self) -> str:
        """Return the output since the last call. Never blocks."""

    def read_rest(self) -> str:
        """Return the remaining output after its end."""

    def poll(self) -> int | None:
        """Return None while it runs."""

    def describe_end(self) -> str:
        """Describe how it ended."""


class ChildServer(Protocol):
    """A server that qmpshell has started."""

    @property
    def process(self) -> ChildProcess:
        """Its current process."""

    @property
    def keep(self) -> bool:
        """Whether it continues when the shell exits."""

    def end_question(self) -> str:
        """Return a sentence that says that it will be ended, or "" if that loses nothing."""

    def end(self) -> None:
        """End the process, which may take a while."""

    def start(self) -> tuple[Stream, str]:
        """Start a new process. Return a stream to it, and its name. Raises QmpShellError."""


async def _restart(child_server: ChildServer) -> tuple[Stream, str]:
    await run_in_thread(child_server.end, discard=lambda _: None)
    # Not in a thread: Linux would end the process when the thread that started it ends.
    return child_server.start()


class ChildWatcher:
    """Watches a child server. `show` receives its output; `ended` is called at its end.

    Call `show_output` on SIGCHLD.
    """

    def __init__(
        self,
        child_server: ChildServer,
        *,
        show: Callable[[str], None],
        ended: Callable[[], None],
    ) -> None:
        self._child_server = child_server
        self._show = show
        self._ended = ended
        self._watched: list[int] = []

    def start(self) -> None:
        """Start to watch."""
        loop = asyncio.get_running_loop()
        process = self._child_server.process
        for descriptor in (process.output_descriptor, process.end_descriptor):
            if descriptor is not None:
                loop.add_reader(descriptor, self.show_output)
                self._watched.append(descriptor)

    def show_output(self) -> None:
        """Show new output."""
        if not self._watched:
            return
        process = self._child_server.process
        if process.poll() is not None:
            self.close()
            self._show_output(process.read_rest())
            self._ended()
            return
        self._show_output(process.read_output())
        loop = asyncio.get_running_loop()
        for descriptor in self._watched[:]:
            if descriptor not in (process.output_descriptor, process.end_descriptor):
                # The server has closed its output, and the descriptor is closed.
                loop.remove_reader(descriptor)
                self._watched.remove(descriptor)

    def close(self) -> None:
        """Stop watching."""
        loop = asyncio.get_running_loop()
        for descriptor in self._watched:
            loop.remove_reader(descriptor)
        self._watched.clear()

    def _show_output(self, text: str) -> None:
        if text:
            self._show(text)


def is_terminal_gone(error: BaseException) -> bool:
    """Return True if an operation failed because the terminal's window was closed."""
    gone = (errno.EIO, errno.ENXIO, errno.ENOTTY)
    if isinstance(error, termios.error):
        return bool(error.args) and error.args[0] in gone
    return isinstance(error, OSError) and error.errno in gone
