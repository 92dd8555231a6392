"""A session with a guest agent, without I/O."""

from __future__ import annotations

import json
from typing import Any

import pytest

from qmpshell.errors import CONNECTION, FAILED, OK
from tests.harness.sessions import GREETING, Driver, Said, error, own_question, reply, sent

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


def synchronising(driver: Driver) -> Said:
    command = {"execute": "guest-sync-delimited", "arguments": {"id": marker(driver)}}
    return ("send", b"\xff" + json.dumps(command).encode() + b"\n")


def agent(*, echoes: bool = True, **options: Any) -> Driver:
    """In step."""
    driver = Driver(agent=True, greeted=False, **options)
    assert [one[0] for one in driver.bytes(b'\xff{"return": %d}\n' % marker(driver))] == ["send"]
    answer = ECHO % (marker(driver), 1) if echoes else error("'id' is unexpected")
    assert driver.bytes(answer) == [("greeted",)]
    return driver


def test_line_waits_for_agent_synchronization() -> None:
    driver = Driver(agent=True, greeted=False)
    assert driver.line("guest-ping") == []
    ask = driver.bytes(b'\xff{"return": %d}\n' % marker(driver))
    assert [one[0] for one in ask] == ["send"]
    assert driver.bytes(ECHO % (marker(driver), 1)) == [
        ("greeted",),
        sent('{"execute": "guest-ping"}'),
    ]
    assert driver.bytes(reply({})) == [("reply", {"return": {}})]
    assert driver.end() == [("leave", OK)]


def test_values_parse_by_static_types_without_queries() -> None:
    driver = agent()
    assert driver.line("guest-file-read handle=1 count=1k") == [
        sent('{"execute": "guest-file-read", "arguments": {"handle": 1, "count": 1024}}')
    ]


def test_a_dry_run_knows_the_types_too() -> None:
    driver = Driver(agent=True, offline=True, dry_run=True)
    line = driver.line("guest-exec path=5 capture-output=on")
    assert [one[0] for one in line] == ["show"]
    assert b'"path": "5", "capture-output": true' in line[0][1]


def test_an_old_agent_gets_no_ids() -> None:
    driver = agent(echoes=False, interactive=True)
    assert driver.line("guest-ping") == [sent('{"execute": "guest-ping"}')]
    driver.session.probes.learn_commands(driver.now)
    assert driver.bytes(reply({}))[0] == ("reply", {"return": {}})
    assert driver.bytes(reply(INFO)) == [("learned", "guest-info")]
    assert driver.session.names == ["guest-info", "guest-ping"]
    assert driver.session.agent_version == "10.0.2"


def test_query_interval_grows_while_quiet() -> None:
    driver = Driver(agent=True, greeted=False, interactive=True)
    (told,) = driver.after(2)
    assert told[0] == "tell"
    assert "the guest agent may not be running in the guest" in told[1]
    assert driver.after(1.9) == []
    assert driver.after(0.1) == [synchronising(driver)]  # 4 seconds after the first
    assert driver.after(7.9) == []
    assert driver.after(0.1) == [synchronising(driver)]
    assert driver.session.deadline == driver.now + 16
    driver.bytes(b'\xff{"return": %d}\n' % marker(driver))
    assert driver.bytes(ECHO % (marker(driver), 1)) == [("greeted",)]
    assert driver.session.deadline is None


def test_a_script_gives_a_quiet_agent_up() -> None:
    driver = Driver(agent=True, greeted=False)
    driver.after(2)
    driver.after(2)
    (told, left) = driver.after(1)
    assert "connected, but no answer" in told[1]
    assert left == ("leave", CONNECTION)


def test_a_console_is_told_by_what_it_says() -> None:
    driver = Driver(agent=True, greeted=False)
    assert driver.bytes(b"debian login: \r\n") == []
    (told,) = driver.after(2)
    assert told == ("tell", "vm.sock: this is not a guest agent: it sent “debian login:”")


def test_a_monitor_is_told_from_an_agent() -> None:
    driver = Driver(agent=True, greeted=False)
    told, left = driver.bytes(GREETING)
    assert told == (
        "error",
        "vm.sock: this is a QMP monitor, not a guest agent: omit --ga",
    )
    assert left == ("leave", CONNECTION)


def test_an_agent_that_hangs_up_early() -> None:
    driver = Driver(agent=True, greeted=False)
    told, left = driver.gone()
    assert told[1] == "vm.sock: the connection was closed before the guest agent answered"
    assert left == ("leave", CONNECTION)


