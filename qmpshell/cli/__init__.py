"""The command line.

Owns: the first steps of the process: signals and standard descriptors, before anything slow is
imported; and the one place where errors become exit statuses. Must not know: what options there are.
"""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

_INTERRUPTED, _TERMINATED = 130, 143


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program with these arguments (None: the process's own); the exit status."""
    signal.signal(signal.SIGINT, _end)
    signal.signal(signal.SIGTERM, _end)
    _open_standard_descriptors()
    from .dispatch import run

    status = run(list(sys.argv[1:] if arguments is None else arguments))
    # All output is written by then. The interpreter's own flushing would fail a second time where a
    # standard stream is closed, and tearing down modules takes as long as a short script.
    os._exit(status)


def _end(number: int, frame: FrameType | None) -> None:
    # A script has nothing to tidy up: what it wrote is written. Leaving from here, wherever "here"
    # is, needs no cooperation of what was interrupted. The terminal installs handlers of its own.
    os._exit(_INTERRUPTED if number == signal.SIGINT else _TERMINATED)


def _open_standard_descriptors() -> None:
    """Let no socket of ours become standard output because that was closed."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            # Open for reading only: what is written to it fails, as it would have.
            os.open(os.devnull, os.O_RDONLY)
