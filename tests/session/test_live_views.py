"""Tests of `/watch` and `/jobs` in a session: requests, output and queue blocking."""

from __future__ import annotations

from typing import Any

import pytest

from qmpshell.errors import CONNECTION, FAILED, OK
from qmpshell.qmp import Reply
from qmpshell.render import text_of
from qmpshell.session import CloseRedirect, OpenRedirect, ShowDocument, ShowReply, Watch
from tests.harness.sessions import (
    DONE,
    SCHEMA,
    Driver,
    Shown,
    error,
    event,
    mistake,
    own_question,
    reply,
    sent,
)

NAME = sent('{"execute": "query-name"}')
WATCH = "usage: /watch [-n SECONDS] [-c TIMES] COMMAND|/hmp LINE|VIEW"
JOBS = "usage: /jobs [-t SECONDS]"


def named(number: int, name: str = "query-name") -> Shown:
    return sent(f'{{"execute": "{name}", "id": "qmpshell-{number}"}}')


def status_change(status: str, name: str = "j0") -> bytes:
    return event("JOB_STATUS_CHANGE", id=name, status=status)


def job(**changes: object) -> dict[str, object]:
    fields = {"id": "j0", "type": "mirror", "status": "running"}
    return fields | {"current-progress": 1, "total-progress": 4} | changes


# -- invalid calls --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "carets", "reason", "hint"),
    [
        ("/watch", "^^^^^^", "the command to watch is missing", WATCH),
        ("/watch -n 5", "^^^^^^", "the command to watch is missing", WATCH),
        ("/watch a=1", "^^^^^^", "the command to watch is missing", WATCH),
        ("/watch -n", "       ^^", "a number of seconds must follow -n", WATCH),
        ("/watch -n x stop", "          ^", "'x' is not a number of seconds", WATCH),
        ("/watch -n 0 stop", "          ^", "SECONDS must be at least 0.1", WATCH),
        ("/watch -c", "       ^^", "a number of times must follow -c", WATCH),
        ("/watch -c 0 stop", "          ^", "TIMES must be a whole number, at least 1", WATCH),
        ("/watch -c 1.5 stop", "          ^^^", "TIMES must be a whole number, at least 1", WATCH),
        ("/watch /hmp", "       ^^^^", "a human monitor command is missing", WATCH),
        (
            "/watch /wait STOP",
            "       ^^^^^",
            "only server commands, /hmp, /graph, /info, /table and /screen can be watched",
            WATCH,
        ),
        ('/watch {"execute": "stop"} x', " " * 27 + "^", "text after the JSON object", WATCH),
        ("/watch {a}", "        ^", "expected a name in quotes", None),
        (
            "/watch getfd fdname=x < f",
            " " * 24 + "^",
            "a repeated command cannot pass a file",
            WATCH,
        ),
        ("/jobs j0", "      ^^", "/jobs has no argument 'j0'", JOBS),
        ("/jobs -t", "      ^^", "a number of seconds must follow -t", JOBS),
    ],
)
def test_invalid_watch_or_jobs_call_reports_error(
    line: str, carets: str, reason: str, hint: str | None
) -> None:
    driver = Driver(probe=False)
    column = carets.index("^") + 1
    ((kind, text),) = driver.line(line)
    place = f"stdin:1:{column}"
    if hint is None:
        assert (kind, text.split("\n")[0].split(": ")[0]) == ("error", place)
    else:
        assert (kind, text) == mistake(line, carets, reason, hint, place=place)
    assert driver.session.idle
    assert driver.end() == [("leave", FAILED)]


def test_dry_run_shows_watched_command_once() -> None:
    driver = Driver(offline=True, dry_run=True)
    assert driver.line("/watch query-name") == [("show", b'{"execute": "query-name"}\n')]
    assert driver.line("/jobs") == []
    assert driver.session.idle


# -- /watch in a script ---------------------------------------------------------------------------


def test_script_shows_each_reply_before_continuing() -> None:
    driver = Driver()
    assert driver.line("/watch -c 2 query-name; stop") == [NAME]
    assert driver.bytes(reply({"name": "x"})) == [("reply", {"return": {"name": "x"}})]
    assert driver.session.deadline == driver.now + 2
    assert driver.after(1.9) == []
    assert driver.after(0.1) == [NAME]
    assert driver.bytes(reply({"name": "x"})) == [
        ("reply", {"return": {"name": "x"}}),
        sent('{"execute": "stop"}'),
    ]
    driver.bytes(DONE)
    assert driver.end() == [("leave", OK)]


