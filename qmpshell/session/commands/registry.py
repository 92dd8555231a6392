"""The table of shell commands."""

from __future__ import annotations

# NAME: (module and function, usage, help).
COMMANDS = {
    "/help": (
        "help.run_help",
        "/help [NAME [KEY] [KEY=VALUE…]]",
        "list shell commands, or show help on NAME, starting with its argument KEY; KEY=VALUE selects a branch;"
        " /help keys lists the keys",
    ),
    "/apropos": (
        "help.run_apropos",
        "/apropos WORD…",
        "search names and the manual",
    ),
    "/events": (
        "events.run_events",
        "/events [inline|stderr|none|GLOB,…|-GLOB|+GLOB|list]",
        "choose the events to show: -GLOB hides, +GLOB shows; list [GLOB] [-n N] prints the latest",
    ),
    "/wait": (
        "events.run_wait",
        "/wait [-t SECONDS | --check] EVENT [KEY=VALUE…]",
        "wait for an event (an earlier event counts if no /wait has returned it); EVENT can be names and"
        " globs: STOP,JOB_*; --check only checks that the server has it",
    ),
    "/wait-job": (
        "jobs.run_wait_job",
        "/wait-job [-t SECONDS] ID",
        "wait until a job has ended; fails if it failed or was cancelled",
    ),
    "/wait-migration": (
        "jobs.run_wait_migration",
        "/wait-migration [-t SECONDS]",
        "wait until the migration has ended; fails if it failed or was cancelled",
    ),
    "/jobs": (
        "jobs.run_jobs",
        "/jobs [-t SECONDS]",
        "show the jobs until all have ended; fails if one failed or was cancelled",
    ),
    "/table": (
        "views.run_table",
        "/table [-v] [-s COLUMN] [--tsv] [COLUMN,…] [COLUMN=VALUE…] COMMAND …",
        "show a list as a table; COLUMN=VALUE or COLUMN!=VALUE filters rows, -s sorts, -v shows the request",
    ),
    "/graph": (
        "info.run_graph",
        "/graph [-v] block|devices|qom|pci [--dot] [PATH]",
        "draw block nodes, devices, QOM objects or PCI buses; --dot is for graphviz, -v shows the requests",
    ),
    "/watch": (
        "watch.run_watch",
        "/watch [-n SECONDS] [-c TIMES] COMMAND|/hmp LINE|VIEW",
        "repeat a command or a view (/info, /graph, /table, /screen), every 2 s by default; changes are"
        " marked, and growing numbers show their rate",
    ),
    "/info": (
        "info.run_info",
        "/info [-v] [NAME [ARGUMENT…]]",
        "show a view such as block or pci, with data from QMP; without NAME list the views that"
        " the server can show; -v shows the requests",
    ),
    "/screen": (
        "screen.run_screen",
        "/screen [-v] [FILE]",
        "show the VM's screen, or write it to FILE (PNG, or PPM if its name ends in .ppm); -v shows the request",
    ),
    "/type": (
        "screen.run_type",
        "/type TEXT",
        'type TEXT on the VM\'s keyboard (US layout); "TEXT\\n" presses Enter, @? asks without echo',
    ),
    "/key": (
        "screen.run_key",
        "/key KEY[-KEY…]…",
        "press keys together, such as ctrl-alt-f1; several words are pressed one after the other",
    ),
    "/hmp": ("control.run_hmp", "/hmp LINE", "run LINE in the human monitor"),
    "/oob": ("control.run_oob", "/oob COMMAND [KEY=VALUE…]", "run a command out of band"),
    "/keyval": (
        "control.run_keyval",
        "/keyval COMMAND KEY=VALUE,…",
        "run a command with an option string, as for -blockdev, -device, -netdev or -object",
    ),
    "/source": ("control.run_source", "/source FILE", "run the lines of a file"),
    "/log": ("control.run_log", "/log FILE|off", "log every message to a file"),
    "/last": ("control.run_last", "/last", "show the complete last reply"),
    "/connect": (
        "control.run_connect",
        "/connect [ADDRESS]",
        "reconnect, or connect to ADDRESS",
    ),
    "/restart": (
        "control.run_restart",
        "/restart",
        "start QEMU again with the same command line (only with qmpshell run)",
    ),
    "/set": (
        "settings.run_set",
        "/set [NAME[=VALUE]…]",
        "show or change settings",
    ),
    "/resync": (
        "control.run_resync",
        "/resync",
        "reset the server's parser after an incomplete message",
    ),
    "/status": (
        "control.run_status",
        "/status",
        "show the connection and what the session waits for",
    ),
    "/quit": (
        "control.run_quit",
        "/quit",
        "leave the shell; the server continues, unless qmpshell run has started it",
    ),
}
