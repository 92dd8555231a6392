"""Tests of `qmpshell qom tree`."""

from __future__ import annotations

import json
import select
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qmpshell import CommandError, Connection, connect
from tests.harness.objects import TREE, ObjectServer
from tests.harness.program import COMMAND, Result, environment, run, start
from tests.harness.scripted import Peer, ScriptedServer
from tests.harness.servers import Installation, Server, start_qemu, start_storage_daemon

Scripted = Callable[[Callable[[Peer], object]], ScriptedServer]

ALL = ("--types", "--values", "--links")


@pytest.fixture
def machine(installation: Installation, tmp_path: Path) -> Iterator[Server]:
    """Start a q35 with some devices, of each version."""
    options = ("-device", "e1000e,id=net0", "-object", "iothread,id=io0")
    with start_qemu(installation, tmp_path / "vm.sock", *options, machine="q35") as server:
        yield server


def tree(address: str, *words: str, **variables: str) -> Result:
    return run("qom", "tree", "-s", address, *words, variables=variables)


def fake(scripted: Scripted, *words: str, server: ObjectServer, **variables: str) -> Result:
    return tree(scripted(server.play).address, *words, **variables)


@pytest.mark.parametrize("form", [(), ("--flat",), ("--json",)])
def test_tree_to_closed_stdout_fails(scripted: Scripted, form: tuple[str, ...]) -> None:
    address = scripted(ObjectServer(TREE).play).address
    words = shlex.join([*COMMAND, "qom", "tree", "-s", address, *form])
    done = subprocess.run(
        f"{words} >&-", shell=True, stderr=subprocess.PIPE, env=environment(), check=False
    )
    assert done.returncode == 1
    assert done.stderr == b"qmpshell: cannot write to standard output: Bad file descriptor\n"