def test_watch_waits_for_pending_reply() -> None:
    driver = Driver()
    driver.line("/watch -n 1 query-name")
    assert driver.after(30) == []
    driver.bytes(DONE)
    assert driver.after(0) == [NAME]  # the next query is overdue
    driver.bytes(DONE)
    assert driver.after(0.9) == []
    assert driver.after(0.1) == [NAME]


def test_events_do_not_interrupt_watch() -> None:
    driver = Driver()
    driver.line("/watch query-name")
    assert driver.bytes(event("STOP") + DONE + event("RESUME")) == [
        ("event", "STOP"),
        ("reply", {"return": {}}),
        ("event", "RESUME"),
    ]
    assert driver.after(2) == [NAME]


def test_json_line_is_sent_unchanged() -> None:
    driver = Driver()
    line = '{"execute": "query-name", "id": 7}'
    assert driver.line(f"/watch -c 2 {line}") == [sent(line)]
    driver.bytes(b'{"return": {}, "id": 7}\n')
    assert driver.after(2) == [sent(line)]


def test_hmp_line_is_not_parsed_as_qmp() -> None:
    driver = Driver()
    line = "/watch -c 1 /hmp info  block; x # y"
    command = (
        '{"execute": "human-monitor-command", "arguments": {"command-line": "info  block; x # y"}}'
    )
    assert driver.line(line) == [sent(command)]


def test_watch_with_hmp_option_repeats_monitor_line() -> None:
    driver = Driver(hmp=True)
    command = '{"execute": "human-monitor-command", "arguments": {"command-line": "info status"}}'
    assert driver.line("/watch -c 1 info status") == [sent(command)]
    driver.bytes(reply("VM status: running\r\n"))
    assert driver.line("/watch -c 1 /status")[0][0] == "error"


def test_watch_loads_schema_before_first_command() -> None:
    driver = Driver()
    question = ("send", b'{"execute": "query-qmp-schema", "id": "qmpshell-1"}\n')
    assert driver.line("/watch -c 1 resize id=x size=0x10") == [question]
    command = '{"execute": "resize", "arguments": {"id": "x", "size": 16}}'
    assert driver.bytes(reply(SCHEMA, 1)) == [sent(command)]


def test_watch_continues_after_error_with_status_1() -> None:
    driver = Driver()
    driver.line("/watch -c 2 query-name")
    driver.bytes(error("not now"))
    assert driver.after(2) == [NAME]
    driver.bytes(DONE)
    assert driver.end() == [("leave", FAILED)]


def test_error_stops_on_error() -> None:
    driver = Driver(stop_on_error=True)
    driver.line("/watch query-name")
    assert driver.bytes(error("not now"))[-1] == ("leave", FAILED)


def test_watch_rejects_missing_command() -> None:
    driver = Driver(probe=False)
    driver.line("/watch query-nmae")
    assert [effect[0] for effect in driver.bytes(error("no", "CommandNotFound"))] == ["reply"]
    assert driver.session.idle


def test_reply_timeout_ends_a_script() -> None:
    driver = Driver(timeout=3)
    driver.line("/watch query-name")
    assert driver.after(3)[-1] == ("leave", CONNECTION)


def test_connection_loss_ends_script_watch() -> None:
    driver = Driver()
    driver.line("/watch query-name")
    driver.bytes(DONE)
    text = "vm.sock: connection lost while waiting for /watch query-name"
    assert driver.gone() == [("error", text), ("leave", CONNECTION)]


def test_watch_replies_follow_redirect() -> None:
    driver = Driver()
    driver.line("/watch -c 2 query-name > out")
    assert driver.redirect_opened() == [NAME]
    driver.bytes(DONE)
    driver.after(2)
    effects = driver.session.receive(DONE, driver.now)
    (shown,) = [effect for effect in effects if isinstance(effect, ShowReply)]
    (opened,) = driver.steps
    assert isinstance(opened, OpenRedirect) and shown.redirect is opened.redirect
    assert effects[-1] == CloseRedirect(opened.redirect)


