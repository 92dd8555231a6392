"""Completion in prompt_toolkit: completers, the signature line, and queries for live names."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.utils import get_cwidth

from .. import complete as completion  # its modules are imported on first use, after the prompt
from ..language import EXIT_COMMANDS, HUMAN
from ..render import escape
from ..session import (
    COMMANDS,
    Effect,
    QueryResult,
    Session,
    command_names_in,
    disabled_in,
    find_mistake,
)
from ..transport import run_in_thread
from .keys import Replacement
from .styles import WARNING, Devices, Fragments, signature_style, style_names
from .typed_text import LONG_TEXT, is_long

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..complete import Candidate, CompletionSources, HmpCatalogue, Signature
    from ..manual import Descriptions
    from ..session import HmpCatalogueLoader, LiveCache, RawSession

# No menu is wider; measuring longer text would be wasted.
_META_WIDTH = 200


class LineCompleter(Completer):
    """Completes commands from `sources`, and human monitor lines from `catalogue`.

    The catalogue may be set at any time. With `is_human`, all lines but shell commands are human
    monitor lines.
    """

    def __init__(self, sources: CompletionSources, *, is_human: bool) -> None:
        self._sources = sources
        self.catalogue: HmpCatalogue | None = None
        self._is_human = is_human

    def start_query(self) -> None:
        """Prepare for a completion that the user requests. Without a request, nothing is queried."""

    def query_live_names(self) -> None:
        """Query the live names that the requested completion needs."""

    def load_catalogue(self) -> None:
        """Load the catalogue, because a human monitor line is typed or completed."""

    def typed(self, buffer: Buffer) -> None:
        """Handle a change of the line, as a Buffer's `on_text_changed`."""
        if self._is_human or buffer.text.lstrip().startswith(f"{HUMAN} "):
            self.load_catalogue()

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterator[Completion]:
        """Yield the completions of a document."""
        if is_long(document.text):
            return
        is_requested = complete_event.completion_requested
        if is_requested:
            self.start_query()
        text = document.current_line_before_cursor
        is_human = self._is_human and not text.lstrip().startswith("/")
        human_line = text if is_human else completion.hmp_line(text)
        if human_line is None:
            self._sources.may_query = is_requested
            line, cursor = completion.logical_line(document.text, document.cursor_position)
            candidates = completion.complete(line, cursor, self._sources)
            if is_requested:
                self.query_live_names()
        else:
            if is_requested:
                self.load_catalogue()
            catalogue = self.catalogue or completion.HmpCatalogue()
            candidates = completion.complete_hmp(human_line, catalogue)
            candidates = candidates or completion.complete_program(human_line, self._sources)
            if is_human:
                leaving = _leaving(human_line)
                candidates = sorted([*candidates, *leaving], key=lambda one: one.text)
        for candidate in candidates:
            if (
                escape(candidate.text) == candidate.text
            ):  # a terminal cannot show others as they are
                yield Replacement(
                    candidate.text,
                    start_position=candidate.start,
                    display=candidate.label,
                    display_meta=escape(candidate.meta[:_META_WIDTH]),
                    suffix_length=candidate.suffix_length,
                )


def _leaving(line: str) -> list[Candidate]:
    """Return the commands that leave the shell, which the human monitor does not have."""
    word = line.lstrip()
    meta = COMMANDS["/quit"][2]
    return [
        completion.Candidate(command, -len(word), meta)
        for command in EXIT_COMMANDS
        if command.startswith(word)
    ]


_BEGIN = ("", " ")
# The maximum number of rows for warnings.
_ROWS = 2
_NARROW = 60  # columns
_ROWS_WHERE_NARROW = 3


class SignatureLine:
    """The signature below the line that is being typed."""

    def __init__(self, sources: CompletionSources) -> None:
        self._sources = sources
        # It is drawn more often than the line changes.
        self._key: object = None
        self._found: Signature | None = None

    def clear(self) -> None:
        """Draw the line again, because more is known now."""
        self._key = None

    def fragments(self, document: Document, columns: int) -> list[Fragments]:
        """Return the signature in one row, and the diagnostics in a few."""
        if not document.text.strip():
            return []
        if is_long(document.text):
            return _warning_rows(LONG_TEXT, columns)
        line, cursor = completion.logical_line(document.text, document.cursor_position)
        key = (line, cursor, self._sources.schema)
        if key != self._key:
            self._key = key
            self._found = completion.describe(line, cursor, self._sources)
        found = self._found
        if found is None:
            return []
        rows: list[Fragments] = []
        if found.warnings:
            # Above the signature, whose place so does not change.
            rows += _warning_rows(escape("; ".join(found.warnings)), columns)
        parts = [[(style, escape(text)) for style, text in part] for part in found.parts]
        pieces = completion.shrink(parts, columns - 1, found.current, width=get_cwidth)
        if pieces:
            rows.append([_BEGIN, *((signature_style(style), text) for style, text in pieces)])
        return rows


def _warning_rows(text: str, columns: int) -> list[Fragments]:
    most = _ROWS if columns > _NARROW else _ROWS_WHERE_NARROW
    rows = completion.wrap(text, columns - 1, most, width=get_cwidth)
    return [[_BEGIN, (signature_style(WARNING), row)] for row in rows]


def list_directory(path: str) -> Iterator[tuple[str, str]]:
    """Yield the names in the directory of a path prefix, each with its kind; none if it is unreadable.

    `~/` stands for the home directory.
    """
    directory = os.path.expanduser(os.path.dirname(path)) or "."
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                yield entry.name, _kind(entry)
    except OSError:
        return


