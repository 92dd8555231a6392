"""Test redirects of replies to shell commands and files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.harness.exchange import complaints, messages, sent
from tests.harness.program import run
from tests.harness.servers import Server

_NODE = "blockdev-add driver=null-co node-name=n0 size=1048576\n"


def test_pipe_receives_the_replies(qemu: Server) -> None:
    result = run(
        qemu.address,
        input=f"{_NODE}query-named-block-nodes | grep -o 'null-co' | tr a-z A-Z | uniq\nquery-name\n",
    )
    assert (result.status, result.err) == (0, "")
    assert result.lines == ['{"return": {}}', "NULL-CO", '{"return": {}}']


def test_pipe_receives_all_replies_but_no_events(qemu: Server) -> None:
    result = run(qemu.address, input="cont; query-name; stop | wc -l\n/wait -t 60 STOP\n")
    assert result.status == 0
    assert [line.strip() for line in result.lines if "event" not in line] == ["3"]
    assert [item["event"] for item in map(json.loads, result.lines) if item != 3] == [
        "RESUME",
        "STOP",
    ]


def test_pipe_with_result_option_receives_values(qemu: Server) -> None:
    result = run(
        "-r", qemu.address, input="query-status | grep -o 'running.: [a-z]*'\nno-such | cat\n"
    )
    assert result.status == 1
    assert result.out == 'running": false\n'
    assert result.err.startswith("stdin:2:1: CommandNotFound: ")


def test_redirect_writes_or_appends_to_file(qemu: Server, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "a second; with | odd > characters"
    first.write_text("to be gone")
    result = run(
        qemu.address,
        input=f"query-name; query-kvm > {first}\n"
        f"query-name >> '{second}'\n"
        f'no-such-command >> "{second}"\n'
        f"cont > {first}.third\n",
    )
    assert result.status == 1
    assert [message.get("event") for message in messages(result)] == ["RESUME"]
    name, kvm = map(json.loads, first.read_text().splitlines())
    assert (name, "enabled" in kvm["return"]) == ({"return": {}}, True)
    assert second.read_text() == '{"return": {}}\n'
    assert result.err.startswith("stdin:3:1: CommandNotFound: ")
    assert Path(f"{first}.third").read_text() == '{"return": {}}\n'


def test_failing_shell_command_fails_the_script(qemu: Server) -> None:
    result = run(
        "-v", qemu.address, input="query-name | cat; exit 7\nquery-name | false\nquery-kvm\n"
    )
    assert result.status == 1
    assert result.lines[0] == '{"return": {}}'
    assert len(sent(result)) == 3
    first, second, *_ = [line for line in complaints(result) if line.startswith("stdin:")]
    assert first == "stdin:1:12: cat; exit 7: ended with status 7"
    assert second == "stdin:2:12: false: ended with status 1"
    strict = run("-e", qemu.address, input="query-name | false\ncont\n")
    assert (strict.status, strict.out) == (1, "")


def test_missing_shell_command_fails_the_script(qemu: Server) -> None:
    result = run(qemu.address, input="query-name | no-such-command-at-all\nquery-name\n")
    assert (result.status, result.out) == (1, '{"return": {}}\n')
    assert "ended with status 127" in result.err


def test_shell_command_may_close_its_input_early(one_qemu: Server) -> None:
    result = run(one_qemu.address, input="query-qmp-schema | head -c 9\nquery-name\n")
    assert (result.status, result.err) == (0, "")
    assert result.out == '{"return"{"return": {}}\n'


@pytest.mark.parametrize("operator", [">", ">>"])
def test_redirect_to_unwritable_file_sends_nothing(qemu: Server, operator: str) -> None:
    result = run("-v", qemu.address, input=f"cont {operator} /no/such\nquery-status\n")
    assert result.status == 1
    assert [command["execute"] for command in sent(result)] == ["query-status"]
    assert messages(result)[0]["return"]["running"] is False
    column = 6 + len(operator) + 1
    assert complaints(result) == [
        f"stdin:1:{column}: /no/such: No such file or directory",
        f"  cont {operator} /no/such",
        f"{' ' * (column + 1)}^^^^^^^^",
    ]


@pytest.mark.parametrize(
    ("line", "column", "complaint"),
    [
        ("cont >", 6, "a file must follow >"),
        ("cont |", 6, "a program must follow |"),
        ("cont > a b", 10, "text after the file name of the redirect"),
        ("cont |cat", 6, "cont has no argument '|cat'"),
        ("> /dev/null", 1, "not a command name"),
        ("cont > 'x", 8, "the quote is not closed"),
    ],
)
def test_invalid_redirect_is_reported(qemu: Server, line: str, column: int, complaint: str) -> None:
    result = run("-v", qemu.address, input=f"{line}\n")
    assert (result.status, result.out, sent(result)) == (1, "", [])
    assert result.err.startswith(f"stdin:1:{column}: {complaint}\n  {line}\n")


def test_redirect_to_full_disk_is_reported(one_qemu: Server) -> None:
    result = run(one_qemu.address, input="query-name > /dev/full\nquery-name\n")
    assert (result.status, result.out) == (1, '{"return": {}}\n')
    assert result.err.startswith("stdin:1:14: /dev/full: No space left on device\n")


def test_large_reply_passes_through_slow_command(one_qemu: Server) -> None:
    command = "(dd bs=1000 count=1 2>/dev/null; cat) | wc -c"
    result = run(one_qemu.address, input=f"query-qmp-schema | {command}\nquery-qmp-schema | wc -c")
    assert (result.status, result.err) == (0, "")
    first, second = map(int, result.lines)
    assert first == second > 100_000
