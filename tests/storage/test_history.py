"""The file of the history: where it is, who may read it, what is read of it, however it looks."""

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
from qmpshell.storage import HistoryError, HistoryFile, history_path, showable


def clock() -> float:
    return 1_700_000_000.0


def opened(path: Path | str) -> HistoryFile:
    return HistoryFile(str(path), clock=clock)


def problem(path: Path | str) -> str:
    with pytest.raises(HistoryError) as caught:
        opened(path).check()
    with pytest.raises(HistoryError) as again:
        opened(path).append("stop")
    assert str(again.value) == str(caught.value)
    assert opened(path).read() == []
    return str(caught.value)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# -- where it is -----------------------------------------------------------------------------------


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
def test_where_it_is(environment: dict[str, str], expected: str) -> None:
    assert history_path(environment, "history") == expected


@pytest.mark.parametrize(
    "environment", [{}, {"HOME": ""}, {"HOME": "h"}, {"XDG_STATE_HOME": "s", "HOME": "."}]
)
def test_without_a_home_there_is_none(environment: dict[str, str]) -> None:
    with pytest.raises(HistoryError, match="the history is not kept: HOME is not"):
        history_path(environment, "history")


def test_what_is_made_is_the_persons_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "qmpshell" / "history"
    before = os.umask(0)
    try:
        opened(path).check()
    finally:
        os.umask(before)
    assert mode(tmp_path / "state") == 0o700
    assert mode(tmp_path / "state" / "qmpshell") == 0o700
    assert mode(path) == 0o600
    assert path.read_bytes() == b""


def test_a_file_that_others_could_read_is_theirs_no_more(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.write_text("\n# x\n+stop\n")
    path.chmod(0o666)
    assert opened(path).read() == ["stop"]
    assert mode(path) == 0o600
    path.chmod(0o755)
    opened(path).append("cont")
    assert mode(path) == 0o600


def test_a_file_and_a_folder_that_were_removed_are_made_again(tmp_path: Path) -> None:
    path = tmp_path / "qmpshell" / "history"
    history = opened(path)
    history.append("a")
    path.unlink()
    history.append("b")
    assert history.read() == ["b"]
    path.unlink()
    path.parent.rmdir()
    assert history.read() == []
    history.append("c")
    assert history.read() == ["c"]


# -- what is no good place -------------------------------------------------------------------------


def test_what_is_no_file_is_not_written_to(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "file").touch()
    (tmp_path / "device").symlink_to("/dev/zero")
    assert problem(tmp_path) == f"the history is not kept: {tmp_path}: Is a directory"
    assert problem(tmp_path / "fifo").endswith("fifo: it is no regular file")
    assert problem(tmp_path / "device").endswith("device: it is no regular file")
    assert problem(tmp_path / "file" / "history").endswith("Not a directory")
    assert problem(tmp_path / "file" / "qmpshell" / "history").endswith("Not a directory")
    assert "NUL" in problem("/a\0b/history")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "vm.sock"))
        assert problem(tmp_path / "vm.sock").endswith("it is no regular file")


def test_a_fifo_that_somebody_reads_is_not_written_to_either(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    reading = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    assert problem(tmp_path / "fifo").endswith("it is no regular file")
    assert os.read(reading, 1) == b""
    os.close(reading)


def test_where_nothing_can_be_made(tmp_path: Path) -> None:
    # A file system that takes no files, even from root.
    assert "/proc/self/qmpshell/history: " in problem("/proc/self/qmpshell/history")


def test_a_path_is_told_in_one_safe_line(tmp_path: Path) -> None:
    path = tmp_path / "a\nb\x1b"
    path.mkdir()
    assert problem(path).endswith(r"a\x0ab\x1b: Is a directory")


def test_a_file_of_another_user_is_neither_read_nor_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "history"
    opened(path).append("stop")
    path.chmod(0o666)
    before = path.read_bytes()
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    assert problem(path).endswith("history: it belongs to another user")
    assert path.read_bytes() == before
    assert mode(path) == 0o666


def test_root_makes_nothing_in_the_folders_of_a_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / "qmpshell").mkdir(parents=True)
    if os.geteuid() == 0:
        for folder in (home, home / "qmpshell"):
            os.chown(folder, 12345, 12345)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert problem(home / "qmpshell" / "history").endswith("qmpshell belongs to another user")
    assert problem(home / "state" / "history").endswith("home belongs to another user")
    assert [one.name for one in home.rglob("*")] == ["qmpshell"]


# -- links -----------------------------------------------------------------------------------------


def test_a_link_of_ones_own_is_followed(tmp_path: Path) -> None:
    link = tmp_path / "history"
    link.symlink_to(tmp_path / "elsewhere")
    opened(link).append("stop")
    assert link.is_symlink()
    assert opened(tmp_path / "elsewhere").read() == ["stop"]
    assert mode(tmp_path / "elsewhere") == 0o600
    link.unlink()
    link.symlink_to(tmp_path / "no" / "such" / "folder")
    assert problem(link).endswith("No such file or directory")
    link.unlink()
    link.symlink_to(link)
    assert problem(link).endswith("Too many levels of symbolic links")


def test_a_link_to_dev_null_keeps_nothing_and_says_nothing(tmp_path: Path) -> None:
    link = tmp_path / "history"
    link.symlink_to("/dev/null")
    before = os.stat("/dev/null").st_mode
    history = opened(link)
    history.check()
    history.append("stop")
    assert history.read() == []
    assert os.stat("/dev/null").st_mode == before
    assert opened("/dev/null").read() == []


