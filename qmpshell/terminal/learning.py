"""What completion and the signature know of the server, as it is learnt.

Owns: what is asked when the server has greeted and when names are wanted, and where the answers go. Must
not know: when anything is drawn, how the questions are put.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from ..commands.check import mistake
from ..commands.registry import COMMANDS
from ..complete.human_help import Catalogue
from ..complete.known import Known
from ..complete.live import Live
from ..effects import Effect, Learned
from ..language.agent import agent_schema
from ..raw import RawSession
from ..session import Session
from ..session.catalogue import CatalogueLoader
from ..session.knowledge import disabled_in, names_in
from ..session.live import LiveCache
from ..settings import Settings
from .folders import list_folder
from .human_names import HumanNames
from .line_names import LineNames, SignatureLine
from .styles import style_names


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
        return agent_schema().commands() if self._settings.agent else ()

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
