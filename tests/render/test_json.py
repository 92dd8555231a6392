"""Tests of the layout of JSON."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, strategies as st

from qmpshell.render import (
    JSON_NAME,
    JSON_NUMBER,
    JSON_PUNCTUATION,
    JSON_STRING,
    JSON_WORD,
    paint_json,
    style_json,
    utf8_string,
)

STYLES = (JSON_NAME, JSON_STRING, JSON_NUMBER, JSON_WORD, JSON_PUNCTUATION)
BRACKETS = {style: (f"<{style}>", f"</{style}>") for style in STYLES}

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


def joined(value: object, width: int | None) -> str:
    return "".join(text for _, text in style_json(value, width=width))


@given(json_values, widths | st.just(0))
def test_formatted_text_parses_to_the_value(value: object, width: int) -> None:
    text = joined(value, width)
    assert json.loads(text) == value
    assert json.dumps(json.loads(text)) == json.dumps(value)


@given(json_values)
def test_zero_width_equals_json_dumps_with_indent(value: object) -> None:
    assert joined(value, 0) == json.dumps(value, indent=2)


@given(json_values)
def test_fitting_value_is_on_one_line(value: object) -> None:
    line = json.dumps(value)
    assert joined(value, len(line)) == line


@given(json_values, widths)
def test_too_wide_value_is_on_several_lines(value: object, width: int) -> None:
    line = json.dumps(value)
    if len(line) > width and isinstance(value, (dict, list)) and value:
        assert "\n" in joined(value, width)


def reference_layout(value: Any, width: int, indent: int, taken: int) -> str:
    """Return the layout by a simple, slow reference: a value that fits is on one line."""
    line = json.dumps(value)
    if not value or not isinstance(value, (dict, list)) or len(line) <= width - indent - taken:
        return line
    inner = indent + 2
    if isinstance(value, dict):
        named = [(json.dumps(name) + ": ", member) for name, member in value.items()]
    else:
        named = [("", member) for member in value]
    members = [
        f"{' ' * inner}{name}{reference_layout(member, width, inner, len(name) + 1)}"
        for name, member in named
    ]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return opening + "\n" + ",\n".join(members) + "\n" + " " * indent + closing


@given(json_values, widths)
def test_layout_equals_the_reference_layout(value: object, width: int) -> None:
    assert joined(value, width) == reference_layout(value, width, 0, 0)


@given(json_values)
def test_width_none_gives_one_line(value: object) -> None:
    assert joined(value, None) == joined(value, 1 << 30) == json.dumps(value)


@given(json_values, widths)
def test_fitting_nested_object_is_not_broken(value: object, width: int) -> None:
    """A bracket ends a line only if its contents do not fit on that line."""
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
        inner = " ".join(part_line.strip(" ") for part_line in lines[number + 1 : end])
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
def test_style_json_formats_examples(value: object, width: int, expected: str) -> None:
    assert joined(value, width) == expected


def test_style_json_returns_styled_pieces() -> None:
    pieces = list(style_json({"a": ["x", 1, -2.5, True, None, {}]}, width=80))
    assert pieces == [
        (JSON_PUNCTUATION, "{"),
        (JSON_NAME, '"a"'),
        (JSON_PUNCTUATION, ": ["),
        (JSON_STRING, '"x"'),
        (JSON_PUNCTUATION, ", "),
        (JSON_NUMBER, "1"),
        (JSON_PUNCTUATION, ", "),
        (JSON_NUMBER, "-2.5"),
        (JSON_PUNCTUATION, ", "),
        (JSON_WORD, "true"),
        (JSON_PUNCTUATION, ", "),
        (JSON_WORD, "null"),
        (JSON_PUNCTUATION, ", {}]}"),
    ]


@given(json_values, widths | st.just(0) | st.none())
def test_each_piece_has_the_style_of_its_kind(value: object, width: int | None) -> None:
    pieces = list(style_json(value, width=width))
    for (style, text), (_, following) in itertools.pairwise([*pieces, (JSON_PUNCTUATION, "")]):
        if style == JSON_PUNCTUATION:
            assert not text.strip(" \n{}[],:")
            continue
        found = json.loads(text)
        is_word = found is None or isinstance(found, bool)
        kind = JSON_STRING if isinstance(found, str) else JSON_WORD if is_word else JSON_NUMBER
        assert style == (JSON_NAME if following.startswith(":") else kind)
        assert (style == JSON_NAME) <= (kind == JSON_STRING)


@given(json_values, widths | st.just(0) | st.none(), st.booleans())
def test_paint_surrounds_each_piece(value: object, width: int | None, plain: bool) -> None:
    """Each piece has its own paint; blanks in punctuation have none."""
    paint = {} if plain else BRACKETS
    text = "".join(paint_json(value, width=width, paint=paint))
    expected = "".join(
        _paint(style, text) if not plain else text for style, text in style_json(value, width=width)
    )
    # Adjacent punctuation may be painted together.
    both = "".join(reversed(BRACKETS[JSON_PUNCTUATION]))
    assert text.replace(both, "") == expected.replace(both, "")
    for line in text.split("\n"):
        assert all(line.count(before) == line.count(after) for before, after in BRACKETS.values())


def _paint(style: str, text: str) -> str:
    before, after = BRACKETS[style]
    if style != JSON_PUNCTUATION:
        return before + text + after
    return "".join(char if char in " \n" else before + char + after for char in text)


@pytest.mark.parametrize("width", [None, 0, 80])
def test_very_long_string_is_split_into_parts(width: int | None) -> None:
    text = 'abcdefg\u00e9"\U0001f600\n' * 20_000
    for string in (json.dumps, utf8_string):
        pieces = list(style_json({"a": text, "b": [text, 1]}, width=width, string=string))
        assert "".join(part for style, part in pieces if style == JSON_STRING) == 2 * string(text)
        assert json.loads("".join(part for _, part in pieces)) == {"a": text, "b": [text, 1]}
        # The string comes in parts, so that its start can be shown early.
        assert max(len(part) for _, part in pieces) < len(text)


@pytest.mark.parametrize("width", [None, 0, 80])
@pytest.mark.parametrize(
    "value",
    [
        ["abc"] * 10_000,
        {f"{number:05}": "abc" for number in range(10_000)},
        [{"a": "abc", "b": ["abc", "abc"]}] * 10_000,
        ["abc" * 1_000_000],
        {"a": {"b": {"c": {"d": "abc" * 1_000_000}}}},
        {"a": [["abc"] * 10_000, 1]},
    ],
    ids=["array", "object", "rows", "string", "inner string", "inner array"],
)
def test_first_string_needs_little_work(value: object, width: int | None) -> None:
    """Count the characters converted to JSON before the first string is returned."""
    written = 0

    def string(text: str) -> str:
        nonlocal written
        written += len(text)
        return json.dumps(text)

    pieces = style_json(value, width=width, string=string)
    assert any(style == JSON_STRING for style, _ in pieces)
    head = written
    assert sum(1 for _ in pieces)
    assert head < written / 20


def test_infinity_and_nan_are_formatted() -> None:
    assert joined([float("inf"), float("-inf"), float("nan")], 80) == "[1e999, -1e999, null]"


@pytest.mark.parametrize("width", [0, 80])
def test_deeply_nested_value_is_formatted(width: int) -> None:
    value: Any = 1
    for number in range(3000):
        value = [value] if number % 2 else {"a": value}
    found = value
    text = "".join(
        "" if style == JSON_PUNCTUATION else text for style, text in style_json(found, width=width)
    )
    assert text == '"a"' * 1500 + "1"


def nested(depth: int, *, members: int = 0) -> object:
    value: object = 1
    for number in range(depth):
        rest = [None] * members
        value = [value, *rest] if number % 2 else {"a": value, "b": rest}
    return value


ROWS = [{"name": f"device{number}", "values": [1, {}, "é", True]} for number in range(1600)]


@pytest.mark.parametrize("width", [None, 0, 80, 250])
def test_layout_work_is_linear_in_the_value(
    count_lines: Callable[[Callable[[], object]], int], width: int | None
) -> None:
    """Four times the value may execute at most about four times as many lines of Python."""

    def work(value: object) -> int:
        return count_lines(lambda: sum(1 for _ in paint_json(value, width=width, paint=BRACKETS)))

    for small, large in (
        (ROWS[:400], ROWS),
        (nested(500), nested(2000)),
        (nested(500, members=3), nested(2000, members=3)),
        ([nested(20)] * 50, [nested(20)] * 200),
    ):
        assert work(large) < 4.2 * work(small) + 1000


def test_layout_work_hardly_depends_on_width(
    count_lines: Callable[[Callable[[], object]], int],
) -> None:
    """A value that does not fit is measured only up to the width."""

    def work(width: int, value: object) -> int:
        return count_lines(lambda: sum(1 for _ in paint_json(value, width=width, paint={})))

    for value in (ROWS, {"a": {"b": ROWS}}, nested(2000)):
        for width in (20, 80, 250):
            assert work(width, value) < 3 * work(0, value)
