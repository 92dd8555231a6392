"""Test `/help`, `/apropos` and F1 at the prompt."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness.manuals import OTHER_VERSION, manual_of_other_version
from tests.harness.screen import Terminal
from tests.harness.scripted import GREETING, Peer, ScriptedServer
from tests.harness.servers import (
    NEWEST,
    SYSTEM,
    Installation,
    Server,
    one_version,
    start_storage_daemon,
)
from tests.harness.typing import wait_line

F1, LEFT, UP = "\x1bOP", "\x1b[D", "\x1b[A"
Scripted = Callable[[Callable[[Peer], object]], ScriptedServer]


def manuals(installation: Installation) -> dict[str, str]:
    return {"MANPATH": installation.manuals}


@pytest.fixture
def terminal(installation: Installation, qemu: Server) -> Iterator[Terminal]:
    """Start a shell on each version of QEMU with the matching manual."""
    with Terminal(qemu.address, rows=40, variables=manuals(installation)) as terminal:
        terminal.wait_ready()
        yield terminal


def test_short_help_appears_above_the_prompt(terminal: Terminal) -> None:
    terminal.line("/help block-job-cancel")
    terminal.wait_above("From qemu-qmp-ref(7) of QEMU ")
    terminal.line("/help stop")
    terminal.wait_for("stop (command, since 0.14)")
    terminal.wait_above("From qemu-qmp-ref(7) of QEMU ")
    assert "Example" in terminal.text
    assert '  -> { "execute": "stop" }' in terminal.lines
    assert terminal.colour_of("stop (command") == "blue"
    assert terminal.colour_of('-> { "execute": "stop" }') == "green"
    assert "From qemu-qmp-ref(7) of QEMU " in terminal.text


def test_long_help_opens_pager_with_colours(terminal: Terminal) -> None:
    terminal.line("/help blockdev-add")
    terminal.wait(lambda: terminal.current == ":", "pager")
    assert terminal.lines[0] == "blockdev-add (command, since 2.9)"
    assert terminal.colour_of("blockdev-add") == "blue"
    terminal.type("G")
    terminal.wait_for("From qemu-qmp-ref(7) of QEMU ")
    terminal.type("q")
    terminal.wait_prompt()
    terminal.line("query-name")
    terminal.wait_above('{"return": {}}')


@one_version
def test_f1_shows_help_and_keeps_line(terminal: Terminal) -> None:
    terminal.type("stop")
    terminal.wait_for("(QEMU) stop")
    terminal.type(LEFT * 2 + F1)
    terminal.wait_for("stop (command, since 0.14)")
    wait_line(terminal, "(QEMU) stop", cursor=len("(QEMU) st"))
    terminal.type("X")
    terminal.wait(lambda: terminal.current == "(QEMU) stXop", "X where the cursor was")


@one_version
def test_f1_with_pager_keeps_line_and_cursor(terminal: Terminal) -> None:
    line = "blockdev-add driver=qcow2 file"
    terminal.type(line)
    terminal.wait_for(line)
    terminal.type(LEFT * 3 + F1)
    terminal.wait(lambda: terminal.current == ":", "pager")
    assert terminal.lines[0] == "file (argument of blockdev-add, required)"
    terminal.type("/With driver\r")
    terminal.wait_for("With driver=qcow2")
    terminal.type("q")
    terminal.wait(lambda: terminal.current == f"(QEMU) {line}", "line")
    terminal.type("X")
    terminal.wait(lambda: terminal.current.endswith(" fXile"), "X where the cursor was")


@one_version
def test_f1_on_partial_argument_shows_its_help(terminal: Terminal) -> None:
    line = "blockdev-add driver=qcow2 file.driver=file lazy-ref"
    terminal.type(line)
    terminal.wait_for(line)
    terminal.type(F1)
    terminal.wait(lambda: terminal.current == ":", "pager")
    assert terminal.lines[0] == "lazy-refcounts (argument of blockdev-add, optional)"
    assert "whether to enable the lazy refcounts feature" in terminal.text
    terminal.type("q")
    terminal.wait(lambda: terminal.current == f"(QEMU) {line}", "line")


@one_version
def test_f1_on_partial_command_lists_matching_names(terminal: Terminal) -> None:
    terminal.type("query-st")
    terminal.wait_for("(QEMU) query-st")
    terminal.type(F1)
    terminal.wait_for("Names that start with query-st")
    terminal.wait_for("  query-status         command  Query the run status of")
    terminal.wait(lambda: terminal.current == "(QEMU) query-st", "line")


def test_f1_is_not_saved_in_history(one_qemu: Server) -> None:
    with Terminal(one_qemu.address, rows=70, variables=manuals(SYSTEM)) as terminal:
        terminal.wait_ready()
        terminal.line("query-name")
        terminal.wait_above('{"return": {}}')
        terminal.type(F1)
        terminal.wait_for("/wait-job [-t SECONDS] ID")
        terminal.wait_prompt()
        terminal.type(UP)
        terminal.wait(lambda: terminal.current == "(QEMU) query-name", "recalled line")
    history = Path(os.environ["XDG_STATE_HOME"]) / "qmpshell" / "history"
    assert "/help" not in history.read_text()


def test_help_does_not_wait_for_pending_reply(scripted: Scripted) -> None:
    def part(peer: Peer) -> None:
        peer.send(GREETING)
        peer.reply(peer.read(), {})
        peer.read_the_users()
        peer.read_the_users()

    with Terminal(scripted(part).address, rows=40) as terminal:
        terminal.wait_ready()
        terminal.line("query-never")
        terminal.line("/help")
        terminal.wait_for("/wait-job [-t SECONDS] ID")


def test_help_wraps_at_forty_columns(one_qemu: Server) -> None:
    with Terminal(one_qemu.address, columns=40, variables=manuals(SYSTEM)) as terminal:
        terminal.wait_for("(QEMU)")
        terminal.line("/help system_wakeup")
        terminal.wait_for(f"From qemu-qmp-ref(7) of QEMU {SYSTEM.version}")
        terminal.wait_prompt()
        place = terminal.history.index("system_wakeup (command, since 1.1)")
        assert terminal.history[place + 1 : place + 4] == [
            "",
            "Wake up guest from suspend. If the guest",
            "has wake-up from suspend support enabled",
        ]
        terminal.line("/apropos wakeup")
        terminal.wait_for("system_wakeup command\n  Wake up guest from suspend")
        terminal.wait_prompt()
        terminal.type(F1)
        terminal.wait_for("/apropos WORD…\n    search names and the manual")
        assert max(map(len, terminal.history)) <= 40


def test_help_with_storage_daemon_uses_its_manual(tmp_path: Path) -> None:
    with (
        start_storage_daemon(NEWEST, tmp_path / "qsd.sock") as server,
        Terminal(server.address, rows=45, variables=manuals(NEWEST)) as terminal,
    ):
        terminal.wait_ready()
        terminal.line("/help job-pause")
        terminal.wait_for(f"From qemu-storage-daemon-qmp-ref(7) of QEMU {NEWEST.version}")
        terminal.wait_prompt()


@pytest.mark.parametrize("directory", ["", "other"])
def test_help_reports_missing_or_mismatched_manual(
    one_qemu: Server, tmp_path: Path, directory: str
) -> None:
    path = manual_of_other_version(SYSTEM, tmp_path) if directory else str(tmp_path)
    with Terminal(one_qemu.address, rows=40, variables={"MANPATH": path}) as terminal:
        terminal.wait_ready()
        terminal.line("/help stop")
        if directory:
            terminal.wait_for(f"From qemu-qmp-ref(7) of QEMU {OTHER_VERSION}")
            terminal.wait_for(f", but the server is QEMU {SYSTEM.version}.")
        else:
            terminal.wait_for("stop (command)")
            terminal.wait_for("No manual is installed: on Debian, qemu-qmp-ref(7)")


def test_help_escapes_control_characters_in_names(scripted: Scripted) -> None:
    hostile = "\x1b[2Jowned"
    schema = [
        {"name": "x", "meta-type": "command", "arg-type": "t", "features": [hostile]},
        {"name": "t", "meta-type": "object", "members": [{"name": hostile, "type": "e"}]},
        {"name": "e", "meta-type": "enum", "values": [hostile]},
    ]

    def part(peer: Peer) -> None:
        peer.send(GREETING)
        peer.reply(peer.read(), {})
        while True:
            command = peer.read()
            is_schema_query = command["execute"] == "query-qmp-schema"
            peer.reply(command, schema if is_schema_query else [])

    with Terminal(scripted(part).address, rows=40) as terminal:
        terminal.wait_ready()
        before = terminal.raw.count(b"\x1b[2J")
        terminal.line("/help x")
        terminal.wait_for("\\x1b[2Jowned: \\x1b[2Jowned")
        terminal.wait_prompt()
        assert terminal.raw.count(b"\x1b[2J") == before
        terminal.type("\x04")
        terminal.end()


def test_f1_in_hmp_mode_shows_hmp_help(qemu: Server) -> None:
    with Terminal(qemu.address, "-H", rows=40) as terminal:
        terminal.wait_prompt("(qemu)")
        terminal.line("info name")
        terminal.wait_prompt("(qemu)")
        terminal.type("info block -v")
        terminal.wait_for("(qemu) info block -v")
        terminal.type(LEFT * 2 + F1)
        terminal.wait_for("info block [-n] [-v] [device] -- ")
        wait_line(terminal, "(qemu) info block -v", cursor=len("(qemu) info block "))
        terminal.type("\x03")
        terminal.wait_prompt("(qemu)")
        terminal.type(F1)
        terminal.wait_for("closefd name -- ")
        terminal.wait(lambda: terminal.current == ":", "pager")
        terminal.type("q")
        terminal.wait_prompt("(qemu)")
        terminal.type(UP)
        terminal.wait(lambda: terminal.current == "(qemu) info name", "recalled line")
    history = Path(os.environ["XDG_STATE_HOME"]) / "qmpshell" / "history-hmp"
    assert "info name" in history.read_text()
    assert "help" not in history.read_text()
