"""What a person is asked about: everything that ends or resets the machine, however it is written."""

from __future__ import annotations

import pytest

from qmpshell.guard import destroys
from qmpshell.language.command import Command, LocalCommand, RawCommand
from qmpshell.language.facts import Facts, no_file
from qmpshell.language.lines import LogicalLine
from qmpshell.requests import (
    Request,
    Source,
    make_human_request,
    make_request,
    prepare,
    prepare_human,
)

QUIT = "quit ends the server, and the virtual machine with it"
RESET = "system_reset resets the virtual machine"
POWER = "system_powerdown asks the guest to power off"


def source(text: str) -> Source:
    line = LogicalLine()
    line.add(text, number=1, line=text, dropped=0)
    return Source("stdin", line)


def request(text: str) -> Request:
    plan = prepare(source(text), Facts(read_file=no_file, has_schema=True)).plan
    assert plan is not None
    (action,) = plan.actions
    assert isinstance(action, (Command, RawCommand))
    return make_request(action, source(text), "1")


def human_request(text: str) -> Request:
    plan = prepare_human(source(text)).plan
    assert plan is not None
    (action,) = plan.actions
    assert isinstance(action, LocalCommand) and action.name == "/hmp"
    return make_human_request(action.line, source(text), None, start=action.start, cpu=None)


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
    assert destroys(request(text)) == question


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
    assert destroys(request(text)) == ""


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
    assert destroys(human_request(text)) == question
