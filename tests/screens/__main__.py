"""Write the pictures of the README again: `python -m tests.screens`."""

from __future__ import annotations

from tests.harness.servers import NEWEST

from .pictures import DIRECTORY, PICTURES

for name, draw in PICTURES.items():
    (DIRECTORY / f"{name}.svg").write_text(draw(NEWEST))
