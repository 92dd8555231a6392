"""Tests of `qmpshell events`: a second monitor of the same QEMU causes them."""

from __future__ import annotations

import json
import re
import select
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from qmpshell import Connection, connect
from tests.harness.program import Result, run, start
from tests.harness.screen import Terminal
from tests.harness.scripted import GREETING, Peer, ScriptedServer
from tests.harness.servers import Installation, Server, start_qemu


@dataclass
class Machine:
    """A QEMU, and a client of its second monitor."""

    server: Server
    client: Connection

    def toggle(self) -> None:
        """Cause the events RESUME and STOP."""
        self.client.execute("cont")
        self.client.execute("stop")

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start the program."""
        return start("events", "-s", self.server.address, *arguments)

    def wait_for_output(self, process: subprocess.Popen[bytes]) -> None:
        """Cause events until the program has printed one."""
        assert process.stdout is not None
        while not select.select([process.stdout], [], [], 0.05)[0]:
            assert process.poll() is None
            self.toggle()

    def run(self, *arguments: str) -> Result:
        """Cause events until the program exits."""
        process = self.start(*arguments)
        while process.poll() is None:
            self.toggle()
        out, err = process.communicate()
        return Result(process.returncode, out.decode(), err.decode())


@pytest.fixture
def machine(installation: Installation, tmp_path: Path) -> Iterator[Machine]:
    option = f"unix:{tmp_path}/b.sock,server=on,wait=off"
    with (
        start_qemu(installation, tmp_path / "vm.sock", "-qmp", option) as server,
        connect(tmp_path / "b.sock", wait=60) as client,
    ):
        yield Machine(server, client)


def names(result: Result) -> list[str]:
    return [json.loads(line)["event"] for line in result.lines]


def test_events_prints_json_lines_until_count(machine: Machine) -> None:
    result = machine.run("--count", "3")
    assert (result.status, result.err) == (0, "")
    assert len(result.lines) == 3
    assert set(names(result)) == {"STOP", "RESUME"}
    assert all("timestamp" in json.loads(line) for line in result.lines)


@pytest.mark.parametrize("words", [("STOP",), ("S*P",), ("--regex", "^ST.P$"), ("STOP", "JOB_*")])
def test_events_selects_names(machine: Machine, words: tuple[str, ...]) -> None:
    result = machine.run("--count", "2", *words)
    assert (result.status, names(result)) == (0, ["STOP", "STOP"])


def test_events_selects_members(machine: Machine) -> None:
    process = machine.start("--count", "1", "JOB_STATUS_CHANGE", "id=j1", "status=concluded")
    number = 0
    while process.poll() is None:
        for name in ("j0", "j1"):
            number += 1
            machine.client.execute(
                "blockdev-create",
                {"job-id": name, "options": {"driver": "file", "filename": "/dev/null", "size": 0}},
            )
            machine.client.wait_event(
                "JOB_STATUS_CHANGE", match={"id": name, "status": "concluded"}, timeout=20
            )
            machine.client.execute("job-dismiss", {"id": name})
    out, _ = process.communicate()
    assert json.loads(out)["data"] == {"id": "j1", "status": "concluded"}


def test_repeated_member_of_events_is_rejected(machine: Machine) -> None:
    result = run("events", "-s", machine.server.address, "STOP", "a=1", "a=2")
    assert (result.status, result.out) == (2, "")
    assert "a occurs twice" in result.err


def test_events_timeout_without_count_fails(machine: Machine) -> None:
    arguments = ("events", "-s", machine.server.address, "--timeout", "0.3")
    assert run(*arguments, "--count", "1").status == 1
    assert run(*arguments).status == 0


@pytest.mark.parametrize(
    ("form", "expected"),
    [("unix", r"1\d{9}\.\d+"), ("iso", r'"20..-..-..T.*[+-]\d\d:\d\d"'), ("local", r'"..:..:.*"')],
)
def test_events_timestamp_changes_time(machine: Machine, form: str, expected: str) -> None:
    result = machine.run("--count", "1", "--timestamp", form)
    assert re.match(rf'\{{"timestamp": {expected}, "event": "(STOP|RESUME)"', result.out)


def test_events_timestamp_none_removes_time(machine: Machine) -> None:
    result = machine.run("--count", "1", "--timestamp", "none", "STOP")
    assert result.out == '{"event": "STOP"}\n'


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("STOPP",), "did you mean STOP?"),
        (("stop",), "stop"),
        (("--regex", "("), "'(' is not a regular expression: missing )"),
        (("STOP", "x=1"), "x"),
        (("--count", "0"), "--count"),
    ],
)
def test_events_rejects_impossible_choice(
    one_qemu: Server, words: tuple[str, ...], reason: str
) -> None:
    result = run("events", "-s", one_qemu.address, *words)
    assert (result.status, result.out) == (2, "")
    assert reason in result.err


def test_reader_that_leaves_ends_it_at_once(machine: Machine) -> None:
    with machine.start() as process:
        machine.wait_for_output(process)
        assert process.stdout is not None
        process.stdout.close()  # no further event
        assert process.wait(60) == 141
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_end_of_qemu_ends_events(machine: Machine) -> None:
    process = machine.start()
    machine.wait_for_output(process)
    machine.server.kill()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 3
    assert err.startswith(b"qmpshell: ")
    assert err.count(b"\n") == 1


def test_events_at_terminal_are_readable(machine: Machine) -> None:
    with Terminal("events", "-s", machine.server.address, "--count", "1", "STOP") as terminal:

        def toggle_until_printed() -> bool:
            machine.toggle()
            return "STOP" in terminal.text

        terminal.wait(toggle_until_printed, "no event")
        assert terminal.end() == 0
        assert re.match(r"\d\d:\d\d:\d\d\.\d{3} STOP$", terminal.lines[0])


def test_event_before_first_reply_is_printed_at_once(tmp_path: Path) -> None:
    def play(peer: Peer) -> None:
        peer.send(GREETING)
        peer.send(b'{"event": "STOP"}\r\n')
        peer.reply(peer.read())
        peer.ended()

    with ScriptedServer(tmp_path / "vm.sock", play) as server:
        result = run("events", "-s", server.address, "--count", "1", "--timeout", "60")
    assert (result.status, result.out) == (0, '{"event": "STOP"}\n')
