"""A directory for one QEMU's socket, which nobody else can enter.

Owns: where it is, who may enter, and that it goes when it is no longer in use, be it at the next
start. Must not know: QEMU, processes but their ids.

A lock on the directory says that it is in use. QEMU inherits it, and so a directory whose shell has
gone and whose QEMU goes on is still seen to be in use.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
from collections.abc import Callable

from ..errors import LaunchError

SOCKET, LOG = "qmp.sock", "qemu.log"

# The longest path that a UNIX socket can be bound at, in bytes.
_LONGEST = 107


class PrivateDirectory:
    """A directory of mode 0700 that is locked. `socket` and `log` are paths in it."""

    def __init__(self, path: str) -> None:
        """Take over a directory that is there. Raises OSError."""
        self.path = path
        self.socket = os.path.join(path, SOCKET)
        self.log = os.path.join(path, LOG)
        # The descriptor that holds the lock; it is the one to be inherited.
        self.descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        with contextlib.suppress(OSError):  # a file system may have no locks
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def release(self) -> None:
        """Leave it as it is, to those who inherited the lock."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def remove(self) -> None:
        """Remove it with what is ours in it. What somebody else put there keeps it."""
        if self.descriptor >= 0:
            _remove(self.path)
            self.release()


def make_private_directory(runtime: str, *, pid: int) -> PrivateDirectory:
    """`qmpshell/PID` in the directory that $XDG_RUNTIME_DIR names; else, or where the path of a socket
    there would be too long, a fresh one among the temporary files. `pid` is our own.

    Raises LaunchError.
    """
    makers: tuple[Callable[[], str], ...] = (
        lambda: _make_in_runtime(runtime, pid),
        lambda: tempfile.mkdtemp(prefix="qmpshell-"),
        lambda: tempfile.mkdtemp(prefix="qmpshell-", dir="/tmp"),
    )
    problem = "the paths of all that were tried are too long"
    for make in makers:
        try:
            path = make()
            if path and len(os.fsencode(os.path.join(path, SOCKET))) <= _LONGEST:
                return PrivateDirectory(path)
            if path:
                os.rmdir(path)
        except OSError as error:
            problem = f"{error.filename}: {error.strerror}"
    raise LaunchError(f"there is no place for the directory of QEMU's socket: {problem}")


def _make_in_runtime(runtime: str, pid: int) -> str:
    """The path of a new directory there, or nothing. Raises OSError."""
    if not os.path.isabs(runtime) or not _is_ours(os.path.realpath(runtime)):
        return ""
    parent = os.path.join(runtime, "qmpshell")
    with contextlib.suppress(FileExistsError):
        os.mkdir(parent, 0o700)
    if not _is_ours(parent):
        return ""
    os.chmod(parent, 0o700)
    _sweep(parent, pid)
    path = os.path.join(parent, str(pid))
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:  # in use by the QEMU of a shell that had our number once
        path = tempfile.mkdtemp(prefix=f"{pid}-", dir=parent)
    return path


def _is_ours(path: str) -> bool:
    status = os.lstat(path)
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()


def _sweep(parent: str, pid: int) -> None:
    """Remove the directories whose shell and whose QEMU have gone. Our own `pid` has no shell yet."""
    for name in os.listdir(parent):
        owner = name.partition("-")[0]
        if owner.isascii() and owner.isdecimal() and (int(owner) == pid or not _lives(int(owner))):
            with contextlib.suppress(OSError):
                _remove_unused(os.path.join(parent, name))


def _lives(pid: int) -> bool:
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
    for name in (SOCKET, LOG):
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(path, name))
    with contextlib.suppress(OSError):
        os.rmdir(path)
