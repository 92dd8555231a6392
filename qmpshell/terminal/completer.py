"""Completion of lines for the human monitor.

Owns: which lines they are, and the menu's entries. Must not know: how the catalogue is learnt.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.utils import get_cwidth

from ..complete import (
    DIRECTORY,
    OTHER,
    REGULAR_FILE,
    SOCKET,
    Candidate,
    Catalogue,
    Known,
    Live,
    Signature,
    complete,
    complete_human,
    describe,
    fit,
    human_line,
    logical_line,
    wrap,
)
from ..language import HUMAN, LEAVING
from ..qmp import load_agent_schema
from ..render import escape
from ..session import (
    COMMANDS,
    CatalogueLoader,
    Effect,
    Learned,
    LiveCache,
    RawSession,
    Session,
    disabled_in,
    mistake,
    names_in,
)
from ..storage import Settings
from .keys import Replacement
from .styles import WARNING, Fragments, signature_style, style_names

# No menu is wider, and text beyond it would only be measured in vain.
_META_WIDTH = 200


class HumanNames(Completer):
    """Completes by `catalogue`, which may be set at any time.

    `others` completes the lines that are not the human monitor's; without it all lines are. `begin` is
    called before anything is looked up, `wanted` whenever such a line is typed or completed: then the
    catalogue is needed.
    """

    def __init__(
        self, others: Completer | None, *, begin: Callable[[], None], wanted: Callable[[], None]
    ) -> None:
        self.catalogue = Catalogue()
        self._others = others
        self._begin = begin
        self._wanted = wanted

    def typed(self, buffer: Buffer) -> None:
        """The line has changed: for a Buffer's `on_text_changed`."""
        if self._others is None or buffer.text.lstrip().startswith(f"{HUMAN} "):
            self._wanted()

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterator[Completion]:
        self._begin()
        text = document.current_line_before_cursor
        line = text if self._others is None else human_line(text)
        if line is not None:
            self._wanted()
            candidates = complete_human(line, self.catalogue)
            if self._others is None:
                candidates = sorted([*candidates, *_leaving(line)], key=lambda one: one.text)
            yield from completions(candidates)
        elif self._others is not None:
            yield from self._others.get_completions(document, complete_event)


def completions(candidates: Iterable[Candidate]) -> Iterator[Completion]:
    """Candidates for a menu; none that a terminal could not be shown as it is."""
    for one in candidates:
        if escape(one.text) == one.text:
            yield Replacement(
                one.text,
                start_position=one.start,
                display=one.label,
                display_meta=escape(one.meta[:_META_WIDTH]),
                after=one.after,
            )


def _leaving(line: str) -> list[Candidate]:
    """The words that leave the shell, which are words of ours and not of the human monitor's."""
    word = line.lstrip()
    meta = COMMANDS["/quit"][2]
    return [Candidate(one, -len(word), meta) for one in LEAVING if one.startswith(word)]


_BEGIN = ("", " ")
# What warnings may take of the screen.
_ROWS = 2
_NARROW = 60  # columns
_ROWS_WHERE_NARROW = 3


class LineNames(Completer):
    """Completes by `known`; `wanted` is called when names of the running server may be wanted."""

    def __init__(self, known: Known, *, wanted: Callable[[], None]) -> None:
        self._known = known
        self._wanted = wanted

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterator[Completion]:
        line, cursor = logical_line(document.text, document.cursor_position)
        candidates = complete(line, cursor, self._known)
        word = line[:cursor].lstrip()
        candidates += [
            Candidate(name, -len(word), COMMANDS["/quit"][2])
            for name in LEAVING
            if name.startswith(word) and name not in COMMANDS
        ]
        self._wanted()
        yield from completions(candidates)


class SignatureLine:
    """What stands below a line that is being typed."""

    def __init__(self, known: Known) -> None:
        self._known = known
        # Drawn at every key, and more often than the line changes.
        self._key: object = None
        self._found: Signature | None = None

    def forget(self) -> None:
        """More is known now than when the line was looked at."""
        self._key = None

    def fragments(self, document: Document, columns: int) -> list[Fragments]:
        """The signature in a row of so many columns, and what is wrong with the line in a few."""
        line, cursor = logical_line(document.text, document.cursor_position)
        key = (line, cursor, self._known.schema)
        if key != self._key:
            self._key = key
            self._found = describe(line, cursor, self._known) if line.strip() else None
        found = self._found
        if found is None:
            return []
        rows: list[Fragments] = []
        if found.warnings:
            # Above the signature, which so keeps its place while they come and go.
            text = escape("; ".join(found.warnings))
            most = _ROWS if columns > _NARROW else _ROWS_WHERE_NARROW
            for row in wrap(text, columns - 1, most, width=get_cwidth):
                rows.append([_BEGIN, (signature_style(WARNING), row)])
        parts = [[(style, escape(text)) for style, text in part] for part in found.parts]
        pieces = fit(parts, columns - 1, found.current, width=get_cwidth)
        if pieces:
            rows.append([_BEGIN, *((signature_style(style), text) for style, text in pieces)])
        return rows


