"""The lines of scripts, from any source of bytes."""

from __future__ import annotations

from collections import deque

from ..errors import LineError
from ..language import LineAssembler, LogicalLine, ParsedLine, SourceLine
from .requests import PreparedLine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class LineInput:
    """An input: its name in messages, and all its bytes, or a `read` function.

    `read` blocks until there is data and returns b"" at the end; `descriptor` shows when it need
    not block. With `raw`, lines keep their ends, and nothing is dropped.
    """

    def __init__(
        self,
        name: str,
        *,
        data: bytes = b"",
        read: Callable[[], bytes] | None = None,
        descriptor: int | None = None,
        raw: bool = False,
    ) -> None:
        self.name = name
        self.descriptor = descriptor
        self._raw = raw
        self._read = read
        self._ended = read is None
        self._first = True
        # The complete lines that were not returned, and the parts of the last one.
        self._lines: deque[bytes] = deque()
        self._rest: list[bytes] = []
        self._add(data)
        # Why reading has failed, or "".
        self.problem = ""

    @property
    def ended(self) -> bool:
        """Whether all has been read and returned."""
        return self._ended and not self._lines and not self._rest

    @property
    def reads_on(self) -> bool:
        """Whether there may be more to read."""
        return not self._ended

    def fill(self) -> None:
        """Read once, which may block. After an error, a line that is not complete is dropped."""
        assert self._read is not None
        try:
            data = self._read()
        except BlockingIOError:
            return
        except OSError as error:
            self.problem = error.strerror or str(error)
            self.drop_partial()
            data = b""
        self._add(data)
        self._ended = not data

    def _add(self, data: bytes) -> None:
        *lines, rest = data.split(b"\n")
        if lines:
            lines[0] = b"".join([*self._rest, lines[0]])
            self._rest.clear()
            self._lines.extend(lines)
        if rest:
            self._rest.append(rest)

    def drop_partial(self) -> bool:
        """Drop a line that is not complete. Return False if there is none."""
        had_rest = bool(self._rest)
        self._rest.clear()
        return had_rest

    def pop(self) -> bytes | None:
        """Return the next line without its end, or None if none is complete."""
        if self._lines:
            return self._clean(self._lines.popleft() + (b"\n" if self._raw else b""))
        if self._ended and self._rest:
            line = b"".join(self._rest)
            self._rest.clear()
            return self._clean(line)
        return None

    def _clean(self, line: bytes) -> bytes:
        if self._raw:
            return line
        if self._first:
            self._first = False
            line = line.removeprefix(_BYTE_ORDER_MARK)
        return line.removesuffix(b"\r")


class ScriptLines:
    """The logical lines of several inputs, with their positions.

    A logical line may continue in the next input; its position is then that in the first one. With
    `human` or `raw`, each line is a logical line; with `raw`, bytes that are not UTF-8 become
    surrogates.
    """

    def __init__(
        self, inputs: Sequence[LineInput], *, human: bool = False, raw: bool = False
    ) -> None:
        self._raw = raw
        self._inputs = list(inputs)
        self._human = human
        self._assembler = self._make_assembler()
        self._number = 0
        # The input in which the incomplete logical line started, and the lines before the current one.
        self._started: tuple[str, int] | None = None

    @property
    def ended(self) -> bool:
        """Whether all lines have been returned."""
        return not self._inputs

    @property
    def descriptor(self) -> int | None:
        """The descriptor to read before the next line, or None."""
        if self._inputs and self._inputs[0].reads_on:
            return self._inputs[0].descriptor
        return None

    @property
    def name(self) -> str:
        """The name of the current input."""
        return self._inputs[0].name if self._inputs else ""

    @property
    def open(self) -> bool:
        """Whether a logical line is incomplete."""
        return self._assembler.open

    def discard_open(self) -> bool:
        """Discard an incomplete logical line. Return True if there was one."""
        was_open = self.open
        self._assembler.pop()
        return was_open

    def end_transcript(self) -> None:
        """Treat the next line as typed, not as part of a pasted transcript."""
        if not self.open:
            self._assembler = self._make_assembler()

    def fill(self) -> None:
        """Read once from `descriptor`."""
        self._inputs[0].fill()

    def pop(self) -> SourceLine | PreparedLine | None:
        """Return the next line, as a PreparedLine if it has an error.

        None if more must be read first, or at the end.
        """
        while self._inputs:
            current = self._inputs[0]
            line = current.pop()
            if line is not None:
                self._number += 1
                found = self._physical(current.name, line)
                if found is not None:
                    return found
            elif current.reads_on:
                return None
            elif self.open and len(self._inputs) > 1:
                name, before = self._started or (current.name, 0)
                self._started = name, before + self._number
                self._inputs.pop(0)
                self._number = 0
            else:
                found = self._next_input(self._started[0] if self._started else current.name)
                if found is not None:
                    return found
        return None

    def _physical(self, name: str, line: bytes) -> SourceLine | PreparedLine | None:
        number = self._number
        if self._started is not None:
            name, before = self._started
            number += before
        found = self._assemble(name, number, line)
        if not self.open:
            self._started = None
        return found

    def _assemble(self, name: str, number: int, line: bytes) -> SourceLine | PreparedLine | None:
        try:
            text = line.decode("utf-8", "surrogateescape" if self._raw else "strict")
        except UnicodeDecodeError as error:
            text = line.decode("utf-8", "backslashreplace")
            before = len(line[: error.start].decode("utf-8"))
            mistake = LineError("the line is not UTF-8", start=before)
            self._assembler.pop()
            return PreparedLine(_source_line(name, text, number), error=mistake)
        whole = self._assembler.feed(text, number)
        if whole is not None:
            return SourceLine(name, whole)
        return note_skipped(name, text, number, self._assembler.pop_note())

    def _next_input(self, name: str) -> PreparedLine | None:
        found = None
        try:
            self._assembler.end()
        except LineError as error:
            found = PreparedLine(SourceLine(name, self._assembler.pop()), error=error)
        problem = self._inputs[0].problem
        if problem:
            unread = LineError(f"cannot read further: {problem}", start=0)
            found = PreparedLine(_source_line(name, "", self._number + 1), error=unread)
        self._inputs.pop(0)
        self._assembler = self._make_assembler()
        self._number = 0
        self._started = None
        return found

    def _make_assembler(self) -> LineAssembler:
        return LineAssembler(verbatim=self._raw, human=self._human)


def note_skipped(name: str, text: str, number: int, note: str) -> PreparedLine | None:
    """Return a line without commands that shows the note about a skipped line, if there is one."""
    if not note:
        return None
    return PreparedLine(_source_line(name, text, number), ParsedLine([]), note=note)


def _source_line(name: str, text: str, number: int) -> SourceLine:
    """Return a physical line as the source of a line."""
    line = LogicalLine()
    line.add(text, number=number, line=text, dropped=0)
    return SourceLine(name, line)
