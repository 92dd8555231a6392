"""Ctrl-X Ctrl-E: the entry in an editor, whatever the editor does with it."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from tests.harness.screen import Terminal
from tests.harness.servers import Server

EDIT = "\x18\x05"


def editor(directory: Path, text: str) -> str:
    """An editor that does what `text`, a shell script, says; the file is its last argument, $file."""
    path = directory / "editor"
    path.write_text(f"#!/bin/sh\nfor file; do :; done\n{text}\n")
    path.chmod(0o700)
    return str(path)


def entry(terminal: Terminal) -> str:
    """What is being typed."""
    return terminal.text.rpartition("(QEMU)")[2].strip()


def test_the_entry_is_edited_and_waits_for_enter(one_qemu: Server, tmp_path: Path) -> None:
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
        assert [one for one in tmp_path.iterdir() if one.name.startswith("qmpshell-")] == []
        terminal.type("\r")
        terminal.wait_above("(QEMU) query-status", '"prelaunch"')
        assert terminal.text.count("prelaunch") == 1


def test_an_entry_of_several_lines(one_qemu: Server, tmp_path: Path) -> None:
    script = editor(tmp_path, r'printf "query-name\n{\"execute\":\n \"query-status\"}\n" > "$file"')
    with Terminal("-q", one_qemu.address, variables={"EDITOR": script}) as terminal:
        terminal.wait_prompt()
        terminal.type(EDIT)  # on an empty line
        terminal.wait(
            lambda: entry(terminal) == 'query-name\n... {"execute":\n...  "query-status"}',
            "edited lines",
        )
        terminal.type("\r")
        terminal.wait_above('"query-status"}', '{"return": {}}', '"prelaunch"')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("echo spoilt > $file; exit 3", "ended with status 3; the line stays as it was"),
        ("echo spoilt > $file; kill -9 $$", "the line stays as it was"),
        ("rm $file", "No such file or directory"),
    ],
    ids=["status", "signal", "file"],
)
def test_an_editor_that_fails_leaves_the_entry_as_it_was(
    one_qemu: Server, tmp_path: Path, text: str, said: str
) -> None:
    variables = {"EDITOR": editor(tmp_path, text)}
    with Terminal("-q", one_qemu.address, columns=200, variables=variables) as terminal:
        terminal.wait_prompt()
        terminal.type("query-status" + EDIT)
        terminal.wait_for(said)
        terminal.wait(lambda: terminal.current == "(QEMU) query-status", "line as it was")
        terminal.type("\r")
        terminal.wait_above('"prelaunch"')


def test_no_such_editor_and_one_that_leaves_nothing(one_qemu: Server, tmp_path: Path) -> None:
    variables = {"EDITOR": "no-such-editor -x"}
    with Terminal("-q", one_qemu.address, columns=120, variables=variables) as terminal:
        terminal.wait_prompt()
        terminal.type("query-status" + EDIT)
        terminal.wait_for("no-such-editor -x: there is no such command; the line stays as it was")
        terminal.wait(lambda: terminal.current == "(QEMU) query-status", "line as it was")
    variables = {"EDITOR": editor(tmp_path, ": > $file")}
    with Terminal("-q", one_qemu.address, columns=120, variables=variables) as terminal:
        terminal.wait_prompt()
        terminal.type("query-status" + EDIT)
        terminal.wait(lambda: (entry(terminal), terminal.screen.cursor.x) == ("", 7), "empty entry")
        terminal.line("query-name")
        terminal.wait_above("(QEMU) query-name", '{"return": {}}')
        assert "prelaunch" not in terminal.text


def test_a_file_that_is_no_text_is_a_mistake_and_no_crash(one_qemu: Server, tmp_path: Path) -> None:
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


def test_a_reply_that_comes_meanwhile_is_shown_after_it(one_qemu: Server, tmp_path: Path) -> None:
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


def test_a_signal_ends_the_editor_too(one_qemu: Server, tmp_path: Path) -> None:
    variables = {"EDITOR": editor(tmp_path, "echo editing; read word < /dev/tty")}
    variables["TMPDIR"] = str(tmp_path)
    with Terminal("-q", one_qemu.address, variables=variables) as terminal:
        terminal.wait_prompt()
        terminal.type("query-name" + EDIT)
        terminal.wait_for("editing")
        terminal.signal(signal.SIGTERM)
        assert terminal.end() == 143
        assert terminal.modes == terminal.modes_before
        assert [one for one in tmp_path.iterdir() if one.name.startswith("qmpshell-")] == []
