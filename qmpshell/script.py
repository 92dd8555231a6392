"""The loop of a script: lines in, messages out, one `poll` in between.

Owns: waiting on the server, the input and the output at once. Must not know: what lines or messages
say. `poll` is used, as `epoll` refuses regular files and /dev/null.
"""

from __future__ import annotations

import errno
import math
import os
import select
import signal
import stat
from collections import deque

from .errors import ConnectionLost, QmpShellError
from .language import Source
from .qmp import Message, human_text
from .render import coloured, escape, escape_lines, message_line, placed, value_line, value_pretty
from .session import (
    Connect,
    Divert,
    Finish,
    Leave,
    Page,
    Prepared,
    Send,
    ShowBytes,
    ShowCommand,
    ShowEvent,
    ShowReply,
    ShowStray,
    Tell,
)
from .storage import COMPACT, EVENTS_INLINE, EVENTS_STDERR, PRETTY, event_place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Protocol

    from .language import Destination
    from .qmp import Event, Reply
    from .session import Effect, Request, ScriptLines
    from .storage import Settings
    from .transport import Stream

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


class ReaderGone(Exception):
    """Nobody reads our output any more."""


class OutputFailed(Exception):
    """The output could not be written; the text says why."""


class Output:
    """A queue in front of a descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._queue: deque[memoryview] = deque()
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        # How many bytes surely go since poll said so.
        self._sure = 0
        # A regular file never blocks for long.
        self._at_once = stat.S_ISREG(os.fstat(descriptor).st_mode)

    def fileno(self) -> int:
        return self._descriptor

    @property
    def pending(self) -> bool:
        """Whether something waits until the descriptor can be written to; then call `flush`."""
        return bool(self._queue)

    def write(self, data: bytes) -> None:
        """Queue `data` and write what goes. Raises ReaderGone or OutputFailed."""
        self._queue.append(memoryview(data))
        if len(self._queue) == 1:
            self.flush()

    def flush(self) -> None:
        """Write on as far as it goes. Raises ReaderGone or OutputFailed."""
        while self._queue:
            head = self._queue[0]
            if not self._at_once:
                if len(head) > self._sure:
                    if not self._poll.poll(0):
                        return
                    self._sure = select.PIPE_BUF
                    head = head[: self._sure]
                self._sure -= len(head)
            try:
                written = os.write(self._descriptor, head)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._queue.clear()
                if error.errno in (errno.EPIPE, errno.ECONNRESET):
                    raise ReaderGone from None
                raise OutputFailed(error.strerror or str(error)) from None
            if written < len(self._queue[0]):
                self._queue[0] = self._queue[0][written:]
            else:
                self._queue.popleft()


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


# What Python or we have changed, and a child expects as it is by default.
_SIGNALS = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM)


class Diversion:
    """`start` opens it, and raises OutputFailed. Then `write`; then `end`, and `flush` whenever a
    descriptor of `waits_for` is ready, until `problem` is no longer None."""

    def __init__(self, destination: Destination, *, environment: Mapping[str, str]) -> None:
        self.destination = destination
        self._environment = environment
        self._output: Output | None = None
        self._descriptor = -1
        self._child: int | None = None
        self._child_descriptor: int | None = None
        self._ending = False
        self._failure = ""
        # What went wrong, empty if nothing did, None as long as it goes on.
        self.problem: str | None = None

    def start(self) -> None:
        try:
            if self.destination.operator == "|":
                self._spawn(self.destination.text)
            else:
                flags = os.O_TRUNC if self.destination.operator == ">" else os.O_APPEND
                self._descriptor = os.open(
                    self.destination.text, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flags, 0o666
                )
        except OSError as error:
            text = f"{self.destination.text}: {error.strerror}"
            raise OutputFailed(text) from None
        self._output = Output(self._descriptor)

    def _spawn(self, command: str) -> None:
        reader, self._descriptor = os.pipe()
        try:
            self._child = os.posix_spawn(
                "/bin/sh",
                ["sh", "-c", command],
                self._environment,
                file_actions=[(os.POSIX_SPAWN_DUP2, reader, 0)],
                setsigdef=_SIGNALS,
                setpgroup=0,
            )
        finally:
            os.close(reader)
        if hasattr(os, "pidfd_open"):
            self._child_descriptor = os.pidfd_open(self._child)

    @property
    def waits_for(self) -> dict[int, bool]:
        """The descriptors to wait on, and whether it is to be able to write (else to read)."""
        waits: dict[int, bool] = {}
        if self._output is not None and self._output.pending:
            waits[self._descriptor] = True
        elif self._ending and self._child_descriptor is not None:
            waits[self._child_descriptor] = False
        return waits

    @property
    def must_be_polled(self) -> bool:
        """Whether the child's end can only be found out by looking (where there is no pidfd)."""
        return self._ending and self._child is not None and self._child_descriptor is None

    def write(self, data: bytes) -> None:
        if self._output is None:
            return
        try:
            self._output.write(data)
        except ReaderGone:
            self._close()  # it has seen enough, as head has
        except OutputFailed as error:
            self._fail(str(error))

    def end(self) -> None:
        """Nothing more will be written."""
        self._ending = True
        self.flush()

    def flush(self) -> None:
        """Go on as far as it goes."""
        try:
            if self._output is not None:
                self._output.flush()
        except ReaderGone:
            self._close()
        except OutputFailed as error:
            self._fail(str(error))
        if self._ending and (self._output is None or not self._output.pending):
            self._close()
            self._reap()

    def _fail(self, reason: str) -> None:
        self._close()
        if self._child is None:
            self._failure = f"{self.destination.text}: {reason}"

    def _close(self) -> None:
        if self._output is not None:
            self._output = None
            os.close(self._descriptor)

    def _reap(self) -> None:
        if self._child is None:
            self.problem = self._failure
            return
        pid, status = os.waitpid(self._child, os.WNOHANG)
        if pid == 0:
            return
        self._child = None
        if self._child_descriptor is not None:
            os.close(self._child_descriptor)
            self._child_descriptor = None
        code = os.waitstatus_to_exitcode(status)
        if code:
            ended = f"ended with status {code}" if code > 0 else f"ended by signal {-code}"
            self.problem = f"{self.destination.text}: {ended}"
        else:
            self.problem = ""


