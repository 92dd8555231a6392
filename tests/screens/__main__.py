"""Write the pictures of the README again: `python -m tests.screens`."""

from __future__ import annotations

from tests.harness.servers import BACKPORTS

from .pictures import FOLDER, PICTURES

for name, take in PICTURES.items():
    (FOLDER / f"{name}.svg").write_text(take(BACKPORTS))
