"""Connecting to an address, with retries, and errors in plain words.

A server whose backlog is full is retried for a while even without `--wait`, because its clients may be
about to leave. After a connection succeeds, it is never closed and retried: that would use up QEMU's
backlog of one. Only `wake_server` does that.
"""

from __future__ import annotations

import _socket  # see stream.py
import errno
import os
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
from .stream import DescriptorStream, SocketStream, Stream, explain_failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .peer import Peer
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
# Why connecting fails: in general, and to the path of a socket.
_REASONS = {
    errno.ECONNREFUSED: "connection refused: nothing listens there (is QEMU running?)",
    errno.EAGAIN: "busy: another client holds this monitor, and one more is waiting (QEMU serves one"
    " at a time)",
    errno.ETIMEDOUT: "connecting timed out",
}
_PATH_REASONS = {
    **_REASONS,
    errno.ENOENT: "no such socket (is QEMU running, and is this the path given to it?)",
    errno.EACCES: "permission denied: the socket belongs to another user",
    errno.EPERM: "permission denied: the socket belongs to another user",
    errno.ECONNREFUSED: "connection refused: nothing listens there (has QEMU exited?)",
    errno.EPROTOTYPE: "a socket, but not a stream socket",
}

_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 0.25
_CONNECT_TIMEOUT = 5.0
_BUSY_TIMEOUT = 5.0
_BUSY_NOTICE = 0.3
# Seconds for a command to fail, after which it has connected.
_COMMAND_TIME = 1.0
_WAKE_TIMEOUT = 0.5
# The longest timeout in seconds: the system accepts no infinite one.
MAX_TIMEOUT = 1e8


def connect_with_retries(
    address: Address,
    *,
    wait: float | None,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    notice: Callable[[str], None] | None = None,
    captures_stderr: bool = False,
) -> Stream:
    """Connect. Retry for `wait` seconds; with None try once, or for five seconds if the server is busy.

    `notice` is called soon with what the system shows about a busy server, and the error does not
    repeat its text. `captures_stderr` is for a command: see `open_exec`.
    Raises ConnectError.
    """
    started = clock()
    pause = _FIRST_PAUSE
    # A command that is repeated may write to the terminal each time.
    longest = _COMMAND_TIME if isinstance(address, ExecAddress) else _LONGEST_PAUSE
    noticed = False
    while True:
        left = _CONNECT_TIMEOUT if wait is None else wait - (clock() - started)
        try:
            stream = open_stream(address, timeout=max(left, 0.1), captures_stderr=captures_stderr)
            if wait is not None:
                _await_start(stream, address, min(left, _COMMAND_TIME))
            return stream
        except ConnectError as error:
            waited = clock() - started
            patience = wait if wait is not None else _BUSY_TIMEOUT * error.busy
            if not error.retriable or waited >= patience:
                if noticed:
                    raise ConnectError(
                        f"{address}: gave up after {waited:.{int(waited < 1)}f} s"
                    ) from error
                text = _explain_busy(address) if error.busy else ""
                tried = f"tried for {wait:g} s" if wait and error.retriable else ""
                if not text and not tried:
                    raise
                text = _with_note(text or str(error), tried)
                raise ConnectError(text, retriable=error.retriable, busy=error.busy) from error
            if error.busy and notice is not None and not noticed and waited >= _BUSY_NOTICE:
                noticed = True
                notice(_explain_busy(address) or str(error))
            sleep(min(pause, patience - waited))
            pause = min(2 * pause, longest)


def _with_note(text: str, note: str) -> str:
    """Return the text with a note in parentheses, which a question in parentheses at its end contains too.

    >>> _with_note("refused", "tried for 2 s"), _with_note("refused (is it up?)", "tried for 2 s")
    ('refused (tried for 2 s)', 'refused (is it up?; tried for 2 s)')
    """
    if not note:
        return text
    return f"{text[:-1]}; {note})" if text.endswith("?)") else f"{text} ({note})"


def _await_start(stream: Stream, address: Address, seconds: float) -> None:
    """Wait until a command sends data. Raises ConnectError, and closes the stream, if it ends first."""
    try:
        stream.await_start(seconds)
    except ConnectError as error:
        stream.close()
        raise ConnectError(f"{address}: {error}", retriable=True) from error


