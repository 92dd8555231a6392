"""Tests of the directory of QEMU's socket: its path, permissions and removal."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from qmpshell.errors import LaunchError
from qmpshell.qemu import make_runtime_directory
from qmpshell.qemu.runtime_dir import RuntimeDirectory


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    path = tmp_path / "run"
    path.mkdir(0o700)
    return path


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a directory that replaces the system's temporary directory."""
    path = tmp_path / "tmp"
    path.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(path))
    return path


@pytest.fixture
def dead_pid() -> int:
    """Return the process ID of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


@pytest.fixture
def holder() -> Iterator[subprocess.Popen[bytes]]:
    """Start a process that runs until the test ends."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.communicate(b"\n")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_directory_in_runtime_dir_is_private(runtime: Path) -> None:
    before = os.umask(0)
    try:
        directory = make_runtime_directory(str(runtime), pid=os.getpid())
    finally:
        os.umask(before)
    path = runtime / "qmpshell" / str(os.getpid())
    assert directory.path == str(path)
    assert directory.socket == str(path / "qmp.sock")
    assert mode(path) == mode(path.parent) == 0o700
    (path / "qmp.sock").touch()
    (path / "qemu.log").touch()
    directory.remove()
    directory.remove()
    assert list(runtime.rglob("*")) == [runtime / "qmpshell"]


def test_remove_keeps_files_of_others(runtime: Path) -> None:
    directory = make_runtime_directory(str(runtime), pid=os.getpid())
    Path(directory.path, "core").touch()
    Path(directory.socket).touch()
    directory.remove()
    assert os.listdir(directory.path) == ["core"]


def test_accessible_parent_becomes_private(runtime: Path) -> None:
    (runtime / "qmpshell").mkdir()
    (runtime / "qmpshell").chmod(0o777)
    make_runtime_directory(str(runtime), pid=os.getpid()).remove()
    assert mode(runtime / "qmpshell") == 0o700


@pytest.mark.parametrize("text", ["", "run", "/nonexistent"])
def test_no_runtime_dir_uses_temporary_directory(
    temporary: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(temporary.parent)
    Path("run").mkdir()
    directory = make_runtime_directory(text, pid=os.getpid())
    assert Path(directory.path).parent == temporary
    assert mode(Path(directory.path)) == 0o700
    directory.remove()
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("others", [".", "qmpshell"])
def test_directory_of_another_user_is_not_used(
    runtime: Path, temporary: Path, others: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (runtime / "qmpshell").mkdir()
    foreign = (runtime / others).resolve()
    true_lstat = os.lstat

    def lstat(path: str) -> os.stat_result:
        status = true_lstat(path)
        if Path(path) != foreign:
            return status
        return os.stat_result((*status[:4], status.st_uid + 1, *status[5:10]))

    monkeypatch.setattr(os, "lstat", lstat)
    directory = make_runtime_directory(str(runtime), pid=os.getpid())
    assert Path(directory.path).parent == temporary
    directory.remove()


def test_symlink_as_parent_is_not_followed(runtime: Path, temporary: Path) -> None:
    elsewhere = runtime / "elsewhere"
    elsewhere.mkdir()
    (runtime / "qmpshell").symlink_to(elsewhere)
    directory = make_runtime_directory(str(runtime), pid=os.getpid())
    assert Path(directory.path).parent == temporary
    directory.remove()
    assert list(elsewhere.iterdir()) == []


@pytest.mark.usefixtures("temporary")
def test_too_long_socket_path_uses_another_directory(runtime: Path) -> None:
    deep = runtime / ("ä" * 50)
    deep.mkdir(0o700)
    directory = make_runtime_directory(str(deep), pid=os.getpid())
    assert not directory.path.startswith(str(deep))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(directory.socket)
    directory.remove()
    assert list(deep.rglob("*")) == [deep / "qmpshell"]


def test_too_long_temporary_path_uses_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("a" * 100)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    directory = make_runtime_directory("", pid=os.getpid())
    assert Path(directory.path).parent == Path("/tmp")
    directory.remove()
    assert list(deep.iterdir()) == []


def test_no_usable_directory_raises_launch_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def mkdtemp(*_arguments: object, **_keywords: object) -> str:
        raise PermissionError(13, "Permission denied", "/tmp/x")

    monkeypatch.setattr(tempfile, "mkdtemp", mkdtemp)
    with pytest.raises(LaunchError, match="/tmp/x: Permission denied"):
        make_runtime_directory("", pid=os.getpid())


def test_directories_of_killed_shells_are_removed(runtime: Path, dead_pid: int) -> None:
    for name in (str(dead_pid), f"{dead_pid}-abc", str(os.getpid())):
        left = runtime / "qmpshell" / name
        left.mkdir(parents=True)
        (left / "qmp.sock").touch()
        (left / "qemu.log").touch()
    (runtime / "qmpshell" / "notes").mkdir()
    (runtime / "qmpshell" / f"{dead_pid}-file").touch()
    make_runtime_directory(str(runtime), pid=os.getpid()).remove()
    left_over = {path.name for path in (runtime / "qmpshell").iterdir()}
    assert left_over == {"notes", f"{dead_pid}-file"}


def test_threads_get_their_own_directories(runtime: Path) -> None:
    start = threading.Barrier(4)

    def make(_number: int) -> RuntimeDirectory:
        start.wait(60)
        return make_runtime_directory(str(runtime), pid=os.getpid())

    with ThreadPoolExecutor(4) as threads:
        for _ in range(50):
            made = list(threads.map(make, range(4)))
            assert len({directory.path for directory in made}) == 4
            for directory in made:
                assert os.path.isdir(directory.path)
                directory.remove()


def test_directory_of_running_shell_is_kept(runtime: Path, holder: subprocess.Popen[bytes]) -> None:
    living = runtime / "qmpshell" / str(holder.pid)
    living.mkdir(parents=True)
    make_runtime_directory(str(runtime), pid=os.getpid()).remove()
    assert living.exists()


def test_directory_held_by_child_is_kept(runtime: Path, dead_pid: int) -> None:
    directory = make_runtime_directory(str(runtime), pid=dead_pid)
    os.set_inheritable(directory.descriptor, True)
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False
    ) as heir:
        directory.release()
        # Another shell can get the same process ID.
        other = make_runtime_directory(str(runtime), pid=dead_pid)
        assert Path(other.path).parent == Path(directory.path).parent
        assert Path(other.path).name.startswith(f"{dead_pid}-")
        assert os.path.isdir(directory.path)
        heir.communicate(b"\n")
    other.remove()
    make_runtime_directory(str(runtime), pid=os.getpid()).remove()
    assert not os.path.exists(directory.path)
