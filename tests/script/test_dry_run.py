"""Tests of `--dry-run`: it shows the messages, and sends only queries for the schema."""

from __future__ import annotations

from typing import Any

import pytest

from qmpshell.errors import CONNECTION, FAILED, OK
from tests.harness.sessions import (
    SCHEMA,
    Driver,
    error,
    event,
    own_question,
    reply,
    shown_command,
)

ASKED = own_question(1, "query-qmp-schema")
NOTE = "evaluated without the server's schema: add an ADDRESS to use its types"
PLACED = ("tell", f"stdin:1:1: {NOTE}")


def offline(**options: Any) -> Driver:
    return Driver(offline=True, dry_run=True, **options)


def online(**options: Any) -> Driver:
    return Driver(dry_run=True, **options)


def informed(**options: Any) -> Driver:
    """Return a driver of a server that has no schema, which is known already."""
    driver = online(**options)
    driver.session.introspection.has_schema = True
    return driver


SHOWN = [
    ("stop", ['{"execute": "stop"}']),
    ("stop; cont", ['{"execute": "stop"}', '{"execute": "cont"}']),
    ("x a=b c.d=e", ['{"execute": "x", "arguments": {"a": "b", "c": {"d": "e"}}}']),
    ("{'execute':  'stop'}", ["{'execute':  'stop'}"]),
    ("quit", ['{"execute": "quit"}']),
    ("/oob yank a:=1", ['{"exec-oob": "yank", "arguments": {"a": 1}}']),
    (
        "/hmp info status",
        ['{"execute": "human-monitor-command", "arguments": {"command-line": "info status"}}'],
    ),
    (
        "/keyval blockdev null-co,node-name=n",
        ['{"execute": "blockdev-add", "arguments": {"driver": "null-co", "node-name": "n"}}'],
    ),
    (
        "transaction( x a=b )",
        [
            '{"execute": "transaction",'
            ' "arguments": {"actions": [{"type": "x", "data": {"a": "b"}}]}}'
        ],
    ),
    ("# nothing", []),
]


@pytest.mark.parametrize(("line", "messages"), SHOWN)
def test_dry_run_without_server_shows_messages(line: str, messages: list[str]) -> None:
    driver = offline()
    assert driver.line(line) == [shown_command(text) for text in messages]
    assert driver.session.idle
    assert driver.end() == [("leave", OK)]


@pytest.mark.parametrize(("line", "messages"), SHOWN)
def test_dry_run_with_server_sends_nothing(line: str, messages: list[str]) -> None:
    driver = informed()
    assert driver.line(line) == [shown_command(text) for text in messages]
    assert driver.session.idle
    assert driver.end() == [("leave", OK)]


def test_dry_run_shows_hmp_request() -> None:
    driver = offline(hmp=True)
    ((kind, data),) = driver.line("info status | 1")
    assert kind == "show"
    assert b'"command-line": "info status | 1"' in data


def test_dry_run_reports_invalid_line() -> None:
    driver = offline()
    assert [effect[0] for effect in driver.line("stop; x y")] == ["error"]
    assert driver.end() == [("leave", FAILED)]


def test_dry_run_stops_on_error() -> None:
    driver = offline(stop_on_error=True)
    assert [effect[0] for effect in driver.line("x y")] == ["error", "leave"]


# -- the schema -----------------------------------------------------------------------------------


def test_offline_ambiguous_value_gets_a_note() -> None:
    driver = offline()
    assert driver.line("resize id=5") == [
        PLACED,
        shown_command('{"execute": "resize", "arguments": {"id": 5}}'),
    ]
    assert driver.end() == [("leave", OK)]


@pytest.mark.parametrize(
    "line",
    [
        "resize id=5",
        "/oob resize id=5",
        "/keyval resize id=5",
        "transaction( resize id=5 )",
        "device_add driver=e1000 mac=5",
        "qom-set path=/machine property=p value=5",
    ],
)
def test_value_with_unknown_type_gets_note(line: str) -> None:
    assert [effect[0] for effect in offline().line(line)] == ["tell", "show"]


@pytest.mark.parametrize("line", ["resize id=disk", "resize id:=5", 'resize {"id": 5}', "stop"])
def test_value_with_clear_type_gets_no_note(line: str) -> None:
    assert [effect[0] for effect in offline().line(line)] == ["show"]


