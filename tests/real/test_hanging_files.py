"""Test that a file system that does not answer holds no script beyond `--timeout` or a signal."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness.exchange import complaints
from tests.harness.hanging import HangingFileSystem
from tests.harness.processes import wait_until
from tests.harness.program import COMMAND, environment, run, start
from tests.harness.scripted import Peer, ScriptedServer
from tests.harness.servers import Server

NAME = '{"return": {}}'
LINES = {
    "query-name > {}": "it could not be opened within 2 s; nothing was sent",
    "query-name >> {}": "it could not be opened within 2 s; nothing was sent",
    "query-name a=@{}": "it could not be read within 2 s",
    "/source {}": "it could not be read within 2 s",
    "getfd fdname=x < {}": "it could not be opened within 2 s; nothing was sent",
    "/log {}": "it could not be opened within 2 s; nothing was sent",
}


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[HangingFileSystem]:
    with HangingFileSystem(tmp_path / "hanging") as hanging:
        yield hanging


@pytest.mark.parametrize("line", LINES)
def test_timeout_ends_wait_for_hanging_file(
    one_qemu: Server, hanging: HangingFileSystem, line: str
) -> None:
    lines = f"{line.format(hanging.file)}\nquery-name\n"
    result = run("--timeout", "2", "--no-probe", one_qemu.address, input=lines)
    assert (result.status, result.lines) == (1, [NAME])
    assert complaints(result)[0].endswith(f"{hanging.file}: {LINES[line]}")


@pytest.mark.parametrize("option", ["-f", "-l"])
def test_timeout_ends_open_of_hanging_option(
    one_qemu: Server, hanging: HangingFileSystem, option: str
) -> None:
    result = run("--timeout", "2", option, hanging.file, one_qemu.address)
    assert result.status == 2
    text = "the file system did not answer within 2 s"
    assert result.err.endswith(f"{hanging.file}: {text}\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("line", LINES)
def test_signal_ends_script_waiting_for_hanging_file(
    one_qemu: Server, hanging: HangingFileSystem, line: str, number: signal.Signals
) -> None:
    with start("--no-probe", one_qemu.address) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"query-name\n{line.format(hanging.file)}\n".encode())
        process.stdin.flush()
        assert process.stdout.readline().decode().strip() == NAME
        threads = f"/proc/{process.pid}/task"
        wait_until(lambda: len(os.listdir(threads)) > 1, "the thread for the file")
        process.send_signal(number)
        assert process.wait(60) == 128 + number


@pytest.mark.parametrize("option", ["-f", "-l"])
def test_signal_ends_script_opening_hanging_option(
    one_qemu: Server, hanging: HangingFileSystem, option: str
) -> None:
    with start(option, hanging.file, one_qemu.address) as process:
        threads = f"/proc/{process.pid}/task"
        wait_until(lambda: len(os.listdir(threads)) > 1, "the thread for the file")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 128 + signal.SIGTERM


def test_timeout_ends_hanging_write(one_qemu: Server, tmp_path: Path) -> None:
    with HangingFileSystem(tmp_path / "hanging", opens=True) as hanging:
        lines = f"query-name > {hanging.file}\nquery-name\n"
        result = run("--timeout", "2", one_qemu.address, input=lines)
        assert (result.status, result.lines) == (1, [NAME])
        assert f"{hanging.file}: not all data could be written within 2 s" in result.err


def test_timeout_ends_hanging_log(one_qemu: Server, tmp_path: Path) -> None:
    with HangingFileSystem(tmp_path / "hanging", opens=True) as hanging:
        options = ("--timeout", "1", "-l", hanging.file)
        result = run(*options, one_qemu.address, input="query-name\nquery-name\n")
        assert (result.status, result.lines) == (1, [NAME, NAME])
        assert result.err == "the log was closed: no data could be written within 1 s\n"


@contextlib.contextmanager
def _start_with_output(
    arguments: tuple[str, ...], *, stdout: int = subprocess.PIPE, stderr: int = subprocess.PIPE
) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=stderr,
        env=environment(),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def writable(tmp_path: Path) -> Iterator[HangingFileSystem]:
    """Return a file system that accepts one write, after which writes hang."""
    with HangingFileSystem(tmp_path / "hanging", writes=True) as writable:
        yield writable


@pytest.fixture
def output(writable: HangingFileSystem) -> Iterator[int]:
    """Return the descriptor of a file of it."""
    descriptor = os.open(writable.file, os.O_WRONLY | os.O_CREAT)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def test_timeout_ends_script_with_hanging_output(one_qemu: Server, output: int) -> None:
    arguments = ("--timeout", "2", one_qemu.address)
    with _start_with_output(arguments, stdout=output) as process:
        _, err = process.communicate(b"query-name\n" * 3, timeout=60)
    assert process.returncode == 1
    text = "cannot write to standard output: no data could be written within 2 s"
    assert err.decode() == f"qmpshell: {text}\n"


def _send_events(peer: Peer) -> None:
    peer.negotiate()
    peer.send(b'{"event": "STOP", "timestamp": {"seconds": 1, "microseconds": 0}}\n' * 3)
    peer.ended()


# The number of the system call `write`.
_WRITE = "64 " if os.uname().machine == "aarch64" else "1 "
WRITERS = {
    "script": "--no-probe -c query-name -c query-name {}",
    "events": "events -s {}",
    "list": "qom list -s {} /",
}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("name", WRITERS)
def test_signal_ends_program_with_hanging_output(
    one_qemu: Server,
    scripted: Callable[[Callable[[Peer], object]], ScriptedServer],
    writable: HangingFileSystem,
    output: int,
    name: str,
    number: signal.Signals,
) -> None:
    server = scripted(_send_events) if name == "events" else one_qemu
    arguments = tuple(WRITERS[name].format(server.address).split())
    with _start_with_output(arguments, stdout=output) as process:
        _end_while_writing(process, writable, number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_program_with_hanging_stderr(
    one_qemu: Server, writable: HangingFileSystem, output: int, number: signal.Signals
) -> None:
    arguments = ("-v", "-c", "query-name", "-c", "query-name", one_qemu.address)
    with _start_with_output(arguments, stderr=output) as process:
        _end_while_writing(process, writable, number)


def _end_while_writing(
    process: subprocess.Popen[bytes], writable: HangingFileSystem, number: signal.Signals
) -> None:
    writable.wait_until_last_answer()
    wait_until(lambda: _is_writing(process.pid), "the write that hangs")
    process.send_signal(number)
    assert process.wait(60) == 128 + number


def _is_writing(process: int) -> bool:
    """Return True if a thread of a process is in the system call `write`."""
    tasks = Path(f"/proc/{process}/task")
    for task in tasks.iterdir():
        with contextlib.suppress(OSError):
            if (task / "syscall").read_text("ascii").startswith(_WRITE):
                return True
    return False
