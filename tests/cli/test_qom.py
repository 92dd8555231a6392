"""Tests of `qmpshell qom list`, `get` and `set`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qmpshell import connect
from qmpshell.cli.qom_objects import value_text
from qmpshell.qmp import clean_path, parse_properties, split_property
from tests.harness.program import Result, run, start
from tests.harness.screen import Terminal
from tests.harness.scripted import Peer, ScriptedServer
from tests.harness.servers import Installation, Server, start_qemu, start_storage_daemon

Scripted = Callable[[Callable[[Peer], object]], ScriptedServer]


@pytest.fixture
def machine(installation: Installation, tmp_path: Path) -> Iterator[Server]:
    """Start a q35 with some devices and objects, of each version."""
    options = (
        *("-object", "secret,id=sec0,data=hunter2", "-object", "iothread,id=io0"),
        *("-blockdev", "null-co,node-name=d0", "-device", "virtio-blk-pci,drive=d0,id=blk0"),
        *("-device", "e1000e,id=net0", "-device", "pcie-root-port,id=port0,slot=1"),
        *("-object", "can-bus,id=bus", "-object", "rng-builtin,id=twin"),
        *("-device", "usb-ehci,id=twin"),
    )
    with start_qemu(installation, tmp_path / "vm.sock", *options, machine="q35") as server:
        yield server


def qom(server: Server, *words: str) -> Result:
    return run("qom", words[0], "-s", server.address, *words[1:])


def lines(server: Server, *words: str) -> list[str]:
    result = qom(server, *words)
    assert (result.status, result.err) == (0, "")
    return result.lines


def test_list_marks_children_and_links(machine: Server) -> None:
    assert {"machine/", "objects/", "type"} <= set(lines(machine, "list"))
    found = lines(machine, "list", "/machine/peripheral/net0")
    assert {"@parent_bus/", "mac", "bus master container[0]/"} <= set(found)
    assert lines(machine, "list", "net0") == found  # a partial path


def test_list_long_shows_types_and_values(machine: Server) -> None:
    found = {line.split()[0]: line.split()[1:] for line in lines(machine, "list", "-l", "io0")}
    assert found["poll-max-ns"] == ["int", "32768"]
    assert found["type"] == ["string", "iothread"]
    rows = lines(machine, "list", "-l", "/")
    assert next(row for row in rows if row.startswith("objects/")).split()[1] == "child<container>"


def test_list_json_is_an_array(machine: Server) -> None:
    (line,) = lines(machine, "list", "--json", "-l", "io0")
    entries = {entry["name"]: entry for entry in json.loads(line)}
    assert entries["poll-max-ns"] == {"name": "poll-max-ns", "type": "int", "value": 32768}


def test_get_prints_value_of_each_form(machine: Server) -> None:
    for words in (("/machine/peripheral/net0.type",), ("net0.type",), ("net0", "type")):
        assert lines(machine, "get", *words) == ["e1000e"]
    assert lines(machine, "get", "/.type") == ["container"]
    assert lines(machine, "get", "/machine.graphics") == ["True"]
    assert lines(machine, "get", "--json", "/machine.graphics") == ["true"]
    assert "cpus: 1" in lines(machine, "get", "/machine.smp")


def test_json_at_terminal_is_indented(one_qemu: Server) -> None:
    with Terminal(
        "qom", "list", "-s", one_qemu.address, "--json", "/machine/peripheral"
    ) as terminal:
        assert terminal.end() == 0
        assert terminal.lines[:3] == ["[", "  {", '    "name": "type",']


def test_get_accepts_dots_in_names(machine: Server) -> None:
    assert lines(machine, "get", "/machine/unattached/device[0].sse4.1") == ["False"]
    assert lines(machine, "get", "/machine/q35/pcie.0.type") == ["PCIE"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("get", "/machine.grafics"), "not found: did you mean graphics?"),
        (("get", "/machin.smp"), "Device '/machin' not found: did you mean /machine?"),
        (("list", "/machine/perpheral"), "did you mean /machine/peripheral?"),
        (("get", "/machine/unattached/device[0].sse4.3"), "not found: did you mean sse4.1?"),
        (("list", "nothing"), "Device 'nothing' not found"),
        (("get", "/objects/sec0.data"), "data is a secret"),
        (("get", "/objects/sec0", "data"), "data is a secret"),
        (("set", "io0.poll-max-ns", "x"), "Invalid parameter type for 'poll-max-ns'"),
        (("set", "io0.poll-min-ns", "1"), "not found: did you mean poll-max-ns?"),
        (("set", "net0.type", "x"), "type"),
    ],
)
def test_error_is_one_line(machine: Server, words: tuple[str, ...], reason: str) -> None:
    result = qom(machine, *words)
    assert (result.status, result.out) == (1, "")
    assert reason in result.err
    assert result.err.startswith("qmpshell: ")
    assert result.err.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        ("list", "twin"),
        ("get", "twin.type"),
        ("get", "twin.a.b"),
        ("get", "twin", "type"),
        ("set", "twin.x", "1"),
        ("tree", "twin"),
    ],
)
def test_ambiguous_path_names_its_meanings(machine: Server, words: tuple[str, ...]) -> None:
    result = qom(machine, *words)
    assert (result.status, result.out) == (1, "")
    paths = "/machine/peripheral/twin, /objects/twin"
    assert result.err == f"qmpshell: Path 'twin' is ambiguous; use a complete path: {paths}\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("io0.poll-max-ns", "64k"), 65536),
        (("io0", "poll-max-ns", "0x10"), 16),
        (("io0.poll-max-ns=7",), 7),
        (("io0.poll-max-ns:=8",), 8),
        (("io0", "poll-max-ns:=9"), 9),
        (("io0", "poll-max-ns", ":=", "10"), 10),
        (("/objects/io0.poll-max-ns", ":=", "11"), 11),
    ],
)
def test_set_accepts_each_form(machine: Server, words: tuple[str, ...], expected: int) -> None:
    assert lines(machine, "set", *words) == []
    assert lines(machine, "get", "io0.poll-max-ns") == [str(expected)]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("graphics", "off", "False"),
        ("acpi", "off", "off"),
        ("firmware", "5", "5"),
        ("max-ram-below-4g", "1G", str(1 << 30)),
    ],
)
def test_set_of_bool_enum_text_and_size(
    machine: Server, name: str, text: str, expected: str
) -> None:
    assert lines(machine, "set", "/machine", name, text) == []
    assert lines(machine, "get", f"/machine.{name}") == [expected]


@pytest.mark.parametrize(
    ("typename", "name", "text", "expected"),
    [
        ("memory-backend-ram", "size", "1G", 1 << 30),
        ("memory-backend-ram", "share", "on", True),
        ("memory-backend-ram", "share", "off", False),
        ("memory-backend-ram", "policy", "default", "default"),
        ("rng-random", "filename", "5", "5"),
        ("iothread", "poll-grow", "-1", None),
    ],
)
def test_set_reads_value_by_type(
    scripted: Scripted, typename: str, name: str, text: str, expected: object
) -> None:
    types = {"size": "size", "share": "bool", "policy": "HostMemPolicy", "filename": "string"}
    sent: list[Any] = []

    def play(peer: Peer) -> None:
        peer.negotiate()
        while True:
            command = peer.read()
            if command["execute"] == "qom-list":
                peer.reply(command, [{"name": name, "type": types.get(name, "int"), "more": 1}])
            else:
                sent.append(command["arguments"])
                peer.reply(command)

    server = scripted(play)
    result = run("qom", "set", "-s", server.address, f"/objects/{typename}", name, text)
    assert result.status == 0, result.err
    value = -1 if expected is None else expected
    assert sent == [{"path": f"/objects/{typename}", "property": name, "value": value}]


@pytest.mark.parametrize(
    "words",
    [
        ("get",),
        ("get", "a", "b", "c"),
        ("get", "/machine"),
        ("set",),
        ("set", "a.b"),
        ("set", "a", "b", "c", "d"),
        ("set", "a.b:={"),
        ("list", "a", "b"),
        ("list", "--path", "x"),
        ("nothing",),
    ],
)
def test_other_words_are_usage_errors(one_qemu: Server, words: tuple[str, ...]) -> None:
    result = qom(one_qemu, *words)
    assert (result.status, result.out) == (2, "")


def test_qom_set_names_mistake_in_json() -> None:
    result = run("qom", "set", "-s", "/nowhere", "a.b:=x")
    assert result.status == 2
    assert "the value is not JSON: expected a value, not 'x' at offset 0." in result.err


def test_help_lists_each_command() -> None:
    result = run("qom", "--help")
    assert result.status == 0
    assert "..." not in result.out.partition("Commands:")[2]  # nothing is cut
    for name in ("list", "get", "set", "tree", "fuse"):
        assert f"  {name}" in result.out
        assert run("qom", name, "--help").status == 0


def test_qom_works_on_storage_daemon(installation: Installation, tmp_path: Path) -> None:
    with start_storage_daemon(installation, tmp_path / "sd") as server:
        with connect(server.address) as qmp:
            qmp.execute("object-add", {"qom-type": "iothread", "id": "io0"})
        assert "objects/" in lines(server, "list")
        assert lines(server, "set", "/objects/io0.poll-max-ns", "1k") == []
        assert lines(server, "get", "io0", "poll-max-ns") == ["1024"]


def test_unknown_members_and_types_are_harmless(scripted: Scripted) -> None:
    def play(peer: Peer) -> None:
        peer.negotiate()
        peer.reply(peer.read(), [{"name": "a\x1b", "new": {}}, 5, {"type": "x"}])
        peer.ended()

    server = scripted(play)
    assert run("qom", "list", "-s", server.address).out == "a\\x1b\n"


def test_server_that_dies_midway_is_one_line(scripted: Scripted) -> None:
    def play(peer: Peer) -> None:
        peer.negotiate()
        peer.read()

    result = run("qom", "list", "-s", scripted(play).address)
    assert (result.status, result.out) == (3, "")
    assert result.err.count("\n") == 1
    assert "connection lost" in result.err


def test_silent_server_ends_with_timeout(scripted: Scripted) -> None:
    def play(peer: Peer) -> None:
        peer.negotiate()
        peer.ended()

    result = run("qom", "list", "-s", scripted(play).address, "--timeout", "0.2")
    assert (result.status, result.out) == (3, "")
    assert result.err.endswith("the reply to qom-list did not arrive within 0.2 s\n")


def test_reader_that_leaves_is_no_error(one_qemu: Server) -> None:
    with start("qom", "list", "-s", one_qemu.address) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.wait(60) == 141
        assert process.stderr.read() == b""


def test_split_property_prefers_last_dot() -> None:
    assert list(split_property("a.b.c")) == [("a.b", "c"), ("a", "b.c")]
    assert list(split_property("/.type")) == [("/", "type")]
    assert list(split_property("/a.b/c")) == []
    assert list(split_property(".x")) == []


def test_paths_and_properties_are_tidied() -> None:
    assert clean_path("//a///b/") == "/a/b"
    names = [entry.name for entry in parse_properties([{"name": "d[10]"}, {"name": "d[2]"}])]
    assert names == ["d[2]", "d[10]"]


def test_value_text_is_one_escaped_line() -> None:
    assert value_text("a\nb\x1b") == "a\\x0ab\\x1b"
    assert value_text([True, None]) == "[true, null]"
    assert (value_text(None), value_text(1.5)) == ("None", "1.5")
