"""Tests of the views of `info`, on replies that `python -m tests.record_views` has recorded."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, strategies as st

from qmpshell.render.views.info import (
    available,
    data_of,
    find_view,
    queries_of,
    request_lines,
    view_steps,
)
from qmpshell.render.views.info_summary import summary_rows
from qmpshell.render.views.info_table import INFO_VIEWS
from qmpshell.render.views.view import Ask, AskError
from tests.harness.human_help import info_text
from tests.harness.schemas import SYSTEMS, schema
from tests.harness.views import DATA, VERSIONS, Recording, golden_texts, run_view

# Commands of QEMU versions after 10.0.
_NEWER = {"query-firmware-log"}


def show(words: str, *replies: Any) -> str:
    """Return the text of a view whose requests have these replies, in order."""
    left = list(replies)
    return run_view(words.split(), frozenset(), lambda _: left.pop(0), width=80)


@pytest.mark.parametrize("version", VERSIONS)
def test_views_of_recorded_replies_are_unchanged(version: str) -> None:
    expected = (DATA / f"views-{version}.txt").read_text()
    for name, text in golden_texts(Recording(version)):
        assert f"# {name}\n{text}\n" in expected, f"{name}: run python -m tests.record_views"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("width", [40, 80, 200])
def test_views_fit_into_width(version: str, width: int) -> None:
    recording = Recording(version)
    for words in recording.views:
        text = recording.text(*words, width=width)
        for line in text.split("\n") if not text.startswith("error: ") else ():
            assert len(line) <= width, (words, line)


@pytest.mark.parametrize("version", VERSIONS)
def test_wrapped_views_keep_all_words(version: str) -> None:
    recording = Recording(version)
    for words in recording.views:
        wide, narrow = (recording.text(*words, width=width) for width in (1000, 40))
        without_lines = str.maketrans("", "", " \n")
        assert wide.translate(without_lines) == narrow.translate(without_lines)


@pytest.mark.parametrize("version", VERSIONS)
def test_views_never_ask_the_human_monitor(version: str) -> None:
    recording = Recording(version)
    asked: set[str] = set()

    def answer(ask: Ask) -> Any:
        asked.add(ask.name)
        return recording.answer(ask)

    for words in recording.views:
        run_view(words, recording.commands, answer, width=80)
    assert len(asked) > 40
    assert "human-monitor-command" not in asked
    assert all(view.command != "human-monitor-command" for view in INFO_VIEWS.values())


def test_info_of_qemu_10_has_sixty_names() -> None:
    server = schema("10")
    names = [name for name, _ in available(frozenset(server.commands()), queries_of(server))]
    assert len(names) >= 80
    assert len(set(names) & INFO_VIEWS.keys()) >= 60


# The names of the human monitor whose data QMP does not have.
_LEFT = {
    "capture",
    "history",
    "lapic",
    "mem",
    "registers",
    "sync-profile",
    "tlb",
    "usbhost",
    "usernet",
}


@pytest.mark.parametrize("version", SYSTEMS)
def test_table_has_names_of_human_monitor(version: str) -> None:
    names = {line.split()[1] for line in info_text(version).splitlines()}
    assert names - INFO_VIEWS.keys() == _LEFT & names


@pytest.mark.parametrize("version", SYSTEMS)
def test_every_human_readable_reply_has_name(version: str) -> None:
    server = schema(version)
    found = available(frozenset(server.commands()), queries_of(server))
    shown = {view.command for _, view in found}
    for name in server.commands():
        command = server.command(name)
        assert command is not None
        members = server.members(command.ret_type)
        if list(members) == ["human-readable-text"] and name.startswith("x-query-"):
            assert name in shown


def test_table_names_commands_and_arguments_of_schema() -> None:
    for name, view in INFO_VIEWS.items():
        if view.command in _NEWER or view.steps:
            continue
        infos = [(schema(version), schema(version).command(view.command)) for version in SYSTEMS]
        found = [(server, info) for server, info in infos if info is not None]
        assert found, f"{name}: no server has {view.command}"
        for server, info in found:
            members = server.members(info.arg_type)
            keys = {parameter.name for parameter in view.parameters}
            assert keys <= members.keys(), name


def test_generic_view_shows_any_reply() -> None:
    commands = frozenset({"query-new", "x-query-text"})
    replies = {
        "query-new": [{"b": {"c": [1, 2]}, "a": "x", "d": [{"e": 1, "f": None}]}],
        "x-query-text": {"human-readable-text": "one\r\n two\n"},
    }
    texts = [
        run_view([name], commands, lambda ask: replies[ask.name], width=80)
        for name in ("new", "text")
    ]
    assert texts == ["a: x\nb: c=1, 2\nd:\n  - e: 1\n    f: none", "one\n two"]
    assert run_view(["other"], commands, lambda _: None, width=80) == "no view other"


def test_view_of_refused_request_is_reason() -> None:
    refusal = AskError("No balloon device has been activated", "GenericError")
    assert show("balloon", refusal) == "error: No balloon device has been activated"
    assert show("block", refusal) == "error: No balloon device has been activated"
    assert show("qtree -b", refusal) == "error: No balloon device has been activated"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "named-block-nodes a b",
            "named-block-nodes has no argument 'b'; usage: info named-block-nodes [-v] [NODE]",
        ),
        ("uuid x", "uuid has no argument 'x'; usage: info uuid"),
        ("virtio-status", "an argument is missing; usage: info virtio-status PATH"),
        ("virtio-queue-status /a b", "'b' is not a number"),
        ("block -x", "block has no argument '-x'; usage: info block [-n] [-v] [DEVICE]"),
        ("block a b", "block has no argument 'b'; usage: info block [-n] [-v] [DEVICE]"),
        ("qtree -v", "qtree has no argument '-v'; usage: info qtree [-b]"),
        ("qom-tree a b", "qom-tree has no argument 'b'; usage: info qom-tree [PATH]"),
        ("network x", "network has no argument 'x'; usage: info network"),
        ("summary x", "summary has no argument 'x'; usage: info summary"),
        ("stats", "an argument is missing; usage: info stats TARGET [NAMES] [PROVIDER]"),
    ],
)
def test_view_with_wrong_arguments_explains_usage(line: str, message: str) -> None:
    assert show(line) == f"error: {message}"


def test_block_of_unknown_device_fails() -> None:
    assert show("block nope", [], []) == "error: no block device or node 'nope'"


def test_migrate_shows_progress_with_units() -> None:
    text = show(
        "migrate",
        {
            "status": "active",
            "total-time": 1200,
            "expected-downtime": 300,
            "ram": {"total": 1 << 30, "remaining": 1 << 20, "transferred": 5, "mbps": 1.5},
            "error-desc": "none yet",
        },
    )
    assert text.split("\n") == [
        "status: active",
        "error: none yet",
        "expected-downtime: 300 ms",
        "ram:",
        "  mbps: 1.5 Mbit/s",
        "  remaining: 1048576 (1 MiB)",
        "  total: 1073741824 (1 GiB)",
        "  transferred: 5 B",
        "total-time: 1200 (1.2 s)",
    ]
    assert show("migrate", {}) == "none"


def test_pci_shows_regions_and_devices_behind_bridge() -> None:
    def device(slot: int, **more: Any) -> dict[str, Any]:
        ids = {"vendor": 0x8086, "device": 1}
        kind = {"class": 0x604}
        common = {"bus": 0, "slot": slot, "function": 0, "qdev_id": f"d{slot}", "regions": []}
        return {**common, "id": ids, "class_info": kind, **more}

    span = {"base": 0x1000, "limit": 0x1FFF}
    bus = {"number": 0, "secondary": 1, "subordinate": 1}
    ranges = dict.fromkeys(("io_range", "memory_range", "prefetchable_range"), span)
    regions = [
        {"bar": 0, "type": "io", "address": 0xC000, "size": 0x80},
        {"bar": 4, "type": "memory", "address": -1, "size": 16, "mem_type_64": True},
    ]
    inner = device(2, irq=11, irq_pin=2, regions=regions)
    bridge = device(1, pci_bridge={"bus": {**bus, **ranges}, "devices": [inner]})
    assert show("pci", [{"bus": 0, "devices": [bridge]}]).split("\n") == [
        "bus 0",
        '└─ 01.0  Class 0604  8086:0001  id "d1"',
        "   │  bus 0, secondary bus 1, subordinate bus 1",
        "   │  IO range [0x1000, 0x1fff]",
        "   │  memory range [0x00001000, 0x00001fff]",
        "   │  prefetchable memory range [0x00001000, 0x00001fff]",
        "   └─ bus 1",
        '      └─ 02.0  Class 0604  8086:0001  id "d2"  IRQ 11, pin B',
        "            BAR0: I/O at 0xc000 [0xc07f], 128 B",
        "            BAR4: 64 bit memory (not mapped), 16 B",
    ]


def test_stats_show_units_and_chosen_names() -> None:
    stats = [
        {"name": "exits", "value": 5},
        {"name": "wait", "value": [7, 0, *[2] * 15, 1]},
        {"name": "other", "value": True},
    ]
    schemas = [
        {
            "provider": "kvm",
            "target": "vm",
            "stats": [
                {"name": "exits", "type": "cumulative"},
                {"name": "wait", "type": "log2-histogram", "unit": "seconds", "exponent": -9},
            ],
        }
    ]
    results = [{"provider": "kvm", "stats": stats}]
    assert show("stats vm exits,wait kvm", results, schemas).split("\n") == [
        "kvm",
        "  exits: 5 (cumulative)",
        f"  wait: 7, 0{', 2' * 15}, 1 10^-9 seconds",
        "      (log2-histogram)",
    ]


@pytest.mark.parametrize(
    ("seconds", "date"),
    [(0, "1970-01-01"), (951_782_400, "2000-02-29"), (4_107_542_400, "2100-03-01")],
)
def test_snapshots_show_dates(seconds: int, date: str) -> None:
    snapshot = {"id": "1", "name": "s", "vm-state-size": 1024, "date-sec": seconds}
    image = {"snapshots": [{**snapshot, "vm-clock-sec": 3723}]}
    row = show("snapshots", [{"device": "d", "inserted": {"image": image}}]).split("\n")[1]
    assert row == f"1   s    d       1 KiB    {date} 00:00:00 UTC  01:02:03.000"


def test_firmware_log_is_decoded() -> None:
    log = base64.b64encode(b"first\r\nsecond\xff\n").decode()
    text = show("firmware-log", {"version": "edk2", "log": log})
    assert text == "edk2\nfirst\nsecond\\xff"


def test_qom_tree_of_root_and_of_partial_path() -> None:
    asked: list[str] = []

    def answer(ask: Ask) -> Any:
        asked.append(ask.arguments["path"])
        if ask.name == "qom-get":
            return "container"
        kinds = {"b": "child<x>", "a": "child<y>", "l": "link<z>", "s": "string"}
        if ask.arguments["path"] not in ("/", "vd0"):
            kinds = {}
        return [{"name": name, "type": kind} for name, kind in kinds.items()]

    text = run_view(["qom-tree", "/"], frozenset(), answer, width=80)
    assert text == "/ (container)\n├─ a (y)\n└─ b (x)"
    assert asked == ["/", "/", "/b", "/a"]
    text = run_view(["qom-tree", "vd0"], frozenset(), answer, width=80)
    assert text == "vd0 (container)\n├─ a (y)\n└─ b (x)"


def test_data_of_view_is_result_or_list() -> None:
    asks = [Ask("query-a"), Ask("qom-get", {"path": "/"})]
    assert data_of([(asks[0], {"a": 1})]) == {"a": 1}
    assert data_of([(asks[0], 1), (asks[1], AskError("no", "GenericError")), (asks[1], 2)]) == [
        {"execute": "query-a", "return": 1},
        {"execute": "qom-get", "arguments": {"path": "/"}, "return": 2},
    ]


def test_request_lines_of_many_requests_are_few() -> None:
    asks = [Ask("qom-get", {"path": f"/{number}"}) for number in range(50)] + [Ask("query-a")]
    lines = request_lines(asks)
    assert lines[0] == '-> {"execute": "qom-get", "arguments": {"path": "/0"}}'
    assert lines[3:] == ['-> {"execute": "query-a"}', "-> and 47 more qom-get"]


def nodes(count: int) -> list[dict[str, Any]]:
    """Return the reply to `query-named-block-nodes` of many nodes."""
    cache = {"writeback": True, "direct": False, "no-flush": False}
    common = {"drv": "raw", "ro": False, "file": "x", "cache": cache}
    return [{"node-name": f"n{number}", **common} for number in range(count)]


def test_block_of_many_nodes_takes_linear_time(
    count_lines: Callable[[Callable[[], object]], int],
) -> None:
    few, many = nodes(250), nodes(500)
    show("block -n", few)  # imports
    assert count_lines(lambda: show("block -n", many)) < 2.2 * count_lines(
        lambda: show("block -n", few)
    )


def test_first_line_needs_no_other(
    count_lines: Callable[[Callable[[], object]], int],
) -> None:
    def first(count: int) -> int:
        steps = view_steps("block", INFO_VIEWS["block"], ["-n"], frozenset())
        next(steps)
        with pytest.raises(StopIteration) as stop:
            steps.send([nodes(count)])
        lines = stop.value.value
        return count_lines(lambda: next(iter(lines)))

    first(1)  # imports
    assert first(500) == first(1)


def test_server_without_machine_has_no_device_views() -> None:
    daemon = frozenset(("qom-list", "qom-get", "qom-list-types", "query-block-jobs"))
    assert [name for name, _ in available(daemon, ())] == ["block-jobs", "qom-tree"]


def test_summary_of_missing_facts_has_no_empty_ends() -> None:
    network = {"device": "net0", "model": "e1000e", "mac": "52:54:00:12:34:57", "netdev": ""}
    migrate = {"blocked-reasons": ["x"]}
    rows = summary_rows({"network": [network], "migration": migrate})
    assert [text for _, (_, text) in rows] == [
        "net0: e1000e, 52:54:00:12:34:57",
        "blocked: x",
    ]


def test_find_view_of_other_server_is_none() -> None:
    assert find_view("pci", frozenset({"query-block"})) is None
    assert find_view("block", frozenset({"query-block"})) is INFO_VIEWS["block"]


_SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
_JSON = _SCALAR | st.lists(_SCALAR, max_size=3) | st.dictionaries(st.text(), _SCALAR, max_size=3)


def damaged(value: Any, draw: st.DrawFn) -> Any:
    """Return a JSON value of which one part is replaced or missing."""
    if isinstance(value, dict) and value and draw(st.booleans()):
        name = draw(st.sampled_from(sorted(value)))
        rest = {other: item for other, item in value.items() if other != name}
        return rest if draw(st.booleans()) else {**rest, name: damaged(value[name], draw)}
    if isinstance(value, list) and value and draw(st.booleans()):
        position = draw(st.integers(0, len(value) - 1))
        return [*value[:position], damaged(value[position], draw), *value[position + 1 :]]
    return draw(_JSON)


@given(st.data())
def test_views_of_damaged_replies_never_fail(data: st.DataObject) -> None:
    recording = _RECORDINGS[data.draw(st.sampled_from(VERSIONS))]
    words = data.draw(st.sampled_from([words for words in recording.views if words[0] != "qtree"]))
    left = data.draw(st.integers(0, 3))

    def answer(ask: Ask) -> Any:
        nonlocal left
        left -= 1
        try:
            value = recording.answer(ask)
        except KeyError:  # a request that depends on a damaged reply
            return AskError("no", "GenericError")
        return data.draw(st.composite(lambda draw: damaged(value, draw))()) if left < 0 else value

    assert recording_text(words, recording, answer)


_RECORDINGS = {version: Recording(version) for version in VERSIONS}


def recording_text(words: list[str], recording: Recording, answer: Callable[[Ask], Any]) -> str:
    return run_view(words, recording.commands, answer, width=40) + "."


def test_deeply_nested_reply_is_shown_or_refused() -> None:
    value: Any = 1
    for _ in range(1020):
        value = {"a": value}
    commands = frozenset({"query-new"})
    text = run_view(["new"], commands, lambda _: value, width=80)
    assert text == "error: the server's reply has an unexpected form"
