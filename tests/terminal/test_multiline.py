"""Test input of several lines: JSON, transactions and pasted text."""

from __future__ import annotations

from pathlib import Path

from tests.harness.program import run
from tests.harness.screen import Terminal
from tests.harness.servers import SYSTEM, Server, start_qemu

UP, LEFT, HOME = "\x1b[A", "\x1b[D", "\x01"
CTRL_C, CTRL_D = "\x03", "\x04"


def wait_entry(terminal: Terminal, *lines: str) -> None:
    """Wait until the input consists of these lines."""
    shown = [f"(QEMU) {lines[0]}", *(f"... {line}" for line in lines[1:])]

    def is_shown() -> bool:
        text = terminal.text.splitlines()
        return text[-len(shown) :] == [line.rstrip() for line in shown]

    terminal.wait(is_shown, f"entry {lines}")


def test_enter_sends_complete_json_from_any_line(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.line('{"execute":')
        wait_entry(terminal, '{"execute":', "")
        terminal.line(' "no-such"')
        wait_entry(terminal, '{"execute":', ' "no-such"', "")
        terminal.type("}" + UP + "\x05" + LEFT)  # correct the second line
        terminal.type("\x7f" * 7 + "query-status")
        wait_entry(terminal, '{"execute":', ' "query-status"', "}")
        terminal.type("\r")  # the input is complete, so Enter works on any line
        terminal.wait_above("}", '"prelaunch"')
        terminal.type(UP)
        wait_entry(terminal, '{"execute":', ' "query-status"', "}")
        terminal.type("\r")
        terminal.wait(lambda: terminal.text.count('"prelaunch"') == 2, "reply once more")
        terminal.wait_prompt()


def test_enter_in_incomplete_json_moves_down(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.type('{"execute":\r"query-name"')
        wait_entry(terminal, '{"execute":', '"query-name"')
        terminal.type(UP + "\r\r")  # move to the last line, then add a line
        wait_entry(terminal, '{"execute":', '"query-name"', "")
        terminal.type("}\r")
        terminal.wait_above("}", '{"return": {}}')


def test_ctrl_c_and_ctrl_d_drop_incomplete_input(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        for start in ('{"execute":', "transaction(", "query-name \\"):
            for key in (CTRL_C, CTRL_D):
                terminal.line(start)
                wait_entry(terminal, start, "")
                terminal.type(key)
                terminal.wait_prompt()
        terminal.line("query-status")
        terminal.wait_above("(QEMU) query-status", '"prelaunch"')
        assert "Error" not in terminal.text


def test_ctrl_d_inside_input_deletes_character(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.type('{"execute":\rX"query-name"}' + CTRL_D + HOME + CTRL_D + "\r")
        terminal.wait_above('"query-name"}', '{"return": {}}')


def test_trailing_backslash_continues_the_line(one_qemu: Server) -> None:
    with Terminal("-q", "-v", one_qemu.address, columns=120) as terminal:
        terminal.wait_prompt()
        terminal.line("qom-list \\")
        wait_entry(terminal, "qom-list \\", "")
        terminal.line("  path=/machine/peripheral")
        terminal.wait_above('-> {"execute": "qom-list", "arguments": {"path": "/machine/per', "{")


def test_pasted_commands_run_in_order_after_enter(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.paste("query-name\r\nno-such-command\r\nquery-kvm x\r\nquery-status")
        wait_entry(terminal, "query-name", "no-such-command", "query-kvm x", "query-status")
        assert "return" not in terminal.text
        terminal.type("\r")
        terminal.wait_above(
            *("... query-status", "line 1: query-name", '{"return": {}}'),
            *("line 2: no-such-command", "CommandNotFound"),
            *("line 3: query-kvm has no argument 'x'", "query-kvm x", "^", "expected KEY=VALUE"),
            *("line 4: query-status", '"prelaunch"'),
        )


def test_pasted_newline_sends_nothing(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.paste("query-status\n")
        wait_entry(terminal, "query-status", "")
        terminal.type("\r")
        terminal.wait_above("...", '"prelaunch"')


def test_incomplete_pasted_json_continues(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.paste('query-name\n{"execute":\n')
        terminal.type("\r")
        wait_entry(terminal, "query-name", '{"execute":', "", "")
        assert "return" not in terminal.text
        terminal.type('"query-status"}\r')
        terminal.wait_above(
            *('"query-status"}', "line 1: query-name", '{"return": {}}'),
            *('line 2: {"execute":', '"prelaunch"'),
        )


def test_error_in_pasted_line_skips_only_it(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.paste('query-name\n{"execute":\n "query-\nquery-status')
        terminal.type("\r")
        terminal.wait_above(
            *("line 1: query-name", '{"return": {}}'),
            *("line 3: the string is not closed", ' "query-', "^"),
            *("line 4: query-status", '"prelaunch"'),
        )


def test_pasted_documentation_runs_its_commands(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.paste(
            '-> { "execute": "query-status",\n     "arguments": {} }\n'
            '<- { "return": { "running": true,\n                 "status": "running" } }\n'
            '\n-> { "execute": "query-name" }\n<- { "return": {} }\n(QEMU) no-such-command\n'
        )
        terminal.type("\r")
        terminal.wait_above(
            *("...", 'line 1: { "execute": "query-status",', '"prelaunch"'),
            *('line 6: { "execute": "query-name" }', '{"return": {}}'),
            *("line 8: no-such-command", "CommandNotFound"),
        )
        assert terminal.text.count('"return"') == 4


TRANSCRIPT = """\
{"return": {}}
(QEMU) query-name
{"execute": "query-name", "arguments": {}}
{
    "return": {}
}
(QEMU)
(QEMU) no-such-command
{"error": {"class": "CommandNotFound"
...
(QEMU) """


def test_pasted_transcript_runs_each_command_once(one_qemu: Server) -> None:
    with Terminal("-q", "-v", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.paste(TRANSCRIPT)
        terminal.type("\r")
        terminal.wait_above(
            *('"return"', '-> {"execute": "no-such-command"'),
            *("line 8: no-such-command", "CommandNotFound"),
        )
        assert [line[:24] for line in terminal.lines if line.startswith("->")] == [
            '-> {"execute": "query-na',
            '-> {"execute": "no-such-',
        ]
        assert terminal.text.count("this is a transcript") == 1
        terminal.type(UP)
        wait_entry(terminal, "query-name", "no-such-command")


def test_transcript_in_one_read_waits_for_its_end(one_qemu: Server) -> None:
    with Terminal("-q", "-v", one_qemu.address) as terminal:
        terminal.wait_prompt()
        _, _, transcript = TRANSCRIPT.partition("\n")
        terminal.type_at_once(transcript.replace("\n", "\r"))
        wait_entry(terminal, *transcript.split("\n"))
        terminal.type("\r")
        terminal.wait_above(
            *("transcript", '-> {"execute": "no-such-command"'),
            *("line 7: no-such-command", "CommandNotFound"),
        )
        assert terminal.text.count("-> {") == 2


def test_pasted_monitor_transcript_runs_its_commands(one_qemu: Server) -> None:
    with Terminal("-q", "-H", one_qemu.address) as terminal:
        terminal.wait_prompt("(qemu)")
        terminal.paste("(qemu) info name\nquit\n(qemu) info status\nVM status: running\n")
        terminal.type("\r")
        terminal.wait_above("VM status: paused", prompt="(qemu)")
        assert terminal.text.count("this is a transcript") == 1


def test_tab_inside_pasted_text_is_a_blank(one_qemu: Server) -> None:
    with Terminal("-q", "-v", one_qemu.address) as terminal:
        terminal.wait_toolbar("prelaunch")  # the negotiation has ended
        # The reply to the shell's own query-commands comes before this one.
        terminal.line("query-name")
        terminal.wait_above('{"return": {}}')
        terminal.type_at_once("block-str\tdev\tx=1\r")
        terminal.wait_above(
            "block-str has no argument 'dev'", "", "^^^", "expected KEY=VALUE", "did you mean"
        )
        terminal.type_at_once("block-str\t")
        terminal.wait_for("block-stream")


def test_multiline_input_survives_events_and_resize(tmp_path: Path) -> None:
    second = f"{tmp_path}/second.sock"
    options = ("-qmp", f"unix:{second},server=on,wait=off")
    command = '{"execute": "query-status", "arguments": '
    with (
        start_qemu(SYSTEM, tmp_path / "vm.sock", *options) as qemu,
        Terminal("-q", qemu.address, columns=40) as terminal,
    ):
        terminal.wait_toolbar("prelaunch")  # the negotiation has ended
        terminal.type(command + "\r{}")
        wrapped = [f"(QEMU) {command[:33]}", command[33:].rstrip(), "... {}"]
        terminal.wait(lambda: terminal.text.splitlines() == wrapped, "entry over three rows")
        terminal.type(UP)
        assert run("-c", "cont; stop", second).status == 0
        terminal.wait(lambda: terminal.text.splitlines()[2:] == wrapped, "entry below events")
        assert [line.split()[1] for line in terminal.lines[:2]] == ["RESUME", "STOP"]
        terminal.resize(100, 24)
        wait_entry(terminal, command.rstrip(), "{}")
        assert run("-c", "cont", second).status == 0
        terminal.wait(lambda: terminal.text.count("RESUME") == 2, "event at another width")
        wait_entry(terminal, command.rstrip(), "{}")
        terminal.type("\x05\x1b[B}\r")
        terminal.wait_above("... {}}", '"running": true')


def test_connection_loss_keeps_typed_transaction(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address, columns=200) as terminal:
        terminal.wait_toolbar("prelaunch")  # the negotiation has ended
        terminal.type("transaction(\rblock-dirty-bitmap-add node=d0 ")
        wait_entry(terminal, "transaction(", "block-dirty-bitmap-add node=d0")
        one_qemu.kill()
        terminal.wait_for("connection lost")
        wait_entry(terminal, "transaction(", "block-dirty-bitmap-add node=d0")
        terminal.type("name=b0\r)\r")
        terminal.wait_above("... )", "not connected; nothing was sent")


def test_long_paste_without_marks_is_one_text(one_qemu: Server) -> None:
    echo = '{"execute": "query-name"}\r{"return": {}}\r'
    line = "(QEMU) query-name # "
    # Every Enter after a prompt line is the last character of 1,024, a usual size of one read.
    parts = [line + "x" * (1023 - len(line)) + "\r"]
    parts += [echo + line + "x" * (1023 - len(echo) - len(line)) + "\r" for _ in range(11)]
    with Terminal("-q", one_qemu.address, rows=50) as terminal:
        terminal.wait_prompt()
        terminal.type_at_once("".join([*parts, echo]))
        terminal.wait_for("this is a transcript")
        terminal.wait_prompt()
        assert "error" not in terminal.text


def test_reply_typed_line_by_line_is_skipped(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address, columns=100) as terminal:
        terminal.wait_prompt()
        for line in ('<- { "return": [', '{ "execute": "stop" }', "] }", "query-name"):
            terminal.line(line)
        terminal.wait_for('{"return": {}}')
        terminal.wait_prompt()
        assert "STOP" not in terminal.text
        assert terminal.text.count('{"return"') == 1
