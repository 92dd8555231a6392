"""Benchmark of `qom tree`: all objects of a q35 with all values."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.harness.objects import TREE, ObjectServer
from tests.harness.program import run as run_program
from tests.harness.scripted import ScriptedServer
from tests.harness.servers import INSTALLATIONS, Installation, start_qemu

from .measure import BIN, compare, report, wall_time

# The same requests, one after the other, and nothing else.
_BARE = r"""
import json, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
f = s.makefile("rb")
f.readline()
def execute(name, **arguments):
    s.sendall(json.dumps({"execute": name, "arguments": arguments}).encode() + b"\n")
    return json.loads(f.readline())
def walk(path):
    print(path)
    entries = execute("qom-list", path=path or "/")["return"]
    for entry in entries:
        if not entry["type"].startswith("child<"):
            print(entry["name"], execute("qom-get", path=path or "/", property=entry["name"]))
    for entry in entries:
        if entry["type"].startswith("child<"):
            walk(path + "/" + entry["name"])
execute("qmp_capabilities")
walk("")
"""
_FLOOR = "bare qom-list and qom-get"
_OURS = "qmpshell qom tree --flat"
_MAX_REQUESTS = (
    5  # a query for the commands, the type of the root, and one for each of three levels
)


def _run(installation: Installation) -> bool:
    with (
        tempfile.TemporaryDirectory() as directory,
        start_qemu(installation, Path(directory) / "vm.sock", machine="q35") as server,
    ):
        floor = [sys.executable, "-c", _BARE, server.address]
        ours = [str(BIN / "qmpshell"), "qom", "tree", "--flat", "-s", server.address]
        medians = compare(
            {_FLOOR: lambda: wall_time(floor, b""), _OURS: lambda: wall_time(ours, b"")}, rounds=9
        )
    return report(
        f"The tree of a q35 with all values, QEMU {installation.version}",
        {name: seconds * 1000 for name, seconds in medians.items()},
        [(_OURS, _FLOOR, 1.1)],
        "ms",
    )


def _count() -> bool:
    """Count the requests to a server that has `qom-list-get`."""
    tree = {path: value for path, value in TREE.items() if "/objects/" not in path}
    server = ObjectServer(tree, has_list_get=True)
    with (
        tempfile.TemporaryDirectory() as directory,
        ScriptedServer(Path(directory) / "vm.sock", server.play) as scripted,
    ):
        result = run_program("qom", "tree", "--flat", "-s", scripted.address)
    good = result.status == 0 and len(server.requests) <= _MAX_REQUESTS
    print(f"A tree of three levels with qom-list-get\n  requests {len(server.requests)}\n")
    return good


def run() -> bool:
    return all([*map(_run, INSTALLATIONS), _count()])
