"""Functions that run commands in turn and compare their measurements."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

# The programs of this environment use the installed package with its byte code.
BIN = Path(sys.executable).parent


def environment() -> dict[str, str]:
    clean = dict(os.environ)
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "QMP_SOCKET"):
        clean.pop(name, None)
    return clean


def wall_time(command: Sequence[str], data: bytes) -> float:
    """Return the seconds from start to exit, with `data` on stdin."""
    started = time.perf_counter()
    subprocess.run(
        command,
        input=data,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
        cwd="/",
        check=True,
    )
    return time.perf_counter() - started


def compare(runs: Mapping[str, Callable[[], float]], *, rounds: int) -> dict[str, float]:
    """Return the median of each measurement, taken in turn so that noise affects all equally."""
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
    """Print medians and ratios; return True if each bound (name, baseline, maximum) holds."""
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
