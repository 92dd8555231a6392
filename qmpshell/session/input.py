"""The lines of scripts, from any source of bytes."""

from __future__ import annotations

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
        self._raw = raw
        self.descriptor = descriptor
        self._parts: list[bytes] = [data] if data else []
        self._buffer = b""
        self._position = 0
        self._read = read
        self._ended = read is None
        self._first = True
        # Why reading has failed, or "".
        self.problem = ""

    @property
    def ended(self) -> bool:
        """Whether all has been read and returned."""
        return self._ended and not self._parts and self._position >= len(self._buffer)

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
            self._parts.append(b"\n")
            self._refill()
            self._buffer = self._buffer[: self._buffer.rfind(b"\n", 0, -1) + 1]
            self._ended = True
            return
        if data:
            self._parts.append(data)
        else:
            self._ended = True

    def pop(self) -> bytes | None:
        """Return the next line without its end, or None if none is complete."""
        while True:
            end = self._buffer.find(b"\n", self._position)
            if end >= 0:
                line = self._buffer[self._position : end + 1]
                self._position = end + 1
                return self._clean(line)
            if not self._has_end():
                break
            self._refill()
        if self._ended and (self._parts or self._position < len(self._buffer)):
            self._refill()
            line, self._buffer, self._position = self._buffer, b"", 0
            return self._clean(line)
        return None

    def _has_end(self) -> bool:
        # Only the newest part can contain a line end that was not searched for.
        return bool(self._parts) and (b"\n" in self._parts[-1] or self._read is None)

    def _refill(self) -> None:
        self._buffer = self._buffer[self._position :] + b"".join(self._parts)
        self._parts.clear()
        self._position = 0

    def _clean(self, line: bytes) -> bytes:
        if self._raw:
            return line
        if self._first:
            self._first = False
            line = line.removeprefix(_BYTE_ORDER_MARK)
        return line.removesuffix(b"\n").removesuffix(b"\r")


class ScriptLines:
    """The logical lines of several inputs, with their positions.

    With `human` or `raw`, each line is a logical line; with `raw`, bytes that are not UTF-8 become
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
            else:
                found = self._next_input(current.name)
                if found is not None:
                    return found
        return None

    def _physical(self, name: str, line: bytes) -> SourceLine | PreparedLine | None:
        try:
            text = line.decode("utf-8", "surrogateescape" if self._raw else "strict")
        except UnicodeDecodeError as error:
            text = line.decode("utf-8", "backslashreplace")
            before = len(line[: error.start].decode("utf-8"))
            mistake = LineError("the line is not UTF-8", start=before)
            logical = LogicalLine()
            logical.add(text, number=self._number, line=text, dropped=0)
            self._assembler.pop()
            return PreparedLine(SourceLine(name, logical), error=mistake)
        whole = self._assembler.feed(text, self._number)
        if whole is not None:
            return SourceLine(name, whole)
        return note_skipped(name, text, self._number, self._assembler.pop_note())

    def _next_input(self, name: str) -> PreparedLine | None:
        found = None
        try:
            self._assembler.end()
        except LineError as error:
            found = PreparedLine(SourceLine(name, self._assembler.pop()), error=error)
        problem = self._inputs[0].problem
        if problem:
            line = LogicalLine()
            line.add("", number=self._number + 1, line="", dropped=0)
            unread = LineError(f"cannot read further: {problem}", start=0)
            found = PreparedLine(SourceLine(name, line), error=unread)
        self._inputs.pop(0)
        self._assembler = self._make_assembler()
        self._number = 0
        return found

    def _make_assembler(self) -> LineAssembler:
        return LineAssembler(verbatim=self._raw, human=self._human)


def note_skipped(name: str, text: str, number: int, note: str) -> PreparedLine | None:
    """Return a line without commands that shows the note about a skipped line, if there is one."""
    if not note:
        return None
    line = LogicalLine()
    line.add(text, number=number, line=text, dropped=0)
    return PreparedLine(SourceLine(name, line), ParsedLine([]), note=note)
