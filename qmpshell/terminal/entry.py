"""What is typed at one prompt: one line or several.

Owns: when it is whole, and taking it apart into lines to be read. Must not know: keys, what lines mean.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import LineError
from ..language.lines import LineAssembler
from ..requests import Prepared, Source
from ..settings import Settings


class Entry:
    """`settings` say whether lines are commands, the human monitor's, or bytes."""

    def __init__(self, settings: Settings) -> None:
        self._raw = settings.raw
        self._verbatim = settings.hmp or settings.raw

    def is_whole(self, text: str) -> bool:
        """Whether the lines of `text` need none behind them: a mistake needs none either."""
        assembler = self._assembler()
        for number, line in enumerate(text.split("\n"), 1):
            try:
                assembler.feed(line, number)
            except LineError:
                return True
        return not assembler.open

    def lines(self, text: str) -> Iterator[Source | Prepared]:
        """The lines to be read; one that is broken, or not whole, comes with its error."""
        assembler = self._assembler()
        for number, line in enumerate(text.split("\n"), 1):
            try:
                whole = assembler.feed(line + "\n" if self._raw else line, number)
            except LineError as error:
                yield Prepared(Source("", assembler.take()), error=error)
                assembler = self._assembler()
            else:
                if whole is not None:
                    yield Source("", whole)
        try:
            assembler.end()
        except LineError as error:
            yield Prepared(Source("", assembler.take()), error=error)

    def _assembler(self) -> LineAssembler:
        return LineAssembler(verbatim=self._verbatim)


def groups(text: str) -> Iterator[tuple[int, str]]:
    """The lines of an entry as they are read, each with its offset: one may be over several rows.

    >>> list(groups('stop\\n{"execute":\\n"cont"}'))
    [(0, 'stop'), (5, '{"execute":\\n"cont"}')]
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
