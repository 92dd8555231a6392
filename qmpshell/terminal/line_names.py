"""Completion and the signature of lines for the server.

Owns: which line of an entry they are about, and how they look in a menu and below the prompt. Must not
know: what may stand where (that is `complete`), how names are learnt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.utils import get_cwidth

from ..commands.registry import COMMANDS
from ..complete.candidate import Candidate
from ..complete.context import logical_line
from ..complete.fitting import fit, wrap
from ..complete.known import Known
from ..complete.names import complete
from ..complete.signature import Signature, describe
from ..render.escape import escape
from ..requests import LEAVING
from .human_names import completions
from .styles import WARNING, signature_style

Fragments = list[tuple[str, str]]

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
