"""Tests of the messages that explain why the peer does not send QMP."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from qmpshell.render import escape
from qmpshell.session import explain_garbage, explain_silence

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
            "a:1: this is a web server (HTTP), not QMP: it sent “HTTP/1.1 400 Bad Request”",
        ),
        (b"SSH-2.0-x", "a:1: this is an SSH server, not QMP: it sent “SSH-2.0-x”"),
        (b"RFB 003.008", "a:1: this is a VNC server, not QMP: it sent “RFB 003.008”"),
        (b"220 x ESMTP", "a:1: this is a mail or FTP server, not QMP: it sent “220 x ESMTP”"),
        (b"\x15\x03\x01\x00", "a:1: this is a TLS server, not QMP: it sent “\\x15\\x03\\x01\\x00”"),
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
            "vm.sock: this is an SSH server, not QMP: it sent “SSH-2.0-x”",
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
