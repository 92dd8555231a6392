"""Assembly of physical lines into logical lines: continuations, JSON, transactions, pasted text."""

from __future__ import annotations

import re

from ..errors import LineError
from ..qmp import QEMU, JsonError, JsonReader
from ..record import Record
from .tokens import BLANKS, CLOSE, OPEN, TRANSACTION, ends_with_close, tokenize

# The arrows of documentation.
_COMMAND = "-> "
_REPLY = "<- "
# Prompts of qmp-shell and of this shell, and the arrow of documentation.
_PROMPT = rf"[{BLANKS}]*+(?:(\(QEMU\)|\(QGA\)|TRANS>)(?:[{BLANKS}]|$)|{_COMMAND})"
_HUMAN_PROMPT = rf"[{BLANKS}]*+(\(qemu\)|\(QEMU\))(?:[{BLANKS}]|$)"
_MORE_PROMPT = "... "
# What documentation has in place of lines.
_ELISION = "..."
# The first lines of qmp-shell, of the human monitor and of this shell. None is a valid command.
_BANNER = (
    r"Welcome to the (?:QMP|HMP) (?:low-level )?shell|QEMU [0-9.]+\S* monitor - type "
    r"|Connected to (?:QEMU [0-9]|(?:QEMU, version unknown|a server that sent no greeting) at "
    r"|a guest agent at )|Tab completes, F1 explains what you type, |VM state: [a-z-]+$"
)
_BANNER_STARTS = ("Welcome to the ", "QEMU ", "Connected to ", "Tab completes, ", "VM state: ")
_TRANSCRIPT = (
    "this is a transcript: only what follows a prompt such as {} is run; other lines are skipped"
)
# Longer text was pasted. It has no colours, completion or checks before Enter: parsing it at each key
# would delay typing.
MAX_TYPED = 1 << 13  # characters

