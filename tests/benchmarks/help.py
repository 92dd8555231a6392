"""Help from the largest manual page: the first time, and when the page has been read."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from qmpshell import connect
from qmpshell.cli import make_ports
from qmpshell.manual import QEMU, Articles, Library, search_manual
from qmpshell.qmp import Schema
from qmpshell.render import text_of
from tests.harness.manuals import page_text
from tests.harness.servers import BACKPORTS, start_qemu

from .measure import compare, report

_FLOOR = "taking the page out of gzip"
_FIRST, _SECOND = "help, the first time", "help, the second time"
_SEARCH = "searching two words"
# Milliseconds: nobody notices the one, the other is a keystroke's answer.
_BOUNDS = {_FIRST: 300, _SECOND: 100, _SEARCH: 100}


def _schema() -> Schema:
    with tempfile.TemporaryDirectory() as directory:
        with start_qemu(BACKPORTS, Path(directory) / "vm.sock") as server:
            with connect(server.address) as qmp:
                return Schema(qmp.execute("query-qmp-schema"))


def _timed(run: Callable[[], object]) -> Callable[[], float]:
    def measure() -> float:
        begun = time.perf_counter()
        run()
        return (time.perf_counter() - begun) * 1000

    return measure


def run() -> bool:
    schema = _schema()
    ports = make_ports({"MANPATH": BACKPORTS.manuals})

    def ask(library: Library) -> None:
        manual = library.manual(QEMU, (10, 0, 0))
        assert manual.reference is not None
        page = Articles(schema, manual.reference).about("blockdev-add", {"driver": "qcow2"})
        assert "lazy-refcounts" in text_of(manual.about(page), width=80)

    def search_words() -> None:
        reference = read.manual(QEMU, (10, 0, 0)).reference
        assert reference is not None
        assert search_manual(reference, ["dirty", "bitmap"])

    read = Library(ports.find_page)
    ask(read)
    medians = compare(
        {
            _FLOOR: _timed(lambda: page_text(BACKPORTS, QEMU.name)),
            _FIRST: _timed(lambda: ask(Library(ports.find_page))),
            _SECOND: _timed(lambda: ask(read)),
            _SEARCH: _timed(search_words),
        },
        rounds=9,
    )
    good = report("Help from a page of 0.8 MB", medians, [(_FIRST, _FLOOR, float("inf"))], "ms")
    return good and all(medians[name] <= bound for name, bound in _BOUNDS.items())
