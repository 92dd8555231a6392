"""`/connect`: what becomes of everything that belonged to the connection before."""

from __future__ import annotations

from typing import Any

import pytest

from qmpshell.errors import CONNECTION, FAILED, OK
from tests.harness.sessions import (
    DONE,
    GREETING,
    NEGOTIATED,
    SCHEMA,
    Driver,
    Said,
    error,
    event,
    mistake,
    own_question,
    reply,
    sent,
)

CAPABILITIES = (
    "send",
    b'{"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]},'
    b' "id": "qmpshell-negotiation-1"}\n',
)
AGAIN = ("connect", None)
NOT_CONNECTED = ("error", "not connected; nothing was sent; use /connect to reconnect")
STOP = '{"execute": "stop", "id": "qmpshell-%d"}'


def person(**options: Any) -> Driver:
    return Driver(interactive=True, **options)


def back(driver: Driver, address: str | None = None) -> list[Said]:
    """Open the requested connection and greet. Return what follows."""
    assert driver.connected(address) == []
    assert driver.bytes(GREETING) == [CAPABILITIES]
    greeted, *more = driver.bytes(NEGOTIATED)
    assert greeted == ("greeted",)
    return more


# -- when it is typed -----------------------------------------------------------------------------


def test_back_after_a_loss() -> None:
    driver = person()
    driver.gone()
    assert driver.line("/connect") == [AGAIN]
    assert back(driver) == []
    assert driver.line("stop") == [sent(STOP % 1)]
    assert driver.bytes(reply({}, 1)) == [("reply", {"return": {}, "id": "qmpshell-1"})]
    assert driver.end() == [("leave", OK)]


def test_while_connected() -> None:
    driver = person()
    assert driver.line("/connect") == [AGAIN]
    assert not driver.session.idle
    assert back(driver) == []
    assert driver.session.idle


def test_as_often_as_one_likes() -> None:
    driver = person()
    for number in range(1, 4):
        assert driver.line("/connect") == [AGAIN]
        back(driver)
        assert driver.line("stop") == [sent(STOP % number)]  # an id is never used again
        driver.bytes(reply({}, number))
        driver.gone()


def test_with_a_reply_outstanding() -> None:
    driver = person()
    driver.line("stop")
    assert driver.line("/connect") == [
        ("tell", "no longer waiting for the reply to stop; its outcome is unknown"),
        AGAIN,
    ]
    assert back(driver) == []
    assert driver.line("cont") == [sent('{"execute": "cont", "id": "qmpshell-2"}')]


def test_with_a_reply_outstanding_that_was_given_up() -> None:
    driver = person()
    driver.line("stop")
    driver.abandon()
    assert driver.line("/connect") == [AGAIN]
    back(driver)
    stray = b'{"return": {}, "id": "qmpshell-1"}'
    assert driver.bytes(stray) == [("stray", stray, "an unexpected reply")]


def test_with_lines_queued() -> None:
    driver = person()
    driver.line("stop")
    driver.line("cont")
    driver.line("query-name; query-status")
    assert driver.line("/connect")[1:] == [("tell", "3 were not sent"), AGAIN]
    assert back(driver) == []


def test_with_the_rest_of_a_line_to_go() -> None:
    driver = person()
    driver.line("stop; cont")
    assert driver.line("/connect")[1:] == [("tell", "1 was not sent"), AGAIN]
    assert back(driver) == []


@pytest.mark.parametrize("wait", ["/wait STOP", "/wait -t 9 STOP"])
def test_with_a_wait_going_on(wait: str) -> None:
    driver = person()
    driver.line(wait)
    assert driver.line("/connect") == [AGAIN]
    assert back(driver) == []
    assert driver.bytes(event("STOP")) == [("event", "STOP")]
    assert driver.line("stop") == [sent(STOP % 1)]
    assert driver.session.deadline is None


def test_with_a_job_waited_for() -> None:
    driver = person()
    assert driver.line("/wait-job j") == [own_question(1, "query-jobs")]
    assert driver.line("/connect") == [AGAIN]
    assert back(driver) == []
    assert driver.line("stop") == [sent(STOP % 2)]


def test_with_a_question_put() -> None:
    driver = person()
    assert driver.line("quit")[0][0] == "ask"
    assert driver.line("/connect") == [AGAIN]
    assert driver.answer(go_on=True) == []  # it was about the other server
    back(driver)
    assert driver.answer(go_on=True) == []
    assert driver.line("stop") == [sent(STOP % 2)]


