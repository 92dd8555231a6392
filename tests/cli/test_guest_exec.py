"""Tests of `qmpshell ga exec`."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.agents import ScriptedAgent, leave
from tests.harness.processes import wait_until
from tests.harness.program import Result, run, start
from tests.harness.screen import Terminal
from tests.harness.servers import SYSTEM, Server, start_agent

_RUNS = {"guest-exec": {"pid": 5}, "guest-exec-status": {"exited": False}}


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Server]:
    with start_agent(SYSTEM, tmp_path) as server:
        yield server


def execute(server: Server, *words: str, input: bytes = b"") -> Result:
    return run("ga", "--wait", "60", "-s", server.address, "exec", *words, input=input)


def test_exec_passes_streams_and_status(agent: Server) -> None:
    result = execute(agent, "sh", "-c", "cat; echo err >&2; exit 7", input=b"in\0\n")
    assert (result.status, result.out, result.err) == (7, "in\0\n", "err\n")
    assert execute(agent, "true") == Result(0, "", "")


def test_exec_passes_words_unchanged(agent: Server) -> None:
    result = execute(agent, "printf", "%s|", "a b", "--timeout", "-n", "", "*")
    assert (result.status, result.out) == (0, "a b|--timeout|-n||*|")


def test_exec_reports_signal_as_shells_do(agent: Server) -> None:
    result = execute(agent, "sh", "-c", "kill -9 $$")
    assert (result.status, result.err) == (137, "qmpshell: sh was ended by signal 9\n")


def test_exec_missing_program_fails(agent: Server) -> None:
    result = execute(agent, "/nonexistent/program")
    assert (result.status, result.out, result.err.count("\n")) == (1, "", 1)
    assert "No such file or directory" in result.err


def test_exec_sets_only_given_variables(agent: Server) -> None:
    result = execute(agent, "-e", "A=1 2", "--env", "B=", "/usr/bin/env")
    assert (result.status, sorted(result.lines)) == (0, ["A=1 2", "B="])
    result = execute(agent, "-e", "A", "env")
    assert (result.status, result.out) == (2, "")


def test_exec_without_stdin_reads_none(agent: Server) -> None:
    assert execute(agent, "-n", "cat", input=b"data") == Result(0, "", "")


def test_exec_detach_prints_process_id(agent: Server, tmp_path: Path) -> None:
    result = execute(agent, "--detach", "touch", f"{tmp_path}/made")
    assert (result.status, result.err) == (0, "")
    assert result.out.strip().isdecimal()
    wait_until(lambda: os.path.exists(tmp_path / "made"), "no file")


def test_exec_at_terminal_escapes_controls(agent: Server) -> None:
    words = ("exec", "printf", r"\033[2Jx\r\n")
    with Terminal("ga", "--wait", "60", "-s", agent.address, *words) as terminal:
        assert terminal.end() == 0
        assert terminal.lines[:2] == [r"\x1b[2Jx", ""]


def test_exec_timeout_names_running_program(tmp_path: Path) -> None:
    with ScriptedAgent(tmp_path / "s", _RUNS) as agent:
        result = run("ga", "-s", agent.address, "exec", "--timeout", "1", "prog")
    assert (result.status, result.out) == (3, "")
    expected = "prog (pid 5) has not ended within 1 s, and continues in the guest"
    assert result.err == f"qmpshell: {expected}\n"


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGQUIT, 131)]
)
def test_exec_signal_names_running_program(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    with (
        ScriptedAgent(tmp_path / "s", _RUNS) as agent,
        start("ga", "-s", agent.address, "exec", "-n", "prog") as process,
    ):
        wait_until(lambda: "guest-exec-status" in agent.names, "no query")
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
        assert process.returncode == status
        assert err == b"qmpshell: interrupted; prog (pid 5) continues in the guest\n"


def test_exec_lost_agent_names_running_program(tmp_path: Path) -> None:
    answers = {"guest-exec": {"pid": 5}, "guest-exec-status": leave}
    with ScriptedAgent(tmp_path / "s", answers) as agent:
        result = run("ga", "-s", agent.address, "exec", "prog")
    assert (result.status, result.out, result.err.count("\n")) == (3, "", 1)
    assert result.err.endswith("; prog (pid 5) may continue in the guest\n")


def test_exec_slow_stdin_is_reported(tmp_path: Path) -> None:
    with (
        ScriptedAgent(tmp_path / "s", _RUNS) as agent,
        start("ga", "-s", agent.address, "exec", "prog") as process,
    ):
        assert process.stderr is not None
        line = process.stderr.readline()
        assert b"waiting for the end of stdin" in line
        assert b"--no-stdin" in line
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode == 130
        assert agent.names == []


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ({"exited": True, "exitcode": 0, "out-data": "YQ==", "out-truncated": True}, 1),
        ({"exited": True, "exitcode": 5, "out-data": "YQ==", "out-truncated": True}, 5),
    ],
)
def test_exec_truncated_output_is_a_failure(
    tmp_path: Path, state: dict[str, object], status: int
) -> None:
    answers = {"guest-exec": {"pid": 5}, "guest-exec-status": state}
    with ScriptedAgent(tmp_path / "s", answers) as agent:
        result = run("ga", "-s", agent.address, "exec", "prog")
    assert (result.status, result.out) == (status, "a")
    assert result.err == "qmpshell: the agent has cut off stdout of prog\n"


@pytest.mark.parametrize(("code", "status"), [(0xC0000005, 5), (256, 1), (-1, 255), (255, 255)])
def test_exec_large_status_stays_a_failure(tmp_path: Path, code: int, status: int) -> None:
    state = {"exited": True, "exitcode": code}
    answers = {"guest-exec": {"pid": 5}, "guest-exec-status": state}
    with ScriptedAgent(tmp_path / "s", answers) as agent:
        assert run("ga", "-s", agent.address, "exec", "prog").status == status
