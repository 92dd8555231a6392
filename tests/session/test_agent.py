"""Tests of a session with a guest agent, without I/O."""

from __future__ import annotations

import json
from typing import Any

import pytest

from qmpshell.errors import CONNECTION, FAILED, OK
from tests.harness.sessions import GREETING, Driver, Shown, error, own_question, reply, sent

ECHO = b'{"return": %d, "id": "qmpshell-synchronisation-%d"}\n'
INFO = {
    "version": "10.0.2",
    "supported_commands": [
        {"name": "guest-info", "enabled": True, "success-response": True},
        {"name": "guest-ping", "enabled": True, "success-response": True},
        {"name": "guest-set-time", "enabled": False, "success-response": True},
    ],
}
LOST = "vm.sock: connection lost"


def marker(driver: Driver) -> int:
    return int(driver.now * 1e6)


def synchronising(driver: Driver) -> Shown:
    command = {"execute": "guest-sync-delimited", "arguments": {"id": marker(driver)}}
    return ("send", b"\xff" + json.dumps(command).encode() + b"\n")


def agent(*, echoes: bool = True, **options: Any) -> Driver:
    """Return a driver whose session is synchronised with a guest agent."""
    driver = Driver(agent=True, greeted=False, **options)
    assert [effect[0] for effect in driver.bytes(b'\xff{"return": %d}\n' % marker(driver))] == [
        "send"
    ]
    answer = ECHO % (marker(driver), 1) if echoes else error("'id' is unexpected")
    assert driver.bytes(answer) == [("ready",)]
    return driver


def test_line_waits_for_agent_synchronization() -> None:
    driver = Driver(agent=True, greeted=False)
    assert driver.line("guest-ping") == []
    ask = driver.bytes(b'\xff{"return": %d}\n' % marker(driver))
    assert [effect[0] for effect in ask] == ["send"]
    assert driver.bytes(ECHO % (marker(driver), 1)) == [
        ("ready",),
        sent('{"execute": "guest-ping"}'),
    ]
    assert driver.bytes(reply({})) == [("reply", {"return": {}})]
    assert driver.end() == [("leave", OK)]


def test_values_parse_by_static_types_without_queries() -> None:
    driver = agent()
    assert driver.line("guest-file-read handle=1 count=1k") == [
        sent('{"execute": "guest-file-read", "arguments": {"handle": 1, "count": 1024}}')
    ]


def test_agent_dry_run_uses_static_types() -> None:
    driver = Driver(agent=True, offline=True, dry_run=True)
    line = driver.line("guest-exec path=5 capture-output=on")
    assert [effect[0] for effect in line] == ["show"]
    assert b'"path": "5", "capture-output": true' in line[0][1]


def test_old_agent_receives_commands_without_ids() -> None:
    driver = agent(echoes=False, interactive=True)
    assert driver.line("guest-ping") == [sent('{"execute": "guest-ping"}')]
    driver.session.query_commands(driver.now)
    assert driver.bytes(reply({}))[0] == ("reply", {"return": {}})
    assert driver.bytes(reply(INFO)) == [("learned", "guest-info")]
    assert driver.session.server.names == ["guest-info", "guest-ping"]
    assert driver.session.server.agent_version == "10.0.2"


def test_synchronisation_interval_doubles_while_agent_is_silent() -> None:
    driver = Driver(agent=True, greeted=False, interactive=True)
    (message,) = driver.after(2)
    assert message[0] == "tell"
    assert "the guest agent may not be running in the guest" in message[1]
    assert driver.after(1.9) == []
    assert driver.after(0.1) == [synchronising(driver)]  # 4 seconds after the first
    assert driver.after(7.9) == []
    assert driver.after(0.1) == [synchronising(driver)]
    assert driver.session.deadline == driver.now + 16
    driver.bytes(b'\xff{"return": %d}\n' % marker(driver))
    assert driver.bytes(ECHO % (marker(driver), 1)) == [("ready",)]
    assert driver.session.deadline is None


def test_script_exits_if_agent_stays_silent() -> None:
    driver = Driver(agent=True, greeted=False)
    (message,) = driver.after(2)
    assert "connected, but no answer" in message[1]
    driver.after(2)
    assert driver.after(1) == [("error", "vm.sock: gave up after 5 s"), ("leave", CONNECTION)]


def test_serial_console_is_reported_with_its_output() -> None:
    driver = Driver(agent=True, greeted=False)
    assert driver.bytes(b"debian login: \r\n") == []
    (message,) = driver.after(2)
    assert message == ("tell", "vm.sock: this is not a guest agent: it sent “debian login:”")


def test_qmp_monitor_instead_of_agent_is_reported() -> None:
    driver = Driver(agent=True, greeted=False)
    message, exit_effect = driver.bytes(GREETING)
    assert message == (
        "error",
        "vm.sock: this is a QMP monitor; --ga and qmpshell ga are for guest agents",
    )
    assert exit_effect == ("leave", CONNECTION)


def test_agent_closing_before_reply_ends_script() -> None:
    driver = Driver(agent=True, greeted=False)
    message, exit_effect = driver.gone()
    assert message[1] == "vm.sock: the connection was closed before the guest agent answered"
    assert exit_effect == ("leave", CONNECTION)


