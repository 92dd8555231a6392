"""What a person is asked about: everything that ends or resets the machine, however it is written."""

from __future__ import annotations

import pytest

from qmpshell.guard import destroys
from qmpshell.language.lines import LogicalLine
from qmpshell.requests import Prepared, Request, Source, prepare, prepare_human

QUIT = "quit ends the server, and the virtual machine with it"
RESET = "system_reset resets the virtual machine"
POWER = "system_powerdown asks the guest to power off"


def source(text: str) -> Source:
    line = LogicalLine()
    line.add(text, number=1, line=text, dropped=0)
    return Source("stdin", line)


def request(prepared: Prepared) -> Request:
    (found,) = prepared.requests
    return found


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("quit", QUIT),
        ("quit x=1", QUIT),
        ("system_reset", RESET),
        ("system_powerdown", POWER),
        ('{"execute": "quit"}', QUIT),
        ("{'execute':'system_reset'}", RESET),
        ('{"id": 5, "execute": "\\u0071uit"}', QUIT),
        ('{"exec-oob": "system_powerdown"}', POWER),
        ("human-monitor-command command-line=quit", QUIT),
        ("human-monitor-command command-line=q", QUIT),
        ('human-monitor-command command-line=" \\tquit  now"', QUIT),
        ('human-monitor-command {"command-line": "system_reset"}', RESET),
        ('{"execute": "human-monitor-command", "arguments": {"command-line": "q"}}', QUIT),
    ],
)
def test_asked(text: str, question: str) -> None:
    assert destroys(request(prepare(source(text), next_id=lambda: "1"))) == question


@pytest.mark.parametrize(
    "text",
    [
        "query-status",
        "stop",
        "Quit",
        "quitx",
        "x-quit",
        "x name=quit",
        '{"id": "quit"}',
        '{"execute": ["quit"]}',
        '{"execute": "x", "arguments": {"execute": "quit"}}',
        "human-monitor-command",
        "human-monitor-command command-line=",
        "human-monitor-command command-line=5",
        'human-monitor-command command-line="info quit"',
        '{"execute": "human-monitor-command", "arguments": ["quit"]}',
    ],
)
def test_not_asked(text: str) -> None:
    assert destroys(request(prepare(source(text), next_id=lambda: "1"))) == ""


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("quit", QUIT),
        ("  q  ", QUIT),
        ("system_reset", RESET),
        ("system_powerdown", POWER),
        ("info status", ""),
        ("qu", ""),
        ("print quit", ""),
    ],
)
def test_asked_in_the_human_monitor(text: str, question: str) -> None:
    found = request(prepare_human(source(text), next_id=lambda: None))
    assert destroys(found) == question
