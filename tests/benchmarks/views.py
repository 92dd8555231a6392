"""Benchmarks of a table of 10 MB, and of the first line of graphs of large VMs."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from qmpshell.qmp import encode_scalar
from qmpshell.render import paint_json
from qmpshell.render.views.numbers import NumberMeanings
from qmpshell.render.views.table import make_table, table_lines
from tests.harness.scripted import Peer, ScriptedServer

from .colour import block_node, message_of, schema_members, timed
from .measure import BIN, compare, environment, report
from .terminals import PROMPT, Terminal

_ROUNDS = 5
_BOUND = 0.1  # seconds from the last reply to the first line
_DEVICES, _NODES = 1000, 500


def _paint(value: object) -> None:
    meanings = NumberMeanings("query-named-block-nodes")
    for _ in paint_json(value, width=100, string=encode_scalar, paint={}, meanings=meanings):
        pass


def _table(value: object) -> None:
    table = make_table(value)
    assert table is not None
    for _ in table_lines(table):
        pass


def table() -> bool:
    """Compare a table with JSON."""
    good = True
    units = {"block nodes": [block_node()], "schemas": schema_members()}
    for title, unit in units.items():
        assert isinstance(unit, list)
        size = len(message_of(json.dumps(unit).encode()))
        value = unit * (size // (len(json.dumps(unit)) + 2))
        medians = compare(
            {
                "JSON": timed(lambda value=value: _paint(value)),  # type: ignore[misc]
                "table": timed(lambda value=value: _table(value)),  # type: ignore[misc]
            },
            rounds=_ROUNDS,
        )
        good &= report(
            f"A list of 10 MB, {title}, laid out",
            {name: seconds * 1000 for name, seconds in medians.items()},
            [("table", "JSON", 1.0)],
            "ms",
        )
    return good


def _large_machine() -> dict[str, object]:
    """Return the results of a machine with many devices and block nodes, by request."""
    bus, host = "/machine/q35/pcie.0", "/machine/q35"
    sysbus = "/machine/unattached/sysbus"
    of_bus = {"hotplug-handler": "link<hotplug-handler>", "realized": "bool"}
    of_device = {"parent_bus": "link<bus>", "legacy-addr": "str", "netdev": "str"}
    of_device |= {f"property{number}": "uint32" for number in range(10)}
    names = [f"d{number}" for number in range(_DEVICES)]
    objects = {
        "/machine": {
            "q35": "child<q35>",
            "peripheral": "child<container>",
            "unattached": "child<container>",
        },
        "/machine/unattached": {"sysbus": "child<System>"},
        sysbus: of_bus,
        host: {"parent_bus": "link<bus>", "pcie.0": "child<PCIE>"},
        bus: of_bus,
        "/machine/peripheral": dict.fromkeys(names, "child<e1000>"),
        **{f"/machine/peripheral/{name}": of_device for name in names},
    }
    found: dict[str, object] = {}
    for path, properties in objects.items():
        listed = [{"name": name, "type": kind} for name, kind in properties.items()]
        found[_key("qom-list", {"path": path})] = listed
        for name in properties:
            value = {"parent_bus": sysbus if path == host else bus}.get(name, f"{len(found):x}.0")
            found[_key("qom-get", {"path": path, "property": name})] = value
    nodes = []
    for number in range(_NODES):
        node = block_node()
        assert isinstance(node, dict)
        nodes.append(node | {"node-name": f"n{number}"})
    edges = [
        {"parent": number, "child": number + 1, "name": "backing", "perm": [], "shared-perm": []}
        for number in range(_NODES - 1)
    ]
    drivers = [
        {"id": number, "name": f"n{number}", "type": "block-driver"} for number in range(_NODES)
    ]
    commands = ("query-block", "query-named-block-nodes", "qom-list", "qom-get", "device_add")
    return found | {
        _key("query-commands", {}): [{"name": name} for name in commands],
        _key("query-named-block-nodes", {}): nodes,
        _key("query-pci", {}): [],
        _key("query-named-block-nodes", {"flat": True}): nodes,
        _key("x-debug-query-block-graph", {}): {"nodes": drivers, "edges": edges},
    }


def _key(name: str, arguments: Mapping[str, object]) -> str:
    return json.dumps([name, arguments], sort_keys=True)


class _LargeServer:
    """A server with prepared replies. `last` is the time of its latest reply to a view."""

    def __init__(self, results: Mapping[str, object]) -> None:
        self._replies = {key: json.dumps(value) for key, value in results.items()}
        self.last = 0.0

    def serve(self, peer: Peer) -> None:
        """Answer the commands of a client until it leaves."""
        peer.negotiate()
        while True:
            command = peer.read_any()
            found = self._replies.get(_key(command["execute"], command.get("arguments", {})))
            reply = (
                f'"return": {found}'
                if found
                else '"error": {"class": "CommandNotFound", "desc": "no"}'
            )
            identity = json.dumps(command.get("id"))
            peer.send(f'{{{reply}, "id": {identity}}}\r\n'.encode())
            if found:
                self.last = time.monotonic()


def _script_delay(server: _LargeServer, address: str, line: str) -> float:
    """Return the time from the last reply to the first line of a script."""
    command = [str(BIN / "qmpshell"), "--timeout", "60", "-c", line, address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment()) as process:
        assert process.stdout is not None
        os.read(process.stdout.fileno(), 1)
        first = time.monotonic()
        process.stdout.read()
    assert process.returncode == 0
    return first - server.last


def _terminal_delay(server: _LargeServer, address: str, line: str) -> float:
    """Return the time from the last reply to the first lines on a screen."""
    with Terminal([str(BIN / "qmpshell"), "--no-probe", address]) as terminal:
        terminal.wait(lambda: terminal.typed == PROMPT)
        terminal.type(f"{line}\r")
        terminal.wait(lambda: any(map(terminal.text.__contains__, _FIRST)))
        return time.monotonic() - server.last


_FIRST = ("n0: ", "n0  ", "bus ", "bus: ")  # in the first line of each view
_LINES = ("/info block -n", "/graph block", "/graph devices", "/info qtree")


def first_line() -> bool:
    """Measure the time from the last reply to the first line of the views of a large machine."""
    good = True
    server = _LargeServer(_large_machine())
    with (
        tempfile.TemporaryDirectory(prefix="qv") as directory,
        ScriptedServer(Path(directory) / "s", server.serve) as scripted,
    ):
        for title, delay in (("a script", _script_delay), ("a terminal", _terminal_delay)):
            runs = {line: partial(delay, server, scripted.address, line) for line in _LINES}
            medians = compare({**runs, "bound": lambda: _BOUND}, rounds=_ROUNDS)
            good &= report(
                f"First line in {title}: {_NODES} block nodes, {_DEVICES} devices",
                {name: seconds * 1000 for name, seconds in medians.items()},
                [(line, "bound", 1.0) for line in _LINES],
                "ms",
            )
    return good
