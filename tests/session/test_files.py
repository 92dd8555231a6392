"""Test steps for files that the driver reads, opens and writes, and that can take long."""

from __future__ import annotations

import pytest

from qmpshell.errors import FAILED, OK
from tests.harness.sessions import DONE, GREETING, NEGOTIATED, Driver, error, reply, sent

CONT = sent('{"execute": "cont"}')
WITH_FILE = sent('{"execute": "x", "arguments": {"a": "text"}}')
READ = ("read", "f")
STOP_READING = ("stop", "read", "f")


def make(**options: object) -> Driver:
    return Driver(reads_files=False, probe=False, **options)  # type: ignore[arg-type]


def test_line_with_file_is_sent_after_reading() -> None:
    driver = make()
    assert driver.line("x a=@f") == [READ]
    assert not driver.session.idle
    assert driver.file_read(b"text") == [WITH_FILE]
    driver.bytes(DONE)
    assert driver.session.idle


def test_file_is_read_again_for_each_line() -> None:
    driver = make()
    driver.line("x a=@f")
    driver.file_read(b"old")
    driver.bytes(DONE)
    assert driver.line("x a=@f") == [READ]
    assert driver.file_read(b"text") == [WITH_FILE]


def test_file_is_read_after_the_previous_reply() -> None:
    driver = make()
    driver.line("cont")
    prepared = driver.prepare("x a=@f")
    assert driver.submit(prepared) == []
    assert driver.bytes(DONE)[1:] == [READ]


def test_two_files_of_a_line_are_read() -> None:
    driver = make()
    assert driver.line("x a=@f b=@g c=@f") == [READ]
    assert driver.file_read(b"1") == [("read", "g")]
    assert driver.file_read(b"2") == [
        sent('{"execute": "x", "arguments": {"a": "1", "b": "2", "c": "1"}}')
    ]


def test_unreadable_file_is_reported_at_its_name() -> None:
    driver = make()
    driver.line("x a=@f")
    ((_, text),) = driver.file_read(PermissionError(13, "Permission denied"))
    assert text.startswith("stdin:1:5: f: Permission denied\n  x a=@f\n      ^^\n")
    assert driver.status == FAILED
    assert driver.session.idle


@pytest.mark.parametrize("line", ["/oob x a=@f", "/watch -c 1 x a=@f", "/source f"])
def test_shell_command_reads_its_file(line: str) -> None:
    driver = make(interactive=True)
    driver.line(line)
    content = b"x a=text" if line == "/source f" else b"text"
    (effect,) = driver.file_read(content)
    assert effect[0] == "send"
    assert b'"a": "text"' in effect[1]


# -- Ctrl-C ---------------------------------------------------------------------------------------


def test_abandon_stops_reading() -> None:
    driver = make(interactive=True)
    driver.line("x a=@f")
    driver.line("cont")
    told = ("tell", "no longer waiting for f; nothing was sent")
    assert driver.abandon()[:2] == [told, STOP_READING]
    assert driver.file_read(b"late") == []
    driver.bytes(reply({}, 1))
    assert driver.session.idle


def test_abandon_stops_opening() -> None:
    driver = make(interactive=True)
    driver.line("x > f")
    told = ("tell", "no longer waiting for f; nothing was sent")
    assert driver.abandon() == [told, ("stop", "divert", ">", "f")]
    assert driver.session.idle


def test_abandon_stops_writing() -> None:
    driver = make(interactive=True)
    driver.line("x > f")
    driver.redirect_opened()
    driver.bytes(reply({}, 1))
    told = ("tell", "no longer waiting for f; not all data was written")
    assert driver.abandon() == [told, ("stop", "finish", ">", "f")]
    assert driver.session.idle


def test_blocker_names_the_file() -> None:
    driver = make(interactive=True)
    assert not driver.session.is_blocked
    driver.line("/source f")
    assert driver.session.is_blocked
    text = driver.session.describe_blocker(driver.now + 3)
    assert text == "waiting for f, 3 s; Ctrl-C stops waiting"


def test_lost_connection_stops_reading() -> None:
    driver = make(interactive=True)
    driver.line("x a=@f")
    assert driver.gone()[-1] == STOP_READING
    assert driver.file_read(b"late") == []


def test_restarted_server_gets_line_with_file() -> None:
    driver = make(interactive=True)
    driver.line("x a=@f")
    effects = driver.bytes(GREETING)
    assert STOP_READING in effects
    assert driver.bytes(NEGOTIATED)[-1] == READ


