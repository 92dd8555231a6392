"""`qmpshell ga`: uses the guest agent, as the former qemu-ga-client did."""

from __future__ import annotations

import os
import time

import click

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
from ..qmp import parse_int
from ..render import escape, value_line
from ..render.views.numbers import size_text
from .guest_agent import (
    GuestOutput,
    agent_command,
    agent_options,
    agent_task,
    member,
    pop_settings,
    report,
)
from .guest_exec import exec_command
from .guest_files import cat_command, cp_command
from .options import CONTEXT, parse_seconds, parse_sent, subcommand
from .signals import SignalReceived
from .start import Invocation, write_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from .guest_agent import Agent
    from .options import RunSubcommand


_STATUS = """Exit status: 0 success, 1 the agent or this machine reports a failure, 2 usage error, 3 no
connection, connection lost or no reply in time, 130 interrupted."""

_EPILOG = f"""The options may also follow the command. The agent must be ready within --wait, or else
--timeout, or else five seconds; a reply must then arrive within --timeout, or else a minute. Freezing,
trimming and programs may take any time without --timeout. {_STATUS}

\b
qmpshell ga -s qga.sock info
qmpshell ga -s qga.sock cat /etc/os-release
qmpshell ga -s qga.sock exec uname -a"""
# Seconds without an answer until a message says what qmpshell waits for.
_NOTICE = 1.0
_THAW_TIMEOUT = 60.0
_NO_HARDWARE_ADDRESS = "00:00:00:00:00:00"
_THAW = "'qmpshell ga fsfreeze thaw'"


