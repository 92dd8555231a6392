"""Tests of event and job waits, with events and job lists in every order."""

from __future__ import annotations

import json
from typing import Any

import pytest

from qmpshell.qmp import Event
from qmpshell.session import EventWait, JobWait

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


# -- events ---------------------------------------------------------------------------------------


def test_matching_event_ends_wait() -> None:
    wait = EventWait("STOP", lambda _event: True, deadline=5.0)
    assert (wait.label, wait.deadline, wait.ended, wait.failure) == ("STOP", 5.0, False, "")
    assert not wait.on_event(event("RESUME"))
    assert not wait.ended
    assert wait.on_event(event("STOP"))
    assert wait.ended
    assert wait.failure == ""
    assert wait.next_query() is None


@pytest.mark.parametrize("name", ["stop", "STOPPED", "STO", ""])
def test_similar_event_name_does_not_match(name: str) -> None:
    wait = EventWait("STOP", lambda _event: True, deadline=None)
    assert not wait.wants(event(name))
    assert not wait.on_event(event(name))


def test_event_with_other_data_does_not_match() -> None:
    wait = EventWait("X", lambda item: bool(item.value["data"].get("a") == 1), deadline=None)
    assert not wait.on_event(event("X", a=2))
    assert not wait.ended
    assert wait.on_event(event("X", a=1))


def test_wants_does_not_end_wait() -> None:
    wait = EventWait("X", lambda _event: True, deadline=None)
    assert wait.wants(event("X"))
    assert not wait.ended


# -- jobs -----------------------------------------------------------------------------------------


def job_wait() -> JobWait:
    """Return a wait for job j."""
    return JobWait("j", deadline=None)


def run(wait: JobWait, history: list[Event | Jobs], queries: list[str] | None = None) -> None:
    """Feed events and job lists to the wait, and record its queries."""
    for item in history:
        if isinstance(item, Event):
            assert not wait.on_event(item), "a job's events are left to /wait"
            query = wait.next_query()
            if query is not None and queries is not None:
                queries.append(query)
        else:
            wait.on_job_list(item)


CREATED = [status("created"), status("running")]
GONE: Jobs = []
LISTED: Jobs = [{"id": "j", "status": "running", "type": "stream"}]
# QEMU lists a cancelled job with the error text of ECANCELED.
CANCELLED: Jobs = [{"id": "j", "status": "concluded", "error": "Operation canceled"}]
CONCLUDED: Jobs = [{"id": "j", "status": "concluded", "type": "stream"}]
FAILED: Jobs = [{"id": "j", "status": "concluded", "type": "stream", "error": "No space left"}]
OTHERS: Jobs = [{"id": "k", "status": "concluded", "error": "not ours"}]

# The events that QEMU sends for a job; with auto-dismiss=on, "null" follows.
SUCCESS = [*CREATED, status("waiting"), status("pending"), completed(), status("concluded")]
ABORT = [*CREATED, status("aborting")]
NO_SPACE = completed(error="No space left")

HISTORIES: list[tuple[str, list[Event | Jobs], str]] = [
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
    ("cancelled", [*ABORT, cancelled(), status("concluded"), status("null")], "cancelled"),
    ("cancelled, kept", [*ABORT, cancelled(), status("concluded"), CONCLUDED], "cancelled"),
    ("cancelled, listed so", [*ABORT, cancelled(), status("concluded"), CANCELLED], "cancelled"),
    ("cancelled, only the list says so", [CANCELLED], "was cancelled"),
    ("cancelled, gone from list", [*ABORT, cancelled(), status("concluded"), GONE], "cancelled"),
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
    ("history", "failure"), [item[1:] for item in HISTORIES], ids=[s[0] for s in HISTORIES]
)
def test_job_history_gives_result(history: list[Event | Jobs], failure: str) -> None:
    wait = job_wait()
    run(wait, history)
    assert wait.known
    assert wait.ended
    if failure:
        assert failure in wait.failure
        assert wait.failure.startswith("job j ")
    else:
        assert wait.failure == ""


@pytest.mark.parametrize("count", range(len(SUCCESS)))
def test_job_wait_continues_before_job_ends(count: int) -> None:
    wait, queries = job_wait(), list[str]()
    run(wait, [*SUCCESS[:count]], queries)
    assert not wait.ended
    assert not queries


def test_running_job_of_same_name_is_awaited() -> None:
    wait = job_wait()
    run(wait, [*ABORT, NO_SPACE, status("concluded"), status("null"), *CREATED, LISTED])
    assert not wait.ended
    assert wait.failure == ""


