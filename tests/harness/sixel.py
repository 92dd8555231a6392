"""Decode pictures in sixel."""

from __future__ import annotations

import re

_TOKEN = re.compile(rb"#(\d+);2;(\d+);(\d+);(\d+)|#(\d+)|(?:!(\d+))?([?-~])|([$-])")


def decode_sixel(data: bytes) -> list[list[tuple[int, int, int]]]:
    """Return the rows of the first picture in the output of a terminal program: colours in percent."""
    start = re.search(rb'\x1bP0;1q"1;1;(\d+);(\d+)', data)
    assert start is not None
    width, height = int(start[1]), int(start[2])
    end = data.index(b"\x1b\\", start.end())
    rows = [[(-1, -1, -1)] * width for _ in range(height)]
    colors: dict[int, tuple[int, int, int]] = {}
    color = column = top = position = 0
    for token in _TOKEN.finditer(data[start.end() : end]):
        assert token.start() == position
        position = token.end()
        number, red, green, blue, chosen, count, char, move = token.groups()
        if number:
            colors[int(number)] = int(red), int(green), int(blue)
        elif chosen:
            color = int(chosen)
        elif char:
            for _ in range(int(count or 1)):
                for bit in range(6):
                    if (ord(char) - 63) >> bit & 1:
                        rows[top + bit][column] = colors[color]
                column += 1
        else:
            column = 0
            top += 6 if move == b"-" else 0
    assert position == end - start.end()
    return rows
