"""How many colours there are.

Owns: what the settings, the environment and the terminal say about that. Must not know: what is
coloured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prompt_toolkit.output.color_depth import ColorDepth

# Terminals with no more than the sixteen colours of a palette.
_SIXTEEN = ("linux", "eterm-color")


def terminal_colours(term: str) -> int | None:
    """How many colours the system's own description of a terminal has; None where it has none.

    The first answer in a process is that of all later ones.
    """
    try:
        import curses
    except ImportError:  # some builds of Python have none
        return None
    try:
        curses.setupterm(term, 1)
    except curses.error:
        return None
    return curses.tigetnum("colors")


def color_depth(
    color: str,
    environment: Mapping[str, str],
    *,
    colours: Callable[[str], int | None] = terminal_colours,
) -> ColorDepth:
    """How many colours are used, for the setting `color`: auto, always or never.

    NO_COLOR (if it is not empty) and a terminal without colours are obeyed unless they are asked for
    always. Bold and italic are no colours.
    """
    term = environment.get("TERM", "")
    if color == "never" or (color == "auto" and environment.get("NO_COLOR")):
        return ColorDepth.DEPTH_1_BIT
    named = environment.get("PROMPT_TOOLKIT_COLOR_DEPTH", "")
    if named in [depth.value for depth in ColorDepth]:
        return ColorDepth(named)
    if environment.get("COLORTERM") in ("truecolor", "24bit") or term.endswith("-direct"):
        return ColorDepth.DEPTH_24_BIT
    if "color" not in term:
        number = colours(term)
        if number is not None and number < 8 and color == "auto":
            return ColorDepth.DEPTH_1_BIT
    return ColorDepth.DEPTH_4_BIT if term in _SIXTEEN else ColorDepth.DEPTH_8_BIT
