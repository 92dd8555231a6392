"""The interactive shell: performs a session's effects on prompt_toolkit's event loop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import termios
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from prompt_toolkit.input import Input, create_input
from prompt_toolkit.output import Output, create_output

from ..language import Redirect, SourceLine
from ..render import escape
from ..session import (
    CloseRedirect,
    Confirm,
    Connect,
    Effect,
    Exit,
    OpenRedirect,
    QueryResult,
    RawSession,
    ReadSecret,
    Ready,
    Send,
    Session,
    ShowDocument,
    ShowReply,
)
from ..storage import Settings
from ..transport import Stream
from .background import ChildServer, ChildWatcher, Reconnector, is_terminal_gone
from .bottom_toolbar import BelowPrompt, BottomToolbar
from .completer import CompletionModel
from .formatter import EffectFormatter
from .history import HistorySuggester, SafeHistory, open_history
from .keys import help_line, hmp_help_line
from .lexer import LineLexer
from .output import OutputView
from .prompt import InputSplitter, PromptController
from .redirect import RedirectController
from .stream_reader import StreamReader
from .styles import Theme


class App:
    """A session at a terminal. `run` returns the exit status.

    `connect` opens the stream to an address, or with None to the same one again, returns its name,
    and raises QmpShellError; it runs in a thread. `child_server` is the server if qmpshell has
    started it.
    """

    def __init__(
        self,
        settings: Settings,
        session: Session | RawSession,
        *,
        view: EffectFormatter,
        look: Theme,
        input: Input,
        output: Output,
        history: SafeHistory,
        connect: Callable[[str | None], tuple[Stream, str]],
        environment: Mapping[str, str],
        child_server: ChildServer | None = None,
    ) -> None:
        self._settings = settings
        self._session = session
        self._learning = CompletionModel(
            settings,
            session,
            perform=self._perform,
            clock=time.monotonic,
            came=lambda: self._stage.complete_again(),
            changed=lambda: self._stage.redraw(),
        )
        self._history = history
        self._entry = InputSplitter(settings)
        self._stage = PromptController(
            input=input,
            output=output,
            look=look,
            settings=settings,
            environment=environment,
            prompt=self._prompt_text,
            completer=self._learning.names,
            is_in_doubt=lambda: self._learning.is_in_doubt,
            typed=self._learning.names.typed,
            history=history,
            suggest=HistorySuggester(history),
            lexer=None if settings.raw or settings.hmp else LineLexer(),
            is_whole=self._entry.is_whole,
            interrupt=self._interrupt,
            help=self._help,
            problem=self._tell_error,
            signature=(
                None if settings.raw or settings.hmp else self._learning.signature.fragments
            ),
            bottom=lambda: self._bottom.fragments,
        )
        below = BelowPrompt(
            settings, session, self._learning, unicode=view.unicode, clock=time.monotonic
        )
        self._bottom = BottomToolbar(
            below.draw,
            is_live=lambda: below.is_live,
            size=output.get_size,
            changed=self._stage.redraw,
            clock=time.monotonic,
        )
        self._input = input
        self._look = look
        self._display = OutputView(
            view,
            self._stage.printer,
            rows=lambda: output.get_size().rows,
            clock=time.monotonic,
        )
        self._wire = StreamReader(received=self._received, lost=self._broken)
        self._companion: ChildWatcher | None = None
        if child_server is not None:
            self._companion = ChildWatcher(
                child_server, show=self._display.output, ended=self._tell_error
            )
        self._status: int | None = None
        self._reconnecting = Reconnector(
            connect, connected=self._connected, failed=self._connected_not
        )
        self._destinations = RedirectController(
            settings,
            self._stage,
            opened=self._diverted,
            done=self._finished,
            run_program=self._run_program,
            problem=self._tell_error,
        )
        self._failure: BaseException | None = None
        self._greetings = 0
        self._timer: asyncio.TimerHandle | None = None

    async def run(self, stream: Stream) -> int:
        """Run until the user leaves. Return the exit status. Raises internal errors."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._failed)
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._leave, 128 + number)
        loop.add_signal_handler(signal.SIGINT, self._interrupt)
        loop.add_signal_handler(signal.SIGTSTP, self._stage.suspend)
        loop.add_signal_handler(signal.SIGCHLD, self._child_changed)
        self._wire.attach(stream)
        if self._companion is not None:
            self._companion.start()
        printing = asyncio.ensure_future(self._stage.printer.run())
        printing.add_done_callback(self._printing_ended)
        try:
            # Raw mode between two prompts too, or the terminal would echo what is typed there.
            with self._input.raw_mode():
                self._perform(
                    self._session.connected(
                        time.monotonic(), passes_descriptors=stream.passes_descriptors
                    )
                )
                if self._settings.raw:  # there is no greeting to wait for
                    self._tell_history()
                while self._status is None:
                    await self._turn()
                self._display.flush()
                if self._failure is None:
                    await self._stage.printer.settled()
        finally:
            printing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await printing
            self._stage.printer.flush()
            self._wire.close()
            if self._companion is not None:
                self._companion.close()
        if self._failure is not None:
            raise self._failure
        assert self._status is not None
        return self._status

    def _child_changed(self) -> None:
        self._stage.child_changed()
        if self._companion is not None:
            self._companion.show_output()

    def _failed(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Handle an internal error in a callback of the loop: the shell ends cleanly."""
        failure = context.get("exception") or RuntimeError(context.get("message"))
        if is_terminal_gone(failure):
            self._leave(128 + signal.SIGHUP)
            return
        self._failure = self._failure or failure
        self._leave(0)

    def _printing_ended(self, printing: asyncio.Future[None]) -> None:
        if not printing.cancelled() and printing.exception() is not None:
            self._failed(asyncio.get_running_loop(), {"exception": printing.exception()})

    async def _turn(self) -> None:
        try:
            text = await self._stage.turn()
        except EOFError:
            self._perform(self._session.leave_now())
        else:
            if text is not None:
                self._tell_history()
                self._enter(text)

    def _enter(self, text: str) -> None:
        for line in self._entry.lines(text):
            prepared = self._session.prepare(line) if isinstance(line, SourceLine) else line
            self._perform(self._session.submit(prepared, time.monotonic()))

    def _help(self, text: str, cursor: int) -> None:
        """Show help for what is at the cursor (F1). The typed line and the history stay."""
        if self._settings.hmp:
            self._enter(hmp_help_line(text, cursor))
        elif not self._settings.raw:
            self._enter(help_line(text, cursor))

    def _prompt_text(self) -> str:
        if self._settings.raw:
            return "> "
        if self._settings.agent:
            return "(QGA) "
        return "(qemu) " if self._settings.hmp else "(QEMU) "

    def _interrupt(self) -> None:
        """Handle Ctrl-C on an empty line, or SIGINT."""
        if self._stage.drop_question():
            return
        if self._reconnecting.cancel():
            return
        effects: list[Effect] = []
        if isinstance(self._session, Session):
            effects = self._session.abandon(time.monotonic())
        if effects:
            self._perform(effects)
        else:
            self._display.show_message("Ctrl-D leaves the shell")

    def _perform(self, effects: Sequence[Effect]) -> None:  # noqa: C901 - a dispatch on effects
        for effect in effects:
            if not self._divert(effect):
                self._display.show(effect)
            match effect:
                case Send(data=data, request=request):
                    self._wire.send(data, request.descriptor if request else None)
                case OpenRedirect(redirect=redirect):
                    self._destinations.open(redirect)
                case CloseRedirect():
                    self._destinations.end()
                case Confirm():
                    self._stage.interlude(partial(self._ask, effect))
                case ReadSecret():
                    self._stage.interlude(partial(self._ask_secret, effect))
                case Connect(text=text):
                    self._wire.close()
                    self._reconnecting.start(text)
                case Ready():
                    self._greeted()
                case QueryResult():
                    self._learnt(effect)
                case Exit(status=status):
                    self._leave(status)
        self._set_timer()
        self._bottom.touch()
        more = self._learning.on_effects(effects)
        if more:
            self._perform(more)

    async def _ask(self, ask: Confirm) -> None:
        go_on = await self._stage.confirm(ask.question)
        assert isinstance(self._session, Session)
        self._perform(self._session.answer(go_on=go_on, now=time.monotonic(), to=ask.request))

    async def _ask_secret(self, ask: ReadSecret) -> None:
        text = await self._stage.ask_secret(escape(ask.key))
        assert isinstance(self._session, Session)
        self._perform(self._session.secret(text, time.monotonic()))

    async def _run_program(self, work: Awaitable[str]) -> None:
        self._display.flush()
        await self._stage.run_program(work)

    def _greeted(self) -> None:
        assert isinstance(self._session, Session)
        self._greetings += 1
        if not self._settings.quiet:
            self._display.banner(self._session.greeting)
        self._tell_history()
        self._perform(self._session.probes.watch_machine(time.monotonic()))
        self._learning.greeted()

    def _learnt(self, learned: QueryResult) -> None:
        match learned:
            case QueryResult(name="query-status", value={"status": str(status)}):
                if self._greetings > 1:  # the state of the VM may have changed
                    self._display.show_message(f"VM state: {escape(status)}")
            case _:
                self._learning.on_query_result(learned)

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

    def _tell_error(self, text: str) -> None:
        self._display.show_message(text, is_error=True)

    def _tell_history(self) -> None:
        problem = self._history.pop_problem()
        if problem:
            self._display.show_message(problem)

    def _leave(self, status: int) -> None:
        if self._status is None:
            self._status = status
        self._reconnecting.cancel()
        self._stage.close()

    def _received(self, data: bytes) -> None:
        self._perform(self._session.receive(data, time.monotonic()))
        if self._session.lost:
            self._stage.drop_question()

    def _broken(self, reason: str) -> None:
        self._perform(self._session.connection_lost(reason))
        self._stage.drop_question()

    def _connected(self, stream: Stream, address: str) -> None:
        self._display.view.address = address
        self._wire.attach(stream)
        self._perform(
            self._session.connected(
                time.monotonic(), address=address, passes_descriptors=stream.passes_descriptors
            )
        )

    def _connected_not(self, reason: str) -> None:
        self._perform(self._session.connect_failed(reason, time.monotonic()))

    def _divert(self, effect: Effect) -> bool:
        """Handle an effect for a redirect. Return True if it does not go to the screen."""
        if isinstance(effect, ShowDocument):
            if not self._display.page(effect.blocks):
                pages, paint = self._display.view.pages, self._look.page_paint
                self._page(pages.paint(effect.blocks, paint))
            return True
        if not isinstance(effect, ShowReply):
            return False
        if self._destinations.show_reply(effect):
            return True
        if effect.again:
            if not self._display.again(effect):
                self._page(self._display.view.whole(effect, self._look.paint))
            return True
        return False

    def _page(self, text: Iterable[str]) -> None:
        """Show text that does not fit on the screen in the pager."""
        page = partial(self._stage.programs.page, text, pager=self._settings.pager)
        self._stage.interlude(lambda: self._run_program(page()))

    def _diverted(self, redirect: Redirect, problem: str) -> None:
        self._perform(self._session.redirect_opened(redirect, problem, time.monotonic()))

    def _finished(self, redirect: Redirect, problem: str) -> None:
        self._perform(self._session.redirect_closed(redirect, problem, time.monotonic()))


def run_terminal(
    settings: Settings,
    session: Session | RawSession,
    stream: Stream,
    *,
    address: str,
    connect: Callable[[str | None], tuple[Stream, str]],
    environment: Mapping[str, str],
    child_server: ChildServer | None = None,
) -> int:
    """Run the shell on an open stream, at the terminal of the process. Return the exit status.

    `connect` opens a stream to another address; `child_server` is the server if qmpshell has
    started it.
    """
    try:
        return asyncio.run(
            _run(settings, session, stream, address, connect, environment, child_server)
        )
    except (OSError, termios.error) as error:
        if is_terminal_gone(error):
            return 128 + signal.SIGHUP
        raise


async def _run(
    settings: Settings,
    session: Session | RawSession,
    stream: Stream,
    address: str,
    connect: Callable[[str | None], tuple[Stream, str]],
    environment: Mapping[str, str],
    child_server: ChildServer | None,
) -> int:
    output = create_output(stdout=sys.stdout)
    view = EffectFormatter(
        settings,
        address=address,
        width=lambda: output.get_size().columns,
        unicode=(output.encoding() or "").lower().replace("-", "") == "utf8",
        now=datetime.now,
    )
    shell = App(
        settings,
        session,
        view=view,
        look=Theme(settings, environment),
        input=create_input(),
        output=output,
        history=open_history(environment, human=settings.hmp, raw=settings.raw, clock=time.time),
        connect=connect,
        environment=environment,
        child_server=child_server,
    )
    return await shell.run(stream)
