"""Tests of character devices: the pty of a real QEMU, and the mode of terminals."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import qmpshell
from qmpshell.errors import ConnectError
from qmpshell.transport import DeviceAddress, Stream, connect_with_retries, open_stream
from tests.harness.program import run, start
from tests.harness.screen import Terminal
from tests.harness.servers import INSTALLATIONS, Installation, Server
from tests.harness.typing import clear
from tests.harness.waiting import sleeps_less_than

LFLAG, OFLAG = 3, 1


def start_qemu_on_pty(installation: Installation) -> Server:
    process = subprocess.Popen(
        [
            installation.program("qemu-system-x86_64"),
            *installation.data_options(),
            *("-machine", "none", "-nodefaults", "-display", "none", "-S"),
            *("-name", "on-pty", "-qmp", "pty"),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=installation.environment(),
    )
    assert process.stdout is not None
    with process.stdout as output:
        for line in output:
            found = re.search(rb"/dev/\S+", line)
            if found:
                return Server(process, Path(os.fsdecode(found[0])))
    raise AssertionError("QEMU has named no pty")


@pytest.fixture(params=INSTALLATIONS, ids=lambda installation: installation.name)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with start_qemu_on_pty(request.param) as started:
        yield started


def open_device(path: str) -> Stream:
    return open_stream(DeviceAddress(path), timeout=1)


def read_until(stream: Stream, text: bytes) -> bytes:
    data = b""
    while text not in data:
        assert select.select([stream], [], [], 60)[0]
        data += stream.read() or b""
    return data


def test_script_runs_on_pty_again_and_again(server: Server) -> None:
    for _ in range(3):
        result = run(server.address, input="query-name\nquery-commands\nquery-status\n")
        assert result.status == 0, result.err
        assert result.err == ""
        assert result.lines[0] == '{"return": {"name": "on-pty"}}'
        assert '"status": "prelaunch"' in result.lines[2]


def test_library_runs_on_pty_again_and_again(server: Server) -> None:
    for _ in range(3):
        with qmpshell.connect(server.address) as qmp:
            assert qmp.execute("query-name") == {"name": "on-pty"}
            assert len(str(qmp.execute("query-qmp-schema"))) > 100_000
            assert list(qmp.get_events()) == []


def test_terminal_leaves_pty_and_returns(server: Server, one_qemu: Server) -> None:
    with Terminal("-q", server.address, columns=160) as terminal:
        terminal.wait_prompt()
        terminal.line("query-name")
        terminal.wait_above('{"return": {"name": "on-pty"}}')
        # The rest of the schema would be sent to the next client of the device.
        terminal.type("block_resize ")
        terminal.wait_toolbar("size: int")
        clear(terminal)
        terminal.line(f"/connect {one_qemu.address}; query-name")
        terminal.wait_above('{"return": {}}')
        terminal.line(f"/connect {server.address}; query-name")
        terminal.wait_above('{"return": {"name": "on-pty"}}', "VM state: prelaunch")
        assert "error" not in terminal.text
        server.kill()
        terminal.wait_above(f"{server.address}: connection lost")


def test_pty_reopened_before_qemu_notices_greets(server: Server) -> None:
    stream = open_device(server.address)
    stream.write(b'{"execute": "qmp_capabilities"}')
    read_until(stream, b'"return": {}')
    server.stop()  # so that it cannot notice the close before the next open
    stream.close()
    timer = threading.Timer(0.5, server.process.send_signal, (signal.SIGCONT,))
    timer.start()
    with qmpshell.connect(server.address) as qmp:
        assert qmp.execute("query-name") == {"name": "on-pty"}
    timer.join()


def test_large_write_to_stopped_server_does_not_block(server: Server) -> None:
    stream = open_device(server.address)
    read_until(stream, b'{"QMP"')
    server.stop()
    with sleeps_less_than(0.5):
        stream.write(b" " * 1_000_000)
        assert stream.want_write
        stream.close()
    server.process.send_signal(signal.SIGCONT)


def test_large_message_reaches_server(server: Server) -> None:
    with qmpshell.connect(server.address) as qmp:
        name = "n" * 100_000
        with pytest.raises(qmpshell.CommandError, match=r"n{1000}"):
            qmp.execute(name)


@pytest.fixture
def terminal_pair() -> Iterator[tuple[int, int]]:
    master, slave = pty.openpty()
    yield master, slave
    os.close(master)
    os.close(slave)


def test_device_mode_is_raw_until_close(terminal_pair: tuple[int, int]) -> None:
    master, slave = terminal_pair
    before = termios.tcgetattr(slave)
    assert before[LFLAG] & termios.ECHO
    stream = open_device(os.ttyname(slave))
    during = termios.tcgetattr(slave)
    assert not during[LFLAG] & (termios.ECHO | termios.ICANON | termios.ISIG)
    assert not during[OFLAG] & termios.OPOST
    os.write(master, b"\x03\xff\r\n")
    assert read_until(stream, b"\n") == b"\x03\xff\r\n"
    stream.write(b"a\r\n\xff")
    assert os.read(master, 100) == b"a\r\n\xff"
    assert os.get_blocking(slave)  # the O_NONBLOCK of another open file does not change it
    stream.close()
    assert termios.tcgetattr(slave) == before
    stream.close()


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let SIGINT raise KeyboardInterrupt, also if the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_caught_interrupt_keeps_device_mode_raw(terminal_pair: tuple[int, int]) -> None:
    _, slave = terminal_pair
    before = termios.tcgetattr(slave)
    stream = open_device(os.ttyname(slave))
    during = termios.tcgetattr(slave)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert termios.tcgetattr(slave) == during
    stream.close()
    assert termios.tcgetattr(slave) == before


def test_device_mode_is_restored_with_unread_output(terminal_pair: tuple[int, int]) -> None:
    _, slave = terminal_pair
    before = termios.tcgetattr(slave)
    stream = open_device(os.ttyname(slave))
    stream.write(b"x" * 100_000)
    assert stream.want_write
    stream.close()
    assert termios.tcgetattr(slave) == before


def test_end_of_other_side_is_end_of_stream() -> None:
    master, slave = pty.openpty()
    stream = open_device(os.ttyname(slave))
    os.close(master)
    assert select.select([stream], [], [], 60)[0]
    assert stream.read() == b""
    stream.close()
    os.close(slave)


def test_own_terminal_is_rejected(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address, columns=160) as terminal:
        terminal.wait_toolbar("prelaunch")  # the negotiation has ended
        terminal.line("/connect /dev/tty")
        terminal.wait_above("/dev/tty: this is the terminal that qmpshell runs in")
        terminal.line("query-name")
        terminal.wait_above('{"return": {}}')


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/dev/null", "not a device that a monitor can be behind"),
        ("/dev/ptmx-none", "no such device"),
        ("/", "Is a directory"),
    ],
)
def test_wrong_device_is_rejected(path: str, reason: str) -> None:
    with pytest.raises(ConnectError, match=reason):
        open_device(path)


def test_file_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(ConnectError, match="not a character device"):
        open_device(str(path))


def test_wait_retries_missing_device(tmp_path: Path, terminal_pair: tuple[int, int]) -> None:
    path = tmp_path / "serial"

    def sleep(_seconds: float) -> None:
        if not path.is_symlink():
            path.symlink_to(os.ttyname(terminal_pair[1]))

    stream = connect_with_retries(
        DeviceAddress(str(path)), wait=5, clock=time.monotonic, sleep=sleep
    )
    stream.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_signal_to_script_restores_terminal_mode(number: signal.Signals) -> None:
    master, slave = os.openpty()
    before = termios.tcgetattr(slave)
    with start("-N", os.ttyname(slave)) as process:
        assert process.stdin is not None
        process.stdin.write(b"query-name\n")
        process.stdin.flush()
        assert b"query-name" in os.read(master, 4096)
        assert termios.tcgetattr(slave) != before
        process.send_signal(number)
        assert process.wait(60) in (128 + number, -number)
    assert termios.tcgetattr(slave) == before
    os.close(master)
    os.close(slave)
