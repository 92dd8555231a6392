"""Tests of `qmpshell ls` and of the choice of a monitor, with real servers.

Other tests run servers at the same time, so that the tests look for their own.
"""

from __future__ import annotations

import json
import os
import pty
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from qmpshell.qemu import AGENT, QMP, find_addresses, find_processes
from tests.harness.processes import wait_until
from tests.harness.program import COMMAND, environment, run
from tests.harness.screen import Terminal
from tests.harness.servers import (
    SYSTEM,
    Installation,
    Server,
    start_agent,
    start_qemu,
    start_storage_daemon,
)
from tests.harness.shell_completion import complete


def listed(server: Server) -> dict[str, Any]:
    """Return the JSON object of a server's process."""
    result = run("ls", "--json")
    assert (result.status, result.err) == (0, "")
    objects = [json.loads(line) for line in result.lines]
    return next(value for value in objects if value["pid"] == server.process.pid)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        assert isinstance(port, int)
        return port


def test_ls_lists_free_monitor_behind_descriptor(qemu: Server) -> None:
    monitor = {"protocol": "qmp", "address": qemu.address, "kind": "unix", "state": "free"}
    assert listed(qemu)["monitors"] == [monitor]


def test_ls_names_client_of_used_monitor(qemu: Server) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(qemu.address)
        client.recv(1)
        (monitor,) = listed(qemu)["monitors"]
        name = Path("/proc/self/comm").read_text().strip()
        assert monitor["state"] == "in use"
        assert monitor["client"] == {"pid": os.getpid(), "name": name}
        row = next(line for line in run("ls").lines if qemu.address in line)
        assert row.split()[:2] == [str(qemu.process.pid), listed(qemu)["user"]]
        assert row.endswith(f"in use by {os.getpid()} ({name})")
    wait_until(lambda: listed(qemu)["monitors"][0]["state"] == "free", "the monitor is not free")


def test_monitor_without_its_path_is_closed(tmp_path: Path) -> None:
    path, moved = tmp_path / "vm.sock", tmp_path / "moved.sock"
    with start_qemu(SYSTEM, path) as server:
        path.rename(moved)
        assert listed(server)["monitors"][0]["state"] == "closed"
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(path))
            assert listed(server)["monitors"][0]["state"] == "closed"
        moved.replace(path)
        assert listed(server)["monitors"][0]["state"] == "free"


def test_ls_lists_all_forms_of_monitors(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PWD", str(tmp_path))
    port, telnet = free_port(), free_port()
    options = [
        *("-name", "guest=the vm", "-qmp", "unix:rel.sock,server=on,wait=off"),
        *("-qmp", f"tcp:127.0.0.1:{port},server=on,wait=off"),
        *("-monitor", f"telnet:127.0.0.1:{telnet},server=on,wait=off"),
        *("-chardev", f"socket,id=a,path=qmpshell-{port},abstract=on,server=on,wait=off"),
        *("-mon", "chardev=a,mode=control"),
        *("-chardev", "pty,id=p", "-mon", "p,mode=control"),
    ]
    with (
        start_qemu(installation, tmp_path / "vm.sock", *options) as server,
        socket.socket(socket.AF_UNIX) as first,
    ):
        first.connect(server.address)
        first.recv(1)  # all monitors exist when the greeting arrives
        process = listed(server)
        assert process["name"] == "the vm"
        terminal = next(m for m in process["monitors"] if m["kind"] == "pty")["address"]
        assert terminal.startswith("/dev/pts/")
        expected = {
            (QMP, str(tmp_path / "vm.sock"), "in use"),
            (QMP, str(tmp_path / "rel.sock"), "free"),
            (QMP, f"127.0.0.1:{port}", "free"),
            ("human", f"telnet:127.0.0.1:{telnet}", "free"),
            (QMP, f"unix:qmpshell-{port},abstract=on", "free"),
            (QMP, terminal, "free"),
        }
        assert {(m["protocol"], m["address"], m["state"]) for m in process["monitors"]} == expected
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.recv(1)
            monitors = listed(server)["monitors"]
            used = next(m for m in monitors if m["address"] == f"127.0.0.1:{port}")
            assert (used["state"], used["client"]["pid"]) == ("in use", os.getpid())
        descriptor = os.open(terminal, os.O_RDWR | os.O_NOCTTY)
        try:
            used = next(m for m in listed(server)["monitors"] if m["kind"] == "pty")
            assert (used["state"], used["client"]["pid"]) == ("in use", os.getpid())
        finally:
            os.close(descriptor)


def test_ls_marks_monitor_that_connects(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "l.sock"))
        listener.listen()
        option = f"unix:{tmp_path}/l.sock"
        with start_qemu(SYSTEM, tmp_path / "vm.sock", "-qmp", option) as server:
            states = {m["address"]: m["state"] for m in listed(server)["monitors"]}
            assert states[str(tmp_path / "l.sock")] == "connects"
            assert str(tmp_path / "l.sock") not in find_addresses(QMP)


