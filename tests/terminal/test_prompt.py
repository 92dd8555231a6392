"""Test the prompt, replies, errors and modes of the shell on real servers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.harness.screen import Terminal
from tests.harness.servers import SYSTEM, Server, one_version, start_qemu

COLOUR = re.compile(rb"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]")


def test_banner_names_server_and_exit_key(qemu: Server) -> None:
    with Terminal(qemu.address, columns=200) as terminal:
        terminal.wait_ready()
        first, keys, second, prompt = terminal.text.splitlines()
        assert re.match(r"Connected to QEMU (7|1\d)\.\d+\.\d+ \(Debian .*\) at ", first)
        assert qemu.address in first
        assert keys == "Tab completes, F1 explains what you type, /help lists the shell commands."
        assert second == "Ctrl-D leaves the shell; quit ends QEMU itself."
        assert prompt == "(QEMU)"


def test_quiet_option_hides_the_banner(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.line("query-name")
        terminal.wait_above('{"return": {}}')
        typed, reply, prompt = terminal.text.splitlines()
        assert (typed, prompt) == ("(QEMU) query-name", "(QEMU)")
        assert re.fullmatch(r'\{"return": \{\}\}  [\d.]+ (ms|s)', reply)


@one_version
def test_short_reply_is_one_coloured_line(qemu: Server) -> None:
    with Terminal(qemu.address) as terminal:
        terminal.wait_ready()
        terminal.line("query-status")
        terminal.wait_above("(QEMU) query-status", '{"return": {"status": "prelaunch", ')
        assert '"running": false' in terminal.above[0]
        assert "qmpshell-" not in terminal.text  # the generated id is hidden
        assert terminal.colour_of('"prelaunch"') == "green"
        assert terminal.colour_of('"return"') == "blue"
        assert terminal.colour_of("false") == "magenta"
        assert COLOUR.search(terminal.raw)


def test_wide_reply_is_broken_into_lines(one_qemu: Server) -> None:
    with Terminal(one_qemu.address, columns=60) as terminal:
        terminal.wait_ready()
        terminal.line("query-version")
        terminal.wait_above(
            "(QEMU) query-version",
            "{",
            '  "return": {',
            '    "qemu": {"micro": ',
            '    "package": "Debian',
            "  }",
            "}",
        )


def test_compact_option_keeps_reply_on_one_line(one_qemu: Server) -> None:
    with Terminal("--compact", one_qemu.address, columns=60) as terminal:
        terminal.wait_ready()
        terminal.line("query-version")
        terminal.wait_for('{"return": {"qemu": {"micro": ')


@pytest.mark.parametrize(
    ("options", "variables"),
    [((), {"NO_COLOR": "1"}), (("--color", "never"), {})],
    ids=["NO_COLOR", "never"],
)
def test_no_color_and_option_disable_colours(
    one_qemu: Server, options: tuple[str, ...], variables: dict[str, str]
) -> None:
    with Terminal(*options, one_qemu.address, variables=variables) as terminal:
        terminal.wait_ready()
        for line, shown in (
            ("query-status", '"prelaunch"'),
            ("cont", " RESUME"),
            ("no-such-command", "CommandNotFound"),
            ("stop now", "expected KEY=VALUE"),
        ):
            terminal.line(line)
            terminal.wait_for(shown)
            terminal.wait_prompt()
        assert not COLOUR.search(terminal.raw)


def test_error_reply_shows_class_and_description(qemu: Server) -> None:
    with Terminal(qemu.address) as terminal:
        terminal.wait_ready()
        terminal.line("no-such-command")
        terminal.wait_above(
            "(QEMU) no-such-command",
            "CommandNotFound: The command no-such-command has not been found",
        )
        assert terminal.colour_of("CommandNotFound") == "red"


@pytest.mark.parametrize(
    ("line", "marked", "reason"),
    [
        ("stop now", "now", "stop has no argument 'now'"),
        ("query-name; stop  now", "now", "stop has no argument 'now'"),
        ('{"execute" 1}', "1}", "expected a colon"),
        ("Zürich größer", "größer", "Zürich has no argument 'größer'"),
    ],
)
def test_caret_marks_the_error_position(
    one_qemu: Server, line: str, marked: str, reason: str
) -> None:
    with Terminal(one_qemu.address, columns=100) as terminal:
        terminal.wait_ready()
        terminal.line(line)
        terminal.wait_for(reason)
        terminal.wait_prompt()
        at = next(y for y, shown in enumerate(terminal.lines) if reason in shown)
        shown, carets = terminal.lines[at + 1 : at + 3]
        assert shown.strip() == line
        assert carets.index("^") == shown.index(marked)
        assert "{" not in "".join(terminal.lines[at + 3 :])  # no reply follows


@one_version
def test_json_over_lines_keeps_the_user_id(qemu: Server) -> None:
    with Terminal(qemu.address) as terminal:
        terminal.wait_ready()
        terminal.line('{"execute":')
        terminal.wait_prompt("...")
        terminal.line('   "query-name", "id": "mine"}')
        terminal.wait_above('"query-name", "id": "mine"}', '{"return": {}, "id": "mine"}')


def test_ctrl_c_and_ctrl_d_drop_partial_json(one_qemu: Server) -> None:
    with Terminal(one_qemu.address) as terminal:
        terminal.wait_ready()
        for key in ("\x03", "\x04"):
            terminal.line('{"execute":')
            terminal.wait_prompt("...")
            terminal.type(key)
            terminal.wait_prompt()
        terminal.line("query-name")
        terminal.wait_above("(QEMU) query-name", '{"return": {}}')


def test_json_error_shows_the_line_with_it(one_qemu: Server) -> None:
    with Terminal(one_qemu.address) as terminal:
        terminal.wait_ready()
        terminal.line('{"execute":')
        terminal.wait_prompt("...")
        terminal.line("  wrong}")
        terminal.wait_prompt()
        reason, shown, caret, hint = terminal.above[3::-1]
        assert reason.startswith("expected a value")
        assert hint.strip() == 'did you mean {"execute": "wrong"}?'
        assert shown.strip() == "wrong}"
        assert caret.index("^") == shown.index("wrong")


def test_commands_on_one_line_reply_in_order(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.line("query-name; query-status; no-such")
        terminal.wait_above(
            "(QEMU) query-name", '{"return": {}}', '"status": "prelaunch"', "CommandNotFound"
        )


def test_pasted_lines_run_in_order_after_enter(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.paste("query-name\nquery-status")
        terminal.wait(lambda: terminal.current.endswith("query-status"), "pasted lines")
        assert "return" not in terminal.text
        terminal.type("\r")
        terminal.wait_above(
            *("... query-status", "line 1: query-name", '{"return": {}}'),
            *("line 2: query-status", '"prelaunch"'),
        )


def test_verbose_option_shows_typed_commands_only(one_qemu: Server) -> None:
    with Terminal("-v", "-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.line("query-name")
        terminal.wait_above('-> {"execute": "query-name"', '{"return": {}}')
        terminal.line("query-status")
        terminal.wait_above("(QEMU) query-status", '-> {"execute": "query-status"', '"prelaunch"')
        assert terminal.text.count("->") == 2  # background queries are not shown


@one_version
def test_tab_completes_command_names(qemu: Server) -> None:
    with Terminal(qemu.address) as terminal:
        terminal.wait_ready()
        terminal.line("query-name")
        terminal.wait_above('{"return": {}}')  # earlier background queries have replies too
        terminal.type("query-statu\t")
        terminal.wait(lambda: terminal.current == "(QEMU) query-status", "whole name")
        terminal.type("\x03query-bl\t")
        terminal.wait(lambda: terminal.current == "(QEMU) query-block", "common beginning")
        terminal.wait_for("query-block-jobs")
        terminal.wait_for("query-blockstats")
        assert "query-status" not in "\n".join(terminal.lines[terminal.screen.cursor.y :])


def test_tab_then_enter_sends_completed_name(one_qemu: Server) -> None:
    with Terminal(one_qemu.address) as terminal:
        terminal.wait_ready()
        terminal.line("query-name")
        terminal.wait_above('{"return": {}}')
        terminal.type("query-statu\t\r")
        terminal.wait_above("(QEMU) query-status", '"prelaunch"')


def test_up_and_down_keys_recall_lines(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.line("query-name")
        terminal.wait_above('{"return": {}}')
        terminal.line("query-status")
        terminal.wait_above('"prelaunch"')
        terminal.type("\x1b[A\x1b[A")
        terminal.wait(lambda: terminal.current == "(QEMU) query-name", "older line")
        terminal.type("\x1b[B")
        terminal.wait(lambda: terminal.current == "(QEMU) query-status", "newer line")
        terminal.type("\r")
        terminal.wait_above("(QEMU) query-status", '"prelaunch"')


def test_ctrl_c_leaves_search_then_drops_line(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.line("query-name")
        terminal.wait_above('{"return": {}}')
        terminal.type("\x12nam")
        terminal.wait_for("search)`nam': query-name")
        terminal.type("\x03\x03")
        terminal.wait_prompt()
        terminal.line("query-status")
        terminal.wait_above("(QEMU) query-status", '"prelaunch"')


def test_hmp_option_sends_human_monitor_commands(qemu: Server) -> None:
    with Terminal("-H", qemu.address, columns=120) as terminal:
        terminal.wait_ready("(qemu)")
        terminal.line("info version")
        terminal.wait_above("(qemu) info version", "Debian", prompt="(qemu)")
        assert "{" not in terminal.above[0]
        terminal.line("info no-such")
        terminal.wait_above("unknown command: 'info no-such'", prompt="(qemu)")
        terminal.line("   ")
        terminal.line("cpu")
        terminal.wait_above("(qemu) cpu", "", 'Try "help cpu"', prompt="(qemu)")
        terminal.line("/quit")
        assert terminal.end() == 0


def test_hmp_option_does_not_complete_qmp_names(one_qemu: Server) -> None:
    with Terminal("-H", one_qemu.address) as terminal:
        terminal.wait_ready("(qemu)")
        terminal.line("info name")
        terminal.wait_above("(qemu) info name", prompt="(qemu)")
        terminal.type("query-statu\tX")
        terminal.wait(lambda: terminal.current == "(qemu) query-statuX", "Tab that does nothing")


@one_version
def test_raw_option_passes_lines_through(qemu: Server) -> None:
    with Terminal("--raw", qemu.address, columns=120) as terminal:
        terminal.wait_for('{"QMP": {"version"')
        terminal.line('{"execute": "query-name"}')
        terminal.wait_above('{"error": {"class": "CommandNotFound"', prompt=">")
        terminal.line("{'execute': 'qmp_capabilities', 'id': 5}")
        terminal.wait_above('{"return": {}, "id": 5}', prompt=">")
        terminal.line("exit")
        terminal.wait_above("> exit", '{"error": {"class": "GenericError"', prompt=">")
        terminal.type("\x04")
        assert terminal.end() == 0


@pytest.mark.parametrize(
    ("variables", "shown"),
    [
        ({}, '"Zürich"'),
        ({"LC_ALL": "C"}, '{"return": {"name": "Z'),
        ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, '"Z\\u00fcrich"'),
    ],
    ids=["UTF-8", "C", "ASCII"],
)
def test_reply_text_follows_the_terminal_encoding(
    tmp_path: Path, variables: dict[str, str], shown: str
) -> None:
    with (
        start_qemu(SYSTEM, tmp_path / "vm.sock", "-name", "Zürich") as qemu,
        Terminal(qemu.address, variables=variables) as terminal,
    ):
        terminal.wait_ready()
        terminal.line("query-name")
        terminal.wait_above("(QEMU) query-name", shown)
        terminal.line("stop now")
        terminal.wait_for("expected KEY=VALUE")
        terminal.type("\x04")
        assert terminal.end() == 0


def test_line_and_reply_follow_terminal_width(one_qemu: Server) -> None:
    line = "object-add qom-type=secret id=a-rather-long-name data=what"
    with Terminal("-q", one_qemu.address, columns=40) as terminal:
        terminal.wait_prompt()
        terminal.line("query-kvm")
        rows = ('  "return": {', '    "enabled": false,', '    "present": ', "  }", "}")
        terminal.wait_above(*rows)
        assert max(map(len, terminal.lines)) <= 40
        terminal.type(line)
        terminal.wait(lambda: terminal.current == line[33:], "line over two rows")
        terminal.resize(100, 24)
        terminal.wait(lambda: terminal.current == f"(QEMU) {line}", "line on one row")
        terminal.type("\x03")
        terminal.wait_prompt()
        terminal.line("query-kvm")
        terminal.wait_above("(QEMU) query-kvm", '{"return": {"enabled": false, "present": ')
