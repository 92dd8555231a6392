"""Test Ctrl-X Ctrl-E, which opens the input in an external editor."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from tests.harness.screen import Terminal
from tests.harness.servers import Server

EDIT = "\x18\x05"


def editor(directory: Path, text: str) -> str:
    """Write an editor: the shell script `text`, with the edited file in $file. Return its path."""
    path = directory / "editor"
    path.write_text(f"#!/bin/sh\nfor file; do :; done\n{text}\n")
    path.chmod(0o700)
    return str(path)


def entry(terminal: Terminal) -> str:
    """Return the text after the prompt."""
    return terminal.text.rpartition("(QEMU)")[2].strip()


def test_editor_result_is_not_sent_before_enter(one_qemu: Server, tmp_path: Path) -> None:
    directory = tmp_path / "it's here"
    directory.mkdir()
    script = editor(
        directory,
        'ls -ld "$(dirname "$file")" | cut -c 1-10; cat "$file"; echo\nprintf "%s" "$1" >> "$file"',
    )
    variables = {"VISUAL": f'"{script}" atus', "EDITOR": "false", "TMPDIR": str(tmp_path)}
    with Terminal("-q", one_qemu.address, columns=120, variables=variables) as terminal:
        terminal.wait_prompt()
        terminal.type("query-st" + EDIT)
        terminal.wait(lambda: terminal.current == "(QEMU) query-status", "edited line")
        assert "drwx------\nquery-st\n" in terminal.text
        assert "return" not in terminal.text
        assert [path for path in tmp_path.iterdir() if path.name.startswith("qmpshell-")] == []
        terminal.type("\r")
        terminal.wait_above("(QEMU) query-status", '"prelaunch"')
        assert terminal.text.count("prelaunch") == 1


def test_editor_can_write_several_lines(one_qemu: Server, tmp_path: Path) -> None:
    script = editor(tmp_path, r'printf "query-name\n{\"execute\":\n \"query-status\"}\n" > "$file"')
    with Terminal("-q", one_qemu.address, variables={"EDITOR": script}) as terminal:
        terminal.wait_prompt()
        terminal.type(EDIT)
        terminal.wait(
            lambda: entry(terminal) == 'query-name\n... {"execute":\n...  "query-status"}',
            "edited lines",
        )
        terminal.type("\r")
        terminal.wait_above(
            *('"query-status"}', "line 1: query-name", '{"return": {}}'),
            *('line 2: {"execute":', '"prelaunch"'),
        )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("echo spoilt > $file; exit 3", "ended with status 3; the line is unchanged"),
        ("echo spoilt > $file; kill -9 $$", "the line is unchanged"),
        ("rm $file", "No such file or directory"),
    ],
    ids=["status", "signal", "file"],
)
def test_failing_editor_leaves_input_unchanged(
    one_qemu: Server, tmp_path: Path, text: str, message: str
) -> None:
    variables = {"EDITOR": editor(tmp_path, text)}
    with Terminal("-q", one_qemu.address, columns=200, variables=variables) as terminal:
        terminal.wait_prompt()
        terminal.type("query-status" + EDIT)
        terminal.wait_for(message)
        terminal.wait(lambda: terminal.current == "(QEMU) query-status", "line as it was")
        terminal.type("\r")
        terminal.wait_above('"prelaunch"')


def test_missing_editor_keeps_input_and_empty_file_clears(one_qemu: Server, tmp_path: Path) -> None:
    variables = {"EDITOR": "no-such-editor -x"}
    with Terminal("-q", one_qemu.address, columns=120, variables=variables) as terminal:
        terminal.wait_prompt()
        terminal.type("query-status" + EDIT)
        terminal.wait_for("no-such-editor -x: no such command; the line is unchanged")
        terminal.wait(lambda: terminal.current == "(QEMU) query-status", "line as it was")
    variables = {"EDITOR": editor(tmp_path, ": > $file")}
    with Terminal("-q", one_qemu.address, columns=120, variables=variables) as terminal:
        terminal.wait_prompt()
        terminal.type("query-status" + EDIT)
        terminal.wait(lambda: (entry(terminal), terminal.screen.cursor.x) == ("", 7), "empty entry")
        terminal.line("query-name")
        terminal.wait_above("(QEMU) query-name", '{"return": {}}')
        assert "prelaunch" not in terminal.text


def test_editor_file_with_bad_utf8_is_reported(one_qemu: Server, tmp_path: Path) -> None:
    variables = {"EDITOR": editor(tmp_path, r"printf 'query-status \377\n' > $file")}
    with Terminal("-q", one_qemu.address, columns=120, variables=variables) as terminal:
        terminal.wait_prompt()
        terminal.type(EDIT)
        terminal.wait(lambda: entry(terminal).startswith("query-status"), "edited line")
        terminal.type("\r")
        terminal.wait_for("\\udcff")
        terminal.wait_prompt()
        terminal.line("query-name")
        terminal.wait_above('{"return": {}}')


def test_reply_during_editor_is_shown_afterwards(one_qemu: Server, tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = editor(tmp_path, "printf 'type: '; read word < /dev/tty; echo query-$word > $file")
    options = ("-q", "-l", str(log), one_qemu.address)
    with Terminal(*options, columns=120, variables={"EDITOR": script}) as terminal:
        terminal.wait_prompt()
        one_qemu.stop()
        terminal.type("query-name\rquer" + EDIT)
        terminal.wait_for("type:")
        one_qemu.process.send_signal(signal.SIGCONT)
        replied = re.compile(r'"return": \{\}, "id": "qmpshell-\d')
        terminal.wait(lambda: replied.search(log.read_text()) is not None, "reply, in the log")
        assert "return" not in terminal.text
        terminal.type("status\r")
        terminal.wait_above('{"return": {}}', prompt="(QEMU) query-status")
        terminal.type("\r")
        terminal.wait_above("(QEMU) query-status", '"prelaunch"')


def test_sigterm_during_editor_ends_both(one_qemu: Server, tmp_path: Path) -> None:
    variables = {"EDITOR": editor(tmp_path, "echo editing; read word < /dev/tty")}
    variables["TMPDIR"] = str(tmp_path)
    with Terminal("-q", one_qemu.address, variables=variables) as terminal:
        terminal.wait_prompt()
        terminal.type("query-name" + EDIT)
        terminal.wait_for("editing")
        terminal.signal(signal.SIGTERM)
        assert terminal.end() == 143
        assert terminal.modes == terminal.modes_before
        assert [path for path in tmp_path.iterdir() if path.name.startswith("qmpshell-")] == []
