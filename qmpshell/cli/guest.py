"""`qmpshell ga`: uses the guest agent, as the former qemu-ga-client did."""

from __future__ import annotations

import os
import time
from functools import partial

import click

from ..qmp import parse_int
from ..storage import Settings
from . import guest_exec, guest_files, guest_system
from .guest_agent import FAILURES, Agent, open_agent, report
from .options import CONTEXT, OnceCommand, connection_options, parse_seconds
from .shell_completion import complete_copied_path
from .signals import SignalReceived
from .start import Invocation, can_move_cursor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from .options import Task

    Function = Callable[..., Any]


_STATUS = """Exit status: 0 success, 1 the agent or this machine reports a failure, 2 usage error, 3 no
connection, connection lost or no reply in time, 130 interrupted."""

_HELP = {
    "socket": "Connect to the agent at ADDRESS; the default is $QGA_CLIENT_ADDRESS.",
    "wait": "Retry until the agent is ready.",
    "timeout": "Stop waiting for the agent, or for a reply, after this time.",
}
_EPILOG = f"""The options may also follow the command. The agent must be ready within --wait, or else
--timeout, or else five seconds; a reply must then arrive within --timeout, or else a minute. Freezing,
trimming and programs may take any time without --timeout. {_STATUS}

\b
qmpshell ga -s qga.sock info
qmpshell ga -s qga.sock cat /etc/os-release
qmpshell ga -s qga.sock exec uname -a"""


def _agent_options() -> list[click.Parameter]:
    options = connection_options("timeout", aliases=["--address"])
    for option in options:
        if isinstance(option, click.Option):
            option.help = _HELP.get(option.name or "", option.help)
    return options


@click.group("ga", params=_agent_options(), context_settings=CONTEXT, epilog=_EPILOG)
def command(**_options: Any) -> None:
    """Use the guest agent: files, programs, state and power of a guest."""


def _add(name: str, epilog: str, **settings: Any) -> Callable[[Function], click.Command]:
    """Return a decorator that makes a subcommand of `qmpshell ga`."""
    return command.command(
        name,
        cls=OnceCommand,
        params=_agent_options(),
        context_settings={**CONTEXT, **settings},
        epilog=epilog,
    )


def _settings(options: dict[str, Any]) -> tuple[str | None, Settings]:
    """Return the address and the settings from the options before and after the command."""
    parent = click.get_current_context().parent
    earlier: Mapping[str, Any] = parent.params if parent is not None else {}
    both: dict[str, Any] = {
        name: earlier.get(name) if value is None else value for name, value in options.items()
    }
    return both.pop("socket"), Settings(agent=True, color="auto", **both)


def _task(options: dict[str, Any], action: Callable[[Agent], int]) -> Task:
    """Return the task that connects and runs a function."""
    address, settings = _settings(options)

    def run(environment: Mapping[str, str]) -> int:
        try:
            agent = open_agent(settings, address, environment)
        except SignalReceived as error:
            return report(error)
        with agent:
            try:
                return action(agent)
            except FAILURES as error:
                return report(error)

    return run


