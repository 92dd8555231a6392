"""Test the shell commands that show documents: /table and /graph."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from qmpshell.errors import FAILED, OK
from tests.harness.sessions import (
    DONE,
    SCHEMA,
    Driver,
    Shown,
    error,
    mistake,
    own_question,
    reply,
    sent,
)

USAGE = "usage: /table [-v] [-s COLUMN] [--tsv] [COLUMN,…] [COLUMN=VALUE…] COMMAND …"
NODES: list[dict[str, Any]] = [
    {"node-name": "d10", "drv": "qcow2", "ro": False, "image": {"size": 1 << 30}},
    {"node-name": "d9", "drv": "raw", "ro": True, "image": {"size": 4096}},
]


def table_of(line: str, value: object = NODES, **options: Any) -> list[Shown]:
    """Return what a line shows in a script after the reply to its command."""
    driver = Driver(probe=False, **options)
    (effect,) = driver.line(line)
    assert effect[0] == "send"
    return driver.bytes(reply(value))


# -- /table ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        (
            "/table query-x",
            [
                "node-name  drv    ro     image.size",
                "d10        qcow2  false  1073741824",
                "d9         raw    true         4096",
            ],
        ),
        (
            "/table drv,size query-x",
            ["drv    image.size", "qcow2  1073741824", "raw          4096"],
        ),
        ("/table drv, ro query-x", ["drv    ro", "qcow2  false", "raw    true"]),
        ("/table -s node-name node-name query-x", ["node-name", "d9", "d10"]),
        ("/table -s -size node-name query-x", ["node-name", "d10", "d9"]),
        ("/table --tsv drv,size query-x", ["drv\timage.size", "qcow2\t1073741824", "raw\t4096"]),
        ("/table drv ro=yes query-x", ["drv", "raw"]),
        ("/table drv ro!=true query-x", ["drv", "qcow2"]),
        ("/table drv size=1G query-x", ["drv", "qcow2"]),
        ("/table drv drv=q* image.size=1073741824 query-x", ["drv", "qcow2"]),
        ("/table drv* ro:=true query-x", ["drv", "raw"]),
    ],
)
def test_table_shows_chosen_columns_and_rows(line: str, lines: list[str]) -> None:
    assert table_of(line) == [("page", "\n".join(lines))]


def test_table_with_v_shows_request_without_secret() -> None:
    driver = Driver(probe=False)
    shown, _ = driver.line("/table -v drv change-vnc-password password=x")
    assert shown == (
        "tell",
        '-> {"execute": "change-vnc-password", "arguments": {"password": "<redacted>"}}',
    )


def test_table_with_v_shows_request_after_confirmation() -> None:
    driver = Driver(interactive=True, probe=False)
    assert [item[0] for item in driver.line("/table -v quit")] == ["ask"]
    assert driver.answer(go_on=False) == [("tell", "not sent")]
    assert [item[0] for item in driver.line("/table -v quit")] == ["ask"]
    shown, request = driver.answer(go_on=True)
    assert shown == ("tell", '-> {"execute": "quit"}')
    assert request[0] == "send"


def test_quoted_filter_is_no_glob() -> None:
    value = [{"a": "q*", "b": 1}, {"a": "qx", "b": 2}]
    assert table_of('/table b a="q*" query-x', value) == [("page", "b\n1")]


def test_filters_and_arguments_are_separate() -> None:
    driver = Driver(probe=False)
    assert driver.line("/table drv=raw query-x flat=true") == [
        sent('{"execute": "query-x", "arguments": {"flat": true}}')
    ]
    assert driver.line("stop") == []
    assert driver.bytes(reply(NODES)) == [
        ("page", "node-name  drv  ro    image.size\nd9         raw  true        4096"),
        sent('{"execute": "stop"}'),
    ]
    driver.bytes(DONE)
    assert driver.end() == [("leave", OK)]


def test_arguments_have_the_types_of_the_schema() -> None:
    driver = Driver()
    assert driver.line("/table a resize size=5") == [own_question(1, "query-qmp-schema")]
    assert driver.bytes(reply(SCHEMA, 1)) == [
        sent('{"execute": "resize", "arguments": {"size": 5}}')
    ]


def test_columns_behind_command_are_rejected_by_schema() -> None:
    driver = Driver()
    driver.line("/table a resize size=5")
    driver.bytes(reply(SCHEMA, 1))
    driver.bytes(DONE)
    (found,) = driver.line("/table resize a size=5")
    assert found == mistake(
        "/table resize a size=5",
        "              ^",
        "the columns precede the command",
        "did you mean /table a resize size=5?",
        place="stdin:2:15",
    )


def test_json_object_is_sent_unchanged() -> None:
    driver = Driver(probe=False)
    line = '{"execute": "query-x"}'
    assert driver.line(f"/table {line}") == [sent(line)]


@pytest.mark.parametrize(
    ("line", "carets", "reason", "hint"),
    [
        ("/table", "^^^^^^", "the command whose result is shown is missing", USAGE),
        ("/table -s x", "^^^^^^", "the command whose result is shown is missing", USAGE),
        ("/table -s", "       ^^", "a column must follow -s", USAGE),
        ("/table -x query-x", "       ^^", "/table has no option '-x'", USAGE),
        (
            "/table /info block",
            "       ^^^^^",
            "only server commands return a list",
            USAGE,
        ),
        (
            "/table query-block device,qdev",
            "                   ^^^^^^^^^^^",
            "the columns precede the command",
            "did you mean /table device,qdev query-block?",
        ),
        (
            "/table -v query-x a=1 b c=2",
            "                      ^",
            "the columns precede the command",
            "did you mean /table -v b query-x a=1 c=2?",
        ),
        ("/table /wait", "       ^^^^^", "only server commands return a list", USAGE),
        (
            '/table {"execute": "x"} y=1',
            "                        ^",
            "text after the JSON object",
            USAGE,
        ),
    ],
)
def test_invalid_table_call_reports_error(line: str, carets: str, reason: str, hint: str) -> None:
    driver = Driver(probe=False)
    (found,) = driver.line(line)
    assert found == mistake(line, carets, reason, hint, place=f"stdin:1:{carets.index('^') + 1}")
    assert driver.end() == [("leave", FAILED)]


@pytest.mark.parametrize(
    ("line", "carets", "reason", "hint"),
    [
        ("/table drv,sze query-x", " " * 11 + "^^^", "no column 'sze'", "did you mean size?"),
        ("/table -s -a query-x", " " * 11 + "^", "no column 'a'", None),
        (
            "/table nodename=1 query-x",
            " " * 7 + "^" * 8,
            "no column 'nodename'",
            "did you mean node-name?",
        ),
    ],
)
def test_unknown_column_is_reported(line: str, carets: str, reason: str, hint: str | None) -> None:
    hint = hint or "the columns are node-name, drv, ro, image.size"
    assert table_of(line) == [
        mistake(line, carets, reason, hint, place=f"stdin:1:{carets.index('^') + 1}")
    ]


def test_ambiguous_column_is_reported() -> None:
    line = "/table size query-x"
    value = [{"a": {"size": 1}, "b": {"size": 2}}]
    reason = "'size' can be several columns"
    assert table_of(line, value) == [
        mistake(line, "       ^^^^", reason, "the columns are a.size, b.size", place="stdin:1:8")
    ]


def test_empty_list_is_reported() -> None:
    assert table_of("/table x query-x", []) == [("tell", "there are no rows")]
    assert table_of("/table --tsv query-x", []) == [("page", "")]


def test_scalar_result_is_refused() -> None:
    driver = Driver(probe=False)
    driver.line("/table query-x")
    ((kind, text),) = driver.bytes(reply("text"))
    assert (kind, text) == ("error", "stdin:1:1: query-x returned neither a list nor an object")
    assert driver.status == FAILED


def test_text_for_people_is_shown_as_text() -> None:
    assert table_of("/table query-x", {"human-readable-text": "a\r\n  b\r\n"}) == [
        ("page", "a\n  b")
    ]


def test_error_of_the_command_is_shown() -> None:
    driver = Driver(probe=False)
    driver.line("/table query-x")
    ((kind, message),) = driver.bytes(error("no"))
    assert (kind, message["error"]["desc"]) == ("reply", "no")
    assert driver.status == FAILED


def test_table_is_a_json_answer() -> None:
    options = {"json_errors": True}
    assert table_of("/table node-name ro=on query-x", **options) == [
        ("answer", {"return": [{"node-name": "d9"}]})
    ]


def test_dry_run_shows_command_of_table() -> None:
    driver = Driver(offline=True, dry_run=True)
    assert driver.line("/table a=b query-x c=d") == [
        ("show", b'{"execute": "query-x", "arguments": {"c": "d"}}\n')
    ]
    assert driver.session.idle


def test_abandoned_table_shows_late_reply() -> None:
    driver = Driver(probe=False, interactive=True)
    driver.line("/table query-x")
    ((_, text),) = driver.abandon()
    assert text.startswith("no longer waiting for the reply to query-x")
    assert driver.bytes(reply(NODES, 1))[0][0] == "late"


# -- /graph ---------------------------------------------------------------------------------------

GRAPH_USAGE = "usage: /graph [-v] block|devices|qom|pci [--dot] [PATH]"


BLOCK_QUERIES = ("x-debug-query-block-graph", "query-block", "query-jobs")


def named(name: str) -> Shown:
    return sent(f'{{"execute": "{name}"}}')


@pytest.mark.parametrize(
    ("line", "carets", "reason"),
    [
        ("/graph", "^^^^^^", "the graph is missing: block, devices, qom, pci"),
        ("/graph blok", "       ^^^^", "/graph has no argument 'blok'; did you mean block?"),
        ("/graph pci x", "           ^", "/graph has no argument 'x'; only qom has a PATH"),
        ("/graph a=b", "       ^", "/graph has no argument 'a'"),
    ],
)
def test_invalid_graph_call_reports_error(line: str, carets: str, reason: str) -> None:
    driver = Driver(probe=False)
    place = f"stdin:1:{carets.index('^') + 1}"
    assert driver.line(line) == [mistake(line, carets, reason, GRAPH_USAGE, place=place)]
    assert driver.status == FAILED


def block_replies(driver: Driver, line: str) -> list[Shown]:
    assert driver.line(line) == [
        own_question(1, "query-named-block-nodes", flat=True),
        *(own_question(number, name) for number, name in enumerate(BLOCK_QUERIES, 2)),
    ]
    nodes = [{"node-name": "d0", "drv": "raw", "ro": False}]
    assert driver.bytes(reply(nodes, 1)) == [own_question(5, "query-block-exports")]
    found = [
        *driver.bytes(error("no", "CommandNotFound", marker=2)),
        *driver.bytes(reply([], 3)),
        *driver.bytes(reply([], 4)),
    ]
    assert found == []
    return driver.bytes(error("no", "CommandNotFound", marker=5))


def test_graph_without_optional_replies_is_drawn() -> None:
    driver = Driver()
    assert block_replies(driver, "/graph block") == [("page", "d0  raw  rw")]
    assert driver.end() == [("leave", OK)]


def test_graph_is_written_for_graphviz() -> None:
    ((kind, text),) = block_replies(Driver(), "/graph block --dot")
    assert (kind, text.split("\n")[0], text.split("\n")[-1]) == ("page", 'digraph "block" {', "}")


def test_json_error_of_graph_has_its_class() -> None:
    driver = Driver(json_errors=True)
    driver.line("/graph qom /nope")
    answer = {"error": {"class": "DeviceNotFound", "desc": "no such path"}}
    driver.bytes(error("no such path", "DeviceNotFound", 1))
    assert ("answer", answer) in driver.bytes(error("no such path", "DeviceNotFound", 2))


def test_watched_graph_does_not_block_lines() -> None:
    driver = Driver(interactive=True, probe=False)
    driver.line("/watch -n 1 /graph block")
    assert [effect[0] for effect in driver.line("query-status")] == ["send"]


def test_graph_is_a_json_answer() -> None:
    nodes = [{"id": "d0", "text": "d0  raw  rw"}]
    assert block_replies(Driver(json_errors=True), "/graph block") == [
        ("answer", {"return": {"nodes": nodes, "edges": []}})
    ]


def test_graph_shows_requests_with_v() -> None:
    request = ("tell", '-> {"execute": "query-pci"}')
    for line in ("/graph -v pci", "/graph pci -v"):
        assert Driver().line(line) == [request, own_question(1, "query-pci")]


def test_error_of_first_request_ends_graph() -> None:
    driver = Driver()
    assert driver.line("/graph pci") == [own_question(1, "query-pci")]
    assert driver.bytes(error("no PCI", marker=1)) == [("error", "stdin:1:1: no PCI")]
    assert driver.end() == [("leave", FAILED)]


def test_qom_graph_lists_every_object_with_children() -> None:
    driver = Driver()
    driver.line("/graph qom /machine/")
    kinds = [("b", "child<bus>"), ("a[10]", "child<irq>"), ("type", "string")]
    listed = [{"name": name, "type": kind} for name, kind in kinds]
    driver.bytes(reply("pc-machine", 1))
    assert driver.bytes(reply(listed, 2)) == [own_question(3, "qom-list", path="/machine/b")]
    assert driver.bytes(error("it is gone", marker=3)) == [
        ("page", "/machine (pc-machine)\n├─ a[10] (irq)\n└─ b (bus)")
    ]


def test_abandoned_graph_stops() -> None:
    driver = Driver(interactive=True, probe=False)
    driver.line("/graph qom")
    driver.abandon()
    assert driver.session.idle


def test_dry_run_shows_requests_of_graph() -> None:
    driver = Driver(offline=True, dry_run=True)
    shown = driver.line("/graph block")
    assert [kind for kind, _ in shown] == ["show"] * 5


def test_agent_has_tables_but_no_graphs() -> None:
    driver = Driver(agent=True, negotiate=False)
    reason = "a guest agent has no graphs"
    assert driver.line("/graph pci") == [mistake("/graph pci", "^^^^^^", reason, place="stdin:1:1")]
    assert driver.line("/table guest-get-vcpus") == [named("guest-get-vcpus")]


WORDS = st.sampled_from(
    [
        "/table",
        "/graph",
        "/watch",
        "-s",
        "--tsv",
        "a,b",
        "a=b",
        "a!=",
        "a=",
        "{}",
        "{",
        '"',
        "<",
        "-n",
        "1",
        "query-x",
        "block",
        "--dot",
        "-",
        ",",
        "a.b=1",
        "a.=1",
        'x="y',
        ":=",
        "a:=1",
        "a:={",
    ]
)


@given(st.sampled_from(["/table ", "/graph ", "/watch /table "]), st.lists(WORDS, max_size=7))
def test_any_line_is_sent_or_refused(start: str, words: list[str]) -> None:
    driver = Driver(probe=False)
    found = driver.line(start + " ".join(words))
    assert {kind for kind, *_ in found} <= {"send", "error", "tell", "read"}
