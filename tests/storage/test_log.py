"""The log: private, never truncated, a whole line for each message, whoever else writes."""

from __future__ import annotations

import json
import os
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from qmpshell.errors import QmpShellError
from qmpshell.storage import RECEIVED, SENT, Log, LogError


def clock() -> float:
    return 1700000000.25


@contextmanager
def opened(path: Path | str) -> Iterator[Log]:
    log = Log(str(path), clock=clock)
    try:
        yield log
    finally:
        log.close()


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("ascii").splitlines()]


def refusal(path: Path | str) -> str:
    with pytest.raises(LogError) as caught:
        Log(str(path), clock=clock)
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    return text


def test_each_message_is_a_line_with_time_and_direction(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with opened(path) as log:
        log.write(SENT, {"execute": "stop"})
        log.write(RECEIVED, {"return": {"a": "é\n\ud800"}})
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
def test_the_time_is_utc_with_microseconds(tmp_path: Path, seconds: float, text: str) -> None:
    path = tmp_path / "log"
    log = Log(str(path), clock=lambda: seconds)
    log.write(SENT, {})
    log.close()
    assert records(path)[0]["time"] == text


def test_a_message_deeper_than_python_recurses(tmp_path: Path) -> None:
    deep: Any = 1
    for _ in range(3000):
        deep = [deep]
    path = tmp_path / "log"
    with opened(path) as log:
        log.write(RECEIVED, {"return": deep, "number": float("inf")})
    assert path.read_text().count("[") == 3000


def test_a_new_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "log"
    before = os.umask(0)
    try:
        with opened(path):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_old_file_is_appended_to_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("before\n")
    path.chmod(0o644)
    with opened(path) as log:
        log.write(SENT, {})
    assert path.read_text().startswith('before\n{"time"')
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666, 0o664])
def test_a_file_that_others_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "log"
    path.write_text("x")
    path.chmod(mode)
    assert f"others may write to it (mode {mode:04o})" in refusal(path)
    assert path.read_text() == "x"


def test_a_link_to_a_file_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("mine")
    link = tmp_path / "log"
    link.symlink_to(target)
    assert "symbolic link" in refusal(link)
    assert target.read_text() == "mine"


def test_a_link_to_nothing_is_refused_and_nothing_is_made(tmp_path: Path) -> None:
    link = tmp_path / "log"
    link.symlink_to(tmp_path / "target")
    assert "symbolic link" in refusal(link)
    assert not (tmp_path / "target").exists()


def test_links_in_a_circle(tmp_path: Path) -> None:
    link = tmp_path / "log"
    link.symlink_to(link)
    assert "symbolic link" in refusal(link)


def test_a_link_to_a_device_is_followed(tmp_path: Path) -> None:
    link = tmp_path / "log"
    link.symlink_to("/dev/null")
    with opened(link) as log:
        log.write(SENT, {})


def test_a_pipe_of_the_shells(tmp_path: Path) -> None:
    """As `--log >(COMMAND)` hands it over."""
    reading, writing = os.pipe()
    with opened(f"/dev/fd/{writing}") as log:
        log.write(SENT, {"a": 1})
        assert json.loads(os.read(reading, 4096))["message"] == {"a": 1}
    assert os.get_blocking(writing)
    os.close(reading)
    os.close(writing)


def test_dev_null() -> None:
    with opened("/dev/null") as log:
        log.write(SENT, {})


def test_a_full_disk() -> None:
    with opened("/dev/full") as log:
        with pytest.raises(LogError, match=r"^cannot write to the log /dev/full: No space left"):
            log.write(SENT, {})
    assert issubclass(LogError, QmpShellError)


def test_a_fifo_without_a_reader_is_an_error_at_once(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    assert "nobody reads it" in refusal(path)


def test_a_fifo_with_a_reader_gets_all_of_it_though_the_reader_is_slow(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reading, True)
    large = {"return": "x" * 1_000_000}
    log = Log(str(path), clock=clock)
    writer = threading.Thread(target=log.write, args=(RECEIVED, large))
    writer.start()
    got = b""
    while not got.endswith(b"\n"):
        got += os.read(reading, 1 << 16)
    writer.join()
    assert json.loads(got)["message"] == large
    os.close(reading)
    with pytest.raises(LogError, match="nobody reads it any more"):
        log.write(SENT, {})
    log.close()


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    assert "directory" in refusal(tmp_path)
    assert "No such file" in refusal(tmp_path / "none" / "log")
    assert "NUL" in refusal("a\0b")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "vm.sock"))
        assert "neither a file" in refusal(tmp_path / "vm.sock")
        assert (tmp_path / "vm.sock").exists()


def test_a_line_that_was_cut_off_does_not_spoil_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log"
    write = os.write
    room = [10, 0]

    def short(descriptor: int, data: bytes) -> int:
        if not room:
            return write(descriptor, data)
        size = room.pop(0)
        if not size:
            raise OSError(28, "No space left on device")
        return write(descriptor, data[:size])

    with opened(path) as log:
        monkeypatch.setattr(os, "write", short)
        with pytest.raises(LogError):
            log.write(SENT, {"a": 1})
        log.write(SENT, {"b": 2})
        log.write(SENT, {"c": 3})
    torn, *whole = path.read_text().splitlines()
    assert len(torn) == 10
    assert [json.loads(line)["message"] for line in whole] == [{"b": 2}, {"c": 3}]


def test_a_line_is_one_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    write = os.write

    def counted(descriptor: int, data: bytes) -> int:
        sizes.append(len(data))
        return write(descriptor, data)

    with opened(tmp_path / "log") as log:
        monkeypatch.setattr(os, "write", counted)
        log.write(RECEIVED, {"return": "x" * 5_000_000})
    assert len(sizes) == 1
    assert sizes[0] > 5_000_000


def test_two_logs_on_one_file_never_mix_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "log"

    def fill(name: str) -> None:
        with opened(path) as log:
            for number in range(200):
                log.write(SENT, {"by": name, "number": number, "text": name * 3000})

    writers = [threading.Thread(target=fill, args=(name,)) for name in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = [record["message"] for record in records(path)]
    assert len(found) == 600
    for name in "abc":
        assert [one["number"] for one in found if one["by"] == name] == list(range(200))
    assert all(one["text"] == one["by"] * 3000 for one in found)


def test_a_closed_log(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "log"), clock=clock)
    log.close()
    log.close()
    with pytest.raises(LogError, match="closed"):
        log.write(SENT, {})