def test_dry_run_with_server_uses_schema() -> None:
    driver = online()
    assert driver.line("resize id=5") == [ASKED]
    assert driver.bytes(reply(SCHEMA, 1)) == [
        shown_command('{"execute": "resize", "arguments": {"id": "5"}}')
    ]
    assert driver.session.idle
    assert driver.line("resize id=6") == [
        shown_command('{"execute": "resize", "arguments": {"id": "6"}}')
    ]


def test_dry_run_waits_for_greeting() -> None:
    driver = online(greeted=False)
    assert driver.line("resize id=5") == []
    assert not driver.session.idle


def test_dry_run_without_schema_support_gets_note() -> None:
    driver = online()
    driver.line("resize id=5")
    found = driver.bytes(error("no", "CommandNotFound", 1))
    assert [effect[0] for effect in found] == ["tell", "show"]
    assert "schema" in found[0][1]


@pytest.mark.parametrize("options", [{"probe": False}, {"negotiate": False}])
def test_dry_run_without_probing_sends_nothing(options: dict[str, Any]) -> None:
    found = online(**options).line("resize id=5")
    assert found[-1] == shown_command('{"execute": "resize", "arguments": {"id": 5}}')
    assert [effect for effect in found if effect[0] == "send"] == []


# -- shell commands -------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [offline, informed])
@pytest.mark.parametrize(
    "line", ["/resync", "/wait STOP", "/wait -t 5 STOP", "/wait-job j", "/wait-job -t 5 j"]
)
def test_dry_run_skips_waits_and_resync(make: Any, line: str) -> None:
    driver = make()
    found = driver.line(f"{line}; stop")
    assert [effect for effect in found if effect[0] in ("send", "error")] == []
    assert found[-1] == shown_command('{"execute": "stop"}')
    assert driver.session.idle
    assert driver.end() == [("leave", OK)]


@pytest.mark.parametrize("make", [offline, informed])
def test_dry_run_shows_sourced_lines(make: Any) -> None:
    driver = make(files={"f": "stop\ncont\n"})
    assert driver.line("/source f") == [
        shown_command('{"execute": "stop"}'),
        shown_command('{"execute": "cont"}'),
    ]


@pytest.mark.parametrize("make", [offline, informed])
def test_dry_run_stops_at_exit(make: Any) -> None:
    driver = make()
    assert driver.line("stop; exit; cont") == [
        shown_command('{"execute": "stop"}'),
        ("leave", OK),
    ]


@pytest.mark.parametrize("make", [offline, informed])
def test_dry_run_reports_invalid_shell_command(make: Any) -> None:
    assert [effect[0] for effect in make().line("/wait")] == ["error"]


# -- files and shell commands ---------------------------------------------------------------------


def test_dry_run_does_not_open_sent_file() -> None:
    driver = informed()
    assert driver.line("getfd fdname=x < /nonexistent") == [
        shown_command('{"execute": "getfd", "arguments": {"fdname": "x"}}')
    ]


@pytest.mark.parametrize("where", ["> out.json", ">> out.json", "| sh"])
@pytest.mark.parametrize("make", [offline, informed])
def test_dry_run_writes_and_runs_nothing(make: Any, where: str) -> None:
    """A dry run has no replies to redirect."""
    driver = make()
    assert driver.line(f"stop {where}") == [shown_command('{"execute": "stop"}')]
    assert driver.session.idle


# -- the server -----------------------------------------------------------------------------------


def test_dry_run_connection_loss_gives_status_3() -> None:
    driver = online()
    driver.line("resize id=5")
    assert driver.gone()[-1] == ("leave", CONNECTION)


def test_dry_run_shows_events() -> None:
    driver = informed()
    assert driver.bytes(event("STOP")) == [("event", "STOP")]
    assert driver.line("stop") == [shown_command('{"execute": "stop"}')]


def test_dry_run_queries_schema_once_for_warnings() -> None:
    driver = online()
    assert driver.line("stop; resize size=1") == [ASKED]
    assert driver.bytes(reply(SCHEMA, 1)) == [
        ("tell", "stdin:1:7: warning: resize: missing: id"),
        shown_command('{"execute": "stop"}'),
        shown_command('{"execute": "resize", "arguments": {"size": 1}}'),
    ]
    found = driver.line("# none") + driver.line("/status") + driver.line("{'execute': 'stop'}")
    assert [effect[0] for effect in found] == ["tell", "show"]
    assert driver.status == OK
