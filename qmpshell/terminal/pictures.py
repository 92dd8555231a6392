"""Pictures of the VM's screen: kitty's graphics protocol, sixel, or half blocks."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence

from prompt_toolkit.output.color_depth import ColorDepth

from ..session import PNG, PPM, ShowPicture
from ..storage import BLOCKS, KITTY, SIXEL, Settings
from . import styles
from .styles import Devices, Fragments

# What the terminals that know kitty's protocol have in their environment: a variable and its value.
_KITTY = (
    ("TERM", "xterm-kitty"),
    ("TERM", "xterm-ghostty"),
    ("TERM_PROGRAM", "ghostty"),
    ("TERM_PROGRAM", "WezTerm"),
)
# The terminals that show sixel as they come.
_SIXEL = (
    *(("TERM", "foot"), ("TERM", "foot-extra"), ("TERM", "mlterm"), ("TERM", "contour")),
    *(("TERM_PROGRAM", "iTerm.app"), ("TERM_PROGRAM", "mintty")),
)
# Multiplexers do not pass pictures on, and the variables of the terminal around them remain.
_MULTIPLEXERS = ("TMUX", "STY", "ZELLIJ")
_CHUNK = 4096  # bytes, the maximum of the protocol
_CELL_WIDTH, _CELL_HEIGHT = 8, 16  # pixels, about
_SIXEL_COLORS = 256
# For the prompt, the toolbar and the lines around the picture.
_OTHER_ROWS = 4


def picture_format(settings: Settings, environment: Mapping[str, str]) -> str:
    """Return the format of the pictures that the terminal shows."""
    if settings.pictures != "auto":
        return {KITTY: PNG, SIXEL: SIXEL}.get(settings.pictures, PPM)
    if any(environment.get(name) for name in _MULTIPLEXERS):
        return PPM
    has_kitty = environment.get("KITTY_WINDOW_ID") or any(
        environment.get(name) == value for name, value in _KITTY
    )
    if has_kitty:
        return PNG
    return SIXEL if any(environment.get(name) == value for name, value in _SIXEL) else PPM


class PictureFormatter:
    """Formats pictures for a terminal. `unicode` is false if it only shows ASCII."""

    def __init__(self, devices: Devices, *, unicode: bool) -> None:
        self._settings = devices.settings
        self._theme = devices.theme
        self._output = devices.output
        self._unicode = unicode
        self._drawn: tuple[object, list[Fragments]] = (None, [])

    def fragments(self, shown: ShowPicture) -> Fragments:
        """Return a picture that fits on the screen above the prompt, or all of its text."""
        size = self._output.get_size()
        rows = max(size.rows - _OTHER_ROWS, 1)
        if shown.format == SIXEL:
            return self._sixel(shown.data, size.columns, rows)
        if shown.format != PNG:
            lines = self._lines(shown, columns=size.columns, rows=rows)
            return [fragment for line in lines for fragment in (*line, ("", "\n"))]
        from ..render.views.screen import fit, png_size  # the first prompt does not need it

        try:
            width, height = png_size(shown.data)
        except ValueError as error:
            return [(f"class:{styles.ERROR}", f"{error}\n")]
        columns = min(size.columns, -(-width // _CELL_WIDTH))
        columns, rows = fit(width, height, columns=columns, rows=rows)
        return _above_cursor(kitty_picture(shown.data, columns, rows), rows)

    def _sixel(self, data: bytes, columns: int, rows: int) -> Fragments:
        from ..render.views.screen import fit, parse_ppm, scale

        try:
            picture = parse_ppm(data)
        except ValueError as error:
            return [(f"class:{styles.ERROR}", f"{error}\n")]
        columns = min(columns, -(-picture.width // _CELL_WIDTH))
        columns, rows = fit(picture.width, picture.height, columns=columns, rows=rows)
        width = min(picture.width, _CELL_WIDTH * columns)
        height = min(picture.height, _CELL_HEIGHT * rows)
        if (width, height) == (picture.width, picture.height):
            starts = range(0, len(picture.pixels), 3 * width)
            pixels = [
                [picture.pixels[at : at + 3] for at in range(start, start + 3 * width, 3)]
                for start in starts
            ]
        else:
            pixels = scale(picture, width, height)
        # The cursor's position after a picture depends on the terminal.
        return _above_cursor(f"\x1b7{sixel_picture(pixels)}\x1b8", rows)

    def rows(self, shown: ShowPicture, *, columns: int, rows: int) -> list[Fragments]:
        """Return the rows of a picture in PPM format, or the last ones of its text."""
        return self._lines(shown, columns=columns, rows=rows)[-rows:]

    def _lines(self, shown: ShowPicture, *, columns: int, rows: int) -> list[Fragments]:
        """Return the lines of a picture that has at most these rows, or all lines of its text.

        The last result is kept.
        """
        key = (id(shown), columns, rows, self._theme.depth, self._settings.pictures)
        if self._drawn[0] != key:
            try:
                lines = list(self._draw(shown.data, columns=columns, rows=rows))
            except ValueError as error:
                lines = [[(f"class:{styles.ERROR}", str(error))]]
            self._drawn = key, lines
        return self._drawn[1]

    def _draw(self, data: bytes, *, columns: int, rows: int) -> Iterable[Fragments]:
        from ..render.views.screen import draw_picture, draw_text, parse_ppm, read_text

        picture = parse_ppm(data)
        colors, unicode = self._theme.depth != ColorDepth.DEPTH_1_BIT, self._unicode
        text = read_text(picture) if self._settings.pictures != BLOCKS else []
        if text and len(text[0]) <= columns:
            return draw_text(text, colors=colors, unicode=unicode)
        return draw_picture(picture, columns=columns, rows=rows, colors=colors, unicode=unicode)


def _above_cursor(picture: str, rows: int) -> Fragments:
    """Return a picture that takes these rows, and puts the cursor below them."""
    return [
        # The terminal scrolls first, so that the cursor's position is known.
        ("", "\n" * rows),
        ("[ZeroWidthEscape]", f"\x1b[{rows}A{picture}"),
        ("[ZeroWidthEscape]", f"\x1b[{rows}B"),
    ]


def sixel_picture(rows: Sequence[Sequence[bytes]]) -> str:
    """Return the control sequences that draw rows of colours at the cursor. See DEC STD 070, 9.

    A character shows six pixels of one colour, from top to bottom.
    """
    colors = {color: color for row in rows for color in row}
    if len(colors) > _SIXEL_COLORS:
        # 6 levels of each component are 216 colours.
        colors = {color: bytes((each + 25) // 51 * 51 for each in color) for color in colors}
    numbers = {color: number for number, color in enumerate(dict.fromkeys(colors.values()))}
    parts = [f'\x1bP0;1q"1;1;{len(rows[0])};{len(rows)}']
    for color, number in numbers.items():
        parts.append(f"#{number};2;" + ";".join(str(round(each / 2.55)) for each in color))
    for top in range(0, len(rows), 6):
        masks: dict[int, bytearray] = {}
        for bit, row in enumerate(rows[top : top + 6]):
            for column, color in enumerate(row):
                number = numbers[colors[color]]
                if number not in masks:
                    masks[number] = bytearray(b"?" * len(row))
                masks[number][column] += 1 << bit
        parts += [f"#{number}{_repeated(mask.decode())}$" for number, mask in masks.items()]
        parts.append("-")
    return "".join(parts) + "\x1b\\"


def _repeated(text: str) -> str:
    """Return sixel characters with counts before those that are repeated."""
    return re.sub(r"(.)\1{3,}", lambda match: f"!{len(match[0])}{match[1]}", text)


def kitty_picture(data: bytes, columns: int, rows: int) -> str:
    """Return the control sequences that draw a PNG at the cursor, which does not move.

    See https://sw.kovidgoyal.net/kitty/graphics-protocol/. The terminal sends no answer.
    """
    text = base64.b64encode(data).decode("ascii")
    chunks = [text[start : start + _CHUNK] for start in range(0, len(text), _CHUNK)]
    first = f"a=T,f=100,q=2,C=1,c={columns},r={rows},"
    return "".join(
        f"\x1b_G{'' if number else first}m={int(number + 1 < len(chunks))};{chunk}\x1b\\"
        for number, chunk in enumerate(chunks)
    )
