"""Test that an internal error restores the terminal and writes a crash report."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.program import environment, run
from tests.harness.screen import Terminal
from tests.harness.servers import SYSTEM, Server, start_qemu

WRAPPER = """
import sys
from qmpshell.cli.main import main
from {module} import {name}

def spoilt(*arguments, **named):
    raise RuntimeError("spoilt\\x1b[2J")

{name}.{member} = spoilt
sys.exit(main())
"""


def command_with_error(where: str) -> tuple[str, ...]:
    """Return the command for the program with one method replaced by a function that raises."""
    module, name, member = where.rsplit(".", 2)
    code = WRAPPER.format(module=f"qmpshell.{module}", name=name, member=member)
    return (sys.executable, "-c", code)


def assert_crashed(terminal: Terminal, state: Path) -> None:
    """Assert that the shell printed one message, wrote a report and restored the terminal."""
    assert terminal.end() == 1
    assert terminal.modes == terminal.modes_before
    for on, off in ((b"\x1b[?2004h", b"\x1b[?2004l"), (b"\x1b[?25l", b"\x1b[?25h")):
        assert terminal.raw.rfind(on) <= terminal.raw.rfind(off)
    (path,) = (state / "qmpshell").glob("crash-*.txt")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    text = path.read_text()
    assert text.startswith("qmpshell ")
    assert "Traceback (most recent call last)" in text
    assert "in spoilt" in text
    sentence = f"qmpshell: internal error: RuntimeError: spoilt\\x1b[2J; the details are in {path}"
    assert terminal.text.splitlines()[-1] == sentence
    assert terminal.text.count("internal error") == 1
    assert terminal.current == ""  # the next prompt of the user's shell starts in column 0


@pytest.mark.parametrize(
    ("where", "keys"),
    [
        ("session.Session.submit", "query-name\r"),
        ("terminal.formatter.EffectFormatter.fragments", ""),
        ("terminal.formatter.EffectFormatter.event", "cont\r"),
        ("terminal.throttle.EventThrottle.allow", "cont\r"),
        ("terminal.output.OutputQueue.flush", "query-name\r"),
        ("terminal.prompt.PromptController._edit", "half a line\x18\x05"),
        ("terminal.typed_text.InputSplitter.is_whole", "query-name\r"),
        ("terminal.typed_text.InputSplitter.lines", "query-name\r"),
        ("terminal.completer.LineCompleter.get_completions", "query-n\t"),
        ("terminal.processes.ForegroundProcess.page", "query-commands; /last\r"),
        ("terminal.processes.ForegroundProcess.run", "query-name | cat\r"),
        ("terminal.prompt.PromptController.confirm", "quit\r"),
        ("terminal.prompt.PromptController.ask_secret", "set_password password=@?\r"),
        ("terminal.servers.Reconnector.start", "/connect\r"),
        ("terminal.stream_reader.StreamReader.send", ""),
        ("session.Session.query_commands", ""),
        ("session.Session.describe_blocker", ""),
        ("terminal.prompt.PromptController.turn", ""),
    ],
)
def test_internal_error_ends_shell_cleanly(
    one_qemu: Server, tmp_path: Path, where: str, keys: str
) -> None:
    variables = {"XDG_STATE_HOME": str(tmp_path)}
    with Terminal(
        "-q", one_qemu.address, command=command_with_error(where), columns=200, variables=variables
    ) as terminal:
        if keys:
            terminal.wait_prompt()
            terminal.type(keys)
        assert_crashed(terminal, tmp_path)
    assert run("-c", "query-name", one_qemu.address).status == 0


def test_internal_error_with_open_pager_ends_shell_cleanly(tmp_path: Path) -> None:
    second = f"{tmp_path}/second.sock"
    options = ("-qmp", f"unix:{second},server=on,wait=off")
    variables = {"XDG_STATE_HOME": str(tmp_path)}
    command = command_with_error("terminal.formatter.EffectFormatter.event")
    with (
        start_qemu(SYSTEM, tmp_path / "vm.sock", *options) as qemu,
        Terminal("-q", qemu.address, command=command, columns=200, variables=variables) as terminal,
    ):
        terminal.wait_prompt()
        terminal.line("query-name | exec less")
        terminal.wait_for("(END)")
        assert run("-c", "cont", second).status == 0
        assert_crashed(terminal, tmp_path)


@pytest.mark.parametrize("state", ["", "relative", "/dev/null/x"])
def test_internal_error_without_report_file_prints_message(one_qemu: Server, state: str) -> None:
    variables = {"XDG_STATE_HOME": state, "HOME": "/dev/null"}
    command = command_with_error("session.Session.submit")
    with Terminal(
        "-q", one_qemu.address, command=command, columns=200, variables=variables
    ) as terminal:
        terminal.wait_prompt()
        terminal.line("query-name")
        assert terminal.end() == 1
        assert terminal.modes == terminal.modes_before
        last = terminal.text.splitlines()[-1]
        assert last == "qmpshell: internal error: RuntimeError: spoilt\\x1b[2J"


def test_internal_error_in_script_prints_same_message(one_qemu: Server, tmp_path: Path) -> None:
    done = subprocess.run(
        [*command_with_error("session.Session.submit"), "-c", "query-name", one_qemu.address],
        capture_output=True,
        text=True,
        check=False,
        env=environment(XDG_STATE_HOME=str(tmp_path)),
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("qmpshell: internal error: RuntimeError: spoilt\\x1b")
    assert len(done.stderr.splitlines()) == 1
    assert len(list((tmp_path / "qmpshell").iterdir())) == 1
