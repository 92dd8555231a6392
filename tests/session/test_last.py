"""`/last`: the last reply once more, and all of it."""

from __future__ import annotations

from typing import Any

import pytest

from qmpshell.errors import FAILED
from qmpshell.language import LogicalLine, SourceLine
from qmpshell.session import Effect, ShowReply
from tests.harness.sessions import DONE, REFUSAL, Driver, error, reply


def person(**options: Any) -> Driver:
    return Driver(interactive=True, **options)


def last(driver: Driver) -> list[Effect]:
    """Return the effects of `/last`."""
    line = LogicalLine()
    line.add("/last", number=1, line="/last", dropped=0)
    prepared = driver.session.prepare(SourceLine("stdin", line))
    return driver.session.submit(prepared, driver.now)


NAMED = {"return": {"name": "one"}, "id": "qmpshell-1"}


def test_there_is_none_yet() -> None:
    assert person().line("/last") == [("error", "no reply yet")]


def test_save_requests_whole_reply_without_sending() -> None:
    driver = person()
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


def test_streamed_reply_is_not_shown_twice() -> None:
    driver = person()
    driver.line("query-name")
    (shown,) = driver.session.receive(reply({}, 1), driver.now)
    assert isinstance(shown, ShowReply)
    assert not shown.again


def test_a_destination_gets_it() -> None:
    driver = person()
    driver.line("query-name")
    driver.bytes(reply({"name": "one"}, 1))
    for operator, target in ((">", "file"), ("|", "jq .")):
        assert driver.line(f"/last {operator} {target}") == [("divert", operator, target)]
        assert driver.redirect_opened() == [("reply", NAMED), ("finish", operator, target)]
        assert driver.redirect_closed() == []


def test_a_destination_that_cannot_be_opened_gets_nothing() -> None:
    driver = person()
    driver.line("query-name")
    driver.bytes(reply({}, 1))
    driver.line("/last > file")
    ((kind, text),) = driver.redirect_opened("file: Permission denied")
    assert kind == "error"
    assert "Permission denied" in text


def test_an_error_is_a_reply() -> None:
    driver = person()
    driver.line("stop")
    driver.bytes(error("no", marker=1))
    assert driver.line("/last") == [
        ("reply", {"error": {"class": "GenericError", "desc": "no"}, "id": "qmpshell-1"})
    ]


def test_a_reply_of_the_human_monitor() -> None:
    driver = person()
    driver.line("/hmp info name")
    driver.bytes(reply("one\r\ntwo", 1))
    assert driver.line("/last") == [("reply", {"return": "one\r\ntwo", "id": "qmpshell-1"})]


def test_late_reply_becomes_the_last_reply() -> None:
    driver = person()
    driver.line("query-name")
    driver.abandon()
    driver.line("stop")
    driver.bytes(reply({}, 2))
    assert driver.bytes(reply({"name": "one"}, 1)) == [("late", NAMED)]
    assert driver.line("/last") == [("reply", NAMED)]


def test_what_we_ask_ourselves_is_not_the_last() -> None:
    driver = person()
    driver.line("query-name")
    driver.bytes(reply({"name": "one"}, 1))
    driver.session.probes.learn_commands(driver.now)
    driver.bytes(reply([], 2))
    assert driver.line("/last") == [("reply", NAMED)]


def test_it_waits_for_its_turn() -> None:
    driver = person()
    driver.line("query-name")
    assert driver.line("/last") == []
    assert driver.bytes(reply({"name": "one"}, 1)) == [("reply", NAMED), ("reply", NAMED)]


def test_it_outlives_the_connection() -> None:
    driver = person()
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


def test_nothing_of_it_in_a_dry_run() -> None:
    assert Driver(offline=True, dry_run=True).line("/last") == []


@pytest.mark.parametrize("line", ["/last 2", "/last x=1"])
def test_it_takes_nothing(line: str) -> None:
    driver = person()
    driver.line("query-name")
    driver.bytes(reply({}, 1))
    ((kind, text),) = driver.line(line)
    assert kind == "error"
    assert text.splitlines()[2].index("^") == 8  # under the word that is too many
    assert text.endswith("usage: /last")
