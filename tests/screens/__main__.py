"""Write the pictures of the README again: `python -m tests.screens`."""

from __future__ import annotations

from tests.harness.servers import NEWEST

from .pictures import FOLDER, PICTURES

for name, draw in PICTURES.items():
    (FOLDER / f"{name}.svg").write_text(draw(NEWEST))
