"""Test `/wait` and `/wait-job` in scripts on real servers."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.exchange import events, messages, replies, returns, script
from tests.harness.program import Result, run, start
from tests.harness.scripted import Peer, ScriptedServer
from tests.harness.servers import (
    SYSTEM,
    Installation,
    Server,
    start_qemu,
    start_storage_daemon,
)

Scripted = Callable[[Callable[[Peer], object]], ScriptedServer]

SIZE = 1 << 20
# A throttled backup copies the first megabyte without delay.
NODE_SIZE = 4 * SIZE


def make_image(installation: Installation, path: Path) -> Path:
    subprocess.run(
        [installation.program("qemu-img"), "create", "-q", "-f", "qcow2", str(path), str(SIZE)],
        check=True,
    )
    return path


def image_info(installation: Installation, path: Path) -> str:
    command = [installation.program("qemu-img"), "info", "-U", "--output=json", str(path)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def disk(installation: Installation, tmp_path: Path) -> Iterator[Server]:
    """Start a machine with a disk `a`; create the images b, c and d in tmp_path."""
    for name in "abcd":
        make_image(installation, tmp_path / f"{name}.qcow2")
    file = f"file.driver=file,file.filename={tmp_path}/a.qcow2"
    with start_qemu(
        installation,
        tmp_path / "vm.sock",
        *("-blockdev", f"driver=qcow2,node-name=a,{file}"),
        *("-device", "virtio-blk,drive=a"),
        machine="q35",
    ) as server:
        yield server


def add(tmp_path: Path, name: str, *more: str) -> str:
    """Return the line that adds an image as a node."""
    file = f"file.driver=file file.filename={tmp_path}/{name}.qcow2"
    return f"blockdev-add driver=qcow2 node-name={name} {file} {' '.join(more)}"


def statuses(result: Result, job: str) -> list[str]:
    return [data["status"] for data in events(result, "JOB_STATUS_CHANGE") if data["id"] == job]


def ended_before(result: Result, job: str, command: int) -> bool:
    """Return True if the job ended before the reply to the command with this index."""
    received = messages(result)
    gone = next(
        index
        for index, message in enumerate(received)
        if message.get("data") == {"id": job, "status": "null"}
    )
    return (
        gone < [index for index, message in enumerate(received) if "event" not in message][command]
    )


# -- the operations of docs/interop/live-block-operations -----------------------------------------


def test_wait_job_waits_for_block_stream(disk: Server, tmp_path: Path) -> None:
    result = run(
        disk.address,
        input=script(
            add(tmp_path, "b", "backing=null"),
            "blockdev-snapshot node=a overlay=b",
            f"blockdev-snapshot-sync node-name=b snapshot-file={tmp_path}/s.qcow2"
            " snapshot-node-name=s format=qcow2",
            "block-stream device=s base-node=a job-id=j0",
            "/wait-job -t 60 j0",
            "query-named-block-nodes flat=on",
        ),
    )
    assert result.status == 0
    assert statuses(result, "j0")[-1] == "null"
    assert ended_before(result, "j0", 4)
    nodes = {node["node-name"]: node for node in returns(result)[-1]}
    assert nodes["s"]["backing_file"].endswith("/a.qcow2")


def test_wait_job_waits_for_block_commit(disk: Server, tmp_path: Path) -> None:
    result = run(
        disk.address,
        input=script(
            add(tmp_path, "b", "backing=null"),
            add(tmp_path, "c", "backing=null"),
            "blockdev-snapshot node=a overlay=b",
            "blockdev-snapshot node=b overlay=c",
            "block-commit device=c top-node=b base-node=a job-id=j0",
            "/wait-job -t 60 j0",
            "block-commit device=c job-id=j1",
            "/wait BLOCK_JOB_READY device=j1 type=commit",
            "block-job-complete device=j1",
            "/wait-job -t 60 j1",
            "query-block-jobs",
        ),
    )
    assert (result.status, returns(result)[-1]) == (0, [])
    assert ended_before(result, "j0", 5)
    assert ended_before(result, "j1", 7)


def test_wait_job_waits_for_mirror(
    disk: Server, tmp_path: Path, installation: Installation
) -> None:
    result = run(
        disk.address,
        input=script(
            add(tmp_path, "b"),
            "blockdev-mirror device=a target=b sync=full job-id=j0 speed=1G",
            "/wait BLOCK_JOB_READY device=j0",
            "block-job-complete device=j0",
            "/wait-job -t 60 j0",
            f"drive-mirror device=b target={tmp_path}/m.qcow2 format=qcow2 sync=full job-id=j1",
            "/wait BLOCK_JOB_READY device=j1",
            "block-job-cancel device=j1",
            "/wait-job -t 60 j1",
            "query-jobs",
        ),
    )
    assert (result.status, returns(result)[-1]) == (0, [])
    assert '"format": "qcow2"' in image_info(installation, tmp_path / "m.qcow2")


def test_wait_job_reports_ready_and_pending_job(disk: Server, tmp_path: Path) -> None:
    mirror = "blockdev-mirror device=a target=b sync=full job-id=j0 speed=1G auto-finalize=off"
    result = run(
        disk.address,
        input=script(
            add(tmp_path, "b"),
            mirror,
            "/wait BLOCK_JOB_READY",
            "/wait-job -t 0.1 j0",
            "job-complete id=j0",
            "/wait BLOCK_JOB_PENDING",
            "/wait-job -t 0.1 j0",
            "job-finalize id=j0",
            "/wait-job -t 60 j0",
        ),
    )
    assert result.status == 1
    assert result.err.splitlines() == [
        "job j0 is ready; job-complete ends it",
        "stdin:4:1: job j0 did not end within 0.1 s: it is ready; job-complete ends it",
        "job j0 is pending; job-finalize ends it",
        "stdin:7:1: job j0 did not end within 0.1 s: it is pending; job-finalize ends it",
    ]


def test_wait_job_waits_for_backup(disk: Server, tmp_path: Path) -> None:
    result = run(
        disk.address,
        input=script(
            add(tmp_path, "b"),
            "blockdev-backup device=a target=b sync=full job-id=j0 compress=off",
            "/wait-job -t 60 j0",
            "blockdev-backup job-id=j0 device=a target=b sync=top",
            "/wait-job -t 60 j0",
            "query-jobs",
        ),
    )
    assert (result.status, returns(result)[-1]) == (0, [])
    assert len(events(result, "BLOCK_JOB_COMPLETED")) == 2


# -- /wait-job ------------------------------------------------------------------------------------


def nodes(*names: str) -> list[str]:
    return [f"blockdev-add driver=null-co node-name={name} size={NODE_SIZE}" for name in names]


def failing(name: str) -> list[str]:
    """Return the lines that add a node with failing writes."""
    error = "inject-error.0.event=none inject-error.0.iotype=write inject-error.0.errno=28"
    return [
        f"blockdev-add driver=null-co node-name=under-{name} size={NODE_SIZE}",
        f"blockdev-add node-name={name} driver=blkdebug image=under-{name} {error}",
    ]


def test_wait_job_accepts_concluded_or_dismissed_job(qemu: Server) -> None:
    result = run(
        qemu.address,
        input=script(
            nodes("n0", "n1"),
            "blockdev-backup device=n0 target=n1 sync=full job-id=j0 auto-dismiss=false",
            "/wait-job -t 60 j0",
            "/wait-job -t 60 j0",
            "query-jobs",
            "job-dismiss id=j0",
            "/wait-job -t 60 j0",
            "query-jobs",
        ),
    )
    assert result.status == 0
    *_, before, dismissed, after = returns(result)
    assert [(job["id"], job["status"]) for job in before] == [("j0", "concluded")]
    assert (dismissed, after) == ({}, [])


def test_wait_job_accepts_jobs_that_end_early(qemu: Server) -> None:
    lines = [
        line
        for number in range(20)
        for line in (
            f"blockdev-backup device=n0 target=n1 sync=full job-id=j{number}",
            f"/wait-job -t 60 j{number}",
        )
    ]
    result = run(qemu.address, input=script(nodes("n0", "n1"), lines))
    assert (result.status, result.err) == (0, "")
    assert returns(result) == [{}] * 22


def test_wait_job_waits_for_running_job(qemu: Server) -> None:
    result = run(
        qemu.address,
        input=script(
            nodes("n0", "n1"),
            f"blockdev-backup device=n0 target=n1 sync=full job-id=j0 speed={NODE_SIZE * 4}",
            "/wait-job -t 60 j0",
            "query-jobs",
        ),
    )
    assert (result.status, result.err) == (0, "")
    assert ended_before(result, "j0", 3)
    assert returns(result)[-1] == []


def test_wait_job_timeout_keeps_job_running(qemu: Server) -> None:
    result = run(
        qemu.address,
        input=script(
            nodes("n0", "n1"),
            "blockdev-backup device=n0 target=n1 sync=full job-id=j0 speed=1",
            "/wait-job -t 0.1 j0",
            "query-jobs",
            "block-job-cancel device=j0 force=on",
            "/wait-job -t 60 j0",
        ),
    )
    assert result.status == 1
    assert result.err == (
        "stdin:4:1: job j0 did not end within 0.1 s\nstdin:7:1: job j0 was cancelled\n"
    )
    assert returns(result)[3][0]["status"] == "running"
    assert statuses(result, "j0")[-1] == "null"


@pytest.mark.parametrize("dismiss", ["true", "off"])
def test_wait_job_reports_failed_job(qemu: Server, dismiss: str) -> None:
    result = run(
        qemu.address,
        input=script(
            nodes("n0"),
            failing("bad"),
            f"blockdev-backup device=n0 target=bad sync=full job-id=j0 auto-dismiss={dismiss}",
            "/wait-job -t 60 j0",
            "query-name",
        ),
    )
    assert result.status == 1
    assert result.err == "stdin:5:1: job j0 failed: No space left on device\n"
    assert returns(result) == [{}] * 5


def test_failed_job_ends_script_with_stop_on_error(qemu: Server) -> None:
    lines = [
        *nodes("n0"),
        *failing("bad"),
        "blockdev-backup device=n0 target=bad sync=full job-id=j0",
        "/wait-job -t 60 j0",
        "cont",
    ]
    result = run("-e", "-r", qemu.address, input=script(lines))
    assert (result.status, result.lines) == (1, ["{}"] * 4)
    assert result.err == "stdin:5:1: job j0 failed: No space left on device\n"


def test_wait_job_ignores_earlier_job_with_same_id(qemu: Server) -> None:
    result = run(
        qemu.address,
        input=script(
            nodes("n0", "n1"),
            failing("bad"),
            "blockdev-backup device=n0 target=bad sync=full job-id=j0",
            "/wait BLOCK_JOB_COMPLETED device=j0",
            "/wait JOB_STATUS_CHANGE id=j0 status=null",
            "blockdev-backup device=n0 target=n1 sync=full job-id=j0",
            "/wait-job -t 60 j0",
        ),
    )
    assert (result.status, result.err) == (0, "")


def test_wait_job_reports_unknown_job(qemu: Server) -> None:
    result = run(qemu.address, input="/wait-job nope\nquery-name\n")
    assert result.status == 1
    missing = "there is no job nope; it may have ended (auto-dismiss=off keeps it)"
    assert result.err == f"stdin:1:1: {missing}\n"
    assert returns(result) == [{}]


def answer_jobs(peer: Peer, jobs: list[Any], *before: bytes) -> None:
    command = peer.read_any()
    assert command["execute"] == "query-jobs"
    for data in before:
        peer.send(data)
    peer.reply(command, jobs)


def job_event(status: str) -> bytes:
    stamp = b'"timestamp": {"seconds": 1, "microseconds": 0}'
    data = f'{{"id": "j0", "status": "{status}"}}'.encode()
    return b'{"event": "JOB_STATUS_CHANGE", "data": ' + data + b", " + stamp + b"}\r\n"


RUNNING = {"id": "j0", "type": "backup", "status": "running"}


def test_wait_job_accepts_end_during_its_query(scripted: Scripted) -> None:
    def part(peer: Peer) -> None:
        peer.negotiate()
        answer_jobs(peer, [], job_event("concluded"), job_event("null"))
        peer.ended()

    result = run(scripted(part).address, input="/wait-job -t 60 j0\n")
    assert (result.status, result.err) == (0, "")


def test_wait_job_accepts_end_before_error_query(scripted: Scripted) -> None:
    def part(peer: Peer) -> None:
        peer.negotiate()
        answer_jobs(peer, [RUNNING])
        peer.send(job_event("concluded") + job_event("null"))
        answer_jobs(peer, [])
        peer.ended()

    result = run(scripted(part).address, input="/wait-job -t 60 j0\n")
    assert (result.status, result.err) == (0, "")


# -- /wait ----------------------------------------------------------------------------------------


def test_wait_matches_each_event_once(qemu: Server) -> None:
    result = run(
        qemu.address,
        input=script(
            nodes("n0", "n1"),
            "blockdev-backup device=n0 target=n1 sync=full job-id=j0",
            "/wait-job -t 60 j0",
            "blockdev-backup device=n0 target=n1 sync=full job-id=j1",
            "/wait-job -t 60 j1",
            "/wait BLOCK_JOB_COMPLETED device=j1 type=backup",
            f"/wait BLOCK_JOB_COMPLETED device=j0 len={NODE_SIZE}",
            "/wait -t 0.1 BLOCK_JOB_COMPLETED device=j0",
            "/wait -t 0.1 BLOCK_JOB_COMPLETED",
        ),
    )
    assert result.status == 1
    assert result.err == (
        "stdin:9:1: no BLOCK_JOB_COMPLETED with device=j0 within 0.1 s\n"
        "stdin:10:1: no BLOCK_JOB_COMPLETED within 0.1 s\n"
    )


def test_wait_timeout_does_not_end_script(one_qemu: Server) -> None:
    result = run(
        one_qemu.address, input="/wait -t 0.2 STOP\ncont\n/wait -t 60 RESUME\nquery-name\n"
    )
    assert result.status == 1
    assert result.err == "stdin:1:1: no STOP within 0.2 s\n"
    assert len(replies(result)) == 2
    strict = run("-e", one_qemu.address, input="/wait -t 0 SHUTDOWN\nquery-name\n")
    assert (strict.status, strict.out) == (1, "")


def test_wait_works_with_hidden_events(one_qemu: Server) -> None:
    result = run(
        "-r", one_qemu.address, input="cont\n/wait -t 60 RESUME\n/events none\nstop\n/wait STOP"
    )
    assert (result.status, result.err) == (0, "")
    cont, resumed, stop, stopped = map(json.loads, result.lines)
    assert (cont, resumed["event"], stop, stopped["event"]) == ({}, "RESUME", {}, "STOP")


def test_wait_passes_its_event_to_redirect(one_qemu: Server) -> None:
    wait = "/wait -t 60 'RES*,STOP' | jq -r .event"
    result = run(one_qemu.address, input=f"cont\n{wait}\n")
    assert (result.status, result.err) == (0, "")
    assert result.lines[-1] == "RESUME"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("/wait JOB_STATUS_CHANGED", "the server has no event 'JOB_STATUS_CHANGED'"),
        ("/wait JOB_STATUS_CHANGE job=j0", "JOB_STATUS_CHANGE has no member 'job'"),
        ("/wait JOB_STATUS_CHANGE status=ended", "status takes "),
    ],
)
def test_wait_rejects_impossible_event(qemu: Server, line: str, complaint: str) -> None:
    result = run(qemu.address, input=f"{line}\nquery-name\n")
    assert (result.status, returns(result)) == (1, [{}])
    assert complaint in result.err


@pytest.mark.parametrize(
    ("uri", "status", "complaint"),
    [("exec:cat>/dev/null", 0, ""), ("exec:exit 1", 1, "stdin:2:1: the migration failed")],
)
def test_wait_migration_returns_outcome(
    installation: Installation, tmp_path: Path, uri: str, status: int, complaint: str
) -> None:
    with start_qemu(installation, tmp_path / "vm.sock", machine="q35") as server:
        result = run(server.address, input=f"migrate uri='{uri}'\n/wait-migration -t 60\n")
    assert result.status == status, result.err
    assert result.err.startswith(complaint) and bool(result.err) == bool(complaint)


@pytest.mark.parametrize("wait", ["/wait STOP", "/wait -t 60 STOP", "/wait-job j0"])
def test_connection_loss_during_wait_returns_status_3(tmp_path: Path, wait: str) -> None:
    with start_qemu(SYSTEM, tmp_path / "vm.sock") as server:
        run(server.address, input=script(nodes("n0", "n1"), f"{_SLOW}\nquery-name"))
        process = start(server.address)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"query-name\n{wait}\nquery-kvm\n".encode())
        process.stdin.flush()
        assert process.stdout.readline() == b'{"return": {}}\n'
        server.kill()
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (3, b"")
        text = err.decode()
        assert text.count("\n") == 1
        assert "connection lost" in text
        assert "while waiting for STOP" in text or "STOP" not in wait


_SLOW = "blockdev-backup device=n0 target=n1 sync=full job-id=j0 speed=1"


@pytest.mark.parametrize(
    ("line", "column", "complaint"),
    [
        ("/wait", 1, "the name of an event is missing"),
        ("/wait -t STOP", 10, "'STOP' is not a number of seconds"),
        ("/wait -t", 7, "a number of seconds must follow -t"),
        ("/wait STOP id", 12, "STOP has no argument 'id'"),
        ("/wait-job", 1, "the ID of a job is missing"),
        ("/wait-job a b", 13, "/wait-job takes one ID"),
        ("/wait-job id=a", 1, "the ID of a job is missing"),
    ],
)
def test_invalid_wait_arguments_are_reported(
    one_qemu: Server, line: str, column: int, complaint: str
) -> None:
    result = run(one_qemu.address, input=f"{line}\nquery-name\n")
    assert (result.status, result.out) == (1, '{"return": {}}\n')
    place, shown, caret, *_ = result.err.splitlines()
    assert place == f"stdin:1:{column}: {complaint}"
    assert shown == f"  {line}"
    assert caret.index("^") == column + 1


# -- qemu-storage-daemon --------------------------------------------------------------------------


def test_wait_job_works_with_storage_daemon(installation: Installation, tmp_path: Path) -> None:
    with start_storage_daemon(installation, tmp_path / "qsd.sock") as daemon:
        result = run(
            daemon.address,
            input=script(
                f"blockdev-create job-id=c0 options.driver=file options.size=0"
                f" options.filename={tmp_path}/new.qcow2",
                "/wait-job -t 60 c0",
                "job-dismiss id=c0",
                f"blockdev-add driver=file node-name=f0 filename={tmp_path}/new.qcow2",
                "blockdev-create job-id=c1"
                f" options={{'driver': 'qcow2', 'file': 'f0', 'size': {NODE_SIZE}}}",
                "/wait-job -t 60 c1",
                "job-dismiss id=c1",
                "blockdev-create job-id=c2 options.size=5 options.driver=qcow2 options.file=f0",
                "/wait-job -t 60 c2",
                "blockdev-add driver=qcow2 file=f0 node-name=q0",
                nodes("n0"),
                "blockdev-backup device=n0 target=q0 sync=full job-id=b0",
                "/wait-job -t 60 b0",
            ),
        )
    assert result.status == 1
    assert result.err.startswith("stdin:9:1: job c2 failed: ")
    assert "multiple of 512" in result.err
    assert result.err.count("\n") == 1
    assert returns(result) == [{}] * 9
    assert f'"virtual-size": {NODE_SIZE}' in image_info(installation, tmp_path / "new.qcow2")