# Help is laid out to so many columns.
_WIDTH = 80


class ScriptView:
    """`out` takes bytes for standard output, or for the destination of their line, `err` text for
    standard error, a line or several.

    `name` is how our own messages begin. `colours` says at any time whether JSON on standard output has
    some; `pretty` is the layout where the settings leave it open.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        name: str,
        colours: Callable[[], bool] = lambda: False,
        pretty: bool = False,
        out: Callable[[bytes, Destination | None], None],
        err: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._name = name
        self._colours = colours
        self._layout = PRETTY if pretty else COMPACT
        self._out = out
        self._err = err

    def show(self, effect: Effect) -> None:
        """Show one effect; those that show nothing are passed over."""
        if isinstance(effect, ShowReply):
            self._reply(effect.reply, effect.request, effect.destination)
        elif isinstance(effect, ShowEvent):
            self._event(effect.event, again=effect.again)
        elif isinstance(effect, Tell):
            self._err(effect.text)
        elif isinstance(effect, Page):
            from .render import text_of  # few scripts ask for help

            self._err(text_of(effect.blocks, width=_WIDTH))
        elif isinstance(effect, ShowBytes):
            self._out(effect.data, None)
        elif isinstance(effect, ShowCommand):
            self._out(effect.data, effect.request.destination)
        elif isinstance(effect, ShowStray):
            text = escape(effect.item.raw[:2000].decode("utf-8", "backslashreplace"))
            self._err(f"{self._name}: {effect.reason}: {text}")
        elif isinstance(effect, Send) and self._settings.verbose and _is_the_users(effect):
            self._err(f"-> {escape(_sent(effect), keep=chr(10))}")

    def _reply(self, reply: Reply, request: Request, destination: Destination | None) -> None:
        if request.text is not None and not reply.is_error:
            text = escape_lines(human_text(reply.value.get("return", "")))
            if text:
                text = text if text.endswith("\n") else text + "\n"
                self._out(text.encode("utf-8"), destination)
        elif not self._settings.result_only and (request.text is None or not reply.is_error):
            visible = request.visible(reply)
            if visible is reply.value:
                self._message(reply, destination)
            else:
                self._value(visible, destination)
        elif reply.is_error:
            assert request.source is not None  # our own questions are not shown
            text = f"{reply.error_class}: {reply.desc}"
            self._err(placed(request.source, request.start, escape(text)))
        else:
            self._value(reply.value["return"], destination)

    def _event(self, event: Event, *, again: bool) -> None:
        place = EVENTS_INLINE if again else event_place(self._settings.events, event.name)
        if place == EVENTS_INLINE:
            self._message(event)
        elif place == EVENTS_STDERR:
            self._err(message_line(event).decode("ascii").rstrip())

    @property
    def _is_pretty(self) -> bool:
        return (self._settings.layout or self._layout) == PRETTY

    def _message(self, message: Message, destination: Destination | None = None) -> None:
        if self._is_pretty or self._colours():
            self._value(message.value, destination)
        else:
            self._out(message_line(message), destination)

    def _value(self, value: object, destination: Destination | None) -> None:
        pretty = self._is_pretty
        if destination is None and self._colours():
            self._out(coloured(value, pretty=pretty), None)
        else:
            self._out((value_pretty if pretty else value_line)(value), destination)


def _is_the_users(effect: Send) -> bool:
    return effect.request is not None and effect.request.source is not None


def _sent(effect: Send) -> str:
    from .storage import sent_text  # only who asks to see it needs it

    assert effect.request is not None
    return sent_text(effect.data, effect.request.message)
