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


class FileWord:
    """A redirection: `operator` is one of > >> < <>, `path` the file's name, `start` its offset."""

    __slots__ = ("operator", "path", "start")

    def __init__(self, operator: str, path: str, start: int) -> None:
        self.operator = operator
        self.path = path
        self.start = start


class CommandItem:
    """`NAME key=value…` or `NAME {…}` as parsed: `whole` is the object that is all its arguments,
    `file` the file whose descriptor goes with it."""

    __slots__ = ("arguments", "file", "name", "whole")

    def __init__(
        self,
        name: Token,
        arguments: list[Argument],
        whole: Token | None,
        file: FileWord | None = None,
    ) -> None:
        self.name = name
        self.arguments = arguments
        self.whole = whole
        self.file = file


class RawItem:
    """A JSON object in the place of a command; `token` is its text."""

    __slots__ = ("token",)

    def __init__(self, token: Token) -> None:
        self.token = token


class TransactionItem:
    """`transaction( actions ) key=value…`."""

    __slots__ = ("actions", "arguments", "token")

    def __init__(self, token: Token, actions: list[CommandItem], arguments: list[Argument]) -> None:
        self.token = token
        self.actions = actions
        self.arguments = arguments


class LocalItem:
    """A command of our own: its name, with the `/`, and the tokens of its arguments."""

    __slots__ = ("name", "tokens")

    def __init__(self, name: Token, tokens: list[Token]) -> None:
        self.name = name
        self.tokens = tokens


Item = CommandItem | RawItem | TransactionItem | LocalItem


class Destination:
    """Where a line's replies go: to a FILE (`>`, `>>`), or to a shell command (`|`)."""

    __slots__ = ("operator", "start", "text")

    def __init__(self, operator: str, text: str, start: int) -> None:
        self.operator = operator
        self.text = text
        self.start = start


class Line:
    """The items of a line, in order, and where their replies go."""

    __slots__ = ("destination", "items")

    def __init__(self, items: list[Item], destination: Destination | None) -> None:
        self.items = items
        self.destination = destination


class Command:
    """A command ready to be sent: `arguments` as JSON values, `notes` what to tell of it (members
    that are deprecated or unstable), `file` the file whose descriptor goes with it."""

    __slots__ = ("arguments", "file", "name", "notes", "oob", "start")

    def __init__(
        self,
        name: str,
        arguments: dict[str, Any],
        *,
        start: int,
        notes: list[str] | None = None,
        file: FileWord | None = None,
        oob: bool = False,
    ) -> None:
        self.name = name
        self.arguments = arguments
        self.start = start
        self.notes = notes or []
        self.file = file
        self.oob = oob


class RawCommand:
    """JSON that goes out as it was typed; `value` is what it says."""

    __slots__ = ("start", "text", "value")

    def __init__(self, text: str, value: dict[str, Any], *, start: int) -> None:
        self.text = text
        self.value = value
        self.start = start


class LocalCommand:
    """A command of our own, ready to run: its name with the `/`, its tokens, and the line's text
    that they came from."""

    __slots__ = ("line", "name", "start", "tokens")

    def __init__(self, name: str, tokens: list[Token], *, line: str, start: int) -> None:
        self.name = name
        self.tokens = tokens
        self.line = line
        self.start = start


Action = Command | RawCommand | LocalCommand


class Plan:
    """A line as it is carried out: the actions in order, and where their replies go."""

    __slots__ = ("actions", "destination")

    def __init__(self, actions: list[Action], destination: Destination | None = None) -> None:
        self.actions = actions
        self.destination = destination
