"""The monitors of QEMU, its storage daemon and its guest agent: in command lines, and in /proc.

Processes may end at any time, and other users' files may be unreadable. Both only leave gaps in the
result.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import re
import struct

from ..record import Record
from ..transport import (
    CONNECTED,
    LISTENING,
    is_on,
    read_links,
    read_option,
    read_tcp_sockets,
    read_unix_sockets,
    socket_inode,
    split_commas,
)
from .command_line import read_members, read_options, split_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..transport import TcpSocket, UnixSocket


QMP, HUMAN, AGENT = "qmp", "human", "agent"

_PROGRAMS = re.compile(r"qemu-system-.+|qemu-kvm|kvm|qemu-storage-daemon|qemu-ga")
_AGENT_PROGRAM, _DAEMON_PROGRAM = "qemu-ga", "qemu-storage-daemon"
_AGENT_PORT = "org.qemu.guest_agent.0"
_AGENT_PATHS = {"virtio-serial": f"/dev/virtio-ports/{_AGENT_PORT}", "isa-serial": "/dev/ttyS0"}
_WILDCARDS = ("", "0.0.0.0", "::", "*")
# Short options of qemu-ga that are followed by a value, possibly in the same word.
_AGENT_OPTIONS = {"m": "method", "p": "path"}
_AGENT_VALUES = "mplftbaF"
FREE, IN_USE, CONNECTS, CLOSED, UNKNOWN = "free", "in use", "connects", "closed", "unknown"

_UNIX_LISTENING, _UNIX_CONNECTED = 0x10000, 3  # the flag and the state in /proc/net/unix
_TERMINAL_NUMBER = re.compile(r"^tty-index:\s*([0-9]+)", re.MULTILINE)


class Endpoint(Record, kw_only=True):
    """One end of a character device.

    `kind` is `unix`, `abstract`, `tcp`, `telnet`, `websocket`, `vsock`, `fd`, `pty`, or that of a
    device that cannot be opened from outside, such as `stdio`. `connects` is true if the process is the
    client.
    """

    kind: str
    path: str = ""
    host: str = ""
    port: str = ""
    descriptor: int | None = None
    connects: bool = False
    tls: bool = False

    @property
    def address(self) -> str:
        """The address to give to qmpshell, or "" if the command line does not contain it."""
        if self.kind == "unix":
            return self.path
        if self.kind == "abstract":
            return f"unix:{self.path.replace(',', ',,')},abstract=on"
        if self.kind == "vsock":
            return f"vsock:{self.host}:{self.port}"
        if self.kind not in ("tcp", "telnet", "websocket") or not self.port:
            return ""
        host = "localhost" if self.host in _WILDCARDS else self.host
        prefix = "" if self.kind == "tcp" else f"{self.kind}:"
        return f"{prefix}[{host}]:{self.port}" if ":" in host else f"{prefix}{host}:{self.port}"


class Monitor(Record):
    """A monitor or an agent (`qmp`, `human` or `agent`), and where it is."""

    protocol: str
    endpoint: Endpoint


def program_name(word: str) -> str:
    """Return the name of a program that has monitors, or "".

    >>> program_name("/usr/bin/qemu-system-x86_64"), program_name("qemu-img")
    ('qemu-system-x86_64', '')
    """
    name = word.rpartition("/")[2].removesuffix(" (deleted)")
    return name if _PROGRAMS.fullmatch(name) else ""


def machine_name(words: Sequence[str]) -> str:
    """Return the name that the option -name gives to a machine, or "".

    >>> machine_name(["qemu-system-x86_64", "-name", "guest=vm1,debug-threads=on"])
    'vm1'
    """
    name = ""
    for option, value in split_options(words[1:]):
        if option == "name":
            name = read_options(value, "guest").get("guest", name)
    return name


def find_monitors(words: Sequence[str], *, program: str) -> list[Monitor]:
    """Return the monitors that the command line `words` of a program opens. Never fails."""
    if program == _AGENT_PROGRAM:
        return [Monitor(AGENT, _agent_endpoint(words[1:]))]
    is_daemon = program == _DAEMON_PROGRAM
    pairs = list(split_options(list(_split_values(words[1:])) if is_daemon else words[1:]))
    devices = {}
    for name, value in pairs:
        if name == "chardev":
            options = read_options(value, "backend")
            devices[options.get("id", "")] = _chardev(options)
    monitors = []
    for name, value in pairs:
        if name in ("qmp", "qmp-pretty", "monitor") and not is_daemon:
            identifier = value.removeprefix("chardev:")
            endpoint = devices.get(identifier) if identifier != value else _short_form(value)
            protocol = HUMAN if name == "monitor" else QMP
        else:
            protocol, identifier = _reference(name, value, default=QMP if is_daemon else HUMAN)
            endpoint = devices.get(identifier) if protocol else None
        if endpoint is not None:
            monitors.append(Monitor(protocol, endpoint))
    return monitors


def _reference(name: str, value: str, *, default: str) -> tuple[str, str]:
    """Return the protocol that an option uses on a device of -chardev, and its id, or twice ""."""
    if name in ("mon", "monitor"):
        options = read_options(value, "chardev")
        protocol = {"control": QMP, "readline": HUMAN}.get(options.get("mode", ""), default)
        return protocol, options.get("chardev", "")
    if name == "device":
        options = read_members(value, "driver")
        if options.get("name") == _AGENT_PORT:
            return AGENT, options.get("chardev", "")
    return "", ""


def _split_values(words: Sequence[str]) -> Iterator[str]:
    """Split `--name=value` into two words."""
    for word in words:
        name, equals, value = word.partition("=")
        if equals and name.startswith("--"):
            yield name
            yield value
        else:
            yield word


def _chardev(options: dict[str, str]) -> Endpoint:
    """Return the endpoint for the options of -chardev."""
    kind = options.get("backend", "")
    if kind != "socket":
        return Endpoint(kind=kind, path=options.get("path", ""))
    connects = not is_on(options, "server")
    if "fd" in options:
        number = options["fd"]
        is_number = number.isascii() and number.isdecimal() and len(number) < 10
        descriptor = int(number) if is_number else None
        return Endpoint(kind="fd", descriptor=descriptor, connects=connects)
    if "path" in options:
        kind = "abstract" if is_on(options, "abstract") else "unix"
        return Endpoint(kind=kind, path=options["path"], connects=connects)
    return Endpoint(
        kind=_dialect(options, "tcp"),
        host=options.get("host", ""),
        port=options.get("port", ""),
        connects=connects,
        tls="tls-creds" in options,
    )


def _dialect(options: dict[str, str], default: str) -> str:
    names = (name for name in ("telnet", "websocket") if is_on(options, name))
    return next(names, default)


def _short_form(text: str) -> Endpoint:
    """Return the endpoint for the argument of -qmp or -monitor."""
    text = text.removeprefix("mon:")
    kind, _, rest = text.partition(":")
    if kind == "unix":
        path, *others = split_commas(rest)
        return _chardev({"path": path, **dict(map(read_option, others)), "backend": "socket"})
    if kind not in ("tcp", "telnet", "websocket"):
        return Endpoint(kind=kind.partition(",")[0])
    place, *others = split_commas(rest)
    options = dict(map(read_option, others))
    host, _, port = place.rpartition(":")
    return Endpoint(
        kind=_dialect(options, kind),
        host=host.removeprefix("[").removesuffix("]"),
        port=port,
        connects=not is_on(options, "server"),
        tls="tls-creds" in options,
    )


def _agent_endpoint(words: Sequence[str]) -> Endpoint:
    """Return the endpoint for the options of qemu-ga."""
    given: dict[str, str] = {}
    rest = iter(_split_values(words))
    for word in rest:
        if word.startswith("--"):
            if word[2:] in _AGENT_OPTIONS.values():
                given[word[2:]] = next(rest, "")
        elif word.startswith("-"):
            # A word such as -dvp/path holds flags and an option with its value.
            position = next((at for at, char in enumerate(word) if char in _AGENT_VALUES), None)
            if position is not None:
                value = word[position + 1 :] or next(rest, "")
                given[_AGENT_OPTIONS.get(word[position], "")] = value
    method = given.get("method", "virtio-serial")
    path = given.get("path", _AGENT_PATHS.get(method, ""))
    if method == "vsock-listen":
        host, _, port = path.rpartition(":")
        return Endpoint(kind="vsock", host=host, port=port)
    return Endpoint(kind="unix" if method == "unix-listen" else method, path=path)


class Holder(Record):
    """The client of a monitor: a process of this machine, or only the address it comes from."""

    pid: int | None
    name: str


class FoundMonitor(Record):
    """A monitor of a running process: `address` is "" if it cannot be opened, `kind` says why."""

    protocol: str
    address: str
    kind: str
    state: str
    tls: bool
    holder: Holder | None


class FoundProcess(Record):
    """A running QEMU, storage daemon or agent."""

    pid: int
    user: str
    name: str
    program: str
    monitors: list[FoundMonitor]


class _UnixRow(Record):
    path: str
    flags: int
    state: int
    inode: int


def find_processes(root: str = "/proc") -> list[FoundProcess]:
    """Return the processes that have monitors, ordered by pid. `root` is the proc file system."""
    scan = _Scan(root)
    found = []
    for pid in scan.pids():
        process = scan.inspect(pid)
        if process is not None:
            found.append(process)
    scan.name_holders()
    return found


def find_addresses(*protocols: str) -> list[str]:
    """Return the addresses of the monitors of these protocols that a client can open."""
    return [
        monitor.address
        for process in find_processes()
        for monitor in process.monitors
        if monitor.address and monitor.protocol in protocols and monitor.state != CONNECTS
    ]


class _Scan:
    """One pass over the proc file system."""

    def __init__(self, root: str) -> None:
        self._root = root
        # The links in /proc/PID/fd by which a client's process is found.
        self._wanted: list[tuple[FoundMonitor, int, str]] = []
        self._sockets: dict[int, UnixSocket] | None = None

    def pids(self) -> list[int]:
        """Return all process ids."""
        try:
            names = os.listdir(self._root)
        except OSError:
            return []
        return sorted(int(name) for name in names if name.isdecimal())

    def inspect(self, pid: int) -> FoundProcess | None:
        """Return the process with its monitors, or None if it has none or has ended."""
        words = [
            os.fsdecode(word) for word in self._read(pid, "cmdline").rstrip(b"\0").split(b"\0")
        ]
        program = program_name(words[0]) or program_name(self._link(pid, "exe"))
        if not program or words == [""]:
            return None
        monitors = [self._locate(pid, monitor) for monitor in find_monitors(words, program=program)]
        name = machine_name(words) if program.startswith(("qemu-system", "qemu-kvm", "kvm")) else ""
        return FoundProcess(pid, self._user(pid), name or program, program, monitors)

    def name_holders(self) -> None:
        """Set the holders of the monitors found so far that are processes of this machine."""
        wanted = {link for _, _, link in self._wanted}
        if not wanted:
            return
        holders: dict[str, list[int]] = {}
        for pid in self.pids():
            for link in set(self._descriptors(pid).values()) & wanted:
                holders.setdefault(link, []).append(pid)
        for monitor, server, link in self._wanted:
            for pid in holders.get(link, ()):
                if pid != server:
                    name = os.fsdecode(self._read(pid, "comm").rstrip(b"\n"))
                    monitor.holder, monitor.state = Holder(pid, name), IN_USE
                    break

    def _locate(self, pid: int, monitor: Monitor) -> FoundMonitor:
        """Return a monitor with its address and state."""
        end = self._resolve(pid, monitor.endpoint)
        found = FoundMonitor(monitor.protocol, end.address, end.kind, UNKNOWN, end.tls, None)
        if end.connects:
            found.state = CONNECTS
        elif end.kind in ("unix", "abstract"):
            # The table has the path as the process wrote it.
            typed = monitor.endpoint.path or end.path
            names = {end.path, typed} if end.kind == "unix" else {f"@{end.path}"}
            self._unix_state(pid, found, names)
        elif end.kind in ("tcp", "telnet", "websocket"):
            self._tcp_state(pid, found, end.port)
        elif end.kind == "pty" and end.path:
            found.address, found.state = end.path, FREE
            self._wanted.append((found, pid, end.path))
        return found

    def _resolve(self, pid: int, end: Endpoint) -> Endpoint:
        """Return the endpoint that a relative path, a descriptor or a pseudo terminal denotes."""
        if end.kind == "unix":
            return Endpoint(kind="unix", path=self._absolute(pid, end.path), connects=end.connects)
        if end.kind == "pty":
            return Endpoint(kind="pty", path=self._terminal(pid))
        if end.kind != "fd" or end.descriptor is None:
            return end
        inode = socket_inode(self._link(pid, f"fd/{end.descriptor}"))
        for row in self._unix_rows(pid):
            if inode and row.inode == inode and row.path:
                path = row.path
                if path.startswith("@"):
                    return Endpoint(kind="abstract", path=path[1:], connects=end.connects)
                return Endpoint(kind="unix", path=self._absolute(pid, path), connects=end.connects)
        for listener in self._tcp_rows(pid):
            if inode and listener.inode == inode:
                host, port = listener.local
                return Endpoint(kind="tcp", host=host, port=str(port), connects=end.connects)
        return end

    def _absolute(self, pid: int, path: str) -> str:
        """Return the absolute path of a process's file, or the path itself if that is unknown."""
        if path.startswith("/"):
            return path
        # A daemon has changed its directory after it created its sockets.
        variables = self._read(pid, "environ").split(b"\0")
        started = next((os.fsdecode(v[4:]) for v in variables if v.startswith(b"PWD=")), "")
        directories = [directory for directory in (self._link(pid, "cwd"), started) if directory]
        paths = [os.path.normpath(os.path.join(directory, path)) for directory in directories]
        return next((found for found in paths if os.path.exists(found)), path)

    def _terminal(self, pid: int) -> str:
        """Return the pseudo terminal of a process that has exactly one, or ""."""
        masters = [
            number for number, link in self._descriptors(pid).items() if link.endswith("/ptmx")
        ]
        if len(masters) != 1:
            return ""
        match = _TERMINAL_NUMBER.search(os.fsdecode(self._read(pid, f"fdinfo/{masters[0]}")))
        return f"/dev/pts/{match[1]}" if match else ""

    def _unix_state(self, pid: int, found: FoundMonitor, names: set[str]) -> None:
        own = {socket_inode(link) for link in self._descriptors(pid).values()}
        rows = [
            row
            for row in self._unix_rows(pid)
            if row.path in names and (row.inode in own or not own)
        ]
        clients = [row for row in rows if row.state == _UNIX_CONNECTED and row.inode]
        if clients:
            found.state = IN_USE
            client = self._socket(clients[0].inode)
            if client is not None and client.peer:
                self._wanted.append((found, pid, f"socket:[{client.peer}]"))
        elif rows:
            listening = [row for row in rows if row.flags & _UNIX_LISTENING]
            can_connect = any(self._has_path(row, found.address) for row in listening)
            found.state = FREE if can_connect else CLOSED
        elif os.path.exists(os.path.join(self._root, str(pid), "net", "unix")):
            found.state = CLOSED

    def _tcp_state(self, pid: int, found: FoundMonitor, port: str) -> None:
        rows = self._tcp_rows(pid)
        own = {socket_inode(link) for link in self._descriptors(pid).values()}
        here = [
            row
            for row in rows
            if str(row.local[1]) == port and row.inode and (row.inode in own or not own)
        ]
        clients = [row for row in here if row.state == CONNECTED]
        if clients:
            client = clients[0]
            host, number = client.remote
            found.state, found.holder = IN_USE, Holder(None, f"{host}:{number}")
            ends = (client.remote, client.local)
            peer = next((row.inode for row in rows if (row.local, row.remote) == ends), 0)
            if peer:
                self._wanted.append((found, pid, f"socket:[{peer}]"))
        elif any(row.state == LISTENING for row in here):
            found.state = FREE

    def _unix_rows(self, pid: int) -> Iterator[_UnixRow]:
        for line in self._read(pid, "net/unix").splitlines()[1:]:
            fields = line.split(None, 7)
            if len(fields) >= 7:
                path = os.fsdecode(fields[7]) if len(fields) == 8 else ""
                yield _UnixRow(path, int(fields[3], 16), int(fields[5], 16), int(fields[6]))

    def _tcp_rows(self, pid: int) -> list[TcpSocket]:
        return read_tcp_sockets(os.path.join(self._root, str(pid), "net"))

    def _has_path(self, row: _UnixRow, address: str) -> bool:
        """Return False if the path of a socket was deleted, or is another socket's now."""
        item = self._socket(row.inode)
        if item is None or not item.file or not address.startswith("/"):
            return True
        try:
            return os.stat(address).st_ino & 0xFFFFFFFF == item.file
        except OSError as error:
            return error.errno != errno.ENOENT

    def _socket(self, inode: int) -> UnixSocket | None:
        if self._sockets is None:
            self._sockets = {}
            with contextlib.suppress(OSError, struct.error):  # restricted, as in a container
                self._sockets = {item.inode: item for item in read_unix_sockets()}
        return self._sockets.get(inode)

    def _user(self, pid: int) -> str:
        try:
            number = os.stat(os.path.join(self._root, str(pid))).st_uid
        except OSError:
            return "?"
        try:
            return pwd.getpwuid(number).pw_name
        except KeyError:
            return str(number)

    def _descriptors(self, pid: int) -> dict[str, str]:
        """Return the links of a process's descriptors. Empty if they cannot be read."""
        return read_links(os.path.join(self._root, str(pid), "fd"))

    def _link(self, pid: int, name: str) -> str:
        try:
            return os.readlink(os.path.join(self._root, str(pid), name))
        except OSError:
            return ""

    def _read(self, pid: int, name: str) -> bytes:
        try:
            with open(os.path.join(self._root, str(pid), name), "rb") as file:
                return file.read()
        except OSError:
            return b""
