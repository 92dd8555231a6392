"""UNIX, TCP and inherited sockets: connecting, and errors in plain words."""

from __future__ import annotations

import errno
import os
import socket
import stat

from ..errors import ConnectError, QmpShellError
from .address import (
    Address,
    DeviceAddress,
    ExecAddress,
    FdAddress,
    TcpAddress,
    UnixAddress,
    VsockAddress,
)
from .stream import DescriptorStream, SocketStream, Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .address import VsockAddress
    from .websocket import WebsocketCodec

# Retrying may help: the server is not there yet, or its backlog is full.
_RETRIABLE = (
    errno.ENOENT,
    errno.ECONNREFUSED,
    errno.EAGAIN,
    errno.ECONNRESET,
    errno.ETIMEDOUT,
    errno.EHOSTUNREACH,
    errno.ENETUNREACH,
)


# The longest timeout in seconds: the system accepts no infinite one.
MAX_TIMEOUT = 1e8


def open_stream(address: Address, *, timeout: float, captures_stderr: bool = False) -> Stream:
    """Connect within `timeout` seconds. Raises ConnectError.

    `captures_stderr` is for a command: see `open_exec`.
    """
    timeout = min(timeout, MAX_TIMEOUT)
    if isinstance(address, FdAddress):
        return _inherited(address)
    if not isinstance(address, UnixAddress | TcpAddress):
        return _open_other(address, timeout=timeout, captures_stderr=captures_stderr)
    # Before connecting: its library may be missing.
    websocket = _websocket_codec(address) if address.websocket else None
    try:
        if isinstance(address, UnixAddress):
            stream = SocketStream(_connect_unix(address))
        else:
            stream = SocketStream(_connect_tcp(address, timeout))
    except UnicodeError as error:
        raise ConnectError(f"{address}: not a valid host name") from error
    except socket.gaierror as error:
        raise ConnectError(f"{address}: no such host ({error.strerror})") from error
    except OSError as error:
        other = isinstance(address, UnixAddress) and not address.abstract and _other(address.path)
        raise ConnectError(
            f"{address}: {f'not a socket but {other}' if other else _explain(address, error)}",
            retriable=error.errno in _RETRIABLE and not other,
            busy=error.errno == errno.EAGAIN,
        ) from error
    if address.telnet or address.websocket or (isinstance(address, TcpAddress) and address.tls):
        return _with_codecs(stream, address, timeout, websocket)
    return stream


def _websocket_codec(address: UnixAddress | TcpAddress) -> WebsocketCodec:
    from .websocket import WebsocketCodec

    place = "localhost"
    if isinstance(address, TcpAddress):
        host = f"[{address.host}]" if ":" in address.host else address.host
        place = f"{host}:{address.port}"
    return WebsocketCodec(f"ws://{place}/")


def _with_codecs(
    stream: Stream,
    address: UnixAddress | TcpAddress,
    timeout: float,
    websocket: WebsocketCodec | None,
) -> Stream:
    """Put TLS, telnet or websocket over a stream. Raises ConnectError."""
    from .codec import CodecStream

    try:
        if isinstance(address, TcpAddress) and address.tls:
            from .tls import open_tls

            stream = open_tls(stream, address, timeout=timeout)
        if address.telnet:
            from .telnet import TelnetCodec

            stream = CodecStream(stream, TelnetCodec())
        if websocket is not None:
            opened = CodecStream(stream, websocket)
            stream = opened
            opened.open(name="websocket", timeout=timeout)
    except QmpShellError as error:
        stream.close()
        raise ConnectError(f"{address}: {error}") from error
    return stream


def _open_other(
    address: ExecAddress | DeviceAddress | VsockAddress,
    *,
    timeout: float,
    captures_stderr: bool,
) -> Stream:
    """Open a stream that few scripts need, so that the others do not import its module."""
    if isinstance(address, ExecAddress):
        from .exec import open_exec

        return open_exec(address, timeout=timeout, captures_stderr=captures_stderr)
    if isinstance(address, DeviceAddress):
        from .device import open_device

        return open_device(address, timeout=timeout)
    from .vsock import open_vsock

    return open_vsock(address, timeout=timeout)


def _connect_unix(address: UnixAddress) -> socket.socket:
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Do not block: with QEMU's backlog of 1, a blocking connect would silently wait until
        # another client leaves. A connect to a UNIX socket succeeds at once or not at all.
        connected.setblocking(False)
        connected.connect(socket_name(address))
        connected.setblocking(True)
    except BaseException:
        connected.close()
        raise
    return connected


def _connect_tcp(address: TcpAddress, timeout: float) -> socket.socket:
    connected = socket.create_connection((address.host, address.port), timeout=max(timeout, 0.001))
    connected.settimeout(None)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connected


def socket_name(address: UnixAddress) -> str | bytes:
    """Return the name for `bind` and `connect`. Raises OSError(ENAMETOOLONG) beyond the system's limit."""
    name = os.fsencode(address.path)
    if len(name) > 107:
        raise OSError(errno.ENAMETOOLONG, "the path of a UNIX socket has at most 107 bytes")
    return b"\0" + name if address.abstract else name


def _inherited(address: FdAddress) -> Stream:
    try:
        mode = os.fstat(address.number).st_mode
        if not stat.S_ISSOCK(mode):
            if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
                return DescriptorStream(os.dup(address.number))
            raise ConnectError(f"{address}: is neither a socket nor a pipe nor a terminal")
        # A duplicate, so that closing the stream leaves the inherited descriptor open.
        return SocketStream(socket.socket(fileno=os.dup(address.number)))
    except OSError as error:
        raise ConnectError(f"{address}: {error.strerror}; was it inherited?") from error


def _explain(address: Address, error: OSError) -> str:
    if isinstance(address, UnixAddress) and not address.abstract:
        special = _explain_path(error)
        if special:
            return special
    if error.errno == errno.ECONNREFUSED:
        return "connection refused: nothing listens there (is QEMU running?)"
    if error.errno == errno.EAGAIN:
        return (
            "busy: another client holds this monitor, and one more is waiting (QEMU serves one"
            " at a time)"
        )
    if isinstance(error, TimeoutError):
        return "connecting timed out"
    return error.strerror or str(error)


def _explain_path(error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return "no such socket (is QEMU running, and is this the path given to it?)"
    if error.errno in (errno.EACCES, errno.EPERM):
        return "permission denied: the socket belongs to another user"
    if error.errno == errno.ECONNREFUSED:
        return "connection refused: nothing listens there (has QEMU exited?)"
    if error.errno == errno.EPROTOTYPE:
        return "a socket, but not a stream socket"
    return ""


def _other(path: str) -> str:
    """Describe what is at `path` if it is not a socket, else return ""."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return ""
    if stat.S_ISSOCK(mode):
        return ""
    kinds: tuple[tuple[Any, str], ...] = (
        (stat.S_ISDIR, "a directory"),
        (stat.S_ISREG, "a regular file"),
        (stat.S_ISCHR, "a character device"),
        (stat.S_ISBLK, "a block device"),
        (stat.S_ISFIFO, "a pipe"),
    )
    return next((name for test, name in kinds if test(mode)), "an unknown file type")
