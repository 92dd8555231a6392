"""Test the views of real servers in scripts: tables and graphs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmpshell import connect
from qmpshell.render.views.blocks import BLOCK_QUERIES
from tests.harness.exchange import script, sent
from tests.harness.machines import CHAIN, chain_options, make_images, set_up
from tests.harness.program import run
from tests.harness.servers import Installation, Server, start_qemu, start_storage_daemon


@pytest.fixture
def machine(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    """Start the machine of the recorded replies, with a job and an export."""
    monkeypatch.chdir(tmp_path)
    image = make_images(tmp_path, installation)
    options = chain_options(image)
    with start_qemu(installation, tmp_path / "vm.sock", *options, machine="q35") as server:
        with connect(server.address) as qmp:
            set_up(qmp)
        yield server


def output(server: Server, *lines: str, options: tuple[str, ...] = ()) -> str:
    result = run(*options, "--events", "none", server.address, input=script(*lines))
    assert (result.status, result.err) == (0, "")
    return result.out


def test_table_shows_what_json_shows(machine: Server) -> None:
    command = "query-named-block-nodes flat=true"
    text = output(machine, f"/table --tsv -s node-name node-name,drv,ro,virtual-size {command}")
    rows = [line.split("\t") for line in text.splitlines()]
    assert rows[0] == ["node-name", "drv", "ro", "image.virtual-size"]
    nodes = json.loads(output(machine, command, options=("-r",)))
    expected = [
        [node["node-name"], node["drv"], json.dumps(node["ro"]), str(node["image"]["virtual-size"])]
        for node in nodes
    ]
    assert sorted(rows[1:]) == sorted(expected)


def test_table_filters_and_aligns(machine: Server) -> None:
    text = output(machine, "/table node-name,virtual-size ro=no drv=null* query-named-block-nodes")
    assert sorted(text.splitlines()) == [
        "n0                 8589934592",
        "n1                 8589934592",
        "node-name  image.virtual-size",
        "target             1073741824",
    ]


def test_text_for_people_is_shown_as_text(machine: Server) -> None:
    assert re.search(r"^IRQ statistics for ioapic:$", output(machine, "/table x-query-irq"), re.M)


def test_block_graph_shows_chain_and_users(machine: Server) -> None:
    text = output(machine, "/graph block")
    for line in ("device vd0", "device sd0", "export e0  nbd", "job j0  mirror  ready"):
        assert re.search(f"^{line}$", text, re.M), text
    assert text.count("backing: ") == CHAIN
    assert "bitmap: b0  granularity 64 KiB" in text


def test_dot_of_block_graph_names_every_node(machine: Server) -> None:
    text = output(machine, "/graph block --dot")
    assert text.startswith('digraph "block" {\n') and text.endswith("}\n")
    nodes = set(re.findall(r'^  ("[^"]+") \[', text, re.M))
    edges = re.findall(r'^  ("[^"]+") -> ("[^"]+")', text, re.M)
    assert {name for edge in edges for name in edge} <= nodes
    assert {'"top"', '"n0"', '"job j0"', '"device vd0"', '"export e0"', '"top/b0"'} <= nodes


def test_device_tree_equals_that_of_human_monitor(machine: Server) -> None:
    text = output(machine, "/graph devices")
    with connect(machine.address) as qmp:
        human = qmp.execute("human-monitor-command", {"command-line": "info qtree"})
    for kind in ("dev", "bus"):
        expected = sorted(re.findall(rf"^ *{kind}: ([^\s,]+)", human, re.M))
        if kind == "bus":
            found = re.findall(r"^[^\w]*bus (\S+)", text, re.M)
            found = ["main-system-bus" if name == "sysbus" else name for name in found]
        else:
            found = re.findall(r"^\W*\b(?!bus )(\S+)", text, re.M)
            found = [name for name in found if "cpu" not in name and name != "apic"]
        assert sorted(found) == expected


def test_qom_tree_equals_that_of_human_monitor(machine: Server) -> None:
    text = output(machine, "/graph qom /machine/peripheral")
    with connect(machine.address) as qmp:
        human = qmp.execute(
            "human-monitor-command", {"command-line": "info qom-tree /machine/peripheral"}
        )
    expected = re.findall(r"^ *(/.*?)\s*$", human, re.M)
    found = [re.sub(r"^[^\w]*", "/", line).replace("  (", " (") for line in text.splitlines()]
    assert sorted(found[1:]) == sorted(expected[1:])


def test_pci_tree_equals_that_of_human_monitor(machine: Server) -> None:
    text = output(machine, "/graph pci")
    with connect(machine.address) as qmp:
        human = qmp.execute("human-monitor-command", {"command-line": "info pci"})
    expected = {
        (int(slot), int(function), id_)
        for slot, function, id_ in re.findall(
            r"device\s+(\d+), function (\d+):\r\n.*PCI device (\S+)", human
        )
    }
    found = {
        (int(slot, 16), int(function), id_)
        for slot, function, id_ in re.findall(r"(\w\w)\.(\d)  .*?(\w{4}:\w{4})", text)
    }
    assert found == expected


def test_storage_daemon_has_a_block_graph(installation: Installation, tmp_path: Path) -> None:
    with start_storage_daemon(installation, tmp_path / "d.sock") as server:
        lines = ("blockdev-add driver=null-co node-name=n0 size=1M", "/graph block")
        assert output(server, *lines, options=("-r",)) == "{}\nn0  null-co  rw  1 MiB\n"


@pytest.mark.parametrize(
    ("line", "request_of"),
    [
        ("/table -v id query-jobs", "query-jobs"),
        ("/graph -v pci", "query-pci"),
        ("/info -v uuid", "query-uuid"),
        ("/screen -v picture.ppm", "screendump"),
    ],
)
def test_option_v_shows_request_behind_view(machine: Server, line: str, request_of: str) -> None:
    result = run("--events", "none", machine.address, input=script(line))
    assert [command["execute"] for command in sent(result)] == [request_of]


def test_verbose_shows_requests_behind_views(machine: Server) -> None:
    lines = ("/table id query-jobs", "/graph block", "/graph pci")
    result = run("-v", "--events", "none", machine.address, input=script(*lines))
    assert [command["execute"] for command in sent(result)] == [
        "query-jobs",
        *(ask.name for ask in BLOCK_QUERIES),
        "query-pci",
    ]
