"""The shell at a terminal.

Owns: the prompt, the keys, and carrying out a session's effects on prompt_toolkit's loop. Must not
know: what lines and messages mean.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Coroutine, Iterable

from prompt_toolkit import PromptSession
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import has_focus
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout.processors import PasswordProcessor
from prompt_toolkit.output import Output
from prompt_toolkit.output.color_depth import ColorDepth
from prompt_toolkit.styles import BaseStyle

from ..effects import (
    Ask,
    AskSecret,
    Divert,
    Effect,
    Finish,
    Greeted,
    Learned,
    Leave,
    Send,
    ShowReply,
    Tell,
)
from ..errors import ConnectionLost, LineError
from ..language.command import Destination
from ..language.lines import LineAssembler
from ..raw import RawSession
from ..render.escape import escape
from ..requests import Prepared, Source
from ..script.view import ScriptView
from ..session import Session
from ..settings import Settings
from ..transport.stream import Stream
from . import styles
from .confirm import confirm
from .diversion import Diversion
from .history import SafeHistory
from .names import NameCompleter
from .printer import Printer
from .view import TerminalView


class _Interrupted(Exception):
    """The prompt was taken down for something that cannot wait."""


class Shell:
    """One session at one terminal. `run` returns the exit status."""

    def __init__(
        self,
        settings: Settings,
        session: Session | RawSession,
        stream: Stream,
        *,
        view: TerminalView,
        style: BaseStyle,
        input: Input,
        output: Output,
        color_depth: ColorDepth | None,
    ) -> None:
        self._settings = settings
        self._session = session
        self._stream: Stream | None = stream
        self._view = view
        self._style = style
        self._input = input
        self._output = output
        self._printer = Printer(output, style, color_depth=color_depth)
        self._completer = NameCompleter()
        self._assembler = self._new_assembler()
        self._status: int | None = None
        self._question: Ask | AskSecret | Destination | None = None
        self._diversion: Diversion | None = None
        self._plain_view = ScriptView(settings, name="", out=self._write_diverted, err=self._tell)
        self._tasks: set[asyncio.Task[None]] = set()
        self._confirming: asyncio.Future[bool] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._writing = False
        self._draft = ""
        self._prompt: PromptSession[str] = PromptSession(
            history=SafeHistory(human=settings.hmp),
            key_bindings=self._bindings(),
            completer=self._completer,
            complete_while_typing=False,
            input=input,
            output=output,
            style=style,
            color_depth=color_depth,
            enable_open_in_editor=False,
        )

    async def run(self) -> int:
        """Until the person leaves; the exit status."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._leave, 128 + number)
        loop.add_signal_handler(signal.SIGINT, self._interrupt)
        assert self._stream is not None
        loop.add_reader(self._stream.fileno(), self._readable)
        printing = asyncio.ensure_future(self._printer.run())
        try:
            # Raw between two prompts too, or the terminal itself would echo what is typed there.
            with self._input.raw_mode():
                self._perform(
                    self._session.connected(
                        time.monotonic(), passes_descriptors=self._stream.passes_descriptors
                    )
                )
                while self._status is None:
                    await self._turn()
                await self._printer.settled()
        finally:
            printing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await printing
            self._printer.flush()
            self._close()
        assert self._status is not None
        return self._status

    async def _turn(self) -> None:
        """One line, or the answer to one question."""
        await asyncio.sleep(0)
        if self._question is not None:
            await self._answer_question()
            return
        draft, self._draft = self._draft, ""
        try:
            text = await self._prompt.prompt_async(
                FormattedText([(f"class:{styles.PROMPT}", self._prompt_text())]),
                default=draft,
                handle_sigint=False,
            )
        except _Interrupted:
            self._draft = self._prompt.default_buffer.text
        except KeyboardInterrupt:
            self._assembler = self._new_assembler()
        except EOFError:
            if self._assembler.open:
                self._assembler = self._new_assembler()
            else:
                self._leave_session()
        else:
            self._lines(text)

    def _write_diverted(self, data: bytes, destination: Destination | None) -> None:
        if self._diversion is not None:
            self._diversion.write(data)

    def _tell(self, text: str) -> None:
        self._printer.print(self._view.fragments(Tell(text, is_error=True)))

    async def _ask_secret(self, ask: AskSecret) -> None:
        session: PromptSession[str] = PromptSession(
            FormattedText([(f"class:{styles.PROMPT}", f"{escape(ask.key)}: ")]),
            input_processors=[PasswordProcessor("")],  # not even how long it is
            input=self._input,
            output=self._output,
            style=self._style,
        )
        text: str | None = None
        with contextlib.suppress(KeyboardInterrupt, EOFError):
            text = await session.prompt_async(handle_sigint=False)
        self._question = None
        assert isinstance(self._session, Session)
        self._perform(self._session.secret(text, time.monotonic()))

    async def _ask_overwrite(self, destination: Destination) -> None:
        question = f"{escape(destination.text)} exists and would be overwritten"
        go_on = await self._confirm(question)
        self._question = None
        if go_on:
            self._open_diversion(destination)
        else:
            self._diverted(destination, f"{destination.text} was left as it is; nothing was sent")

    async def _answer_question(self) -> None:
        match self._question:
            case Ask():
                await self._ask(self._question)
            case AskSecret():
                await self._ask_secret(self._question)
            case Destination():
                await self._ask_overwrite(self._question)

    async def _ask(self, ask: Ask) -> None:
        go_on = await self._confirm(ask.question)
        self._question = None
        assert isinstance(self._session, Session)
        self._perform(self._session.answer(go_on=go_on, now=time.monotonic()))

    async def _confirm(self, question: str) -> bool:
        self._confirming = asyncio.ensure_future(
            confirm(question, input=self._input, output=self._output, style=self._style)
        )
        try:
            go_on = await self._confirming
        except asyncio.CancelledError:
            if not self._confirming.cancelled():
                raise
            go_on = False
        self._confirming = None
        return go_on

    def _prompt_text(self) -> str:
        if self._settings.raw:
            return "> "
        if self._assembler.open:
            return "... "
        return "(qemu) " if self._settings.hmp else "(QEMU) "

    def _new_assembler(self) -> LineAssembler:
        return LineAssembler(verbatim=self._settings.hmp or self._settings.raw)

    def _lines(self, text: str) -> None:
        for line in text.split("\n"):
            self._line(line + "\n" if self._settings.raw else line)

    def _line(self, text: str) -> None:
        try:
            whole = self._assembler.feed(text, 1)
        except LineError as error:
            prepared = Prepared(Source("", self._assembler.take()), error=error)
            self._assembler = self._new_assembler()
        else:
            if whole is None:
                return
            prepared = self._session.prepare(Source("", whole))
        self._perform(self._session.submit(prepared, time.monotonic()))

    def _bindings(self) -> KeyBindings:
        bindings = KeyBindings()

        @bindings.add("c-c", filter=has_focus(DEFAULT_BUFFER))  # not while searching
        def drop_or_abandon(event: KeyPressEvent) -> None:
            if event.current_buffer.text or self._assembler.open:
                event.app.exit(exception=KeyboardInterrupt, style="class:aborting")
            else:
                self._interrupt()

        return bindings

    def _interrupt(self) -> None:
        """Ctrl-C with nothing typed, or SIGINT."""
        if self._question is not None:
            self._drop_question()
            return
        effects: list[Effect] = []
        if isinstance(self._session, Session):
            effects = self._session.abandon(time.monotonic())
        self._perform(effects or [Tell("Ctrl-D leaves the shell")])

    def _perform(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if not self._divert(effect):
                self._printer.print(self._view.fragments(effect))
            match effect:
                case Send():
                    self._send(effect)
                case Divert(destination=destination):
                    self._begin_diversion(destination)
                case Finish():
                    self._start(self._end_diversion())
                case AskSecret():
                    self._question = effect
                    self._take_down_prompt(_Interrupted())
                case Leave(status=status):
                    self._leave(status)
                case Ask():
                    self._question = effect
                    self._take_down_prompt(_Interrupted())
                case Greeted():
                    self._greeted()
                case Learned(name="query-commands", value=list(commands)):
                    self._completer.names = sorted(
                        str(command.get("name"))
                        for command in commands
                        if isinstance(command, dict)
                    )
                    self._load_schema()
        self._set_timer()

    def _load_schema(self) -> None:
        # The prompt is up by then; a line that needs it at once asks for itself.
        if isinstance(self._session, Session) and not self._settings.hmp:
            self._perform(self._session.load_schema(time.monotonic()))

    def _greeted(self) -> None:
        assert isinstance(self._session, Session)
        if not self._settings.quiet:
            self._printer.print(self._view.banner(self._session.greeting))
        if self._session.can_probe and not self._settings.hmp:  # they are QMP's names
            self._perform(self._session.learn("query-commands", time.monotonic()))

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self._session.deadline
        if deadline is not None:
            delay = max(0.0, deadline - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(delay, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._perform(self._session.tick(time.monotonic()))

    def _readable(self) -> None:
        assert self._stream is not None
        try:
            data = self._stream.read()
        except ConnectionLost as error:
            self._close()
            self._perform(self._session.connection_lost(str(error)))
        else:
            if data is None:
                return
            if not data:
                self._close()
            self._perform(self._session.receive(data, time.monotonic()))
        if self._session.lost:
            self._drop_question()

    # -- where a line's replies go -------------------------------------------------------------

    def _divert(self, effect: Effect) -> bool:
        """Whether the effect goes to the destination of its line, and not to the screen."""
        if self._diversion is None or not isinstance(effect, ShowReply):
            return False
        if effect.request.destination is not self._diversion.destination or effect.late:
            return False
        self._plain_view.show(effect)
        return True

    def _begin_diversion(self, destination: Destination) -> None:
        if destination.operator == ">" and os.path.exists(destination.text):
            self._question = destination
            self._take_down_prompt(_Interrupted())
        else:
            self._open_diversion(destination)

    def _open_diversion(self, destination: Destination) -> None:
        self._diversion = Diversion(destination)
        problem = self._diversion.open()
        if problem:
            self._diversion = None
        self._diverted(destination, problem)

    def _diverted(self, destination: Destination, problem: str) -> None:
        self._perform(self._session.diverted(destination, problem, time.monotonic()))

    async def _end_diversion(self) -> None:
        diversion, self._diversion = self._diversion, None
        if diversion is None:
            return
        said, problem = await diversion.end()
        self._printer.print(self._view.said(said))
        now = time.monotonic()
        self._perform(self._session.finished(diversion.destination, problem, now))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _send(self, effect: Send) -> None:
        request = effect.request
        if self._stream is None:
            return
        try:
            self._stream.write(effect.data, request.descriptor if request else None)
        except ConnectionLost:
            return  # its end is about to be read, behind what the server said last
        if self._stream.want_write and not self._writing:
            self._writing = True
            asyncio.get_running_loop().add_writer(self._stream.fileno(), self._writable)

    def _writable(self) -> None:
        assert self._stream is not None
        with contextlib.suppress(ConnectionLost):
            self._stream.flush()
        if not self._stream.want_write:
            self._writing = False
            asyncio.get_running_loop().remove_writer(self._stream.fileno())

    def _close(self) -> None:
        if self._stream is None:
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._stream.fileno())
        loop.remove_writer(self._stream.fileno())
        self._stream.close()
        self._stream = None

    def _leave_session(self) -> None:
        self._perform(self._session.person_leaves())

    def _leave(self, status: int) -> None:
        if self._status is None:
            self._status = status
        self._drop_question()
        self._take_down_prompt(_Interrupted())

    def _drop_question(self) -> None:
        """Nobody will answer it: that means no."""
        if self._confirming is not None:
            self._confirming.cancel()

    def _take_down_prompt(self, reason: Exception) -> None:
        app = self._prompt.app
        if app.is_running and app.future is not None and not app.future.done():
            app.exit(exception=reason)
