"""Tests of `/info` in a session."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.sessions import (
    Driver,
    Shown,
    error,
    mistake,
    own_question,
    reply,
    sent,
    shown_command,
)

COMMANDS = [
    {"name": name}
    for name in ("query-status", "qom-list", "query-commands", "query-pci", "device_add")
]
STATUS = {"status": "running", "running": True}
ASKED = own_question(1, "query-commands")


def info(words: str, **options: Any) -> Driver:
    """Return a session in which /info has asked for the server's commands and got them."""
    driver = Driver(**options)
    assert driver.line(f"/info {words}") == [ASKED]
    return driver


def test_info_asks_commands_once_and_shows_view() -> None:
    driver = info("status")
    assert driver.bytes(reply(COMMANDS, 1)) == [own_question(2, "query-status")]
    assert driver.bytes(reply(STATUS, 2)) == [("page", "VM status: running (running)")]
    assert driver.line("/info status") == [own_question(3, "query-status")]


def test_info_of_unknown_name_suggests() -> None:
    driver = info("staus")
    assert driver.bytes(reply(COMMANDS, 1)) == [own_question(2, "query-qmp-schema")]
    text = "this server has no view 'staus'; did you mean status?"
    assert driver.bytes(error("no", marker=2)) == [("error", f"stdin:1:1: {text}")]
    assert driver.end() == [("leave", 1)]


def test_info_without_name_lists_what_server_can_answer() -> None:
    driver = info("")
    assert driver.bytes(reply(COMMANDS, 1)) == [own_question(2, "query-qmp-schema")]
    (page,) = driver.bytes(reply([], 2))
    names = [line.split()[0] for line in page[1].split("\n")]
    assert names == ["mtree", "network", "pci", "qdm", "qom-tree", "qtree", "status"]


def test_info_refused_request_fails() -> None:
    driver = info("status")
    driver.bytes(reply(COMMANDS, 1))
    assert driver.bytes(error("not now", marker=2)) == [("error", "stdin:1:1: not now")]
    assert driver.end() == [("leave", 1)]


def test_info_pipelines_requests_and_orders_replies() -> None:
    driver = info("qom-tree")
    driver.bytes(reply(COMMANDS, 1))
    driver.bytes(reply("machine", 2))
    names = [f"o{number}" for number in range(6)]
    children = [{"name": name, "type": "child<x>"} for name in names]
    first = driver.bytes(reply(children, 3))
    assert first == [
        own_question(4 + number, "qom-list", path=f"/machine/o{number}") for number in range(4)
    ]
    grandchild = [{"name": "inner", "type": "child<y>"}]
    assert driver.bytes(reply(grandchild, 5)) == [own_question(8, "qom-list", path="/machine/o4")]
    for number in (4, 6, 7, 8):
        driver.bytes(reply([], number))
    assert driver.bytes(reply([], 9)) == [own_question(10, "qom-list", path="/machine/o1/inner")]
    ((_, text),) = driver.bytes(reply([], 10))
    assert text.split("\n")[:4] == [
        "/machine (machine)",
        "├─ o0 (x)",
        "├─ o1 (x)",
        "│  └─ inner (y)",
    ]


def test_info_shows_requests_with_v() -> None:
    request = ("tell", '-> {"execute": "query-status"}')
    for driver in (info("-v status"), info("status", verbose=True)):
        assert driver.bytes(reply(COMMANDS, 1)) == [request, own_question(2, "query-status")]


def test_info_json_errors_answers_with_data() -> None:
    driver = info("status", json_errors=True)
    driver.bytes(reply(COMMANDS, 1))
    assert driver.bytes(reply(STATUS, 2)) == [("answer", {"return": STATUS})]


def test_info_dry_run_shows_first_requests() -> None:
    driver = Driver(offline=True, dry_run=True)
    assert driver.line("/info status") == [shown_command('{"execute": "query-status"}')]
    assert driver.line("/info virtio-status /machine/x") == [
        shown_command('{"execute": "x-query-virtio-status", "arguments": {"path": "/machine/x"}}')
    ]
    assert driver.end() == [("leave", 0)]


def test_info_without_probes_works() -> None:
    driver = info("status", probe=False)
    assert driver.bytes(reply(COMMANDS, 1)) == [own_question(2, "query-status")]


