"""Reads the tables of sockets that Linux shows, from sock_diag(7) and /proc."""

from __future__ import annotations

import errno
import os
import re
import socket
import struct

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# The states of UNIX sockets in sock_diag, and of TCP sockets (net/tcp_states.h).
LISTENING, CONNECTED = 10, 1

# linux/sock_diag.h, linux/unix_diag.h, linux/netlink.h
_NETLINK_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY = 4, 20
_REQUEST_DUMP = 0x301
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_SHOW_NAME_VFS_PEER_QUEUE = 0x17
_NAME, _VFS, _PEER, _QUEUE = 0, 1, 2, 4
_HEADER, _REQUEST = struct.Struct("=IHHII"), struct.Struct("=BBHIIIII")
_ANSWER, _ATTRIBUTE, _NUMBER = struct.Struct("=BBBBIII"), struct.Struct("=HH"), struct.Struct("=I")
_TIMEOUT = 1.0  # seconds

_LINK = re.compile(r"socket:\[([0-9]+)\]")


class UnixSocket(Record):
    """A UNIX socket: its inode (0 if it is not accepted), and the inode of its other end, or 0.

    `name` is its address, which starts with NUL in the abstract namespace, and `file` the inode of its
    path. `queue` is the number of connections that a listening socket has not accepted.
    """

    inode: int
    state: int
    name: str
    file: int
    peer: int
    queue: int


class TcpSocket(Record):
    """A TCP socket: its own end and the other one as host and port, and its inode, or 0."""

    local: tuple[str, int]
    remote: tuple[str, int]
    state: int
    inode: int


def read_unix_sockets() -> Iterator[UnixSocket]:
    """Yield all UNIX sockets of this network namespace. Raises OSError.

    Any user may read them. /proc/net/unix does not contain their other ends.
    """
    if not hasattr(socket, "AF_NETLINK"):
        raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as diag:
        diag.settimeout(_TIMEOUT)
        body = _REQUEST.pack(socket.AF_UNIX, 0, 0, 0xFFFFFFFF, 0, _SHOW_NAME_VFS_PEER_QUEUE, 0, 0)
        size = _HEADER.size + len(body)
        diag.send(_HEADER.pack(size, _SOCK_DIAG_BY_FAMILY, _REQUEST_DUMP, 1, 0) + body)
        while True:
            data = diag.recv(1 << 17)
            while data:
                size, kind, _, _, _ = _HEADER.unpack_from(data)
                if kind == _NLMSG_DONE:
                    return
                if kind == _NLMSG_ERROR:
                    raise OSError(errno.EOPNOTSUPP, "sock_diag is not available")
                yield _parse_unix(data[_HEADER.size : size])
                data = data[_aligned(size) :]


def _parse_unix(data: bytes) -> UnixSocket:
    _, _, state, _, inode, _, _ = _ANSWER.unpack_from(data)
    name, file, peer, queue, start = "", 0, 0, 0, _ANSWER.size
    while start < len(data):
        size, kind = _ATTRIBUTE.unpack_from(data, start)
        value = data[start + _ATTRIBUTE.size : start + size]
        if kind == _NAME:
            name = os.fsdecode(value)
        elif kind == _VFS:
            (file,) = _NUMBER.unpack_from(value)
        elif kind == _PEER:
            (peer,) = _NUMBER.unpack_from(value)
        elif kind == _QUEUE and state == LISTENING:
            (queue,) = _NUMBER.unpack_from(value)
        start += _aligned(size)
    return UnixSocket(inode, state, name, file, peer, queue)


def _aligned(size: int) -> int:
    return (size + 3) & ~3


def read_tcp_sockets(folder: str = "/proc/net") -> list[TcpSocket]:
    """Return the TCP sockets in a `net` directory of /proc, as far as they can be read."""
    found = []
    for name in ("tcp", "tcp6"):
        try:
            with open(os.path.join(folder, name), encoding="ascii", errors="replace") as file:
                lines = file.readlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if len(fields) > 9:
                local, remote = _parse_end(fields[1]), _parse_end(fields[2])
                found.append(TcpSocket(local, remote, int(fields[3], 16), int(fields[9])))
    return found


def _parse_end(text: str) -> tuple[str, int]:
    """Return host and port of an address such as 0100007F:1F90: words in the machine's byte order."""
    digits, _, port = text.partition(":")
    words = [int(digits[at : at + 8], 16) for at in range(0, len(digits), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    family = socket.AF_INET if len(words) == 1 else socket.AF_INET6
    return socket.inet_ntop(family, packed).removeprefix("::ffff:"), int(port, 16)


def read_links(folder: str) -> dict[str, str]:
    """Return the links in a directory such as /proc/PID/fd, as far as they can be read."""
    found: dict[str, str] = {}
    try:
        names = os.listdir(folder)
    except OSError:
        return found
    for name in names:
        try:
            found[name] = os.readlink(os.path.join(folder, name))
        except OSError:
            continue
    return found


def socket_inode(link: str) -> int:
    """Return the inode of the socket that a link in /proc/PID/fd denotes, or 0."""
    match = _LINK.fullmatch(link)
    return int(match[1]) if match else 0
