"""Tests of replies as lines."""

from __future__ import annotations

from typing import Any

import pytest

from qmpshell.render import plain_text_of
from qmpshell.render.views.describe import column_lines, fill, inline, sections
from qmpshell.render.views.numbers import NumberMeanings


def texts(value: Any, layout: str = "", **more: Any) -> list[str]:
    return [plain_text_of(spans) for spans in sections(layout, value, **more)]


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("size", 1536, "1536 (1.5 KiB)"),
        ("size", 10, "10 B"),
        ("virtual-size", 1 << 20, "1048576 (1 MiB)"),
        ("addr", 255, "0xff"),
        ("x_ns", 5, "5 ns"),
        ("x_ns", 1500, "1500 (1.5 us)"),
        ("count", 5, "5"),
        ("share", True, "true"),
        ("size", False, "false"),
        ("size", "auto", "auto"),
        ("x", None, "none"),
        ("x", "", '""'),
        ("x", [], "none"),
        ("x", {}, "none"),
        ("x", {"b": 1, "a": [1, 2]}, "a=1, 2, b=1"),
        ("x", list(range(20)), "0-19"),
        ("x", [7, *range(16), 9], "0-15"),
        ("x", 1.5, "1.5"),
    ],
)
def test_inline_formats_values_by_name(name: str, value: object, text: str) -> None:
    meanings = NumberMeanings("query-memory-devices")
    assert inline(name, value, meanings) == text


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{a.actual}, {a.actual:size}", "1024 (1 KiB), 1 KiB"),
        ("{on:yes|no} {off:yes|no} {gone:yes|no}", "yes no no"),
        ("{none}{gone}.", "."),
        ("<a {a.actual:size}>< b {gone}>< c {none}>< d {off:yes|no}>", "a 1 KiB d no"),
        ("{zero}< {zero}>", "0 0"),
    ],
)
def test_fill_replaces_members_and_omits_absent_groups(template: str, text: str) -> None:
    value = {"a": {"actual": 1024}, "on": True, "off": False, "none": "", "zero": 0}
    assert fill(template, value, NumberMeanings("query-balloon")) == text


def test_sections_show_titles_lines_and_other_members() -> None:
    value = [{"id": "a", "size": 1, "z": {"y": 2}}, {"id": "b"}]
    assert texts(value, "object {id}\n  the size: {size}\n  *") == [
        "object a",
        "  the size: 1 B",
        "  z: y=2",
        "object b",
    ]
    assert texts(value) == ["a", "  size: 1 B", "  z: y=2", "b"]
    assert texts([{"x": 1}, {"x": 2}]) == ["x: 1", "", "x: 2"]


def test_section_title_has_name_before_colon() -> None:
    (title,) = sections("disk {id}: {file}", {"id": "a", "file": "x: y"})
    assert title == [("name", "disk a"), ("", ": x: y")]
    (title,) = sections("", [{"name": "a: b"}])
    assert title == [("name", "a: b")]


def test_sections_of_nothing_say_so() -> None:
    assert texts([], empty="no objects") == ["no objects"]
    assert texts({}, empty="nothing") == ["none"]
    assert texts({}, "{name}") == ["none"]
    assert texts(["a", 1]) == ["a", "1"]


def test_sections_nest_long_objects_and_texts() -> None:
    words = ["a long text " * 3, "another long text " * 3]
    long = {f"member{number}": "x" * 20 for number in range(4)}
    found = texts({"x": {"words": words, "long": long}})
    assert found[:3] == ["x:", "  long:", f"    member0: {'x' * 20}"]
    assert found[-3:] == ["  words:", *(f"    - {text}" for text in words)]


def test_column_lines_are_aligned() -> None:
    rows = [{"a": "x", "b": 10}, {"a": "long", "b": 5}]
    lines = [plain_text_of(spans) for spans in column_lines("NAME=a N=b OPEN=c:yes|no", rows)]
    assert lines == ["NAME   N  OPEN", "x     10  no", "long   5  no"]
