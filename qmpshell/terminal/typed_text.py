"""The text that is typed: its logical lines, their colours, and the display of very long ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from prompt_toolkit.data_structures import Size
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.formatted_text.utils import split_lines
from prompt_toolkit.layout.processors import TabsProcessor, Transformation, TransformationInput
from prompt_toolkit.lexers import Lexer

from ..errors import LineError
from ..language import (
    MAX_TYPED,
    LineAssembler,
    SourceLine,
    Token,
    is_transcript,
    parse,
    prompt_width,
    tokens as t,
)
from ..session import PreparedLine, note_skipped
from ..storage import Settings
from . import styles
from .styles import Fragments


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
        return not (assembler.open or assembler.is_in_reply)

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


_STYLES = {
    t.NAME: styles.TYPED_COMMAND,
    t.SHELL_COMMAND: styles.TYPED_SHELL_COMMAND,
    t.OPEN: styles.TYPED_SHELL_COMMAND,
    t.CLOSE: styles.TYPED_SHELL_COMMAND,
    t.KEY: styles.TYPED_ARGUMENT,
    t.OPERATOR: styles.TYPED_OPERATOR,
    t.SEPARATOR: styles.TYPED_OPERATOR,
    t.PIPE: styles.TYPED_OPERATOR,
    t.REDIRECT: styles.TYPED_OPERATOR,
    t.QUOTED: styles.TYPED_STRING,
    t.TEXT: styles.TYPED_SHELL,
    t.FILE: styles.TYPED_SHELL,
    t.MEMBER: styles.TYPED_ARGUMENT,
    t.STRING: styles.TYPED_STRING,
    t.MARK: styles.TYPED_OPERATOR,
    t.COMMENT: styles.TYPED_COMMENT,
}
_NUMBER = re.compile(r"-?(?:\d+(?:\.\d+)?(?:[eE][-+]?\d+)?[kKMGTPE]?|0[xX][0-9a-fA-F]+)")
_WORDS = ("true", "false", "null", "on", "off", "yes", "no", "True", "False", "None")


class LineLexer(Lexer):
    """A lexer for command lines. Human monitor and raw lines need none."""

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        """Return a function for the fragments of each physical line."""
        text = document.text
        groups = [] if is_long(text) else split_entry(text)
        lines = [
            line
            for group, is_skipped in groups
            for line in split_lines(_comment(group) if is_skipped else _colour(group))
        ] or [[("", line)] for line in document.lines]

        def line(number: int) -> StyleAndTextTuples:
            return [*lines[number]] if number < len(lines) else []

        return line


def _comment(text: str) -> Fragments:
    return [(f"class:{styles.TYPED_COMMENT}", text)]


def _colour(text: str) -> Fragments:
    """Return the fragments of a line. Joined, they are its text."""
    dropped = prompt_width(text)
    found = _comment(text[:dropped]) if dropped else []
    return found + [(_style_of(leaf), leaf.text) for leaf in parse(text[dropped:]).leaves()]


def _style_of(leaf: Token) -> str:
    name, text = _STYLES.get(leaf.kind, ""), leaf.text
    if leaf.kind == t.LITERAL:
        name = styles.TYPED_NUMBER if text.lstrip("-")[:1].isdecimal() else styles.TYPED_WORD
    elif leaf.kind == t.VALUE and _NUMBER.fullmatch(text):
        name = styles.TYPED_NUMBER
    elif leaf.kind == t.VALUE:
        name = styles.TYPED_WORD if text in _WORDS else styles.TYPED_STRING
    return f"class:{name}" if name else ""


LONG_TEXT = f"more than {MAX_TYPED:,} characters: no colours, completion or checks until Enter"

_TAB_STOP = 8  # columns, as in terminals
# How many screens of a long line are laid out.
_SCREENS = 4


def is_long(text: str) -> bool:
    """Return True if text is too long for colours, completion and checks."""
    return len(text) > MAX_TYPED


class LongLineProcessor(TabsProcessor):
    """Shows tabs as blanks, and of a long line only a part around the cursor."""

    def __init__(self, get_size: Callable[[], Size]) -> None:
        super().__init__(tabstop=_TAB_STOP, char1=" ", char2=" ", style="")
        self._get_size = get_size

    def apply_transformation(self, ti: TransformationInput) -> Transformation:
        """Return the fragments to show, and functions for the positions of their characters."""
        if sum(len(text) for _, text, *_ in ti.fragments) <= MAX_TYPED:
            return self._expand(ti)
        document = ti.document
        has_cursor = ti.lineno == document.cursor_position_row
        size = self._get_size()
        screen = max(size.rows * size.columns, 1)
        column = document.cursor_position_col if has_cursor else 0
        # Whole screens are left out, so that the line wraps at the same places.
        start = max(0, column // screen - 1) * screen
        end = start + _SCREENS * screen
        ti.fragments = _cut(ti.fragments, start, end)
        shown = self._expand(ti)

        def source_to_display(position: int) -> int:
            return shown.source_to_display(min(max(position, start), end) - start)

        def display_to_source(position: int) -> int:
            return shown.display_to_source(position) + start

        return Transformation(
            shown.fragments,
            source_to_display=source_to_display,
            display_to_source=display_to_source,
        )

    def _expand(self, ti: TransformationInput) -> Transformation:
        # Looking at each character of a line without tabs would take longer than all else.
        if any("\t" in text for _, text, *_ in ti.fragments):
            return super().apply_transformation(ti)
        return Transformation(ti.fragments)


def _cut(fragments: StyleAndTextTuples, start: int, end: int) -> StyleAndTextTuples:
    """Return the characters from `start` to `end`. An ellipsis replaces the first of a cut line."""
    found: StyleAndTextTuples = []
    position = 0
    for style, text, *_ in fragments:
        found.append((style, text[max(start - position, 0) : max(end - position, 0)]))
        position += len(text)
    if start:
        found = [(style, text) for style, text, *_ in found if text]
        found[0] = (found[0][0], "…" + found[0][1][1:])
    return found
