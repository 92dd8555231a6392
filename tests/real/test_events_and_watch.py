"""Test /jobs, /watch and /events in scripts on real servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness.exchange import replies, returns, script
from tests.harness.program import run
from tests.harness.servers import Installation, Server, start_qemu, start_storage_daemon

ADD = "blockdev-add driver=null-co size=67108864 node-name="
NODES = [f"{ADD}a", f"{ADD}b"]
BACKUP = "blockdev-backup device=a target=b sync=full job-id="


@pytest.fixture(params=["qemu", "storage daemon"])
def server(
    request: pytest.FixtureRequest, installation: Installation, tmp_path: Path
) -> Iterator[Server]:
    start: Callable[[Installation, Path], Server] = (
        start_storage_daemon if request.param == "storage daemon" else start_qemu
    )
    with start(installation, tmp_path / "vm.sock") as server:
        yield server


def job_lines(err: str) -> list[str]:
    """Return the lines about jobs without their progress."""
    return [line.partition(",")[0] for line in err.splitlines() if line.startswith("job ")]


def test_jobs_command_follows_jobs_until_done(server: Server) -> None:
    lines = [*NODES, f"{BACKUP}j0 speed=33554432", "/jobs", "query-jobs"]
    result = run("--events", "none", server.address, input=script(lines))
    assert (result.status, returns(result)) == (0, [{}, {}, {}, []])
    assert job_lines(result.err)[0] == "job j0 (backup): running"
    assert job_lines(result.err)[-1] == "job j0 (backup): done"


def test_jobs_command_reports_finished_job(server: Server) -> None:
    result = run(server.address, input=script(NODES, f"{BACKUP}j0", "/wait-job j0", "/jobs"))
    assert result.status == 0
    assert job_lines(result.err)[-1] in ("job j0: done", "job j0 (backup): done")


def test_jobs_command_fails_for_failed_job(server: Server, tmp_path: Path) -> None:
    image = tmp_path / "forbidden" / "image"
    options = f"options.driver=file options.filename={image} options.size=1M"
    result = run(server.address, input=script(f"blockdev-create job-id=c {options}", "/jobs"))
    assert result.status == 1
    assert job_lines(result.err)[-1].startswith("job c (create): failed: ")
    assert "stdin:2:1: the job failed" in result.err


def test_jobs_command_fails_for_cancelled_job(server: Server) -> None:
    lines = [*NODES, f"{BACKUP}j0 speed=1M", "block-job-cancel device=j0", "/jobs"]
    result = run(server.address, input=script(lines))
    assert result.status == 1
    assert job_lines(result.err)[-1].endswith(": cancelled")
    assert "stdin:5:1: the job was cancelled" in result.err


def test_jobs_command_timeout_is_reported(server: Server) -> None:
    result = run(server.address, input=script(NODES, f"{BACKUP}j0 speed=1", "/jobs -t 0.3"))
    assert result.status == 1
    assert "stdin:4:1: the jobs did not end within 0.3 s" in result.err


def test_jobs_command_without_jobs_says_so(server: Server) -> None:
    result = run("-c", "/jobs", server.address)
    assert (result.status, result.out, result.err) == (0, "", "there are no jobs\n")


def test_jobs_command_without_probing_uses_events(server: Server) -> None:
    lines = [*NODES, f"{BACKUP}j0 speed=33554432", "/jobs"]
    result = run("--no-probe", "-v", server.address, input=script(lines))
    assert result.status == 0
    assert job_lines(result.err)[-1] == "job j0 (backup): done"


def test_watch_prints_each_reply(server: Server) -> None:
    lines = ["/watch -n 0.1 -c 3 query-version", "query-jobs"]
    result = run("-r", server.address, input=script(lines))
    first, second, third, jobs = result.lines
    assert first == second == third != jobs
    assert result.status == 0


def test_watch_replies_can_be_redirected(one_qemu: Server, tmp_path: Path) -> None:
    path = tmp_path / "out"
    line = f"/watch -n 0.1 -c 2 query-status > {path}"
    result = run("-c", line, "-c", "query-name", one_qemu.address)
    assert (result.status, replies(result)) == (0, [{"return": {}}])
    assert path.read_text().count('"prelaunch"') == 2


def test_watch_accepts_hmp_command(qemu: Server) -> None:
    result = run("-c", "/watch -n 0.1 -c 2 /hmp info name", qemu.address)
    assert result.status == 0
    result = run("-c", "/watch -n 0.1 -c 2 /hmp info status", qemu.address)
    assert [line.startswith("VM status: paused") for line in result.lines] == [True, True]


def test_watch_of_unknown_command_fails(server: Server) -> None:
    result = run("-c", "/watch query-nonsense", server.address)
    assert result.status == 1


def test_events_command_mutes_and_lists_events(qemu: Server) -> None:
    lines = ["/events -RESUME", "cont", "stop", "/events +*", "cont", "/events list -n 3"]
    result = run("--compact", qemu.address, input=script(lines))
    names = [line.split('"event": "')[1].split('"')[0] for line in result.lines if "event" in line]
    assert names == ["STOP", "RESUME", "RESUME", "STOP", "RESUME"]
