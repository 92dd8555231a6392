"""Who has the terminal: the prompt, a question, another program, or the shell that we came from.

Owns: one of them at a time, and that what was being typed comes back. Must not know: sessions, what
lines, questions and programs are about.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app_or_none, run_in_terminal
from prompt_toolkit.auto_suggest import AutoSuggest
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import Completer
from prompt_toolkit.document import Document
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import History
from prompt_toolkit.input import Input
from prompt_toolkit.input.typeahead import get_typeahead, store_typeahead
from prompt_toolkit.lexers import Lexer
from prompt_toolkit.output import Output
from prompt_toolkit.output.color_depth import ColorDepth

from ..errors import LineError
from ..language import LineAssembler, Source
from ..session import Prepared
from ..storage import VI, Settings
from . import styles
from .dialogs import ask_secret, confirm
from .keys import Tab, make_bindings
from .output import Printer
from .processes import Foreground, Programs
from .styles import Look


class _Interrupted(Exception):
    """The prompt was taken down for something that cannot wait."""


class Stage:
    """`prompt` gives the prompt's text at each time; `is_whole` says whether
    Enter ends a text, `is_in_doubt` is Tab's, `typed` is told of every change
    of it, `interrupt` of Ctrl-C with nothing typed, `help` of F1 with the text and
    the cursor's place in it, `problem` of what went wrong with a program. Below it stand
    the rows of `signature`, and then what `bottom` gives, if anything."""

    def __init__(
        self,
        *,
        input: Input,
        output: Output,
        look: Look,
        settings: Settings,
        environment: Mapping[str, str],
        prompt: Callable[[], str],
        history: History,
        suggest: AutoSuggest,
        completer: Completer,
        is_in_doubt: Callable[[], bool],
        typed: Callable[[Buffer], None],
        lexer: Lexer | None,
        is_whole: Callable[[str], bool],
        interrupt: Callable[[], None],
        help: Callable[[str, int], None],
        problem: Callable[[str], None],
        signature: Callable[[Document, int], list[list[tuple[str, str]]]] | None,
        bottom: Callable[[], list[tuple[str, str]]],
    ) -> None:
        self._signature = signature
        self._bottom = bottom
        self._input = input
        self._output = output
        self._look = look
        self._settings = settings
        self._prompt_text = prompt
        self._problem = problem
        self._suggest = suggest
        self.printer = Printer(output, look)
        self._foreground = Foreground(input.fileno(), stop=self._stop)
        self.programs = Programs(self._foreground, environment)
        # What takes the prompt's place, in this order.
        self._interludes: deque[Callable[[], Awaitable[None]]] = deque()
        self._tab = Tab(is_in_doubt=is_in_doubt)
        self._question: asyncio.Future[object] | None = None
        self._draft = Document()
        self._closed = False
        self._prompt: PromptSession[str] = PromptSession(
            history=history,
            key_bindings=make_bindings(
                complete=self._tab.complete,
                is_whole=is_whole,
                interrupt=interrupt,
                edit=self._edit,
                suspend=self.suspend,
                help=help,
            ),
            completer=completer,
            lexer=lexer,
            complete_while_typing=False,
            # Only where there are several lines: the search then has no place in the prompt.
            multiline=Condition(lambda: "\n" in self._prompt.default_buffer.text),
            prompt_continuation=_continuation,
            input=input,
            output=output,
            style=look.style,
            enable_open_in_editor=False,
        )
        self._prompt.default_buffer.on_text_changed += typed
        self._prompt.app.before_render += self._set_bottom

    # -- the prompt ----------------------------------------------------------------------------

    def redraw(self) -> None:
        """What stands below the prompt has changed."""
        self._prompt.app.invalidate()

    def complete_again(self) -> None:
        """Names have come: what was asked for by Tab may be among them."""
        self._tab.complete_again(self._prompt.default_buffer)
        self.redraw()  # a menu may be gone by it

    def _set_bottom(self, _: object) -> None:
        rows: list[list[tuple[str, str]]] = []
        if self._signature is not None:
            columns = self._output.get_size().columns
            rows += self._signature(self._prompt.default_buffer.document, columns)
        rows.append(self._bottom())
        fragments = [fragment for row in rows if row for fragment in (*row, ("", "\n"))][:-1]
        self._prompt.bottom_toolbar = FormattedText(fragments) if fragments else None

    async def turn(self) -> str | None:
        """What was entered at the prompt; None where nothing was, or something took its place.

        Raises EOFError where the person leaves.
        """
        await asyncio.sleep(0)
        if self._interludes:
            await self._interludes.popleft()()
            return None
        draft, self._draft = self._draft, Document()
        self._prompt.app.erase_when_done = False
        # A search may have had it when the prompt was taken down.
        self._prompt.layout.focus(self._prompt.default_buffer)
        # The person may have chosen others.
        self._prompt.color_depth = self._look.depth
        # Without colours nothing would tell a suggestion from what is typed.
        colours = self._look.depth != ColorDepth.DEPTH_1_BIT
        self._prompt.auto_suggest = self._suggest if colours else None
        self._prompt.editing_mode = (
            EditingMode.VI if self._settings.editing == VI else EditingMode.EMACS
        )
        try:
            return await self._prompt.prompt_async(
                FormattedText([(f"class:{styles.PROMPT}", self._prompt_text())]),
                default=draft,
                pre_run=self._put_off_typeahead,
                handle_sigint=False,
                set_exception_handler=False,
            )
        except _Interrupted:
            self._draft = self._prompt.default_buffer.document
        except KeyboardInterrupt:
            pass
        return None

    def _put_off_typeahead(self) -> None:
        """What was typed ahead comes when the prompt has its history, or Up would find nothing."""
        keys = get_typeahead(self._input)
        app = self._prompt.app

        def feed() -> None:
            if app.is_running and not app.is_done:
                app.key_processor.feed_multiple(keys)
                app.key_processor.process_keys()
            else:
                store_typeahead(self._input, keys)

        def soon(sender: object) -> None:
            app.after_render.remove_handler(soon)
            # Behind the loading of the history, and before more keys are read.
            asyncio.get_running_loop().call_soon(feed)

        if keys:
            app.after_render.add_handler(soon)

    def interlude(self, work: Callable[[], Awaitable[None]]) -> None:
        """Put `work` in the prompt's place; what is being typed comes back after it."""
        if not self._closed:
            self._interludes.append(work)
            self._take_down_prompt()

    def close(self) -> None:
        """The shell ends: whoever has the terminal is to give it back, and nobody follows."""
        self._closed = True
        self._interludes.clear()
        self.drop_question()
        self._foreground.end()
        self._take_down_prompt()

    def _take_down_prompt(self) -> None:
        app = self._prompt.app
        if app.is_running and app.future is not None and not app.future.done():
            app.erase_when_done = not self._closed  # it will be there again
            app.exit(exception=_Interrupted())

    # -- questions, in an interlude ------------------------------------------------------------

    async def confirm(self, question: str) -> bool:
        """Whether the person says yes; a question that is dropped is answered by no."""
        asked = confirm(
            question,
            input=self._input,
            output=self._output,
            look=self._look,
        )
        return bool(await self._answer(asked))

    async def ask_secret(self, what: str) -> str | None:
        """What the person typed, unseen; None if nothing."""
        asked = ask_secret(
            what,
            input=self._input,
            output=self._output,
            look=self._look,
        )
        answer = await self._answer(asked)
        return answer if isinstance(answer, str) else None

    def drop_question(self) -> bool:
        """Nobody is to answer the question that is put; whether one was."""
        if self._question is None:
            return False
        self._question.cancel()
        return True

    async def _answer(self, question: Awaitable[object]) -> object:
        self._question = asyncio.ensure_future(question)
        try:
            return await self._question
        except asyncio.CancelledError:
            if not self._question.cancelled():
                raise
            return None
        finally:
            self._question = None

    # -- other programs ------------------------------------------------------------------------

    def child_changed(self) -> None:
        """SIGCHLD has come."""
        self._foreground.child_changed()

    async def run_program(self, work: Awaitable[str]) -> None:
        """In an interlude: lend the terminal to `work`, which says what went wrong, or nothing."""
        await self.printer.settled()
        with self._lend_terminal():
            problem = await work
        _end_line(self._output)
        if problem:
            self._problem(problem)

    @contextlib.contextmanager
    def _lend_terminal(self) -> Iterator[None]:
        """What is printed meanwhile is shown afterwards."""
        self.printer.hold()
        try:
            with self._input.cooked_mode():
                yield
        finally:
            self.printer.release()

    def _edit(self, text: str) -> None:
        async def work() -> None:
            with self._lend_terminal():
                edited, problem = await self.programs.edit(text)
            _end_line(self._output)
            self._draft = Document(text if edited is None else edited)
            if problem:
                self._problem(problem)

        self.interlude(work)

    def suspend(self) -> None:
        """Ctrl-Z, or SIGTSTP."""
        app = get_app_or_none()
        if app is not None and app.is_running:
            run_in_terminal(self._stop)
        else:
            with self._input.cooked_mode():
                self._stop()

    def _stop(self) -> None:
        """Stop, and all of our process group with us, as its shell expects; return when continued."""
        loop = asyncio.get_running_loop()
        loop.remove_signal_handler(signal.SIGTSTP)
        os.killpg(0, signal.SIGTSTP)
        loop.add_signal_handler(signal.SIGTSTP, self.suspend)


