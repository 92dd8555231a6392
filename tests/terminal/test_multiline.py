"""Entries of several lines: JSON, transactions, pasted text."""

from __future__ import annotations

from pathlib import Path

from tests.harness.program import run
from tests.harness.screen import Terminal
from tests.harness.servers import SYSTEM, Server, start_qemu

UP, LEFT, HOME = "\x1b[A", "\x1b[D", "\x01"
CTRL_C, CTRL_D = "\x03", "\x04"


def wait_entry(terminal: Terminal, *lines: str) -> None:
    """Until these lines are what is being typed, with the cursor somewhere in them."""
    shown = [f"(QEMU) {lines[0]}", *(f"... {line}" for line in lines[1:])]

    def there() -> bool:
        text = terminal.text.splitlines()
        return text[-len(shown) :] == [line.rstrip() for line in shown]

    terminal.wait(there, f"entry {lines}")


def test_enter_goes_on_inside_json_and_ends_it_from_any_line(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.line('{"execute":')
        wait_entry(terminal, '{"execute":', "")
        terminal.line(' "no-such"')
        wait_entry(terminal, '{"execute":', ' "no-such"', "")
        terminal.type("}" + UP + "\x05" + LEFT)  # back into the second line, which is mended
        terminal.type("\x7f" * 7 + "query-status")
        wait_entry(terminal, '{"execute":', ' "query-status"', "}")
        terminal.type("\r")  # from the middle: all of it is whole
        terminal.wait_above("}", '"prelaunch"')
        terminal.type(UP)  # recalled as one entry
        wait_entry(terminal, '{"execute":', ' "query-status"', "}")
        terminal.type("\r")
        terminal.wait(lambda: terminal.text.count('"prelaunch"') == 2, "reply once more")
        terminal.wait_prompt()


def test_enter_in_the_middle_of_what_is_not_whole_goes_on_below(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.type('{"execute":\r"query-name"')
        wait_entry(terminal, '{"execute":', '"query-name"')
        terminal.type(UP + "\r\r")  # down to the last line, and then one more
        wait_entry(terminal, '{"execute":', '"query-name"', "")
        terminal.type("}\r")
        terminal.wait_above("}", '{"return": {}}')


def test_an_entry_can_be_dropped(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        for begin in ('{"execute":', "transaction(", "query-name \\"):
            for key in (CTRL_C, CTRL_D):
                terminal.line(begin)
                wait_entry(terminal, begin, "")
                terminal.type(key)
                terminal.wait_prompt()
        terminal.line("query-status")
        terminal.wait_above("(QEMU) query-status", '"prelaunch"')
        assert "Error" not in terminal.text


def test_ctrl_d_in_the_middle_deletes(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.type('{"execute":\rX"query-name"}' + CTRL_D + HOME + CTRL_D + "\r")
        terminal.wait_above('"query-name"}', '{"return": {}}')


def test_a_line_that_goes_on(one_qemu: Server) -> None:
    with Terminal("-q", "-v", one_qemu.address, columns=120) as terminal:
        terminal.wait_prompt()
        terminal.line("qom-list \\")
        wait_entry(terminal, "qom-list \\", "")
        terminal.line("  path=/machine/peripheral")
        terminal.wait_above('-> {"execute": "qom-list", "arguments": {"path": "/machine/per', "{")


def test_pasted_commands_wait_for_enter_and_run_in_order(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.paste("query-name\r\nno-such-command\r\nquery-status")
        wait_entry(terminal, "query-name", "no-such-command", "query-status")
        assert "return" not in terminal.text
        terminal.type("\r")
        terminal.wait_above("query-status", '{"return": {}}', "CommandNotFound", '"prelaunch"')


def test_a_pasted_line_end_executes_nothing(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.paste("query-status\n")
        wait_entry(terminal, "query-status", "")
        terminal.type("\r")
        terminal.wait_above("...", '"prelaunch"')


def test_pasted_json_that_is_not_whole_goes_on(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.paste('query-name\n{"execute":\n')
        terminal.type("\r")
        wait_entry(terminal, "query-name", '{"execute":', "", "")
        assert "return" not in terminal.text
        terminal.type('"query-status"}\r')
        terminal.wait_above('"query-status"}', '{"return": {}}', '"prelaunch"')


def test_a_mistake_in_what_was_pasted_stops_none_of_the_other_lines(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.paste('query-name\n{"execute":\n "query-\nquery-status')
        terminal.type("\r")
        terminal.wait_for("the string is not closed")
        terminal.wait_above('{"return": {}}', '"prelaunch"')


def test_pasted_documentation(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.paste(
            '-> { "execute": "query-status",\n     "arguments": {} }\n'
            '<- { "return": { "running": true,\n                 "status": "running" } }\n'
            '\n-> { "execute": "query-name" }\n<- { "return": {} }\n(QEMU) no-such-command\n'
        )
        terminal.type("\r")
        terminal.wait_above("...", '"prelaunch"', '{"return": {}}', "CommandNotFound")
        assert terminal.text.count('"return"') == 4


def test_at_40_columns_with_events_and_another_width(tmp_path: Path) -> None:
    second = f"{tmp_path}/second.sock"
    options = ("-qmp", f"unix:{second},server=on,wait=off")
    command = '{"execute": "query-status", "arguments": '
    with (
        start_qemu(SYSTEM, tmp_path / "vm.sock", *options) as qemu,
        Terminal("-q", qemu.address, columns=40) as terminal,
    ):
        terminal.wait_prompt()
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


def test_a_loss_while_a_transaction_is_typed(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address, columns=200) as terminal:
        terminal.wait_prompt()
        terminal.type("transaction(\rblock-dirty-bitmap-add node=d0 ")
        wait_entry(terminal, "transaction(", "block-dirty-bitmap-add node=d0")
        one_qemu.kill()
        terminal.wait_for("connection lost")
        wait_entry(terminal, "transaction(", "block-dirty-bitmap-add node=d0")
        terminal.type("name=b0\r)\r")
        terminal.wait_above("... )", "not connected; nothing was sent")
