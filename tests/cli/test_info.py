"""Tests of `qmpshell info`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.machines import UUID, start_machine
from tests.harness.program import COMMAND, Result, run
from tests.harness.servers import SYSTEM, Installation, Server, start_storage_daemon


@pytest.fixture
def machine(installation: Installation, tmp_path: Path) -> Iterator[Server]:
    with start_machine(installation, tmp_path) as server:
        yield server


@pytest.fixture
def one_machine(tmp_path: Path) -> Iterator[Server]:
    with start_machine(SYSTEM, tmp_path) as server:
        yield server


def info(server: Server, *words: str) -> Result:
    return run("info", "-s", server.address, "--wait", "60", *words)


def test_info_summary_describes_machine(machine: Server, installation: Installation) -> None:
    result = info(machine)
    assert (result.status, result.err) == (0, "")
    directory = machine.path.parent
    major = installation.version.rpartition(".")[0]
    text = result.out
    for fact in (
        f"version    {installation.version} (",
        "name       rich\n",
        f"uuid       {UUID}\n",
        "status     prelaunch\n",
        "kvm        disabled\n",
        f"machine    pc-q35-{major}\n",
        "cpus       2\n",
        "slots      4 for CPUs, qemu64-x86_64-cpu\n",
        "memory     256 MiB, 64 MiB plugged in\n",
        "balloon    320 MiB\n",
        f"block      seed: {directory}/seed.img, raw, 1 MiB, read-only\n",
        f"           vmd: {directory}/vm.qcow2, qcow2, 16 MiB\n",
        f"           vd0: {directory}/top.qcow2, qcow2, 64 MiB, backed by {directory}/mid.qcow2\n",
        "           cd1: no medium\n",
        "net0: virtio-net-pci, 52:54:00:12:34:56, netdev n1\n",
        "net1: e1000, 52:54:00:12:34:57, netdev n2\n",
        "c0: null\n",
        "jobs       none\n",
        "migration  blocked: non-migratable device",
    ):
        assert fact in text


def test_info_json_contains_results(machine: Server) -> None:
    result = info(machine, "--json")
    facts = json.loads(result.out)
    assert result.status == 0
    assert facts["uuid"] == {"UUID": UUID}
    assert (facts["status"]["status"], facts["status"]["running"]) == ("prelaunch", False)
    assert (len(facts["cpus"]), len(facts["slots"])) == (2, 4)
    assert facts["memory"]["base-memory"] == 256 << 20
    assert len(facts["block"]) == 4
    assert {nic["mac"] for nic in facts["network"]} == {"52:54:00:12:34:56", "52:54:00:12:34:57"}


def test_info_of_storage_daemon_has_fewer_lines(installation: Installation, tmp_path: Path) -> None:
    with start_storage_daemon(installation, tmp_path / "sd.sock") as daemon:
        node = {"driver": "null-co", "node-name": "n0", "size": 1 << 20, "read-zeroes": True}
        run("exec", "-s", daemon.address, "blockdev-add", json.dumps(node))
        result = info(daemon)
        facts = json.loads(info(daemon, "--json").out)
    assert (result.status, result.err) == (0, "")
    labels = [line.split()[0] for line in result.lines if line[0] != " "]
    assert labels == ["version", "block", "nodes", "chardevs", "jobs"]
    assert "nodes     n0: json:{" in result.out
    assert facts["jobs"] == []


def test_info_verbose_shows_requests(one_machine: Server) -> None:
    result = info(one_machine, "-v")
    assert '-> {"execute": "query-block"}\n' in result.err
    assert result.out == info(one_machine).out


def test_info_without_server_fails(tmp_path: Path) -> None:
    result = run("info", "-s", str(tmp_path / "none.sock"))
    assert (result.status, result.out) == (3, "")
    assert "none.sock" in result.err


def test_info_shows_view_with_arguments(machine: Server) -> None:
    result = info(machine, "block", "-v", "cd0")
    assert (result.status, result.err) == (0, "")
    directory = machine.path.parent
    assert result.lines[0].endswith(f": {directory}/seed.img (raw, read-only)")
    assert "    virtual-size: 1048576 (1 MiB)" in result.lines


def test_info_view_as_json_is_reply(one_machine: Server) -> None:
    result = info(one_machine, "--json", "uuid")
    assert json.loads(result.out) == {"UUID": UUID}
    requests = json.loads(info(one_machine, "--json", "network").out)
    assert requests[0]["execute"] == "qom-list"
    assert all("return" in request for request in requests)


def test_info_list_names_views_of_server(one_machine: Server) -> None:
    result = info(one_machine, "--list")
    names = [line.split()[0] for line in result.lines]
    assert names == sorted(names)
    assert {"block", "pci", "qtree", "fdsets", "irq"} <= set(names)
    assert run("info", "--list", "block", "-s", "x").status == 2
    assert run("info", "--list", "--json", "-s", "x").status == 2
    late = run("info", "-s", one_machine.address, "block", "--json")
    assert (late.status, "--json must precede block." in late.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("blok",), "this server has no view 'blok'; did you mean block?"),
        (("uuid", "x"), "uuid has no argument 'x'; usage: info uuid"),
        (("balloon",), "No balloon device has been activated"),
    ],
)
def test_info_without_data_fails(one_qemu: Server, words: tuple[str, ...], message: str) -> None:
    result = info(one_qemu, *words)
    assert (result.status, result.out, result.err) == (1, "", f"qmpshell: {message}\n")


def test_info_to_closed_pipe_ends_quietly(one_machine: Server) -> None:
    command = [*COMMAND, "info", "-s", one_machine.address, "--wait", "60", "qom-tree"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert (process.stderr.read(), process.wait()) == (b"", 141)


def test_info_draws_tree_in_ascii_if_needed(one_machine: Server) -> None:
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    tree = info(one_machine, "qom-tree", "/objects").out
    words = ("info", "-s", one_machine.address, "qom-tree", "/objects")
    assert run(*words, variables=plain).out == tree.translate(str.maketrans("├└│─", "|`|-"))
    assert "└─ pc.ram (memory-backend-ram)" in tree
