"""Test Ctrl-Z and fg under a shell with job control."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import termios
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.harness.program import COMMAND, run
from tests.harness.screen import Terminal
from tests.harness.servers import SYSTEM, Server, start_qemu

CTRL_Z = "\x1a"
PROMPT = "bash:"
# Serves as editor and as shell command: it reads a word and reports SIGCONT. (sh and less may miss a
# signal that arrives just before they wait for keys.)
PROGRAM = f"""#!{sys.executable} -ES
import os, select, signal, sys, termios

def set_canonical(is_on):
    modes = termios.tcgetattr(terminal)
    modes[3] = modes[3] | termios.ICANON if is_on else modes[3] & ~termios.ICANON
    termios.tcsetattr(terminal, termios.TCSADRAIN, modes)

terminal = os.open("/dev/tty", os.O_RDWR)
signals, writer = os.pipe()
os.set_blocking(writer, False)
signal.set_wakeup_fd(writer)
signal.signal(signal.SIGCONT, lambda *_: None)
set_canonical(False)
os.write(terminal, b"query-")
word = ""
while not word.endswith("\\n"):
    ready, _, _ = select.select([terminal, signals], [], [])
    if signals in ready:
        os.read(signals, 100)
        is_canonical = termios.tcgetattr(terminal)[3] & termios.ICANON
        os.write(terminal, b"going on, " + (b"icanon" if is_canonical else b"-icanon") + b"\\n")
    if terminal in ready:
        word += os.read(terminal, 1).decode()
set_canonical(True)
for path in sys.argv[1:]:
    open(path, "w").write("query-" + word)
