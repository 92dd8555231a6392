"""Parsing of addresses, in all forms that users have, including QEMU's own strings."""

from __future__ import annotations

from ..errors import AddressError
from ..record import Record
from ..render import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping


# The forms of addresses besides UNIX sockets, TCP and descriptors. A number after `NAME:` makes it
# a host and a port.
_SCHEMES = ("telnet", "websocket", "ws", "wss", "vsock", "exec", "pty", "serial")
_DEVICE_STARTS = ("/dev/pts/", "/dev/tty")

# The address types of socat, in any case.
_SOCAT = {
    "UNIX": "unix",
    "UNIX-CLIENT": "unix",
    "UNIX-CONNECT": "unix",
    "TCP": "tcp",
    "TCP-CONNECT": "tcp",
    "TCP4": "tcp",
    "TCP6": "tcp",
}


class UnixAddress(Record):
    """A UNIX socket: a path, or a name in Linux's abstract namespace (without its NUL)."""

    path: str
    abstract: bool = False
    telnet: bool = False
    websocket: bool = False

    def __str__(self) -> str:
        switches = "".join(
            f",{name}=on" for name in ("abstract", "telnet", "websocket") if getattr(self, name)
        )
        if switches:
            return f"unix:{self.path.replace(',', ',,')}{switches}"
        path = self.path
        is_path = "/" in path and not path.lower().startswith(_OTHER_STARTS)
        return path if is_path or ":" not in path else f"unix:{path}"


class Credentials(Record):
    """A directory of certificates, and the host name to check instead of the address's, or ""."""

    directory: str
    host: str = ""


class TcpAddress(Record):
    """A host, by name or number, and a port from 1 to 65535.

    `tls` is the ID of QEMU's tls-creds object, or "" for clear text; `credentials` are for TLS.
    """

    host: str
    port: int
    telnet: bool = False
    websocket: bool = False
    tls: str = ""
    credentials: Credentials | None = None

    def __str__(self) -> str:
        place = f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
        if self.websocket and self.tls:
            return f"wss://{place}"
        kind = "telnet:" if self.telnet else "websocket:" if self.websocket else ""
        if self.tls:
            return f"{kind or 'tcp:'}{place},tls-creds={self.tls}"
        return kind + place

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TcpAddress) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


class FdAddress(Record):
    """An inherited file descriptor."""

    number: int

    def __str__(self) -> str:
        return f"fd:{self.number}"


class ExecAddress(Record):
    """A command of the system shell whose stdin and stdout are the connection."""

    command: str

    def __str__(self) -> str:
        return f"exec:{self.command}"


class VsockAddress(Record):
    """A context ID and a port of AF_VSOCK."""

    cid: int
    port: int

    def __str__(self) -> str:
        return f"vsock:{self.cid}:{self.port}"


class DeviceAddress(Record):
    """A character device, such as the pseudo-terminal of `-qmp pty`."""

    path: str

    def __str__(self) -> str:
        return self.path if self.path.startswith(_DEVICE_STARTS) else f"serial:{self.path}"


Address = UnixAddress | TcpAddress | FdAddress | ExecAddress | VsockAddress | DeviceAddress


def parse_address(text: str, *, exists: Callable[[str], bool]) -> Address:
    """Parse an address. `exists` returns True if a file of that name exists.

    A text that contains a `/` or names a file is always a path. Raises AddressError.
    """
    if not text:
        raise AddressError("the address is empty")
    if "\0" in text:
        raise AddressError("an address cannot hold a NUL character")
    scheme, colon, rest = text.partition(":")
    if not rest.isdecimal() or scheme == "vsock":
        scheme = _SOCAT.get(scheme.upper(), scheme)
    if colon and scheme == "unix":
        return _unix(rest)
    if colon and scheme == "fd":
        return _descriptor(rest)
    if colon and scheme == "tcp":
        return _tcp(_without_slashes(rest), text)
    if not exists(text):
        if colon and scheme in _SCHEMES and (scheme == "vsock" or not rest.isdecimal()):
            return _other(scheme, rest, text)
        if text.startswith("socket,"):
            return _chardev(text)
    return _path_or_host(text, is_file=exists(text))


def _path_or_host(text: str, *, is_file: bool) -> Address:
    if text.startswith(_DEVICE_STARTS):
        return DeviceAddress(text)
    # A bare word is most likely a socket that does not exist yet.
    if is_file or "/" in text or ":" not in text:
        return UnixAddress(text)
    return _tcp(text, text)


def with_credentials(address: Address, credentials: Credentials) -> Address:
    """Return a TCP address that uses TLS, or any other address as it is."""
    if not isinstance(address, TcpAddress):
        return address
    changes = {"tls": address.tls or "tls0", "credentials": credentials}
    return TcpAddress(**{**vars(address), **changes})


