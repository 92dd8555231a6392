"""Find the server at an address and its clients (Linux), and explain problems with them.

The other end of a UNIX socket is only in sock_diag(7), which any user may ask; the owners of sockets
are in /proc/PID/fd, which shows one's own processes, and all of them to root.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import struct

from ..record import Record
from ..render import escape
from .address import TcpAddress, UnixAddress, is_loopback, is_on, read_option, split_commas

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from .address import Address


# The states of UNIX sockets in sock_diag, and of TCP sockets (net/tcp_states.h).
LISTENING, CONNECTED = 10, 1

# linux/sock_diag.h, linux/unix_diag.h, linux/netlink.h
_NETLINK_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY = 4, 20
_REQUEST_DUMP = 0x301
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_SHOW_NAME_VFS_PEER_QUEUE = 0xF
_NAME, _VFS, _PEER, _QUEUE = 0, 1, 2, 3
_HEADER, _REQUEST = struct.Struct("=IHHII"), struct.Struct("=BBHIIIII")
_ANSWER, _ATTRIBUTE, _NUMBER = struct.Struct("=BBBBIII"), struct.Struct("=HH"), struct.Struct("=I")
_TIMEOUT = 1.0  # seconds

_LINK = re.compile(r"socket:\[([0-9]+)\]")


class UnixSocket(Record):
    """A UNIX socket: its inode (0 if it is not accepted), and the inode of its other end, or 0.

    `name` is its address, which starts with NUL in the abstract namespace, and `file` the inode of its
    path. `queue` is the number of open connections that a listening socket has not accepted.
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
            # The inodes of the clients, which are 0 after their end.
            queue = sum(client != 0 for (client,) in _NUMBER.iter_unpack(value[: size - 4]))
        start += _aligned(size)
    return UnixSocket(inode, state, name, file, peer, queue)


def _aligned(size: int) -> int:
    return (size + 3) & ~3


def read_tcp_sockets(directory: str = "/proc/net") -> list[TcpSocket]:
    """Return the TCP sockets in a `net` directory of /proc, as far as they can be read."""
    found = []
    for name in ("tcp", "tcp6"):
        try:
            with open(os.path.join(directory, name), encoding="ascii", errors="replace") as file:
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


def read_links(directory: str) -> dict[str, str]:
    """Return the links in a directory such as /proc/PID/fd, as far as they can be read."""
    found: dict[str, str] = {}
    try:
        names = os.listdir(directory)
    except OSError:
        return found
    for name in names:
        try:
            found[name] = os.readlink(os.path.join(directory, name))
        except OSError:
            continue
    return found


def socket_inode(link: str) -> int:
    """Return the inode of the socket that a link in /proc/PID/fd denotes, or 0."""
    match = _LINK.fullmatch(link)
    return int(match[1]) if match else 0


class Process(Record):
    """A process. `state` is its letter in proc(5), `words` is its command line."""

    pid: int
    name: str
    state: str = "S"
    words: Sequence[str] = ()

    def __str__(self) -> str:
        return f"{escape(self.name)} (pid {self.pid})"


class Peer(Record, kw_only=True):
    """The server at an address, as far as the system shows it.

    `server` is the process that listens, if it may be seen. `is_held` is true if it serves another
    client, and has not accepted this process's connection; `holder` is that client. `waiting` is
    the number of further clients that it has not accepted. `option` is the option of QEMU with this
    address if the address is a plain one, and `user` the one that names its chardev.
    """

    server: Process | None = None
    is_held: bool = False
    holder: Process | None = None
    waiting: int = 0
    option: str = ""
    user: str = ""


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


def explain_delay(address: str, peer: Peer) -> str:
    """Return a message if the server will answer later, because it is stopped or busy, or ""."""
    server = peer.server
    if server is not None and server.state == "T":
        return f"{address}: {server} is stopped; kill -CONT {server.pid} resumes it"
    if server is not None and server.state == "t":
        return f"{address}: {server} is stopped in a debugger; continue it there"
    if not peer.is_held:
        return ""
    more = ""
    if peer.waiting:
        more = f", and {peer.waiting} more {'waits' if peer.waiting == 1 else 'wait'}"
    holder = f", {peer.holder}," if peer.holder is not None else ""
    if _is_agent(peer):
        return f"{address}: busy: another client{holder} uses this guest agent{more}; end it"
    return (
        f"{address}: busy: another client{holder} holds this monitor{more} (QEMU serves one at a"
        " time); end it, or give QEMU a second monitor"
    )


def _is_agent(peer: Peer) -> bool:
    """Return True if the server is a guest agent, or QEMU with the channel of one."""
    is_server = peer.server is not None and peer.server.name == "qemu-ga"
    return is_server or "guest_agent" in peer.user


_AGENT_REMEDY = "; use qmpshell --ga, or qmpshell ga"


def explain_mismatch(address: str, peer: Peer) -> str:
    """Return a message if the server certainly expects something else than QMP, or ""."""
    server = peer.server
    if server is not None and server.name == "qemu-ga":
        return f"{address}: this is a guest agent, {server}{_AGENT_REMEDY}"
    if "guest_agent" in peer.user:
        return (
            f"{address}: this is the channel of a guest agent ({escape(peer.user)}){_AGENT_REMEDY}"
        )
    if is_on(dict(map(read_option, split_commas(peer.option))), "websocket") and not is_websocket(
        address
    ):
        return f"{address}: {server} expects a websocket here; use {address_with(address, 'websocket')}"
    if "tls-creds=" in peer.option and "tls-creds=" not in address:
        return f"{address}: {server} expects TLS here; add --tls-creds DIR"
    if peer.option and peer.user and "=" not in peer.user.split(",")[0]:
        return f"{address}: this is a device of the guest, not a monitor ({escape(peer.user)})"
    return ""


def is_websocket(address: str) -> bool:
    """Return True if the text of an address names a websocket."""
    return address.startswith(("websocket:", "ws:", "wss:")) or "websocket=on" in address


def address_with(address: str, kind: str) -> str:
    """Return the address with `telnet` or `websocket`, instead of the other one."""
    address = re.sub(r",(telnet|websocket)(=(on|yes|true|y))?(?=,|$)", "", address)
    if address.startswith("socket,"):
        return f"{address},{kind}=on"
    place = address.partition(",")[0]
    for scheme in ("tcp", "telnet", "websocket"):
        place = place.removeprefix(f"{scheme}:")
    if place.rpartition(":")[2].isdecimal() and not place.startswith("unix:") and "/" not in place:
        return f"{kind}:{place}"
    return f"unix:{address.removeprefix('unix:')},{kind}=on"
