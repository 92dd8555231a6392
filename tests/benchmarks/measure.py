"""Running commands in turn, and comparing what they take.

Owns: interleaving, medians, and the report. Must not know: what is measured.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

# Where the programs of this environment are: the package as it was installed, byte code and all.
BIN = Path(sys.executable).parent


def environment() -> dict[str, str]:
    clean = dict(os.environ)
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "QMP_SOCKET"):
        clean.pop(name, None)
    return clean


def wall_time(command: Sequence[str], data: bytes) -> float:
    """Seconds from start to exit, with `data` on a pipe."""
    begun = time.perf_counter()
    subprocess.run(
        command,
        input=data,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
        cwd="/",
        check=True,
    )
    return time.perf_counter() - begun


def compare(runs: Mapping[str, Callable[[], float]], *, rounds: int) -> dict[str, float]:
    """The median of each, all measured in turn so that noise falls on all of them."""
    for run in runs.values():
        run()
    samples: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            samples[name].append(run())
    return {name: statistics.median(values) for name, values in samples.items()}


def report(
    title: str, medians: Mapping[str, float], bounds: Sequence[tuple[str, str, float]], unit: str
) -> bool:
    """Print medians and ratios; whether each (what, against what, at most) holds."""
    print(f"{title}")
    for name, value in medians.items():
        print(f"  {name:34} {value:10.1f} {unit}")
    good = True
    for name, against, most in bounds:
        ratio = medians[name] / medians[against]
        holds = ratio <= most
        good &= holds
        verdict = "ok" if holds else "TOO MUCH"
        print(f"  {name} / {against}: {ratio:.2f} (at most {most:g}) {verdict}")
    print(flush=True)
    return good
