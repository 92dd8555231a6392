"""What was typed, to be recalled.

Owns: what is recalled and suggested, and that no secret is among it. Must not know: what is secret, or
how entries are kept (that is `records`), keys.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping

from prompt_toolkit.auto_suggest import AutoSuggest, Suggestion
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.history import History

from ..storage import HistoryError, HistoryFile, history_path, showable


class SafeHistory(History):
    """Keeps an entry as `records.entries` says, in `file` too if there is one; two that are the same
    and in succession are one. `human` says that lines are the human monitor's, `raw` that they go
    out as they stand; `problem` is why there is no file."""

    def __init__(
        self, file: HistoryFile | None, *, human: bool, raw: bool, problem: str = ""
    ) -> None:
        super().__init__()
        self._file = file
        self._human = human
        self._raw = raw
        self._problem = problem
        self._told = False
        # The oldest first; None before the file is read, which is not before the first prompt.
        self._entries: list[str] | None = None

    def take_problem(self) -> str:
        """Why the history is not kept, as a sentence to be shown; empty if it is, and from the
        second time on."""
        if self._told or not self._problem:
            return ""
        self._told = True
        return self._problem

    def newest_first(self) -> Iterator[str]:
        return reversed(self._known())

    async def load(self) -> AsyncGenerator[str, None]:
        # All at once: Up must find the last line even if it is pressed before there is a prompt.
        for entry in self.newest_first():
            yield entry

    def get_strings(self) -> list[str]:
        return self._known().copy()

    def append_string(self, string: str) -> None:
        # Slow to import, and not needed before the first prompt.
        from ..storage import redact_entry

        kept = redact_entry(string, human=self._human, raw=self._raw)
        if kept is None:
            return
        entry = showable(kept)
        entries = self._known()
        if entries[-1:] != [entry]:
            entries.append(entry)
            self.store_string(entry)

    def load_history_strings(self) -> Iterable[str]:
        return self.newest_first()

    def store_string(self, string: str) -> None:
        if self._file is None:
            return
        try:
            self._file.append(string)
        except HistoryError as error:
            self._problem = str(error)

    def _known(self) -> list[str]:
        if self._entries is None:
            self._entries = [] if self._file is None else self._file.read()
        return self._entries


class HistorySuggest(AutoSuggest):
    """Suggests how a line went on when it last began like this one."""

    def __init__(self, history: SafeHistory) -> None:
        self._history = history

    def get_suggestion(self, buffer: Buffer, document: Document) -> Suggestion | None:
        rest = rest_of_line(self._history.newest_first, document.text)
        return _BesideMenus(rest, buffer) if rest else None


class _BesideMenus(Suggestion):
    """Empty while a menu is open, over which it would seem to be a part of what is offered there."""

    def __init__(self, text: str, buffer: Buffer) -> None:
        self._text = text
        self._buffer = buffer

    @property
    def text(self) -> str:  # type: ignore[override]
        return "" if self._buffer.complete_state is not None else self._text


def rest_of_line(entries: Callable[[], Iterable[str]], text: str) -> str:
    """How the last line of `text` goes on in the first of the `entries` where it does; empty if it
    does in none. An entry that begins with the whole of `text` comes before others.

    >>> rest_of_line(lambda: ["stop", "query-status"], "q")
    'uery-status'
    """
    if not text.strip():
        return ""
    for entry in entries():
        if entry.startswith(text):
            rest = entry[len(text) :].partition("\n")[0]
            if rest:
                return rest
    _, newline, line = text.rpartition("\n")
    if newline and line.strip():
        for entry in entries():
            position = entry.find("\n" + line)
            if position >= 0:
                rest = entry[position + 1 + len(line) :].partition("\n")[0]
                if rest:
                    return rest
    return ""


def open_history(
    environment: Mapping[str, str], *, human: bool, raw: bool, clock: Callable[[], float]
) -> SafeHistory:
    """The history of this kind of lines on the disk, or for this session alone where that cannot
    be. `clock` returns the seconds since the epoch."""
    name = "history-raw" if raw else "history-hmp" if human else "history"
    file: HistoryFile | None = None
    problem = ""
    try:
        file = HistoryFile(history_path(environment, name), clock=clock)
        file.check()
    except HistoryError as error:
        problem = str(error)
    return SafeHistory(file, human=human, raw=raw, problem=problem)
