"""The pictures in the README: real sessions at a terminal, on a real QEMU."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from qmpshell import connect
from tests.harness.program import own_directories
from tests.harness.screen import Terminal
from tests.harness.servers import Installation, Server, start_qemu
from tests.harness.vga import COLORS, show_colors, start_vga

from .svg import Row, render

DIRECTORY = Path(__file__).parent
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


def _start_ports(installation: Installation) -> Server:
    """Start a q35 with two disks and two ports, like `qmpshell run`."""
    options = [
        *("-blockdev", "null-co,node-name=disk0,size=8589934592"),
        *("-blockdev", "null-co,node-name=disk1,size=8589934592"),
        *("-device", "pcie-root-port,id=port0,chassis=1"),
        *("-device", "pcie-root-port,id=port1,chassis=2"),
    ]
    return start_qemu(installation, Path("vm.sock"), *options, machine="q35")


def _start_colors(installation: Installation) -> Server:
    """Start a VM that shows colours."""
    server = start_vga(installation, Path(), boot=COLORS)
    show_colors(server, Path.cwd())
    return server


@contextlib.contextmanager
def _shell(
    installation: Installation,
    rows: int,
    start: Callable[[Installation], Server] = _start_ports,
    **variables: str,
) -> Iterator[Terminal]:
    """Run the shell on a server, in a directory of its own."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="q") as directory:
        os.chdir(directory)
        try:
            variables |= {"TERM": "xterm-256color", **own_directories(Path(directory))}
            with (
                start(installation),
                Terminal("vm.sock", columns=_COLUMNS, rows=rows, variables=variables) as terminal,
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


def _screen(installation: Installation) -> str:
    with _shell(installation, 28, _start_colors, COLORTERM="truecolor") as terminal:
        terminal.line("/screen")
        terminal.wait_for("▀")
        terminal.wait_prompt()
        terminal.wait_toolbar("paused")
        return render(_rows(terminal), columns=_COLUMNS)


@contextlib.contextmanager
def _block_shell(installation: Installation, rows: int) -> Iterator[Terminal]:
    """Run the shell on a q35 with a backing chain, a SCSI disk, a job and an export."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="q") as directory:
        os.chdir(directory)
        try:
            for number, name in enumerate(_IMAGES):
                backing = ["-b", _IMAGES[number - 1], "-F", "qcow2"] if number else []
                command = [installation.program("qemu-img"), "create", "-q", "-f", "qcow2"]
                subprocess.run([*command, *backing, name, *([] if number else ["20G"])], check=True)
            node: dict[str, object] = {}
            for name in _IMAGES:
                file = {"driver": "file", "filename": name, "node-name": f"{name[:-6]}-file"}
                backing_node = {"backing": node} if node else {}
                node = {"driver": "qcow2", "node-name": name[:-6], "file": file, **backing_node}
            options = [
                *("-blockdev", json.dumps(node)),
                *("-blockdev", "null-co,node-name=data,size=8589934592"),
                *("-blockdev", "null-co,node-name=copy,size=8589934592"),
                *("-device", "virtio-blk-pci,drive=snap2,id=disk0"),
                *("-device", "virtio-scsi-pci,id=scsi0"),
                *("-device", "scsi-hd,drive=data,id=disk1,bus=scsi0.0"),
            ]
            with (
                start_qemu(installation, Path("vm.sock"), *options, machine="q35") as server,
                connect(server.address) as qmp,
            ):
                qmp.execute("block-dirty-bitmap-add", {"node": "snap2", "name": "backup0"})
                mirror = {"job-id": "mirror0", "device": "data", "target": "copy", "sync": "none"}
                qmp.execute("blockdev-mirror", mirror | {"filter-node-name": "filter"})
                qmp.close()
                with Terminal(
                    "-q",
                    "vm.sock",
                    columns=_COLUMNS,
                    rows=rows,
                    variables={"TERM": "xterm-256color", **own_directories(Path(directory))},
                ) as terminal:
                    terminal.wait_toolbar("mirror0", "prelaunch")
                    yield terminal
        finally:
            os.chdir(before)


def _table(installation: Installation) -> str:
    with _block_shell(installation, 20) as terminal:
        terminal.line("/table node-name,drv,ro,virtual-size -s node-name query-named-block-nodes")
        terminal.wait_above("snap1-file", "snap2", "snap2-file")
        terminal.line("query-memory-size-summary")
        terminal.wait_for("(128 MiB)")
        terminal.wait_prompt()
        terminal.wait_toolbar("prelaunch", "mirror0")
        return render(_rows(terminal), columns=_COLUMNS)


def _graph(installation: Installation) -> str:
    with _block_shell(installation, 26) as terminal:
        terminal.line("/graph block")
        terminal.wait_for("c consistent-read")
        terminal.wait_prompt()
        terminal.wait_toolbar("prelaunch", "mirror0")
        return render(_rows(terminal), columns=_COLUMNS)


_IMAGES = ("base.qcow2", "snap1.qcow2", "snap2.qcow2")
PICTURES: dict[str, Callable[[Installation], str]] = {
    "session": _session,
    "completion": _menu,
    "table": _table,
    "graph": _graph,
    "screen": _screen,
}
