"""Names that may be offered, and their order.

Owns: what is kept of them, and how those that fit are put in order. Must not know: where names come
from, how they are written.
"""

from __future__ import annotations

from .candidate import Candidate
from .ranking import PREFIX, WORDS, fold, rank

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

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
