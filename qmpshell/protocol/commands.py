"""A command to the bytes that carry it.

Owns: the shape of what a client sends (qmp-spec, "Issuing Commands"). Must not know: who asked.
"""

from __future__ import annotations

from .json_text import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def command_object(
    name: str, arguments: dict[str, Any] | None = None, *, oob: bool = False
) -> dict[str, Any]:
    """`{"execute": NAME, "arguments": {…}}`; `exec-oob` for out-of-band execution."""
    command: dict[str, Any] = {"exec-oob" if oob else "execute": name}
    if arguments:
        command["arguments"] = arguments
    return command


def encode_message(message: dict[str, Any]) -> bytes:
    """The bytes to send: one line. QEMU needs no line end, proxies that read by line do."""
    return encode(message).encode("ascii") + b"\n"