@pytest.mark.parametrize("name", ["guest-shutdown", "guest-suspend-ram", "guest-suspend-disk"])
def test_silent_command_succeeds_after_three_seconds(name: str) -> None:
    driver = agent()
    assert driver.line(name) == [sent(f'{{"execute": "{name}"}}')]
    assert driver.session.deadline == driver.now + 3
    assert driver.after(2.9) == []
    assert driver.line("guest-ping") == []
    # The id distinguishes this command from the silent one, whose late error has no id.
    assert driver.after(0.2) == [own_question(1, "guest-ping")]
    assert driver.bytes(reply({}, 1)) == [("reply", {"return": {}, "id": "qmpshell-1"})]
    assert driver.session.idle
    assert driver.end() == [("leave", OK)]


def test_old_agent_after_silent_command_gets_no_id() -> None:
    driver = agent(echoes=False, interactive=True, confirm=())
    driver.line("guest-suspend-ram")
    driver.after(3)
    assert driver.line("guest-ping") == [sent('{"execute": "guest-ping"}')]
    assert driver.bytes(reply({})) == [("reply", {"return": {}})]
    assert driver.session.state.sender.table.oldest_user_request is None


def test_script_is_idle_after_silent_command_timeout() -> None:
    driver = agent()
    driver.line("guest-suspend-ram")
    assert not driver.session.idle
    driver.after(3)
    assert driver.session.idle


@pytest.mark.parametrize(
    "message",
    [GREETING, b'{"event": "SHUTDOWN", "timestamp": {"seconds": 1, "microseconds": 1}}\n'],
)
def test_agent_ignores_qmp_only_messages(message: bytes) -> None:
    driver = agent()
    driver.line("guest-ping")
    (unexpected,) = driver.bytes(message)
    assert (unexpected[0], unexpected[2]) == ("unexpected", "not a QMP message")
    assert driver.session.deadline is None
    assert driver.bytes(reply({})) == [("reply", {"return": {}})]
    assert driver.gone()[-1] == ("leave", CONNECTION)


def test_reply_timeout_does_not_apply_to_silent_command() -> None:
    driver = agent(timeout=1)
    driver.line("guest-suspend-ram")
    assert driver.after(1) == []
    driver.line("guest-ping")
    assert driver.bytes(reply({}, 1)) == [("reply", {"return": {}, "id": "qmpshell-1"})]
    driver.line("guest-ping")
    assert driver.after(1)[-1] == ("leave", CONNECTION)


def test_silent_command_error_is_shown_late() -> None:
    driver = agent(interactive=True, confirm=())
    driver.line("guest-suspend-ram")
    assert driver.after(3) == [
        ("tell", "guest-suspend-ram was sent; it is answered only if it fails")
    ]
    failed = error("the guest cannot", marker=1)
    assert driver.bytes(failed)[0][0] == "late"


def test_silent_command_immediate_error_gives_status_1() -> None:
    driver = agent()
    driver.line("guest-shutdown")
    assert driver.bytes(error("Command guest-shutdown has been disabled"))[0][0] == "reply"
    assert driver.end() == [("leave", FAILED)]


@pytest.mark.parametrize("name", ["guest-shutdown", "guest-suspend-disk"])
@pytest.mark.parametrize("seconds", [1, 5])
def test_requested_guest_shutdown_is_success(name: str, seconds: float) -> None:
    driver = agent()
    driver.line(name)
    driver.after(seconds)
    if name == "guest-suspend-disk" and seconds > 3:
        assert driver.gone()[0][1] == LOST  # the guest continued, so this loss is unrelated
        return
    assert driver.gone() == []
    assert driver.end() == [("leave", OK)]


def test_agent_loss_reports_number_of_unsent_lines() -> None:
    driver = agent(interactive=True, confirm=())
    driver.line("guest-shutdown")
    driver.line("guest-ping")
    (message,) = driver.gone()
    assert message[1].endswith("its outcome is unknown; 1 more was not sent; /connect reconnects")


def test_hint_names_come_from_the_agent() -> None:
    driver = agent()
    driver.line("guest-pong")
    found = driver.bytes(error("The command guest-pong has not been found", "CommandNotFound"))
    assert found[1] == own_question(1, "guest-info")
    assert driver.bytes(reply(INFO, 1)) == [("tell", "stdin:1:1: did you mean guest-ping?")]


def test_agent_without_negotiation_is_ready_immediately() -> None:
    driver = Driver(agent=True, negotiate=False)
    assert driver.line("guest-file-close handle=5") == [
        sent('{"execute": "guest-file-close", "arguments": {"handle": 5}}')
    ]


def test_log_contains_synchronisation_messages() -> None:
    driver = agent(log="ga.log")
    log = [message for _, message in driver.logs["ga.log"].messages]
    assert log[0] == {"execute": "guest-sync-delimited", "arguments": {"id": marker(driver)}}
    assert log[1] == {"return": marker(driver)}
    assert [message.get("execute", "return") for message in log] == [
        "guest-sync-delimited",
        "return",
        "guest-sync",
        "return",
    ]


def test_status_shows_agent_version() -> None:
    driver = agent(interactive=True)
    driver.session.query_commands(driver.now)
    driver.bytes(reply(INFO, 1))
    (message,) = driver.line("/status")
    assert message[1].splitlines()[:2] == ["vm.sock: connected", "server: guest agent 10.0.2"]


def test_reconnect_synchronises_again() -> None:
    driver = agent(interactive=True)
    assert driver.line("/connect other.sock") == [("try", "other.sock")]
    assert driver.tried() == [("connect", "other.sock")]
    driver.now += 1
    assert driver.connected("other.sock") == [synchronising(driver)]


def test_agent_session_has_no_vm_state() -> None:
    driver = agent(interactive=True)
    driver.session.track_vm(driver.now)
    assert driver.session.vm is None
