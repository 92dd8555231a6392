"""Benchmark of preparing and evaluating ten thousand realistic lines with a real schema."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qmpshell import connect
from qmpshell.language import Command, Introspection, evaluate_line
from qmpshell.qmp import Schema
from tests.harness.evaluation import no_file
from tests.harness.servers import SYSTEM, start_qemu

from .measure import compare, report

_LINES = 10_000
_KINDS = (
    "query-status",
    "block-stream device=drive{n} job-id=j{n} speed=10M",
    "blockdev-add driver=qcow2 node-name=fmt{n} file.driver=file file.filename=/img/{n}.qcow2"
    " read-only=on cache.direct=true",
    "chardev-add id=c{n} backend.type=socket backend.data.addr.type=inet"
    " backend.data.addr.data.host=::1 backend.data.addr.data.port=4444 backend.data.server=off",
    "object-add qom-type=memory-backend-ram id=m{n} size=64M share=off",
    "block_resize node-name=fmt{n} size=20G",
    "netdev_add type=user id=n{n} restrict=no",
    "qom-get path=/machine/peripheral/d{n} property=type",
    "block-dirty-bitmap-add node=fmt{n} name=b{n} granularity=64k persistent=true",
    "human-monitor-command command-line='info block'",
)
_FLOOR = "json.loads and json.dumps of the same"
_OURS = "reading and typing by the schema"
_PEER = "qmp-shell's own reading, untyped"


def _schema() -> Schema:
    with (
        tempfile.TemporaryDirectory() as directory,
        start_qemu(SYSTEM, Path(directory) / "vm.sock") as server,
        connect(server.address) as qmp,
    ):
        return Schema(qmp.execute("query-qmp-schema"))


def _peer() -> Callable[[str], Any]:
    from qemu.qmp.qmp_shell import QMPShell

    class Reader(QMPShell):
        """The line evaluation of qmp-shell without a connection."""

        def __init__(self) -> None:
            self._transmode = False
            self._actions = []

        def __del__(self) -> None:
            pass

    reader = Reader()
    return lambda line: reader._build_cmd(line)


def _timed(run: Callable[[Any], object], items: list[Any]) -> Callable[[], float]:
    def measure() -> float:
        started = time.perf_counter()
        for item in items:
            run(item)
        return time.perf_counter() - started

    return measure


def run() -> bool:
    introspection = Introspection(read_file=no_file, schema=_schema())
    lines = [_KINDS[n % len(_KINDS)].format(n=n) for n in range(_LINES)]
    texts = []
    for line in lines:
        parsed = evaluate_line(line, introspection)
        (command,) = parsed.actions  # type: ignore[union-attr]
        assert isinstance(command, Command)
        texts.append(json.dumps({"execute": command.name, "arguments": command.arguments}))
    # qmp-shell misreads later keys after a dotted key, so it does not get these lines (see PEERS).
    simple = [line for line in lines if "." not in line and "'" not in line]
    share = len(lines) / len(simple)
    medians = compare(
        {
            _FLOOR: _timed(lambda text: json.dumps(json.loads(text)), texts),
            _OURS: _timed(lambda line: evaluate_line(line, introspection), lines),
            _PEER: lambda: share * _timed(_peer(), simple)(),
        },
        rounds=5,
    )
    return report(
        "10,000 lines, read and typed",
        {name: seconds * 1000 for name, seconds in medians.items()},
        [(_OURS, _FLOOR, float("inf")), (_OURS, _PEER, float("inf"))],
        "ms",
    )