def test_with_a_secret_asked_for() -> None:
    driver = person(probe=False)
    assert driver.line("set_password protocol=vnc password=@?") == [("ask secret", "password")]
    assert driver.line("/connect") == [("tell", "1 was not sent"), AGAIN]
    assert driver.secret("hunter2") == []
    back(driver)
    assert driver.secret("hunter2") == []
    assert driver.line("stop") == [sent(STOP % 1)]


def test_with_the_schema_asked_for() -> None:
    driver = person()
    assert driver.line("resize id=5") == [own_question(1, "query-qmp-schema")]
    said = driver.line("/connect")
    assert said[-1] == AGAIN
    assert "nothing was sent" in said[0][1]
    assert back(driver) == []
    driver.line("stop")
    driver.bytes(reply({}, 2))
    assert driver.line("resize id=5") == [own_question(3, "query-qmp-schema")]


def test_with_a_destination_being_opened() -> None:
    driver = person()
    assert driver.line("query-name > file") == [("divert", ">", "file")]
    assert driver.line("/connect") == [("tell", "1 was not sent"), AGAIN]
    assert driver.redirect_opened() == []
    assert back(driver) == []


def test_with_a_program_reading_the_replies() -> None:
    driver = person()
    driver.line("query-name | less")
    driver.redirect_opened()
    assert driver.bytes(reply({}, 1))[1:] == [("finish", "|", "less")]
    assert driver.line("/connect") == [AGAIN]
    assert driver.redirect_closed() == []
    assert back(driver) == []
    assert driver.redirect_closed() == []


def test_before_the_greeting() -> None:
    driver = person(greeted=False)
    driver.line("stop")
    assert driver.line("/connect") == [("tell", "1 was not sent"), AGAIN]
    assert driver.session.deadline is None  # no greeting is due yet
    assert back(driver) == []


def test_while_connecting_already() -> None:
    driver = person()
    assert driver.line("/connect here") == [("connect", "here")]
    assert driver.line("stop") == []
    assert driver.line("/connect there") == [("tell", "1 was not sent"), ("connect", "there")]
    assert back(driver, "there") == []
    ((_, text),) = driver.line("/status")
    assert text.splitlines()[0] == "there: connected"


def test_lines_typed_during_connect_are_sent_later() -> None:
    driver = person()
    driver.line("/connect")
    assert driver.line("stop") == []
    assert driver.line("cont") == []
    assert back(driver) == [sent(STOP % 1)]
    assert driver.bytes(reply({}, 1))[1:] == [sent('{"execute": "cont", "id": "qmpshell-2"}')]


def test_lines_typed_meanwhile_can_be_dropped() -> None:
    driver = person()
    driver.line("/connect")
    driver.line("stop")
    assert driver.abandon() == [("tell", "1 was not sent")]
    assert back(driver) == []


# -- on a line with others ------------------------------------------------------------------------


def test_lines_after_connect_use_new_server() -> None:
    driver = person()
    driver.line("query-status")
    assert driver.line("/connect other; stop") == []  # in its turn
    assert driver.line("cont") == []
    assert driver.bytes(reply({}, 1))[1:] == [("connect", "other")]
    assert back(driver, "other") == [sent(STOP % 2)]
    assert driver.bytes(reply({}, 2))[1:] == [sent('{"execute": "cont", "id": "qmpshell-3"}')]


def test_lines_before_connect_use_old_server() -> None:
    driver = person()
    assert driver.line("stop; /connect; cont") == [sent(STOP % 1)]
    assert driver.bytes(reply({}, 1))[1:] == [AGAIN]
    assert back(driver) == [sent('{"execute": "cont", "id": "qmpshell-2"}')]


def test_lines_after_failed_connect_are_unsent() -> None:
    driver = person()
    assert driver.line("/connect; stop; cont") == [AGAIN]
    driver.line("query-name")
    assert driver.connect_failed("nobody there") == [("error", "nobody there; 3 were not sent")]


def test_in_a_file_that_is_run() -> None:
    driver = person(files={"lines": "/connect\nstop\n"})
    assert driver.line("/source lines") == [AGAIN]
    assert back(driver) == [sent(STOP % 1)]


def test_with_a_destination() -> None:
    driver = person()
    assert driver.line("/connect; stop > file") == [("divert", ">", "file")]
    assert driver.redirect_opened() == [AGAIN]
    assert back(driver) == [sent(STOP % 1)]
    assert driver.bytes(reply({}, 1))[1:] == [("finish", ">", "file")]