@_add(
    "cat",
    """A terminal shows control characters as \\xNN. A file that cannot be read gives status 1, and the
others are printed.

\b
qmpshell ga cat -s qga.sock /etc/os-release
qmpshell ga cat -s qga.sock /var/log/boot.log > boot.log""",
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
def cat(files: Sequence[str], **options: Any) -> Task:
    """Print files of the guest."""
    return _task(options, partial(guest_files.print_files, paths=files))


@_add(
    "cp",
    """Paths in the guest start with guest:, and either all SOURCEs or DESTINATION have that. In place of
a file of this machine, - is stdin or stdout. The agent gives new files the mode 0666: every user of
the guest can read and change them. Directories are not copied.

\b
qmpshell ga cp -s qga.sock guest:/var/log/syslog .
qmpshell ga cp -s qga.sock setup.sh guest:/root/
tar c etc | qmpshell ga cp -s qga.sock - guest:/tmp/etc.tar""",
)
@click.argument(
    "paths",
    metavar="SOURCE... DESTINATION",
    nargs=-1,
    required=True,
    shell_complete=complete_copied_path,
)
def cp(paths: Sequence[str], **options: Any) -> Any:
    """Copy files to or from the guest."""
    if len(paths) < 2:
        raise click.UsageError("SOURCE and DESTINATION are required.")
    try:
        copy = guest_files.plan_copy(paths)
    except ValueError as error:
        raise click.UsageError(f"{error}.") from error
    shows_progress = can_move_cursor(os.environ, descriptor=2)
    return _task(options, partial(guest_files.copy_files, copy=copy, shows_progress=shows_progress))


@_add(
    "exec",
    """Stdin is passed to the program if it is not a terminal. The exit status is that of the program, 128
and the number of the signal that ended it, or if the agent cannot run it, one of qmpshell's:
1, 3 or 130. Its output appears at its end; the agent keeps at most 16 MiB. With --timeout, or
Ctrl-C, qmpshell stops waiting, and the program continues.

\b
qmpshell ga exec -s qga.sock uname -a
qmpshell ga exec -s qga.sock sh -c 'df -h | head -3'
qmpshell ga exec -s qga.sock -e LANG=C -e PATH=/bin sort < names""",
    allow_interspersed_args=False,
)
@click.argument("program")
@click.argument("arguments", metavar="[ARGUMENT]...", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "-e",
    "--env",
    "variables",
    metavar="NAME=VALUE",
    multiple=True,
    help="Set a variable; can be repeated. The program then has no others.",
)
@click.option("-n", "--no-stdin", is_flag=True, help="Pass no input to the program.")
@click.option("--detach", is_flag=True, help="Print the process id, and do not wait for the end.")
def exec_(
    program: str,
    arguments: Sequence[str],
    variables: Sequence[str],
    no_stdin: bool,
    detach: bool,
    **options: Any,
) -> Task:
    """Run a program in the guest."""
    for variable in variables:
        if variable.find("=") < 1:
            raise click.UsageError(f"--env: {variable!r}: expected NAME=VALUE.")
    wanted = guest_exec.Program(
        path=program,
        arguments=arguments,
        environment=variables,
        has_input=not no_stdin and not os.isatty(0),
        detach=detach,
    )
    return _task(options, partial(guest_exec.run_program, program=wanted))


@_add(
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
@click.argument("mountpoints", metavar="[MOUNTPOINT]...", nargs=-1)
def fsfreeze(action: str, mountpoints: Sequence[str], **options: Any) -> Task:
    """Freeze or thaw the file systems, or print their state."""
    if action == "freeze":
        return _task(options, partial(guest_system.freeze, mountpoints=mountpoints))
    if mountpoints:
        raise click.UsageError(f"{action} applies to all file systems: omit {mountpoints[0]}.")
    is_status = action == "status"
    return _task(options, guest_system.print_freeze_status if is_status else guest_system.thaw)


def _size(_context: click.Context, _parameter: click.Parameter, value: str) -> int:
    size = parse_int(value)
    if size is None or size < 0:
        raise click.BadParameter(f"{value!r} is not a size such as 4096 or 64k")
    return size


@_add(
    "fstrim",
    """Free areas below MINIMUM bytes are skipped. The status is 1 if no file system can be trimmed.

\b
qmpshell ga fstrim -s qga.sock
qmpshell ga fstrim -s qga.sock 64k""",
)
@click.argument("minimum", default="0", callback=_size)
@click.option("--json", "as_json", is_flag=True, help="Print the agent's reply as JSON.")
def fstrim(minimum: int, as_json: bool, **options: Any) -> Task:
    """Discard unused blocks of the file systems."""
    return _task(options, partial(guest_system.trim, minimum=minimum, as_json=as_json))


@_add(
    "ifconfig",
    """\b
qmpshell ga ifconfig -s qga.sock
qmpshell ga ifconfig -s qga.sock --json | jq -r '.[].name'""",
)
@click.option("--json", "as_json", is_flag=True, help="Print the agent's reply as JSON.")
def ifconfig(as_json: bool, **options: Any) -> Task:
    """Print the network interfaces."""
    return _task(options, partial(guest_system.print_interfaces, as_json=as_json))


@_add(
    "info",
    """\b
qmpshell ga info -s qga.sock
qmpshell ga info -s qga.sock --json | jq -r .version""",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def info(as_json: bool, **options: Any) -> Task:
    """Print the agent's version and commands, and the guest's system."""
    return _task(options, partial(guest_system.print_info, as_json=as_json))


@_add(
    "ping",
    """TIMEOUT is in seconds, like --timeout. The status is 0 if the agent answers, and 3 otherwise.

\b
qmpshell ga ping -s qga.sock
qmpshell ga ping -s qga.sock 60 && echo ready""",
)
@click.argument("patience", metavar="[TIMEOUT]", required=False, type=parse_seconds)
def ping(patience: float | None, **options: Any) -> Task:
    """Check that the agent answers."""
    if patience is not None:
        options["timeout"] = patience
    action = partial(guest_system.ping, begun=time.monotonic(), is_terminal=os.isatty(1))
    return _task(options, action)


@_add(
    "suspend",
    """No answer within three seconds is success: the agent answers only if suspending fails.

\b
qmpshell ga suspend -s qga.sock ram""",
)
@click.argument("mode", metavar="disk|ram|hybrid", type=click.Choice(["disk", "ram", "hybrid"]))
def suspend(mode: str, **options: Any) -> Task:
    """Suspend the guest to disk, to RAM, or to both."""
    return _task(options, partial(guest_system.suspend, mode=mode))


def _add_shutdown(name: str, mode: str, summary: str) -> None:
    @_add(
        name,
        f"""No answer within three seconds is success: the agent answers only if this fails.

\b
qmpshell ga {name} -s qga.sock""",
    )
    def shut_down(**options: Any) -> Task:
        return _task(options, partial(guest_system.shut_down, mode=mode))

    shut_down.help = summary


_add_shutdown("shutdown", "powerdown", "Shut the guest down and power it off.")
_add_shutdown("powerdown", "powerdown", "Shut the guest down and power it off.")
_add_shutdown("halt", "halt", "Shut the guest down, and leave the VM on.")
_add_shutdown("reboot", "reboot", "Shut the guest down and start it again.")


@_add(
    "shell",
    """This is the same as qmpshell --ga ADDRESS, which has more options. If stdin is not a terminal, its
lines are run as a script.

\b
qmpshell ga shell -s qga.sock""",
)
def shell(**options: Any) -> Invocation:
    """Open a shell for the agent's own commands."""
    address, settings = _settings(options)
    return Invocation(settings, address=address)