def is_clear_text(address: Address) -> bool:
    """Return True if others on the network can read and change what is sent."""
    if not isinstance(address, TcpAddress) or address.tls:
        return False
    return not is_loopback(address.host)


def is_loopback(host: str) -> bool:
    """Return True if a host, by name or number, is certainly this one."""
    is_number = host.replace(".", "").isdecimal()  # 127.example.com is not loopback
    return host.lower() in ("localhost", "::1") or (is_number and host.startswith("127."))


def make_address(
    value: str | os.PathLike[str] | tuple[str, int], *, exists: Callable[[str], bool]
) -> Address:
    """Return the address for a text, a path, or a host and a port. Raises AddressError."""
    if isinstance(value, str):
        return parse_address(value, exists=exists)
    if isinstance(value, tuple):
        host, port = value
        if type(port) is not int or not 0 < port < 65536:
            raise AddressError(f"{port!r} is not a port number (1 to 65535)")
        return TcpAddress(host or "localhost", port)
    if not hasattr(value, "__fspath__"):
        raise TypeError(f"an address is a text, a path, or a host and a port, not {value!r}")
    path = value.__fspath__()
    return UnixAddress(path) if path else parse_address(path, exists=exists)


def is_word(text: str) -> bool:
    """Return True if an address is a bare word: a target's name, or a socket in the current directory."""
    return bool(text) and not any(char in text for char in "/:,\0")


# What `parse_address` does not read as a path, though it holds a `/`.
_OTHER_STARTS = (
    *(f"{name}:" for name in (*_SCHEMES, *map(str.lower, _SOCAT), "fd")),
    "socket,",
    *_DEVICE_STARTS,
)
_SWITCHES = ("server", "wait", "telnet", "websocket", "tight", "nodelay", "ipv4", "ipv6", "delay")
_UNIX_OPTIONS = (*_SWITCHES, "abstract", "reconnect", "reconnect-ms")
_TCP_OPTIONS = (
    *(*_SWITCHES, "to", "reconnect", "reconnect-ms", "keep-alive", "mptcp"),
    *("tls-creds", "tls-authz"),
)
# The options of QEMU's chardev, besides those of the two kinds of sockets.
_CHARDEV_OPTIONS = ("id", "path", "host", "port", "logfile", "logappend", "mux")
_ON = ("on", "yes", "true", "y")
_OFF = ("off", "no", "false", "n")


def _unix(text: str) -> UnixAddress:
    path, *options = split_commas(text)
    given = _read_options(options, _UNIX_OPTIONS, f"unix:{text}")
    if not path:
        raise AddressError("unix: needs a path, as in unix:/run/vm.sock")
    return _unix_with(path, given)


def _unix_with(path: str, given: Mapping[str, str]) -> UnixAddress:
    return UnixAddress(
        path,
        abstract=is_on(given, "abstract"),
        telnet=is_on(given, "telnet"),
        websocket=is_on(given, "websocket"),
    )


def split_commas(text: str) -> list[str]:
    """Return the parts of QEMU's comma-separated options, in which two commas stand for one.

    >>> split_commas("a,,b,server=on")
    ['a,b', 'server=on']
    """
    return [part.replace("\0", ",") for part in text.replace(",,", "\0").split(",")]


def read_option(part: str) -> tuple[str, str]:
    """Return the name and the value of an option; a switch without a value is on, or with `no` off.

    >>> read_option("path=/x"), read_option("server"), read_option("nowait")
    (('path', '/x'), ('server', 'on'), ('wait', 'off'))
    """
    name, equals, value = part.partition("=")
    if equals:
        return name, value
    is_negated = name.startswith("no") and name != "nodelay"
    return (name[2:], "off") if is_negated else (name, "on")


