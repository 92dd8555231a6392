"""Test stdout, stderr and the exit status of scripts on real servers."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.harness.program import COMMAND, Result, environment, run
from tests.harness.servers import (
    SYSTEM,
    Installation,
    Server,
    start_agent,
    start_qemu,
    start_storage_daemon,
)


def messages(result: Result) -> list[Any]:
    return [json.loads(line) for line in result.lines]


def test_replies_and_events_print_in_order(qemu: Server) -> None:
    result = run(qemu.address, input="query-status\ncont\nquery-name\n")
    assert (result.status, result.err) == (0, "")
    status, event, cont, name = messages(result)
    assert status["return"]["status"] == "prelaunch"
    assert event["event"] == "RESUME"
    assert cont == {"return": {}}
    assert name == {"return": {}}
    assert "id" not in result.out


def test_invalid_line_is_reported_and_skipped(qemu: Server) -> None:
    result = run(qemu.address, input="query-name\nstop now\ncont x\nquery-status\n")
    assert result.status == 1
    assert [set(message) for message in messages(result)] == [{"return"}, {"return"}]
    assert messages(result)[1]["return"]["running"] is False
    assert result.err == (
        "stdin:2:6: stop has no argument 'now'\n"
        "  stop now\n"
        "       ^^^\n"
        "  expected KEY=VALUE\n"
        "stdin:3:6: cont has no argument 'x'\n"
        "  cont x\n"
        "       ^\n"
        "  expected KEY=VALUE\n"
    )


@pytest.mark.parametrize("between", ["", " ", "\t", ";", " ; ", "\xa0", "\n"])
def test_requests_on_one_line_run_in_order(one_qemu: Server, between: str) -> None:
    names = ("qmp_capabilities", "cont", "query-status")
    line = between.join(f'{{"execute":\xa0"{name}", "id": "{name}"}}' for name in names)
    result = run("--events", "none", one_qemu.address, input=line)
    assert result.status == 0
    assert [message["id"] for message in messages(result)] == list(names)
    assert messages(result)[-1]["return"]["running"] is True
    assert result.err.startswith("stdin:1:1: qmpshell has already negotiated")


def test_transcript_runs_the_commands_behind_prompts(one_qemu: Server) -> None:
    transcript = (
        "Welcome to the QMP low-level shell!\nConnected to QEMU 7.2.22\n\n(QEMU) cont\n"
        '{"execute": "cont"}\n{"return": {}}\n(QEMU)\n(QEMU) query-status\n{\n"return": {\n...\n'
    )
    result = run("-v", "--events", "none", one_qemu.address, input=transcript)
    assert result.status == 0
    assert [set(message) for message in messages(result)] == [{"return"}, {"return"}]
    assert result.err.splitlines() == [
        "stdin:1:1: this is a transcript: only what follows a prompt such as (QEMU) is run;"
        " other lines are skipped",
        '-> {"execute": "cont"}',
        '-> {"execute": "query-status"}',
    ]
    own = f"Connected to QEMU 7.2.22 at {one_qemu.address}.\nVM state: running\n(QEMU) query-name\n"
    result = run(one_qemu.address, input=own)
    assert (result.status, result.out) == (0, '{"return": {}}\n')
    human = run("-H", one_qemu.address, input="(qemu) info name\nquit\n(qemu) info status\nquit\n")
    assert (human.status, human.out) == (0, "VM status: running\n")
    assert human.err.startswith("stdin:2:1: this is a transcript")


def test_invalid_request_on_a_line_sends_nothing(one_qemu: Server) -> None:
    result = run(one_qemu.address, input='{"execute": "cont"}{"execute": cont}\n')
    assert (result.status, result.out) == (1, "")
    assert result.err.startswith("stdin:1:32: expected a value, not 'cont'")


def test_no_break_space_in_monitor_line_is_blank(one_qemu: Server) -> None:
    result = run("-H", one_qemu.address, input="info\xa0version |\xa0cat\n")
    assert result.status == 0
    assert result.out.startswith(SYSTEM.version)


def test_directory_as_path_argument_is_an_error(one_qemu: Server, tmp_path: Path) -> None:
    reason = f"{tmp_path}: Is a directory\n"
    for option in ("-f", "-l"):
        result = run(option, str(tmp_path), one_qemu.address, input="stop\n")
        assert (result.status, result.out) == (2, "")
        assert result.err.endswith(reason)
    for line in ("/source {}", "/log {}", "getfd fdname=x < {}", "stop > {}", "stop x=@{}"):
        result = run("-c", line.format(tmp_path), one_qemu.address)
        assert (result.status, result.out) == (1, "")
        assert result.err.splitlines()[0].endswith(reason.strip())


def test_unreadable_script_is_reported_with_status_1(one_qemu: Server) -> None:
    result = run("-f", "/proc/self/mem", one_qemu.address)
    assert (result.status, result.out) == (1, "")
    assert result.err == "/proc/self/mem:1:1: cannot read further: Input/output error\n"


def test_tilde_is_expanded_in_file_names(one_qemu: Server, tmp_path: Path) -> None:
    (tmp_path / "name").write_text("disk0")
    (tmp_path / "more").write_text("query-name\n")
    (tmp_path / "script").write_text(
        "blockdev-add driver=null-co node-name=@~/name\nquery-name > ~/new\nquery-name >> ~/new\n"
        "getfd fdname=x < ~/name\nadd-fd fdset-id=1 <> ~/name\n/log ~/log2\n/source ~/more\n"
    )
    options = ("--file=~/script", "--log=~/log1")
    result = run(*options, one_qemu.address, HOME=str(tmp_path))
    assert (result.status, result.err) == (0, "")
    assert len(messages(result)) == 4
    assert (tmp_path / "new").read_text() == '{"return": {}}\n' * 2
    assert '"disk0"' in (tmp_path / "log1").read_text()
    assert "query-name" in (tmp_path / "log2").read_text()


def test_variable_reaches_the_server_verbatim(one_qemu: Server) -> None:
    line = "query-name id=@$MY_NAME"
    result = run("-n", "-c", line, MY_NAME="a b\n'")
    assert messages(result) == [{"execute": "query-name", "arguments": {"id": "a b\n'"}}]
    missing = run("-c", line, one_qemu.address)
    assert missing.status == 1
    assert "the environment variable MY_NAME is not set" in missing.err


def test_help_goes_to_the_redirect_of_its_line(one_qemu: Server, tmp_path: Path) -> None:
    file = tmp_path / "help"
    lines = f"/help query-status | grep -c query-status\n/help > {file}\n/apropos block | cat\n"
    result = run(one_qemu.address, input=lines)
    assert (result.status, result.err) == (0, "")
    assert int(result.lines[0]) > 0
    assert "block" in "".join(result.lines[1:])
    assert "/wait-job" in file.read_text()


def test_dash_is_not_a_log_file(one_qemu: Server) -> None:
    result = run("-l", "-", "-c", "stop", one_qemu.address)
    assert (result.status, result.out) == (2, "")
    assert result.err == (
        "qmpshell: cannot open the log -: name a file; a file of this name is ./-\n"
    )
    assert not Path("-").exists()


def test_error_reply_is_printed_with_status_1(qemu: Server) -> None:
    result = run(qemu.address, input="no-such-command\nquery-name\n")
    assert result.status == 1
    error, name = messages(result)
    assert error["error"]["class"] == "CommandNotFound"
    assert name == {"return": {}}
    assert result.err == ""


def test_stop_on_error_ends_at_first_failure(qemu: Server) -> None:
    for bad in ("no-such-command", "x y", '{"execute" 1}'):
        result = run("-e", qemu.address, input=f"query-name\n{bad}\ncont\n")
        assert result.status == 1
        assert {"return": {}} in messages(result)
        assert "RESUME" not in result.out
    last = run(qemu.address, input="query-status\n")
    assert messages(last)[0]["return"]["running"] is False


def test_result_option_prints_values_and_stderr_errors(qemu: Server) -> None:
    result = run("-r", qemu.address, input="cont\nquery-status\nno-such-command\n")
    assert result.status == 1
    first, second = messages(result)
    assert first == {}
    assert second["running"] is True
    assert result.err == (
        "stdin:3:1: CommandNotFound: The command no-such-command has not been found\n"
    )


@pytest.mark.parametrize(
    ("mode", "on_stdout", "on_stderr"),
    [
        ("inline", True, False),
        ("stderr", False, True),
        ("none", False, False),
        ("RES*", True, False),
        ("STOP,RESUME", True, False),
        ("STOP", False, False),
    ],
)
def test_events_option_selects_events_and_stream(
    one_qemu: Server, mode: str, on_stdout: bool, on_stderr: bool
) -> None:
    for options in ([], ["-r"]):
        result = run("--events", mode, *options, one_qemu.address, input="cont\nstop\n")
        assert result.status == 0
        assert ("RESUME" in result.out) == on_stdout
        assert ("RESUME" in result.err) == on_stderr


def test_events_print_while_script_awaits_input(installation: Installation, tmp_path: Path) -> None:
    second = tmp_path / "second.sock"
    with start_qemu(
        installation, tmp_path / "vm.sock", "-qmp", f"unix:{second},server=on,wait=off"
    ) as server:
        process = subprocess.Popen(
            [*COMMAND, server.address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(),
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"query-name\n")
        process.stdin.flush()
        assert process.stdout.readline() == b'{"return": {}}\n'
        assert run(str(second), input="cont\n").status == 0
        assert json.loads(process.stdout.readline())["event"] == "RESUME"
        process.stdin.close()
        assert process.wait(60) == 0
        process.stdout.close()


def test_pretty_and_compact_options_set_layout(one_qemu: Server) -> None:
    compact = run("-c", "query-version", one_qemu.address)
    assert len(compact.lines) == 1
    pretty = run("-p", "-c", "query-version", one_qemu.address)
    assert pretty.out == json.dumps(json.loads(compact.out), indent=2) + "\n"
    result = run("-p", "-r", "-c", "query-version", one_qemu.address)
    assert result.out == json.dumps(json.loads(compact.out)["return"], indent=2) + "\n"
    assert run("-p", "--compact", "-c", "query-version", one_qemu.address).out == compact.out


def test_command_and_file_options_locate_errors(one_qemu: Server, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_bytes(
        b"\xef\xbb\xbfquery-name\r\n# a comment\r\n\r\n  query-name # and another\r\nfoo"
    )
    result = run("-f", str(script), one_qemu.address)
    assert messages(result)[:2] == [{"return": {}}] * 2
    assert result.status == 1
    result = run("-c", "query-name", "-c", "a b", "-c", "query-name; query-name", one_qemu.address)
    assert messages(result) == [{"return": {}}] * 3
    assert result.err.startswith("-c#2:1:3: a has no argument 'b'\n")
    bad = run("-r", "-f", str(script), one_qemu.address)
    assert bad.err == f"{script}:5:1: CommandNotFound: The command foo has not been found\n"
    assert run("-f", "-", one_qemu.address, input="query-name").out == '{"return": {}}\n'


def test_verbose_option_prints_sent_commands(one_qemu: Server) -> None:
    result = run(
        "-v", one_qemu.address, input='qom-get path=/ property=type\n{"execute":"query-name"}'
    )
    assert result.err == (
        '-> {"execute": "qom-get", "arguments": {"path": "/", "property": "type"}}\n'
        '-> {"execute":"query-name"}\n'
    )
    assert messages(result)[0] == {"return": "container"}


def test_pasted_documentation_runs_its_commands(qemu: Server) -> None:
    pasted = """
    -> { "execute": "query-status",
         "arguments": {} }
    <- { "return": { "running": true,
                     ...
                     "status": "running" } }
    (QEMU) query-name
    <- { "return": {}
    -> { 'execute': 'query-kvm' }

    # the reply was:
    <- { "return": { "enabled": true,
         ...

    query-name
    """
    result = run(qemu.address, input=pasted)
    assert (result.status, result.err) == (0, "")
    assert [list(message["return"]) != [] for message in messages(result)] == [
        True,
        False,
        True,
        False,
    ]


def test_typed_qmp_capabilities_gets_a_hint(qemu: Server) -> None:
    result = run(qemu.address, input='{"execute": "qmp_capabilities"}\n{"execute": "query-name"}\n')
    assert result.status == 0
    error, name = messages(result)
    assert error["error"]["class"] == "CommandNotFound"
    assert name == {"return": {}}
    assert result.err.startswith("stdin:1:1: ")
    assert "-N" in result.err


def test_skip_negotiation_leaves_it_to_user(qemu: Server) -> None:
    result = run(
        "-N", qemu.address, input='query-name\nqmp_capabilities\n{"execute":"query-name","id":7}'
    )
    before, capabilities, after = messages(result)
    assert before["error"]["class"] == "CommandNotFound"
    assert capabilities == {"return": {}}
    assert after == {"return": {}, "id": 7}
    assert result.status == 1


@pytest.mark.parametrize(
    "marker", ["null", "0", '"x"', "[1, [2]]", '{"a": {"b": null}}', "18446744073709551615", "true"]
)
def test_json_id_of_any_type_is_returned(qemu: Server, marker: str) -> None:
    result = run(qemu.address, input=f'{{"execute": "query-name", "id": {marker}}}\nfoo')
    assert json.loads(result.lines[0]) == {"return": {}, "id": json.loads(marker)}
    assert result.err == ""


def test_deeply_nested_id_is_returned(qemu: Server) -> None:
    marker = "[" * 1000 + "]" * 1000
    result = run(qemu.address, input=f'{{"execute": "query-name", "id": {marker}}}\nquery-name')
    assert result.status == 0
    assert result.lines[0] == f'{{"return": {{}}, "id": {marker}}}'
    pretty = run("-p", qemu.address, input=f'{{"execute": "query-name", "id": {marker}}}')
    assert "".join(pretty.out.split()) == f'{{"return":{{}},"id":{marker}}}'


def test_infinite_numbers_are_printed_as_json(qemu: Server) -> None:
    result = run(
        qemu.address, input='{"execute": "query-name", "id": [1e400, 18446744073709551615]}'
    )
    assert result.lines == ['{"return": {}, "id": [1e999, 18446744073709551615]}']
    assert result.status == 0


def test_invalid_qmp_message_does_not_end_session(qemu: Server) -> None:
    result = run(
        qemu.address,
        input='{"exekute": 1}\n{"execute": "query-name", "id": 1, "id": 2}\n{}\nquery-name',
    )
    assert result.status == 1
    *errors, name = messages(result)
    assert len(errors) == 3
    assert all(set(error) - {"id"} == {"error"} for error in errors)
    assert name == {"return": {}}


@pytest.mark.parametrize("monitor", ["mode=control,pretty=on"])
def test_pretty_monitor_output_is_compacted(
    installation: Installation, tmp_path: Path, monitor: str
) -> None:
    with start_qemu(installation, tmp_path / "vm.sock", monitor=monitor) as server:
        result = run(server.address, input="query-version\ncont\n")
        assert len(result.lines) == 3
        assert messages(result)[2] == {"return": {}}


def test_large_reply_is_printed_completely(qemu: Server) -> None:
    result = run("-r", "-c", "query-qmp-schema", qemu.address)
    assert len(json.loads(result.out)) > 1000


def test_hmp_option_sends_human_monitor_commands(qemu: Server) -> None:
    result = run(
        "-H", qemu.address, input="info name\ninfo version\n   \ncpu\n# not a comment; no\n"
    )
    assert "\r" not in result.out
    assert "(Debian" in result.out or "Debian" in result.out
    assert "unknown command: '#'" in result.out
    assert result.status == 1
    assert run("-H", "-c", "info version", qemu.address).status == 0


def test_hmp_cpu_command_applies_to_later_commands(
    installation: Installation, tmp_path: Path
) -> None:
    with start_qemu(installation, tmp_path / "vm.sock", "-smp", "2", machine="q35") as server:
        result = run(
            "-H", "-v", server.address, input="info registers\ncpu 1\ninfo registers\ncpu 7\n"
        )
        assert "CPU#0" in result.out
        assert "CPU#1" in result.out
        assert '"command-line": "info registers", "cpu-index": 1' in result.err
        assert result.status == 1  # CPU 7 does not exist


def test_quit_ends_server_with_status_0(qemu: Server) -> None:
    result = run(qemu.address, input="query-name\nquit\n")
    assert (result.status, result.err) == (0, "")
    assert "SHUTDOWN" in result.out
    assert messages(result)[-1] == {"return": {}}
    assert qemu.process.wait(60) == 0


def test_lines_after_quit_return_status_3(qemu: Server) -> None:
    result = run(qemu.address, input="quit\nquery-name\nquery-name\n")
    assert result.status == 3
    assert result.err.count("\n") == 1
    assert "connection" in result.err


def test_exit_keeps_the_server_running(qemu: Server) -> None:
    assert run(qemu.address, input="").status == 0
    assert run(qemu.address, input="exit\nquery-name\n").out == ""
    assert run(qemu.address, input="query-name").status == 0
    assert qemu.process.poll() is None


def test_address_comes_from_environment_variable(qemu: Server) -> None:
    assert run(input="query-name", QMP_SOCKET=qemu.address).out == '{"return": {}}\n'
    assert run("-q", input="query-name", QMP_SOCKET=qemu.address).status == 0


def test_raw_option_passes_bytes_through(qemu: Server) -> None:
    line = b'{"execute" :\t"qmp_capabilities"}\r\n{"execute": "query-name", "id": "\\u00e4"}\n'
    result = run("--raw", qemu.address, input=line)
    assert result.status == 0
    greeting, capabilities, name = messages(result)
    assert "QMP" in greeting
    assert capabilities == {"return": {}}
    assert name == {"return": {}, "id": "ä"}
    assert (
        result.out.count("\r\n") == 3 or "\r" not in result.out
    )  # text mode may convert the line ends
    broken = run("--raw", qemu.address, input=b"\x01{'execute': 'qmp_capabilities'} ; | #")
    assert '"GenericError"' in broken.out
    assert broken.status == 0


def test_every_address_form_connects(installation: Installation, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    abstract = f"qmpshell-test-{os.getpid()}"
    with start_qemu(
        installation,
        tmp_path / "vm.sock",
        *("-qmp", f"tcp:127.0.0.1:{port},server=on,wait=off"),
        *("-chardev", f"socket,id=a,path={abstract},abstract=on,server=on,wait=off"),
        *("-mon", "chardev=a,mode=control"),
        *("-chardev", f"socket,id=six,host=::1,port={port},server=on,wait=off"),
        *("-mon", "chardev=six,mode=control"),
    ):
        for address in (
            f"127.0.0.1:{port}",
            f":{port}",
            f"tcp:127.0.0.1:{port},server=on,wait=off",
            f"[::1]:{port}",
            f"unix:{tmp_path}/vm.sock,server,nowait",
            f"unix:{abstract},abstract=on",
        ):
            result = run("--wait", "60", "-c", "query-name", address)
            assert (result.status, result.out, result.err) == (0, '{"return": {}}\n', ""), address


def test_fd_address_uses_inherited_descriptor(qemu: Server) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(qemu.address)
        number = connection.fileno()
        result = run("-c", "query-name", f"fd:{number}", pass_fds=[number])
        assert (result.status, result.out) == (0, '{"return": {}}\n')
        # Reuse the negotiated connection.
        again = run("-N", "-c", "query-name", f"fd:{number}", pass_fds=[number])
        assert (again.status, again.out) == (0, '{"return": {}}\n')


def test_storage_daemon_runs_its_commands(installation: Installation, tmp_path: Path) -> None:
    with start_storage_daemon(installation, tmp_path / "qsd.sock") as server:
        result = run(
            server.address,
            input="blockdev-add driver=null-co node-name=n0 size=1048576\nquery-named-block-nodes\nquery-status\n",
        )
        added, nodes, status = messages(result)
        assert added == {"return": {}}
        assert nodes["return"][0]["node-name"] == "n0"
        assert status["error"]["class"] == "CommandNotFound"


def test_agent_works_with_skip_negotiation(installation: Installation, tmp_path: Path) -> None:
    with start_agent(installation, tmp_path) as agent:
        result = run(
            "-N", "--wait", "60", "-c", "guest-ping", "-c", "guest-sync id=5", agent.address
        )
        assert messages(result) == [{"return": {}}, {"return": 5}]
        assert result.status == 0


def test_wait_option_retries_until_server_starts(tmp_path: Path) -> None:
    path = tmp_path / "late.sock"
    with subprocess.Popen(
        [*COMMAND, "--wait", "60", "-c", "query-name", str(path)],
        stdout=subprocess.PIPE,
        env=environment(),
    ) as client:
        with start_qemu(SYSTEM, tmp_path / "vm.sock", "-qmp", f"unix:{path},server=on,wait=off"):
            assert client.communicate(timeout=60)[0] == b'{"return": {}}\n'
        assert client.returncode == 0


def test_script_of_5000_lines_succeeds(one_qemu: Server) -> None:
    result = run(one_qemu.address, input="query-name\n" * 5000)
    assert result.status == 0
    assert result.lines == ['{"return": {}}'] * 5000


@pytest.mark.parametrize(
    ("start", "end"),
    [('{"execute": "x", "arguments": ', "}"), ("x a:=", ""), ("transaction actions:=", "")],
    ids=["json", "value", "actions"],
)
def test_nesting_beyond_the_limit_is_not_sent(qemu: Server, start: str, end: str) -> None:
    """QEMU answers such a message with several errors, which would look like later replies."""
    around = 1 if end else 2
    lines = [
        start + '{"a":' * depth + "[]" + "}" * depth + end
        for depth in (1023 - around, 1024 - around)
    ]
    result = run(qemu.address, input="\n".join([*lines, "query-name"]))
    error, name = messages(result)
    assert "nesting" not in error["error"]["desc"]
    assert name == {"return": {}}
    assert "stdin:2:1: the JSON is nested deeper than QEMU accepts" in result.err
    raw = run(qemu.address, "--raw", input=lines[1] if end else '{"a":' + "[" * 1024)
    assert "JSON nesting depth limit exceeded" in raw.out


def test_member_nested_to_the_limit_is_read(qemu: Server) -> None:
    deep = "[" * 1000 + "]" * 1000
    line = '{"execute": "human-monitor-command", "arguments": {"command-line": %s}}'
    result = run(qemu.address, input=line.replace("%s", deep) + "\nquery-name\n")
    error, name = messages(result)
    assert error["error"]["desc"].startswith("Invalid parameter type for 'command-line'")
    assert name == {"return": {}}


def test_missing_address_error_names_run() -> None:
    result = run("-c", "query-status", QMP_SOCKET="")
    assert (result.out, result.status) == ("", 2)
    assert "set QMP_SOCKET (see qmpshell --help); 'qmpshell run' starts a QEMU to try" in result.err
    result = run("exec", "vm.sock", "query-status", QMP_SOCKET="")
    assert (result.out, result.status) == ("", 2)
    assert "name the monitor's socket (after a subcommand with -s)" in result.err


def test_help_word_shows_shell_help_in_script(one_qemu: Server) -> None:
    result = run(one_qemu.address, input="help\n? stop\nhelp keys\n")
    assert (result.out, result.status) == ("", 0)
    for text in ("/wait [-t SECONDS | --check] EVENT", "stop (command", "Ctrl-X Ctrl-E"):
        assert text in result.err


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("savevm", "use /hmp savevm"),
        ("device_dle id=x", "did you mean device_del?"),
        (
            "blockdev-del node_name=x",
            "blockdev-del has no argument 'node_name': did you mean node-name?",
        ),
        (
            "blockdev-add drver=null-co",
            "blockdev-add has no argument 'drver': did you mean driver?",
        ),
        ("blockdev-add driver=nulco", "not 'nulco': did you mean null-co?"),
    ],
)
def test_rejected_name_gets_hint(qemu: Server, line: str, hint: str) -> None:
    result = run(qemu.address, input=f"{line}\nquery-name\n")
    error, name = messages(result)
    assert (set(error), name) == ({"error"}, {"return": {}})
    assert result.err.startswith("stdin:1:1: ")
    assert result.err.endswith(f"{hint}\n")


def test_rejected_device_property_gets_hint(installation: Installation, tmp_path: Path) -> None:
    port = ("-device", "pcie-root-port,id=p0")
    with start_qemu(installation, tmp_path / "m", *port, machine="q35") as server:
        result = run(server.address, input="device_add driver=e1000 mca=x bus=p0\n")
    assert result.err == "stdin:1:1: device_add has no argument 'mca': did you mean mac?\n"


@pytest.mark.parametrize(
    "line",
    ["info block", "savevm x", "balloon 200", "migrate -d tcp:localhost:1", "cpu 0", "drive_del x"],
)
def test_human_monitor_line_gets_hint(qemu: Server, line: str) -> None:
    result = run(qemu.address, input=f"{line}\nquery-name\n")
    assert messages(result) == [{"return": {}}]
    assert result.err.endswith(f"\nstdin:1:1: use /hmp {line}\n")
    assert result.status == 1
