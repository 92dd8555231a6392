"""Driver for scripts: reads lines, writes messages, and waits with one `poll` for all descriptors.

It uses `poll` because `epoll` rejects regular files and /dev/null.
"""

from __future__ import annotations

import select

from .errors import ConnectionLost, OutputClosedError, OutputError, QmpShellError
from .language import SourceLine
from .qmp import Message
from .render import (
    color_json,
    escape,
    escape_lines,
    message_line,
    value_flat,
    value_line,
    value_pretty,
)
from .session import (
    CloseRedirect,
    Connect,
    Exit,
    OpenFile,
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
    ShowPicture,
    ShowReply,
    ShowResult,
    ShowUnexpected,
    StopFile,
)
from .storage import (
    COMPACT,
    EVENTS_INLINE,
    EVENTS_STDERR,
    FLAT,
    LONGEST_WAIT,
    PRETTY,
    VIEW_JSON,
    event_place,
    poll_events,
    wait_for,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from .language import Redirect
    from .qmp import Event, Reply
    from .session import Effect, RawSession, Request, ScriptLines, Session
    from .storage import BackgroundCall, FileReader, Output, RedirectTarget, Settings
    from .transport import Stream


_HANG_UP = select.POLLERR | select.POLLHUP | select.POLLNVAL
# Milliseconds between two checks for what cannot be waited for.
_POLL_INTERVAL = 20
# The width of help documents, and that of the results of commands, in columns.
_WIDTH = 80
_UNLIMITED = 1 << 30
# How much of an unexpected message is shown, in characters.
_MAX_UNEXPECTED = 2000


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
        session: Session | RawSession,
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
        # What a step waits for: a call or a file, and what to do when its descriptor is readable.
        self._file: tuple[BackgroundCall | FileReader, Callable[[], None]] | None = None
        self._next_line: SourceLine | PreparedLine | None = None
        # The command that was sent before its line was submitted.
        self._sent: Request | None = None
        self._status: int | None = None
        self._end_reported = False
        # Since when the server is not read, and for how long it was not read before, in seconds.
        self._pause_start: float | None = None
        self._paused = 0.0
        # The size of what a slow file had received, and since when it has received no more.
        self._stuck: tuple[int, float] | None = None
        self._poll = select.poll()
        self._watched: dict[int, int] = {}

    def run(self, effects: Iterable[Effect]) -> int:
        """Perform `effects`, then run until the session ends. Return the exit status.

        Raises OutputClosedError or OutputError.
        """
        try:
            self._perform(effects)
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
            if self._session.log_waits_for:
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
            if isinstance(effect, ShowReply):
                self._view.show(effect)
            elif isinstance(effect, Send):
                self._view.show(effect)
                if self._sent is None or effect.request is not self._sent:
                    self._send(effect)
            elif isinstance(effect, OpenRedirect):
                self._open_redirect(effect)
            elif isinstance(effect, CloseRedirect):
                if self._redirect is not None:
                    self._closing = effect
                    self._redirect.end()
                    self._close_redirect()
            elif isinstance(effect, (ReadFile, OpenFile)):
                self._open_file(effect)
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

    def _open_file(self, step: ReadFile | OpenFile) -> None:
        from .storage import (  # few scripts use files
            BackgroundCall,
            FileReader,
            read_or_open,
        )

        def answer(result: object) -> None:
            self._perform(self._session.answer(step, result, self._now()))

        def receive(result: object) -> None:
            if isinstance(result, FileReader):
                self._read_file(result, answer)
            else:
                answer(result)

        if isinstance(step, ReadFile):
            path = step.path
            call = BackgroundCall(lambda: read_or_open(path), discard=FileReader.close)
        else:
            call = BackgroundCall(step.call, discard=step.discard)
        self._start_file_call(call, receive)

    def _start_file_call(self, call: BackgroundCall, receive: Callable[[Any], None]) -> None:
        """Pass the result of a call, or its exception, to `receive`, unless it is stopped."""

        def finish() -> None:
            self._file = None
            try:
                result = call.result()
            except (OSError, QmpShellError) as error:
                result = error
            receive(result)

        self._file = call, finish
        if call.wait():
            finish()

    def _read_file(self, reader: FileReader, receive: Callable[[bytes | OSError], None]) -> None:
        """Pass the content of an open file, or an exception, to `receive`, unless it is stopped."""

        def read() -> None:
            result: bytes | OSError | None
            try:
                if not reader.has_ended:
                    reader.read()
                result = reader.data if reader.has_ended else None
            except OSError as error:
                result = error
            if result is not None:
                self._stop_file()
                receive(result)

        self._file = reader, read
        if reader.has_ended:
            read()

    def _stop_file(self) -> None:
        """Stop reading, opening or writing a file."""
        if self._file is not None:
            self._file[0].close()
            self._file = None
        elif self._redirect is not None:
            self._redirect.stop()
            self._redirect = self._opening = self._closing = None

    def _open_redirect(self, step: OpenRedirect) -> None:
        self._drain()  # earlier output must precede that of the command
        self._opening = step
        self._redirect = self._make_redirect(step.redirect)
        self._try_to_open()

    def _try_to_open(self) -> None:
        """Answer the step once the redirect is open."""
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
            wait_for(redirect.waits_for, _POLL_INTERVAL)
            redirect.flush()

    @property
    def _wait_deadline(self) -> float:
        """When a wait that starts now ends by `--timeout`."""
        return self._clock() + self._timeout if self._timeout is not None else float("inf")

    def _wait_for_log(self) -> None:
        """At the end, wait until all messages are in the log."""
        deadline = self._wait_deadline
        while self._session.log_waits_for:
            left = deadline - self._clock()
            wait_for(self._session.log_waits_for, min(left, 1000.0) * 1000 if left > 0 else 0)
            self._perform(self._session.flush_log(self._clock(), is_last=left <= 0))

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
        timeout = LONGEST_WAIT
        if deadline is not None and is_reading:
            timeout = min(timeout, int(max(0.0, deadline - self._now()) * 1000) + 1)
        if self._redirect is not None and self._redirect.must_be_polled:
            timeout = min(timeout, _POLL_INTERVAL)
        left = self._time_to_write()
        if left is not None:
            timeout = min(timeout, left)
        for descriptor, events in self._poll_descriptors(timeout):
            if self._stream is not None and descriptor == self._stream.fileno():
                self._serve(events)
            elif descriptor in self._session.log_waits_for:
                self._perform(self._session.flush_log(self._now()))
            elif self._file is not None and descriptor == self._file[0].fileno():
                self._file[1]()
            elif self._redirect is not None and descriptor in self._redirect.waits_for:
                self._redirect.flush()
            elif descriptor == self._output.fileno():
                if events & _HANG_UP and not events & select.POLLOUT:
                    raise OutputClosedError
                self._output.flush()
            elif descriptor in self._output.waits_for:
                self._output.flush()
            elif descriptor == self._lines.descriptor:
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

    def _poll_descriptors(self, timeout: int) -> list[tuple[int, int]]:
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
                    line = self._send_next(data)
                    self._perform(self._session.receive(data, self._now()))
                    if line is not None:
                        self._perform(self._session.submit(line, self._now()))
        except ConnectionLost as error:
            self._close()
            self._perform(self._session.connection_lost(str(error)))

    def _send_next(self, data: bytes) -> PreparedLine | None:
        """Send the next command if received data is the reply to the previous one. Return its line.

        The server runs the command while the reply is handled and written. If writing may fail, the
        reply is written first. `poll` has just reported that the output is not closed.
        """
        line = self._next_line
        if (
            not isinstance(line, PreparedLine)
            or line.first_request is None
            or not self._output.has_reader
            or self._output.pending
            or not self._session.is_ended_by(data)
        ):
            return None
        self._next_line, self._sent = None, line.first_request
        self._send(Send(line.first_request.data, line.first_request))
        return line

    def _watch(self, *, is_reading: bool) -> None:
        """Update what `poll` waits for. Only a change costs a system call."""
        # The output comes first, because nothing must be sent after its reader is gone.
        wanted = {self._output.fileno(): 0}
        if self._output.pending:
            wanted.update(poll_events(self._output.waits_for))
        if self._file is not None:
            wanted[self._file[0].fileno()] = select.POLLIN
        log = self._session.log_waits_for
        if log:  # no message is lost, and none is kept in memory
            wanted.update(poll_events(log))
        elif self._stream is not None:
            events = select.POLLIN if is_reading else 0
            wanted[self._stream.fileno()] = events | self._stream.want_write * select.POLLOUT
        terminal_is_in_use = False  # by a command, which reads it itself
        if self._redirect is not None:
            wanted.update(poll_events(self._redirect.waits_for))
            terminal_is_in_use = self._redirect.owns_terminal
        descriptor = self._lines.descriptor
        if self._next_line is None and descriptor is not None and not terminal_is_in_use:
            wanted[descriptor] = select.POLLIN
        if wanted == self._watched:
            return
        for descriptor in self._watched.keys() - wanted.keys():
            self._poll.unregister(descriptor)
        for descriptor, events in wanted.items():
            self._poll.register(descriptor, events)
        self._watched = wanted

    def _drain(self) -> None:
        """Wait until all output is written."""
        while self._output.pending:
            wait_for(self._output.waits_for, self._time_to_write())
            self._output.flush()

    def _time_to_write(self) -> int | None:
        """Return in how many milliseconds a file that accepts no data fails. Raises OutputError."""
        if self._timeout is None or not self._output.pending:
            self._stuck = None
            return None
        written = self._output.written_to_file
        if written is None:
            return None
        now = self._clock()
        if self._stuck is None or self._stuck[0] != written:
            self._stuck = written, now
        left = self._stuck[1] + self._timeout - now
        if left <= 0:
            raise OutputError(f"no data could be written within {self._timeout:g} s")
        return int(min(left, 1000.0) * 1000) + 1


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
        elif isinstance(effect, Send):
            request = effect.request
            if self._settings.verbose and request is not None and request.source is not None:
                from .storage import sent_text  # imported only with -v

                self._err(f"-> {escape(sent_text(effect.data, request.message), keep=chr(10))}")
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
        elif isinstance(effect, ShowPicture):
            self._out(effect.data, effect.redirect)
        elif isinstance(effect, ShowBytes):
            self._out(effect.data, None)
        elif isinstance(effect, ShowCommand):
            if self._settings.layout == PRETTY:
                self._value(effect.request.message, effect.request.redirect)
            else:
                self._out(effect.data, effect.request.redirect)
        elif isinstance(effect, ShowUnexpected):
            from .storage import redact_unexpected  # rarely needed

            message = effect.item.value if isinstance(effect.item, Message) else None
            raw = effect.item.raw[:_MAX_UNEXPECTED].decode("utf-8", "backslashreplace")
            text = escape(redact_unexpected(message, raw)[:_MAX_UNEXPECTED])
            self._err(f"{self._name}: {effect.reason}: {text}")

    def _document(self, effect: ShowDocument) -> None:
        from .render import text_of, text_parts  # few scripts ask for help

        # Programs read the lines of results: they are not wrapped.
        width = _UNLIMITED if effect.is_result else _WIDTH
        if effect.is_result or effect.redirect is not None:
            for part in text_parts(effect.blocks, width=width):
                self._out(part.encode(), effect.redirect)
        else:
            self._err(text_of(effect.blocks, width=width))

    def _reply(self, shown: ShowReply, reply: Reply, request: Request) -> None:
        redirect = shown.redirect
        # The reader of a redirect expects results, and stdout may be what it writes.
        is_diverted = redirect is not None and shown.is_failure
        if request.text is not None and not reply.is_error:
            from .qmp import hmp_text  # few scripts use the human monitor

            text = escape_lines(hmp_text(reply.value.get("return", "")))
            if is_diverted:
                self._err(text.rstrip("\n"))
            elif text:
                text = text if text.endswith("\n") else text + "\n"
                self._out(text.encode("utf-8"), redirect)
        elif redirect is None and self._settings.view != VIEW_JSON and self._table(reply):
            pass
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
            text = escape(text)
            if request.source.name:  # not a typed line
                from .render import with_position  # few commands fail

                text = with_position(request.source, request.start, text)
            self._err(text)
        else:
            self._value(reply.value["return"], redirect)

    def _table(self, reply: Reply) -> bool:
        """Write a reply as a table or text for people. Return False if it is neither."""
        from .render.views.table import human_text, is_tabular, make_table, table_lines

        value = reply.value.get("return")
        text = human_text(value)
        if text is not None:
            self._out(f"{escape_lines(text.removesuffix(chr(10)))}\n".encode(), None)
            return True
        table = make_table(value) if is_tabular(value) else None
        lines = list(table_lines(table)) if table is not None else []
        self._out("".join(f"{line}\n" for line in lines).encode(), None)
        return bool(lines)

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
        pretty = self._is_pretty
        if self._settings.layout == FLAT:
            data = value_flat(value)
        elif redirect is None and self._has_colors():
            data = color_json(value, pretty=pretty)
        else:
            data = (value_pretty if pretty else value_line)(value)
        self._out(data, redirect)