def nodes(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield value
    for child in value.get("children", ()):
        yield from nodes(child)


def read_all(qmp: Connection, path: str = "/") -> dict[str, dict[str, Any]]:
    """Return the properties of all objects by path, read one by one."""
    found: dict[str, dict[str, Any]] = {path: {}}
    for entry in qmp.execute("qom-list", {"path": path}):
        if entry["type"].startswith("child<"):
            found |= read_all(qmp, f"{path.rstrip('/')}/{entry['name']}")
        else:
            shown: dict[str, Any] = {"type": entry["type"]}
            try:
                request = {"path": path, "property": entry["name"]}
                shown["value"] = qmp.execute("qom-get", request)
            except CommandError as error:
                shown["error"] = error.desc
            found[path][entry["name"]] = shown
    return found


def without_clock(found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    changing = ("rtc-time", "date")
    return {
        path: {name: value for name, value in properties.items() if name not in changing}
        for path, properties in found.items()
    }


def test_tree_has_all_objects_and_values(machine: Server) -> None:
    with connect(machine.address) as qmp:
        expected = read_all(qmp)
    result = tree(machine.address, *ALL, "--json")
    assert (result.status, result.err) == (0, "")
    found = {node["path"]: node.get("properties", {}) for node in nodes(json.loads(result.out))}
    assert without_clock(found) == without_clock(expected)
    assert any("error" in value for values in found.values() for value in values.values())


def test_tree_of_partial_path_is_drawn(machine: Server) -> None:
    result = tree(machine.address, "net0", "--links", "--name", "net0", "--name", "parent_bus")
    assert result.lines == ["net0 (e1000e)", "└─ parent_bus → /machine/q35/pcie.0"]
    result = tree(machine.address, "-d", "2", "--name", "net0", "--type", "e1000*", "/machine")
    assert result.lines[1:] == ["└─ peripheral (container)", "   └─ net0 (e1000e)"]


def test_tree_works_on_storage_daemon(installation: Installation, tmp_path: Path) -> None:
    with start_storage_daemon(installation, tmp_path / "sd") as server:
        with connect(server.address) as qmp:
            qmp.execute("object-add", {"qom-type": "iothread", "id": "io0"})
        result = tree(server.address)
    assert result.status == 0
    assert "   └─ io0 (iothread)" in result.lines


PLAIN = """\
/ (container)
├─ machine (none-machine)
│  ├─ bus (bus)
│  ├─ dev[2] (dev)
│  └─ dev[10] (dev)
└─ objects (container)
   ├─ sec0 (secret)
   └─ vnc (thing)
"""

FULL = r"""/machine (none-machine)
|- bad: <broken> (str)
|- graphics: True (bool)
|- type: none-machine (string)
|- bus (bus)
|  |- off -> nothing (link<x>)
|  |- type: bus (string)
|  `- up -> /machine (link<none-machine>)
|- dev[2] (dev)
|  |- mac: a\x1b (str)
|  |- n: 5 (int)
|  `- type: dev (string)
`- dev[10] (dev)
   `- type: dev (string)
"""

FLAT = r"""/objects
  type: container (string)

/objects/sec0
  data: <redacted> (string)
  keyid:  (string)
  type: secret (string)

/objects/vnc
  password: <redacted> (string)
  type: thing (string)

"""


@pytest.mark.parametrize("has_list_get", [False, True])
def test_tree_has_the_same_forms_on_all_servers(scripted: Scripted, has_list_get: bool) -> None:
    def draw(*words: str, **variables: str) -> str:
        result = tree(address, *words, **variables)
        assert (result.status, result.err) == (0, "")
        return result.out

    address = scripted(ObjectServer(has_list_get=has_list_get).play).address
    full = FULL.replace("broken", "cannot be read") if has_list_get else FULL
    assert draw() == PLAIN
    assert draw(*ALL, "/machine/", PYTHONIOENCODING="ascii") == full
    assert draw("--flat", "/objects") == FLAT
    assert draw("-d", "0") == "/ (container)\n"
    assert draw("-d", "1", "-l") == "".join(PLAIN.splitlines(True)[number] for number in (0, 1, 5))
    assert (
        draw("-v", "--name", "n")
        == "/ (container)\n└─ machine (none-machine)\n   └─ dev[2] (dev)\n      └─ n: 5\n"
    )
    assert (
        draw("-t", "--type", "bool")
        == "/ (container)\n└─ machine (none-machine)\n   └─ graphics (bool)\n"
    )
    assert json.loads(draw("--json", "-d", "0", "-v", "/objects/sec0"))["properties"]["data"] == {
        "type": "string",
        "secret": True,
    }


def test_error_of_one_property_stops_nothing(scripted: Scripted) -> None:
    result = fake(scripted, "--flat", "/machine", server=ObjectServer())
    assert result.status == 0
    assert "  bad: <EXCEPTION: broken> (str)" in result.lines
    assert "/machine/dev[10]" in result.lines


@pytest.mark.parametrize("has_list_get", [False, True])
def test_secrets_are_never_requested(scripted: Scripted, has_list_get: bool) -> None:
    server = ObjectServer(has_list_get=has_list_get)
    result = fake(scripted, *ALL, server=server)
    assert "hunter2" not in result.out
    assert "data: <redacted>" in result.out
    assert "password: <redacted>" in result.out
    for name, arguments in server.requests:
        assert arguments.get("property") not in ("data", "password")
        assert name != "qom-list-get" or "/objects/sec0" not in arguments["paths"]
        assert name != "qom-list-get" or "/objects/vnc" not in arguments["paths"]


def test_secret_at_partial_path_is_not_requested(scripted: Scripted) -> None:
    tree = dict(TREE) | {"vnc": TREE["/objects/vnc"]}
    server = ObjectServer(tree, has_list_get=True)
    result = fake(scripted, *ALL, "vnc", server=server)
    assert "password: <redacted>" in result.out
    assert "qom-list-get" not in server.names()


def test_list_get_needs_one_request_per_level(scripted: Scripted) -> None:
    tree = {path: value for path, value in TREE.items() if "/objects/" not in path}
    server = ObjectServer(tree, has_list_get=True)
    assert fake(scripted, *ALL, server=server).status == 0
    assert server.names() == ["qom-get", "query-commands", *["qom-list-get"] * 3]


def test_list_get_of_leaf_is_one_request(scripted: Scripted) -> None:
    server = ObjectServer(has_list_get=True)
    assert fake(scripted, *ALL, "/machine/bus", server=server).status == 0
    assert server.names() == ["qom-get", "query-commands", "qom-list-get"]


def test_without_list_get_requests_are_pipelined(scripted: Scripted) -> None:
    server = ObjectServer()
    assert fake(scripted, *ALL, server=server).status == 0
    assert server.round_trips < len(server.requests) / 2


@pytest.mark.parametrize("has_list_get", [False, True])
def test_object_that_goes_meanwhile_stops_nothing(scripted: Scripted, has_list_get: bool) -> None:
    server = ObjectServer(has_list_get=has_list_get)
    server.gone = {"/machine/bus"}
    result = fake(scripted, *ALL, server=server)
    assert result.status == 0
    assert "│  ├─ bus (bus) <Device '/machine/bus' not found>" in result.lines
    assert "│  │  ├─ n: 5 (int)" in result.lines


def test_values_that_are_not_shown_are_not_read(scripted: Scripted) -> None:
    server = ObjectServer()
    assert fake(scripted, "-l", "-t", server=server).status == 0
    read = [arguments["property"] for name, arguments in server.requests if name == "qom-get"]
    assert sorted(read) == ["off", "type", "up"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("/nothing",), "Device '/nothing' not found"),
        (("/machine/buss",), "did you mean /machine/bus?"),
        (("--name", "nothing"), "no object or property is selected by the filters"),
    ],
)
def test_tree_without_object_fails(scripted: Scripted, words: tuple[str, ...], reason: str) -> None:
    result = fake(scripted, *words, server=ObjectServer())
    assert (result.status, result.out) == (1, "")
    assert reason in result.err
    assert result.err.count("\n") == 1


