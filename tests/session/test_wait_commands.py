"""Tests of `/wait` and `/wait-job` in a session: matching events, queue blocking and results."""

from __future__ import annotations

from typing import Any

import pytest

from qmpshell.errors import CONNECTION, FAILED, OK
from tests.harness.sessions import (
    DONE,
    GREETING,
    REFUSAL,
    SCHEMA,
    Driver,
    error,
    event,
    mistake,
    own_question,
    reply,
    sent,
)

CONT = sent('{"execute": "cont"}')
STOP = event("STOP")


def tray(**data: object) -> bytes:
    return event("DEVICE_TRAY_MOVED", **data)


# -- /wait: matching events -----------------------------------------------------------------------


def test_wait_delays_following_lines_until_event() -> None:
    driver = Driver(probe=False)
    assert driver.line("/wait STOP; cont") == []
    assert not driver.session.idle
    assert driver.line("query-status") == []
    assert driver.bytes(event("RESUME")) == [("event", "RESUME")]
    assert driver.bytes(STOP) == [("event", "STOP"), CONT]
    assert driver.bytes(DONE)[1:] == [sent('{"execute": "query-status"}')]
    driver.bytes(DONE)
    assert driver.end() == [("leave", OK)]


def test_wait_matches_earlier_event() -> None:
    driver = Driver(probe=False)
    driver.bytes(STOP)
    assert driver.line("/wait STOP; cont") == [CONT]


def test_wait_at_prompt_shows_earlier_event() -> None:
    driver = Driver(probe=False, interactive=True)
    driver.bytes(STOP + STOP)
    assert driver.line("/wait STOP") == [("event", "STOP")]
    assert driver.line("/wait STOP > events.json")[-1][0] != "event"


def test_wait_at_prompt_shows_event_once() -> None:
    driver = Driver(probe=False, interactive=True)
    driver.line("/wait STOP")
    assert driver.bytes(STOP) == [("event", "STOP")]


def test_wait_at_prompt_shows_hidden_event() -> None:
    driver = Driver(probe=False, interactive=True, events="none")
    driver.line("/wait STOP")
    assert driver.bytes(STOP) == [("event", "STOP"), ("event", "STOP")]


def test_wait_matches_event_before_reply() -> None:
    driver = Driver(probe=False)
    driver.line("stop; /wait STOP; cont")
    found = driver.bytes(STOP + DONE)
    assert [effect[0] for effect in found] == ["event", "reply", "send"]


def test_wait_matches_event_before_greeting() -> None:
    driver = Driver(probe=False, greeted=False)
    driver.bytes(STOP)
    driver.greet()
    assert driver.line("/wait STOP; cont") == [CONT]


def test_each_event_matches_one_wait() -> None:
    driver = Driver(probe=False)
    driver.bytes(STOP + STOP)
    assert driver.line("/wait STOP; /wait STOP; /wait STOP; cont") == []
    assert driver.bytes(STOP) == [("event", "STOP"), CONT]
    driver.bytes(DONE)
    assert driver.line("/wait STOP") == []
    assert not driver.session.idle


def test_matched_event_is_not_matched_again() -> None:
    driver = Driver(probe=False)
    driver.line("/wait STOP")
    driver.bytes(STOP)
    assert driver.session.idle
    assert driver.line("/wait STOP; cont") == []


def test_wait_matches_oldest_event_first() -> None:
    driver = Driver(probe=False)
    driver.bytes(event("X", n=1) + event("X", n=2) + event("X", n=3))
    assert driver.line("/wait X") == []
    assert driver.session.idle
    assert driver.line("/wait X n=1") == []
    assert not driver.session.idle
    driver.bytes(event("X", n=1))
    assert driver.line("/wait X n=3; /wait X n=2; cont") == [CONT]


def test_repeated_member_of_wait_is_rejected() -> None:
    driver = Driver(probe=False)
    line = "/wait STOP a=1 a=2"
    assert driver.line(line) == [
        mistake(line, " " * 15 + "^", "a occurs twice", place="stdin:1:16")
    ]


def test_waits_match_events_in_any_order() -> None:
    driver = Driver(probe=False)
    driver.bytes(STOP + event("RESUME"))
    assert driver.line("/wait RESUME; /wait STOP; cont") == [CONT]


