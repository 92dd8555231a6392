"""What Tab does.

Owns: what is inserted at once, and when a menu opens, also for names that come only later. Must not
know: what is offered, keys.
"""

from __future__ import annotations

from collections.abc import Callable

from prompt_toolkit.buffer import Buffer, CompletionState
from prompt_toolkit.completion import CompleteEvent, Completion
from prompt_toolkit.document import Document


class Tab:
    """At once, and not in the background: Enter may be the next key, and must find it done.

    `is_in_doubt` says whether names that were just offered may be wrong, and are asked for anew: then
    nothing is inserted, and a menu has them until they have come.
    """

    def __init__(self, *, is_in_doubt: Callable[[], bool]) -> None:
        self._is_in_doubt = is_in_doubt
        # Where Tab could not do all that it does, as the server had not answered.
        self._waiting: Document | None = None

    def complete(self, buffer: Buffer) -> None:
        """Insert what is certain; a menu has the rest."""
        document = buffer.document
        found = _offered(buffer)
        after = max((one.after for one in found if isinstance(one, Replacement)), default=0)
        in_doubt = bool(found) and self._is_in_doubt()
        exact = [one for one in found if one.text.startswith(_replaced(one, document))]
        self._waiting = document if in_doubt or not found else None
        if in_doubt:
            _open_menu(buffer, found)
        elif len(exact or found) == 1:
            buffer.delete(after)
            buffer.apply_completion((exact or found)[0])
        elif found:
            if exact and not after:
                buffer.insert_text(_common(exact, document))
                found = _offered(buffer)
            _open_menu(buffer, found)

    def complete_again(self, buffer: Buffer) -> None:
        """Names have come: for a Tab that waits for them, or for a menu that is open. Where something is
        chosen from it already, it stays."""
        state = buffer.complete_state
        if state is not None:
            if state.current_completion is not None:
                return
            buffer.cancel_completion()
        if buffer.document == self._waiting:
            self.complete(buffer)
        elif state is not None:
            _open_menu(buffer, _offered(buffer))


class Replacement(Completion):
    """One that takes the place of `after` characters behind the cursor, too."""

    def __init__(
        self, text: str, *, start_position: int, display: str, display_meta: str, after: int
    ) -> None:
        super().__init__(
            text, start_position=start_position, display=display, display_meta=display_meta
        )
        self.after = after


def _offered(buffer: Buffer) -> list[Completion]:
    asked = CompleteEvent(completion_requested=True)
    return list(buffer.completer.get_completions(buffer.document, asked))


def _open_menu(buffer: Buffer, found: list[Completion]) -> None:
    """Not in the background either: Down may be the next key."""
    if found:
        buffer.complete_state = _Menu(buffer.document, found)
        buffer.on_completions_changed.fire()


class _Menu(CompletionState):
    """What is chosen replaces what stands behind the cursor too; where nothing is, that comes back."""

    def new_text_and_position(self) -> tuple[str, int]:
        text, position = super().new_text_and_position()
        chosen = self.current_completion
        after = chosen.after if isinstance(chosen, Replacement) else 0
        return text[:position] + text[position + after :], position


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