def list_programs(path: str) -> set[str]:
    """Return the names of the programs in the directories of a PATH."""
    found: set[str] = set()
    for directory in filter(None, path.split(os.pathsep)):
        with contextlib.suppress(OSError), os.scandir(directory) as entries:
            found |= {
                entry.name
                for entry in entries
                if entry.is_file() and os.access(entry.path, os.X_OK)
            }
    return found


def _kind(entry: os.DirEntry[str]) -> str:
    if entry.is_dir():
        return completion.DIRECTORY
    if entry.is_file():
        return completion.REGULAR_FILE
    try:
        return completion.SOCKET if stat.S_ISSOCK(entry.stat().st_mode) else completion.OTHER
    except OSError:  # a dangling link
        return completion.OTHER


class CompletionModel(LineCompleter):
    """A completer that keeps its sources up to date with a session.

    `perform` performs effects. `arrived` is called when requested live names have arrived,
    `changed` when the rows below the prompt may have changed.
    """

    def __init__(
        self,
        devices: Devices,
        session: Session | RawSession,
        *,
        perform: Callable[[Sequence[Effect]], None],
        arrived: Callable[[], None],
        changed: Callable[[], None],
    ) -> None:
        self._clock = devices.clock
        self._session = session if isinstance(session, Session) else None
        self._perform = perform
        self._arrived = arrived
        self._changed = changed
        self._settings = devices.settings
        sources = completion.CompletionSources(
            names=self._names_before(),
            files=list_directory,
            styles=style_names,
            programs=lambda: list_programs(devices.environment.get("PATH", os.defpath)),
            shell_commands=COMMANDS,
            find_shell_mistake=find_mistake,
        )
        super().__init__(sources, is_human=self._settings.hmp)
        # The descriptions in the manual, once they are needed.
        self._reading: asyncio.Future[Descriptions] | None = None
        self._live: LiveCache | None = None
        self._loader: HmpCatalogueLoader | None = None
        if self._session is not None:
            self._live = self._sources.live = self._session.make_live_cache()
            self._loader = self._session.make_catalogue_loader()
        self.signature = SignatureLine(self._sources)

    def on_ready(self) -> None:
        """Handle a greeting: everything known about the previous server is obsolete."""
        session = self._session
        assert session is not None
        self._sources.schema = None
        self._sources.names = self._names_before()
        self._sources.disabled = frozenset()
        self._sources.descriptions = self._reading = None
        if not session.can_query:
            return
        if self._settings.hmp:
            self.load_catalogue()
        else:
            self._perform(session.query_commands(self._clock()))

    def _names_before(self) -> Sequence[str]:
        """Return the server's commands as far as they are known before it answers."""
        if not self._settings.agent:
            return ()
        from ..qmp import load_agent_schema  # few sessions are with an agent

        return load_agent_schema().commands()

    def on_query_result(self, result: QueryResult) -> None:
        """Handle the result of a query."""
        assert self._session is not None
        match result:
            case QueryResult(value=completion.HmpCatalogue() as catalogue):
                self.catalogue = catalogue
                self._arrived()
            case QueryResult(name="live", value=completion.NameQuery()):
                self.signature.clear()
                self._arrived()
            case QueryResult(name="query-qmp-schema"):
                self._sources.schema = self._session.introspection.schema
                self._changed()
            case QueryResult(name="query-commands" | "guest-info", value=value):
                self._sources.disabled = frozenset(disabled_in(value))
                self._sources.names = [*command_names_in(value), *self._sources.disabled]
                # The prompt is visible by now. A line that needs the schema at once queries it itself.
                self._perform(self._session.load_schema(self._clock()))
                # Import what this needs while the server works. Otherwise, the first key waits for it.
                completion.describe("", 0, self._sources)

    @property
    def may_be_wrong(self) -> bool:
        """Whether names that were just offered may be wrong and are being queried."""
        return self._live is not None and self._live.may_be_wrong

    @property
    def is_waiting(self) -> bool:
        """Whether queried names have not arrived."""
        return self._live is not None and self._live.is_waiting

    def describe_wait(self) -> str:
        """Describe how long names have been awaited, or return ""."""
        return self._live.describe_wait(self._clock()) if self._live is not None else ""

    def on_effects(self, effects: Iterable[Effect]) -> Sequence[Effect]:
        """Return the queries for live names that follow from these effects."""
        return self._live.on_effects(effects, self._clock()) if self._live is not None else []

    def start_query(self) -> None:
        """Prepare the live names for a completion."""
        if self._live is not None:
            self._live.on_ready(self._clock())

    def query_live_names(self) -> None:
        """Query the live names that are needed, and read the manual."""
        # Not within a key press.
        asyncio.get_running_loop().call_soon(self._query_wanted)

    def _query_wanted(self) -> None:
        if self._live is not None:
            self._perform(self._live.send_queries(self._clock()))
        if self._session is not None and self._reading is None and self._sources.commands():
            # On the first completion. The menu shows what the manual says.
            self._reading = run_in_thread(self._session.read_descriptions)
            self._reading.add_done_callback(self._on_descriptions)

    def _on_descriptions(self, reading: asyncio.Future[Descriptions]) -> None:
        if reading is self._reading:  # the server is still the same
            self._sources.descriptions = reading.result()
            self._arrived()

    def load_catalogue(self) -> None:
        """Query the human monitor's help, unless it is known."""
        if self._loader is not None:
            self._perform(self._loader.load(self._clock()))