def test_two_waits_match_events_of_one_read() -> None:
    driver = Driver(probe=False)
    driver.line("/wait STOP; /wait RESUME; cont")
    assert driver.bytes(STOP + event("RESUME")) == [
        ("event", "STOP"),
        ("event", "RESUME"),
        CONT,
    ]


def test_wait_keeps_other_events() -> None:
    driver = Driver(probe=False)
    driver.line("/wait STOP")
    driver.bytes(event("RESUME") + STOP)
    assert driver.line("/wait RESUME; cont") == [CONT]


def test_hidden_events_still_end_waits() -> None:
    driver = Driver(probe=False, events="none")
    driver.bytes(STOP)
    assert driver.line("/wait STOP; cont") == [CONT]


def test_only_latest_events_are_kept() -> None:
    driver = Driver(probe=False)
    driver.bytes(b"".join(event("X", n=number) for number in range(20_000)))
    assert driver.line("/wait X n=19999; cont") == [CONT]
    driver.bytes(DONE)
    assert driver.line("/wait X n=0; cont") == []


DATA: list[tuple[str, dict[str, Any], bool]] = [
    ("id=d1", {"id": "d1"}, True),
    ("id=d1", {"id": "d2"}, False),
    ("id=d1", {}, False),
    ("id=D1", {"id": "d1"}, False),
    ('id="d1"', {"id": "d1"}, True),
    ("id='a b'", {"id": "a b"}, True),
    ("id=", {"id": ""}, True),
    ("id=5", {"id": "5"}, True),
    ("id=5", {"id": 5}, True),
    ("id=5", {"id": 50}, False),
    ("id=5 open=true", {"id": "5", "open": True}, True),
    ("id=5 open=true", {"id": "5", "open": False}, False),
    ("open=false", {"open": False}, True),
    ("open=on", {"open": True}, True),
    ("open=yes", {"open": True}, True),
    ("open=off", {"open": False}, True),
    ("open=on", {"open": False}, False),
    ("size=64k", {"size": 65536}, True),
    ("size=0x10", {"size": 16}, True),
    ("size=1.5", {"size": 1.5}, True),
    ("size:=5", {"size": 5}, True),
    ("id:=5", {"id": "5"}, False),
    ('id:="5"', {"id": "5"}, True),
    ("a=null", {"a": None}, True),
    ("a.b=1", {"a": {"b": 1}}, True),
    ("a.b=1", {"a": {"b": 2}}, False),
    ("a.b=1", {"a": 1}, False),
    ("a.1=y", {"a": ["x", "y"]}, True),
    ("a.2=y", {"a": ["x", "y"]}, False),
    ("a.b=y", {"a": ["x", "y"]}, False),
    ("a=[1, 2]", {"a": [1, 2]}, True),
    ("a=[1,2]", {"a": [1, 2]}, True),
    ("a:={'b': 1}", {"a": {"b": 1}}, True),
    ('a={"c": 2, "b": 1}', {"a": {"b": 1, "c": 2}}, True),
    ("a=[1]", {"a": [1, 2]}, False),
]


@pytest.mark.parametrize(("words", "data", "matches"), DATA, ids=[f"{w} {d}" for w, d, _ in DATA])
def test_wait_matches_event_data(words: str, data: dict[str, Any], matches: bool) -> None:
    driver = Driver(probe=False)
    assert driver.line(f"/wait X {words}; cont") == []
    found = driver.bytes(event("X", **data))
    assert (CONT in found) is matches
    driver = Driver(probe=False)
    driver.bytes(event("X", **data))
    assert (CONT in driver.line(f"/wait X {words}; cont")) is matches


def test_event_without_data_does_not_match_members() -> None:
    driver = Driver(probe=False)
    driver.line("/wait X a=1")
    driver.bytes(b'{"event": "X"}')
    assert not driver.session.idle


# -- /wait: end of a wait -------------------------------------------------------------------------


