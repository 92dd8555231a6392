"""The loop of a script: lines in, messages out, one `poll` in between.

Owns: waiting on the server, the input and the output at once. Must not know: what lines or messages
say. `poll` is used, as `epoll` refuses regular files and /dev/null.
"""

from __future__ import annotations

import math
import select

from ..effects import Connect, Divert, Finish, Leave, Send
from ..errors import ConnectionLost, QmpShellError
from ..requests import Prepared, Source
from .output import OutputFailed, ReaderGone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Protocol

    from ..effects import Effect
    from ..inputs import ScriptLines
    from ..language.command import Destination
    from ..transport.stream import Stream
    from .diversion import Diversion
    from .output import Output
    from .view import ScriptView

    class Conversation(Protocol):
        """What the loop needs of a session; `RawSession` is the other one."""

        @property
        def idle(self) -> bool: ...
        @property
        def lost(self) -> bool: ...
        @property
        def deadline(self) -> float | None: ...
        def receive(self, data: bytes, now: float) -> list[Effect]: ...
        def connection_lost(self, reason: str) -> list[Effect]: ...
        def prepare(self, source: Source) -> Prepared: ...
        def submit(self, prepared: Prepared, now: float) -> list[Effect]: ...
        def end_of_input(self, now: float) -> list[Effect]: ...
        def diverted(self, destination: Destination, problem: str, now: float) -> list[Effect]: ...
        def finished(self, destination: Destination, problem: str, now: float) -> list[Effect]: ...
        def connected(
            self, now: float, *, address: str | None, passes_descriptors: bool
        ) -> list[Effect]: ...
        def connect_failed(self, text: str, now: float) -> list[Effect]: ...
        def tick(self, now: float) -> list[Effect]: ...


_HANG_UP = select.POLLERR | select.POLLHUP | select.POLLNVAL


