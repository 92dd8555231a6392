"""Assembly of physical lines into logical lines: continuations, JSON, transactions, pasted text."""

from __future__ import annotations

from ..errors import LineError
from ..qmp import QEMU, JsonError, JsonReader
from ..record import Record
from .tokens import CLOSE, OPEN, TRANSACTION, tokenize

_PROMPTS = ("-> ", "(QEMU) ", "(QGA) ", "TRANS> ")
_REPLY = "<- "
_ARROWS = (*_PROMPTS, _REPLY)


class LogicalLine:
    """A line to parse: `text`, and how its offsets map to the physical lines."""

    __slots__ = ("_kept", "_length", "_pieces")

    def __init__(self) -> None:
        self._kept: list[str] = []
        self._length = 0
        # For each physical line: offset in `text`, number, text, length of the dropped prefix.
        self._pieces: list[tuple[int, int, str, int]] = []

    @property
    def text(self) -> str:
        """The logical line."""
        if len(self._kept) > 1:  # once for all pieces, because a line may have very many
            self._kept = ["\n".join(self._kept)]
        return self._kept[0] if self._kept else ""

    def add(self, kept: str, *, number: int, line: str, dropped: int) -> int:
        """Append a physical line, without its first `dropped` characters. Return its offset in `text`."""
        start = self._length + 1 if self._pieces else 0
        self._kept.append(kept)
        self._length = start + len(kept)
        self._pieces.append((start, number, line, dropped))
        return start

    def locate(self, offset: int) -> tuple[int, int, str]:
        """Return number, column (from 1) and text of the physical line at `offset`."""
        if not self._pieces:
            return 1, offset + 1, self.text
        from bisect import bisect_right  # only for mistakes

        index = bisect_right(self._pieces, offset, key=lambda piece: piece[0]) - 1
        start, number, line, dropped = self._pieces[max(0, index)]
        return number, min(offset - start + dropped, len(line)) + 1, line


class LineAssembler:
    """Assembles physical lines, without their ends, into logical lines.

    With `verbatim`, each physical line is a logical line (for the human monitor).
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
        """Whether a logical line is incomplete."""
        return self._open

    def pop(self) -> LogicalLine:
        """Return the logical line so far, and start a new one."""
        line, self._line = self._line, LogicalLine()
        self._json = None
        self._open = self._in_transaction = False
        return line

    def feed(self, line: str, number: int) -> LogicalLine | None:
        """Add the physical line `number`. Return the logical line if it is now complete.

        Raises LineError for invalid JSON over several lines. Its offsets refer to `pop()`.
        """
        if self._verbatim:
            self._line.add(line, number=number, line=line, dropped=0)
            return self.pop()
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
            self._in_transaction = _is_left_open(kept, inside=self._in_transaction)
        more |= self._in_transaction
        self._open = more
        return None if more else self.pop()

    def _feed_json(self, kept: str, *, number: int, line: str, dropped: int) -> LogicalLine | None:
        assert self._json is not None
        start = self._line.add(kept, number=number, line=line, dropped=dropped)
        self._open = True
        try:
            self._json.feed(kept)
        except JsonError as error:
            raise LineError(error.reason, start=start + error.position) from None
        return self.pop() if self._json.complete else None

    def end(self) -> None:
        """Handle the end of input. Raises LineError if a logical line is incomplete."""
        if self._open:
            text = self._line.text
            what = "the JSON object is not complete" if self._json else "the line is continued"
            if self._in_transaction:
                what = "the transaction is not closed with )"
            raise LineError(f"{what}, but the input ends", start=len(text) - len(text.lstrip()))


def prompt_width(line: str) -> int:
    """Return the length of the prompt at the start of a pasted line."""
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


def _is_left_open(line: str, *, inside: bool) -> bool:
    """Return True if a transaction is open after a line; `inside` tells if one was open before it."""
    for token in tokenize(f"{TRANSACTION}\n{line}" if inside else line):
        if token.kind in (OPEN, CLOSE):
            inside = token.kind == OPEN
    return inside


class _ReplySkipper:
    """Skips a `<- ` message of pasted documentation, which may be incomplete ("...")."""

    def __init__(self, line: str) -> None:
        self._depth = 0
        self._begun = False
        self._count(line.lstrip()[len(_REPLY) :])

    def covers(self, line: str) -> bool:
        """Return True if `line` belongs to the message."""
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


class SourceLine(Record):
    """A logical line and the name of its file."""

    name: str
    line: LogicalLine
