"""Test lines that are too long for colours, completion and checks."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.data_structures import Size
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import fragment_list_to_text
from prompt_toolkit.layout.controls import BufferControl
from prompt_toolkit.layout.processors import Transformation, TransformationInput
from prompt_toolkit.output import DummyOutput

from qmpshell.language import MAX_TYPED
from qmpshell.terminal import (
    LONG_TEXT,
    LineCompleter,
    LineLexer,
    LongLineProcessor,
    SignatureLine,
)
from tests.harness.completion import known
from tests.harness.schemas import SYSTEMS
from tests.harness.screen import Terminal
from tests.harness.servers import Server

_KNOWN = known(SYSTEMS[-1])
_SIZE = Size(rows=10, columns=50)
_SCREEN = 500


def _completer() -> LineCompleter:
    return LineCompleter(_KNOWN, is_human=False)


def _show(text: str, cursor: int, *, line: int = 0) -> Transformation:
    document = Document(text, cursor)
    with create_app_session(output=DummyOutput()):
        control = BufferControl(Buffer(document=document))
    get_line = LineLexer().lex_document(document)
    fragments = get_line(line)
    ti = TransformationInput(control, document, line, lambda i: i, fragments, 50, 10, get_line)
    return LongLineProcessor(lambda: _SIZE).apply_transformation(ti)


@pytest.mark.parametrize("length", [MAX_TYPED, MAX_TYPED + 1])
def test_long_line_has_neither_colours_nor_completion(length: int) -> None:
    text = "qom-ge " + "a" * (length - 7)
    document = Document(text, 6)
    styles = {fragment[0] for fragment in LineLexer().lex_document(document)(0)}
    completions = list(_completer().get_completions(document, CompleteEvent()))
    rows = SignatureLine(_KNOWN).fragments(document, 100)
    shown = ["".join(text for _, text, *_ in row).strip() for row in rows]
    if length > MAX_TYPED:
        assert (styles, completions, shown) == ({""}, [], [LONG_TEXT])
    else:
        assert "class:typed.command" in styles
        assert completions
        assert shown != [LONG_TEXT]


def test_text_of_many_lines_has_no_colours() -> None:
    lines = ["stop", *["a b"] * MAX_TYPED]
    get_line = LineLexer().lex_document(Document("\n".join(lines)))
    assert [fragment_list_to_text(get_line(n)) for n in (0, 1, MAX_TYPED)] == [
        "stop",
        "a b",
        "a b",
    ]


@pytest.mark.parametrize("cursor", [0, 1, 499, 500, 999, 1000, 30_123, 49_999, 50_000])
def test_part_of_long_line_around_cursor_is_shown(cursor: int) -> None:
    text = "".join(chr(ord("a") + n % 26) for n in range(50_000))
    shown = _show(text, cursor)
    displayed = fragment_list_to_text(shown.fragments)
    place = shown.source_to_display(cursor)
    assert len(displayed) <= 4 * _SCREEN
    assert shown.display_to_source(place) == cursor
    start = cursor - place
    assert start % _SCREEN == 0  # it wraps as before
    whole = text[start : start + 4 * _SCREEN]
    assert displayed == (f"…{whole[1:]}" if start else whole)
    # A screen before and after the cursor, unless the text begins or ends there.
    assert place >= min(_SCREEN, cursor)
    assert len(displayed) - place >= min(_SCREEN, len(text) - cursor)


def test_long_line_without_cursor_shows_its_start() -> None:
    shown = _show(f"{'a' * 30_000}\nstop", 30_003)
    assert fragment_list_to_text(shown.fragments) == "a" * 4 * _SCREEN


@pytest.mark.parametrize("length", [100, 30_000])
def test_tabs_are_blanks_in_lines_of_any_length(length: int) -> None:
    shown = _show("a\t" + "b" * length, 2)
    assert fragment_list_to_text(shown.fragments).startswith("a       bbb")
    assert shown.source_to_display(2) == 8


def test_key_in_long_line_takes_constant_time(
    count_lines: Callable[[Callable[[], object]], int],
) -> None:
    def press(length: int) -> None:
        text = "x a=" + "[1," * (length // 3)
        _show(text, length)
        SignatureLine(_KNOWN).fragments(Document(text), 100)
        list(_completer().get_completions(Document(text), CompleteEvent()))

    press(30_000)  # imports
    counts = [count_lines(lambda length=length: press(length)) for length in (30_000, 900_000)]  # type: ignore[misc]
    assert counts[1] <= counts[0] * 1.1


def test_long_line_can_be_edited_and_sent(one_qemu: Server) -> None:
    value = "b" * 100_000
    with Terminal("--no-probe", one_qemu.address) as terminal:
        terminal.wait_ready()
        paste = threading.Thread(
            target=lambda: terminal.paste(f"query-name a={value}"), daemon=True
        )
        paste.start()
        terminal.wait_toolbar(LONG_TEXT)
        terminal.wait(lambda: not paste.is_alive(), "end of the paste")
        terminal.type("END")
        terminal.wait(lambda: terminal.current.endswith("bEND"), "the end of the line")
        terminal.type("\x01")
        terminal.wait_for("(QEMU) query-name a=bbb")
        terminal.type("\x1b[C" * 6 + "x")
        terminal.wait_for("(QEMU) query-xname a=bbb")
        terminal.type("\r")
        terminal.wait_for("The command query-xname has not been found")
        assert terminal.leave() == 0
