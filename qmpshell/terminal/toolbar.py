"""The line at the bottom of the terminal: what stands in it where there is little room.

Owns: which parts are shown, and in which of their forms. Must not know: what the parts say.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from prompt_toolkit.utils import get_cwidth

from . import styles

Fragments = list[tuple[str, str]]

_BAR = f"class:{styles.TOOLBAR}"
_BETWEEN = 2  # columns
_MOST_ROWS = 4


class Part:
    """`forms` are its fragments from the longest to the shortest; `rank` 0 is the most important."""

    __slots__ = ("forms", "rank")

    def __init__(self, forms: Sequence[Fragments], *, rank: int) -> None:
        self.forms = forms
        self.rank = rank


def lay_out(lead: str, parts: Sequence[Part], columns: int) -> list[Fragments]:
    """The rows of the toolbar, each as wide as the terminal; none where there is nothing to say.

    `lead` goes first and stays whole, over several rows if need be; then no part is shown. The parts
    keep their order; the important ones are shown first, and made longer first.
    """
    if columns < 2 or not (lead or parts):
        return []
    rows = _wrap(lead, columns - 2) if lead else [""]
    if len(rows) > 1:
        return [_filled([(_BAR, row)], columns) for row in rows]
    fragments: Fragments = [(_BAR, rows[0])] if lead else []
    for form in _chosen(parts, columns - 2 - get_cwidth(rows[0]), begun=bool(lead)):
        if fragments:
            fragments.append((_BAR, " " * _BETWEEN))
        fragments += form
    return [_filled(fragments, columns)]


def _chosen(parts: Sequence[Part], room: int, *, begun: bool) -> list[Fragments]:
    chosen: dict[int, Fragments] = {}
    by_rank = sorted(range(len(parts)), key=lambda at: parts[at].rank)
    for at in by_rank:
        shortest = parts[at].forms[-1]
        taken = _width(shortest) + (_BETWEEN if begun or chosen else 0)
        if taken <= room:
            chosen[at] = shortest
            room -= taken
    for at in by_rank:
        for form in parts[at].forms:
            more = _width(form) - _width(chosen[at]) if at in chosen else room + 1
            if more <= room:
                chosen[at] = form
                room -= more
                break
    return [chosen[at] for at in sorted(chosen)]


def _filled(fragments: Fragments, columns: int) -> Fragments:
    """A row of the bar, a blank before and the rest of it blank too."""
    return [
        (_BAR, " "),
        *fragments,
        (_BAR, " " * max(0, columns - 1 - _width(fragments))),
    ]


def _wrap(text: str, columns: int) -> list[str]:
    """`text` in rows, which are as wide as `columns` at most."""
    if get_cwidth(text) <= columns:
        return [text]
    rows: list[str] = []
    # textwrap counts characters; wide ones are broken where they come to stand.
    for row in textwrap.wrap(text, max(columns, 1)):
        while get_cwidth(row) > columns:
            head = clip(row, columns, mark="")
            if not head:
                break
            rows.append(head)
            row = row[len(head) :]
        rows.append(clip(row, columns, mark=""))
    if len(rows) > _MOST_ROWS:
        rows = [*rows[: _MOST_ROWS - 1], clip(f"{rows[_MOST_ROWS - 1]}…", columns)]
    return rows


def clip(text: str, columns: int, *, mark: str = "…") -> str:
    """The head of `text`, which takes no more than `columns`; `mark` says that something is missing."""
    if get_cwidth(text) <= columns:
        return text
    room = columns - get_cwidth(mark)
    for at, char in enumerate(text):
        room -= get_cwidth(char)
        if room < 0:
            return text[:at] + mark if columns >= get_cwidth(mark) else ""
    return text


def clip_left(text: str, columns: int) -> str:
    """The tail of `text`, where the name of a file stands.

    >>> clip_left("/run/user/1000/vm.sock", 12)
    '…000/vm.sock'
    """
    return clip(text[::-1], columns)[::-1]


def _width(fragments: Fragments) -> int:
    return sum(get_cwidth(text) for _, text in fragments)
