"""Benchmark of scripts: one command, and five thousand commands."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.harness.servers import SYSTEM, start_qemu

from .measure import BIN, compare, report, wall_time

# The baseline without a shell: connect, send, read and print each reply.
FLOOR = r"""
import json, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
f = s.makefile("rb")
f.readline()
s.sendall(b'{"execute": "qmp_capabilities"}\n')
f.readline()
for line in sys.stdin:
    s.sendall(b'{"execute": "query-status"}\n')
    sys.stdout.write(json.dumps(json.loads(f.readline())) + "\n")
    sys.stdout.flush()
"""

FLOOR_NAME = "bare socket client"
PEER_NAME = "qmp-shell of qemu.qmp"
PLAIN = "qmpshell ADDRESS"
OPTIONS = "qmpshell -r ADDRESS"


def _compare(lines: int, *, rounds: int, with_options: bool) -> dict[str, float]:
    data = b"query-status\n" * lines
    with (
        tempfile.TemporaryDirectory() as directory,
        start_qemu(SYSTEM, Path(directory) / "vm.sock") as server,
    ):
        commands = {
            FLOOR_NAME: [sys.executable, "-c", FLOOR, server.address],
            PLAIN: [str(BIN / "qmpshell"), server.address],
            OPTIONS: [str(BIN / "qmpshell"), "-r", server.address],
            PEER_NAME: [str(BIN / "qmp-shell"), server.address],
        }
        if not with_options:
            del commands[OPTIONS]
        medians = compare(
            {
                name: lambda command=command: wall_time(command, data)  # type: ignore[misc]
                for name, command in commands.items()
            },
            rounds=rounds,
        )
    return {name: seconds * 1000 for name, seconds in medians.items()}


def one_command() -> bool:
    medians = _compare(1, rounds=25, with_options=True)
    return report(
        "One command from a pipe, start to exit",
        medians,
        [
            (PLAIN, PEER_NAME, 0.4),
            (PLAIN, FLOOR_NAME, 1.5),
            (OPTIONS, PEER_NAME, 0.75),
            (OPTIONS, FLOOR_NAME, 2.5),
        ],
        "ms",
    )


def five_thousand() -> bool:
    medians = _compare(5000, rounds=7, with_options=False)
    return report(
        "5,000 query-status from a pipe",
        medians,
        [(PLAIN, FLOOR_NAME, 1.05), (PEER_NAME, FLOOR_NAME, float("inf"))],
        "ms",
    )
