"""Test `/connect` at the terminal and a connection loss at various moments."""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.harness.program import PYTHON, run
from tests.harness.screen import Terminal
from tests.harness.scripted import Peer, ScriptedServer
from tests.harness.servers import NEWEST, SYSTEM, Server, start_qemu, start_storage_daemon

Start = Callable[[Callable[[Peer], object]], ScriptedServer]
CTRL_C = "\x03"


def test_connect_to_another_server_loads_new_schema(tmp_path: Path) -> None:
    path = tmp_path / "vm.sock"
    with ExitStack() as stack:
        first = stack.enter_context(start_storage_daemon(SYSTEM, path))
        terminal = stack.enter_context(Terminal(str(path), columns=160))
        terminal.wait_ready()
        terminal.line("query-jobs")
        terminal.wait_above('{"return": []}')
        terminal.type("query-audio\t-")
        terminal.wait(lambda: terminal.current == "(QEMU) query-audio-", "no completion")
        first.kill()
        terminal.wait_above("connection lost", prompt="(QEMU) query-audio-")
        path.unlink()
        stack.enter_context(start_qemu(NEWEST, path, "-name", "second", machine="q35"))
        terminal.type(CTRL_C)
        terminal.line("/connect")
        terminal.wait_above(
            f"Connected to QEMU {NEWEST.version}", "Tab", "Ctrl-D", "VM state: prelaunch"
        )
        terminal.line("query-name")
        terminal.wait_above('"second"')
        # The names and types come from the new server.
        terminal.type("query-audio\t")
        terminal.wait(lambda: terminal.current == "(QEMU) query-audiodevs", "completion")
        terminal.type(CTRL_C)
        terminal.line("blockdev-add driver=null-co node-name=n0 size=1M")
        terminal.wait_above("(QEMU) blockdev-add", '{"return": {}}')
        terminal.line("cont")
        terminal.wait_above(" RESUME", '{"return": {}}')
        terminal.line("/status")
        terminal.wait_for(f"server: QEMU {NEWEST.version}")
        terminal.type("\x04")
        assert terminal.end() == 0


def test_connect_switches_between_two_servers(tmp_path: Path) -> None:
    with (
        start_qemu(SYSTEM, tmp_path / "a.sock", "-name", "first") as first,
        start_qemu(SYSTEM, tmp_path / "b.sock", "-name", "second") as second,
        Terminal("-q", first.address, columns=160) as terminal,
    ):
        terminal.wait_toolbar("prelaunch")  # the negotiation has ended
        for server, name in ((second, "second"), (first, "first"), (second, "second")):
            terminal.line(f"/connect {server.address}; query-name")
            terminal.wait_above(f'"{name}"', "VM state: prelaunch")
        # The first server accepts other clients again.
        assert run("-c", "query-name", first.address).status == 0
        second.kill()
        terminal.wait_above(f"{second.address}: connection lost")


def test_connect_to_bad_address_reports_reason(one_qemu: Server, tmp_path: Path) -> None:
    with Terminal("-q", one_qemu.address, columns=600) as terminal:
        terminal.wait_toolbar("prelaunch")  # the negotiation has ended
        for address, reason in (
            (f"{tmp_path}/nobody.sock", "no such socket"),
            ("localhost:1", "connection refused"),
            ("localhost:70000", "not a port number"),
            ("ws://x/", "not a port number"),
            (str(tmp_path), "not a socket but a directory"),
        ):
            terminal.line(f"/connect {address}")
            terminal.wait_above(reason)
            assert f"still connected to {one_qemu.address}" in terminal.text
        terminal.line("query-name")
        terminal.wait_above('{"return": {}}')
        terminal.line(f"/connect {one_qemu.address}; query-name")
        terminal.wait(lambda: terminal.text.count('{"return": {}}') == 2, "second reply")
        terminal.type("\x04")
        assert terminal.end() == 0


