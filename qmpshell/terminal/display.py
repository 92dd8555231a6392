"""What is shown of a session, in its order.

Owns: which view an effect goes through, and when the counts of a storm are shown. Must not know: how
anything looks, where the prompt is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..effects import Effect, ShowEvent, ShowReply, Tell
from ..page import Block
from ..protocol.messages import Event, Greeting
from .printer import Printer
from .storm import Folded, Storm
from .view import TerminalView


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
