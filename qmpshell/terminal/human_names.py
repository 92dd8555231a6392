"""Completion of lines for the human monitor.

Owns: which lines they are, and the menu's entries. Must not know: how the catalogue is learnt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from ..commands.registry import COMMANDS
from ..complete.candidate import Candidate
from ..complete.human import complete_human, human_line
from ..complete.human_help import Catalogue
from ..language.tokens import HUMAN
from ..render.escape import escape
from ..requests import LEAVING
from .tab import Replacement

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
