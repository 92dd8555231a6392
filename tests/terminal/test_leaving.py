"""Test Ctrl-C, exit, signals, and a silent or dead server at the terminal."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

import pytest

from tests.harness.program import run
from tests.harness.screen import Terminal
from tests.harness.scripted import Peer, ScriptedServer
from tests.harness.servers import Server, one_version

Start = Callable[[Callable[[Peer], object]], ScriptedServer]


def assert_tidy(terminal: Terminal) -> None:
    """Assert that the terminal modes are restored."""
    assert terminal.modes == terminal.modes_before
    for on, off in ((b"\x1b[?2004h", b"\x1b[?2004l"), (b"\x1b[?25l", b"\x1b[?25h")):
        assert terminal.raw.rfind(on) < terminal.raw.rfind(off)
    assert b"\x1b[?1049h" not in terminal.raw
    assert terminal.current == ""  # the next prompt of the user's shell starts in column 0


@one_version
@pytest.mark.parametrize("keys", ["\x04", "exit\r", "/quit\r", "  exit  \r", "query-name; exit\r"])
def test_exit_restores_terminal_and_keeps_server(qemu: Server, keys: str) -> None:
    with Terminal(qemu.address) as terminal:
        terminal.wait_ready()
        assert terminal.modes != terminal.modes_before
        terminal.type(keys)
        assert terminal.end() == 0
        assert_tidy(terminal)
    assert run("-c", "query-name", qemu.address).status == 0


# The program, with enough time before each prompt for a reply to arrive.
SLOW_PROMPT = """
import asyncio, sys
from qmpshell.cli.main import main
from qmpshell.terminal import prompt

class Pauses:
    def __getattr__(self, name):
        return getattr(asyncio, name)

    async def sleep(self, seconds):
        await asyncio.sleep(0.3)

prompt.asyncio = Pauses()
sys.exit(main())
"""


def test_exit_before_next_prompt_ends_shell(one_qemu: Server) -> None:
    command = (sys.executable, "-c", SLOW_PROMPT)
    with Terminal(one_qemu.address, command=command) as terminal:
        terminal.wait_ready()
        terminal.type("query-name; exit\r")
        assert terminal.end() == 0
        assert_tidy(terminal)


# The program, with a second between the end of the shell and its exit.
SLOW_EXIT = """
import sys, time
from qmpshell.cli import main, start

def close(self):
    print("closing", flush=True)
    time.sleep(1)
    print("closed", flush=True)

