"""JSON in colours for a terminal that no library looks after.

Owns: the control sequences of the sixteen colours that every terminal has. Must not know: whether
colours are wanted.
"""

from __future__ import annotations

from .layout import NAME, NUMBER, PUNCTUATION, STRING, WORD, layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_COLOURS = {NAME: "34", STRING: "32", NUMBER: "36", WORD: "35", PUNCTUATION: ""}
_ONE_LINE = 1 << 30


def coloured(value: Any, *, pretty: bool) -> bytes:
    """A value as ASCII JSON, on one line or laid out with an indentation of two blanks."""
    pieces = layout(value, width=0 if pretty else _ONE_LINE)
    text = "".join(_paint(style, text) for style, text in pieces)
    return text.encode("ascii") + b"\n"


def _paint(style: str, text: str) -> str:
    colour = _COLOURS[style]
    return f"\x1b[{colour}m{text}\x1b[0m" if colour else text
