"""Tests of the VM state in a session: event handling and background queries."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from qmpshell.session import Jobs, VmState
from tests.harness.sessions import (
    GREETING,
    NEGOTIATED,
    Driver,
    Shown,
    error,
    event,
    own_question,
    reply,
    sent,
)

QUERIES = ("query-status", "query-jobs", "query-migrate")


class Watcher(Driver):
    """A terminal session that follows its VM."""

    def __init__(self, **options: object) -> None:
        super().__init__(interactive=True, **options)  # type: ignore[arg-type]
        self.session.track_vm(self.now)

    @property
    def machine(self) -> VmState:
        assert self.session.vm is not None
        return self.session.vm

    def due(self) -> list[Shown]:
        """Return the effects that are due now."""
        deadline = self.session.deadline
        return self.after(0) if deadline is not None and deadline <= self.now else []

    def later(self, seconds: float) -> list[Shown]:
        self.now += seconds
        return self.due()

    def answer_first_queries(
        self, status: str = "running", jobs: object = (), migration: object = ()
    ) -> int:
        """Answer the first queries and return the number of the last one."""
        answers = [{"status": status}, list(jobs) if isinstance(jobs, tuple) else jobs, migration]
        for number, (name, answer) in enumerate(zip(QUERIES, answers, strict=True), 1):
            assert self.due() == [own_question(number, name)]
            self.bytes(reply(answer or {}, number))
        assert self.due() == []
        return 3


def job(**changes: object) -> dict[str, object]:
    fields = {"id": "j0", "type": "mirror", "status": "running"}
    return fields | {"current-progress": 1, "total-progress": 4} | changes


def status_change(status: str, name: str = "j0") -> bytes:
    return event("JOB_STATUS_CHANGE", id=name, status=status)


# -- the first queries ----------------------------------------------------------------------------


def test_each_query_runs_once_after_greeting() -> None:
    driver = Watcher()
    assert driver.due() == [own_question(1, "query-status")]
    assert driver.due() == []  # the query is pending
    assert driver.bytes(reply({"status": "prelaunch"}, 1)) == [("learned", "query-status")]
    assert driver.due() == [own_question(2, "query-jobs")]
    assert driver.bytes(reply([], 2)) == []
    assert driver.due() == [own_question(3, "query-migrate")]
    assert driver.bytes(reply({}, 3)) == []
    assert driver.machine.status == "prelaunch"
    assert driver.session.deadline is None
    assert driver.later(60) == []


@pytest.mark.parametrize("options", [{"probe": False}, {"negotiate": False}], ids=str)
def test_disabled_probing_sends_no_vm_queries(options: dict[str, Any]) -> None:
    driver = Driver(interactive=True, **options)
    driver.session.track_vm(driver.now)
    assert driver.session.vm is None
    driver.bytes(event("STOP"))
    assert driver.session.deadline is None
    assert driver.after(5) == []


def test_refused_query_is_not_repeated() -> None:
    driver = Watcher()  # the replies match qemu-storage-daemon
    driver.due()
    assert driver.bytes(error("no such command", "CommandNotFound", 1)) == []
    assert driver.due() == [own_question(2, "query-jobs")]
    driver.bytes(reply([], 2))
    assert driver.due() == [own_question(3, "query-migrate")]
    driver.bytes(error("no such command", "CommandNotFound", 3))
    driver.bytes(event("STOP") + event("MIGRATION", status="active"))
    assert driver.later(60) == []


def test_server_restart_repeats_vm_queries() -> None:
    driver = Watcher()
    driver.due()
    driver.bytes(error("no such command", "CommandNotFound", 1))
    driver.bytes(GREETING)
    assert ("ready",) in driver.bytes(NEGOTIATED.replace(b"-1", b"-2"))
    driver.session.track_vm(driver.now)
    assert [effect[1] for effect in driver.due()] == [own_question(2, "query-status")[1]]


# -- priority of user commands --------------------------------------------------------------------


def test_vm_queries_wait_for_user_commands() -> None:
    driver = Watcher()
    assert driver.line("cont") == [sent('{"execute": "cont", "id": "qmpshell-1"}')]
    driver.line("stop")  # it is queued
    assert driver.session.deadline is None
    assert driver.later(5) == []
    driver.bytes(reply({}, 1))
    assert driver.session.deadline is None  # stop is pending
    driver.bytes(reply({}, 2))
    assert driver.due() == [own_question(3, "query-status")]


def test_vm_queries_wait_for_abandoned_reply() -> None:
    driver = Watcher()
    driver.line("cont")
    driver.abandon()
    assert driver.session.deadline is None  # no more queries to a stopped server
    driver.bytes(reply({}, 1))
    assert driver.due() == [own_question(2, "query-status")]


def test_user_command_does_not_wait_for_query() -> None:
    driver = Watcher()
    driver.due()
    assert driver.line("cont") == [sent('{"execute": "cont", "id": "qmpshell-2"}')]


def test_event_wait_does_not_stop_queries() -> None:
    driver = Watcher()
    driver.line("/wait STOP")
    driver.bytes(reply([], 1))  # the schema
    assert driver.due() == [own_question(2, "query-status")]


# -- the run state --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("RESUME", "running"),
        ("WAKEUP", "running"),
        ("SUSPEND", "suspended"),
        ("SHUTDOWN", "shutdown"),
        ("POWERDOWN", "prelaunch"),
    ],
)
def test_event_with_state_causes_no_query(name: str, status: str) -> None:
    driver = Watcher()
    driver.answer_first_queries("prelaunch")
    driver.bytes(event(name))
    assert driver.machine.status == status
    assert driver.later(10) == []


@pytest.mark.parametrize("name", ["STOP", "RESET", "GUEST_PANICKED", "WATCHDOG", "SUSPEND_DISK"])
def test_event_without_state_causes_query(name: str) -> None:
    driver = Watcher()
    driver.answer_first_queries("running")
    driver.bytes(event(name))
    assert driver.later(1) == [own_question(4, "query-status")]
    assert driver.bytes(reply({"status": "io-error"}, 4)) == []  # the query result is reported once
    assert driver.machine.status == "io-error"


def test_stop_is_a_pause_until_status_reply() -> None:
    driver = Watcher()
    driver.answer_first_queries("running")
    driver.bytes(event("STOP"))
    assert driver.machine.status == "paused"


def test_stop_after_shutdown_is_not_a_pause() -> None:
    driver = Watcher()
    driver.answer_first_queries("running")
    driver.bytes(event("SHUTDOWN") + event("STOP"))
    assert driver.machine.status == "shutdown"


def test_event_storm_causes_one_query_per_second() -> None:
    driver = Watcher()
    number = driver.answer_first_queries()
    started = driver.now
    query_times = []
    for _ in range(500):  # 5 seconds
        driver.bytes(event("RESUME") + event("STOP"))
        if driver.later(0.01):
            number += 1
            query_times.append(driver.now - started)
            driver.bytes(reply({"status": "paused"}, number))
    assert 4 <= len(query_times) <= 5
    assert min(b - a for a, b in itertools.pairwise(query_times)) >= 1.0


def test_user_query_updates_vm_state() -> None:
    driver = Watcher()
    driver.answer_first_queries("running")
    driver.line("query-status")
    driver.bytes(reply({"status": "debug"}, 4))
    assert driver.machine.status == "debug"


def test_invalid_replies_do_not_change_vm_state() -> None:
    driver = Watcher()
    for number, answer in enumerate(("prelaunch", {"id": 1}, [1]), 1):
        driver.due()
        driver.bytes(reply(answer, number))
    assert (driver.machine.status, driver.machine.jobs.all) == ("", {})
    assert not driver.machine.migration.is_active


# -- jobs -----------------------------------------------------------------------------------------


def test_running_job_is_queried_every_second() -> None:
    driver = Watcher()
    driver.answer_first_queries(jobs=[job()])
    for number in range(4, 8):
        assert driver.later(0.5) == []
        assert driver.later(0.5) == [own_question(number, "query-jobs")]
        progress = {"current-progress": number}
        assert driver.bytes(reply([job(**progress)], number)) == []
        assert driver.machine.jobs.all["j0"].current == number


@pytest.mark.parametrize("status", ["paused", "standby", "pending", "waiting", "concluded"])
def test_idle_job_is_not_queried(status: str) -> None:
    driver = Watcher()
    driver.answer_first_queries(jobs=[job(status=status)])
    assert driver.later(10) == []


def test_no_jobs_cause_no_queries() -> None:
    driver = Watcher()
    driver.answer_first_queries()
    assert driver.session.deadline is None


def test_new_job_event_causes_a_query() -> None:
    driver = Watcher()
    driver.answer_first_queries()
    driver.later(1)
    driver.bytes(status_change("created") + status_change("running"))
    assert driver.machine.jobs.all["j0"].status == "running"
    assert driver.due() == [own_question(4, "query-jobs")]
    driver.bytes(reply([job()], 4))
    assert driver.machine.jobs.all["j0"].kind == "mirror"
    driver.bytes(status_change("waiting") + status_change("pending"))
    driver.bytes(status_change("concluded") + status_change("null"))
    assert driver.machine.jobs.all == {}
    assert driver.later(60) in ([], [own_question(5, "query-jobs")])


def test_block_jobs_are_listed_without_query_jobs() -> None:
    driver = Watcher()
    driver.due()
    driver.bytes(reply({"status": "running"}, 1))
    driver.due()
    assert driver.bytes(error("no such command", "CommandNotFound", 2)) == [
        own_question(3, "query-block-jobs")
    ]
    block_job = {"device": "d0", "type": "stream", "len": 10, "offset": 5, "paused": False}
    driver.bytes(reply([block_job], 3))
    found = driver.machine.jobs.all["d0"]
    assert (found.kind, found.status, found.current, found.total) == ("stream", "running", 5, 10)
    driver.due()
    driver.bytes(reply({}, 4))
    assert driver.later(1) == [own_question(5, "query-block-jobs")]
    driver.bytes(reply([], 5))
    driver.line("block-stream device=d0")
    driver.bytes(reply({}, 6))
    assert driver.later(1) == [own_question(7, "query-block-jobs")]


def jobs_after(*events: bytes) -> Jobs:
    driver = Watcher()
    driver.answer_first_queries()
    for data in events:
        driver.bytes(data)
    return driver.machine.jobs


def test_job_events_give_its_result() -> None:
    def ended(*events: bytes) -> tuple[bool, str]:
        started = (status_change("created"), status_change("running"))
        (job,) = jobs_after(
            *started, *events, status_change("concluded"), status_change("null")
        ).ended
        return job.has_failed, job.error

    assert ended() == (False, "")
    assert ended(status_change("aborting")) == (True, "")
    cancelled = event("BLOCK_JOB_CANCELLED", device="j0", len=4, offset=1)
    assert ended(status_change("aborting"), cancelled) == (True, "")
    completed = event("BLOCK_JOB_COMPLETED", device="j0", len=4, offset=1, error="No space")
    assert ended(status_change("aborting"), completed) == (True, "No space")


def test_new_job_with_same_id_resets_state() -> None:
    failed = (status_change("created"), status_change("aborting"), status_change("concluded"))
    found = jobs_after(*failed, status_change("created"), status_change("running")).all["j0"]
    assert (found.status, found.has_failed) == ("running", False)


def test_invented_jobs_do_not_grow_memory() -> None:
    jobs = Jobs()
    jobs.update([job(id=f"j{number}") for number in range(5000)])
    assert len(jobs.all) == 1000


# -- migration ------------------------------------------------------------------------------------

ACTIVE = {"status": "active", "ram": {"total": 100, "remaining": 60}}


def test_migration_is_queried_every_second() -> None:
    driver = Watcher()
    driver.answer_first_queries()
    driver.later(5)
    driver.line("migrate uri=file:x")
    driver.bytes(reply({}, 4))
    assert driver.due() == [own_question(5, "query-migrate")]
    driver.bytes(reply(ACTIVE, 5))
    migration = driver.machine.migration
    assert (migration.done, migration.total, migration.is_active) == (40, 100, True)
    assert driver.later(0.9) == []
    assert driver.later(0.1) == [own_question(6, "query-migrate")]
    driver.bytes(reply({"status": "completed"}, 6))
    assert (migration.is_active, migration.was_seen) == (False, True)
    assert driver.due() == [own_question(7, "query-status")]
    driver.bytes(reply({"status": "postmigrate"}, 7))
    assert driver.machine.status == "postmigrate"
    assert driver.later(60) == []


def test_hmp_migrate_causes_migration_query() -> None:
    driver = Watcher()
    driver.answer_first_queries()
    driver.later(5)
    driver.line("/hmp migrate -d tcp:x:1")
    driver.bytes(reply("", 4))
    assert driver.due() == [own_question(5, "query-migrate")]


def test_migration_that_failed_to_start_is_not_queried() -> None:
    driver = Watcher()
    driver.answer_first_queries()
    driver.line("migrate uri=x")
    driver.bytes(error("no", marker=4))
    assert driver.later(60) == []


def test_earlier_finished_migration_is_not_shown() -> None:
    driver = Watcher()
    driver.answer_first_queries(migration={"status": "failed"})
    assert not driver.machine.migration.was_seen


def test_migration_event_causes_queries() -> None:
    driver = Watcher()
    driver.answer_first_queries()
    driver.bytes(event("MIGRATION", status="setup"))
    assert driver.later(1) == [own_question(4, "query-status")]
    driver.bytes(reply({"status": "running"}, 4))
    assert driver.due() == [own_question(5, "query-migrate")]


def test_connection_loss_ends_vm_queries() -> None:
    driver = Watcher()
    driver.answer_first_queries(jobs=[job()])
    driver.gone()
    assert driver.session.deadline is None
    assert driver.after(60) == []
