"""Test small windows, changes of the window's size, and tabs in the typed line."""

from __future__ import annotations

import re

import pytest

from tests.harness.screen import Terminal
from tests.harness.servers import Server
from tests.harness.typing import clear, menu, wait_line

_LINE = "blockdev-add driver=qcow2 node-name=disk5 file.driver=file file.filename=/tmp/x"
_TMUX = {"TERM": "tmux-256color"}


@pytest.mark.parametrize("rows", range(3, 9))
def test_menu_in_small_window_keeps_the_line(one_qemu: Server, rows: int) -> None:
    with Terminal("-q", one_qemu.address, rows=rows) as terminal:
        terminal.wait_prompt()
        terminal.type("quit x=1")
        terminal.wait_toolbar("quit has no x")
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


@pytest.mark.parametrize("columns", [60, 45, 30])
def test_narrower_window_leaves_no_copy_of_line(one_qemu: Server, columns: int) -> None:
    with Terminal("-q", one_qemu.address, variables=_TMUX) as terminal:
        terminal.wait_prompt()
        terminal.line("query-name")
        terminal.wait_above("(QEMU) query-name", '{"return": {}}')
        terminal.type(_LINE)
        wait_line(terminal, f"(QEMU) {_LINE}")
        terminal.wait_toolbar("prelaunch")
        for width in (columns, 100, columns + 20, columns):
            terminal.resize(width, 24, wraps=True)
            _wait_text(terminal, f"(QEMU) {_LINE}", width)
            found = [line for line in terminal.lines if line.startswith("(QEMU) block")]
            assert len(found) == 1, terminal.text
            assert any(line.startswith('{"return": {}}') for line in terminal.history)
            assert terminal.toolbar.count("prelaunch") <= 1


def test_narrower_window_at_a_question_leaves_no_copy(one_qemu: Server) -> None:
    question = "system_reset resets the VM. Go on? [y/N]"
    with Terminal("-q", one_qemu.address, columns=100, variables=_TMUX) as terminal:
        terminal.wait_prompt()
        terminal.line("system_reset")
        terminal.wait_for(question)
        terminal.resize(25, 24, wraps=True)
        _wait_text(terminal, question, 25)
        assert terminal.text.count("system_reset res") == 1


def test_terminal_that_cuts_lines_keeps_the_output(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.line("query-name")
        terminal.wait_above("(QEMU) query-name", '{"return": {}}')
        terminal.type(_LINE)
        wait_line(terminal, f"(QEMU) {_LINE}")
        terminal.resize(30, 24)
        _wait_text(terminal, f"(QEMU) {_LINE}", 30)
        assert terminal.text.startswith('(QEMU) query-name\n{"return": {}}')


def _wait_text(terminal: Terminal, text: str, columns: int) -> None:
    """Wait until the text is drawn in a window of this width."""
    rows = [text[at : at + columns].rstrip() for at in range(0, len(text), columns)]
    terminal.wait(lambda: "\n".join(rows) in terminal.text, f"text in {columns} columns")


def test_tabs_in_the_line_are_blanks(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.paste('{"execute":\n\t"query-name"\t}')
        terminal.wait(lambda: terminal.current.endswith("}"), "the pasted text")
        assert re.fullmatch(r'\.\.\. {9}"query-name" +\}', terminal.current)
        terminal.type("\r")
        terminal.wait_for('{"return": {}}')
        assert b"^I" not in terminal.raw
