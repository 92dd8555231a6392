"""Test the completion menu while the user types on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.program import own_directories
from tests.harness.screen import Terminal
from tests.harness.servers import SYSTEM, Server, start_qemu
from tests.harness.typing import clear, menu, wait_known, wait_line

DOWN, BACKSPACE, ESCAPE = "\x1b[B", "\x7f", "\x1b"
DISKS = ("-blockdev", "driver=null-co,node-name=disk0")


@pytest.fixture
def terminal(one_qemu: Server) -> Iterator[Terminal]:
    with Terminal(one_qemu.address, rows=30) as terminal:
        wait_known(terminal)
        yield terminal


def names(terminal: Terminal) -> list[str]:
    """Return the names in the menu, without those that only contain the typed letters."""
    word = (terminal.current.split() or [""])[-1][:8]
    found = [entry.split()[0] for entry in menu(terminal)]
    return [name for name in found if name.startswith(word) or name.endswith("=")]


def wait_names(terminal: Terminal, *expected: str) -> None:
    terminal.wait(lambda: names(terminal) == list(expected), f"menu with {expected}")


def test_menu_narrows_and_widens(terminal: Terminal) -> None:
    terminal.type("query-mem\t")
    wait_names(terminal, "query-memdev", "query-memory-devices", "query-memory-size-summary")
    terminal.type("o")
    wait_names(terminal, "query-memory-devices", "query-memory-size-summary")
    terminal.type("ry-s")
    wait_names(terminal, "query-memory-size-summary")
    terminal.type(BACKSPACE * 5)
    wait_names(terminal, "query-memdev", "query-memory-devices", "query-memory-size-summary")
    terminal.type("d" + DOWN + "\r")
    wait_line(terminal, "(QEMU) query-memdev")
    assert menu(terminal) == []


def test_enter_without_a_selected_entry_sends_line(terminal: Terminal) -> None:
    terminal.type("query-sta\t")
    terminal.wait(lambda: "query-status" in names(terminal), "the menu")
    terminal.type("us\r")
    terminal.wait_above("(QEMU) query-status", '{"return": {"status": "prelaunch"')
    terminal.type("query-sta\tus\r")  # in one read
    terminal.wait_above("(QEMU) query-status", '{"return": {"status": "prelaunch"')


def test_escape_closes_the_menu_until_tab(terminal: Terminal) -> None:
    terminal.type("query-mem\t")
    terminal.wait(lambda: len(names(terminal)) == 3, "the menu")
    terminal.type(ESCAPE)
    terminal.wait(lambda: not names(terminal), "no menu")
    terminal.type("o")
    wait_line(terminal, "(QEMU) query-memo")
    assert not names(terminal)
    terminal.type("\t")
    wait_names(terminal, "query-memory-devices", "query-memory-size-summary")


def test_menu_opens_while_typing_and_sends_nothing(tmp_path: Path) -> None:
    log = tmp_path / "log"
    variables = own_directories(tmp_path)
    settings = Path(variables["XDG_CONFIG_HOME"], "qmpshell", "config.toml")
    settings.parent.mkdir(parents=True)
    settings.write_text("complete-while-typing = true\n")
    with (
        start_qemu(SYSTEM, tmp_path / "vm.sock", *DISKS) as server,
        Terminal("-l", str(log), server.address, rows=30, variables=variables) as terminal,
    ):
        wait_known(terminal)
        terminal.type("query-memo")
        wait_names(terminal, "query-memory-devices", "query-memory-size-summary")
        clear(terminal)
        # The last of the queries for the toolbar, which are sent in any case.
        terminal.wait(lambda: any("query-migrate" in line for line in _sent(log)), "last query")
        sent = _sent(log)
        terminal.type("block-stream device=")
        terminal.wait_toolbar("block-stream", "device: str")
        terminal.type("d")
        wait_line(terminal, "(QEMU) block-stream device=d")
        terminal.type(" ")
        terminal.wait(lambda: "job-id=" in names(terminal), "menu of arguments")
        assert _sent(log) == sent
        clear(terminal)
        terminal.type("block-stream device=\t")
        wait_line(terminal, "(QEMU) block-stream device=disk0 ")
        clear(terminal)
        terminal.line("/set complete-while-typing=off")
        terminal.wait_prompt()
        terminal.type("query-memo")
        wait_line(terminal, "(QEMU) query-memo")
        assert not names(terminal)


def _sent(log: Path) -> list[str]:
    """Return the commands that were sent."""
    complete, _, _ = log.read_text().rpartition("\n")
    lines = [json.loads(line) for line in complete.splitlines()]
    return [str(line) for line in lines if "execute" in str(line)]
