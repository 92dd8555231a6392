"""Character devices: the ptys that QEMU opens with `-qmp pty`, serial ports, and virtio ports."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import stat
import termios
import time
import tty

from ..errors import ConnectError
from .foreground import CleanupOnSignal
from .stream import Stream, explain_failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .address import DeviceAddress

    _Mode = list[int | list[bytes | int]]

# Retrying may help: the device is not there yet, or another program uses it.
_RETRIABLE = (errno.ENOENT, errno.ENXIO, errno.EBUSY, errno.EIO)
_REASONS = {
    errno.EACCES: "permission denied: the device belongs to another user",
    errno.EPERM: "permission denied: the device belongs to another user",
    errno.ENOENT: "no such device (is QEMU running?)",
    errno.EBUSY: "busy: another program uses this device",
    errno.EIO: "nothing is at the other end of this device (has QEMU exited?)",
    errno.ENXIO: "nothing is at the other end of this device (has QEMU exited?)",
}
# QEMU looks once a second for a client that has opened its pty (chardev/char-pty.c).
_GREETING_TIME = 1.5
_CLOSED_TIME = 0.3


def open_device(address: DeviceAddress, *, timeout: float) -> DeviceStream:
    """Open the device, in raw mode if it is a terminal. Raises ConnectError.

    If nothing arrives from a terminal at first, it is opened once more: QEMU sends no greeting if it
    has not noticed that the previous client has closed the pty.
    """
    stream = _open(address)
    if not stream.is_terminal or _has_data(stream, min(timeout, _GREETING_TIME)):
        return stream
    stream.close()
    time.sleep(_CLOSED_TIME)
    return _open(address)


def _has_data(stream: DeviceStream, seconds: float) -> bool:
    poll = select.poll()
    poll.register(stream.fileno(), select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def _open(address: DeviceAddress) -> DeviceStream:
    # Without waiting for a carrier, and without becoming the controlling terminal.
    flags = os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(address.path, flags)
    except OSError as error:
        raise ConnectError(
            f"{address}: {explain_failure(error, _REASONS)}",
            retriable=error.errno in _RETRIABLE,
            busy=error.errno == errno.EBUSY,
        ) from error
    try:
        return DeviceStream(descriptor, _set_raw_mode(address, descriptor))
    except BaseException:
        os.close(descriptor)
        raise


def _set_raw_mode(address: DeviceAddress, descriptor: int) -> _Mode | None:
    """Set raw mode. Return the former mode of a terminal, None for any other device."""
    if not stat.S_ISCHR(os.fstat(descriptor).st_mode):
        raise ConnectError(f"{address}: not a character device")
    if not _can_wait(descriptor):
        raise ConnectError(f"{address}: not a device that a monitor can be behind")
    if not os.isatty(descriptor):
        return None
    if _is_own_terminal(descriptor):
        raise ConnectError(f"{address}: this is the terminal that qmpshell runs in")
    try:
        former = termios.tcgetattr(descriptor)
        tty.setraw(descriptor, termios.TCSANOW)
    except termios.error as error:
        raise ConnectError(f"{address}: cannot set raw mode: {error.args[-1]}") from error
    return former


def _can_wait(descriptor: int) -> bool:
    """Return True unless the device is one like /dev/null and /dev/zero, where nothing arrives."""
    if not hasattr(select, "epoll"):
        return True
    with select.epoll() as poll:
        try:
            poll.register(descriptor, select.EPOLLIN)
        except PermissionError:
            return False
    return True


def _is_own_terminal(descriptor: int) -> bool:
    device = os.fstat(descriptor).st_rdev
    with contextlib.suppress(OSError):
        own = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            # /dev/tty itself, or the device behind it.
            return device in (os.fstat(own).st_rdev, os.stat(os.ttyname(own)).st_rdev)
        finally:
            os.close(own)
    return False


class DeviceStream(Stream):
    """An open device. Closing the stream restores `former`, the mode that a terminal had.

    The device was opened here, so that no other process has its O_NONBLOCK.
    """

    def __init__(self, descriptor: int, former: _Mode | None) -> None:
        super().__init__(descriptor)
        self._former = former
        self.is_terminal = former is not None  # as a pty is
        self._cleanup: CleanupOnSignal | None = None
        if former is not None:
            self._cleanup = CleanupOnSignal(lambda _number: self._restore(descriptor))

    def _read(self, size: int) -> bytes:
        return os.read(self._descriptor, size)

    def _write(self, data: bytes | memoryview, _descriptors: Sequence[int]) -> int:
        return os.write(self._descriptor, data)

    def close(self) -> None:
        """Restore the terminal's mode and close the device."""
        if self._descriptor < 0:
            return
        descriptor, self._descriptor = self._descriptor, -1
        if self._cleanup is not None:
            self._cleanup.close()
        self._restore(descriptor)
        os.close(descriptor)

    def _restore(self, descriptor: int) -> None:
        if self._former is not None:
            with contextlib.suppress(termios.error):  # the other end is gone
                # At once: what a stopped server does not read must not be waited for.
                termios.tcflush(descriptor, termios.TCOFLUSH)
                termios.tcsetattr(descriptor, termios.TCSANOW, self._former)
