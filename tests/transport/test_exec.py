"""Tests of monitors behind a command: a local socat in front of a real QEMU."""

from __future__ import annotations

import os
import select
import shlex
import signal
from pathlib import Path

import pytest

import qmpshell
from qmpshell.errors import ConnectError, ConnectionLost
from qmpshell.transport import ExecAddress, Stream, open_stream
from tests.harness.processes import find, killed_afterwards, wait_until
from tests.harness.program import run, start
from tests.harness.screen import Terminal
from tests.harness.servers import SYSTEM, Server, one_version, start_qemu
from tests.harness.waiting import sleeps_less_than


def socat(server: Server) -> str:
    return f"exec:socat - UNIX:{shlex.quote(server.address)}"


def open_command(command: str, *, captures_stderr: bool = False) -> Stream:
    return open_stream(ExecAddress(command), timeout=1, captures_stderr=captures_stderr)


def read(stream: Stream) -> bytes:
    """Wait for data and return it."""
    assert select.select([stream], [], [], 60)[0]
    data = stream.read()
    assert data is not None
    return data


def test_script_runs_over_socat(qemu: Server) -> None:
    result = run(socat(qemu), input="query-name\nquery-status\n")
    assert result.status == 0
    assert result.lines[0] == '{"return": {}}'
    assert '"status": "prelaunch"' in result.lines[1]
    assert result.err == ""


def test_library_runs_over_socat(qemu: Server) -> None:
    with qmpshell.connect(socat(qemu)) as qmp:
        assert qmp.execute("query-name") == {}
        with Path(os.devnull).open() as file, pytest.raises(qmpshell.AddressError):
            qmp.execute("getfd", {"fdname": "x"}, fds=[file])


def test_library_loss_names_exit_status() -> None:
    with pytest.raises(ConnectionLost, match="the command exited with status 7"):
        qmpshell.connect("exec:exit 7")


@pytest.mark.parametrize(
    ("command", "reason", "stderr"),
    [
        ("exit 7", "the command exited with status 7", ""),
        ("kill -9 $$", "signal SIGKILL ended the command", ""),
        ("no-such-command", "the command exited with status 127", "no-such-command"),
        ("socat - UNIX:/nonesuch", "the command exited with status 1", "No such file or directory"),
    ],
)
def test_script_reports_end_of_command(command: str, reason: str, stderr: str) -> None:
    result = run(f"exec:{command}", "-c", "query-status")
    assert result.status == 3
    assert result.out == ""
    shown, last = result.err.splitlines()[:-1], result.err.splitlines()[-1]
    assert (
        last == f"exec:{command}: the connection was closed before the server's greeting: {reason}"
    )
    assert stderr in "\n".join(shown)


def test_command_without_output_is_reported_as_closed() -> None:
    stream = open_command("exec >&- <&-; sleep 100")
    with pytest.raises(ConnectionLost, match="the command has closed its output"):
        read(stream)
    stream.close()


@one_version
def test_terminal_shows_stderr_above_the_prompt(qemu: Server) -> None:
    # The command waits for a byte from a file that the test creates, so that the prompt is there.
    go = Path(qemu.address).with_name("go")
    os.mkfifo(go)
    command = f"{{ read x <{go}; echo careful >&2; }} & socat - UNIX:{qemu.address}"
    with Terminal("-q", f"exec:{command}", columns=400) as terminal:
        terminal.wait_prompt()
        terminal.type("query-na")
        go.write_text("go\n")
        terminal.wait_above("careful", prompt="(QEMU) query-na")
        terminal.type("me\r")
        terminal.wait_above('{"return": {}}')
        assert not any("careful(" in line for line in terminal.lines)
        qemu.kill()
        terminal.wait_above("connection lost: the command exited with status 0")


@one_version
def test_terminal_connect_shows_stderr_and_status(qemu: Server) -> None:
    with Terminal("-q", qemu.address, columns=200) as terminal:
        terminal.wait_toolbar("prelaunch")  # the negotiation has ended
        terminal.line("/connect 'exec:echo no route >&2; exit 5'")
        terminal.wait_above("the command exited with status 5: no route")
        terminal.line("query-name")
        terminal.wait_above('{"return": {}}')


