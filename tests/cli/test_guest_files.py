"""Tests of `qmpshell ga cat` and `qmpshell ga cp`."""

from __future__ import annotations

import base64
import os
import shlex
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qmpshell.cli.guest_files import Copy, plan_copy, progress_line
from tests.harness.agents import ScriptedAgent, leave, never
from tests.harness.processes import wait_until
from tests.harness.program import COMMAND, Result, environment, run, start
from tests.harness.screen import Terminal
from tests.harness.scripted import Peer
from tests.harness.servers import SYSTEM, Server, start_agent

# All bytes, and more than two pieces.
BINARY = bytes(range(256)) * 9000 + b"\0\r\n\xff"


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Server]:
    with start_agent(SYSTEM, tmp_path) as server:
        yield server


@pytest.fixture
def guest(tmp_path: Path) -> Path:
    """Return a directory for the agent's files."""
    directory = tmp_path / "guest"
    directory.mkdir()
    return directory


def ga(server: Server, *words: str, input: str | bytes = b"") -> Result:
    return run("ga", "--wait", "60", "-s", server.address, *words, input=input)


def test_cat_prints_bytes_of_files(agent: Server, guest: Path) -> None:
    (guest / "a").write_bytes(b"one\r\n\x1b\n")
    (guest / "b").write_bytes(b"two")
    result = ga(agent, "cat", f"{guest}/a", f"guest:{guest}/b")
    assert (result.status, result.out.encode(), result.err) == (0, b"one\r\n\x1b\ntwo", "")


def test_cat_continues_after_missing_file(agent: Server, guest: Path) -> None:
    (guest / "b").write_text("two")
    result = ga(agent, "cat", f"{guest}/a", f"{guest}/b")
    assert (result.status, result.out) == (1, "two")
    assert result.err.count("\n") == 1
    assert "No such file or directory" in result.err


def test_unreadable_guest_file_is_named_once(agent: Server, guest: Path, tmp_path: Path) -> None:
    for words in (("cat",), ("cp",)):
        target = [str(tmp_path / "target")] if words == ("cp",) else []
        result = ga(agent, *words, f"guest:{guest}", *target)
        assert result.status == 1
        assert result.err == f"qmpshell: {guest}: failed to read file: Is a directory\n"
        result = ga(agent, *words, f"guest:{guest}/none", *target)
        assert (result.status, result.err.count(f"{guest}/none")) == (1, 1)


def test_cat_reader_that_leaves_ends_it(agent: Server, guest: Path) -> None:
    (guest / "big").write_bytes(BINARY)
    with start("ga", "--wait", "60", "-s", agent.address, "cat", f"{guest}/big") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        assert (process.wait(60), process.stderr.read()) == (141, b"")
    assert ga(agent, "ping").status == 0


def test_cat_at_terminal_escapes_controls(agent: Server, guest: Path) -> None:
    (guest / "a").write_bytes(b"x\x1b[2Jy\xff\r\n\tend\n")
    with Terminal("ga", "--wait", "60", "-s", agent.address, "cat", f"{guest}/a") as terminal:
        assert terminal.end() == 0
        assert terminal.lines[:2] == [r"x\x1b[2Jy\xff", "        end"]


def test_cp_keeps_binary_files_intact(agent: Server, guest: Path, tmp_path: Path) -> None:
    source, back = tmp_path / "source", tmp_path / "back"
    source.write_bytes(BINARY)
    assert ga(agent, "cp", str(source), f"guest:{guest}/copy") == Result(0, "", "")
    assert (guest / "copy").read_bytes() == BINARY
    assert ga(agent, "cp", f"guest:{guest}/copy", str(back)) == Result(0, "", "")
    assert back.read_bytes() == BINARY


def test_cp_copies_into_directories(agent: Server, guest: Path, tmp_path: Path) -> None:
    names = ("a", "b", "empty")
    for name in names:
        (tmp_path / name).write_text("" if name == "empty" else name)
    sources = [str(tmp_path / name) for name in names]
    assert ga(agent, "cp", *sources, f"guest:{guest}/").status == 0
    assert ga(agent, "cp", sources[0], f"guest:{guest}").status == 0
    assert [(guest / name).read_text() for name in names] == ["a", "b", ""]
    (tmp_path / "into").mkdir()
    assert ga(agent, "cp", *(f"guest:{guest}/{name}" for name in names), f"{tmp_path}/into") == (
        Result(0, "", "")
    )
    assert [(tmp_path / "into" / name).read_text() for name in names] == ["a", "b", ""]


