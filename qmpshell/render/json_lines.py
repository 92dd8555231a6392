"""Messages as JSON text for programs.

Owns: one message a line, or laid out over several, in ASCII. Must not know: colours, terminals.
"""

from __future__ import annotations

from ..protocol.json_text import encode
from .layout import painted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..protocol.messages import Message

_CONTROLS = (b"\n", b"\r", b"\x7f")


def message_line(message: Message) -> bytes:
    """The message on one line, with a line end: as it came, if that is one line of plain JSON.

    Numbers too precise for a double, and names that stand twice, so reach the reader as they were.
    """
    raw = message.raw
    if message.strict and raw.isascii() and not any(control in raw for control in _CONTROLS):
        return raw + b"\n"
    return value_line(message.value)


def value_line(value: object) -> bytes:
    """A value on one line, with a line end."""
    return encode(value).encode("ascii") + b"\n"


def value_pretty(value: Any) -> bytes:
    """A value laid out with an indentation of two blanks, with a line end."""
    text = "".join(painted(value, width=0, paint={}))
    return text.encode("ascii") + b"\n"
