"""Functions that type at the prompt and read the menu below it."""

from __future__ import annotations

from .screen import Terminal

_CTRL_C = "\x03"


def wait_line(terminal: Terminal, line: str, *, cursor: int | None = None) -> None:
    """Wait until the line with the cursor is `line`, and the cursor is at its end or at `cursor`."""
    column = len(line) if cursor is None else cursor
    terminal.wait(
        lambda: terminal.current == line.rstrip() and terminal.screen.cursor.x == column,
        f"line {line!r}",
    )


def menu(terminal: Terminal) -> list[str]:
    """Return the lines below the cursor: for a menu its entries, as `name description`."""
    below = terminal.lines[terminal.screen.cursor.y + 1 :]
    return [" ".join(line.split()) for line in below if line.strip()]


def clear(terminal: Terminal, prompt: str = "(QEMU)") -> None:
    """Cancel the line with Ctrl-C and wait for a new prompt."""
    terminal.type(_CTRL_C)
    terminal.wait_prompt(prompt)


def wait_known(terminal: Terminal) -> None:
    """Wait until the banner is shown and the server's schema is known."""
    terminal.wait_ready()
    wait_schema(terminal)


def wait_schema(terminal: Terminal) -> None:
    """Wait at an empty prompt until the server's schema is known."""
    terminal.type("quit x=1")
    terminal.wait_toolbar("quit has no argument 'x'")
    clear(terminal)
