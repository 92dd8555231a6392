"""One thing that may stand at the cursor.

Owns: its shape, which is the same whatever is completed. Must not know: who offers it, menus.
"""

from __future__ import annotations

import re

from ..language import fold

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class Candidate:
    """`text` replaces what stands between `start` and the cursor, and `after` characters behind it; it
    ends with a blank where something is to follow. `start` is an offset from the cursor, zero or negative;
    `meta` says what it is, on one line of any length. Texts are the server's words: who shows them
    escapes them.
    """

    __slots__ = ("after", "meta", "start", "text")

    def __init__(self, text: str, start: int, meta: str = "") -> None:
        self.after = 0
        self.text = text
        self.start = start
        self.meta = meta

    @property
    def label(self) -> str:
        """What a menu calls it."""
        return self.text.rstrip(" ")

    def __repr__(self) -> str:
        return f"Candidate({self.text!r}, {self.start}, {self.meta!r})"


# The likelier the smaller.
PREFIX, WORDS, INSIDE, SCATTERED = range(4)

# Names of more words are compared letter by letter only: it would be felt.
_MOST_WORDS = 32
_BREAKS = frozenset("-_./: ")
# A single letter stands somewhere in nearly every name.
_FEWEST = 2
_FEWEST_SCATTERED = 3


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


DIRECTORY = "folder"
REGULAR_FILE = "file"
SOCKET = "socket"
OTHER = "device or pipe"

# What people are warned of, and what is offered last.
_LAST = ("deprecated", "unstable")
_EXPERIMENTAL = "x-"
# Who has typed so much of a name does not mean one that has these letters somewhere.
_ENOUGH = 4


class Offer:
    """`name` is compared with what is typed, `text` is what is inserted at `start`, an offset in the
    line. Of those that fit as well, the smaller `order` comes first."""

    __slots__ = ("is_last", "meta", "name", "order", "start", "text")

    def __init__(
        self,
        name: str,
        text: str,
        start: int,
        meta: str = "",
        *,
        order: int = 0,
        features: Iterable[str] = (),
    ) -> None:
        self.name = name
        self.text = text
        self.start = start
        self.meta = meta
        self.order = order
        self.is_last = name.startswith(_EXPERIMENTAL) or any(one in _LAST for one in features)


def told(*words: str, features: Iterable[str] = ()) -> str:
    """What a menu says: words that are not empty, and what people are warned of."""
    return ", ".join([*filter(None, words), *(one for one in features if one in _LAST)])


def choose(offers: Iterable[Offer], typed: str, cursor: int) -> list[Candidate]:
    """Those that what is typed may mean, the likeliest first."""
    folded = fold(typed)
    found: list[tuple[tuple[int, ...], Offer]] = []
    for number, offer in enumerate(offers):
        place = rank(folded, fold(offer.name))
        if place is not None:
            *fit, length = place
            other_case = not offer.name.startswith(typed)
            found.append(((*fit, other_case, offer.is_last, offer.order, length, number), offer))
    found.sort(key=lambda one: one[0])
    if found and found[0][0][0] == PREFIX and len(folded) >= _ENOUGH:
        found = [one for one in found if one[0][0] <= WORDS]
    seen: set[str] = set()
    candidates = []
    for _, offer in found:
        if offer.text not in seen:
            seen.add(offer.text)
            candidates.append(Candidate(offer.text, offer.start - cursor, offer.meta))
    return candidates
