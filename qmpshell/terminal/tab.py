"""What Tab does.

Owns: what is inserted at once, and when a menu opens, also for names that come only later. Must not
know: what is offered, keys.
"""

from __future__ import annotations

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent, Completion
from prompt_toolkit.document import Document


class Tab:
    """At once, and not in the background: Enter may be the next key, and must find it done."""

    def __init__(self) -> None:
        # Where there was nothing to offer, perhaps because the server had not answered.
        self._in_vain: Document | None = None

    def complete(self, buffer: Buffer) -> None:
        """Insert what is certain; a menu has the rest."""
        document = buffer.document
        asked = CompleteEvent(completion_requested=True)
        found = list(buffer.completer.get_completions(document, asked))
        self._in_vain = None if found else document
        exact = [one for one in found if one.text.startswith(_replaced(one, document))]
        if len(exact or found) == 1:
            buffer.apply_completion((exact or found)[0])
        elif found:
            if exact:
                buffer.insert_text(_common(exact, document))
            buffer.start_completion()

    def complete_again(self, buffer: Buffer) -> None:
        """Names have come: for a Tab that was in vain, or for a menu that is open and in which nothing
        is chosen."""
        state = buffer.complete_state
        if state is not None and state.current_completion is None:
            buffer.cancel_completion()
            buffer.start_completion()
        elif state is None and buffer.document == self._in_vain:
            self.complete(buffer)


def _replaced(one: Completion, document: Document) -> str:
    """What stands where the completion would."""
    cursor = document.cursor_position
    return document.text[cursor + one.start_position : cursor]


def _common(found: list[Completion], document: Document) -> str:
    """How all of them go on."""
    rests = [one.text[len(_replaced(one, document)) :] for one in found]
    first, last = min(rests), max(rests)
    length = next((i for i, char in enumerate(first) if last[i] != char), len(first))
    return first[:length]
