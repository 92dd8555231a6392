"""Tests of the reading of QEMU's output from a pipe and from a growing file."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given, strategies as st

from qmpshell.qemu import OutputReader


def make_pipe() -> tuple[OutputReader, int]:
    descriptor, writer = os.pipe()
    os.set_blocking(descriptor, False)
    return OutputReader(descriptor, is_pipe=True), writer


@given(st.lists(st.binary(max_size=30)))
def test_pipe_gives_complete_lines_and_final_rest(parts: list[bytes]) -> None:
    reader, writer = make_pipe()
    text = ""
    written = b""
    for part in parts:
        os.write(writer, part)
        written += part
        output = reader.read()
        assert output is not None
        text += output
        assert text == written[: written.rfind(b"\n") + 1].decode("utf-8", "backslashreplace")
    os.close(writer)
    last = reader.read()
    text += last or ""
    assert text == written.decode("utf-8", "backslashreplace")
    assert reader.read() is None
    reader.close()


def test_very_long_line_is_returned_in_parts() -> None:
    reader, writer = make_pipe()
    for _ in range(3):
        os.write(writer, b"x" * 65536)
        assert reader.read() == "x" * 65536
    os.write(writer, b"y")
    assert reader.read() == ""
    assert reader.rest() == "y"
    os.close(writer)
    reader.close()


def test_rest_returns_while_pipe_is_open() -> None:
    """A child of the writer may keep the pipe open."""
    reader, writer = make_pipe()
    os.write(writer, b"a\nb")
    assert reader.rest() == "a\nb"
    assert reader.rest() == ""
    os.close(writer)
    reader.close()
    reader.close()
    assert reader.read() is None


def test_growing_file_gives_complete_lines(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("ab", buffering=0) as file:
        reader = OutputReader(os.open(path, os.O_RDONLY), is_pipe=False)
        assert reader.read() == ""
        file.write(b"a\nb")
        assert reader.read() == "a\n"
        file.write(b"c\n\xff")
        assert reader.read() == "bc\n"
        assert reader.rest() == "\\xff"
        assert reader.read() == ""
    reader.close()
    assert reader.rest() == ""


def test_rest_of_large_file_is_its_end(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * 1_000_000 + b"end\n")
    reader = OutputReader(os.open(path, os.O_RDONLY), is_pipe=False)
    rest = reader.rest()
    assert rest.endswith("xend\n")
    assert len(rest) == 65536
    reader.close()
