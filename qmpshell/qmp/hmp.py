"""The human monitor behind QMP.

Owns: what `human-monitor-command` takes and what its text means. Must not know: sessions.
It keeps no state between two calls, so that the CPU that `cpu N` chose must be sent with each; it
succeeds also where the text says that the command failed.
"""

from __future__ import annotations

import re

from .messages import command_object

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


# Compiled when they are first needed: most scripts need none.
_CPU_COMMAND = r"cpu\s+([0-9]{1,9})"
# monitor/hmp.c, hmp-cmds.c: what is printed where a command is unknown, misread, or fails.
_FAILED = (
    r"(?:.*\n)*(?:unknown command: '|Error: |invalid CPU index"
    r"|.*: extraneous characters at the end of line|Try \"help .*\" for more information)"
)


def human_command(line: str, cpu: int | None) -> dict[str, Any]:
    """The QMP command that runs `line`, on CPU number `cpu` where one was chosen."""
    arguments: dict[str, Any] = {"command-line": line}
    if cpu is not None:
        arguments["cpu-index"] = cpu
    return command_object("human-monitor-command", arguments)


def human_text(value: object) -> str:
    """The reply's text with plain line ends; other values than text, as old servers had, as such."""
    return str(value).replace("\r", "")


def failed(text: str) -> bool:
    """Whether the text of a successful reply says that the command failed."""
    return re.match(_FAILED, text) is not None


def chosen_cpu(line: str) -> int | None:
    """The number of the CPU that `line` chooses, if it is `cpu N`."""
    match = re.fullmatch(_CPU_COMMAND, line)
    return int(match[1]) if match else None