@pytest.mark.parametrize("name", ["guest-shutdown", "guest-suspend-ram", "guest-suspend-disk"])
def test_no_answer_is_the_answer_of_some_commands(name: str) -> None:
    driver = agent()
    assert driver.line(name) == [sent(f'{{"execute": "{name}"}}')]
    assert driver.session.deadline == driver.now + 3
    assert driver.after(2.9) == []
    assert driver.line("guest-ping") == []
    # With an id, as what failed after all would come without one.
    assert driver.after(0.2) == [own_question(1, "guest-ping")]
    assert driver.bytes(reply({}, 1)) == [("reply", {"return": {}, "id": "qmpshell-1"})]
    assert driver.session.idle
    assert driver.end() == [("leave", OK)]


def test_agent_without_ids_after_silent_command() -> None:
    driver = agent(echoes=False, interactive=True, confirm=())
    driver.line("guest-suspend-ram")
    driver.after(3)
    assert driver.line("guest-ping") == [sent('{"execute": "guest-ping"}')]
    assert driver.bytes(reply({})) == [("reply", {"return": {}})]
    assert driver.session.waiting is None


def test_a_script_leaves_behind_a_silent_command() -> None:
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
    (stray,) = driver.bytes(message)
    assert (stray[0], stray[2]) == ("stray", "not a QMP message")
    assert driver.session.deadline is None
    assert driver.bytes(reply({})) == [("reply", {"return": {}})]
    assert driver.gone()[-1] == ("leave", CONNECTION)


def test_the_timeout_does_not_make_it_a_failure() -> None:
    driver = agent(timeout=1)
    driver.line("guest-suspend-ram")
    assert driver.after(1) == []
    driver.line("guest-ping")
    assert driver.bytes(reply({}, 1)) == [("reply", {"return": {}, "id": "qmpshell-1"})]
    driver.line("guest-ping")
    assert driver.after(1)[-1] == ("leave", CONNECTION)


def test_what_fails_after_all_is_shown_as_late() -> None:
    driver = agent(interactive=True, confirm=())
    driver.line("guest-suspend-ram")
    assert driver.after(3) == [
        ("tell", "guest-suspend-ram was sent; it is answered only if it fails")
    ]
    failed = error("the guest cannot", marker=1)
    assert driver.bytes(failed)[0][0] == "late"


def test_it_may_fail_at_once() -> None:
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
        assert driver.gone()[0][1] == LOST  # it went on, and that was another end
        return
    assert driver.gone() == []
    assert driver.end() == [("leave", OK)]


def test_unsent_lines_give_a_failure_status() -> None:
    driver = agent(interactive=True, confirm=())
    driver.line("guest-shutdown")
    driver.line("guest-ping")
    (told,) = driver.gone()
    assert told[1].endswith("its outcome is unknown; 1 more was not sent")


def test_hint_names_come_from_the_agent() -> None:
    driver = agent()
    driver.line("guest-pong")
    found = driver.bytes(error("The command guest-pong has not been found", "CommandNotFound"))
    assert found[1] == own_question(1, "guest-info")
    assert driver.bytes(reply(INFO, 1)) == [("tell", "stdin:1:1: did you mean guest-ping?")]


def test_without_synchronisation_it_is_used_at_once() -> None:
    driver = Driver(agent=True, negotiate=False)
    assert driver.line("guest-file-close handle=5") == [
        sent('{"execute": "guest-file-close", "arguments": {"handle": 5}}')
    ]


def test_the_log_has_what_synchronised() -> None:
    driver = agent(log="ga.log")
    log = [message for _, message in driver.logs["ga.log"].messages]
    assert log[0] == {"execute": "guest-sync-delimited", "arguments": {"id": marker(driver)}}
    assert log[1] == {"return": marker(driver)}
    assert [one.get("execute", "return") for one in log] == [
        "guest-sync-delimited",
        "return",
        "guest-sync",
        "return",
    ]


def test_status_tells_what_it_is() -> None:
    driver = agent(interactive=True)
    driver.session.probes.learn_commands(driver.now)
    driver.bytes(reply(INFO, 1))
    (told,) = driver.line("/status")
    assert told[1].splitlines()[:2] == ["vm.sock: connected", "server: guest agent 10.0.2"]


def test_another_connection_synchronises_anew() -> None:
    driver = agent(interactive=True)
    assert driver.line("/connect other.sock") == [("connect", "other.sock")]
    driver.now += 1
    assert driver.connected("other.sock") == [synchronising(driver)]


def test_no_machine_is_followed() -> None:
    driver = agent(interactive=True)
    assert driver.session.probes.watch_machine(driver.now) == []
    assert driver.session.machine is None
