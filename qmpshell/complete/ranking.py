"""Which names what is typed may mean, and which of them are likelier.

Owns: that order. Must not know: what the names are of. Case makes no difference, nor does `_` for `-`.
"""

from __future__ import annotations

import re

# The likelier the smaller.
PREFIX, WORDS, INSIDE, SCATTERED = range(4)

# Names of more words are compared letter by letter only: it would be felt.
_MOST_WORDS = 32
_BREAKS = frozenset("-_./: ")
_SAME = str.maketrans("_", "-")
# A single letter stands somewhere in nearly every name.
_FEWEST = 2
_FEWEST_SCATTERED = 3


def fold(text: str) -> str:
    """What is compared of a text."""
    return text.lower().translate(_SAME)


def rank(typed: str, name: str) -> tuple[int, int, int, int] | None:
    """How well a name fits, both folded; None where it does not. PREFIX and so on, and among its like
    in how many pieces, how many words of the name are skipped, and at the end how long it is.

    >>> [rank("blst", name) for name in ("block-stream", "blst", "a-blst", "block-set-to", "quit")]
    [(1, 2, 0, 12), (0, 0, 0, 0), (1, 1, 1, 6), (1, 3, 0, 12), None]
    >>> rank("tus", "query-status"), rank("qst", "query-status"), rank("qss", "query-status")
    ((2, 1, 0, 12), (1, 2, 0, 12), (3, 3, 0, 12))
    """
    if name.startswith(typed):
        return PREFIX, 0, 0, 0
    if len(typed) < _FEWEST or not _is_scattered(typed, name):
        return None
    found = _in_words(typed, name)
    if found is not None:
        return WORDS, *found, len(name)
    if typed in name:
        return INSIDE, 1, 0, len(name)
    return (
        (SCATTERED, _runs(typed, name), 0, len(name)) if len(typed) >= _FEWEST_SCATTERED else None
    )


def natural(name: str) -> list[tuple[bool, int, str]]:
    """What names are sorted by so that `ide.2` comes before `ide.10`."""
    parts = re.split("([0-9]{1,9})", name)
    return [
        (number % 2 == 1, int(part) if number % 2 else 0, part) for number, part in enumerate(parts)
    ]


def _is_scattered(typed: str, name: str) -> bool:
    """Whether all letters stand in the name, in this order."""
    position = 0
    for char in typed:
        position = name.find(char, position) + 1
        if not position:
            return False
    return True


def _runs(typed: str, name: str) -> int:
    """In how many pieces the letters stand in the name, each as early as it can be."""
    count = position = 0
    for char in typed:
        place = name.find(char, position)
        count += place > position or not count
        position = place + 1
    return count


def _in_words(typed: str, name: str) -> tuple[int, int] | None:
    """In how many beginnings of words of the name the letters stand, in their order, at the fewest, and
    how many words they skip; None where they do not: each letter goes on with a word, or begins a later
    one."""
    heads = [place for place in range(len(name)) if not place or name[place - 1] in _BREAKS]
    if len(heads) > _MOST_WORDS:
        return None
    numbers = {place: number for number, place in enumerate(heads)}
    # Where the letters so far may end; in how many pieces they stand then, which words they skip, and
    # the number of the word that they end in.
    ends = {0: (0, 0, -1)}
    for index, char in enumerate(typed):
        found: dict[int, tuple[int, int, int]] = {}
        for end, (count, skipped, word) in ends.items():
            if index and name[end : end + 1] == char:
                going_on = (count, skipped, numbers.get(end, word))
                found[end + 1] = min(going_on, found.get(end + 1, going_on))
            for place in heads:
                if place >= end and name[place] == char:
                    begun = (count + 1, skipped + numbers[place] - word - 1, numbers[place])
                    found[place + 1] = min(begun, found.get(place + 1, begun))
        ends = found
        if not ends:
            return None
    return min((count, skipped + len(heads) - 1 - word) for count, skipped, word in ends.values())
