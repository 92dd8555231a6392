"""Physical lines to the logical lines that are read one by one.

Owns: continuation, JSON and transactions over several lines, pasted documentation, and the way back
from an offset to a line and a column. Must not know: commands, or where the lines come from.
"""

from __future__ import annotations

from ..errors import LineError
from ..qmp import QEMU, JsonError, JsonReader
from .tokens import CLOSE, OPEN, TRANSACTION, tokenize

_PROMPTS = ("-> ", "(QEMU) ", "(QGA) ", "TRANS> ")
_REPLY = "<- "
_ARROWS = (*_PROMPTS, _REPLY)


class LogicalLine:
    """One line to be read: `text`, and how its offsets map to the lines that were typed."""

    __slots__ = ("_pieces", "text")

    def __init__(self) -> None:
        self.text = ""
        # For each physical line: its offset in `text`, its number, its text, its dropped beginning.
        self._pieces: list[tuple[int, int, str, int]] = []

    def add(self, kept: str, *, number: int, line: str, dropped: int) -> None:
        start = len(self.text) + 1 if self._pieces else 0
        self.text = f"{self.text}\n{kept}" if self._pieces else kept
        self._pieces.append((start, number, line, dropped))

    def locate(self, offset: int) -> tuple[int, int, str]:
        """The number of the line that was typed, the column there from 1, and its text."""
        for start, number, line, dropped in reversed(self._pieces):
            if offset >= start:
                return number, min(offset - start + dropped, len(line)) + 1, line
        return 1, offset + 1, self.text


class LineAssembler:
    """Feed it lines without their ends; a logical line comes out when it is whole.

    With `verbatim` each line is one, untouched (the human monitor's).
    """

    def __init__(self, *, verbatim: bool = False) -> None:
        self._verbatim = verbatim
        self._line = LogicalLine()
        self._parts: list[str] = []
        self._json: JsonReader | None = None
        self._open = False
        self._in_transaction = False
        self._skipping: _ReplySkipper | None = None

    @property
    def open(self) -> bool:
        """Whether a logical line has begun and is not whole."""
        return self._open

    def take(self) -> LogicalLine:
        """The logical line so far; the next line begins a new one."""
        line, self._line = self._line, LogicalLine()
        self._json = None
        self._open = self._in_transaction = False
        return line

    def feed(self, line: str, number: int) -> LogicalLine | None:
        """Take the physical line `number`; the logical line that it completes.

        Raises LineError, whose offsets are into `take()`, when JSON over several lines goes wrong.
        """
        if self._verbatim:
            self._line.add(line, number=number, line=line, dropped=0)
            return self.take()
        if self._skipping is not None:
            if self._skipping.covers(line):
                return None
            self._skipping = None
        dropped = 0 if self._open else prompt_width(line)
        kept = line[dropped:]
        stripped = kept.lstrip()
        if not self._open and stripped.startswith(_REPLY):
            self._skipping = _ReplySkipper(kept)
            return None
        if self._json is None and (stripped.startswith("{") and not self._open):
            self._json = JsonReader(QEMU)
        if self._json is not None:
            return self._feed_json(kept, number=number, line=line, dropped=dropped)
        more = _continues(kept)
        if more:
            kept = kept[:-1]
        self._line.add(kept, number=number, line=line, dropped=dropped)
        if self._in_transaction or TRANSACTION in kept:
            self._in_transaction = _leaves_open(kept, inside=self._in_transaction)
        more |= self._in_transaction
        self._open = more
        return None if more else self.take()

    def _feed_json(self, kept: str, *, number: int, line: str, dropped: int) -> LogicalLine | None:
        assert self._json is not None
        start = len(self._line.text) + 1 if self._open else 0
        self._line.add(kept, number=number, line=line, dropped=dropped)
        self._open = True
        try:
            self._json.feed(kept)
        except JsonError as error:
            raise LineError(error.reason, start=start + error.position) from None
        return self.take() if self._json.complete else None

    def end(self) -> None:
        """No line will follow. Raises LineError if one has begun and is not whole."""
        if self._open:
            text = self._line.text
            what = "the JSON object is not complete" if self._json else "the line goes on"
            if self._in_transaction:
                what = "the transaction is not closed by )"
            raise LineError(f"{what}, but the input ends", start=len(text) - len(text.lstrip()))


def prompt_width(line: str) -> int:
    """How much of a pasted line is the prompt that stood before it."""
    blanks = len(line) - len(line.lstrip(" \t"))
    for prompt in _PROMPTS:
        if line.startswith(prompt, blanks):
            return blanks + len(prompt)
    return 0


def _continues(line: str) -> bool:
    return (
        line.endswith("\\")
        and (len(line) == 1 or line[-2] in " \t")
        and (not line.lstrip().startswith("#"))
    )


def _leaves_open(line: str, *, inside: bool) -> bool:
    """Whether a transaction is open behind a line, which begins inside one or not."""
    for token in tokenize(f"{TRANSACTION}\n{line}" if inside else line):
        if token.kind in (OPEN, CLOSE):
            inside = token.kind == OPEN
    return inside


class _ReplySkipper:
    """Covers a `<- ` message of pasted documentation, which may leave parts out ("...")."""

    def __init__(self, line: str) -> None:
        self._depth = 0
        self._begun = False
        self._count(line.lstrip()[len(_REPLY) :])

    def covers(self, line: str) -> bool:
        """Whether `line` still belongs to the message."""
        if self._begun and self._depth <= 0:
            return False
        if not line.strip() or line.lstrip().startswith(_ARROWS):
            return False
        self._count(line)
        return True

    def _count(self, text: str) -> None:
        quoted = escaped = False
        for char in text:
            if escaped:
                escaped = False
            elif quoted:
                escaped = char == "\\"
                quoted = char != '"'
            elif char == '"':
                quoted = True
            elif char in "{[":
                self._depth += 1
                self._begun = True
            elif char in "}]":
                self._depth -= 1


class Source:
    """Where a line stands: the name of its file, and the line itself."""

    __slots__ = ("line", "name")

    def __init__(self, name: str, line: LogicalLine) -> None:
        self.name = name
        self.line = line
