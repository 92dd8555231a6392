"""The line that a search of the history starts from, and the keys that return to it."""

from __future__ import annotations

from prompt_toolkit import PromptSession
from prompt_toolkit.application import Application
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition, is_searching, vi_mode
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.search import stop_search


class SearchStart:
    """The line before a search: prompt_toolkit moves the buffer to the entries that it finds.

    `bindings` are the keys that leave a search and restore the line. `has_several_lines` is about the
    line, whatever a search finds.
    """

    def __init__(self, prompt: PromptSession[str]) -> None:
        self._app: Application[str] = prompt.app
        self._buffer = prompt.default_buffer
        self._search_buffer = prompt.search_buffer
        self._index = 0
        self._document = Document()
        self._input_mode = self._app.vi_state.input_mode
        self._app.key_processor.before_key_press += self._before_key
        self.bindings = self._make_bindings()
        self.has_several_lines = Condition(lambda: "\n" in self.draft.text)

    def _before_key(self, _sender: object) -> None:
        if not self._app.layout.is_searching:
            self._index, self._document = self._buffer.working_index, self._buffer.document
            self._input_mode = self._app.vi_state.input_mode

    @property
    def draft(self) -> Document:
        """The line, or that from which the current search started."""
        return self._document if self._app.layout.is_searching else self._buffer.document

    def _restore(self, _event: KeyPressEvent) -> None:
        stop_search()
        self._buffer.working_index = self._index
        self._buffer.cursor_position = self._document.cursor_position
        self._app.vi_state.input_mode = self._input_mode

    def _make_bindings(self) -> KeyBindings:
        bindings = KeyBindings()
        is_empty = Condition(lambda: not self._search_buffer.text)
        bindings.add("c-g", filter=is_searching)(self._restore)
        bindings.add("c-c", filter=is_searching)(self._restore)
        bindings.add("backspace", filter=is_searching & vi_mode & is_empty)(self._restore)
        return bindings
