"""Parsing of addresses, in all forms that users have, including QEMU's own strings."""

from __future__ import annotations

from ..errors import AddressError
from ..language import suggestion_for
from ..record import Record
from ..render import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping


# The forms that QEMU has and that are not supported yet.
_UNSUPPORTED = ("telnet", "ws", "wss", "socket", "pty", "stdio")
_NOT_YET_STARTS = (*(f"{name}:" for name in _UNSUPPORTED), "socket,")


# The address types of socat.
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

    def __str__(self) -> str:
        if self.abstract:
            return f"unix:{self.path},abstract=on"
        return self.path if "/" in self.path or ":" not in self.path else f"unix:{self.path}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UnixAddress) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


class TcpAddress(Record):
    """A host, by name or number, and a port from 1 to 65535."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TcpAddress) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


class FdAddress(Record):
    """An inherited file descriptor."""

    number: int

    def __str__(self) -> str:
        return f"fd:{self.number}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FdAddress) and self.number == other.number

    def __hash__(self) -> int:
        return hash(self.number)


class ExecAddress(Record):
    """A command of the system's shell whose stdin and stdout are connected to a monitor."""

    command: str

    def __str__(self) -> str:
        return f"exec:{self.command}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ExecAddress) and self.command == other.command

    def __hash__(self) -> int:
        return hash(self.command)


class DeviceAddress(Record):
    """A character device, such as a pty or a serial port."""

    path: str

    def __str__(self) -> str:
        return self.path

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DeviceAddress) and self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)


class VsockAddress(Record):
    """The context identifier (CID) of a VM or a host, and a port."""

    cid: int
    port: int

    def __str__(self) -> str:
        return f"vsock:{self.cid}:{self.port}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VsockAddress) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


class WebsocketAddress(Record):
    """A websocket on a host and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"websocket:{TcpAddress(self.host, self.port)}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WebsocketAddress) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


Address = (
    UnixAddress
    | TcpAddress
    | FdAddress
    | ExecAddress
    | DeviceAddress
    | VsockAddress
    | WebsocketAddress
)


def parse_address(  # noqa: C901
    text: str, *, exists: Callable[[str], bool]
) -> Address:
    """Parse an address. `exists` returns True if a file of that name exists.

    A text that contains a `/` or names a file is always a path. Raises AddressError.
    """
    if not text:
        raise AddressError("the address is empty")
    if "\0" in text:
        raise AddressError("an address cannot hold a NUL character")
    scheme, colon, rest = text.partition(":")
    if scheme in _SOCAT and not rest.isdecimal():
        scheme = _SOCAT[scheme]
    if colon and scheme == "unix":
        return _unix(rest)
    if colon and scheme == "fd":
        return _descriptor(rest)
    if colon and scheme == "tcp":
        place = rest.removeprefix("//").removesuffix("/") if rest.startswith("//") else rest
        return _tcp(_without_options(place, _TCP_OPTIONS), text)
    special = _special(scheme, rest, text) if colon else None
    if special is None and exists(text) and _is_device(text):
        special = DeviceAddress(text)
    if special is not None:
        return special
    if exists(text) or ("/" in text and not text.startswith(_NOT_YET_STARTS)):
        return UnixAddress(text)
    name = scheme if colon else text.partition(",")[0]
    if name in _UNSUPPORTED and (name != "socket" or "," in text) and not rest.isdecimal():
        raise AddressError(f"{name}: addresses of this kind are not supported")
    if colon:
        return _tcp(text, text)
    # A bare word is most likely a socket that does not exist yet.
    return UnixAddress(text)


def _special(scheme: str, rest: str, text: str) -> Address | None:
    if scheme == "exec":
        if not rest.strip():
            raise AddressError("exec: needs a command, as in exec:ssh HOST socat - UNIX:PATH")
        return ExecAddress(rest)
    if scheme == "vsock":
        return _vsock(rest)
    if scheme == "websocket" and not rest.isdecimal():
        place = _tcp(rest, text)
        return WebsocketAddress(place.host, place.port)
    return None


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
    path = value.__fspath__()
    return UnixAddress(path) if path else parse_address(path, exists=exists)


def is_word(text: str) -> bool:
    """Return True if an address is a bare word: a target's name, or a socket in the current directory."""
    return bool(text) and not any(char in text for char in "/:,\0")


