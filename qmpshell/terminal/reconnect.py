"""Connecting again, or to another server."""

from __future__ import annotations

import asyncio
import math
import os
import select
import time
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING

from ..errors import ConnectError
from ..qmp import NotQmp
from ..record import Record
from ..session import ConnectionState
from ..storage import Settings
from ..transport import Stream, run_in_thread
from .child_server import ChildServer

if TYPE_CHECKING:
    from ..transport import Peer


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


async def _restart(child_server: ChildServer) -> tuple[Stream, str]:
    await run_in_thread(child_server.end)
    # Not in a thread: Linux would end the process when the thread that started it ends.
    return child_server.start()
