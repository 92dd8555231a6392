"""Driver for scripts: reads lines, writes messages, and waits with one `poll` for all descriptors.

It uses `poll` because `epoll` rejects regular files and /dev/null.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import stat
from collections import deque

from .errors import ConnectionLost, QmpShellError
from .language import SourceLine
from .qmp import Message, hmp_text
from .render import (
    color_json,
    escape,
    escape_lines,
    message_line,
    value_line,
    value_pretty,
    with_position,
)
from .session import (
    CloseRedirect,
    Connect,
    Exit,
    OpenRedirect,
    PreparedLine,
    ReadFile,
    Send,
    ShowAnswer,
    ShowBytes,
    ShowCommand,
    ShowDocument,
    ShowEvent,
    ShowMessage,
    ShowReply,
    ShowResult,
    ShowUnexpected,
    StopFile,
)
from .storage import COMPACT, EVENTS_INLINE, EVENTS_STDERR, FLAT, PRETTY, event_place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Protocol

    from .language import Redirect
    from .qmp import Event, Reply
    from .session import Effect, Request, ScriptLines, Step
    from .storage import FileReader, Settings
    from .transport import CleanupOnSignal, ForegroundChild, Stream

    class ScriptSession(Protocol):
        """The methods of a session that the driver calls. `Session` and `RawSession` have them."""

        @property
        def idle(self) -> bool:
            """Whether all lines are done and the next one can start."""

        @property
        def lost(self) -> bool:
            """Whether the connection is lost."""

        @property
        def deadline(self) -> float | None:
            """The time at which `tick` is due, or None."""

        def receive(self, data: bytes, now: float) -> list[Effect]:
            """Handle received bytes; b"" is the end."""

        def connection_lost(self, reason: str) -> list[Effect]:
            """Handle a broken stream."""

        def prepare(self, source: SourceLine) -> PreparedLine:
            """Parse a line."""

        def submit(self, prepared: PreparedLine, now: float) -> list[Effect]:
            """Run or queue a line."""

        def end_of_input(self, now: float) -> list[Effect]:
            """Handle the end of input."""

        def answer(self, step: Step, answer: object, now: float) -> list[Effect]:
            """Handle the answer to a step that the driver has performed."""

        def connected(
            self, now: float, *, address: str | None, passes_descriptors: bool
        ) -> list[Effect]:
            """Handle an open stream."""

        def tick(self, now: float) -> list[Effect]:
            """Do what is due at `now`."""

        @property
        def log_descriptor(self) -> int | None:
            """The descriptor of the log if messages wait for it, or None."""

        def flush_log(self, now: float, *, is_last: bool = False) -> list[Effect]:
            """Write waiting messages to the log."""

        @property
        def status(self) -> int:
            """The exit status so far."""


class OutputClosedError(Exception):
    """The reader of stdout has closed it."""


class OutputError(Exception):
    """The output could not be written; the text says why."""


# The server is not read while more output than this waits for a slow reader.
_MAX_PENDING = 16 << 20  # bytes
_OVERHEAD = 250  # bytes of memory for each item of the queue, about


class Output:
    """A queue of bytes for a descriptor. `may_block` is false if it is non-blocking."""

    def __init__(self, descriptor: int, *, may_block: bool = True) -> None:
        self._descriptor = descriptor
        self._queue: deque[memoryview] = deque()
        self._size = 0
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        # How many bytes can be written without blocking, according to the last poll.
        self._ready_size = 0
        # A regular file never blocks for long.
        self._at_once = not may_block or stat.S_ISREG(os.fstat(descriptor).st_mode)

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    @property
    def pending(self) -> bool:
        """Whether data waits for the descriptor to become writable; then call `flush`."""
        return bool(self._queue)

    @property
    def is_full(self) -> bool:
        """Whether more data waits than the limit, so that no more should be produced."""
        return self._size > _MAX_PENDING

    def write(self, data: bytes) -> None:
        """Queue `data` and write as much as possible. Raises OutputClosedError or OutputError."""
        self._queue.append(memoryview(data))
        self._size += len(data) + _OVERHEAD
        if len(self._queue) == 1:
            self.flush()

    def flush(self) -> None:
        """Write as much of the queue as possible. Raises OutputClosedError or OutputError."""
        while self._queue:
            head = self._queue[0]
            if not self._at_once:
                if len(head) > self._ready_size:
                    if not self._poll.poll(0):
                        return
                    self._ready_size = select.PIPE_BUF
                    head = head[: self._ready_size]
                self._ready_size -= len(head)
            try:
                written = os.write(self._descriptor, head)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._queue.clear()
                self._size = 0
                if error.errno in (errno.EPIPE, errno.ECONNRESET):
                    raise OutputClosedError from None
                raise OutputError(error.strerror or str(error)) from None
            self._size -= written
            if written < len(self._queue[0]):
                self._queue[0] = self._queue[0][written:]
            else:
                self._queue.popleft()
                self._size -= _OVERHEAD


_HANG_UP = select.POLLERR | select.POLLHUP | select.POLLNVAL


class ScriptRunner:
    """Runs lines in a session over an open stream, or over None without a server.

    `make_view` returns the view for a write function. `make_redirect` returns the redirect for a
    target. `connect` opens the stream to an address, or to the same one again, and raises
    QmpShellError. `clock` is monotonic, in seconds. `timeout` limits the wait for a redirect and
    the log at the end, in seconds. One line is read ahead, so that the next command is encoded
    while the previous one is in flight.
    """

    def __init__(
        self,
        session: ScriptSession,
        stream: Stream | None,
        *,
        lines: ScriptLines,
        output: Output,
        make_view: Callable[[Callable[[bytes, Redirect | None], None]], ScriptView],
        clock: Callable[[], float],
        timeout: float | None,
        make_redirect: Callable[[Redirect], RedirectTarget],
        connect: Callable[[str | None], tuple[Stream, str]],
    ) -> None:
        self._connect = connect
        self._session = session
        self._stream = stream
        self._lines = lines
        self._output = output
        self._view = make_view(self.write)
        self._clock = clock
        self._timeout = timeout
        self._make_redirect = make_redirect
        self._redirect: RedirectTarget | None = None
        # The steps that wait for the start and the end of the redirect.
        self._opening: OpenRedirect | None = None
        self._closing: CloseRedirect | None = None
        self._reading: tuple[ReadFile, FileReader] | None = None
        self._next_line: SourceLine | PreparedLine | None = None
        self._status: int | None = None
        self._end_reported = False
        # Since when the server is not read, and for how long it was not read before, in seconds.
        self._pause_start: float | None = None
        self._paused = 0.0
        self._poll = select.poll()
        self._watched: dict[int, int] = {}

    def run(self, begin: Iterable[Effect]) -> int:
        """Perform `effects`, then run until the session ends. Return the exit status.

        Raises OutputClosedError or OutputError.
        """
        try:
            self._perform(begin)
            while self._status is None:
                self._feed()
                if self._status is None:
                    self._wait()
            self._drain()
            self._wait_for_redirect()
            self._wait_for_log()
        finally:
            self._close()
            if self._redirect is not None:
                self._redirect.stop()
        return self._status or self._session.status

    def _close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _feed(self) -> None:
        """Submit lines while the session accepts them, and read one ahead."""
        while self._status is None:
            if self._next_line is None:
                self._next_line = self._lines.pop()
            if not self._session.idle or self._output.pending:
                break
            if self._session.log_descriptor is not None:
                break
            if self._next_line is None:
                if self._lines.ended and not self._end_reported:
                    self._end_reported = True
                    self._perform(self._session.end_of_input(self._now()))
                return
            ahead, self._next_line = self._next_line, None
            if isinstance(ahead, SourceLine):
                ahead = self._session.prepare(ahead)
            self._perform(self._session.submit(ahead, self._now()))
        if isinstance(self._next_line, SourceLine):
            self._next_line = self._session.prepare(self._next_line)

    def _perform(self, effects: Iterable[Effect]) -> None:  # noqa: C901 - a dispatch on effects
        for effect in effects:
            if isinstance(effect, Send):
                self._view.show(effect)
                self._send(effect)
            elif isinstance(effect, OpenRedirect):
                self._open_redirect(effect)
            elif isinstance(effect, CloseRedirect):
                if self._redirect is not None:
                    self._closing = effect
                    self._redirect.end()
                    self._close_redirect()
            elif isinstance(effect, ReadFile):
                self._start_reading(effect)
            elif isinstance(effect, StopFile):
                self._stop_file()
            elif isinstance(effect, Connect):
                self._reconnect(effect)
            elif isinstance(effect, Exit):
                if self._status is None:
                    self._status = effect.status
            else:
                self._view.show(effect)

    def _reconnect(self, step: Connect) -> None:
        self._close()
        try:
            self._stream, address = self._open_connection(step)
        except QmpShellError as error:
            self._perform(self._session.answer(step, str(error), self._now()))
            return
        self._perform(
            self._session.connected(
                self._now(),
                address=address,
                passes_descriptors=self._stream.passes_descriptors,
            )
        )

    def _open_connection(self, step: Connect) -> tuple[Stream, str]:
        return self._connect(step.text)

    def write(self, data: bytes, redirect: Redirect | None) -> None:
        """Write to stdout, or to the redirect of a line. Raises OutputClosedError or OutputError."""
        if redirect is not None and self._redirect is not None:
            self._redirect.write(data)
        else:
            self._output.write(data)

    def _start_reading(self, step: ReadFile) -> None:
        from .storage import FileReader  # few scripts read files

        try:
            self._reading = step, FileReader(step.path)
        except OSError as error:
            self._perform(self._session.answer(step, error, self._now()))

    def _read_file(self) -> None:
        """Read once, and answer the step at the end of the file."""
        assert self._reading is not None
        step, reader = self._reading
        answer: bytes | OSError
        try:
            reader.read()
            if not reader.has_ended:
                return
            answer = reader.data
        except OSError as error:
            answer = error
        self._stop_file()
        self._perform(self._session.answer(step, answer, self._now()))

    def _stop_file(self) -> None:
        """Stop to read or open a file, or to write to it."""
        if self._reading is not None:
            self._reading[1].close()
            self._reading = None
        elif self._redirect is not None:
            self._redirect.stop()
            self._redirect = self._opening = self._closing = None

    def _open_redirect(self, step: OpenRedirect) -> None:
        self._drain()  # earlier output must precede that of the command
        self._opening = step
        self._redirect = self._make_redirect(step.redirect)
        self._try_to_open()

    def _try_to_open(self) -> None:
        """Open the redirect, and answer the step unless a FIFO has no reader yet."""
        step, redirect, problem = self._opening, self._redirect, ""
        assert step is not None
        assert redirect is not None
        try:
            if not redirect.start():
                return
        except OutputError as error:
            self._redirect = None
            problem = str(error)
        self._opening = None
        self._perform(self._session.answer(step, problem, self._now()))

    def _wait_for_redirect(self) -> None:
        """At the end, wait until the redirect has received all its data and has ended."""
        redirect = self._redirect
        if redirect is None or not redirect.is_open:
            return
        redirect.end()
        deadline = self._wait_deadline
        while redirect.problem is None and self._clock() < deadline:
            waiter = select.poll()
            for descriptor, is_writing in redirect.waits_for.items():
                waiter.register(descriptor, select.POLLOUT if is_writing else select.POLLIN)
            waiter.poll(_POLL_INTERVAL)
            redirect.flush()

    @property
    def _wait_deadline(self) -> float:
        """When a wait that starts now ends by `--timeout`."""
        return self._clock() + self._timeout if self._timeout is not None else float("inf")

    def _wait_for_log(self) -> None:
        """At the end, wait until all messages are in the log."""
        deadline = self._wait_deadline
        descriptor = self._session.log_descriptor
        while descriptor is not None:
            waiter = select.poll()
            waiter.register(descriptor, select.POLLOUT)
            left = deadline - self._clock()
            waiter.poll(min(left, 1000.0) * 1000 if left > 0 else 0)
            self._perform(self._session.flush_log(self._clock(), is_last=left <= 0))
            descriptor = self._session.log_descriptor

    def _close_redirect(self) -> None:
        """Report the end of the redirect if it has ended."""
        redirect = self._redirect
        if redirect is not None and redirect.problem is not None:
            self._redirect = None
            step, self._closing = self._closing, None
            if step is not None:
                self._perform(self._session.answer(step, redirect.problem, self._now()))

    def _send(self, effect: Send) -> None:
        if self._stream is not None:
            request = effect.request
            try:
                descriptor = request.descriptor if request else None
                self._stream.write(effect.data, () if descriptor is None else (descriptor,))
            except ConnectionLost:
                return  # the server's last messages are still to be read, and then the end

    def _wait(self) -> None:  # noqa: C901 - one poll loop
        is_reading = self._update_pause()
        self._watch(is_reading=is_reading)
        deadline = self._session.deadline
        timeout = None
        if deadline is not None and is_reading:
            timeout = int(max(0.0, deadline - self._now()) * 1000) + 1
        if self._redirect is not None and self._redirect.must_be_polled:
            timeout = _POLL_INTERVAL if timeout is None else min(timeout, _POLL_INTERVAL)
        for descriptor, events in self._poll_descriptors(timeout):
            if self._stream is not None and descriptor == self._stream.fileno():
                self._serve(events)
            elif descriptor == self._session.log_descriptor:
                self._perform(self._session.flush_log(self._now()))
            elif self._reading is not None and descriptor == self._reading[1].fileno():
                self._read_file()
            elif self._redirect is not None and descriptor in self._redirect.waits_for:
                self._redirect.flush()
            elif descriptor == self._output.fileno():
                if events & _HANG_UP and not events & select.POLLOUT:
                    raise OutputClosedError
                self._output.flush()
            else:
                self._lines.fill()
            if self._status is not None:
                return
        if self._opening is not None:
            self._try_to_open()
        if self._redirect is not None:
            if self._redirect.must_be_polled:
                self._redirect.flush()
            self._close_redirect()
        if deadline is not None and self._now() >= deadline:
            self._perform(self._session.tick(self._now()))

    def _update_pause(self) -> bool:
        """Pause reading while too much output waits for its reader. Return True if not paused."""
        is_full = self._output.is_full or (self._redirect is not None and self._redirect.is_full)
        now = self._clock()
        if is_full and self._pause_start is None:
            self._pause_start = now
        elif not is_full and self._pause_start is not None:
            self._paused += now - self._pause_start
            self._pause_start = None
        return not is_full

    def _now(self) -> float:
        """Return the session's time. It stands still during a pause, so that no wait ends then."""
        now = self._clock() if self._pause_start is None else self._pause_start
        return now - self._paused

    def _poll_descriptors(self, timeout: int | None) -> list[tuple[int, int]]:
        return self._poll.poll(timeout)

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
                    self._perform(self._session.receive(data, self._now()))
        except ConnectionLost as error:
            self._close()
            self._perform(self._session.connection_lost(str(error)))

    @property
    def _reads_lines(self) -> bool:
        # A command that owns the terminal reads it.
        redirect = self._redirect
        return self._next_line is None and not (redirect is not None and redirect.owns_terminal)

    def _watch(self, *, is_reading: bool) -> None:
        """Update what `poll` waits for. Only a change costs a system call."""
        wanted = {self._output.fileno(): select.POLLOUT if self._output.pending else 0}
        if self._reading is not None:
            wanted[self._reading[1].fileno()] = select.POLLIN
        log = self._session.log_descriptor
        if log is not None:  # no message is lost, and none is kept in memory
            wanted[log] = select.POLLOUT
        elif self._stream is not None:
            events = select.POLLIN if is_reading else 0
            wanted[self._stream.fileno()] = events | self._stream.want_write * select.POLLOUT
        if self._redirect is not None:
            for descriptor, is_writing in self._redirect.waits_for.items():
                wanted[descriptor] = select.POLLOUT if is_writing else select.POLLIN
        if self._reads_lines and self._lines.descriptor is not None:
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


