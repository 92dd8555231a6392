"""The messages of the protocol: parsed ones from the server, encoded ones to it."""

from __future__ import annotations

import re

from .json import as_text, encode, encode_strict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Received:
    """Bytes from the server: a message, or what is not one. The base class of both."""

    __slots__ = ("raw",)

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.raw[:60]!r})"


class Message(Received):
    """One JSON object from the server: `raw`, its bytes, and `value`, its members.

    `strict` is false if the text is not RFC 8259 JSON and was parsed tolerantly. An object of none
    of the kinds below is an instance of this class itself.
    """

    __slots__ = ("strict", "value")

    def __init__(self, raw: bytes, value: dict[str, Any], *, strict: bool = True) -> None:
        self.raw = raw
        self.value = value
        self.strict = strict

    def as_line(self) -> str:
        """Return one line of ASCII JSON: as the server sent it, if that is one."""
        raw = self.raw
        if self.strict and raw.isascii() and b"\n" not in raw and b"\r" not in raw:
            return str(raw, "ascii")
        return encode(self.value)


class Greeting(Message):
    """`{"QMP": {"version": …, "capabilities": […]}}`. QEMU 0.12 sends neither member."""

    __slots__ = ()

    @property
    def capabilities(self) -> list[str]:
        """The names of the capabilities that the server offers."""
        body = self.value["QMP"]
        offered = body.get("capabilities") if isinstance(body, dict) else None
        if not isinstance(offered, list):
            return []
        return [name for name in offered if isinstance(name, str)]

    @property
    def version(self) -> tuple[int, int, int] | None:
        """The server's (major, minor, micro), or None if it sent no version."""
        numbers = self._version.get("qemu")
        if not isinstance(numbers, dict):
            return None
        major, minor, micro = (numbers.get(name) for name in ("major", "minor", "micro"))
        if isinstance(major, int) and isinstance(minor, int) and isinstance(micro, int):
            return major, minor, micro
        return None

    @property
    def package(self) -> str:
        """The distributor's version text, possibly empty."""
        return as_text(self._version.get("package", "")).strip()

    @property
    def _version(self) -> dict[str, Any]:
        body = self.value["QMP"]
        version = body.get("version") if isinstance(body, dict) else None
        return version if isinstance(version, dict) else {}


class Reply(Message):
    """`{"return": …}` or `{"error": {"class", "desc"}}`, with the command's `id` if it had one."""

    __slots__ = ()

    @property
    def is_error(self) -> bool:
        """Whether the server reports an error."""
        return "error" in self.value

    @property
    def error_class(self) -> str:
        """The error's class."""
        return self._error_member("class", "GenericError")

    @property
    def desc(self) -> str:
        """The error's description."""
        return self._error_member("desc", "")

    def _error_member(self, name: str, default: str) -> str:
        error = self.value.get("error")
        return as_text(error.get(name, default) if isinstance(error, dict) else error)


class Event(Message):
    """`{"event": NAME, "data": {…}, "timestamp": {…}}` (qmp-spec, "Asynchronous events")."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """The event's name."""
        return as_text(self.value["event"])


class Malformed(Received):
    """Bytes that are not a JSON object. Parsing resumes at the next object."""

    __slots__ = ()


class NotQmp(Received):
    """Data instead of a greeting that no QMP server sends there."""

    __slots__ = ()


Item = Message | Malformed | NotQmp


def classify(raw: bytes, value: dict[str, Any], *, strict: bool = True) -> Message:
    """Return the message of the right class for `value`, parsed from `raw`."""
    kind = Message
    if "return" in value or "error" in value:
        kind = Reply
    elif "event" in value:
        kind = Event
    elif "QMP" in value:
        kind = Greeting
    return kind(raw, value, strict=strict)


def command_object(
    name: str, arguments: dict[str, Any] | None = None, *, oob: bool = False
) -> dict[str, Any]:
    """Return `{"execute": NAME, "arguments": {…}}`, with `exec-oob` for out-of-band execution."""
    command: dict[str, Any] = {"exec-oob" if oob else "execute": name}
    if arguments:
        command["arguments"] = arguments
    return command


def encode_message(message: dict[str, Any]) -> bytes:
    """Return the bytes to send. QEMU needs no line end, but proxies that read lines do.

    Raises ValueError for a circular reference, and for numbers that are not finite.
    """
    return encode_strict(message).encode("ascii") + b"\n"


# QEMU rejects deeper JSON, and then the rest of the same text in further errors without an id, which
# cannot be told from replies to later commands (json-streamer.c).
MAX_NESTING = 1024
# Compiled on first use: few messages are long enough. Strings, and brackets.
_STRING_OR_BRACKET = rb"""\"[^"\\]*+(?:\\.[^"\\]*+)*+"|'[^'\\]*+(?:\\.[^'\\]*+)*+'|(?P<open>[\[{])|(?P<close>[\]}])"""


def is_too_deep(data: bytes) -> bool:
    """Return True if the JSON text of a message is nested deeper than QEMU accepts."""
    if data.count(b"[") + data.count(b"{") <= MAX_NESTING:
        return False
    depth = 0
    for match in re.finditer(_STRING_OR_BRACKET, data, re.DOTALL):
        depth += (match.lastgroup == "open") - (match.lastgroup == "close")
        if depth > MAX_NESTING:
            return True
    return False
