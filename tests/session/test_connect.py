"""Tests of `/connect` and its effect on the state of the earlier connection."""

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
    Shown,
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


def terminal_driver(**options: Any) -> Driver:
    return Driver(interactive=True, **options)


def open_connection(driver: Driver, address: str | None = None) -> list[Shown]:
    """Open the requested connection, send the greeting, and return the effects that follow."""
    assert driver.connected(address) == []
    assert driver.bytes(GREETING) == [CAPABILITIES]
    first, *more = driver.bytes(NEGOTIATED)
    assert first == ("ready",)
    return more


# -- the state of the session ---------------------------------------------------------------------


def test_connect_after_loss_accepts_lines_again() -> None:
    driver = terminal_driver()
    driver.gone()
    assert driver.line("/connect") == [AGAIN]
    assert open_connection(driver) == []
    assert driver.line("stop") == [sent(STOP % 1)]
    assert driver.bytes(reply({}, 1)) == [("reply", {"return": {}, "id": "qmpshell-1"})]
    assert driver.end() == [("leave", OK)]


def test_connect_while_connected_replaces_connection() -> None:
    driver = terminal_driver()
    assert driver.line("/connect") == [AGAIN]
    assert not driver.session.idle
    assert open_connection(driver) == []
    assert driver.session.idle


def test_repeated_connect_never_reuses_request_ids() -> None:
    driver = terminal_driver()
    for number in range(1, 4):
        assert driver.line("/connect") == [AGAIN]
        open_connection(driver)
        assert driver.line("stop") == [sent(STOP % number)]  # ids stay unique
        driver.bytes(reply({}, number))
        driver.gone()


def test_connect_abandons_pending_reply_with_message() -> None:
    driver = terminal_driver()
    driver.line("stop")
    assert driver.line("/connect") == [
        ("tell", "no longer waiting for the reply to stop; its outcome is unknown"),
        AGAIN,
    ]
    assert open_connection(driver) == []
    assert driver.line("cont") == [sent('{"execute": "cont", "id": "qmpshell-2"}')]


def test_connect_makes_abandoned_reply_unexpected() -> None:
    driver = terminal_driver()
    driver.line("stop")
    driver.abandon()
    assert driver.line("/connect") == [AGAIN]
    open_connection(driver)
    unexpected = b'{"return": {}, "id": "qmpshell-1"}'
    assert driver.bytes(unexpected) == [("unexpected", unexpected, "an unexpected reply")]


def test_connect_drops_queued_lines() -> None:
    driver = terminal_driver()
    driver.line("stop")
    driver.line("cont")
    driver.line("query-name; query-status")
    assert driver.line("/connect")[1:] == [("tell", "3 commands were not sent"), AGAIN]
    assert open_connection(driver) == []


def test_connect_drops_rest_of_running_line() -> None:
    driver = terminal_driver()
    driver.line("stop; cont")
    assert driver.line("/connect")[1:] == [("tell", "1 command was not sent"), AGAIN]
    assert open_connection(driver) == []


@pytest.mark.parametrize("wait", ["/wait STOP", "/wait -t 9 STOP"])
def test_connect_cancels_event_wait(wait: str) -> None:
    driver = terminal_driver(probe=False)
    driver.line(wait)
    assert driver.line("/connect") == [AGAIN]
    assert open_connection(driver) == []
    assert driver.bytes(event("STOP")) == [("event", "STOP")]
    assert driver.line("stop") == [sent(STOP % 1)]
    assert driver.session.deadline is None


def test_connect_cancels_job_wait() -> None:
    driver = terminal_driver()
    assert driver.line("/wait-job j") == [own_question(1, "query-jobs")]
    assert driver.line("/connect") == [AGAIN]
    assert open_connection(driver) == []
    assert driver.line("stop") == [sent(STOP % 2)]


def test_connect_cancels_confirmation() -> None:
    driver = terminal_driver()
    assert driver.line("quit")[0][0] == "ask"
    assert driver.line("/connect") == [AGAIN]
    assert driver.answer(go_on=True) == []  # the confirmation belongs to the old connection
    open_connection(driver)
    assert driver.answer(go_on=True) == []
    assert driver.line("stop") == [sent(STOP % 2)]


def test_connect_cancels_secret_prompt() -> None:
    driver = terminal_driver(probe=False)
    assert driver.line("set_password protocol=vnc password=@?") == [("ask secret", "password")]
    assert driver.line("/connect") == [("tell", "1 command was not sent"), AGAIN]
    assert driver.secret("hunter2") == []
    open_connection(driver)
    assert driver.secret("hunter2") == []
    assert driver.line("stop") == [sent(STOP % 1)]


