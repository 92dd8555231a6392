"""What stands below the prompt.

Owns: what of it has a place there: what is waited for always, the rest where the person wants it and
the terminal is high enough. Must not know: when it is drawn.
"""

from __future__ import annotations

from collections.abc import Callable

from prompt_toolkit.data_structures import Size

from ..protocol.json_text import encode_scalar
from ..raw import RawSession
from ..render.escape import utf8_string
from ..session import Session
from ..settings import Settings
from .learning import Learning
from .panels import PanelView, on_ground
from .status import status_parts
from .toolbar import Fragments, lay_out

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
