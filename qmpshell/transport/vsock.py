"""Sockets between a host and its VMs, as in `vsock:CID:PORT` (Linux, vsock(7))."""

from __future__ import annotations

import errno
import socket

from ..errors import ConnectError
from .stream import SocketStream, explain_failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .address import VsockAddress

_MAX_NUMBER = 0xFFFFFFFE  # the greatest 32-bit number means "any"
# Retrying may help: the VM or the server in it does not run yet.
_RETRIABLE = (errno.ECONNREFUSED, errno.ECONNRESET, errno.ENODEV, errno.ETIMEDOUT)
_REASONS = {
    errno.EAFNOSUPPORT: "the kernel has no vsock (is its module loaded?)",
    errno.ENODEV: "no VM has this CID, or the kernel cannot reach it (is the module vhost_vsock loaded?)",
    errno.ECONNREFUSED: "connection refused: nothing listens there",
    # A VM answers a connection to a port without a server with a reset.
    errno.ECONNRESET: "connection refused: nothing listens there",
    errno.ETIMEDOUT: "connecting timed out: no VM with this CID answers",
}


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
        raise ConnectError(f"{address}: {explain_failure(error, _REASONS)}") from error
    try:
        connected.settimeout(max(timeout, 0.001))
        connected.connect((address.cid, address.port))
        connected.settimeout(None)
    except OSError as error:
        connected.close()
        retriable = isinstance(error, TimeoutError) or error.errno in _RETRIABLE
        raise ConnectError(
            f"{address}: {explain_failure(error, _REASONS)}", retriable=retriable
        ) from error
    return SocketStream(connected)
