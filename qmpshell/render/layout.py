"""A JSON value as styled pieces of text, laid out to a width.

Owns: what stands on a line and what is broken. Must not know: colours (the styles are names), or
terminals. It does not recurse: servers nest as deep as they like.
"""

from __future__ import annotations

from ..protocol.json_text import encode_scalar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

PUNCTUATION = "punctuation"
NAME = "name"
STRING = "string"
NUMBER = "number"
WORD = "word"

Piece = tuple[str, str]

_INDENT = 2


def layout(
    value: Any, *, width: int, string: Callable[[str], str] = encode_scalar, indent: int = 0
) -> Iterator[Piece]:
    """`(style, text)` pieces of `value`, whose first line begins at column `indent`.

    An object or array that fits on its line stays on it; with `width` 0 each one that has members is
    broken. `string` writes a string as JSON.
    """
    # What is still to be written: (value, depth, columns taken on the line before it and after it).
    todo: list[tuple[str, Any, int, int]] = [("value", value, indent, 0)]
    while todo:
        kind, item, depth, taken = todo.pop()
        if kind != "value":
            yield (kind, item)
        elif not isinstance(item, (dict, list)):
            yield _scalar(item, string)
        elif not item:
            yield (PUNCTUATION, "{}" if isinstance(item, dict) else "[]")
        else:
            room = width - depth - taken
            fitting = _on_one_line(item, room, string) if width else None
            if fitting is not None:
                yield from fitting
            else:
                todo.extend(reversed(list(_broken(item, depth, string))))


def _broken(
    item: dict[str, Any] | list[Any], depth: int, string: Callable[[str], str]
) -> Iterator[tuple[str, Any, int, int]]:
    opening, closing = "{}" if isinstance(item, dict) else "[]"
    yield (PUNCTUATION, opening, 0, 0)
    inner = depth + _INDENT
    members = item.items() if isinstance(item, dict) else ((None, member) for member in item)
    for index, (name, member) in enumerate(members):
        yield (PUNCTUATION, ("," if index else "") + "\n" + " " * inner, 0, 0)
        taken = 1  # the comma that may follow
        if name is not None:
            key = string(str(name))
            yield (NAME, key, 0, 0)
            yield (PUNCTUATION, ": ", 0, 0)
            taken += len(key) + 2
        yield ("value", member, inner, taken)
    yield (PUNCTUATION, "\n" + " " * depth + closing, 0, 0)


def _on_one_line(
    value: dict[str, Any] | list[Any], room: int, string: Callable[[str], str]
) -> list[Piece] | None:
    """The pieces of `value` on one line, or None where they take more than `room` columns."""
    pieces: list[Piece] = []
    todo: list[tuple[str, Any]] = [("value", value)]
    while todo:
        kind, item = todo.pop()
        if kind != "value":
            piece = (kind, item)
        elif isinstance(item, dict) and item:
            # Beyond what fits nothing need be looked at.
            if 6 * len(item) > room:
                return None
            todo.append((PUNCTUATION, "}"))
            for index, (name, member) in reversed(list(enumerate(item.items()))):
                todo += [("value", member), (PUNCTUATION, ": "), (NAME, string(str(name)))]
                if index:
                    todo.append((PUNCTUATION, ", "))
            piece = (PUNCTUATION, "{")
        elif isinstance(item, list) and item:
            if 3 * len(item) > room:
                return None
            todo.append((PUNCTUATION, "]"))
            for index, member in reversed(list(enumerate(item))):
                todo.append(("value", member))
                if index:
                    todo.append((PUNCTUATION, ", "))
            piece = (PUNCTUATION, "[")
        elif isinstance(item, (dict, list)):
            piece = (PUNCTUATION, "{}" if isinstance(item, dict) else "[]")
        else:
            piece = _scalar(item, string)
        room -= len(piece[1])
        if room < 0:
            return None
        pieces.append(piece)
    return pieces


def _scalar(value: object, string: Callable[[str], str]) -> Piece:
    if isinstance(value, str):
        return (STRING, string(value))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return (NUMBER, encode_scalar(value))
    return (WORD, encode_scalar(value))
