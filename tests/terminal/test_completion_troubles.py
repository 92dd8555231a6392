"""Test that completion never blocks typing when the server is slow, stopped or dead."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.schemas import entities
from tests.harness.screen import Terminal
from tests.harness.scripted import Peer, ScriptedServer
from tests.harness.servers import SYSTEM, Server, start_qemu
from tests.harness.typing import clear, wait_known, wait_line, wait_schema

Scripted = Callable[[Callable[[Peer], object]], ScriptedServer]

DOWN, CTRL_C = "\x1b[B", "\x03"
QUERY_NODES = "query-named-block-nodes"


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Server]:
    node = ("-blockdev", "driver=null-co,node-name=disk0")
    with start_qemu(SYSTEM, tmp_path / "vm.sock", *node, machine="q35") as server:
        yield server


@pytest.fixture
def terminal(machine: Server) -> Iterator[Terminal]:
    with Terminal(machine.address, rows=40) as terminal:
        wait_known(terminal)
        yield terminal


# -- stopped ---------------------------------------------------------------------------------------


def test_completion_with_stopped_server_finishes_after_resume(
    terminal: Terminal, machine: Server
) -> None:
    machine.stop()
    terminal.type("blockdev-del node-name=\t")
    terminal.wait_toolbar("waiting for names from the server", "it may be stopped or busy")
    wait_line(terminal, "(QEMU) blockdev-del node-name=")
    terminal.type("x")
    wait_line(terminal, "(QEMU) blockdev-del node-name=x")
    terminal.type("\x7f; block-str\t")  # the schema is cached
    wait_line(terminal, "(QEMU) blockdev-del node-name=; block-stream ")
    clear(terminal)
    terminal.type("block_resize size=1 node-name=\t")
    wait_line(terminal, "(QEMU) block_resize size=1 node-name=")
    machine.process.send_signal(signal.SIGCONT)
    wait_line(terminal, "(QEMU) block_resize size=1 node-name=disk0 ")
    terminal.wait(lambda: "is asked for names" not in terminal.toolbar, "no wait")


def test_ctrl_c_and_enter_work_while_names_load(terminal: Terminal, machine: Server) -> None:
    machine.stop()
    terminal.type("blockdev-del node-name=\t")
    terminal.wait_toolbar("waiting for names from the server")
    clear(terminal)
    terminal.line("query-name")
    terminal.wait_toolbar("waiting for the reply to query-name")
    terminal.type("block_resize node-name=\t")
    wait_line(terminal, "(QEMU) block_resize node-name=")
    clear(terminal)
    machine.process.send_signal(signal.SIGCONT)
    terminal.wait_above('{"return": {}}')


# -- gone ------------------------------------------------------------------------------------------


def test_server_death_during_name_query_keeps_line(terminal: Terminal, machine: Server) -> None:
    machine.stop()
    terminal.type("blockdev-del node-name=\t")
    terminal.wait_toolbar("waiting for names from the server")
    machine.kill()
    terminal.wait_for("connection lost")
    terminal.wait_toolbar("connection lost")
    assert "is asked for names" not in terminal.toolbar
    wait_line(terminal, "(QEMU) blockdev-del node-name=")
    terminal.type("\t\tx")
    wait_line(terminal, "(QEMU) blockdev-del node-name=x")
    clear(terminal)
    terminal.type("blockdev-add driver=qcow2 file.dri\t")  # the schema stays cached
    wait_line(terminal, "(QEMU) blockdev-add driver=qcow2 file.driver=")


def test_server_death_with_open_menu_keeps_menu(terminal: Terminal, machine: Server) -> None:
    terminal.type("blockdev-add driver=null-co detect-zeroes=\t")
    terminal.wait_for("unmap")
    machine.kill()
    terminal.wait_for("connection lost")
    terminal.type(DOWN)
    wait_line(terminal, "(QEMU) blockdev-add driver=null-co detect-zeroes=off ")
    terminal.type("\r\r")
    terminal.wait_for("not connected; nothing was sent; use /connect to reconnect")
    terminal.wait_prompt()


def test_reconnect_to_other_server_completes_its_names(
    terminal: Terminal, machine: Server, tmp_path: Path
) -> None:
    terminal.type("blockdev-del node-name=\t")
    wait_line(terminal, "(QEMU) blockdev-del node-name=disk0 ")
    clear(terminal)
    machine.kill()
    terminal.wait_for("connection lost")
    node = ("-blockdev", "driver=null-co,node-name=other")
    with start_qemu(SYSTEM, tmp_path / "new.sock", *node):
        terminal.line(f"/connect {tmp_path}/new.sock")
        terminal.wait_toolbar("new.sock", "QEMU")
        wait_schema(terminal)
        terminal.type("blockdev-del node-name=\t")
        wait_line(terminal, "(QEMU) blockdev-del node-name=other ")


def test_server_death_after_query_names_the_query(scripted: Scripted) -> None:
    """Imitate a QEMU with modules of another build, which aborts when it loads all of them."""
    server = scripted(lambda peer: serve(peer, dies_of="qom-list-types"))
    with Terminal(server.address, columns=200, rows=40) as terminal:
        wait_known(terminal)
        terminal.type("device_add driver=\t")
        terminal.wait_for("completion was running qom-list-types, possibly the cause")
        wait_line(terminal, "(QEMU) device_add driver=")


# -- slow ------------------------------------------------------------------------------------------


NAMES = ("quit", "blockdev-del", "block-stream", "device_add", "qom-list-types", QUERY_NODES)


def serve(
    peer: Peer, *, dies_of: str = "", slow: str = "", gate: threading.Event | None = None
) -> None:
    """Serve a session with a real schema; reply to the command `slow` after the gate opens."""
    peer.negotiate()
    answers: dict[str, Any] = {
        "query-qmp-schema": entities("10"),
        "query-commands": [{"name": name} for name in NAMES],
        QUERY_NODES: [{"node-name": "late0", "drv": "raw"}],
    }
    while True:
        command = peer.read()
        name = command["execute"]
        if name == dies_of:
            return
        if name == slow and gate is not None:
            assert gate.wait(60)
        peer.reply(command, answers.get(name, []))


@pytest.mark.parametrize("typed", ["", "my"])
def test_late_names_complete_only_an_unchanged_line(scripted: Scripted, typed: str) -> None:
    gate = threading.Event()
    server = scripted(lambda peer: serve(peer, slow=QUERY_NODES, gate=gate))
    with Terminal(server.address, rows=40) as terminal:
        wait_known(terminal)
        terminal.type("blockdev-del node-name=\t")
        terminal.wait_toolbar_time("waiting for names from the server", 1)
        terminal.wait_toolbar_time("waiting for names from the server", 2)
        terminal.type(typed)
        wait_line(terminal, f"(QEMU) blockdev-del node-name={typed}")
        gate.set()
        terminal.wait(lambda: "is asked for names" not in terminal.toolbar, "answer")
        wait_line(terminal, f"(QEMU) blockdev-del node-name={typed or 'late0 '}")