def test_expired_wait_is_a_failure() -> None:
    driver = Driver(probe=False)
    driver.line("/wait -t 2.5 STOP; cont")
    assert driver.session.deadline == 102.5
    assert driver.after(2.4) == []
    assert driver.after(0.1) == [("error", "stdin:1:1: no STOP within 2.5 s"), CONT]
    assert driver.session.deadline is None
    assert driver.status == FAILED
    driver.bytes(DONE)
    assert driver.bytes(STOP) == [("event", "STOP")]
    assert driver.line("/wait STOP; cont") == [CONT]


def test_running_job_times_out() -> None:
    driver = Driver()
    driver.line("/wait-job -t 2 j")
    driver.bytes(reply([{"id": "j", "status": "running"}], 1))
    assert driver.after(2) == [("error", "stdin:1:1: job j did not end within 2 s")]


@pytest.mark.parametrize("line", ["/wait STOP a=1 -t 2", "/wait STOP -t 2 a=1", "/wait-job j -t 2"])
def test_timeout_option_may_follow_other_words(line: str) -> None:
    driver = Driver(probe=False)
    driver.line(line)
    assert driver.session.deadline == 102.0


def test_failed_wait_reports_its_own_location() -> None:
    driver = Driver(probe=False)
    driver.line("# first")
    driver.line("  /wait RESUME; /wait -t 2 STOP")
    driver.bytes(event("RESUME"))
    assert driver.after(2) == [("error", "stdin:2:17: no STOP within 2 s")]


def test_wait_timeout_starts_with_its_turn() -> None:
    driver = Driver(probe=False)
    driver.line("a; /wait -t 2 STOP")
    driver.now += 10
    driver.bytes(DONE)
    assert driver.session.deadline == driver.now + 2


def test_zero_timeout_matches_only_received_events() -> None:
    driver = Driver(probe=False)
    driver.bytes(STOP)
    assert driver.line("/wait -t 0 STOP") == []
    assert driver.session.idle
    driver.line("/wait -t 0 STOP")
    assert driver.session.deadline == driver.now
    assert [effect[0] for effect in driver.after(0)] == ["error"]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("/wait STOP", "no STOP within 3 s"),
        ("/wait-job j", "job j did not end within 3 s"),
        ("/wait-migration", "the migration did not end within 3 s"),
        ("/jobs", "the jobs did not end within 3 s"),
    ],
)
def test_reply_timeout_limits_waits_without_option(line: str, text: str) -> None:
    driver = Driver(probe=False, timeout=3)
    driver.line(line)
    assert driver.session.deadline == 103.0
    assert driver.after(3)[0] == ("error", f"stdin:1:1: {text}")
    assert driver.status == FAILED


def test_wait_option_overrides_reply_timeout() -> None:
    driver = Driver(probe=False, timeout=3)
    driver.line("/wait -t 5 STOP")
    assert driver.session.deadline == 105.0


def test_reply_timeout_does_not_end_live_view() -> None:
    driver = Driver(interactive=True, timeout=3)
    driver.line("/jobs")
    driver.bytes(reply([{"id": "j", "type": "mirror", "status": "ready"}], 1))
    driver.after(30)
    assert driver.session.live_view is not None


# -- /wait: names, members and results ------------------------------------------------------------


SCHEMA_ASKED = own_question(1, "query-qmp-schema")


@pytest.mark.parametrize(
    "names", ["JOB_*,STOP", "'JOB_*,STOP'", '"STOP,JOB_STATUS_CHANGE"', "S?OP"]
)
def test_wait_accepts_globs_and_several_names(names: str) -> None:
    driver = Driver(probe=False)
    driver.line(f"/wait {names}; cont")
    assert driver.bytes(event("RESUME")) == [("event", "RESUME")]
    assert driver.bytes(STOP) == [("event", "STOP"), CONT]


def test_wait_result_is_its_event() -> None:
    driver = Driver(probe=False)
    driver.bytes(event("X", n=1))
    driver.line("/wait X")
    driver.line("/wait X n=2")
    driver.bytes(event("X", n=2))
    assert [item["data"] for item in driver.results if isinstance(item, dict)] == [
        {"n": 1},
        {"n": 2},
    ]