def test_cp_reads_and_writes_standard_streams(agent: Server, guest: Path) -> None:
    assert ga(agent, "cp", "-", f"guest:{guest}/x", input=b"\0x").status == 0
    result = ga(agent, "cp", f"guest:{guest}/x", "-")
    assert (result.status, result.out) == (0, "\0x")


@pytest.mark.parametrize("redirection", ["<&-", "0>/dev/null"])
def test_cp_unreadable_stdin_keeps_guest_file(agent: Server, guest: Path, redirection: str) -> None:
    (guest / "kept").write_text("kept")
    words = (*COMMAND, "ga", "--wait", "60", "-s", agent.address, "cp", "-", f"guest:{guest}/kept")
    done = subprocess.run(
        f"{shlex.join(words)} {redirection}",
        shell=True,
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
    )
    assert (done.returncode, done.stderr) == (
        1,
        "qmpshell: cannot read standard input: Bad file descriptor\n",
    )
    assert (guest / "kept").read_text() == "kept"


def test_cp_failure_keeps_local_file(agent: Server, guest: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    for source in (f"{guest}/none", str(guest)):
        result = ga(agent, "cp", f"guest:{source}", f"{tmp_path}/kept")
        assert (result.status, result.err.count("\n")) == (1, 1)
    assert (tmp_path / "kept").read_text() == "kept"


def test_cp_continues_after_failure_of_file(agent: Server, guest: Path, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    sources = (str(tmp_path / "none"), str(guest), str(tmp_path / "a"))
    result = ga(agent, "cp", *sources, f"guest:{guest}/")
    assert result.status == 1
    assert result.err.splitlines() == [
        f"qmpshell: {tmp_path}/none: No such file or directory",
        f"qmpshell: {guest}: Is a directory; copy an archive of it",
    ]
    assert (guest / "a").read_text() == "a"


def test_cp_writes_nothing_to_full_device(agent: Server, guest: Path) -> None:
    (guest / "a").write_text("a")
    result = ga(agent, "cp", f"guest:{guest}/a", "/dev/full")
    assert result.status == 1
    assert result.err == "qmpshell: No space left on device; /dev/full is incomplete\n"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("a", "b"), "either the sources or the destination must start with guest:"),
        (("guest:/a", "guest:/b"), "either the sources or the destination"),
        (("guest:/a", "b", "guest:/c"), "either the sources or the destination"),
        (("guest:", "b"), "a path is missing after guest:"),
        (("a", "b", "guest:/c"), "end /c with /"),
        (("guest:/a", "guest:/b", "c"), "c is not one"),
        (("a",), "SOURCE and DESTINATION are required"),
    ],
)
def test_cp_rejects_impossible_paths(words: tuple[str, ...], reason: str) -> None:
    result = run("ga", "-s", "/nowhere", "cp", *words)
    assert (result.status, result.out) == (2, "")
    assert reason in result.err


def test_plan_copy_accepts_names_with_prefix() -> None:
    assert plan_copy(["./guest:x", "guest:C:\\y"]) == Copy(["./guest:x"], "C:\\y", True)


# -- against a scripted agent ----------------------------------------------------------------------


