"""Test tables: columns, rows, sorting, layout and TSV."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from qmpshell.render import text_width
from qmpshell.render.views.table import (
    Table,
    clipped_lines,
    find_columns,
    human_text,
    is_tabular,
    make_table,
    matching_rows,
    row_objects,
    select_columns,
    sort_rows,
    table_lines,
    tsv_lines,
)

_DATA = Path(__file__).parents[2] / "data"
RECORDED = [
    (f"{version} {entry['execute']}", entry["return"])
    for version in ("7.2", "10")
    for entry in json.loads((_DATA / f"live-{version}.json").read_text())
    if "return" in entry
]


def table_of(value: object) -> Table:
    table = make_table(value)
    assert table is not None
    return table


def lines_of(value: object, **options: Any) -> list[str]:
    return list(table_lines(table_of(value), **options))


DISKS = [
    {"drv": "qcow2", "image": {"size": 1024, "format": "q"}, "node-name": "disk10", "ro": False},
    {"drv": "raw", "image": {"size": 7}, "node-name": "disk9", "ro": True, "bitmaps": [{"a": 1}]},
]


def test_names_and_scalars_precede_nested_columns() -> None:
    assert lines_of(DISKS) == [
        "node-name  drv    ro     image.size  image.format  bitmaps",
        "disk10     qcow2  false        1024  q",
        'disk9      raw    true            7                [{"a": 1}]',
    ]


def test_empty_and_very_deep_columns_are_omitted() -> None:
    deep = {"a": {"b": {"c": 1, "d": {"e": 2}}}}
    table = table_of([{"x": "", "y": [], "z": {}, "null": None, "zero": 0, "no": False} | deep])
    assert table.columns == ["null", "zero", "no", "a.b.c"]
    assert find_columns(table, "a.b.d.e") == ["a.b.d.e"]


def test_members_of_an_object_become_rows() -> None:
    assert lines_of({"status": "running", "a": {"b": [1, "x"]}}) == [
        "name    value",
        "status  running",
        "a.b     1,x",
    ]


def test_elements_that_are_not_objects_have_values() -> None:
    assert lines_of(["a", 5, {"value": True}, None]) == ["value", "a", "5", "true", "null"]


@pytest.mark.parametrize("value", ["text", 5, 1.5, True, None])
def test_scalar_makes_no_table(value: object) -> None:
    assert make_table(value) is None


def test_long_cell_is_cut() -> None:
    value = [{"file": "x" * 50, "n": 1}, {"file": "日" * 30, "n": 22}]
    header, first, second = lines_of(value)
    assert header == f"file{' ' * 39}n"
    assert first == f"{'x' * 39}…   1"
    assert second == f"{'日' * 19}…   22"
    assert lines_of(value, max_cell=None)[1] == f"{'x' * 50}{' ' * 13}1"


def test_controls_are_escaped() -> None:
    assert lines_of([{"a\x1b": "x\ny\x1b[2J"}]) == [
        "a\\x1b",
        "x\\ny\\x1b[2J".replace("\\n", "\\x0a"),
    ]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("size", ["image.size"]),
        ("image.*", ["image.size", "image.format"]),
        ("bitmaps", ["bitmaps"]),
        ("format", ["image.format"]),
        ("x", []),
        ("x*", []),
    ],
)
def test_column_is_found_by_name_or_glob(wanted: str, found: list[str]) -> None:
    assert find_columns(table_of(DISKS), wanted) == found


def test_outer_column_wins_over_deeper_one() -> None:
    table = table_of([{"a": {"size": 1, "b": {"size": 2}}, "c": {"name": 1}, "d": {"name": 2}}])
    assert find_columns(table, "size") == ["a.size"]
    assert find_columns(table, "name") == ["c.name", "d.name"]


def test_rows_are_sorted_naturally() -> None:
    def names(table: Table) -> list[str]:
        return [row.get("node-name", "") for row in table.rows]

    table = table_of([*DISKS, {"node-name": 3}, {"drv": "x"}])
    assert names(sort_rows(table, "node-name")) == [3, "disk9", "disk10", ""]
    assert names(sort_rows(table, "node-name", is_descending=True)) == ["disk10", "disk9", 3, ""]


def test_selected_rows_and_columns_become_objects() -> None:
    table = matching_rows(table_of(DISKS), lambda row: row["ro"])
    assert row_objects(select_columns(table, ["image.size", "ro", "ro", "image.format"])) == [
        {"image.size": 7, "ro": True}
    ]


def test_tsv_is_complete_and_escaped() -> None:
    value = [{"a": "x\ty\nz\\", "b": "q" * 99}, {"b": [{"c": None}]}]
    assert list(tsv_lines(table_of(value))) == [
        "a\tb",
        f"x\\ty\\nz\\\\\t{'q' * 99}",
        '\t[{"c": null}]',
    ]


def test_clipped_line_fits_the_width() -> None:
    lines = ["日本日本", "abc", "abcdefgh"]
    assert list(clipped_lines(lines, 5)) == [("日本…", True), ("abc", False), ("abcd…", True)]


@pytest.mark.parametrize(
    ("value", "is_list"),
    [
        ([{"a": 1}, {"a": 2, "b": 3}], True),
        ([{"a": 1}, {"b": 3}], False),
        ([{}], False),
        ([], False),
        ([1], False),
        ({"a": 1}, False),
    ],
)
def test_similar_objects_are_tabular(value: object, is_list: bool) -> None:
    assert is_tabular(value) is is_list


def test_human_readable_text_is_found() -> None:
    assert human_text({"human-readable-text": "a\r\nb"}) == "a\nb"
    assert human_text({"human-readable-text": 1}) is None
    assert human_text({"human-readable-text": "a", "b": 1}) is None


@pytest.mark.parametrize(("name", "value"), RECORDED, ids=[name for name, _ in RECORDED])
def test_recorded_reply_keeps_every_scalar(name: str, value: Any) -> None:
    table = make_table(value)
    if table is None:
        assert isinstance(value, str), name
        return
    assert len(table.rows) == len(value)
    rows = list(csv.reader(io.StringIO("\n".join(tsv_lines(table))), "excel-tab"))
    assert len(rows) == len(value) + 1
    for row, element in zip(rows[1:], value, strict=True):
        shown = dict(zip(rows[0], row, strict=True))
        scalars = {key: text for key, text in element.items() if isinstance(text, str) and text}
        assert scalars.items() <= shown.items()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=25,
)


@given(JSON, st.integers(2, 60))
def test_any_value_makes_table_or_is_refused(value: Any, max_cell: int) -> None:
    table = make_table(value)
    assert (table is None) == (not isinstance(value, (list, dict)))
    if table is None:
        return
    for column in table.columns:
        assert column in find_columns(table, column) or "*" in column or "[" in column
        table = sort_rows(table, column)
    lines = list(table_lines(table, max_cell=max_cell))
    assert len(lines) == (len(value) + 1 if table.columns else 0) or isinstance(value, dict)
    assert not any(char in line for line in lines for char in "\n\r\t\x1b")
    most = len(table.columns) * (max_cell + 2)
    assert all(text_width(line) <= most for line in lines)
    assert all(line.count("\t") == len(table.columns) - 1 for line in tsv_lines(table)) or (
        not table.columns
    )


def test_columns_of_many_different_objects_are_limited() -> None:
    table = table_of([{"id": number, f"x{number}": 1} for number in range(5000)])
    assert len(table.columns) == 200
    assert find_columns(table, "x4999") == ["x4999"]
    assert len(list(table_lines(table))) == 5001


def test_value_of_any_depth_makes_a_table() -> None:
    value: Any = 1
    for _ in range(5000):
        value = [{"a": value}]
    assert len(lines_of(value)) == 2
