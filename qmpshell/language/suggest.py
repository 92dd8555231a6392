"""What may have been meant, after the server has refused.

Owns: guessing from an error. Must not know: sessions. A name is always sent as it was typed; the guess
comes after.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


_WRONG_TYPE = re.compile(r"Invalid parameter type for '([^']*)', expected: string")
# A job has its device's name where it has no other, which a node is not (QEMU's blockjob.c).
_NO_JOB_ID = "Invalid job ID ''"


def hint_for(text: str, names: Sequence[str] | None) -> str:
    """With `names`: the one that `text` may have been meant to be, as a question. Without: what cures
    the error that `text` describes. Empty where there is nothing to say."""
    if names is None:
        if text.startswith(_NO_JOB_ID):
            return "a job on a node needs a name of its own: job-id=NAME"
        match = _WRONG_TYPE.search(text)
        return f"to have it as text, put the value of {match[1]} in quotes" if match else ""
    from difflib import get_close_matches  # slow to import, and seldom needed

    same = [name for name in names if _plain(name) == _plain(text)]
    close = same or get_close_matches(text, names, n=1, cutoff=0.75)
    return f"did you mean {close[0]}?" if close else ""


def _plain(name: str) -> str:
    return name.strip("/").replace("_", "-").lower()


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


_SAME = str.maketrans("_", "-")


def fold(text: str) -> str:
    """What is compared of a text."""
    return text.lower().translate(_SAME)
