"""The model of a view: its requests, and the lines made of the replies."""

from __future__ import annotations

from ...record import Record
from ..document import WARNING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from typing import Any, TypeVar

    from ..document import Spans
    from .graph import Graph

    T = TypeVar("T")


class Ask(Record):
    """A request of a view."""

    name: str
    arguments: dict[str, Any] = {}


class InfoError(Exception):
    """A view cannot be shown. The text is the reason; `error_class` is that of the server's error, or ""."""

    def __init__(self, text: str, error_class: str = "") -> None:
        super().__init__(text)
        self.error_class = error_class


class InfoUsageError(InfoError):
    """The words after the name of a view are wrong.

    `usage` is the name with its arguments. `position` is that of the wrong word, or None if one is
    missing.
    """

    def __init__(self, reason: str, usage: str, *, position: int | None = None) -> None:
        super().__init__(f"{reason}; usage: info {usage}")
        self.reason = reason
        self.usage = usage
        self.position = position


class AskError(InfoError):
    """The error that a server returned to a request."""


# What a reply raises that QEMU's documentation does not describe, such as one of a very old version.
WRONG_FORM = (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError)
WRONG_FORM_TEXT = "the server's reply has an unexpected form"


class Call(Record):
    """What the user wants to see: the arguments and flags of a view, and the server's commands."""

    arguments: dict[str, Any] = {}
    flags: frozenset[str] = frozenset()
    commands: frozenset[str] = frozenset()


if TYPE_CHECKING:
    # Yields batches of requests. Each is answered by a list of results and refusals.
    Steps = Generator[Sequence[Ask], list[Any], Iterable[Spans]]
    GraphSteps = Generator[Sequence[Ask], list[Any], Graph]


class LazyLines:
    """Many lines, which are made when they are shown, and again each time."""

    def __init__(self, make: Callable[[], Iterator[Spans]]) -> None:
        self._make = make

    def __iter__(self) -> Iterator[Spans]:
        try:
            yield from self._make()
        except WRONG_FORM:
            yield [(WARNING, WRONG_FORM_TEXT)]


class View(Record):
    """A name of `info`.

    `command` is the QMP command without which a server cannot answer. `words` are the flags, such as
    `-v`, and the QMP arguments: `?` precedes optional ones, `=` a default, and `:` the kind, which is
    `int` or that of names (see `qmp/references.py`). `lines` makes lines of the only reply, unless
    that is a text. Views with other requests have `steps`.
    """

    help: str
    command: str
    words: str = ""
    lines: Callable[[Any], Iterable[Spans]] | None = None
    steps: Callable[[Call], Steps | GraphSteps] | None = None

    @property
    def flags(self) -> list[str]:
        """The options."""
        return [word for word in self.words.split() if word[0] == "-"]

    @property
    def parameters(self) -> list[Parameter]:
        """The arguments, in their order."""
        return [Parameter.parse(word) for word in self.words.split() if word[0] != "-"]

    @property
    def usage(self) -> str:
        """The flags and arguments as a user types them."""
        optional = [(flag, True) for flag in self.flags]
        words = optional + [(item.name.upper(), item.is_optional) for item in self.parameters]
        return " ".join(f"[{word}]" if is_optional else word for word, is_optional in words)


class Parameter(Record):
    """An argument of a view."""

    name: str
    kind: str
    default: str
    is_optional: bool

    @classmethod
    def parse(cls, word: str) -> Parameter:
        """Return the parameter that a word of a View describes."""
        rest, _, default = word.lstrip("?").partition("=")
        name, _, kind = rest.partition(":")
        return cls(name, kind, default, word[0] == "?")


def require(value: Any) -> Any:
    """Return a result. Raises InfoError for a refusal."""
    if isinstance(value, AskError):
        raise value
    return value


def got(value: Any, default: object) -> Any:
    """Return a result, or the default for a refusal."""
    return default if isinstance(value, AskError) else value


def guard(steps: Generator[Sequence[Ask], list[Any], T]) -> Generator[Sequence[Ask], list[Any], T]:
    """Yield the requests of steps, and return their result. Raises InfoError for unexpected replies."""
    try:
        return (yield from steps)
    except WRONG_FORM as error:
        raise InfoError(WRONG_FORM_TEXT) from error
