"""The human monitor through QMP: `human-monitor-command` and its replies.

The command keeps no state, so the CPU that `cpu N` selected must be sent with each call. It
succeeds even if the text of its result reports a failure.
"""

from __future__ import annotations

import re

from .json import as_text
from .messages import command_object

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


# Compiled on first use: most scripts need neither.
_CPU_COMMAND = r"cpu\s+([0-9]{1,9})"
# What QEMU prints for an unknown, invalid or failed command (monitor/hmp.c, hmp-cmds.c).
_FAILED = (
    r"(?:.*\n)*(?:unknown command: '|Error: |invalid CPU index"
    r"|.*: extraneous characters at the end of line|Try \"help .*\" for more information)"
)


def hmp_command(line: str, cpu: int | None) -> dict[str, Any]:
    """Return the QMP command that runs `line`, on CPU number `cpu` if one is selected."""
    arguments: dict[str, Any] = {"command-line": line}
    if cpu is not None:
        arguments["cpu-index"] = cpu
    return command_object("human-monitor-command", arguments)


def hmp_text(value: object) -> str:
    """Return the text of a reply with plain line ends, or another value (old servers) as it is."""
    return as_text(value).replace("\r", "")


def failed(text: str) -> bool:
    """Return True if the text of a successful reply reports a failure."""
    return re.match(_FAILED, text) is not None


def selected_cpu(line: str) -> int | None:
    """Return the number of the CPU that `line` selects if it is `cpu N`, else None."""
    match = re.fullmatch(_CPU_COMMAND, line)
    return int(match[1]) if match else None
