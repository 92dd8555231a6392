"""Test that a file system that does not answer never blocks the shell."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.hanging import HangingFileSystem, file_wait
from tests.harness.screen import Terminal
from tests.harness.servers import Server

CTRL_C = "\x03"
LINES = [
    "query-name > {}",
    "query-name >> {}",
    "query-name a=@{}",
    "/source {}",
    "getfd fdname=x < {}",
    "/log {}",
]


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[HangingFileSystem]:
    with HangingFileSystem(tmp_path / "hanging") as hanging:
        yield hanging


def open_terminal(server: Server, *options: str, **variables: str) -> Terminal:
    return Terminal(*options, "-q", "--no-probe", server.address, columns=160, variables=variables)


def check_prompt(terminal: Terminal) -> None:
    """Check that the prompt can be used, and leave."""
    terminal.line("query-name")
    terminal.wait_above("{}")
    terminal.line("exit")
    assert terminal.end() == 0
    assert terminal.modes == terminal.modes_before


@pytest.mark.parametrize("line", LINES)
def test_interrupt_ends_wait_for_hanging_file(
    one_qemu: Server, hanging: HangingFileSystem, line: str
) -> None:
    with open_terminal(one_qemu) as terminal:
        terminal.wait_prompt()
        terminal.line(line.format(hanging.file))
        terminal.wait_toolbar(f"waiting for {hanging.file}")
        terminal.type(CTRL_C)
        terminal.wait_for(f"no longer waiting for {hanging.file}; nothing was sent")
        check_prompt(terminal)


@pytest.mark.parametrize("line", LINES)
def test_sigterm_ends_shell_waiting_for_hanging_file(
    one_qemu: Server, hanging: HangingFileSystem, line: str
) -> None:
    with open_terminal(one_qemu) as terminal:
        terminal.wait_prompt()
        terminal.line(line.format(hanging.file))
        terminal.wait_toolbar(f"waiting for {hanging.file}")
        terminal.signal(signal.SIGTERM)
        assert terminal.end() == 128 + signal.SIGTERM
        assert terminal.modes == terminal.modes_before


@pytest.mark.parametrize("line", LINES)
def test_interrupt_ends_plain_wait_for_hanging_file(
    one_qemu: Server, hanging: HangingFileSystem, line: str
) -> None:
    with open_terminal(one_qemu, TERM="dumb") as terminal:
        terminal.wait_prompt()
        terminal.line(line.format(hanging.file))
        terminal.wait(file_wait(terminal.child.pid), "waiting thread")
        terminal.type(CTRL_C)
        terminal.wait_for(f"no longer waiting for {hanging.file}; nothing was sent")
        terminal.line("exit")
        assert terminal.end() == 0


@pytest.mark.parametrize("line", LINES)
def test_sigterm_ends_plain_shell_waiting_for_hanging_file(
    one_qemu: Server, hanging: HangingFileSystem, line: str
) -> None:
    with open_terminal(one_qemu, TERM="dumb") as terminal:
        terminal.wait_prompt()
        terminal.line(line.format(hanging.file))
        terminal.wait(file_wait(terminal.child.pid), "waiting thread")
        terminal.signal(signal.SIGTERM)
        assert terminal.end() == 128 + signal.SIGTERM


def test_interrupt_ends_hanging_write(one_qemu: Server, tmp_path: Path) -> None:
    with (
        HangingFileSystem(tmp_path / "hanging", opens=True) as hanging,
        open_terminal(one_qemu) as terminal,
    ):
        terminal.wait_prompt()
        terminal.line(f"query-name > {hanging.file}")
        terminal.wait_toolbar(f"waiting for {hanging.file}")
        terminal.type(CTRL_C)
        terminal.wait_for(f"no longer waiting for {hanging.file}; not all data was written")
        check_prompt(terminal)


def test_shell_works_while_its_log_hangs(one_qemu: Server, tmp_path: Path) -> None:
    with (
        HangingFileSystem(tmp_path / "hanging", opens=True) as hanging,
        open_terminal(one_qemu, "-l", hanging.file) as terminal,
    ):
        terminal.wait_prompt()
        check_prompt(terminal)
        assert "bytes could not be written" in terminal.text