def test_connection_loss_finishes_redirect() -> None:
    driver = person()
    driver.line("/connect; stop > file")
    driver.redirect_opened()
    driver.connected()
    assert ("finish", ">", "file") in driver.gone() + driver.line("")


@pytest.mark.parametrize(
    ("line", "carets", "reason"),
    [
        ("/connect a b", "           ^", "one name is enough; quote a name that contains blanks"),
    ],
)
def test_a_wrong_call_leaves_the_connection_alone(line: str, carets: str, reason: str) -> None:
    driver = person()
    driver.line("stop")
    assert driver.line(line) == [mistake(line, carets, reason, "usage: /connect [ADDRESS]")]
    assert driver.bytes(reply({}, 1)) == [("reply", {"return": {}, "id": "qmpshell-1"})]


@pytest.mark.parametrize("word", ["/run/vm.sock", '"/run/vm.sock"', "tcp:[::1]:4444", "x=y:1"])
def test_the_address_is_the_drivers_to_read(word: str) -> None:
    assert person().line(f"/connect {word}") == [("connect", word.strip('"'))]


def test_a_dry_run_connects_nowhere() -> None:
    assert Driver(offline=True, dry_run=True).line("/connect other") == []


# -- failures -------------------------------------------------------------------------------------


def test_failed_connection_refuses_lines_until_next_attempt() -> None:
    driver = person()
    driver.line("/connect")
    assert driver.connect_failed("nobody there") == [("error", "nobody there")]
    assert driver.line("stop; cont") == [NOT_CONNECTED]
    assert driver.line("/connect") == [AGAIN]
    assert back(driver) == []
    assert driver.line("stop")[0][0] == "send"


def test_exit_after_failure_sets_status() -> None:
    driver = person()
    driver.line("/connect")
    driver.connect_failed("nobody there")
    assert driver.line("exit") == [("leave", CONNECTION)]


def test_late_failure_is_ignored() -> None:
    driver = person()
    assert driver.connect_failed("nobody there") == []
    assert driver.line("stop") == [sent(STOP % 1)]


def test_a_server_that_leaves_before_it_greets() -> None:
    driver = person()
    driver.line("/connect other; stop")
    assert driver.connected("other") == []
    assert driver.gone() == [
        ("error", "other: the connection was closed before the server's greeting; 1 was not sent")
    ]
    assert driver.line("stop") == [NOT_CONNECTED]


def test_a_server_that_says_nothing_is_diagnosed_anew() -> None:
    driver = person()
    driver.line("/connect")
    driver.now += 100
    driver.connected()
    ((kind, text),) = driver.after(2)
    assert kind == "tell"
    assert "no greeting" in text
    assert driver.session.deadline is None
    assert driver.bytes(GREETING) == [CAPABILITIES]


def test_a_server_that_refuses() -> None:
    driver = person()
    driver.line("/connect")
    driver.connected()
    driver.bytes(GREETING)
    driver.bytes(
        b'{"error": {"class": "GenericError", "desc": "no"}, "id": "qmpshell-negotiation-1"}\n'
    )
    assert driver.bytes(
        b'{"error": {"class": "GenericError", "desc": "no"}, "id": "qmpshell-negotiation-2"}\n'
    ) == [("error", "vm.sock: the server refused to negotiate: no")]
    assert driver.line("/connect") == [AGAIN]
    assert back(driver) == []


def test_partial_message_is_discarded_on_reconnect() -> None:
    driver = person()
    assert driver.bytes(b'{"event": "STOP", "data"') == []
    driver.line("/connect")
    assert back(driver) == []
    assert driver.bytes(event("RESUME")) == [("event", "RESUME")]


# -- what was known -------------------------------------------------------------------------------


def test_the_schema_is_asked_for_anew() -> None:
    driver = person()
    driver.line("resize id=5")
    driver.bytes(reply(SCHEMA, 1))
    driver.bytes(reply({}, 2))
    driver.line("/connect")
    back(driver)
    assert driver.line("resize id=5") == [own_question(3, "query-qmp-schema")]


