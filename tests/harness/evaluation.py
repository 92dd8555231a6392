"""What evaluation needs from outside, for tests that have none of it."""

from __future__ import annotations


def no_file(path: str) -> bytes:
    """Raise OSError: there are no files."""
    raise FileNotFoundError(2, "files are not available", path)
