"""Tests of the history file: its path, its permissions, and how entries are written and read."""

from __future__ import annotations

import os
import socket
import stat
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from qmpshell.render import escape_lines
from qmpshell.storage import HistoryError, HistoryFile, escape_entry, history_path


def clock() -> float:
    return 1_700_000_000.0


def open_history(path: Path | str) -> HistoryFile:
    return HistoryFile(str(path), clock=clock)


def problem(path: Path | str) -> str:
    with pytest.raises(HistoryError) as caught:
        open_history(path).check()
    with pytest.raises(HistoryError) as again:
        open_history(path).append("stop")
    assert str(again.value) == str(caught.value)
    assert open_history(path).read() == []
    return str(caught.value)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# -- path -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"XDG_STATE_HOME": "/s", "HOME": "/h"}, "/s/qmpshell/history"),
        ({"XDG_STATE_HOME": "/s"}, "/s/qmpshell/history"),
        ({"HOME": "/h"}, "/h/.local/state/qmpshell/history"),
        ({"XDG_STATE_HOME": "", "HOME": "/h"}, "/h/.local/state/qmpshell/history"),
        ({"XDG_STATE_HOME": "s", "HOME": "/h"}, "/h/.local/state/qmpshell/history"),
        ({"XDG_STATE_HOME": "./s", "HOME": "/h"}, "/h/.local/state/qmpshell/history"),
    ],
)
def test_history_path_follows_environment(environment: dict[str, str], expected: str) -> None:
    assert history_path(environment, "history") == expected


@pytest.mark.parametrize(
    "environment", [{}, {"HOME": ""}, {"HOME": "h"}, {"XDG_STATE_HOME": "s", "HOME": "."}]
)
def test_history_path_without_home_raises_error(environment: dict[str, str]) -> None:
    with pytest.raises(HistoryError, match="the history is not saved: HOME is not"):
        history_path(environment, "history")


def test_new_file_and_folders_are_private(tmp_path: Path) -> None:
    path = tmp_path / "state" / "qmpshell" / "history"
    before = os.umask(0)
    try:
        open_history(path).check()
    finally:
        os.umask(before)
    assert mode(tmp_path / "state") == 0o700
    assert mode(tmp_path / "state" / "qmpshell") == 0o700
    assert mode(path) == 0o600
    assert path.read_bytes() == b""


def test_existing_file_becomes_private(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.write_text("\n# x\n+stop\n")
    path.chmod(0o666)
    assert open_history(path).read() == ["stop"]
    assert mode(path) == 0o600
    path.chmod(0o755)
    open_history(path).append("cont")
    assert mode(path) == 0o600


def test_removed_file_and_folder_are_recreated(tmp_path: Path) -> None:
    path = tmp_path / "qmpshell" / "history"
    history = open_history(path)
    history.append("a")
    path.unlink()
    history.append("b")
    assert history.read() == ["b"]
    path.unlink()
    path.parent.rmdir()
    assert history.read() == []
    history.append("c")
    assert history.read() == ["c"]


# -- unusable paths -------------------------------------------------------------------------------


def test_special_files_are_rejected(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "file").touch()
    (tmp_path / "device").symlink_to("/dev/zero")
    assert problem(tmp_path) == f"the history is not saved: {tmp_path}: Is a directory"
    assert problem(tmp_path / "fifo").endswith("fifo: it is not a regular file")
    assert problem(tmp_path / "device").endswith("device: it is not a regular file")
    assert problem(tmp_path / "file" / "history").endswith("Not a directory")
    assert problem(tmp_path / "file" / "qmpshell" / "history").endswith("Not a directory")
    assert "NUL" in problem("/a\0b/history")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "vm.sock"))
        assert problem(tmp_path / "vm.sock").endswith("it is not a regular file")


def test_fifo_with_reader_is_rejected(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    reading = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    assert problem(tmp_path / "fifo").endswith("it is not a regular file")
    assert os.read(reading, 1) == b""
    os.close(reading)


def test_folder_that_cannot_be_created_is_reported() -> None:
    # In /proc, even root cannot create files.
    assert "/proc/self/qmpshell/history: " in problem("/proc/self/qmpshell/history")


def test_path_is_escaped_in_error_message(tmp_path: Path) -> None:
    path = tmp_path / "a\nb\x1b"
    path.mkdir()
    assert problem(path).endswith(r"a\x0ab\x1b: Is a directory")


def test_file_of_another_user_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "history"
    open_history(path).append("stop")
    path.chmod(0o666)
    before = path.read_bytes()
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    assert problem(path).endswith("history: it belongs to another user")
    assert path.read_bytes() == before
    assert mode(path) == 0o666


def test_root_creates_nothing_in_folders_of_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / "qmpshell").mkdir(parents=True)
    if os.geteuid() == 0:
        for directory in (home, home / "qmpshell"):
            os.chown(directory, 12345, 12345)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert problem(home / "qmpshell" / "history").endswith("qmpshell belongs to another user")
    assert problem(home / "state" / "history").endswith("home belongs to another user")
    assert [path.name for path in home.rglob("*")] == ["qmpshell"]