def _continuation(width: int, line_number: int, wrap_count: int) -> FormattedText:
    return FormattedText([] if wrap_count else [(f"class:{styles.PROMPT}", "... ")])


def _end_line(output: Output) -> None:
    """Where a program left the cursor in a line, begin the next one: the blanks reach into it."""
    output.write_raw("\x1b[7m%\x1b[m" + " " * (output.get_size().columns - 1) + "\r\x1b[J")
    output.flush()


class Entry:
    """`settings` say whether lines are commands, the human monitor's, or bytes."""

    def __init__(self, settings: Settings) -> None:
        self._raw = settings.raw
        self._verbatim = settings.hmp or settings.raw

    def is_whole(self, text: str) -> bool:
        """Whether the lines of `text` need none behind them: a mistake needs none either."""
        assembler = self._assembler()
        for number, line in enumerate(text.split("\n"), 1):
            try:
                assembler.feed(line, number)
            except LineError:
                return True
        return not assembler.open

    def lines(self, text: str) -> Iterator[Source | Prepared]:
        """The lines to be read; one that is broken, or not whole, comes with its error."""
        assembler = self._assembler()
        for number, line in enumerate(text.split("\n"), 1):
            try:
                whole = assembler.feed(line + "\n" if self._raw else line, number)
            except LineError as error:
                yield Prepared(Source("", assembler.take()), error=error)
                assembler = self._assembler()
            else:
                if whole is not None:
                    yield Source("", whole)
        try:
            assembler.end()
        except LineError as error:
            yield Prepared(Source("", assembler.take()), error=error)

    def _assembler(self) -> LineAssembler:
        return LineAssembler(verbatim=self._verbatim)


def groups(text: str) -> Iterator[tuple[int, str]]:
    """The lines of an entry as they are read, each with its offset: one may be over several rows.

    >>> list(groups('stop\\n{"execute":\\n"cont"}'))
    [(0, 'stop'), (5, '{"execute":\\n"cont"}')]
    """
    assembler = LineAssembler()
    start = position = 0
    for number, line in enumerate(text.split("\n"), 1):
        position += len(line) + 1
        try:
            assembler.feed(line, number)
        except LineError:
            assembler = LineAssembler()
        if not assembler.open:
            yield start, text[start : position - 1]
            start = position
    if start < position:
        yield start, text[start:]
