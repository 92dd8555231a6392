"""Reads from Linux who listens at an address, and which clients are connected to it.

The other end of a UNIX socket is only in sock_diag(7), which any user may ask; the owners of sockets
are in /proc/PID/fd, which shows one's own processes, and all of them to root.
"""

from __future__ import annotations

import os
import socket
import struct

from ..record import Record
from .address import TcpAddress, UnixAddress
from .peer import Peer, Process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from .address import Address

_LISTENING, _CONNECTED = 10, 1  # states of sockets, both of UNIX and TCP ones


class _Socket(Record):
    """A socket: its inode (0 if it is not accepted), and the inode of its other end, or 0.

    `is_server` is true at the server's address. `queue` is the number of connections that are not
    accepted, which Linux shows for UNIX sockets instead of the connections.
    """

    inode: int
    state: int
    is_server: bool = False
    peer: int = 0
    queue: int = 0


def find_peer(address: Address) -> Peer | None:
    """Return what the system shows about the server at an address, or None.

    None also means that another system is at the address, or that this one does not show anything.
    """
    if not hasattr(socket, "AF_NETLINK"):
        return None
    try:
        if isinstance(address, UnixAddress):
            return _find_unix(address)
        if isinstance(address, TcpAddress):
            return _find_tcp(address)
    except (OSError, ValueError, struct.error):  # restricted, as in a container
        pass
    return None


def _find_unix(address: UnixAddress) -> Peer | None:
    inode = 0 if address.abstract else os.stat(address.path).st_ino
    found, name = [], ""
    for item, bound, file in _unix_sockets():
        is_there = file == inode if inode else bound == f"\0{address.path}"
        if is_there:
            name = bound
        item.is_server = is_there
        found.append(item)
    return _make_peer(found, [f"path={name.strip(chr(0))}", f"unix:{name.strip(chr(0))}"])


# linux/sock_diag.h, linux/unix_diag.h, linux/netlink.h
_NETLINK_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY = 4, 20
_REQUEST_DUMP = 0x301
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_SHOW_NAME_VFS_PEER_QUEUE = 0x17
_NAME, _VFS, _PEER, _QUEUE = 0, 1, 2, 4
_HEADER, _REQUEST = struct.Struct("=IHHII"), struct.Struct("=BBHIIIII")
_ANSWER, _ATTRIBUTE, _NUMBER = struct.Struct("=BBBBIII"), struct.Struct("=HH"), struct.Struct("=I")


