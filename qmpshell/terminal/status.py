"""How things stand, as the parts of the toolbar.

Owns: what is said of the connection, the machine, the jobs and the migration, and in which colours.
Must not know: how much room there is, when it is drawn. Everything of the server's passes through
`render.escape` here.
"""

from __future__ import annotations

from collections.abc import Collection

from ..manual.pages import STORAGE_DAEMON, page_of
from ..protocol.messages import Greeting
from ..protocol.negotiation import READY
from ..render.bar import bar, percent
from ..render.escape import escape
from ..session import Session
from ..session.jobs import Job
from ..session.link import CONNECTED, UNCONNECTED
from ..session.machine import RUNNING, Machine
from . import styles
from .toolbar import Fragments, Part, clip, clip_left

_PLAIN = f"class:{styles.TOOLBAR}"
_GOOD = f"class:{styles.TOOLBAR_GOOD}"
_NOTABLE = f"class:{styles.TOOLBAR_NOTABLE}"
_BAD = f"class:{styles.TOOLBAR_BAD}"

# Run states in which something has gone wrong (run-state.json).
_WRONG = ("guest-panicked", "internal-error", "io-error", "watchdog")
_CELLS = 8
_LONGEST_NAME = 31  # columns; a name of a node's has so many at most
# So many jobs are shown one by one.
_MOST_JOBS = 4

_STATE_RANK, _JOBS_RANK, _MIGRATION_RANK, _ADDRESS_RANK, _SERVER_RANK, _LAST_RANK = range(6)


def status_parts(session: Session, *, unicode: bool) -> list[Part]:
    """In the order in which they stand; `unicode` says whether the terminal shows more than ASCII."""
    parts = [_address(session.link.address)]
    link = session.link
    if link.state == UNCONNECTED:
        return [*parts, Part([[(_NOTABLE, "connecting")]], rank=_STATE_RANK)]
    if link.state != CONNECTED:
        gone = "the server has exited" if link.ended_well else "connection lost"
        return [*parts, Part([[(_BAD, gone)]], rank=_STATE_RANK)]
    if link.protocol.state != READY:
        waits = "no answer yet" if session.settings.agent else "no greeting yet"
        return [*parts, Part([[(_NOTABLE, waits)]], rank=_STATE_RANK)]
    if session.settings.agent:
        parts.append(_agent(session.agent_version))
    if session.greeting is not None:
        parts += _server(session.greeting, session.names or ())
    if session.machine is not None:
        parts += _machine(session.machine, unicode=unicode)
    return parts


def _address(address: str) -> Part:
    shown = escape(address)
    forms = [[(_PLAIN, clip_left(shown, columns))] for columns in (60, 40, 24, 12)]
    return Part(forms, rank=_ADDRESS_RANK)


def _server(greeting: Greeting, commands: Collection[str]) -> list[Part]:
    if greeting.version is None:
        return []
    version = ".".join(map(str, greeting.version))
    name = "storage daemon" if page_of(commands) is STORAGE_DAEMON else "QEMU"
    return [Part([[(_PLAIN, f"{name} {version}")], [(_PLAIN, version)]], rank=_SERVER_RANK)]


def _agent(version: str) -> Part:
    shown = clip(escape(version), _LONGEST_NAME)
    forms = [f"guest agent {shown}".rstrip(), "guest agent", "agent"]
    return Part([[(_PLAIN, form)] for form in forms], rank=_SERVER_RANK)


def _machine(machine: Machine, *, unicode: bool) -> list[Part]:
    parts: list[Part] = []
    if machine.status:
        parts.append(Part([[_state(machine.status)]], rank=_STATE_RANK))
    parts += _jobs(list(machine.jobs.all.values()), unicode=unicode)
    migration = machine.migration
    if migration.goes_on:
        status = "" if migration.status == "active" else f" {escape(migration.status)}"
        forms = _progress(
            f"migration{status}", "migration", migration.done, migration.total, unicode=unicode
        )
        parts.append(Part(forms, rank=_MIGRATION_RANK))
    elif migration.was_seen and migration.status:
        style = _BAD if migration.status == "failed" else _PLAIN
        text = f"migration {escape(migration.status)}"
        parts.append(Part([[(style, text)]], rank=_LAST_RANK))
    return parts


def _state(status: str) -> tuple[str, str]:
    style = _GOOD if status == RUNNING else _BAD if status in _WRONG else _NOTABLE
    return (style, f" {escape(status[:_LONGEST_NAME])} ")


def _jobs(jobs: list[Job], *, unicode: bool) -> list[Part]:
    active = [job for job in jobs if not job.is_over]
    parts: list[Part] = []
    if len(active) > 1:
        parts.append(Part([[(_PLAIN, f"{len(active)} jobs")]], rank=_JOBS_RANK))
    for job in active[:_MOST_JOBS]:
        parts.append(Part(job_forms(job, cells=_CELLS, unicode=unicode), rank=_JOBS_RANK))
    over = len(jobs) - len(active)
    if over:
        text = f"{over} job{'s' if over > 1 else ''} concluded"
        style = _BAD if any(job.has_failed for job in jobs) else _PLAIN
        parts.append(Part([[(style, text)]], rank=_LAST_RANK))
    return parts


def job_forms(job: Job, *, cells: int, unicode: bool) -> list[Fragments]:
    """A job in words and a bar, from the longest form to the shortest."""
    name = clip(escape(job.id), _LONGEST_NAME)
    status = "" if job.status == "running" else f" {escape(job.status)}"
    kind = f"{escape(job.kind)} " if job.kind else ""
    return _progress(
        f"{kind}{name}{status}",
        f"{name}{status}",
        job.current,
        job.total,
        cells=cells,
        unicode=unicode,
    )


def _progress(
    long: str, short: str, done: int, total: int, *, unicode: bool, cells: int = _CELLS
) -> list[Fragments]:
    if total <= 0:
        return [[(_PLAIN, long)], [(_PLAIN, short)]]
    number = f"{percent(done, total)} %"
    drawn = bar(done, total, cells=cells, unicode=unicode)
    return [
        [(_PLAIN, f"{long} {drawn} {number}")],
        [(_PLAIN, f"{long} {number}")],
        [(_PLAIN, f"{short} {number}")],
    ]
