"""Test bursts of real events: folded on the screen, complete in the log."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from qmpshell.client import Connection, connect
from tests.harness.screen import Terminal
from tests.harness.servers import Installation, one_version, start_qemu

PAIRS = 1500


def stop_and_continue(monitor: Connection, times: int) -> None:
    for _ in range(times):
        monitor.execute("cont")
        monitor.execute("stop")


@pytest.fixture
def machine(installation: Installation, tmp_path: Path) -> Iterator[tuple[str, Connection]]:
    """Start QEMU; yield its address and a connection to its second monitor."""
    second = f"{tmp_path}/second.sock"
    options = ("-qmp", f"unix:{second},server=on,wait=off")
    with ExitStack() as stack:
        server = stack.enter_context(start_qemu(installation, tmp_path / "vm.sock", *options))
        yield server.address, stack.enter_context(connect(second, wait=60))


def logged(path: Path) -> Counter[str]:
    """Return the number of logged events by name."""
    lines = path.read_text("ascii").split("\n")[:-1]
    return Counter(json.loads(line)["message"].get("event", "") for line in lines)


def displayed(terminal: Terminal) -> tuple[Counter[str], int]:
    """Return the number of displayed events by name, and the number of lines."""
    shown = re.compile(r"\d\d:\d\d:\d\d\.\d{3} ([A-Z_]+)(?: ×(\d+))?")
    found = [match for line in terminal.history if (match := shown.fullmatch(line))]
    counts: Counter[str] = Counter()
    for match in found:
        counts[match[1]] += int(match[2] or 1)
    return counts, len(found)


def wait_negotiated(terminal: Terminal) -> None:
    """Wait until the negotiation is complete; QEMU sends no events earlier."""
    terminal.wait_prompt()
    terminal.line("query-name")
    terminal.wait_above('{"return": {}}')


@one_version
def test_typing_works_during_a_folded_storm(
    machine: tuple[str, Connection], tmp_path: Path
) -> None:
    address, monitor = machine
    log = tmp_path / "log"
    with Terminal("-q", "-l", str(log), address, columns=100) as terminal:
        wait_negotiated(terminal)
        storm = threading.Thread(target=stop_and_continue, args=(monitor, PAIRS), daemon=True)
        storm.start()
        try:
            terminal.wait_for("×")
            line = "(QEMU) "
            for key in "xyzzy-plugh":  # no command has this prefix, so nothing is suggested
                line += key
                terminal.type(key)
                terminal.wait(lambda text=line: terminal.current == text, "echo")  # type: ignore[misc]
            terminal.type("\x03")
            terminal.line("query-status")
            terminal.wait_for('"status": ')
        finally:
            storm.join(60)
        everything = {"RESUME": PAIRS, "STOP": PAIRS}
        terminal.wait(lambda: everything.items() <= logged(log).items(), "whole storm in the log")
        terminal.wait(lambda: displayed(terminal)[0] == everything, "whole storm on the screen")
        assert displayed(terminal)[1] < 150
        terminal.wait_prompt()
        terminal.type("\x04")
        assert terminal.end() == 0


@one_version
def test_storm_counts_appear_above_next_reply(
    machine: tuple[str, Connection],
) -> None:
    address, monitor = machine
    with Terminal("-q", address, columns=100) as terminal:
        wait_negotiated(terminal)
        stop_and_continue(monitor, 100)
        terminal.line("query-status")
        terminal.wait_above('"running": false')
        assert displayed(terminal)[0] == {
            "RESUME": 100,
            "STOP": 100,
        }  # all counts are above the reply
        assert terminal.above[1].split()[1] == "STOP"


@one_version
def test_storm_counts_appear_before_exit(machine: tuple[str, Connection], tmp_path: Path) -> None:
    address, monitor = machine
    log = tmp_path / "log"
    with Terminal("-q", "-l", str(log), address, columns=100) as terminal:
        wait_negotiated(terminal)
        stop_and_continue(monitor, 100)
        terminal.wait(lambda: logged(log)["STOP"] == 100, "whole storm in the log")
        terminal.line("exit")
        assert terminal.end() == 0
        assert displayed(terminal)[0] == {"RESUME": 100, "STOP": 100}


@one_version
def test_storm_during_pager_appears_afterwards(
    machine: tuple[str, Connection], tmp_path: Path
) -> None:
    address, monitor = machine
    log = tmp_path / "log"
    with Terminal("-q", "-l", str(log), address, columns=100) as terminal:
        terminal.wait_prompt()
        terminal.line("query-name | exec less")
        terminal.wait_for("(END)")
        stop_and_continue(monitor, 500)
        terminal.wait(lambda: logged(log)["STOP"] == 500, "whole storm in the log")
        assert displayed(terminal)[0] == {}
        terminal.type("q")
        terminal.wait(
            lambda: displayed(terminal)[0] == {"RESUME": 500, "STOP": 500}, "storm displayed"
        )
        assert displayed(terminal)[1] < 100
        terminal.wait_prompt()


@one_version
def test_storm_during_question_keeps_question(machine: tuple[str, Connection]) -> None:
    address, monitor = machine
    with Terminal("-q", address, columns=100) as terminal:
        terminal.wait_prompt()
        terminal.line("quit")
        terminal.wait(lambda: terminal.current.endswith("Continue? [y/N]"), "question")
        stop_and_continue(monitor, 100)
        terminal.wait(lambda: displayed(terminal)[0]["STOP"] == 100, "storm displayed")
        terminal.wait(lambda: terminal.current.endswith("Continue? [y/N]"), "question")
        terminal.type("n")
        terminal.wait_above("Continue? [y/N] n", "not sent")
