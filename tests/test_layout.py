"""Layout: the text is the value's, what fits stays on one line, what does not is broken."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpshell.render.layout import NAME, NUMBER, PUNCTUATION, STRING, WORD, layout

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from(['"', "{", "[1, 2]", ", ", "a" * 50]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=20,
)
widths = st.integers(1, 100)


def joined(value: object, width: int, indent: int = 0) -> str:
    return "".join(text for _, text in layout(value, width=width, indent=indent))


@given(json_values, widths | st.just(0))
def test_the_text_is_the_value(value: object, width: int) -> None:
    text = joined(value, width)
    assert json.loads(text) == value
    assert json.dumps(json.loads(text)) == json.dumps(value)


@given(json_values)
def test_without_a_width_all_is_broken_as_the_standard_library_does_it(value: object) -> None:
    assert joined(value, 0) == json.dumps(value, indent=2)


@given(json_values, st.integers(0, 5))
def test_what_fits_is_on_one_line(value: object, indent: int) -> None:
    line = json.dumps(value)
    assert joined(value, len(line) + indent, indent) == line


@given(json_values, widths)
def test_what_does_not_fit_is_broken(value: object, width: int) -> None:
    line = json.dumps(value)
    if len(line) > width and isinstance(value, (dict, list)) and value:
        assert "\n" in joined(value, width)


@given(json_values, widths)
def test_a_line_is_too_wide_only_where_nothing_on_it_can_be_broken(
    value: object, width: int
) -> None:
    column = 0
    broken_here = 0  # non-empty objects and arrays that open and close on this line
    for style, text in layout(value, width=width):
        for part in text.split("\n")[:-1]:
            column += len(part)
            assert column <= width or not broken_here
            column = broken_here = 0
        last = text.rsplit("\n", 1)[-1]
        column += len(last)
        if style == PUNCTUATION and last in ("}", "]"):
            broken_here += 1
    assert column <= width or not broken_here


@given(json_values, widths)
def test_an_object_that_fits_where_it_stands_is_not_broken(value: object, width: int) -> None:
    """A bracket opens at the end of a line only if what follows had not fitted behind it."""
    lines = joined(value, width).split("\n")
    for number, line in enumerate(lines):
        if not line.endswith(("{", "[")) or number == len(lines) - 1:
            continue
        depth = len(line) - len(line.lstrip(" "))
        end = next(
            at
            for at in range(number + 1, len(lines))
            if lines[at].startswith((" " * depth + "}", " " * depth + "]"))
        )
        inner = " ".join(one.strip(" ") for one in lines[number + 1 : end])
        whole = line + inner + lines[end].strip(" ").rstrip(",")
        assert len(whole) + (end < len(lines) - 1) > width


@pytest.mark.parametrize(
    ("value", "width", "expected"),
    [
        ({}, 1, "{}"),
        ([], 1, "[]"),
        (5, 1, "5"),
        ("a" * 30, 10, '"' + "a" * 30 + '"'),
        ({"a": 1}, 8, '{"a": 1}'),
        ({"a": 1}, 7, '{\n  "a": 1\n}'),
        ([1, 2], 6, "[1, 2]"),
        ([1, 2], 5, "[\n  1,\n  2\n]"),
        ({"a": [1, 2]}, 13, '{"a": [1, 2]}'),
        ({"a": [1, 2], "b": 3}, 14, '{\n  "a": [1, 2],\n  "b": 3\n}'),
        ({"a": [1, 2], "b": 3}, 13, '{\n  "a": [\n    1,\n    2\n  ],\n  "b": 3\n}'),
        ({"a": [1, 2]}, 12, '{\n  "a": [\n    1,\n    2\n  ]\n}'),
        ([[1], [2]], 8, "[\n  [1],\n  [2]\n]"),
        ({"a": {}, "b": []}, 5, '{\n  "a": {},\n  "b": []\n}'),
        (
            {"return": {"status": "running", "running": True}, "id": 1},
            52,
            '{\n  "return": {"status": "running", "running": true},\n  "id": 1\n}',
        ),
    ],
)
def test_layouts(value: object, width: int, expected: str) -> None:
    assert joined(value, width) == expected


def test_a_value_that_begins_further_right_has_its_lines_below_there() -> None:
    assert joined([[1, 2], 3], 11, indent=4) == "[\n      [1, 2],\n      3\n    ]".replace(
        "[1, 2]", "[\n        1,\n        2\n      ]"
    )


def test_styles() -> None:
    pieces = list(layout({"a": ["x", 1, -2.5, True, None, {}]}, width=80))
    styles = [(style, text) for style, text in pieces if style != PUNCTUATION]
    assert styles == [
        (NAME, '"a"'),
        (STRING, '"x"'),
        (NUMBER, "1"),
        (NUMBER, "-2.5"),
        (WORD, "true"),
        (WORD, "null"),
    ]
    assert all(
        "".join(text.split()).strip("{}[],:") == "" for s, text in pieces if s == PUNCTUATION
    )


def test_strings_are_written_as_the_caller_wishes() -> None:
    def upper(text: str) -> str:
        return f"<{text.upper()}>"

    pieces = layout({"a": ["b"]}, width=80, string=upper)
    assert "".join(text for _, text in pieces) == "{<A>: [<B>]}"


def test_numbers_that_json_does_not_have() -> None:
    assert joined([float("inf"), float("-inf"), float("nan")], 80) == "[1e999, -1e999, null]"


@pytest.mark.parametrize("width", [0, 80])
def test_deep_nesting(width: int) -> None:
    value: Any = 1
    for number in range(3000):
        value = [value] if number % 2 else {"a": value}
    found = value
    text = "".join(
        "" if style == PUNCTUATION else text for style, text in layout(found, width=width)
    )
    assert text == '"a"' * 1500 + "1"


def test_work_is_linear_in_the_value(count_lines: Any) -> None:
    """Counts executed lines: a flat list and a nested one, four times as large."""

    def work(value: object) -> int:
        lines = count_lines(lambda: joined(value, 80))
        assert isinstance(lines, int)
        return lines

    rows = [{"name": f"device{number}", "values": [1, 2, 3]} for number in range(400)]
    assert work(rows) < 6 * work(rows[:100])
    nested: list[object] = []
    for depth in range(400):
        nested = [nested]
        if depth == 99:
            small = work(nested)
    assert work(nested) < 6 * small
