"""Benchmark of time and peak memory for a reply of 64 MiB."""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.harness.scripted import Peer, ScriptedServer

from .measure import BIN, environment, report

_SIZE = 64 << 20

FLOOR = r"""
import json, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
f = s.makefile("rb")
f.readline()
s.sendall(b'{"execute": "qmp_capabilities"}\n')
f.readline()
s.sendall(b'{"execute": "x"}\n')
reply = f.readline()
while not reply.endswith(b"}\r\n"):
    reply += f.readline()
sys.stdout.write(json.dumps(json.loads(reply)) + "\n")
sys.stdout.flush()
"""

_OBJECTS = [
    {
        "name": f"device{number}",
        "type": "child<x>",
        "props": {"a": number, "b": [1, 2, {"c": None}]},
    }
    for number in range(1000)
]


def _bodies() -> dict[str, Callable[[], bytes]]:
    unit = json.dumps(_OBJECTS).encode()
    return {
        "one string": lambda: b'"' + b"x" * _SIZE + b'"',
        "one string of escapes": lambda: b'"' + rb"ab\ncdefgh\u00e9" * (_SIZE // 16) + b'"',
        "small objects": lambda: b"[" + b", ".join([unit] * (_SIZE // len(unit))) + b"]",
    }


@contextmanager
def _server(directory: Path, body: bytes) -> Iterator[str]:
    message = b'{"return": ' + body + b"}\r\n"

    def part(peer: Peer) -> None:
        peer.negotiate(b'{"QMP": {"version": {}, "capabilities": []}}\r\n')
        peer.read()
        peer.send(message)
        peer.ended()

    with ScriptedServer(directory / "large.sock", part) as server:
        yield server.address


def _run(command: list[str]) -> tuple[float, float]:
    """Return the seconds and the peak of resident memory in MiB."""
    started = time.perf_counter()
    reader, writer = os.pipe()
    os.write(writer, b"x\n")
    os.close(writer)
    null = os.open(os.devnull, os.O_WRONLY)
    actions = [(os.POSIX_SPAWN_DUP2, reader, 0), (os.POSIX_SPAWN_DUP2, null, 1)]
    process = os.posix_spawn(command[0], command, environment(), file_actions=actions)
    os.close(reader)
    os.close(null)
    _, status, usage = os.wait4(process, 0)
    assert status == 0, command
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def run() -> bool:
    good = True
    names = "loads and dumps", "qmpshell ADDRESS"
    for title, make in _bodies().items():
        with (
            tempfile.TemporaryDirectory() as directory,
            _server(Path(directory), make()) as address,
        ):
            commands = (
                [sys.executable, "-c", FLOOR, address],
                [str(BIN / "qmpshell"), address],
            )
            samples: list[list[tuple[float, float]]] = [[], []]
            for _ in range(5):
                for index, command in enumerate(commands):
                    samples[index].append(_run(command))
        times = [statistics.median(seconds for seconds, _ in sample) * 1000 for sample in samples]
        peaks = [statistics.median(peak for _, peak in sample) for sample in samples]
        bounds = [(names[1], names[0], 2.0)]
        good &= report(
            f"A reply of 64 MiB, {title}: time", dict(zip(names, times, strict=True)), bounds, "ms"
        )
        bounds = [(names[1], names[0], 1.3)]
        good &= report(
            f"A reply of 64 MiB, {title}: peak memory",
            dict(zip(names, peaks, strict=True)),
            bounds,
            "MiB",
        )
    return good
