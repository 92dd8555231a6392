"""Tests of text that is read from pixels, with a picture made from the font itself."""

from __future__ import annotations

import random

import pytest

from qmpshell.render import plain_text_of
from qmpshell.render.views.screen import Picture, draw_text, read_text

BLACK, GREY, BLUE = bytes(3), b"\xa8\xa8\xa8", b"\0\0\xa8"
# The rows of an A in the font of a VGA.
A = bytes.fromhex("000010386cc6c6fec6c6c6c600000000")


def picture(
    cells: dict[tuple[int, int], tuple[bytes, bytes, bytes]],
    *,
    columns: int = 80,
    rows: int = 25,
    width: int = 9,
) -> Picture:
    """Return a black picture with bitmaps at (row, column), each with its two colours."""
    stride = columns * width
    pixels = [BLACK] * (stride * rows * 16)
    for (row, column), (bitmap, fg, bg) in cells.items():
        for y, bits in enumerate(bitmap):
            for x in range(width):
                is_lit = x < 8 and bits >> (7 - x) & 1
                pixels[(row * 16 + y) * stride + column * width + x] = fg if is_lit else bg
    return Picture(stride, rows * 16, b"".join(pixels))


@pytest.mark.parametrize(("width", "columns"), [(9, 80), (9, 40), (8, 80), (8, 160)])
def test_characters_have_text_and_colors(width: int, columns: int) -> None:
    cells = {(1, 3): (A, GREY, BLACK), (2, columns - 1): (A, GREY, BLUE)}
    rows = read_text(picture(cells, columns=columns, width=width))
    assert [len(row) for row in rows] == [columns] * 3
    assert rows[1][3] == ("A", GREY, BLACK)
    assert rows[2][-1] == ("A", GREY, BLUE)
    assert {char for row in rows for char, _, _ in row} == {" ", "A"}


def test_dark_character_on_light_ground_is_found() -> None:
    rows = read_text(picture({(0, 0): (A, BLACK, GREY)}))
    assert rows[0][0] == ("A", BLACK, GREY)


def test_pixels_after_the_last_cell_are_ignored() -> None:
    found = picture({(0, 0): (A, GREY, BLACK)}, width=8)
    stride = 3 * found.width
    lines = [found.pixels[at : at + stride] for at in range(0, len(found.pixels), stride)]
    wider = Picture(
        found.width + 6,
        found.height + 8,
        b"".join(line + bytes(18) for line in [*lines, *[bytes(stride)] * 8]),
    )
    assert read_text(wider)[0][0] == ("A", GREY, BLACK)


def test_cursor_is_an_underscore() -> None:
    cursor = bytes(13) + b"\xff\xff\0"
    rows = read_text(picture({(0, 0): (A, GREY, BLACK), (0, 1): (cursor, GREY, BLACK)}))
    assert [char for char, _, _ in rows[0][:3]] == ["A", "_", " "]


@pytest.mark.parametrize(
    "found",
    [
        Picture(720, 400, bytes(720 * 400 * 3)),  # nothing
        Picture(720, 400, random.Random(1).randbytes(720 * 400 * 3)),
        Picture(640, 400, bytes(range(256)) * 3000),
        Picture(1, 1, b"abc"),
        Picture(320, 16, bytes(320 * 16 * 3)),
    ],
)
def test_other_pictures_are_no_text(found: Picture) -> None:
    assert read_text(found) == []


def test_text_has_the_styles_of_pictures() -> None:
    rows = [[("A", GREY, BLACK), ("B", GREY, BLACK), (" ", BLUE, BLUE)]]
    assert list(draw_text(rows, colors=True, unicode=True)) == [
        [("#a8a8a8 bg:#000000", "AB"), ("#0000a8 bg:#0000a8", " ")]
    ]
    assert list(draw_text(rows, colors=False, unicode=True)) == [[("", "AB")]]


def test_light_background_without_colors_is_reversed() -> None:
    rows = [[("A", BLACK, GREY), (" ", GREY, GREY), (" ", BLACK, BLACK)]]
    assert list(draw_text(rows, colors=False, unicode=True)) == [[("reverse", "A "), ("", "")]]


def test_text_without_unicode_has_as_many_columns() -> None:
    rows = [[(char, GREY, BLACK) for char in "─│┌█é→"]]
    (line,) = draw_text(rows, colors=False, unicode=False)
    assert plain_text_of(line) == "-|+#??"
