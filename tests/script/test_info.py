"""Test `/info` in scripts, on real servers."""

from __future__ import annotations

import json
from pathlib import Path

from tests.harness.program import run
from tests.harness.servers import SYSTEM, Server, start_storage_daemon


def test_info_is_output_of_script(qemu: Server) -> None:
    script = "/info name\nquery-name\n/info status\n"
    result = run(qemu.address, input=script)
    assert (result.status, result.err) == (0, "")
    assert result.lines == ["none", '{"return": {}}', "VM status: paused (prelaunch)"]
    assert run("-r", qemu.address, input="/info status\n").lines == result.lines[2:]


def test_info_in_redirects(one_qemu: Server, tmp_path: Path) -> None:
    file = tmp_path / "out"
    script = f"/info status > {file}\n/info qom-tree / | grep -c container\n"
    result = run(one_qemu.address, input=script)
    assert result.err == ""
    assert int(result.out) >= 5
    assert file.read_text() == "VM status: paused (prelaunch)\n"


def test_info_lines_of_script_are_not_wrapped(one_qemu: Server) -> None:
    script = (
        "object-add qom-type=iothread id=i0\nqom-list path=/objects\n/info jobs; /info -v name\n"
    )
    result = run(one_qemu.address, "-r", input=script)
    assert result.lines[-2:] == ["no jobs", "none"]
    assert result.err == '-> {"execute": "query-name"}\n'
    listing = run(one_qemu.address, "-c", "/info").lines
    assert max(map(len, listing)) < 160
    assert len(listing) > 60


def test_info_json_errors_yields_one_object_per_item(one_qemu: Server) -> None:
    result = run("--json-errors", one_qemu.address, input="/info status; /info nope\n/info\n")
    objects = [json.loads(line) for line in result.lines]
    assert objects[0]["return"]["status"] == "prelaunch"
    assert objects[1]["error"]["desc"].startswith("this server has no view 'nope'")
    assert "status" in objects[2]["return"]
    assert result.status == 1


def test_info_of_storage_daemon(tmp_path: Path) -> None:
    with start_storage_daemon(SYSTEM, tmp_path / "sd.sock") as daemon:
        script = "/info block\n/info version\n/info exports\n/info status\n"
        result = run(daemon.address, input=script)
        names = {line.split()[0] for line in run(daemon.address, "-c", "/info").lines}
    assert result.lines[0] == "no block devices"
    assert result.lines[2:] == ["no exports of block nodes"]
    assert "this server has no view 'status'" in result.err
    assert {"block", "exports", "version", "named-block-nodes"} <= names
    assert not names & {"status", "pci", "mice"}


def test_hmp_info_of_server_without_human_monitor(tmp_path: Path) -> None:
    with start_storage_daemon(SYSTEM, tmp_path / "sd.sock") as daemon:
        result = run("-H", daemon.address, input="info block\ninfo exports | cat\ninfo mice\n")
        stopped = run("-H", daemon.address, input="stop\n")
    assert result.lines == ["no block devices", "no exports of block nodes"]
    assert "this server has no view 'mice'" in result.err
    assert "no human monitor" not in result.err
    assert result.status == 1
    assert stopped.err.splitlines()[-1] == "this server has no human monitor"
    assert stopped.status == 1


def test_info_with_hmp_is_view_or_human_text(qemu: Server) -> None:
    lines = run("-H", "-v", qemu.address, input="/info status\ninfo status\n")
    assert lines.lines[0].startswith("VM status: paused")
    assert lines.lines[1].startswith("VM status: paused")
    sent = [line for line in lines.err.splitlines() if "query-status" in line or "info" in line]
    assert ["human-monitor-command" in line for line in sent] == [False, True]
