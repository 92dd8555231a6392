"""Manual pages of the QEMU versions that the tests use."""

from __future__ import annotations

import gzip
from pathlib import Path

from .servers import Installation

PAGES = ("qemu-qmp-ref", "qemu-storage-daemon-qmp-ref", "qemu-ga-ref")


def page_text(installation: Installation, name: str) -> str:
    """Return the roff text of a page."""
    path = Path(installation.manuals) / "man7" / f"{name}.7.gz"
    return gzip.decompress(path.read_bytes()).decode()
