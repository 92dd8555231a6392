"""Suggestions for mistyped names, and hints for error messages of the server."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


_WRONG_TYPE = r"Invalid parameter type for '([^']*)', expected: string"
# A job's default id is its device's name, which a node does not have (QEMU: blockjob.c).
_NO_JOB_ID = "Invalid job ID ''"


def suggestion_for(text: str, names: Sequence[str] | None) -> str:
    """Return a suggestion for a mistyped name, or without `names` a hint for an error, or ""."""
    if names is None:
        if text.startswith(_NO_JOB_ID):
            return "a job on a node needs an id: add job-id=NAME"
        match = re.search(_WRONG_TYPE, text)
        return f"quote the value of {match[1]} to send it as text" if match else ""
    from difflib import get_close_matches  # slow to import, rarely needed

    same = [name for name in names if _plain(name) == _plain(text)]
    close = same or get_close_matches(text, names, n=1, cutoff=0.75)
    return f"did you mean {close[0]}?" if close else ""


def _plain(name: str) -> str:
    return name.strip("/").replace("_", "-").lower()


_MAX_WORD = 40


def nearest_name(word: str, names: Iterable[str]) -> str:
    """Return the name with the smallest edit distance from a word, or "" if none is close.

    >>> nearest_name("block-streem", ["block-stream", "blockdev-add"]), nearest_name("x", ["device"])
    ('block-stream', '')
    """
    typed = folded_name(word)
    if len(typed) > _MAX_WORD:
        return ""
    most = 1 + len(typed) // 5 if len(typed) > 2 else 0
    best = ""
    for name in names:
        other = folded_name(name)
        if other == typed:
            return name
        distance = edit_distance(typed, other, most)
        if distance <= most:
            best, most = name, distance - 1
    return best


def edit_distance(one: str, other: str, most: int) -> int:
    """Return the edit distance, counting transpositions as one edit; `most` + 1 if it is greater."""
    if abs(len(one) - len(other)) > most:
        return most + 1
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


def folded_name(text: str) -> str:
    """Return `text` in the form that names are compared in."""
    return text.lower().translate(_SAME)
