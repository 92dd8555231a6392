"""Erasing the prompt after the width of the terminal has changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prompt_toolkit.application import Application
from prompt_toolkit.data_structures import Size
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent, merge_key_bindings
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout import Layout
from prompt_toolkit.layout.screen import Char, Screen
from prompt_toolkit.renderer import CPR_Support, HeightIsUnknownError, Renderer

from ..record import Record
from ..transport import Timer

_ANSWER_TIMEOUT = 2.0  # seconds

# Variables and terminal types of terminals that wrap lines again, if the position of the cursor does
# not show it. Others are treated like xterm, which cuts lines: erasing too much would be worse than
# a copy of the prompt.
_VARIABLES = (
    *("ALACRITTY_WINDOW_ID", "KITTY_WINDOW_ID", "KONSOLE_VERSION", "TMUX", "VTE_VERSION"),
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
    """Make the application erase all rows of the prompt, which may be more than were drawn."""
    renderer = ReflowRenderer(app, expected=reflows(environment))
    bindings = KeyBindings()

    @bindings.add(Keys.CPRResponse, save_before=lambda _: False)
    def report(event: KeyPressEvent) -> None:
        row, column = map(int, event.data[2:-1].split(";"))
        renderer.report_cursor(row, column)

    own = [app.key_bindings] if app.key_bindings else []
    app.key_bindings = merge_key_bindings([*own, bindings])
    app.renderer = renderer


class _Prompt(Record):
    """A prompt on the screen, with the cursor in it."""

    screen: Screen
    x: int
    y: int
    size: Size  # of the window
    # The row of the cursor in the window, from 1, or 0 if it is not known.
    row: int

    def wrapped(self, columns: int) -> tuple[int, int]:
        """Return the row of the prompt and the column that have the cursor if rows are wrapped again."""
        rows = self.screen.data_buffer
        above = sum(_wrap(rows[y], _width(rows[y]) - 1, columns)[0] + 1 for y in range(self.y))
        row, column = _wrap(rows[self.y], self.x, columns)
        return above + row, column


class ReflowRenderer(Renderer):
    """A renderer that erases all rows of the prompt, also if the terminal has added some.

    A terminal that becomes narrower either wraps the rows on the screen again or cuts them. The
    position of the cursor shows which, so the prompt is not drawn until the terminal reports it.
    While a user drags the edge of the window, this also avoids drawing for a width that is past.
    """

    # What is on the screen since the last drawing.
    _drawn: _Prompt | None = None
    # What is erased when the terminal has reported its cursor.
    _old: _Prompt | None = None
    # The size of the window when the terminal was asked, or None.
    _asked: Size | None = None
    # The fewest columns since the old prompt was drawn, and whether the terminal had drawn it before.
    _fewest = 0
    _was_drawn = False
    _is_expected_certain = False

    def __init__(self, app: Application[Any], *, expected: bool) -> None:
        # When to stop waiting for the answer of the terminal.
        self._timeout = Timer(lambda: self._redraw(wraps=self._expected))
        super().__init__(
            app.renderer.style,
            app.output,
            mouse_support=app.renderer.mouse_support,
            cpr_not_supported_callback=app.cpr_not_supported_callback,
        )
        self._app = app
        # Whether rows are wrapped again, for reports that leave it open.
        self._expected = expected

    def render(self, app: Application[Any], layout: Layout, is_done: bool = False) -> None:
        """Draw the prompt, unless the old one is still on the screen."""
        if self._old is not None:
            if not is_done:
                return
            self._erase(self._old, wraps=self._expected)
        super().render(app, layout, is_done)
        screen = self.last_rendered_screen
        if screen is not None:
            cursor = screen.get_cursor_position(layout.current_window)
            try:
                row = self.rows_above_layout + cursor.y + 1
            except HeightIsUnknownError:
                row = 0
            self._drawn = _Prompt(screen, cursor.x, cursor.y, self.output.get_size(), row)

    def erase(self, leave_alternate_screen: bool = True) -> None:
        """Erase the prompt: after a change of the window, only when the terminal has answered."""
        prompt = self._old or self._drawn
        columns = self.output.get_size().columns
        if prompt is None:
            super().erase(leave_alternate_screen)
        elif (
            (self._old is None and columns == prompt.size.columns)
            or leave_alternate_screen  # something is printed above the prompt now
            or self.cpr_support == CPR_Support.NOT_SUPPORTED
        ):
            self._erase(prompt, wraps=self._expected)
        elif self._old is not None:
            self._fewest = min(self._fewest, columns)
        else:
            self._was_drawn = not self.waiting_for_cpr
            self.reset(leave_alternate_screen=False)
            self._old, self._fewest = prompt, columns
            self._ask()

    def reset(self, _scroll: bool = False, leave_alternate_screen: bool = True) -> None:
        """Forget what is on the screen."""
        self._drawn = self._old = None
        self._timeout.set(None)
        super().reset(_scroll, leave_alternate_screen)

    def request_absolute_cursor_position(self) -> None:
        """Ask for the row of the prompt, unless the old one is still on the screen."""
        if self._old is None:
            super().request_absolute_cursor_position()

    def report_cursor(self, row: int, column: int) -> None:
        """Handle an answer of the terminal. Rows and columns count from 1."""
        self.report_absolute_cursor_row(row)
        if self._old is None or self.waiting_for_cpr:
            return
        if self._asked == self.output.get_size():
            self._redraw(wraps=self._wraps(self._old, row, column - 1))
        else:
            self._ask()

    def _ask(self) -> None:
        """Ask for the position of the cursor, or wait for earlier answers first."""
        self._timeout.set(_ANSWER_TIMEOUT)
        self._asked = None
        if not self.waiting_for_cpr:
            self._asked = self.output.get_size()
            super().request_absolute_cursor_position()

    def _wraps(self, prompt: _Prompt, row: int, column: int) -> bool:
        """Return True if the rows were wrapped again, by where the cursor is now."""
        size = self.output.get_size()
        (_, wrapped), cut = prompt.wrapped(size.columns), min(prompt.x, self._fewest - 1)
        # At the end of a row, terminals differ in where they leave the cursor.
        is_clear = column in (wrapped, cut) and wrapped not in (0, cut)
        if not self._was_drawn:  # perhaps it was drawn in the narrower window, which cuts it
            return is_clear and column == wrapped
        if is_clear:
            self._expected, self._is_expected_certain = column == wrapped, True
        elif not self._is_expected_certain and prompt.row and prompt.size.rows == size.rows:
            return row != prompt.row  # the toolbar has more rows, or the prompt has
        return self._expected

    def _redraw(self, *, wraps: bool) -> None:
        if self._old is not None:
            self._erase(self._old, wraps=wraps)
            self.request_absolute_cursor_position()
            self._app.invalidate()

    def _erase(self, prompt: _Prompt, *, wraps: bool) -> None:
        columns = self.output.get_size().columns
        self.reset(leave_alternate_screen=False)
        self.output.cursor_backward(max(prompt.x, columns))
        self.output.cursor_up(prompt.wrapped(columns)[0] if wraps else prompt.y)
        super().erase(leave_alternate_screen=False)


def _wrap(cells: Mapping[int, Char], x: int, columns: int) -> tuple[int, int]:
    """Return the row and the column of cell x if the cells are wrapped into `columns`."""
    row = column = at = 0
    while at < x:
        width = max(cells[at].width, 1)
        if column + width > columns:
            row, column = row + 1, 0
        at, column = at + width, column + width
    return (row, column) if column < columns else (row + 1, 0)


def _width(cells: Mapping[int, Char]) -> int:
    return max((x + cells[x].width for x in cells if cells[x].char != " "), default=0)
