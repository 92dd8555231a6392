"""SVG pictures of a terminal's screen."""

from __future__ import annotations

from html import escape
from itertools import groupby
from typing import Any

_CELL_WIDTH, _CELL_HEIGHT, _MARGIN = 8.4, 18, 12  # pixels
_BACKGROUND, _FOREGROUND = "#1e1e1e", "#d4d4d4"
# The colours of a terminal's palette, by pyte's names.
_PALETTE = {
    "default": _FOREGROUND,
    "black": "#1e1e1e",
    "red": "#f14c4c",
    "green": "#23d18b",
    "brown": "#e5e510",
    "blue": "#3b8eea",
    "magenta": "#d670d6",
    "cyan": "#29b8db",
    "white": "#e5e5e5",
    "brightblack": "#8a8a8a",
    "brightred": "#f14c4c",
    "brightgreen": "#23d18b",
    "brightyellow": "#f5f543",
    "brightblue": "#3b8eea",
    "brightmagenta": "#d670d6",
    "brightcyan": "#29b8db",
    "brightwhite": "#ffffff",
}


def _color(name: str) -> str:
    return _PALETTE.get(name) or f"#{name}"


def _style(char: str, cell: Any) -> tuple[str, str, bool]:
    """Return foreground, background and whether the cell is bold.

    Only the background of a blank is visible. Its other attributes depend on how it was drawn.
    """
    fg, bg = _color(cell.fg), _BACKGROUND if cell.bg == "default" else _color(cell.bg)
    if cell.reverse:
        fg, bg = bg, fg
    return (_color("default"), bg, False) if char == " " else (fg, bg, bool(cell.bold))


# The character and the cell of each column.
Row = list[tuple[str, Any]]


def render(rows: list[Row], *, columns: int) -> str:
    """Return the rows of a screen as SVG."""
    width = 2 * _MARGIN + columns * _CELL_WIDTH
    height = 2 * _MARGIN + len(rows) * _CELL_HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}"'
        f' width="{width:g}" height="{height:g}" font-family="monospace" font-size="14"'
        ' xml:space="preserve">',
        f'<rect width="100%" height="100%" rx="8" fill="{_BACKGROUND}"/>',
    ]
    for y, row in enumerate(rows):
        x = 0
        for (fg, bg, bold), run in groupby(row, lambda item: _style(*item)):
            text = "".join(char for char, _ in run)
            size = f"{len(text) * _CELL_WIDTH:g}"
            left, top = _MARGIN + x * _CELL_WIDTH, _MARGIN + y * _CELL_HEIGHT
            if bg != _BACKGROUND:
                parts.append(
                    f'<rect x="{left:g}" y="{top}" width="{size}" height="{_CELL_HEIGHT}" fill="{bg}"/>'
                )
            if text.strip():
                weight = ' font-weight="bold"' if bold else ""
                parts.append(
                    f'<text x="{left:g}" y="{top + 14}" fill="{fg}"{weight}'
                    f' textLength="{size}">{escape(text)}</text>'
                )
            x += len(text)
    return "\n".join([*parts, "</svg>", ""])