@pytest.mark.parametrize(
    ("line", "carets", "reason", "hint"),
    [
        ("/wait RESISED", "      ^^^^^^^", "the server has no event 'RESISED'", "RESIZED"),
        ("/wait resized", "      ^^^^^^^", "the server has no event 'resized'", "RESIZED"),
        ("/wait RESIZED,X", "      ^^^^^^^^^", "the server has no event 'X'", ""),
        ("/wait 'X*'", "      ^^^^", "the server has no event 'X*'", ""),
        ("/wait RESIZED sise=1", "              ^^^^^^", "RESIZED has no member 'sise'", "size"),
        (
            "/wait RES* id=1 sise=1",
            "                ^^^^^^",
            "RESIZED has no member 'sise'",
            "size",
        ),
        (
            "/wait RESIZED size=x",
            "              ^^^^^^",
            "size takes a whole number, such as 5, 0x1f or 64k, not 'x'",
            "",
        ),
        (
            "/wait RESIZED how=fas",
            "              ^^^^^^^",
            "how takes fast|slow, not 'fas'",
            "fast",
        ),
    ],
)
@pytest.mark.parametrize("has_schema", [True, False])
def test_wait_for_impossible_event_fails(
    line: str, carets: str, reason: str, hint: str, has_schema: bool
) -> None:
    driver = Driver()
    if has_schema:
        driver.line("resize id=5")
        driver.bytes(reply(SCHEMA, 1))
        driver.bytes(DONE)
        found = driver.line(line)
    else:
        driver.line("# a comment")
        assert driver.line(line) == [SCHEMA_ASKED]
        found = driver.bytes(reply(SCHEMA, 1))
    question = f"did you mean {hint}?" if hint else ""
    assert found == [
        mistake(line, carets, reason, question, place=f"stdin:2:{len(carets.rstrip('^')) + 1}")
    ]
    assert driver.status == FAILED


@pytest.mark.parametrize("line", ["/wait RESIZED", "/wait R* size=64k how=slow", "/wait RESIZED,*"])
def test_possible_event_is_awaited_after_check(line: str) -> None:
    driver = Driver()
    assert driver.line(line) == [SCHEMA_ASKED]
    assert driver.bytes(reply(SCHEMA, 1)) == []
    assert not driver.session.idle
    driver.bytes(event("RESIZED", size=65536, how="slow"))
    assert driver.session.idle


def test_event_before_schema_reply_ends_wait() -> None:
    driver = Driver()
    driver.line("/wait X")
    driver.bytes(event("X"))
    assert driver.bytes(reply(SCHEMA, 1)) == []
    assert driver.session.idle
    assert driver.end() == [("leave", OK)]


def test_received_event_ends_wait_without_check() -> None:
    driver = Driver()
    driver.bytes(event("X"))
    assert driver.line("/wait X; cont") == [CONT]


def test_wait_timeout_includes_schema_query() -> None:
    driver = Driver()
    driver.line("/wait -t 2 STOP")
    assert driver.after(2) == [("error", "stdin:1:1: no STOP within 2 s")]


@pytest.mark.parametrize("answer", [error("no", "CommandNotFound", 1), reply("nonsense", 1)])
def test_wait_without_schema_accepts_any_event(answer: bytes) -> None:
    driver = Driver()
    driver.line("/wait X a=1; cont")
    driver.bytes(answer)
    assert driver.bytes(event("X", a=1)) == [("event", "X"), CONT]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("/wait STOP", "events"),
        ("/wait-job j", "jobs"),
        ("/jobs", "jobs"),
        ("/wait-migration", "migrations"),
    ],
)
def test_agent_rejects_waits(line: str, what: str) -> None:
    driver = Driver(agent=True, negotiate=False)
    carets = "^" * len(line.split(maxsplit=1)[0])
    reason = f"a guest agent has no {what}"
    assert driver.line(line) == [mistake(line, carets, reason, place="stdin:1:1")]


# -- /wait-migration ------------------------------------------------------------------------------


MIGRATION_ASKED = "query-migrate"


def migrating(status: str, **more: object) -> dict[str, object]:
    return {"status": status, **more}


