"""Test what numbers mean: by their names, and by their growth."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from qmpshell.qmp import Schema
from qmpshell.render import JSON_NOTE, paint_json, style_json
from qmpshell.render.views.numbers import (
    KNOWN_NAMES,
    NO_MEANING,
    Growing,
    NumberMeanings,
    date_text,
    duration_text,
    with_rates,
)
from qmpshell.render.views.table import make_table, table_lines
from tests.harness.schemas import schema


def known_names() -> list[tuple[str, str]]:
    """Return the commands and members that have a meaning of their own. A command can be ""."""
    return [
        (command, name)
        for command, meanings in KNOWN_NAMES.items()
        for names in meanings.values()
        for name in names.split()
    ]


def returned_names(found: Schema, command: str) -> set[str]:
    """Return the names of all numbers in the replies to a command."""
    info = found.command(command)
    names: set[str] = set()
    todo = [("", info.ret_type)] if info is not None else []
    seen: set[str] = set()
    while todo:
        name, kind = todo.pop()
        if found.kind(kind) in ("int", "number"):
            names.add(name)
        if kind in seen:
            continue
        seen.add(kind)
        todo += [(member.name, member.type) for member in found.members(kind).values()]
        todo += [("", case) for case in found.cases(kind).values()]
        todo += [(name, element)] if (element := found.element_type(kind)) else []
        todo += [(name, branch) for branch in found.alternatives(kind)]
    return names


def test_every_known_name_is_in_the_schema() -> None:
    newest = schema("10")
    names = {command: returned_names(newest, command) for command in newest.commands()}
    every = set().union(*names.values())
    for command, name in known_names():
        assert name in (names[command] if command else every), (command, name)


@pytest.mark.parametrize(
    ("command", "name", "value", "text"),
    [
        ("query-block", "virtual-size", 21474836480, "20 GiB"),
        ("query-block", "virtual-size", 1023, ""),
        ("query-block", "bps_rd", 1 << 20, "1 MiB/s"),
        ("query-block", "bps_rd_max_length", 1 << 20, ""),
        ("query-block", "date-sec", 1700000000, "2023-11-14 22:13:20 UTC"),
        ("query-blockstats", "rd_total_time_ns", 1500000, "1.5 ms"),
        ("query-blockstats", "rd_operations", 1500000, ""),
        ("query-blockstats", "rd_bytes", 1536, "1.5 KiB"),
        ("query-memory-devices", "addr", 0x100000000, "0x100000000"),
        ("query-memory-devices", "addr", -1, ""),
        ("query-migrate", "total-time", 7384000, "2.05 h"),
        ("query-migrate", "total", 1 << 30, "1 GiB"),
        ("query-jobs", "total", 1 << 30, ""),
        ("query-stats-schemas", "bucket-size", 1 << 30, ""),
        ("guest-get-fsinfo", "used-bytes", 1 << 30, "1 GiB"),
        ("query-pci", "address", True, ""),
        ("query-x", "size", "text", ""),
        ("query-x", "size", 1e300, ""),
        ("query-x", "size", float("nan"), ""),
        ("query-x", "size", None, ""),
    ],
)
def test_number_is_described_by_its_name(command: str, name: str, value: Any, text: str) -> None:
    describe = NumberMeanings(command)[name]
    assert (describe(value) if describe is not None else "") == text


def test_reply_that_is_a_number_has_a_name() -> None:
    describe = NumberMeanings("qom-get", name="size")[None]
    assert describe is not None
    assert describe(4096) == "4 KiB"
    assert NumberMeanings("qom-get")[None] is None


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0 ns"),
        (999, "999 ns"),
        (119 * 10**9, "119 s"),
        (120 * 10**9, "2 min"),
        (3599 * 10**9, "60 min"),
        (3600 * 10**9, "60 min"),
        (400 * 86400 * 10**9, "400 d"),
    ],
)
def test_duration_has_largest_unit_with_two(nanoseconds: int, text: str) -> None:
    assert duration_text(nanoseconds) == text


@given(st.integers(0, 1 << 37))
def test_date_equals_that_of_the_library(seconds: int) -> None:
    from datetime import UTC, datetime

    assert date_text(
        seconds
    ) == f"{datetime.fromtimestamp(seconds, UTC):%4Y-%m-%d %H:%M:%S} UTC".zfill(23)


@given(st.integers() | st.floats(), st.sampled_from([name for _, name in known_names()]))
def test_any_number_has_a_description(value: float, name: str) -> None:
    for command, _ in known_names():
        describe = NumberMeanings(command)[name]
        assert describe is None or isinstance(describe(value), str)


# -- in JSON --------------------------------------------------------------------------------------


def json_of(value: object, width: int | None) -> str:
    meanings = NumberMeanings("query-block")
    return "".join(paint_json(value, width=width, paint={}, meanings=meanings))


def test_description_follows_number_and_counts_columns() -> None:
    value = {"size": 65536, "n": 65536}
    line = '{"size": 65536 (64 KiB), "n": 65536}'
    assert json_of(value, len(line)) == json_of(value, None) == line
    broken = '{\n  "size": 65536 (64 KiB),\n  "n": 65536\n}'
    assert json_of(value, len(line) - 1) == json_of(value, 0) == broken


def test_description_has_a_style_of_its_own() -> None:
    pieces = list(style_json({"size": 1024}, width=80, meanings=NumberMeanings("x")))
    assert (JSON_NOTE, " (1 KiB)") in pieces
    assert "".join(text for style, text in pieces if style != JSON_NOTE) == '{"size": 1024}'


# -- growth ---------------------------------------------------------------------------------------


def rates(before: object, after: object, seconds: float = 2.0) -> list[tuple[int, str]]:
    value = with_rates(before, after, seconds=seconds, meanings=NumberMeanings("query-blockstats"))
    assert value == after
    found: list[tuple[int, str]] = []
    todo = [value]
    while todo:
        item = todo.pop(0)
        if isinstance(item, Growing):
            found.append((int(item), item.note))
        elif isinstance(item, dict | list):
            todo += item.values() if isinstance(item, dict) else item
    return found


def test_only_growing_integers_have_rates() -> None:
    before = {"a": 1, "b": 5, "c": "x", "d": True, "e": 1.5, "rd_bytes": 0, "new": None}
    after = {"a": 3, "b": 4, "c": "y", "d": False, "e": 2.5, "rd_bytes": 4096, "new": 7}
    assert rates(before, after) == [(3, "+1/s"), (4096, "+2 KiB/s")]
    assert rates(before, after, 0.0) == []
    assert rates(None, after) == []


def test_objects_are_matched_by_name() -> None:
    before = [{"device": "a", "n": 1}, {"device": "b", "n": 100}]
    after = [{"device": "b", "n": 300}, {"device": "c", "n": 500}, {"device": "a", "n": 1}]
    assert rates(before, after) == [(300, "+100/s")]
    assert rates([[1, 2]], [[1, 4, 9]]) == [(4, "+1/s")]


def test_json_shows_meaning_and_rate() -> None:
    meanings = NumberMeanings("", default=NO_MEANING)
    before, after = [{"size": 1024, "n": 1}] * 2, [{"size": 3072, "n": 3}] * 2
    value = with_rates(before, after, seconds=1, meanings=meanings)
    text = "".join(paint_json(value, width=None, paint={}, meanings=meanings))
    both = '{"size": 3072 (3 KiB, +2 KiB/s), "n": 3 (+2/s)}'
    assert text == f"[{both}, {both}]"
    assert isinstance(value, list)
    value[0]["size"].note = ""
    text = "".join(paint_json(value, width=None, paint={}, meanings=meanings))
    assert text == f'[{{"size": 3072 (3 KiB), "n": 3 (+2/s)}}, {both}]'


def test_table_shows_rates() -> None:
    before, after = [{"device": "a", "n": 1}], [{"device": "a", "n": 41}]
    value = with_rates(before, after, seconds=2, meanings=NumberMeanings(""))
    table = make_table(value)
    assert table is not None
    assert list(table_lines(table)) == ["device           n", "a       41 (+20/s)"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=2),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["id", "a"]), inner, max_size=2)
    ),
    max_leaves=12,
)


@given(JSON, JSON)
def test_any_two_values_can_be_compared(before: object, after: object) -> None:
    rates(before, after)
