"""The prompt, and which of prompt, dialog or external program owns the terminal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import termios
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.application import Application, get_app_or_none
from prompt_toolkit.document import Document
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.input.typeahead import clear_typeahead, get_typeahead, store_typeahead
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent, merge_key_bindings
from prompt_toolkit.key_binding.vi_state import InputMode
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout.processors import PasswordProcessor
from prompt_toolkit.output import Output

from ..storage import VI
from . import styles
from .completer import CompletionModel
from .formatter import prompt_text, question_text
from .history import HistorySuggester, SafeHistory
from .keys import SearchStart, Tab, make_bindings
from .output import OutputView
from .processes import ForegroundProcess
from .reflow import erase_reflowed
from .styles import Devices, Fragments
from .typed_text import InputSplitter, LineLexer, LongLineProcessor

# The rows of an open completion menu with the typed line.
_MENU_ROWS = 8
# Nothing is shown below the line in a window of fewer rows.
_FEWEST_ROWS = 3
# Seconds for which a redraw waits for other callbacks, such as a suggestion, so that one redraw shows all.
# In an event storm some always wait.
_REDRAW_DELAY = 0.001


# As vi names them.
_VI_MODES = {
    InputMode.INSERT: "INSERT",
    InputMode.INSERT_MULTIPLE: "INSERT",
    InputMode.NAVIGATION: "NORMAL",
    InputMode.REPLACE: "REPLACE",
    InputMode.REPLACE_SINGLE: "REPLACE",
}


# The text of a question for a secret after its answer is no longer needed.
_UNUSED_SECRET = "no longer needed; press Enter: "


class _PromptRemovedError(Exception):
    """The prompt was removed for something urgent."""


class PromptController:
    """Controls whether the prompt, a dialog or an external program owns the terminal.

    `find_bottom_rows` returns what is below the signature. `interrupt` handles Ctrl-C on an empty
    line, and `show_help` F1 with the text and the cursor.
    """

    def __init__(
        self,
        devices: Devices,
        *,
        splitter: InputSplitter,
        completion_model: CompletionModel,
        history: SafeHistory,
        display: OutputView,
        find_bottom_rows: Callable[[], list[Fragments]],
        interrupt: Callable[[], None],
        show_help: Callable[[str, int], None],
    ) -> None:
        self._devices = devices
        self._find_bottom_rows = find_bottom_rows
        self._display = display
        self._completion_model = completion_model
        self.foreground = ForegroundProcess(
            devices.input.fileno(), devices.environment, stop=self._stop
        )
        # What replaces the prompt next, in this order.
        self._suspended_work: deque[Callable[[], Awaitable[None]]] = deque()
        self._tab = Tab(may_be_wrong=lambda: completion_model.may_be_wrong)
        self._question: asyncio.Future[str | None] | None = None
        # The dialog of the open question, if that is for a secret.
        self._secret_dialog: PromptSession[str] | None = None
        self._suspending: asyncio.Future[None] | None = None
        self._draft = Document()
        self._closed = False
        bindings = make_bindings(
            complete=self._tab.complete,
            is_whole=splitter.is_whole,
            is_transcript=splitter.is_transcript,
            interrupt=interrupt,
            edit=self._edit,
            suspend=self.suspend,
            help=show_help,
            has_arguments=devices.has_syntax,
        )
        self._prompt: PromptSession[str] = PromptSession(
            history=history,
            completer=completion_model,
            lexer=LineLexer() if devices.has_syntax else None,
            complete_while_typing=False,
            validate_while_typing=False,  # there is no validator
            enable_history_search=True,
            auto_suggest=HistorySuggester(history),
            prompt_continuation=_continuation,
            input_processors=[LongLineProcessor(devices.output.get_size)],
            input=devices.input,
            output=devices.output,
            style=devices.theme.style,
            enable_open_in_editor=False,
        )
        self._prompt.app.key_processor.after_key_press += self._after_key
        self._search_start = SearchStart(self._prompt)
        # Only with several lines, because the search is not part of the prompt then.
        self._prompt.multiline = self._search_start.has_several_lines
        self._prompt.key_bindings = merge_key_bindings([bindings, self._search_start.bindings])
        self._prompt.default_buffer.on_text_changed += completion_model.typed
        self._prompt.app.before_render += self._set_bottom
        self._prompt.app.max_render_postpone_time = _REDRAW_DELAY
        erase_reflowed(self._prompt.app, devices.environment)

    @property
    def vi_mode(self) -> str:
        """The mode of the vi key bindings in a word, or "" with those of Emacs."""
        if self._prompt.editing_mode != EditingMode.VI:
            return ""
        if self._prompt.default_buffer.selection_state is not None:
            return "VISUAL"
        state = self._prompt.app.vi_state
        if state.temporary_navigation_mode:
            return _VI_MODES[InputMode.NAVIGATION]
        return _VI_MODES[state.input_mode]

    def apply_settings(self) -> None:
        """Apply the settings that the user may have changed."""
        self._prompt.color_depth = self._devices.theme.depth
        vi = self._devices.settings.editing == VI
        self._prompt.editing_mode = EditingMode.VI if vi else EditingMode.EMACS

    def redraw(self) -> None:
        """Redraw what is below the prompt."""
        self._prompt.app.invalidate()

    def complete_again(self) -> None:
        """Complete again, because live names have arrived."""
        self._tab.complete_again(self._prompt.default_buffer)
        self.redraw()  # the menu may have closed

    def _after_key(self, _: object) -> None:
        buffer = self._prompt.default_buffer
        if self._prompt.layout.is_searching or not self._tab.after_key(buffer):
            return
        if self._devices.settings.complete_while_typing:
            # Once for all keys that have arrived, as in pasted text.
            document = buffer.document
            asyncio.get_running_loop().call_soon(self._complete_while_typing, document)

    def _complete_while_typing(self, document: Document) -> None:
        buffer = self._prompt.default_buffer
        if self._prompt.app.is_running and buffer.document == document:
            self._tab.open_while_typing(buffer)
            self.redraw()

    def _set_bottom(self, _: object) -> None:
        size = self._devices.output.get_size()
        # All of the menu is shown only if the line and a row below it fit too.
        self._prompt.reserve_space_for_menu = max(1, min(_MENU_ROWS, size.rows - 1))
        if size.rows < _FEWEST_ROWS:
            self._prompt.bottom_toolbar = None
            return
        rows: list[Fragments] = []
        if self._devices.has_syntax:
            columns = size.columns
            document = self._prompt.default_buffer.document
            rows += self._completion_model.signature.fragments(document, columns)
        rows += self._find_bottom_rows()
        fragments = [fragment for row in rows for fragment in (*row, ("", "\n"))][:-1]
        self._prompt.bottom_toolbar = FormattedText(fragments) if fragments else None

    async def turn(self) -> str | None:
        """Show the prompt. Return the text, or None if something else replaced the prompt.

        Raises EOFError if the user leaves.
        """
        await asyncio.sleep(0)
        if self._closed:
            return None
        if self._suspended_work:
            await self._suspended_work.popleft()()
            return None
        draft, self._draft = self._draft, Document()
        self._tab.reset()
        self._prompt.app.erase_when_done = False
        # A search may have had the focus when the prompt was removed.
        self._prompt.layout.focus(self._prompt.default_buffer)
        self.apply_settings()
        try:
            return await self._prompt.prompt_async(
                FormattedText([(f"class:{styles.PROMPT}", prompt_text(self._devices.settings))]),
                default=draft,
                pre_run=self._delay_typeahead,
                handle_sigint=False,
                set_exception_handler=False,
            )
        except _PromptRemovedError:
            self._draft = self._search_start.draft
        except KeyboardInterrupt:
            pass
        return None

    def _delay_typeahead(self) -> None:
        """Process type-ahead only after the history is loaded, or Up would find nothing."""
        keys = get_typeahead(self._devices.input)
        app = self._prompt.app

        def feed() -> None:
            if app.is_running and not app.is_done:
                app.key_processor.feed_multiple(keys)
                app.key_processor.process_keys()
            else:
                store_typeahead(self._devices.input, keys)

        def on_loaded(_sender: object) -> None:
            app.after_render.remove_handler(on_loaded)
            # After the history is loaded, and before more keys are read.
            asyncio.get_running_loop().call_soon(feed)

        if keys:
            app.after_render.add_handler(on_loaded)

    def run_suspended(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` in place of the prompt. The typed text returns afterwards."""
        if not self._closed:
            self._suspended_work.append(work)
            self._remove_prompt()

    def close(self) -> None:
        """End: the terminal is released, and nothing else gets it."""
        self._closed = True
        self._suspended_work.clear()
        self.drop_question()
        self.foreground.end()
        self._remove_prompt()

    def _remove_prompt(self) -> None:
        app = self._prompt.app
        if app.is_running and app.future is not None and not app.future.done():
            app.erase_when_done = not self._closed  # the prompt will return
            app.exit(exception=_PromptRemovedError())

    async def confirm(self, question: str) -> bool:
        """Ask a question. Return True if the user presses y; False for any other key, or if it is dropped.

        Pasted text does not answer it with yes.
        """
        bindings = KeyBindings()

        def answer(event: KeyPressEvent) -> None:
            # Several keys at once are pasted text, from a terminal that does not mark it.
            rest = [key for key in event.key_processor.input_queue if key.key != Keys.CPRResponse]
            event.current_buffer.text = "y" if event.data in ("y", "Y") and not rest else "n"
            event.app.exit(result=event.current_buffer.text)

        # Any other key: the user typed on without reading the question, as with the y of "query".
        for key in ("enter", "c-c", "c-d", "c-r", "c-s", "c-z", Keys.Any):
            bindings.add(key)(answer)
        bindings.add("escape", eager=True)(answer)
        bindings.add(Keys.BracketedPaste)(_ignore)
        self._discard_keys()
        return await self._ask(question_text(question), bindings) == "y"

    def _discard_keys(self) -> None:
        """Discard the keys that were typed and not handled."""
        clear_typeahead(self._devices.input)
        # In tests, the input is not a terminal.
        with contextlib.suppress(termios.error, OSError, NotImplementedError):
            termios.tcflush(self._devices.input.fileno(), termios.TCIFLUSH)

    async def ask_secret(self, what: str) -> str | None:
        """Ask for text without echo. None if the user cancels."""
        bindings = KeyBindings()
        for key in ("c-z", "c-r", "c-s"):
            bindings.add(key)(_ignore)
        return await self._ask(f"{what}: ", bindings, is_secret=True)

    async def _ask(
        self, text: str, bindings: KeyBindings, *, is_secret: bool = False
    ) -> str | None:
        """Show a dialog. Return its result, or None if the user cancels or the question is dropped."""
        dialog: PromptSession[str] = PromptSession(
            FormattedText([(f"class:{styles.PROMPT}", text)]),
            key_bindings=bindings,
            input_processors=[PasswordProcessor("")] if is_secret else None,  # not even its length
            input=self._devices.input,
            output=self._devices.output,
            style=self._devices.theme.style,
            color_depth=self._devices.theme.depth,
        )
        erase_reflowed(dialog.app, self._devices.environment)

        async def find_answer() -> str | None:
            try:
                return await dialog.prompt_async(handle_sigint=False)
            except (KeyboardInterrupt, EOFError):
                return None

        self._question = asyncio.ensure_future(find_answer())
        self._secret_dialog = dialog if is_secret else None
        try:
            return await self._question
        except asyncio.CancelledError:
            if not self._question.cancelled():
                raise
            self._discard_keys()  # they were the answer, maybe a secret: the prompt must not show them
            return None
        finally:
            self._question = self._secret_dialog = None

    def end_question(self) -> None:
        """End the open question, because its answer is no longer needed.

        If the user is typing a secret, the question stays until Enter, because the prompt would show
        the rest of the secret and add it to the history.
        """
        dialog = self._secret_dialog
        if dialog is not None and dialog.default_buffer.text:
            dialog.message = FormattedText([(f"class:{styles.PROMPT}", _UNUSED_SECRET)])
            dialog.app.invalidate()
        else:
            self.drop_question()

    def drop_question(self) -> bool:
        """Drop the open question. Return True if there was one."""
        if self._question is None:
            return False
        self._question.cancel()
        return True

    async def run_program(self, work: Awaitable[str]) -> None:
        """Lend the terminal to `work`, which returns what went wrong, or "". Hold the output meanwhile."""
        await self._display.printer.wait_until_written()
        self._display.printer.hold()
        try:
            with self._devices.input.cooked_mode():
                problem = await work
        finally:
            self._display.printer.release()
        _end_line(self._devices.output)
        if problem:
            self._display.show_error(problem)

    def _edit(self, text: str) -> None:
        async def edit() -> str:
            edited, problem = await self.foreground.edit(text)
            self._draft = Document(text if edited is None else edited)
            return problem

        self.run_suspended(lambda: self.run_program(edit()))

    def suspend(self) -> None:
        """Handle Ctrl-Z or SIGTSTP."""
        if self.foreground.suspend():
            return
        app = get_app_or_none()
        if app is not None and app.is_running:
            self._suspending = asyncio.ensure_future(self._suspend_prompt(app))
        else:
            with self._devices.input.cooked_mode():
                self._stop()

    async def _suspend_prompt(self, app: Application[Any]) -> None:
        # Not run_in_terminal(): if Enter was read together with Ctrl-Z, it would not draw the line
        # again, and continue to read keys after the end of the prompt.
        if app.output.responds_to_cpr:
            await app.renderer.wait_for_cpr_responses()  # or the user's shell would read them
        is_shown = app.is_running and not app.is_done
        if is_shown:
            app.renderer.erase()
        with self._devices.input.cooked_mode():
            self._stop()
        if is_shown:
            app.renderer.reset()
            app.renderer.request_absolute_cursor_position()
            app.invalidate()

    def _stop(self) -> None:
        """Stop the whole process group, as the user's shell expects. Return when continued."""
        loop = asyncio.get_running_loop()
        loop.remove_signal_handler(signal.SIGTSTP)
        os.killpg(0, signal.SIGTSTP)
        loop.add_signal_handler(signal.SIGTSTP, self.suspend)


def _continuation(_width: int, _line_number: int, wrap_count: int) -> FormattedText:
    return FormattedText([] if wrap_count else [(f"class:{styles.PROMPT}", "... ")])


def _end_line(output: Output) -> None:
    """Start a new line if a program left the cursor within one: the blanks wrap into it."""
    output.write_raw("\x1b[7m%\x1b[m" + " " * (output.get_size().columns - 1) + "\r\x1b[J")
    output.flush()


def _ignore(event: KeyPressEvent) -> None:
    """Ignore a key that has no meaning in a dialog, such as one that starts a search."""
