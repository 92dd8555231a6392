"""Tests of the message log: private, append-only, one whole line for each message."""

from __future__ import annotations

import json
import os
import select
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from qmpshell.errors import QmpShellError
from qmpshell.qmp import encode
from qmpshell.storage import BackgroundCall, Log, LogError

_TIMEOUT = 60  # seconds


def clock() -> float:
    return 1700000000.25


@contextmanager
def open_log(path: Path | str) -> Iterator[Log]:
    log = Log(str(path), clock=clock)
    try:
        yield log
        write_rest(log)
    finally:
        log.close()


def write_rest(log: Log) -> None:
    """Wait until a file, which may be slow, has received all messages."""
    log.flush()
    while log.pending:
        readable = [number for number, is_writing in log.waits_for.items() if not is_writing]
        assert select.select(readable, [], [], _TIMEOUT)[0]
        log.flush()


def write(log: Log, direction: str, message: dict[str, Any]) -> None:
    log.add(direction, encode(message))
    log.flush()


def write_one(log: Log, message: dict[str, Any]) -> None:
    write(log, "sent", message)
    write_rest(log)


@pytest.fixture(params=[False, True], ids=["local", "network"])
def file_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the test on a file system that always answers, and on one that may not."""
    monkeypatch.setattr("qmpshell.storage.log.may_hang", lambda _descriptor: request.param)


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("ascii").splitlines()]


def open_error(path: Path | str) -> str:
    with pytest.raises(LogError) as caught:
        Log(str(path), clock=clock)
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    return text


def test_message_is_logged_with_time_and_direction(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with open_log(path) as log:
        write(log, "sent", {"execute": "stop"})
        write(log, "received", {"return": {"a": "é\n\ud800"}})
    assert path.read_bytes().count(b"\n") == 2
    assert records(path) == [
        {
            "time": "2023-11-14T22:13:20.250000Z",
            "direction": "sent",
            "message": {"execute": "stop"},
        },
        {
            "time": "2023-11-14T22:13:20.250000Z",
            "direction": "received",
            "message": {"return": {"a": "é\n\ud800"}},
        },
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "1970-01-01T00:00:00.000000Z"),
        (1.9999999, "1970-01-01T00:00:02.000000Z"),
        (1700000000.000001, "2023-11-14T22:13:20.000001Z"),
        (951782400.0, "2000-02-29T00:00:00.000000Z"),
    ],
)
def test_time_is_utc_with_microseconds(tmp_path: Path, seconds: float, text: str) -> None:
    path = tmp_path / "log"
    with closing(Log(str(path), clock=lambda: seconds)) as log:
        write_one(log, {})
    assert records(path)[0]["time"] == text


def test_deeply_nested_message_is_logged(tmp_path: Path) -> None:
    deep: Any = 1
    for _ in range(3000):
        deep = [deep]
    path = tmp_path / "log"
    with open_log(path) as log:
        write(log, "received", {"return": deep, "number": float("inf")})
    assert path.read_text().count("[") == 3000


def test_new_file_is_private(tmp_path: Path) -> None:
    path = tmp_path / "log"
    before = os.umask(0)
    try:
        with open_log(path):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_existing_file_is_appended_and_keeps_mode(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("before\n")
    path.chmod(0o644)
    with open_log(path) as log:
        write(log, "sent", {})
    assert path.read_text().startswith('before\n{"time"')
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666, 0o664])
def test_file_writable_by_others_is_rejected(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "log"
    path.write_text("x")
    path.chmod(mode)
    assert f"others can write to it (mode {mode:04o})" in open_error(path)
    assert path.read_text() == "x"


def test_symlink_to_file_is_rejected(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("mine")
    link = tmp_path / "log"
    link.symlink_to(target)
    assert "symbolic link" in open_error(link)
    assert target.read_text() == "mine"


def test_dangling_symlink_is_rejected_without_creating_target(tmp_path: Path) -> None:
    link = tmp_path / "log"
    link.symlink_to(tmp_path / "target")
    assert "symbolic link" in open_error(link)
    assert not (tmp_path / "target").exists()


def test_symlink_loop_is_rejected(tmp_path: Path) -> None:
    link = tmp_path / "log"
    link.symlink_to(link)
    assert "symbolic link" in open_error(link)


def test_symlink_to_device_is_followed(tmp_path: Path) -> None:
    link = tmp_path / "log"
    link.symlink_to("/dev/null")
    with open_log(link) as log:
        write(log, "sent", {})


def test_inherited_pipe_is_written() -> None:
    """The shell passes such a path for `--log >(COMMAND)`."""
    reading, writing = os.pipe()
    with open_log(f"/dev/fd/{writing}") as log:
        write(log, "sent", {"a": 1})
        assert json.loads(os.read(reading, 4096))["message"] == {"a": 1}
    assert os.get_blocking(writing)
    os.close(reading)
    os.close(writing)


def test_dev_null_is_accepted() -> None:
    with open_log("/dev/null") as log:
        write(log, "sent", {})


def test_full_disk_raises_log_error() -> None:
    with (
        open_log("/dev/full") as log,
        pytest.raises(LogError, match=r"^cannot write to the log /dev/full: No space left"),
    ):
        write(log, "sent", {})
    assert issubclass(LogError, QmpShellError)


def test_fifo_without_reader_is_rejected_immediately(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    assert "it has no reader" in open_error(path)


def test_fifo_with_slow_reader_receives_whole_message(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    large = {"return": "x" * 1_000_000}
    log = Log(str(path), clock=clock)
    write(log, "received", large)
    assert log.pending
    received = b""
    while not received.endswith(b"\n"):
        received += os.read(reading, 1 << 16)
        log.flush()
    assert not log.pending
    assert json.loads(received)["message"] == large
    os.close(reading)
    with pytest.raises(LogError, match="its reader is gone"):
        write(log, "sent", {})
    log.close()


def test_unusable_paths_are_rejected(tmp_path: Path) -> None:
    assert "directory" in open_error(tmp_path)
    assert "No such file" in open_error(tmp_path / "none" / "log")
    assert "NUL" in open_error("a\0b")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "vm.sock"))
        assert "neither a file" in open_error(tmp_path / "vm.sock")
        assert (tmp_path / "vm.sock").exists()


@pytest.mark.usefixtures("file_system")
def test_truncated_line_is_separated_from_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log"
    original = os.write
    free_bytes = [10, 0]

    def short_write(descriptor: int, data: bytes) -> int:
        if not free_bytes:
            return original(descriptor, data)
        size = free_bytes.pop(0)
        if not size:
            raise OSError(28, "No space left on device")
        return original(descriptor, data[:size])

    with open_log(path) as log:
        monkeypatch.setattr(os, "write", short_write)
        with pytest.raises(LogError):
            write_one(log, {"a": 1})
        write_one(log, {"b": 2})
        write_one(log, {"c": 3})
    torn, *whole = path.read_text().splitlines()
    assert len(torn) == 10
    assert [json.loads(line)["message"] for line in whole] == [{"b": 2}, {"c": 3}]


@pytest.mark.usefixtures("file_system")
def test_queued_messages_are_one_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[bytes] = []
    original = os.write

    def counting_write(descriptor: int, data: bytes) -> int:
        if len(data) > 1:  # not that which wakes the main thread
            writes.append(bytes(data))
        return original(descriptor, data)

    with open_log(tmp_path / "log") as log:
        monkeypatch.setattr(os, "write", counting_write)
        for number in range(100):
            log.add("received", encode({"event": "STOP", "number": number}))
        log.flush()
    assert [data.count(b"\n") for data in writes] == [100]


def test_local_file_is_written_by_flush(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qmpshell.storage.log.may_hang", lambda _descriptor: False)
    with closing(Log(str(tmp_path / "log"), clock=clock, waits=False)) as log:
        log.add("sent", '{"a": 1}')
        assert records(tmp_path / "log") == []
        log.flush()
        assert not log.pending
        assert records(tmp_path / "log")[0]["message"] == {"a": 1}


def test_log_of_event_loop_waits_only_at_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    may_write = threading.Event()
    original = os.write

    def late_write(descriptor: int, data: bytes) -> int:
        may_write.wait()
        return original(descriptor, data)

    def wait(call: BackgroundCall, seconds: float = 1.0) -> bool:
        waits.append(seconds)
        if seconds:
            may_write.set()
        return original_wait(call, 100 * seconds)

    original_wait = BackgroundCall.wait
    # As for a network file system.
    monkeypatch.setattr("qmpshell.storage.log.may_hang", lambda _descriptor: True)
    monkeypatch.setattr(os, "write", late_write)
    monkeypatch.setattr(BackgroundCall, "wait", wait)
    with closing(Log(str(tmp_path / "log"), clock=clock, waits=False)) as log:
        write(log, "sent", {"a": 1})
        write(log, "sent", {"b": 2})
        assert log.pending
        assert not any(waits)
        log.flush(is_last=True)
        assert not log.pending
    assert [record["message"] for record in records(tmp_path / "log")] == [{"a": 1}, {"b": 2}]


def test_queued_message_waits_for_no_descriptor(tmp_path: Path) -> None:
    with open_log(tmp_path / "log") as log:
        log.add("sent", "{}")
        assert log.pending
        assert log.waits_for == {}


@pytest.mark.usefixtures("file_system")
def test_large_line_is_one_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    original = os.write

    def counting_write(descriptor: int, data: bytes) -> int:
        if len(data) > 1000:  # other threads write too
            sizes.append(len(data))
        return original(descriptor, data)

    with open_log(tmp_path / "log") as log:
        monkeypatch.setattr(os, "write", counting_write)
        write(log, "received", {"return": "x" * 5_000_000})
    assert len(sizes) == 1
    assert sizes[0] > 5_000_000


@pytest.mark.usefixtures("file_system")
def test_concurrent_logs_keep_lines_intact(tmp_path: Path) -> None:
    path = tmp_path / "log"

    def fill(name: str) -> None:
        with open_log(path) as log:
            for number in range(200):
                write(log, "sent", {"by": name, "number": number, "text": name * 3000})

    writers = [threading.Thread(target=fill, args=(name,), daemon=True) for name in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    found = [record["message"] for record in records(path)]
    assert len(found) == 600
    for name in "abc":
        assert [record["number"] for record in found if record["by"] == name] == list(range(200))
    assert all(record["text"] == record["by"] * 3000 for record in found)


def test_write_to_closed_log_raises_error(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "log"), clock=clock)
    log.close()
    log.close()
    with pytest.raises(LogError, match="closed"):
        write(log, "sent", {})
