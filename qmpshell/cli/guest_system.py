"""State of a guest: the commands of `qmpshell ga` about its system, network and file systems."""

from __future__ import annotations

import time

from ..errors import (
    FAILED,
    OK,
    CommandError,
    ConnectionLost,
    OutputClosedError,
    OutputError,
    ProtocolError,
    QmpShellError,
    ReplyTimeout,
)
from ..render import escape, value_line
from ..render.views.numbers import size_text
from .guest_agent import GuestOutput, member, report
from .signals import SignalReceived
from .start import write_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from .guest_agent import Agent


# Seconds without an answer until a user learns what the program waits for.
_NOTICE = 1.0
_THAW_TIMEOUT = 60.0
_NO_HARDWARE_ADDRESS = "00:00:00:00:00:00"
_THAW = "'qmpshell ga fsfreeze thaw'"


def print_info(agent: Agent, *, as_json: bool) -> int:
    """Print the agent's version and commands, and the guest's system. Return the exit status."""
    info = agent.execute("guest-info")
    commands = {
        member(command, "name", str): member(command, "enabled", bool)
        for command in member(info, "supported_commands", list)
    }
    system = _query(agent, "guest-get-osinfo", commands)
    host = _query(agent, "guest-get-host-name", commands)
    if as_json:
        return _print_json(agent, {**info, "os": system, "host-name": host.get("host-name")})
    lines = [("version", member(info, "version", str))]
    lines += [("host name", str(host["host-name"]))] if "host-name" in host else []
    for title, name in (("system", "pretty-name"), ("kernel", "kernel-release")):
        lines += [(title, str(system[name]))] if name in system else []
    for title, is_enabled in (("enabled", True), ("disabled", False)):
        names = [name for name, enabled in commands.items() if enabled is is_enabled]
        lines.append((title, ", ".join(sorted(names)) or "none"))
    return _print(agent, (f"{title}: {text}" for title, text in lines))


def _query(agent: Agent, name: str, commands: dict[str, bool]) -> dict[str, Any]:
    """Return the reply to a command that not every agent has."""
    if not commands.get(name):
        return {}
    try:
        reply = agent.execute(name)
    except CommandError:
        return {}
    return reply if isinstance(reply, dict) else {}


def print_interfaces(agent: Agent, *, as_json: bool) -> int:
    """Print the network interfaces. Return the exit status."""
    interfaces = agent.execute("guest-network-get-interfaces")
    if as_json:
        return _print_json(agent, interfaces)
    if not isinstance(interfaces, list):
        raise ProtocolError("the agent's reply is not a list of interfaces")
    return _print(agent, _interface_lines(interfaces))


def _interface_lines(interfaces: Sequence[Any]) -> Iterator[str]:
    for interface in interfaces:
        yield f"{member(interface, 'name', str)}:"
        addresses = member(interface, "ip-addresses", list) if "ip-addresses" in interface else []
        for address in addresses:
            number = member(address, "ip-address", str)
            prefix = member(address, "prefix", int)
            if address.get("ip-address-type") == "ipv6":
                yield f"    inet6 {number}  prefixlen {prefix}"
            else:
                yield f"    inet {number}  netmask {_netmask(prefix)}"
        hardware = interface.get("hardware-address", _NO_HARDWARE_ADDRESS)
        if hardware != _NO_HARDWARE_ADDRESS:
            yield f"    ether {hardware}"


def _netmask(prefix: int) -> str:
    """Return the mask of an IPv4 network.

    >>> _netmask(8), _netmask(20), _netmask(0)
    ('255.0.0.0', '255.255.240.0', '0.0.0.0')
    """
    mask = (0xFFFFFFFF << (32 - min(max(prefix, 0), 32))) & 0xFFFFFFFF
    return ".".join(str(mask >> shift & 0xFF) for shift in (24, 16, 8, 0))


def ping(agent: Agent, *, begun: float, is_terminal: bool) -> int:
    """Check that the agent answers. Return the exit status."""
    agent.execute("guest-ping")
    if is_terminal:
        return _print(agent, [f"the agent is ready after {time.monotonic() - begun:.3f} s"])
    return OK


def print_freeze_status(agent: Agent) -> int:
    """Print whether the file systems are frozen. Return the exit status."""
    return _print(agent, [str(agent.execute("guest-fsfreeze-status"))])


def freeze(agent: Agent, mountpoints: Sequence[str]) -> int:
    """Freeze the file systems, or only those mounted there. Thaw them if that is interrupted."""
    name, arguments = "guest-fsfreeze-freeze", None
    if mountpoints:
        name, arguments = f"{name}-list", {"mountpoints": list(mountpoints)}
    try:
        count = agent.execute(name, arguments, timeout=agent.limit)
    except ConnectionLost as error:
        return report(error, f"file systems may be frozen: run {_THAW}")
    except (ReplyTimeout, SignalReceived) as error:
        return report(error, _thaw_again(agent))
    try:
        return _print(agent, [_count_text(count, "frozen")])
    except (OutputClosedError, OutputError) as error:  # a failure must not leave them frozen
        return report(error, _thaw_again(agent))


def _thaw_again(agent: Agent) -> str:
    """Thaw the file systems after an interrupted freeze. Return what has become of them.

    The agent first carries out the freeze, which may take minutes.
    """
    command = "guest-fsfreeze-thaw"
    try:
        try:
            return _count_text(agent.execute(command, timeout=_NOTICE), "thawed")
        except ReplyTimeout:
            write_error(
                "qmpshell: waiting until the agent has thawed the file systems; Ctrl-C stops waiting"
            )
            agent.execute(command, timeout=_THAW_TIMEOUT)  # does nothing after the first one
            return "the file systems are thawed"
    except (QmpShellError, SignalReceived):
        return f"file systems may be frozen: run {_THAW}"


def thaw(agent: Agent) -> int:
    """Thaw the file systems. Return the exit status."""
    count = agent.execute("guest-fsfreeze-thaw", timeout=agent.limit)
    return _print(agent, [_count_text(count, "thawed")])


def _count_text(count: object, what: str) -> str:
    return f"{count} filesystem{'' if count == 1 else 's'} {what}"


def trim(agent: Agent, minimum: int, *, as_json: bool) -> int:
    """Discard unused blocks of the file systems. Return the exit status."""
    reply = agent.execute("guest-fstrim", {"minimum": minimum}, timeout=agent.limit)
    if as_json:
        return _print_json(agent, reply)
    paths = member(reply, "paths", list)
    status = _print(agent, map(_trim_line, paths))
    has_failed = bool(paths) and all("error" in path for path in paths)
    return FAILED if has_failed else status


def _trim_line(path: Any) -> str:
    name = member(path, "path", str)
    if "error" in path:
        return f"{name}: {path['error']}"
    if "trimmed" not in path:
        return name
    return f"{name}: {size_text(member(path, 'trimmed', int))} trimmed"


def suspend(agent: Agent, mode: str) -> int:
    """Suspend the guest. Return the exit status."""
    agent.execute(f"guest-suspend-{mode}")
    return OK


def shut_down(agent: Agent, mode: str) -> int:
    """Shut the guest down. Return the exit status."""
    agent.execute("guest-shutdown", {"mode": mode})
    return OK


def _print_json(agent: Agent, value: object) -> int:
    GuestOutput(1, agent.signals).write(value_line(value))
    return OK


def _print(agent: Agent, lines: Iterable[str]) -> int:
    text = "".join(f"{escape(line)}\n" for line in lines)
    GuestOutput(1, agent.signals).write(text.encode("utf-8", "backslashreplace"))
    return OK
