"""Test `--listen`, and `listen` of the library, with a QEMU that connects."""

from __future__ import annotations

import signal
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from qmpshell import ConnectionLost, connect, listen
from qmpshell.errors import ConnectError
from tests.harness.processes import wait_until
from tests.harness.program import COMMAND, environment, run
from tests.harness.screen import Terminal
from tests.harness.servers import SYSTEM, Installation, Server, start_qemu


def start_client(installation: Installation, tmp_path: Path, address: Path | str) -> Server:
    """Start a QEMU that connects to the address, and tries again until somebody listens there."""
    again = "reconnect-ms=100" if installation.major >= 10 else "reconnect=1"
    where = f"path={address}" if isinstance(address, Path) else address
    return start_qemu(
        installation,
        tmp_path / "vm.sock",
        *("-chardev", f"socket,id=c,{where},server=off,{again}", "-mon", "chardev=c,mode=control"),
    )


def start_listening(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*COMMAND, "--listen", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )


def is_refused(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as caller:
        return caller.connect_ex(str(path)) != 0


def test_listen_option_accepts_waiting_qemu(installation: Installation, tmp_path: Path) -> None:
    path = tmp_path / "listen.sock"
    with (
        start_client(installation, tmp_path, path) as server,
        start_listening("--wait", "60", "-c", "query-name", str(path)) as shell,
    ):
        out, err = shell.communicate(timeout=60)
        assert (shell.returncode, out, err) == (0, b'{"return": {}}\n', b"")
        # The same QEMU connects again.
        with start_listening("-c", "query-status", f"unix:{path},server=on") as again:
            assert b"prelaunch" in again.communicate(timeout=60)[0]
        assert server.process.poll() is None
    assert not list(tmp_path.glob("*listen*"))


def test_listen_option_accepts_qemu_on_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (
        start_client(SYSTEM, tmp_path, f"host=127.0.0.1,port={port}"),
        start_listening("--wait", "60", "-c", "query-name", f"127.0.0.1:{port}") as shell,
    ):
        assert shell.communicate(timeout=60)[0] == b'{"return": {}}\n'


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
@pytest.mark.parametrize("connected", [False, True])
def test_listen_option_removes_socket_at_signal(
    tmp_path: Path, number: signal.Signals, connected: bool
) -> None:
    path = tmp_path / "listen.sock"
    with start_listening(str(path)) as shell:
        wait_until(path.exists, "no socket")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        if connected:
            assert shell.stdin is not None and shell.stdout is not None
            with start_client(SYSTEM, tmp_path, path):
                shell.stdin.write(b"query-name\n")
                shell.stdin.flush()
                assert shell.stdout.readline() == b'{"return": {}}\n'
                assert is_refused(path)
                shell.send_signal(number)
                shell.wait(60)
        else:
            shell.send_signal(number)
        # Both are the same for the user's shell.
        assert shell.wait(60) in (128 + number, -number)
        assert shell.communicate()[1] == b""
    assert not list(tmp_path.glob("*listen*"))


def test_listen_option_replaces_socket_after_kill(tmp_path: Path) -> None:
    path = tmp_path / "listen.sock"
    with start_listening(str(path)) as killed:
        wait_until(path.exists, "no socket")
        result = run("--listen", str(path), timeout=60)
        assert (result.status, result.err) == (
            3,
            f"qmpshell: {path}: cannot listen: another qmpshell listens there\n",
        )
        killed.kill()
        killed.communicate()
    assert path.is_socket()
    with (
        start_client(SYSTEM, tmp_path, path),
        start_listening("--wait", "60", "-c", "query-name", str(path)) as shell,
    ):
        assert shell.communicate(timeout=60)[0] == b'{"return": {}}\n'
    assert not path.exists()


def test_listen_option_keeps_socket_of_qemu(one_qemu: Server) -> None:
    result = run("--listen", one_qemu.address)
    assert result.status == 3
    assert "a socket that qmpshell has not created is there" in result.err
    assert run("-c", "query-name", one_qemu.address).status == 0


def test_terminal_listens_again_after_loss(tmp_path: Path) -> None:
    path = tmp_path / "listen.sock"
    with Terminal("--listen", str(path), columns=160) as terminal:
        terminal.wait_for(f"Waiting for QEMU to connect to {path}. Ctrl-C stops waiting.")
        with start_client(SYSTEM, tmp_path, path) as server:
            terminal.wait_ready()
            assert is_refused(path)
            server.kill()
            terminal.wait_above("connection lost")
        (tmp_path / "vm.sock").unlink()
        terminal.line("/connect; query-name")
        terminal.wait_toolbar(f"waiting for a connection to {path}")
        with start_client(SYSTEM, tmp_path, path):
            terminal.wait_above('{"return": {}}', "VM state: prelaunch")
            terminal.type("\x04")
            assert terminal.end() == 0
    assert not list(tmp_path.glob("*listen*"))


def test_terminal_stops_listening_and_starts_again(tmp_path: Path) -> None:
    path = tmp_path / "listen.sock"
    with Terminal("--listen", "-q", str(path), columns=160) as terminal:
        with start_client(SYSTEM, tmp_path, path) as server:
            terminal.wait_toolbar("prelaunch")  # the negotiation has ended
            server.kill()
            terminal.wait_above("connection lost")
        (tmp_path / "vm.sock").unlink()
        for _ in range(2):
            terminal.line("/connect")
            terminal.wait_toolbar("waiting for a connection to")
            terminal.type("\x03")
            terminal.wait_above("not connected")
            terminal.wait(lambda: "waiting" not in terminal.toolbar, "toolbar without a wait")
        terminal.line("/connect")
        terminal.wait_toolbar("waiting for a connection to")
        with start_client(SYSTEM, tmp_path, path):
            terminal.wait_above("VM state: prelaunch")
            assert terminal.leave() == 0
    assert not list(tmp_path.glob("*listen*"))


@pytest.mark.parametrize("keys", ["\x03", "\x04"])
def test_terminal_removes_socket_when_left(tmp_path: Path, keys: str) -> None:
    path = tmp_path / "listen.sock"
    with Terminal("--listen", str(path), columns=160) as terminal:
        terminal.wait_for("Waiting for QEMU")
        if keys == "\x04":
            with start_client(SYSTEM, tmp_path, path):
                terminal.wait_ready()
                terminal.type(keys)
                assert terminal.end() == 0
        else:
            terminal.type(keys)
            assert terminal.end() == 130
    assert not list(tmp_path.glob("*listen*"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_terminal_removes_socket_at_signal(tmp_path: Path, number: signal.Signals) -> None:
    path = tmp_path / "listen.sock"
    with (
        Terminal("--listen", str(path), columns=160) as terminal,
        start_client(SYSTEM, tmp_path, path),
    ):
        terminal.wait_ready()
        terminal.signal(number)
        assert terminal.end() == 128 + number
        assert not list(tmp_path.glob("*listen*"))


def test_library_listen_accepts_reconnecting_qemu(
    installation: Installation, tmp_path: Path
) -> None:
    path = tmp_path / "listen.sock"
    with listen(str(path)) as server, start_client(installation, tmp_path, path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        for _ in range(2):
            with server.accept(wait=60) as qmp:
                assert qmp.execute("query-name") == {}
                assert is_refused(path)
                with pytest.raises(ConnectError, match="refused"):
                    connect(path)
        with pytest.raises(ConnectError, match="another qmpshell listens there"):
            listen(path)
    assert not list(tmp_path.glob("*listen*"))


def test_library_listen_survives_loss_of_qemu(tmp_path: Path) -> None:
    path = tmp_path / "listen.sock"
    with listen(path) as server:
        with start_client(SYSTEM, tmp_path, path) as client:
            qmp = server.accept(wait=60)
            client.kill()
            with qmp, pytest.raises(ConnectionLost):
                qmp.execute("query-name")
        (tmp_path / "vm.sock").unlink()
        with start_client(SYSTEM, tmp_path, path), server.accept(wait=60) as again:
            assert again.execute("query-name") == {}