def test_cp_ctrl_c_closes_file_of_guest(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    answers = {"guest-file-open": 7, "guest-file-write": never}
    with (
        ScriptedAgent(tmp_path / "s", answers) as agent,
        start("ga", "-s", agent.address, "cp", f"{tmp_path}/a", "guest:/x") as process,
    ):
        wait_until(lambda: "guest-file-write" in agent.names, "no write")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 130
        assert err == b"qmpshell: interrupted; guest:/x is incomplete\n"
        assert agent.received[-1] == ("guest-file-close", {"handle": 7})


def test_cp_agent_that_dies_is_reported_once(tmp_path: Path) -> None:
    answers = {"guest-file-open": 7, "guest-file-read": _first_then(leave)}
    with ScriptedAgent(tmp_path / "s", answers) as agent:
        result = run("ga", "-s", agent.address, "cp", "guest:/x", f"{tmp_path}/x")
    assert (result.status, result.err.count("\n")) == (3, 1)
    assert "connection lost" in result.err
    assert result.err.endswith(f"; {tmp_path}/x is incomplete\n")


def test_cp_sends_rest_after_short_write(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abcdef")
    answers = {"guest-file-open": 7, "guest-file-write": _counts(4, 2)}
    with ScriptedAgent(tmp_path / "s", answers) as agent:
        result = run("ga", "-s", agent.address, "cp", f"{tmp_path}/a", "guest:/x")
    assert (result.status, result.err) == (0, "")
    sent = [arguments for name, arguments in agent.received if name == "guest-file-write"]
    assert [base64.b64decode(arguments["buf-b64"]) for arguments in sent] == [b"abcdef", b"ef"]


@pytest.mark.parametrize(
    "reply", [{"buf-b64": "*"}, {"eof": True}, [], {"buf-b64": "YQ==", "eof": 3}, {"buf-b64": "a"}]
)
def test_malformed_reply_is_reported(tmp_path: Path, reply: object) -> None:
    answers = {"guest-file-open": 7, "guest-file-read": reply}
    with ScriptedAgent(tmp_path / "s", answers) as agent:
        result = run("ga", "-s", agent.address, "cat", "/x")
    assert (result.status, result.err.count("\n")) == (3, 1)
    assert "the agent's" in result.err


def _first_then(answer: Callable[[Peer, dict[str, Any]], object]) -> Any:
    """Return an answer with a first piece of a file, and then another."""
    count = 0

    def reply(peer: Peer, command: dict[str, Any]) -> None:
        nonlocal count
        count += 1
        if count == 1:
            peer.reply(command, {"buf-b64": "YQ==", "count": 1, "eof": False})
        else:
            answer(peer, command)

    return reply


def _counts(*counts: int) -> Any:
    rest = list(counts)
    return lambda peer, command: peer.reply(command, {"count": rest.pop(0), "eof": False})


# -- progress --------------------------------------------------------------------------------------


def test_cp_at_terminal_shows_progress(agent: Server, guest: Path, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(BINARY)
    words = ("cp", f"{tmp_path}/source", f"guest:{guest}/copy")
    with Terminal("ga", "--wait", "60", "-s", agent.address, *words, columns=200) as terminal:
        assert terminal.end() == 0
        assert f"{tmp_path}/source  ▕████████████████████▏  100 %  2.2 MiB" in terminal.lines[0]
        assert terminal.lines[1] == ""


def test_progress_is_drawn_during_copy(tmp_path: Path) -> None:
    answers = {
        "guest-file-open": 7,
        "guest-file-seek": {"position": 4, "eof": False},
        "guest-file-read": _first_then(never),
    }
    with (
        ScriptedAgent(tmp_path / "s", answers) as agent,
        Terminal("ga", "-s", agent.address, "cp", "guest:/\x1bx", f"{tmp_path}/x") as terminal,
    ):
        terminal.wait_for(r"/\x1bx  ▕█████               ▏   25 %  1 B of 4 B")
        terminal.type("\x03")
        assert terminal.end() == 130
        assert "interrupted" in terminal.text
        assert "25 %" not in terminal.text


def test_progress_is_only_for_terminals(agent: Server, guest: Path, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(BINARY)
    words = ("cp", f"{tmp_path}/source", f"guest:{guest}/copy")
    with Terminal(
        "ga", "--wait", "60", "-s", agent.address, *words, variables={"TERM": "dumb"}
    ) as terminal:
        assert terminal.end() == 0
        assert terminal.raw == b""


def test_progress_line_without_size_has_no_bar() -> None:
    line = progress_line("x", 2048, None, seconds=0, unicode=True)
    assert line == "x  2 KiB"
    line = progress_line("x", 9, 3, seconds=3, unicode=True)
    assert line == "x  9 B  3 B/s"


def test_upload_from_terminal_reads_nothing_before_agent(tmp_path: Path) -> None:
    result = run("ga", "-s", str(tmp_path / "none"), "cp", "-", "guest:/x")
    assert (result.status, result.err.count("\n")) == (3, 1)
    assert os.listdir(tmp_path) == []


def test_fifo_without_reader_can_be_interrupted(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    answers = {"guest-file-open": 7, "guest-file-read": {"buf-b64": "YQ==", "eof": True}}
    with (
        ScriptedAgent(tmp_path / "s", answers) as agent,
        start("ga", "-s", agent.address, "cp", "guest:/x", f"{tmp_path}/fifo") as process,
    ):
        wait_until(lambda: "guest-file-read" in agent.names, "no read")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode == 130
        assert agent.names[-1] == "guest-file-close"
