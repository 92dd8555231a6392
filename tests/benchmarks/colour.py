"""Benchmark of the layout and color of a reply of 10 MB, compared with `jq -C`."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from qmpshell import connect
from qmpshell.qmp import encode_scalar
from qmpshell.render import JSON_NAME, JSON_NUMBER, JSON_STRING, JSON_WORD, paint_json, utf8_string
from tests.harness.scripted import Peer, ScriptedServer
from tests.harness.servers import SYSTEM, start_qemu

from .measure import BIN, compare, report, wall_time

_SIZE = 10_000_000
_ROUNDS = 9

_JQ = "jq -C"
_SCRIPT = "qmpshell -p --color always"
_PAGER = "laid out to 100 columns, in Unicode"
_LINES = "lines counted at 100 columns"
_BOUND = 3.0


def schema_members() -> object:
    """Return the members of query-qmp-schema's reply: small objects, few of them deep."""
    with (
        tempfile.TemporaryDirectory() as directory,
        start_qemu(SYSTEM, Path(directory) / "vm.sock") as server,
        connect(server.address) as qmp,
    ):
        return qmp.execute("query-qmp-schema")


def block_node() -> object:
    """Return a member of query-named-block-nodes's reply: many members, numbers and words."""
    image = {
        "virtual-size": 21474836480,
        "filename": "/var/lib/images/disk-0001.qcow2",
        "cluster-size": 65536,
        "format": "qcow2",
        "actual-size": 3221225472,
        "format-specific": {
            "type": "qcow2",
            "data": {
                "compat": "1.1",
                "compression-type": "zlib",
                "lazy-refcounts": False,
                "refcount-bits": 16,
                "corrupt": False,
                "extended-l2": False,
            },
        },
        "dirty-flag": False,
    }
    limits = {f"{kind}{name}": 0 for kind in ("bps", "iops") for name in ("", "_rd", "_wr")}
    return {
        "iops_rd": 0,
        "detect_zeroes": "off",
        "image": image,
        "node-name": "fmt0001",
        "backing_file_depth": 0,
        "drv": "qcow2",
        "ro": False,
        "encrypted": False,
        "write_threshold": 0,
        "dirty-bitmaps": [],
        "cache": {"no-flush": False, "direct": True, "writeback": True},
        "file": "/var/lib/images/disk-0001.qcow2",
    } | limits


def message_of(unit: bytes) -> bytes:
    """Return a reply of about 10 MB that repeats `unit`."""
    return b'{"return": [' + b", ".join([unit] * (_SIZE // (len(unit) + 2))) + b"]}\r\n"


@contextmanager
def _server(directory: Path, message: bytes) -> Iterator[str]:
    def part(peer: Peer) -> None:
        peer.negotiate(b'{"QMP": {"version": {}, "capabilities": []}}\r\n')
        peer.read()
        peer.send(message)
        peer.ended()

    with ScriptedServer(directory / "large.sock", part) as server:
        yield server.address


def timed(run: Callable[[], object]) -> Callable[[], float]:
    def measure() -> float:
        started = time.perf_counter()
        run()
        return time.perf_counter() - started

    return measure


def _write(value: object) -> None:
    paint = dict.fromkeys(
        (JSON_NAME, JSON_STRING, JSON_NUMBER, JSON_WORD), ("\x1b[1;34m", "\x1b[0m")
    )
    with open("/dev/null", "w", encoding="utf-8") as sink:
        for chunk in paint_json(value, width=100, string=utf8_string, paint=paint):
            sink.write(chunk)


def _count(value: object) -> None:
    for chunk in paint_json(value, width=100, string=encode_scalar, paint={}):
        chunk.count("\n")


def run() -> bool:
    good = True
    for title, unit in (("schemas", schema_members()), ("block nodes", block_node())):
        with tempfile.TemporaryDirectory() as name:
            directory = Path(name)
            message = message_of(json.dumps(unit).encode())
            value = json.loads(message)
            file = directory / "reply.json"
            file.write_bytes(message)
            with _server(directory, message) as address:
                script = [str(BIN / "qmpshell"), "-p", "--color", "always", "-c", "query-x"]
                medians = compare(
                    {
                        _JQ: lambda file=file: wall_time(["jq", "-C", ".", str(file)], b""),  # type: ignore[misc]
                        _SCRIPT: lambda command=[*script, address]: wall_time(command, b""),  # type: ignore[misc]
                        _PAGER: timed(lambda value=value: _write(value)),  # type: ignore[misc]
                        _LINES: timed(lambda value=value: _count(value)),  # type: ignore[misc]
                    },
                    rounds=_ROUNDS,
                )
        good &= report(
            f"A reply of 10 MB, {title}, laid out and coloured",
            {name: seconds * 1000 for name, seconds in medians.items()},
            [(_SCRIPT, _JQ, _BOUND), (_PAGER, _JQ, _BOUND), (_LINES, _JQ, float("inf"))],
            "ms",
        )
    return good
