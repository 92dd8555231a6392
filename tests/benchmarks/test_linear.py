"""Test that repeated texts take linear time, with a sample of what the benchmark measures."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from qmpshell.language import MAX_TYPED, parse
from tests.benchmarks.parsing import (
    FUNCTIONS,
    MAX_GROWTH,
    SHORT_FUNCTIONS,
    STARTS,
    TEXTS,
    measure,
)

_SIZES = (5_000, 50_000)
_PARSED_SIZES = (10_000, 100_000)
# Keys do nothing in a text longer than MAX_TYPED.
_TYPED_SIZES = (MAX_TYPED // 10, MAX_TYPED)
_TYPED = ("key", "completion")
_SAMPLE = 8
_ALL = {**FUNCTIONS, **SHORT_FUNCTIONS}
# They took quadratic time, or more.
SLOW = [
    ("history with -H", "set_password vnc a", " "),
    ("history with -H", "", "\n"),
    ("history", "transaction( ", "=\n"),
    ("raw history", "", "=\n"),
    ("script", '{"execute":', '\\"'),
    ("script", '{"execute": [', "1,\n"),
    ("script", "/watch ", "-n 1 "),
    ("script", "/watch ", '"'),
    ("script", "/set ", "fold "),
    ("script", "transaction( ", ",\n"),
    ("script", "change vnc password ", "-> "),
    ("history", "x ", "password=a "),
    ("history", "transaction( ", "x password=a; "),
    ("log", "", "password=a "),
    ("log", "json:", '"'),
    ("colours", "x ", "'"),
]


def _growth(
    function: Callable[[str], object], start: str, text: str, sizes: tuple[int, int] = _SIZES
) -> float:
    return measure(function, start, text, sizes)[0]


@pytest.mark.parametrize(("name", "start", "text"), SLOW)
def test_text_that_was_slow_takes_linear_time(name: str, start: str, text: str) -> None:
    assert _growth(_ALL[name], start, text) <= MAX_GROWTH


@pytest.mark.parametrize("name", _ALL)
def test_repeated_text_takes_linear_time(name: str) -> None:
    choose = random.Random(name)
    sizes = _TYPED_SIZES if name in _TYPED else _SIZES
    for _ in range(_SAMPLE):
        start, text = choose.choice(STARTS), choose.choice(TEXTS)
        assert _growth(_ALL[name], start, text, sizes) <= MAX_GROWTH, (start, text)


def _parse(text: str) -> None:
    """Build the complete syntax tree."""
    tree = parse(text)
    for part in tree.parts:
        assert part.item is not None or not part.tokens
    assert sum(len(leaf.text) for leaf in tree.leaves()) == len(text)


@pytest.mark.parametrize(
    "start", ["", "x ", "x a=", "x {", "x a.b=[", "transaction( ", "/keyval x "]
)
@pytest.mark.parametrize("text", ["(", '"', "{", "a.", ",,", "\\", "a=1 ", "[1,", '{"a":'])
def test_syntax_tree_takes_linear_time(start: str, text: str) -> None:
    assert _growth(_parse, start, text, _PARSED_SIZES) <= MAX_GROWTH
