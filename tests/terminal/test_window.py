"""Test small windows, changes of the window's size, and tabs in the typed line."""

from __future__ import annotations

import re

import pytest

from tests.harness.screen import Terminal
from tests.harness.servers import Server
from tests.harness.typing import clear, menu, wait_line

_REPLIES = 8
_LINE = "blockdev-add driver=qcow2 node-name=disk5 file.driver=file file.filename=/tmp/x"


@pytest.mark.parametrize("rows", range(3, 9))
def test_menu_in_small_window_keeps_the_line(one_qemu: Server, rows: int) -> None:
    with Terminal("-q", one_qemu.address, rows=rows) as terminal:
        terminal.wait_prompt()
        terminal.type("quit x=1")
        terminal.wait_toolbar("quit has no argument 'x'")
        clear(terminal)
        terminal.type("query-c\t")
        entries = max(0, rows - 2)
        terminal.wait(
            lambda: terminal.current == "(QEMU) query-c" and len(menu(terminal)) >= entries,
            f"line with {entries} entries",
        )
        terminal.type("har\x1b[B\x1b[B\r")
        wait_line(terminal, "(QEMU) query-chardev-backends")
        assert b"too small" not in terminal.raw


@pytest.mark.parametrize("rows", range(2, 9))
def test_long_entry_in_small_window_shows_the_cursor(one_qemu: Server, rows: int) -> None:
    with Terminal("-q", one_qemu.address, rows=rows) as terminal:
        terminal.wait_prompt()
        terminal.paste("transaction(\nquery-block\nquery-name\nblock-stream x=1 y=2 z=3\nquery-c")
        terminal.wait(lambda: terminal.current == "... query-c", "the last line")
        terminal.type("\x12quer\x07\t")
        terminal.wait(lambda: terminal.current.startswith("... query-c"), "the last line")
        assert b"too small" not in terminal.raw


@pytest.mark.parametrize("wraps", [True, False])
@pytest.mark.parametrize("columns", [60, 44, 30])
def test_narrower_window_leaves_no_copy_of_line(
    one_qemu: Server, columns: int, wraps: bool
) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        _type_line(terminal)
        for width in (columns, 100, columns + 20, columns):
            _resize(terminal, f"(QEMU) {_LINE}", width, wraps=wraps)
            _wait_drawn(terminal)
            _assert_one_copy(terminal)


@pytest.mark.parametrize("wraps", [True, False])
def test_dragged_edge_leaves_no_copy_of_line(one_qemu: Server, wraps: bool) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        _type_line(terminal)
        _resize(terminal, f"(QEMU) {_LINE}", 60, wraps=wraps, through=(97, 80, 41, 77, 63))
        _assert_one_copy(terminal)


# The cursor is in the second row, at a column that both narrower windows have.
@pytest.mark.parametrize("wraps", [True, False])
@pytest.mark.parametrize("columns", [70, 60])
def test_narrower_window_at_long_line_leaves_no_copy(
    one_qemu: Server, columns: int, wraps: bool
) -> None:
    line = f"{_LINE}.qcow2 read-only=on discard=unmap"
    with Terminal("-q", one_qemu.address) as terminal:
        _type_line(terminal, line)
        _resize(terminal, f"(QEMU) {line}", columns, wraps=wraps)
        _assert_one_copy(terminal)


@pytest.mark.parametrize("wraps", [True, False])
@pytest.mark.parametrize("wide", ["\N{FULLWIDTH LATIN SMALL LETTER X}" * 30, "x" * 55])
def test_narrower_window_with_wide_characters_leaves_no_copy(
    one_qemu: Server, wide: str, wraps: bool
) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        _type_line(terminal, f"block_resize device={wide}")
        terminal.resize(50, 24, wraps=wraps)
        terminal.wait(lambda: terminal.toolbar.count("prelaunch") == 1, "toolbar")
        _assert_one_copy(terminal)


