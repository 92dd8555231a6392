"""The rows below the prompt: the toolbar, its layout for a width, and a live view.

They are redrawn at most four times per second and only after a change.
"""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from prompt_toolkit.data_structures import Size
from prompt_toolkit.utils import get_cwidth

from ..manual import STORAGE_DAEMON, page_of
from ..qmp import ERROR_STATES, READY, RUNNING, Greeting
from ..record import Record
from ..render import escape, percent, progress_bar
from ..session import CONNECTED, UNCONNECTED, Session
from ..transport import Timer
from . import styles
from .completer import CompletionModel
from .formatter import clip, clip_left
from .styles import Devices, Fragments

if TYPE_CHECKING:
    from ..session import Job, RawSession, VmState, Wait
    from .live_view import LiveView
    from .pictures import PictureFormatter
    from .prompt import PromptController

_PLAIN = f"class:{styles.TOOLBAR}"
_PAUSE = 0.25  # seconds
_REFRESH_INTERVAL = 1.0
# The toolbar is not shown in a window of fewer rows.
_FEWEST_ROWS = 10


class BottomToolbar:
    """Draws the rows below the prompt, and redraws them.

    `unicode` is false if the terminal only shows ASCII.
    """

    def __init__(
        self,
        devices: Devices,
        session: Session | RawSession,
        completion_model: CompletionModel,
        prompt_controller: PromptController,
        *,
        pictures: PictureFormatter,
        unicode: bool,
    ) -> None:
        self._devices = devices
        self._session = session
        self._completion_model = completion_model
        self._prompt_controller = prompt_controller
        self._pictures = pictures
        self._unicode = unicode
        self._live_view: LiveView | None = None
        self._drawn: tuple[tuple[Size, str], list[Fragments]] | None = None
        self._drawn_at: float | None = None
        self._timer = Timer(lambda: self._redraw(devices.clock()))

    @property
    def rows(self) -> list[Fragments]:
        """The rows of the last drawing if size and editing mode are still the same."""
        key = self._devices.output.get_size(), self._prompt_controller.vi_mode
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
        self._timer.set(None)
        before, self._drawn_at = self._drawn, now
        self._drawn = None
        rows = self.rows
        if before is None or rows != before[1]:
            self._prompt_controller.redraw()
        if self._is_live:
            self._redraw_in(_REFRESH_INTERVAL)

    def _redraw_in(self, seconds: float) -> None:
        due = self._timer.due
        if due is None or due > asyncio.get_running_loop().time() + seconds:
            self._timer.set(seconds)

    @property
    def _is_live(self) -> bool:
        """Return True if the rows change with time, because they count seconds."""
        held_up = isinstance(self._session, Session) and self._session.is_blocked
        return held_up or self._completion_model.is_waiting

    def _draw(self, size: Size, mode: str) -> list[Fragments]:
        """Return the rows for a terminal of this size, in an editing mode."""
        session = self._session
        shown = self._devices.settings.toolbar and size.rows >= _FEWEST_ROWS
        parts: list[ToolbarPart] = []
        # Without a toolbar, only a mode in which keys do not insert text is worth a row.
        if mode and (shown or mode != "INSERT"):
            parts.append(_part(_STATE_RANK, mode))
        if not isinstance(session, Session):
            return layout_toolbar("", parts, size.columns)
        rows: list[Fragments] = []
        if session.live_view is not None:
            rows += self._live_rows(session.live_view, size)
        if shown:
            parts += status_parts(session, unicode=self._unicode)
        waits = (
            session.describe_blocker(self._devices.clock())
            or self._completion_model.describe_wait()
        )
        return rows + layout_toolbar(waits, parts, size.columns)

    def _live_rows(self, wait: Wait, size: Size) -> list[Fragments]:
        from .live_view import LiveView, fill_row  # the first prompt does not need it

        if self._live_view is None:
            self._live_view = LiveView(unicode=self._unicode, pictures=self._pictures)
        height = max(2, size.rows // 2 - 1)
        shown = self._live_view.rows(wait, columns=size.columns, rows=height)
        return [fill_row(row, size.columns) for row in shown]


_BETWEEN = 2  # columns
_MAX_ROWS = 4


class ToolbarPart(Record):
    """A part of the toolbar. `forms` are its fragments from long to short; `rank` 0 is most important."""

    forms: Sequence[Fragments]
    rank: int


def layout_toolbar(lead: str, parts: Sequence[ToolbarPart], columns: int) -> list[Fragments]:
    """Return the rows of the toolbar, each as wide as the terminal.

    `lead` comes first and is shown completely, if necessary in several rows, without parts. The
    parts keep their order; important ones are shown and lengthened first.
    """
    if columns < 2 or not (lead or parts):
        return []
    rows = _wrap(lead, columns - 2) if lead else [""]
    if len(rows) > 1:
        return [_filled([(_PLAIN, row)], columns) for row in rows]
    fragments: Fragments = [(_PLAIN, rows[0])] if lead else []
    for form in _chosen(parts, columns - 2 - get_cwidth(rows[0]), has_lead=bool(lead)):
        if fragments:
            fragments.append((_PLAIN, " " * _BETWEEN))
        fragments += form
    return [_filled(fragments, columns)]


def _chosen(parts: Sequence[ToolbarPart], room: int, *, has_lead: bool) -> list[Fragments]:
    chosen: dict[int, Fragments] = {}
    by_rank = sorted(range(len(parts)), key=lambda at: parts[at].rank)
    for at in by_rank:
        shortest = parts[at].forms[-1]
        needed = _width(shortest) + (_BETWEEN if has_lead or chosen else 0)
        if needed <= room:
            chosen[at] = shortest
            room -= needed
    for at in by_rank:
        for form in parts[at].forms:
            more = _width(form) - _width(chosen[at]) if at in chosen else room + 1
            if more <= room:
                chosen[at] = form
                room -= more
                break
    return [chosen[at] for at in sorted(chosen)]


def _filled(fragments: Fragments, columns: int) -> Fragments:
    """Return a row of the toolbar, filled with blanks."""
    return [
        (_PLAIN, " "),
        *fragments,
        (_PLAIN, " " * max(0, columns - 1 - _width(fragments))),
    ]


def _wrap(text: str, columns: int) -> list[str]:
    """Wrap `text` into rows of at most `columns`."""
    if get_cwidth(text) <= columns:
        return [text]
    rows: list[str] = []
    # textwrap counts characters, so wide ones are wrapped by columns.
    for row in textwrap.wrap(text, max(columns, 1)):
        while get_cwidth(row) > columns:
            head = clip(row, columns, mark="")
            if not head:
                break
            rows.append(head)
            row = row[len(head) :]
        rows.append(clip(row, columns, mark=""))
    if len(rows) > _MAX_ROWS:
        rows = [*rows[: _MAX_ROWS - 1], clip(f"{rows[_MAX_ROWS - 1]}…", columns)]
    return rows


def _width(fragments: Fragments) -> int:
    return sum(get_cwidth(text) for _, text in fragments)


_GOOD = f"class:{styles.TOOLBAR_GOOD}"
_NOTABLE = f"class:{styles.TOOLBAR_NOTABLE}"
_BAD = f"class:{styles.TOOLBAR_BAD}"

_CELLS = 8
_LONGEST_NAME = 31  # columns; the maximum length of a node name
# The maximum number of jobs that are shown individually.
_MAX_JOBS = 4

_STATE_RANK, _JOBS_RANK, _MIGRATION_RANK, _ADDRESS_RANK, _SERVER_RANK, _LAST_RANK = range(6)


def status_parts(session: Session, *, unicode: bool) -> list[ToolbarPart]:
    """Return the parts of the toolbar in order. `unicode` is false for ASCII terminals."""
    connection = session.connection
    address = escape(connection.address)
    forms = [clip_left(address, columns) for columns in (60, 40, 24, 12)]
    parts = [_part(_ADDRESS_RANK, *forms)]
    if connection.state == UNCONNECTED:
        return [*parts, _part(_STATE_RANK, "connecting", style=_NOTABLE)]
    if connection.state != CONNECTED:
        gone = "the server has exited" if connection.ended_well else "connection lost"
        return [*parts, _part(_STATE_RANK, gone, style=_BAD)]
    if connection.protocol.state != READY:
        has_greeting = session.settings.agent or session.greeting is not None
        waits = "no answer yet" if has_greeting else "no greeting yet"
        return [*parts, _part(_STATE_RANK, waits, style=_NOTABLE)]
    if session.settings.agent:
        version = clip(escape(session.server.agent_version), _LONGEST_NAME)
        forms = [f"guest agent {version}".rstrip(), "guest agent", "agent"]
        parts.append(_part(_SERVER_RANK, *forms))
    if session.greeting is not None:
        parts += _server(session.greeting, session.server.names or ())
    if session.vm is not None:
        parts += _vm(session.vm, unicode=unicode)
    return parts


def _part(rank: int, *texts: str, style: str = _PLAIN) -> ToolbarPart:
    """Return a part whose forms are these texts, from long to short."""
    return ToolbarPart([[(style, text)] for text in texts], rank)


def _server(greeting: Greeting, commands: Collection[str]) -> list[ToolbarPart]:
    if greeting.version is None:
        return []
    version = ".".join(map(str, greeting.version))
    name = "storage daemon" if page_of(commands) is STORAGE_DAEMON else "QEMU"
    return [_part(_SERVER_RANK, f"{name} {version}", version)]


def _vm(vm: VmState, *, unicode: bool) -> list[ToolbarPart]:
    parts: list[ToolbarPart] = []
    if vm.status:
        status = vm.status
        style = _GOOD if status == RUNNING else _BAD if status in ERROR_STATES else _NOTABLE
        text = f" {escape(status[:_LONGEST_NAME])} "
        parts.append(_part(_STATE_RANK, text, style=style))
    parts += _jobs(list(vm.jobs.all.values()), unicode=unicode)
    migration = vm.migration
    if migration.is_active:
        status = "" if migration.status == "active" else f" {escape(migration.status)}"
        forms = _progress(
            f"migration{status}", "migration", migration.done, migration.total, unicode=unicode
        )
        parts.append(_part(_MIGRATION_RANK, *forms))
    elif migration.was_seen and migration.status:
        style = _BAD if migration.status == "failed" else _PLAIN
        parts.append(_part(_LAST_RANK, f"migration {escape(migration.status)}", style=style))
    return parts


def _jobs(jobs: list[Job], *, unicode: bool) -> list[ToolbarPart]:
    active = [job for job in jobs if not job.is_over]
    parts: list[ToolbarPart] = []
    if len(active) > 1:
        parts.append(_part(_JOBS_RANK, f"{len(active)} jobs"))
    for job in active[:_MAX_JOBS]:
        parts.append(_part(_JOBS_RANK, *_job_forms(job, unicode=unicode)))
    over = len(jobs) - len(active)
    if over:
        style = _BAD if any(job.has_failed for job in jobs) else _PLAIN
        text = f"{over} job{'s' if over > 1 else ''} concluded"
        parts.append(_part(_LAST_RANK, text, style=style))
    return parts


def _job_forms(job: Job, *, unicode: bool) -> list[str]:
    """Return a job as text and a bar, from the longest form to the shortest."""
    name = clip(escape(job.id), _LONGEST_NAME)
    status = "" if job.status == "running" else f" {escape(job.status)}"
    kind = f"{escape(job.kind)} " if job.kind else ""
    long, short = f"{kind}{name}{status}", f"{name}{status}"
    return _progress(long, short, job.current, job.total, unicode=unicode)


def _progress(long: str, short: str, done: int, total: int, *, unicode: bool) -> list[str]:
    if total <= 0:
        return [long, short]
    number = f"{percent(done, total)} %"
    drawn = progress_bar(done, total, cells=_CELLS, unicode=unicode)
    return [f"{long} {drawn} {number}", f"{long} {number}", f"{short} {number}"]
