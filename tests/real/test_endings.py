"""Test that scripts end in time and after signals, and that they leave nothing behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.exchange import complaints
from tests.harness.processes import find, killed_afterwards, wait_until
from tests.harness.program import Result, run, start
from tests.harness.scripted import GREETING, Peer, ScriptedServer
from tests.harness.servers import SYSTEM, Server

Scripted = Callable[[Callable[[Peer], object]], ScriptedServer]

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT]
MARK = f"command-of-test-{os.getpid()}"
# A command that ignores the end of its input.
COMMAND = f"sh -c 'echo started >&2; while :; do sleep 0.1; done' {MARK}"
STUBBORN = f"sh -c 'trap \"echo ignored >&2\" INT TERM HUP QUIT; echo started >&2; while :; do sleep 0.1; done' {MARK}"
NAME = '{"return": {}}'


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "f"
    os.mkfifo(path)
    return path


@pytest.fixture
def marked() -> Iterator[None]:
    """Assert that no command with the mark remains."""
    with killed_afterwards(MARK):
        yield
        wait_until(lambda: not find(MARK), "end of the command")


def wait_for_line(stream: Any, text: str) -> None:
    for line in stream:
        if text in line.decode():
            return
    raise AssertionError(f"no {text!r}")


def end(process: subprocess.Popen[bytes], number: signal.Signals) -> int:
    """Send a signal, and return the exit status like the system shell."""
    process.send_signal(number)
    process.communicate(timeout=60)
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


# -- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("query-name > {}", "it could not be opened within 2 s; nothing was sent"),
        ("query-name >> {}", "it could not be opened within 2 s; nothing was sent"),
        ("query-name a=@{}", "it could not be read within 2 s"),
        ("/source {}", "it could not be read within 2 s"),
        ("/keyval x a=1; query-name a:=@{}", "it could not be read within 2 s"),
    ],
)
def test_timeout_ends_wait_for_fifo(
    one_qemu: Server, fifo: Path, line: str, complaint: str
) -> None:
    lines = f"{line.format(fifo)}\nquery-name\n"
    result = run("--timeout", "2", "--no-probe", "--result", one_qemu.address, input=lines)
    assert (result.status, result.out) == (1, "{}\n")
    assert complaints(result)[0].endswith(f"{fifo}: {complaint}")


def test_timeout_ends_write_to_idle_reader(one_qemu: Server, fifo: Path) -> None:
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    lines = f"query-qmp-schema > {fifo}\nquery-name\n"
    result = run("--timeout", "2", one_qemu.address, input=lines)
    os.close(reader)
    assert (result.status, result.lines) == (1, [NAME])
    assert "not all data could be written within 2 s" in result.err


def test_fifo_gets_its_writer_and_reader_later(one_qemu: Server, fifo: Path) -> None:
    lines = f"/source {fifo}\nquery-name > {fifo}\n"
    with start(one_qemu.address) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(lines.encode())
        process.stdin.close()
        fifo.write_text("query-name\nquery-name\n")
        assert [process.stdout.readline().decode().strip() for _ in range(2)] == [NAME, NAME]
        assert fifo.read_text().strip() == NAME
        assert process.wait(60) == 0


def test_events_are_shown_while_waiting_for_fifo(scripted: Scripted, fifo: Path) -> None:
    go_on = threading.Event()

    def part(peer: Peer) -> None:
        peer.negotiate()
        go_on.wait(60)
        peer.send(b'{"event": "STOP", "timestamp": {"seconds": 1, "microseconds": 0}}\r\n')
        peer.ended()

    server = scripted(part)
    with start("--no-probe", server.address) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"x a=@{fifo}\n".encode())
        process.stdin.flush()
        writer = os.open(fifo, os.O_WRONLY)  # returns when the script reads the FIFO
        go_on.set()
        assert b"STOP" in process.stdout.readline()
        os.close(writer)
        assert end(process, signal.SIGTERM) == 143


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("line", ["x a=@{}", "/source {}"])
def test_signal_ends_script_waiting_for_fifo(
    one_qemu: Server, fifo: Path, number: signal.Signals, line: str
) -> None:
    with start("--no-probe", one_qemu.address) as process:
        assert process.stdin is not None
        process.stdin.write(f"{line.format(fifo)}\n".encode())
        process.stdin.flush()
        writer = os.open(fifo, os.O_WRONLY)
        assert end(process, number) == 128 + number
        os.close(writer)


def test_script_in_fifo_gets_its_writer_later(one_qemu: Server, fifo: Path) -> None:
    with start("-f", str(fifo), one_qemu.address) as process:
        assert process.stdout is not None
        with fifo.open("w") as writer:
            writer.write("query-name\n")
            writer.flush()
            assert process.stdout.readline().decode().strip() == NAME
        assert process.wait(60) == 0


# -- the log --------------------------------------------------------------------------------------


def test_full_log_fails_the_script(one_qemu: Server) -> None:
    result = run("-l", "/dev/full", one_qemu.address, input="query-name\nquery-name\n")
    assert (result.status, result.lines) == (1, [NAME, NAME])
    assert result.err.count("\n") == 1
    assert "cannot write to the log /dev/full: No space left on device" in result.err


def test_timeout_ends_wait_for_log_reader(one_qemu: Server, fifo: Path) -> None:
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    lines = "query-qmp-schema\nquery-name\n"
    result = run("--timeout", "2", "-l", str(fifo), one_qemu.address, input=lines)
    os.close(reader)
    assert (result.status, result.lines[1:]) == (1, [NAME])
    assert result.err == "the log was closed: no data could be written within 2 s\n"


def test_slow_log_reader_receives_everything(one_qemu: Server, fifo: Path) -> None:
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    with start("-l", str(fifo), one_qemu.address) as process, open(reader, "rb") as log:
        os.set_blocking(reader, True)
        logged: list[bytes] = []
        reading = threading.Thread(target=lambda: logged.extend(log), daemon=True)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"query-qmp-schema\n" * 3)
        process.stdin.close()
        process.stdout.readline()  # a reply, which is more than the FIFO accepts
        reading.start()
        assert len(process.stdout.readlines()) == 2
        reading.join(60)
        assert process.wait(60) == 0
    # The negotiation, and three commands with their replies.
    assert len(logged) == 9


# -- requests that are not answered ---------------------------------------------------------------


def ignore(peer: Peer) -> None:
    """Negotiate, reject `no-such` as an unknown command, and answer nothing else."""
    peer.negotiate()
    while True:
        try:
            command = peer.read_any()
        except ValueError:  # the control character of /resync
            continue
        if command.get("execute") == "no-such":
            desc = "The command no-such has not been found"
            peer.reply(command, error={"class": "CommandNotFound", "desc": desc})
        elif command.get("execute") == "greet":
            peer.send(GREETING)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((), "/jobs -t 0.3"),
        ((), "/wait-job -t 0.3 j"),
        ((), "/wait -t 0.3 STOP"),
        (("--timeout", "0.3"), "/jobs -t 0.1"),
        (("--timeout", "0.3"), "/help query-name"),
        (("--timeout", "0.3"), "/apropos name"),
        (("--timeout", "0.3"), "/keyval x a=1"),
        (("--timeout", "0.3"), "/watch x a=1"),
        (("--timeout", "0.3"), "/resync"),
        (("--timeout", "0.3"), "no-such"),
    ],
)
def test_unanswered_query_lets_script_end(
    scripted: Scripted, arguments: tuple[str, ...], line: str
) -> None:
    result = run(*arguments, scripted(ignore).address, input=f"{line}\n", timeout=60)
    assert result.status == 1


def test_watch_ends_when_server_greets_again(scripted: Scripted) -> None:
    result = run("--timeout", "1", "-c", "/watch greet", scripted(ignore).address, timeout=60)
    assert result.status == 3
    assert "-c#1:1:8: the server was restarted; the outcome of greet is unknown" in result.err


# -- commands -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("marked")
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("command", [COMMAND, STUBBORN], ids=["command", "stubborn"])
def test_signal_ends_command_of_script(
    one_qemu: Server, number: signal.Signals, command: str
) -> None:
    with start("-c", f"query-name | cat; {command}", one_qemu.address) as process:
        wait_for_line(process.stderr, "started")
        assert end(process, number) == 128 + number


@pytest.mark.usefixtures("marked")
def test_second_signal_leaves_no_stubborn_command(one_qemu: Server) -> None:
    with start("-c", f"query-name | {STUBBORN}", one_qemu.address) as process:
        wait_for_line(process.stderr, "started")
        process.send_signal(signal.SIGTERM)
        wait_for_line(process.stderr, "ignored")
        assert end(process, signal.SIGINT) == 143


@pytest.mark.usefixtures("marked")
def test_closed_output_ends_command_of_script(one_qemu: Server) -> None:
    with start(one_qemu.address) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"query-name | {COMMAND}\n".encode())
        process.stdin.flush()
        wait_for_line(process.stderr, "started")
        process.stdout.close()
        assert process.wait(60) == 141


@pytest.mark.usefixtures("marked")
def test_signal_under_run_ends_command_and_qemu() -> None:
    variables = SYSTEM.variables("-name", MARK)
    with start("run", "--command", f"query-name | {COMMAND}", variables=variables) as process:
        wait_for_line(process.stderr, "started")
        assert end(process, signal.SIGTERM) == 143


# -- sockets and daemons --------------------------------------------------------------------------


@pytest.mark.parametrize("number", SIGNALS)
def test_signal_removes_listening_socket(tmp_path: Path, number: signal.Signals) -> None:
    path = tmp_path / "s"
    with start("--listen", "-c", "query-name", str(path)) as process:
        wait_until(path.exists, "socket")
        assert end(process, number) == 128 + number
    assert not path.exists()


def run_daemon(tmp_path: Path, *options: str) -> Result:
    """Run QEMU in a wrapper that makes it put itself in the background."""
    wrapper = tmp_path / "wrapper"
    wrapper.write_text(f'#!/bin/sh\nexec {SYSTEM.program("qemu-system-x86_64")} -daemonize "$@"\n')
    wrapper.chmod(0o700)
    words = (str(wrapper), "-machine", "none", "-nodefaults", "-display", "none", "-name", MARK)
    return run("run", *options, "--result", "--command", "query-name", *words)


@pytest.mark.usefixtures("marked")
def test_run_ends_qemu_in_the_background(tmp_path: Path) -> None:
    result = run_daemon(tmp_path)
    assert (result.status, result.out) == (0, f'{{"name": "{MARK}"}}\n')
    # If the script ends before QEMU is in the background, QEMU ends like any other.
    assert not result.err or "in the background (-daemonize); it ends now" in result.err
    assert find(MARK) == []


@pytest.mark.usefixtures("marked")
def test_run_keeps_qemu_in_the_background(tmp_path: Path) -> None:
    result = run_daemon(tmp_path, "--keep")
    wait_until(lambda: len(find(MARK)) == 1, "QEMU in the background")
    (pid,) = find(MARK)
    os.kill(pid, signal.SIGKILL)
    # If the script ends before QEMU is in the background, the wrapper is named.
    assert re.search(rf"\(pid {pid}\) continues|wrapper \(pid [0-9]+\) continues", result.err)
