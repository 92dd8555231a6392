"""Test that files that block, such as a FIFO, never block the shell."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmpshell.session import ReadFile
from qmpshell.terminal.files import FileOperations
from tests.harness.screen import Terminal
from tests.harness.servers import Server

CTRL_C = "\x03"
LINES = [
    "query-name > {fifo}",
    "query-name >> {fifo}",
    "query-name a=@{fifo}",
    "query-name; query-name a:=@{fifo}",
    "/source {fifo}",
    "/oob query-name a=@{fifo}",
]


@pytest.fixture
def fifo(tmp_path: Path) -> str:
    path = tmp_path / "f"
    os.mkfifo(path)
    return str(path)


@pytest.fixture
def terminal(one_qemu: Server) -> Iterator[Terminal]:
    with Terminal("-q", "--no-probe", one_qemu.address, columns=160) as terminal:
        terminal.wait_prompt()
        yield terminal
        assert terminal.modes == terminal.modes_before


@pytest.mark.parametrize("line", LINES)
def test_interrupt_ends_wait_for_fifo(terminal: Terminal, fifo: str, line: str) -> None:
    terminal.line(line.format(fifo=fifo))
    terminal.wait_toolbar(f"waiting for {fifo}")
    terminal.type(CTRL_C)
    terminal.wait_for(f"no longer waiting for {fifo}; nothing was sent")
    terminal.line("query-name")
    terminal.wait_above("{}")
    terminal.line("exit")
    assert terminal.end() == 0


@pytest.mark.parametrize("line", LINES)
def test_sigterm_ends_shell_waiting_for_fifo(terminal: Terminal, fifo: str, line: str) -> None:
    terminal.line(line.format(fifo=fifo))
    terminal.wait_toolbar(f"waiting for {fifo}")
    terminal.signal(signal.SIGTERM)
    assert terminal.end() == 128 + signal.SIGTERM


def test_fifo_is_read_when_its_writer_appears(terminal: Terminal, fifo: str) -> None:
    terminal.line(f"/source {fifo}")
    terminal.wait_toolbar("waiting for")
    Path(fifo).write_text("query-kvm\n")
    terminal.wait_above("enabled")
    terminal.line("exit")
    assert terminal.end() == 0


def test_fifo_is_written_when_its_reader_appears(terminal: Terminal, fifo: str) -> None:
    terminal.line(f"query-kvm > {fifo}")
    terminal.wait_toolbar("waiting for")
    assert "enabled" in Path(fifo).read_text()
    terminal.line("exit")
    assert terminal.end() == 0


def test_interrupt_ends_redirect_with_idle_reader(terminal: Terminal, fifo: str) -> None:
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    terminal.line(f"query-qmp-schema >> {fifo}")
    terminal.wait_toolbar(f"waiting for {fifo}")
    terminal.type(CTRL_C)
    terminal.wait_for(f"no longer waiting for {fifo}; not all data was written")
    terminal.line("query-name")
    terminal.wait_above("{}")
    os.close(reader)
    terminal.line("exit")
    assert terminal.end() == 0


@pytest.mark.parametrize("name", ["/dev/tty", "/dev/stdin"])
def test_own_terminal_cannot_be_read(terminal: Terminal, name: str) -> None:
    terminal.line(f"query-name a=@{name}")
    terminal.wait_for(f"{name}: the shell uses this terminal; @? asks for a value")
    terminal.wait_prompt()
    terminal.line("exit")
    assert terminal.end() == 0


@pytest.mark.parametrize("line", ["query-name a=@/dev/zero", "/source /dev/zero"])
def test_endless_device_exceeds_the_limit(terminal: Terminal, line: str) -> None:
    terminal.line(line)
    terminal.wait_for("/dev/zero: larger than 64 MiB, which is the limit for a file")
    terminal.wait_prompt()
    terminal.line("exit")
    assert terminal.end() == 0


def test_log_without_reading_process_never_blocks(one_qemu: Server, fifo: str) -> None:
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    with Terminal("-q", "--no-probe", "-l", fifo, one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.line("query-qmp-schema")  # more than the FIFO accepts
        terminal.wait_for("/last shows all")
        terminal.line("query-name")
        terminal.wait_above("{}")
        terminal.line("exit")
        assert terminal.end() == 0
        assert "bytes could not be written" in terminal.text
        assert terminal.modes == terminal.modes_before
    os.close(reader)


def test_sigterm_ends_shell_with_blocked_log(one_qemu: Server, fifo: str) -> None:
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    with Terminal("-q", "--no-probe", "-l", fifo, one_qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.line("query-qmp-schema")
        terminal.wait_for("/last shows all")
        terminal.signal(signal.SIGTERM)
        assert terminal.end() == 128 + signal.SIGTERM
    os.close(reader)


def test_full_log_is_reported_once(one_qemu: Server) -> None:
    with Terminal("-q", "--no-probe", "-l", "/dev/full", one_qemu.address) as terminal:
        terminal.wait_for("No space left on device")
        terminal.wait_prompt()
        terminal.line("query-name")
        terminal.wait_above("{}")
        terminal.line("exit")
        assert terminal.end() == 0
        assert terminal.text.count("the log was closed") == 1


def test_reading_that_is_stopped_at_once_never_starts(tmp_path: Path) -> None:
    answers: list[object] = []

    async def main() -> None:
        operations = FileOperations(answer=lambda _step, answer: answers.append(answer))
        step = ReadFile(str(tmp_path / "file"))
        operations.open(step)
        operations.stop(step)
        await asyncio.sleep(0)

    asyncio.run(main())
    gc.collect()  # a coroutine that was not awaited would print a warning
    assert answers == []