def test_concluded_job_is_queried_once() -> None:
    wait, queries = job_wait(), list[str]()
    run(wait, [*SUCCESS], queries)
    assert queries == ["query-jobs"]
    run(wait, [status("null")], queries)
    assert queries == ["query-jobs"]


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
def test_unrelated_event_does_not_affect_job_wait(other: Event) -> None:
    wait, queries = job_wait(), list[str]()
    assert not wait.on_event(other)
    assert not wait.ended
    assert wait.failure == ""
    assert not queries and wait.next_query() is None


@pytest.mark.parametrize("jobs", [None, {}, "j", 5, [], [None, 5, "j"], [{}], OTHERS])
def test_job_list_without_job_adds_nothing(jobs: object) -> None:
    wait = job_wait()
    wait.on_job_list(jobs)
    assert not wait.known
    assert not wait.ended


@pytest.mark.parametrize("jobs", [None, {}, "no"])
def test_invalid_job_list_does_not_end_job(jobs: object) -> None:
    wait = job_wait()
    run(wait, [*CREATED])
    wait.on_job_list(jobs)
    assert wait.known and not wait.ended


def test_later_job_list_does_not_change_result() -> None:
    wait = job_wait()
    run(wait, [*SUCCESS, status("null")])
    wait.on_job_list(FAILED)
    assert wait.ended and wait.failure == ""


def test_job_failure_text_names_reason() -> None:
    wait = job_wait()
    run(wait, [FAILED])
    assert wait.failure == "job j failed: No space left"
    wait = job_wait()
    run(wait, [*ABORT, status("null")])
    assert wait.failure == "job j was aborted"


READY = status("ready")
PENDING = [status("waiting"), status("pending")]
MANUAL = [*PENDING, event("BLOCK_JOB_PENDING", type="mirror", id="j")]
IS_READY = "job j is ready; job-complete ends it"
IS_PENDING = "job j is pending; job-finalize ends it"


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([*CREATED, READY], [IS_READY]),
        ([[{"id": "j", "status": "ready"}]], [IS_READY]),
        ([[{"id": "j", "status": "ready"}], READY], [IS_READY]),
        ([*CREATED, READY, status("standby"), READY], [IS_READY]),
        ([*CREATED, READY, *MANUAL], [IS_READY, IS_PENDING]),
        ([[{"id": "j", "status": "pending"}]], [IS_PENDING]),
        ([*CREATED, *MANUAL], [IS_PENDING]),
        ([*CREATED, *PENDING], []),
        ([*CREATED, event("BLOCK_JOB_PENDING", type="mirror", id="k")], []),
        ([*CREATED, status("ready", "k")], []),
        ([*CREATED, status("paused")], []),
        ([*CREATED, READY, status("concluded"), status("null"), *CREATED, READY], [IS_READY] * 2),
    ],
)
def test_job_that_awaits_user_is_reported(history: list[Any], expected: list[str]) -> None:
    wait, found = job_wait(), list[str]()
    for item in history:
        run(wait, [item])
        found += [message.text for message in wait.new_messages()]
    assert found == expected


def test_job_that_user_has_ended_is_unreported() -> None:
    wait = JobWait("j", deadline=None, is_ending=True)
    run(wait, [LISTED, READY])
    assert wait.new_messages() == []
    run(wait, [status("null"), *CREATED, READY])  # another job
    assert [message.text for message in wait.new_messages()] == [IS_READY]


@pytest.mark.parametrize(
    ("history", "more"),
    [
        ([LISTED], ""),
        ([*CREATED, READY], ": it is ready; job-complete ends it"),
        ([*CREATED, *MANUAL], ": it is pending; job-finalize ends it"),
        ([*CREATED, status("paused")], ": it is paused; job-resume continues it"),
        ([*CREATED, status("paused"), status("running")], ""),
    ],
)
def test_expired_job_wait_explains_state(history: list[Any], more: str) -> None:
    wait = JobWait("j", deadline=102.5)
    wait.since = 100.0
    run(wait, history)
    assert wait.explain_timeout() == f"job j did not end within 2.5 s{more}"


def test_control_characters_in_failure_are_escaped() -> None:
    wait = JobWait("\x1bj", deadline=None)
    wait.on_job_list([{"id": "\x1bj", "status": "concluded", "error": "\x1b[2Jx"}])
    assert wait.failure == "job \\x1bj failed: \\x1b[2Jx"


def test_non_text_error_is_ignored() -> None:
    wait = job_wait()
    run(wait, [*CREATED, completed(error=5), [{"id": "j", "status": "concluded", "error": None}]])
    assert wait.ended and wait.failure == ""


def test_job_wait_label_names_job() -> None:
    assert JobWait("j", deadline=7.0).label == "job j"
    assert JobWait("j", deadline=7.0).deadline == 7.0
