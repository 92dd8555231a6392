"""The server that was started with the shell, as the shell sees it.

Owns: when its output and its end are looked at. Must not know: how it was started, what it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol


class Companion(Protocol):
    """A process with an output. Either descriptor may be None: nothing can be waited for, or no
    longer."""

    @property
    def output_descriptor(self) -> int | None: ...
    @property
    def end_descriptor(self) -> int | None: ...
    def read_output(self) -> str:
        """What it has written since the last call; never waits."""

    def rest_of_output(self) -> str:
        """All that is left when it has ended."""

    def poll(self) -> int | None:
        """None while it runs."""

    def describe_end(self) -> str:
        """How it ended, in words."""


class CompanionWatch:
    """`show` is given what it writes, `ended` how it ended. Call `look` on SIGCHLD."""

    def __init__(
        self, companion: Companion, *, show: Callable[[str], None], ended: Callable[[str], None]
    ) -> None:
        self._companion = companion
        self._show = show
        self._ended = ended
        self._watched: list[int] = []

    def begin(self) -> None:
        loop = asyncio.get_running_loop()
        for descriptor in (self._companion.output_descriptor, self._companion.end_descriptor):
            if descriptor is not None:
                loop.add_reader(descriptor, self.look)
                self._watched.append(descriptor)

    def look(self) -> None:
        """Show what is new."""
        if not self._watched:
            return
        if self._companion.poll() is not None:
            self.close()
            self._give(self._companion.rest_of_output())
            self._ended(self._companion.describe_end())
            return
        self._give(self._companion.read_output())
        loop = asyncio.get_running_loop()
        for descriptor in self._watched[:]:
            if descriptor not in (
                self._companion.output_descriptor,
                self._companion.end_descriptor,
            ):
                # It has closed its output, and that was closed here.
                loop.remove_reader(descriptor)
                self._watched.remove(descriptor)

    def close(self) -> None:
        loop = asyncio.get_running_loop()
        for descriptor in self._watched:
            loop.remove_reader(descriptor)
        self._watched.clear()

    def _give(self, text: str) -> None:
        if text:
            self._show(text)