def test_connect_drops_line_waiting_for_schema() -> None:
    driver = terminal_driver()
    assert driver.line("resize id=5") == [own_question(1, "query-qmp-schema")]
    effects = driver.line("/connect")
    assert effects[-1] == AGAIN
    assert "nothing was sent" in effects[0][1]
    assert open_connection(driver) == []
    driver.line("stop")
    driver.bytes(reply({}, 2))
    assert driver.line("resize id=5") == [own_question(3, "query-qmp-schema")]


def test_connect_drops_line_waiting_for_redirect() -> None:
    driver = terminal_driver()
    assert driver.line("query-name > file") == [("divert", ">", "file")]
    stopped = ("stop", "divert", ">", "file")
    assert driver.line("/connect") == [("tell", "1 command was not sent"), AGAIN, stopped]
    assert driver.redirect_opened() == []
    assert open_connection(driver) == []


def test_connect_ignores_later_close_of_redirect() -> None:
    driver = terminal_driver()
    driver.line("query-name | less")
    driver.redirect_opened()
    assert driver.bytes(reply({}, 1))[1:] == [("finish", "|", "less")]
    assert driver.line("/connect") == [AGAIN]
    assert driver.redirect_closed() == []
    assert open_connection(driver) == []
    assert driver.redirect_closed() == []


def test_connect_before_greeting_drops_lines() -> None:
    driver = terminal_driver(greeted=False)
    driver.line("stop")
    assert driver.line("/connect") == [("tell", "1 command was not sent"), AGAIN]
    assert driver.session.deadline is None  # the new connection is not open yet
    assert open_connection(driver) == []


def test_connect_while_connecting_uses_latest_address() -> None:
    driver = terminal_driver()
    assert driver.line("/connect here") == [("try", "here")]
    assert driver.line("stop") == []
    assert driver.line("/connect there") == [("try", "there")]
    assert driver.tried() == [("tell", "1 command was not sent"), ("connect", "there")]
    assert open_connection(driver, "there") == []
    ((_, text),) = driver.line("/status")
    assert text.splitlines()[0] == "there: connected"


def test_lines_typed_during_connect_are_sent_later() -> None:
    driver = terminal_driver()
    driver.line("/connect")
    assert driver.line("stop") == []
    assert driver.line("cont") == []
    assert open_connection(driver) == [sent(STOP % 1)]
    assert driver.bytes(reply({}, 1))[1:] == [sent('{"execute": "cont", "id": "qmpshell-2"}')]


def test_ctrl_c_during_connect_drops_typed_lines() -> None:
    driver = terminal_driver()
    driver.line("/connect")
    driver.line("stop")
    assert driver.abandon() == [("tell", "1 command was not sent")]
    assert open_connection(driver) == []


# -- a server that cannot be reached --------------------------------------------------------------


KEPT = "nobody there; still connected to vm.sock"


def test_failed_connect_keeps_connection_and_request() -> None:
    driver = terminal_driver()
    driver.line("stop")
    driver.line("cont")
    assert driver.line("/connect other") == [("try", "other")]
    assert driver.tried("nobody there") == [("error", KEPT)]
    assert driver.bytes(reply({}, 1)) == [
        ("reply", {"return": {}, "id": "qmpshell-1"}),
        sent('{"execute": "cont", "id": "qmpshell-2"}'),
    ]


def test_failed_connect_drops_lines_typed_after_it() -> None:
    driver = terminal_driver()
    driver.line("/connect other")
    assert driver.line("stop; cont") == []
    assert driver.line("query-name") == []
    assert driver.tried("nobody there") == [("error", f"{KEPT}; 3 commands were not sent")]
    assert driver.line("stop") == [sent(STOP % 1)]


def test_successful_connect_sends_lines_typed_after_it() -> None:
    driver = terminal_driver()
    driver.line("cont")
    driver.line("query-name")
    driver.line("/connect other")
    assert driver.line("stop") == []
    assert driver.bytes(reply({}, 1)) == [("reply", {"return": {}, "id": "qmpshell-1"})]
    assert driver.tried() == [("tell", "1 command was not sent"), ("connect", "other")]
    assert open_connection(driver, "other") == [sent(STOP % 2)]


