"""Listening for a QEMU that connects (`server=off`, with `reconnect=` or without).

A path is removed only if this process bound it, or if an earlier qmpshell did that was killed before
it could remove it. A lock file beside the socket names the socket that qmpshell has bound.
"""

from __future__ import annotations

import _thread  # smaller than `threading`
import contextlib
import errno
import fcntl
import math
import os
import select
import socket
import stat
import struct
import time

from ..errors import ConnectError
from .address import Address, TcpAddress, UnixAddress
from .connect import MAX_TIMEOUT, socket_name
from .stream import SocketStream, Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_ROOT = 0
_MAX_POLL = 1_000_000  # milliseconds


class Listener:
    """A bound socket that accepts one caller at a time. `close` removes its path.

    After `accept`, others are refused until it is called again. Another thread, or a signal handler,
    may close it. Raises ConnectError if the address cannot be bound.
    """

    def __init__(self, address: Address) -> None:
        if not isinstance(address, UnixAddress | TcpAddress):
            raise ConnectError(
                f"{address}: cannot listen at an address of this kind; use the path of a socket, or HOST:PORT"
            )
        self.address = address
        self._socket: socket.socket | None = None
        self._is_accepting = False
        self._is_closed = False
        self._lock = _thread.RLock()
        self._path: _Path | None = None
        try:
            if isinstance(address, UnixAddress) and not address.abstract:
                self._path = _Path(address.path)
            self._listen()
        except OSError as error:
            failure = self._explain(error)
            self.close()
            raise failure from error

    def _explain(self, error: OSError) -> ConnectError:
        reason = error.strerror or str(error)
        if error.errno == errno.EADDRINUSE and self._path is None:
            reason = "the address is in use"
        return ConnectError(f"{self.address}: cannot listen: {reason}")

    def _listen(self) -> socket.socket:
        """Return a new bound socket. Raises OSError."""
        address, family = self.address, socket.AF_UNIX
        if isinstance(address, TcpAddress):
            family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_STREAM)
        try:
            if isinstance(address, TcpAddress):
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                bound.bind((address.host, address.port))
            elif self._path is not None:
                self._path.bind(bound, socket_name(address))
            else:
                bound.bind(socket_name(address))
            bound.listen(1)
        except BaseException:
            bound.close()
            raise
        self._socket = bound
        return bound

    def accept(
        self, *, timeout: float | None, notice: Callable[[str], None] | None = None
    ) -> Stream:
        """Return the next connection within `timeout` seconds (None: no limit). Raises ConnectError.

        A process of another user is refused, which is reported to `notice`. A call in another
        thread ends with ConnectError, also after `close`.
        """
        with self._lock:
            if self._is_closed:
                raise ConnectError(f"{self.address}: stopped listening")
            if self._is_accepting:
                self._stop()
            try:
                listening = self._socket or self._listen()
            except OSError as error:
                raise self._explain(error) from error
            self._is_accepting = True
        try:
            connected = self._accept_trusted(listening, timeout, notice)
        except BaseException:
            self._end_accept(listening, stops=False)
            raise
        self._end_accept(listening, stops=True)
        connected.setblocking(True)
        if connected.family != socket.AF_UNIX:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return SocketStream(connected)

    def _end_accept(self, listening: socket.socket, *, stops: bool) -> None:
        with self._lock:
            if self._socket is not listening:  # `_stop` was called in another thread
                listening.close()
                return
            self._is_accepting = False
            if stops:
                self._stop()

    def _accept_trusted(
        self,
        listening: socket.socket,
        timeout: float | None,
        notice: Callable[[str], None] | None,
    ) -> socket.socket:
        limit = MAX_TIMEOUT if timeout is None else min(timeout, MAX_TIMEOUT)
        deadline = time.monotonic() + limit
        poll = select.poll()
        poll.register(listening, select.POLLIN)
        listening.setblocking(False)
        while True:
            left = max(deadline - time.monotonic(), 0.0)
            ready = poll.poll(min(math.ceil(left * 1000), _MAX_POLL))
            if ready and ready[0][1] & select.POLLHUP:  # `_stop` was called in another thread
                raise ConnectError(f"{self.address}: stopped listening")
            if not ready and time.monotonic() >= deadline:
                raise ConnectError(
                    f"{self.address}: no connection within {timeout:g} s; does QEMU connect to this"
                    " address (server=off), and with reconnect= if it was started before?"
                )
            try:
                connected = listening.accept()[0]
            except (BlockingIOError, ConnectionAbortedError):
                continue
            problem = _describe_other_user(connected)
            if not problem:
                return connected
            connected.close()
            if notice is not None:
                notice(f"{self.address}: refused {problem}")

    def _stop(self) -> None:
        """Stop listening: callers are refused, also those that wait already."""
        bound, self._socket = self._socket, None
        if bound is not None:
            with contextlib.suppress(OSError):
                bound.shutdown(socket.SHUT_RDWR)  # wakes an `accept` in another thread
            if not self._is_accepting:
                bound.close()  # otherwise that thread closes it: its number could be used again
            self._is_accepting = False

    def close(self) -> None:
        """Stop listening. Remove the socket's path if it is still the one that was bound here."""
        with self._lock:
            self._is_closed = True
            self._stop()
            if self._path is not None:
                self._path.close()
                self._path = None


