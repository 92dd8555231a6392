"""Files for the programs that get the terminal.

Owns: files without a name that hold what a program is to read, and a private one for an editor. Must
not know: what is in them. What is shown may be secret: nothing stays on a disk.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def nameless() -> Iterator[int]:
    """The descriptor of an empty file that is gone when it is closed."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("qmpshell")
        try:
            yield descriptor
        finally:
            os.close(descriptor)
    else:  # macOS
        with tempfile.TemporaryFile() as file:
            yield file.fileno()


@contextlib.contextmanager
def private(text: str, *, suffix: str) -> Iterator[str]:
    """The path of a file with this text that only its owner can read; it is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="qmpshell-") as directory:
        path = os.path.join(directory, f"line{suffix}")
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
        yield path


def write_all(descriptor: int, data: bytes) -> None:
    """Raises OSError."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
