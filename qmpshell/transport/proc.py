"""Reads from Linux who listens at an address, and which clients are connected to it.

The other end of a UNIX socket is only in sock_diag(7), which any user may ask; the owners of sockets
are in /proc/PID/fd, which shows one's own processes, and all of them to root.
"""

from __future__ import annotations

import os
import struct

from ..record import Record
from .address import TcpAddress, UnixAddress, is_loopback
from .peer import Peer, Process
from .socket_tables import (
    CONNECTED,
    LISTENING,
    read_links,
    read_tcp_sockets,
    read_unix_sockets,
    socket_inode,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from .address import Address


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
    for item in read_unix_sockets():
        is_there = item.file == inode if inode else item.name == f"\0{address.path}"
        if is_there:
            name = item.name.strip("\0")
        found.append(_Socket(item.inode, item.state, is_there, item.peer, item.queue))
    return _make_peer(found, [f"path={name}", f"unix:{name}"])


def _find_tcp(address: TcpAddress) -> Peer | None:
    sockets = read_tcp_sockets()
    ends = {(item.local, item.remote): item.inode for item in sockets if item.state == CONNECTED}
    ours, port = _own_sockets(), address.port
    # The server's end of this process's connection, or without one any address of this system.
    hosts = {remote for (_, remote), inode in ends.items() if inode in ours and remote[1] == port}
    if not hosts and not is_loopback(address.host):
        return None
    found = [
        _Socket(item.inode, LISTENING, True)
        for item in sockets
        if item.state == LISTENING and item.local[1] == port
    ]
    for (local, remote), inode in ends.items():
        peer = ends.get((remote, local), 0)
        if local in hosts or (not hosts and local[1] == port):
            found.append(_Socket(inode, CONNECTED, True, peer))
        elif remote in hosts:
            found.append(_Socket(inode, CONNECTED, False, peer))
    return _make_peer(found, [f"port={port}", f":{port}"])


def _own_sockets() -> set[int]:
    return set(_sockets_of(os.getpid()).values())


def _sockets_of(pid: int) -> dict[str, int]:
    """Return the sockets of a process by descriptor, as inodes, as far as they may be seen."""
    links = read_links(f"/proc/{pid}/fd")
    return {name: inode for name, link in links.items() if (inode := socket_inode(link))}


def _make_peer(found: list[_Socket], marks: Collection[str]) -> Peer | None:
    """Return the peer for the sockets; `marks` are the parts of QEMU's options with its address."""
    ours = _own_sockets()
    listening = {item.inode for item in found if item.is_server and item.state == LISTENING}
    ends = [item for item in found if item.is_server and item.state == CONNECTED]
    accepted = {item.inode for item in ends if item.inode}
    clients = {item.peer for item in ends if item.inode and item.peer}
    if not listening and not accepted:
        return None
    mine = {
        item.peer
        for item in found
        if not item.is_server and item.inode in ours and item.state == CONNECTED
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
