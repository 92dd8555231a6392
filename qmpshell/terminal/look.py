"""The look that the settings ask for, as they stand.

Owns: that another style, or no colours, can be chosen while the shell runs. Must not know: what is
shown.
"""

from __future__ import annotations

from collections.abc import Mapping

from prompt_toolkit.output.color_depth import ColorDepth
from prompt_toolkit.styles import BaseStyle, DynamicStyle

from ..settings import Settings
from .depth import color_depth
from .styles import make_style, page_paint_table, paint_table


class Look:
    """`style` may be handed out once and for all; the others are asked for each time."""

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        self._settings = settings
        self._environment = environment
        self._name = settings.style
        self._style = make_style(settings.style)
        self.style: BaseStyle = DynamicStyle(self._chosen)

    @property
    def depth(self) -> ColorDepth:
        return color_depth(self._settings.color, self._environment)

    @property
    def paint(self) -> dict[str, tuple[str, str]]:
        """What is written before and behind each style of JSON outside of prompt_toolkit."""
        return paint_table(self._chosen(), self.depth)

    @property
    def page_paint(self) -> dict[str, tuple[str, str]]:
        """The same for each style of a page."""
        return page_paint_table(self._chosen(), self.depth)

    def _chosen(self) -> BaseStyle:
        if self._settings.style != self._name:
            self._name = self._settings.style
            self._style = make_style(self._name)
        return self._style