def test_failed_connect_drops_rest_of_its_line() -> None:
    driver = terminal_driver()
    assert driver.line("/connect other; stop; cont") == [("try", "other")]
    driver.line("query-name")
    assert driver.tried("nobody there") == [("error", f"{KEPT}; 3 commands were not sent")]
    assert driver.line("stop") == [sent(STOP % 1)]


def test_failed_connect_keeps_wait_and_live_view() -> None:
    driver = terminal_driver(probe=False)
    driver.line("/watch query-name")
    driver.line("/wait STOP")
    driver.line("/connect other")
    driver.tried("nobody there")
    assert driver.session.live_view is not None
    assert driver.session.is_blocked
    driver.bytes(event("STOP"))
    assert not driver.session.is_blocked


def test_failed_connect_keeps_schema() -> None:
    driver = terminal_driver()
    driver.line("resize id=5")
    driver.bytes(reply(SCHEMA, 1))
    driver.bytes(reply({}, 2))
    driver.line("/connect other")
    driver.tried("nobody there")
    assert driver.line("resize id=5")[0][0] == "send"


def test_connection_lost_while_connecting_uses_new_server() -> None:
    driver = terminal_driver()
    driver.line("/connect other")
    assert driver.gone() == [
        ("connect", "other"),
        ("error", "vm.sock: connection lost; /connect reconnects"),
    ]
    assert open_connection(driver, "other") == []
    assert driver.line("stop") == [sent(STOP % 1)]


def test_connecting_is_described_as_blocker() -> None:
    driver = terminal_driver()
    driver.line("/connect other")
    assert driver.session.is_blocked
    expected = "waiting for a connection to other, 3 s; Ctrl-C stops waiting"
    assert driver.session.describe_blocker(driver.now + 3) == expected


def test_bare_connect_returns_to_last_greeted_server() -> None:
    driver = terminal_driver()
    driver.gone()
    assert driver.line("/connect first") == [("connect", "first")]
    open_connection(driver, "unix:first")
    driver.gone()
    assert driver.line("/connect broken") == [("connect", "broken")]
    driver.connect_failed("nobody there")
    assert driver.line("/connect silent") == [("connect", "silent")]
    assert driver.connected("silent") == []
    assert driver.line("/connect") == [("connect", "first")]
    driver.connect_failed("nobody there")
    assert driver.line("/connect") == [("connect", "first")]
    open_connection(driver, "unix:first")
    assert driver.gone() == [("error", "unix:first: connection lost; /connect reconnects")]


# -- lines with several commands ------------------------------------------------------------------


def test_lines_after_connect_use_new_server() -> None:
    driver = terminal_driver()
    driver.line("query-status")
    assert driver.line("/connect other; stop") == []  # /connect waits for the reply
    assert driver.line("cont") == []
    assert driver.bytes(reply({}, 1))[1:] == [("try", "other")]
    assert driver.tried() == [("connect", "other")]
    assert open_connection(driver, "other") == [sent(STOP % 2)]
    assert driver.bytes(reply({}, 2))[1:] == [sent('{"execute": "cont", "id": "qmpshell-3"}')]


def test_lines_before_connect_use_old_server() -> None:
    driver = terminal_driver()
    assert driver.line("stop; /connect; cont") == [sent(STOP % 1)]
    assert driver.bytes(reply({}, 1))[1:] == [AGAIN]
    assert open_connection(driver) == [sent('{"execute": "cont", "id": "qmpshell-2"}')]


def test_lines_after_failed_connect_are_unsent() -> None:
    driver = terminal_driver()
    assert driver.line("/connect; stop; cont") == [AGAIN]
    driver.line("query-name")
    assert driver.connect_failed("nobody there") == [
        ("error", "nobody there; 3 commands were not sent")
    ]


def test_connect_in_sourced_file_continues_with_file() -> None:
    driver = terminal_driver(files={"lines": "/connect\nstop\n"})
    assert driver.line("/source lines") == [AGAIN]
    assert open_connection(driver) == [sent(STOP % 1)]


def test_connect_keeps_redirect_of_its_own_line() -> None:
    driver = terminal_driver()
    assert driver.line("/connect; stop > file") == [("divert", ">", "file")]
    assert driver.redirect_opened() == [AGAIN]
    assert open_connection(driver) == [sent(STOP % 1)]
    assert driver.bytes(reply({}, 1))[1:] == [("finish", ">", "file")]


def test_connection_loss_finishes_redirect() -> None:
    driver = terminal_driver()
    driver.line("/connect; stop > file")
    driver.redirect_opened()
    driver.connected()
    assert ("finish", ">", "file") in driver.gone() + driver.line("")