start.Connector.close = close
sys.exit(main.main())
"""


@pytest.mark.parametrize("kind", ["xterm", "dumb"])
def test_ctrl_c_after_ctrl_d_keeps_status(one_qemu: Server, kind: str) -> None:
    """Ctrl-C must not interrupt the rest of the exit either."""
    command = (sys.executable, "-c", SLOW_EXIT)
    with Terminal(one_qemu.address, command=command, variables={"TERM": kind}) as terminal:
        terminal.wait_prompt()
        terminal.type("\x04")
        terminal.wait_for("closing")
        terminal.type("\x03")
        assert terminal.end() == 0
        assert "closed" in terminal.text


def test_ctrl_d_on_nonempty_line_deletes_character(one_qemu: Server) -> None:
    with Terminal(one_qemu.address) as terminal:
        terminal.wait_ready()
        terminal.type("query-nameX\x1b[D\x04\r")
        terminal.wait_above("(QEMU) query-name", '{"return": {}}')


def test_ctrl_d_exits_with_a_stopped_server(one_qemu: Server) -> None:
    with Terminal(one_qemu.address) as terminal:
        terminal.wait_ready()
        one_qemu.stop()
        terminal.line("query-name")
        terminal.wait_above("(QEMU) query-name")
        terminal.type("\x04")
        assert terminal.end() == 0
        assert_tidy(terminal)


def test_exit_runs_after_ctrl_c_ends_wait(one_qemu: Server) -> None:
    with Terminal(one_qemu.address) as terminal:
        terminal.wait_ready()
        one_qemu.stop()
        terminal.type("query-name\rexit\r")
        terminal.wait_above("leaving after the reply to query-name; Ctrl-D leaves now")
        terminal.type("\x03")
        assert terminal.end() == 0


def test_ctrl_c_drops_the_typed_line(one_qemu: Server) -> None:
    with Terminal(one_qemu.address) as terminal:
        terminal.wait_ready()
        terminal.type("cont")
        terminal.wait(lambda: terminal.current == "(QEMU) cont", "echo")
        terminal.type("\x03")
        terminal.wait_above("(QEMU) cont")
        terminal.line("query-status")
        terminal.wait_above("(QEMU) cont", "(QEMU) query-status", '"running": false')


def test_ctrl_c_drops_line_before_ending_the_wait(one_qemu: Server) -> None:
    with Terminal(one_qemu.address, columns=120) as terminal:
        terminal.wait_ready()
        one_qemu.stop()
        terminal.type("query-name\rstop")
        terminal.wait(lambda: terminal.current == "(QEMU) stop", "half-typed line")
        terminal.type("\x03")
        terminal.wait_above("(QEMU) query-name", "(QEMU) stop")
        terminal.type("\x03")
        terminal.wait_above("(QEMU) stop", "no longer waiting for the reply to query-name")


def test_ctrl_c_at_empty_prompt_explains_exit(one_qemu: Server) -> None:
    with Terminal(one_qemu.address) as terminal:
        terminal.wait_ready()
        for _ in range(2):
            terminal.type("\x03")
        terminal.wait_above("Ctrl-D leaves the shell", "Ctrl-D leaves the shell")


@one_version
def test_reply_after_ctrl_c_is_marked_late(qemu: Server) -> None:
    with Terminal(qemu.address, columns=120) as terminal:
        terminal.wait_ready()
        qemu.stop()
        terminal.line("query-name")
        terminal.wait_above("(QEMU) query-name")
        terminal.type("\x03")
        terminal.wait_above("no longer waiting for the reply to query-name")
        terminal.line("query-status")
        terminal.wait_above("(QEMU) query-status")
        qemu.process.send_signal(signal.SIGCONT)
        terminal.wait_above("late reply to query-name", '{"return": {}}', '"prelaunch"')
        terminal.line("no-such-command")
        terminal.wait_above("(QEMU) no-such-command", "CommandNotFound")


def test_sigint_during_wait_acts_like_ctrl_c(one_qemu: Server) -> None:
    with Terminal(one_qemu.address, columns=120) as terminal:
        terminal.wait_ready()
        one_qemu.stop()
        terminal.line("query-name")
        terminal.wait_above("(QEMU) query-name")
        terminal.signal(signal.SIGINT)
        terminal.wait_above("no longer waiting for the reply to query-name")
        one_qemu.process.send_signal(signal.SIGCONT)
        terminal.wait_above("late reply to query-name", '{"return": {}}')


def test_timeout_ends_wait_but_not_shell(one_qemu: Server) -> None:
    with Terminal("--timeout", "0.2", one_qemu.address, columns=120) as terminal:
        terminal.wait_ready()
        one_qemu.stop()
        terminal.line("query-name")
        terminal.wait_above("no reply to query-name within 0.2 s; its outcome is unknown")
        one_qemu.process.send_signal(signal.SIGCONT)
        terminal.wait_above("late reply to query-name", '{"return": {}}')


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=str
)
def test_signal_ends_shell_and_restores_terminal(
    one_qemu: Server, number: signal.Signals, status: int
) -> None:
    with Terminal(one_qemu.address) as terminal:
        terminal.wait_ready()
        terminal.type("half a li")
        terminal.wait(lambda: terminal.current == "(QEMU) half a li", "echo")
        terminal.signal(number)
        assert terminal.end() == status
        assert_tidy(terminal)


@one_version
def test_server_death_during_typing_keeps_line(qemu: Server) -> None:
    with Terminal("-q", qemu.address, columns=200) as terminal:
        terminal.wait_prompt()
        terminal.line("query-name")
        terminal.wait_above('{"return": {}}')
        terminal.type("query-st")
        terminal.wait(lambda: terminal.current == "(QEMU) query-st", "echo")
        qemu.kill()
        terminal.wait_above(f"{qemu.address}: connection lost", prompt="(QEMU) query-st")
        assert terminal.colour_of("connection lost") == "red"
        terminal.type("atus\r")
        terminal.wait_above("(QEMU) query-status", "not connected; nothing was sent")
        terminal.line('{"execute": "quit"}')
        terminal.wait_above('"quit"}', "not connected; nothing was sent")
        assert terminal.text.count("connection lost") == 1
        terminal.type("\x04")
        assert terminal.end() == 3
        assert_tidy(terminal)


@one_version
def test_server_death_during_wait_reports_lost_commands(qemu: Server) -> None:
    with Terminal(qemu.address, columns=200) as terminal:
        terminal.wait_ready()
        terminal.type("block_resize ")
        terminal.wait_toolbar("size: int")  # the schema has arrived
        terminal.type("\x03")
        terminal.wait_prompt()
        qemu.stop()
        terminal.type("query-name\rquery-status\rstop\r")
        terminal.wait_above("(QEMU) query-name", "(QEMU) query-status", "(QEMU) stop")
        qemu.kill()
        terminal.wait_above("(QEMU) stop", "while waiting for the reply to query-name; ")
        assert terminal.above[0].startswith("connection lost")
        assert terminal.above[0].endswith(
            "its outcome is unknown; 2 more were not sent; /connect reconnects"
        )
        terminal.line("query-name")
        terminal.wait_above("not connected; nothing was sent")
        terminal.type("exit\r")
        assert terminal.end() == 3


def test_missing_greeting_is_explained(scripted: Start) -> None:
    with Terminal(scripted(Peer.ended).address, columns=300) as terminal:
        terminal.wait_prompt()
        terminal.type("query-na")
        terminal.wait_for("no greeting")
        terminal.wait_above("it may be a guest agent", prompt="(QEMU) query-na")
        terminal.type("\x03\x04")
        assert terminal.end() == 0
        assert_tidy(terminal)


def test_line_before_greeting_is_sent_afterwards(one_qemu: Server) -> None:
    one_qemu.stop()
    with Terminal(one_qemu.address, columns=160) as terminal:
        terminal.wait_for("is stopped; kill -CONT")
        terminal.wait_prompt()
        terminal.line("query-name")
        terminal.wait_above("(QEMU) query-name")
        one_qemu.process.send_signal(signal.SIGCONT)
        terminal.wait_above('{"return": {}}')
        terminal.wait_for("Connected to QEMU")


def test_ssh_server_is_named_in_error(scripted: Start) -> None:
    def part(peer: Peer) -> None:
        peer.send(b"SSH-2.0-OpenSSH_9.2\r\n")
        peer.ended()

    with Terminal(scripted(part).address, columns=200) as terminal:
        terminal.wait_for("this is an SSH server, not QMP")
        terminal.wait_prompt()
        terminal.type("\x04")
        assert terminal.end() == 3
