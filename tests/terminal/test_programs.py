"""Test pagers and shell commands that run in the foreground."""

from __future__ import annotations

import json
import os
import shlex
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness.program import COMMAND, run
from tests.harness.screen import Terminal
from tests.harness.scripted import Peer, ScriptedServer
from tests.harness.servers import SYSTEM, Server, start_qemu

Start = Callable[[Callable[[Peer], object]], ScriptedServer]

CTRL_C = "\x03"


def child_of(terminal: Terminal) -> int:
    """Return the process id of the program that the shell runs."""
    shell = terminal.child.pid
    return int(Path(f"/proc/{shell}/task/{shell}/children").read_text().split()[0])


def foreground_group(terminal: Terminal) -> int:
    """Return the foreground process group of the terminal."""
    return os.tcgetpgrp(terminal.child.child_fd)


def wait_gone(terminal: Terminal, pid: int) -> None:
    terminal.wait(lambda: not Path(f"/proc/{pid}").exists(), f"end of {pid}")


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return str(path)


# -- server messages during a program -------------------------------------------------------------


def test_events_during_pager_appear_after_it(tmp_path: Path) -> None:
    second, log = f"{tmp_path}/second.sock", tmp_path / "log"
    options = ("-qmp", f"unix:{second},server=on,wait=off")
    with (
        start_qemu(SYSTEM, tmp_path / "vm.sock", *options) as server,
        Terminal("-q", "-l", str(log), server.address, columns=120) as terminal,
    ):
        terminal.wait_prompt()
        terminal.line("query-name | exec less")
        terminal.wait_for("(END)")
        assert run("-c", "cont; stop", second).status == 0
        terminal.wait(lambda: '"STOP"' in log.read_text(), "reading meanwhile")
        assert "STOP" not in terminal.text
        terminal.type("q")
        terminal.wait_above(" RESUME", " STOP")
        assert "RESUME" not in terminal.raw.partition(b"(END)")[0].decode()
        assert terminal.modes != terminal.modes_before
        terminal.type("\x04")
        assert terminal.end() == 0
        assert terminal.modes == terminal.modes_before


def test_large_event_stream_is_read_during_pager(scripted: Start) -> None:
    is_open, sent = threading.Event(), threading.Event()

    def part(peer: Peer) -> None:
        peer.negotiate()
        peer.reply(peer.read_the_users())
        assert is_open.wait(60)
        event = json.dumps({"event": "TICK", "data": {"x": "x" * 1000}}).encode() + b"\n"
        for _ in range(40):
            peer.send(event * 100)
        sent.set()
        peer.reply(peer.read_the_users(), "after it")
        peer.ended()

    with Terminal("-q", scripted(part).address, columns=120) as terminal:
        terminal.wait_prompt()
        terminal.line("query-name | exec less")
        terminal.wait_for("(END)")
        is_open.set()
        terminal.wait(sent.is_set, "reading meanwhile")
        assert "TICK" not in terminal.text
        terminal.type("q")
        terminal.wait_prompt()
        terminal.line("query-name")
        terminal.wait_above('{"return": "after it"}')
        counts = [line.split(" TICK ")[1] for line in terminal.history if " TICK " in line]
        folded = [int(text[1:].split()[0]) for text in counts if text.startswith("×")]
        shown = sum(text.startswith("{") for text in counts)
        assert shown + sum(folded) == 4000


# -- shell commands -------------------------------------------------------------------------------