@pytest.mark.parametrize("expected", [True, False])
def test_terminal_without_reports_is_one_of_those_known(one_qemu: Server, expected: bool) -> None:
    variables = {"PROMPT_TOOLKIT_NO_CPR": "1", **({"VTE_VERSION": "7000"} if expected else {})}
    with Terminal("-q", one_qemu.address, variables=variables) as terminal:
        terminal.wait_prompt()
        _fill(terminal)
        terminal.type(_LINE)
        wait_line(terminal, f"(QEMU) {_LINE}")
        _resize(terminal, f"(QEMU) {_LINE}", 60, wraps=expected)
        _assert_one_copy(terminal)


def test_variable_of_another_terminal_is_not_believed(one_qemu: Server) -> None:
    # As in an xterm that was started in a terminal that wraps lines again.
    with Terminal("-q", one_qemu.address, variables={"VTE_VERSION": "7000"}) as terminal:
        _type_line(terminal)
        _resize(terminal, f"(QEMU) {_LINE}", 60, wraps=False)
        _assert_one_copy(terminal)


@pytest.mark.parametrize("wraps", [True, False])
def test_narrower_window_at_a_question_leaves_no_copy(one_qemu: Server, wraps: bool) -> None:
    question = "system_reset resets the VM. Continue? [y/N]"
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        _fill(terminal)
        terminal.line("system_reset")
        # It is drawn again when the height of the window is known.
        terminal.wait(lambda: terminal.raw.count(question.encode()) >= 2, question)
        _resize(terminal, question, 25, wraps=wraps)
        assert terminal.text.count("system_reset res") == 1
        assert _count_replies(terminal) == _REPLIES


def _type_line(terminal: Terminal, line: str = _LINE) -> None:
    """Type the line in the middle of the window."""
    terminal.wait_prompt()
    _fill(terminal)
    terminal.type(line)
    terminal.wait(lambda: _rows(f"(QEMU) {line}", 100) in terminal.text, "the line")
    _wait_drawn(terminal)


def _fill(terminal: Terminal) -> None:
    """Fill some rows with replies: what the toolbar pushes off the screen is not a copy."""
    terminal.line(" ; ".join(["query-name"] * _REPLIES))
    terminal.wait(lambda: _count_replies(terminal) == _REPLIES, "replies")
    terminal.wait_prompt()


def _count_replies(terminal: Terminal) -> int:
    return sum(line.startswith('{"return": {}}') for line in terminal.history)


def _assert_one_copy(terminal: Terminal) -> None:
    """Check that the line and the toolbar are there once, and the replies still are."""
    starts = [line for line in terminal.lines if line.startswith("(QEMU) block")]
    assert len(starts) == 1, terminal.text
    assert _count_replies(terminal) == _REPLIES
    assert sum("prelaunch" in line for line in terminal.screen.display) <= 1


def _resize(
    terminal: Terminal, text: str, columns: int, *, wraps: bool, through: tuple[int, ...] = ()
) -> None:
    """Change the width, and wait until the program has drawn the text again."""
    before = len(terminal.raw)
    terminal.resize(columns, 24, wraps=wraps, through=through)
    # The text that the terminal has wrapped may look the same.
    drawn = re.compile(rb"\x1b\[J.*\x1b\[\?25l.*\x1b\[\?25h", re.DOTALL)
    terminal.wait(
        lambda: bool(drawn.search(terminal.raw, before)) and _rows(text, columns) in terminal.text,
        f"text in {columns} columns",
    )


def _wait_drawn(terminal: Terminal) -> None:
    """Wait until the toolbar is drawn and the cursor is in the line again."""
    terminal.wait(
        lambda: "prelaunch" in terminal.toolbar and not terminal.screen.cursor.hidden, "toolbar"
    )


def _rows(text: str, columns: int) -> str:
    return "\n".join(text[at : at + columns].rstrip() for at in range(0, len(text), columns))


def test_tabs_in_the_line_are_blanks(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.paste('{"execute":\n\t"query-name"\t}')
        terminal.wait(lambda: terminal.current.endswith("}"), "the pasted text")
        assert re.fullmatch(r'\.\.\. {9}"query-name" +\}', terminal.current)
        terminal.type("\r")
        terminal.wait_for('{"return": {}}')
        assert b"^I" not in terminal.raw
