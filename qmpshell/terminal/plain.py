"""The interactive shell where the cursor cannot move: a plain prompt, and output line after line.

This is a terminal without capabilities (TERM=dumb), such as Emacs' shell buffer, or a terminal whose
output goes elsewhere. There, prompt, banner and questions go to stderr, and stdout holds what a
script's would.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import sys
import termios
import time
from collections.abc import Callable, Container, Iterable, Mapping
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, TypeVar

from ..errors import FAILED, PIPE, OutputClosedError, OutputError, QmpShellError
from ..language import Redirect, SourceLine
from ..record import Record
from ..render import escape
from ..script import ScriptRunner, ScriptView
from ..session import (
    Confirm,
    Connect,
    Effect,
    LineInput,
    OpenRedirect,
    RawSession,
    ReadSecret,
    Ready,
    Restart,
    ScriptLines,
    Session,
    ShowDocument,
    ShowEvent,
    ShowMessage,
    ShowPicture,
    ShowReply,
    ShowResult,
    TryConnect,
)
from ..storage import (
    LONGEST_WAIT,
    BackgroundCall,
    Output,
    RedirectTarget,
    Settings,
    write_to_stderr,
)
from ..transport import Stream
from .formatter import (
    EffectFormatter,
    is_pager,
    overwrite_question,
    prompt_text,
    question_text,
    refusal_text,
)
from .output import encode_for_terminal
from .servers import GreetedStream, end_message, leave_hint, leave_question, reach_server
from .throttle import EventCount, EventThrottle

if TYPE_CHECKING:
    from ..qemu import ChildServer
    from ..qmp import Event

T = TypeVar("T")

_READ_SIZE = 1 << 16
_STDIN, _STDOUT = 0, 1
# What a terminal passes of a line, with its end. It discards the rest.
_LONGEST_LINE = 4096  # bytes
# Seconds between a prompt and the end of a line that was not pasted together with earlier ones.
_TYPING_TIME = 0.2
# Seconds without a prompt after which it is shown during a wait, too.
_LONG_WAIT = 1.0
_YES = ("y", "yes")
_ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_SIGNALS = (*_ENDING_SIGNALS, signal.SIGCHLD, signal.SIGTSTP, signal.SIGCONT)


class _InterruptedError(QmpShellError):
    """A signal has interrupted a system call."""

    def __init__(self) -> None:
        super().__init__("interrupted")


class _Question(Record):
    """A question at the prompt. `receive` is called with the answer, or None if there is none."""

    text: str
    receive: Callable[[str | None], None]
    is_secret: bool


class PlainView(ScriptView):
    """Shows effects like the full shell, as plain text; redirected replies are like a script's.

    `write` receives the text. `clock` is monotonic, in seconds.
    """

    def __init__(
        self,
        settings: Settings,
        formatter: EffectFormatter,
        *,
        out: Callable[[bytes, Redirect | None], None],
        write: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        super().__init__(settings, name="", out=out, err=lambda text: write(f"{text}\n"))
        self._formatter = formatter
        self._write = write
        self._clock = clock
        self._throttle = EventThrottle()

    def show(self, effect: Effect) -> None:
        """Show one effect, if it is of a kind that is shown."""
        formatter = self._formatter
        if isinstance(effect, ShowEvent) and not effect.again:
            if formatter.wants(effect.event):
                self._write_events(self._throttle.allow(effect.event, self._clock()))
        elif isinstance(effect, ShowPicture) or _has_redirect(effect):
            if isinstance(effect, ShowReply) and is_pager(effect.redirect):
                for text in formatter.whole(effect, {}):
                    self._out(text.encode("utf-8", "backslashreplace"), effect.redirect)
            else:
                super().show(effect)
        else:
            if isinstance(effect, ShowReply) and effect.again:
                text = "".join(formatter.whole(effect, {}))
            else:
                text = "".join(text for _, text in formatter.fragments(effect))
            if text:
                self._write_events(self._throttle.flush())
                self._write(text)

    def write_counts(self) -> None:
        """Write the counts of frequent events if they are due."""
        if self._throttle.due is not None and self._clock() >= self._throttle.due:
            self._write_events(self._throttle.flush())

    def _write_events(self, events: Iterable[Event | EventCount]) -> None:
        for event in events:
            self._write("".join(text for _, text in self._formatter.event(event)))


def _has_redirect(effect: Effect) -> bool:
    """Return True if an effect goes to a redirect, as failures do not."""
    if isinstance(effect, ShowReply) and effect.is_failure:
        return False
    return isinstance(effect, ShowDocument | ShowReply | ShowResult) and effect.redirect is not None


class PlainShell(ScriptRunner):
    """A session with a user at a terminal. `run` returns the exit status.

    The parameters are those of `run_plain`.
    """

    def __init__(
        self,
        settings: Settings,
        session: Session | RawSession,
        stream: Stream,
        *,
        address: str,
        connect: Callable[[str | None], tuple[Stream, str]],
        environment: Mapping[str, str],
        child_server: ChildServer | None,
    ) -> None:
        self._settings = settings
        # Formats the banner, and everything on stdout if that is the terminal.
        self._formatter = EffectFormatter(
            settings,
            address=address,
            width=lambda: shutil.get_terminal_size().columns,
            encoding=getattr(sys.stdout, "encoding", None),
            child_server=child_server,
            has_keys=False,
        )
        self._child_server = child_server
        self._has_child_ended = False
        # The server that TryConnect has reached and that is not used yet.
        self._reached: GreetedStream | None = None
        self._is_terminal = os.isatty(_STDOUT)
        terminal = sys.stdout if self._is_terminal else sys.stderr
        self._encoding = getattr(terminal, "encoding", None) or "utf-8"
        # Whether the cursor is behind a prompt or a question, and since when.
        self._is_prompted = False
        self._prompted_at = 0.0
        # Since when no line can start, and whether what blocks the queue was shown.
        self._busy_since: float | None = None
        self._is_blocker_shown = False
        self._question: _Question | None = None
        # Whether what is typed from now on answers the question.
        self._is_asked = False
        # Why the last typed text is not a line: Ctrl-D, or an error message.
        self._is_end_typed = False
        self._refusal = ""
        # Text for the terminal while a command owns it.
        self._held: list[bytes] = []
        self._is_interrupted = False
        # The signals that interrupt the current call.
        self._interrupting: Container[int] = ()
        self._input = LineInput("", read=self._read, descriptor=_STDIN, raw=settings.raw)
        super().__init__(
            session,
            stream,
            lines=ScriptLines([self._input], human=settings.hmp, raw=settings.raw),
            output=Output(_STDOUT),
            make_view=self._make_view,
            clock=time.monotonic,
            timeout=settings.timeout,
            make_redirect=lambda redirect: RedirectTarget(redirect, environment=environment),
            connect=connect,
        )

    def _make_view(self, write: Callable[[bytes, Redirect | None], None]) -> ScriptView:
        if self._is_terminal:
            return PlainView(
                self._settings,
                self._formatter,
                out=write,
                write=self._write_text,
                clock=time.monotonic,
            )
        return ScriptView(
            self._settings,
            name="qmpshell",
            out=write,
            err=lambda text: self._write_text(f"{text}\n"),
        )

    def run(self, effects: Iterable[Effect]) -> int:
        """Perform the effects, then run until the user leaves. Return the exit status."""
        before = {number: signal.signal(number, self._on_signal) for number in _SIGNALS}
        try:
            super().run(effects)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            self._drop_question()
            with contextlib.suppress(OutputClosedError, OutputError):
                self._start_line()
                self._drain()
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # it would change the exit status
        assert self._status is not None
        return self._status

    def _read(self) -> bytes:
        """Read a line. Return b"" at the end. Raises BlockingIOError if the text is not a line."""
        try:
            data = os.read(_STDIN, _READ_SIZE)
        except OSError:  # the terminal is gone
            return b""
        if not data:
            self._is_end_typed = True
            raise BlockingIOError
        is_prompted, self._is_prompted = self._is_prompted, False  # the terminal has echoed it
        if is_prompted and self._clock() - self._prompted_at > _TYPING_TIME:
            self._lines.end_transcript()
        if len(data) >= _LONGEST_LINE and data.endswith(b"\n"):
            self._refusal = (
                f"the terminal passes only {_LONGEST_LINE - 1:,} bytes of a line, and may have"
                " discarded its end; nothing was sent. Use KEY=@FILE or /source FILE"
            )
            raise BlockingIOError
        return data

    def _wants_to_stay(self) -> bool:
        """Ask whether Ctrl-D should end the server too. Another Ctrl-D or Ctrl-C means no."""
        question = leave_question(self._child_server)
        if not question:
            return False
        _discard_typed_text()
        while True:
            self._start_line()
            self._is_prompted = True
            self._write_prompt(question_text(question))
            try:
                answer = self._interruptibly(self._read_answer, (*_ENDING_SIGNALS, signal.SIGCONT))
            except _InterruptedError:
                if self._must_return:
                    return self._status is None
            except OSError:
                return False
            else:
                self._is_prompted = not answer
                self._start_line()
                return answer.decode("latin-1").strip().lower() not in _YES

    def _read_answer(self) -> bytes:
        """Read a line. Raises _InterruptedError after a signal, and also OSError."""
        keyboard = select.poll()
        keyboard.register(_STDIN, select.POLLIN)
        while self._is_prompted and not self._must_return:
            # A signal that arrives just before the wait does not interrupt it.
            if keyboard.poll(LONGEST_WAIT):
                return os.read(_STDIN, _READ_SIZE)
        raise _InterruptedError

    # -- output -----------------------------------------------------------------------------------

    def write(self, data: bytes, redirect: Redirect | None) -> None:
        """Write to stdout, or to the redirect of a line."""
        if redirect is None:
            self._start_line()
        super().write(data, redirect)

    def _write_text(self, text: str) -> None:
        self._start_line()
        self._write_prompt(text)

    def _start_line(self) -> None:
        if self._is_prompted:
            self._is_prompted = False
            self._write_prompt("\n")

    def _write_prompt(self, text: str) -> None:
        """Write to the terminal."""
        data = encode_for_terminal(text, self._encoding).encode(self._encoding, "backslashreplace")
        if self._command_owns_terminal:
            self._held.append(data)
        else:
            self._write_terminal(data)

    def _write_terminal(self, data: bytes) -> None:
        if self._is_terminal:
            self._output.write(data)
        else:
            write_to_stderr(data)

    @property
    def _command_owns_terminal(self) -> bool:
        """Whether a command owns the terminal."""
        return self._redirect is not None and self._redirect.owns_terminal

    def _write_held(self) -> None:
        if self._held and not self._command_owns_terminal:
            held, self._held = self._held, []
            for data in held:
                self._write_terminal(data)

    def _show_prompt(self) -> None:
        if self._is_prompted or self._output.pending or self._command_owns_terminal:
            return
        if self._question is not None:
            text = self._question.text
        elif _is_input_waiting() or not self._is_ready_for_lines():
            return
        else:
            text = "... " if self._lines.open else prompt_text(self._settings)
        # Before the text is written, because SIGCONT may come as soon as the user has seen it.
        self._is_prompted = True
        self._prompted_at = self._clock()
        self._write_prompt(text)

    def _is_ready_for_lines(self) -> bool:
        """Return True if the prompt can be shown. During a long wait, show what blocks the queue."""
        session, now = self._session, self._now()
        if session.idle:
            self._busy_since, self._is_blocker_shown = None, False
            return True
        if self._busy_since is None:
            self._busy_since = now
        if not self._is_blocker_shown and now - self._busy_since >= _LONG_WAIT:
            self._is_blocker_shown = True
            blocker = session.describe_blocker(now) if isinstance(session, Session) else ""
            if blocker:
                self._view.show(ShowMessage(blocker))
        return self._is_blocker_shown

    # -- the loop ---------------------------------------------------------------------------------

    def _feed(self) -> None:
        """Submit the typed lines, or answer the question."""
        if self._question is None or self._is_asked:
            self._handle_typed_keys()
        if self._question is None:
            self._submit_lines()
        elif self._is_asked:
            line = self._input.pop()
            if line is not None:
                self._end_question(line.decode("utf-8", "surrogateescape"))
        if self._question is not None and not self._is_asked:
            self._read_typed_ahead()
        if self._lines.ended:
            self._perform(self._session.leave_now())

    def _submit_lines(self) -> None:
        while self._status is None:
            line = self._lines.pop()
            if line is None:
                break
            prepared = self._session.prepare(line) if isinstance(line, SourceLine) else line
            self._perform(self._session.submit(prepared, self._now()))

    def _read_typed_ahead(self) -> None:
        """Submit the lines that were typed before a question. They do not answer it."""
        self._submit_lines()
        while _is_input_waiting() and not self._lines.ended:
            self._lines.fill()
            self._submit_lines()
        self._is_end_typed, self._refusal = False, ""
        self._input.drop_partial()
        _discard_typed_text()
        self._is_asked = True

    def _handle_typed_keys(self) -> None:
        """Handle Ctrl-D, and a line that is too long."""
        if self._refusal:
            refusal, self._refusal = self._refusal, ""
            self._input.drop_partial()
            self._lines.discard_open()
            self._view.show(ShowMessage(refusal, is_error=True))
            self._end_question(None)
        if self._is_end_typed:
            self._is_end_typed = False
            self._is_prompted |= self._input.drop_partial()  # the cursor is behind its echo
            if not self._end_question(None) and not self._wants_to_stay():
                self._perform(self._session.leave_now())

    def _wait(self) -> None:
        self._show_prompt()
        with contextlib.suppress(_InterruptedError):
            super()._wait()
        if self._is_interrupted:
            self._is_interrupted = False
            self._interrupt()
        elif self._session.lost:
            self._end_question(None)
        self._write_held()
        if isinstance(self._view, PlainView):
            self._view.write_counts()
        child = self._child_server
        if child is not None and not self._has_child_ended and child.process.poll() is not None:
            message = end_message(child, self._session, self._formatter.address)
            self._has_child_ended = message is not None
            if message:
                self._view.show(ShowMessage(message, is_error=True))
            elif message is not None:
                self._perform(self._session.leave_now())

    def _poll_descriptors(self, timeout: int) -> list[tuple[int, int]]:
        def poll() -> list[tuple[int, int]]:
            return [] if self._must_return else self._poll.poll(timeout)

        return self._interruptibly(poll, _SIGNALS)

    def _open_connection(self, step: Connect) -> tuple[Stream, str]:
        child = self._child_server
        if isinstance(step, Restart) and child is not None:
            child.process.end()
            stream, address = child.start()
            self._has_child_ended = False
        elif self._reached is not None:
            stream, address = self._reached.stream, self._reached.address
        else:
            stream, address = self._interruptibly(partial(self._connect, step.text))
        self._formatter.address = address
        return stream, address

    def _reconnect(self, step: Connect) -> None:
        super()._reconnect(step)
        reached, self._reached = self._reached, None
        if reached is not None and reached.data:
            self._perform(self._session.receive(reached.data, self._clock()))

    def _try_connect(self, step: TryConnect) -> None:
        session = self._session
        assert isinstance(session, Session)
        reach = partial(
            reach_server,
            step.text,
            self._formatter.address,
            self._settings,
            connect=self._connect,
            find_peer=session.find_peer,
        )
        problem = ""
        try:
            self._reached = self._interruptibly(reach)
        except QmpShellError as error:
            problem = str(error)
        self._perform(session.answer(step, problem, self._clock()))
        if self._reached is not None:  # the line has been dropped
            self._reached.stream.close()
            self._reached = None

    @property
    def _must_return(self) -> bool:
        return self._is_interrupted or self._status is not None

    def _interruptibly(self, call: Callable[[], T], signals: Container[int] = _ENDING_SIGNALS) -> T:
        """Call a function that the signals end with _InterruptedError."""
        self._interrupting = signals
        try:
            return call()
        finally:
            self._interrupting = ()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGTSTP:
            self._suspend()
            number = signal.SIGCONT
        if number == signal.SIGCONT:
            self._is_prompted = False  # the user's shell has written behind the prompt
        elif number == signal.SIGINT:
            if self._command_owns_terminal and self._closing is not None:
                self._held.insert(0, b"\n")  # behind the terminal's ^C
                return  # Ctrl-C has ended the command, and nothing else is awaited
            self._is_interrupted = True
        elif number != signal.SIGCHLD and self._status is None:
            self._status = 128 + number
        if number in self._interrupting:
            self._interrupting = ()
            raise _InterruptedError

    def _suspend(self) -> None:
        """Stop this process, with the terminal's echo on meanwhile."""
        interrupting, self._interrupting = self._interrupting, ()
        is_secret = self._question is not None and self._question.is_secret
        if is_secret:
            _set_echo(on=True)
        handler = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)  # returns when the user's shell continues this process
        signal.signal(signal.SIGTSTP, handler)
        if is_secret:
            _set_echo(on=False)
        self._interrupting = interrupting

    def _interrupt(self) -> None:
        """Handle Ctrl-C. The terminal has discarded the typed text, and has shown ^C."""
        self._is_prompted = True
        self._start_line()
        self._input.drop_partial()
        if self._end_question(None) or self._lines.discard_open():
            return
        session = self._session
        effects = session.abandon(self._clock()) if isinstance(session, Session) else []
        self._perform(effects or [ShowMessage(leave_hint(self._child_server))])

    # -- questions --------------------------------------------------------------------------------

    def _perform(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Ready):
                if isinstance(self._session, Session) and not self._settings.quiet:
                    banner = self._formatter.banner(self._session.greeting)
                    self._write_text("".join(text for _, text in banner))
            elif isinstance(effect, Confirm):
                self._confirm(effect.question, partial(self._answer, effect))
            elif isinstance(effect, TryConnect):
                self._try_connect(effect)
            elif isinstance(effect, ReadSecret):
                receive = partial(self._answer, effect)
                self._ask(_Question(f"{escape(effect.key)}: ", receive, is_secret=True))
            else:
                super()._perform([effect])

    def _answer(self, step: Confirm | ReadSecret | OpenRedirect, answer: object) -> None:
        self._perform(self._session.answer(step, answer, self._clock()))

    def _open_redirect(self, step: OpenRedirect) -> None:
        name = step.redirect.text
        if step.redirect.operator != ">":
            super()._open_redirect(step)
            return
        open_redirect = super()._open_redirect

        def on_answer(answer: bool) -> None:
            if answer:
                open_redirect(step)
            else:
                self._answer(step, refusal_text(name))

        def on_checked(exists: object) -> None:
            if exists is True:
                self._confirm(overwrite_question(name), on_answer)
            else:
                open_redirect(step)

        check = partial(os.path.isfile, os.path.expanduser(name))
        self._start_file_call(BackgroundCall(check), on_checked)

    def _confirm(self, question: str, receive: Callable[[bool], None]) -> None:
        def on_answer(text: str | None) -> None:
            receive(text is not None and text.strip().lower() in _YES)

        self._ask(_Question(question_text(question), on_answer, is_secret=False))

    def _ask(self, question: _Question) -> None:
        self._question, self._is_asked = question, False
        if question.is_secret:
            _set_echo(on=False)

    def _end_question(self, answer: str | None) -> bool:
        """End the question with an answer, or None. Return False if there is none."""
        if self._question is None:
            return False
        receive = self._question.receive
        self._drop_question()
        receive(answer)
        return True

    def _drop_question(self) -> None:
        question, self._question = self._question, None
        if question is not None and question.is_secret:
            _set_echo(on=True)


