"""Tests of which command is sent before the reply to the previous one is handled, without I/O."""

from __future__ import annotations

import pytest

from tests.harness.sessions import DONE, GREETING, NEGOTIATED, REFUSAL, Driver, error, sent

TWO_LINES = {"two.qmp": "query-name\nquery-status\n"}


@pytest.mark.parametrize(
    ("line", "is_last"),
    [
        ("query-name", True),
        ('{"execute": "query-name"}', True),
        ("quit", True),
        ("query-name ; query-status", False),
        ("/hmp info name", False),
        ("/source two.qmp", False),
    ],
)
def test_session_is_ended_by_last_reply(line: str, is_last: bool) -> None:
    driver = Driver(probe=False, files=TWO_LINES)
    assert [effect[0] for effect in driver.line(line)] == ["send"]
    assert driver.session.is_ended_by(DONE) == is_last
    assert driver.bytes(DONE)[0] == ("reply", {"return": {}})
    if is_last:
        assert driver.session.idle
        assert not driver.session.is_ended_by(DONE)


def test_last_command_of_a_line_ends_it() -> None:
    driver = Driver(probe=False)
    driver.line("query-name ; query-status")
    assert driver.bytes(DONE)[-1] == sent('{"execute": "query-status"}')
    assert driver.session.is_ended_by(DONE)


def test_reply_to_query_of_shell_command_ends_nothing() -> None:
    driver = Driver()
    assert driver.line("/jobs")[-1][0] == "send"
    assert not driver.session.is_ended_by(DONE)


def test_log_must_accept_the_reply_first() -> None:
    driver = Driver(probe=False, log="file")
    driver.line("query-name")
    assert not driver.session.is_ended_by(DONE)


def test_silent_command_is_not_ended_by_a_reply() -> None:
    driver = Driver(probe=False)
    driver.line("guest-shutdown")
    assert not driver.session.is_ended_by(DONE)
    driver.after(3)
    driver.line('{"execute": "query-name"}')
    # The next command gets an id, because a late error of the silent one has none.
    assert not driver.session.is_ended_by(DONE)
    assert driver.bytes(error("no"))[0][0] in ("reply", "late")


@pytest.mark.parametrize(
    ("line", "is_sent_first"),
    [
        ("query-name", True),
        ("query-name ; query-status", True),
        ('{"execute": "blockdev-add"}', True),
        ("query-name > file", False),
        ("getfd fdname=x < file", False),
        ("exit", False),
        ("/quit", False),
        # The schema may arrive before the line runs. Then the name is found to be missing.
        ("blockdev-add driver=null-co", False),
        # The schema is needed to read the value.
        ("resize id=5", False),
        ("query-name nonsense", False),
        ("# nothing", False),
    ],
)
def test_first_request_of_a_line(line: str, is_sent_first: bool) -> None:
    driver = Driver()
    request = driver.prepare(line).first_request
    assert (request is not None) == is_sent_first
    if request is not None:
        assert driver.line(line)[0] == ("send", request.data)


def test_terminal_sends_no_command_early() -> None:
    assert Driver(interactive=True).prepare("query-name").first_request is None


@pytest.mark.parametrize(
    "data",
    [
        REFUSAL,
        DONE + DONE,
        DONE + b'{"event": "STOP"}\r\n',
        b'{"event": "STOP"}\r\n',
        DONE.strip() + GREETING,
        GREETING,
        NEGOTIATED,
        b'{"return": {}, "id": 99}\r\n',
        b'{"return": {}, "error": {}}\r\n',
        b'{"return": {"a": 01x}}\r\n',
        b'{"return": {"a": {}\r\n',
        b"",
    ],
)
def test_everything_else_is_handled_first(data: bytes) -> None:
    drivers = [Driver(probe=False) for _ in "ab"]
    for driver in drivers:
        driver.line("query-name")
    assert not drivers[0].session.is_ended_by(data)
    # The messages are handled once, as without that question.
    first, second = (driver.bytes(data) + driver.bytes(DONE) for driver in drivers)
    assert first == second
    assert drivers[0].connected() == drivers[1].connected()
    assert drivers[0].bytes(GREETING) == drivers[1].bytes(GREETING) != []


def test_end_of_event_is_no_reply() -> None:
    driver = Driver(probe=False)
    driver.line("query-name")
    assert driver.bytes(b'{"event": "STOP", "data": [{}, ') == []
    assert not driver.session.is_ended_by(DONE)
