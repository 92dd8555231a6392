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
from ..language import Redirect
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
    overwrite_question,
    prompt_text,
    question_text,
    refusal_text,
)
from .output import encode_for_terminal
from .servers import GreetedStream, end_message, leave_hint, leave_question, reach_server

if TYPE_CHECKING:
    from ..qemu import ChildServer

T = TypeVar("T")

_READ_SIZE = 1 << 16
_STDIN, _STDOUT = 0, 1
_YES = ("y", "yes")
_ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SIGNALS = (*_ENDING_SIGNALS, signal.SIGCHLD, signal.SIGCONT)


class _InterruptedError(QmpShellError):
    """A signal has interrupted a system call."""

    def __init__(self) -> None:
        super().__init__("interrupted")


class PlainView(ScriptView):
    """Shows effects like the full shell, as plain text; redirected replies are like a script's.

    `write` receives the text.
    """

    def __init__(
        self,
        settings: Settings,
        formatter: EffectFormatter,
        *,
        out: Callable[[bytes, Redirect | None], None],
        write: Callable[[str], None],
    ) -> None:
        super().__init__(settings, name="", out=out, err=write)
        self._formatter = formatter

    def show(self, effect: Effect) -> None:
        """Show one effect, if it is of a kind that is shown."""
        formatter = self._formatter
        if isinstance(effect, ShowPicture) or (
            isinstance(effect, ShowDocument | ShowReply | ShowResult)
            and effect.redirect is not None
        ):
            super().show(effect)
        elif isinstance(effect, ShowReply) and effect.again:
            self._err("".join(formatter.whole(effect, {})))
        else:
            text = "".join(text for _, text in formatter.fragments(effect))
            if text:
                self._err(text)


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
            encoding=sys.stdout.encoding,
            child_server=child_server,
            has_keys=False,
        )
        self._child_server = child_server
        self._has_child_ended = False
        # The server that TryConnect has reached and that is not used yet.
        self._reached: GreetedStream | None = None
        self._is_terminal = os.isatty(_STDOUT)
        self._encoding = (sys.stdout if self._is_terminal else sys.stderr).encoding or "utf-8"
        # Whether the cursor is behind a prompt or a question.
        self._is_prompted = False
        # The text of a question, and what receives the answer, or None if there is none.
        self._question: tuple[str, Callable[[str | None], None]] | None = None
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
            formatter = self._formatter
            return PlainView(self._settings, formatter, out=write, write=self._write_text)
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
            return super().run(effects)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            self._drop_question()
            with contextlib.suppress(OutputClosedError, OutputError):
                self._start_line()
                self._drain()
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # it would change the exit status

    def _read(self) -> bytes:
        try:
            data = os.read(_STDIN, _READ_SIZE)
        except OSError:  # the terminal is gone
            return b""
        if data:
            self._is_prompted = False  # the terminal has echoed the end of the line
        elif self._wants_to_stay():
            return b"\n"
        return data

    def _wants_to_stay(self) -> bool:
        """Ask whether Ctrl-D should end the server too. Another Ctrl-D means yes, Ctrl-C means no."""
        question = leave_question(self._child_server)
        if not question:
            return False
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
                return bool(answer) and answer.decode("latin-1").strip().lower() not in _YES

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
        if self._is_terminal:
            self._output.write(data)
            return
        write_to_stderr(data)

    def _show_prompt(self) -> None:
        if self._is_prompted or self._output.pending:
            return
        if self._question is not None:
            text, _ = self._question
        elif self._session.idle and self._next_line is None and not self._lines.ended:
            text = "... " if self._lines.open else prompt_text(self._settings)
        else:
            return
        # Before the text is written, because SIGCONT may come as soon as the user has seen it.
        self._is_prompted = True
        self._write_prompt(text)

    # -- the loop ---------------------------------------------------------------------------------

    def _feed(self) -> None:
        if self._question is None:
            super()._feed()
            return
        line = self._input.pop()
        if line is not None or self._lines.ended or not self._input.reads_on:
            _, receive = self._question
            self._drop_question()
            receive(None if line is None else line.decode("utf-8", "surrogateescape"))
            self._feed()

    def _wait(self) -> None:
        self._show_prompt()
        with contextlib.suppress(_InterruptedError):
            super()._wait()
        if self._is_interrupted:
            self._is_interrupted = False
            self._interrupt()
        elif self._session.lost:
            self._cancel_question()
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
        if number == signal.SIGCONT:
            self._is_prompted = False  # the user's shell has written behind the prompt
        elif number == signal.SIGINT:
            self._is_interrupted = True
        elif number != signal.SIGCHLD and self._status is None:
            self._status = 128 + number
        if number in self._interrupting:
            self._interrupting = ()
            raise _InterruptedError

    def _interrupt(self) -> None:
        """Handle Ctrl-C. The terminal has discarded the typed text, and has shown ^C."""
        self._is_prompted = True
        self._start_line()
        if self._cancel_question() or self._lines.discard_open():
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
                _set_echo(on=False)
                self._ask(f"{escape(effect.key)}: ", partial(self._answer, effect))
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
        self._ask(
            question_text(question),
            lambda text: receive(text is not None and text.strip().lower() in _YES),
        )

    def _ask(self, text: str, receive: Callable[[str | None], None]) -> None:
        """Ask a question. What was typed before it does not answer it."""
        self._question = (text, receive)
        self._next_line = None
        with contextlib.suppress(termios.error, OSError):
            termios.tcflush(_STDIN, termios.TCIFLUSH)
        while self._input.pop() is not None:
            pass

    def _cancel_question(self) -> bool:
        """Answer an open question with None. Return True if there was one."""
        if self._question is None:
            return False
        _, receive = self._question
        self._drop_question()
        receive(None)
        return True

    def _drop_question(self) -> None:
        if self._question is not None:
            self._question = None
            _set_echo(on=True)


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
