"""The kinds of message that a QMP server sends.

Owns: telling greeting, reply and event apart (qmp-spec, "Protocol Specification"). Must not know:
how messages were framed, or what becomes of them.
"""

from __future__ import annotations

from .json import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Message:
    """One JSON object from the server: `raw`, its text as it came, and `value`, what it says.

    `strict` is false where the text is not quite JSON (RFC 8259) and was read all the same.
    A message of none of the kinds below is of this class itself.
    """

    __slots__ = ("raw", "strict", "value")

    def __init__(self, raw: bytes, value: dict[str, Any], *, strict: bool = True) -> None:
        self.raw = raw
        self.value = value
        self.strict = strict

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.raw[:60]!r})"


class Greeting(Message):
    """`{"QMP": {"version": …, "capabilities": […]}}`; QEMU 0.12's has neither."""

    __slots__ = ()

    @property
    def capabilities(self) -> list[str]:
        body = self.value["QMP"]
        offered = body.get("capabilities") if isinstance(body, dict) else None
        if not isinstance(offered, list):
            return []
        return [name for name in offered if isinstance(name, str)]

    @property
    def version(self) -> tuple[int, int, int] | None:
        """(major, minor, micro) of the server, or None where it does not say."""
        try:
            numbers = self.value["QMP"]["version"]["qemu"]
            return int(numbers["major"]), int(numbers["minor"]), int(numbers["micro"])
        except (KeyError, TypeError, ValueError, IndexError):
            return None

    @property
    def package(self) -> str:
        """The distributor's version text, which may be empty."""
        try:
            return str(self.value["QMP"]["version"]["package"]).strip()
        except (KeyError, TypeError, IndexError):
            return ""


class Reply(Message):
    """`{"return": …}` or `{"error": {"class", "desc"}}`, with the command's `id` if it had one."""

    __slots__ = ()

    @property
    def is_error(self) -> bool:
        return "error" in self.value

    @property
    def error_class(self) -> str:
        return self._error_member("class", "GenericError")

    @property
    def desc(self) -> str:
        return self._error_member("desc", "")

    def _error_member(self, name: str, default: str) -> str:
        error = self.value.get("error")
        return str(error.get(name, default)) if isinstance(error, dict) else str(error)


class Event(Message):
    """`{"event": NAME, "data": {…}, "timestamp": {…}}` (qmp-spec, "Asynchronous events")."""

    __slots__ = ()

    @property
    def name(self) -> str:
        return str(self.value["event"])


class Garbage:
    """Bytes that are no JSON object; the next object is read again."""

    __slots__ = ("raw",)

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    def __repr__(self) -> str:
        return f"Garbage({self.raw[:60]!r})"


class Foreign:
    """What came where a greeting was due and cannot come before one: the other end speaks no QMP."""

    __slots__ = ("raw",)

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    def __repr__(self) -> str:
        return f"Foreign({self.raw[:60]!r})"


Item = Message | Garbage | Foreign


def classify(raw: bytes, value: dict[str, Any], *, strict: bool = True) -> Message:
    """The message that `value`, read from `raw`, is."""
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
    """`{"execute": NAME, "arguments": {…}}`; `exec-oob` for out-of-band execution."""
    command: dict[str, Any] = {"exec-oob" if oob else "execute": name}
    if arguments:
        command["arguments"] = arguments
    return command


def encode_message(message: dict[str, Any]) -> bytes:
    """The bytes to send: one line. QEMU needs no line end, proxies that read by line do."""
    return encode(message).encode("ascii") + b"\n"