def test_terminal_watch_runs_shell_command_per_round() -> None:
    driver = Driver(interactive=True)
    driver.line("/watch -c 2 query-name | jq .")
    assert driver.redirect_opened() == [own_question(1, "query-name")]
    assert driver.bytes(reply({}, 1))[1:] == [("finish", "|", "jq .")]
    assert driver.redirect_closed() == []
    assert driver.after(2) == [("divert", "|", "jq .")]
    assert driver.redirect_opened() == [own_question(2, "query-name")]
    assert driver.bytes(reply({}, 2))[1:] == [("finish", "|", "jq .")]
    assert driver.redirect_closed() == []
    assert driver.session.idle


def test_ctrl_c_between_rounds_runs_no_shell_command() -> None:
    driver = Driver(interactive=True)
    driver.line("/watch query-name | jq .")
    driver.redirect_opened()
    driver.bytes(reply({}, 1))
    driver.redirect_closed()
    assert driver.abandon() == [("tell", "no longer waiting for /watch query-name")]
    assert driver.session.idle


# -- /watch at a terminal -------------------------------------------------------------------------


def terminal(**options: Any) -> Driver:
    return Driver(interactive=True, **options)


def live_view(driver: Driver) -> Watch:
    assert isinstance(driver.session.live_view, Watch)
    return driver.session.live_view


def test_terminal_watch_does_not_block_lines() -> None:
    driver = terminal()
    assert driver.line("/watch query-name") == [named(1)]
    assert driver.line("stop") == [named(2, "stop")]
    assert driver.bytes(reply({"name": "x"}, 1)) == []  # the live view draws the reply
    shown = live_view(driver).shown
    assert isinstance(shown, ShowReply) and shown.reply.value["return"] == {"name": "x"}
    assert driver.bytes(reply({}, 2))[0][0] == "reply"
    assert driver.after(2) == [named(3)]
    driver.bytes(reply({"name": "y"}, 3))
    before = live_view(driver).before
    assert isinstance(before, Reply) and before.value["return"] == {"name": "x"}


def test_ctrl_c_ends_watch_and_keeps_output() -> None:
    driver = terminal()
    driver.line("/watch query-name")
    driver.bytes(reply({"name": "x"}, 1))
    driver.after(2)
    [shown, message] = driver.abandon()
    assert shown[0] == "reply"
    assert message == ("tell", "no longer watching query-name")
    assert driver.session.live_view is None
    assert driver.bytes(reply({"name": "y"}, 2)) == []
    assert driver.after(60) == []


def test_ctrl_c_abandons_reply_before_watch() -> None:
    driver = terminal()
    driver.line("/watch query-name")
    driver.line("stop")
    assert "no longer waiting for the reply to stop" in driver.abandon()[0][1]
    assert driver.session.live_view is not None


def test_last_watch_repetition_is_shown_as_reply() -> None:
    driver = terminal()
    driver.line("/watch -c 1 query-name")
    assert [effect[0] for effect in driver.bytes(reply({"name": "x"}, 1))] == ["reply"]
    assert driver.session.live_view is None


def test_second_watch_replaces_first() -> None:
    driver = terminal()
    driver.line("/watch query-name")
    driver.bytes(reply({}, 1))
    found = driver.line("/watch query-uuid")
    assert [effect[0] for effect in found] == ["reply", "tell", "send"]
    assert live_view(driver).text == "query-uuid"
    driver.bytes(reply({}, 2))
    assert driver.after(2) == [named(3, "query-uuid")]


def test_destructive_watch_is_confirmed_once() -> None:
    driver = terminal()
    assert [effect[0] for effect in driver.line("/watch system_reset")] == ["ask"]
    assert driver.answer(go_on=True) == [named(1, "system_reset")]
    driver.bytes(reply({}, 1))
    assert driver.after(2) == [named(2, "system_reset")]


def test_declined_destructive_watch_does_not_start() -> None:
    driver = terminal()
    driver.line("/watch system_reset")
    assert driver.answer(go_on=False) == [("tell", "not sent")]
    assert driver.session.live_view is None
    assert driver.after(60) == []


@pytest.mark.parametrize("line", ["/watch -c 1 query-name; stop", "/watch -c 1 query-name | cat"])
def test_watch_with_following_command_blocks_queue(line: str) -> None:
    driver = terminal()
    driver.line(line)
    if "|" in line:
        driver.redirect_opened()
    assert driver.session.live_view is None
    assert driver.line("query-uuid") == []
    assert [effect[0] for effect in driver.bytes(reply({}, 1))] in (
        ["reply", "send"],
        ["reply", "finish"],
    )


