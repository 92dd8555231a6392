"""Test reading of pasted text from a terminal that does not mark it."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Iterator

import pytest

from qmpshell.terminal.keys import PasteReader
from tests.harness.waiting import sleeps_less_than


@pytest.fixture
def pipe() -> Iterator[tuple[PasteReader, int]]:
    reading, writing = os.pipe()
    yield PasteReader(reading, encoding="utf-8"), writing
    os.close(reading)
    os.close(writing)


def test_paste_is_read_as_a_whole(pipe: tuple[PasteReader, int]) -> None:
    reader, writing = pipe
    text = "stop\tcont\r" * 5_000
    os.write(writing, text.encode())
    assert reader.read() == text


def test_paste_in_pieces_is_read_as_a_whole(
    pipe: tuple[PasteReader, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The writer can pause for long on a slow machine, so the mark ends this paste.
    monkeypatch.setattr("qmpshell.terminal.keys._PAUSE", 60.0)
    reader, writing = pipe
    text = "ä" * 200_000 + "\x1b[201~"  # more than a pipe holds

    def write() -> None:
        rest = memoryview(text.encode())
        while rest:
            rest = rest[os.write(writing, rest[:4_095]) :]

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    assert select.select([reader.stdin_fd], [], [], 60)[0]
    assert reader.read() == text
    thread.join(60)


def test_typed_keys_are_read_at_once(pipe: tuple[PasteReader, int]) -> None:
    reader, writing = pipe
    os.write(writing, b"stop\t")
    with sleeps_less_than(5):
        assert reader.read() == "stop\t"
        assert reader.read() == ""
