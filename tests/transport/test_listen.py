"""Tests of the listener: the mode of its path, whose files it removes, and whom it accepts."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from qmpshell.errors import ConnectError
from qmpshell.transport import FdAddress, Listener, TcpAddress, UnixAddress

CONNECT = """
import os, socket, sys
os.setuid(int(sys.argv[2]))
with socket.socket(socket.AF_UNIX) as client:
    client.connect(sys.argv[1].replace("@", chr(0)))
    client.sendall(b"x")
    print(client.recv(1))
"""


def connect(path: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(60)
    try:
        client.connect(str(path))
    except OSError:
        client.close()
        raise
    return client


def start_client(name: str, uid: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-c", CONNECT, name, str(uid)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def leave_socket(path: Path) -> None:
    """Leave the socket of a program that has ended."""
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))


LEAVE = (
    "import os, sys; from qmpshell.transport import Listener, UnixAddress;"
    " Listener(UnixAddress(sys.argv[1])); os._exit(0)"
)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o177, 0o777])
def test_socket_has_mode_0600_with_any_umask(tmp_path: Path, mask: int) -> None:
    path = tmp_path / "a.sock"
    before = os.umask(mask)
    try:
        listener = Listener(UnixAddress(str(path)))
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    listener.close()


def test_close_removes_socket_and_lock(tmp_path: Path) -> None:
    listener = Listener(UnixAddress(str(tmp_path / "a.sock")))
    assert len(list(tmp_path.iterdir())) == 2
    listener.close()
    listener.close()
    assert list(tmp_path.iterdir()) == []


def test_close_keeps_file_that_replaced_socket(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    listener = Listener(UnixAddress(str(path)))
    path.unlink()
    path.write_text("somebody else's")
    listener.close()
    assert path.read_text() == "somebody else's"


def test_socket_of_killed_qmpshell_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    for _ in range(2):
        subprocess.run([sys.executable, "-c", LEAVE, str(path)], check=True)
        assert path.is_socket()
    listener = Listener(UnixAddress(str(path)))
    with connect(path):
        listener.accept(timeout=60).close()
    listener.close()
    assert list(tmp_path.iterdir()) == []


def test_foreign_socket_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    leave_socket(path)
    path.chmod(0o600)
    before = path.stat().st_ino
    with pytest.raises(ConnectError, match="a socket that qmpshell has not created is there"):
        Listener(UnixAddress(str(path)))
    assert path.stat().st_ino == before
    assert list(tmp_path.iterdir()) == [path]


def test_foreign_socket_after_killed_qmpshell_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    subprocess.run([sys.executable, "-c", LEAVE, str(path)], check=True)
    leave_socket(tmp_path / "b.sock")
    (tmp_path / "b.sock").rename(path)
    with pytest.raises(ConnectError, match="a socket that qmpshell has not created"):
        Listener(UnixAddress(str(path)))
    assert path.is_socket()


def test_served_socket_of_qmpshell_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    code = LEAVE.replace("os._exit(0)", "os.close(int(sys.argv[2]))").replace(
        "Listener(", "held = Listener("
    )
    with Listening(path, code):
        with pytest.raises(ConnectError, match="a socket that qmpshell has not created"):
            Listener(UnixAddress(str(path)))
        connect(path).close()


class Listening:
    """A process that listens at a path of qmpshell's after it has lost the lock."""

    def __init__(self, path: Path, code: str) -> None:
        code = code.replace("int(sys.argv[2])", "held._path._descriptor")
        self._process = subprocess.Popen(
            [sys.executable, "-c", f"{code}; print(1, flush=True); sys.stdin.read()", str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> None:
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"1\n"

    def __exit__(self, *exception: object) -> None:
        self._process.communicate(timeout=60)


def test_second_listener_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    listener = Listener(UnixAddress(str(path)))
    with pytest.raises(ConnectError, match="cannot listen: another qmpshell listens there"):
        Listener(UnixAddress(str(path)))
    connect(path).close()
    listener.close()


def test_existing_file_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    path.write_text("precious")
    with pytest.raises(ConnectError, match="a file that qmpshell has not created is there"):
        Listener(UnixAddress(str(path)))
    assert path.read_text() == "precious"


def test_lock_of_other_content_keeps_file(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    status = path.parent.stat()
    leave_socket(path)
    for content in ("", "x y\n", f"{status.st_dev} {status.st_ino}\n"):
        (tmp_path / ".a.sock.qmpshell").write_text(content)
        with pytest.raises(ConnectError, match="has not created"):
            Listener(UnixAddress(str(path)))


def test_missing_directory_raises_connect_error(tmp_path: Path) -> None:
    with pytest.raises(ConnectError, match="cannot listen: No such file or directory"):
        Listener(UnixAddress(str(tmp_path / "none" / "a.sock")))


def test_inherited_descriptor_raises_connect_error() -> None:
    with pytest.raises(ConnectError, match="cannot listen at an address of this kind"):
        Listener(FdAddress(3))


def test_used_port_raises_connect_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(ConnectError, match="cannot listen: the address is in use"):
            Listener(TcpAddress("127.0.0.1", port))


def test_accept_timeout_raises_connect_error(tmp_path: Path) -> None:
    listener = Listener(UnixAddress(str(tmp_path / "a.sock")))
    with pytest.raises(ConnectError, match=r"no connection within 0\.01 s; does QEMU connect"):
        listener.accept(timeout=0.01)
    listener.close()


def test_second_caller_is_refused_until_next_accept(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    listener = Listener(UnixAddress(str(path)))
    with connect(path), connect(path) as early:  # both wait before the first is accepted
        stream = listener.accept(timeout=60)
        with pytest.raises(ConnectionResetError):
            early.recv(1)
        with pytest.raises(OSError, match="refused"):
            connect(path)
        assert path.is_socket()
    stream.close()
    called: list[socket.socket] = []

    def call() -> None:
        while not called:
            with contextlib.suppress(ConnectionRefusedError, FileNotFoundError):
                called.append(connect(path))

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    listener.accept(timeout=60).close()
    thread.join(60)
    called[0].close()
    listener.close()
    assert list(tmp_path.iterdir()) == []


def test_second_tcp_caller_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    listener = Listener(TcpAddress("127.0.0.1", port))
    with socket.create_connection(("127.0.0.1", port)):
        stream = listener.accept(timeout=60)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
    stream.close()
    listener.close()


def test_new_accept_ends_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    listener = Listener(UnixAddress(str(path)))
    ended: list[str] = []

    def accept() -> None:
        with pytest.raises(ConnectError) as caught:
            listener.accept(timeout=60)
        ended.append(str(caught.value))

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    while not listener._is_accepting:
        pass
    with pytest.raises(ConnectError, match="no connection within"):
        listener.accept(timeout=0.01)
    thread.join(60)
    assert ended == [f"{path}: stopped listening"]
    listener.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a process of another user")
def test_process_of_another_user_is_refused() -> None:
    name = f"qmpshell-test-{os.getpid()}"
    listener = Listener(UnixAddress(name, abstract=True))
    notices: list[str] = []
    with start_client(f"@{name}", 65534) as stranger:
        while not notices:
            with pytest.raises(ConnectError, match="no connection"):
                listener.accept(timeout=0.2, notice=notices.append)
        stranger.communicate(timeout=60)
    assert notices == [
        f"unix:{name},abstract=on: refused a process of another user (uid 65534, pid {stranger.pid})"
    ]
    with start_client(f"@{name}", os.geteuid()) as friend:
        stream = listener.accept(timeout=60, notice=notices.append)
        stream.write(b"y")
        assert friend.communicate(timeout=60)[0] == b"b'y'\n"
    stream.close()
    listener.close()
    assert len(notices) == 1


def test_close_during_bind_removes_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listener = Listener(UnixAddress(str(tmp_path / "a.sock")))
    with connect(tmp_path / "a.sock"):
        listener.accept(timeout=60).close()
    real, states = os.stat, list[int]()

    def interrupt(path: str) -> os.stat_result:
        status = real(path)
        if not states:
            states.append(len(list(tmp_path.iterdir())))
            listener.close()  # as a signal handler does, which then ends the process
        return status

    monkeypatch.setattr(os, "stat", interrupt)
    with pytest.raises(ConnectError):
        listener.accept(timeout=0.01)
    assert states == [2]
    assert list(tmp_path.iterdir()) == []