def _explain_busy(address: Address) -> str:
    """Return what the system shows about a server that accepts no connection, or ""."""
    from .peer import explain_delay, find_peer  # rarely needed

    peer = find_peer(address)
    return explain_delay(str(address), peer) if peer is not None else ""


def open_stream(address: Address, *, timeout: float, captures_stderr: bool = False) -> Stream:
    """Connect within `timeout` seconds. Raises ConnectError.

    `captures_stderr` is for a command: see `open_exec`.
    """
    timeout = min(timeout, MAX_TIMEOUT)
    if isinstance(address, FdAddress):
        return _inherited(address)
    # Few scripts need the following three modules, so the others do not import them.
    if isinstance(address, ExecAddress):
        from .exec import open_exec

        return open_exec(address, captures_stderr=captures_stderr)
    if isinstance(address, DeviceAddress):
        from .device import open_device

        return open_device(address, timeout=timeout)
    if isinstance(address, VsockAddress):
        from .vsock import open_vsock

        return open_vsock(address, timeout=timeout)
    # Before connecting: its library may be missing.
    websocket = _websocket_codec(address) if address.websocket else None
    try:
        if isinstance(address, UnixAddress):
            stream = SocketStream(_connect_unix(address))
        else:
            stream = SocketStream(_connect_tcp(address, timeout))
    except UnicodeError as error:
        raise ConnectError(f"{address}: not a valid host name") from error
    except _socket.gaierror as error:
        raise ConnectError(f"{address}: no such host ({error.strerror})") from error
    except OSError as error:
        path = address.path if isinstance(address, UnixAddress) and not address.abstract else ""
        other = _other(path) if path else ""
        reason = explain_failure(error, _PATH_REASONS if path else _REASONS)
        raise ConnectError(
            f"{address}: {f'not a socket but {other}' if other else reason}",
            retriable=error.errno in _RETRIABLE and not other,
            busy=error.errno == errno.EAGAIN,
        ) from error
    if address.telnet or address.websocket or (isinstance(address, TcpAddress) and address.tls):
        return _with_codecs(stream, address, timeout, websocket)
    return stream


def inspect_server(address: Address, *, wakes: bool) -> Peer | None:
    """Return what the system shows about a silent server, or None. With `wakes`, wake it before."""
    from .peer import find_peer  # few servers are silent

    if wakes:
        wake_server(address)
    return find_peer(address)


def wake_server(address: Address) -> None:
    """Connect once more, and close the connection: a thread of QEMU may wait for one.

    While QEMU starts, two of its threads may accept the same connection. The one that comes second,
    which handles the commands, then waits for another connection.
    """
    try:
        if isinstance(address, UnixAddress):
            _connect_unix(address).close()
        elif isinstance(address, TcpAddress):
            _connect_tcp(address, _WAKE_TIMEOUT).close()
    except (OSError, UnicodeError):
        return


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

    def explain(is_late: bool) -> str:
        return _explain_silence(address, is_late=is_late)

    try:
        if isinstance(address, TcpAddress) and address.tls:
            from .tls import open_tls

            stream = open_tls(stream, address, timeout=timeout, explain=explain)
        if address.telnet:
            from .telnet import TelnetCodec

            stream = CodecStream(stream, TelnetCodec())
        if websocket is not None:
            opened = CodecStream(stream, websocket)
            stream = opened
            opened.open(name="websocket", timeout=timeout, explain=explain)
    except QmpShellError as error:
        stream.close()
        raise ConnectError(f"{address}: {error}") from error
    return stream


def _explain_silence(address: UnixAddress | TcpAddress, *, is_late: bool) -> str:
    """Return what the system shows about a server that does not answer a handshake, or ""."""
    from .peer import explain_delay, explain_mismatch, find_peer

    peer = find_peer(address)
    if peer is None:
        return ""
    name = str(address)
    delay = explain_delay(name, peer)
    if delay and not is_late:
        return ""
    return (delay or explain_mismatch(name, peer)).removeprefix(f"{name}: ")


def _connect_unix(address: UnixAddress) -> _socket.socket:
    connected = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
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


def _connect_tcp(address: TcpAddress, timeout: float) -> _socket.socket:
    import socket  # see stream.py

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
        return SocketStream(_socket.socket(fileno=os.dup(address.number)))
    except OSError as error:
        raise ConnectError(f"{address}: {error.strerror}; was it inherited?") from error


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
