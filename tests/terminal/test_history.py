"""What can be recalled: the lines that were typed, without their secrets."""

from __future__ import annotations

from tests.harness.screen import Terminal
from tests.harness.servers import Server

UP = "\x1b[A"


def test_a_secret_is_recalled_as_a_question(one_qemu: Server) -> None:
    with Terminal(one_qemu.address, columns=120) as terminal:
        terminal.wait_ready()
        terminal.line("set_password protocol=vnc password=hunter2")
        terminal.wait_above("Could not set password")
        terminal.type(UP)
        recalled = "(QEMU) set_password protocol=vnc password=@?"
        terminal.wait(lambda: terminal.current == recalled, "line without its secret")


def test_a_line_that_begins_with_a_blank_and_one_of_json_with_a_secret_are_not_kept(
    one_qemu: Server,
) -> None:
    with Terminal(one_qemu.address, columns=160) as terminal:
        terminal.wait_ready()
        for line in (
            "query-name",
            " query-status",
            '{"execute": "set_password", "arguments": {"protocol": "vnc", "password": "hunter2"}}',
        ):
            terminal.line(line)
            terminal.wait_above('{"return": ' if "hunter2" not in line else '"GenericError"')
        terminal.type(UP)
        terminal.wait(lambda: terminal.current == "(QEMU) query-name", "the line before them")
