"""Servers: connecting again or to another one, and the output and end of one that qmpshell has started."""

from __future__ import annotations

import asyncio
import math
import os
import select
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from ..errors import ConnectError
from ..qmp import NotQmp
from ..record import Record
from ..session import Connect, ConnectionState, Restart, Session, TryConnect
from ..storage import Settings
from ..transport import DescriptorWatch, Stream, run_in_thread

if TYPE_CHECKING:
    from ..qemu import ChildServer, Qemu
    from ..session import RawSession
    from ..transport import Peer


T = TypeVar("T")


def _await_greeting(stream: Stream, connection: ConnectionState, *, wait: float | None) -> bytes:
    """Wait for the greeting of a QMP server, or the answer of an agent. Return the received bytes.

    With `wait`, a busy or stopped server gets that many seconds. Raises ConnectError or
    ConnectionLost.
    """
    start = time.monotonic()
    connection.start_negotiation(start, give_up_at=None if wait is None else start + wait)
    protocol, received = connection.protocol, b""
    poll = select.poll()
    poll.register(stream.fileno(), select.POLLIN)
    while not connection.has_greeting:
        hello = protocol.data_to_send()
        if hello:
            stream.write(hello)
        now, give_up_at = time.monotonic(), connection.give_up_at or 0.0
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


class GreetedStream(Record):
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
) -> GreetedStream:
    """Connect beside the server at `current`, which is kept, and wait for the greeting."""
    stream, address = connect(text)
    peer = find_peer(address) if find_peer is not None else None
    holder = peer.holder if peer is not None else None
    # A monitor serves one client: it greets this one when the other connection is closed. It may
    # have another name now, such as localhost.
    if is_same_server(address, current) or (holder is not None and holder.pid == os.getpid()):
        return GreetedStream(text, stream, address)
    try:
        connection = ConnectionState(address, settings, gives_up=True, find_peer=find_peer)
        data = _await_greeting(stream, connection, wait=settings.wait)
        return GreetedStream(text, stream, address, data)
    except BaseException:
        stream.close()
        raise


class Reconnector:
    """Connects in a thread, for one step at a time.

    `connect` opens the stream to an address, or with None to the first one, and returns its name;
    it may raise any exception. `find_peer` is the session's. `connected` receives the step, both, and
    what was read already; `answer` the step and the problem, or "" after a `try_connect` that has
    reached the server.
    """

    def __init__(
        self,
        connect: Callable[[str | None], tuple[Stream, str]],
        *,
        find_peer: Callable[[str], Peer | None] | None,
        connected: Callable[[Connect, Stream, str, bytes], None],
        answer: Callable[[Connect | TryConnect, str], None],
    ) -> None:
        self._connect = connect
        self._find_peer = find_peer
        self._connected = connected
        self._answer = answer
        self._attempt: asyncio.Task[None] | None = None
        # The server that the last attempt has reached and that is not used yet.
        self._reached: GreetedStream | None = None

    def start(self, step: Connect, child_server: ChildServer | None) -> None:
        """Connect, with the stream of the last attempt if it is for this address.

        With Restart, end the child server, and start it again.
        """
        reached = self._reached
        opening: Awaitable[tuple[Stream, str]]
        if isinstance(step, Restart) and child_server is not None:
            opening = _restart(child_server)
        elif reached is not None and reached.text == step.text:
            self._reached = None
            self._connected(step, reached.stream, reached.address, reached.data)
            return
        else:
            opening = run_in_thread(
                partial(self._connect, step.text), discard=lambda opened: opened[0].close()
            )
        self._run(
            step, opening, lambda opened: self._connected(step, *opened, b""), "not connected"
        )

    def try_connect(self, step: TryConnect, *, current: str, settings: Settings) -> None:
        """Connect beside the server at `current`, which is kept, and wait for the greeting."""
        reach = partial(
            reach_server,
            step.text,
            current,
            settings,
            connect=self._connect,
            find_peer=self._find_peer,
        )
        reaching = run_in_thread(reach, discard=lambda reached: reached.stream.close())
        self._run(step, reaching, partial(self._offer, step), "stopped connecting")

    def cancel(self) -> bool:
        """Cancel the attempt. Return True if there was one."""
        self._drop_reached()
        if self._attempt is None:
            return False
        self._attempt.cancel()
        return True

    def _run(
        self,
        step: Connect | TryConnect,
        attempt: Awaitable[T],
        succeed: Callable[[T], None],
        if_cancelled: str,
    ) -> None:
        async def run() -> None:
            try:
                result = await attempt
            except asyncio.CancelledError:
                problem = if_cancelled
            except Exception as error:  # whatever it is, the shell must not wait forever
                problem = str(error)
            else:
                self._attempt = None
                succeed(result)
                return
            if self._attempt is asyncio.current_task():
                self._attempt = None
                self._answer(step, problem)

        self.cancel()
        self._attempt = asyncio.ensure_future(run())

    def _offer(self, step: TryConnect, reached: GreetedStream) -> None:
        self._reached = reached
        self._answer(step, "")
        # The answer has led to `start`, unless the line has been dropped.
        self._drop_reached()

    def _drop_reached(self) -> None:
        """Close the stream of the last attempt, if it is not used."""
        reached, self._reached = self._reached, None
        if reached is not None:
            reached.stream.close()


