"""The monitors that a command line of QEMU, its storage daemon or its guest agent opens."""

from __future__ import annotations

import re

from ..record import Record
from ..transport import is_on, read_option, split_commas
from .command_line import read_members, read_options, split_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


QMP, HUMAN, AGENT = "qmp", "human", "agent"

_PROGRAMS = re.compile(r"qemu-system-.+|qemu-kvm|kvm|qemu-storage-daemon|qemu-ga")
_AGENT_PROGRAM, _DAEMON_PROGRAM = "qemu-ga", "qemu-storage-daemon"
_AGENT_PORT = "org.qemu.guest_agent.0"
_AGENT_PATHS = {"virtio-serial": f"/dev/virtio-ports/{_AGENT_PORT}", "isa-serial": "/dev/ttyS0"}
_WILDCARDS = ("", "0.0.0.0", "::", "*")
# Short options of qemu-ga that are followed by a value, possibly in the same word.
_AGENT_OPTIONS = {"m": "method", "p": "path"}
_AGENT_VALUES = "mplftbaF"


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
