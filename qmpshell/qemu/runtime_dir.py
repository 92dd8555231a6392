"""A private directory for QEMU's socket, or for a picture of its screen, removed after its last use.

A lock on the directory shows that it is in use. QEMU inherits the lock, so that the directory of a
QEMU that outlives its shell is still in use. Leftovers are removed at the next start.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
import threading
from collections.abc import Callable

from ..errors import LaunchError
from ..transport import CleanupOnSignal, hold_signals, read_links

SOCKET, LOG, PICTURE = "qmp.sock", "qemu.log", "picture"

# The maximum path length of a UNIX socket, in bytes.
_MAX_SOCKET_PATH = 107
# Held until a new directory is locked, because another thread would remove it as a leftover.
_MAKING = threading.Lock()


class RuntimeDirectory:
    """A locked directory of mode 0700. `socket`, `log` and `picture` are paths in it."""

    def __init__(self, path: str) -> None:
        """Open an existing directory. Raises OSError."""
        self.path = path
        self.socket = os.path.join(path, SOCKET)
        self.log = os.path.join(path, LOG)
        self.picture = os.path.join(path, PICTURE)
        # The descriptor that holds the lock, to be inherited.
        self.descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        with contextlib.suppress(OSError):  # a file system may have no locks
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def find_holders(self, argument: str) -> list[int]:
        """Return the running processes that have inherited the lock and have this argument, on Linux.

        A process that this one has forked inherits the lock too.
        """
        self.release()
        with contextlib.suppress(OSError):
            self.descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return _find_users(self.descriptor, argument)
        return []

    def release(self) -> None:
        """Leave the directory to the processes that have inherited the lock."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def remove(self) -> None:
        """Remove the directory and its known files. Other files keep it."""
        if self.descriptor >= 0:
            _remove(self.path)
            self.release()


class PictureDirectory:
    """A directory in which QEMU writes one picture. A signal that ends this process removes it too.

    The parameters are those of `make_runtime_directory`. Raises LaunchError.
    """

    def __init__(self, runtime: str, *, pid: int) -> None:
        with hold_signals():
            self._directory = make_runtime_directory(runtime, pid=pid)
            self._cleanup = CleanupOnSignal(lambda _number: self._directory.remove())
        self.picture = self._directory.picture

    def remove(self) -> None:
        """Remove the directory and the picture."""
        self._directory.remove()
        self._cleanup.close()


def _find_users(descriptor: int, argument: str) -> list[int]:
    """Return the processes with this argument that have the directory of a descriptor open."""
    path, word = os.readlink(f"/proc/self/fd/{descriptor}"), os.fsencode(argument)
    found = []
    for name in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{name}/cmdline", "rb") as file:
            words = file.read().split(b"\0")
            if word in words and path in read_links(f"/proc/{name}/fd").values():
                found.append(int(name))
    return found


def make_runtime_directory(runtime: str, *, pid: int) -> RuntimeDirectory:
    """Create a directory `qmpshell/PID` in `runtime`, the value of $XDG_RUNTIME_DIR.

    If that is impossible, or the path of the socket would be too long, create a temporary
    directory. `pid` is this process. Raises LaunchError.
    """
    makers: tuple[Callable[[], str], ...] = (
        lambda: _make_in_runtime(runtime, pid),
        lambda: tempfile.mkdtemp(prefix="qmpshell-"),
        lambda: tempfile.mkdtemp(prefix="qmpshell-", dir="/tmp"),
    )
    problem = "all paths that were tried are too long"
    with _MAKING:
        for make in makers:
            try:
                path = make()
                if path and len(os.fsencode(os.path.join(path, SOCKET))) <= _MAX_SOCKET_PATH:
                    return RuntimeDirectory(path)
                if path:
                    os.rmdir(path)
            except OSError as error:
                problem = f"{error.filename}: {error.strerror}"
    raise LaunchError(f"cannot create a directory for QEMU's files: {problem}")


def _make_in_runtime(runtime: str, pid: int) -> str:
    """Return the path of a new directory there, or "". Raises OSError."""
    if not os.path.isabs(runtime) or not _is_ours(os.path.realpath(runtime)):
        return ""
    parent = os.path.join(runtime, "qmpshell")
    with contextlib.suppress(FileExistsError):
        os.mkdir(parent, 0o700)
    if not _is_ours(parent):
        return ""
    os.chmod(parent, 0o700)
    _remove_stale(parent, pid)
    path = os.path.join(parent, str(pid))
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:  # in use by the QEMU of an earlier shell with the same pid
        path = tempfile.mkdtemp(prefix=f"{pid}-", dir=parent)
    return path


def _is_ours(path: str) -> bool:
    status = os.lstat(path)
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()


def _remove_stale(parent: str, pid: int) -> None:
    """Remove the directories whose shell and QEMU have ended. `pid` has no shell yet."""
    for name in os.listdir(parent):
        owner = name.partition("-")[0]
        if (
            owner.isascii()
            and owner.isdecimal()
            and (int(owner) == pid or not _is_running(int(owner)))
        ):
            with contextlib.suppress(OSError):
                _remove_unused(os.path.join(parent, name))


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def _remove_unused(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove(path)
    finally:
        os.close(descriptor)


def _remove(path: str) -> None:
    for name in (SOCKET, LOG, PICTURE):
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(path, name))
    with contextlib.suppress(OSError):
        os.rmdir(path)
