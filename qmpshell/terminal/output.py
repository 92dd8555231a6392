"""Output above the prompt, in order, and held while another program owns the terminal.

All pending output is printed at once: the prompt is erased and redrawn once for a burst.
"""

from __future__ import annotations

import asyncio

from prompt_toolkit.application import get_app_or_none
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.output import Output
from prompt_toolkit.renderer import print_formatted_text

from ..session import Effect, ShowBytes, ShowDocument, ShowEvent, ShowMessage, ShowReply
from ..transport import Timer
from .formatter import EffectFormatter
from .styles import Devices, Fragments, Theme
from .throttle import EventThrottle

# Seconds without data after which a line of `--raw` that is not complete is shown.
_INCOMPLETE_AFTER = 0.2


class OutputQueue:
    """Prints queued fragments while `run` is running."""

    def __init__(self, output: Output, theme: Theme) -> None:
        self._output = output
        self._encoding = output.encoding() or "utf-8"
        self._theme = theme
        self._waiting: Fragments = []
        self._wake = asyncio.Event()
        self._free = asyncio.Event()
        self._free.set()
        self._done = asyncio.Event()
        self._done.set()

    def print(self, fragments: Fragments) -> None:
        """Queue fragments that end with a line end."""
        if fragments:
            self._waiting += fragments
            self._done.clear()
            self._wake.set()

    def hold(self) -> None:
        """Hold the output, because another program owns the terminal."""
        self._free.clear()

    def release(self) -> None:
        """Continue to print."""
        self._free.set()

    async def wait_until_written(self) -> None:
        """Wait until all queued output is on the screen."""
        await self._done.wait()

    async def run(self) -> None:
        """Print queued fragments until cancelled."""
        try:
            await self._run()
        finally:
            self._done.set()  # no caller must wait for what will not be printed

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            await self._free.wait()
            app = get_app_or_none()
            if app is not None and app.is_running and app.output.responds_to_cpr:
                await app.renderer.wait_for_cpr_responses()  # or they report an old cursor position
            if not self._free.is_set():
                continue
            if app is None or not app.is_running:
                self.flush()
            else:
                # Not in_terminal(), which lets the terminal echo what is typed meanwhile.
                app.renderer.erase()
                self.flush()
                app.renderer.reset()
                app.renderer.request_absolute_cursor_position()
                app.invalidate()
            await asyncio.sleep(0)

    def flush(self) -> None:
        """Print the queue now. Only while no prompt is on the screen."""
        self._wake.clear()
        waiting, self._waiting = self._waiting, []
        if waiting:
            fitting = [
                (style, encode_for_terminal(text, self._encoding)) for style, text in waiting
            ]
            print_formatted_text(
                self._output,
                FormattedText(fitting),
                self._theme.style,
                color_depth=self._theme.depth,
            )
        self._done.set()


# The lines of trees, among others.
_ASCII = str.maketrans("×─│├└", "x-||`")


def encode_for_terminal(text: str, encoding: str) -> str:
    r"""Return the text as a terminal with this encoding can show it.

    >>> encode_for_terminal("KEY=VALUE… ×3 é", "ascii"), encode_for_terminal("├─ a", "ascii")
    ('KEY=VALUE... x3 \\xe9', '|- a')
    """
    if text.isascii():
        return text
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        # The mark of a cut cell in a table has the width of one character.
        text = text.replace("…  ", "~  ").replace("…", "...").translate(_ASCII)
        return text.encode(encoding, "backslashreplace").decode(encoding)
    return text


class OutputView:
    """Shows effects and messages. They are printed while its `printer` is running."""

    def __init__(self, view: EffectFormatter, devices: Devices) -> None:
        self.view = view
        self.printer = OutputQueue(devices.output, devices.theme)
        self._output = devices.output
        self._clock = devices.clock
        self._throttle = EventThrottle()
        self._timer = Timer(self.flush)
        # The parts of a line of `--raw` that is not complete.
        self._incomplete: list[bytes] = []

    def show(self, effect: Effect) -> None:
        """Show an effect, if it is of a kind that is shown."""
        if isinstance(effect, ShowEvent) and not effect.again:
            if self.view.wants(effect.event):
                for item in self._throttle.allow(effect.event, self._clock()):
                    self.printer.print(self.view.event(item))
                self._set_timer()
            return
        if isinstance(effect, ShowBytes):
            self._show_bytes(effect.data)
            return
        fragments = self.view.fragments(effect)
        if fragments:
            self.print(fragments)

    def _show_bytes(self, data: bytes) -> None:
        """Show complete lines. An incomplete one is shown if no more data arrives."""
        lines, end, rest = data.rpartition(b"\n")
        if end:
            lines = b"".join([*self._incomplete, lines, end])
            self._incomplete = []
            self.printer.print(self.view.fragments(ShowBytes(lines)))
        if rest:
            self._incomplete.append(rest)
        self._timer.set(_INCOMPLETE_AFTER if self._incomplete else None)

    def show_if_it_fits(self, shown: ShowReply | ShowDocument) -> bool:
        """Show a reply again, or a document. Return False if it does not fit on the screen."""
        fragments = self.view.fitting(shown, rows=max(self._output.get_size().rows - 2, 1))
        if fragments is not None:
            self.print(fragments)
        return fragments is not None

    def print(self, fragments: Fragments) -> None:
        """Print fragments that end with a line end."""
        self.flush()
        self.printer.print(fragments)

    def output(self, text: str) -> None:
        """Show the output of a server that qmpshell has started."""
        self.print(self.view.output(text))

    def show_message(self, text: str) -> None:
        """Show a message of qmpshell's own."""
        self.show(ShowMessage(text))

    def show_error(self, text: str) -> None:
        """Show an error message."""
        self.show(ShowMessage(text, is_error=True))

    def flush(self) -> None:
        """Show the event counts so far, and an incomplete line, whose end the next prompt would hide."""
        for item in self._throttle.flush():
            self.printer.print(self.view.event(item))
        if self._incomplete:
            self._show_bytes(b"\n")
        self._set_timer()

    def _set_timer(self) -> None:
        due = self._throttle.due
        if due is None:
            self._timer.set(None)
        elif self._timer.due is None:
            self._timer.set(max(0.0, due - self._clock()))