def _unix_sockets() -> Iterator[tuple[_Socket, str, int]]:
    """Yield all UNIX sockets, each with its name and the inode of its file. Raises OSError."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as diag:
        diag.settimeout(1.0)
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
                    raise OSError("sock_diag is not available")
                yield _parse_unix(data[_HEADER.size : size])
                data = data[_aligned(size) :]


def _parse_unix(data: bytes) -> tuple[_Socket, str, int]:
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
        elif kind == _QUEUE and state == _LISTENING:
            (queue,) = _NUMBER.unpack_from(value)
        start += _aligned(size)
    return _Socket(inode, state, False, peer, queue), name, file


def _aligned(size: int) -> int:
    return (size + 3) & ~3


def _find_tcp(address: TcpAddress) -> Peer | None:
    ends: dict[tuple[str, str], int] = {}
    listening: list[tuple[str, int]] = []
    for name in ("/proc/net/tcp", "/proc/net/tcp6"):
        if not os.path.exists(name):
            continue
        with open(name, encoding="ascii") as file:
            for line in file.readlines()[1:]:
                words = line.split()
                local, remote = _plain(words[1]), _plain(words[2])
                if int(words[3], 16) == _LISTENING:
                    listening.append((local, int(words[9])))
                elif int(words[3], 16) == _CONNECTED:
                    ends[local, remote] = int(words[9])
    ours, port = _own_sockets(), f":{address.port:04X}"
    # The server's end of this process's connection, or without one any address of this system.
    hosts = {
        remote for (_, remote), inode in ends.items() if inode in ours and remote.endswith(port)
    }
    if not hosts and not _is_loopback(address.host):
        return None
    found = [_Socket(inode, _LISTENING, True) for local, inode in listening if local.endswith(port)]
    for (local, remote), inode in ends.items():
        peer = ends.get((remote, local), 0)
        if local in hosts or (not hosts and local.endswith(port)):
            found.append(_Socket(inode, _CONNECTED, True, peer))
        elif remote in hosts:
            found.append(_Socket(inode, _CONNECTED, False, peer))
    return _make_peer(found, [f"port={address.port}", f":{address.port}"])


def _plain(end: str) -> str:
    """Return an address of /proc/net/tcp6 like in /proc/net/tcp if it is an IPv4 one."""
    return end.removeprefix("0000000000000000FFFF0000")


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


def _own_sockets() -> set[int]:
    return set(_sockets_of(os.getpid()).values())


def _sockets_of(pid: int) -> dict[str, int]:
    """Return the sockets of a process by descriptor, as inodes, as far as they may be seen."""
    found: dict[str, int] = {}
    folder = f"/proc/{pid}/fd"
    try:
        names = os.listdir(folder)
    except OSError:
        return found
    for name in names:
        try:
            target = os.readlink(f"{folder}/{name}")
        except OSError:
            continue
        if target.startswith("socket:["):
            found[name] = int(target[8:-1])
    return found


def _make_peer(found: list[_Socket], marks: Collection[str]) -> Peer | None:
    """Return the peer for the sockets; `marks` are the parts of QEMU's options with its address."""
    ours = _own_sockets()
    listening = {item.inode for item in found if item.is_server and item.state == _LISTENING}
    ends = [item for item in found if item.is_server and item.state == _CONNECTED]
    accepted = {item.inode for item in ends if item.inode}
    clients = {item.peer for item in ends if item.inode and item.peer}
    if not listening and not accepted:
        return None
    mine = {
        item.peer
        for item in found
        if not item.is_server and item.inode in ours and item.state == _CONNECTED
    }
    is_held = bool(accepted) and (0 in mine or accepted.isdisjoint(mine))
    unaccepted = sum(item.queue for item in found if item.is_server)
    unaccepted += sum(not item.inode for item in ends)
    servers, holders = _owners(accepted or listening, listening), _owners(clients, set())
    server = _process(max(servers)) if servers else None
    option, user = _options(server, [*marks, *_descriptor_marks(server, listening)])
    return Peer(
        server=server,
        is_held=is_held,
        holder=_process(min(holders)) if holders and is_held else None,
        waiting=max(unaccepted - (0 in mine), 0),
        option=option,
        user=user,
    )


def _owners(inodes: Collection[int], fallback: Collection[int]) -> set[int]:
    """Return the ids of the processes with one of these sockets, or one of the others."""
    first, second = set(), set()
    for name in os.listdir("/proc"):
        if name.isdecimal():
            sockets = set(_sockets_of(int(name)).values())
            if not sockets.isdisjoint(inodes):
                first.add(int(name))
            elif not sockets.isdisjoint(fallback):
                second.add(int(name))
    return first or second


def _process(pid: int) -> Process | None:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            head, _, rest = file.read().rpartition(")")
        with open(f"/proc/{pid}/cmdline", "rb") as command:
            words = [os.fsdecode(word) for word in command.read().split(b"\0")[:-1]]
    except OSError:
        return None
    name = head.partition("(")[2]
    program = os.path.basename(words[0]) if words else ""
    # The name in `stat` has at most 15 characters.
    return Process(pid, program if program.startswith(name) else name, rest.split()[0], words)


def _descriptor_marks(server: Process | None, inodes: Collection[int]) -> list[str]:
    """Return how QEMU's options name one of these sockets if QEMU has inherited it."""
    if server is None:
        return []
    return [f"fd={number}" for number, inode in _sockets_of(server.pid).items() if inode in inodes]


def _options(server: Process | None, marks: Collection[str]) -> tuple[str, str]:
    """Return QEMU's option with the address, and the one that names its chardev, or ""."""
    words = server.words if server is not None else ()
    for option in words:
        parts = option.split(",")
        if any(_has_mark(part, marks) for part in parts):
            name = next((part[3:] for part in parts if part.startswith("id=")), "")
            users = (word for word in words if name and f"chardev={name}" in word.split(","))
            return option, next(users, "")
    return "", ""


def _has_mark(part: str, marks: Collection[str]) -> bool:
    """Return True for `path=X`, `unix:X`, `port=N`, `fd=N`, or an address that ends with `:N`."""
    return any(part == mark or (mark[0] == ":" and part.endswith(mark)) for mark in marks)
