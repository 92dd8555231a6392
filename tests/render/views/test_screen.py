"""Tests of pictures drawn with characters, with pictures whose pixels are known."""

from __future__ import annotations

from itertools import pairwise

import pytest

from qmpshell.render import Spans, plain_text_of
from qmpshell.render.views.screen import Picture, draw_picture, fit, parse_ppm, png_size

BLACK, WHITE, RED = b"\0\0\0", b"\xff\xff\xff", b"\xff\0\0"


def ppm(width: int, height: int, pixels: bytes) -> bytes:
    return b"P6\n%d %d\n255\n%s" % (width, height, pixels)


def draw(picture: Picture, *, columns: int = 80, rows: int = 24, **how: bool) -> list[Spans]:
    return list(draw_picture(picture, columns=columns, rows=rows, **how))


def test_ppm_of_qemu_has_size_and_pixels() -> None:
    assert parse_ppm(ppm(2, 1, WHITE + RED)) == Picture(2, 1, WHITE + RED)


def test_bytes_after_the_picture_are_ignored() -> None:
    assert parse_ppm(ppm(1, 1, RED) + b"more").pixels == RED


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "not a picture"),
        (b"\x89PNG\r\n\x1a\n", "not a picture"),
        (b"P6\n2 2\n65535\n" + bytes(24), "not a picture"),
        (b"P6\n999999 2\n255\n", "not a picture"),
        (ppm(0, 5, b""), "no pixels"),
        (ppm(2, 2, bytes(11)), "has 11 bytes instead of 12"),
        (ppm(99999, 99999, b""), "has 0 bytes instead of 29999400003"),
    ],
)
def test_invalid_ppm_raises_value_error(data: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_ppm(data)


def test_png_size_is_that_of_the_header() -> None:
    header = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\xd0\0\0\x01\x90"
    assert png_size(header) == (720, 400)
    for data in (b"", header[:23], b"GIF" + header[3:]):
        with pytest.raises(ValueError, match="PNG"):
            png_size(data)


@pytest.mark.parametrize("columns", [1, 40, 80, 200])
@pytest.mark.parametrize("rows", [1, 20, 60])
@pytest.mark.parametrize(("width", "height"), [(1, 1), (720, 400), (100, 3000), (3000, 2)])
def test_fit_keeps_proportions_within_limits(
    width: int, height: int, columns: int, rows: int
) -> None:
    found = fit(width, height, columns=columns, rows=rows)
    assert 1 <= found[0] <= min(columns, width)
    assert 1 <= found[1] <= rows
    # The width of the rows is that of the picture, to the nearest column and row.
    if 1 < found[0] < columns and found[1] > 1:
        assert abs(found[0] / found[1] - 2 * width / height) <= 2 * width / height / found[1] + 1


def test_half_blocks_have_the_colors_of_two_pixels() -> None:
    picture = Picture(2, 2, WHITE + RED + BLACK + RED)
    assert draw(picture, colors=True, unicode=True) == [
        [("#ffffff bg:#000000", "▀"), ("bg:#ff0000", " ")]
    ]


def test_odd_last_row_has_black_below() -> None:
    picture = Picture(1, 3, WHITE * 3)
    assert draw(picture, colors=True, unicode=True)[-1] == [("#ffffff bg:#000000", "▀")]


def test_cells_without_unicode_have_one_color() -> None:
    picture = Picture(4, 4, (WHITE * 2 + RED * 2) * 4)
    assert (
        draw(picture, colors=True, unicode=False)
        == [[("bg:#ffffff", "  "), ("bg:#ff0000", "  ")]] * 2
    )


def test_neighbours_of_one_color_are_one_piece() -> None:
    assert draw(Picture(4, 2, RED * 8), colors=True, unicode=True) == [[("bg:#ff0000", "    ")]]


@pytest.mark.parametrize("unicode", [True, False])
def test_picture_without_colors_has_shades(unicode: bool) -> None:
    grey = bytes([128, 128, 128])
    picture = Picture(3, 2, (BLACK + grey + WHITE) * 2)
    assert draw(picture, colors=False, unicode=unicode) == [[("", " +@")]]


def test_scaled_pixel_is_the_mean_of_its_part() -> None:
    picture = Picture(4, 4, (BLACK + WHITE) * 8)
    assert draw(picture, columns=2, rows=1, colors=True, unicode=True) == [[("bg:#7f7f7f", "  ")]]


@pytest.mark.parametrize("columns", [1, 40, 80, 200])
@pytest.mark.parametrize("unicode", [True, False])
def test_no_line_is_wider_or_higher_than_allowed(columns: int, unicode: bool) -> None:
    picture = Picture(320, 200, bytes(range(256)) * 750)
    lines = draw(picture, columns=columns, rows=10, colors=True, unicode=unicode)
    assert 1 <= len(lines) <= 10
    assert all(1 <= len(plain_text_of(line)) <= columns for line in lines)
    assert all(a[0] != b[0] for line in lines for a, b in pairwise(line))