# -- links -----------------------------------------------------------------------------------------


def test_own_symlink_is_followed(tmp_path: Path) -> None:
    link = tmp_path / "history"
    link.symlink_to(tmp_path / "elsewhere")
    open_history(link).append("stop")
    assert link.is_symlink()
    assert open_history(tmp_path / "elsewhere").read() == ["stop"]
    assert mode(tmp_path / "elsewhere") == 0o600
    link.unlink()
    link.symlink_to(tmp_path / "no" / "such" / "directory")
    assert problem(link).endswith("No such file or directory")
    link.unlink()
    link.symlink_to(link)
    assert problem(link).endswith("Too many levels of symbolic links")


def test_symlink_to_dev_null_disables_history_silently(tmp_path: Path) -> None:
    link = tmp_path / "history"
    link.symlink_to("/dev/null")
    before = os.stat("/dev/null").st_mode
    history = open_history(link)
    history.check()
    history.append("stop")
    assert history.read() == []
    assert os.stat("/dev/null").st_mode == before
    assert open_history("/dev/null").read() == []


def test_symlink_of_another_user_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, link = tmp_path / "mine", tmp_path / "history"
    path.write_text("precious")
    link.symlink_to(path)
    lstat = os.lstat
    foreign_status = list(lstat(link)[:10])
    foreign_status[stat.ST_UID] += 1

    def lstat_of_other_user(name: str) -> os.stat_result:
        return os.stat_result(foreign_status) if name == str(link) else lstat(name)

    monkeypatch.setattr(os, "lstat", lstat_of_other_user)
    assert problem(link).endswith("it is a symbolic link that belongs to another user")
    assert path.read_text() == "precious"


# -- writing ---------------------------------------------------------------------------------------


def test_append_writes_prompt_toolkit_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    write = os.write

    def counting_write(descriptor: int, data: bytes) -> int:
        sizes.append(len(data))
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", counting_write)
    path = tmp_path / "history"
    open_history(path).append("query-status")
    open_history(path).append('{"execute":\n\n "stop", "id": "ü"}')
    text = path.read_text(encoding="utf-8")
    assert len(sizes) == 2  # one write for each entry
    first, second = text.split("\n\n")
    assert first.startswith("\n# 2023-11-1") and first.endswith("\n+query-status")
    assert second.partition("\n")[2] == '+{"execute":\n+\n+ "stop", "id": "ü"}\n'
    assert open_history(path).read() == ["query-status", '{"execute":\n\n "stop", "id": "ü"}']


def test_truncated_entry_is_reported_and_next_entry_intact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "history"
    write = os.write
    free_bytes = [40, 30, 2, 0]

    def short_write(descriptor: int, data: bytes) -> int:
        room = free_bytes.pop(0) if free_bytes else len(data)
        if not room:
            raise OSError(28, "No space left on device")
        return write(descriptor, data[:room])

    history = open_history(path)
    monkeypatch.setattr(os, "write", short_write)
    history.append("stop")
    for text in ("query-status", "query-name"):
        with pytest.raises(HistoryError, match="an entry was cut off; is the disk full"):
            history.append(text)
    with pytest.raises(HistoryError, match=f"not saved: {path}: No space left on device"):
        history.append("query-block")
    history.append("cont")
    assert history.read() == ["stop", "query-", "cont"]


