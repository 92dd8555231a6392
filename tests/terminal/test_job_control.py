"""Ctrl-Z and fg under a shell with job control: stopped together, continued together, nothing lost."""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.program import COMMAND, run
from tests.harness.screen import Terminal
from tests.harness.servers import SYSTEM, Server, start_qemu

CTRL_Z = "\x1a"
PROMPT = "bash:"
# As an editor, and as a command that replies go to: it asks, and says when it goes on. (A pager may
# overlook a signal that comes before it waits for keys.)
PROGRAM = """
trap 'echo going on, $(stty -a </dev/tty | grep -o -- [-a-z]*icanon)' CONT
stty -icanon </dev/tty
printf 'query-'
until read word </dev/tty; do :; done
stty icanon </dev/tty
[ $# = 0 ] || echo query-$word > $1
"""


@pytest.fixture
def bash(tmp_path: Path) -> Iterator[Terminal]:
    """An interactive shell with job control, at its prompt."""
    program = tmp_path / "program"
    program.write_text(PROGRAM)
    variables = {
        "PS1": f"{PROMPT} ",
        "HISTFILE": "/dev/null",
        "EDITOR": f"sh {program}",
        "PROGRAM": str(program),
    }
    command = ("bash", "--norc", "--noprofile", "-i")
    with Terminal(command=command, columns=120, variables=variables) as terminal:
        terminal.wait_prompt(PROMPT)
        yield terminal
        os.kill(terminal.child.pid or 0, signal.SIGHUP)  # its jobs with it


def group_in_front(terminal: Terminal) -> int:
    """The group of processes that has the terminal."""
    return os.tcgetpgrp(terminal.child.child_fd)


def begin(bash: Terminal, *arguments: str) -> int:
    """Run the program, until its prompt is there; its process."""
    bash.line(shlex.join([*COMMAND, "-q", *arguments]))
    bash.wait_prompt()
    return group_in_front(bash)


def wait_stopped(bash: Terminal) -> None:
    bash.wait_for("Stopped")
    bash.wait_prompt(PROMPT)


def continue_(bash: Terminal) -> None:
    bash.line("clear; fg")


def test_at_the_prompt_the_line_comes_back(bash: Terminal, tmp_path: Path) -> None:
    second = f"{tmp_path}/second.sock"
    options = ("-qmp", f"unix:{second},server=on,wait=off")
    with start_qemu(SYSTEM, tmp_path / "vm.sock", *options) as qemu:
        begin(bash, qemu.address)
        bash.type("query-stX\x1b[D")
        bash.wait(lambda: bash.screen.cursor.x == 15, "half-typed line")
        bash.type(CTRL_Z)
        wait_stopped(bash)
        bash.line("stty -a | grep -c -- -icanon; echo $((6*7))")
        bash.wait_for("42")
        assert "\n0\n42" in bash.text  # the shell has its own modes again
        assert run("-c", "cont", second).status == 0
        continue_(bash)
        bash.wait_above(" RESUME", prompt="(QEMU) query-stX")
        assert bash.screen.cursor.x == 15
        bash.type("atus\x1b[3~\r")
        bash.wait_above('"running": true')
        bash.type(CTRL_Z)
        wait_stopped(bash)
        continue_(bash)
        bash.wait_prompt()
        bash.type("\x04")
        bash.wait_prompt(PROMPT)
        bash.line("echo status $?")
        bash.wait_for("status 0")


@pytest.mark.parametrize(
    ("keys", "after"),
    [
        ("query-name | exec sh $PROGRAM\r", "(QEMU)"),
        ("a line\x18\x05", "(QEMU) query-status"),
    ],
    ids=["command", "editor"],
)
def test_in_a_program_both_stop_and_both_go_on(
    bash: Terminal, one_qemu: Server, keys: str, after: str
) -> None:
    begin(bash, one_qemu.address)
    bash.type(keys)
    bash.wait(lambda: bash.current == "query-", "program")
    for _ in range(2):
        bash.type(CTRL_Z)
        wait_stopped(bash)
        bash.line("clear; stty -a | grep -c -- -icanon; echo $((6*7))")
        bash.wait_for("0\n42")  # the shell has its own modes again
        continue_(bash)
        bash.wait_for("going on, -icanon")  # and the program its own
    bash.type("status\r")
    bash.wait(lambda: bash.current == after, "prompt")
    bash.type("\x03")
    bash.wait_prompt()
    bash.line("query-name")
    bash.wait_above('{"return": {}}')


def test_a_signal_stops_it_as_ctrl_z_does(bash: Terminal, one_qemu: Server) -> None:
    program = begin(bash, one_qemu.address)
    bash.type("query-st")
    bash.wait(lambda: bash.current == "(QEMU) query-st", "half-typed line")
    for _ in range(2):
        os.kill(program, signal.SIGTSTP)
        wait_stopped(bash)
        continue_(bash)
        bash.wait(lambda: bash.current == "(QEMU) query-st", "half-typed line")
    bash.type("\x03")
    bash.wait_prompt()
    bash.line("quit")
    bash.wait_for("Go on? [y/N]")
    os.kill(program, signal.SIGTSTP)
    wait_stopped(bash)
    continue_(bash)
    bash.wait(lambda: bash.current.endswith("Go on? [y/N]"), "question")
    bash.type("n")
    bash.wait_above("not sent")


@pytest.mark.parametrize(
    ("keys", "front"),
    [("query-st", "(QEMU) query-st"), ("query-name | exec sh $PROGRAM\r", "query-")],
    ids=["prompt", "program"],
)
def test_in_the_background_it_waits_for_the_terminal(
    bash: Terminal, one_qemu: Server, keys: str, front: str
) -> None:
    begin(bash, one_qemu.address)
    bash.type(keys)
    bash.wait(lambda: bash.current == front, front)
    bash.type(CTRL_Z)
    wait_stopped(bash)
    bash.line(
        "clear; bg; until jobs | grep Stopped; do :; done"
    )  # as soon as it wants the terminal
    bash.wait_for("Stopped ")
    bash.wait_prompt(PROMPT)
    continue_(bash)
    bash.wait(lambda: bash.current == front or "going on" in bash.text, front)
    bash.type("\r")
    bash.wait_prompt()
    bash.line("query-name")
    bash.wait_above('{"return": {}}')


def test_without_job_control_ctrl_z_does_no_harm(one_qemu: Server) -> None:
    """Nobody could continue it: it is not stopped."""
    with Terminal("-q", one_qemu.address, columns=120) as terminal:
        terminal.wait_prompt()
        terminal.type("query-st" + CTRL_Z + "atus\r")
        terminal.wait_above("(QEMU) query-status", '"prelaunch"')
        terminal.line("query-name | trap 'echo going on' CONT; until read x </dev/tty; do :; done")
        terminal.wait(lambda: terminal.child.pid != group_in_front(terminal), "turn of the command")
        terminal.type(CTRL_Z)
        # The kernel signals, and then echoes: either may be on the screen first.
        said = ("^Zgoing on", "going on")
        terminal.wait(lambda: any(line in said for line in terminal.lines), "going on")
        terminal.type("\r")
        terminal.wait_prompt()
        terminal.line("query-name")
        terminal.wait_above('{"return": {}}')