def test_terminal_connects_to_socat(tmp_path: Path) -> None:
    with (
        start_qemu(SYSTEM, tmp_path / "a.sock", "-name", "first") as first,
        start_qemu(SYSTEM, tmp_path / "b.sock", "-name", "second") as second,
        Terminal("-q", socat(first), columns=200) as terminal,
    ):
        terminal.wait_toolbar("prelaunch")  # the negotiation has ended
        terminal.line(f"/connect '{socat(second)}'")
        terminal.wait_above("VM state: prelaunch")
        terminal.line("query-name")
        terminal.wait_above('"second"')
        # The first server accepts other clients again.
        assert run("-c", "query-name", first.address).status == 0
        terminal.type("\x04")
        assert terminal.end() == 0


@one_version
def test_interrupt_at_terminal_does_not_reach_command(qemu: Server) -> None:
    with Terminal("-q", socat(qemu), columns=200) as terminal:
        terminal.wait_prompt()
        terminal.signal(signal.SIGINT)
        terminal.line("query-name")
        terminal.wait_above('{"return": {}}')


def test_large_write_to_stopped_server_does_not_block(qemu: Server) -> None:
    stream = open_command(f"socat - UNIX:{qemu.address}")
    assert b"QMP" in read(stream)
    qemu.stop()
    with sleeps_less_than(0.5):
        stream.write(b" " * 20_000_000)
        assert stream.want_write
        stream.close()
    qemu.process.send_signal(signal.SIGCONT)


def test_close_ends_stubborn_command_without_blocking(tmp_path: Path) -> None:
    mark = f"{tmp_path}/mark"
    with killed_afterwards(mark):
        stream = open_command(f"trap '' TERM; echo; tail -q -f /dev/null {mark} & wait; sleep 1000")
        assert read(stream) == b"\n"
        (tmp_path / "mark").write_text("")
        wait_until(lambda: bool(find(mark)), "the command has not started")
        with sleeps_less_than(0.5):
            stream.close()
            stream.close()
        wait_until(lambda: not find(mark), "the command still runs")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_signal_that_ends_program_ends_command(tmp_path: Path, number: signal.Signals) -> None:
    mark = tmp_path / "mark"
    mark.write_text("")
    with killed_afterwards(str(mark)):
        process = start(f"exec:tail -f {mark}", "-c", "query-name")
        wait_until(lambda: bool(find(str(mark))), "the command has not started")
        process.send_signal(number)
        process.communicate()
        wait_until(lambda: not find(str(mark)), "the command still runs")


def test_captured_stderr_is_returned_in_lines() -> None:
    stream = open_command(
        "printf 'one\\ntw' >&2; read x; echo o >&2; read x; exit 2", captures_stderr=True
    )
    descriptor = stream.error_descriptor
    assert descriptor is not None
    assert select.select([descriptor], [], [], 60)[0]
    assert stream.read_errors() == "one\n"
    assert stream.read_errors() == ""
    stream.write(b"\n")
    assert select.select([descriptor], [], [], 60)[0]
    assert stream.read_errors() == "two\n"
    stream.write(b"\n")
    with pytest.raises(ConnectionLost, match=r"the command exited with status 2$"):
        read(stream)
    stream.close()
    assert stream.error_descriptor is None


def test_command_with_nul_is_rejected() -> None:
    with pytest.raises(ConnectError, match="cannot run the command"):
        open_command("a\0b")


@one_version
def test_plain_terminal_shows_stderr(qemu: Server) -> None:
    with Terminal(
        "-q",
        f"exec:echo careful >&2; {socat(qemu).removeprefix('exec:')}",
        columns=200,
        variables={"TERM": "dumb"},
    ) as terminal:
        terminal.wait_for("careful")
        terminal.line("query-name")
        terminal.wait_for('{"return": {}}')


def test_wait_repeats_command_until_server_is_there(tmp_path: Path) -> None:
    path = tmp_path / "late.sock"
    address = f"exec:echo >>{tmp_path}/tries; socat - UNIX:{path}"
    with start("--wait", "60", "-c", "query-name", address) as shell:
        wait_until(lambda: len(_tries(tmp_path)) > 2, "not repeated")
        with start_qemu(SYSTEM, path):
            assert shell.communicate(timeout=60)[0] == b'{"return": {}}\n'
            assert shell.returncode == 0


def test_wait_for_failing_command_gives_up_in_time() -> None:
    reason = r"the command exited with status 7 \(tried for 0\.5 s\)"
    with pytest.raises(ConnectError, match=reason), sleeps_less_than(5):
        qmpshell.connect("exec:exit 7", wait=0.5)


def _tries(tmp_path: Path) -> str:
    file = tmp_path / "tries"
    return file.read_text() if file.exists() else ""
