"""Tests of `/last`, which shows the complete last reply."""

from __future__ import annotations

from typing import Any

import pytest

from qmpshell.errors import FAILED
from qmpshell.language import LogicalLine, SourceLine
from qmpshell.session import Effect, ShowReply
from tests.harness.sessions import DONE, REFUSAL, Driver, error, reply


def terminal_driver(**options: Any) -> Driver:
    return Driver(interactive=True, **options)


def last(driver: Driver) -> list[Effect]:
    """Return the effects of `/last`."""
    line = LogicalLine()
    line.add("/last", number=1, line="/last", dropped=0)
    prepared = driver.session.prepare(SourceLine("stdin", line))
    return driver.session.submit(prepared, driver.now)


NAMED = {"return": {"name": "one"}, "id": "qmpshell-1"}


def test_last_without_reply_reports_error() -> None:
    assert terminal_driver().line("/last") == [("error", "no reply yet")]


def test_last_shows_whole_reply_without_sending() -> None:
    driver = terminal_driver()
    driver.line("query-name")
    driver.now += 3
    driver.bytes(reply({"name": "one"}, 1))
    driver.now += 60
    for _ in range(2):
        (shown,) = last(driver)
        assert isinstance(shown, ShowReply)
        assert shown.again
        assert shown.reply.value == NAMED
        assert (shown.elapsed, shown.late, shown.redirect) == (3, False, None)


def test_first_reply_is_not_marked_as_repeated() -> None:
    driver = terminal_driver()
    driver.line("query-name")
    (shown,) = driver.session.receive(reply({}, 1), driver.now)
    assert isinstance(shown, ShowReply)
    assert not shown.again


def test_last_writes_to_redirect() -> None:
    driver = terminal_driver()
    driver.line("query-name")
    driver.bytes(reply({"name": "one"}, 1))
    for operator, target in ((">", "file"), ("|", "jq .")):
        assert driver.line(f"/last {operator} {target}") == [("divert", operator, target)]
        assert driver.redirect_opened() == [("reply", NAMED), ("finish", operator, target)]
        assert driver.redirect_closed() == []


def test_last_reports_failed_redirect_open() -> None:
    driver = terminal_driver()
    driver.line("query-name")
    driver.bytes(reply({}, 1))
    driver.line("/last > file")
    ((kind, text),) = driver.redirect_opened("file: Permission denied")
    assert kind == "error"
    assert "Permission denied" in text


def test_last_shows_error_reply() -> None:
    driver = terminal_driver()
    driver.line("stop")
    driver.bytes(error("no", marker=1))
    assert driver.line("/last") == [
        ("reply", {"error": {"class": "GenericError", "desc": "no"}, "id": "qmpshell-1"})
    ]


def test_last_shows_hmp_reply() -> None:
    driver = terminal_driver()
    driver.line("/hmp info name")
    driver.bytes(reply("one\r\ntwo", 1))
    assert driver.line("/last") == [("reply", {"return": "one\r\ntwo", "id": "qmpshell-1"})]


def test_late_reply_becomes_the_last_reply() -> None:
    driver = terminal_driver()
    driver.line("query-name")
    driver.abandon()
    driver.line("stop")
    driver.bytes(reply({}, 2))
    assert driver.bytes(reply({"name": "one"}, 1)) == [("late", NAMED)]
    assert driver.line("/last") == [("reply", NAMED)]


def test_last_ignores_internal_replies() -> None:
    driver = terminal_driver()
    driver.line("query-name")
    driver.bytes(reply({"name": "one"}, 1))
    driver.session.query_commands(driver.now)
    driver.bytes(reply([], 2))
    assert driver.line("/last") == [("reply", NAMED)]


def test_last_waits_for_pending_reply() -> None:
    driver = terminal_driver()
    driver.line("query-name")
    assert driver.line("/last") == []
    assert driver.bytes(reply({"name": "one"}, 1)) == [("reply", NAMED), ("reply", NAMED)]


def test_last_reply_survives_connection_loss() -> None:
    driver = terminal_driver()
    driver.line("query-name")
    driver.bytes(reply({"name": "one"}, 1))
    driver.gone()
    assert driver.line("/last") == [("reply", NAMED)]
    driver.line("/connect")
    driver.connect_failed("nobody there")
    assert driver.line("/last") == [("reply", NAMED)]


def test_last_in_script_is_the_previous_reply() -> None:
    driver = Driver()
    assert driver.line("/last") == [("error", "stdin:1:1: no reply yet")]
    driver.line("query-name; /last; stop; /last")
    assert driver.bytes(DONE)[:2] == [("reply", {"return": {}})] * 2
    refused = ("reply", {"error": {"class": "GenericError", "desc": "no"}})
    assert driver.bytes(REFUSAL) == [refused, refused]
    assert driver.end() == [("leave", FAILED)]


def test_dry_run_last_has_no_effect() -> None:
    assert Driver(offline=True, dry_run=True).line("/last") == []


@pytest.mark.parametrize("line", ["/last 2", "/last x=1"])
def test_last_with_argument_reports_error(line: str) -> None:
    driver = terminal_driver()
    driver.line("query-name")
    driver.bytes(reply({}, 1))
    ((kind, text),) = driver.line(line)
    assert kind == "error"
    assert text.splitlines()[2].index("^") == 8  # under the extra word
    assert text.endswith("usage: /last")