_SWITCHES = ("server", "wait", "telnet", "websocket", "tight", "nodelay", "ipv4", "ipv6", "delay")
_UNIX_OPTIONS = (*_SWITCHES, "abstract", "reconnect", "reconnect-ms")
_TCP_OPTIONS = (*_SWITCHES, "to", "reconnect", "reconnect-ms", "keep-alive", "mptcp")
_ON = ("on", "yes", "true", "y")
_OFF = ("off", "no", "false", "n")


def _unix(text: str) -> UnixAddress:
    path, options = _options(text)
    given = _read_options(options, _UNIX_OPTIONS)
    if not path:
        raise AddressError("unix: needs a path, as in unix:/run/vm.sock")
    return UnixAddress(path, abstract=given.get("abstract", False))


def _options(text: str) -> tuple[str, list[str]]:
    """Split QEMU's comma-separated options into the first, with `,,` for a comma, and the others."""
    parts = text.replace(",,", "\0").split(",")
    first, *others = [part.replace("\0", ",") for part in parts]
    return first, others


def _read_options(options: Iterable[str], known: tuple[str, ...]) -> dict[str, bool]:
    """Return the switches. Their old forms are `server`, `nowait` and `nodelay`."""
    switches: dict[str, bool] = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals and name.startswith("no") and name not in known:
            name, value = name[2:], "off"
        elif not equals:
            value = "on"
        if name not in known:
            raise AddressError(f"unknown option {name!r} in the address")
        if value in _ON or value in _OFF:
            switches[name] = value in _ON
    for name in ("telnet", "websocket"):
        if switches.get(name):
            raise AddressError(f"{name}=on: addresses of this kind are not supported")
    return switches


def _without_options(text: str, known: tuple[str, ...]) -> str:
    first, options = _options(text)
    _read_options(options, known)
    return first


def _tcp(text: str, whole: str) -> TcpAddress:
    host, colon, port = text.rpartition(":")
    if text.startswith("["):
        inner, bracket, after = text[1:].partition("]")
        if not bracket or not after.startswith(":"):
            raise AddressError(f"{whole}: an IPv6 address is written [::1]:4444")
        host, port = inner, after[1:]
    elif ":" in host:
        raise AddressError(f"{whole}: write an IPv6 address as [::1]:4444, a path with a /")
    if not colon or not port.isascii() or not port.isdecimal() or not 0 < int(port[:6]) < 65536:
        raise AddressError(
            f"{whole}: {port!r} is not a port number (1 to 65535); for a socket of this name, use ./{whole}"
        )
    return TcpAddress(host or "localhost", int(port))


def _descriptor(text: str) -> FdAddress:
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise AddressError(f"fd:{text}: a file descriptor is a number, as in fd:3")
    return FdAddress(int(text))


def _vsock(text: str) -> VsockAddress:
    parts = text.split(":")
    if len(parts) != 2 or not all(part.isascii() and part.isdecimal() for part in parts):
        raise AddressError(f"vsock:{text}: write two numbers, as in vsock:3:4444 (CID and port)")
    return VsockAddress(*map(int, parts))


def _is_device(path: str) -> bool:
    import os
    import stat

    try:
        return stat.S_ISCHR(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


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
    near = suggestion_for(text, list(targets))
    if near:
        return escape(near)
    names = sorted(targets)
    more = ", …" if len(names) > _MAX_NAMED else ""
    return escape(f"the targets in the settings file are {', '.join(names[:_MAX_NAMED])}{more}")
