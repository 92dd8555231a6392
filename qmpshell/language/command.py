"""What a line says, once it is understood.

Owns: the shapes that `parse` and `read` give. Must not know: text, schemas, connections.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .tokens import Token


class Argument:
    """`key op value`: `path` is the key's parts, each a name and its offset in the line."""

    __slots__ = ("key", "operator", "path", "value")

    def __init__(
        self, key: Token, path: list[tuple[str, int]], operator: Token, value: Token
    ) -> None:
        self.key = key
        self.path = path
        self.operator = operator
        self.value = value


class CommandItem:
    """`NAME key=value…` or `NAME {…}` as parsed: `whole` is the object that is all its arguments."""

    __slots__ = ("arguments", "name", "whole")

    def __init__(self, name: Token, arguments: list[Argument], whole: Token | None) -> None:
        self.name = name
        self.arguments = arguments
        self.whole = whole


class RawItem:
    """A JSON object in the place of a command; `token` is its text."""

    __slots__ = ("token",)

    def __init__(self, token: Token) -> None:
        self.token = token


class Command:
    """A command ready to be sent: `arguments` in the order in which they were typed."""

    __slots__ = ("arguments", "name", "start")

    def __init__(self, name: str, arguments: dict[str, Any], *, start: int) -> None:
        self.name = name
        self.arguments = arguments
        self.start = start


class RawCommand:
    """JSON that goes out as it was typed; `value` is what it says."""

    __slots__ = ("start", "text", "value")

    def __init__(self, text: str, value: dict[str, Any], *, start: int) -> None:
        self.text = text
        self.value = value
        self.start = start
