"""All local commands.

Owns: their names, how they are called, and where each is. Must not know: what they do; a command's file
is imported when it is called.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..effects import Effect
    from ..language.command import LocalCommand
    from .host import Host

# NAME: (the module, how it is called, what it does).
COMMANDS = {
    "/help": (
        "help",
        "/help [NAME [KEY] [KEY=VALUE…]]",
        "these; or all about a name, first about its argument KEY; KEY=VALUE chooses a branch",
    ),
    "/apropos": ("apropos", "/apropos WORD…", "names, and what the manual says of them, searched"),
    "/events": (
        "events",
        "/events [inline|stderr|none|GLOB,…|-GLOB|+GLOB|list]",
        "which events are shown: -GLOB mutes, +GLOB unmutes; list [GLOB] [-n N] has the latest",
    ),
    "/wait": (
        "wait",
        "/wait [-t SECONDS] EVENT [KEY=VALUE…]",
        "until an event comes, or one that no /wait has taken",
    ),
    "/wait-job": (
        "wait_job",
        "/wait-job [-t SECONDS] ID",
        "until a job has ended; fails if it failed",
    ),
    "/jobs": ("jobs", "/jobs [-t SECONDS]", "the jobs, until all are done; fails if one failed"),
    "/watch": (
        "watch",
        "/watch [-n SECONDS] [-c TIMES] COMMAND|/hmp LINE",
        "a command again and again, every 2 s; what changes is marked",
    ),
    "/hmp": ("hmp", "/hmp LINE", "a line for the human monitor"),
    "/oob": ("oob", "/oob COMMAND [KEY=VALUE…]", "a command out of band"),
    "/keyval": (
        "keyval",
        "/keyval COMMAND KEY=VALUE,…",
        "a command with arguments as -blockdev, -device, -netdev or -object take them",
    ),
    "/source": ("source", "/source FILE", "the lines of a file"),
    "/log": ("log", "/log FILE|off", "append every message to a file"),
    "/last": ("last", "/last", "the last reply again, all of it"),
    "/connect": ("connect", "/connect [ADDRESS]", "back to the server, or to another one"),
    "/set": (
        "set",
        "/set [NAME[=VALUE]…]",
        "the settings, and how they stand; or other values for them",
    ),
    "/resync": ("resync", "/resync", "make the server's parser forget what was half sent"),
    "/status": ("status", "/status", "what this session is connected to, and what it waits for"),
    "/quit": ("quit", "/quit", "leave the shell; the server goes on"),
}


def find(name: str) -> Callable[[Host, LocalCommand], list[Effect]] | None:
    """The function that runs a local command, or None where there is none of that name."""
    entry = COMMANDS.get(name)
    if entry is None:
        return None
    run: Callable[[Host, LocalCommand], list[Effect]]
    run = import_module(f".{entry[0]}", __package__).run
    return run
