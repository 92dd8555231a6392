"""`qmpshell ls`: lists the monitors of this machine; the choice of one at a terminal."""

from __future__ import annotations

import json
import os
import signal
from functools import partial

import click

from ..errors import FAILED, OK
from ..qemu import AGENT, CONNECTS, QMP, FoundMonitor, FoundProcess, find_processes
from ..render import escape, escape_json
from .start import write_error, write_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .options import RunSubcommand


_COLUMNS = ("PID", "USER", "NAME", "PROTOCOL", "ADDRESS", "STATE")
_MAX_LINE = 4096  # that of a terminal
# Where an address is missing: the kind of the device.
_REASONS = {"fd": "(an inherited socket)", "pty": "(a pty)"}

_EPILOG = """PROTOCOL is qmp, human or agent (open this one with --ga). STATE is free, in use, connects
(QEMU is the client: use --listen), closed, or unknown, if the files in /proc cannot be read. Of other
users' processes, only some facts are visible without root.

\b
qmpshell ls
qmpshell ls --json | jq -r '.monitors[].address'"""


@click.command(
    "ls",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_EPILOG,
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each process.")
def command(as_json: bool) -> RunSubcommand:
    """List the monitors of the QEMU processes on this machine."""
    return partial(_run, as_json=as_json)


def _run(_environment: Mapping[str, str], *, as_json: bool) -> int:
    if not os.path.exists("/proc/self/cmdline"):
        write_error("qmpshell: ls needs the /proc file system of Linux")
        return FAILED
    processes = find_processes()
    lines = map(_json_line, processes) if as_json else _table(processes)
    if not processes and not as_json:
        write_error("qmpshell: no QEMU, storage daemon or guest agent is running")
    write_lines(lines)
    return OK


def _json_line(process: FoundProcess) -> str:
    monitors = [
        {
            "protocol": monitor.protocol,
            "address": monitor.address or None,
            "kind": monitor.kind,
            "state": monitor.state,
            **({"tls": True} if monitor.tls else {}),
            **({"client": vars(monitor.holder)} if monitor.holder else {}),
        }
        for monitor in process.monitors
    ]
    return escape_json(json.dumps({**vars(process), "monitors": monitors}, ensure_ascii=True))


def _table(processes: Sequence[FoundProcess]) -> list[str]:
    rows = [_COLUMNS]
    for process in processes:
        start = (str(process.pid), process.user, process.name)
        rows += [
            (*start, monitor.protocol, _place(monitor), _state(monitor))
            for monitor in process.monitors
        ] or [(*start, "-", "-", "no monitor")]
    return _aligned([tuple(map(escape, row)) for row in rows]) if processes else []


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _place(monitor: FoundMonitor) -> str:
    return monitor.address or _REASONS.get(monitor.kind) or f"({monitor.kind})"


def _state(monitor: FoundMonitor) -> str:
    text = monitor.state
    if monitor.holder is not None:
        pid, name = monitor.holder.pid, monitor.holder.name
        text += f" by {name}" if pid is None else f" by {pid} ({name})"
    return f"{text}, TLS" if monitor.tls else text


def choose_address(*, agent: bool) -> str | None:
    """Ask which of the running monitors to open. None if there is none, or at the end of input.

    Raises KeyboardInterrupt.
    """
    wanted = AGENT if agent else QMP
    found = [
        (process, monitor)
        for process in find_processes()
        for monitor in process.monitors
        if monitor.protocol == wanted and monitor.address and monitor.state != CONNECTS
    ]
    if not found:
        return None
    rows = [
        (str(number), monitor.address, process.name, f"pid {process.pid}", _state(monitor))
        for number, (process, monitor) in enumerate(found, 1)
    ]
    what = "Agents" if agent else "Monitors"
    write_error(f"{what} on this machine:")
    for line in _aligned([tuple(map(escape, row)) for row in rows]):
        write_error(f"  {line}")
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        number = _ask_number(len(found))
    except KeyboardInterrupt:
        write_error("")
        raise
    finally:
        signal.signal(signal.SIGINT, previous)
    return found[number - 1][1].address if number else None


def _ask_number(highest: int) -> int:
    """Read a number from 1 to `highest`. Return 0 at the end of input."""
    while True:
        os.write(2, f"Number (1 to {highest}), Ctrl-C to leave: ".encode())
        # Not from sys.stdin, whose buffer would keep what the user types for the shell.
        line = os.read(0, _MAX_LINE)
        if not line:
            write_error("")
            return 0
        text = line.decode("utf-8", "replace").strip()
        if text.isascii() and text.isdecimal() and 0 < int(text[:9]) <= highest:
            return int(text[:9])
        write_error(f"'{escape(text)}' is not a number from 1 to {highest}")
