"""Test the shell at a terminal whose cursor cannot move, or whose output goes elsewhere."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import termios
import time
from pathlib import Path

import pytest

from tests.harness.program import COMMAND, own_directories, run
from tests.harness.screen import Terminal
from tests.harness.servers import SYSTEM, Server, start_qemu

_CTRL_C, _CTRL_D = "\x03", "\x04"
_NO_TERMINALS = [{"TERM": "dumb"}, {"TERM": "unknown"}, {"TERM": ""}]


def _plain(server: Server, *options: str, **variables: str) -> Terminal:
    return Terminal(*options, server.address, columns=160, variables={"TERM": "dumb", **variables})


def _piped(server: Server, command: str, *options: str) -> Terminal:
    shell = ("sh", "-c", f'exec "$@" {command}', "sh", *COMMAND)
    return Terminal(*options, server.address, columns=160, command=shell)


@pytest.mark.parametrize("variables", _NO_TERMINALS, ids=["dumb", "unknown", "none"])
def test_dumb_terminal_has_banner_prompt_and_questions(
    one_qemu: Server, variables: dict[str, str]
) -> None:
    with Terminal(one_qemu.address, columns=160, variables=variables) as terminal:
        terminal.wait_ready()
        assert terminal.text.startswith("Connected to QEMU ")
        assert terminal.lines[1] == "/help lists the shell commands."  # Tab and F1 do nothing
        terminal.line("query-name")
        terminal.wait_above("(QEMU) query-name", '{"return": {}}')
        terminal.line("quit")
        terminal.wait_for("quit ends the server and its VM. Continue? [y/N]")
        terminal.line("no")
        terminal.wait_above("not sent")
        terminal.line("quit")
        terminal.wait(lambda: terminal.current.endswith("[y/N]"), "the question")
        terminal.line("y")
        terminal.wait_for("the server has exited")
        terminal.wait_prompt()
        terminal.type(_CTRL_D)
        assert terminal.end() == 0
        assert b"\x1b" not in terminal.raw


def test_piped_output_is_that_of_a_script(one_qemu: Server, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with _piped(one_qemu, f"| cat > {out}") as terminal:
        terminal.wait_ready()
        terminal.line("query-name")
        terminal.line("system_reset")
        terminal.wait_for("system_reset resets the VM. Continue? [y/N]")
        terminal.line("")
        terminal.wait_for("not sent")
        terminal.wait_prompt()
        terminal.line("query-nam")
        terminal.wait_for("did you mean query-name or")
        terminal.type(_CTRL_D)
        assert terminal.end() == 0
    script = run(one_qemu.address, input="query-name\nquery-nam\n")
    assert out.read_text() == script.out


def test_continuation_while_prompt_is_written_repeats_it(one_qemu: Server, tmp_path: Path) -> None:
    out, fifo = tmp_path / "out", tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    shown = bytearray()

    def is_shown(text: bytes) -> bool:
        with contextlib.suppress(BlockingIOError):
            shown.extend(os.read(reader, 1 << 20))
        return text in shown

    with open(reader, "r+b", buffering=0), _piped(one_qemu, f"> {out} 2> {fifo}", "-q") as terminal:
        terminal.wait(lambda: is_shown(b"(QEMU) "), "prompt")
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(reader, bytes(1))  # fills it
        terminal.line("query-name")
        terminal.wait(lambda: out.read_text() == '{"return": {}}\n', "reply")
        terminal.wait_until_it_waits()
        terminal.signal(signal.SIGCONT)
        terminal.wait(lambda: is_shown(b"(QEMU) (QEMU) "), "second prompt")
        terminal.type(_CTRL_D)
        assert terminal.end() == 0


def test_input_without_a_user_runs_as_script(one_qemu: Server) -> None:
    shell = ("sh", "-c", 'echo query-name | "$@"', "sh", *COMMAND)
    with Terminal(one_qemu.address, command=shell) as terminal:
        assert terminal.end() == 0
        assert '"return": {}' in terminal.text
        assert b"(QEMU)" not in terminal.raw
        assert b"Connected" not in terminal.raw
        # Colour sequences are allowed, cursor movement is not.
        assert b"\x1b" not in re.sub(rb"\x1b\[[0-9]*m", b"", terminal.raw)


def test_command_option_at_dumb_terminal_runs_a_script(one_qemu: Server) -> None:
    with _plain(one_qemu, "-c", "query-name") as terminal:
        assert terminal.end() == 0
        assert json.loads(terminal.text) == {"return": {}}


def test_typeahead_does_not_answer_a_question(one_qemu: Server) -> None:
    with _plain(one_qemu, "-q") as terminal:
        terminal.wait_prompt()
        one_qemu.stop()
        terminal.line("query-name")
        terminal.line("quit")
        terminal.line("y")
        terminal.wait_for("\ny")
        one_qemu.process.send_signal(signal.SIGCONT)
        terminal.wait(lambda: terminal.current.endswith("Continue? [y/N]"), "the question")
        terminal.line("n")
        terminal.wait_for("not sent")
        terminal.wait_for("CommandNotFound: The command y ")
        terminal.wait_prompt()


def test_event_at_the_prompt_precedes_another_prompt(tmp_path: Path) -> None:
    second = f"{tmp_path}/second.sock"
    options = ("-qmp", f"unix:{second},server=on,wait=off")
    with start_qemu(SYSTEM, tmp_path / "vm.sock", *options) as server, _plain(server) as terminal:
        terminal.wait_ready()
        assert run("-c", "cont", second).status == 0
        terminal.wait_above("(QEMU)", " RESUME")


@pytest.mark.parametrize("start", ["transaction(", '{"execute": "query-kvm",', "query-kvm \\"])
def test_interrupt_discards_incomplete_line_in_plain_shell(one_qemu: Server, start: str) -> None:
    with _plain(one_qemu, "-q") as terminal:
        terminal.wait_prompt()
        terminal.line(start)
        terminal.wait(lambda: terminal.current == "...", "the next part of the line")
        terminal.type(_CTRL_C)
        terminal.wait_prompt()
        terminal.line("query-name")
        terminal.wait_above("(QEMU) query-name", '{"return": {}}')
        assert "kvm" not in terminal.text.partition("query-name")[2]


def test_interrupt_ends_a_wait_in_plain_shell(one_qemu: Server) -> None:
    with _plain(one_qemu, "-q") as terminal:
        terminal.wait_prompt()
        terminal.line("cont")
        terminal.wait_above(" RESUME", '{"return": {}}')
        terminal.type("/wait STOP\n")
        terminal.wait(lambda: terminal.current == "", "echo of the line")
        terminal.wait_until_it_waits()
        terminal.type(_CTRL_C)
        terminal.wait_above("^C", "no longer waiting for STOP")
        terminal.type(_CTRL_C)
        terminal.wait_above("(QEMU) ^C", "Ctrl-D leaves the shell")


def test_jobs_and_json_work_at_dumb_terminal(one_qemu: Server) -> None:
    with _plain(one_qemu, "-q") as terminal:
        terminal.wait_prompt()
        terminal.line("/jobs")
        terminal.wait_above("(QEMU) /jobs", "there are no jobs")
        terminal.line('{"execute":')
        terminal.wait_prompt("...")
        terminal.line('"query-name"}')
        terminal.wait_above('... "query-name"}', '{"return": {}}')
        terminal.line("stop now")
        terminal.wait_above("stop now", "  ^^^", "expected KEY=VALUE")


@pytest.mark.parametrize("leave", ["answer", "interrupt", "terminate"])
def test_secret_is_not_echoed_and_echo_returns(one_qemu: Server, leave: str) -> None:
    with _plain(one_qemu, "-q") as terminal:
        terminal.wait_prompt()
        terminal.line("object-add qom-type=secret id=s data=@?")
        terminal.wait(lambda: terminal.current == "data:", "the question")
        terminal.wait(lambda: not terminal.modes[3] & termios.ECHO, "echo off")
        if leave == "answer":
            terminal.line("hidden -> {")
            terminal.wait_for('{"return": {}}')
        elif leave == "interrupt":
            terminal.type(f"hidden{_CTRL_C}")
        else:
            terminal.signal(signal.SIGTERM)
            assert terminal.end() == 143
        if leave != "terminate":
            terminal.wait_prompt()
        assert terminal.modes == terminal.modes_before
        assert b"hidden" not in terminal.raw


def test_overwriting_a_file_needs_confirmation(one_qemu: Server, tmp_path: Path) -> None:
    file = tmp_path / "out"
    file.write_text("old")
    with _plain(one_qemu, "-q") as terminal:
        terminal.wait_prompt()
        terminal.line(f"query-name > {file}")
        terminal.wait_for("exists and would be overwritten. Continue? [y/N]")
        terminal.line("n")
        terminal.wait_for("was not overwritten; nothing was sent")
        terminal.wait_prompt()
        assert file.read_text() == "old"
        terminal.line(f"query-name > {file}")
        terminal.wait(lambda: terminal.current.endswith("[y/N]"), "the question")
        terminal.line("y")
        terminal.wait_prompt()
        assert json.loads(file.read_text()) == {"return": {}}


def test_settings_file_applies_at_a_dumb_terminal(one_qemu: Server, tmp_path: Path) -> None:
    variables = own_directories(tmp_path)
    settings = Path(variables["XDG_CONFIG_HOME"], "qmpshell", "config.toml")
    settings.parent.mkdir(parents=True)
    settings.write_text("quiet = true\nconfirm = ['query-name']\n")
    with _plain(one_qemu, **variables) as terminal:
        terminal.wait_prompt()
        terminal.line("query-name")
        terminal.wait_for("Continue? [y/N]")
        assert "Connected" not in terminal.text


def test_lost_connection_leaves_the_plain_shell_open(one_qemu: Server) -> None:
    with _plain(one_qemu, "-q") as terminal:
        terminal.wait_prompt()
        terminal.line("query-name")
        terminal.wait_above('{"return": {}}')  # the negotiation has ended
        one_qemu.process.kill()
        terminal.wait_for("connection lost")
        terminal.wait_prompt()
        terminal.line("query-name")
        terminal.wait_above("not connected; nothing was sent; use /connect to reconnect")
        terminal.line("/connect")
        terminal.wait_for("connection refused")
        terminal.wait_prompt()
        terminal.type(_CTRL_D)
        assert terminal.end() == 3


def test_plain_shell_connects_to_another_server(one_qemu: Server, tmp_path: Path) -> None:
    with (
        start_qemu(SYSTEM, tmp_path / "b.sock", "-name", "second") as second,
        _plain(one_qemu, "-q") as terminal,
    ):
        terminal.wait_prompt()
        for address, reply in (
            (second.address, '{"return": {"name": "second"}}'),
            (one_qemu.address, '{"return": {}}'),
            (one_qemu.address, '{"return": {}}'),
        ):
            terminal.line(f"/connect {address}; query-name")
            terminal.wait_above(f"/connect {address}; query-name", reply)
        # The second server accepts other clients again.
        assert run("-c", "query-name", second.address).status == 0


def test_plain_shell_keeps_connection_after_failed_connect(
    one_qemu: Server, tmp_path: Path
) -> None:
    with (
        start_qemu(SYSTEM, tmp_path / "b.sock") as second,
        _plain(one_qemu, "-q") as terminal,
    ):
        terminal.wait_prompt()
        second.stop()
        for address, problem in (
            (f"{tmp_path}/none", "no such socket"),
            (second.address, "is stopped; kill -CONT"),
            ("exec:false", "the command exited with status 1"),
        ):
            terminal.line(f"/connect {address}; query-name")
            terminal.wait_for(problem)
            terminal.wait_for("still connected to")
            terminal.wait_prompt()
            terminal.line("query-name")
            terminal.wait_above("(QEMU) query-name", '{"return": {}}')


def test_run_at_dumb_terminal_ends_qemu(tmp_path: Path) -> None:
    variables = {"TERM": "dumb", **own_directories(tmp_path)}
    with Terminal("run", columns=160, variables=variables) as terminal:
        terminal.wait_for("Connected to QEMU")
        terminal.wait_prompt()
        terminal.line("query-status")
        terminal.wait_for('"prelaunch"')
        terminal.wait_prompt()
        terminal.type(_CTRL_D)
        assert terminal.end() == 0


def test_ctrl_c_at_question_keeps_plain_shell(tmp_path: Path) -> None:
    variables = {"TERM": "dumb", **own_directories(tmp_path)}
    options = ("run", "--", "-machine", "none", "-nodefaults", "-display", "none")
    with Terminal(*options, columns=160, variables=variables) as terminal:
        terminal.wait_ready()
        terminal.type(_CTRL_D)
        terminal.wait(lambda: terminal.current.endswith("Continue? [y/N]"), "question")
        terminal.signal(signal.SIGCONT)
        terminal.wait(lambda: terminal.text.count("Continue? [y/N]") == 2, "question again")
        terminal.type(_CTRL_C)
        terminal.wait_above("Continue? [y/N] ^C", "Ctrl-D leaves the shell and ends QEMU")
        terminal.line("query-name")
        terminal.wait_above("(QEMU) query-name", '{"return": {}}')
        terminal.type(_CTRL_D)
        terminal.wait(lambda: terminal.current.endswith("Continue? [y/N]"), "question")
        terminal.type(_CTRL_D)
        terminal.wait_prompt()
        terminal.type(f"{_CTRL_D}y\r")  # typed too early
        terminal.wait(lambda: terminal.current.endswith("Continue? [y/N]"), "question")
        terminal.line("y")
        assert terminal.end() == 0


def test_typed_line_after_transcript_runs(one_qemu: Server) -> None:
    with _plain(one_qemu, "-q") as terminal:
        terminal.wait_prompt()
        terminal.type_at_once('(QEMU) query-name\r{"return": {}}\r')
        terminal.wait_for("this is a transcript")
        terminal.wait_prompt()

        typed_at = time.monotonic()

        def has_run() -> bool:
            nonlocal typed_at
            if time.monotonic() - typed_at > 0.5:  # a line that follows at once counts as pasted
                typed_at = time.monotonic()
                terminal.line("query-kvm")
            return '"enabled"' in terminal.text

        terminal.wait(has_run, "reply")


def test_ctrl_d_at_question_cancels_only_it(one_qemu: Server) -> None:
    with _plain(one_qemu, "-q") as terminal:
        terminal.wait_prompt()
        terminal.line("object-add qom-type=secret id=s data=@?")
        terminal.wait(lambda: terminal.current == "data:", "question")
        terminal.wait_until_it_waits()
        terminal.type(_CTRL_D)
        terminal.wait_above("data:", "not sent")
        assert terminal.modes == terminal.modes_before
        terminal.line("object-del id=s")
        terminal.wait_above("object 's' not found")


@pytest.mark.parametrize("options", [(), ("--raw",)], ids=["qmp", "raw"])
def test_line_that_terminal_cuts_is_refused(one_qemu: Server, options: tuple[str, ...]) -> None:
    prompt = ">" if options else "(QEMU)"
    with _plain(one_qemu, "-q", *options) as terminal:
        terminal.wait_prompt(prompt)
        terminal.line('{"execute": "query-name", "id": "' + "z" * 5_000 + '"}')
        terminal.wait_for("nothing was sent. Use KEY=@FILE or /source FILE")
        terminal.wait_prompt(prompt)
        assert '"return"' not in terminal.text


@pytest.mark.parametrize("keys", [_CTRL_D, "exit\r", "/quit\r"])
def test_silent_server_can_be_left(tmp_path: Path, keys: str) -> None:
    path = tmp_path / "silent.sock"
    with (
        socket.create_server(str(path), family=socket.AF_UNIX),
        Terminal(str(path), columns=160, variables={"TERM": "dumb"}) as terminal,
    ):
        terminal.wait_prompt()
        terminal.line("/status")
        terminal.wait_for(f"{path}: connected\n")
        terminal.type(keys)
        assert terminal.end() == 0


def test_lines_overtake_a_wait_in_plain_shell(one_qemu: Server) -> None:
    with _plain(one_qemu, "-q") as terminal:
        terminal.wait_prompt()
        terminal.line("/wait STOP")
        terminal.line("query-kvm")
        terminal.wait_above("waiting for STOP, 1 s; Ctrl-C stops waiting; 1 more is queued")
        terminal.line("/status")
        terminal.wait_for("capabilities: oob")
        terminal.line("/oob query-yank")
        terminal.wait_for('"return": ')
        assert "enabled" not in terminal.text
        terminal.wait_prompt()
        terminal.type(_CTRL_D)
        terminal.wait_for("1 command was not sent")
        assert terminal.end() == 0


def test_failed_command_does_not_change_exit_status(one_qemu: Server) -> None:
    with _plain(one_qemu, "-q") as terminal:
        terminal.wait_prompt()
        terminal.line("query-foo | cat")
        terminal.wait_above("CommandNotFound: The command query-foo has not been found")
        assert ":1:1:" not in terminal.text
        terminal.type(_CTRL_D)
        assert terminal.end() == 0


def test_lines_pasted_behind_a_question_run_later(one_qemu: Server) -> None:
    with _plain(one_qemu, "-q") as terminal:
        terminal.wait_prompt()
        terminal.type_at_once("query-name\rquit\rquery-kvm\r")
        terminal.wait(lambda: terminal.current.endswith("Continue? [y/N]"), "question")
        terminal.wait_until_it_waits()
        assert "enabled" not in terminal.text
        terminal.line("n")
        terminal.wait_above("not sent", '"enabled"')


def test_command_owns_plain_terminal_until_its_end(tmp_path: Path) -> None:
    second = f"{tmp_path}/second.sock"
    options = ("-qmp", f"unix:{second},server=on,wait=off")
    program = (
        "sh -c 'cat; trap \"echo got it; exit 0\" INT; echo started; while :; do sleep 0.1; done'"
    )
    with (
        start_qemu(SYSTEM, tmp_path / "vm.sock", *options) as server,
        _plain(server, "-q") as terminal,
    ):
        terminal.wait_prompt()
        terminal.line(f"query-name | {program}")
        terminal.wait_for("started")
        assert run("-c", "cont", "-c", "query-name", second).status == 0
        assert "RESUME" not in terminal.text
        terminal.type(_CTRL_C)
        terminal.wait_for("got it")
        terminal.wait_for(" RESUME")
        terminal.wait_prompt()
        text = terminal.text
        assert text.index("got it") < text.index(" RESUME")
        assert "signal" not in text
        terminal.line("query-name | sh -c 'cat; echo sleeping; exec sleep 60'")
        terminal.wait_for("\nsleeping")
        terminal.type(_CTRL_C)
        terminal.wait_above("^C")
        assert "signal" not in terminal.text


def test_frequent_events_are_counted_in_plain_shell(tmp_path: Path) -> None:
    second = f"{tmp_path}/second.sock"
    options = ("-qmp", f"unix:{second},server=on,wait=off")
    with (
        start_qemu(SYSTEM, tmp_path / "vm.sock", *options) as server,
        _plain(server, "-q") as terminal,
    ):
        terminal.wait_prompt()
        assert run(second, input="cont\nstop\n" * 100).status == 0
        terminal.wait_for(" STOP ×")
        terminal.wait_prompt()
        terminal.line("query-name")
        terminal.wait_above("(QEMU) query-name", '{"return": {}}')


def test_typed_pager_gets_pretty_json(one_qemu: Server) -> None:
    with _plain(one_qemu, "-q") as terminal:
        terminal.wait_prompt()
        terminal.line("query-commands | more")
        terminal.wait_for('\n    {"name": "')
        terminal.type("q")
        terminal.wait_prompt()
