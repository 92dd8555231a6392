"""Tests of the message that names the blocker of the queue."""

from __future__ import annotations

from typing import Any

import pytest

from qmpshell.errors import OK
from tests.harness.sessions import GREETING, Driver, event, reply, shown

CAUSE = "; the server may be stopped or busy"


def terminal_driver(**options: Any) -> Driver:
    return Driver(interactive=True, **options)


def describe_blocker_after(driver: Driver, seconds: float) -> str:
    """Return the description of the blocker after `seconds`."""
    return driver.session.describe_blocker(driver.now + seconds)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, ""),
        (0.9, ""),
        (1, "waiting for the reply to stop, 1 s; Ctrl-C stops waiting"),
        (4.9, "waiting for the reply to stop, 4 s; Ctrl-C stops waiting"),
        (5, "waiting for the reply to stop, 5 s; Ctrl-C stops waiting" + CAUSE),
        (3600, "waiting for the reply to stop, 3600 s; Ctrl-C stops waiting" + CAUSE),
    ],
)
def test_blocker_text_depends_on_waiting_time(seconds: float, text: str) -> None:
    driver = terminal_driver()
    driver.line("stop")
    assert driver.session.is_blocked
    assert describe_blocker_after(driver, seconds) == text


def test_blocker_text_shows_number_of_queued_lines() -> None:
    driver = terminal_driver()
    driver.line("stop; cont")
    assert describe_blocker_after(driver, 1).endswith("Ctrl-C stops waiting; 1 more is queued")
    driver.line("cont; query-name")
    assert describe_blocker_after(driver, 1).endswith("Ctrl-C stops waiting; 3 more are queued")
    assert describe_blocker_after(driver, 9).endswith("; 3 more are queued" + CAUSE)


def test_exit_during_wait_says_when_it_follows() -> None:
    driver = Driver(interactive=True)
    driver.line("/wait STOP")
    text = "the shell exits after the wait for STOP; Ctrl-C ends the wait"
    assert driver.line("exit") == [("tell", text)]
    assert shown(driver.session.leave_now()) == [("leave", OK)]


def test_leaving_names_unsent_commands() -> None:
    driver = Driver(interactive=True)
    driver.line("/wait STOP")
    driver.line("a; b")
    text = "2 commands were not sent"
    assert shown(driver.session.leave_now()) == [("tell", text), ("leave", OK)]


def test_blocker_time_restarts_for_each_command() -> None:
    driver = terminal_driver()
    driver.line("stop; cont")
    driver.now += 7
    driver.bytes(reply({}, 1))
    assert describe_blocker_after(driver, 0) == ""
    assert (
        describe_blocker_after(driver, 2)
        == "waiting for the reply to cont, 2 s; Ctrl-C stops waiting"
    )


def test_idle_session_has_no_blocker_text() -> None:
    driver = terminal_driver()
    assert describe_blocker_after(driver, 100) == ""
    driver.line("stop")
    driver.bytes(reply({}, 1))
    assert describe_blocker_after(driver, 100) == ""
    assert not driver.session.is_blocked


def test_abandoned_command_does_not_block() -> None:
    driver = terminal_driver()
    driver.line("stop")
    driver.abandon()
    assert describe_blocker_after(driver, 100) == ""
    assert not driver.session.is_blocked


def test_event_wait_is_described() -> None:
    driver = terminal_driver(probe=False)
    driver.line("/wait STOP")
    driver.line("cont")
    assert (
        describe_blocker_after(driver, 60)
        == "waiting for STOP, 60 s; Ctrl-C stops waiting; 1 more is queued"
    )
    driver.bytes(event("STOP"))
    assert (
        describe_blocker_after(driver, 3)
        == "waiting for the reply to cont, 3 s; Ctrl-C stops waiting"
    )


def test_job_wait_is_described() -> None:
    driver = terminal_driver(probe=False)
    driver.line("/wait-job j0")
    assert describe_blocker_after(driver, 2) == "waiting for job j0, 2 s; Ctrl-C stops waiting"


def test_hmp_line_is_named_as_typed() -> None:
    driver = terminal_driver()
    driver.line("/hmp info name")
    assert (
        describe_blocker_after(driver, 1)
        == "waiting for the reply to info name, 1 s; Ctrl-C stops waiting"
    )


def test_internal_reply_is_reported_only_when_awaited() -> None:
    driver = terminal_driver()
    driver.session.query_commands(driver.now)
    assert not driver.session.is_blocked
    assert describe_blocker_after(driver, 100) == ""
    driver.line("resize id=5")
    assert describe_blocker_after(driver, 2) == (
        "waiting for the reply to query-qmp-schema, 2 s; Ctrl-C stops waiting; 1 more is queued"
    )


def test_pending_connection_is_described() -> None:
    driver = terminal_driver()
    driver.gone()
    driver.line("/connect other")
    assert driver.session.is_blocked
    assert (
        describe_blocker_after(driver, 1)
        == "waiting for a connection to other, 1 s; Ctrl-C stops waiting"
    )
    driver.line("stop")
    assert describe_blocker_after(driver, 9).endswith("9 s; Ctrl-C stops waiting; 1 more is queued")
    driver.connect_failed("nobody there")
    assert describe_blocker_after(driver, 100) == ""
    assert not driver.session.is_blocked


def test_missing_greeting_is_reported_automatically() -> None:
    driver = terminal_driver(greeted=False)
    driver.line("stop")
    assert describe_blocker_after(driver, 100) == ""
    driver.bytes(GREETING)
    assert describe_blocker_after(driver, 100) == ""


def test_confirmation_delays_following_lines_visibly() -> None:
    driver = terminal_driver()
    driver.line("quit; stop")
    assert describe_blocker_after(driver, 100) == ""


def test_connection_loss_clears_blocker() -> None:
    driver = terminal_driver()
    driver.line("stop")
    driver.gone()
    assert describe_blocker_after(driver, 100) == ""
    assert not driver.session.is_blocked
