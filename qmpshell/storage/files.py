"""The user's files: where they are, and opening them without waiting for the other end of a FIFO."""

from __future__ import annotations

import errno
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_READ_SIZE = 1 << 20
# QEMU accepts no longer token (json-streamer.c, MAX_TOKEN_SIZE).
MAX_FILE_SIZE = 64 << 20
# File systems on disks and in memory. Any other may wait for a server or for another process.
_LOCAL = (
    *(b"bcachefs", b"btrfs", b"exfat", b"ext2", b"ext3", b"ext4", b"f2fs", b"jfs", b"nilfs2"),
    *(b"ntfs3", b"overlay", b"ramfs", b"reiserfs", b"tmpfs", b"vfat", b"xfs", b"zfs"),
)
# On a descriptor that only this process has. It does not change a regular file.
NON_BLOCKING = os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def config_path(environment: Mapping[str, str]) -> str | None:
    """Return the path of the settings file, or None if there is no place for it."""
    directory = _own_directory(environment, "XDG_CONFIG_HOME", ".config")
    return os.path.join(directory, "config.toml") if directory is not None else None


def state_directory(environment: Mapping[str, str]) -> str | None:
    """Return the directory for data that outlasts a session, or None if it is unknown."""
    return _own_directory(environment, "XDG_STATE_HOME", os.path.join(".local", "state"))


def _own_directory(environment: Mapping[str, str], variable: str, below_home: str) -> str | None:
    """Return the directory of qmpshell in a base directory (XDG Base Directory Specification).

    A relative path in a variable is ignored: nothing is read from or written to the current directory.
    """
    base = environment.get(variable, "")
    if not os.path.isabs(base):
        base = os.path.join(environment.get("HOME", ""), below_home)
    return os.path.join(base, "qmpshell") if os.path.isabs(base) else None


def failure_reason(error: OSError | ValueError, reasons: Mapping[int, str]) -> str:
    """Return why a file cannot be used: the reason for the number of the error, or the system's."""
    if not isinstance(error, OSError):
        return "a path cannot hold a NUL character"
    return reasons.get(error.errno or 0) or error.strerror or str(error)


def refusal_of_mode(mode: int) -> str:
    """Return why a file of this mode is not trusted, or ""."""
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"others can write to it (mode {stat.S_IMODE(mode):04o}); chmod go-w fixes that"
    return ""


class FileReader:
    """Reads the whole file at `path`. Raises OSError.

    Wait until the descriptor is readable, then call `read`, until it `has_ended`. A FIFO without a
    writer is not readable. With `is_interactive`, the terminal of the process cannot be read,
    because the shell reads its keys there.
    """

    def __init__(self, path: str, *, is_interactive: bool = False) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self.has_ended = False
        try:
            self._descriptor = os.open(os.path.expanduser(path), os.O_RDONLY | NON_BLOCKING)
        except ValueError as error:
            raise OSError(errno.EINVAL, str(error)) from None
        if is_interactive and _is_own_terminal(self._descriptor):
            self.close()
            raise OSError(errno.EBUSY, "the shell uses this terminal; @? asks for a value")
        self.is_regular = stat.S_ISREG(os.fstat(self._descriptor).st_mode)

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def read(self) -> None:
        """Read once. Raises OSError."""
        try:
            data = os.read(self._descriptor, _READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        self._parts.append(data)
        self._size += len(data)
        self.has_ended = not data
        if self._size > MAX_FILE_SIZE:
            raise OSError(errno.EFBIG, "larger than 64 MiB, which is the limit for a file")

    @property
    def data(self) -> bytes:
        """What was read."""
        return b"".join(self._parts)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def _is_own_terminal(descriptor: int) -> bool:
    try:
        return os.ttyname(descriptor) in ("/dev/tty", os.ttyname(0))
    except OSError:
        return False


def read_or_open(path: str, *, is_interactive: bool = False) -> FileReader:
    """Open a file, and read it if that cannot wait for another process. Raises OSError."""
    reader = FileReader(path, is_interactive=is_interactive)
    try:
        while reader.is_regular and not reader.has_ended:
            reader.read()
    except OSError:
        reader.close()
        raise
    return reader


def may_hang(descriptor: int) -> bool:
    """Return True for a regular file whose file system may not answer, such as a network file system."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        return False
    try:
        with open(f"/proc/self/fdinfo/{descriptor}", "rb") as fields:
            mount = next(line.split()[1] for line in fields if line.startswith(b"mnt_id:"))
        with open("/proc/self/mountinfo", "rb") as mounts:
            for line in mounts:
                before, _, after = line.partition(b" - ")
                if before.split()[0] == mount:
                    return after.split()[0] not in _LOCAL
    except (OSError, StopIteration):
        pass  # not Linux
    return True


def open_for_writing(path: str, flags: int) -> tuple[int, bool] | None:
    """Return a non-blocking descriptor, or None for a FIFO without a reader. Raises OSError.

    The flag is true if `poll` shows when the descriptor accepts data.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | flags | NON_BLOCKING, 0o666)
        mode = os.fstat(descriptor).st_mode
        return descriptor, not (stat.S_ISREG(mode) or stat.S_ISBLK(mode))
    except OSError as error:
        if error.errno == errno.ENXIO and stat.S_ISFIFO(os.stat(path).st_mode):
            return None
        raise
    except ValueError as error:
        raise OSError(errno.EINVAL, str(error)) from None
