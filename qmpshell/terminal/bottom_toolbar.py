"""The rows below the prompt, redrawn at most four times per second and only after a change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from prompt_toolkit.data_structures import Size

from ..qmp import encode_scalar
from ..render import utf8_string
from ..session import Session
from .completer import CompletionModel
from .status import ToolbarPart, layout_toolbar, status_parts
from .styles import TOOLBAR, Devices, Fragments

if TYPE_CHECKING:
    from ..session import RawSession, Wait
    from .live_view import LiveView
    from .pictures import PictureFormatter

_PAUSE = 0.25  # seconds
_REFRESH_INTERVAL = 1.0
# The toolbar is not shown in a window of fewer rows.
_FEWEST_ROWS = 10


class BottomToolbar:
    """Draws the rows below the prompt, and redraws them.

    `unicode` is false if the terminal only shows ASCII. `find_mode` returns the mode of the vi key
    bindings, or "". `changed` is called after a change.
    """

    def __init__(
        self,
        devices: Devices,
        session: Session | RawSession,
        completion_model: CompletionModel,
        *,
        pictures: PictureFormatter,
        unicode: bool,
        find_mode: Callable[[], str],
        changed: Callable[[], None],
    ) -> None:
        self._devices = devices
        self._session = session
        self._completion_model = completion_model
        self._pictures = pictures
        self._unicode = unicode
        self._find_mode = find_mode
        self._changed = changed
        self._live_view: LiveView | None = None
        self._drawn: tuple[tuple[Size, str], Fragments] | None = None
        self._drawn_at: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def fragments(self) -> Fragments:
        """The fragments of the last drawing if size and editing mode are still the same."""
        key = self._devices.output.get_size(), self._find_mode()
        if self._drawn is None or self._drawn[0] != key:
            self._drawn = (key, self._draw(*key))
        return self._drawn[1]

    def touch(self) -> None:
        """Mark the rows as possibly changed."""
        now = self._devices.clock()
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
        if self._is_live:
            self._redraw_in(_REFRESH_INTERVAL)

    def _redraw_in(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            if self._timer.when() <= loop.time() + seconds:
                return
            self._timer.cancel()
        self._timer = loop.call_later(seconds, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        self._redraw(self._devices.clock())

    @property
    def _is_live(self) -> bool:
        """Return True if the rows change with time, because they count seconds."""
        held_up = isinstance(self._session, Session) and self._session.is_blocked
        return held_up or self._completion_model.is_waiting

    def _draw(self, size: Size, mode: str) -> Fragments:
        """Return the fragments for a terminal of this size, in an editing mode."""
        session = self._session
        shown = self._devices.settings.toolbar and size.rows >= _FEWEST_ROWS
        parts: list[ToolbarPart] = []
        # Without a toolbar, only a mode in which keys do not insert text is worth a row.
        if mode and (shown or mode != "INSERT"):
            parts.append(ToolbarPart([[(f"class:{TOOLBAR}", mode)]], rank=0))
        if not isinstance(session, Session):
            return [fragment for row in layout_toolbar("", parts, size.columns) for fragment in row]
        rows: list[Fragments] = []
        if session.live_view is not None:
            rows += self._live_rows(session.live_view, size)
        if shown:
            parts += status_parts(session, unicode=self._unicode)
        waits = (
            session.describe_blocker(self._devices.clock())
            or self._completion_model.describe_wait()
        )
        rows += layout_toolbar(waits, parts, size.columns)
        fragments = [fragment for row in rows for fragment in (*row, ("", "\n"))]
        return fragments[:-1]

    def _live_rows(self, wait: Wait, size: Size) -> list[Fragments]:
        from .live_view import LiveView, fill_row  # the first prompt does not need it

        if self._live_view is None:
            self._live_view = LiveView(
                string=utf8_string if self._unicode else encode_scalar,
                unicode=self._unicode,
                pictures=self._pictures,
            )
        height = max(2, size.rows // 2 - 1)
        shown = self._live_view.rows(wait, columns=size.columns, rows=height)
        return [fill_row(row, size.columns) for row in shown]
