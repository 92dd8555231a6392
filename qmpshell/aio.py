"""An asyncio QMP client for Python programs.

from qmpshell.aio import connect

async with connect("vm.sock") as qmp:
    print(await qmp.execute("query-status"))

Any call can be cancelled, for example by `asyncio.timeout`.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Coroutine, Generator, Iterable, Sequence
from functools import partial
from typing import Any, Self

from .client import (
    AddressLike,
    File,
    Match,
    duplicate_files,
    parse_with_credentials,
    rest_for_greeting,
)
from .client_state import ClientBase, EventSearch, PendingReply, greeting_waits, result_of
from .errors import ConnectionLost
from .qmp import SILENT_SUCCESS_DELAY, command_object
from .transport import Address, Stream, connect_in_background, inspect_server

_Arguments = dict[str, Any] | None
_Files = Sequence[File]


def connect(
    address: AddressLike,
    *,
    negotiate: bool = True,
    agent: bool = False,
    wait: float | None = None,
    greeting_timeout: float | None = None,
    tls_creds: str | os.PathLike[str] | None = None,
    tls_hostname: str | None = None,
) -> Connecting:
    """Connect like the blocking `connect`. Use the result in `async with`, or await it."""
    parsed = parse_with_credentials(address, tls_creds, tls_hostname)

    async def open_connection() -> Connection:
        started = time.monotonic()
        stream = await connect_in_background(parsed, wait=wait)
        name = address if isinstance(address, str) else str(parsed)
        connection = Connection(stream, address=name, negotiate=negotiate, agent=agent)
        try:
            await connection._negotiate(rest_for_greeting(greeting_timeout, wait, started), parsed)
        except BaseException:
            connection.close()
            raise
        return connection

    return Connecting(open_connection)


class Connecting:
    """A connection to open: await it, or use it in `async with`, which also closes it."""

    def __init__(self, open_connection: Callable[[], Coroutine[Any, Any, Connection]]) -> None:
        self._open_connection = open_connection
        self._connection: Connection | None = None

    def __await__(self) -> Generator[Any, None, Connection]:
        return self._open_connection().__await__()

    async def __aenter__(self) -> Connection:
        self._connection = await self
        return self._connection

    async def __aexit__(self, *exception: object) -> None:
        if self._connection is not None:
            self._connection.close()


class Connection(ClientBase):
    """A negotiated QMP connection. `async for` yields its events, until it is lost or closed.

    Several tasks of one event loop may use it at once. The late reply to a cancelled command is
    discarded. The newest 100,000 events are kept until the program reads them; `events_dropped`
    counts the others. Each event goes to one task: to one in `wait_event` before an iteration.
    """

    def __init__(
        self, stream: Stream, *, address: str, negotiate: bool = True, agent: bool = False
    ) -> None:
        super().__init__(stream, address=address, negotiate=negotiate, agent=agent)
        self._loop = asyncio.get_running_loop()
        # What tasks wait for: a change of one reply or search, or any message.
        self._specific: dict[asyncio.Future[None], None] = {}
        self._general: dict[asyncio.Future[None], None] = {}
        self._loop.add_reader(stream.fileno(), self._on_ready)
        self._loop.call_soon(self._on_ready)  # what the handshake of a transport has read

    async def _negotiate(self, timeout: float, address: Address) -> None:
        state, peer = self._state, None
        for seconds in greeting_waits(timeout, agent=state.agent is not None):
            if state.agent is not None:
                state.agent.synchronize(int(time.monotonic() * 1e6))
                self._answer_handshake()
            elif peer is not None:
                state.check_kind(peer)
            try:
                async with asyncio.timeout(seconds):
                    await self._wait_until(lambda: state.is_negotiated, "the greeting")
            except TimeoutError:
                wakes = state.needs_waking(seconds)
                peer = await asyncio.to_thread(inspect_server, address, wakes=wakes)
            else:
                state.check_negotiation()
                return
        raise state.no_greeting_error(peer)

    async def execute(
        self, name: str, arguments: _Arguments = None, *, oob: bool = False, fds: _Files = ()
    ) -> Any:
        """Run a command and return its result. `oob` and `fds` are those of the blocking client.

        The server may run a command that is cancelled here. Raises CommandError for an error reply,
        ConnectionLost, and AddressError or OSError if files cannot be passed.
        """
        return result_of(await self.send(command_object(name, arguments, oob=oob), fds=fds))

    async def send(self, message: dict[str, Any], *, fds: _Files = ()) -> dict[str, Any]:
        """Send a complete QMP message and return the complete reply, also if it is an error."""
        self._check_open("nothing was sent")
        request = self._state.make_request(message)
        self._write(request.data, duplicate_files(fds, self._stream, self._address), [request])
        self._check_open(f"{request.what} will not arrive")
        try:
            async with asyncio.timeout(SILENT_SUCCESS_DELAY if request.is_silent else None):
                await self._wait_until(lambda: request.has_ended, request.what, request)
        except (TimeoutError, ConnectionLost):
            if not request.is_silent or self._closed:
                raise
            return {"return": {}}
        finally:
            self._state.abandon(request)
        return request.result(self._address)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> dict[str, Any]:
        try:
            return await self.pull_event()
        except ConnectionLost:
            raise StopAsyncIteration from None

    async def pull_event(self) -> dict[str, Any]:
        """Return the oldest event, waiting for one if necessary. Raises ConnectionLost."""
        await self._wait_until(lambda: bool(self._state.events), "an event")
        return self._state.events.popleft()

    async def wait_event(self, name: str, *, match: Match | None = None) -> dict[str, Any]:
        """Remove and return the first event called `name`, past or future.

        `match` is that of the blocking client. Other events are kept. Raises ConnectionLost.
        """
        search = self._state.search(name, match)
        try:
            await self._wait_until(lambda: search.has_ended, search.what, search)
            return search.result()
        finally:
            self._state.end_search(search)

    def close(self) -> None:
        """Close the connection. Waiting calls raise ConnectionLost. The server continues."""
        if not self._closed:
            self._end("closed")
            self._closed = True
            self._stream.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        self.close()

    async def _wait_until(
        self, done: Callable[[], bool], what: str, on: PendingReply | EventSearch | None = None
    ) -> None:
        """Wait until `done`, which only a change of `on` makes true, or any message without it."""
        while not done():
            self._check_open(f"{what} will not arrive")
            future, waiting = self._loop.create_future(), self._general
            if on is not None:
                waiting, on.on_change = self._specific, partial(_wake, (future,))
            waiting[future] = None
            try:
                await future
            finally:
                del waiting[future]

    def _end(self, reason: str) -> None:
        if self._lost is None:
            super()._end(reason)
            if not self._loop.is_closed():
                self._loop.remove_reader(self._stream.fileno())
                self._loop.remove_writer(self._stream.fileno())
                _wake((*self._specific, *self._general))

    def _on_ready(self) -> None:
        self._receive()
        self._watch_writing()
        _wake(self._general)

    def _write(
        self, data: bytes, descriptors: Sequence[int], requests: Sequence[PendingReply] = ()
    ) -> None:
        super()._write(data, descriptors, requests)
        self._watch_writing()

    def _watch_writing(self) -> None:
        """Have `_on_ready` called while queued data waits for the descriptor."""
        if self._lost is None and self._stream.want_write:
            self._loop.add_writer(self._stream.fileno(), self._on_ready)
        elif self._lost is None:
            self._loop.remove_writer(self._stream.fileno())


def _wake(futures: Iterable[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)
