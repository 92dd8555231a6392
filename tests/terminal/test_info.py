"""Test `/info` at the prompt."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.machines import start_machine
from tests.harness.screen import Terminal
from tests.harness.servers import NEWEST, Server
from tests.harness.typing import wait_known


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with start_machine(NEWEST, tmp_path_factory.mktemp("m")) as server:
        yield server


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_info_fits_window(machine: Server, columns: int) -> None:
    with Terminal(machine.address, columns=columns, rows=40) as terminal:
        terminal.wait_ready()
        terminal.line("/info block top")
        terminal.wait_for("chain depth: 2")
        terminal.wait_prompt()
        top = terminal.lines.index(next(row for row in terminal.lines if row.startswith("top:")))
        block = "".join(row.strip() for row in terminal.lines[top:]).replace(" ", "")
        assert "Attachedto:/machine/peripheral/vd0/virtio-backend" in block
        assert f"Backingfile:{machine.path.parent}/mid.qcow2(chaindepth:2)" in block
        # A continued line is indented.
        assert [row for row in terminal.lines[top + 1 :] if row.startswith("  ")]
        terminal.line("/info vm-generation-id")
        terminal.wait_for("324e6eaf-d1d1-4bf6-bf41-b9bb6c91fb87")
        terminal.wait_prompt()
        terminal.leave()


def test_long_info_opens_pager(machine: Server) -> None:
    with Terminal(machine.address, columns=80, rows=24) as terminal:
        terminal.wait_ready()
        terminal.line("/info qom-tree")
        terminal.wait(lambda: terminal.current == ":", "pager")
        assert terminal.lines[0] == "/machine (pc-q35-10.0-machine)"
        assert terminal.lines[1].startswith("├─ ")
        terminal.type("q")
        terminal.wait_prompt()
        terminal.line("query-name")
        terminal.wait_for('{"name": "rich"}')
        terminal.wait_prompt()
        terminal.leave()


@pytest.mark.parametrize("style", ["dark", "light"])
def test_info_colours_titles(machine: Server, style: str) -> None:
    with Terminal(machine.address, rows=40) as terminal:
        terminal.wait_ready()
        terminal.line(f"/set style={style}")
        terminal.wait_prompt()
        terminal.line("/info cryptodev")
        terminal.wait_for("service: mac")
        terminal.wait_prompt()
        assert terminal.colour_of("cry0") != "default"
        assert terminal.colour_of("- queue: 0") == "default"
        terminal.leave()


def test_info_without_colours_and_unicode(machine: Server) -> None:
    plain = {"NO_COLOR": "1", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    with Terminal(machine.address, rows=40, variables=plain) as terminal:
        terminal.wait_ready()
        terminal.line("/info qom-tree /objects")
        terminal.wait_for("`- pc.ram (memory-backend-ram)")
        terminal.wait_prompt()
        assert "|- io0 (iothread)" in terminal.text
        assert terminal.colour_of("/objects (container)") == "default"
        terminal.leave()


def test_tab_completes_view_and_device(machine: Server) -> None:
    with Terminal(machine.address, rows=40) as terminal:
        wait_known(terminal)
        terminal.type("/info memory_s\t")
        terminal.wait(lambda: terminal.current.endswith("/info memory_size_summary"), "the name")
        terminal.type("\r")
        terminal.wait_for("plugged memory: 67108864 (64 MiB)")
        terminal.wait_prompt()
        terminal.type("/info block see\t")
        terminal.wait(lambda: terminal.current.endswith("/info block seed"), "the device")
        terminal.type("\r")
        terminal.wait_for("Removable device: not locked, tray closed")
        terminal.wait_prompt()
        terminal.leave()


def test_info_fails_in_red(machine: Server) -> None:
    with Terminal(machine.address, rows=40) as terminal:
        terminal.wait_ready()
        terminal.line("/info blok")
        terminal.wait_for("this server has no view 'blok'; did you mean block?")
        terminal.wait_prompt()
        assert terminal.colour_of("this server has no view") == "red"
        terminal.leave()


def test_summary_fits_narrow_terminal(machine: Server) -> None:
    words = ("info", "-s", machine.address, "--wait", "60")
    with Terminal(*words, columns=40, rows=60) as terminal:
        terminal.wait_for("migration")
        assert terminal.end() == 0
        rows = terminal.lines
    start = next(number for number, row in enumerate(rows) if row.startswith("slots"))
    assert rows[start : start + 3] == [
        "slots      4 for CPUs, qemu64-x86_64-cpu",
        "memory     256 MiB, 64 MiB plugged in",
        "balloon    320 MiB",
    ]
