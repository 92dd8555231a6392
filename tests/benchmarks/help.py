"""Benchmark of help from the largest manual page: first call and cached page."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from qmpshell import connect
from qmpshell.cli import make_ports
from qmpshell.manual import QEMU, HelpPages, ManualCache, search_manual
from qmpshell.qmp import Schema
from qmpshell.render import text_of
from qmpshell.storage import Settings
from tests.harness.manuals import page_text
from tests.harness.servers import NEWEST, start_qemu

from .measure import compare, report

_FLOOR = "taking the page out of gzip"
_FIRST, _SECOND = "help, the first time", "help, the second time"
_SEARCH = "searching two words"
# Bounds in milliseconds for the first call and for a keystroke.
_BOUNDS = {_FIRST: 300, _SECOND: 100, _SEARCH: 100}


def _schema() -> Schema:
    with (
        tempfile.TemporaryDirectory() as directory,
        start_qemu(NEWEST, Path(directory) / "vm.sock") as server,
        connect(server.address) as qmp,
    ):
        return Schema(qmp.execute("query-qmp-schema"))


def _timed(run: Callable[[], object]) -> Callable[[], float]:
    def measure() -> float:
        started = time.perf_counter()
        run()
        return (time.perf_counter() - started) * 1000

    return measure


def run() -> bool:
    schema = _schema()
    ports = make_ports(Settings(), {"MANPATH": NEWEST.manuals}, interactive=False)

    def ask(manual_cache: ManualCache) -> None:
        manual = manual_cache.manual(QEMU, (10, 0, 0))
        assert manual.reference is not None
        page = HelpPages(schema, manual.reference).about("blockdev-add", {"driver": "qcow2"})
        assert "lazy-refcounts" in text_of(manual.about(page), width=80)

    def search_words() -> None:
        reference = read.manual(QEMU, (10, 0, 0)).reference
        assert reference is not None
        assert search_manual(reference, ["dirty", "bitmap"])

    read = ManualCache(ports.find_page)
    ask(read)
    medians = compare(
        {
            _FLOOR: _timed(lambda: page_text(NEWEST, QEMU.name)),
            _FIRST: _timed(lambda: ask(ManualCache(ports.find_page))),
            _SECOND: _timed(lambda: ask(read)),
            _SEARCH: _timed(search_words),
        },
        rounds=9,
    )
    good = report("Help from a page of 0.8 MB", medians, [(_FIRST, _FLOOR, float("inf"))], "ms")
    return good and all(medians[name] <= bound for name, bound in _BOUNDS.items())
