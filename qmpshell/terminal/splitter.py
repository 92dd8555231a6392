"""Splitting of entered text into logical lines."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import LineError
from ..language import LineAssembler, SourceLine
from ..session import PreparedLine
from ..storage import Settings


class InputSplitter:
    """Splits entered text into lines. `settings` tell if they are commands, human monitor lines or bytes."""

    def __init__(self, settings: Settings) -> None:
        self._raw = settings.raw
        self._verbatim = settings.hmp or settings.raw

    def is_whole(self, text: str) -> bool:
        """Return True if `text` needs no further lines. That includes invalid text."""
        assembler = self._assembler()
        for number, line in enumerate(text.split("\n"), 1):
            try:
                assembler.feed(line, number)
            except LineError:
                return True
        return not assembler.open

    def lines(self, text: str) -> Iterator[SourceLine | PreparedLine]:
        """Yield the lines. An invalid or incomplete one has its error."""
        assembler = self._assembler()
        for number, line in enumerate(text.split("\n"), 1):
            try:
                whole = assembler.feed(line + "\n" if self._raw else line, number)
            except LineError as error:
                yield PreparedLine(SourceLine("", assembler.pop()), error=error)
                assembler = self._assembler()
            else:
                if whole is not None:
                    yield SourceLine("", whole)
        try:
            assembler.end()
        except LineError as error:
            yield PreparedLine(SourceLine("", assembler.pop()), error=error)

    def _assembler(self) -> LineAssembler:
        return LineAssembler(verbatim=self._verbatim)


def split_entry(text: str) -> Iterator[tuple[int, str]]:
    r"""Yield the logical lines of an entry with their offsets.

    >>> list(split_entry('stop\n{"execute":\n"cont"}'))
    [(0, 'stop'), (5, '{"execute":\n"cont"}')]
    """
    assembler = LineAssembler()
    start = position = 0
    for number, line in enumerate(text.split("\n"), 1):
        position += len(line) + 1
        try:
            assembler.feed(line, number)
        except LineError:
            assembler = LineAssembler()
        if not assembler.open:
            yield start, text[start : position - 1]
            start = position
    if start < position:
        yield start, text[start:]