def test_connect_to_stopped_server_waits_until_resume(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address, columns=250) as terminal:
        terminal.wait_toolbar("prelaunch")  # the negotiation has ended
        one_qemu.stop()
        terminal.line("query-name")
        terminal.line("/connect; query-status")
        terminal.wait_prompt()
        terminal.type(CTRL_C)
        terminal.wait_for("no longer waiting for the reply to query-name")
        pid = one_qemu.process.pid
        terminal.wait_for(f"qemu-system-x86_64 (pid {pid}) is stopped; kill -CONT {pid} resumes it")
        terminal.type(CTRL_C)
        terminal.wait_above("1 command was not sent")
        one_qemu.process.send_signal(signal.SIGCONT)
        terminal.wait_above("VM state: prelaunch")
        terminal.line("query-name")
        terminal.wait_above('{"return": {}}')


def close_at_once(peer: Peer) -> None:
    """Send nothing, and close the connection."""


def read_only(peer: Peer) -> None:
    """Send no greeting, and read until the client gives up."""
    peer.read()


def greet_as_ssh(peer: Peer) -> None:
    peer.send(b"SSH-2.0-OpenSSH_9.2\r\n")
    peer.read()


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (close_at_once, "the connection was closed before the server's greeting"),
        (read_only, "no greeting: PYTHON (pid PID) sends nothing; it may be a guest agent"),
        (greet_as_ssh, "this is an SSH server"),
    ],
)
def test_connect_to_bad_server_keeps_connection(
    one_qemu: Server, scripted: Start, part: Callable[[Peer], object], reason: str
) -> None:
    with Terminal("-q", one_qemu.address, columns=600) as terminal:
        terminal.wait_toolbar("prelaunch")  # the negotiation has ended
        terminal.line(f"/connect {scripted(part).address}")
        terminal.wait_for(reason.replace("PID", str(os.getpid())).replace("PYTHON", PYTHON))
        terminal.wait_prompt()
        assert f"still connected to {one_qemu.address}" in terminal.text
        terminal.line("query-name")
        terminal.wait_above('{"return": {}}')
        terminal.line("/connect")
        terminal.wait_above("(QEMU) /connect", "VM state: prelaunch")


def test_connect_to_same_socket_reconnects(one_qemu: Server, tmp_path: Path) -> None:
    link = tmp_path / "link.sock"
    link.symlink_to(one_qemu.address)
    with Terminal("-q", one_qemu.address, columns=600) as terminal:
        terminal.wait_toolbar("prelaunch")  # the negotiation has ended
        for address in (one_qemu.address, str(link)):
            terminal.line(f"/connect {address}")
            terminal.wait_above(f"(QEMU) /connect {address}", "VM state: prelaunch")
            terminal.line("query-name")
            terminal.wait_above('{"return": {}}')


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[str]:
    """Return the address of a server with a full connection queue."""
    path = str(tmp_path / "busy.sock")
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(path)
        listener.listen(0)
        waiting = stack.enter_context(socket.socket(socket.AF_UNIX))
        waiting.connect(path)
        yield path


def test_connect_to_busy_server_can_be_cancelled(one_qemu: Server, busy: str) -> None:
    with Terminal("-q", one_qemu.address, columns=200) as terminal:
        terminal.wait_toolbar("prelaunch")  # the negotiation has ended
        terminal.line(f"/connect {busy}")
        terminal.wait_toolbar_time(f"waiting for a connection to {busy}", 1)
        terminal.wait_toolbar("s; Ctrl-C stops waiting")
        terminal.type("query-st" + CTRL_C + CTRL_C)
        terminal.wait_above("(QEMU) query-st", "stopped connecting; still connected to")
        terminal.wait(lambda: "waiting" not in terminal.toolbar, "end of it")
        terminal.line("query-name")
        terminal.wait_above('{"return": {}}')
        terminal.line(f"/connect {busy}")
        terminal.line(f"/connect {one_qemu.address}; query-name")  # waits for the first /connect
        terminal.line(f"/connect {one_qemu.address}")  # cancels both
        terminal.wait_above("were not sent", "VM state: prelaunch")
        terminal.line("query-name")
        terminal.wait_above('{"return": {}}')


