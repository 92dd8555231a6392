"""Output above the line that is being typed.

Owns: printing in order, without disturbing the prompt, and not at all while another program has the
terminal. Must not know: what is printed.
All that has gathered since the last time is printed at once: the prompt is taken away and drawn anew
once for a burst, not once for each message of it.
"""

from __future__ import annotations

import asyncio

from prompt_toolkit.application import get_app_or_none
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.output import Output
from prompt_toolkit.renderer import print_formatted_text

from .look import Look

Fragments = list[tuple[str, str]]


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
