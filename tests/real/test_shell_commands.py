"""Test the shell's own commands and the log on real servers."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tests.harness.exchange import (
    complaints,
    logged,
    messages,
    replies,
    returns,
    script,
    sent,
    sent_arguments,
)
from tests.harness.program import run
from tests.harness.servers import (
    Installation,
    Server,
    start_qemu,
    start_storage_daemon,
)

# -- /keyval --------------------------------------------------------------------------------------


def test_keyval_parses_blockdev_strings(qemu: Server, tmp_path: Path) -> None:
    file = tmp_path / "a,b"
    file.write_bytes(b"\0" * 4096)
    name = str(file).replace(",", ",,")
    result = run(
        "-v",
        qemu.address,
        input=script(
            f"/keyval -blockdev driver=raw,node-name=r0,file.driver=file,file.filename={name},"
            "discard=unmap,cache.direct=off,read-only=on",
            "/keyval -blockdev null-co,node-name=n0,size=1M",
            '/keyval -blockdev {"driver": "null-co", "node-name": "n1", "size": 1048576}',
            "/keyval --blockdev quorum,node-name=q0,vote-threshold=1,children.0=n0,children.1=n1",
            "/keyval blockdev-add driver=null-co,node-name=n2,latency-ns=0x10",
            "/keyval -blockdev driver=null-co,node-name=n3,size=1M,size=5",
            "/keyval -blockdev driver=null-co,,size=1M,node-name=n4",
        ),
    )
    assert result.status == 1
    assert replies(result)[:5] == [{"return": {}}] * 5
    assert "error" in replies(result)[5]
    raw, null, same, quorum, other, *_ = sent_arguments(result)
    assert raw == {
        "driver": "raw",
        "node-name": "r0",
        "file": {"driver": "file", "filename": str(file)},
        "discard": "unmap",
        "cache": {"direct": False},
        "read-only": True,
    }
    assert null == {"driver": "null-co", "node-name": "n0", "size": 1048576}
    assert same == {"driver": "null-co", "node-name": "n1", "size": 1048576}
    assert (quorum["vote-threshold"], quorum["children"]) == (1, ["n0", "n1"])
    assert other["latency-ns"] == 16
    assert complaints(result)[0] == "stdin:6:55: size occurs twice"
    assert {command["execute"] for command in sent(result)} == {"blockdev-add"}


def test_keyval_parses_other_option_strings(installation: Installation, tmp_path: Path) -> None:
    ports = ("-device", "pcie-root-port,id=rp0,chassis=1", "-device", "pcie-root-port,id=rp1")
    with start_qemu(installation, tmp_path / "vm.sock", *ports, machine="q35") as server:
        result = run(
            "-v",
            server.address,
            input=script(
                "/keyval -device virtio-rng-pci,id=r0,bus=rp0,max-bytes=1024,addr=0x0,rombar=0",
                "/keyval -device driver=virtio-net-pci,id=n0,bus=rp1,mac=52:54:00:12:34:56,mq",
                "/keyval -netdev user,id=u0,restrict=on,hostfwd.0.str=tcp:127.0.0.1:0-:22",
                "/keyval -netdev user,id=u1,hostfwd=tcp:127.0.0.1:0-:22,hostfwd=udp::0-:53",
                "/keyval -object secret,id=s0,data=geheim",
                "/keyval -object throttle-group,id=t0,limits.bps-total=1048576",
                "/keyval chardev-add id=c0,backend.type=ringbuf,backend.data.size=64k",
                "/keyval device_add",
                "/keyval",
            ),
        )
    assert result.status == 1
    assert returns(result) == [{}] * 7
    rng, net, user, other_user, secret, throttle, ring = sent_arguments(result)
    assert rng == {
        "driver": "virtio-rng-pci",
        "id": "r0",
        "bus": "rp0",
        "max-bytes": 1024,
        "addr": "0x0",
        "rombar": 0,
    }
    assert (net["mac"], net["mq"]) == ("52:54:00:12:34:56", True)
    assert (user["restrict"], user["hostfwd"]) == (True, [{"str": "tcp:127.0.0.1:0-:22"}])
    assert other_user["hostfwd"] == [{"str": "tcp:127.0.0.1:0-:22"}, {"str": "udp::0-:53"}]
    assert secret["data"] == "<redacted>"
    assert throttle["limits"] == {"bps-total": 1048576}
    assert ring["backend"] == {"type": "ringbuf", "data": {"size": 65536}}


# -- /source, /events, /hmp, /oob, /help, /status, /resync, /quit ---------------------------------


def test_source_runs_file_before_next_line(qemu: Server, tmp_path: Path) -> None:
    inner, outer = tmp_path / "inner", tmp_path / "outer"
    inner.write_bytes(b"\xef\xbb\xbfquery-kvm\r\n")
    outer.write_text(f"# a comment\nquery-name; query-name\nstop now\n/source {inner}\nstop")
    result = run("-v", qemu.address, input=f"/source {outer}\nquery-status\n")
    assert result.status == 1
    names = [command["execute"] for command in sent(result)]
    assert names == ["query-name", "query-name", "query-kvm", "stop", "query-status"]
    assert complaints(result)[0] == f"{outer}:3:6: stop has no argument 'now'"


def test_source_of_recursive_file_is_limited(one_qemu: Server, tmp_path: Path) -> None:
    itself = tmp_path / "itself"
    itself.write_text(f"query-name\n/source {itself}\n")
    result = run(one_qemu.address, input=f"/source {itself}\nquery-status\n")
    assert result.status == 1
    assert result.err.count("\n") == 1
    assert "deep" in result.err
    assert replies(result)[-1]["return"]["running"] is False


def test_events_command_changes_output_within_script(qemu: Server) -> None:
    result = run(
        qemu.address,
        input=script(
            "cont",
            "/events none",
            "stop",
            "/events ST*,NO_SUCH",
            "cont",
            "stop",
            "/events stderr",
            "cont",
            "/events inline",
            "stop",
            "/events a,,b",
        ),
    )
    names = [message["event"] for message in messages(result) if "event" in message]
    assert names == ["RESUME", "STOP", "STOP"]
    assert json.loads(result.err.splitlines()[0])["event"] == "RESUME"
    assert result.status == 1
    assert "stdin:11:" in result.err


def test_hmp_command_prints_plain_text(qemu: Server) -> None:
    result = run(qemu.address, input="/hmp info version # no comment\n/hmp info name;\n")
    assert "\r" not in result.out
    version = run("-v", qemu.address, input="/hmp info version\nquery-version\n")
    assert version.status == 0
    assert sent_arguments(version)[0] == {"command-line": "info version"}
    number = json.loads(version.lines[-1])["return"]["qemu"]
    assert f"{number['major']}.{number['minor']}.{number['micro']}" in version.out
    piped = run(qemu.address, input="/hmp info version | tr a-z A-Z\n")
    assert "DEBIAN" in piped.out
    wrong = run(qemu.address, input="/hmp no-such-command\n")
    assert wrong.status == 1
    assert "unknown command" in wrong.out + wrong.err


def test_oob_command_sends_exec_oob(qemu: Server) -> None:
    result = run(
        "-v",
        qemu.address,
        input="/oob query-yank\n/oob yank instances=[]\n/oob query-name\n/oob\n",
    )
    assert result.status == 1
    assert [list(command) for command in sent(result)[:2]] == [
        ["exec-oob"],
        ["exec-oob", "arguments"],
    ]
    yank, done, refused = replies(result)
    assert isinstance(yank["return"], list)
    assert done == {"return": {}}
    assert "OOB" in refused["error"]["desc"]


def test_help_and_status_print_to_stderr(one_qemu: Server) -> None:
    result = run(one_qemu.address, input="/help\n/help blockdev-add\n/help /wait\n/status\n")
    assert (result.status, result.out) == (0, "")
    for word in ("/wait-job", "/keyval", "blockdev-add", one_qemu.address):
        assert word in result.err


def test_resync_keeps_the_session_usable(qemu: Server) -> None:
    result = run(qemu.address, input="/resync\nquery-name\n/resync\nquery-name\n")
    assert (result.status, returns(result)) == (0, [{}, {}])


def test_quit_and_exit_end_script_early(qemu: Server) -> None:
    for line in ("/quit", "exit"):
        result = run(qemu.address, input=f"query-name\n{line}\ncont\n")
        assert (result.status, result.out, result.err) == (0, '{"return": {}}\n', "")
    assert qemu.process.poll() is None


@pytest.mark.parametrize(
    ("typed", "hint"), [("/wiat STOP", "/wait"), ("/keyvals x", "/keyval"), ("/x", "/help")]
)
def test_unknown_shell_command_gets_a_hint(one_qemu: Server, typed: str, hint: str) -> None:
    result = run("-v", one_qemu.address, input=typed)
    assert (result.status, result.out, sent(result)) == (1, "", [])
    assert hint in result.err.splitlines()[-1]


# -- the log --------------------------------------------------------------------------------------


def test_log_has_both_directions_without_secrets(qemu: Server, tmp_path: Path) -> None:
    log = tmp_path / "log"
    for _ in range(2):  # the second run appends
        result = run(
            "-r",
            "--events",
            "none",
            "-l",
            str(log),
            qemu.address,
            input=script(
                "object-add qom-type=secret id=s0 data=geheim",
                '{"execute": "object-add", "arguments": {"qom-type": "secret", "id": "s1",'
                ' "data": "geheim"}}',
                "qom-get path=/objects/s0 property=data",
                "object-del id=s0; object-del id=s1",
                "cont",
                "stop",
            ),
        )
        assert result.status == 0
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    text = log.read_text()
    assert "geheim" not in text
    assert text.count("<redacted>") >= 4
    records = logged(log)
    assert {direction for direction, _ in records} == {"sent", "received"}
    received = [message for direction, message in records if direction == "received"]
    assert sum("QMP" in message for message in received) == 2
    assert sum(message.get("event") == "RESUME" for message in received) == 2
    commands = [message["execute"] for direction, message in records if direction == "sent"]
    assert commands.count("qmp_capabilities") == 2
    assert commands.count("object-add") == 4


def test_log_command_starts_and_stops_log(qemu: Server, tmp_path: Path) -> None:
    log = tmp_path / "log"
    result = run(
        qemu.address,
        input=f"query-name\n/log {log}\nquery-status\n/log off\nquery-name\n/log {tmp_path}/no/log\n",
    )
    assert result.status == 1
    assert result.err.startswith("stdin:6:6: cannot open the log")
    assert [message.get("execute", "reply") for _, message in logged(log)] == [
        "query-status",
        "reply",
    ]
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_unwritable_log_returns_status_2(one_qemu: Server, tmp_path: Path) -> None:
    result = run("-l", str(tmp_path / "no" / "log"), one_qemu.address, input="cont\n")
    assert (result.out, result.err.count("\n")) == ("", 1)
    assert "cannot open the log" in result.err
    assert result.status == 2  # status 2 as for a missing -f file, not 3
    assert returns(run(one_qemu.address, input="query-status\n"))[0]["running"] is False


# -- the storage daemon ----------------------------------------------------------------------------


def test_storage_daemon_values_get_schema_types(installation: Installation, tmp_path: Path) -> None:
    with start_storage_daemon(installation, tmp_path / "qsd.sock") as daemon:
        result = run(
            "-v",
            daemon.address,
            input=script(
                "blockdev-add driver=null-co node-name=n0 size=64k",
                "object-add qom-type=throttle-group id=tg limits.iops-total=5",
                "/keyval -blockdev throttle,node-name=t0,throttle-group=tg,file=n0",
                f"nbd-server-start addr.type=unix addr.data.path={tmp_path}/nbd",
                "block-export-add type=nbd id=e0 node-name=t0 name=5",
                "query_status",
                "/hmp info version",
                'query-named-block-nodes | grep -o \'"node-name": "[a-z0-9]*"\' | sort',
            ),
        )
    assert result.status == 1
    assert sent_arguments(result)[0]["size"] == 65536
    assert [line for line in result.lines if not line.startswith("{")] == [
        '"node-name": "n0"',
        '"node-name": "t0"',
    ]
    errors = [json.loads(line)["error"]["class"] for line in result.lines if '"error"' in line]
    assert errors == ["CommandNotFound"]
    # /hmp prints text on stdout, so a QMP error is printed on stderr.
    assert [line for line in complaints(result) if "human-monitor-command" in line] == [
        "stdin:7:6: CommandNotFound: The command human-monitor-command has not been found"
    ]


def test_shell_commands_work_with_hmp(one_qemu: Server) -> None:
    lines = ("info name", "/last", "/last | cat", "stop", "/wait -t 60 STOP", "/nonsense")
    result = run(
        "-H", "-c", "cont", *(word for line in lines for word in ("-c", line)), one_qemu.address
    )
    assert result.status == 1
    assert "unknown command" not in result.out
    assert "unknown shell command /nonsense" in result.err
