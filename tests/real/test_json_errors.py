"""Test `--json-errors` as a co-process uses it: write one line, read exactly one answer."""

from __future__ import annotations

import array
import fcntl
import json
import os
import select
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from tests.harness.program import run, start
from tests.harness.servers import SYSTEM, Server, start_agent, start_qemu

TIMEOUT = 60.0


class CoProcess:
    """The program with `--json-errors` on two pipes."""

    def __init__(self, *arguments: str) -> None:
        self._process: subprocess.Popen[bytes] = start("--json-errors", *arguments)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        self._buffer = b""
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()

    def write(self, line: str | bytes) -> None:
        self._input.write((line.encode() if isinstance(line, str) else line) + b"\n")
        self._input.flush()

    def wait_until_read(self) -> None:
        """Wait until the program has read all lines. It handles them before it waits again."""
        deadline = time.monotonic() + TIMEOUT
        size = array.array("i", [1])
        while size[0]:
            assert time.monotonic() < deadline
            fcntl.ioctl(self._input, termios.FIONREAD, size)
            os.sched_yield()

    def read(self) -> Any:
        """Return the next object, or None at the end."""
        while b"\n" not in self._buffer:
            assert select.select([self._output], [], [], TIMEOUT)[0], "no answer to an earlier line"
            data = os.read(self._output.fileno(), 65536)
            if not data:
                assert self._buffer == b""
                return None
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return json.loads(line)

    def ask(self, line: str | bytes, count: int = 1) -> list[Any]:
        """Write a line and return its answers, after a check that there are exactly `count`."""
        self._count += 1
        marker = f"marker {self._count}"
        self.write(line)
        self.write(json.dumps({"execute": "query-name", "id": marker}))
        answers = [self.read() for _ in range(count)]
        assert self.read() == {"return": {}, "id": marker}, (line, answers)
        return answers

    def end(self) -> int:
        """Return the exit status, after a check that no output is left."""
        self._input.close()
        assert self.read() is None
        return self._process.wait(TIMEOUT)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Server]:
    options = ("-blockdev", "driver=null-co,node-name=n0")
    with start_qemu(SYSTEM, tmp_path / "vm.sock", *options) as server:
        yield server


RETURN, LINE = "return", "LineError"
LINES: list[tuple[str | bytes, str]] = [
    ("query-status", RETURN),
    ("  query-status # comment", RETURN),
    ("cont", RETURN),  # it has an event
    ('{"execute": "query-status"}', RETURN),
    ("{'execute': 'query-status'}", RETURN),
    ('query-version | cat; echo "{}"; exit 0', RETURN),
    ("query-version > /dev/null", RETURN),
    ("query-nothing | cat", "CommandNotFound"),
    ("query-nothing > /dev/null", "CommandNotFound"),
    ("query-version | exit 3", "GenericError"),
    ("query-version > /dev/full", "GenericError"),
    ("query-version > /nowhere/file", LINE),
    ("query-nothing", "CommandNotFound"),
    ("blockdev-add driver=null-co node-name=n1 size=1M", RETURN),
    ("blockdev-add driver=null-co node-name=n0", "GenericError"),
    ("transaction( block-dirty-bitmap-add node=n9 name=b; abort ; )", "GenericError"),
    ("transaction( abort x ; )", LINE),
    ("getfd fdname=f < /dev/null", RETURN),
    ("getfd fdname=f < /nowhere/file", "GenericError"),
    ("stop now", LINE),
    ("stop a=1 a=2", LINE),
    ('stop "', LINE),
    ("stop; stop now", LINE),
    ("stop id=@/nowhere/file", LINE),
    ("stop id=@$NOT_SET", LINE),
    ('{"execute": stop}', LINE),
    ('{"execute": "stop"} rest', LINE),
    (b"stop \xff", LINE),
    ("/nothing", LINE),
    ("/status extra", LINE),
    ("/status", RETURN),
    ("/last", RETURN),
    ("/help stop", RETURN),
    ("/help stop > /dev/null", RETURN),
    ("/set", RETURN),
    ("/events list", RETURN),
    ("/events none", RETURN),
    ("/jobs", RETURN),
    ("/log off", RETURN),
    ("/log /nowhere/file", "GenericError"),
    ("/resync", RETURN),
    ("/source /nowhere/file", "GenericError"),
    ("/hmp info status", RETURN),
    ("/hmp info nothing", RETURN),
    ("/hmp info status | cat", RETURN),
    ("/oob query-status", "GenericError"),
    ("/keyval blockdev-add driver=null-co,node-name=n2", RETURN),
    ("/watch -n 0.1 -c 3 query-status", RETURN),
    ("/wait-job nothing", "GenericError"),
    ("/wait -t 0.01 POWERDOWN", "GenericError"),
    ("/wait NOTHING", "GenericError"),
    ("/restart", "GenericError"),
]


