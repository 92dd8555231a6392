"""Tests of script input: line ends, encodings, several inputs and reading on demand."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import pairwise

from hypothesis import example, given, strategies as st

from qmpshell.language import SourceLine
from qmpshell.session import LineInput, PreparedLine, ScriptLines


def lines_of(*inputs: LineInput, human: bool = False, raw: bool = False) -> list[str]:
    lines = ScriptLines(inputs, human=human, raw=raw)
    found = []
    while not lines.ended:
        item = lines.pop()
        if item is None:
            if lines.descriptor is not None:
                lines.fill()
        elif isinstance(item, PreparedLine):
            assert item.error is not None
            number, column, _ = item.source.line.locate(item.error.start)
            found.append(f"{item.source.name}:{number}:{column}: {item.error.reason}")
        else:
            found.append(item.line.text)
    return found


@given(st.lists(st.binary(max_size=40)), st.lists(st.integers(1, 30)))
@example([b"\xef\xbb\xbf"], [])  # only a byte order mark
def test_random_chunks_give_same_lines(parts: list[bytes], sizes: list[int]) -> None:
    data = b"\n".join(part.replace(b"\n", b"") for part in parts)
    whole_lines = lines_of(LineInput("x", data=data), human=True, raw=True)
    reader, writer = os.pipe()
    line_input = LineInput("x", read=lambda: os.read(reader, 65536), descriptor=reader)
    lines = ScriptLines([line_input], human=True, raw=True)
    read_lines: list[str] = []
    cuts = [0]
    for size in sizes:
        cuts.append(cuts[-1] + size)
    for start, end in pairwise([*cuts, len(data) + 1]):
        if data[start:end]:
            os.write(writer, data[start:end])
            lines.fill()
        while (item := lines.pop()) is not None:
            assert isinstance(item, SourceLine)
            read_lines.append(item.line.text)
    os.close(writer)
    lines.fill()
    while (item := lines.pop()) is not None:
        assert isinstance(item, SourceLine)
        read_lines.append(item.line.text)
    os.close(reader)
    assert lines.ended
    assert read_lines == whole_lines
    expected = data.split(b"\n")
    assert len(read_lines) == len(expected) - (not expected[-1])


def test_line_ends_and_byte_order_marks_are_removed() -> None:
    data = b"\xef\xbb\xbfa\r\nb\n\n\xef\xbb\xbfc\rd"
    assert lines_of(LineInput("x", data=data)) == ["a", "b", "", "\ufeffc\rd"]
    assert lines_of(LineInput("x", data=data, raw=True), human=True, raw=True)[0] == "\ufeffa\r\n"


def test_line_continues_in_the_next_input() -> None:
    data = (b'{"a":\n', b"1}\nb", b"c\n\xff", b"transaction(", b"x", b")\nd", b"y \\\n")
    inputs = [LineInput(str(number), data=text) for number, text in enumerate(data, 1)]
    assert lines_of(*inputs) == [
        '{"a":\n1}',
        "b",
        "c",
        "3:2:1: the line is not UTF-8",
        "transaction(\nx\n)",
        "d",
        "7:1:1: the line is continued, but the input ends",
    ]


def test_mistake_in_continued_line_names_the_first_input() -> None:
    inputs = [LineInput(name, data=name.encode()) for name in ("transaction(", "x", "y")]
    assert lines_of(*inputs) == [
        "transaction(:1:1: the transaction is not closed with ), but the input ends"
    ]


def test_reading_pauses_while_a_line_is_queued() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"a\nb\nc")
    lines = ScriptLines([LineInput("x", read=lambda: os.read(reader, 65536), descriptor=reader)])
    assert lines.pop() is None
    lines.fill()
    for text in ("a", "b"):
        item = lines.pop()
        assert isinstance(item, SourceLine)
        assert item.line.text == text
    assert lines.pop() is None
    os.close(writer)
    lines.fill()
    item = lines.pop()
    assert isinstance(item, SourceLine)
    assert item.line.text == "c"
    assert lines.pop() is None
    assert lines.ended
    os.close(reader)


def test_read_error_drops_incomplete_line_and_is_reported() -> None:
    parts: Iterator[bytes | OSError] = iter([b"a\nb\nc", OSError(5, "Input/output error")])

    def read() -> bytes:
        part = next(parts)
        if isinstance(part, OSError):
            raise part
        return part

    assert lines_of(LineInput("x", read=read, descriptor=0), LineInput("y", data=b"d")) == [
        "a",
        "b",
        "x:3:1: cannot read further: Input/output error",
        "d",
    ]


def test_skipped_lines_are_reported_once_where_they_begin() -> None:
    data = b"(QEMU) stop\n{}\n(QEMU)\n(QEMU) cont\nRESUME\n"
    lines = ScriptLines([LineInput("x", data=data)])
    notes: list[str] = []
    commands: list[str] = []
    while not lines.ended:
        item = lines.pop()
        if isinstance(item, PreparedLine):
            assert item.parsed is not None and item.parsed.actions == []
            notes.append(f"{item.source.line.locate(0)[0]}: {item.note}")
        elif item is not None:
            commands.append(item.line.text)
    assert [text for text in commands if text] == ["stop", "cont"]
    assert notes == [
        "2: this is a transcript: only what follows a prompt such as (QEMU) is run;"
        " other lines are skipped"
    ]
