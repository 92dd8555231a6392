"""Test that repeated texts take linear time, with a sample of what the benchmark measures."""

from __future__ import annotations

import random

import pytest

from tests.benchmarks.parsing import FUNCTIONS, MAX_RATIO, STARTS, TEXTS, ratio

_SIZES = (5_000, 50_000)
_SAMPLE = 8
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


@pytest.mark.parametrize(("name", "start", "text"), SLOW)
def test_text_that_was_slow_takes_linear_time(name: str, start: str, text: str) -> None:
    assert ratio(FUNCTIONS[name], start, text, _SIZES) <= MAX_RATIO


@pytest.mark.parametrize("name", FUNCTIONS)
def test_repeated_text_takes_linear_time(name: str) -> None:
    choose = random.Random(name)
    for _ in range(_SAMPLE):
        start, text = choose.choice(STARTS), choose.choice(TEXTS)
        assert ratio(FUNCTIONS[name], start, text, _SIZES) <= MAX_RATIO, (start, text)
