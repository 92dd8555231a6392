"""What is known of the virtual machine: what events say, and what is asked, how often and when not."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from qmpshell.session import Jobs, VmState
from tests.harness.sessions import (
    GREETING,
    NEGOTIATED,
    Driver,
    Said,
    error,
    event,
    own_question,
    reply,
    sent,
)

QUERIES = ("query-status", "query-jobs", "query-migrate")


class Watcher(Driver):
    """A session at a terminal that follows its machine; `asks` is what it asks by itself by now."""

    def __init__(self, **options: object) -> None:
        super().__init__(interactive=True, **options)  # type: ignore[arg-type]
        assert self.session.probes.watch_machine(self.now) == []

    @property
    def machine(self) -> VmState:
        assert self.session.machine is not None
        return self.session.machine

    def due(self) -> list[Said]:
        """Return what happens now if something is due."""
        deadline = self.session.deadline
        return self.after(0) if deadline is not None and deadline <= self.now else []

    def later(self, seconds: float) -> list[Said]:
        self.now += seconds
        return self.due()

    def settle(self, status: str = "running", jobs: object = (), migration: object = ()) -> int:
        """Answer the first questions; the number of the last."""
        answers = [{"status": status}, list(jobs) if isinstance(jobs, tuple) else jobs, migration]
        for number, (name, answer) in enumerate(zip(QUERIES, answers, strict=True), 1):
            assert self.due() == [own_question(number, name)]
            self.bytes(reply(answer or {}, number))
        assert self.due() == []
        return 3


def job(**changes: object) -> dict[str, object]:
    one = {"id": "j0", "type": "mirror", "status": "running"}
    return one | {"current-progress": 1, "total-progress": 4} | changes


def status_change(status: str, name: str = "j0") -> bytes:
    return event("JOB_STATUS_CHANGE", id=name, status=status)


# -- the first questions --------------------------------------------------------------------------


def test_each_query_runs_once_after_greeting() -> None:
    driver = Watcher()
    assert driver.due() == [own_question(1, "query-status")]
    assert driver.due() == []  # it is not answered yet
    assert driver.bytes(reply({"status": "prelaunch"}, 1)) == [("learned", "query-status")]
    assert driver.due() == [own_question(2, "query-jobs")]
    assert driver.bytes(reply([], 2)) == []
    assert driver.due() == [own_question(3, "query-migrate")]
    assert driver.bytes(reply({}, 3)) == []
    assert driver.machine.status == "prelaunch"
    assert driver.session.deadline is None
    assert driver.later(60) == []


@pytest.mark.parametrize("options", [{"probe": False}, {"negotiate": False}], ids=str)
def test_who_may_not_be_asked_is_not_asked(options: dict[str, Any]) -> None:
    driver = Driver(interactive=True, **options)
    driver.session.probes.watch_machine(driver.now)
    assert driver.session.machine is None
    driver.bytes(event("STOP"))
    assert driver.session.deadline is None
    assert driver.after(5) == []


def test_what_is_refused_is_not_asked_again() -> None:
    driver = Watcher()  # as qemu-storage-daemon answers
    driver.due()
    assert driver.bytes(error("no such command", "CommandNotFound", 1)) == []
    assert driver.due() == [own_question(2, "query-jobs")]
    driver.bytes(reply([], 2))
    assert driver.due() == [own_question(3, "query-migrate")]
    driver.bytes(error("no such command", "CommandNotFound", 3))
    driver.bytes(event("STOP") + event("MIGRATION", status="active"))
    assert driver.later(60) == []


def test_another_greeting_begins_anew() -> None:
    driver = Watcher()
    driver.due()
    driver.bytes(error("no such command", "CommandNotFound", 1))
    driver.bytes(GREETING)
    assert ("greeted",) in driver.bytes(NEGOTIATED.replace(b"-1", b"-2"))
    driver.session.probes.watch_machine(driver.now)
    assert [one[1] for one in driver.due()] == [own_question(2, "query-status")[1]]


# -- the user goes first --------------------------------------------------------------------------


def test_nothing_is_asked_while_the_user_waits() -> None:
    driver = Watcher()
    assert driver.line("cont") == [sent('{"execute": "cont", "id": "qmpshell-1"}')]
    driver.line("stop")  # it is queued
    assert driver.session.deadline is None
    assert driver.later(5) == []
    driver.bytes(reply({}, 1))
    assert driver.session.deadline is None  # now it is sent
    driver.bytes(reply({}, 2))
    assert driver.due() == [own_question(3, "query-status")]


def test_abandoned_reply_is_still_awaited() -> None:
    driver = Watcher()
    driver.line("cont")
    driver.abandon()
    assert driver.session.deadline is None  # a server that is stopped is not asked more and more
    driver.bytes(reply({}, 1))
    assert driver.due() == [own_question(2, "query-status")]


def test_a_line_does_not_wait_for_a_question() -> None:
    driver = Watcher()
    driver.due()
    assert driver.line("cont") == [sent('{"execute": "cont", "id": "qmpshell-2"}')]


def test_event_wait_does_not_stop_queries() -> None:
    driver = Watcher()
    driver.line("/wait STOP")
    assert driver.due() == [own_question(1, "query-status")]


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
def test_what_an_event_says_is_not_asked(name: str, status: str) -> None:
    driver = Watcher()
    driver.settle("prelaunch")
    driver.bytes(event(name))
    assert driver.machine.status == status
    assert driver.later(10) == []


@pytest.mark.parametrize("name", ["STOP", "RESET", "GUEST_PANICKED", "WATCHDOG", "SUSPEND_DISK"])
def test_what_an_event_does_not_say_is_asked(name: str) -> None:
    driver = Watcher()
    driver.settle("running")
    driver.bytes(event(name))
    assert driver.later(1) == [own_question(4, "query-status")]
    assert driver.bytes(reply({"status": "io-error"}, 4)) == []  # it is reported only once
    assert driver.machine.status == "io-error"


def test_stop_is_a_pause_until_status_reply() -> None:
    driver = Watcher()
    driver.settle("running")
    driver.bytes(event("STOP"))
    assert driver.machine.status == "paused"


def test_stop_after_shutdown_is_not_a_pause() -> None:
    driver = Watcher()
    driver.settle("running")
    driver.bytes(event("SHUTDOWN") + event("STOP"))
    assert driver.machine.status == "shutdown"


def test_event_storm_causes_one_query_per_second() -> None:
    driver = Watcher()
    number = driver.settle()
    started = driver.now
    asked = []
    for _ in range(500):  # 5 seconds
        driver.bytes(event("RESUME") + event("STOP"))
        if driver.later(0.01):
            number += 1
            asked.append(driver.now - started)
            driver.bytes(reply({"status": "paused"}, number))
    assert 4 <= len(asked) <= 5
    assert min(b - a for a, b in itertools.pairwise(asked)) >= 1.0


def test_what_the_user_asks_is_learnt_from() -> None:
    driver = Watcher()
    driver.settle("running")
    driver.line("query-status")
    driver.bytes(reply({"status": "debug"}, 4))
    assert driver.machine.status == "debug"


def test_an_answer_that_makes_no_sense_says_nothing() -> None:
    driver = Watcher()
    for number, answer in enumerate(("prelaunch", {"id": 1}, [1]), 1):
        driver.due()
        driver.bytes(reply(answer, number))
    assert (driver.machine.status, driver.machine.jobs.all) == ("", {})
    assert not driver.machine.migration.is_active


# -- jobs -----------------------------------------------------------------------------------------


def test_a_running_job_is_asked_about_every_second() -> None:
    driver = Watcher()
    driver.settle(jobs=[job()])
    for number in range(4, 8):
        assert driver.later(0.5) == []
        assert driver.later(0.5) == [own_question(number, "query-jobs")]
        progress = {"current-progress": number}
        assert driver.bytes(reply([job(**progress)], number)) == []
        assert driver.machine.jobs.all["j0"].current == number


@pytest.mark.parametrize("status", ["paused", "standby", "pending", "waiting", "concluded"])
def test_idle_job_is_not_queried(status: str) -> None:
    driver = Watcher()
    driver.settle(jobs=[job(status=status)])
    assert driver.later(10) == []


def test_without_jobs_nothing_is_asked() -> None:
    driver = Watcher()
    driver.settle()
    assert driver.session.deadline is None


def test_new_job_event_causes_a_query() -> None:
    driver = Watcher()
    driver.settle()
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
    one = {"device": "d0", "type": "stream", "len": 10, "offset": 5, "paused": False}
    driver.bytes(reply([one], 3))
    found = driver.machine.jobs.all["d0"]
    assert (found.kind, found.status, found.current, found.total) == ("stream", "running", 5, 10)
    driver.due()
    driver.bytes(reply({}, 4))
    assert driver.later(1) == [own_question(5, "query-block-jobs")]
    driver.bytes(reply([], 5))
    driver.line("block-stream device=d0")
    driver.bytes(reply({}, 6))
    assert driver.later(1) == [own_question(7, "query-block-jobs")]


def seen(*events: bytes) -> Jobs:
    driver = Watcher()
    driver.settle()
    for one in events:
        driver.bytes(one)
    return driver.machine.jobs


def test_how_a_job_has_ended() -> None:
    def ended(*events: bytes) -> tuple[bool, str]:
        started = (status_change("created"), status_change("running"))
        (job,) = seen(*started, *events, status_change("concluded"), status_change("null")).ended
        return job.has_failed, job.error

    assert ended() == (False, "")
    assert ended(status_change("aborting")) == (True, "")
    cancelled = event("BLOCK_JOB_CANCELLED", device="j0", len=4, offset=1)
    assert ended(status_change("aborting"), cancelled) == (False, "")
    completed = event("BLOCK_JOB_COMPLETED", device="j0", len=4, offset=1, error="No space")
    assert ended(status_change("aborting"), completed) == (True, "No space")


def test_a_job_of_the_same_name_begins_anew() -> None:
    failed = (status_change("created"), status_change("aborting"), status_change("concluded"))
    found = seen(*failed, status_change("created"), status_change("running")).all["j0"]
    assert (found.status, found.has_failed) == ("running", False)


def test_invented_jobs_do_not_grow_memory() -> None:
    jobs = Jobs()
    jobs.take([job(id=f"j{number}") for number in range(5000)])
    assert len(jobs.all) == 1000


# -- migration ------------------------------------------------------------------------------------

ACTIVE = {"status": "active", "ram": {"total": 100, "remaining": 60}}


def test_migration_is_queried_every_second() -> None:
    driver = Watcher()
    driver.settle()
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


def test_after_the_human_monitors_migrate_too() -> None:
    driver = Watcher()
    driver.settle()
    driver.later(5)
    driver.line("/hmp migrate -d tcp:x:1")
    driver.bytes(reply("", 4))
    assert driver.due() == [own_question(5, "query-migrate")]


def test_migration_that_failed_to_start_is_not_queried() -> None:
    driver = Watcher()
    driver.settle()
    driver.line("migrate uri=x")
    driver.bytes(error("no", marker=4))
    assert driver.later(60) == []


def test_earlier_finished_migration_is_not_shown() -> None:
    driver = Watcher()
    driver.settle(migration={"status": "failed"})
    assert not driver.machine.migration.was_seen


def test_its_events_are_heeded() -> None:
    driver = Watcher()
    driver.settle()
    driver.bytes(event("MIGRATION", status="setup"))
    assert driver.later(1) == [own_question(4, "query-status")]
    driver.bytes(reply({"status": "running"}, 4))
    assert driver.due() == [own_question(5, "query-migrate")]


def test_a_loss_ends_it() -> None:
    driver = Watcher()
    driver.settle(jobs=[job()])
    driver.gone()
    assert driver.session.deadline is None
    assert driver.after(60) == []