def test_server_that_dies_midway_is_one_line(scripted: Scripted) -> None:
    def play(peer: Peer) -> None:
        peer.negotiate()
        for _ in range(2):
            peer.reply(peer.read(), "container")
        peer.read()

    result = tree(scripted(play).address, *ALL)
    assert (result.status, result.out) == (3, "")
    assert result.err.count("\n") == 1


@pytest.mark.parametrize("value", [None, [], "x", [1, {"name": 5}], [{"name": "a", "type": 1}], {}])
def test_nonsense_from_server_does_no_harm(scripted: Scripted, value: object) -> None:
    def play(peer: Peer) -> None:
        peer.negotiate()
        while True:
            command = peer.read()
            answer = [{"name": "qom-list-get"}] if command["execute"] == "query-commands" else value
            peer.reply(command, **{"return": answer})

    assert tree(scripted(play).address, *ALL).status == 0


def test_many_events_meanwhile_do_no_harm(scripted: Scripted) -> None:
    def play(peer: Peer) -> None:
        peer.negotiate()
        while True:
            command = peer.read()
            peer.send(b'{"event": "STOP"}\r\n' * 100)
            peer.reply(command, **{"return": []})

    assert tree(scripted(play).address).status == 0


def test_server_that_falls_silent_ends_with_timeout(scripted: Scripted) -> None:
    def play(peer: Peer) -> None:
        peer.negotiate()
        for _ in range(2):
            peer.reply(peer.read(), "container")
        peer.ended()

    result = tree(scripted(play).address, "--timeout", "0.2")
    assert (result.status, result.out) == (3, "")
    assert result.err.endswith("the reply to qom-list did not arrive within 0.2 s\n")


def test_reader_that_leaves_ends_it(machine: Server) -> None:
    with start("qom", "tree", "-s", machine.address, "--flat") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"/\n"
        process.stdout.close()
        assert process.wait(60) == 141
        assert process.stderr.read() == b""


def test_slow_reader_does_not_keep_the_monitor(machine: Server) -> None:
    with start("qom", "tree", "--flat", "-s", machine.address) as process:
        assert process.stdout is not None
        assert select.select([process.stdout], [], [], 60)[0]
        with connect(machine.address, wait=60) as qmp:
            assert qmp.execute("query-status")
        assert process.poll() is None
        process.stdout.close()
        assert process.wait(60) == 141