# Signals whose handling Python or this program has changed; a child gets the default back.
_SIGNALS = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM)

# Milliseconds between two checks for what cannot be waited for.
_POLL_INTERVAL = 20


class RedirectTarget:
    """The file or system shell command that receives the replies of a line, in both drivers.

    Call `start` until it returns True. Then call `write`, then `end`, and `flush` whenever a
    descriptor of `waits_for` is ready, until `problem` is not None. `stop` ends it earlier. With
    `to_stderr`, the command's output goes to stderr.
    """

    def __init__(
        self, redirect: Redirect, *, environment: Mapping[str, str], to_stderr: bool = False
    ) -> None:
        self.redirect = redirect
        self._environment = environment
        self._to_stderr = to_stderr
        self._output: Output | None = None
        self._descriptor = -1
        self._child: int | None = None
        self._child_descriptor: int | None = None
        self._foreground: ForegroundChild | None = None
        self._cleanup: CleanupOnSignal | None = None
        # How the child has ended.
        self._child_status = 0
        self._ending = False
        self._failure = ""
        # What went wrong, "" on success, None while it runs.
        self.problem: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether `start` has returned True."""
        return self._descriptor >= 0

    def start(self) -> bool:
        """Open the file or start the command. Return False for a FIFO that has no reader yet.

        Raises OutputError.
        """
        try:
            if self.redirect.operator == "|":
                self._spawn(self.redirect.text)
            else:
                from .storage import open_for_writing  # few scripts write files

                flags = os.O_TRUNC if self.redirect.operator == ">" else os.O_APPEND
                descriptor = open_for_writing(os.path.expanduser(self.redirect.text), flags)
                if descriptor is None:
                    return False
                self._descriptor = descriptor
        except OSError as error:
            text = f"{self.redirect.text}: {error.strerror}"
            raise OutputError(text) from None
        self._output = Output(self._descriptor, may_block=self.redirect.operator == "|")
        return True

    def _spawn(self, command: str) -> None:
        # Few scripts need it.
        from .transport import CleanupOnSignal, end_group, hold_signals, run_in_foreground

        reader, self._descriptor = os.pipe()
        try:
            with hold_signals() as mask:  # until the command can be ended
                self._child = child = os.posix_spawn(
                    "/bin/sh",
                    ["sh", "-c", command],
                    self._environment,
                    file_actions=[
                        (os.POSIX_SPAWN_DUP2, reader, 0),
                        *([(os.POSIX_SPAWN_DUP2, 2, 1)] if self._to_stderr else ()),
                    ],
                    setsigdef=_SIGNALS,
                    setsigmask=mask,
                    setpgroup=0,
                )
                self._cleanup = CleanupOnSignal(lambda number: end_group(child, number))
        finally:
            os.close(reader)
        self._foreground = run_in_foreground(child)
        if self._foreground is None and hasattr(os, "pidfd_open"):
            self._child_descriptor = os.pidfd_open(child)

    @property
    def waits_for(self) -> dict[int, bool]:
        """The descriptors to wait for, each True if it must be writable, False if readable."""
        waits: dict[int, bool] = {}
        if self._output is not None and self._output.pending:
            waits[self._descriptor] = True
        elif self._ending and self._child_descriptor is not None:
            waits[self._child_descriptor] = False
        return waits

    @property
    def is_full(self) -> bool:
        """Whether the file or command is so slow that no more should be written."""
        return self._output is not None and self._output.is_full

    @property
    def owns_terminal(self) -> bool:
        """Whether the command owns the terminal of this process."""
        return self._foreground is not None

    @property
    def must_be_polled(self) -> bool:
        """Whether a reader, a stop of the child, or without pidfd its end must be polled for."""
        if not self.is_open or self.owns_terminal:
            return True
        return self._ending and self._child is not None and self._child_descriptor is None

    def write(self, data: bytes) -> None:
        """Queue data and write as much as possible."""
        if self._output is None:
            return
        try:
            self._output.write(data)
        except OutputClosedError:
            self._close()  # the command has read enough, like head
        except OutputError as error:
            self._fail(str(error))

    def end(self) -> None:
        """Finish: no more data will be written."""
        self._ending = True
        self.flush()

    def stop(self) -> None:
        """Close the file, whatever it has not accepted, or end the command."""
        self._close()
        if self._child is not None:
            from .transport import end_group

            end_group(self._child, signal.SIGTERM)
            self._on_child_end(0)

    def flush(self) -> None:
        """Write as much as possible and check for the end."""
        try:
            if self._output is not None:
                self._output.flush()
        except OutputClosedError:
            self._close()
        except OutputError as error:
            self._fail(str(error))
        if self.owns_terminal:
            self._poll_child()
        if self._ending and (self._output is None or not self._output.pending):
            self._close()
            self._poll_child()
            if self._child is None:
                self.problem = self._failure or self._child_problem

    def _fail(self, reason: str) -> None:
        self._close()
        if self._child is None:
            self._failure = f"{self.redirect.text}: {reason}"

    def _close(self) -> None:
        if self._output is not None:
            self._output = None
            os.close(self._descriptor)

    def _poll_child(self) -> None:
        """Handle a stop or the end of the child."""
        if self._child is None:
            return
        status: int | None
        if self._foreground is not None:
            status = self._foreground.poll()
        else:
            found, status = os.waitpid(self._child, os.WNOHANG)
            status = status if found else None
        if status is not None:
            self._on_child_end(status)

    def _on_child_end(self, status: int) -> None:
        self._child, self._child_status = None, status
        if self._cleanup is not None:
            self._cleanup.close()
        if self._child_descriptor is not None:
            os.close(self._child_descriptor)
            self._child_descriptor = None
        if self._foreground is not None:
            self._foreground.close()
            self._foreground = None

    @property
    def _child_problem(self) -> str:
        code = os.waitstatus_to_exitcode(self._child_status)
        if not code:
            return ""
        ended = f"ended with status {code}" if code > 0 else f"ended by signal {-code}"
        return f"{self.redirect.text}: {ended}"


# Width of help documents, in columns.
_WIDTH = 80
# How much of an unexpected message is shown, in characters.
_MAX_UNEXPECTED = 2000


class ScriptView:
    """Formats the effects of a session as the output of a script.

    `out` writes bytes to stdout or to the redirect of a line; `err` writes lines to stderr. `name`
    is the prefix of qmpshell's own messages. `has_colors` returns True if JSON on stdout is
    coloured now. `pretty` is the layout if the settings leave it open.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        name: str,
        has_colors: Callable[[], bool] = lambda: False,
        pretty: bool = False,
        out: Callable[[bytes, Redirect | None], None],
        err: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._name = name
        self._has_colors = has_colors
        self._layout = PRETTY if pretty else COMPACT
        self._out = out
        self._err = err

    def show(self, effect: Effect) -> None:  # noqa: C901 - a dispatch on effects
        """Show one effect, if it is of a kind that is shown."""
        if isinstance(effect, ShowReply):
            self._reply(effect, effect.reply, effect.request)
        elif isinstance(effect, ShowEvent):
            self._event(effect.event, again=effect.again)
        elif isinstance(effect, ShowResult):
            self._result(effect)
        elif isinstance(effect, ShowAnswer):
            self._value(effect.value, None)
        elif isinstance(effect, ShowMessage):
            self._err(effect.text)
        elif isinstance(effect, ShowDocument):
            self._document(effect)
        elif isinstance(effect, ShowBytes):
            self._out(effect.data, None)
        elif isinstance(effect, ShowCommand):
            self._out(effect.data, effect.request.redirect)
        elif isinstance(effect, ShowUnexpected):
            from .storage import redact_unexpected  # rarely needed

            message = effect.item.value if isinstance(effect.item, Message) else None
            raw = effect.item.raw[:_MAX_UNEXPECTED].decode("utf-8", "backslashreplace")
            text = escape(redact_unexpected(message, raw)[:_MAX_UNEXPECTED])
            self._err(f"{self._name}: {effect.reason}: {text}")
        elif isinstance(effect, Send) and self._settings.verbose and _is_typed(effect):
            self._err(f"-> {escape(_sent(effect), keep=chr(10))}")

    def _document(self, effect: ShowDocument) -> None:
        from .render import text_of  # few scripts ask for help

        text = text_of(effect.blocks, width=_WIDTH)
        if effect.redirect is not None:
            self._out(f"{text}\n".encode(), effect.redirect)
        else:
            self._err(text)

    def _reply(self, shown: ShowReply, reply: Reply, request: Request) -> None:
        redirect = shown.redirect
        # The reader of a redirect expects results, and stdout may be what it writes.
        is_diverted = redirect is not None and shown.is_failure
        if request.text is not None and not reply.is_error:
            text = escape_lines(hmp_text(reply.value.get("return", "")))
            if is_diverted:
                self._err(text.rstrip("\n"))
            elif text:
                text = text if text.endswith("\n") else text + "\n"
                self._out(text.encode("utf-8"), redirect)
        elif not (self._settings.result_only or is_diverted or request.text is not None):
            visible = request.visible(reply)
            if visible is reply.value:
                self._message(reply, redirect)
            else:
                self._value(visible, redirect)
        elif reply.is_error:
            assert request.source is not None  # qmpshell's own queries are not shown
            from .storage import redact_text  # only after a failure

            text = redact_text(f"{reply.error_class}: {reply.desc}", request.message)
            self._err(with_position(request.source, request.start, escape(text)))
        else:
            self._value(reply.value["return"], redirect)

    def _result(self, result: ShowResult) -> None:
        """Show the event of a wait if results are read, unless stdout contains it already."""
        value = result.value
        if result.redirect is None:
            name = value.get("event") if isinstance(value, dict) else None
            is_shown = event_place(self._settings.events, str(name)) == EVENTS_INLINE
            if is_shown or not self._settings.result_only:
                return
        self._value(value, result.redirect)

    def _event(self, event: Event, *, again: bool) -> None:
        place = EVENTS_INLINE if again else event_place(self._settings.events, event.name)
        if again and self._settings.json_errors:
            place = EVENTS_STDERR
        if place == EVENTS_INLINE:
            self._message(event)
        elif place == EVENTS_STDERR:
            self._err(message_line(event).decode("ascii").rstrip())

    @property
    def _is_pretty(self) -> bool:
        return (self._settings.layout or self._layout) == PRETTY

    def _message(self, message: Message, redirect: Redirect | None = None) -> None:
        if self._is_pretty or self._has_colors():
            self._value(message.value, redirect)
        else:
            self._out(message_line(message), redirect)

    def _value(self, value: object, redirect: Redirect | None) -> None:
        if self._settings.layout == FLAT:
            from .render import value_flat  # only for `exec --flat`

            self._out(value_flat(value), redirect)
            return
        pretty = self._is_pretty
        if redirect is None and self._has_colors():
            self._out(color_json(value, pretty=pretty), None)
        else:
            self._out((value_pretty if pretty else value_line)(value), redirect)


def _is_typed(effect: Send) -> bool:
    return effect.request is not None and effect.request.source is not None


def _sent(effect: Send) -> str:
    from .storage import sent_text  # imported only with -v

    assert effect.request is not None
    return sent_text(effect.data, effect.request.message)