def test_watch_in_file_blocks_following_lines() -> None:
    driver = terminal(files={"f": "/watch -c 1 query-name\nstop\n"})
    assert driver.line("/source f") == [named(1)]
    assert [effect[0] for effect in driver.bytes(reply({}, 1))] == ["reply", "send"]


def test_connection_loss_ends_terminal_watch() -> None:
    driver = terminal()
    driver.line("/watch query-name")
    driver.bytes(reply({}, 1))
    driver.gone()
    assert driver.session.live_view is None
    assert driver.after(60) == []
    assert [effect[0] for effect in driver.line("/watch query-name")] == ["error"]


def test_connect_ends_watch() -> None:
    driver = terminal()
    driver.line("/watch query-name")
    assert driver.line("/connect") == [("connect", None)]
    assert driver.session.live_view is None


def test_server_restart_ends_watch() -> None:
    driver = terminal(probe=False)
    driver.line("/watch query-name")
    driver.greet()
    assert driver.session.live_view is None


# -- views ----------------------------------------------------------------------------------------


def rows_at(driver: Driver) -> list[str]:
    shown = live_view(driver).shown
    assert isinstance(shown, ShowDocument)
    return text_of(shown.blocks, width=80).split("\n")


def test_watched_table_does_not_block_lines() -> None:
    driver = terminal()
    assert driver.line("/watch /table a query-name") == [named(1)]
    assert driver.line("stop") == [named(2, "stop")]
    assert driver.bytes(reply([{"a": 1}], 1)) == []
    assert rows_at(driver) == ["a", "1"]
    assert driver.bytes(reply({}, 2))[0][0] == "reply"
    assert driver.after(2) == [named(3)]
    driver.bytes(reply([{"a": 5}], 3))
    assert rows_at(driver) == ["       a", "5 (+2/s)"]


def test_ctrl_c_ends_watched_table_and_keeps_output() -> None:
    driver = terminal(fold=2)
    driver.line("/watch /table query-name")
    driver.bytes(reply([{"a": number} for number in range(9)], 1))
    driver.after(2)
    assert driver.abandon() == [
        ("page", "a\n0\n… 8 more lines"),
        ("tell", "no longer watching /table query-name"),
    ]
    assert driver.session.live_view is None
    assert driver.bytes(reply([], 2)) == []
    assert driver.after(60) == []


def test_empty_list_is_reported_in_view() -> None:
    driver = terminal()
    driver.line("/watch /table query-name")
    driver.bytes(reply([], 1))
    assert rows_at(driver) == ["there are no rows"]


def test_view_that_fails_at_first_is_not_watched() -> None:
    driver = terminal()
    driver.line("/watch /table query-name")
    assert driver.bytes(error("no", marker=1)) == [("error", "GenericError: no")]
    assert driver.session.live_view is None
    assert driver.after(60) == []


def test_script_prints_watched_table_each_round() -> None:
    driver = Driver()
    assert driver.line("/watch -c 2 /table query-name; stop") == [NAME]
    assert driver.bytes(reply([{"a": 1}])) == [("page", "a\n1")]
    assert driver.after(2) == [NAME]
    found = driver.bytes(reply([{"a": 21}]))
    assert found == [("page", "         a\n21 (+10/s)"), sent('{"execute": "stop"}')]


def test_script_ends_watched_table_after_error() -> None:
    driver = Driver()
    driver.line("/watch /table query-name")
    assert driver.bytes(error("no"))[0][0] == "reply"
    assert driver.session.idle
    assert driver.end() == [("leave", FAILED)]


def test_tsv_of_watched_table_has_no_rates() -> None:
    driver = Driver()
    driver.line("/watch -c 2 /table --tsv query-name")
    driver.bytes(reply([{"a": 1}]))
    driver.after(2)
    assert driver.bytes(reply([{"a": 21}])) == [("page", "a\n21")]


def test_mistake_in_watched_view_is_reported() -> None:
    driver = Driver(probe=False)
    line = "/watch /graph nix"
    usage = "usage: /graph [-v] block|devices|qom|pci [--dot] [PATH]"
    assert driver.line(line) == [
        mistake(line, " " * 14 + "^^^", "/graph has no argument 'nix'", usage, place="stdin:1:15")
    ]