def kind(answer: dict[str, Any]) -> str:
    """Return the kind of an answer, after a check of its form."""
    (member,) = answer.keys() - {"id"}
    if member == RETURN:
        return RETURN
    assert member == "error"
    assert set(answer[member]) == {"class", "desc"}
    assert answer[member]["desc"]
    return str(answer[member]["class"])


def test_each_line_yields_one_object(machine: Server) -> None:
    with CoProcess(machine.address) as shell:
        given = [(line, kind(shell.ask(line)[0])) for line, _ in LINES]
        assert shell.end() == 1
    assert given == LINES


def test_result_of_shell_command_is_its_answer(machine: Server) -> None:
    with CoProcess(machine.address) as shell:
        assert shell.ask("/last")[0]["error"]["desc"] == "no reply yet"
        shell.ask("cont")
        assert shell.ask("/wait -t 60 RESUME")[0]["return"]["event"] == "RESUME"
        watched = shell.ask("/watch -n 0.1 -c 2 query-status")[0]
        assert watched["return"]["running"] is True
        assert shell.ask("/status") == [{"return": {}}]


def test_last_after_watch_repeats_its_reply(machine: Server) -> None:
    with CoProcess(machine.address) as shell:
        shell.write("/watch -n 0.1 -c 2 query-status")
        shell.write("/last")
        assert shell.read() == shell.read()
        assert shell.end() == 0


@pytest.mark.parametrize(
    ("line", "kinds"),
    [
        ("query-status; query-nothing; /status", [RETURN, "CommandNotFound", RETURN]),
        ('{"execute": "stop"}{"execute": "cont"}', [RETURN, RETURN]),
        ("stop; cont | cat", [RETURN, RETURN]),
        ("stop; cont | exit 1", [RETURN, "GenericError"]),
        ("", []),
        ("# comment", []),
        ("/help stop; /bogus", [LINE]),
        (
            "transaction(\nblock-dirty-bitmap-add node=n0 name=a\nabort\n)",
            ["GenericError"],
        ),
        ('{"execute":\n"query-status"}', [RETURN]),
    ],
)
def test_each_item_of_a_line_yields_one_object(
    machine: Server, line: str, kinds: list[str]
) -> None:
    with CoProcess(machine.address) as shell:
        assert [kind(answer) for answer in shell.ask(line, len(kinds))] == kinds


def test_skipped_transcript_yields_objects_only_for_commands(machine: Server) -> None:
    lines = 'Welcome to the QMP low-level shell!\n(QEMU) stop\n{"return": {}}\n(QEMU) query-name\n'
    result = run("--json-errors", machine.address, input=lines)
    assert [json.loads(line) for line in result.lines] == [{"return": {}}] * 2
    assert "this is a transcript" in result.err


def test_source_yields_the_objects_of_its_lines(machine: Server, tmp_path: Path) -> None:
    inner, outer = tmp_path / "inner", tmp_path / "outer"
    inner.write_text("stop now\nquery-name\n")
    outer.write_text(f"query-nothing; /source {inner}; cont\n# nothing\n")
    with CoProcess(machine.address) as shell:
        sourced, after = shell.ask(f"/source {outer}; stop", 2)
        assert after == {"return": {}}
        first, second, third = sourced["return"]
        assert (kind(first), kind(third)) == ("CommandNotFound", RETURN)
        assert [kind(answer) for answer in second["return"]] == [LINE, RETURN]
        outer.write_text("")
        assert shell.ask(f"/source {outer}") == [{"return": []}]


