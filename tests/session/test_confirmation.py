"""Tests of the commands that need confirmation, in every notation."""

from __future__ import annotations

import pytest

from qmpshell.language import (
    Command,
    Introspection,
    LogicalLine,
    RawCommand,
    ShellCommand,
    SourceLine,
)
from qmpshell.session import (
    Request,
    confirmation_question,
    make_hmp_request,
    make_request,
    prepare,
    prepare_hmp,
)
from qmpshell.storage import CONFIRM
from tests.harness.evaluation import no_file

QUIT = "quit ends the server and its VM"
RESET = "system_reset resets the VM"
POWER = "system_powerdown asks the guest to power off"
AGENT = "guest-shutdown shuts down the guest and its VM"


def source(text: str) -> SourceLine:
    line = LogicalLine()
    line.add(text, number=1, line=text, dropped=0)
    return SourceLine("stdin", line)


def request(text: str) -> Request:
    parsed = prepare(source(text), Introspection(read_file=no_file, has_schema=True)).parsed
    assert parsed is not None
    (action,) = parsed.actions
    assert isinstance(action, (Command, RawCommand))
    return make_request(action, source(text), "1")


def hmp_request(text: str) -> Request:
    parsed = prepare_hmp(source(text)).parsed
    assert parsed is not None
    (action,) = parsed.actions
    assert isinstance(action, ShellCommand) and action.name == "/hmp"
    return make_hmp_request(action.line, source(text), None, start=action.start, cpu=None)


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("quit", QUIT),
        ("quit x=1", QUIT),
        ("system_reset", RESET),
        ("system_powerdown", POWER),
        ("guest-shutdown mode=powerdown", AGENT),
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
def test_destructive_command_needs_confirmation(text: str, question: str) -> None:
    assert confirmation_question(request(text), CONFIRM) == question


@pytest.mark.parametrize(
    "text",
    [
        "query-status",
        "stop",
        "guest-ping",
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
def test_harmless_command_needs_no_confirmation(text: str) -> None:
    assert confirmation_question(request(text), CONFIRM) == ""


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
def test_destructive_hmp_line_needs_confirmation(text: str, question: str) -> None:
    assert confirmation_question(hmp_request(text), CONFIRM) == question


def setting_question(name: str) -> str:
    return f"{name} needs confirmation (setting confirm)"


@pytest.mark.parametrize(
    ("text", "names", "question"),
    [
        ("quit", (), ""),
        ("quit", ("system_reset",), ""),
        ("quit", ("qui*",), QUIT),
        ("system_reset", ("*",), RESET),
        ("system_reset", ("system-reset",), RESET),
        ("device_del id=x", ("device_del",), setting_question("device_del")),
        ("device_del id=x", ("device-*",), setting_question("device_del")),
        ("blockdev-del node-name=x", ("blockdev-*",), setting_question("blockdev-del")),
        ("blockdev-del node-name=x", ("blockdev_???",), setting_question("blockdev-del")),
        ("blockdev-del node-name=x", ("Blockdev-del", "blockdev", "*-add", "[a]*"), ""),
        ('{"execute": "stop"}', ("stop",), setting_question("stop")),
        ('{"exec-oob": "migrate-pause"}', ("migrate-*",), setting_question("migrate-pause")),
        (
            '{"execute": "human-monitor-command"}',
            ("human-*",),
            setting_question("human-monitor-command"),
        ),
        ('{"execute": "\\u001b[2J"}', ("*2J",), setting_question("\\x1b[2J")),
        ('{"execute": 5}', ("*",), ""),
        ('{"id": 1}', ("*",), ""),
    ],
)
def test_confirm_setting_selects_commands(text: str, names: tuple[str, ...], question: str) -> None:
    assert confirmation_question(request(text), names) == question


@pytest.mark.parametrize(
    ("text", "names", "question"),
    [
        ("nmi", ("inject-nmi",), setting_question("inject-nmi")),
        ("nmi 0", ("nmi",), setting_question("nmi")),
        ("s", ("stop",), setting_question("stop")),
        ("loadvm now", ("snapshot-*",), setting_question("snapshot-load")),
        ("loadvm now", ("loadvm",), setting_question("loadvm")),
        ("object_del x", ("object-del",), setting_question("object_del")),
        ("x/10i 0", ("x",), setting_question("x")),
        ("q", ("q",), QUIT),
        ("info nmi", ("nmi", "inject-nmi"), ""),
        ("info nmi", ("human-monitor-command",), setting_question("human-monitor-command")),
        ("", ("*",), setting_question("human-monitor-command")),
    ],
)
def test_confirm_setting_matches_equivalent_hmp_commands(
    text: str, names: tuple[str, ...], question: str
) -> None:
    command = f"human-monitor-command command-line='{text}'"
    assert confirmation_question(request(command), names) == question
    if text:
        assert confirmation_question(hmp_request(text), names) == question


@pytest.mark.parametrize(
    ("actions", "question"),
    [
        ("[]", ""),
        ("[{'type': 'abort'}]", ""),
        ("[{'type': 'abort'}, {'type': 'drive-backup'}]", setting_question("drive-backup")),
        ("[5, {}, 'drive-backup', {'type': ['drive-backup']}]", ""),
        ("{'type': 'drive-backup'}", ""),
    ],
)
def test_transaction_is_confirmed_by_its_action_types(actions: str, question: str) -> None:
    text = f"{{'execute': 'transaction', 'arguments': {{'actions': {actions}}}}}"
    assert confirmation_question(request(text), ("drive-*",)) == question
    assert confirmation_question(request(text), CONFIRM) == ""
    assert confirmation_question(request(text), ("transaction",)) == setting_question("transaction")
