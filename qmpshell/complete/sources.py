"""What completion knows of the server and of this machine.

Owns: which schema is asked for which command, and what is remembered of it. Must not know: lines, how
any of it is learnt.
"""

from __future__ import annotations

from ..qmp import load_agent_schema
from .references import LiveKind, read_table
from .types import Shapes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ..errors import LineError
    from ..language import LocalCommand
    from ..qmp import Schema
    from .references import Live, LiveName, LiveNames

    # The names in the folder that a path's beginning is in, each with what it is, by `file_kinds`.
    Files = Callable[[str], Iterable[tuple[str, str]]]


_AGENT_PREFIX = "guest-"
# What is remembered of single words is forgotten when it is so much.
_MOST = 500


class Known:
    """What there is to complete from; make a new one for another server.

    `names` are those of query-commands, and may be set at any time, as may `schema`. `live` gives
    names of the running server, None for none at all; `files` those in the folder of a path that has
    begun, without that folder, and what they are; `styles` finds the styles of colours that others made;
    `local_commands` are `name: (anything, how it is called, what it does)`, and `find_local_mistake` says
    what is wrong with a call of one.
    """

    def __init__(
        self,
        *,
        schema: Schema | None = None,
        names: Iterable[str] = (),
        live: LiveNames | None = None,
        files: Files | None = None,
        styles: Callable[[], Iterable[str]] | None = None,
        local_commands: Mapping[str, tuple[str, str, str]] | None = None,
        find_local_mistake: Callable[[LocalCommand], LineError | None] | None = None,
    ) -> None:
        self._schema = schema
        self._names = tuple(names)
        # Those of the names that are of no use here: an agent's commands may be switched off.
        self.disabled: frozenset[str] = frozenset()
        self.live = live
        self.files = files
        self._find_styles = styles
        self._styles: Sequence[str] | None = None
        self.local_commands = local_commands or {}
        self.find_local_mistake = find_local_mistake
        self.live_kinds: dict[tuple[str, str], LiveKind] = read_table()
        self._shapes: Shapes | None = None
        self._agent: Shapes | None = None
        self._commands: list[str] | None = None
        # A guess at what was meant by a word, by the word.
        self._guesses: dict[tuple[str, str], str] = {}

    @property
    def styles(self) -> Sequence[str]:
        """What there is beside our own, found where one is asked for."""
        if self._styles is None:
            self._styles = sorted(self._find_styles()) if self._find_styles is not None else []
        return self._styles

    @property
    def schema(self) -> Schema | None:
        return self._schema

    @schema.setter
    def schema(self, schema: Schema | None) -> None:
        self._schema = schema
        self._forget()

    @property
    def names(self) -> Sequence[str]:
        return self._names

    @names.setter
    def names(self, names: Iterable[str]) -> None:
        self._names = tuple(names)
        self._forget()

    def _forget(self) -> None:
        self._shapes = None
        self._commands = None
        self._guesses.clear()

    @property
    def shapes(self) -> Shapes | None:
        """Of the server's own schema."""
        if self._shapes is None and self._schema is not None:
            self._shapes = Shapes(self._schema)
        return self._shapes

    def shapes_of(self, command: str) -> Shapes | None:
        """Of the schema that has a command: the guest agent has none of its own."""
        if not command.startswith(_AGENT_PREFIX):
            return self.shapes
        if self._agent is None:
            self._agent = Shapes(load_agent_schema())
        return self._agent

    def commands(self) -> Sequence[str]:
        """The server's commands by name, as far as all that is known agrees on them."""
        if self._commands is None:
            names = self._schema.commands() if self._schema is not None else []
            both = set(names) & set(self._names)
            self._commands = sorted(both or names or self._names)
        return self._commands

    def find_live(self, want: Live) -> Sequence[LiveName]:
        """The names of a kind that are known by now."""
        return (self.live.find(want) if self.live is not None else None) or ()

    def peek_live(self, want: Live) -> Sequence[LiveName]:
        """The same for who only looks on while one types: the server is not asked for that."""
        return self.live.peek(want) if self.live is not None else ()

    def guess(self, word: str, names: Iterable[str], where: str) -> str:
        """The name that may be meant by a word, or nothing; `where` says which names they are."""
        found = self._guesses.get((where, word))
        if found is None:
            from ..language import nearest  # only for mistakes

            if len(self._guesses) > _MOST:
                self._guesses.clear()
            found = self._guesses[where, word] = nearest(word, names)
        return found
