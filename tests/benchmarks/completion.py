"""Benchmark of candidates and signatures at each cursor position of realistic lines."""

from __future__ import annotations

import time

from qmpshell.complete import CompletionSources, complete, describe, shrink
from tests.harness.completion import LINES, known
from tests.harness.schemas import SYSTEMS

_BOUND = 10.0
_COLUMNS = 100
# On shared machines the faster of two runs has waited less.
_ROUNDS = 2


def _measure(server: str) -> list[tuple[float, str]]:
    """Return the milliseconds and the text for each prefix of each line and each position in it."""
    knows = known(server)
    samples = []
    for line in LINES:
        for cursor in range(len(line) + 1):
            for text in (line[:cursor], line):
                taken = min(_milliseconds(text, cursor, knows) for _ in range(_ROUNDS))
                samples.append((taken, text[:cursor]))
    return samples


def _milliseconds(text: str, cursor: int, knows: CompletionSources) -> float:
    started = time.perf_counter()
    complete(text, cursor, knows)
    signature = describe(text, cursor, knows)
    if signature is not None:
        shrink(signature.parts, _COLUMNS, signature.current)
    return (time.perf_counter() - started) * 1000


def run() -> bool:
    good = True
    for server in SYSTEMS:
        samples = sorted(_measure(server))
        median, late = (samples[int(len(samples) * part)][0] for part in (0.5, 0.99))
        good &= late <= _BOUND
        verdict = "ok" if late <= _BOUND else "TOO MUCH"
        print(f"A keystroke to candidates and signature, QEMU {server}, {len(samples)} positions")
        print(f"  p50 {median:.2f} ms, p99 {late:.2f} ms (at most {_BOUND:g}) {verdict}")
        print(f"  slowest {samples[-1][0]:.2f} ms: {samples[-1][1]}")
    print(flush=True)
    return good
