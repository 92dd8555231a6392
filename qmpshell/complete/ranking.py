"""Which names what is typed may mean, and which of them are likelier.

Owns: that order. Must not know: what the names are of. Case makes no difference, nor does `_` for `-`.
"""

from __future__ import annotations

# The likelier the smaller.
PREFIX, WORDS, INSIDE, SCATTERED = range(4)

_BREAKS = frozenset("-_./: ")
_SAME = str.maketrans("_", "-")
# A single letter stands somewhere in nearly every name.
_FEWEST = 2
_FEWEST_SCATTERED = 3


def fold(text: str) -> str:
    """What is compared of a text."""
    return text.lower().translate(_SAME)


def rank(typed: str, name: str) -> tuple[int, int] | None:
    """How well a name fits, both folded: PREFIX and so on, and among its like in how many pieces; None
    where it does not.

    >>> [rank("blst", name) for name in ("block-stream", "blst", "a-blst", "block-set-to", "quit")]
    [(1, 2), (0, 0), (1, 1), (1, 3), None]
    >>> rank("tus", "query-status"), rank("qst", "query-status"), rank("qss", "query-status")
    ((2, 0), (1, 2), (3, 0))
    """
    if name.startswith(typed):
        return PREFIX, 0
    if len(typed) < _FEWEST or not _is_scattered(typed, name):
        return None
    count = _pieces(typed, name)
    if count:
        return WORDS, count
    if typed in name:
        return INSIDE, 0
    return (SCATTERED, 0) if len(typed) >= _FEWEST_SCATTERED else None


def _is_scattered(typed: str, name: str) -> bool:
    """Whether all letters stand in the name, in this order."""
    position = 0
    for char in typed:
        position = name.find(char, position) + 1
        if not position:
            return False
    return True


def _pieces(typed: str, name: str) -> int:
    """In how many beginnings of words of the name the letters stand, in their order, at the fewest; 0
    where they do not: each letter goes on with a word, or begins a later one."""
    heads = [place for place in range(len(name)) if not place or name[place - 1] in _BREAKS]
    # Where the letters so far may end, and in how many pieces they stand then.
    ends = {0: 0}
    for index, char in enumerate(typed):
        found: dict[int, int] = {}
        for end, count in ends.items():
            if index and name[end : end + 1] == char:
                found[end + 1] = min(count, found.get(end + 1, count))
            for place in heads:
                if place >= end and name[place] == char:
                    found[place + 1] = min(count + 1, found.get(place + 1, count + 1))
        ends = found
        if not ends:
            return 0
    return min(ends.values())