def _read_options(options: Iterable[str], known: tuple[str, ...], address: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, value in map(read_option, options):
        if name not in known:
            hint = _near(name, known)
            if not hint and "abstract" in known:
                hint = "; write ,, for a comma in the path"
            raise AddressError(f"{address}: unknown option {name!r}{hint}")
        if name in _SWITCHES and value not in (*_ON, *_OFF):
            raise AddressError(f"{name}={value} in the address: expected on or off")
        given[name] = value
    if is_on(given, "telnet") and is_on(given, "websocket"):
        raise AddressError("an address cannot have both telnet=on and websocket=on")
    return given


def _near(name: str, known: tuple[str, ...]) -> str:
    from ..language import suggestion_for  # few addresses are wrong

    near = suggestion_for(name, list(known))
    return f": {near}" if near else ""


def is_on(given: Mapping[str, str], name: str) -> bool:
    """Return True if a switch of QEMU's options is on."""
    return given.get(name) in _ON


def _without_slashes(text: str) -> str:
    return text.removeprefix("//").removesuffix("/") if text.startswith("//") else text


def _other(scheme: str, rest: str, text: str) -> Address:
    if scheme == "exec":
        if not rest.strip():
            raise AddressError(
                "exec: needs a command, as in exec:ssh host socat - UNIX:/run/vm.sock"
            )
        return ExecAddress(rest)
    if scheme == "vsock":
        cid, colon, port = rest.partition(":")
        return VsockAddress(_number(cid, text), _number(port if colon else "", text))
    if scheme in ("pty", "serial"):
        if not rest:
            raise AddressError(f"{scheme}: needs a device, as in {scheme}:/dev/pts/3")
        return DeviceAddress(rest)
    address = _tcp(_without_slashes(rest), text)
    address.telnet |= scheme == "telnet"
    address.websocket |= scheme != "telnet"
    address.tls = address.tls or ("wss" if scheme == "wss" else "")
    return address


def _number(text: str, whole: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 10 or int(text) >= 1 << 32:
        raise AddressError(f"{whole}: a vsock address is two numbers, as in vsock:3:4444")
    return int(text)


def _chardev(text: str) -> Address:
    """Parse the value of QEMU's option -chardev."""
    _, *options = split_commas(text)
    known = tuple(dict.fromkeys((*_UNIX_OPTIONS, *_TCP_OPTIONS, *_CHARDEV_OPTIONS, "fd", "tight")))
    given = _read_options(options, known, text)
    if given.get("path"):
        if "tls-creds" in given:
            raise AddressError("tls-creds in the address: only a TCP connection can use TLS")
        return _unix_with(given["path"], given)
    if "port" not in given:
        raise AddressError("a socket,… address needs path=PATH, or host=HOST,port=PORT")
    host = given.get("host", "")
    return _tcp_with(
        f"[{host}]:{given['port']}" if ":" in host else f"{host}:{given['port']}", text, given
    )


def _tcp(text: str, whole: str) -> TcpAddress:
    if "@" in text:  # not repeated, because it may be a password
        raise AddressError("an address has no user name or password: write HOST:PORT")
    place, *options = split_commas(text)
    return _tcp_with(place.removesuffix("/"), whole, _read_options(options, _TCP_OPTIONS, whole))


def _tcp_with(text: str, whole: str, given: Mapping[str, str]) -> TcpAddress:
    host, colon, port = text.rpartition(":")
    if text.startswith("["):
        inner, bracket, after = text[1:].partition("]")
        if not bracket or not after.startswith(":"):
            raise AddressError(f"{whole}: an IPv6 address is written [::1]:4444")
        host, port = inner, after[1:]
    elif ":" in host:
        raise AddressError(
            f"{whole}: unknown form of address; write an IPv6 address as [::1]:4444, a path with a /"
        )
    if not colon or not port.isascii() or not port.isdecimal() or not 0 < int(port[:6]) < 65536:
        raise AddressError(
            f"{whole}: {port!r} is not a port number (1 to 65535); write HOST:PORT, or ./{whole} for a"
            " socket of that name"
        )
    return TcpAddress(
        host or "localhost",
        int(port),
        telnet=is_on(given, "telnet"),
        websocket=is_on(given, "websocket"),
        tls=given.get("tls-creds", ""),
    )


def _descriptor(text: str) -> FdAddress:
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise AddressError(f"fd:{text}: a file descriptor is a number, as in fd:3")
    return FdAddress(int(text))


_MAX_NAMED = 8


def resolve_address(
    text: str, targets: Mapping[str, str], *, exists: Callable[[str], bool]
) -> Address:
    """Return the address for `text`, or for the target of that name.

    `exists` returns True if a file of that name exists; the file has precedence. Raises AddressError.
    """
    if is_word(text) and text in targets and not exists(text):
        try:
            return parse_address(targets[text], exists=exists)
        except AddressError as error:
            raise AddressError(f"the target {text}: {error}") from error
    return parse_address(text, exists=exists)


def target_hint(text: str, targets: Mapping[str, str]) -> str:
    """Return a hint for a word that is neither a target nor a file, or ""."""
    if not targets or not is_word(text) or text in targets:
        return ""
    from ..language import suggestion_for  # few addresses are wrong

    near = suggestion_for(text, list(targets))
    if near:
        return escape(near)
    names = sorted(targets)
    more = ", …" if len(names) > _MAX_NAMED else ""
    return escape(f"the targets in the settings file are {', '.join(names[:_MAX_NAMED])}{more}")