def _is_input_waiting() -> bool:
    """Return True if typed text, or the end of the terminal, can be read."""
    keyboard = select.poll()
    keyboard.register(_STDIN, select.POLLIN)
    return bool(keyboard.poll(0))


def _discard_typed_text() -> None:
    with contextlib.suppress(termios.error, OSError):
        termios.tcflush(_STDIN, termios.TCIFLUSH)


def _set_echo(*, on: bool) -> None:
    """Turn the terminal's echo on or off, except for the end of the line."""
    with contextlib.suppress(termios.error, OSError):
        modes = termios.tcgetattr(_STDIN)
        without = modes[3] & ~(termios.ECHO | termios.ECHONL)
        modes[3] = without | (termios.ECHO if on else termios.ECHONL)
        termios.tcsetattr(_STDIN, termios.TCSADRAIN, modes)


def run_plain(
    settings: Settings,
    session: Session | RawSession,
    stream: Stream,
    *,
    address: str,
    connect: Callable[[str | None], tuple[Stream, str]],
    environment: Mapping[str, str],
    child_server: ChildServer | None = None,
) -> int:
    """Run the shell on an open stream where the cursor cannot move. Return the exit status.

    The parameters are those of `run_terminal`.
    """
    shell = PlainShell(
        settings,
        session,
        stream,
        address=address,
        connect=connect,
        environment=environment,
        child_server=child_server,
    )
    try:
        return shell.run(
            session.connected(time.monotonic(), passes_descriptors=stream.passes_descriptors)
        )
    except OutputClosedError:
        return PIPE
    except OutputError as error:
        write_to_stderr(f"qmpshell: cannot write to standard output: {error}\n".encode())
        return FAILED
