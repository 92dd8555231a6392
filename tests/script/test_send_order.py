"""A script sends the next command before it shows a reply, unless the reply may not be shown."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from qmpshell.script import ScriptRunner, ScriptView
from qmpshell.session import LineInput, ScriptLines
from qmpshell.storage import Output
from qmpshell.transport import SocketStream
from tests.harness.processes import wait_until
from tests.harness.program import run, start
from tests.harness.scripted import Peer, ScriptedServer
from tests.harness.sessions import Driver

Scripted = Callable[[Callable[[Peer], object]], ScriptedServer]
LINES = b"query-name\nquery-status\nquery-version\n"
COMMANDS = ["query-name", "query-status", "query-version"]


def answer_all(peer: Peer, received: list[str], ending: bytes = b"\r\n") -> None:
    """Answer each command with its name and `ending`, until the client leaves."""
    peer.negotiate()
    while True:
        try:
            command = peer.read_any()
        except (EOFError, ConnectionResetError):
            return
        assert not peer.has_input()  # the next command waits for the reply
        received.append(command["execute"])
        reply = {"return": command["execute"]}
        if "id" in command:
            reply["id"] = command["id"]
        peer.send(json.dumps(reply).encode() + ending)


def run_to(server: ScriptedServer, output: BinaryIO) -> int:
    """Run the lines with the output of the program in a file. Return the exit status."""
    with start(server.address, stdout=output.fileno()) as process:
        output.close()
        assert process.stdin is not None
        process.stdin.write(LINES)
        process.stdin.close()
        return process.wait(60)


def run_logged(address: str, read: Callable[[int, list[str]], None], *, padding: int) -> list[str]:
    """Run the lines; return in order what is sent and shown. Each reply is followed by blanks.

    A thread calls `read` with the end of the pipe that contains the output, and with the order.
    """
    order: list[str] = []

    class LoggedStream(SocketStream):
        def write(self, data: bytes, *_: object) -> None:
            name = json.loads(data).get("execute")
            order.append(f"send {name}")
            super().write(data)

    class LoggedOutput(Output):
        def write(self, data: bytes) -> None:
            order.append(f"show {json.loads(data)['return']}")
            super().write(data + b" " * padding)

    session = Driver(probe=False, offline=True).session
    connected = socket.socket(socket.AF_UNIX)
    connected.connect(address)
    reading, writing = os.pipe()
    runner = ScriptRunner(
        session,
        LoggedStream(connected),
        lines=ScriptLines([LineInput("stdin", data=LINES)]),
        output=LoggedOutput(writing),
        make_view=lambda write: ScriptView(session.settings, name="", out=write, err=order.append),
        clock=time.monotonic,
        timeout=None,
        make_redirect=lambda _redirect: pytest.fail("no redirect"),
        connect=lambda _address: pytest.fail("no other address"),
    )
    reader = threading.Thread(target=read, args=(reading, order))
    reader.start()
    assert runner.run(session.connected(time.monotonic())) == 0
    os.close(writing)
    reader.join()
    os.close(reading)
    return order


def test_next_command_is_sent_before_reply_is_shown(scripted: Scripted) -> None:
    server = scripted(lambda peer: answer_all(peer, []))
    assert run_logged(server.address, lambda *_: None, padding=0) == [
        "send qmp_capabilities",
        "send query-name",
        "send query-status",
        "show query-name",
        "send query-version",
        "show query-status",
        "show query-version",
    ]


def test_nothing_is_sent_while_output_waits(scripted: Scripted) -> None:
    def read(descriptor: int, order: list[str]) -> None:
        wait_until(lambda: "show query-status" in order, "the second reply")
        order.append("read")
        while os.read(descriptor, 1 << 20):
            pass

    server = scripted(lambda peer: answer_all(peer, []))
    # The first reply does not fit into the pipe. It is written when the second one has arrived.
    order = run_logged(server.address, read, padding=1 << 20)
    assert order[-4:] == ["show query-status", "read", "send query-version", "show query-version"]


def test_verbose_output_keeps_its_order(scripted: Scripted) -> None:
    server = scripted(lambda peer: answer_all(peer, []))
    with start("-v", server.address, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdin.write(LINES)
        process.stdin.close()
        lines = [json.loads(line.removeprefix(b"-> ")) for line in process.stdout]
    assert [line.get("execute", line.get("return")) for line in lines] == [
        name for name in COMMANDS for _ in "ab"
    ]


def test_nothing_is_sent_after_reader_has_gone(scripted: Scripted) -> None:
    received: list[str] = []
    reading, writing = os.pipe()

    def part(peer: Peer) -> None:
        peer.negotiate()
        command = peer.read()
        received.append(command["execute"])
        os.close(reading)
        peer.reply(command)
        while peer.connection.recv(1 << 16):
            received.append("another")

    server = scripted(part)
    with os.fdopen(writing, "wb") as output:
        assert run_to(server, output) == 141
    assert received == COMMANDS[:1]


def test_nothing_is_sent_after_full_disk(scripted: Scripted) -> None:
    received: list[str] = []
    server = scripted(lambda peer: answer_all(peer, received))
    with open("/dev/full", "wb") as output:
        assert run_to(server, output) == 1
    assert received == COMMANDS[:1]


def test_script_that_ends_at_failure_sends_nothing_more(scripted: Scripted) -> None:
    received: list[str] = []

    def part(peer: Peer) -> None:
        peer.negotiate()
        command = peer.read()
        received.append(command["execute"])
        peer.reply(command, error={"class": "GenericError", "desc": "no"})
        while peer.connection.recv(1 << 16):
            received.append("another")

    result = run("-e", scripted(part).address, input=LINES.decode())
    assert result.status == 1
    assert received == COMMANDS[:1]


def test_reply_is_shown_before_its_format_changes(scripted: Scripted) -> None:
    server = scripted(lambda peer: answer_all(peer, []))
    result = run(server.address, input="query-name\n/set layout=pretty\nquery-version\n")
    assert result.out == '{"return": "query-name"}\n{\n  "return": "query-version"\n}\n'


def test_replies_before_and_after_redirect_keep_their_order(
    scripted: Scripted, tmp_path: Path
) -> None:
    server = scripted(lambda peer: answer_all(peer, []))
    file = tmp_path / "reply"
    result = run(server.address, input=f"query-name\nquery-status > {file}\nquery-version\n")
    assert [json.loads(line)["return"] for line in result.lines] == [COMMANDS[0], COMMANDS[2]]
    assert json.loads(file.read_text())["return"] == COMMANDS[1]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("query-name ; query-status\nquery-version\n", COMMANDS),
        ("query-name\nquery-status ; query-version\n", COMMANDS),
        ("query-name | cat\nquery-status\n", COMMANDS[:2]),
        ('query-name\n{"execute": "query-status", "id": 1}\nquery-version\n', COMMANDS),
        ("query-name\nexit\nquery-status\n", COMMANDS[:1]),
        ("query-name\nquery-status > /\n", COMMANDS[:1]),
        ("query-name\ngetfd fdname=x < /none\n", COMMANDS[:1]),
        ('query-name\n{"execute": "getfd"} < /none\n', COMMANDS[:1]),
        ("query-name\nquery-status nonsense\n", COMMANDS[:1]),
    ],
)
@pytest.mark.parametrize("ending", [b"\r\n", b"\n", b'\r\n{"event": "STOP"}\r\n'])
def test_each_command_is_sent_and_shown_once(
    scripted: Scripted, lines: str, expected: list[str], ending: bytes
) -> None:
    received: list[str] = []
    server = scripted(lambda peer: answer_all(peer, received, ending))
    result = run("--no-probe", "--events", "none", server.address, input=lines)
    assert received == expected
    assert [json.loads(line)["return"] for line in result.lines] == expected


@pytest.mark.parametrize("command", ["query-name", "quit"])
def test_lost_connection_counts_no_line_read_ahead(scripted: Scripted, command: str) -> None:
    def part(peer: Peer) -> None:
        peer.negotiate()
        peer.read()

    result = run(scripted(part).address, input=f"{command}\nquery-version\n")
    lost = f"stdin:1:1: connection lost while waiting for the reply to {command}"
    assert (result.status, result.err) == (3, f"{lost}; its outcome is unknown\n")
