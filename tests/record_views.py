"""Record the replies that views need, from real servers: `python -m tests.record_views`.

It also writes the texts of the views, to review them with `git diff`.
"""

from __future__ import annotations

import gzip
import json
import tempfile
from contextlib import chdir, suppress
from pathlib import Path
from typing import Any

from qmpshell import CommandError, Connection, connect
from qmpshell.render.views.blocks import BLOCK_QUERIES
from qmpshell.render.views.info import available
from qmpshell.render.views.view import Ask, AskError
from tests.harness.machines import chain_options, make_busy, make_images, set_up, start_machine
from tests.harness.servers import INSTALLATIONS, Installation, start_qemu
from tests.harness.views import (
    DATA,
    WITH_ARGUMENTS,
    Recording,
    ask_server,
    golden_texts,
    key_of,
    run_view,
)

# Views whose replies differ in each run, or are large.
_LEFT_OUT = ("jit", "mtree", "qdm", "ramblock", "trace-events")


def record(installation: Installation) -> None:
    """Record the replies of one version."""
    version = _label(installation)
    with (
        tempfile.TemporaryDirectory(prefix="qv") as directory,
        start_machine(installation, Path(directory)) as server,
        connect(server.address, wait=60) as qmp,
    ):
        make_busy(qmp, Path(directory))
        data = _record(qmp)
    text = json.dumps(data, separators=(",", ":")).replace(directory, "/vm")
    DATA.mkdir(exist_ok=True)
    (DATA / f"replies-{version}.json.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    parts = (f"# {name}\n{text}\n" for name, text in golden_texts(Recording(version)))
    (DATA / f"views-{version}.txt").write_text("\n".join(parts))


def _record(qmp: Connection) -> dict[str, Any]:
    commands = frozenset(item["name"] for item in qmp.execute("query-commands"))
    replies: dict[str, Any] = {}
    answer = ask_server(qmp)

    def record_answer(ask: Ask) -> Any:
        value = answer(ask)
        is_refused = isinstance(value, AskError)
        replies[key_of(ask)] = (
            {"error": [value.error_class, str(value)]} if is_refused else {"return": value}
        )
        return value

    views = [
        [name]
        for name, view in available(commands, ())
        if name not in _LEFT_OUT and not view.usage.startswith(tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    ]
    views += map(list, WITH_ARGUMENTS)
    for words in views:
        run_view(words, commands, record_answer, width=80)
    return {"commands": sorted(commands), "views": views, "replies": replies}


def record_graphs(installation: Installation) -> None:
    """Record the replies of the machine with a chain of images."""
    with tempfile.TemporaryDirectory(prefix="q") as name, chdir(name):
        options = chain_options(make_images(Path(), installation))
        with (
            start_qemu(installation, Path("vm.sock"), *options, machine="q35") as server,
            connect(server.address) as qmp,
        ):
            set_up(qmp)
            replies = [
                _entry(qmp, ask.name, ask.arguments) for ask in (*BLOCK_QUERIES, Ask("query-pci"))
            ]
            replies += _walk(qmp, "/machine")
    data = json.dumps(replies).encode()
    path = DATA / f"graphs-{_label(installation)}.json.gz"
    path.write_bytes(gzip.compress(data, 9, mtime=0))


def _entry(qmp: Connection, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"execute": name, "arguments": arguments, "return": qmp.execute(name, arguments)}


def _walk(qmp: Connection, path: str) -> list[dict[str, Any]]:
    """Return the replies to `qom-list` for all objects below a path, and to `qom-get`."""
    found: list[dict[str, Any]] = []
    todo = [path]
    while todo:
        path = todo.pop()
        found.append(_entry(qmp, "qom-list", {"path": path}))
        for item in found[-1]["return"]:
            name, kind = item["name"], item["type"]
            if kind.startswith("child<") and kind not in ("child<memory-region>", "child<irq>"):
                todo.append(f"{path.rstrip('/')}/{name}")
            if name in ("parent_bus", "legacy-addr", "drive", "netdev", "chardev"):
                arguments = {"path": path, "property": name}
                with suppress(CommandError):
                    found.append(_entry(qmp, "qom-get", arguments))
    return found


def _label(installation: Installation) -> str:
    return "10" if installation.major >= 10 else "7.2"


if __name__ == "__main__":
    for each in INSTALLATIONS:
        record(each)
        record_graphs(each)
