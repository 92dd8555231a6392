"""Manual pages of the QEMU versions that the tests use."""

from __future__ import annotations

import gzip
from pathlib import Path

from .servers import Installation

PAGES = ("qemu-qmp-ref", "qemu-storage-daemon-qmp-ref", "qemu-ga-ref")


# A version that no installed QEMU has.
OTHER_VERSION = "6.1.0"


def manual_of_other_version(installation: Installation, directory: Path) -> str:
    """Write the manual of the installed QEMU as that of another version. Return its directory."""
    page = page_text(installation, "qemu-qmp-ref").replace(installation.version, OTHER_VERSION)
    (directory / "other" / "man7").mkdir(parents=True)
    (directory / "other" / "man7" / "qemu-qmp-ref.7").write_text(page)
    return str(directory / "other")


def page_text(installation: Installation, name: str) -> str:
    """Return the roff text of a page."""
    path = Path(installation.manuals) / "man7" / f"{name}.7.gz"
    return gzip.decompress(path.read_bytes()).decode()
