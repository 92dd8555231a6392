"""Tests that a script writes secrets neither to stderr nor to its log, whatever the server repeats."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.program import run
from tests.harness.scripted import Peer, ScriptedServer
from tests.harness.secret_forms import HMP_FORMS, QMP_FORMS, SECRET

Scripted = Callable[[Callable[[Peer], object]], ScriptedServer]
# It ends a script, because there is no such server.
CONNECT = "/connect ws://u:hunter2@h/"
# Python's parser, which the server uses, does not accept single quotes.
FORMS = [line for line in QMP_FORMS if line != CONNECT and line[:2] != "{'"]


def repeat_all(peer: Peer) -> None:
    """Answer each command with an error that repeats it, after an event that repeats the last one."""
    peer.negotiate()
    before = ""
    while True:
        command = peer.read_any()
        text = json.dumps(command)
        stamp = {"seconds": 1, "microseconds": 2}
        peer.send(json.dumps({"event": "X", "data": before, "timestamp": stamp}).encode() + b"\n")
        peer.send(text.encode() + b"\n")  # a terminal between the two echoes what it is sent
        peer.reply(command, error={"class": "GenericError", "desc": f"invalid: {text}"})
        before = json.dumps([*command.get("arguments", {"": ""}).values()])


def repeat_text(peer: Peer) -> None:
    """Answer each command of the human monitor with a text that repeats it."""
    peer.negotiate()
    while True:
        command = peer.read_any()
        peer.reply(command, f"Error: bad {command['arguments']['command-line']}\r\n")


@pytest.mark.parametrize("options", [("-v",), ("-v", "-r")])
def test_script_keeps_secrets_private(
    options: tuple[str, ...], scripted: Scripted, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with_log = ("-l", str(log), "--events", "none")
    script = "\n".join([*FORMS, CONNECT, ""])
    result = run(*options, *with_log, scripted(repeat_all).address, input=script, timeout=120)
    assert SECRET not in result.err
    assert SECRET not in log.read_text()
    assert result.err.count("->") > 60  # most lines were sent, and shown
    assert "<redacted>" in log.read_text()


def test_log_opened_after_secret_omits_it(scripted: Scripted, tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = f"{FORMS[0]}\n/log {log}\nquery-status\nstop\n"
    run(scripted(repeat_all).address, input=script)
    assert SECRET not in log.read_text()
    assert "<redacted>" in log.read_text()


def test_hmp_script_keeps_secrets_private(scripted: Scripted, tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = "\n".join([*HMP_FORMS, *(f"{line} |" for line in HMP_FORMS), ""])
    result = run("-H", "-v", "-l", str(log), scripted(repeat_text).address, input=script)
    assert SECRET not in result.err
    assert SECRET not in log.read_text()
    assert result.err.count("->") == len(HMP_FORMS)


def test_raw_script_keeps_secrets_private(scripted: Scripted) -> None:
    lines = [line for line in QMP_FORMS if line[0] == "{"]
    server = scripted(lambda peer: peer.ended())
    result = run("--raw", "-v", server.address, input="\n".join([*lines, "stop", ""]))
    assert SECRET not in result.err
    assert "-> stop" in result.err


def test_message_about_lost_reply_omits_secret(scripted: Scripted) -> None:
    def part(peer: Peer) -> None:
        peer.negotiate()
        peer.read_any()

    result = run("-H", scripted(part).address, "-c", f"set_pasword vnc {SECRET}")
    assert "while waiting for the reply to set_pasword vnc <redacted>; its outcome" in result.err


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            f'stop; set_password protocol=vnc password="{SECRET}',
            "stdin:1:42: the quote is not closed\n"
            "  stop; set_password protocol=vnc password=<redacted>\n"
            "                                           ^^^^^^^^^^\n",
        ),
        (
            f'set_password protocol=vnc password="{SECRET}',
            "stdin:1:36: the quote is not closed\n"
            "  set_password protocol=vnc password=<redacted>\n"
            "                                     ^^^^^^^^^^\n",
        ),
        (
            f"set_password vnc {SECRET}",
            "stdin:1:14: set_password has no argument '<redacted>'\n"
            "  set_password <redacted> <redacted>\n"
            "               ^^^^^^^^^^\n"
            "  expected KEY=VALUE\n",
        ),
        (
            f"object-add qom-type=secret id=s \\\n data={SECRET} more",
            "stdin:2:15: object-add has no argument '<redacted>'\n"
            "   data=<redacted> <redacted>\n"
            "                   ^^^^^^^^^^\n",
        ),
        (
            f"set_password password={SECRET} id=1 id=2",
            "stdin:1:36: id occurs twice\n",
        ),
        (
            f"stop > /nonexistent/file; x password={SECRET}",
            "stdin:1:25: text after",
        ),
        (
            f'{{"execute": "set_password",\n"arguments": {{"password": {SECRET}}}}}',
            "stdin:2:27: expected a value, not '<redacted>'\n  <redacted>\n  ^^^^^^^^^^\n",
        ),
        (
            f"device_add driver={SECRET} foo",
            f"stdin:1:27: device_add has no argument 'foo'\n  device_add driver={SECRET} foo\n",
        ),
    ],
)
def test_error_in_script_omits_secret(line: str, expected: str, scripted: Scripted) -> None:
    result = run("--no-probe", scripted(repeat_all).address, input=line + "\n")
    assert expected in result.err
