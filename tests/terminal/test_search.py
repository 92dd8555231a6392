"""Test the search of the history: it passes all entries, and leaving it restores the draft."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.harness.processes import wait_until
from tests.harness.program import own_directories
from tests.harness.screen import Terminal
from tests.harness.servers import Server
from tests.harness.typing import wait_line


def test_prompt_works_after_program_interrupts_search(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        one_qemu.stop()
        terminal.line("query-name | cat")
        terminal.type("\x12que")
        terminal.wait_for("search)`que'")
        one_qemu.process.send_signal(signal.SIGCONT)
        terminal.wait_for('{"return": {}}')
        terminal.type("\x03")
        terminal.wait_prompt()
        terminal.line("query-status")
        terminal.wait_for('"prelaunch"')


def test_closed_window_during_question_ends_shell(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.line("quit")
        terminal.wait_for("Continue? [y/N]")
        with open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), terminal.child.child_fd)
        wait_until(lambda: not terminal.child.isalive(), "end of the shell")


def _with_history(directory: Path, *entries: str, editing: str = "emacs") -> dict[str, str]:
    """Return variables for a history of these entries, the oldest first, and an editing mode."""
    variables = own_directories(directory)
    settings = Path(variables["XDG_CONFIG_HOME"], "qmpshell", "config.toml")
    settings.parent.mkdir(parents=True)
    settings.write_text(f'editing = "{editing}"\n')
    file = Path(variables["XDG_STATE_HOME"], "qmpshell", "history")
    file.parent.mkdir(parents=True)
    lines = ("\n".join(f"+{line}" for line in entry.split("\n")) for entry in entries)
    file.write_text("".join(f"\n# 2026-01-01 00:00:00\n{text}\n" for text in lines))
    return variables


@pytest.mark.parametrize("editing", ["emacs", "vi"])
@pytest.mark.parametrize(
    ("draft", "entries"),
    [
        ("", ("query-name", "query-status", "transaction(\n  query-block\n)")),
        ("my\ndraft", ("query-name", "transaction(\n  query-block\n)", "query-status")),
    ],
    ids=["empty", "multiline"],
)
def test_repeated_search_passes_entries_with_several_lines(
    one_qemu: Server, tmp_path: Path, draft: str, entries: tuple[str, ...], editing: str
) -> None:
    variables = _with_history(tmp_path, *entries, editing=editing)
    with Terminal("-q", one_qemu.address, variables=variables) as terminal:
        terminal.wait_prompt()
        terminal.paste(draft)
        terminal.type("\x12query" + "\x12" * len(entries))
        terminal.type("\x12\x12\x13\x13\x12\x12\r")
        terminal.wait(lambda: terminal.current.endswith("query-name"), "the oldest entry")
        terminal.type("\r")
        terminal.wait_for('{"return": {}}')


@pytest.mark.parametrize("editing", ["emacs", "vi"])
def test_search_accepts_entry_and_keeps_insert_mode(
    one_qemu: Server, tmp_path: Path, editing: str
) -> None:
    variables = _with_history(tmp_path, "query-status", editing=editing)
    with Terminal("-q", one_qemu.address, variables=variables) as terminal:
        terminal.wait_prompt()
        terminal.type("\x12ery-s\r")
        wait_line(terminal, "(QEMU) query-status", cursor=9)
        terminal.type("X")
        wait_line(terminal, "(QEMU) quXery-status", cursor=10)


@pytest.mark.parametrize("editing", ["emacs", "vi"])
@pytest.mark.parametrize(
    ("keys", "cursor"),
    [("\x1b[C", 10), ("\x1b[D", 8), ("\x1b[H", 7), ("\x1b[F", 19)],
    ids=["Right", "Left", "Home", "End"],
)
def test_cursor_key_in_search_accepts_and_moves(
    one_qemu: Server, tmp_path: Path, keys: str, cursor: int, editing: str
) -> None:
    variables = _with_history(tmp_path, "query-status", editing=editing)
    with Terminal("-q", one_qemu.address, variables=variables) as terminal:
        terminal.wait_prompt()
        terminal.type("\x12ery-s")
        terminal.wait_for("search)`ery-s'")
        terminal.type(keys)
        wait_line(terminal, "(QEMU) query-status", cursor=cursor)


@pytest.mark.parametrize("leave", ["\x07", "\x03"], ids=["Ctrl-G", "Ctrl-C"])
@pytest.mark.parametrize("draft", ["my draft", "my\ndraft"], ids=["line", "lines"])
@pytest.mark.parametrize("editing", ["emacs", "vi"])
def test_leaving_a_search_restores_the_draft(
    one_qemu: Server, tmp_path: Path, leave: str, draft: str, editing: str
) -> None:
    entries = ("query-name", "transaction(\n  query-block\n)", "query-pci")
    variables = _with_history(tmp_path, *entries, editing=editing)
    with Terminal("-q", one_qemu.address, variables=variables) as terminal:
        terminal.wait_prompt()
        terminal.paste(draft)
        terminal.type("\x1b[D")
        last = _prompted(draft).rpartition("\n")[2]
        wait_line(terminal, last, cursor=len(last) - 1)
        terminal.type("\x12query")
        terminal.wait_for("query-pci")
        terminal.type("\x12\x12")
        terminal.wait_for("query-name")
        terminal.type(leave)
        wait_line(terminal, last, cursor=len(last) - 1)
        assert terminal.text == _prompted(draft)


def _prompted(draft: str) -> str:
    first, *others = draft.split("\n")
    return "\n".join([f"(QEMU) {first}", *(f"... {line}" for line in others)])


def test_reply_to_program_during_search_restores_the_draft(
    one_qemu: Server, tmp_path: Path
) -> None:
    variables = _with_history(tmp_path, "query-pci", "query-cpus-fast")
    with Terminal("-q", one_qemu.address, variables=variables) as terminal:
        terminal.wait_prompt()
        one_qemu.stop()
        terminal.line("query-name | cat")
        terminal.wait_prompt()
        terminal.type("my draft\x12query\x12\x12")
        terminal.wait_for("query-pci")
        one_qemu.process.send_signal(signal.SIGCONT)
        terminal.wait_for('{"return": {}}')
        terminal.wait(lambda: terminal.current == "(QEMU) my draft", "the draft")
