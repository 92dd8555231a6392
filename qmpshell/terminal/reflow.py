"""Erasing the prompt in terminals that wrap the text on the screen again when they become narrower."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prompt_toolkit.application import Application
from prompt_toolkit.layout.screen import Screen

# Variables and terminal types of terminals that do so. Others are treated like xterm, which cuts
# lines: erasing too much would be worse than a copy of the prompt.
_VARIABLES = (
    "ALACRITTY_WINDOW_ID",
    "KITTY_WINDOW_ID",
    "KONSOLE_VERSION",
    "TMUX",
    "VTE_VERSION",
    "WT_SESSION",
)
_PROGRAMS = ("Apple_Terminal", "WezTerm", "ghostty", "iTerm.app", "vscode")
_TYPES = ("alacritty", "foot", "tmux", "xterm-ghostty", "xterm-kitty")


def reflows(environment: Mapping[str, str]) -> bool:
    """Return True if the terminal is known to wrap lines again when its width changes.

    >>> reflows({"TERM": "tmux-256color"}), reflows({"TERM": "xterm-256color"})
    (True, False)
    """
    return (
        any(environment.get(name) for name in _VARIABLES)
        or environment.get("TERM_PROGRAM") in _PROGRAMS
        or environment.get("TERM", "").startswith(_TYPES)
    )


def erase_reflowed(app: Application[Any], environment: Mapping[str, str]) -> None:
    """Make the renderer erase all rows of the prompt, which may be more than were drawn."""
    if not reflows(environment):
        return
    renderer, erase = app.renderer, app.renderer.erase
    drawn = 0  # columns

    def on_render(_app: Application[Any]) -> None:
        nonlocal drawn
        drawn = app.output.get_size().columns

    def erase_all(leave_alternate_screen: bool = True) -> None:
        screen, columns = renderer.last_rendered_screen, app.output.get_size().columns
        if screen is not None and columns < drawn:
            position = screen.get_cursor_position(app.layout.current_window)
            app.output.cursor_up(added_rows(screen, position.x, position.y, columns))
        erase(leave_alternate_screen)

    app.after_render += on_render
    renderer.erase = erase_all  # type: ignore[method-assign]


def added_rows(screen: Screen, x: int, y: int, columns: int) -> int:
    """Return how many rows were added above the cursor at x, y when the width became `columns`."""
    above = sum(max(_width(screen, row) - 1, 0) // columns for row in range(y))
    return above + x // columns


def _width(screen: Screen, row: int) -> int:
    cells = screen.data_buffer[row]
    return max((x + cells[x].width for x in cells if cells[x].char != " "), default=0)