@agent_command(
    "info",
    """\b
qmpshell ga info -s qga.sock
qmpshell ga info -s qga.sock --json | jq -r .version""",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def info_command(agent: Agent, as_json: bool) -> int:
    """Print the agent's version and commands, and the guest's system."""
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


@agent_command(
    "ifconfig",
    """\b
qmpshell ga ifconfig -s qga.sock
qmpshell ga ifconfig -s qga.sock --json | jq -r '.[].name'""",
)
@click.option("--json", "as_json", is_flag=True, help="Print the agent's reply as JSON.")
def ifconfig_command(agent: Agent, as_json: bool) -> int:
    """Print the network interfaces."""
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
    from ipaddress import IPv4Network  # only for ifconfig

    return str(IPv4Network((0, min(max(prefix, 0), 32))).netmask)


@subcommand(
    "ping",
    params=agent_options(),
    epilog="""TIMEOUT is in seconds, like --timeout. The status is 0 if the agent answers, and 3 otherwise.

\b
qmpshell ga ping -s qga.sock
qmpshell ga ping -s qga.sock 60 && echo ready""",
)
@click.argument("patience", metavar="[TIMEOUT]", required=False, type=parse_seconds)
def ping_command(patience: float | None, **options: Any) -> RunSubcommand:
    """Check that the agent answers."""
    started = time.monotonic()
    address, settings = pop_settings(options)
    if patience is not None:
        settings.timeout = patience

    def ping(agent: Agent) -> int:
        agent.execute("guest-ping")
        if os.isatty(1):
            return _print(agent, [f"the agent is ready after {time.monotonic() - started:.3f} s"])
        return OK

    return agent_task(address, settings, ping)


def _check_mountpoints(
    context: click.Context, _parameter: click.Parameter, mountpoints: Sequence[str]
) -> Sequence[str]:
    action = context.params.get("action")
    if mountpoints and action != "freeze":
        raise click.UsageError(f"{action} applies to all file systems: omit {mountpoints[0]}.")
    return mountpoints


@agent_command(
    "fsfreeze",
    """status prints frozen or thawed. freeze flushes and blocks the file systems of the guest, or those
mounted at MOUNTPOINT, until thaw. If freeze is interrupted, or not done within --timeout, the file
systems are thawed.

\b
qmpshell ga fsfreeze -s qga.sock freeze
qmpshell ga fsfreeze -s qga.sock status
qmpshell ga fsfreeze -s qga.sock thaw""",
)
@click.argument(
    "action", metavar="status|freeze|thaw", type=click.Choice(["status", "freeze", "thaw"])
)
@click.argument(
    "mountpoints",
    metavar="[MOUNTPOINT]...",
    nargs=-1,
    type=parse_sent,
    callback=_check_mountpoints,
)
def fsfreeze_command(agent: Agent, action: str, mountpoints: Sequence[str]) -> int:
    """Freeze or thaw the file systems, or print their state."""
    if action == "freeze":
        return _freeze(agent, mountpoints)
    if action == "status":
        return _print(agent, [str(agent.execute("guest-fsfreeze-status"))])
    count = agent.execute("guest-fsfreeze-thaw", timeout=agent.limit)
    return _print(agent, [_count_text(count, "thawed")])


def _freeze(agent: Agent, mountpoints: Sequence[str]) -> int:
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


def _count_text(count: object, what: str) -> str:
    return f"{count} filesystem{'' if count == 1 else 's'} {what}"


def _parse_size(text: str) -> int:
    size = parse_int(text)
    if size is None or size < 0:
        raise click.BadParameter(f"{text!r} is not a size such as 4096 or 64k")
    return size


@agent_command(
    "fstrim",
    """Free areas below MINIMUM bytes are skipped. The status is 1 if no file system can be trimmed.

\b
qmpshell ga fstrim -s qga.sock
qmpshell ga fstrim -s qga.sock 64k""",
)
@click.argument("minimum", default="0", type=_parse_size)
@click.option("--json", "as_json", is_flag=True, help="Print the agent's reply as JSON.")
def fstrim_command(agent: Agent, minimum: int, as_json: bool) -> int:
    """Discard unused blocks of the file systems."""
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


@agent_command(
    "suspend",
    """No answer within three seconds is success: the agent answers only if suspending fails.

\b
qmpshell ga suspend -s qga.sock ram""",
)
@click.argument("mode", metavar="disk|ram|hybrid", type=click.Choice(["disk", "ram", "hybrid"]))
def suspend_command(agent: Agent, mode: str) -> int:
    """Suspend the guest to disk, to RAM, or to both."""
    agent.execute(f"guest-suspend-{mode}")
    return OK


def _shutdown_command(name: str, mode: str, summary: str) -> click.Command:
    @agent_command(
        name,
        f"""No answer within three seconds is success: the agent answers only if this fails.

\b
qmpshell ga {name} -s qga.sock""",
    )
    def shut_down(agent: Agent) -> int:
        agent.execute("guest-shutdown", {"mode": mode})
        return OK

    shut_down.help = summary
    return shut_down


shutdown_commands = (
    _shutdown_command("shutdown", "powerdown", "Shut the guest down and power it off."),
    _shutdown_command("powerdown", "powerdown", "Shut the guest down and power it off."),
    _shutdown_command("halt", "halt", "Shut the guest down, and leave the VM on."),
    _shutdown_command("reboot", "reboot", "Shut the guest down and start it again."),
)


def _print_json(agent: Agent, value: object) -> int:
    GuestOutput(1, agent.signals).write(value_line(value))
    return OK


def _print(agent: Agent, lines: Iterable[str]) -> int:
    text = "".join(f"{escape(line)}\n" for line in lines)
    GuestOutput(1, agent.signals).write(text.encode("utf-8", "backslashreplace"))
    return OK


@subcommand(
    "shell",
    params=agent_options(),
    epilog="""This is the same as qmpshell --ga ADDRESS, which has more options. If stdin is not a terminal, its
lines are run as a script.

\b
qmpshell ga shell -s qga.sock""",
)
def shell_command(**options: Any) -> Invocation:
    """Open a shell for the agent's own commands."""
    address, settings = pop_settings(options)
    return Invocation(settings, address=address)


command = click.Group(
    "ga",
    params=agent_options(),
    commands=[
        cat_command,
        cp_command,
        exec_command,
        fsfreeze_command,
        fstrim_command,
        ifconfig_command,
        info_command,
        ping_command,
        suspend_command,
        *shutdown_commands,
        shell_command,
    ],
    context_settings=CONTEXT,
    help="Use the guest agent: files, programs, state and power of a guest.",
    epilog=_EPILOG,
)
