"""Candidates and signature at each cursor position of realistic lines, on the schemas of real QEMUs."""

from __future__ import annotations

import time

from qmpshell.complete import Known, complete, describe, fit
from tests.harness.completion import LINES, known
from tests.harness.schemas import SYSTEMS

_BOUND = 10.0
_COLUMNS = 100
# These machines are shared: the quicker of two has not waited for others.
_ROUNDS = 2


def _measure(server: str) -> list[tuple[float, str]]:
    """Milliseconds for each beginning of each line, and each position in it, and the text."""
    knows = known(server)
    samples = []
    for line in LINES:
        for cursor in range(len(line) + 1):
            for text in (line[:cursor], line):
                taken = min(_milliseconds(text, cursor, knows) for _ in range(_ROUNDS))
                samples.append((taken, text[:cursor]))
    return samples


def _milliseconds(text: str, cursor: int, knows: Known) -> float:
    begun = time.perf_counter()
    complete(text, cursor, knows)
    signature = describe(text, cursor, knows)
    if signature is not None:
        fit(signature.parts, _COLUMNS, signature.current)
    return (time.perf_counter() - begun) * 1000


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