@pytest.mark.parametrize(
    ("answers", "failure"),
    [
        ([migrating("completed")], ""),
        ([migrating("setup"), migrating("active"), migrating("completed")], ""),
        ([migrating("active"), migrating("failed")], "the migration failed"),
        (
            [migrating("failed", **{"error-desc": "no\x1b route"})],
            "the migration failed: no\\x1b route",
        ),
        ([migrating("cancelling"), migrating("cancelled")], "the migration was cancelled"),
        ([{}], "there is no migration"),
        ([migrating("none")], "there is no migration"),
    ],
)
def test_wait_migration_returns_its_outcome(answers: list[object], failure: str) -> None:
    driver = Driver()
    found = driver.line("/wait-migration; cont")
    for number, answer in enumerate(answers, 1):
        assert found == [own_question(number, MIGRATION_ASKED)]
        found = driver.bytes(reply(answer, number))
        if number < len(answers):
            assert found == []
            assert driver.after(0.1) == []
            found = driver.after(0.2)
    assert found == [*([("error", f"stdin:1:1: {failure}")] if failure else []), CONT]
    assert driver.status == (FAILED if failure else OK)


def test_advice_at_terminal_says_to_stop_waiting_first() -> None:
    driver = Driver(interactive=True)
    driver.line("/wait-job j")
    found = driver.bytes(reply([{"id": "j", "status": "ready"}], 1))
    assert ("tell", "job j is ready; job-complete ends it (Ctrl-C first)") in found
    driver = Driver(interactive=True)
    driver.line("/wait-migration")
    found = driver.bytes(reply(migrating("pre-switchover"), 1))
    advice = "migrate-continue continues it (Ctrl-C first)"
    assert ("tell", f"the migration is pre-switchover; {advice}") in found


def test_wait_migration_reports_paused_migration_once() -> None:
    driver = Driver()
    driver.line("/wait-migration -t 5")
    paused = migrating("pre-switchover", ram={"total": 4, "remaining": 1})
    advice = "pre-switchover; migrate-continue continues it"
    assert driver.bytes(reply(paused, 1)) == [("tell", f"the migration is {advice}")]
    driver.after(1)
    assert driver.bytes(reply(paused, 2)) == []
    text = "the migration did not end within 5 s: it is pre-switchover, 75 %; migrate-continue"
    assert driver.after(4) == [("error", f"stdin:1:1: {text} continues it")]


def test_paused_postcopy_advice_names_both_sides() -> None:
    driver = Driver()
    driver.line("/wait-migration -t 5")
    steps = "migrate-recover on the destination and then migrate with resume=on on the source"
    advice = f"postcopy-paused; {steps} continue it"
    found = driver.bytes(reply(migrating("postcopy-paused"), 1))
    assert found == [("tell", f"the migration is {advice}")]
    driver.after(1)
    driver.bytes(reply(migrating("postcopy-paused"), 2))
    text = f"the migration did not end within 5 s: it is {advice}"
    assert driver.after(4) == [("error", f"stdin:1:1: {text}")]


def test_wait_migration_reports_server_without_migration() -> None:
    driver = Driver()
    driver.line("/wait-migration")
    assert driver.bytes(error("not found", "CommandNotFound", 1)) == [
        ("error", "stdin:1:1: the server does not report migrations: not found")
    ]


def test_wait_migration_uses_events_without_queries() -> None:
    driver = Driver(probe=False)
    assert driver.line("/wait-migration; cont") == []
    driver.bytes(event("MIGRATION", status="active"))
    assert driver.bytes(event("MIGRATION", status="completed"))[1:] == [CONT]


def test_ctrl_c_abandons_migration_wait() -> None:
    driver = Driver(interactive=True)
    driver.line("/wait-migration")
    driver.bytes(reply(migrating("active"), 1))
    assert driver.abandon() == [("tell", "no longer waiting for the migration")]
    assert driver.session.deadline is None


def test_expired_wait_stops_on_error() -> None:
    driver = Driver(probe=False, stop_on_error=True)
    driver.line("/wait -t 1 STOP; cont")
    assert driver.after(1) == [
        ("error", "stdin:1:1: no STOP within 1 s"),
        ("leave", FAILED),
    ]


def test_expired_wait_at_terminal_reports_error() -> None:
    driver = Driver(probe=False, interactive=True)
    driver.line("/wait -t 1 STOP")
    assert driver.after(1) == [("error", "no STOP within 1 s")]
    assert driver.session.idle