def test_dry_run_shows_command_of_watched_view() -> None:
    driver = Driver(offline=True, dry_run=True)
    assert driver.line("/watch /table query-name") == [("show", b'{"execute": "query-name"}\n')]


# -- /jobs in a script ----------------------------------------------------------------------------


def test_script_jobs_shows_progress_changes() -> None:
    driver = Driver()
    assert driver.line("/jobs; stop") == [own_question(1, "query-jobs")]
    assert driver.bytes(reply([job()], 1)) == [("tell", "job j0 (mirror): running, 25 %")]
    assert driver.after(1) == [own_question(2, "query-jobs")]
    assert driver.bytes(reply([job(**{"current-progress": 2})], 2)) == []
    ready = "job j0 (mirror): ready, 50 %; job-complete ends it"
    assert driver.bytes(status_change("ready"))[1:] == [("tell", ready)]
    driver.bytes(status_change("waiting") + status_change("pending"))
    assert driver.bytes(status_change("concluded"))[-1][0] == "event"
    assert driver.bytes(status_change("null"))[1:] == [
        ("tell", "job j0 (mirror): done"),
        sent('{"execute": "stop"}'),
    ]
    driver.bytes(DONE)
    assert driver.after(60) == []  # job polling has ended
    assert driver.end() == [("leave", OK)]


def test_failed_job_makes_jobs_fail() -> None:
    driver = Driver()
    driver.line("/jobs")
    driver.bytes(reply([job(), job(id="j1")], 1))
    completed = event("BLOCK_JOB_COMPLETED", device="j0", error="No space")
    driver.bytes(status_change("aborting") + completed)
    found = driver.bytes(status_change("concluded") + status_change("null"))
    assert ("error", "job j0 (mirror): failed: No space") in found
    found = driver.bytes(status_change("concluded", "j1") + status_change("null", "j1"))
    assert found[-2:] == [
        ("tell", "job j1 (mirror): done"),
        ("error", "stdin:1:1: 1 of 2 jobs failed"),
    ]
    assert driver.end() == [("leave", FAILED)]


def test_cancelled_job_makes_jobs_fail() -> None:
    driver = Driver()
    driver.line("/jobs")
    driver.bytes(reply([job()], 1))
    driver.bytes(status_change("aborting") + event("BLOCK_JOB_CANCELLED", device="j0"))
    found = driver.bytes(status_change("concluded") + status_change("null"))
    assert found[-2:] == [
        ("error", "job j0 (mirror): cancelled"),
        ("error", "stdin:1:1: the job was cancelled"),
    ]
    assert driver.end() == [("leave", FAILED)]


def test_jobs_counts_failed_and_cancelled_jobs() -> None:
    driver = Driver()
    driver.line("/jobs")
    driver.bytes(reply([job(id=f"j{number}") for number in range(4)], 1))
    driver.bytes(event("BLOCK_JOB_CANCELLED", device="j0"))
    driver.bytes(event("BLOCK_JOB_CANCELLED", device="j1"))
    driver.bytes(event("BLOCK_JOB_COMPLETED", device="j2", error="No space"))
    found = driver.bytes(b"".join(status_change("null", f"j{number}") for number in range(4)))
    text = "stdin:1:1: of 4 jobs, 1 failed and 2 were cancelled"
    assert found[-1] == ("error", text)


def test_jobs_reports_job_awaiting_finalization() -> None:
    driver = Driver()
    driver.line("/jobs -t 5")
    driver.bytes(reply([job()], 1))
    assert driver.bytes(status_change("waiting"))[1:] == [
        ("tell", "job j0 (mirror): waiting, 25 %")
    ]
    assert driver.bytes(status_change("pending"))[1:] == []
    pending = event("BLOCK_JOB_PENDING", type="mirror", id="j0")
    advice = "pending, 25 %; job-finalize ends it"
    assert driver.bytes(pending)[1:] == [("tell", f"job j0 (mirror): {advice}")]
    text = "the jobs did not end within 5 s; job j0 (mirror) is pending; job-finalize ends it"
    assert ("error", f"stdin:1:1: {text}") in driver.after(5)