@pytest.mark.parametrize(
    ("line", "carets", "reason"),
    [
        (
            "/connect a b",
            "           ^",
            "/connect takes one word; quote it if it contains blanks",
        ),
    ],
)
def test_invalid_connect_call_keeps_connection(line: str, carets: str, reason: str) -> None:
    driver = terminal_driver()
    driver.line("stop")
    assert driver.line(line) == [mistake(line, carets, reason, "usage: /connect [ADDRESS]")]
    assert driver.bytes(reply({}, 1)) == [("reply", {"return": {}, "id": "qmpshell-1"})]


@pytest.mark.parametrize("quote", ["", "'", '"'])
@pytest.mark.parametrize("word", ["/run/vm.sock", "tcp:[::1]:4444", "x=y:1", "unix:/a,server=on"])
def test_connect_passes_address_text_unparsed(word: str, quote: str) -> None:
    driver = terminal_driver()
    assert driver.line(f"/connect {quote}{word}{quote}") == [("try", word)]
    assert driver.tried() == [("connect", word)]


def test_connect_accepts_quoted_command_with_variables() -> None:
    command = "exec:A=1 ssh -o B=2 host socat - UNIX:/run/vm.sock"
    driver = terminal_driver()
    assert driver.line(f"/connect '{command}'") == [("try", command)]


def test_dry_run_connect_has_no_effect() -> None:
    assert Driver(offline=True, dry_run=True).line("/connect other") == []


# -- failures -------------------------------------------------------------------------------------


def test_failed_connection_refuses_lines_until_next_attempt() -> None:
    driver = terminal_driver()
    driver.line("/connect")
    assert driver.connect_failed("nobody there") == [("error", "nobody there")]
    assert driver.line("stop; cont") == [NOT_CONNECTED]
    assert driver.line("/connect") == [AGAIN]
    assert open_connection(driver) == []
    assert driver.line("stop")[0][0] == "send"


def test_exit_after_failure_sets_status() -> None:
    driver = terminal_driver()
    driver.line("/connect")
    driver.connect_failed("nobody there")
    assert driver.line("exit") == [("leave", CONNECTION)]


def test_late_failure_is_ignored() -> None:
    driver = terminal_driver()
    assert driver.connect_failed("nobody there") == []
    assert driver.line("stop") == [sent(STOP % 1)]


def test_close_before_new_greeting_is_reported() -> None:
    driver = terminal_driver()
    driver.line("/connect other; stop")
    driver.tried()
    assert driver.connected("other") == []
    assert driver.gone() == [
        (
            "error",
            "other: the connection was closed before the server's greeting; 1 command was not sent; /connect reconnects",
        )
    ]
    assert driver.line("stop") == [NOT_CONNECTED]


def test_silent_new_server_is_diagnosed() -> None:
    driver = terminal_driver()
    driver.line("/connect")
    driver.now += 100
    driver.connected()
    ((kind, text),) = driver.after(2)
    assert kind == "tell"
    assert "no greeting" in text
    assert driver.session.deadline is None
    assert driver.bytes(GREETING) == [CAPABILITIES]


def test_refused_negotiation_allows_another_connect() -> None:
    driver = terminal_driver()
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
    assert open_connection(driver) == []


def test_partial_message_is_discarded_on_reconnect() -> None:
    driver = terminal_driver()
    assert driver.bytes(b'{"event": "STOP", "data"') == []
    driver.line("/connect")
    assert open_connection(driver) == []
    assert driver.bytes(event("RESUME")) == [("event", "RESUME")]


# -- cached data ----------------------------------------------------------------------------------


def test_connect_clears_schema() -> None:
    driver = terminal_driver()
    driver.line("resize id=5")
    driver.bytes(reply(SCHEMA, 1))
    driver.bytes(reply({}, 2))
    driver.line("/connect")
    open_connection(driver)
    assert driver.line("resize id=5") == [own_question(3, "query-qmp-schema")]


def test_connect_clears_command_names() -> None:
    driver = terminal_driver()
    unknown = "The command stup has not been found"
    driver.line("stup")
    assert driver.bytes(error(unknown, "CommandNotFound", 1))[1:] == [
        own_question(2, "query-commands")
    ]
    assert driver.bytes(reply([{"name": "stop"}], 2)) == [("tell", "did you mean stop?")]
    driver.line("/connect")
    open_connection(driver)
    driver.line("stup")
    assert driver.bytes(error(unknown, "CommandNotFound", 3))[1:] == [
        own_question(4, "query-commands")
    ]


