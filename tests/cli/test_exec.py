"""Tests of `qmpshell exec`."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from hypothesis import given, strategies as st

from qmpshell.cli import shell_command
from qmpshell.cli.exec import make_line
from qmpshell.cli.main import SUBCOMMANDS
from qmpshell.render import value_flat
from tests.harness.program import Result, run
from tests.harness.servers import SYSTEM, Server, start_agent, start_storage_daemon


def execute(server: Server, *words: str) -> Result:
    return run("exec", "-s", server.address, *words)


def sent(*words: str) -> dict[str, object]:
    result = run("exec", "--dry-run", *words)
    assert result.status == 0, result.err
    value = json.loads(result.out)
    assert isinstance(value, dict)
    return value


def test_help_lists_subcommands_with_their_own_summary() -> None:
    assert shell_command.subcommands == SUBCOMMANDS
    output = " ".join(run("--help", COLUMNS="200").out.split())
    for name in SUBCOMMANDS:
        command = shell_command.find_subcommand(name)
        assert command is not None
        assert f"{name} {command.get_short_help_str(100)}" in output


def test_exec_prints_only_result(qemu: Server) -> None:
    result = execute(qemu, "query-name")
    assert (result.status, result.out, result.err) == (0, "{}\n", "")


def test_exec_reads_address_from_environment(one_qemu: Server) -> None:
    for variable in ("QMP_SOCKET", "QMP_PATH"):
        result = run("exec", "query-name", variables={variable: one_qemu.address})
        assert (result.status, result.out) == (0, "{}\n")
    result = run("exec", f"--path={one_qemu.address}", "query-name", QMP_PATH="/nowhere")
    assert (result.status, result.out) == (0, "{}\n")


def test_exec_error_reply_fails_on_stderr(one_qemu: Server) -> None:
    result = execute(one_qemu, "device_del", "id=n0")
    assert (result.status, result.out) == (1, "")
    assert "Device 'n0' not found" in result.err
    result = execute(one_qemu, "device_del", "n0")
    assert (result.status, result.out) == (1, "")
    assert "did you mean id=n0?" in result.err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("query-statuss",), "did you mean query-status?"),
        (
            ("block_resize", "device=x", "sizze=1"),
            "block_resize has no argument 'sizze': did you mean size?",
        ),
        (("device_add", "drver=e1000"), "device_add has no argument 'drver': did you mean driver?"),
        (("savevm", "x"), "use /hmp savevm x"),
    ],
    ids=str,
)
def test_exec_suggests_what_was_meant(one_qemu: Server, words: tuple[str, ...], hint: str) -> None:
    result = execute(one_qemu, *words)
    assert (result.status, result.out) == (1, "")
    assert result.err.endswith(f"exec:1:1: {hint}\n")


def test_exec_reads_values_by_schema(qemu: Server) -> None:
    words = ("--driver=null-co", "--node-name=on", "size=1M", "--read-only")
    result = execute(qemu, "blockdev-add", *words)
    assert (result.status, result.out, result.err) == (0, "{}\n", "")
    (node,) = json.loads(execute(qemu, "query-named-block-nodes").out)
    assert (node["node-name"], node["ro"], node["image"]["virtual-size"]) == ("on", True, 1 << 20)


@pytest.mark.parametrize(
    "value",
    [
        *("a b", "x | y", "a; b", "a;", ";", "|", "> f", "# c", '"q"', "it's", "'", "\\", "a\\"),
        *("a\nb", "a\tb", "json:{x", "é\u00a0ü", "a=b", "--x", "\x1b[0m", "$HOME", "<&3", "", "?"),
    ],
)
def test_exec_passes_word_as_one_string(value: str) -> None:
    command = "human-monitor-command"
    assert sent(command, f"command-line={value}")["arguments"] == {"command-line": value}
    assert sent(command, f"--command-line={value}")["arguments"] == {"command-line": value}


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_exec_line_is_one_line(value: str) -> None:
    line = make_line("x", [f"a={value}"])
    assert line.startswith("x a=")
    assert "\n" not in line


def test_exec_accepts_json_and_files(tmp_path: Path) -> None:
    (tmp_path / "value").write_text("a b")
    assert sent("x", 'a:={"b":\n [1, 2]}')["arguments"] == {"a": {"b": [1, 2]}}
    assert sent("x", 'a={"b": 1}')["arguments"] == {"a": {"b": 1}}
    assert sent("x", '{"b": 1}')["arguments"] == {"b": 1}
    assert sent("x", f"a=@{tmp_path}/value")["arguments"] == {"a": "a b"}
    assert sent('{"execute": "x",\n "id": 3}') == {"execute": "x", "id": 3}


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("query-name; stop",), "is not the name of a command"),
        (("/quit",), "is not the name of a command"),
        (("x", "a b"), "'a b': expected KEY=VALUE."),
        (("x", "|", "sh"), "'|': expected KEY=VALUE."),
        (("x", ">", "file"), "'>': expected KEY=VALUE."),
        (("x", "a b=1"), "'a b=1': expected KEY=VALUE."),
        (("--wait-job", "x"), "names no job"),
        (("--wait-event", "a;b", "x"), "is not the name of an event"),
        ((), "Missing argument 'COMMAND'"),
        (
            ("x", "--pretty"),
            "'--pretty' is an option of qmpshell exec: options come before COMMAND; for an argument"
            " of that name, write pretty=true.\n",
        ),
        (("x", "a=1", "--wait-event", "STOP"), "write wait-event=VALUE.\n"),
        (
            ("x", "-s", "vm.sock"),
            "'-s' is an option of qmpshell exec: options come before COMMAND.\n",
        ),
        (("{}", "--help"), "'--help' is an option of qmpshell exec"),
    ],
)
def test_exec_rejects_other_words_as_usage(words: tuple[str, ...], reason: str) -> None:
    result = run("exec", "-s", "/nowhere", *words)
    assert (result.status, result.out) == (2, "")
    assert reason in result.err


def test_exec_options_end_at_command() -> None:
    assert sent("x", "--read-only", "--timeout=3")["arguments"] == {
        "read-only": True,
        "timeout": 3,
    }


def test_make_line_rejects_words_after_json() -> None:
    with pytest.raises(click.UsageError):
        make_line('{"execute": "x"}', ["a=1"])


def test_flat_prints_paths_of_scalars(qemu: Server) -> None:
    result = execute(qemu, "--flat", "query-chardev")
    assert result.status == 0
    assert "item[0].frontend-open: True" in result.lines
    assert execute(qemu, "--flat", "query-name").out == ""


def test_flat_escapes_controls_and_nests_deeply() -> None:
    assert value_flat({"a": ["x\x1b\n"]}) == rb"a[0]: x\x1b\x0a" + b"\n"
    assert value_flat("text") == b"text\n"
    deep: object = 1
    for _ in range(5000):
        deep = [deep]
    assert value_flat(deep).endswith(b"[0]: 1\n")


def add_nodes(server: Server) -> None:
    for name in ("d0", "d1"):
        result = execute(server, "blockdev-add", "driver=null-co", f"node-name={name}", "size=1M")
        assert result.status == 0, result.err


def test_wait_job_returns_when_job_has_ended(qemu: Server) -> None:
    add_nodes(qemu)
    backup = ("blockdev-backup", "job-id=j0", "device=d0", "target=d1", "sync=full")
    result = execute(qemu, "--wait-job", *backup)
    assert (result.status, result.out) == (0, "{}\n")
    assert execute(qemu, "query-jobs").out == "[]\n"


def test_wait_event_prints_event_after_result(qemu: Server) -> None:
    result = execute(qemu, "--timeout", "60", "--wait-event", "STOP,RESUME", "cont")
    assert result.status == 0, result.err
    first, second = map(json.loads, result.lines)
    assert (first, second["event"]) == ({}, "RESUME")


def test_wait_event_checks_members(qemu: Server) -> None:
    add_nodes(qemu)
    event = "JOB_STATUS_CHANGE,status=concluded,id=j0"
    backup = ("blockdev-backup", "job-id=j0", "device=d0", "target=d1", "sync=full")
    result = execute(qemu, "--timeout", "60", "--wait-event", event, *backup)
    assert result.status == 0, result.err
    assert json.loads(result.lines[1])["data"] == {"status": "concluded", "id": "j0"}


def test_wait_event_fails_at_its_timeout(one_qemu: Server) -> None:
    result = execute(one_qemu, "--timeout", "3", "--wait-event", "STOP", "query-name")
    assert (result.status, result.out) == (1, "{}\n")
    assert "STOP" in result.err


def test_mistyped_event_is_reported_before_the_command(one_qemu: Server) -> None:
    mistakes = {
        "RESUM": "the server has no event 'RESUM'",
        "RESUME,a=1": "RESUME has no member 'a'",
    }
    for event, text in mistakes.items():
        result = execute(one_qemu, "--wait-event", event, "cont")
        assert (result.status, result.out) == (1, "")
        # Not the line that the option stands for.
        assert result.err.splitlines()[0] == f"qmpshell: --wait-event: {text}"
        assert "/wait" not in result.err
    assert json.loads(execute(one_qemu, "query-status").out)["running"] is False


def test_failed_command_is_not_waited_for(one_qemu: Server) -> None:
    result = execute(one_qemu, "--wait-event", "STOP", "device_del", "id=x")
    assert (result.status, result.out) == (1, "")


def test_exec_without_server_has_status_three(tmp_path: Path) -> None:
    assert run("exec", "-s", str(tmp_path / "none"), "query-name").status == 3


def test_exec_works_with_other_servers(tmp_path: Path) -> None:
    with start_storage_daemon(SYSTEM, tmp_path / "sd.sock") as daemon:
        assert execute(daemon, "query-jobs").out == "[]\n"
    with start_agent(SYSTEM, tmp_path) as agent:
        result = run("exec", "--ga", "--wait", "60", "guest-ping", QGA_CLIENT_ADDRESS=agent.address)
        assert (result.status, result.out) == (0, "{}\n")