class _Path:
    """The path of a socket, locked by a file beside it. Raises OSError."""

    def __init__(self, path: str) -> None:
        self._path = os.path.abspath(path)
        directory, name = os.path.split(self._path)
        self._lock_path = os.path.join(directory, f".{name}.qmpshell")
        self._descriptor = self._lock()
        self._bound: tuple[int, int] | None = None
        # Whether nothing was at the path before `bind`.
        self._is_free = False

    def _lock(self) -> int:
        while True:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(self._lock_path, flags, 0o600)
            try:
                if os.fstat(descriptor).st_uid != os.geteuid():
                    raise PermissionError(
                        errno.EACCES, f"{self._lock_path} belongs to another user"
                    )
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Another process may have removed the file after it was opened here.
                if _identity(os.stat(self._lock_path)) == _identity(os.fstat(descriptor)):
                    return descriptor
                os.close(descriptor)
            except BlockingIOError:
                os.close(descriptor)
                raise OSError(errno.EBUSY, "another qmpshell listens there") from None
            except FileNotFoundError:
                os.close(descriptor)
            except BaseException:
                os.close(descriptor)
                raise

    def bind(self, unbound: socket.socket, name: str | bytes) -> None:
        """Bind a socket of mode 0600, in place of one that qmpshell has bound earlier."""
        self._remove(self._bound or self._recorded())
        # Linux creates the file with the mode of the unbound socket, without a race.
        with contextlib.suppress(OSError):
            os.fchmod(unbound.fileno(), 0o600)
        self._is_free = not os.path.lexists(self._path)
        try:
            unbound.bind(name)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            kind = "socket" if stat.S_ISSOCK(os.lstat(self._path).st_mode) else "file"
            reason = f"a {kind} that qmpshell has not created is there; remove it if it is not used"
            raise OSError(errno.EADDRINUSE, reason) from None
        status = os.stat(self._path)
        self._bound = _identity(status)
        if stat.S_IMODE(status.st_mode) != 0o600:
            os.chmod(self._path, 0o600)  # nobody can connect before `listen`
        text = f"{self._bound[0]} {self._bound[1]}\n"
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, text.encode(), 0)

    def _recorded(self) -> tuple[int, int] | None:
        """Return the identity of the socket that an earlier qmpshell has left, or None."""
        words = os.pread(self._descriptor, 100, 0).split()
        if len(words) != 2 or not all(word.isdigit() for word in words):
            return None
        status = os.lstat(self._path) if os.path.lexists(self._path) else None
        found = int(words[0]), int(words[1])
        if status is None or status.st_uid != os.geteuid() or _identity(status) != found:
            return None
        return None if self._is_served() else found

    def _is_served(self) -> bool:
        """Return True if a process listens at the path."""
        with socket.socket(socket.AF_UNIX) as probe:
            probe.setblocking(False)
            return probe.connect_ex(self._path) != errno.ECONNREFUSED

    def _remove(self, bound: tuple[int, int] | None) -> None:
        """Remove the socket if it is the one named."""
        if bound is None:
            return
        with contextlib.suppress(OSError):
            status = os.lstat(self._path)
            if stat.S_ISSOCK(status.st_mode) and _identity(status) == bound:
                os.unlink(self._path)
        self._bound = None

    def close(self) -> None:
        """Remove the socket and the lock file. A signal handler may call it at any time."""
        if self._descriptor < 0:
            return
        with contextlib.suppress(OSError):
            if self._bound is None and self._is_free:  # `bind` was interrupted
                self._bound = _identity(os.lstat(self._path))
        self._remove(self._bound)
        with contextlib.suppress(OSError):
            os.unlink(self._lock_path)
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:  # otherwise a signal handler has closed it
            os.close(descriptor)


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _describe_other_user(connected: socket.socket) -> str:
    """Describe the other end if it is a process of another user except root, else return ""."""
    if connected.family != socket.AF_UNIX or not hasattr(socket, "SO_PEERCRED"):
        return ""
    layout = struct.Struct("3i")
    pid, uid, _ = layout.unpack(
        connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, layout.size)
    )
    if uid in (os.geteuid(), _ROOT):
        return ""
    return f"a process of another user (uid {uid}, pid {pid})"
