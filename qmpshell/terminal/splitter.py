"""Splitting of entered text into logical lines."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import LineError
from ..language import LineAssembler, SourceLine, is_transcript
from ..session import PreparedLine, note_skipped
from ..storage import Settings


class InputSplitter:
    """Splits entered text into lines. `settings` tell if they are commands, human monitor lines or bytes."""

    def __init__(self, settings: Settings) -> None:
        self._raw = settings.raw
        self._human = settings.hmp

    def is_whole(self, text: str) -> bool:
        """Return True if `text` needs no further lines. That includes invalid text."""
        assembler = self._assembler(text)
        for number, line in enumerate(text.split("\n"), 1):
            assembler.feed(line, number)
            if assembler.is_broken:
                return True
        return not assembler.open

    def lines(self, text: str) -> Iterator[SourceLine | PreparedLine]:
        """Yield the lines. An invalid or incomplete one has its error."""
        assembler = self._assembler(text)
        for number, line in enumerate(text.split("\n"), 1):
            whole = assembler.feed(line + "\n" if self._raw else line, number)
            found = note_skipped("", line, number, assembler.pop_note())
            if whole is not None:
                yield SourceLine("", whole)
            elif found is not None:
                yield found
        try:
            assembler.end()
        except LineError as error:
            yield PreparedLine(SourceLine("", assembler.pop()), error=error)

    def is_transcript(self, text: str) -> bool:
        """Return True if `text` has prompts, so that only its lines with a prompt are commands."""
        return not self._raw and is_transcript(text, human=self._human)

    def _assembler(self, text: str) -> LineAssembler:
        return LineAssembler(
            verbatim=self._raw, human=self._human, transcript=self.is_transcript(text)
        )


def split_entry(text: str) -> Iterator[tuple[str, bool]]:
    r"""Yield the logical lines of an entry, and whether they are skipped.

    >>> list(split_entry('stop\n{"execute":\n"cont"}\n<- {}'))
    [('stop', False), ('{"execute":\n"cont"}', False), ('<- {}', True)]
    """
    assembler = LineAssembler(transcript=is_transcript(text))
    start = position = 0
    for number, line in enumerate(text.split("\n"), 1):
        position += len(line) + 1
        is_skipped = assembler.feed(line, number) is None
        if not assembler.open:
            yield text[start : position - 1], is_skipped
            start = position
    if start < position:
        yield text[start:], False