async def _restart(child_server: ChildServer) -> tuple[Stream, str]:
    await run_in_thread(child_server.process.end)
    # Not in a thread: Linux would end the process when the thread that started it ends.
    return child_server.start()


class ChildWatcher:
    """Watches a child server, if there is one.

    `show` receives its output; `ended` is called at its end.
    Call `show_output` on SIGCHLD.
    """

    def __init__(
        self,
        child_server: ChildServer | None,
        *,
        show: Callable[[str], None],
        ended: Callable[[], None],
    ) -> None:
        self._child_server = child_server
        self._show = show
        self._ended = ended
        self._watch = DescriptorWatch(self.show_output)

    def start(self) -> None:
        """Start to watch."""
        if self._child_server is not None:
            self._watch_descriptors(self._child_server.process)

    def _watch_descriptors(self, process: Qemu) -> None:
        descriptors = (process.output_descriptor, process.end_descriptor)
        self._watch.update({each: False for each in descriptors if each is not None})

    def show_output(self) -> None:
        """Show new output."""
        if self._child_server is None or not self._watch.watched:
            return
        process = self._child_server.process
        if process.poll() is not None:
            self.close()
            self._show_output(process.read_rest())
            self._ended()
            return
        self._show_output(process.read_output())
        self._watch_descriptors(process)  # the server may have closed its output

    def close(self) -> None:
        """Stop watching."""
        self._watch.update({})

    def _show_output(self, text: str) -> None:
        if text:
            self._show(text)


def leave_hint(child_server: ChildServer | None) -> str:
    """Return what Ctrl-D does."""
    hint = "Ctrl-D leaves the shell"
    if child_server is None:
        return hint
    return f"{hint}; QEMU continues" if child_server.keep else f"{hint} and ends QEMU"


def leave_question(child_server: ChildServer | None) -> str:
    """Return the question before Ctrl-D leaves the shell, or "" if it asks nothing."""
    return "" if child_server is None or child_server.keep else child_server.end_question()


def end_message(
    child_server: ChildServer, session: Session | RawSession, address: str
) -> str | None:
    """Return the message about the end of the server: "" if the shell leaves too, after `quit`.

    Return None if the server's last messages are still to be shown. `address` is that of the
    session's server.
    """
    process = child_server.process
    if not session.lost and address == process.address:
        return None
    if not isinstance(session, Session):
        return process.describe_end()
    if session.connection.was_quit and process.poll() == 0:
        return ""
    return f"{process.describe_end()}; /restart starts it again"
