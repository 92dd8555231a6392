"""Tests of the marking of changes between two replies."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, strategies as st

from qmpshell.render import changed_scalars, mark_changes, mark_words, style_json

scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.text('ab\n"', max_size=3)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=12,
)


def marked(before: Any, after: Any, width: int | None = 40) -> list[str]:
    """Return the marked texts."""
    pieces = mark_changes(style_json(after, width=width), before, after)
    return [text for _, text, changed in pieces if changed]


def test_changed_scalars_are_marked() -> None:
    before = {"status": "paused", "running": False, "jobs": [{"offset": 1, "len": 9}]}
    after = {"status": "running", "running": True, "jobs": [{"offset": 5, "len": 9}]}
    assert marked(before, after) == ['"running"', "true", "5"]
    assert marked(before, before) == []


def test_new_values_are_marked() -> None:
    assert marked([1], [1, 2, {"a": 3}]) == ["2", "3"]
    assert marked({}, {"a": {"b": "c"}}) == ['"c"']
    assert marked(5, {"a": 5}) == ["5"]
    assert marked(None, []) == []


def test_change_of_type_is_marked() -> None:
    assert marked([1, 0.0, 1], [True, 0, 1]) == ["true", "0"]


def test_reordered_members_are_not_marked() -> None:
    assert marked({"a": 1, "b": 2}, {"b": 2, "a": 3}) == ["3"]


def test_long_changed_string_is_marked_whole() -> None:
    text = "x" * 200_000
    assert "".join(marked(["y", 1], [text, 1])) == f'"{text}"'


def test_deeply_nested_values_are_compared() -> None:
    before: Any = 1
    after: Any = 2
    for _ in range(5000):
        before, after = [before], [after]
    assert list(changed_scalars(before, after)) == [True]


@given(values, values, st.none() | st.integers(0, 30))
def test_random_values_keep_text_and_mark_changes(
    before: Any, after: Any, width: int | None
) -> None:
    pieces = list(mark_changes(style_json(after, width=width), before, after))
    assert [piece[:2] for piece in pieces] == list(style_json(after, width=width))
    assert marked(after, after, width) == []
    if json.dumps(before) != json.dumps(after) and isinstance(after, int | str | None):
        assert marked(before, after, width)


def words(before: str, after: str) -> list[str]:
    parts = list(mark_words(before, after))
    assert "".join(text for text, _ in parts) == after
    return [text for text, changed in parts if changed]


def test_changed_words_are_marked() -> None:
    assert words("VM status: paused\nx 1\n", "VM status: running\nx 1\n") == ["running"]
    assert words("a b\n", "a b c\n") == ["c"]
    assert words("a 1 x\n", "a 2 (+1/s) x\n") == ["2", "(+1/s)"]
    assert words("a  b\n", "a b\n") == []
    assert words("", "one\ntwo") == ["one", "two"]
    assert words("one\ntwo\n", "one\n") == []


@given(st.text("ab \n", max_size=30), st.text("ab \n", max_size=30))
def test_random_text_keeps_all_words(before: str, after: str) -> None:
    words(before, after)
    assert words(after, after) == []