def test_ctrl_c_abandons_event_wait() -> None:
    driver = Driver(probe=False, interactive=True)
    driver.line("/wait STOP")
    driver.line("cont")
    assert driver.abandon() == [
        ("tell", "no longer waiting for STOP"),
        sent('{"execute": "cont", "id": "qmpshell-1"}'),
    ]
    assert driver.bytes(STOP) == [("event", "STOP")]
    assert driver.session.deadline is None


def test_awaited_name_is_shown_escaped() -> None:
    driver = Driver(probe=False, interactive=True)
    driver.line("/wait S\u202eTOP")
    assert driver.abandon() == [("tell", "no longer waiting for S\\u202eTOP")]


def test_loss_during_wait_gives_status_3() -> None:
    driver = Driver(probe=False)
    driver.line("/wait STOP; cont")
    found = driver.gone()
    assert [effect[0] for effect in found] == ["error", "leave"]
    assert "connection lost while waiting for STOP" in found[0][1]
    assert "1 command was not sent" in found[0][1]
    assert found[1] == ("leave", CONNECTION)
    assert driver.session.deadline is None


@pytest.mark.parametrize("first", ["quit", ""])
def test_open_wait_at_server_exit_is_loss(first: str) -> None:
    driver = Driver(probe=False)
    if first:
        driver.line(first)
        driver.bytes(DONE)
    driver.line("/wait STOP")
    driver.bytes(event("SHUTDOWN"))
    assert driver.gone()[-1] == ("leave", CONNECTION)


def test_wait_for_shutdown_after_quit_succeeds() -> None:
    driver = Driver(probe=False)
    driver.line("quit; /wait SHUTDOWN")
    driver.bytes(DONE)
    driver.bytes(event("SHUTDOWN"))
    assert driver.gone() == []
    assert driver.end() == [("leave", OK)]


def test_received_events_remain_after_server_exit() -> None:
    driver = Driver(probe=False)
    driver.bytes(event("SHUTDOWN"))
    driver.gone()
    assert driver.line("/wait SHUTDOWN") == []
    assert driver.end() == [("leave", OK)]


@pytest.mark.parametrize("line", ["/wait STOP", "/wait-job j"])
def test_wait_after_server_exit_gives_status_3(line: str) -> None:
    """As for a command that cannot be sent, the status is 3."""
    driver = Driver()
    driver.bytes(event("SHUTDOWN"))
    driver.gone()
    found = driver.line(line)
    assert found[0][0] == "error"
    assert "not connected" in found[0][1]
    assert driver.status == CONNECTION


def test_server_restart_does_not_end_wait() -> None:
    driver = Driver(probe=False)
    driver.line("/wait STOP")
    driver.bytes(GREETING)
    driver.bytes(b'{"return": {}, "id": "qmpshell-negotiation-2"}')
    assert not driver.session.idle
    driver.bytes(STOP)
    assert driver.session.idle


def test_reply_with_event_member_does_not_match() -> None:
    driver = Driver(interactive=True)
    driver.line("a")
    driver.abandon()
    driver.line("/wait STOP")
    assert [effect[0] for effect in driver.bytes(reply({"event": "STOP"}, 1))] == ["late"]
    assert not driver.session.idle


# -- /wait-job ------------------------------------------------------------------------------------

ASKED = own_question(1, "query-jobs")
AGAIN = own_question(2, "query-jobs")
RUNS = [{"id": "j", "status": "running"}]
OVER = [{"id": "j", "status": "concluded"}]
BROKEN = [{"id": "j", "status": "concluded", "error": "No space left"}]
FAILURE = ("error", "stdin:1:1: job j failed: No space left")
NO_JOB = "there is no job j; it may have ended (auto-dismiss=off keeps it)"


def job(state: str, name: str = "j") -> bytes:
    return event("JOB_STATUS_CHANGE", id=name, status=state)


def completed(**more: object) -> bytes:
    return event("BLOCK_JOB_COMPLETED", device="j", **more)


