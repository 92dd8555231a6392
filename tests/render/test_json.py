"""Layout: the text is the value's, what fits stays on one line, what does not is broken."""

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
    painted,
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


def joined(value: object, width: int | None, indent: int = 0) -> str:
    return "".join(text for _, text in style_json(value, width=width, indent=indent))


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


def by_the_rule(value: Any, width: int, indent: int, taken: int) -> str:
    """The rule as it is said, as slow as it is: what fits where it stands is on one line."""
    line = json.dumps(value)
    if not value or not isinstance(value, (dict, list)) or len(line) <= width - indent - taken:
        return line
    inner = indent + 2
    if isinstance(value, dict):
        named = [(json.dumps(name) + ": ", member) for name, member in value.items()]
    else:
        named = [("", member) for member in value]
    members = [
        f"{' ' * inner}{name}{by_the_rule(member, width, inner, len(name) + 1)}"
        for name, member in named
    ]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return opening + "\n" + ",\n".join(members) + "\n" + " " * indent + closing


@given(json_values, widths, st.integers(0, 5))
def test_lines_are_broken_by_the_rule(value: object, width: int, indent: int) -> None:
    assert joined(value, width, indent) == by_the_rule(value, width, indent, 0)


@given(json_values)
def test_with_no_width_all_is_on_one_line(value: object) -> None:
    assert joined(value, None) == joined(value, 1 << 30) == json.dumps(value)


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
def test_each_piece_has_the_style_of_what_it_is(value: object, width: int | None) -> None:
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
def test_paint_stands_around_each_piece(value: object, width: int | None, plain: bool) -> None:
    """Paint that closes itself: once the blanks of punctuation are unpainted it is the pieces."""
    paint = {} if plain else BRACKETS
    text = "".join(painted(value, width=width, paint=paint))
    expected = "".join(
        _paint(style, text) if not plain else text for style, text in style_json(value, width=width)
    )
    # Marks of punctuation that follow each other may be painted together.
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
def test_a_very_long_string_is_itself(width: int | None) -> None:
    text = 'abcdefg\u00e9"\U0001f600\n' * 20_000
    for string in (json.dumps, utf8_string):
        pieces = list(style_json({"a": text, "b": [text, 1]}, width=width, string=string))
        assert "".join(part for style, part in pieces if style == JSON_STRING) == 2 * string(text)
        assert json.loads("".join(part for _, part in pieces)) == {"a": text, "b": [text, 1]}
        # It comes in parts, so that whoever wants its head need not wait for the rest.
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
def test_the_head_costs_little(value: object, width: int | None) -> None:
    """Counts the characters that are written as JSON before the first string is on hand."""
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


def test_numbers_that_json_does_not_have() -> None:
    assert joined([float("inf"), float("-inf"), float("nan")], 80) == "[1e999, -1e999, null]"


@pytest.mark.parametrize("width", [0, 80])
def test_deep_nesting(width: int) -> None:
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
def test_work_is_linear_in_the_value(
    count_lines: Callable[[Callable[[], object]], int], width: int | None
) -> None:
    """Counts executed lines: four times as much, laid out by four times as many at most."""

    def work(value: object) -> int:
        return count_lines(lambda: sum(1 for _ in painted(value, width=width, paint=BRACKETS)))

    for small, large in (
        (ROWS[:400], ROWS),
        (nested(500), nested(2000)),
        (nested(500, members=3), nested(2000, members=3)),
        ([nested(20)] * 50, [nested(20)] * 200),
    ):
        assert work(large) < 4.2 * work(small) + 1000


def test_work_at_a_width_is_but_little_more(
    count_lines: Callable[[Callable[[], object]], int],
) -> None:
    """What does not fit is looked at only as far as the line goes."""

    def work(width: int, value: object) -> int:
        return count_lines(lambda: sum(1 for _ in painted(value, width=width, paint={})))

    for value in (ROWS, {"a": {"b": ROWS}}, nested(2000)):
        for width in (20, 80, 250):
            assert work(width, value) < 3 * work(0, value)
