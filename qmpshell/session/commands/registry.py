"""The table of shell commands. The module of a command is imported on first use."""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ...language import ShellCommand
    from ..context import CommandContext
    from ..steps import Steps

    # A function that waits for something returns its steps.
    Run = Callable[[CommandContext, ShellCommand], Steps | None]


# MODULE: USAGE, and below it the help.
_TABLE = r"""
help: /help [NAME [KEY] [KEY=VALUE…]]
    list shell commands, or show help on NAME, starting with its argument KEY; KEY=VALUE selects a branch; NAME keys lists the keys
help: /apropos WORD…
    search names and the manual
events: /events [inline|stderr|none|GLOB,…|-GLOB|+GLOB|list]
    choose the events to show: -GLOB hides, +GLOB shows; list [GLOB] [-n N] prints the latest
events: /wait [-t SECONDS | --check] EVENT [KEY=VALUE…]
    wait for an event (a past, unclaimed one counts); EVENT can be names and globs: STOP,JOB_*; --check only checks that the server has it
jobs: /wait-job [-t SECONDS] ID
    wait until a job has ended; fails if it failed or was cancelled
jobs: /wait-migration [-t SECONDS]
    wait until the migration has ended; fails if it failed or was cancelled
jobs: /jobs [-t SECONDS]
    show the jobs until all have ended; fails if one failed or was cancelled
views: /table [-v] [-s COLUMN] [--tsv] [COLUMN,…] [COLUMN=VALUE…] COMMAND …
    show a list as a table; COLUMN=VALUE or COLUMN!=VALUE filters rows, -s sorts, -v shows the request
graphs: /graph [-v] block|devices|qom|pci [--dot] [PATH]
    draw block nodes, devices, QOM objects or PCI buses; --dot is for graphviz, -v shows the requests
jobs: /watch [-n SECONDS] [-c TIMES] COMMAND|/hmp LINE|VIEW
    repeat a command or a view (/info, /graph, /table, /screen), every 2 s by default; changes are marked, and growing numbers show their rate
info: /info [-v] [NAME [ARGUMENT…]]
    show a view such as block or pci, with data from QMP; without NAME list the views; -v shows the requests
screen: /screen [-v] [FILE]
    show the VM's screen, or write it to FILE (PNG, or PPM if its name ends in .ppm); -v shows the request
screen: /type TEXT
    type TEXT on the VM's keyboard (US layout); "TEXT\n" presses Enter, @? asks without echo
screen: /key KEY[-KEY…]…
    press keys together, such as ctrl-alt-f1; several words are pressed one after the other
control: /hmp LINE
    run LINE in the human monitor
control: /oob COMMAND [KEY=VALUE…]
    run a command out of band
control: /keyval COMMAND KEY=VALUE,…
    run a command with an option string, as for -blockdev, -device, -netdev or -object
control: /source FILE
    run the lines of a file
control: /log FILE|off
    log every message to a file
control: /last
    show the complete last reply
control: /connect [ADDRESS]
    reconnect, or connect to ADDRESS
control: /restart
    start QEMU again with the same command line (only with qmpshell run)
settings: /set [NAME[=VALUE]…]
    show or change settings
control: /resync
    reset the server's parser after an incomplete message
control: /status
    show the connection and what the session waits for
control: /quit
    leave the shell; the server continues, unless qmpshell run has started it
"""


def _parse_table(lines: list[str]) -> dict[str, tuple[str, str, str]]:
    """Return the module, usage and help of each shell command."""
    found: dict[str, tuple[str, str, str]] = {}
    for first, text in zip(lines[::2], lines[1::2], strict=True):
        module, _, usage = first.partition(": ")
        found[usage.split()[0]] = (module, usage, text.strip())
    return found


COMMANDS = _parse_table(_TABLE.strip().splitlines())


def find_command(name: str) -> Run | None:
    """Return the function that runs a shell command, or None if there is none of that name."""
    entry = COMMANDS.get(name)
    if entry is None:
        return None
    run: Run
    function = f"run_{name[1:].replace('-', '_')}"
    run = getattr(import_module(f".{entry[0]}", __package__), function)
    return run
