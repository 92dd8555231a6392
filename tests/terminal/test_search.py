"""Test a history search that is interrupted, and a window closed at a question."""

from __future__ import annotations

import signal

from tests.harness.screen import Terminal
from tests.harness.servers import Server


def test_prompt_works_after_program_interrupts_search(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        one_qemu.stop()
        terminal.line("query-name | cat")
        terminal.type("\x12que")
        terminal.wait_for("search)`que'")
        one_qemu.process.send_signal(signal.SIGCONT)
        terminal.wait_for('{"return": {}}')
        terminal.type("\x03")
        terminal.wait_prompt()
        terminal.line("query-status")
        terminal.wait_for('"prelaunch"')


def test_closed_window_during_question_ends_shell(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.line("quit")
        terminal.wait_for("Go on? [y/N]")
        terminal.child.close(force=False)
        assert not terminal.child.isalive()
