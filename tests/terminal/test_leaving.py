"""Ctrl-C, leaving, signals, a server that is silent or dies: the shell stays in step and tidy."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from tests.harness.program import run
from tests.harness.screen import Terminal
from tests.harness.scripted import Peer, ScriptedServer
from tests.harness.servers import Server

Start = Callable[[Callable[[Peer], object]], ScriptedServer]


def assert_tidy(terminal: Terminal) -> None:
    """The terminal is as it was found."""
    assert terminal.modes == terminal.modes_before
    for on, off in ((b"\x1b[?2004h", b"\x1b[?2004l"), (b"\x1b[?25l", b"\x1b[?25h")):
        assert terminal.raw.rfind(on) < terminal.raw.rfind(off)
    assert b"\x1b[?1049h" not in terminal.raw
    assert terminal.current == ""  # the next prompt of the user's shell begins a line


@pytest.mark.parametrize("keys", ["\x04", "exit\r", "/quit\r", "  exit  \r", "query-name; exit\r"])
def test_leaving_leaves_the_server_alone(qemu: Server, keys: str) -> None:
    with Terminal(qemu.address) as terminal:
        terminal.wait_ready()
        assert terminal.modes != terminal.modes_before
        terminal.type(keys)
        assert terminal.end() == 0
        assert_tidy(terminal)
    assert run("-c", "query-name", qemu.address).status == 0


def test_ctrl_d_on_a_line_does_not_leave(one_qemu: Server) -> None:
    with Terminal(one_qemu.address) as terminal:
        terminal.wait_ready()
        terminal.type("query-nameX\x1b[D\x04\r")
        terminal.wait_above("(QEMU) query-name", '{"return": {}}')


def test_leaving_does_not_wait_for_a_server_that_is_stopped(one_qemu: Server) -> None:
    with Terminal(one_qemu.address) as terminal:
        terminal.wait_ready()
        one_qemu.stop()
        terminal.line("query-name")
        terminal.wait_above("(QEMU) query-name")
        terminal.type("\x04")
        assert terminal.end() == 0
        assert_tidy(terminal)


def test_exit_leaves_once_the_wait_before_it_is_abandoned(one_qemu: Server) -> None:
    with Terminal(one_qemu.address) as terminal:
        terminal.wait_ready()
        one_qemu.stop()
        terminal.type("query-name\rexit\r")
        terminal.wait_above("leaving when query-name is answered; Ctrl-D leaves now")
        terminal.type("\x03")
        assert terminal.end() == 0


def test_ctrl_c_drops_the_line(one_qemu: Server) -> None:
    with Terminal(one_qemu.address) as terminal:
        terminal.wait_ready()
        terminal.type("cont")
        terminal.wait(lambda: terminal.current == "(QEMU) cont", "echo")
        terminal.type("\x03")
        terminal.wait_above("(QEMU) cont")
        terminal.line("query-status")
        terminal.wait_above("(QEMU) cont", "(QEMU) query-status", '"running": false')


def test_ctrl_c_drops_the_line_before_it_abandons_the_wait(one_qemu: Server) -> None:
    with Terminal(one_qemu.address, columns=120) as terminal:
        terminal.wait_ready()
        one_qemu.stop()
        terminal.type("query-name\rstop")
        terminal.wait(lambda: terminal.current == "(QEMU) stop", "half-typed line")
        terminal.type("\x03")
        terminal.wait_above("(QEMU) query-name", "(QEMU) stop")
        terminal.type("\x03")
        terminal.wait_above("(QEMU) stop", "no longer waiting for the reply to query-name")


def test_ctrl_c_with_nothing_to_drop_says_how_to_leave(one_qemu: Server) -> None:
    with Terminal(one_qemu.address) as terminal:
        terminal.wait_ready()
        for _ in range(2):
            terminal.type("\x03")
        terminal.wait_above("Ctrl-D leaves the shell", "Ctrl-D leaves the shell")


def test_ctrl_c_abandons_the_wait_and_the_late_reply_is_marked(qemu: Server) -> None:
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


def test_sigint_is_as_ctrl_c_while_waiting(one_qemu: Server) -> None:
    with Terminal(one_qemu.address, columns=120) as terminal:
        terminal.wait_ready()
        one_qemu.stop()
        terminal.line("query-name")
        terminal.wait_above("(QEMU) query-name")
        terminal.signal(signal.SIGINT)
        terminal.wait_above("no longer waiting for the reply to query-name")
        one_qemu.process.send_signal(signal.SIGCONT)
        terminal.wait_above("late reply to query-name", '{"return": {}}')


def test_a_timeout_gives_up_and_the_shell_stays(one_qemu: Server) -> None:
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
def test_a_signal_ends_it_with_the_terminal_restored(
    one_qemu: Server, number: signal.Signals, status: int
) -> None:
    with Terminal(one_qemu.address) as terminal:
        terminal.wait_ready()
        terminal.type("half a li")
        terminal.wait(lambda: terminal.current == "(QEMU) half a li", "echo")
        terminal.signal(number)
        assert terminal.end() == status
        assert_tidy(terminal)


def test_a_server_killed_while_a_line_is_typed(qemu: Server) -> None:
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


def test_a_server_killed_while_it_is_waited_for(qemu: Server) -> None:
    with Terminal(qemu.address, columns=200) as terminal:
        terminal.wait_ready()
        qemu.stop()
        terminal.type("query-name\rquery-status\rstop\r")
        terminal.wait_above("(QEMU) query-name", "(QEMU) query-status", "(QEMU) stop")
        qemu.kill()
        terminal.wait_above("(QEMU) stop", "while waiting for the reply to query-name; ")
        assert terminal.above[0].startswith("connection lost")
        assert terminal.above[0].endswith("its outcome is unknown; 2 more were not sent")
        terminal.line("query-name")
        terminal.wait_above("not connected; nothing was sent")
        terminal.type("exit\r")
        assert terminal.end() == 3


def test_a_server_that_does_not_greet_is_diagnosed(scripted: Start) -> None:
    with Terminal(scripted(Peer.ended).address, columns=300) as terminal:
        terminal.wait_prompt()
        terminal.type("query-na")
        terminal.wait_for("no greeting")
        terminal.wait_above("another client may hold this monitor", prompt="(QEMU) query-na")
        terminal.type("\x03\x04")
        assert terminal.end() == 0
        assert_tidy(terminal)


def test_a_line_typed_before_the_greeting_is_sent_after_it(one_qemu: Server) -> None:
    one_qemu.stop()
    with Terminal(one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.line("query-name")
        terminal.wait_above("(QEMU) query-name")
        one_qemu.process.send_signal(signal.SIGCONT)
        terminal.wait_above('{"return": {}}')
        terminal.wait_for("Connected to QEMU")


def test_what_is_not_qmp_is_named(scripted: Start) -> None:
    def part(peer: Peer) -> None:
        peer.send(b"SSH-2.0-OpenSSH_9.2\r\n")
        peer.ended()

    with Terminal(scripted(part).address, columns=200) as terminal:
        terminal.wait_for("this is an SSH server, not QMP")
        terminal.wait_prompt()
        terminal.type("\x04")
        assert terminal.end() == 3
