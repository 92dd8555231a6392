"""Programs in a guest: `qmpshell ga exec`."""

from __future__ import annotations

import math
import os
import select
import time

import click

from ..errors import CONNECTION, FAILED, OK, QmpShellError
from .guest_agent import GuestOutput, agent_command, decode_base64, encode_base64, member, report
from .options import parse_sent
from .signals import SignalReceived
from .start import write_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from .guest_agent import Agent
    from .signals import Signals


# The base64 of the input must be below the 64 MiB that QEMU accepts in a message (MAX_TOKEN_SIZE).
_MAX_INPUT = 32 << 20
_READ_SIZE = 1 << 16
# Seconds until a message says that stdin is being read.
_INPUT_NOTICE = 3.0
# Seconds between two queries for the program's state.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.005, 0.5
_MAX_STATUS = 255


def _parse_variable(text: str) -> str:
    if text.find("=") < 1:
        raise click.UsageError(f"--env: {text!r}: expected NAME=VALUE.")
    return parse_sent(text)


@agent_command(
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
@click.argument("program", type=parse_sent)
@click.argument("arguments", metavar="[ARGUMENT]...", nargs=-1, type=parse_sent)
@click.option(
    "-e",
    "--env",
    "variables",
    metavar="NAME=VALUE",
    type=_parse_variable,
    multiple=True,
    help="Set a variable; can be repeated. The program then has no others.",
)
@click.option("-n", "--no-stdin", is_flag=True, help="Pass no input to the program.")
@click.option("--detach", is_flag=True, help="Print the process id, and do not wait for the end.")
def exec_command(
    agent: Agent,
    program: str,
    arguments: Sequence[str],
    variables: Sequence[str],
    no_stdin: bool,
    detach: bool,
) -> int:
    """Run a program in the guest."""
    data = b""
    if not no_stdin and not os.isatty(0):
        data = _read_input(agent.signals)
        if len(data) > _MAX_INPUT:
            write_error(
                f"qmpshell: stdin has more than {_MAX_INPUT >> 20} MiB, which an agent does not"
                " accept; copy a file with 'qmpshell ga cp'"
            )
            return FAILED
    request: dict[str, Any] = {"path": program, "arg": list(arguments)}
    if variables:
        request["env"] = list(variables)
    if data:
        request["input-data"] = encode_base64(data)
    if not detach:
        request["capture-output"] = True
    pid = member(agent.execute("guest-exec", request), "pid", int)
    if detach:
        GuestOutput(1, agent.signals).write(b"%d\n" % pid)
        return OK
    try:
        state = _wait(agent, pid)
    except SignalReceived as received:
        write_error(f"qmpshell: interrupted; {program} (pid {pid}) continues in the guest")
        return received.status
    except QmpShellError as error:
        return report(error, f"{program} (pid {pid}) may continue in the guest")
    if state is None:
        write_error(
            f"qmpshell: {program} (pid {pid}) has not ended within {agent.limit:g} s, and"
            " continues in the guest"
        )
        return CONNECTION
    return _finish(agent.signals, program, state)


def _read_input(signals: Signals) -> bytes:
    """Return all of stdin, or more than the limit."""
    pieces, size, notice_at = [], 0, time.monotonic() + _INPUT_NOTICE
    with signals.released():
        while size <= _MAX_INPUT:
            left = notice_at - time.monotonic()
            if left > 0 and not select.select([0], [], [], left)[0]:
                write_error(
                    "qmpshell: waiting for the end of stdin, the input of the program; --no-stdin"
                    " starts it without"
                )
            piece = os.read(0, _READ_SIZE)
            if not piece:
                break
            pieces.append(piece)
            size += len(piece)
    return b"".join(pieces)


def _wait(agent: Agent, pid: int) -> Mapping[str, Any] | None:
    """Wait until the process has ended. Return its state, or None at the time of --timeout."""
    deadline = math.inf if agent.limit is None else time.monotonic() + agent.limit
    pause = _FIRST_PAUSE
    while True:
        state = agent.execute("guest-exec-status", {"pid": pid})
        if member(state, "exited", bool):
            assert isinstance(state, dict)
            return state
        left = deadline - time.monotonic()
        if left <= 0:
            return None
        agent.pause(min(pause, left))
        pause = min(pause * 2, _LONGEST_PAUSE)


def _finish(signals: Signals, program: str, state: Mapping[str, Any]) -> int:
    """Write the output of a program that has ended. Return the exit status."""
    status = _status(program, state)
    for descriptor, name, stream in ((1, "out", "stdout"), (2, "err", "stderr")):
        if name + "-data" in state:
            data = decode_base64(member(state, name + "-data", str))
            GuestOutput(descriptor, signals).write(data, is_last=True)
        if state.get(name + "-truncated"):
            write_error(f"qmpshell: the agent has cut off {stream} of {program}")
            status = status or FAILED
    return status


def _status(program: str, state: Mapping[str, Any]) -> int:
    """Return the exit status as a shell does."""
    if "signal" in state:
        number = member(state, "signal", int)
        write_error(f"qmpshell: {program} was ended by signal {number}")
        return min(128 + number, _MAX_STATUS)
    code = member(state, "exitcode", int) if "exitcode" in state else OK
    # Windows has larger ones.
    return code if 0 <= code <= _MAX_STATUS else code & _MAX_STATUS or FAILED
