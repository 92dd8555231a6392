"""The name that a mistyped one is nearest to.

Owns: that guess. Must not know: what the names are of. Unlike the hint behind an error of the server's
it is made while one types, and must be quick.
"""

from __future__ import annotations

from .ranking import fold

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST = 40


def nearest(word: str, names: Iterable[str]) -> str:
    """The name with the fewest slips of the pen between it and a word, or nothing.

    >>> nearest("block-streem", ["block-stream", "blockdev-add"]), nearest("x", ["device"])
    ('block-stream', '')
    """
    typed = fold(word)
    if len(typed) > _LONGEST:
        return ""
    most = 1 + len(typed) // 5 if len(typed) > 2 else 0
    best = ""
    for name in names:
        other = fold(name)
        if other == typed:
            return name
        if abs(len(other) - len(typed)) > most:
            continue
        distance = _distance(typed, other, most)
        if distance <= most:
            best, most = name, distance - 1
    return best


def _distance(one: str, other: str, most: int) -> int:
    """How many letters are added, left out, changed or swapped with the next; more than `most` is only
    said to be more."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, char in enumerate(one, 1):
        oldest, before, row = before, row, [i]
        for j, there in enumerate(other, 1):
            cost = min(before[j] + 1, row[-1] + 1, before[j - 1] + (char != there))
            if i > 1 and j > 1 and char == other[j - 2] and one[i - 2] == there:
                cost = min(cost, oldest[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return row[-1]