def test_concurrent_writers_lose_no_entries(tmp_path: Path) -> None:
    path = tmp_path / "history"

    def fill(name: str) -> None:
        for number in range(200):
            open_history(path).append(f"{name} {number}\n{name * 3000}")

    writers = [threading.Thread(target=fill, args=(name,), daemon=True) for name in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    text = path.read_text()
    for name in "abc":
        numbers = [
            int(line.split()[1]) for line in text.splitlines() if line.startswith(f"+{name} ")
        ]
        assert numbers == list(range(200))
    assert all(entry.endswith(f"\n{entry[0] * 3000}") for entry in open_history(path).read())


def test_very_long_entry_is_not_saved(tmp_path: Path) -> None:
    path = tmp_path / "history"
    open_history(path).append("x" * (1 << 16))
    open_history(path).append("y" * ((1 << 16) + 1))
    assert [entry[0] for entry in open_history(path).read()] == ["x"]
    path.write_text("+" + "z" * 500_000 + "\n\n+stop\n")
    assert open_history(path).read() == ["stop"]


# -- reading ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"\n# t\n+a\n\n# t\n+b\n", ["a", "b"]),
        (b"\n# t\n+a\n+  b\n+\n+c\n", ["a\n  b\n\nc"]),
        (b"# t\n+a\n# t\n+b", ["a", "b"]),
        (b"+a", ["a"]),
        (b"a line of something else\n+a\nanother\n+b\n", ["a", "b"]),
        (b"\n# t\n+a\n\n# t\n+a\n\n# t\n+b\n\n# t\n+a\n", ["a", "b", "a"]),
        (b"\n# t\n+\n\n# t\n", []),
        (b"\n# t\n+a\n\n# t\n+que\n# t\n+b\n", ["a", "que", "b"]),
        (b"+a\xff\n\n+\xc3\n\n+\xc3\xbc\n", ["a\\udcff", "\\udcc3", "ü"]),
        (b'+x a="\x1b]0;t\x07\x9b"\r\n', ['x a="\\u001b]0;t\\u0007\\udc9b"\\u000d']),
        ("+a\u202eb\u2028c\x85\n".encode(), ["a\\u202eb\\u2028c\\u0085"]),
        (b"+a\x00b\x0bc\x0cd\n", ["a\\u0000b\\u000bc\\u000cd"]),
        (b"+a\tb\n", ["a\tb"]),
    ],
)
def test_read_returns_entries_of_any_content(
    tmp_path: Path, content: bytes, expected: list[str]
) -> None:
    path = tmp_path / "history"
    path.write_bytes(content)
    assert open_history(path).read() == expected


def test_missing_file_reads_as_empty(tmp_path: Path) -> None:
    assert open_history(tmp_path / "none" / "history").read() == []
    assert list(tmp_path.iterdir()) == []


def test_large_file_is_read_from_its_end(tmp_path: Path) -> None:
    path = tmp_path / "history"
    entries = [f"transaction(\n  {number}\n)" for number in range(100_000)]
    path.write_text("".join("\n# t\n" + e.replace("\n", "\n+").join("+\n") for e in entries))
    found = open_history(path).read()
    assert found == entries[-10_000:]
    longer = [entry + " " * 1000 for entry in entries[:5000]]
    path.write_text("".join("\n# t\n" + e.replace("\n", "\n+").join("+\n") for e in longer))
    found = open_history(path).read()
    assert found == longer[-len(found) :]
    assert 950 < len(found) < 1050  # a mebibyte
    path.write_bytes(b"+" + b"\n+".join([b"x" * 100] * 20_000))
    assert open_history(path).read() == []  # the start of the entry is unknown


@given(
    content=st.binary()
    | st.lists(st.sampled_from([b"\n", b"+", b"#", b"a", b"\xff\x1b"])).map(b"".join)
)
def test_random_file_content_is_read_safely(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "history"
        path.write_bytes(content)
        before = open_history(path).read()
        assert all(escape_lines(entry) == entry for entry in before)
        open_history(path).append("last\nof all")
        assert open_history(path).read()[-1] == "last\nof all"
        assert open_history(path).read()[: len(before)] == before


@given(entries=st.lists(st.text(min_size=1)))
def test_appended_entries_round_trip(entries: list[str]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        history = open_history(Path(directory) / "history")
        for entry in entries:
            history.append(escape_entry(entry))
        found = history.read()
    expected = [
        escape_entry(entry)
        for before, entry in zip([None, *entries], entries, strict=False)
        if before is None or escape_entry(before) != escape_entry(entry)
    ]
    assert found == expected


def test_reading_takes_linear_time(
    tmp_path: Path, count_lines: Callable[[Callable[[], object]], int]
) -> None:
    def lines(times: int) -> int:
        (tmp_path / "history").write_bytes(b"\n# t\n+a\n+b\n\n# t\n+c\n" * times)
        return count_lines(open_history(tmp_path / "history").read)

    assert lines(400) < 6 * lines(100)


# -- failed entries -------------------------------------------------------------------------------


def test_failed_entries_are_read_until_used_again(tmp_path: Path) -> None:
    file = open_history(tmp_path / "history")
    for entry in ("stop", "a\nb", "c"):
        file.append(entry)
        file.append(entry, has_failed=True)
    file.append("stop")
    assert file.read_with_failed() == (["stop", "a\nb", "c", "stop"], {"a\nb", "c"})
    assert file.read() == ["stop", "a\nb", "c", "stop"]
