"""What a session waits for: when it is over, and whether well, with every order of events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from qmpshell.qmp import Event
from qmpshell.session import Effect, EventWait, JobWait

Jobs = list[dict[str, Any]]


def event(name: str, **data: object) -> Event:
    value = {"event": name, "data": data}
    return Event(json.dumps(value).encode(), value)


def status(state: str, job: str = "j") -> Event:
    return event("JOB_STATUS_CHANGE", id=job, status=state)


def completed(job: str = "j", **more: object) -> Event:
    return event("BLOCK_JOB_COMPLETED", device=job, type="stream", **more)


def cancelled(job: str = "j") -> Event:
    return event("BLOCK_JOB_CANCELLED", device=job, type="stream")


# -- one event ------------------------------------------------------------------------------------


def test_matching_event_ends_wait() -> None:
    wait = EventWait("STOP", lambda _one: True, deadline=5.0)
    assert (wait.label, wait.deadline, wait.ended, wait.failure) == ("STOP", 5.0, False, "")
    assert not wait.see(event("RESUME"))
    assert not wait.ended
    assert wait.see(event("STOP"))
    assert wait.ended
    assert wait.failure == ""
    assert wait.ask is None


@pytest.mark.parametrize("name", ["stop", "STOPPED", "STO", ""])
def test_another_name_is_another_event(name: str) -> None:
    wait = EventWait("STOP", lambda _one: True, deadline=None)
    assert not wait.wants(event(name))
    assert not wait.see(event(name))


def test_what_does_not_match_is_not_taken() -> None:
    wait = EventWait("X", lambda one: bool(one.value["data"].get("a") == 1), deadline=None)
    assert not wait.see(event("X", a=2))
    assert not wait.ended
    assert wait.see(event("X", a=1))


def test_wanting_is_not_ending() -> None:
    wait = EventWait("X", lambda _one: True, deadline=None)
    assert wait.wants(event("X"))
    assert not wait.ended


# -- a job ----------------------------------------------------------------------------------------


def job_wait() -> tuple[JobWait, list[int]]:
    """Return a wait, and a list with the number of its queries for jobs."""
    wait = JobWait("j", deadline=None)
    asked: list[int] = []

    def ask() -> list[Effect]:
        asked.append(1)
        return []

    wait.list_jobs = ask
    return wait, asked


def run(wait: JobWait, story: list[Event | Jobs]) -> None:
    """Let events come, and lists of jobs; the list is asked for where the wait wants it."""
    for one in story:
        if isinstance(one, Event):
            assert not wait.see(one), "a job's events are left to /wait"
            if wait.ask is not None:
                ask, wait.ask = wait.ask, None
                ask()
        else:
            wait.take_list(one)


CREATED = [status("created"), status("running")]
GONE: Jobs = []
LISTED: Jobs = [{"id": "j", "status": "running", "type": "stream"}]
# query-jobs gives a cancelled job the error of its return code.
CANCELLED: Jobs = [{"id": "j", "status": "concluded", "error": "Operation canceled"}]
CONCLUDED: Jobs = [{"id": "j", "status": "concluded", "type": "stream"}]
FAILED: Jobs = [{"id": "j", "status": "concluded", "type": "stream", "error": "No space left"}]
OTHERS: Jobs = [{"id": "k", "status": "concluded", "error": "not ours"}]

# Events of a job with auto-dismiss=on, and of one without, as QEMU sends them.
SUCCESS = [*CREATED, status("waiting"), status("pending"), completed(), status("concluded")]
ABORT = [*CREATED, status("aborting")]
NO_SPACE = completed(error="No space left")

STORIES: list[tuple[str, list[Event | Jobs], str]] = [
    ("well, dismissed", [*SUCCESS, status("null")], ""),
    ("well, not dismissed", [*SUCCESS, CONCLUDED], ""),
    ("well, gone when the list came", [*SUCCESS, GONE], ""),
    ("well, gone before the list came", [*SUCCESS, status("null"), GONE], ""),
    ("well, gone after a list of others", [*SUCCESS, OTHERS], ""),
    ("listed first", [LISTED, *SUCCESS[2:], status("null")], ""),
    ("listed as concluded", [CONCLUDED], ""),
    ("listed as failed", [FAILED], "No space left"),
    ("only its end was seen", [status("null")], ""),
    ("failed, dismissed", [*ABORT, NO_SPACE, status("concluded"), status("null")], "No space left"),
    ("failed, not dismissed", [*ABORT, NO_SPACE, status("concluded"), FAILED], "No space left"),
    ("failed, only the list says why", [*ABORT, status("concluded"), FAILED], "No space left"),
    ("failed, the event last", [*ABORT, status("concluded"), NO_SPACE, FAILED], "No space left"),
    ("failed before it was aborting", [*CREATED, NO_SPACE, *ABORT[2:], status("null")], "No space"),
    ("aborted, no reason given", [*ABORT, status("concluded"), status("null")], "aborted"),
    ("aborted, gone when the list came", [*ABORT, status("concluded"), GONE], "aborted"),
    ("cancelled", [*ABORT, cancelled(), status("concluded"), status("null")], ""),
    ("cancelled, not dismissed", [*ABORT, cancelled(), status("concluded"), CONCLUDED], ""),
    ("cancelled, listed so", [*ABORT, cancelled(), status("concluded"), CANCELLED], ""),
    ("cancelled, gone when the list came", [*ABORT, cancelled(), status("concluded"), GONE], ""),
    (
        "another of the same name after a failure",
        [*ABORT, NO_SPACE, status("concluded"), status("null"), *SUCCESS, status("null")],
        "",
    ),
    (
        "a failure after another of the same name",
        [*SUCCESS, status("null"), *ABORT, NO_SPACE, status("concluded"), status("null")],
        "No space left",
    ),
]


@pytest.mark.parametrize(
    ("story", "failure"), [one[1:] for one in STORIES], ids=[s[0] for s in STORIES]
)
def test_the_end_of_a_job(story: list[Event | Jobs], failure: str) -> None:
    wait, _ = job_wait()
    run(wait, story)
    assert wait.known
    assert wait.ended
    if failure:
        assert failure in wait.failure
        assert wait.failure.startswith("job j ")
    else:
        assert wait.failure == ""


@pytest.mark.parametrize("count", range(len(SUCCESS)))
def test_before_its_end_a_job_goes_on(count: int) -> None:
    wait, asked = job_wait()
    run(wait, [*SUCCESS[:count]])
    assert not wait.ended
    assert not asked


def test_running_job_of_same_name_is_awaited() -> None:
    wait, _ = job_wait()
    run(wait, [*ABORT, NO_SPACE, status("concluded"), status("null"), *CREATED, LISTED])
    assert not wait.ended
    assert wait.failure == ""


def test_a_concluded_job_is_asked_about_once() -> None:
    wait, asked = job_wait()
    run(wait, [*SUCCESS])
    assert len(asked) == 1
    run(wait, [status("null")])
    assert len(asked) == 1


@pytest.mark.parametrize(
    "other",
    [
        status("null", "k"),
        status("null", ""),
        completed("k", error="x"),
        cancelled("k"),
        event("JOB_STATUS_CHANGE"),
        event("JOB_STATUS_CHANGE", id="j"),
        event("JOB_STATUS_CHANGE", id="j", status=5),
        event("JOB_STATUS_CHANGE", id=["j"], status="null"),
        event("STOP"),
        Event(b"", {"event": "JOB_STATUS_CHANGE", "data": [1]}),
        Event(b"", {"event": "JOB_STATUS_CHANGE"}),
    ],
)
def test_what_says_nothing_of_the_job(other: Event) -> None:
    wait, asked = job_wait()
    assert not wait.see(other)
    assert not wait.ended
    assert wait.failure == ""
    assert not asked and wait.ask is None


@pytest.mark.parametrize("jobs", [None, {}, "j", 5, [], [None, 5, "j"], [{}], OTHERS])
def test_job_list_without_job_adds_nothing(jobs: object) -> None:
    wait, _ = job_wait()
    wait.take_list(jobs)
    assert not wait.known
    assert not wait.ended


@pytest.mark.parametrize("jobs", [None, {}, "no"])
def test_invalid_job_list_does_not_end_job(jobs: object) -> None:
    wait, _ = job_wait()
    run(wait, [*CREATED])
    wait.take_list(jobs)
    assert wait.known and not wait.ended


def test_a_jobs_end_stays_as_it_was() -> None:
    wait, _ = job_wait()
    run(wait, [*SUCCESS, status("null")])
    wait.take_list(FAILED)
    assert wait.ended and wait.failure == ""


def test_the_words_of_a_failure() -> None:
    wait, _ = job_wait()
    run(wait, [FAILED])
    assert wait.failure == "job j failed: No space left"
    wait, _ = job_wait()
    run(wait, [*ABORT, status("null")])
    assert wait.failure == "job j was aborted"


def test_controls_in_a_failure_are_escaped() -> None:
    wait = JobWait("\x1bj", deadline=None)
    wait.take_list([{"id": "\x1bj", "status": "concluded", "error": "\x1b[2Jx"}])
    assert wait.failure == "job \\x1bj failed: \\x1b[2Jx"


def test_non_text_error_is_ignored() -> None:
    wait, _ = job_wait()
    run(wait, [*CREATED, completed(error=5), [{"id": "j", "status": "concluded", "error": None}]])
    assert wait.ended and wait.failure == ""


def test_the_label_names_the_job() -> None:
    assert JobWait("j", deadline=7.0).label == "job j"
    assert JobWait("j", deadline=7.0).deadline == 7.0
