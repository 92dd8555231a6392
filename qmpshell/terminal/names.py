"""Completion of command names.

Owns: offering the names that the server has. Must not know: how they were learnt.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from ..render.escape import escape
from ..requests import LEAVING


class NameCompleter(Completer):
    """Completes the first word of a command from `names`, which may be set at any time."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names = sorted(names)

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterator[Completion]:
        text = document.current_line_before_cursor
        word = text.rpartition("; ")[2].lstrip()
        if " " in word or "\t" in word:
            return
        for name in (*self.names, *LEAVING):
            if name.startswith(word) and escape(name) == name:
                yield Completion(name, start_position=-len(word))