def without_events(found: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [effect for effect in found if effect[0] != "event"]


@pytest.mark.parametrize("interactive", [False, True])
def test_self_dismissing_job_ends_wait(interactive: bool) -> None:
    driver = Driver(interactive=interactive)
    assert driver.line("/wait-job j") == [ASKED]
    assert driver.bytes(reply(RUNS, 1)) == []
    assert not driver.session.idle
    assert without_events(driver.bytes(job("waiting") + job("pending"))) == []
    assert without_events(driver.bytes(completed() + job("concluded") + job("null")))[:1] == [AGAIN]
    driver.bytes(reply([], 2))
    assert driver.session.idle
    assert driver.status == OK


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("known", [False, True])
def test_job_missing_from_later_list_has_ended(at_once: bool, known: bool) -> None:
    """The last events of a job may arrive before the reply to query-jobs."""
    driver = Driver()
    if known:
        driver.bytes(job("running"))
    driver.line("/wait-job j; cont")
    driver.bytes(reply(RUNS, 1))
    if at_once:
        found = driver.bytes(job("concluded") + job("null") + reply([], 2))
    else:
        found = driver.bytes(job("concluded"))
        found += driver.bytes(job("null"))
        found += driver.bytes(reply([], 2))
    assert without_events(found) == [AGAIN, CONT]


def test_job_failure_before_its_list_reply_counts() -> None:
    driver = Driver()
    driver.line("/wait-job j; cont")
    found = driver.bytes(
        job("aborting") + completed(error="No space left") + job("concluded") + job("null")
    )
    assert without_events(found) == [FAILURE, CONT]  # the list is not needed any more
    assert driver.bytes(reply([], 1)) == []
    assert driver.status == FAILED


def test_job_awaiting_dismissal_ends_when_concluded() -> None:
    driver = Driver()
    driver.line("/wait-job j; cont")
    driver.bytes(reply(RUNS, 1))
    assert without_events(driver.bytes(job("concluded"))) == [AGAIN]
    assert driver.bytes(reply(OVER, 2)) == [CONT]


def test_failed_job_awaiting_dismissal_fails() -> None:
    driver = Driver(stop_on_error=True)
    driver.line("/wait-job j; cont")
    driver.bytes(reply(RUNS, 1))
    driver.bytes(job("aborting"))
    driver.bytes(job("concluded"))
    assert driver.bytes(reply(BROKEN, 2)) == [FAILURE, ("leave", FAILED)]


@pytest.mark.parametrize(("jobs", "expected"), [(OVER, [CONT]), (BROKEN, [FAILURE, CONT])])
def test_concluded_job_ends_wait_immediately(jobs: object, expected: list[object]) -> None:
    driver = Driver()
    assert driver.line("/wait-job j; cont") == [ASKED]
    assert driver.bytes(reply(jobs, 1)) == expected


@pytest.mark.parametrize("failed", [False, True])
def test_job_that_ended_before_its_reply(failed: bool) -> None:
    driver = Driver()
    driver.line("block-stream device=d job-id=j; /wait-job j; cont")
    end = job("aborting") + completed(error="No space left") if failed else completed()
    found = driver.bytes(job("created") + job("running") + end + job("concluded") + job("null"))
    assert without_events(found) == []
    assert driver.bytes(DONE)[1:] == [ASKED]
    found = driver.bytes(reply([], 1))
    failure = ("error", "stdin:1:33: job j failed: No space left")
    assert found == ([failure, CONT] if failed else [CONT])


def test_cancelled_job_makes_wait_job_fail() -> None:
    driver = Driver()
    driver.line("/wait-job j; cont")
    driver.bytes(reply(RUNS, 1))
    found = driver.bytes(job("aborting") + event("BLOCK_JOB_CANCELLED", device="j") + job("null"))
    assert without_events(found) == [("error", "stdin:1:1: job j was cancelled"), CONT]
    assert driver.status == FAILED


@pytest.mark.parametrize("line", ["job-complete id=j", "block-job-complete device=j"])
@pytest.mark.parametrize("accepted", [True, False])
def test_ready_job_is_reported_unless_completed(line: str, accepted: bool) -> None:
    driver = Driver()
    driver.line(line)
    driver.bytes(DONE if accepted else REFUSAL)
    driver.line("/wait-job j")
    found = driver.bytes(reply([{"id": "j", "status": "ready"}], 1))
    assert found == ([] if accepted else [("tell", "job j is ready; job-complete ends it")])


def test_job_events_remain_for_wait() -> None:
    driver = Driver()
    driver.line("/wait-job j")
    driver.bytes(reply(RUNS, 1))
    driver.bytes(completed() + job("null"))
    assert driver.session.idle
    assert driver.line("/wait BLOCK_JOB_COMPLETED device=j; cont") == [CONT]


def test_later_job_of_same_id_is_awaited() -> None:
    driver = Driver()
    driver.bytes(job("created") + job("aborting") + job("concluded") + job("null"))
    driver.bytes(job("created") + job("running"))
    driver.line("/wait-job j; cont")
    assert driver.bytes(reply(RUNS, 1)) == []
    assert not driver.session.idle
    assert without_events(driver.bytes(job("null"))) == [CONT]
    assert driver.status == OK


@pytest.mark.parametrize("answer", [reply([], 1), reply([{"id": "k", "status": "running"}], 1)])
def test_missing_job_is_a_failure(answer: bytes) -> None:
    driver = Driver()
    driver.line("/wait-job j; cont")
    assert driver.bytes(answer) == [("error", f"stdin:1:1: {NO_JOB}"), CONT]
    assert driver.status == FAILED


def test_server_without_jobs_is_reported() -> None:
    driver = Driver()
    driver.line("/wait-job j")
    found = driver.bytes(error("The command query-jobs has not been found", "CommandNotFound", 1))
    assert [effect[0] for effect in found] == ["error"]
    assert driver.session.idle


@pytest.mark.parametrize("options", [{"probe": False}, {"negotiate": False}])
def test_job_is_followed_by_events_without_queries(options: dict[str, Any]) -> None:
    """With `--no-probe`, the session sends only typed commands."""
    driver = Driver(**options)
    assert driver.line("/wait-job j; cont") == []
    assert not driver.session.idle
    found = driver.bytes(job("running") + job("concluded") + job("null"))
    assert without_events(found) == [CONT]


def test_job_wait_timeout_is_a_failure() -> None:
    driver = Driver()
    driver.line("/wait-job -t 2 j; cont")
    driver.bytes(reply(RUNS, 1))
    assert driver.session.deadline == 102.0
    found = driver.after(2)
    assert [effect[0] for effect in found] == ["error", "send"]
    assert "job j" in found[0][1]
    assert driver.status == FAILED


def test_job_timeout_includes_the_list_query() -> None:
    """A stopped server does not reply to query-jobs."""
    driver = Driver()
    driver.line("/wait-job -t 2 j")
    assert driver.session.deadline == 102.0
    found = driver.after(2)
    assert [effect[0] for effect in found] == ["error"]
    assert driver.status == FAILED


def test_ctrl_c_abandons_job_wait() -> None:
    driver = Driver(interactive=True)
    driver.line("/wait-job j")
    driver.line("cont")
    driver.bytes(reply(RUNS, 1))
    assert driver.abandon() == [
        ("tell", "no longer waiting for job j"),
        sent('{"execute": "cont", "id": "qmpshell-2"}'),
    ]


def test_ctrl_c_abandons_job_wait_during_query() -> None:
    driver = Driver(interactive=True)
    driver.line("/wait-job j")
    assert driver.abandon() == [("tell", "no longer waiting for job j")]
    driver.bytes(reply(RUNS, 1))
    assert driver.session.idle
    assert driver.line("cont") == [sent('{"execute": "cont", "id": "qmpshell-2"}')]


@pytest.mark.parametrize("during_query", [False, True])
def test_loss_during_job_is_status_3(during_query: bool) -> None:
    driver = Driver()
    driver.line("/wait-job j")
    if not during_query:
        driver.bytes(reply(RUNS, 1))
    driver.bytes(event("SHUTDOWN"))
    found = driver.gone()
    assert found[-1:] == [("leave", CONNECTION)]
    assert "job j" in found[0][1]


def test_refused_command_skips_following_job_wait() -> None:
    driver = Driver(stop_on_error=True)
    driver.line("block-stream device=d job-id=j; /wait-job j")
    assert driver.bytes(REFUSAL)[-1] == ("leave", FAILED)
