"""Typing at the prompt, and what stands below it.

Owns: the line with the cursor, the menu, and dropping both. Must not know: which server is at the other
end.
"""

from __future__ import annotations

from .screen import Terminal

_CTRL_C = "\x03"


def wait_line(terminal: Terminal, line: str, *, cursor: int | None = None) -> None:
    """Until this is the line with the cursor, which stands behind it or in that column."""
    column = len(line) if cursor is None else cursor
    terminal.wait(
        lambda: terminal.current == line.rstrip() and terminal.screen.cursor.x == column,
        f"line {line!r}",
    )


def menu(terminal: Terminal) -> list[str]:
    """What stands below the line with the cursor: for a menu its entries, as `name what it says`."""
    below = terminal.lines[terminal.screen.cursor.y + 1 :]
    return [" ".join(line.split()) for line in below if line.strip()]


def clear(terminal: Terminal, prompt: str = "(QEMU)") -> None:
    """Drop the line, which stays above."""
    terminal.type(_CTRL_C)
    terminal.wait_prompt(prompt)


def wait_known(terminal: Terminal) -> None:
    """Until the server's schema is there."""
    terminal.wait_ready()
    terminal.type("quit x=1")
    terminal.wait_toolbar("quit has no x")
    clear(terminal)
