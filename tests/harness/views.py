"""Views of real servers: their requests with the replies, and the text that they show."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from qmpshell import CommandError, Connection
from qmpshell.render import Lines, text_of
from qmpshell.render.views.info import find_view, view_steps
from qmpshell.render.views.view import Ask, AskError, InfoError

DATA = Path(__file__).parents[1] / "render" / "views" / "recorded"
VERSIONS = ("7.2", "10")

_VD0 = "/machine/peripheral/vd0/virtio-backend"
# The views that need arguments, or have options.
WITH_ARGUMENTS = (
    ("block", "-v", "top"),
    ("block", "-n"),
    ("block", "cd0"),
    ("qom-tree", "/objects"),
    ("qtree", "-b"),
    ("rx-filter", "net0"),
    ("stats", "vm"),
    ("trace-events", "qcow2_*"),
    ("virtio-queue-status", _VD0, "0"),
    ("virtio-status", _VD0),
)

Answer = Callable[[Ask], Any]


def run_view(words: Sequence[str], commands: frozenset[str], answer: Answer, *, width: int) -> str:
    """Return the text of a view, or of its failure. `answer` returns a result or a AskError."""
    view = find_view(words[0], commands)
    if view is None:
        return f"no view {words[0]}"
    steps = view_steps(words[0], view, words[1:], commands)
    try:
        batch = next(steps)
        while True:
            batch = steps.send([answer(ask) for ask in batch])
    except StopIteration as stop:
        return text_of([Lines(stop.value, wrap=True)], width=width)
    except InfoError as error:
        return f"error: {error}"


def ask_server(qmp: Connection) -> Answer:
    """Return a function that answers requests from a server."""

    def answer(ask: Ask) -> Any:
        try:
            return qmp.execute(ask.name, ask.arguments)
        except CommandError as error:
            return AskError(error.desc, error.error_class)

    return answer


def key_of(ask: Ask) -> str:
    return json.dumps([ask.name, ask.arguments], sort_keys=True)


class Recording:
    """The commands of a server, and its replies to the requests of views."""

    def __init__(self, version: str) -> None:
        data = json.loads(gzip.decompress((DATA / f"replies-{version}.json.gz").read_bytes()))
        self.commands = frozenset(data["commands"])
        self.views: list[list[str]] = data["views"]
        self._replies: dict[str, Any] = data["replies"]

    def answer(self, ask: Ask) -> Any:
        found = self._replies[key_of(ask)]
        if "return" in found:
            return found["return"]
        error_class, text = found["error"]
        return AskError(text, error_class)

    def text(self, *words: str, width: int = 80) -> str:
        return run_view(words, self.commands, self.answer, width=width)


def golden_texts(recording: Recording) -> Iterator[tuple[str, str]]:
    """Yield recorded views and their texts, except large ones."""
    for words in recording.views:
        if words not in (["qtree"], ["qom-tree"]):
            yield " ".join(words), recording.text(*words)


def recorded(version: str) -> list[dict[str, Any]]:
    """Return the recorded replies of a version of QEMU."""
    found = json.loads(gzip.decompress((DATA / f"graphs-{version}.json.gz").read_bytes()))
    assert isinstance(found, list)
    return found


def results(version: str) -> dict[str, Any]:
    """Return the recorded results of commands without arguments, by their names."""
    return {entry["execute"]: entry["return"] for entry in recorded(version)}