def test_a_link_of_another_users_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, link = tmp_path / "mine", tmp_path / "history"
    path.write_text("precious")
    link.symlink_to(path)
    lstat = os.lstat
    theirs = list(lstat(link)[:10])
    theirs[stat.ST_UID] += 1

    def pretending(name: str) -> os.stat_result:
        return os.stat_result(theirs) if name == str(link) else lstat(name)

    monkeypatch.setattr(os, "lstat", pretending)
    assert problem(link).endswith("it is a symbolic link of another user's")
    assert path.read_text() == "precious"


# -- writing ---------------------------------------------------------------------------------------


def test_the_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    write = os.write

    def counted(descriptor: int, data: bytes) -> int:
        sizes.append(len(data))
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", counted)
    path = tmp_path / "history"
    opened(path).append("query-status")
    opened(path).append('{"execute":\n\n "stop", "id": "ü"}')
    text = path.read_text(encoding="utf-8")
    assert len(sizes) == 2  # one write each
    first, second = text.split("\n\n")
    assert first.startswith("\n# 2023-11-1") and first.endswith("\n+query-status")
    assert second.partition("\n")[2] == '+{"execute":\n+\n+ "stop", "id": "ü"}\n'
    assert opened(path).read() == ["query-status", '{"execute":\n\n "stop", "id": "ü"}']


def test_an_entry_that_was_cut_off_is_told_and_does_not_spoil_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "history"
    write = os.write
    rooms = [40, 30, 2, 0]

    def short(descriptor: int, data: bytes) -> int:
        room = rooms.pop(0) if rooms else len(data)
        if not room:
            raise OSError(28, "No space left on device")
        return write(descriptor, data[:room])

    history = opened(path)
    monkeypatch.setattr(os, "write", short)
    history.append("stop")
    for text in ("query-status", "query-name"):
        with pytest.raises(HistoryError, match="an entry was cut off; is the disk full"):
            history.append(text)
    with pytest.raises(HistoryError, match=f"not kept: {path}: No space left on device"):
        history.append("query-block")
    history.append("cont")
    assert history.read() == ["stop", "query-", "cont"]


def test_several_writers_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "history"

    def fill(name: str) -> None:
        for number in range(200):
            opened(path).append(f"{name} {number}\n{name * 3000}")

    writers = [threading.Thread(target=fill, args=(name,)) for name in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    text = path.read_text()
    for name in "abc":
        numbers = [
            int(line.split()[1]) for line in text.splitlines() if line.startswith(f"+{name} ")
        ]
        assert numbers == list(range(200))
    assert all(entry.endswith(f"\n{entry[0] * 3000}") for entry in opened(path).read())


def test_a_very_long_entry_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "history"
    opened(path).append("x" * (1 << 16))
    opened(path).append("y" * ((1 << 16) + 1))
    assert [entry[0] for entry in opened(path).read()] == ["x"]
    path.write_text("+" + "z" * 500_000 + "\n\n+stop\n")
    assert opened(path).read() == ["stop"]


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
def test_what_is_read(tmp_path: Path, content: bytes, expected: list[str]) -> None:
    path = tmp_path / "history"
    path.write_bytes(content)
    assert opened(path).read() == expected


def test_no_file_is_an_empty_one(tmp_path: Path) -> None:
    assert opened(tmp_path / "none" / "history").read() == []
    assert list(tmp_path.iterdir()) == []


def test_only_the_end_of_a_large_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "history"
    entries = [f"transaction(\n  {number}\n)" for number in range(100_000)]
    path.write_text("".join("\n# t\n" + e.replace("\n", "\n+").join("+\n") for e in entries))
    found = opened(path).read()
    assert found == entries[-10_000:]
    longer = [entry + " " * 1000 for entry in entries[:5000]]
    path.write_text("".join("\n# t\n" + e.replace("\n", "\n+").join("+\n") for e in longer))
    found = opened(path).read()
    assert found == longer[-len(found) :]
    assert 950 < len(found) < 1050  # a mebibyte
    path.write_bytes(b"+" + b"\n+".join([b"x" * 100] * 20_000))
    assert opened(path).read() == []  # nobody knows where it begins


@given(
    content=st.binary()
    | st.lists(st.sampled_from([b"\n", b"+", b"#", b"a", b"\xff\x1b"])).map(b"".join)
)
def test_any_file_is_safe(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history"
        path.write_bytes(content)
        before = opened(path).read()
        assert all(escape_lines(entry) == entry for entry in before)
        opened(path).append("last\nof all")
        assert opened(path).read()[-1] == "last\nof all"
        assert opened(path).read()[: len(before)] == before


@given(entries=st.lists(st.text(min_size=1)))
def test_what_was_appended_is_read(entries: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        history = opened(Path(folder) / "history")
        for entry in entries:
            history.append(showable(entry))
        found = history.read()
    expected = [
        showable(entry)
        for before, entry in zip([None, *entries], entries, strict=False)
        if before is None or showable(before) != showable(entry)
    ]
    assert found == expected


def test_reading_takes_time_in_proportion(
    tmp_path: Path, count_lines: Callable[[Callable[[], object]], int]
) -> None:
    def lines(times: int) -> int:
        (tmp_path / "history").write_bytes(b"\n# t\n+a\n+b\n\n# t\n+c\n" * times)
        return count_lines(opened(tmp_path / "history").read)

    assert lines(400) < 6 * lines(100)
