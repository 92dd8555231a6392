"""Output above the line that is being typed.

Owns: printing in order, without disturbing the prompt, and not at all while another program has the
terminal. Must not know: what is printed.
All that has gathered since the last time is printed at once: the prompt is taken away and drawn anew
once for a burst, not once for each message of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from prompt_toolkit.application import get_app_or_none
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.output import Output
from prompt_toolkit.renderer import print_formatted_text

from ..qmp import Event, Greeting
from ..render import Block
from ..session import Effect, ShowEvent, ShowReply, Tell
from .formatter import TerminalView
from .styles import Fragments, Look
from .throttle import Folded, Storm


class Printer:
    """Give it fragments at any time; `run` prints them as long as it is not cancelled."""

    def __init__(self, output: Output, look: Look) -> None:
        self._output = output
        self._encoding = output.encoding() or "utf-8"
        self._look = look
        self._waiting: Fragments = []
        self._wake = asyncio.Event()
        self._free = asyncio.Event()
        self._free.set()
        self._done = asyncio.Event()
        self._done.set()

    def print(self, fragments: Fragments) -> None:
        """Queue what ends with a line end."""
        if fragments:
            self._waiting += fragments
            self._done.clear()
            self._wake.set()

    def hold(self) -> None:
        """Another program has the terminal."""
        self._free.clear()

    def release(self) -> None:
        self._free.set()

    async def settled(self) -> None:
        """Wait until all that was given is on the screen."""
        await self._done.wait()

    async def run(self) -> None:
        try:
            await self._run()
        finally:
            self._done.set()  # nobody is to wait for what will not be printed

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            await self._free.wait()
            app = get_app_or_none()
            if app is not None and app.is_running and app.output.responds_to_cpr:
                await app.renderer.wait_for_cpr_responses()  # or they tell where the cursor was
            if not self._free.is_set():
                continue
            if app is None or not app.is_running:
                self.flush()
            else:
                # Not in_terminal(): that lets the terminal echo what is typed meanwhile.
                app.renderer.erase()
                self.flush()
                app.renderer.reset()
                app.renderer.request_absolute_cursor_position()
                app.invalidate()
            await asyncio.sleep(0)

    def flush(self) -> None:
        """Print what waits, now: only while no prompt is on the screen."""
        self._wake.clear()
        waiting, self._waiting = self._waiting, []
        if waiting:
            fitting = [(style, fit(text, self._encoding)) for style, text in waiting]
            print_formatted_text(
                self._output,
                FormattedText(fitting),
                self._look.style,
                color_depth=self._look.depth,
            )
        self._done.set()


def fit(text: str, encoding: str) -> str:
    r"""The text as a terminal of this encoding can show it.

    >>> fit("KEY=VALUE… ×3 é", "ascii")
    'KEY=VALUE... x3 \\xe9'
    """
    if text.isascii():
        return text
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.replace("…", "...").replace("×", "x")
        return text.encode(encoding, "backslashreplace").decode(encoding)
    return text


class Display:
    """`rows` gives the height of the terminal; `clock` is monotonic, in seconds."""

    def __init__(
        self,
        view: TerminalView,
        printer: Printer,
        *,
        rows: Callable[[], int],
        clock: Callable[[], float],
    ) -> None:
        self.view = view
        self._rows = rows
        self._printer = printer
        self._clock = clock
        self._storm = Storm()
        self._timer: asyncio.TimerHandle | None = None

    def show(self, effect: Effect) -> None:
        if isinstance(effect, ShowEvent) and effect.again:
            self.flush()
            self._print_event(effect.event)
            return
        if isinstance(effect, ShowEvent):
            if self.view.wants(effect.event):
                for one in self._storm.take(effect.event, self._clock()):
                    self._print_event(one)
                self._set_timer()
            return
        fragments = self.view.fragments(effect)
        if fragments:
            self.flush()
            self._printer.print(fragments)

    def banner(self, greeting: Greeting | None) -> None:
        self.flush()
        self._printer.print(self.view.banner(greeting))

    def again(self, shown: ShowReply) -> bool:
        """Show a reply once more, if the screen has room for all of it."""
        return self._if_it_fits(self.view.again(shown, rows=self._room))

    def page(self, blocks: list[Block]) -> bool:
        """Show a page, if the screen has room for all of it."""
        return self._if_it_fits(self.view.pages.fragments(blocks, rows=self._room))

    @property
    def _room(self) -> int:
        return max(self._rows() - 2, 1)

    def _if_it_fits(self, fragments: list[tuple[str, str]] | None) -> bool:
        if fragments is not None:
            self.flush()
            self._printer.print(fragments)
        return fragments is not None

    def output(self, text: str) -> None:
        """What the server that was started with us has written."""
        self.flush()
        self._printer.print(self.view.output(text))

    def tell(self, text: str, *, is_error: bool = False) -> None:
        self.show(Tell(text, is_error=is_error))

    def flush(self) -> None:
        """Show what a storm has counted so far."""
        for one in self._storm.flush():
            self._print_event(one)
        self._set_timer()

    def _print_event(self, one: Event | Folded) -> None:
        self._printer.print(
            self.view.folded(one) if isinstance(one, Folded) else self.view.event(one)
        )

    def _set_timer(self) -> None:
        due = self._storm.due
        if due is not None and self._timer is None:
            delay = max(0.0, due - self._clock())
            self._timer = asyncio.get_running_loop().call_later(delay, self._on_time)
        elif due is None and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_time(self) -> None:
        self._timer = None
        self.flush()