def test_completed_job_is_reported_without_advice() -> None:
    driver = Driver()
    driver.line("job-complete id=j0")
    driver.bytes(DONE)
    driver.line("/jobs")
    assert driver.bytes(reply([job(status="ready")], 1)) == [
        ("tell", "job j0 (mirror): ready, 25 %")
    ]


def test_concluded_job_is_queried_for_its_error() -> None:
    driver = Driver()
    driver.line("/jobs")
    driver.bytes(reply([job(type="create")], 1))
    driver.bytes(status_change("aborting"))
    assert [effect[0] for effect in driver.bytes(status_change("concluded"))] == ["event"]
    assert driver.after(1) == [own_question(2, "query-jobs")]
    assert driver.bytes(reply([job(type="create", status="concluded", error="denied")], 2)) == [
        ("error", "job j0 (create): failed: denied"),
        ("error", "stdin:1:1: the job failed"),
    ]


def test_dismissed_job_is_not_reported_again() -> None:
    driver = Driver()
    driver.line("/jobs")
    found = driver.bytes(reply([job(status="concluded", error="denied")], 1))
    assert found[0] == ("error", "job j0 (mirror): failed: denied")
    driver.bytes(status_change("null"))
    driver.line("/jobs")
    assert driver.bytes(reply([], 2)) == [("tell", "there are no jobs")]


def test_earlier_ended_jobs_are_reported_once() -> None:
    driver = Driver()
    driver.bytes(status_change("created") + status_change("running"))
    driver.bytes(status_change("aborting") + status_change("concluded") + status_change("null"))
    driver.line("/jobs")
    assert driver.bytes(reply([], 1)) == [
        ("error", "job j0: aborted"),
        ("error", "stdin:1:1: the job failed"),
    ]
    driver.line("/jobs")
    assert driver.bytes(reply([], 2)) == [("tell", "there are no jobs")]


def test_jobs_without_jobs_succeeds() -> None:
    driver = Driver()
    driver.line("/jobs")
    assert driver.bytes(reply([], 1)) == [("tell", "there are no jobs")]
    assert driver.end() == [("leave", OK)]


def test_jobs_without_server_support_fails() -> None:
    driver = Driver()
    driver.line("/jobs")
    assert driver.bytes(error("no", "CommandNotFound", 1)) == [own_question(2, "query-block-jobs")]
    assert driver.bytes(error("no", "CommandNotFound", 2)) == [
        ("error", "stdin:1:1: the server does not list its jobs")
    ]
    assert driver.end() == [("leave", FAILED)]


def test_jobs_timeout_is_a_failure() -> None:
    driver = Driver()
    driver.line("/jobs -t 5")
    driver.bytes(reply([job()], 1))
    text = "stdin:1:1: the jobs did not end within 5 s"
    assert ("error", text) in driver.after(5)
    assert driver.after(60) == []
    assert driver.end() == [("leave", FAILED)]


def test_jobs_are_listed_once_without_probing() -> None:
    driver = Driver(probe=False)
    assert driver.line("/jobs") == [own_question(1, "query-jobs")]
    driver.bytes(reply([job()], 1))
    assert driver.after(60) == []
    assert driver.bytes(status_change("concluded"))[1:] == [("tell", "job j0 (mirror): done")]
    assert driver.session.idle


# -- /jobs at a terminal --------------------------------------------------------------------------


@pytest.mark.parametrize("probe", [True, False])
def test_terminal_jobs_reports_only_ended_jobs(probe: bool) -> None:
    driver = terminal(probe=probe)
    driver.session.track_vm(driver.now)
    assert driver.line("/jobs") == [own_question(1, "query-jobs")]
    assert driver.bytes(reply([job()], 1)) == []
    assert driver.session.live_view is not None
    assert driver.line("stop") == [named(2, "stop")]  # the view does not block the queue
    driver.bytes(reply({}, 2))
    assert driver.bytes(status_change("ready")) == [("event", "JOB_STATUS_CHANGE")]
    found = driver.bytes(status_change("concluded") + status_change("null"))
    assert [effect for effect in found if effect[0] != "event"] == [
        ("tell", "job j0 (mirror): done")
    ]
    assert driver.session.live_view is None


def test_ctrl_c_ends_jobs_view() -> None:
    driver = terminal()
    driver.line("/jobs")
    driver.bytes(reply([job()], 1))
    assert driver.abandon() == [("tell", "no longer watching the jobs")]
    assert driver.session.live_view is None
