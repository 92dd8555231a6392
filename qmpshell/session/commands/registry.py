"""All local commands.

Owns: their names, how they are called, and where each is. Must not know: what they do; a command's file
is imported when it is called.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ...language import LocalCommand
    from ..context import Host
    from ..effects import Effect


# NAME: (the module and the function, how it is called, what it does).
COMMANDS = {
    "/help": (
        "help.run_help",
        "/help [NAME [KEY] [KEY=VALUE…]]",
        "these; or all about a name, first about its argument KEY; KEY=VALUE chooses a branch",
    ),
    "/apropos": (
        "help.run_apropos",
        "/apropos WORD…",
        "names, and what the manual says of them, searched",
    ),
    "/events": (
        "events.run_events",
        "/events [inline|stderr|none|GLOB,…|-GLOB|+GLOB|list]",
        "which events are shown: -GLOB mutes, +GLOB unmutes; list [GLOB] [-n N] has the latest",
    ),
    "/wait": (
        "events.run_wait",
        "/wait [-t SECONDS] EVENT [KEY=VALUE…]",
        "until an event comes, or one that no /wait has taken",
    ),
    "/wait-job": (
        "jobs.run_wait_job",
        "/wait-job [-t SECONDS] ID",
        "until a job has ended; fails if it failed",
    ),
    "/jobs": (
        "jobs.run_jobs",
        "/jobs [-t SECONDS]",
        "the jobs, until all are done; fails if one failed",
    ),
    "/watch": (
        "jobs.run_watch",
        "/watch [-n SECONDS] [-c TIMES] COMMAND|/hmp LINE",
        "a command again and again, every 2 s; what changes is marked",
    ),
    "/hmp": ("control.run_hmp", "/hmp LINE", "a line for the human monitor"),
    "/oob": ("control.run_oob", "/oob COMMAND [KEY=VALUE…]", "a command out of band"),
    "/keyval": (
        "control.run_keyval",
        "/keyval COMMAND KEY=VALUE,…",
        "a command with arguments as -blockdev, -device, -netdev or -object take them",
    ),
    "/source": ("control.run_source", "/source FILE", "the lines of a file"),
    "/log": ("control.run_log", "/log FILE|off", "append every message to a file"),
    "/last": ("control.run_last", "/last", "the last reply again, all of it"),
    "/connect": (
        "control.run_connect",
        "/connect [ADDRESS]",
        "back to the server, or to another one",
    ),
    "/set": (
        "settings.run_set",
        "/set [NAME[=VALUE]…]",
        "the settings, and how they stand; or other values for them",
    ),
    "/resync": (
        "control.run_resync",
        "/resync",
        "make the server's parser forget what was half sent",
    ),
    "/status": (
        "control.run_status",
        "/status",
        "what this session is connected to, and what it waits for",
    ),
    "/quit": ("control.run_quit", "/quit", "leave the shell; the server goes on"),
}


def find(name: str) -> Callable[[Host, LocalCommand], list[Effect]] | None:
    """The function that runs a local command, or None where there is none of that name."""
    entry = COMMANDS.get(name)
    if entry is None:
        return None
    run: Callable[[Host, LocalCommand], list[Effect]]
    module, _, function = entry[0].partition(".")
    run = getattr(import_module(f".{module}", __package__), function)
    return run