def test_end_inside_source_answers_it_once(machine: Server, tmp_path: Path) -> None:
    file = tmp_path / "file"
    for text, options in (("stop\n/quit\nstop\n", ()), ("stop\nstop now\nstop\n", ("-e",))):
        file.write_text(text)
        result = run("--json-errors", *options, "-c", f"/source {file}", machine.address)
        (answer,) = map(json.loads, result.lines)
        assert len(answer["return"]) == 2


def test_stop_on_error_ends_after_the_answer(machine: Server) -> None:
    for line in ("query-nothing; stop", "stop now", "query-nothing | cat", "/bogus", "/wait-job x"):
        result = run("--json-errors", "-e", machine.address, input=f"{line}\nstop\n")
        assert (result.status, len(result.lines)) == (1, 1), line
        assert "error" in json.loads(result.out)


def test_events_are_hidden_unless_requested(machine: Server) -> None:
    lines = ("-c", "stop; cont", "-c", "/wait -t 60 RESUME", machine.address)
    hidden = run("--json-errors", *lines)
    assert len(hidden.lines) == 3
    shown = run("--json-errors", "--events", "RESUME", *lines)
    assert len(shown.lines) == 4


def test_human_monitor_lines_yield_one_object(machine: Server) -> None:
    lines = "info status\ninfo nothing\n\n/status\ninfo status | cat\n"
    result = run("--json-errors", "-H", machine.address, input=lines)
    status, failed, local, piped = map(json.loads, result.lines)
    assert status["return"].startswith("VM status")
    assert failed["return"]
    assert local == piped == {"return": {}}


def test_dry_run_yields_commands_and_errors(machine: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("stop\n")
    lines = f"stop\nstop now\n/status\n/source {tmp_path}/file\nstop | cat\n"
    result = run("--json-errors", "-n", machine.address, input=lines)
    stop, error, local, sourced, piped = map(json.loads, result.lines)
    assert stop == piped == {"execute": "stop"}
    assert (kind(error), local) == (LINE, {"return": {}})
    assert sourced == {"return": [{"execute": "stop"}]}


def test_agent_lines_yield_one_object(tmp_path: Path) -> None:
    with start_agent(SYSTEM, tmp_path) as agent:
        result = run(
            *("--json-errors", "--ga", "--wait", "60", agent.address),
            input="guest-ping\n/wait STOP\nnothing\n",
        )
    ping, wait, nothing = map(json.loads, result.lines)
    assert ping == {"return": {}}
    assert "error" in wait
    assert "error" in nothing


@pytest.mark.parametrize(
    "line",
    [
        "query-status",
        "query-status; stop",
        "query-status | cat",
        "blockdev-add driver=null-co node-name=5",  # its types are queried first
        "/hmp info status",
        "/wait STOP",
        "/wait-migration",
        "/watch query-status",
    ],
)
def test_lost_connection_answers_the_item_and_ends(machine: Server, line: str) -> None:
    with CoProcess(machine.address) as shell:
        shell.ask("query-name")
        machine.stop()
        shell.write(line)
        shell.wait_until_read()
        machine.kill()
        assert kind(shell.read()) == "ConnectionLost"
        assert shell.end() == 3


def test_loss_between_lines_yields_no_object(machine: Server) -> None:
    with CoProcess(machine.address) as shell:
        shell.ask("query-name")
        machine.kill()
        assert shell.read() is None
        assert shell.end() == 3


def test_timeout_answers_the_item_and_ends(machine: Server) -> None:
    with CoProcess("--timeout", "2", machine.address) as shell:
        shell.ask("query-name")
        machine.stop()
        shell.write("query-status; stop")
        answer = shell.read()
        assert kind(answer) == "ConnectionLost"
        assert "within 2 s" in answer["error"]["desc"]
        assert shell.end() == 3


def test_quit_is_answered_once(machine: Server) -> None:
    result = run("--json-errors", machine.address, input="quit\n")
    assert (result.status, result.out) == (0, '{"return": {}}\n')


@pytest.mark.parametrize("option", ["-r", "--raw"])
def test_contradicting_options_are_rejected(option: str) -> None:
    result = run("--json-errors", option, "vm.sock")
    assert result.status == 2
    assert "mutually exclusive" in result.err
