"""The toolbar: its contents, and their layout for a width."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from prompt_toolkit.utils import get_cwidth

from ..manual import STORAGE_DAEMON, page_of
from ..qmp import ERROR_STATES, READY, RUNNING, Greeting
from ..record import Record
from ..render import escape, percent, progress_bar
from ..session import CONNECTED, UNCONNECTED, Session
from . import styles
from .styles import Fragments

if TYPE_CHECKING:
    from ..session import Job, VmState

_PLAIN = f"class:{styles.TOOLBAR}"
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
    for form in _chosen(parts, columns - 2 - get_cwidth(rows[0]), begun=bool(lead)):
        if fragments:
            fragments.append((_PLAIN, " " * _BETWEEN))
        fragments += form
    return [_filled(fragments, columns)]


def _chosen(parts: Sequence[ToolbarPart], room: int, *, begun: bool) -> list[Fragments]:
    chosen: dict[int, Fragments] = {}
    by_rank = sorted(range(len(parts)), key=lambda at: parts[at].rank)
    for at in by_rank:
        shortest = parts[at].forms[-1]
        taken = _width(shortest) + (_BETWEEN if begun or chosen else 0)
        if taken <= room:
            chosen[at] = shortest
            room -= taken
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


def clip(text: str, columns: int, *, mark: str = "…") -> str:
    """Return the start of `text` that fits in `columns`; `mark` shows that it is cut."""
    if get_cwidth(text) <= columns:
        return text
    room = columns - get_cwidth(mark)
    for at, char in enumerate(text):
        room -= get_cwidth(char)
        if room < 0:
            return text[:at] + mark if columns >= get_cwidth(mark) else ""
    return text


def clip_left(text: str, columns: int) -> str:
    """Return the end of `text` that fits in `columns`, where a path has its file name.

    >>> clip_left("/run/user/1000/vm.sock", 12)
    '…000/vm.sock'
    """
    return clip(text[::-1], columns)[::-1]


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
    parts = [_address(session.connection.address)]
    connection = session.connection
    if connection.state == UNCONNECTED:
        return [*parts, ToolbarPart([[(_NOTABLE, "connecting")]], rank=_STATE_RANK)]
    if connection.state != CONNECTED:
        gone = "the server has exited" if connection.ended_well else "connection lost"
        return [*parts, ToolbarPart([[(_BAD, gone)]], rank=_STATE_RANK)]
    if connection.protocol.state != READY:
        has_greeting = session.settings.agent or session.greeting is not None
        waits = "no answer yet" if has_greeting else "no greeting yet"
        return [*parts, ToolbarPart([[(_NOTABLE, waits)]], rank=_STATE_RANK)]
    if session.settings.agent:
        parts.append(_agent(session.server.agent_version))
    if session.greeting is not None:
        parts += _server(session.greeting, session.server.names or ())
    if session.vm is not None:
        parts += _vm(session.vm, unicode=unicode)
    return parts


def _address(address: str) -> ToolbarPart:
    shown = escape(address)
    forms = [[(_PLAIN, clip_left(shown, columns))] for columns in (60, 40, 24, 12)]
    return ToolbarPart(forms, rank=_ADDRESS_RANK)


def _server(greeting: Greeting, commands: Collection[str]) -> list[ToolbarPart]:
    if greeting.version is None:
        return []
    version = ".".join(map(str, greeting.version))
    name = "storage daemon" if page_of(commands) is STORAGE_DAEMON else "QEMU"
    return [ToolbarPart([[(_PLAIN, f"{name} {version}")], [(_PLAIN, version)]], rank=_SERVER_RANK)]


def _agent(version: str) -> ToolbarPart:
    shown = clip(escape(version), _LONGEST_NAME)
    forms = [f"guest agent {shown}".rstrip(), "guest agent", "agent"]
    return ToolbarPart([[(_PLAIN, form)] for form in forms], rank=_SERVER_RANK)


def _vm(vm: VmState, *, unicode: bool) -> list[ToolbarPart]:
    parts: list[ToolbarPart] = []
    if vm.status:
        parts.append(ToolbarPart([[_state(vm.status)]], rank=_STATE_RANK))
    parts += _jobs(list(vm.jobs.all.values()), unicode=unicode)
    migration = vm.migration
    if migration.is_active:
        status = "" if migration.status == "active" else f" {escape(migration.status)}"
        forms = _progress(
            f"migration{status}", "migration", migration.done, migration.total, unicode=unicode
        )
        parts.append(ToolbarPart(forms, rank=_MIGRATION_RANK))
    elif migration.was_seen and migration.status:
        style = _BAD if migration.status == "failed" else _PLAIN
        text = f"migration {escape(migration.status)}"
        parts.append(ToolbarPart([[(style, text)]], rank=_LAST_RANK))
    return parts


def _state(status: str) -> tuple[str, str]:
    style = _GOOD if status == RUNNING else _BAD if status in ERROR_STATES else _NOTABLE
    return (style, f" {escape(status[:_LONGEST_NAME])} ")


def _jobs(jobs: list[Job], *, unicode: bool) -> list[ToolbarPart]:
    active = [job for job in jobs if not job.is_over]
    parts: list[ToolbarPart] = []
    if len(active) > 1:
        parts.append(ToolbarPart([[(_PLAIN, f"{len(active)} jobs")]], rank=_JOBS_RANK))
    for job in active[:_MAX_JOBS]:
        parts.append(ToolbarPart(_job_forms(job, unicode=unicode), rank=_JOBS_RANK))
    over = len(jobs) - len(active)
    if over:
        text = f"{over} job{'s' if over > 1 else ''} concluded"
        style = _BAD if any(job.has_failed for job in jobs) else _PLAIN
        parts.append(ToolbarPart([[(style, text)]], rank=_LAST_RANK))
    return parts


def _job_forms(job: Job, *, unicode: bool) -> list[Fragments]:
    """Return a job as text and a bar, from the longest form to the shortest."""
    name = clip(escape(job.id), _LONGEST_NAME)
    status = "" if job.status == "running" else f" {escape(job.status)}"
    kind = f"{escape(job.kind)} " if job.kind else ""
    long, short = f"{kind}{name}{status}", f"{name}{status}"
    return _progress(long, short, job.current, job.total, unicode=unicode)


def _progress(long: str, short: str, done: int, total: int, *, unicode: bool) -> list[Fragments]:
    if total <= 0:
        return [[(_PLAIN, long)], [(_PLAIN, short)]]
    number = f"{percent(done, total)} %"
    drawn = progress_bar(done, total, cells=_CELLS, unicode=unicode)
    return [
        [(_PLAIN, f"{long} {drawn} {number}")],
        [(_PLAIN, f"{long} {number}")],
        [(_PLAIN, f"{short} {number}")],
    ]
