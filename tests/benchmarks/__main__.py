"""Run the benchmarks: `python -m tests.benchmarks [NAME…]`.

Print medians and ratios to a baseline and to qemu.qmp's qmp-shell from the same run, because absolute
times vary on shared machines. The exit status is 1 if a bound is exceeded.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.harness.program import own_directories

from . import (
    colour,
    completion,
    first_prompt,
    help,
    large_reply,
    objects,
    parsing,
    reading,
    scripts,
    storm,
    transports,
    views,
)

BENCHMARKS: dict[str, Callable[[], bool]] = {
    "one-command": scripts.one_command,
    "five-thousand": scripts.five_thousand,
    "large-reply": large_reply.run,
    "reading": reading.run,
    "colour": colour.run,
    "completion": completion.run,
    "first-prompt": first_prompt.run,
    "storm-echo": storm.echo,
    "storm-memory": storm.memory,
    "help": help.run,
    "parsing": parsing.run,
    "objects": objects.run,
    "transports": transports.one_command,
    "transport-scripts": transports.script,
    "table": views.table,
    "first-line": views.first_line,
}


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
        return 2
    with tempfile.TemporaryDirectory(prefix="qmpshell-") as directory:
        os.environ.update(own_directories(Path(directory)))
        good = [BENCHMARKS[name]() for name in names or BENCHMARKS]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