def test_connect_repeats_warning_about_unstable_command() -> None:
    driver = terminal_driver()
    line = "blockdev-add driver=null-co size=1 node-name=n"
    for number in (1, 4):
        assert driver.line(line) == [own_question(number, "query-qmp-schema")]
        assert [effect[0] for effect in driver.bytes(reply(SCHEMA, number))] == ["tell", "send"]
        driver.bytes(reply({}, number + 1))
        assert [effect[0] for effect in driver.line(line)] == ["send"]
        driver.bytes(reply({}, number + 2))
        driver.line("/connect")
        open_connection(driver)


def test_connect_resets_hmp_cpu() -> None:
    driver = terminal_driver()
    driver.line("/hmp cpu 1")
    driver.bytes(reply("", 1))
    driver.line("/connect")
    open_connection(driver)
    ((_, data),) = driver.line("/hmp info registers")
    assert b"cpu-index" not in data


def test_earlier_shutdown_does_not_excuse_loss() -> None:
    driver = terminal_driver()
    driver.bytes(event("SHUTDOWN"))
    assert driver.gone() == [("tell", "the server has exited")]
    driver.line("/connect")
    open_connection(driver)
    assert driver.gone() == [("error", "vm.sock: connection lost; /connect reconnects")]
    assert driver.end() == [("leave", CONNECTION)]


def test_events_of_another_server_are_ignored() -> None:
    driver = terminal_driver(probe=False)
    driver.bytes(event("STOP"))
    driver.line("/connect other")
    driver.tried()
    open_connection(driver, "other")
    driver.line("/wait STOP")
    assert driver.line("stop") == []


def test_new_address_is_the_one_shown() -> None:
    driver = terminal_driver()
    driver.line("/connect other")
    driver.tried()
    open_connection(driver, "unix:other")
    assert driver.gone() == [("error", "unix:other: connection lost; /connect reconnects")]


def test_connect_without_negotiation_is_ready_immediately() -> None:
    driver = terminal_driver(negotiate=False)
    assert driver.line("/connect; stop") == [AGAIN]
    assert driver.connected() == [("ready",), sent(STOP % 1)]


def test_connect_keeps_log_open() -> None:
    driver = terminal_driver(log="log")
    driver.line("/connect")
    open_connection(driver)
    driver.line("stop")
    sent_names = [
        message["execute"] for way, message in driver.logs["log"].messages if way == "sent"
    ]
    assert sent_names == ["qmp_capabilities", "qmp_capabilities", "stop"]
    assert not driver.logs["log"].closed


# -- in scripts -----------------------------------------------------------------------------------


def test_script_connect_runs_in_line_order() -> None:
    driver = Driver()
    assert driver.line("stop; /connect other; cont") == [sent('{"execute": "stop"}')]
    assert driver.bytes(DONE) == [("reply", {"return": {}}), ("connect", "other")]
    assert not driver.session.idle
    assert open_connection(driver, "other") == [sent('{"execute": "cont"}')]
    assert driver.bytes(DONE) == [("reply", {"return": {}})]
    assert driver.session.idle
    assert driver.end() == [("leave", OK)]


def test_script_exits_when_connect_fails() -> None:
    driver = Driver()
    assert driver.line("/connect; cont") == [AGAIN]
    assert driver.connect_failed("nobody there") == [
        ("error", "nobody there; 1 command was not sent"),
        ("leave", CONNECTION),
    ]


def test_script_abandons_server_without_greeting() -> None:
    driver = Driver()
    driver.line("/connect")
    driver.connected()
    assert [effect[0] for effect in driver.after(2)] == ["tell"]
    assert driver.after(3)[-1] == ("leave", CONNECTION)


def test_script_can_connect_after_quit() -> None:
    driver = Driver()
    driver.line("quit")
    driver.bytes(DONE)
    driver.gone()
    assert driver.line("/connect") == [AGAIN]
    assert open_connection(driver) == []
    assert driver.line("stop") == [sent('{"execute": "stop"}')]
    driver.bytes(DONE)
    assert driver.end() == [("leave", OK)]


def test_connect_keeps_earlier_failure_status() -> None:
    driver = Driver()
    driver.line("stop")
    driver.bytes(b'{"error": {"class": "GenericError", "desc": "no"}}\n')
    driver.line("/connect")
    open_connection(driver)
    assert driver.end() == [("leave", FAILED)]