def test_toolbar_names_the_pending_reply(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address, columns=150) as terminal:
        terminal.wait_prompt()
        terminal.line("query-name")
        terminal.wait_above('{"return": {}}')
        one_qemu.stop()
        terminal.type("query-name\rquery-status\rsto")
        text = re.compile(
            r"waiting for the reply to query-name, \d+ s; Ctrl-C stops waiting; 1 more"
        )
        terminal.wait(
            lambda: bool(text.search(terminal.toolbar)) and terminal.current == "(QEMU) sto",
            "line, and toolbar with the reply",
        )
        one_qemu.process.send_signal(signal.SIGCONT)
        terminal.wait_above('{"return": {}}', '"prelaunch"', prompt="(QEMU) sto")
        terminal.wait(lambda: "waiting" not in terminal.toolbar, "end of it")


def test_connection_loss_with_pager_drops_queued_question(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address, columns=300) as terminal:
        terminal.wait_prompt()
        terminal.paste("query-name | exec less\nquit")
        terminal.type("\r")
        terminal.wait_for("(END)")
        one_qemu.kill()
        terminal.type("q")
        terminal.wait_above("connection lost; 1 command was not sent")
        assert "Continue?" not in terminal.text


def test_connection_loss_during_secret_question_shows_prompt(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address, columns=200) as terminal:
        terminal.wait_toolbar("prelaunch")  # the negotiation has ended
        terminal.line("set_password protocol=vnc password=@?; stop")
        terminal.wait(lambda: terminal.current == "password:", "question")
        one_qemu.kill()
        terminal.wait_for("connection lost; 1 command was not sent")
        terminal.wait_prompt()
        terminal.line("/status")
        terminal.wait_for(": lost")


@pytest.mark.parametrize("end", ["er2\r", "er2\x15\r", "\x03"])
def test_connection_loss_while_typing_secret_hides_the_rest(one_qemu: Server, end: str) -> None:
    with Terminal("-q", one_qemu.address, columns=200) as terminal:
        terminal.wait_toolbar("prelaunch")
        terminal.line("set_password protocol=vnc password=@?; stop")
        terminal.wait(lambda: terminal.current == "password:", "question")
        terminal.type("hunt")
        one_qemu.kill()
        terminal.wait_for("connection lost; 1 command was not sent")
        terminal.wait(lambda: terminal.current == "no longer needed; press Enter:", "end")
        terminal.type(end)
        terminal.wait_prompt()
        terminal.line("/status")
        terminal.wait_for(": lost")
        assert b"hunt" not in terminal.raw
        assert b"er2" not in terminal.raw
    history = Path(os.environ["XDG_STATE_HOME"]) / "qmpshell" / "history"
    assert "er2" not in history.read_text()


def test_connection_loss_during_overwrite_question_keeps_file(
    one_qemu: Server, tmp_path: Path
) -> None:
    path = tmp_path / "out"
    path.write_text("precious")
    with Terminal("-q", one_qemu.address, columns=200) as terminal:
        terminal.wait_prompt()
        terminal.line(f"query-name > {path}")
        terminal.wait_for("Continue? [y/N]")
        one_qemu.kill()
        terminal.wait_for("connection lost; 1 command was not sent")
        terminal.wait_prompt()
        assert path.read_text() == "precious"


def test_connection_loss_during_negotiation_is_reported(scripted: Start) -> None:
    def part(peer: Peer) -> None:
        peer.send(b'{"QMP": {"version": {}, "capabilities": []}}\r\n')
        peer.read()

    with Terminal(scripted(part).address, columns=200) as terminal:
        terminal.wait_above("the connection was closed during the negotiation")
        terminal.line("query-name")
        terminal.wait_above("not connected; nothing was sent")
        terminal.line("/connect")
        terminal.wait_above("(QEMU) /connect", "the connection was closed during the negotiation")


@pytest.mark.parametrize("keys", ["\x04", "exit\r"])
def test_exit_after_failed_connect_returns_status_3(one_qemu: Server, keys: str) -> None:
    with Terminal("-q", one_qemu.address, columns=200) as terminal:
        terminal.wait_toolbar("prelaunch")  # the negotiation has ended
        one_qemu.kill()
        terminal.wait_above("connection lost")
        terminal.line("/connect ./nobody")
        terminal.wait_for("no such socket")
        terminal.type(keys)
        assert terminal.end() == 3
