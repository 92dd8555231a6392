"""The pictures in the README: real sessions at a terminal, on a real QEMU."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.harness.program import own_folders
from tests.harness.screen import Terminal
from tests.harness.servers import Installation, start_qemu

from .svg import Row, render

FOLDER = Path(__file__).parent
_COLUMNS = 96
_VERSION = "QEMU 10.0.2"
# What differs from run to run, and its replacement: the version, and the time that a reply took.
_CHANGES = (
    (re.compile(r"QEMU \d+\.\d+\.\d+(?: \(.*?\))?(?= )"), _VERSION),
    (re.compile(r"  \d+(?:\.\d+)? (?:ms|s) *$"), ""),
)


def _rows(terminal: Terminal) -> list[Row]:
    rows = [_row(terminal, y, text) for y, text in enumerate(terminal.screen.display)]
    while rows and not "".join(char for char, _ in rows[-1]).strip():
        rows.pop()
    return rows


def _row(terminal: Terminal, y: int, text: str) -> Row:
    """Return a row with the changes, and as many columns as before."""
    row = [(char, terminal.screen.buffer[y][x]) for x, char in enumerate(text)]
    for pattern, replacement in _CHANGES:
        match = pattern.search("".join(char for char, _ in row))
        if match is not None:
            style = row[match.start()][1]
            row[match.start() : match.end()] = [(char, style) for char in replacement]
    return [*row, *[(" ", row[-1][1])] * (_COLUMNS - len(row))][:_COLUMNS]


@contextlib.contextmanager
def _shell(installation: Installation, rows: int) -> Iterator[Terminal]:
    """Run the shell on a q35 with two disks and two ports, as `qmpshell run` starts it."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="q") as directory:
        os.chdir(directory)
        try:
            options = [
                *("-blockdev", "null-co,node-name=disk0,size=8589934592"),
                *("-blockdev", "null-co,node-name=disk1,size=8589934592"),
                *("-device", "pcie-root-port,id=port0,chassis=1"),
                *("-device", "pcie-root-port,id=port1,chassis=2"),
            ]
            with (
                start_qemu(installation, Path("vm.sock"), *options, machine="q35"),
                Terminal(
                    "vm.sock",
                    columns=_COLUMNS,
                    rows=rows,
                    variables={"TERM": "xterm-256color", **own_folders(Path(directory))},
                ) as terminal,
            ):
                terminal.wait_ready()
                yield terminal
        finally:
            os.chdir(before)


def _session(installation: Installation) -> str:
    with _shell(installation, 24) as terminal:
        terminal.line("device_add driver=e1000e id=net0 bus=port0")
        terminal.wait_for('{"return": {}}')
        terminal.line("device_del net0")
        terminal.wait_for("did you mean id=net0?")
        terminal.line("query-status")
        terminal.wait_for('"running"')
        terminal.type("blockdev-mirror job-id=j0 device=disk0 target=disk1 sync=")
        terminal.wait_toolbar("sync: top|full", "prelaunch")
        terminal.wait_toolbar("prelaunch")
        return render(_rows(terminal), columns=_COLUMNS)


def _menu(installation: Installation) -> str:
    with _shell(installation, 24) as terminal:
        terminal.type("blockdev-add driver=qcow2 node-name=top file.driver=file file.")
        # The members are known, so Tab opens the menu.
        terminal.wait_toolbar("missing: file.filename", "prelaunch")
        terminal.type("\t")
        terminal.wait_for("(unstable)")
        cells = next(
            terminal.screen.buffer[y]
            for y, row in enumerate(terminal.screen.display)
            if "(unstable)" in row
        )
        terminal.wait(lambda: cells[_COLUMNS - 3].bg != "default", "complete menu")
        return render(_rows(terminal), columns=_COLUMNS)


PICTURES: dict[str, Callable[[Installation], str]] = {"session": _session, "completion": _menu}
