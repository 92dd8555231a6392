"""JSON in colours for a terminal that no library looks after.

Owns: the control sequences of the sixteen colours that every terminal has. Must not know: whether
colours are wanted.
"""

from __future__ import annotations

from .layout import NAME, NUMBER, STRING, WORD, painted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_COLOURS = {NAME: "34", STRING: "32", NUMBER: "36", WORD: "35"}


def coloured(value: Any, *, pretty: bool) -> bytes:
    """A value as ASCII JSON, on one line or laid out with an indentation of two blanks."""
    paint = {style: (f"\x1b[{colour}m", "\x1b[0m") for style, colour in _COLOURS.items()}
    text = "".join(painted(value, width=0 if pretty else None, paint=paint))
    return text.encode("ascii") + b"\n"
