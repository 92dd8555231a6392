"""The history of typed lines in prompt_toolkit, without secrets, and suggestions from it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from itertools import chain

from prompt_toolkit.auto_suggest import AutoSuggest, Suggestion
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.history import History

from ..storage import HistoryError, HistoryFile, escape_entry, history_path


class SafeHistory(History):
    """Keeps redacted entries, also in `file` if there is one. Equal consecutive entries are one.

    `human` is true for human monitor lines, `raw` for lines sent verbatim. `problem` is why there
    is no file.
    """

    def __init__(
        self, file: HistoryFile | None, *, human: bool, raw: bool, problem: str = ""
    ) -> None:
        super().__init__()
        self._file = file
        self._human = human
        self._raw = raw
        self._problem = problem
        self._reported = False
        # The oldest first. None before the file is read, which follows the first prompt.
        self._entries: list[str] | None = None
        self._failed: set[str] = set()
        # The last text that is kept as it is. Each text is added twice, and redaction takes long.
        self._unchanged: str | None = None

    def pop_problem(self) -> str:
        """Return once why the history is not kept, then ""."""
        if self._reported or not self._problem:
            return ""
        self._reported = True
        return self._problem

    def to_suggest(self) -> Iterator[str]:
        """Return the entries that have not failed, the newest first."""
        return (entry for entry in self.load_history_strings() if entry not in self._failed)

    async def load(self) -> AsyncGenerator[str, None]:
        """Yield the entries, the newest first."""
        # All at once: Up must find the last line even if it is pressed before the prompt appears.
        for entry in self.load_history_strings():
            yield entry

    def get_strings(self) -> list[str]:
        """Return the entries, the oldest first."""
        return self._known().copy()

    def append_string(self, string: str) -> None:
        """Add an entry without its secrets, unless it is the last one again."""
        entry = self._kept(string)
        if entry is None:
            return
        entries = self._known()
        is_new = entries[-1:] != [entry]
        if is_new:
            entries.append(entry)
        if is_new or entry in self._failed:
            self._failed.discard(entry)
            self.store_string(entry)

    def mark_failed(self, string: str) -> None:
        """Record that an entry has failed, so that it is not suggested. It can still be found."""
        entry = self._kept(string)
        if entry is not None and entry in self._known() and entry not in self._failed:
            self._failed.add(entry)
            self.store_string(entry, has_failed=True)

    def _kept(self, string: str) -> str | None:
        """Return an entry without its secrets, or None if it is not kept."""
        if string == self._unchanged:
            return string
        # Slow to import, and not needed before the first prompt.
        from ..storage import redact_entry

        kept = redact_entry(string, human=self._human, raw=self._raw)
        entry = None if kept is None else escape_entry(kept)
        if entry == string:
            self._unchanged = string
        return entry

    def load_history_strings(self) -> Iterator[str]:
        """Return the entries, the newest first."""
        return reversed(self._known())

    def store_string(self, string: str, *, has_failed: bool = False) -> None:
        """Append an entry to the file."""
        if self._file is None:
            return
        try:
            self._file.append(string, has_failed=has_failed)
        except HistoryError as error:
            self._problem = str(error)

    def _known(self) -> list[str]:
        if self._entries is None:
            self._entries = []
            if self._file is not None:
                self._entries, self._failed = self._file.read_with_failed()
        return self._entries


class HistorySuggester(AutoSuggest):
    """Suggests the rest of the latest line with the same start that has not failed."""

    def __init__(self, history: SafeHistory) -> None:
        self._history = history

    def get_suggestion(self, buffer: Buffer, document: Document) -> Suggestion | None:
        """Return the rest of the latest line with the same start, or None."""
        rest = rest_of_line(self._history.to_suggest, document.text)
        return _BesideMenus(rest, buffer) if rest else None


class _BesideMenus(Suggestion):
    """A suggestion that is empty while a menu is open, which would seem to contain it."""

    def __init__(self, text: str, buffer: Buffer) -> None:
        self._text = text
        self._buffer = buffer

    @property
    def text(self) -> str:  # type: ignore[override]
        return "" if self._buffer.complete_state is not None else self._text


def rest_of_line(entries: Callable[[], Iterable[str]], text: str) -> str:
    """Return the rest of the first entry that starts like the last line of `text`, or "".

    An entry that starts with all of `text` has precedence.

    >>> rest_of_line(lambda: ["stop", "query-status"], "q")
    'uery-status'
    """
    if not text.strip():
        return ""
    found: Iterator[str] = (entry[len(text) :] for entry in entries() if entry.startswith(text))
    _, newline, line = text.rpartition("\n")
    if newline and line.strip():
        found = chain(found, (entry.partition(newline + line)[2] for entry in entries()))
    return next(filter(None, (rest.partition("\n")[0] for rest in found)), "")


def open_history(
    environment: Mapping[str, str], *, human: bool, raw: bool, clock: Callable[[], float]
) -> SafeHistory:
    """Open the history on disk, or one for this session alone if that is impossible.

    `clock` returns the seconds since the epoch.
    """
    name = "history-raw" if raw else "history-hmp" if human else "history"
    file: HistoryFile | None = None
    problem = ""
    try:
        file = HistoryFile(history_path(environment, name), clock=clock)
        file.check()
    except HistoryError as error:
        problem = str(error)
    return SafeHistory(file, human=human, raw=raw, problem=problem)
