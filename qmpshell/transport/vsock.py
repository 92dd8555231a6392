"""Sockets between a host and its VMs, as in `vsock:CID:PORT` (Linux, vsock(7))."""

from __future__ import annotations

import errno
import socket

from ..errors import ConnectError
from .stream import SocketStream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .address import VsockAddress

_MAX_NUMBER = 0xFFFFFFFE  # the greatest 32-bit number means "any"
# Retrying may help: the VM or the server in it does not run yet.
_RETRIABLE = (errno.ECONNREFUSED, errno.ECONNRESET, errno.ENODEV, errno.ETIMEDOUT)


def open_vsock(address: VsockAddress, *, timeout: float) -> SocketStream:
    """Connect within `timeout` seconds. Raises ConnectError."""
    if max(address.cid, address.port) > _MAX_NUMBER:
        raise ConnectError(f"{address}: a CID and a port are at most {_MAX_NUMBER}")
    family = getattr(socket, "AF_VSOCK", None)
    if family is None:
        raise ConnectError(f"{address}: this system has no vsock")
    try:
        connected = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise ConnectError(f"{address}: {_explain(error)}") from error
    try:
        connected.settimeout(max(timeout, 0.001))
        connected.connect((address.cid, address.port))
        connected.settimeout(None)
    except OSError as error:
        connected.close()
        retriable = isinstance(error, TimeoutError) or error.errno in _RETRIABLE
        raise ConnectError(f"{address}: {_explain(error)}", retriable=retriable) from error
    return SocketStream(connected)


def _explain(error: OSError) -> str:
    if error.errno == errno.EAFNOSUPPORT:
        return "the kernel has no vsock (is its module loaded?)"
    if error.errno == errno.ENODEV:
        return (
            "no VM has this CID, or the kernel cannot reach it (is the module vhost_vsock loaded?)"
        )
    # A VM answers a connection to a port without a server with a reset.
    if error.errno in (errno.ECONNREFUSED, errno.ECONNRESET):
        return "connection refused: nothing listens there"
    if isinstance(error, TimeoutError):
        return "connecting timed out: no VM with this CID answers"
    return error.strerror or str(error)