@pytest.fixture
def background_qemu(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Return a command that starts QEMU in the background of the terminal, and its address."""
    address, pid = f"{tmp_path}/vm.sock", tmp_path / "pid"
    words = ("-machine", "none", "-nodefaults", "-display", "none", "-pidfile", str(pid))
    program = SYSTEM.program("qemu-system-x86_64")
    yield shlex.join([program, *words, "-qmp", f"unix:{address},server=on,wait=off"]), address
    if pid.exists():
        os.kill(int(pid.read_text()), signal.SIGKILL)


def test_ctrl_c_ends_only_the_shell_command(background_qemu: tuple[str, str]) -> None:
    start, address = background_qemu
    command = ("sh", "-c", f'{start} & exec "$@"', "sh", *COMMAND)
    with Terminal("--wait", "60", address, command=command, columns=120) as terminal:
        terminal.wait_ready()
        # With exec: dash loses a SIGINT that arrives while it starts a program.
        terminal.line("query-name | exec sleep 100")
        shell_group = os.getpgid(terminal.child.pid or 0)
        terminal.wait(
            lambda: foreground_group(terminal) != shell_group, "command in the foreground"
        )
        sleep = foreground_group(terminal)
        terminal.type(CTRL_C)
        wait_gone(terminal, sleep)
        terminal.wait(lambda: foreground_group(terminal) == shell_group, "shell in the foreground")
        terminal.wait_prompt()
        terminal.line("query-status")
        terminal.wait_above('"running"')
        terminal.line("quit")
        terminal.wait_for("Continue?")
        terminal.type("y")
        terminal.wait_above("the server has exited")


def test_shell_command_output_and_status_are_shown(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address, columns=120) as terminal:
        terminal.wait_prompt()
        for line, expected in (
            ("query-name | cat", '{"return": {}}'),
            ("query-name | sed s/return/RETURN/; exit 7", "ended with status 7"),
            ("query-name | no-such-command", "no-such-command: no such command"),
            ("query-name | kill -9 $$", "ended by signal 9"),
            ("query-qmp-schema | head -1 | cut -c 1-12", '{"return": ['),
            ("query-qmp-schema; query-name | wc -l", "2"),
            ("query-qmp-schema | jq '.return | length > 500'", "true"),
            ("no-such-thing; query-name | jq -c .", '{"return":{}}'),
            ("query-name | tail -n1 <&0 >/dev/tty", '{"return": {}}'),
        ):
            terminal.line(line)
            terminal.wait_above(expected)
        terminal.line("query-name | printf 'no line end'; stty raw -echo </dev/tty")
        terminal.wait_above("no line end%")
        terminal.line("query-status")
        terminal.wait_above("(QEMU) query-status", '"prelaunch"')
        terminal.type("\x04")
        assert terminal.end() == 0
        assert terminal.modes == terminal.modes_before


@pytest.mark.parametrize("line", ["no-such-thing", "/last", "/hmp no-such-thing"])
def test_failure_is_shown_instead_of_piped(one_qemu: Server, tmp_path: Path, line: str) -> None:
    path = tmp_path / "file"
    with Terminal("-q", one_qemu.address, columns=120) as terminal:
        terminal.wait_prompt()
        terminal.line("no-such-thing")
        terminal.wait_above("has not been found")
        for target in ("| cat -n; echo done", f"> {path}"):
            terminal.line(f"{line} {target}")
            terminal.wait_for(target)
            terminal.wait(
                lambda: terminal.current == "(QEMU)" and "no-such-thing" in terminal.above[0],
                "failure",
            )
        assert "done" not in terminal.lines
        assert not path.exists() or path.read_text() == ""


def test_large_reply_passes_through_pipe_and_file(scripted: Start, tmp_path: Path) -> None:
    value = ["y" * 99] * 50_000

    def part(peer: Peer) -> None:
        peer.negotiate()
        for _ in range(2):
            peer.reply(peer.read_the_users(), value)
        peer.ended()

    with Terminal("-q", scripted(part).address, columns=120) as terminal:
        terminal.wait_prompt()
        terminal.line("query-name | tr -dc y | wc -c")
        terminal.wait_above("4950000")
        terminal.line(f"query-name > {tmp_path}/out")
        terminal.line(f"/last >> {tmp_path}/out")
        terminal.line("/last | tr -dc y | wc -c | sed 's/^/all: /'")
        terminal.wait_above("all: 4950000")
        lines = (tmp_path / "out").read_text().splitlines()
        assert [json.loads(line) for line in lines] == [{"return": value}] * 2


# -- pagers ---------------------------------------------------------------------------------------


def test_last_shows_whole_reply_in_pager(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.line("query-commands")
        terminal.wait_prompt()
        terminal.line("/last")
        terminal.wait(lambda: terminal.current == ":", "pager")
        terminal.type("G")
        terminal.wait_for("(END)")
        assert terminal.lines[-2] == "}"
        terminal.type("g/query-name\r")
        terminal.wait_for('"query-name"')
        terminal.type("q")
        terminal.wait_prompt()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"PAGER": "sed 's/^/paged: /'"}, "paged: }"),
        ({"PAGER": "no-such-pager"}, "no-such-pager: no such command"),
        ({"PAGER": "", "LESS": "-E -F -X"}, ":"),
        ({"PAGER": "", "LESS": "iM"}, ":"),
        ({"PAGER": "exit 3"}, "(QEMU) /last"),
    ],
    ids=["program", "missing", "settings", "letters", "fails"],
)
def test_pager_variable_selects_the_pager(
    one_qemu: Server, variables: dict[str, str], expected: str
) -> None:
    with Terminal("-q", one_qemu.address, columns=120, variables=variables) as terminal:
        terminal.wait_prompt()
        terminal.line("query-commands")
        terminal.wait_above("/last shows all")
        terminal.line("/last")
        if expected == ":":
            terminal.wait(
                lambda: '{"name": "' in terminal.text and "(QEMU)" not in terminal.text, "less"
            )
            assert "ESC" not in terminal.text
            terminal.type("G")
            terminal.wait_for("\n}")
        else:
            terminal.wait_above(expected)


def test_pager_shows_lines_of_trees_without_locale(one_qemu: Server) -> None:
    variables = {"LC_ALL": "C", "LANG": "C", "PAGER": "less"}
    with Terminal("-q", one_qemu.address, columns=120, rows=12, variables=variables) as terminal:
        terminal.wait_prompt()
        terminal.line("/graph qom / | less")
        terminal.wait_for("├─ chardevs")


@pytest.mark.parametrize("pager", ["less", "/usr/bin/less -X", "more"])
def test_reply_in_typed_pager_is_laid_out(one_qemu: Server, pager: str) -> None:
    with Terminal("-q", one_qemu.address, columns=80) as terminal:
        terminal.wait_prompt()
        terminal.line(f"query-commands | {pager}")
        terminal.wait(lambda: terminal.lines[2].startswith('    {"name": "'), "laid-out reply")
        assert "ESC" not in terminal.text
        terminal.type("q")
        terminal.wait_prompt()


def test_reply_in_pipeline_with_pager_is_compact(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address, columns=80) as terminal:
        terminal.wait_prompt()
        terminal.line("query-commands | wc -l | less -F -X")
        terminal.wait_for("\n1\n")


# -- rounds and several lines ---------------------------------------------------------------------


def test_watch_with_shell_command_shows_each_round(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address, columns=100) as terminal:
        terminal.wait_prompt()
        terminal.line("/watch -n 0.1 query-status | jq -c .return.running")
        terminal.wait(lambda: terminal.text.count("\nfalse") >= 3, "three rounds")
        terminal.wait(lambda: _stops(terminal), "end of it")
        terminal.line("query-name")
        terminal.wait_above('{"return": {}}')


def _stops(terminal: Terminal) -> bool:
    """Press Ctrl-C. Return True if the shell has stopped waiting."""
    if "no longer waiting for /watch query-status" not in terminal.text:
        terminal.type(CTRL_C)
        return False
    return True


def test_replies_to_pasted_lines_name_their_line(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address, columns=60) as terminal:
        terminal.wait_prompt()
        terminal.paste('query-name\n\n# nothing\n{"execute":\n"no-such"}\nstop; query-kvm')
        terminal.type("\r")
        terminal.wait_for('"present": true')
        terminal.wait_prompt()
        lines = [line for line in terminal.lines if line]
        found = [line for line in lines[lines.index("line 1: query-name") :] if "line " in line]
        assert found == [
            "line 1: query-name",
            'line 4: {"execute":',
            "line 6: stop; query-kvm",
            "line 6: stop; query-kvm",
        ]
        terminal.line("query-name")
        terminal.wait_above("(QEMU) query-name", '{"return": {}}')


def test_short_last_reply_skips_the_pager(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address, variables={"PAGER": "no-such-pager"}) as terminal:
        terminal.wait_prompt()
        terminal.line("query-name")
        terminal.wait_above('{"return": {}}  ')
        terminal.line("/last")
        terminal.wait_above("(QEMU) /last", '{"return": {}}')


def test_missing_less_falls_back_to_more(one_qemu: Server, tmp_path: Path) -> None:
    script(tmp_path / "more", "read line; echo more of $line")
    variables = {"PATH": str(tmp_path)}
    with Terminal("-q", one_qemu.address, variables=variables) as terminal:
        terminal.wait_prompt()
        terminal.line("query-commands")
        terminal.wait_above("/last shows all")
        terminal.line("/last")
        terminal.wait_above("more of {")


def test_more_does_not_break_lines(one_qemu: Server) -> None:
    """It counts the codes of colours as columns."""
    variables = {"PAGER": "more -e"}
    with Terminal("-q", one_qemu.address, columns=100, rows=40, variables=variables) as terminal:
        terminal.wait_prompt()
        terminal.line("/help")
        terminal.wait_for("--More--")
        assert [line for line in terminal.lines if line[:1].islower()] == ["lists the keys."]
        terminal.type("q")
        terminal.wait_prompt()


def test_killed_pager_returns_to_prompt(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address, columns=120) as terminal:
        terminal.wait_prompt()
        terminal.line("query-name | exec less")
        terminal.wait_for("(END)")
        os.kill(child_of(terminal), signal.SIGKILL)
        terminal.wait_for("exec less: ended by signal 9")
        terminal.wait_prompt()
        terminal.line("query-status")
        terminal.wait_above("(QEMU) query-status", '"prelaunch"')


def test_partial_line_returns_after_pager(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address, columns=120) as terminal:
        terminal.wait_prompt()
        one_qemu.stop()
        terminal.type("query-name | less\rquery-st")
        terminal.wait(lambda: terminal.current == "(QEMU) query-st", "half-typed line")
        one_qemu.process.send_signal(signal.SIGCONT)
        terminal.wait_for("(END)")
        terminal.type("q")
        terminal.wait(lambda: terminal.current == "(QEMU) query-st", "half-typed line")
        terminal.type("atus\r")
        terminal.wait_above('"prelaunch"')


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=str
)
def test_signal_to_shell_ends_the_pager(
    one_qemu: Server, number: signal.Signals, status: int
) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.line("query-name | exec less")
        terminal.wait_for("(END)")
        less = child_of(terminal)
        terminal.signal(number)
        assert terminal.end() == status
        assert terminal.modes == terminal.modes_before
        assert not Path(f"/proc/{less}").exists()


def test_program_that_ignores_signals_is_killed(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.line("query-name | trap '' HUP TERM; echo ready; while :; do sleep 1000; done")
        terminal.wait_for("\nready")
        child = child_of(terminal)
        terminal.signal(signal.SIGTERM)
        assert terminal.end() == 143
        assert terminal.modes == terminal.modes_before
        assert not Path(f"/proc/{child}").exists()


def test_connection_loss_during_pager_is_reported_afterwards(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address, columns=200) as terminal:
        terminal.wait_prompt()
        terminal.line("query-name | exec less")
        terminal.wait_for("(END)")
        one_qemu.kill()
        terminal.type("q")
        terminal.wait_above(f"{one_qemu.address}: connection lost")
        assert terminal.text.count("connection lost") == 1


def test_sigquit_does_not_end_the_shell(one_qemu: Server) -> None:
    r"""Ctrl-\ sends it while the terminal is prepared for a program."""
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.signal(signal.SIGQUIT)
        terminal.line("query-name")
        terminal.wait_above('{"return": {}}')
        # A program gets the default back: it ends.
        terminal.line("query-name | kill -QUIT $$")
        terminal.wait_above("ended by signal 3")


def test_help_passes_through_pipe_and_file(one_qemu: Server, tmp_path: Path) -> None:
    file = tmp_path / "help"
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.line("/help keyval | sed -n 's/^/piped: /p'")
        terminal.wait_for("piped: ")
        terminal.wait_prompt()
        terminal.line(f"/help > {file}")
        terminal.wait(lambda: file.exists() and "/wait-job" in file.read_text(), "help in a file")