def test_ls_lists_storage_daemon(installation: Installation, tmp_path: Path) -> None:
    with start_storage_daemon(installation, tmp_path / "sd.sock") as server:
        process = listed(server)
        assert process["name"] == "qemu-storage-daemon"
        assert [(m["protocol"], m["address"]) for m in process["monitors"]] == [
            (QMP, server.address)
        ]


def test_ls_lists_agent(tmp_path: Path) -> None:
    with start_agent(SYSTEM, tmp_path) as server:
        wait_until(lambda: server.path.exists(), "the agent has no socket")
        process = listed(server)
        assert (process["name"], process["program"]) == ("qemu-ga", "qemu-ga")
        assert [(m["protocol"], m["address"]) for m in process["monitors"]] == [
            (AGENT, server.address)
        ]
        assert server.address in find_addresses(AGENT)
        assert server.address not in find_addresses(QMP)


def fake_process(root: Path, pid: int, *words: str) -> Path:
    directory = root / str(pid)
    (directory / "fd").mkdir(parents=True)
    (directory / "cmdline").write_bytes(b"".join(word.encode() + b"\0" for word in words))
    return directory


def test_unreadable_or_vanished_files_leave_only_gaps(tmp_path: Path) -> None:
    line = ("qemu-system-arm", "-qmp", "unix:rel,server=on", "-qmp", "tcp::1,server=on")
    fake_process(tmp_path, 10, *line)
    (tmp_path / "11").mkdir()  # it has ended
    fake_process(tmp_path, 12)  # a kernel thread
    directory = fake_process(tmp_path, 13, *line)
    for name in ("fd", "net", "environ"):  # neither directories nor files that can be read
        if name == "fd":
            (directory / name).rmdir()
        (directory / name).symlink_to("nowhere")
    fake_process(tmp_path, 14, "qemu-system-arm", "-chardev", "socket,id=c,fd=9", "-mon", "c")
    found = find_processes(str(tmp_path))
    assert [process.pid for process in found] == [10, 13, 14]
    assert [m.address for m in found[0].monitors] == ["rel", "localhost:1"]
    assert {m.state for process in found[:2] for m in process.monitors} == {"unknown"}


def test_ls_to_closed_reader_exits_quietly(one_qemu: Server) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*COMMAND, "ls"], stdout=writer, stderr=subprocess.PIPE, env=environment(), check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")
    assert one_qemu.process.poll() is None


def test_completion_offers_running_monitors(one_qemu: Server, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    directory = tmp_path / "empty"
    assert f"plain,{one_qemu.address}" in complete("", cwd=directory)
    prefix = one_qemu.address[:-3]
    assert complete(prefix, cwd=directory) == [f"plain,{one_qemu.address}"]
    assert complete(f"unix:{prefix}", shell="fish", cwd=directory) == [
        f"plain,unix:{one_qemu.address}"
    ]


def test_shell_without_address_offers_list(one_qemu: Server) -> None:
    with Terminal(columns=180, rows=50) as terminal:
        terminal.wait_for("Number (1 to ")
        row = next(line for line in terminal.lines if one_qemu.address in line)
        terminal.type("0\n")
        terminal.wait_for("'0' is not a number from 1 to ")
        terminal.type(f"{row.split()[0]}\n")
        terminal.wait_for("(QEMU)")
        terminal.type("query-name\n")
        terminal.wait_for("{}")


def test_interrupt_leaves_list(one_qemu: Server) -> None:
    with Terminal(columns=180, rows=50) as terminal:
        terminal.wait_for("Number (1 to ")
        assert any(one_qemu.address in line for line in terminal.lines)
        terminal.type("\x03")
        assert terminal.end() == 130


def test_script_without_address_gets_error(one_qemu: Server) -> None:
    for arguments in ((), ("-c", "query-status")):
        result = run(*arguments)
        assert result.status == 2
        assert "no ADDRESS" in result.err
    assert one_qemu.process.poll() is None
    master, slave = pty.openpty()
    try:  # a user is present, but -c runs a script
        done = subprocess.run(
            [*COMMAND, "-c", "stop"],
            stdin=slave,
            capture_output=True,
            env=environment(),
            check=False,
        )
    finally:
        os.close(master)
        os.close(slave)
    assert (done.returncode, b"no ADDRESS" in done.stderr) == (2, True)