def test_the_names_of_commands_are_asked_for_anew() -> None:
    driver = person()
    unknown = "The command stup has not been found"
    driver.line("stup")
    assert driver.bytes(error(unknown, "CommandNotFound", 1))[1:] == [
        own_question(2, "query-commands")
    ]
    assert driver.bytes(reply([{"name": "stop"}], 2)) == [("tell", "did you mean stop?")]
    driver.line("/connect")
    back(driver)
    driver.line("stup")
    assert driver.bytes(error(unknown, "CommandNotFound", 3))[1:] == [
        own_question(4, "query-commands")
    ]


def test_what_is_unstable_is_told_anew() -> None:
    driver = person()
    line = "blockdev-add driver=null-co size=1"
    for number in (1, 4):
        assert driver.line(line) == [own_question(number, "query-qmp-schema")]
        assert [one[0] for one in driver.bytes(reply(SCHEMA, number))] == ["tell", "send"]
        driver.bytes(reply({}, number + 1))
        assert [one[0] for one in driver.line(line)] == ["send"]
        driver.bytes(reply({}, number + 2))
        driver.line("/connect")
        back(driver)


def test_the_chosen_cpu_is_forgotten() -> None:
    driver = person()
    driver.line("/hmp cpu 1")
    driver.bytes(reply("", 1))
    driver.line("/connect")
    back(driver)
    ((_, data),) = driver.line("/hmp info registers")
    assert b"cpu-index" not in data


def test_earlier_shutdown_does_not_excuse_loss() -> None:
    driver = person()
    driver.bytes(event("SHUTDOWN"))
    assert driver.gone() == [("tell", "the server has exited")]
    driver.line("/connect")
    back(driver)
    assert driver.gone() == [("error", "vm.sock: connection lost")]
    assert driver.end() == [("leave", CONNECTION)]


def test_events_of_another_server_are_ignored() -> None:
    driver = person()
    driver.bytes(event("STOP"))
    driver.line("/connect other")
    back(driver, "other")
    driver.line("/wait STOP")
    assert driver.line("stop") == []


def test_new_address_is_the_one_shown() -> None:
    driver = person()
    driver.line("/connect other")
    back(driver, "unix:other")
    assert driver.gone() == [("error", "unix:other: connection lost")]


def test_without_negotiation_it_is_ready_at_once() -> None:
    driver = person(negotiate=False)
    assert driver.line("/connect; stop") == [AGAIN]
    assert driver.connected() == [("greeted",), sent(STOP % 1)]


def test_a_log_goes_on() -> None:
    driver = person(log="log")
    driver.line("/connect")
    back(driver)
    driver.line("stop")
    sent_names = [
        message["execute"] for way, message in driver.logs["log"].messages if way == "sent"
    ]
    assert sent_names == ["qmp_capabilities", "qmp_capabilities", "stop"]
    assert not driver.logs["log"].closed


# -- in scripts -----------------------------------------------------------------------------------


def test_a_script_connects_in_its_turn() -> None:
    driver = Driver()
    assert driver.line("stop; /connect other; cont") == [sent('{"execute": "stop"}')]
    assert driver.bytes(DONE) == [("reply", {"return": {}}), ("connect", "other")]
    assert not driver.session.idle
    assert back(driver, "other") == [sent('{"execute": "cont"}')]
    assert driver.bytes(DONE) == [("reply", {"return": {}})]
    assert driver.session.idle
    assert driver.end() == [("leave", OK)]


def test_a_script_that_cannot_connect_ends() -> None:
    driver = Driver()
    assert driver.line("/connect; cont") == [AGAIN]
    assert driver.connect_failed("nobody there") == [
        ("error", "nobody there; 1 was not sent"),
        ("leave", CONNECTION),
    ]


def test_script_abandons_server_without_greeting() -> None:
    driver = Driver()
    driver.line("/connect")
    driver.connected()
    assert [one[0] for one in driver.after(2)] == ["tell"]
    assert driver.after(3)[-1] == ("leave", CONNECTION)


def test_a_script_goes_on_after_quit() -> None:
    driver = Driver()
    driver.line("quit")
    driver.bytes(DONE)
    driver.gone()
    assert driver.line("/connect") == [AGAIN]
    assert back(driver) == []
    assert driver.line("stop") == [sent('{"execute": "stop"}')]
    driver.bytes(DONE)
    assert driver.end() == [("leave", OK)]


def test_a_failure_before_it_is_still_one() -> None:
    driver = Driver()
    driver.line("stop")
    driver.bytes(b'{"error": {"class": "GenericError", "desc": "no"}}\n')
    driver.line("/connect")
    back(driver)
    assert driver.end() == [("leave", FAILED)]
