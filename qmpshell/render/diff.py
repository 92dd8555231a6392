"""Differences between two JSON values or two texts.

It is not recursive and computes only what is consumed, so that the head of a huge value is cheap.
"""

from __future__ import annotations

import re

from .json import JSON_NUMBER, JSON_STRING, JSON_WORD

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from .json import Piece


_SCALARS = (JSON_STRING, JSON_NUMBER, JSON_WORD)
_MISSING = object()


def mark_changes(
    pieces: Iterable[Piece], before: object, after: object
) -> Iterator[tuple[str, str, bool]]:
    """Yield the pieces of `style_json(after)`, each with whether it belongs to a changed scalar."""
    changes = changed_scalars(before, after)
    in_scalar = changed = False
    for style, text in pieces:
        if style in _SCALARS:
            if not in_scalar:
                changed = next(changes, False)
            in_scalar = True
        else:
            in_scalar = changed = False
        yield style, text, changed


def changed_scalars(before: object, after: object) -> Iterator[bool]:
    """Yield for each scalar of `after`, in output order, whether it differs from that in `before`."""
    todo: list[Iterator[tuple[Any, Any]]] = [iter([(before, after)])]
    while todo:
        for old, new in todo[-1]:
            if isinstance(new, dict):
                known = old if isinstance(old, dict) else {}
                todo.append(_members(known, new))
                break
            if isinstance(new, list):
                todo.append(_elements(old if isinstance(old, list) else [], new))
                break
            # The types count too: true is not 1.
            yield type(old) is not type(new) or old != new
        else:
            todo.pop()


def _members(old: dict[str, Any], new: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    return ((old.get(name, _MISSING), value) for name, value in new.items())


def _elements(old: list[Any], new: list[Any]) -> Iterator[tuple[Any, Any]]:
    return ((old[at] if at < len(old) else _MISSING, value) for at, value in enumerate(new))


def mark_words(before: str, after: str) -> Iterator[tuple[str, bool]]:
    """Yield the lines of `after`, with line ends, in parts, each with whether it has changed.

    A part is a word or the blanks between two. A line is compared with that in the same place of
    `before`, unless only another one has the same first word.
    """
    old_lines = [_words(line) for line in before.splitlines()]
    by_name = {_first(words): words for words in reversed(old_lines)}
    for number, line in enumerate(after.splitlines(keepends=True)):
        new = _words(line.rstrip("\n"))
        old = old_lines[number] if number < len(old_lines) else []
        if _first(old) != _first(new):
            old = by_name.get(_first(new), old)
        changed = _changed(old, new)
        for at, word in enumerate(new):
            yield word, at in changed
        if line.endswith("\n"):
            yield "\n", False


def _first(words: list[str]) -> str:
    return next((word for word in words if not word.isspace()), "")


def _changed(old: list[str], new: list[str]) -> set[int]:
    """Return the positions of the words that have changed."""
    places = [at for at, word in enumerate(new) if not word.isspace()]
    words = [new[at] for at in places]
    known = [word for word in old if not word.isspace()]
    if len(known) == len(words):
        pairs = zip(places, known, words, strict=True)
        return {at for at, before, after in pairs if before != after}
    from difflib import SequenceMatcher  # slow to import, and rarely needed

    matches = SequenceMatcher(None, known, words, autojunk=False).get_matching_blocks()
    same = {at for match in matches for at in range(match.b, match.b + match.size)}
    return {place for at, place in enumerate(places) if at not in same}


def overlay_changes(
    pieces: Iterable[Piece], parts: Iterable[tuple[str, bool]]
) -> Iterator[tuple[str, str, bool]]:
    """Yield the pieces of a text, split where `parts` of the same text change their mark."""
    marks = iter(parts)
    rest, changed = 0, False
    for style, text in pieces:
        at = 0
        while at < len(text):
            while not rest:
                part, changed = next(marks, (text[at:], False))
                rest = len(part)
            end = min(at + rest, len(text))
            yield style, text[at:end], changed
            rest -= end - at
            at = end


def _words(line: str) -> list[str]:
    """Split a line into words and the blanks between them, alternating.

    >>> _words("  a bc")
    ['  ', 'a', ' ', 'bc']
    """
    return re.findall(r"\s+|\S+", line)
