"""Tests of the leaves of the syntax tree."""

from __future__ import annotations

import pytest
from hypothesis import example, given, strategies as st

from qmpshell.language import CommandItem, JsonLeaf, JsonTree, parse, tokens as t

_TEXT = st.text(st.sampled_from("ab1 =:.,;|<>#@/\\\"'{}[]()\n\t\u00a0é")) | st.text()


@given(_TEXT)
@example("transaction( a b={'c': [1, \"d")
@example("/watch -n 1 /hmp info block | x")
@example("a {} } ; {]")
def test_leaves_joined_are_the_line(line: str) -> None:
    leaves = list(parse(line).leaves())
    assert "".join(leaf.text for leaf in leaves) == line
    assert all(line.startswith(leaf.text, leaf.start) for leaf in leaves)
    assert not any(leaf.text.strip(t.BLANKS) for leaf in leaves if leaf.kind == t.BLANK)


@given(_TEXT)
def test_any_text_gives_arguments_of_the_line(line: str) -> None:
    for part in parse(line).parts:
        for argument in getattr(part.item, "arguments", []):
            written = argument.key.text + argument.operator.text + argument.value.text
            assert line.startswith(written, argument.key.start)
            assert all(line[start : start + 1] for name, start in argument.path if name)


@pytest.mark.parametrize(
    ("line", "kinds"),
    [
        ('x {"a": [1, true, "b"]}', ['member "a"', "literal 1", "literal true", 'string "b"']),
        ('x a={"b', ['member "b']),
        ('{"a" "b": "c" 5}', ['member "a"', 'string "b"', 'string "c"', "literal 5"]),
    ],
)
def test_json_has_leaves_by_their_place(line: str, kinds: list[str]) -> None:
    leaves = [leaf for leaf in parse(line).leaves() if isinstance(leaf, JsonLeaf)]
    assert [f"{leaf.kind} {leaf.text}" for leaf in leaves if leaf.kind != t.MARK] == kinds


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ('{"a": {"b": [1, |2]}}', ("a", "b", "1")),
        ('{"a": {"b": [1], |"c"}}', ("a",)),
        ("{'a': |", ("a",)),
        ('{"a": [0, {"b": 1}], "c": |2}', ("c",)),
    ],
)
def test_leaf_at_the_cursor_has_its_path(line: str, path: tuple[str, ...]) -> None:
    place = line.index("|")
    leaf = JsonTree(t.Token(t.OBJECT, line.replace("|", ""), 0)).leaf_at(place)
    assert leaf is not None
    assert leaf.path == path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("x", [("x", 2)]),
        ("a.bc.d", [("a", 2), ("bc", 4), ("d", 7)]),
        ('a."b.c".d', [("a", 2), ("b.c", 4), ("d", 10)]),
        ("__com.example_x.y", [("__com.example_x", 2), ("y", 18)]),
        ("a..b", [("a", 2), ("", 4), ("b", 5)]),
    ],
)
def test_key_has_its_parts_where_they_are_written(text: str, path: list[tuple[str, int]]) -> None:
    item = parse(f"x {text}=1").parts[0].item
    assert isinstance(item, CommandItem)
    assert item.arguments[0].path == path
