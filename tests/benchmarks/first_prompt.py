"""Benchmark of the time from exec to the first prompt at a terminal."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.harness.servers import SYSTEM, start_qemu

from .measure import BIN, compare, report
from .terminals import BARE, PROMPT, Terminal

_FLOOR_NAME = "bare PromptSession"
_ANY = "qmpshell, first prompt"
_GREETED = "qmpshell, prompt below the greeting"


def _to_prompt(command: list[str], *, below: str = "") -> float:
    """Return the seconds until an empty prompt is drawn with `below` above it."""
    with Terminal(command) as terminal:
        drawn = terminal.wait(lambda: terminal.typed == PROMPT and below in terminal.text)
        return drawn - terminal.began


def run() -> bool:
    with (
        tempfile.TemporaryDirectory() as directory,
        start_qemu(SYSTEM, Path(directory) / "vm.sock") as server,
    ):
        command = [str(BIN / "qmpshell"), server.address]
        medians = compare(
            {
                _FLOOR_NAME: lambda: _to_prompt(BARE),
                _ANY: lambda: _to_prompt(command),
                _GREETED: lambda: _to_prompt(command, below="Connected to QEMU"),
            },
            rounds=21,
        )
    return report(
        "From exec to the first prompt",
        {name: seconds * 1000 for name, seconds in medians.items()},
        [(_ANY, _FLOOR_NAME, 1.15), (_GREETED, _FLOOR_NAME, 1.3)],
        "ms",
    )
