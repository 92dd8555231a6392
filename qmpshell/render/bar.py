"""Progress, as a bar and in per cent.

Owns: both forms. Must not know: what gets on, colours.
"""

from __future__ import annotations

_EIGHTHS = " ▏▎▍▌▋▊▉█"


def percent(done: int, total: int) -> int:
    """How much of `total`, which is above 0, is done: 100 only where all is."""
    return max(0, min(100, 100 * done // total))


def bar(done: int, total: int, *, cells: int, unicode: bool) -> str:
    """A bar of `cells` columns between two marks.

    >>> bar(43, 100, cells=8, unicode=True)
    '▕███▍    ▏'
    >>> bar(43, 100, cells=8, unicode=False)
    '[###.....]'
    """
    steps = 8 if unicode else 1
    filled = max(0, min(cells * steps, cells * steps * done // total))
    if not unicode:
        return f"[{'#' * filled:.<{cells}}]"
    full, rest = divmod(filled, steps)
    text = _EIGHTHS[-1] * full + (_EIGHTHS[rest] if rest else "")
    return f"▕{text:<{cells}}▏"