def list_folder(path: str) -> Iterator[tuple[str, str]]:
    """The names in the folder that the beginning of a path is in, in no order, each with what it is, as
    `complete.file_kinds` calls that; none where it cannot be read. `~/` stands for the home directory."""
    folder = os.path.expanduser(os.path.dirname(path)) or "."
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                yield entry.name, _kind(entry)
    except OSError:
        return


def _kind(entry: os.DirEntry[str]) -> str:
    if entry.is_dir():
        return DIRECTORY
    if entry.is_file():
        return REGULAR_FILE
    try:
        return SOCKET if stat.S_ISSOCK(entry.stat().st_mode) else OTHER
    except OSError:  # a link to nothing
        return OTHER


class Learning:
    """`perform` carries out what a session wants; `clock` is the session's, in seconds. `came` is called
    when names that were wanted have come, `changed` when what is drawn may look different."""

    def __init__(
        self,
        settings: Settings,
        session: Session | RawSession,
        *,
        perform: Callable[[Sequence[Effect]], None],
        clock: Callable[[], float],
        came: Callable[[], None],
        changed: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._session = session if isinstance(session, Session) else None
        self._perform = perform
        self._clock = clock
        self._came = came
        self._changed = changed
        self._known = Known(
            names=self._names_before(),
            files=list_folder,
            styles=style_names,
            local_commands=COMMANDS,
            find_local_mistake=mistake,
        )
        self._live: LiveCache | None = None
        self._loader: CatalogueLoader | None = None
        if self._session is not None:
            self._live = self._known.live = LiveCache(self._session)
            self._loader = CatalogueLoader(self._session)
        self.names = HumanNames(
            None if settings.hmp else LineNames(self._known, wanted=self._want_live),
            begin=self._begin,
            wanted=self._load_catalogue,
        )
        self.signature = SignatureLine(self._known)

    def greeted(self) -> None:
        """Another server, or the same one anew: nothing of what was known counts any longer."""
        session = self._session
        assert session is not None
        self._known.schema = None
        self._known.names = self._names_before()
        self._known.disabled = frozenset()
        if not session.can_probe:
            return
        if self._settings.hmp:
            self._load_catalogue()
        else:
            self._perform(session.probes.learn_commands(self._clock()))

    def _names_before(self) -> Sequence[str]:
        """What the server's commands are as long as it has not said so."""
        return load_agent_schema().commands() if self._settings.agent else ()

    def learnt(self, learned: Learned) -> None:
        assert self._session is not None
        match learned:
            case Learned(value=Catalogue() as catalogue):
                self.names.catalogue = catalogue
                self._came()
            case Learned(name="live", value=Live()):
                self.signature.forget()
                self._came()
            case Learned(name="query-qmp-schema"):
                self._known.schema = self._session.facts.schema
                self._changed()
            case Learned(name="query-commands" | "guest-info", value=value):
                self._known.disabled = frozenset(disabled_in(value))
                self._known.names = [*names_in(value), *self._known.disabled]
                # The prompt is up by then; a line that needs the schema at once asks for itself.
                self._perform(self._session.probes.load_schema(self._clock()))

    @property
    def is_in_doubt(self) -> bool:
        """Whether names that were just offered may be wrong, and are asked for anew."""
        return self._live is not None and self._live.is_in_doubt

    @property
    def is_waiting(self) -> bool:
        """Whether names are asked for, and have not come."""
        return self._live is not None and self._live.is_waiting

    def describe_wait(self) -> str:
        """For how long, in words; empty if not for long."""
        return self._live.describe_wait(self._clock()) if self._live is not None else ""

    def saw(self, effects: Iterable[Effect]) -> Sequence[Effect]:
        """What names of the running server are to be asked for after these effects."""
        return self._live.saw(effects, self._clock()) if self._live is not None else []

    def _begin(self) -> None:
        if self._live is not None:
            self._live.begin(self._clock())

    def _want_live(self) -> None:
        # Not from within a keystroke.
        asyncio.get_running_loop().call_soon(self._take_wanted)

    def _take_wanted(self) -> None:
        if self._live is not None:
            self._perform(self._live.take_wanted(self._clock()))

    def _load_catalogue(self) -> None:
        if self._loader is not None:
            self._perform(self._loader.load(self._clock()))
