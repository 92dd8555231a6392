"""The manual pages of the versions that the tests run on.

Owns: reading them. Must not know: what is in them.
"""

from __future__ import annotations

import gzip
from pathlib import Path

from .servers import Installation

PAGES = ("qemu-qmp-ref", "qemu-storage-daemon-qmp-ref", "qemu-ga-ref")


def page_text(installation: Installation, name: str) -> str:
    """The roff text of a page."""
    path = Path(installation.manuals) / "man7" / f"{name}.7.gz"
    return gzip.decompress(path.read_bytes()).decode()
