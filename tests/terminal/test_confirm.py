"""Test that destructive commands need a confirmation typed after the question."""

from __future__ import annotations

import signal

import pytest

from tests.harness.program import run
from tests.harness.screen import Terminal
from tests.harness.servers import Server

QUESTION = "quit ends the server and its VM. Continue? [y/N]"


def wait_question(terminal: Terminal) -> None:
    terminal.wait(lambda: terminal.current == QUESTION, "question")


def assert_alive(terminal: Terminal, *, prompt: str = "(QEMU)") -> None:
    """Assert that the server replies and that the shell shows its prompt."""
    terminal.wait_prompt(prompt)
    terminal.line("query-status" if prompt == "(QEMU)" else "info status")
    terminal.wait_above("status", prompt=prompt)
    assert "SHUTDOWN" not in terminal.text


def test_quit_with_y_ends_server_but_not_shell(qemu: Server) -> None:
    with Terminal(qemu.address, columns=120) as terminal:
        terminal.wait_ready()
        terminal.line("quit")
        wait_question(terminal)
        terminal.type("y")
        terminal.wait_above(" SHUTDOWN ", '{"return": {}}', "the server has exited")
        assert qemu.process.wait(60) == 0
        terminal.type("\x04")
        assert terminal.end() == 0


@pytest.mark.parametrize("key", ["n", "N", "\r", "\x03", "\x04", "\x1b", "x", "\x12"])
def test_quit_with_other_keys_is_not_sent(one_qemu: Server, key: str) -> None:
    with Terminal(one_qemu.address, columns=120) as terminal:
        terminal.wait_ready()
        terminal.line("quit")
        wait_question(terminal)
        terminal.type(key)
        terminal.wait_above(QUESTION, "not sent")
        assert_alive(terminal)


def test_text_pasted_without_marks_is_no_confirmation(one_qemu: Server) -> None:
    with Terminal(one_qemu.address, columns=120) as terminal:
        terminal.wait_ready()
        terminal.line("quit")
        wait_question(terminal)
        terminal.type("y\ryes\r")
        terminal.wait_for("not sent")
        terminal.wait_for("The command yes has not been found")
        assert_alive(terminal)


@pytest.mark.parametrize(
    "line",
    [
        "quit",
        "system_reset",
        "system_powerdown",
        '{"execute": "quit"}',
        '{ "id": 1, "execute" : "quit" }',
        "human-monitor-command command-line=quit",
        'human-monitor-command command-line="  q"',
        '{"execute": "human-monitor-command", "arguments": {"command-line": "system_reset"}}',
    ],
)
def test_destructive_command_in_any_spelling_needs_confirmation(
    one_qemu: Server, line: str
) -> None:
    with Terminal("-v", one_qemu.address, columns=120) as terminal:
        terminal.wait_ready()
        terminal.line(line)
        terminal.wait(lambda: terminal.current.endswith("Continue? [y/N]"), "question")
        assert "->" not in terminal.text
        terminal.type("n")
        terminal.wait_above("Continue? [y/N] n", "not sent")
        assert_alive(terminal)


@pytest.mark.parametrize("line", ["quit", "q", " quit ", "system_reset"])
def test_destructive_hmp_command_needs_confirmation(one_qemu: Server, line: str) -> None:
    with Terminal("-H", one_qemu.address, columns=120) as terminal:
        terminal.wait_ready("(qemu)")
        terminal.line(line)
        terminal.wait(lambda: terminal.current.endswith("Continue? [y/N]"), "question")
        terminal.type("n")
        terminal.wait_above("not sent", prompt="(qemu)")
        assert_alive(terminal, prompt="(qemu)")


@pytest.mark.parametrize("keys", ["quit\ry\r", "quit\ry", "query-name\rquit\ry\r", "quit\nyyyy"])
def test_keys_typed_ahead_do_not_answer_question(one_qemu: Server, keys: str) -> None:
    with Terminal(one_qemu.address, columns=120) as terminal:
        terminal.wait_ready()
        terminal.type(keys)
        wait_question(terminal)
        terminal.type("n")
        terminal.wait_for("not sent")
        assert_alive(terminal)


def test_pasted_text_does_not_answer_question(one_qemu: Server) -> None:
    with Terminal(one_qemu.address, columns=120) as terminal:
        terminal.wait_ready()
        terminal.paste("quit\ny\n")
        terminal.wait(lambda: terminal.above[1].endswith("quit"), "pasted lines")
        assert "Continue?" not in terminal.text  # a paste runs only after Enter
        terminal.type("\r")
        wait_question(terminal)
        terminal.paste("y\ny")
        terminal.type("n")
        terminal.wait_for("not sent")
        assert_alive(terminal)


def test_fast_typing_after_quit_does_not_confirm(one_qemu: Server) -> None:
    with Terminal(one_qemu.address, columns=120) as terminal:
        terminal.wait_ready()
        terminal.line("quit")
        wait_question(terminal)
        terminal.type("query-name\r")  # the line contains a y
        terminal.wait_for("not sent")
        terminal.wait_for("CommandNotFound")
        assert_alive(terminal)


def test_partial_line_returns_after_the_question(one_qemu: Server) -> None:
    with Terminal(one_qemu.address, columns=120) as terminal:
        terminal.wait_ready()
        one_qemu.stop()
        terminal.type("query-name\rquit\rquery-st")
        terminal.wait(lambda: terminal.current == "(QEMU) query-st", "half-typed line")
        one_qemu.process.send_signal(signal.SIGCONT)
        wait_question(terminal)
        terminal.type("n")
        terminal.wait_above("not sent", prompt="(QEMU) query-st")
        terminal.type("atus\r")
        terminal.wait_above('"prelaunch"')


def test_rest_of_line_runs_after_a_no(one_qemu: Server) -> None:
    with Terminal(one_qemu.address, columns=120) as terminal:
        terminal.wait_ready()
        terminal.line("quit; query-status")
        wait_question(terminal)
        terminal.type("n")
        terminal.wait_above(QUESTION, "not sent", '"prelaunch"')


def test_sigint_answers_no_and_works_again(one_qemu: Server) -> None:
    with Terminal(one_qemu.address, columns=120) as terminal:
        terminal.wait_ready()
        terminal.line("quit")
        wait_question(terminal)
        terminal.signal(signal.SIGINT)
        terminal.wait_above(QUESTION, "not sent")
        terminal.signal(signal.SIGINT)
        terminal.wait_above("not sent", "Ctrl-D leaves the shell")
        assert_alive(terminal)


def test_sigterm_during_question_ends_shell(one_qemu: Server) -> None:
    with Terminal(one_qemu.address, columns=120) as terminal:
        terminal.wait_ready()
        terminal.line("quit")
        wait_question(terminal)
        terminal.signal(signal.SIGTERM)
        assert terminal.end() == 143
        assert terminal.modes == terminal.modes_before
    assert run("-c", "query-name", one_qemu.address).status == 0


def test_connection_loss_during_question_shows_prompt(one_qemu: Server) -> None:
    with Terminal(one_qemu.address, columns=120) as terminal:
        terminal.wait_ready()
        terminal.line("quit")
        wait_question(terminal)
        one_qemu.kill()
        terminal.wait_for("connection lost")
        terminal.wait_prompt()
        terminal.type("\x04")
        assert terminal.end() == 3
