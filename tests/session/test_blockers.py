"""The message that says why lines are waiting, second by second."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.sessions import GREETING, Driver, event, reply

CAUSE = "; the server may be stopped or busy"


def person(**options: Any) -> Driver:
    return Driver(interactive=True, **options)


def told(driver: Driver, seconds: float) -> str:
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
def test_the_longer_the_more_is_said(seconds: float, text: str) -> None:
    driver = person()
    driver.line("stop")
    assert driver.session.is_blocked
    assert told(driver, seconds) == text


def test_how_many_lines_are_queued() -> None:
    driver = person()
    driver.line("stop; cont")
    assert told(driver, 1).endswith("Ctrl-C stops waiting; 1 more is queued")
    driver.line("cont; query-name")
    assert told(driver, 1).endswith("Ctrl-C stops waiting; 3 more are queued")
    assert told(driver, 9).endswith("; 3 more are queued" + CAUSE)


def test_each_wait_counts_from_its_own_beginning() -> None:
    driver = person()
    driver.line("stop; cont")
    driver.now += 7
    driver.bytes(reply({}, 1))
    assert told(driver, 0) == ""
    assert told(driver, 2) == "waiting for the reply to cont, 2 s; Ctrl-C stops waiting"


def test_nothing_is_said_when_nothing_is_waited_for() -> None:
    driver = person()
    assert told(driver, 100) == ""
    driver.line("stop")
    driver.bytes(reply({}, 1))
    assert told(driver, 100) == ""
    assert not driver.session.is_blocked


def test_who_gave_up_does_not_wait() -> None:
    driver = person()
    driver.line("stop")
    driver.abandon()
    assert told(driver, 100) == ""
    assert not driver.session.is_blocked


def test_a_wait_for_an_event() -> None:
    driver = person()
    driver.line("/wait STOP")
    driver.line("cont")
    assert told(driver, 60) == "waiting for STOP, 60 s; Ctrl-C stops waiting; 1 more is queued"
    driver.bytes(event("STOP"))
    assert told(driver, 3) == "waiting for the reply to cont, 3 s; Ctrl-C stops waiting"


def test_a_wait_for_a_job() -> None:
    driver = person(probe=False)
    driver.line("/wait-job j0")
    assert told(driver, 2) == "waiting for job j0, 2 s; Ctrl-C stops waiting"


def test_hmp_line_is_named_as_typed() -> None:
    driver = person()
    driver.line("/hmp info name")
    assert told(driver, 1) == "waiting for the reply to info name, 1 s; Ctrl-C stops waiting"


def test_internal_reply_is_reported_only_when_awaited() -> None:
    driver = person()
    driver.session.probes.learn_commands(driver.now)
    assert not driver.session.is_blocked
    assert told(driver, 100) == ""
    driver.line("resize id=5")
    assert told(driver, 2) == (
        "waiting for the reply to query-qmp-schema, 2 s; Ctrl-C stops waiting; 1 more is queued"
    )


def test_a_connection_that_is_being_made() -> None:
    driver = person()
    driver.line("/connect other")
    assert driver.session.is_blocked
    assert told(driver, 1) == "waiting for a connection to other, 1 s; Ctrl-C stops waiting"
    driver.line("stop")
    assert told(driver, 9).endswith("9 s; Ctrl-C stops waiting; 1 more is queued")
    driver.connect_failed("nobody there")
    assert told(driver, 100) == ""
    assert not driver.session.is_blocked


def test_missing_greeting_is_reported_automatically() -> None:
    driver = person(greeted=False)
    driver.line("stop")
    assert told(driver, 100) == ""
    driver.bytes(GREETING)
    assert told(driver, 100) == ""


def test_confirmation_delays_following_lines_visibly() -> None:
    driver = person()
    driver.line("quit; stop")
    assert told(driver, 100) == ""


def test_nothing_is_waited_for_after_a_loss() -> None:
    driver = person()
    driver.line("stop")
    driver.gone()
    assert told(driver, 100) == ""
    assert not driver.session.is_blocked