def test_info_lost_connection_ends_it() -> None:
    driver = info("qom-tree")
    driver.bytes(reply(COMMANDS, 1))
    found = driver.gone()
    assert "connection" in found[0][1]
    assert driver.status == 3


def test_info_reply_timeout_ends_script() -> None:
    driver = info("status", timeout=5.0)
    driver.bytes(reply(COMMANDS, 1))
    found = driver.after(6)
    assert found[0] == ("error", "stdin:1:1: no reply to query-status within 5 s")
    assert driver.status == 3


def test_info_abandoned_at_prompt_sends_no_more() -> None:
    driver = Driver(interactive=True)
    driver.line("/info qom-tree")
    driver.bytes(reply(COMMANDS, 1))
    driver.bytes(reply("machine", 2))
    driver.bytes(reply([{"name": f"o{number}", "type": "child<x>"} for number in range(9)], 3))
    driver.abandon()
    assert driver.bytes(reply([], 4)) == []
    assert [item[0] for item in driver.line("query-status")] == ["send"]


@pytest.mark.parametrize(
    ("line", "carets", "reason"),
    [
        ("/info a=b", "      ^", "/info has no argument 'a'"),
        ("/info -v", "^^^^^", "a name must follow -v"),
    ],
)
def test_info_with_wrong_words_explains_usage(line: str, carets: str, reason: str) -> None:
    hint = "usage: /info [-v] [NAME [ARGUMENT…]]"
    assert Driver(interactive=True).line(line) == [mistake(line, carets, reason, hint)]


@pytest.mark.parametrize(
    ("line", "carets", "reason", "hint"),
    [
        ("/info -v status x", "                ^", "status has no argument 'x'", "status"),
        (
            "/info qom-tree / b",
            "                 ^",
            "qom-tree has no argument 'b'",
            "qom-tree [PATH]",
        ),
    ],
)
def test_info_with_extra_word_marks_it(line: str, carets: str, reason: str, hint: str) -> None:
    driver = Driver(interactive=True)
    assert driver.line(line) == [ASKED]
    found = driver.bytes(reply(COMMANDS, 1))
    assert found == [mistake(line, carets, reason, f"usage: /info {hint}")]


def test_info_of_guest_agent_is_mistake() -> None:
    driver = Driver(interactive=True, agent=True, negotiate=False)
    (found,) = driver.line("/info block")
    assert "a guest agent has no info" in found[1]


def test_info_with_redirect_passes_lines() -> None:
    driver = Driver()
    assert driver.line("/info status | cat") == [("divert", "|", "cat")]
    assert driver.redirect_opened() == [ASKED]
    driver.bytes(reply(COMMANDS, 1))
    found: list[Shown] = driver.bytes(reply(STATUS, 2))
    assert found == [("page", "VM status: running (running)"), ("finish", "|", "cat")]


def test_info_does_not_change_last_reply() -> None:
    driver = info("status")
    driver.bytes(reply(COMMANDS, 1))
    driver.bytes(reply(STATUS, 2))
    assert driver.line("query-name") == [sent('{"execute": "query-name"}')]


def test_queued_line_follows_abandoned_info() -> None:
    driver = Driver(interactive=True)
    driver.line("/info qom-tree")
    driver.bytes(reply(COMMANDS, 1))
    assert driver.line("query-name") == []
    found = driver.abandon()
    assert ("error", "no reply to qom-get") in found
    assert [item[1] for item in found if item[0] == "send"] == [
        b'{"execute": "query-name", "id": "qmpshell-4"}\n'
    ]


NO_HUMAN = error("The command human-monitor-command has not been found", "CommandNotFound")


def test_hmp_info_without_human_monitor_shows_view() -> None:
    driver = Driver(hmp=True)
    assert driver.line("info status") == [
        sent('{"execute": "human-monitor-command", "arguments": {"command-line": "info status"}}')
    ]
    assert driver.bytes(NO_HUMAN) == [ASKED]
    driver.bytes(reply(COMMANDS, 1))
    assert driver.bytes(reply(STATUS, 2)) == [("page", "VM status: running (running)")]
    assert driver.end() == [("leave", 0)]


def test_other_hmp_line_without_human_monitor_fails() -> None:
    driver = Driver(hmp=True)
    driver.line("stop")
    assert driver.bytes(NO_HUMAN)[0][0] == "reply"
    assert driver.end() == [("leave", 1)]
