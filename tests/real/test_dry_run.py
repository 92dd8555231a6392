"""Test background queries in scripts, and `--dry-run`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.harness.exchange import logged_commands, messages, returns, script
from tests.harness.program import run
from tests.harness.servers import Installation, Server, start_qemu

# -- background queries ----------------------------------------------------------------------------

LINES = script(
    "blockdev-add driver=null-co node-name=n0 size=64k read-zeroes=on",
    "qom-set path=/objects/x property=y value=5",
    "device_add driver=virtio-rng-pci max-bytes=5 addr=on",
    "human-monitor-command command-line=5",
    "transaction( block-dirty-bitmap-add node=n0 name=5 )",
    "quary-name",
    "query-name",
)


def test_no_probe_option_sends_only_typed_commands(qemu: Server, tmp_path: Path) -> None:
    log = tmp_path / "log"
    result = run("--no-probe", "-l", str(log), qemu.address, input=LINES)
    assert result.status == 1
    commands = logged_commands(log)
    assert [command["execute"] for command in commands] == [
        "qmp_capabilities",
        "blockdev-add",
        "qom-set",
        "device_add",
        "human-monitor-command",
        "transaction",
        "quary-name",
        "query-name",
    ]
    # Without a schema, the type follows from the spelling of the value.
    assert commands[1]["arguments"]["size"] == "64k"
    assert commands[1]["arguments"]["read-zeroes"] == "on"
    assert commands[3]["arguments"]["max-bytes"] == 5
    assert commands[4]["arguments"]["command-line"] == 5


def test_schema_is_queried_once_and_only_if_needed(qemu: Server, tmp_path: Path) -> None:
    log = tmp_path / "log"
    lines = 'query-name\nqom-get path=/ property=type\n{"execute": "stop"}\nobject-del id=sec\n'
    run("-l", str(log), qemu.address, input=lines)
    assert "query-qmp-schema" not in log.read_text()
    run("-l", str(log), qemu.address, input=LINES * 2)
    queries = [command["execute"] for command in logged_commands(log)]
    assert queries.count("query-qmp-schema") == 1
    assert queries.count("device-list-properties") == 1


# -- warnings of --dry-run -------------------------------------------------------------------------


def test_dry_run_warns_about_rejected_arguments(qemu: Server) -> None:
    result = run(
        "-n",
        qemu.address,
        input=script(
            "block-stream devcie=x",
            "blockdev-add driver=nul node-name=a",
            'stop; {"execute": "block-job-cancel", "arguments": {"device": "j", "forse": true}}',
            "quary-name",
            "transaction( block-dirty-bitmap-add node=a )",
            "block-stream device=x job-id=j # valid",
        ),
    )
    assert result.status == 0
    assert len(messages(result)) == 7
    warnings = result.err.splitlines()
    assert warnings[:2] == [
        "stdin:1:1: warning: block-stream has no argument 'devcie': did you mean device?",
        "stdin:1:1: warning: block-stream: missing: device",
    ]
    assert warnings[2].startswith("stdin:2:1: warning: blockdev-add: driver takes one of ")
    assert warnings[2].endswith(" values, not 'nul'")
    assert warnings[3:] == [
        "stdin:3:7: warning: block-job-cancel has no argument 'forse': did you mean force?",
        "stdin:4:1: warning: the server has no command 'quary-name': did you mean query-name?",
        "stdin:5:14: warning: block-dirty-bitmap-add: missing: name",
    ]


def test_dry_run_warns_about_rejected_properties(qemu: Server) -> None:
    result = run(
        "-n",
        qemu.address,
        input=script(
            "device_add driver=virtio-rng-pci max-byts=5 id=r0",
            "device_add driver=virtio-rng-pci max-bytes=5 id=r0 bus=b # valid",
            '{"execute": "device_add", "arguments": {"driver": "e1000", "mak": "x"}}',
            "device_add driver=no-such-driver a=b # its members are unknown",
        ),
    )
    assert result.status == 0
    assert len(messages(result)) == 4
    assert result.err.splitlines() == [
        "stdin:1:1: warning: device_add has no argument 'max-byts': did you mean max-bytes?",
        "stdin:3:1: warning: device_add has no argument 'mak': did you mean mac?",
    ]


def test_dry_run_without_schema_does_not_warn() -> None:
    result = run("-n", "-c", "block-stream devcie=x; no-such-command")
    assert (result.status, result.err) == (0, "")


# -- --dry-run ------------------------------------------------------------------------------------


def test_dry_run_without_address_prints_commands(one_qemu: Server) -> None:
    result = run(
        "-n",
        input=script(
            "stop",
            "blockdev-add driver=null-co node-name=n0 size=65536",
            "a b",
            "query-name id:=5 | cat",
        ),
        QMP_SOCKET=one_qemu.address,
    )
    assert messages(result)[:2] == [
        {"execute": "stop"},
        {
            "execute": "blockdev-add",
            "arguments": {"driver": "null-co", "node-name": "n0", "size": 65536},
        },
    ]
    assert result.status == 1
    notes = [line for line in result.err.splitlines() if "schema" in line]
    assert len(notes) == 1
    assert notes[0].startswith("stdin:2:")


def test_dry_run_ignores_address_from_environment(tmp_path: Path) -> None:
    result = run("-n", input="stop\n", QMP_SOCKET=str(tmp_path / "none.sock"))
    assert (result.status, result.out, result.err) == (0, '{"execute": "stop"}\n', "")


def test_dry_run_with_server_changes_nothing(installation: Installation, tmp_path: Path) -> None:
    log = tmp_path / "log"
    port = ("-device", "pcie-root-port,id=rp0")
    with start_qemu(installation, tmp_path / "vm.sock", *port, machine="q35") as server:
        result = run(
            "-n",
            "-l",
            str(log),
            server.address,
            input=script(
                "cont",
                "blockdev-add driver=null-co node-name=n0 size=64k read-zeroes=on",
                "device_add driver=virtio-rng-pci id=r0 bus=rp0 max-bytes=64k addr=0",
                "qom-set path=/machine property=usb value=on",
                "transaction( block-dirty-bitmap-add node=n0 name=5 )",
                "/keyval -blockdev null-co,node-name=n1,size=1M",
                "/hmp cont",
                "/oob query-yank",
                '{"execute": "cont"}',
                "/wait STOP",
                "/wait-job j0",
                "/resync",
                "quit",
            ),
        )
        state = run(
            server.address,
            input=script(
                "query-status",
                "query-named-block-nodes",
                "qom-list path=/machine/peripheral",
                "qom-get path=/machine property=usb",
            ),
        )
    status, nodes, peripheral, usb = returns(state)
    assert (status["running"], nodes, usb) == (False, [], False)
    assert "r0" not in [item["name"] for item in peripheral]
    shown = [json.loads(line) for line in result.lines]
    arguments = [command.get("arguments", {}) for command in shown]
    assert arguments[1]["size"] == 65536
    assert arguments[1]["read-zeroes"] is True
    assert (arguments[2]["max-bytes"], arguments[2]["addr"]) == (65536, "0")
    assert arguments[3]["value"] is True
    assert arguments[5] == {"driver": "null-co", "node-name": "n1", "size": 1048576}
    names = [command.get("execute") or command["exec-oob"] for command in shown]
    assert names == [
        "cont",
        "blockdev-add",
        "device_add",
        "qom-set",
        "transaction",
        "blockdev-add",
        "human-monitor-command",
        "query-yank",
        "cont",
        "quit",
    ]
    queries = {command.get("execute") for command in logged_commands(log)}
    assert queries <= {"qmp_capabilities", "query-qmp-schema", "device-list-properties", "qom-list"}
    assert (result.status, result.err) == (0, "")


@pytest.mark.parametrize("line", ["/wait-job j0", "/wait STOP", "/resync"])
def test_dry_run_skips_wait_and_resync(one_qemu: Server, line: str) -> None:
    for address in ([one_qemu.address], []):
        result = run("-n", *address, input=f"{line}\nstop\n")
        assert (result.status, result.out, result.err) == (0, '{"execute": "stop"}\n', "")


@pytest.mark.parametrize(
    "line",
    [
        "blockdev-add driver=null-co node-name=n0 size=64k",
        "transaction( block-dirty-bitmap-add node=n0 name=5 )",
        "device_add driver=virtio-rng-pci max-bytes=64k",
        "qom-set path=/machine property=usb value=on",
        "/keyval -blockdev null-co,node-name=n0,size=1M",
        "/keyval -device virtio-rng-pci,max-bytes=64k",
        "/oob x-forks-command a=5",
    ],
)
def test_dry_run_notes_value_that_needs_schema(line: str) -> None:
    result = run("-n", input=f"stop\n{line}\n")
    assert (result.status, len(result.lines)) == (0, 2)
    assert result.err.startswith("stdin:2:")
    assert result.err.count("\n") == 1
    assert "schema" in result.err


@pytest.mark.parametrize(
    "line",
    [
        "blockdev-add driver=null-co node-name=n0",
        "device_add driver=virtio-rng-pci bus=rp0 id=5",
        "object-add qom-type=iothread id=io0",
        "guest-exec path=/bin/true arg.0=5 capture-output=on",
        "blockdev-add {'driver': 'null-co', 'size': 5}",
        "a b:=5",
    ],
)
def test_dry_run_omits_note_without_schema_need(line: str) -> None:
    result = run("-n", input=f"{line}\n")
    assert (result.status, len(result.lines), result.err) == (0, 1, "")


def test_dry_run_ignores_redirects(one_qemu: Server, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("kept")
    result = run(
        "-n",
        one_qemu.address,
        input=script(
            f"query-name > {kept}",
            f"query-name | touch {tmp_path}/touched",
            f"getfd fdname=x < {tmp_path}/none",
        ),
    )
    assert result.status == 0
    assert kept.read_text() == "kept"
    assert not (tmp_path / "touched").exists()
    assert [json.loads(line)["execute"] for line in result.lines] == [
        "query-name",
        "query-name",
        "getfd",
    ]


def test_pretty_dry_run_indents_the_message() -> None:
    result = run("-n", "-p", "-c", "stop", "-c", '{"execute":"cont"}')
    assert result.out == '{\n  "execute": "stop"\n}\n{\n  "execute": "cont"\n}\n'
