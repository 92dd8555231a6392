"""A file system that does not answer, like one on a server in the network that is down."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import pytest

# The operations of linux/fuse.h.
_LOOKUP, _FORGET, _GETATTR, _OPEN, _WRITE, _INIT, _CREATE = 1, 2, 3, 14, 16, 26, 35
_IN_HEADER = struct.Struct("=IIQQIIII")
_OUT_HEADER = struct.Struct("=IiQ")
_MS_NOSUID, _MS_NODEV = 2, 4
_MNT_FORCE, _MNT_DETACH = 1, 2
_FOPEN_NOFLUSH = 1 << 5  # the end of a process would wait for it
_ROOT, _FILE = 1, 2
_LONG = 0.2  # seconds


class HangingFileSystem:
    """Mounts a FUSE file system whose requests are not answered, at `path`, which is created.

    With `opens`, a file can be created or opened, and then writes hang, with `writes` all but the
    first. No request is read that is not answered: a process could not be killed any more. Skips
    the test where mounting is not permitted.
    """

    def __init__(self, path: Path, *, opens: bool = False, writes: bool = False) -> None:
        self.path = path
        self._last = (_WRITE,) if writes else (_CREATE, _OPEN)
        self._libc = ctypes.CDLL(None, use_errno=True)
        path.mkdir()
        try:
            self._descriptor = os.open("/dev/fuse", os.O_RDWR)
        except OSError:
            pytest.skip("there is no /dev/fuse")
        options = f"fd={self._descriptor},rootmode=40000,user_id=0,group_id=0"
        flags = _MS_NOSUID | _MS_NODEV
        if self._libc.mount(b"qmpshell", os.fsencode(path), b"fuse", flags, options.encode()):
            os.close(self._descriptor)
            pytest.skip("a file system cannot be mounted here")
        self._thread = threading.Thread(target=self._serve, daemon=True)
        if opens or writes:
            self._thread.start()

    @property
    def file(self) -> str:
        """A file of it."""
        return str(self.path / "f")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # Without other users, an unmounted file system ends: all requests fail, and `read` too.
        self._libc.umount2(os.fsencode(self.path), _MNT_FORCE)
        self._libc.umount2(os.fsencode(self.path), _MNT_DETACH)
        os.close(self._descriptor)

    def wait_until_last_answer(self) -> None:
        """Wait until all requests that are answered have been: the next ones hang."""
        self._thread.join(60)
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        operation = 0
        while operation not in self._last:
            try:
                request = os.read(self._descriptor, 1 << 21)
            except OSError:
                return
            _, operation, unique, node, *_ = _IN_HEADER.unpack_from(request)
            if operation != _FORGET:
                self._reply(unique, _answer(operation, node, request))

    def _reply(self, unique: int, answer: bytes | int) -> None:
        code, data = (-answer, b"") if isinstance(answer, int) else (0, answer)
        size = _OUT_HEADER.size + len(data)
        os.write(self._descriptor, _OUT_HEADER.pack(size, code, unique) + data)


def file_wait(pid: int | None) -> Callable[[], bool]:
    """Return a condition: a thread of the process waits for a file system that has never answered.

    The thread is in state D, but for longer than while it waits for a disk.
    """
    since: dict[tuple[Path, str], float] = {}

    def is_long() -> bool:
        now = time.monotonic()
        for path in Path(f"/proc/{pid}/task").glob("*/status"):
            with contextlib.suppress(OSError):  # the thread has ended
                lines = dict(line.split(":\t") for line in path.read_text().splitlines())
                # The same wait as before if the thread has not run since.
                wait = path, lines["voluntary_ctxt_switches"]
                if lines["State"].startswith("D") and now - since.setdefault(wait, now) > _LONG:
                    return True
        return False

    return is_long


def _attributes(node: int) -> bytes:
    mode = 0o040755 if node == _ROOT else 0o100644
    return struct.pack("=QQQQQQIIIIIIIIII", node, *[0] * 8, mode, 1, 0, 0, 0, 4096, 0)


def _answer(operation: int, node: int, request: bytes) -> bytes | int:
    if operation == _WRITE:
        (size,) = struct.unpack_from("=I", request, _IN_HEADER.size + 16)
        return struct.pack("=II", size, 0)
    entry = struct.pack("=QQQQII", _FILE, 0, 1000, 1000, 0, 0) + _attributes(_FILE)
    opened = struct.pack("=QII", 1, _FOPEN_NOFLUSH, 0)
    answers: dict[int, bytes | int] = {
        _INIT: struct.pack("=IIIIHHIIHH8I", 7, 31, 0, 0, 1, 1, 1 << 20, 1, 0, 0, *[0] * 8),
        _GETATTR: struct.pack("=QII", 1000, 0, 0) + _attributes(node),
        _CREATE: entry + opened,
        _OPEN: opened,
        _LOOKUP: errno.ENOENT,
    }
    return answers.get(operation, errno.ENOSYS)
