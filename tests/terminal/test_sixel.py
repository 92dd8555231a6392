"""Test pictures in sixel: what they show, and which terminals get them."""

from __future__ import annotations

import pytest

from qmpshell.session import PNG, PPM
from qmpshell.storage import SIXEL, Settings
from qmpshell.terminal import picture_format
from qmpshell.terminal.pictures import sixel_picture
from tests.harness.sixel import decode_sixel


def decoded(rows: list[list[bytes]]) -> list[list[tuple[int, int, int]]]:
    return decode_sixel(sixel_picture(rows).encode("ascii"))


def percent(color: bytes) -> tuple[int, int, int]:
    red, green, blue = (round(each / 2.55) for each in color)
    return red, green, blue


@pytest.mark.parametrize(("width", "height"), [(1, 1), (5, 6), (40, 13)])
def test_picture_of_few_colors_is_exact(width: int, height: int) -> None:
    rows = [[bytes((5 * x % 7, y % 3, 200)) for x in range(width)] for y in range(height)]
    assert decoded(rows) == [list(map(percent, row)) for row in rows]


def test_picture_of_many_colors_has_nearest_ones() -> None:
    rows = [[bytes((x, 4 * y, 255 - x)) for x in range(256)] for y in range(64)]
    found = decoded(rows)
    assert len({color for row in found for color in row}) <= 216
    for row, shown in zip(rows, found, strict=True):
        for color, each in zip(row, shown, strict=True):
            assert all(abs(a - b) <= 11 for a, b in zip(percent(color), each, strict=True))


def test_repeated_columns_are_counted() -> None:
    assert "!300~" in sixel_picture([[b"abc"] * 300] * 6)


@pytest.mark.parametrize(
    ("pictures", "variables", "expected"),
    [
        ("auto", {"TERM": "foot"}, SIXEL),
        ("auto", {"TERM_PROGRAM": "iTerm.app", "TERM": "xterm-256color"}, SIXEL),
        ("auto", {"TERM": "foot", "TMUX": "x"}, PPM),
        ("auto", {"TERM": "foot", "KITTY_WINDOW_ID": "1"}, PNG),
        ("auto", {"TERM": "xterm-256color"}, PPM),
        ("sixel", {"TERM": "xterm-256color"}, SIXEL),
        ("blocks", {"TERM": "foot"}, PPM),
    ],
)
def test_picture_format_depends_on_terminal_and_setting(
    pictures: str, variables: dict[str, str], expected: str
) -> None:
    assert picture_format(Settings(pictures=pictures), variables) == expected
