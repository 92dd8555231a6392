"""Candidates, and their order by how well they match the typed text."""

from __future__ import annotations

from ..language import folded_name, shortened
from ..qmp import WARNED_FEATURES
from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class Candidate(Record):
    """A completion.

    `text` replaces the text between `start` and the cursor and `suffix_length` characters after it; it
    ends with a blank if something must follow. `start` is an offset from the cursor, at most 0.
    `meta` describes it on one line. The texts come from the server and are not escaped.

    For ranking, `name` is compared with the typed text. Of equal matches, the smaller `order` comes
    first, and after all others those that are `is_last`.
    """

    text: str
    start: int
    meta: str = ""
    suffix_length: int = 0
    name: str = ""
    order: int = 0
    is_last: bool = False

    @property
    def label(self) -> str:
        """The text in the menu."""
        return self.text.rstrip(" ")


# Kinds of matches, the best first.
PREFIX, WORDS, INSIDE, SCATTERED = range(4)

# Names with more words are compared by letters only, which is fast enough to type.
_MAX_WORDS = 32
_BREAKS = frozenset("-_./: ")
# A single letter occurs in nearly every name.
_FEWEST = 2
_FEWEST_SCATTERED = 3


def rank(typed: str, name: str) -> tuple[int, int, int, int] | None:
    """Return how well a name matches, both folded, or None.

    The items are the kind of match, the number of pieces, the number of skipped words, and the length.

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


def _is_scattered(typed: str, name: str) -> bool:
    """Return True if the name contains all letters in this order."""
    position = 0
    for char in typed:
        position = name.find(char, position) + 1
        if not position:
            return False
    return True


def _runs(typed: str, name: str) -> int:
    """Return how many pieces of the name the letters form, each as early as possible."""
    count = position = 0
    for char in typed:
        place = name.find(char, position)
        count += place > position or not count
        position = place + 1
    return count


def _in_words(typed: str, name: str) -> tuple[int, int] | None:
    """Return the least number of word prefixes of the name that form the text, and the words skipped.

    Each letter continues a word or starts a later one. None if that is impossible.
    """
    heads = [place for place in range(len(name)) if not place or name[place - 1] in _BREAKS]
    if len(heads) > _MAX_WORDS:
        return None
    numbers = {place: number for number, place in enumerate(heads)}
    # Where the letters so far may end, with the number of pieces, the skipped words, and the number
    # of the word that they end in.
    ends = {0: (0, 0, -1)}
    for index, char in enumerate(typed):
        found: dict[int, tuple[int, int, int]] = {}
        for end, (count, skipped, word) in ends.items():
            if index and name[end : end + 1] == char:
                continued = (count, skipped, numbers.get(end, word))
                found[end + 1] = min(continued, found.get(end + 1, continued))
            for place in heads:
                if place >= end and name[place] == char:
                    new_word = (count + 1, skipped + numbers[place] - word - 1, numbers[place])
                    found[place + 1] = min(new_word, found.get(place + 1, new_word))
        ends = found
        if not ends:
            return None
    return min((count, skipped + len(heads) - 1 - word) for count, skipped, word in ends.values())


DIRECTORY = "directory"
REGULAR_FILE = "file"
SOCKET = "socket"
OTHER = "device or pipe"

_EXPERIMENTAL = "x-"
# After this many letters, the user does not mean a name that contains them scattered.
_ENOUGH = 4


def candidate_for(
    name: str, text: str = "", meta: str = "", *, order: int = 0, features: Iterable[str] = ()
) -> Candidate:
    """Return the candidate for a name, which is inserted as it is if `text` is empty."""
    is_last = name.startswith(_EXPERIMENTAL) or any(
        feature in WARNED_FEATURES for feature in features
    )
    return Candidate(text or name, 0, meta, name=name, order=order, is_last=is_last)


def describe_match(*words: str, features: Iterable[str] = ()) -> str:
    """Return the description for the menu: non-empty words, and warnings."""
    warnings = ", ".join(feature for feature in features if feature in WARNED_FEATURES)
    text = ", ".join(filter(None, words))
    return f"{text} ({warnings})" if text and warnings else text or warnings


def with_description(meta: str, description: str) -> str:
    """Return the description for the menu with the first sentence of the manual after it.

    The menu cuts its end if there is no room.
    """
    return " - ".join(filter(None, (meta, shortened(description))))


def is_match(typed: str, name: str) -> bool:
    """Return True if a name matches the typed text."""
    return rank(folded_name(typed), folded_name(name)) is not None


def rank_candidates(candidates: Iterable[Candidate], typed: str, start: int) -> list[Candidate]:
    """Return the candidates that match the typed text, which is at `start`, the best first."""
    folded = folded_name(typed)
    found: list[tuple[tuple[int, ...], Candidate]] = []
    for number, candidate in enumerate(candidates):
        place = rank(folded, folded_name(candidate.name))
        if place is not None:
            *fit, length = place
            other_case = not candidate.name.startswith(typed)
            found.append(
                ((*fit, other_case, candidate.is_last, candidate.order, length, number), candidate)
            )
    found.sort(key=lambda item: item[0])
    if found and found[0][0][0] == PREFIX and len(folded) >= _ENOUGH:
        found = [item for item in found if item[0][0] <= WORDS]
    by_text: dict[str, Candidate] = {}
    for _, candidate in found:
        candidate.start = start
        by_text.setdefault(candidate.text, candidate)
    return list(by_text.values())