"""


@pytest.fixture
def bash(tmp_path: Path) -> Iterator[Terminal]:
    """Start an interactive bash with job control."""
    program = tmp_path / "program"
    program.write_text(PROGRAM)
    program.chmod(0o700)
    variables = {
        "PS1": f"{PROMPT} ",
        "HISTFILE": "/dev/null",
        "EDITOR": str(program),
        "PROGRAM": str(program),
    }
    command = ("bash", "--norc", "--noprofile", "-i")
    with Terminal(command=command, columns=120, variables=variables) as terminal:
        terminal.wait_prompt(PROMPT)
        yield terminal
        os.kill(terminal.child.pid or 0, signal.SIGHUP)  # ends its jobs too


def foreground_group(terminal: Terminal) -> int:
    """Return the foreground process group of the terminal."""
    return os.tcgetpgrp(terminal.child.child_fd)


def start_shell(bash: Terminal, *arguments: str) -> int:
    """Start qmpshell in bash, wait for its prompt and return its process group."""
    bash.line(shlex.join([*COMMAND, "-q", *arguments]))
    bash.wait_prompt()
    bash.wait_toolbar("prelaunch")  # the negotiation has ended
    return foreground_group(bash)


def wait_stopped(bash: Terminal) -> None:
    bash.wait_for("Stopped")
    bash.wait_prompt(PROMPT)


def stop_less(bash: Terminal) -> None:
    """Press Ctrl-Z in less, which handles a signal before it waits for a key only at the next one."""
    typed_at = 0.0

    def is_stopped() -> bool:
        nonlocal typed_at
        if "Stopped" not in bash.text and time.monotonic() - typed_at > 5:
            typed_at = time.monotonic()
            bash.type(CTRL_Z)
        return "Stopped" in bash.text

    bash.wait(is_stopped, "Stopped")
    bash.wait_prompt(PROMPT)


def resume(bash: Terminal) -> None:
    bash.line("clear; fg")
    # What was on the screen before must not pass for what the program shows now.
    bash.wait(lambda: "Stopped" not in bash.text, "clear screen")


def test_ctrl_z_at_prompt_keeps_the_line(bash: Terminal, tmp_path: Path) -> None:
    second = f"{tmp_path}/second.sock"
    options = ("-qmp", f"unix:{second},server=on,wait=off")
    with start_qemu(SYSTEM, tmp_path / "vm.sock", *options) as qemu:
        start_shell(bash, qemu.address)
        bash.type("query-stX\x1b[D")
        bash.wait(lambda: bash.screen.cursor.x == 15, "half-typed line")
        bash.type(CTRL_Z)
        wait_stopped(bash)
        bash.line("stty -a | grep -c -- -icanon; echo $((6*7))")
        bash.wait_for("\n0\n42")  # bash has its own terminal modes again
        assert run("-c", "cont", second).status == 0
        resume(bash)
        bash.wait_above(" RESUME", prompt="(QEMU) query-stX")
        bash.wait(lambda: bash.screen.cursor.x == 15, "cursor where it was")
        bash.type("atus\x1b[3~\r")
        bash.wait_above('"running": true')
        bash.type(CTRL_Z)
        wait_stopped(bash)
        resume(bash)
        bash.wait_prompt()
        bash.type("\x04")
        bash.wait_prompt(PROMPT)
        bash.line("echo status $?")
        bash.wait_for("status 0")


def test_plain_prompt_returns_after_fg(bash: Terminal, one_qemu: Server) -> None:
    bash.line(f"TERM=dumb {shlex.join([*COMMAND, '-q', one_qemu.address])}")
    bash.wait_prompt()
    bash.type(CTRL_Z)
    wait_stopped(bash)
    resume(bash)
    bash.wait_prompt()
    bash.line("query-name")
    bash.wait_above("(QEMU) query-name", '{"return": {}}')
    bash.line("quit")
    bash.wait_for("Continue? [y/N]")
    bash.type(CTRL_Z)
    wait_stopped(bash)
    resume(bash)
    bash.wait_for("Continue? [y/N]")
    bash.line("no")
    bash.wait_above("not sent")
    bash.line("object-add qom-type=secret id=s data=@?")
    bash.wait(lambda: bash.current == "data:", "question")
    bash.type(CTRL_Z)
    wait_stopped(bash)
    resume(bash)
    bash.wait(lambda: bash.current == "data:", "question")
    bash.wait(lambda: not bash.modes[3] & termios.ECHO, "echo off")
    bash.line("hidden")
    bash.wait_for('{"return": {}}')
    bash.wait_prompt()
    assert "hidden" not in bash.text
    bash.type("\x04")
    bash.wait_prompt(PROMPT)


@pytest.mark.parametrize(
    ("keys", "after"),
    [
        ("query-name | exec $PROGRAM\r", "(QEMU)"),
        ("a line\x18\x05", "(QEMU) query-status"),
    ],
    ids=["command", "editor"],
)
def test_ctrl_z_in_program_stops_and_resumes_both(
    bash: Terminal, one_qemu: Server, keys: str, after: str
) -> None:
    start_shell(bash, one_qemu.address)
    bash.type(keys)
    bash.wait(lambda: bash.current == "query-", "program")
    for _ in range(2):
        bash.type(CTRL_Z)
        wait_stopped(bash)
        bash.line("clear; stty -a | grep -c -- -icanon; echo $((6*7))")
        bash.wait_for("0\n42")  # bash has its own terminal modes again
        resume(bash)
        bash.wait_for("going on, -icanon")  # and the program has its modes again
    bash.type("status\r")
    bash.wait(lambda: bash.current == after, "prompt")
    bash.type("\x03")
    bash.wait_prompt()
    bash.line("query-name")
    bash.wait_above('{"return": {}}')


def test_sigtstp_stops_the_shell_like_ctrl_z(bash: Terminal, one_qemu: Server) -> None:
    program = start_shell(bash, one_qemu.address)
    bash.type("query-st")
    bash.wait(lambda: bash.current == "(QEMU) query-st", "half-typed line")
    for _ in range(2):
        os.kill(program, signal.SIGTSTP)
        wait_stopped(bash)
        resume(bash)
        bash.wait(lambda: bash.current == "(QEMU) query-st", "half-typed line")
    bash.type("\x03")
    bash.wait_prompt()
    bash.line("quit")
    bash.wait_for("Continue? [y/N]")
    os.kill(program, signal.SIGTSTP)
    wait_stopped(bash)
    resume(bash)
    bash.wait(lambda: bash.current.endswith("Continue? [y/N]"), "question")
    bash.type("n")
    bash.wait_above("not sent")


@pytest.mark.parametrize(
    ("keys", "front"),
    [("query-st", "(QEMU) query-st"), ("query-name | exec $PROGRAM\r", "query-")],
    ids=["prompt", "program"],
)
def test_background_shell_stops_until_foreground(
    bash: Terminal, one_qemu: Server, keys: str, front: str
) -> None:
    start_shell(bash, one_qemu.address)
    bash.type(keys)
    bash.wait(lambda: bash.current == front, front)
    bash.type(CTRL_Z)
    wait_stopped(bash)
    bash.line(
        "clear; bg; until jobs | grep Stopped; do :; done"
    )  # it stops when it accesses the terminal
    bash.wait_for("Stopped ")
    bash.wait_prompt(PROMPT)
    resume(bash)
    bash.wait(lambda: bash.current == front or "going on" in bash.text, front)
    bash.type("\r")
    bash.wait_prompt()
    bash.line("query-name")
    bash.wait_above('{"return": {}}')


def test_ctrl_z_without_job_control_is_ignored(one_qemu: Server) -> None:
    """The shell must not stop, because no parent could continue it."""
    with Terminal("-q", one_qemu.address, columns=120) as terminal:
        terminal.wait_prompt()
        terminal.type("query-st" + CTRL_Z + "atus\r")
        terminal.wait_above("(QEMU) query-status", '"prelaunch"')
        terminal.line(
            "query-name | trap 'echo going on' CONT; echo ready; until read x </dev/tty; do :; done"
        )
        terminal.wait(lambda: "ready" in terminal.lines, "command with its trap set")
        terminal.type(CTRL_Z)
        # The kernel sends the signal and then echoes ^Z: either text can appear first.
        expected = ("^Zgoing on", "going on")
        terminal.wait(lambda: any(line in expected for line in terminal.lines), "going on")
        terminal.type("\r")
        terminal.wait_prompt()
        terminal.line("query-name")
        terminal.wait_above('{"return": {}}')


# -- scripts ----------------------------------------------------------------------------------------


def start_script(bash: Terminal, qemu: Server, *lines: str) -> None:
    commands = [word for line in lines for word in ("-c", line)]
    bash.line(shlex.join([*COMMAND, "--compact", *commands, qemu.address]) + "; echo ended $?")


def test_script_lends_terminal_to_its_command(bash: Terminal, one_qemu: Server) -> None:
    start_script(bash, one_qemu, "query-name | exec less -c", "query-kvm")
    bash.wait_for("(END)")
    bash.type("q")
    bash.wait_for("ended 0")
    assert '"enabled"' in bash.text


def test_ctrl_z_stops_script_with_its_command(bash: Terminal, one_qemu: Server) -> None:
    start_script(bash, one_qemu, "query-name | exec less -c")
    bash.wait_for("(END)")
    stop_less(bash)
    for _ in range(2):
        resume(bash)
        bash.wait_for("(END)")
        stop_less(bash)
    resume(bash)
    bash.wait_for("(END)")
    bash.type("q")
    bash.wait_prompt(PROMPT)


def test_ctrl_c_in_command_ends_script(bash: Terminal, one_qemu: Server) -> None:
    start_script(bash, one_qemu, "query-name | (echo started; exec sleep 600)", "query-kvm")
    bash.wait(lambda: "started" in bash.lines, "the command")
    bash.type("\x03")
    bash.wait_for("ended 130")
    assert "enabled" not in bash.text


def test_sigtstp_during_program_stops_shell(bash: Terminal, one_qemu: Server) -> None:
    group = start_shell(bash, one_qemu.address)
    bash.line("query-name | exec $PROGRAM")
    bash.wait(lambda: bash.current == "query-", "program")

    def has_resumed(times: int) -> bool:
        return bash.raw.count(b"going on, -icanon") == times

    for number in (1, 2):
        os.kill(group, signal.SIGTSTP)
        wait_stopped(bash)
        resume(bash)
        # The text of the first time may still be on the screen.
        bash.wait(partial(has_resumed, number), "resumed program")
    bash.line("x")
    bash.wait_prompt()
    bash.line("exit")
    bash.wait_prompt(PROMPT)
