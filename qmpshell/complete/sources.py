"""What completion uses: the schema, names, live names, files and settings that are known."""

from __future__ import annotations

from functools import cached_property

from ..qmp import AGENT_PREFIX
from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Protocol

    from ..errors import LineError
    from ..language import ShellCommand
    from ..qmp import Reference, Schema
    from .types import TypeResolver

    # Returns the names in the directory of a path prefix, each with its kind.
    Files = Callable[[str], Iterable[tuple[str, str]]]

    class Descriptions(Protocol):
        """Descriptions from the manual, on one line."""

        def of_name(self, name: str) -> str:
            """Return the description of a command or event, or ""."""

        def of_values(self, values: Iterable[str]) -> Mapping[str, str]:
            """Return the descriptions of an enum's values, those that are known."""

    class LiveNames(Protocol):
        """The live names that are known now. Its methods never wait."""

        def find(self, name_query: NameQuery) -> Sequence[LiveName] | None:
            """Return the names of a kind, or None if they are unknown, which starts a query."""

        def peek(self, name_query: NameQuery) -> Sequence[LiveName]:
            """Return the names that are known, without a query."""


# The cache for single words is cleared at this size.
_MAX_CACHED_WORDS = 500


class NameQuery(Record):
    """A kind of names and its subject. Hashable."""

    kind: str
    subject: str = ""


class LiveName(Record):
    """A name and its short description. Both come from the server and are not trusted.

    Names with a smaller `order` come first. For a property, `choices` are its values, if known, and
    `default` is its default.
    """

    name: str
    meta: str = ""
    order: int = 0
    choices: tuple[str, ...] = ()
    default: str = ""


class CompletionSources:
    """The sources of completion for one server.

    `names` are those of query-commands; they and `schema` may be set at any time. `live` returns
    live names, None for none. `files` returns the names in a path's directory and their kinds.
    `styles` returns the colour styles of other packages, `programs` the programs of this host.
    `shell_commands` are `name: (anything, usage, help)`, and `find_shell_mistake` returns what is
    wrong with a call of one.
    """

    def __init__(
        self,
        *,
        schema: Schema | None = None,
        names: Iterable[str] = (),
        live: LiveNames | None = None,
        files: Files | None = None,
        styles: Callable[[], Iterable[str]] | None = None,
        programs: Callable[[], Iterable[str]] | None = None,
        shell_commands: Mapping[str, tuple[str, str, str]] | None = None,
        find_shell_mistake: Callable[[ShellCommand], LineError | None] | None = None,
    ) -> None:
        self._schema = schema
        self._names = tuple(names)
        # Names that cannot be used: an agent's commands may be disabled.
        self.disabled: frozenset[str] = frozenset()
        self.live = live
        # Whether names that are missing or stale are queried.
        self.may_query = True
        # From the manual, once it is read.
        self.descriptions: Descriptions | None = None
        self.files = files
        self._find_styles = styles
        self._find_programs = programs
        self.shell_commands = shell_commands or {}
        self.find_shell_mistake = find_shell_mistake
        self._types: TypeResolver | None = None
        self._agent: TypeResolver | None = None
        self._commands: list[str] | None = None
        # Suggestions for mistyped words.
        self._guesses: dict[tuple[str, str], str] = {}

    @cached_property
    def live_kinds(self) -> dict[tuple[str, str], Reference]:
        """The members whose values are live names, by command and member."""
        from ..qmp import load_references  # the first prompt does not need it

        return load_references()

    @cached_property
    def styles(self) -> Sequence[str]:
        """The styles of other packages, found on first use."""
        return sorted(self._find_styles()) if self._find_styles is not None else []

    @cached_property
    def programs(self) -> Sequence[str]:
        """The programs of this host, found on first use."""
        return sorted(self._find_programs()) if self._find_programs is not None else []

    @property
    def schema(self) -> Schema | None:
        """The schema of the server, or None."""
        return self._schema

    @schema.setter
    def schema(self, schema: Schema | None) -> None:
        self._schema = schema
        self._forget()

    @property
    def names(self) -> Sequence[str]:
        """The names of query-commands."""
        return self._names

    @names.setter
    def names(self, names: Iterable[str]) -> None:
        self._names = tuple(names)
        self._forget()

    def _forget(self) -> None:
        self._types = None
        self._commands = None
        self._guesses.clear()

    @property
    def types(self) -> TypeResolver:
        """The types of the server's schema, none if it is unknown."""
        if self._types is None:
            self._types = _resolver(self._schema)
        return self._types

    def types_of(self, command: str) -> TypeResolver:
        """Return the types of the schema that has a command: the agent's is part of the program."""
        if not command.startswith(AGENT_PREFIX):
            return self.types
        if self._agent is None:
            from ..qmp import load_agent_schema  # few sessions are with an agent

            self._agent = _resolver(load_agent_schema())
        return self._agent

    def commands(self) -> Sequence[str]:
        """Return the names of the server's commands, from both the schema and query-commands."""
        if self._commands is None:
            names = self._schema.commands() if self._schema is not None else []
            both = set(names) & set(self._names)
            self._commands = sorted(both or names or self._names)
        return self._commands

    def describe(self, name: str) -> str:
        """Return the description of a command or event in the manual, or ""."""
        return self.descriptions.of_name(name) if self.descriptions is not None else ""

    def describe_values(self, values: Iterable[str]) -> Mapping[str, str]:
        """Return the descriptions of an enum's values in the manual."""
        return self.descriptions.of_values(values) if self.descriptions is not None else {}

    def find_live(self, name_query: NameQuery) -> Sequence[LiveName]:
        """Return the known names of a kind, and query them if necessary and allowed."""
        if not self.may_query:
            return self.peek_live(name_query)
        return (self.live.find(name_query) if self.live is not None else None) or ()

    def peek_live(self, name_query: NameQuery) -> Sequence[LiveName]:
        """Return the known names of a kind without a query, for use while typing."""
        return self.live.peek(name_query) if self.live is not None else ()

    def guess(self, word: str, names: Iterable[str], where: str) -> str:
        """Return the hint for a mistyped word after a colon, or "". `where` identifies the names."""
        found = self._guesses.get((where, word))
        if found is None:
            from ..language import suggestion_for  # only after mistakes

            if len(self._guesses) > _MAX_CACHED_WORDS:
                self._guesses.clear()
            hint = suggestion_for(word, names)
            found = self._guesses[where, word] = f": {hint}" if hint else ""
        return found


def _resolver(schema: Schema | None) -> TypeResolver:
    from ..qmp import NO_SCHEMA
    from .types import TypeResolver  # the first prompt does not need it

    return TypeResolver(schema or NO_SCHEMA)
