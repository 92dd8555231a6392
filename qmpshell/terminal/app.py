"""The interactive shell: performs a session's effects on prompt_toolkit's event loop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import sys
import termios
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from prompt_toolkit.input import Input, create_input
from prompt_toolkit.input.vt100 import Vt100Input
from prompt_toolkit.output import create_output

from ..language import SourceLine
from ..render import escape
from ..session import (
    CloseRedirect,
    Confirm,
    Connect,
    Effect,
    Exit,
    OpenFile,
    OpenRedirect,
    QueryResult,
    ReadFile,
    ReadSecret,
    Ready,
    Restart,
    Send,
    Session,
    ShowDocument,
    ShowMessage,
    ShowPicture,
    ShowReply,
    ShowResult,
    Step,
    StopFile,
    TryConnect,
)
from ..storage import Settings
from ..transport import DescriptorWatch, Stream, Timer
from .completer import CompletionModel
from .files import FileOperations, RedirectController
from .formatter import EffectFormatter
from .history import open_history
from .keys import PasteReader, help_line, hmp_help_line
from .output import OutputView
from .pictures import PictureFormatter
from .prompt import PromptController
from .servers import ChildWatcher, Reconnector, end_message, leave_hint, leave_question
from .stream_reader import StreamReader
from .styles import Devices, Theme
from .toolbar import BottomToolbar
from .typed_text import InputSplitter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..qemu import ChildServer
    from ..session import RawSession

_MAX_SUBMITTED = 100
# Seconds at the end for a log whose reader is slow.
_LOG_PATIENCE = 1.0


class App:
    """A session at a terminal. `run` returns the exit status.

    `connect` opens the stream to an address, or with None to the first one, returns its name, and
    raises QmpShellError; it runs in a thread. `child_server` is the server if qmpshell has
    started it.
    """

    def __init__(
        self,
        devices: Devices,
        session: Session | RawSession,
        *,
        address: str,
        connect: Callable[[str | None], tuple[Stream, str]],
        child_server: ChildServer | None,
    ) -> None:
        self._devices = devices
        self._clock = devices.clock
        self._settings = settings = devices.settings
        self._session = session
        view = EffectFormatter(
            settings,
            address=address,
            width=lambda: devices.output.get_size().columns,
            encoding=devices.output.encoding(),
            child_server=child_server,
        )
        self._display = OutputView(view, devices)
        self._completion_model = CompletionModel(
            devices,
            session,
            perform=self._perform,
            arrived=lambda: self._prompt_controller.complete_again(),
            changed=lambda: self._prompt_controller.redraw(),
        )
        self._history = open_history(
            devices.environment, human=settings.hmp, raw=settings.raw, clock=time.time
        )
        self._splitter = InputSplitter(settings)
        self._prompt_controller = PromptController(
            devices,
            splitter=self._splitter,
            completion_model=self._completion_model,
            history=self._history,
            display=self._display,
            find_bottom_rows=lambda: self._bottom_toolbar.rows,
            interrupt=self._interrupt,
            show_help=self._show_help,
        )
        self._pictures = PictureFormatter(devices, unicode=view.unicode)
        self._bottom_toolbar = BottomToolbar(
            devices,
            session,
            self._completion_model,
            self._prompt_controller,
            pictures=self._pictures,
            unicode=view.unicode,
        )
        self._stream_reader = StreamReader(
            received=self._received, lost=self._connection_lost, show=self._display.output
        )
        self._child_server = child_server
        # Whether its end is still to be handled.
        self._has_child_ended = False
        self._child_watcher = ChildWatcher(
            child_server, show=self._display.output, ended=self._on_child_end
        )
        self._status: int | None = None
        self._reconnecting = Reconnector(
            connect,
            find_peer=session.find_peer if isinstance(session, Session) else None,
            connected=self._connected,
            answer=self._answer,
        )
        self._files = FileOperations(answer=self._answer)
        self._redirects = RedirectController(
            devices,
            self._prompt_controller,
            self._display,
            files=self._files,
            answer=self._answer,
        )
        # The line for the human monitor that F1 has made: its reply opens in the pager if it is long.
        self._help_source: SourceLine | None = None
        # Waits for a log that does not accept all messages at once, such as a FIFO.
        self._log_watch = DescriptorWatch(self._flush_log)
        self._failure: BaseException | None = None
        self._greetings = 0
        # The latest lines, each with the text that it is part of.
        self._submitted: deque[tuple[SourceLine, str]] = deque(maxlen=_MAX_SUBMITTED)
        self._timer = Timer(lambda: self._perform(self._session.tick(self._clock())))

    async def run(self, stream: Stream) -> int:
        """Run until the user leaves. Return the exit status. Raises internal errors."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._failed)
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._leave, 128 + number)
        loop.add_signal_handler(signal.SIGINT, self._interrupt)
        loop.add_signal_handler(signal.SIGTSTP, self._prompt_controller.suspend)
        # Ctrl-\ while another program is being started must not end the shell.
        loop.add_signal_handler(signal.SIGQUIT, lambda: None)
        loop.add_signal_handler(signal.SIGCHLD, self._child_changed)
        self._stream_reader.attach(stream)
        self._child_watcher.start()
        printing = asyncio.ensure_future(self._display.printer.run())
        printing.add_done_callback(self._printing_ended)
        try:
            # Raw mode between two prompts too, or the terminal would echo what is typed there.
            with self._devices.input.raw_mode():
                self._erase_echo()
                self._perform(
                    self._session.connected(
                        self._clock(), passes_descriptors=stream.passes_descriptors
                    )
                )
                if self._settings.raw:  # there is no greeting to wait for
                    self._show_history_problem()
                while self._status is None:
                    await self._read_and_submit()
                await self._finish_log()
                self._display.flush()
                if self._failure is None:
                    await self._display.printer.wait_until_written()
        finally:
            # asyncio closes this descriptor before it removes its handlers, and Python reports a
            # signal that arrives meanwhile.
            signal.set_wakeup_fd(-1)
            # Ignore Ctrl-C from now on. asyncio would restore Python's handler, which raises an exception
            # anywhere in the rest of the exit, and changes the exit status.
            loop.remove_signal_handler(signal.SIGINT)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            printing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await printing
            self._display.printer.flush()
            self._stream_reader.close()
            self._child_watcher.close()
        if self._failure is not None:
            raise self._failure
        assert self._status is not None
        return self._status

    def _child_changed(self) -> None:
        self._prompt_controller.foreground.child_changed()
        self._child_watcher.show_output()

    def _failed(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Handle an internal error in a callback of the loop: the shell ends cleanly."""
        failure = context.get("exception") or RuntimeError(context.get("message"))
        if _is_terminal_gone(failure):
            self._leave(128 + signal.SIGHUP)
            return
        self._failure = self._failure or failure
        self._leave(0)

    def _printing_ended(self, printing: asyncio.Future[None]) -> None:
        if not printing.cancelled() and printing.exception() is not None:
            self._failed(asyncio.get_running_loop(), {"exception": printing.exception()})

    async def _read_and_submit(self) -> None:
        try:
            text = await self._prompt_controller.turn()
        except EOFError:
            question = leave_question(self._child_server)
            if not question or await self._prompt_controller.confirm(question):
                self._perform(self._session.leave_now())
        else:
            if text is not None:
                # prompt_toolkit does not add an entry that is the last one again.
                self._history.append_string(text)
                self._show_history_problem()
                self._submit(text)

    def _erase_echo(self) -> None:
        """Erase what the terminal has echoed before raw mode. The prompt shows it again."""
        output = self._devices.output
        output.write_raw("\r")
        output.erase_end_of_line()
        output.flush()

    def _check_child_end(self) -> None:
        """Handle the end of the server that qmpshell has started, after its last messages."""
        child = self._child_server
        if child is None or not self._has_child_ended:
            return
        message = end_message(child, self._session, self._display.view.address)
        if message is None:
            return
        self._has_child_ended = False
        if message:
            self._display.show_error(message)
        else:
            self._leave(0)

    def _on_child_end(self) -> None:
        self._has_child_ended = True
        self._check_child_end()

    def _submit(self, text: str, *, is_help: bool = False) -> None:
        lines = list(self._splitter.lines(text))
        commands = [
            line for line in lines if isinstance(line, SourceLine) and line.line.text.strip()
        ]
        for line in lines:
            if isinstance(line, SourceLine):
                source = SourceLine(line.name, line.line, is_one_of_several=len(commands) > 1)
                if is_help:
                    self._help_source = source
                self._submitted.append((source, text))
                prepared = self._session.prepare(source)
            else:
                self._submitted.append((line.source, text))
                prepared = line
            self._perform(self._session.submit(prepared, self._clock()))

    def _show_help(self, text: str, cursor: int) -> None:
        """Show help for what is at the cursor (F1). The typed line and the history stay."""
        if self._settings.hmp and not text.lstrip().startswith("/"):
            self._submit(hmp_help_line(text, cursor), is_help=True)
        elif not self._settings.raw:
            self._submit(help_line(text, cursor))

    def _interrupt(self) -> None:
        """Handle Ctrl-C on an empty line, or SIGINT."""
        if self._prompt_controller.drop_question():
            return
        if self._reconnecting.cancel():
            return
        effects: list[Effect] = []
        if isinstance(self._session, Session):
            effects = self._session.abandon(self._clock())
        if effects:
            self._perform(effects)
        else:
            self._display.show_message(leave_hint(self._child_server))

    def _perform(self, effects: Sequence[Effect]) -> None:  # noqa: C901 - a dispatch on effects
        for effect in effects:
            if not self._handle_redirect(effect):
                self._display.show(effect)
            match effect:
                case ShowMessage(line=SourceLine() as line):
                    self._mark_failed(line)
                case ShowReply(reply=reply, request=request):
                    if reply.is_error and reply.error_class == "CommandNotFound":
                        self._mark_failed(request.source)
                case Send(data=data, request=request):
                    self._stream_reader.send(data, request.descriptor if request else None)
                case OpenRedirect():
                    self._redirects.open(effect)
                case CloseRedirect():
                    self._redirects.close(effect)
                case ReadFile() | OpenFile():
                    self._files.open(effect)
                case StopFile(step=step):
                    self._files.stop(step)
                case Confirm() | ReadSecret():
                    self._prompt_controller.run_suspended(partial(self._ask, effect))
                case Connect():
                    self._stream_reader.close()
                    if isinstance(effect, Restart):
                        self._child_watcher.close()
                    self._reconnecting.start(effect, self._child_server)
                case TryConnect():
                    self._reconnecting.try_connect(
                        effect, current=self._display.view.address, settings=self._settings
                    )
                case Ready():
                    self._on_ready()
                case QueryResult():
                    self._on_query_result(effect)
                case Exit(status=status):
                    self._leave(status)
        deadline = self._session.deadline
        self._timer.set(None if deadline is None else max(0.0, deadline - self._clock()))
        self._log_watch.update(self._session.log_waits_for)
        self._prompt_controller.apply_settings()
        self._bottom_toolbar.touch()
        more = self._completion_model.on_effects(effects)
        if more:
            self._perform(more)

    def _mark_failed(self, line: SourceLine | None) -> None:
        for source, text in self._submitted:
            if source is line:
                self._history.mark_failed(text)

    async def _ask(self, step: Confirm | ReadSecret) -> None:
        if isinstance(step, Confirm):
            self._answer(step, await self._prompt_controller.confirm(step.question))
        else:
            self._answer(step, await self._prompt_controller.ask_secret(escape(step.key)))

    def _on_ready(self) -> None:
        assert isinstance(self._session, Session)
        self._greetings += 1
        if not self._settings.quiet:
            self._display.print(self._display.view.banner(self._session.greeting))
        self._show_history_problem()
        self._session.track_vm(self._clock())
        self._completion_model.on_ready()

    def _on_query_result(self, result: QueryResult) -> None:
        match result:
            case QueryResult(name="query-status", value={"status": str(status)}):
                if self._greetings > 1:  # the state of the VM may have changed
                    self._display.show_message(f"VM state: {escape(status)}")
            case _:
                self._completion_model.on_query_result(result)

    def _flush_log(self) -> None:
        self._perform(self._session.flush_log(self._clock()))

    async def _finish_log(self) -> None:
        """Write the rest of the log, unless its reader does not read."""
        give_up_at = self._clock() + _LOG_PATIENCE
        while self._session.log_waits_for and self._clock() < give_up_at:
            await asyncio.sleep(_LOG_PATIENCE / 200)
        self._perform(self._session.flush_log(self._clock(), is_last=True))

    def _show_history_problem(self) -> None:
        problem = self._history.pop_problem()
        if problem:
            self._display.show_message(problem)

    def _leave(self, status: int) -> None:
        if self._status is None:
            self._status = status
        self._reconnecting.cancel()
        self._prompt_controller.close()

    def _received(self, data: bytes) -> None:
        self._perform(self._session.receive(data, self._clock()))
        if self._session.lost:
            self._prompt_controller.end_question()
            self._check_child_end()

    def _connection_lost(self, reason: str) -> None:
        self._perform(self._session.connection_lost(reason))
        self._prompt_controller.end_question()
        self._check_child_end()

    def _connected(self, step: Connect, stream: Stream, address: str, data: bytes) -> None:
        self._display.view.address = address
        self._stream_reader.attach(stream)
        if isinstance(step, Restart):
            self._child_watcher.start()
        self._perform(
            self._session.connected(
                self._clock(), address=address, passes_descriptors=stream.passes_descriptors
            )
        )
        if data:
            self._received(data)

    def _handle_redirect(self, effect: Effect) -> bool:
        """Handle an effect for a redirect. Return True if it does not go to the screen."""
        if isinstance(
            effect, ShowDocument | ShowPicture | ShowReply | ShowResult
        ) and self._redirects.show(effect):
            return True
        if isinstance(effect, ShowPicture):
            self._display.print(self._pictures.fragments(effect))
            return True
        if isinstance(effect, ShowDocument):
            may_need_pager = not effect.is_folded
        elif isinstance(effect, ShowReply):
            source = effect.request.source
            is_help = source is not None and source is self._help_source
            may_need_pager = effect.again or (is_help and not effect.reply.is_error)
        else:
            return False
        if may_need_pager and not self._display.show_if_it_fits(effect):
            self._redirects.page(effect)
        return may_need_pager

    def _answer(self, step: Step, answer: object) -> None:
        self._perform(self._session.answer(step, answer, self._clock()))


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

    async def run() -> int:
        devices = Devices(
            settings=settings,
            clock=time.monotonic,
            environment=environment,
            output=create_output(stdout=sys.stdout),
            input=_create_input(),
            theme=Theme(settings, environment),
        )
        app = App(devices, session, address=address, connect=connect, child_server=child_server)
        return await app.run(stream)

    try:
        return asyncio.run(run())
    except (OSError, termios.error) as error:
        if _is_terminal_gone(error):
            return 128 + signal.SIGHUP
        raise


def _create_input() -> Input:
    keys = create_input()
    if isinstance(keys, Vt100Input):
        reader = keys.stdin_reader
        keys.stdin_reader = PasteReader(reader.stdin_fd, encoding=sys.stdin.encoding)
    return keys


def _is_terminal_gone(error: BaseException) -> bool:
    """Return True if an operation failed because the terminal's window was closed."""
    gone = (errno.EIO, errno.ENXIO, errno.ENOTTY)
    if isinstance(error, termios.error):
        return bool(error.args) and error.args[0] in gone
    return isinstance(error, OSError) and error.errno in gone
