"""Tests of QEMU as a context manager in the library."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from qmpshell import CommandLineError, ConnectionLost, LaunchedQemu, LaunchError, connect, launch
from qmpshell.transport import LISTENING, read_links, read_unix_sockets, socket_inode
from tests.harness.processes import find, killed_afterwards, wait_until
from tests.harness.servers import SYSTEM, Installation

MARK = f"name-of-launch-test-{os.getpid()}"
EMPTY = ["-machine", "none", "-nodefaults", "-display", "none", "-name", MARK]


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the runtime directory; assert afterwards that no file or process remains."""
    path = tmp_path / "r"
    path.mkdir(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(path))
    monkeypatch.delenv("QEMU", raising=False)
    with killed_afterwards(MARK):
        yield path
        assert find(MARK) == []
        assert list(path.glob("qmpshell/*")) == []


def test_launch_starts_and_ends_qemu(installation: Installation) -> None:
    program = Path(installation.program("qemu-system-x86_64"))
    variables = installation.environment()
    command: list[str | Path] = [program, *installation.data_options(), *EMPTY]
    with launch(command, environment=variables) as qmp:
        assert find(MARK) == [qmp.pid]
        assert qmp.execute("query-name") == {"name": MARK}
        assert qmp.poll() is None
    assert qmp.poll() == 0
    assert qmp.output == ""
    with pytest.raises(ConnectionLost, match="the connection is closed"):
        qmp.execute("query-name")
    qmp.close()


def test_listening_socket_does_not_block() -> None:
    # Otherwise QEMU answers no command after about one of a thousand starts.
    with launch([SYSTEM.program("qemu-system-x86_64"), *EMPTY]) as qmp:
        listeners = {item.inode for item in read_unix_sockets() if item.state == LISTENING}
        own = {
            number
            for number, link in read_links(f"/proc/{qmp.pid}/fd").items()
            if socket_inode(link) in listeners
        }
        (number,) = own
        flags = re.search(r"flags:\s+(\d+)", Path(f"/proc/{qmp.pid}/fdinfo/{number}").read_text())
        assert flags is not None
        assert int(flags[1], 8) & os.O_NONBLOCK


def test_launch_of_a_string_raises_type_error() -> None:
    with pytest.raises(TypeError, match="a list of words, not a string"):
        launch("qemu-system-x86_64")


def test_launch_without_command_starts_default_vm() -> None:
    with launch() as qmp:
        assert qmp.execute("query-status")["status"] == "prelaunch"


def test_launch_accepts_a_wrapper_and_the_qemu_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    with launch(["nice", "-n", "5", SYSTEM.program("qemu-system-x86_64"), *EMPTY]) as qmp:
        assert qmp.execute("query-name") == {"name": MARK}
    monkeypatch.setenv("QEMU", f"{SYSTEM.program('qemu-system-x86_64')} -name {MARK}")
    with launch(EMPTY[:-2]) as qmp:
        assert qmp.execute("query-name") == {"name": MARK}


def test_close_spares_forked_process() -> None:
    reading, writing = os.pipe()
    with launch(EMPTY):
        worker = os.fork()
        if worker == 0:
            os.close(writing)
            os._exit(len(os.read(reading, 1)))
    os.write(writing, b"x")
    assert os.waitpid(worker, 0)[1] == 1 << 8
    os.close(reading)
    os.close(writing)


def test_forked_process_that_closes_spares_qemu() -> None:
    with launch(EMPTY) as qmp:
        worker = os.fork()
        if worker == 0:
            try:
                qmp.close()
            finally:
                os._exit(0)
        os.waitpid(worker, 0)
        assert qmp.execute("query-name") == {"name": MARK}


def test_concurrently_launched_qemus_are_independent() -> None:
    with ThreadPoolExecutor(4) as threads, contextlib.ExitStack() as stack:
        for _ in range(3):
            started = [threads.submit(launch, EMPTY) for _ in range(4)]
            first, *others = [stack.enter_context(each.result()) for each in started]
            first.close()
            for qmp in others:
                assert qmp.execute("query-name") == {"name": MARK}


def test_two_launched_qemus_are_independent() -> None:
    with launch(EMPTY) as first, launch(EMPTY) as second:
        assert first.address != second.address
        assert first.execute("query-name") == second.execute("query-name")
        first.close()
        with connect(second.address, negotiate=False, wait=60):
            assert second.execute("query-name") == {"name": MARK}


def test_launch_failure_contains_output_of_qemu() -> None:
    with pytest.raises(LaunchError, match=r"exited with status 1 .*: invalid option"):
        launch([*EMPTY, "-nonsense"])
    with pytest.raises(LaunchError, match=r"ready, without any output$"):
        launch(["true"])
    with pytest.raises(LaunchError, match="no such program in PATH"):
        launch(["no-such-qemu"])
    with pytest.raises(CommandLineError, match="-daemonize"):
        launch([*EMPTY, "-daemonize"])


def test_exception_in_the_block_ends_qemu() -> None:
    with pytest.raises(ZeroDivisionError), launch(EMPTY):
        assert 1 / 0


def test_crash_is_reported_with_status() -> None:
    with launch(EMPTY) as qmp:
        os.kill(qmp.pid, signal.SIGKILL)
        with pytest.raises(ConnectionLost, match="the reply to query-name will not arrive"):
            qmp.execute("query-name")
        wait_until(lambda: qmp.poll() == -signal.SIGKILL, "end of QEMU")


def test_output_of_running_qemu_can_be_read() -> None:
    with launch([*EMPTY, "-serial", "pty"]) as qmp:
        assert "char device redirected to /dev/pts/" in qmp.output
    assert "char device redirected to /dev/pts/" in qmp.output


def test_qemu_outlives_the_thread_that_launched_it() -> None:
    launched: list[LaunchedQemu] = []
    thread = threading.Thread(target=lambda: launched.append(launch(EMPTY)), daemon=True)
    thread.start()
    thread.join(60)
    with launched[0] as qmp:
        assert qmp.execute("query-name") == {"name": MARK}