# The last string of a line may be open.
_STRING_OR_BRACKET = r"""\"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[{}\[\]]"""
# What precedes another JSON object on the same line.
_NEXT_OBJECT = f"[{BLANKS}]*;?[{BLANKS}]*{{"


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
            self._kept = ["".join(self._kept)]
        return self._kept[0] if self._kept else ""

    def add(
        self, kept: str, *, number: int, line: str, dropped: int, separator: str = "\n"
    ) -> None:
        """Append a physical line, without its first `dropped` characters.

        `separator` is the blank between it and the line before.
        """
        start = self._length + 1 if self._pieces else 0
        self._kept.append(separator + kept if self._pieces else kept)
        self._length = start + len(kept)
        self._pieces.append((start, number, line, dropped))

    def offset_of(self, number: int, column: int) -> int:
        """Return the offset of a place in a physical line; `column` counts from 0."""
        ends = [*(start - 1 for start, *_ in self._pieces[1:]), len(self.text)]
        for (start, there, _line, dropped), end in zip(self._pieces, ends, strict=False):
            if there == number:
                return min(start + max(0, column - dropped), end)
        return len(self.text)

    @property
    def physical_lines(self) -> list[tuple[int, str, int]]:
        """The number, the text, and the length of the dropped prompt of each physical line."""
        return [piece[1:] for piece in self._pieces]

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

    With `verbatim`, each physical line is a logical line (for `--raw`); with `human` too, but what
    is not a command in a transcript is skipped. After a line with a prompt, or from the start with
    `transcript` or a banner, the text is a transcript, whose lines without a prompt are skipped.
    """

    def __init__(
        self, *, verbatim: bool = False, human: bool = False, transcript: bool = False
    ) -> None:
        self._verbatim = verbatim
        self._human = human
        self._in_transcript = transcript
        # Whether all lines so far are blank or comments, so that a banner may follow.
        self._at_start = True
        # Whether the text is documentation, in which prompts and arrows are mixed.
        self._has_arrows = False
        # Whether the last line was a command of a transcript, so that "... " continues it.
        self._after_prompt = False
        self._note: str | None = None
        self._line = LogicalLine()
        self._json: JsonReader | None = None
        # Whether the last logical line ends in invalid JSON, whose end is unknown, or further lines
        # cannot correct the transaction that the last line belongs to.
        self.is_broken = False
        # Whether a logical line is incomplete.
        self.open = False
        # Whether the last physical line ends in a backslash.
        self._is_continued = False
        self._in_transaction = False
        # The first mistake in an open transaction that further lines cannot correct.
        self._mistake: LineError | None = None
        self._skipping: _ReplySkipper | None = None

    def pop(self) -> LogicalLine:
        """Return the logical line so far, and start a new one."""
        line, self._line = self._line, LogicalLine()
        self._json = self._mistake = None
        self.open = self._in_transaction = self._is_continued = False
        return line

    @property
    def is_in_reply(self) -> bool:
        """Whether the last line belongs to a message of documentation that is not complete."""
        return self._skipping is not None and self._skipping.is_open

    def pop_note(self) -> str:
        """Return the remark for the user about skipped lines, once, or ""."""
        note = self._note or ""
        if note:
            self._note = ""
        return note

    def feed(self, line: str, number: int) -> LogicalLine | None:
        """Add the physical line `number`. Return the logical line if it is now complete.

        Invalid JSON completes a line, so that its mistake is reported.
        """
        self.is_broken = False
        if self._verbatim:
            self._line.add(line, number=number, line=line, dropped=0)
            return self.pop()
        dropped = self._dropped(line)
        if dropped is None:
            return None
        kept = line[dropped:]
        self._at_start = self._at_start and (not kept.strip() or kept.lstrip().startswith("#"))
        if self._human:
            self._line.add(kept, number=number, line=line, dropped=dropped)
            return self.pop()
        if self._json is None and (kept.lstrip().startswith("{") and not self.open):
            self._json = JsonReader(QEMU)
        if self._json is not None:
            return self._feed_json(kept, number=number, line=line, dropped=dropped)
        # In a transaction, a line end separates two actions.
        separator = " " if self._is_continued and self._in_transaction else "\n"
        self._is_continued = more = _continues(kept)
        if more:
            kept = kept[:-1]
        self._line.add(kept, number=number, line=line, dropped=dropped, separator=separator)
        if self._in_transaction or TRANSACTION in kept:
            self._in_transaction = _is_left_open(kept, inside=self._in_transaction)
        if self._in_transaction and not more and ")" in kept:
            self._mistake = self._mistake or _find_unseparated_close(self._line.text, kept)
            self.is_broken = self._mistake is not None
        more |= self._in_transaction
        self.open = more
        return None if more else self.pop()

    def _dropped(self, line: str) -> int | None:
        """Return the length of the prompt to drop from a line, or None to skip the line."""
        if self.open:
            return self._continuation_width(line)
        if not self._human and self._is_reply(line):
            return None
        prompt = _match_prompt(line, human=self._human)
        if prompt is not None and prompt[1] is not None and not self._has_arrows:
            self._in_transcript = self._after_prompt = True
            return prompt.end() if line[prompt.end() :].strip() else None
        if self._after_prompt and line.startswith(_MORE_PROMPT):
            return len(_MORE_PROMPT)
        self._after_prompt = False
        if self._is_output(line):
            return None
        return prompt.end() if prompt is not None else 0

    def _is_reply(self, line: str) -> bool:
        """Return True for a line of a reply in documentation."""
        if self._skipping is not None and self._skipping.covers(line):
            return True
        self._skipping = None
        text = line.lstrip()
        if not self._in_transcript:
            self._has_arrows |= text.startswith((_COMMAND, _REPLY))
        if text.startswith(_REPLY):
            self._skipping = _ReplySkipper(line)
        return self._skipping is not None

    def _is_output(self, line: str) -> bool:
        """Return True for a line without a prompt in a transcript, and for omitted lines."""
        if self._at_start and line.startswith(_BANNER_STARTS):
            self._in_transcript |= re.compile(_BANNER).match(line) is not None
        if self._in_transcript and line.strip() and self._note is None:
            self._note = _TRANSCRIPT.format("(qemu)" if self._human else "(QEMU)")
        return self._in_transcript or (not self._human and line.strip() == _ELISION)

    def _continuation_width(self, line: str) -> int:
        """Return the length of the prompt of a line that continues another one."""
        if self._in_transcript and line.startswith(_MORE_PROMPT):
            return len(_MORE_PROMPT)
        prompt = _match_prompt(line) if self._in_transaction else None
        return prompt.end() if prompt is not None and prompt[1] == "TRANS>" else 0

    def _feed_json(self, kept: str, *, number: int, line: str, dropped: int) -> LogicalLine | None:
        assert self._json is not None
        self._line.add(kept, number=number, line=line, dropped=dropped)
        self.open = True
        following: re.Match[str] | None = None
        try:
            while True:
                end = self._json.feed(kept, following.end() - 1 if following else 0)
                following = re.compile(_NEXT_OBJECT).match(kept, end)
                if not self._json.complete or following is None:
                    break
                self._json = JsonReader(QEMU)
        except JsonError:
            self.is_broken = True
            return self.pop()
        return self.pop() if self._json.complete else None

    def end(self) -> None:
        """Handle the end of input. Raises LineError if a logical line is incomplete."""
        if self.open:
            text = self._line.text
            what = "the JSON object is not complete" if self._json else "the line is continued"
            if self._in_transaction:
                if self._mistake is not None:
                    raise self._mistake
                what = "the transaction is not closed with )"
            raise LineError(f"{what}, but the input ends", start=len(text) - len(text.lstrip()))


def is_transcript(text: str, *, human: bool = False) -> bool:
    """Return True if a text has lines with prompts, and no arrows of documentation."""
    matches = (_match_prompt(line, human=human) for line in text.split("\n"))
    found = [match[1] for match in matches if match is not None]
    return bool(found) and None not in found


def prompt_width(line: str) -> int:
    """Return the length of the prompt at the start of a pasted line."""
    match = _match_prompt(line)
    return match.end() if match is not None else 0


def _match_prompt(line: str, *, human: bool = False) -> re.Match[str] | None:
    # Most lines have neither, and compiling the expression takes longer than a short script.
    if "(" not in line and ">" not in line:
        return None
    return re.compile(_HUMAN_PROMPT if human else _PROMPT).match(line)


def _continues(line: str) -> bool:
    return (
        line.endswith("\\")
        and (len(line) == 1 or line[-2] in BLANKS)
        and (not line.lstrip().startswith("#"))
    )


def _is_left_open(line: str, *, inside: bool) -> bool:
    """Return True if a transaction is open after a line; `inside` is true if one was open before it."""
    for token in tokenize(f"{TRANSACTION}\n{line}" if inside else line):
        if token.kind in (OPEN, CLOSE):
            inside = token.kind == OPEN
    return inside


def _find_unseparated_close(text: str, added: str) -> LineError | None:
    """Return the error about a `)` that does not close the transaction of `text`, or None.

    `added` is the end of `text` that can have such a `)`.
    """
    # Parsing the whole text after each line would take quadratic time.
    if not any(map(ends_with_close, tokenize(f"{TRANSACTION}\n{added}"))):
        return None
    from .syntax import UnseparatedCloseError, parse  # few lines need it

    errors = parse(text).all_errors
    return next((error for error in errors if isinstance(error, UnseparatedCloseError)), None)


class _ReplySkipper:
    """Skips a `<- ` message of pasted documentation, which may be incomplete ("...")."""

    def __init__(self, line: str) -> None:
        self._depth = 0
        self._has_opened = False
        self._count(line.lstrip()[len(_REPLY) :])

    @property
    def is_open(self) -> bool:
        """Whether brackets of the message are open."""
        return self._depth > 0

    def covers(self, line: str) -> bool:
        """Return True if `line` belongs to the message."""
        if self._has_opened and self._depth <= 0:
            return False
        if not line.strip() or line.lstrip().startswith(_REPLY) or prompt_width(line):
            return False
        self._count(line)
        return True

    def _count(self, text: str) -> None:
        for match in re.finditer(_STRING_OR_BRACKET, text):
            opens = match[0] in ("{", "[")
            self._depth += opens - (match[0] in ("}", "]"))
            self._has_opened |= opens


class SourceLine(Record):
    """A logical line and the name of its file.

    `is_one_of_several` is true if the user has entered it together with others.
    """

    name: str
    line: LogicalLine
    is_one_of_several: bool = False

    @property
    def is_option(self) -> bool:
        """Whether the line is made from an option of the command line, which is its name."""
        return self.name.startswith("--")
