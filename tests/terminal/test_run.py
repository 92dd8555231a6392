"""`qmpshell run` at a terminal: the shell on a QEMU of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.processes import find, killed_afterwards, wait_until
from tests.harness.program import run
from tests.harness.screen import Terminal
from tests.harness.servers import SYSTEM, Installation

# A word of QEMU's command line, by which its processes are found.
MARK = f"name-of-terminal-test-{os.getpid()}"
NAMED = ("-name", MARK)


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Path]:
    """The runtime directory of the user; nothing of ours may be left in it, or run."""
    path = tmp_path / "r"
    path.mkdir(0o700)
    with killed_afterwards(MARK):
        yield path
        assert find(MARK) == []
        assert list(path.glob("qmpshell/*")) == []


@pytest.fixture
def variables(runtime: Path) -> dict[str, str]:
    return {"XDG_RUNTIME_DIR": str(runtime), **SYSTEM.variables(*NAMED)}


def test_a_shell_on_a_small_machine_and_nothing_left_of_it(
    installation: Installation, runtime: Path
) -> None:
    variables = {"XDG_RUNTIME_DIR": str(runtime), **installation.variables(*NAMED)}
    with Terminal("run", columns=200, rows=60, variables=variables) as terminal:
        terminal.wait_ready()
        (pid,) = find(MARK)
        terminal.line("query-named-block-nodes")
        terminal.wait_for('"node-name": "disk0"')
        terminal.wait_prompt()
        terminal.type("\x03")  # is the shell's: QEMU is not in the terminal's foreground
        terminal.wait_above("Ctrl-D leaves the shell")
        assert find(MARK) == [pid]
        terminal.type("\x04")
        assert terminal.end() == 0
        assert terminal.modes == terminal.modes_before
        assert "terminating" not in terminal.text


def test_what_qemu_says_at_its_start_is_shown(variables: dict[str, str]) -> None:
    with Terminal("run", "-nodefaults", "-serial", "pty", variables=variables) as terminal:
        terminal.wait_for("char device redirected to /dev/pts/")
        terminal.wait_ready()
        terminal.type("\x04")
        assert terminal.end() == 0


def test_a_qemu_that_cannot_start_ends_it_with_its_reason(
    installation: Installation, runtime: Path
) -> None:
    variables = {"XDG_RUNTIME_DIR": str(runtime), **installation.variables(*NAMED)}
    with Terminal("run", "-nonsense", columns=120, variables=variables) as terminal:
        assert terminal.end() == 3
        assert "-nonsense: invalid option" in terminal.text
        assert (
            "qemu-system-x86_64 exited with status 1 before it could be spoken to" in terminal.text
        )
        assert "(QEMU)" not in terminal.text


def test_ctrl_c_while_qemu_says_nothing_ends_both(
    variables: dict[str, str], tmp_path: Path
) -> None:
    program = tmp_path / "qemu"
    program.write_text("#!/bin/sh\necho begun\nwhile :; do sleep 0.1; done\n")
    program.chmod(0o755)
    variables |= {"QEMU": f"{program} {MARK}"}
    with Terminal("run", "--wait", "60", variables=variables) as terminal:
        terminal.wait_for("begun")
        terminal.type("\x03")
        assert terminal.end() == 130


def test_with_keep_it_goes_on_and_one_can_come_back(
    variables: dict[str, str], runtime: Path
) -> None:
    with Terminal("run", "--keep", columns=300, variables=variables) as terminal:
        terminal.wait_ready()
        (pid,) = find(MARK)
        terminal.type("\x04")
        assert terminal.end() == 0
        (address,) = runtime.glob("qmpshell/*/qmp.sock")
        told = f"(pid {pid}) goes on; qmpshell {address} comes back to it"
        assert told in terminal.text
    with Terminal(str(address), variables=variables) as terminal:
        terminal.wait_ready()
        terminal.type("\x04")
        assert terminal.end() == 0
    assert run("--command", "quit", str(address)).status == 0
    wait_until(lambda: not find(MARK), "end of QEMU")
    run("run", "--command", "quit", variables=variables)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_both(variables: dict[str, str], number: signal.Signals) -> None:
    with Terminal("run", variables=variables) as terminal:
        terminal.wait_ready()
        terminal.signal(number)
        assert terminal.end() == 128 + number
        assert terminal.modes == terminal.modes_before


def test_when_the_shell_is_killed_qemu_ends(installation: Installation, runtime: Path) -> None:
    variables = {"XDG_RUNTIME_DIR": str(runtime), **installation.variables(*NAMED)}
    with Terminal("run", variables=variables) as terminal:
        terminal.wait_ready()
        assert len(find(MARK)) == 1
        terminal.signal(signal.SIGKILL)
        wait_until(lambda: not find(MARK), "end of QEMU")
    # What could not be removed any more goes at the next start.
    run("run", "--command", "quit", variables=variables)


def test_when_the_terminal_goes_away_qemu_ends(variables: dict[str, str]) -> None:
    with Terminal("run", variables=variables) as terminal:
        terminal.wait_ready()
        with open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), terminal.child.child_fd)
        wait_until(lambda: not find(MARK), "end of QEMU")
        wait_until(lambda: not terminal.child.isalive(), "end of the shell")
