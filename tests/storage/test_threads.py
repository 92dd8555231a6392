"""Tests of calls and writes in threads, with a full pipe in place of a file system that hangs."""

from __future__ import annotations

import _thread
import fcntl
import os
import select
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmpshell.storage import BackgroundCall, FileWriter, call_in_thread
from tests.harness.processes import wait_until
from tests.harness.waiting import sleeps_less_than

_TIMEOUT = 60  # seconds


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Return a blocking pipe of one page. The test closes the end for writing."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    yield reader, writer
    os.close(reader)


def read_all(descriptor: int) -> bytes:
    with os.fdopen(os.dup(descriptor), "rb") as file:
        return file.read()


def wait_readable(waited: FileWriter | BackgroundCall) -> None:
    assert select.select([waited], [], [], _TIMEOUT)[0]


def flush_all(writer: FileWriter) -> None:
    writer.flush()
    while writer.pending:
        wait_readable(writer)
        writer.flush()


def test_file_writer_writes_in_one_thread(tmp_path: Path) -> None:
    path = tmp_path / "f"
    threads = _thread._count()
    writer = FileWriter(os.open(path, os.O_WRONLY | os.O_CREAT))
    for number in range(200):
        writer.write(b"%d\n" % number)
    assert _thread._count() <= threads + 1
    flush_all(writer)
    writer.close()
    assert path.read_text().split() == [str(number) for number in range(200)]


def test_file_writer_does_not_wait_for_hanging_write(pipe: tuple[int, int]) -> None:
    reader, descriptor = pipe
    data = bytes(range(256)) * 64
    writer = FileWriter(descriptor)
    with sleeps_less_than(0.5):
        writer.write(data)
        writer.write(b"more")
    assert writer.pending
    assert writer.size == len(data) + 4
    assert not select.select([writer], [], [], 0)[0]
    found = b""
    while len(found) < len(data) + 4:
        # The thread may end its call only after its last byte was read.
        waited: list[int | FileWriter] = [reader, writer] if writer.pending else [reader]
        ready, _, _ = select.select(waited, [], [], _TIMEOUT)
        assert ready
        if reader in ready:
            found += os.read(reader, 1 << 16)
        writer.flush()
    flush_all(writer)
    assert (found, writer.size, writer.pending) == (data + b"more", 0, False)
    writer.close()
    assert read_all(reader) == b""


def test_file_writer_counts_bytes_of_a_slow_write(pipe: tuple[int, int]) -> None:
    reader, descriptor = pipe
    writer = FileWriter(descriptor, block=1 << 12)
    writer.write(bytes(1 << 20))
    wait_until(lambda: writer.written > 0, "the first blocks")
    before = writer.written
    os.read(reader, 1 << 14)
    wait_until(lambda: writer.written > before, "more blocks")
    assert writer.pending
    writer.close()
    read_all(reader)


def test_closed_file_writer_closes_after_hanging_write(pipe: tuple[int, int]) -> None:
    reader, descriptor = pipe
    writer = FileWriter(descriptor)
    writer.write(bytes(10_000))
    assert writer.fileno() >= 0
    with sleeps_less_than(0.5):
        writer.close()
    assert read_all(reader) == bytes(10_000)


def test_file_writer_reports_failed_write_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "f"
    writer = FileWriter(os.open(path, os.O_RDONLY | os.O_CREAT))
    writer.add(b"x")
    with pytest.raises(OSError, match="Bad file descriptor"):
        flush_all(writer)
    assert not writer.pending
    assert writer.size == 0
    writer.close()


def test_closed_call_discards_its_result(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    discarded: list[bytes] = []
    call = BackgroundCall(lambda: os.read(reader, 1), discard=discarded.append)
    assert not call.wait(0)
    call.close()
    os.write(writer, b"x")
    os.close(writer)
    assert call.wait(_TIMEOUT)
    deadline = time.monotonic() + _TIMEOUT
    while not discarded and time.monotonic() < deadline:
        os.sched_yield()
    assert discarded == [b"x"]


def test_wait_handles_signal_that_does_not_interrupt_it(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    handled, waiting = threading.Event(), threading.Event()
    main = f"/proc/self/task/{threading.get_native_id()}/wchan"

    def send() -> None:
        waiting.wait(_TIMEOUT)
        deadline = time.monotonic() + _TIMEOUT
        while not Path(main).read_text().startswith("futex") and time.monotonic() < deadline:
            os.sched_yield()
        # Received in this thread, the signal is like one just before the wait.
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
        handled.wait(_TIMEOUT)
        os.close(writer)

    call = BackgroundCall(lambda: os.read(reader, 1))
    ended: list[bool] = []

    def handle(*_arguments: object) -> None:
        ended.append(call.has_ended)
        handled.set()

    before = signal.signal(signal.SIGUSR1, handle)
    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    waiting.set()
    try:
        assert call.wait(-1)
        assert ended == [False]
        thread.join(60)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_call_in_thread_fails_at_timeout(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    with pytest.raises(OSError, match=r"the file system did not answer within 0\.01 s"):
        call_in_thread(lambda: os.read(reader, 1), timeout=0.01)
    os.close(writer)
    assert call_in_thread(lambda: os.read(reader, 1), timeout=_TIMEOUT) == b""
