"""Tests of the session without I/O: the effects of lines, messages and time, in order."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from qmpshell.errors import CONNECTION, FAILED, OK
from qmpshell.session import (
    ShowReply,
)
from tests.harness.sessions import (
    DONE,
    GREETING,
    NEGOTIATED,
    REFUSAL,
    SCHEMA,
    Driver,
    Shown,
    error,
    reply,
    sent,
    shown,
)

CAPABILITIES = (
    b'{"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]},'
    b' "id": "qmpshell-negotiation-1"}\n'
)
STOP = b'{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}\r\n'
SHUTDOWN = b'{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "SHUTDOWN", "data": {}}\r\n'


# -- the greeting ---------------------------------------------------------------------------------


def test_nothing_is_sent_before_the_greeting() -> None:
    driver = Driver(greeted=False)
    assert driver.connect_effects == []
    assert driver.line("stop") == []
    assert not driver.session.idle
    assert driver.bytes(GREETING) == [("send", CAPABILITIES)]
    assert not driver.session.idle
    assert driver.bytes(NEGOTIATED) == [("ready",), sent('{"execute": "stop"}')]


def test_events_during_negotiation_are_shown() -> None:
    driver = Driver(greeted=False)
    assert driver.bytes(STOP) == [("event", "STOP")]
    assert driver.bytes(GREETING + STOP) == [("event", "STOP"), ("send", CAPABILITIES)]
    assert driver.bytes(STOP + NEGOTIATED) == [("event", "STOP"), ("ready",)]


def test_greeting_gives_server_version() -> None:
    driver = Driver()
    assert driver.session.greeting is not None
    assert driver.session.greeting.version == (7, 2, 22)


def test_raw_mode_sends_lines_without_negotiation() -> None:
    driver = Driver(greeted=False, negotiate=False)
    assert driver.connect_effects == [("ready",)]
    assert driver.line("qmp_capabilities") == [sent('{"execute": "qmp_capabilities"}')]
    assert driver.bytes(GREETING) == []
    assert driver.bytes(DONE) == [("reply", {"return": {}})]
    assert driver.status == OK


def test_terminal_without_negotiation_shows_greeting() -> None:
    driver = Driver(greeted=False, negotiate=False, interactive=True)
    assert driver.bytes(GREETING) == [("unexpected", GREETING.strip(), "")]


def test_refused_negotiation_ends_scripts_only() -> None:
    text = "vm.sock: the server refused to negotiate: you may not"
    refusal = b'{"error": {"class": "GenericError", "desc": "you may not"}}\r\n'
    plain = GREETING.replace(b'"oob"', b"")
    driver = Driver(greeted=False)
    driver.bytes(plain)
    assert driver.bytes(refusal) == [("error", text), ("leave", CONNECTION)]
    driver = Driver(greeted=False, interactive=True)
    driver.bytes(plain)
    assert driver.bytes(refusal) == [("error", text)]


def test_refusal_is_shown_without_control_characters() -> None:
    driver = Driver(greeted=False)
    driver.bytes(GREETING.replace(b'"oob"', b""))
    found = driver.bytes(b'{"error": {"class": "GenericError", "desc": "\\u001b[2Jx"}}\r\n')
    assert found[0] == ("error", "vm.sock: the server refused to negotiate: \\x1b[2Jx")


SILENCE = (
    "vm.sock: connected, but no greeting: another client may hold this monitor (QEMU serves one at"
    " a time), QEMU may be stopped, or this may be a guest agent (try --ga)"
)


def test_silence_is_diagnosed_then_ends_script() -> None:
    driver = Driver(greeted=False)
    assert driver.session.deadline == 102.0
    assert driver.after(1.9) == []
    assert driver.after(0.1) == [("tell", SILENCE)]
    assert driver.session.deadline == 105.0
    assert driver.after(2.9) == []
    # The explanation is not repeated.
    assert driver.after(0.1) == [("error", "vm.sock: gave up after 5 s"), ("leave", CONNECTION)]


def test_new_explanation_is_shown_at_the_end() -> None:
    driver = Driver(greeted=False)
    driver.after(2)
    driver.bytes(GREETING[:30])
    ((kind, text), *_) = driver.after(3)
    assert kind == "error"
    assert "only part of a greeting arrived" in text


def test_terminal_keeps_waiting_for_greeting() -> None:
    driver = Driver(greeted=False, interactive=True)
    assert driver.after(2) == [("tell", SILENCE)]
    assert driver.session.deadline is None
    assert driver.after(1000) == []
    driver.bytes(GREETING)
    assert driver.bytes(NEGOTIATED) == [("ready",)]


@pytest.mark.parametrize(
    ("wait_end", "give_up", "first"),
    [(100.0, 101.0, 101.0), (101.5, 101.5, 101.5), (130.0, 130.0, 102.0)],
)
def test_wait_setting_limits_script_wait_for_greeting(
    wait_end: float, give_up: float, first: float
) -> None:
    session = Driver(greeted=False, wait=30).session
    assert session.connected(100.0, give_up_at=wait_end) == []
    assert session.deadline == first
    found = shown(session.tick(first))
    if first < give_up:
        assert found == [("tell", SILENCE)]
        found = shown(session.tick(give_up))
        assert found == [("error", "vm.sock: gave up after 30 s"), ("leave", CONNECTION)]
    else:
        assert found == [("error", SILENCE), ("leave", CONNECTION)]


def test_greeting_in_time_clears_deadline() -> None:
    driver = Driver()
    assert driver.session.deadline is None
    assert driver.after(100) == []


def test_unanswered_negotiation_is_diagnosed() -> None:
    driver = Driver(greeted=False)
    driver.bytes(GREETING)
    text = "vm.sock: the server sent a greeting, but does not answer qmp_capabilities"
    assert driver.after(2) == []
    assert driver.after(2) == [("tell", text)]
    assert driver.after(1) == [("error", "vm.sock: gave up after 5 s"), ("leave", CONNECTION)]


def test_partial_greeting_is_shown_in_diagnosis() -> None:
    driver = Driver(greeted=False)
    driver.bytes(b'{"QMP": {"ver')
    text = 'vm.sock: only part of a greeting arrived: “{"QMP": {"ver”'
    assert driver.after(2) == [("tell", text)]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (
            b"HTTP/1.1 400 Bad Request\r\n",
            "vm.sock: this is a web server (HTTP), not QMP: it sent “HTTP/1.1 400 Bad Request”; a monitor"
            " with websocket=on needs it in ADDRESS too",
        ),
        (
            b"SSH-2.0-OpenSSH_9.2p1\r\n",
            "vm.sock: this is an SSH server, not QMP: it sent “SSH-2.0-OpenSSH_9.2p1”; use"
            " exec:ssh HOST socat - UNIX:PATH for a monitor behind it",
        ),
        (
            b"QEMU 7.2.22 monitor - type 'help' for more information\r\n(qemu) ",
            "vm.sock: this is QEMU's human monitor, not QMP; start QEMU with -qmp, or with"
            " mode=control in -mon",
        ),
        (b"\x1b[2Jx\n", "vm.sock: this is not QMP: it sent “\\x1b[2Jx”"),
    ],
)
def test_foreign_protocol_is_recognised(data: bytes, text: str) -> None:
    assert Driver(greeted=False).bytes(data) == [("error", text), ("leave", CONNECTION)]
    driver = Driver(greeted=False, interactive=True)
    assert driver.bytes(data) == [("error", text)]
    assert driver.session.lost


def test_closing_foreign_protocol_without_newline_is_recognized() -> None:
    driver = Driver(greeted=False)
    assert driver.bytes(b"SSH-2.0-x") == []
    text = (
        "vm.sock: this is an SSH server, not QMP: it sent “SSH-2.0-x”; use exec:ssh HOST socat -"
        " UNIX:PATH for a monitor behind it"
    )
    assert driver.gone() == [("error", text), ("leave", CONNECTION)]


def test_waiting_foreign_protocol_without_newline_is_recognized() -> None:
    driver = Driver(greeted=False)
    assert driver.bytes(b"SSH-2.0-x") == []
    text = (
        "vm.sock: this is an SSH server, not QMP: it sent “SSH-2.0-x”; use exec:ssh HOST socat -"
        " UNIX:PATH for a monitor behind it"
    )
    assert driver.after(2) == [("tell", text)]


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("", "vm.sock: the connection was closed before the server's greeting"),
        (
            "Connection reset by peer",
            "vm.sock: the connection was closed before the server's greeting:"
            " Connection reset by peer",
        ),
    ],
)
def test_close_before_greeting_is_reported(reason: str, text: str) -> None:
    driver = Driver(greeted=False)
    assert driver.gone(reason) == [("error", text), ("leave", CONNECTION)]


def test_close_during_negotiation_is_not_before_greeting() -> None:
    driver = Driver(greeted=False)
    driver.bytes(GREETING)
    (kind, text), leave = driver.gone()
    assert (kind, leave) == ("error", ("leave", CONNECTION))
    assert "before the server's greeting" not in text


# -- scripts --------------------------------------------------------------------------------------


def test_script_sends_one_command_at_a_time() -> None:
    driver = Driver()
    assert driver.session.idle
    assert driver.line("stop; cont") == [sent('{"execute": "stop"}')]
    assert not driver.session.idle
    assert driver.line("query-status") == []
    assert driver.bytes(STOP + reply(1)) == [
        ("event", "STOP"),
        ("reply", {"return": 1}),
        sent('{"execute": "cont"}'),
    ]
    assert driver.bytes(reply(2)) == [
        ("reply", {"return": 2}),
        sent('{"execute": "query-status"}'),
    ]
    assert driver.bytes(reply(3)) == [("reply", {"return": 3})]
    assert driver.session.idle
    assert driver.end() == [("leave", OK)]


def test_messages_are_shown_in_received_order() -> None:
    driver = Driver()
    driver.line("stop")
    assert driver.bytes(STOP + DONE + STOP) == [
        ("event", "STOP"),
        ("reply", {"return": {}}),
        ("event", "STOP"),
    ]


def test_reply_has_elapsed_time() -> None:
    driver = Driver()
    driver.line("stop")
    driver.now += 1.5
    (effect,) = driver.session.receive(DONE, driver.now)
    assert isinstance(effect, ShowReply)
    assert effect.elapsed == 1.5
    assert effect.request.name == "stop"


@pytest.mark.parametrize("text", ["", "   ", "# a comment", ";", " ; ; "])
def test_blank_line_sends_nothing(text: str) -> None:
    driver = Driver()
    assert driver.line(text) == []
    assert driver.session.idle
    assert driver.end() == [("leave", OK)]


def test_error_reply_is_shown_with_status_1() -> None:
    driver = Driver()
    driver.line("x; stop")
    assert driver.bytes(REFUSAL) == [
        ("reply", {"error": {"class": "GenericError", "desc": "no"}}),
        sent('{"execute": "stop"}'),
    ]
    driver.bytes(DONE)
    assert driver.end() == [("leave", FAILED)]


def test_invalid_line_sends_nothing_and_gives_status_1() -> None:
    driver = Driver()
    assert driver.line("stop") == [sent('{"execute": "stop"}')]
    driver.bytes(DONE)
    assert driver.line("query-status; device_del net1") == [
        (
            "error",
            "stdin:2:26: device_del has no argument 'net1'\n"
            "  query-status; device_del net1\n"
            "                           ^^^^\n"
            "  expected KEY=VALUE: did you mean id=net1?",
        )
    ]
    assert driver.session.idle
    assert driver.end() == [("leave", FAILED)]


def test_stop_on_error_ends_at_an_error_reply() -> None:
    driver = Driver(stop_on_error=True)
    driver.line("x; stop")
    assert driver.bytes(REFUSAL) == [
        ("reply", {"error": {"class": "GenericError", "desc": "no"}}),
        ("leave", FAILED),
    ]


def test_stop_on_error_ends_after_the_hint() -> None:
    driver = Driver(stop_on_error=True)
    driver.line("query-nmae; stop")
    driver.line("cont")
    found = driver.bytes(error("The command query-nmae has not been found", "CommandNotFound"))
    assert [effect[0] for effect in found] == ["reply", "send"]
    assert driver.bytes(b'{"return": [{"name": "query-name"}], "id": "qmpshell-1"}\r\n') == [
        ("tell", "stdin:1:1: did you mean query-name?"),
        ("leave", FAILED),
    ]


@pytest.mark.parametrize(
    ("name", "char"), [("query-name|cat", "|"), ("cont;;", ";"), ("stop>file", ">")]
)
def test_operator_in_name_is_explained(name: str, char: str) -> None:
    driver = Driver()
    driver.line(name)
    text = f"The command {name.removesuffix(';')} has not been found"
    hint = f"the name of a command contains no {char}: write a blank before and after it"
    assert driver.bytes(error(text, "CommandNotFound"))[1:] == [("tell", f"stdin:1:1: {hint}")]


def test_stop_on_error_ends_without_hint_after_timeout() -> None:
    driver = Driver(stop_on_error=True, timeout=5.0)
    driver.line("query-nmae; stop")
    driver.bytes(error("The command query-nmae has not been found", "CommandNotFound"))
    assert driver.after(5)[-1] == ("leave", FAILED)


def test_stop_on_error_ends_at_invalid_line() -> None:
    driver = Driver(stop_on_error=True)
    found = driver.line("device_del net1")
    assert [effect[0] for effect in found] == ["error", "leave"]
    assert found[-1] == ("leave", FAILED)


def test_stop_on_error_keeps_terminal_session() -> None:
    driver = Driver(stop_on_error=True, interactive=True)
    driver.line("x")
    found = driver.bytes(b'{"error": {"class": "C", "desc": "d"}, "id": "qmpshell-1"}\r\n')
    assert [effect[0] for effect in found] == ["reply"]
    assert [effect[0] for effect in driver.line("device_del net1")] == ["error"]


@pytest.mark.parametrize("word", ["exit", "/quit", "stop; exit; cont"])
def test_exit_command_does_not_send_quit(word: str) -> None:
    driver = Driver()
    found = driver.line(word)
    if word.startswith("stop"):
        assert found == [sent('{"execute": "stop"}')]
        found = driver.bytes(DONE)[1:]
    assert found == [("leave", OK)]


def test_raw_json_is_sent_unchanged() -> None:
    driver = Driver()
    text = "{ 'execute':'stop' ,  \"id\": \"\\u00e9\"}"
    assert driver.line(text) == [sent(text)]
    assert driver.bytes(b'{"return": {}, "id": "\\u00e9"}\r\n') == [
        ("reply", {"return": {}, "id": "é"})
    ]


IDS: list[object] = [
    None,
    0,
    1,
    -5,
    2**64 - 1,
    1.5,
    True,
    False,
    "",
    "x",
    "\0",
    [],
    {},
    [1, [2, {"a": None}]],
    {"a": {"b": [1]}},
]


@pytest.mark.parametrize("marker", IDS, ids=repr)
@pytest.mark.parametrize("interactive", [False, True])
def test_user_id_may_be_any_json_value(marker: object, interactive: bool) -> None:
    driver = Driver(interactive=interactive)
    text = json.dumps({"execute": "stop", "id": marker})
    assert driver.line(text) == [sent(text)]
    unexpected = b'{"return": 1, "id": "somebody else\'s"}'
    assert driver.bytes(unexpected) == [("unexpected", unexpected, "an unexpected reply")]
    answer = {"return": {}, "id": marker}
    assert driver.bytes(json.dumps(answer).encode() + b"\r\n") == [("reply", answer)]
    assert driver.session.idle


@pytest.mark.parametrize(
    ("sent_id", "other"), [("1", "true"), ("true", "1"), ("false", "0"), ("[0]", "[false]")]
)
def test_number_and_boolean_ids_are_different(sent_id: str, other: str) -> None:
    driver = Driver()
    driver.line(f'{{"execute": "stop", "id": {sent_id}}}')
    found = driver.bytes(f'{{"return": {{}}, "id": {other}}}\r\n'.encode())
    assert [effect[0] for effect in found] == ["unexpected"]
    found = driver.bytes(f'{{"return": {{}}, "id": {sent_id}}}\r\n'.encode())
    assert [effect[0] for effect in found] == ["reply"]


def test_integer_id_beyond_64_bits_returns_double() -> None:
    driver = Driver()
    driver.line('{"execute": "stop", "id": 12345678901234567890123}')
    found = driver.bytes(b'{"return": {}, "id": 1.2345678901234568e+22}\r\n')
    assert [effect[0] for effect in found] == ["reply"]
    assert driver.session.idle


def test_infinite_id_matches_qemu_output() -> None:
    driver = Driver()
    driver.line('{"execute": "stop", "id": 1e400}')
    assert driver.bytes(b'{"return": {}, "id": inf}\r\n') == [
        ("reply", {"return": {}, "id": float("inf")})
    ]


@pytest.mark.parametrize("depth", [1000, 1023])
def test_deeply_nested_id_matches_reply(depth: int) -> None:
    driver = Driver()
    marker = "[" * depth + "]" * depth
    driver.line(f'{{"execute": "stop", "id": {marker}}}')
    found = driver.bytes(f'{{"return": {{}}, "id": {marker}}}\r\n'.encode())
    assert [effect[0] for effect in found] == ["reply"]


@pytest.mark.parametrize("interactive", [False, True])
def test_error_without_id_answers_current_line(interactive: bool) -> None:
    driver = Driver(interactive=interactive)
    driver.line('{"execute": 5, "id": 7}')
    assert driver.bytes(REFUSAL) == [
        ("reply", {"error": {"class": "GenericError", "desc": "no"}}),
    ]
    assert driver.session.idle
    assert driver.status == FAILED


@pytest.mark.parametrize(
    "data",
    [
        b'{"return": {}}',
        b'{"return": {}, "id": "libvirt-5"}',
        b'{"error": {"class": "GenericError", "desc": "no"}}',
    ],
)
def test_unexpected_reply_is_shown_as_such(data: bytes) -> None:
    driver = Driver()
    assert driver.bytes(data + b"\r\n") == [("unexpected", data, "an unexpected reply")]
    assert driver.end() == [("leave", OK)]


@pytest.mark.parametrize(
    ("data", "reason"), [(b"abc", "not a JSON object"), (b'{"a": 1}', "not a QMP message")]
)
def test_invalid_message_does_not_affect_pending_reply(data: bytes, reason: str) -> None:
    driver = Driver()
    driver.line("stop")
    assert driver.bytes(data + b"\r\n" + DONE) == [
        ("unexpected", data, reason),
        ("reply", {"return": {}}),
    ]


def test_second_negotiation_gets_a_hint_without_failure() -> None:
    driver = Driver()
    driver.line('{"execute": "qmp_capabilities"}')
    error = {
        "class": "CommandNotFound",
        "desc": "Capabilities negotiation is already complete, command ignored",
    }
    assert driver.bytes(json.dumps({"error": error}).encode() + b"\r\n") == [
        ("reply", {"error": error}),
        (
            "tell",
            "stdin:1:1: qmpshell has already negotiated;"
            " use -N (--skip-negotiation) to do it yourself",
        ),
    ]
    assert driver.end() == [("leave", OK)]


def test_second_negotiation_does_not_stop_on_error() -> None:
    driver = Driver(stop_on_error=True)
    driver.line("qmp_capabilities")
    found = driver.bytes(b'{"error": {"class": "CommandNotFound", "desc": "already"}}\r\n')
    assert [effect[0] for effect in found] == ["reply", "tell"]


def test_other_qmp_capabilities_error_gives_status_1() -> None:
    driver = Driver()
    driver.line('qmp_capabilities enable:=["x"]')
    assert [effect[0] for effect in driver.bytes(REFUSAL)] == ["reply"]
    assert driver.status == FAILED


def test_skipped_negotiation_gives_no_negotiation_hint() -> None:
    driver = Driver(greeted=False, negotiate=False)
    driver.line("qmp_capabilities")
    found = driver.bytes(b'{"error": {"class": "CommandNotFound", "desc": "already"}}\r\n')
    assert [effect[0] for effect in found] == ["reply"]
    assert driver.status == FAILED


# -- timeouts -------------------------------------------------------------------------------------


def test_reply_timeout_ends_script() -> None:
    driver = Driver(timeout=1.5)
    assert driver.session.deadline is None
    driver.line("a; b")
    assert driver.session.deadline == 101.5
    assert driver.after(1.4) == []
    assert driver.after(0.2) == [
        ("error", "stdin:1:1: no reply to a within 1.5 s; its outcome is unknown"),
        ("leave", CONNECTION),
    ]
    assert driver.status == CONNECTION


def test_reply_timeout_starts_at_each_request() -> None:
    driver = Driver(timeout=2)
    driver.line("a; b")
    driver.now += 1
    driver.bytes(DONE)
    assert driver.session.deadline == 103.0
    assert driver.after(1.5) == []
    driver.bytes(DONE)
    assert driver.session.deadline is None


def test_timed_out_reply_is_no_longer_awaited() -> None:
    driver = Driver(timeout=2, interactive=True)
    driver.line("a")
    driver.line("b")
    assert driver.after(2) == [
        ("error", "no reply to a within 2 s; its outcome is unknown"),
        sent('{"execute": "b", "id": "qmpshell-2"}'),
    ]
    assert driver.bytes(reply(1, "qmpshell-1")) == [("late", {"return": 1, "id": "qmpshell-1"})]
    assert driver.bytes(reply(2, "qmpshell-2")) == [("reply", {"return": 2, "id": "qmpshell-2"})]


def test_timeout_at_terminal_leaves_next_timeout_due() -> None:
    driver = Driver(timeout=2, interactive=True)
    driver.line("a")
    driver.after(2)
    assert driver.session.deadline is None
    driver.line("b")
    assert driver.session.deadline == driver.now + 2
    assert driver.after(2) == [("error", "no reply to b within 2 s; its outcome is unknown")]
    assert driver.session.deadline is None


def test_background_query_does_not_delay_a_line() -> None:
    driver = Driver(timeout=2, interactive=True)
    driver.session.query_commands(driver.now)
    assert driver.line("stop") == [sent('{"execute": "stop", "id": "qmpshell-2"}')]


def test_hint_that_times_out_is_no_failure() -> None:
    driver = Driver(timeout=2)
    assert [effect[0] for effect in driver.line("info block")] == ["error", "send"]
    assert driver.after(2) == [("tell", "stdin:1:1: did you mean /info?")]
    assert driver.end() == [("leave", FAILED)]


def test_line_is_dropped_when_schema_times_out() -> None:
    driver = Driver(timeout=2, interactive=True)
    assert [effect[0] for effect in driver.line("resize id=5")] == ["send"]
    assert driver.line("stop") == []
    found = driver.after(2)
    assert [effect[0] for effect in found] == ["error", "send"]
    assert "nothing was sent" in found[0][1]


# -- end of the connection ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason", "expected"),
    [
        (
            "a",
            "",
            "stdin:1:1: connection lost while waiting for the reply to a; its outcome is unknown",
        ),
        (
            "  a; b",
            "Broken pipe",
            "stdin:1:3: connection lost: Broken pipe while waiting for the reply to a;"
            " its outcome is unknown; 1 more was not sent",
        ),
        (
            "a; b; c",
            "",
            "stdin:1:1: connection lost while waiting for the reply to a; its outcome is unknown;"
            " 2 more were not sent",
        ),
        (
            '{"id": 5}',
            "",
            "stdin:1:1: connection lost while waiting for the reply to the command;"
            " its outcome is unknown",
        ),
        ("", "", "vm.sock: connection lost"),
        ("", "Connection reset by peer", "vm.sock: connection lost: Connection reset by peer"),
    ],
)
def test_connection_loss_gives_one_error_message(text: str, reason: str, expected: str) -> None:
    driver = Driver()
    driver.line(text)
    assert driver.gone(reason) == [("error", expected), ("leave", CONNECTION)]
    assert driver.status == CONNECTION


def test_partial_message_at_loss_is_shown() -> None:
    driver = Driver()
    driver.line("a")
    driver.bytes(b'{"return": {"sta')
    found = driver.gone()
    assert found[0] == ("unexpected", b'{"return": {"sta', "incomplete message")
    assert [effect[0] for effect in found] == ["unexpected", "error", "leave"]


def test_close_after_answered_quit_succeeds() -> None:
    driver = Driver()
    driver.line("quit")
    driver.bytes(DONE)
    assert driver.gone() == []
    assert driver.end() == [("leave", OK)]


@pytest.mark.parametrize("reason", ["", "Connection reset by peer"])
def test_close_after_shutdown_event_succeeds(reason: str) -> None:
    driver = Driver()
    driver.bytes(SHUTDOWN)
    assert driver.gone(reason) == []
    assert driver.session.lost
    assert driver.end() == [("leave", OK)]


def test_quit_without_reply_succeeds() -> None:
    driver = Driver()
    driver.line("quit")
    driver.bytes(SHUTDOWN)
    assert driver.gone("Connection reset by peer") == []
    assert driver.end() == [("leave", OK)]


def test_hmp_quit_without_reply_succeeds() -> None:
    driver = Driver(hmp=True)
    driver.line("quit")
    driver.bytes(SHUTDOWN)
    assert driver.gone("Connection reset by peer") == []
    assert driver.end() == [("leave", OK)]


def test_quit_through_human_monitor_command_succeeds() -> None:
    driver = Driver()
    driver.line("human-monitor-command command-line=quit")
    driver.bytes(SHUTDOWN)
    assert driver.gone("Connection reset by peer") == []
    assert driver.end() == [("leave", OK)]


def test_quit_keeps_earlier_failure_status() -> None:
    driver = Driver()
    driver.line("x; quit")
    driver.bytes(REFUSAL)
    driver.bytes(DONE)
    assert driver.gone() == []
    assert driver.end() == [("leave", FAILED)]


def test_quit_without_reply_or_shutdown_is_loss() -> None:
    driver = Driver()
    driver.line("quit")
    assert driver.gone()[-1] == ("leave", CONNECTION)


def test_close_after_refused_quit_is_loss() -> None:
    driver = Driver()
    driver.line("quit")
    driver.bytes(REFUSAL)
    assert driver.gone()[-1] == ("leave", CONNECTION)


def test_shutdown_does_not_excuse_unanswered_command() -> None:
    driver = Driver()
    driver.line("query-status")
    driver.bytes(SHUTDOWN)
    assert driver.gone()[-1] == ("leave", CONNECTION)


def test_lines_after_quit_are_unsent_with_status() -> None:
    driver = Driver()
    driver.line("quit; query-status")
    driver.bytes(SHUTDOWN)
    found = driver.gone()
    assert found[-1] == ("leave", CONNECTION)
    driver = Driver()
    driver.line("quit")
    driver.bytes(DONE)
    driver.gone()
    assert driver.line("# only a comment") == []
    found = driver.line("query-status")
    assert [effect[0] for effect in found] == ["error", "leave"]
    assert "nothing was sent" in found[0][1]
    assert found[1] == ("leave", CONNECTION)


def test_unsent_line_is_reported_with_its_location() -> None:
    driver = Driver()
    driver.line("quit")
    driver.bytes(DONE)
    driver.gone()
    ((_, text), _) = driver.line("query-status")
    assert text.startswith("stdin:2:1: ")


def test_internal_queries_do_not_count_as_unsent() -> None:
    driver = Driver(interactive=True)
    driver.line("a")
    driver.session.query_commands(driver.now)
    assert driver.gone() == [
        (
            "error",
            "connection lost while waiting for the reply to a; its outcome is unknown; /connect reconnects",
        )
    ]


def test_connection_loss_does_not_end_terminal_session() -> None:
    driver = Driver(interactive=True)
    assert driver.gone() == [("error", "vm.sock: connection lost; /connect reconnects")]
    assert driver.session.lost
    assert driver.session.idle
    found = driver.line("stop")
    assert [effect[0] for effect in found] == ["error"]
    assert "nothing was sent" in found[0][1]


def test_terminal_reports_server_exit() -> None:
    driver = Driver(interactive=True)
    driver.bytes(SHUTDOWN)
    assert driver.gone() == [("tell", "the server has exited")]
    assert shown(driver.session.leave_now()) == [("leave", OK)]


def test_exit_after_loss_sets_status() -> None:
    driver = Driver(interactive=True)
    driver.gone()
    assert shown(driver.session.leave_now()) == [("leave", CONNECTION)]


# -- server restarts ------------------------------------------------------------------------------


def test_second_greeting_resets_session() -> None:
    driver = Driver()
    driver.line("a; b")
    again = CAPABILITIES.replace(b"negotiation-1", b"negotiation-2")
    assert driver.bytes(GREETING) == [
        ("error", "stdin:1:1: the server was restarted; the outcome of a is unknown"),
        ("send", again),
    ]
    assert driver.bytes(NEGOTIATED.replace(b"negotiation-1", b"negotiation-2")) == [
        ("ready",),
        sent('{"execute": "b"}'),
    ]
    assert driver.bytes(DONE) == [("reply", {"return": {}})]
    assert driver.end() == [("leave", FAILED)]


def test_repeated_greeting_before_negotiation_keeps_lines() -> None:
    driver = Driver(greeted=False)
    driver.line("stop")
    (first,) = driver.bytes(GREETING)
    (second,) = driver.bytes(GREETING)
    assert first == ("send", CAPABILITIES)
    assert second == ("send", CAPABILITIES.replace(b"negotiation-1", b"negotiation-2"))
    found = driver.bytes(NEGOTIATED)
    found += driver.bytes(
        b'{"id": "qmpshell-negotiation-2", "error": {"class": "CommandNotFound", "desc": "x"}}\r\n'
    )
    assert found == [("ready",), sent('{"execute": "stop"}')]
    assert driver.bytes(DONE) == [("reply", {"return": {}})]
    assert driver.end() == [("leave", OK)]


def test_stop_on_error_ends_at_restart() -> None:
    driver = Driver(stop_on_error=True)
    driver.line("a; b")
    found = driver.bytes(GREETING)
    assert ("leave", FAILED) in found


def test_restarted_server_without_negotiation_is_abandoned() -> None:
    driver = Driver()
    driver.line("a")
    driver.bytes(GREETING)
    assert driver.session.deadline is not None
    found = driver.after(5)
    assert found[-1] == ("leave", CONNECTION)


# -- random chunks --------------------------------------------------------------------------------

STREAMS = {
    "plain": GREETING + STOP + NEGOTIATED + STOP + DONE + STOP,
    "unexpected": GREETING + b'{"return": 1, "id": "x"}\r\n' + NEGOTIATED + DONE,
    "pty": GREETING + GREETING + NEGOTIATED + DONE,
    "noise": GREETING + NEGOTIATED + b"abc\r\n" + DONE + b'{"a": 1}',
    "telnet": b"\xff\xfb\x01\xff\xfb\x03\xff\xfb\x00\xff\xfd\x00" + GREETING + NEGOTIATED + DONE,
    "noise before the greeting": b"abc\r\n" + GREETING + NEGOTIATED + DONE,
}


def visible_effects(data: bytes, sizes: list[int]) -> list[Shown]:
    """Return the effects for the user, without the sent bytes."""
    driver = Driver(greeted=False)
    cuts = [0]
    for size in sizes:
        cuts.append(min(cuts[-1] + size, len(data)))
    found: list[Shown] = []
    for start, end in pairwise([*cuts, len(data)]):
        if end > start and ("leave", CONNECTION) not in found:
            found += driver.bytes(data[start:end])
    return [effect for effect in found if effect[0] not in ("send", "ready")]


@pytest.mark.parametrize("name", STREAMS)
@given(sizes=st.lists(st.integers(1, 40)))
def test_random_chunks_give_same_output(name: str, sizes: list[int]) -> None:
    data = STREAMS[name]
    assert visible_effects(data, sizes) == visible_effects(data, [])


# -- the human monitor ----------------------------------------------------------------------------


def hmp_request(line: str, cpu: int | None = None) -> Shown:
    arguments: dict[str, object] = {"command-line": line}
    if cpu is not None:
        arguments["cpu-index"] = cpu
    return sent(json.dumps({"execute": "human-monitor-command", "arguments": arguments}))


def test_hmp_lines_are_sent_through_qmp() -> None:
    driver = Driver(hmp=True)
    assert driver.line("  info status; it's {not} ours # to read | 1 ") == [
        hmp_request("info status; it's {not} ours # to read | 1")
    ]
    assert driver.bytes(reply("VM status: paused\r\n")) == [
        ("reply", {"return": "VM status: paused\r\n"})
    ]
    assert driver.end() == [("leave", OK)]


@pytest.mark.parametrize("text", ["", "   "])
def test_blank_hmp_line_sends_nothing(text: str) -> None:
    driver = Driver(hmp=True)
    assert driver.line(text) == []
    assert driver.session.idle


@pytest.mark.parametrize("text", ["exit", " /quit "])
def test_exit_command_ends_hmp_session(text: str) -> None:
    assert Driver(hmp=True).line(text) == [("leave", OK)]


def test_selected_cpu_is_sent_with_hmp_lines() -> None:
    driver = Driver(hmp=True)
    assert driver.line("info cpus") == [hmp_request("info cpus")]
    driver.bytes(reply(""))
    assert driver.line("cpu  1") == [hmp_request("cpu  1", 1)]
    driver.bytes(reply(""))
    assert driver.line("info registers") == [hmp_request("info registers", 1)]
    driver.bytes(reply("..."))
    assert driver.line("cpu 0") == [hmp_request("cpu 0", 0)]
    driver.bytes(reply(""))
    assert driver.line("info registers") == [hmp_request("info registers", 0)]


@pytest.mark.parametrize(
    "answer",
    [
        reply("invalid CPU index\r\n"),
        b'{"error": {"class": "GenericError", "desc": "Parameter \'cpu-index\' is bad"}}\r\n',
    ],
)
def test_missing_cpu_is_not_selected(answer: bytes) -> None:
    driver = Driver(hmp=True)
    driver.line("cpu 9")
    driver.bytes(answer)
    assert driver.status == FAILED
    assert driver.line("info cpus") == [hmp_request("info cpus")]


@pytest.mark.parametrize("text", ["cpu", "cpu x", "cpu ", "cpu 1 2"])
def test_cpu_without_number_is_sent_unchanged(text: str) -> None:
    driver = Driver(hmp=True)
    assert driver.line(text) == [hmp_request(text.strip())]
    driver.bytes(reply("cpu: extraneous characters at the end of line\r\n"))
    assert driver.line("info cpus") == [hmp_request("info cpus")]


def test_script_hmp_line_uses_earlier_cpu() -> None:
    driver = Driver(hmp=True)
    driver.line("cpu 1")
    ahead = driver.prepare("info registers")
    driver.bytes(reply(""))
    assert shown(driver.session.submit(ahead, driver.now)) == [hmp_request("info registers", 1)]


def test_queued_hmp_line_uses_earlier_cpu() -> None:
    driver = Driver(hmp=True, interactive=True)
    driver.line("cpu 1")
    driver.line("info registers")
    found = driver.bytes(reply("", "qmpshell-1"))
    assert found[1][0] == "send"
    assert json.loads(found[1][1])["arguments"] == {
        "command-line": "info registers",
        "cpu-index": 1,
    }


def test_hmp_error_text_gives_status_1() -> None:
    driver = Driver(hmp=True)
    driver.line("foo")
    assert driver.bytes(reply("unknown command: 'foo'\r\n")) == [
        ("reply", {"return": "unknown command: 'foo'\r\n"})
    ]
    assert driver.end() == [("leave", FAILED)]


def test_hmp_error_text_stops_on_error() -> None:
    driver = Driver(hmp=True, stop_on_error=True)
    driver.line("foo")
    found = driver.bytes(reply("unknown command: 'foo'\r\n"))
    assert found[-1] == ("leave", FAILED)


@pytest.mark.parametrize("text", ["quit", "q"])
def test_close_after_hmp_quit_succeeds(text: str) -> None:
    driver = Driver(hmp=True)
    driver.line(text)
    driver.bytes(reply(""))
    assert driver.gone() == []
    assert driver.end() == [("leave", OK)]


# -- terminals ------------------------------------------------------------------------------------


def test_terminal_lines_have_ids_and_are_queued() -> None:
    driver = Driver(interactive=True)
    assert driver.line("a; b") == [sent('{"execute": "a", "id": "qmpshell-1"}')]
    assert driver.line("c x:=1") == []
    assert driver.session.state.sender.table.oldest_user_request is not None
    assert driver.session.state.sender.table.oldest_user_request.name == "a"
    assert driver.bytes(reply(1, "qmpshell-1"))[1:] == [
        sent('{"execute": "b", "id": "qmpshell-2"}')
    ]
    assert driver.bytes(reply(2, "qmpshell-2"))[1:] == [
        sent('{"execute": "c", "arguments": {"x": 1}, "id": "qmpshell-3"}')
    ]
    assert driver.bytes(reply(3, "qmpshell-3")) == [("reply", {"return": 3, "id": "qmpshell-3"})]
    assert driver.session.state.sender.table.oldest_user_request is None
    assert driver.session.idle


def test_terminal_raw_json_gets_no_id() -> None:
    driver = Driver(interactive=True)
    assert driver.line('{"execute": "a"}') == [sent('{"execute": "a"}')]
    assert driver.bytes(DONE) == [("reply", {"return": {}})]


def test_typed_error_has_no_file_name() -> None:
    driver = Driver(interactive=True)
    assert driver.line("device_del net1") == [
        (
            "error",
            "device_del has no argument 'net1'\n"
            "  device_del net1\n"
            "             ^^^^\n"
            "  expected KEY=VALUE: did you mean id=net1?",
        )
    ]


def test_abandoned_reply_is_shown_late() -> None:
    driver = Driver(interactive=True)
    driver.line("a")
    driver.line("b")
    assert shown(driver.session.abandon(driver.now)) == [
        ("tell", "no longer waiting for the reply to a; the server may still run it"),
        sent('{"execute": "b", "id": "qmpshell-2"}'),
    ]
    assert driver.session.state.sender.table.oldest_user_request is not None
    assert driver.session.state.sender.table.oldest_user_request.name == "b"
    assert driver.bytes(reply(2, "qmpshell-2")) == [("reply", {"return": 2, "id": "qmpshell-2"})]
    assert driver.bytes(reply(1, "qmpshell-1")) == [("late", {"return": 1, "id": "qmpshell-1"})]
    assert driver.session.idle


def test_abandon_without_pending_reply_does_nothing() -> None:
    driver = Driver(interactive=True)
    assert shown(driver.session.abandon(driver.now)) == []
    driver.line("a")
    driver.session.abandon(driver.now)
    assert shown(driver.session.abandon(driver.now)) == []


def test_loss_with_only_abandoned_reply_pending() -> None:
    driver = Driver(interactive=True)
    driver.line("a")
    driver.session.abandon(driver.now)
    assert driver.gone() == [("error", "vm.sock: connection lost; /connect reconnects")]


QUIT = "quit ends the server and its VM"
RESET = "system_reset resets the VM"
POWER = "system_powerdown asks the guest to power off"
DESTROYING = [
    ("quit", QUIT),
    ("  quit  # leave", QUIT),
    ("system_reset", RESET),
    ("system_powerdown", POWER),
    ('{"execute": "quit"}', QUIT),
    ("{'execute': 'quit', 'id': 5}", QUIT),
    ('{"execute": "\\u0071uit"}', QUIT),
    ('{"exec-oob": "system_reset"}', RESET),
    ("human-monitor-command command-line=quit", QUIT),
    ("human-monitor-command command-line=q", QUIT),
    ('human-monitor-command command-line="  system_reset "', RESET),
    ('human-monitor-command {"command-line": "system_powerdown"}', POWER),
    (
        '{"execute": "human-monitor-command", "arguments": {"command-line": "q", "cpu-index": 0}}',
        QUIT,
    ),
]


@pytest.mark.parametrize(("text", "question"), DESTROYING)
def test_terminal_confirms_destructive_command(text: str, question: str) -> None:
    driver = Driver(interactive=True)
    assert driver.line(text) == [("ask", question)]
    found = driver.answer(go_on=True)
    assert [effect[0] for effect in found] == ["send"]


@pytest.mark.parametrize(
    ("text", "question"), [("quit", QUIT), (" q", QUIT), ("system_reset", RESET)]
)
def test_hmp_quit_asks_for_confirmation(text: str, question: str) -> None:
    driver = Driver(interactive=True, hmp=True)
    assert driver.line(text) == [("ask", question)]
    found = driver.answer(go_on=True)
    assert [effect[0] for effect in found] == ["send"]


@pytest.mark.parametrize("text", [text for text, _ in DESTROYING])
def test_script_sends_destructive_command_without_confirmation(text: str) -> None:
    assert [effect[0] for effect in Driver().line(text)] == ["send"]


def test_declined_confirmation_sends_nothing_and_continues() -> None:
    driver = Driver(interactive=True)
    assert driver.line("quit") == [("ask", QUIT)]
    assert driver.line("query-status") == []
    assert driver.answer(go_on=False) == [
        ("tell", "not sent"),
        sent('{"execute": "query-status", "id": "qmpshell-2"}'),
    ]


def test_confirmation_is_asked_in_line_order() -> None:
    driver = Driver(interactive=True)
    driver.line("stop")
    assert driver.line("quit; system_reset") == []
    assert driver.bytes(reply({}, "qmpshell-1"))[1:] == [("ask", QUIT)]
    assert driver.bytes(STOP) == [("event", "STOP")]
    assert driver.answer(go_on=True) == [sent('{"execute": "quit", "id": "qmpshell-2"}')]
    assert driver.bytes(reply({}, "qmpshell-2"))[1:] == [("ask", RESET)]


def test_confirmation_after_loss_sends_nothing() -> None:
    driver = Driver(interactive=True)
    driver.line("quit")
    driver.gone()
    assert driver.answer(go_on=True) == []
    assert driver.answer(go_on=False) == []


def test_unrequested_confirmation_does_nothing() -> None:
    driver = Driver(interactive=True)
    driver.line("stop")
    assert driver.answer(go_on=True) == []


def test_internal_query_and_reply_are_not_shown() -> None:
    driver = Driver(interactive=True)
    assert shown(driver.session.query_commands(driver.now)) == [
        sent('{"execute": "query-commands", "id": "qmpshell-1"}')
    ]
    assert driver.session.state.sender.table.oldest_user_request is None
    assert driver.bytes(reply([1], "qmpshell-1")) == [("learned", "query-commands")]
    assert driver.line("stop") == [sent('{"execute": "stop", "id": "qmpshell-2"}')]


def test_error_to_internal_query_is_ignored() -> None:
    driver = Driver(interactive=True)
    driver.session.query_commands(driver.now)
    assert (
        driver.bytes(
            b'{"id": "qmpshell-1", "error": {"class": "CommandNotFound", "desc": "no"}}\r\n'
        )
        == []
    )
    assert driver.status == OK
    assert driver.session.idle


def test_internal_query_does_not_delay_exit() -> None:
    driver = Driver(interactive=True)
    driver.session.query_commands(driver.now)
    assert driver.line("exit") == [("leave", OK)]


def test_exit_waits_for_last_reply() -> None:
    driver = Driver(interactive=True)
    driver.line("stop")
    assert driver.line("exit") == [("tell", "leaving after the reply to stop; Ctrl-D leaves now")]
    assert driver.bytes(reply({}, "qmpshell-1")) == [
        ("reply", {"return": {}, "id": "qmpshell-1"}),
        ("leave", OK),
    ]


def test_abandoned_reply_does_not_delay_exit() -> None:
    driver = Driver(interactive=True)
    driver.line("stop")
    driver.session.abandon(driver.now)
    assert driver.line("exit") == [("leave", OK)]


def test_blank_line_does_not_cancel_pending_exit() -> None:
    driver = Driver(interactive=True)
    driver.line("stop")
    driver.line("exit")
    driver.line("")
    assert driver.bytes(reply({}, "qmpshell-1"))[-1] == ("leave", OK)


def test_terminal_exit_ignores_earlier_failures() -> None:
    driver = Driver(interactive=True)
    driver.line("device_del x")
    assert shown(driver.session.leave_now()) == [("leave", OK)]


def test_request_ids_never_equal_negotiation_ids() -> None:
    driver = Driver(interactive=True)
    driver.line("a")
    late = b'{"return": {}, "id": "qmpshell-negotiation-1"}\r\n'
    assert driver.bytes(late) == []
    assert driver.session.state.sender.table.oldest_user_request is not None


any_stream = st.lists(
    st.sampled_from([GREETING, NEGOTIATED, DONE, STOP, REFUSAL, SHUTDOWN, b"{", b'"', b"x\n"])
    | st.binary(max_size=5)
).map(b"".join)


@given(any_stream, st.booleans(), st.lists(st.sampled_from(["stop", "quit", "x y", "{}", "{"])))
def test_random_bytes_do_not_break_session(
    data: bytes, interactive: bool, lines: list[str]
) -> None:
    driver = Driver(interactive=interactive, greeted=False)
    for text in lines:
        driver.line(text)
    if data:
        driver.bytes(data)
    driver.after(10)
    assert not driver.session.lost or driver.session.idle
    driver.gone()
    assert driver.session.lost and driver.session.deadline is None


# -- arguments that the server requires although the schema does not say so --------------------------


def schema_driver(*, interactive: bool = False) -> Driver:
    """Return a driver whose session has the schema."""
    driver = Driver(interactive=interactive)
    driver.line("resize id=a size=1")
    driver.bytes(reply(SCHEMA, 1))
    driver.bytes(reply({}, 2) if driver.session.state.interactive else DONE)
    return driver


def test_mistyped_name_of_root_node_is_sent() -> None:
    driver = schema_driver()
    assert driver.line("blockdev-add driver=null-co nod-name=x")[0][0] == "send"


@pytest.mark.parametrize(
    "line",
    [
        "blockdev-add driver=null-co size=1",
        'blockdev-add {"driver": "null-co", "size": 1}',
        "/oob blockdev-add driver=null-co size=1",
        "/keyval blockdev-add driver=null-co,size=1",
    ],
)
@pytest.mark.parametrize("interactive", [False, True])
def test_root_node_without_name_is_not_sent(line: str, interactive: bool) -> None:
    driver = schema_driver(interactive=interactive)
    (*_, (kind, text)) = driver.line(line)
    assert kind == "error"
    assert "blockdev-add needs node-name, although the schema does not say so" in text
    assert text.endswith("add node-name=NAME; nothing was sent")
    assert driver.session.idle


@pytest.mark.parametrize(
    "line",
    [
        "blockdev-add driver=null-co size=1 node-name=n",
        "blockdev-add node-name=n driver=raw file.driver=null-co file.size=1",
        '{"execute": "blockdev-add", "arguments": {"driver": "null-co", "size": 1}}',
    ],
)
def test_named_root_node_or_raw_json_is_sent(line: str) -> None:
    assert "send" in [effect[0] for effect in schema_driver().line(line)]


def test_root_node_without_name_is_sent_without_schema() -> None:
    assert [effect[0] for effect in Driver().line("blockdev-add driver=null-co")] == ["send"]


@pytest.mark.parametrize("line", ["quit", "/hmp quit"])
def test_exit_within_schema_is_expected_after_quit(line: str) -> None:
    driver = Driver(interactive=True)
    driver.session.load_schema(driver.now)
    driver.line(line)
    driver.answer(go_on=True)
    driver.bytes(b'{"return": [{"name": "QUORUM_F')
    assert driver.gone() == [("tell", "the server has exited")]
    assert driver.session.connection.was_quit


def test_reset_connection_is_reported_after_quit() -> None:
    driver = Driver(interactive=True)
    driver.line("quit")
    driver.answer(go_on=True)
    ((kind, text),) = driver.broken("Connection reset by peer")
    assert kind == "error"
    assert "outcome is unknown" in text
