"""Tests of the messages that explain why the peer does not send QMP."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from qmpshell.errors import CONNECTION
from qmpshell.render import escape
from qmpshell.session import explain_garbage, explain_silence
from qmpshell.transport import Peer, Process
from tests.harness.sessions import GREETING, NEGOTIATED, Driver

HUMAN = (
    "a:1: this is QEMU's human monitor, not QMP; start QEMU with -qmp, or with mode=control in -mon"
)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"QEMU 7.2.22 monitor - type 'help' for more information", HUMAN),
        (b"(qemu) ", HUMAN),
        (
            b"HTTP/1.1 400 Bad Request",
            "a:1: this is a web server (HTTP), not QMP: it sent “HTTP/1.1 400 Bad Request”; a monitor"
            " with websocket=on needs it in ADDRESS too",
        ),
        (
            b"SSH-2.0-x",
            "a:1: this is an SSH server, not QMP: it sent “SSH-2.0-x”; use exec:ssh HOST socat -"
            " UNIX:PATH for a monitor behind it",
        ),
        (b"\xfb\x01\xff\xfb\x03", "a:1: this server uses telnet; use telnet:a:1"),
        (b"\xff\xfd\x00", "a:1: this server uses telnet; use telnet:a:1"),
        (b"RFB 003.008", "a:1: this is a VNC server, not QMP: it sent “RFB 003.008”"),
        (b"220 x ESMTP", "a:1: this is a mail or FTP server, not QMP: it sent “220 x ESMTP”"),
        (b"\x15\x03\x01\x00", "a:1: this server uses TLS; add --tls-creds DIR"),
        (b"\x1b[2Jhello", "a:1: this is not QMP: it sent “\\x1b[2Jhello”"),
        (b"\xff\xfe", "a:1: this is not QMP: it sent “\\xff\\xfe”"),
        ("é".encode(), "a:1: this is not QMP: it sent “é”"),
        (b"x" * 60, f"a:1: this is not QMP: it sent “{'x' * 60}”"),
        (b"x" * 61, f"a:1: this is not QMP: it sent “{'x' * 60}…”"),
    ],
)
def test_foreign_protocol_message_names_protocol(raw: bytes, text: str) -> None:
    assert explain_garbage("a:1", raw) == text


@pytest.mark.parametrize(
    ("pending", "greeted", "text"),
    [
        (
            b"",
            False,
            "vm.sock: connected, but no greeting: another client may hold this monitor (QEMU serves"
            " one at a time), QEMU may be stopped, or this may be a guest agent (try --ga)",
        ),
        (b"", True, "vm.sock: the server sent a greeting, but does not answer qmp_capabilities"),
        (b"{", True, "vm.sock: the server sent a greeting, but does not answer qmp_capabilities"),
        (b'{"QMP": {', False, 'vm.sock: only part of a greeting arrived: “{"QMP": {”'),
        (
            b"SSH-2.0-x",
            False,
            "vm.sock: this is an SSH server, not QMP: it sent “SSH-2.0-x”; use exec:ssh HOST socat -"
            " UNIX:PATH for a monitor behind it",
        ),
        (b"(qemu) ", False, HUMAN.replace("a:1", "vm.sock")),
    ],
)
def test_silence_message_names_likely_causes(pending: bytes, greeted: bool, text: str) -> None:
    assert explain_silence("vm.sock", pending, greeted=greeted) == text


@given(st.binary(max_size=80), st.booleans())
def test_foreign_server_text_is_escaped(raw: bytes, greeted: bool) -> None:
    for text in (explain_garbage("a", raw), explain_silence("a", raw, greeted=greeted)):
        assert text.startswith("a: ")
        assert escape(text) == text
        assert len(text) < 400


QEMU, SHELL = Process(7, "qemu"), Process(9, "qmpshell")
BUSY = (
    "vm.sock: busy: another client, qmpshell (pid 9), holds this monitor (QEMU serves one at a time);"
    " end it, or give QEMU a second monitor"
)
AGENT = "vm.sock: this is a guest agent, qemu-ga (pid 7); use qmpshell --ga, or qmpshell ga"


def busy(address: str) -> Peer:
    assert address == "vm.sock"
    return Peer(server=QEMU, is_held=True, holder=SHELL)


def agent(_address: str) -> Peer:
    return Peer(server=Process(7, "qemu-ga"))


def test_busy_monitor_is_reported_soon_and_awaited() -> None:
    driver = Driver(greeted=False, peer=busy)
    assert driver.after(0.2) == []
    assert driver.after(0.1) == [("tell", BUSY)]
    assert driver.session.deadline == 105.0
    assert driver.after(4.5) == []
    assert driver.after(0.3) == [("error", "vm.sock: gave up after 5 s"), ("leave", CONNECTION)]


def test_greeting_in_time_asks_for_no_cause() -> None:
    asked: list[str] = []
    driver = Driver(peer=lambda address: asked.append(address))
    assert driver.session.deadline is None
    assert driver.after(10) == []
    assert asked == []


def test_greeted_silent_server_is_woken_once() -> None:
    driver = Driver(greeted=False, interactive=True)
    driver.bytes(GREETING)
    assert driver.after(1.9) == []
    assert driver.woken == []
    assert driver.after(0.1) == []
    assert driver.woken == ["vm.sock"]
    ((_, text),) = driver.after(2.1)
    assert text.endswith("the server sent a greeting, but does not answer qmp_capabilities")
    assert driver.after(100) == []
    assert driver.woken == ["vm.sock"]


def test_busy_monitor_can_answer_after_report() -> None:
    driver = Driver(greeted=False, interactive=True, peer=busy)
    assert driver.after(0.3) == [("tell", BUSY)]
    assert driver.after(100) == []
    driver.bytes(GREETING)
    assert driver.bytes(NEGOTIATED) == [("ready",)]


@pytest.mark.parametrize("interactive", [False, True])
def test_guest_agent_ends_connection_at_once(interactive: bool) -> None:
    driver = Driver(greeted=False, interactive=interactive, peer=agent)
    found = driver.after(0.3)
    assert found[0] == ("error", AGENT)
    assert driver.session.lost
    assert driver.session.deadline is None


def test_silent_agent_with_option_is_not_a_mismatch() -> None:
    driver = Driver(greeted=False, agent=True, interactive=True, peer=agent)
    assert driver.after(0.3) == []
    ((_, text),) = driver.after(1.7)
    assert "the guest agent may not be running in the guest" in text


def test_stopped_server_is_named_to_agent_client() -> None:
    stopped = Peer(server=Process(7, "qemu", "T"))
    driver = Driver(greeted=False, agent=True, interactive=True, peer=lambda _: stopped)
    text = "vm.sock: qemu (pid 7) is stopped; kill -CONT 7 resumes it"
    assert driver.after(0.3) == [("tell", text)]


def test_greeted_server_is_not_called_busy() -> None:
    driver = Driver(greeted=False, peer=busy)
    driver.bytes(GREETING)
    assert driver.after(2) == []
    assert driver.after(1.9) == []
    text = "vm.sock: the server sent a greeting, but does not answer qmp_capabilities"
    assert driver.after(0.1) == [("tell", text)]


def test_silent_process_is_named() -> None:
    driver = Driver(greeted=False, peer=lambda _: Peer(server=Process(7, "nginx")))
    assert driver.after(1.9) == []
    text = (
        "vm.sock: connected, but no greeting: nginx (pid 7) sends nothing; it may be a guest agent"
        " (try --ga), or a web, TLS or websocket server"
    )
    assert driver.after(0.1) == [("tell", text)]