# -- timeouts -------------------------------------------------------------------------------------


def test_timeout_ends_reading_and_fails_line() -> None:
    driver = make(timeout=5.0)
    driver.line("x a=@f")
    assert driver.session.deadline == driver.now + 5
    stopped, (_, text) = driver.after(5)
    assert stopped == STOP_READING
    assert text.startswith("stdin:1:5: f: it could not be read within 5 s\n")
    assert driver.status == FAILED
    assert driver.line("cont") == [CONT]


def test_timeout_ends_opening_and_writing() -> None:
    driver = make(timeout=5.0)
    driver.line("x > f")
    stopped, (_, text) = driver.after(5)
    assert stopped == ("stop", "divert", ">", "f")
    assert text.startswith("stdin:1:5: f: it could not be opened within 5 s; nothing was sent\n")
    driver.line("x > f")
    driver.redirect_opened()
    driver.bytes(DONE)
    stopped, (_, text) = driver.after(5)
    assert stopped == ("stop", "finish", ">", "f")
    assert text == "stdin:2:5: f: not all data could be written within 5 s"
    assert driver.line("cont") == [CONT]


def test_user_and_commands_have_no_timeout_for_files() -> None:
    driver = make(timeout=5.0, interactive=True)
    driver.line("x > f")
    assert driver.session.deadline is None
    driver = make(timeout=5.0)
    driver.line("x | sleep 9")
    driver.redirect_opened()
    driver.bytes(DONE)
    assert driver.session.deadline is None


# -- the log --------------------------------------------------------------------------------------


def test_log_that_accepts_nothing_is_closed_after_timeout() -> None:
    driver = make(timeout=5.0)
    driver.line("/log f")
    driver.logs["f"].hangs, driver.logs["f"].pending = True, 7
    assert driver.line("/wait -t 600 STOP") == []
    assert driver.session.log_waits_for == driver.logs["f"].waits_for
    assert driver.session.deadline == driver.now + 5
    assert driver.after(5) == [("error", "the log was closed: no data could be written within 5 s")]
    assert driver.status == FAILED
    assert driver.session.log_waits_for == {}
    assert driver.logs["f"].closed


def test_flushed_log_is_not_awaited() -> None:
    driver = make(timeout=5.0)
    driver.line("/log f")
    log = driver.logs["f"]
    log.hangs, log.pending = True, 7
    driver.line("/wait -t 600 STOP")
    log.hangs = False
    driver.session.flush_log(driver.now)
    assert driver.session.log_waits_for == {}
    assert driver.session.deadline == driver.now + 600
    assert driver.status == OK


def test_full_log_fails_script_and_is_reported_once() -> None:
    driver = make()
    driver.line("/log f")
    driver.logs["f"].full = True
    assert [effect[0] for effect in driver.line("cont")] == ["send", "error"]
    assert [effect[0] for effect in driver.bytes(DONE)] == ["reply"]
    assert driver.status == FAILED
    assert driver.end() == [("leave", FAILED)]


# -- requests that were given up ------------------------------------------------------------------


def test_query_of_ended_wait_does_not_block() -> None:
    driver = Driver()
    driver.line("/wait-job -t 5 j")
    assert not driver.session.idle
    assert driver.after(5)[0][0] == "error"
    assert driver.session.idle
    assert driver.line("cont") == [CONT]
    assert driver.bytes(reply([], 1)) == []  # the answer to the query


@pytest.mark.parametrize("line", ["/help cont", "/apropos cont", "/keyval x a=1", "/resync"])
def test_timed_out_query_lets_script_end(line: str) -> None:
    driver = Driver(timeout=5.0)
    driver.line(line)
    assert not driver.session.idle
    driver.after(5)
    assert driver.session.idle
    assert driver.end() == [("leave", FAILED)]


def test_timed_out_query_for_hint_lets_script_end() -> None:
    driver = Driver(timeout=5.0)
    driver.line("no-such")
    driver.bytes(error("The command no-such has not been found", "CommandNotFound"))
    assert not driver.session.idle
    driver.after(5)
    assert driver.session.idle


def test_jobs_query_in_background_lets_script_end() -> None:
    driver = Driver()
    driver.line("/jobs -t 5")
    driver.after(5)
    assert driver.session.idle