class ScriptRunner:
    """Runs the lines through the session, over a stream that is open, or None without a server.

    `view` makes the view for a function that writes; `divert` makes what replies are diverted to;
    `connect` opens the stream to an address, or to the same one again, says how it is named, and raises
    QmpShellError; `clock` is monotonic, in seconds. One line is read ahead: the next command is encoded
    while the last one is under way.
    """

    def __init__(
        self,
        session: Conversation,
        stream: Stream | None,
        *,
        lines: ScriptLines,
        output: Output,
        view: Callable[[Callable[[bytes, Destination | None], None]], ScriptView],
        clock: Callable[[], float],
        divert: Callable[[Destination], Diversion],
        connect: Callable[[str | None], tuple[Stream, str]],
    ) -> None:
        self._connect = connect
        self._session = session
        self._stream = stream
        self._lines = lines
        self._output = output
        self._view = view(self.write)
        self._clock = clock
        self._divert = divert
        self._diversion: Diversion | None = None
        self._ahead: Source | Prepared | None = None
        self._status: int | None = None
        self._end_told = False
        self._poll = select.poll()
        self._watched: dict[int, int] = {}

    def run(self, begin: Iterable[Effect]) -> int:
        """Perform `begin`, then run until the session ends; the exit status.

        Raises ReaderGone and OutputFailed.
        """
        try:
            self._perform(begin)
            while self._status is None:
                self._feed()
                if self._status is None:
                    self._wait()
            self._drain()
            self._await_diversion()
        finally:
            self._close()
        return self._status

    def _close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _feed(self) -> None:
        """Give the session lines as long as it takes them, and read one ahead."""
        while self._status is None:
            if self._ahead is None:
                self._ahead = self._lines.take()
            if not self._session.idle or self._output.pending:
                break
            if self._ahead is None:
                if self._lines.ended and not self._end_told:
                    self._end_told = True
                    self._perform(self._session.end_of_input(self._clock()))
                return
            ahead, self._ahead = self._ahead, None
            if isinstance(ahead, Source):
                ahead = self._session.prepare(ahead)
            self._perform(self._session.submit(ahead, self._clock()))
        if isinstance(self._ahead, Source):
            self._ahead = self._session.prepare(self._ahead)

    def _perform(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                self._view.show(effect)
                self._send(effect)
            elif isinstance(effect, Divert):
                self._begin_diversion(effect.destination)
            elif isinstance(effect, Finish):
                if self._diversion is not None:
                    self._diversion.end()
                    self._end_diversion()
            elif isinstance(effect, Connect):
                self._reconnect(effect.text)
            elif isinstance(effect, Leave):
                if self._status is None:
                    self._status = effect.status
            else:
                self._view.show(effect)

    def _reconnect(self, text: str | None) -> None:
        self._close()
        try:
            self._stream, address = self._connect(text)
        except QmpShellError as error:
            self._perform(self._session.connect_failed(str(error), self._clock()))
            return
        self._perform(
            self._session.connected(
                self._clock(),
                address=address,
                passes_descriptors=self._stream.passes_descriptors,
            )
        )

    def write(self, data: bytes, destination: Destination | None) -> None:
        """Standard output, or where the replies of a line go. Raises ReaderGone and OutputFailed."""
        if destination is not None and self._diversion is not None:
            self._diversion.write(data)
        else:
            self._output.write(data)

    def _begin_diversion(self, destination: Destination) -> None:
        self._drain()  # what was said before comes before what a shell command says
        problem = ""
        self._diversion = self._divert(destination)
        try:
            self._diversion.start()
        except OutputFailed as error:
            self._diversion = None
            problem = str(error)
        self._perform(self._session.diverted(destination, problem, self._clock()))

    def _await_diversion(self) -> None:
        """At the end: what is on its way to a shell command gets there, and is dealt with."""
        diversion, self._diversion = self._diversion, None
        if diversion is None:
            return
        diversion.end()
        while diversion.problem is None:
            waiter = select.poll()
            for descriptor, is_writing in diversion.waits_for.items():
                waiter.register(descriptor, select.POLLOUT if is_writing else select.POLLIN)
            waiter.poll(20)
            diversion.flush()

    def _end_diversion(self) -> None:
        """If it is over, say so."""
        diversion = self._diversion
        if diversion is not None and diversion.problem is not None:
            self._diversion = None
            problem = diversion.problem
            now = self._clock()
            self._perform(self._session.finished(diversion.destination, problem, now))

    def _send(self, effect: Send) -> None:
        if self._stream is not None:
            request = effect.request
            try:
                self._stream.write(effect.data, request.descriptor if request else None)
            except ConnectionLost:
                # What the server said before it left is still to be read, and its end with it.
                pass

    def _wait(self) -> None:
        self._watch()
        deadline = self._session.deadline
        timeout = None
        if deadline is not None:
            timeout = math.ceil(max(0.0, deadline - self._clock()) * 1000)
        if self._diversion is not None and self._diversion.must_be_polled:
            timeout = 20
        ready = self._poll.poll(timeout)
        for descriptor, events in ready:
            if self._stream is not None and descriptor == self._stream.fileno():
                self._serve(events)
            elif self._diversion is not None and descriptor in self._diversion.waits_for:
                self._diversion.flush()
            elif descriptor == self._output.fileno():
                if events & _HANG_UP and not events & select.POLLOUT:
                    raise ReaderGone
                self._output.flush()
            else:
                self._lines.fill()
            if self._status is not None:
                return
        if self._diversion is not None:
            if self._diversion.must_be_polled:
                self._diversion.flush()
            self._end_diversion()
        if deadline is not None and self._clock() >= deadline:
            self._perform(self._session.tick(self._clock()))

    def _serve(self, events: int) -> None:
        stream = self._stream
        assert stream is not None
        try:
            if events & select.POLLOUT:
                stream.flush()
            if events & ~select.POLLOUT:
                data = stream.read()
                if data is not None:
                    if not data:
                        self._close()
                    self._perform(self._session.receive(data, self._clock()))
        except ConnectionLost as error:
            self._close()
            self._perform(self._session.connection_lost(str(error)))

    def _watch(self) -> None:
        """Tell `poll` what to wait for now; only what changed is a system call's work."""
        wanted = {self._output.fileno(): select.POLLOUT if self._output.pending else 0}
        if self._stream is not None:
            events = select.POLLIN | (select.POLLOUT if self._stream.want_write else 0)
            wanted[self._stream.fileno()] = events
        if self._diversion is not None:
            for descriptor, is_writing in self._diversion.waits_for.items():
                wanted[descriptor] = select.POLLOUT if is_writing else select.POLLIN
        if self._ahead is None and self._lines.descriptor is not None:
            wanted[self._lines.descriptor] = select.POLLIN
        if wanted == self._watched:
            return
        for descriptor in self._watched.keys() - wanted.keys():
            self._poll.unregister(descriptor)
        for descriptor, events in wanted.items():
            self._poll.register(descriptor, events)
        self._watched = wanted

    def _drain(self) -> None:
        """Wait until all output is written."""
        waiter = select.poll()
        waiter.register(self._output.fileno(), select.POLLOUT)
        while self._output.pending:
            waiter.poll()
            self._output.flush()
