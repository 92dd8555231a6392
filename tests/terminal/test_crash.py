"""A mistake of our own: the terminal is as it was found, and what went wrong is in a file."""

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


def spoil(where: str) -> tuple[str, ...]:
    """The program with one member of one class replaced by a mistake."""
    module, name, member = where.rsplit(".", 2)
    code = WRAPPER.format(module=f"qmpshell.{module}", name=name, member=member)
    return (sys.executable, "-c", code)


def assert_crashed(terminal: Terminal, state: Path) -> None:
    """It has ended with one sentence, the details in a file, and everything tidy."""
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
    sentence = (
        "qmpshell: a mistake of qmpshell's own: RuntimeError: spoilt\\x1b[2J;"
        f" the details are in {path}"
    )
    assert terminal.text.splitlines()[-1] == sentence
    assert terminal.text.count("a mistake of") == 1
    assert terminal.current == ""  # the next prompt of the user's shell begins a line


@pytest.mark.parametrize(
    ("where", "keys"),
    [
        ("session.Session.submit", "query-name\r"),
        ("terminal.formatter.TerminalView.fragments", ""),
        ("terminal.formatter.TerminalView.event", "cont\r"),
        ("terminal.throttle.Storm.take", "cont\r"),
        ("terminal.output.Printer.flush", "query-name\r"),
        ("terminal.prompt.Stage._edit", "half a line\x18\x05"),
        ("terminal.prompt.Entry.is_whole", "query-name\r"),
        ("terminal.prompt.Entry.lines", "query-name\r"),
        ("terminal.completer.LineNames.get_completions", "query-n\t"),
        ("terminal.processes.Programs.page", "query-commands; /last\r"),
        ("terminal.processes.Foreground.run", "query-name | cat\r"),
        ("terminal.prompt.Stage.confirm", "quit\r"),
        ("terminal.app.Shell._ask_secret", "set_password password=@?\r"),
        ("terminal.background.Reconnecting.begin", "/connect\r"),
        ("terminal.stream_reader.Wire.send", ""),
        ("session.live_names.Probes.learn", ""),
        ("session.Session.describe_hold_up", ""),
        ("terminal.prompt.Stage.turn", ""),
    ],
)
def test_a_mistake_anywhere(one_qemu: Server, tmp_path: Path, where: str, keys: str) -> None:
    variables = {"XDG_STATE_HOME": str(tmp_path)}
    with Terminal(
        "-q", one_qemu.address, command=spoil(where), columns=200, variables=variables
    ) as terminal:
        if keys:
            terminal.wait_prompt()
            terminal.type(keys)
        assert_crashed(terminal, tmp_path)
    assert run("-c", "query-name", one_qemu.address).status == 0


def test_a_mistake_while_a_pager_is_open(tmp_path: Path) -> None:
    second = f"{tmp_path}/second.sock"
    options = ("-qmp", f"unix:{second},server=on,wait=off")
    variables = {"XDG_STATE_HOME": str(tmp_path)}
    command = spoil("terminal.formatter.TerminalView.event")
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
def test_where_no_file_can_be_written_the_sentence_is_told(
    one_qemu: Server, tmp_path: Path, state: str
) -> None:
    variables = {"XDG_STATE_HOME": state, "HOME": "/dev/null"}
    command = spoil("session.Session.submit")
    with Terminal(
        "-q", one_qemu.address, command=command, columns=200, variables=variables
    ) as terminal:
        terminal.wait_prompt()
        terminal.line("query-name")
        assert terminal.end() == 1
        assert terminal.modes == terminal.modes_before
        last = terminal.text.splitlines()[-1]
        assert last == "qmpshell: a mistake of qmpshell's own: RuntimeError: spoilt\\x1b[2J"


def test_a_script_tells_of_it_in_the_same_way(one_qemu: Server, tmp_path: Path) -> None:
    done = subprocess.run(
        [*spoil("session.Session.submit"), "-c", "query-name", one_qemu.address],
        capture_output=True,
        text=True,
        check=False,
        env=environment(XDG_STATE_HOME=str(tmp_path)),
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        "qmpshell: a mistake of qmpshell's own: RuntimeError: spoilt\\x1b"
    )
    assert len(done.stderr.splitlines()) == 1
    assert len(list((tmp_path / "qmpshell").iterdir())) == 1
