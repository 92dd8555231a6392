"""A search in the history, and what takes the prompt's place meanwhile."""

from __future__ import annotations

import signal

from tests.harness.screen import Terminal
from tests.harness.servers import Server


def test_the_prompt_lives_on_after_a_search_that_a_program_has_ended(one_qemu: Server) -> None:
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


def test_closing_the_window_at_a_question_ends_the_shell(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.line("quit")
        terminal.wait_for("Go on? [y/N]")
        terminal.child.close(force=False)
        assert not terminal.child.isalive()
