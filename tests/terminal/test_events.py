"""Test events at the prompt and that server text never controls the terminal."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.program import run
from tests.harness.screen import Terminal
from tests.harness.scripted import Peer, ScriptedServer
from tests.harness.servers import Installation, Server, one_version, start_qemu

Start = Callable[[Callable[[Peer], object]], ScriptedServer]

# Characters that control a terminal or reverse the text direction.
HOSTILE = "\x1b]0;owned\x07 \x1b[2J \x9b2J \x9d0;owned\x9c \u202egpj.exe\u2066 \x7f \u200b \r\n\x08"
FORBIDDEN = (
    "\x1b]",
    "\x1b[2J",
    "\x07",
    "\x9b",
    "\x9d",
    "\x9c",
    "\u202e",
    "\u2066",
    "\x7f",
    "\u200b",
)


def event(name: str, **data: object) -> bytes:
    stamp = {"seconds": 1, "microseconds": 2}
    return json.dumps({"event": name, "data": data, "timestamp": stamp}).encode() + b"\r\n"


@pytest.fixture
def two_monitors(installation: Installation, tmp_path: Path) -> Iterator[tuple[Server, str]]:
    """Start QEMU; yield the server and the address of its second monitor."""
    second = f"{tmp_path}/second.sock"
    options = ("-qmp", f"unix:{second},server=on,wait=off")
    with start_qemu(installation, tmp_path / "vm.sock", *options) as server:
        yield server, second


@one_version
def test_events_appear_above_the_partial_line(two_monitors: tuple[Server, str]) -> None:
    server, second = two_monitors
    with Terminal(server.address, columns=120) as terminal:
        terminal.wait_ready()
        terminal.type("query-sta\x1b[D\x1b[D")
        terminal.wait(
            lambda: (terminal.current, terminal.screen.cursor.x) == ("(QEMU) query-sta", 14),
            "half-typed line",
        )
        assert run("-c", "cont; stop; cont", second).status == 0
        terminal.wait_above(" RESUME", " STOP", " RESUME", prompt="(QEMU) query-sta")
        terminal.wait(lambda: terminal.screen.cursor.x == 14, "cursor where it was")
        terminal.type("XX")
        terminal.wait(lambda: terminal.current == "(QEMU) query-sXXta", "typing go on in place")
        assert terminal.colour_of("RESUME") == "brown"


def test_event_line_has_local_time_name_and_data(two_monitors: tuple[Server, str]) -> None:
    server, second = two_monitors
    with Terminal("-q", server.address, variables={"TZ": "UTC-5"}) as terminal:
        terminal.wait_toolbar("prelaunch")  # the negotiation has ended
        shown = run("-c", "cont", second)
        resumed = next(json.loads(line) for line in shown.lines if "RESUME" in line)
        terminal.wait_for("RESUME")
        seconds = resumed["timestamp"]["seconds"] + 5 * 3600
        time = f"{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        assert terminal.lines[0].startswith(time + ".")
        run("-c", "quit", second)
        terminal.wait_for('SHUTDOWN {"guest": false, "reason": "host-qmp-quit"}')


@one_version
def test_replies_and_events_appear_in_order(qemu: Server) -> None:
    with Terminal("-q", qemu.address) as terminal:
        terminal.wait_prompt()
        terminal.line("query-name; cont; query-status; stop")
        terminal.wait_above(
            "(QEMU) query-name; cont",
            '{"return": {}}',
            " RESUME",
            '{"return": {}}',
            '"running": true',
            " STOP",
            '{"return": {}}',
        )


def test_events_option_filters_shown_events(two_monitors: tuple[Server, str]) -> None:
    server, second = two_monitors
    with Terminal("--events", "STO*", server.address) as terminal:
        terminal.wait_ready()
        run("-c", "cont; stop", second)
        terminal.wait_above("quit ends QEMU itself.", " STOP")
        assert "RESUME" not in terminal.text


def test_event_burst_is_folded_in_order_without_loss(scripted: Start) -> None:
    def part(peer: Peer) -> None:
        peer.negotiate()
        command = peer.read_the_users()
        for number in range(2000):
            peer.send(event("TICK", number=number))
        peer.reply(command, "after the burst")
        peer.ended()

    with Terminal(scripted(part).address) as terminal:
        terminal.wait_ready()
        terminal.line("query-name")
        terminal.type("query-st")
        terminal.wait_above(
            '{"number": 1999}', '{"return": "after the burst"}', prompt="(QEMU) query-st"
        )
        shown = [
            re.search(r" TICK (?:×(\d+) )?(\{.*\})", line)
            for line in terminal.history
            if " TICK " in line
        ]
        counts = [int(match[1] or 1) for match in shown if match]
        numbers = [json.loads(match[2])["number"] for match in shown if match]
        assert numbers[:30] == list(range(30))
        assert numbers == [sum(counts[:place]) - 1 for place in range(1, len(counts) + 1)]
        assert sum(counts) == 2000
        assert len(counts) < 60


def test_typing_and_commands_work_during_event_flood(scripted: Start) -> None:
    def part(peer: Peer) -> None:
        peer.negotiate()
        peer.reply(peer.read_the_users())
        command = None
        while command is None:
            peer.send(event("TICK") * 20)
            command = peer.poll_the_users()
        peer.reply(command, "heard")
        peer.ended()

    with Terminal(scripted(part).address) as terminal:
        terminal.wait_ready()
        terminal.line("query-name")
        terminal.wait_for("TICK")
        terminal.type("query-st")
        terminal.wait(lambda: terminal.current == "(QEMU) query-st", "echo in the flood")
        terminal.type("atus\r")
        terminal.wait_above('{"return": "heard"}')
        lines = itertools.dropwhile(lambda line: "TICK" not in line, terminal.history)
        shown = re.compile(r"\d\d:\d\d:\d\d\.\d{3} TICK(?: ×\d+)?|\(QEMU\).*|\{.*\}  [\d.]+ m?s|")
        assert [
            line for line in lines if not shown.fullmatch(line)
        ] == []  # no key was echoed into an event line


def dumps(value: object) -> bytes:
    """Return JSON without escapes for non-ASCII characters."""
    return json.dumps(value, ensure_ascii=False).encode() + b"\r\n"


def hostile(peer: Peer) -> None:
    """Send the hostile text in every field that a server controls."""
    version: dict[str, Any] = {"qemu": {"major": 9, "minor": 0, "micro": 0}, "package": HOSTILE}
    peer.negotiate(dumps({"QMP": {"version": version, "capabilities": []}}))
    command = peer.read()
    if command["execute"] == "query-commands":
        peer.reply(command, [{"name": "hostile" + HOSTILE}, {"name": "hostess"}])
        command = peer.read_the_users()
    elif command["arguments"]["command-line"] == "help":
        text = f"hostile{HOSTILE} -- x\r\nhostess -- {HOSTILE}\r\n{HOSTILE}"
        peer.send(dumps({"return": text, "id": command["id"]}))
        command = peer.read_the_users()
    peer.send(dumps({"event": HOSTILE, "data": {HOSTILE: HOSTILE}}))
    peer.send(b"garbage " + HOSTILE.replace("\r\n", "").encode() + b"\r\n")
    peer.send(dumps({"return": HOSTILE, "id": "of a stranger"}))
    peer.send(dumps({"neither": HOSTILE}))
    peer.send(dumps({"return": HOSTILE, "id": command["id"]}))
    command = peer.read()
    peer.send(dumps({"error": {"class": HOSTILE, "desc": HOSTILE}, "id": command["id"]}))
    command = peer.read()
    peer.send(dumps({"return": "the end", "id": command["id"]}))
    peer.ended()


@pytest.mark.parametrize("options", [(), ("-H",), ("-r",), ("--compact",)], ids=str)
def test_hostile_server_text_does_not_control_terminal(
    scripted: Start, options: tuple[str, ...]
) -> None:
    prompt = "(qemu)" if "-H" in options else "(QEMU)"
    with Terminal(*options, scripted(hostile).address, columns=120, rows=60) as terminal:
        terminal.wait_ready(prompt)
        terminal.line("one")
        terminal.wait_for("neither")
        terminal.line("two")
        terminal.line("three")
        terminal.wait_for("the end")
        terminal.type("hos\t")  # completion omits the hostile name
        terminal.wait(lambda: terminal.current == f"{prompt} hostess", "completion")
        terminal.type("\x03")
        terminal.wait_prompt(prompt)
        terminal.type("\x04")
        assert terminal.end() == 0
        output = terminal.raw.decode()
        assert [text for text in FORBIDDEN if text in output] == []
        assert "owned" in output  # the text was shown, escaped
        assert terminal.screen.title == ""


def test_raw_escapes_control_characters_at_a_terminal(scripted: Start) -> None:
    def part(peer: Peer) -> None:
        peer.send(HOSTILE.encode() + b"\r\nplain\r\n")
        peer.ended()

    with Terminal("--raw", scripted(part).address) as terminal:
        terminal.wait_above("plain", prompt=">")
        assert "\\x1b]0;owned\\x07" in terminal.text
        output = terminal.raw.decode()
        assert [text for text in FORBIDDEN if text in output] == []


def test_incomplete_raw_line_stays_on_the_screen(scripted: Start) -> None:
    def part(peer: Peer) -> None:
        peer.send(b"wel")
        peer.send(b"come\nlogin: ")
        assert peer.connection.recv(100) == b"root\n"
        peer.send(b"password: ")
        peer.ended()

    with Terminal("--raw", scripted(part).address) as terminal:
        terminal.wait_above("welcome", "login:", prompt=">")
        terminal.line("root")
        terminal.wait_above("login:", "> root", "password:", prompt=">")
