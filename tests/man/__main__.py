"""Write the manual page again: `python -m tests.man`."""

from __future__ import annotations

from .page import PAGE, build

PAGE.write_text(build(), encoding="ascii")
