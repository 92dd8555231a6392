"""What stands below the prompt, kept up to date.

Owns: how often it is drawn anew: four times a second at most, whatever comes, and only where it looks
different then. Must not know: what it shows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from prompt_toolkit.data_structures import Size

from ..qmp import encode_scalar
from ..render import utf8_string
from ..session import RawSession, Session
from ..storage import Settings
from .completer import Learning
from .live_view import PanelView, on_ground
from .status import lay_out, status_parts
from .styles import Fragments

_PAUSE = 0.25  # seconds
_BEAT = 1.0


class Bottom:
    """`draw` gives the fragments for a terminal of a size, none for nothing at all; `is_live` says
    whether they change by themselves, as seconds do; `changed` is called when they have. `clock` is
    monotonic, in seconds."""

    def __init__(
        self,
        draw: Callable[[Size], Fragments],
        *,
        is_live: Callable[[], bool],
        size: Callable[[], Size],
        changed: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._draw = draw
        self._is_live = is_live
        self._size = size
        self._changed = changed
        self._clock = clock
        self._drawn: tuple[Size, Fragments] | None = None
        self._drawn_at: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def fragments(self) -> Fragments:
        """As they were drawn last, if the terminal still has that size."""
        size = self._size()
        if self._drawn is None or self._drawn[0] != size:
            self._drawn = (size, self._draw(size))
        return self._drawn[1]

    def touch(self) -> None:
        """What is shown may be different by now."""
        now = self._clock()
        if self._drawn_at is None or now - self._drawn_at >= _PAUSE:
            self._redraw(now)
        else:
            self._redraw_in(_PAUSE - (now - self._drawn_at))

    def _redraw(self, now: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        before, self._drawn_at = self._drawn, now
        self._drawn = None
        fragments = self.fragments
        if before is None or fragments != before[1]:
            self._changed()
        if self._is_live():
            self._redraw_in(_BEAT)

    def _redraw_in(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            if self._timer.when() <= loop.time() + seconds:
                return
            self._timer.cancel()
        self._timer = loop.call_later(seconds, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        self._redraw(self._clock())


_FEWEST_ROWS = 10


class Below:
    """`unicode` says whether the terminal shows more than ASCII; `clock` is the session's."""

    def __init__(
        self,
        settings: Settings,
        session: Session | RawSession,
        learning: Learning,
        *,
        unicode: bool,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._session = session
        self._learning = learning
        self._unicode = unicode
        self._clock = clock
        self._panel = PanelView(string=utf8_string if unicode else encode_scalar, unicode=unicode)

    @property
    def is_live(self) -> bool:
        """Whether it changes as time goes by: seconds are counted."""
        held_up = isinstance(self._session, Session) and self._session.is_held_up
        return held_up or self._learning.is_waiting

    def draw(self, size: Size) -> Fragments:
        session = self._session
        if not isinstance(session, Session):
            return []
        rows: list[Fragments] = []
        if session.waits.panel is not None:
            height = max(2, size.rows // 2 - 1)
            panel = self._panel.rows(session.waits.panel, columns=size.columns, rows=height)
            rows += [on_ground(row, size.columns) for row in panel]
        shown = self._settings.toolbar and size.rows >= _FEWEST_ROWS
        parts = status_parts(session, unicode=self._unicode) if shown else []
        waits = session.describe_hold_up(self._clock()) or self._learning.describe_wait()
        rows += lay_out(waits, parts, size.columns)
        fragments = [fragment for row in rows for fragment in (*row, ("", "\n"))]
        return fragments[:-1]
