"""Test that signals at random moments end the program cleanly: scripts, the shell, and `run`."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.processes import find, killed_afterwards, wait_until
from tests.harness.program import start
from tests.harness.screen import Terminal
from tests.harness.servers import SYSTEM, start_qemu

ENDING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT]
MARK = f"signals-of-test-{os.getpid()}"
# It reads its input, and does not end with it.
COMMAND = f"sh -c 'cat; exec sleep 600' {MARK}"
# Seconds until the first signal.
MOMENTS = (0.0, 0.6)


@pytest.fixture(autouse=True)
def check_processes() -> Iterator[None]:
    """Assert that no process of a test remains."""
    with killed_afterwards(MARK):
        yield
        wait_until(lambda: not find(MARK), "end of all processes")


def wait_for_handlers(pid: int) -> None:
    """Wait until the program has its own handler of SIGTERM: earlier, Python handles signals."""

    def is_caught() -> bool:
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{pid}/status").read_text()
            caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
            return bool(int(caught.split()[1], 16) & 1 << signal.SIGTERM - 1)
        return True

    wait_until(is_caught, "signal handlers")


def make_lines(chance: random.Random, directory: Path) -> list[str]:
    """Return random lines, some of which wait without end."""
    lines = [
        "query-status",
        "query-qmp-schema",
        "stop; cont; query-name",
        "no-such-command",
        "query-name | cat",
        f"query-name | {COMMAND}",
        f"query-qmp-schema > {directory / 'out'}",
        f"query-name >> {directory / 'fifo'}",
        f"query-name a=@{directory / 'fifo'}",
        f"/source {directory / 'lines'}",
        f"/log {directory / 'log'}",
        "/watch -n 0.1 -c 5 query-name",
        "/wait -t 0.2 STOP",
        "/wait RESET",
        "/jobs",
        "/help query-name",
    ]
    return chance.choices(lines, k=8)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "lines").write_text("query-name\n" * 20)
    return tmp_path


def end_with_signals(process: subprocess.Popen[bytes], chance: random.Random) -> None:
    """Send signals at random moments; assert that the program ends as one of them demands."""
    wait_for_handlers(process.pid)
    time.sleep(chance.uniform(*MOMENTS))
    numbers = chance.choices(ENDING, k=chance.choice((1, 1, 2, 3)))
    for number in numbers:
        process.send_signal(number)
        time.sleep(chance.uniform(0, 0.05))
    _, err = process.communicate(timeout=60)
    status = process.returncode if process.returncode >= 0 else 128 - process.returncode
    # A second signal may come first, and the program may have ended before.
    assert status in (0, 1, *(128 + number for number in numbers)), err
    assert b"Traceback" not in err, err
    assert b"internal error" not in err, err


def assert_log_is_whole(directory: Path) -> None:
    log = directory / "log"
    for line in log.read_text().splitlines() if log.exists() else ():
        assert json.loads(line)["direction"] in ("sent", "received")


@pytest.mark.parametrize("seed", range(25))
def test_signals_end_script(directory: Path, seed: int) -> None:
    chance = random.Random(seed)
    lines = "".join(f"{line}\n" for line in make_lines(chance, directory))
    with start_qemu(SYSTEM, directory / "vm.sock") as server:
        process = start("--log", str(directory / "log"), server.address)
        assert process.stdin is not None
        process.stdin.write(lines.encode())
        process.stdin.flush()
        end_with_signals(process, chance)
    assert_log_is_whole(directory)


@pytest.mark.parametrize("seed", range(8))
def test_signals_end_run(directory: Path, seed: int) -> None:
    chance = random.Random(seed)
    lines = [word for line in make_lines(chance, directory) for word in ("--command", line)]
    # A signal may come before a new socket is stored, and the end of the process closes it.
    variables = {"PYTHONWARNINGS": "error,ignore::ResourceWarning"}
    variables |= SYSTEM.variables("-name", MARK)
    process = start("run", *lines, variables=variables)
    end_with_signals(process, chance)
    runtime = Path(os.environ["XDG_RUNTIME_DIR"])
    assert list(runtime.glob("qmpshell/*")) == []


@pytest.mark.parametrize("seed", range(8))
def test_signals_never_break_the_shell(directory: Path, seed: int) -> None:
    chance = random.Random(seed)
    harmless = [signal.SIGINT, signal.SIGTSTP, signal.SIGWINCH, signal.SIGCONT]
    with (
        start_qemu(SYSTEM, directory / "vm.sock") as server,
        Terminal("--log", str(directory / "log"), server.address, columns=140) as terminal,
    ):
        terminal.wait_ready()
        for line in make_lines(chance, directory):
            terminal.line(line)
            moment = time.monotonic() + chance.uniform(0, 0.3)
            terminal.wait(lambda moment=moment: time.monotonic() >= moment, "moment")  # type: ignore[misc]
            terminal.signal(chance.choice(harmless))
        last = chance.choice([signal.SIGTERM, signal.SIGHUP])
        terminal.signal(last)
        assert terminal.end() == 128 + last
        assert terminal.modes == terminal.modes_before
        assert b"internal error" not in terminal.raw
    assert_log_is_whole(directory)
