"""The parameters of a command of the human monitor, as its help writes them.

Owns: `[-f] device on|off [speed [base]]`: which words stand there to be typed, in which order, and
which may be left out. Must not know: commands, descriptions.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_FLAG = r"-[A-Za-z]"
# A word to be typed, or the name of what is to be typed.
_WORD = rf"{_FLAG}|[A-Za-z0-9][A-Za-z0-9_.-]*"
_OPENING, _CLOSING = "[<", "]>"
# No help nests deeper; what does is not looked into.
_DEPTH = 4


class Parameter:
    """One parameter. `choices` are the words that the help gives for it, `name` is what it calls the
    value where it gives none; `takes_value` says that a word follows it, as in `[-d display]`.
    """

    __slots__ = ("choices", "is_optional", "name", "takes_value")

    def __init__(
        self,
        name: str = "",
        *,
        choices: Sequence[str] = (),
        is_optional: bool = False,
        takes_value: bool = False,
    ) -> None:
        self.name = name
        self.choices = tuple(choices)
        self.is_optional = is_optional
        self.takes_value = takes_value

    @property
    def is_flag(self) -> bool:
        return bool(self.choices) and all(map(is_flag, self.choices))


def is_flag(word: str) -> bool:
    return re.fullmatch(_FLAG, word) is not None


def read_parameters(text: str) -> list[Parameter]:
    """The parameters in their order. Whatever the text, it gives some, if only without choices."""
    found: list[Parameter] = []
    for piece in _pieces(text):
        _read(piece, found, is_optional=False, depth=0)
    return found


def choices_after(parameters: Sequence[Parameter], words: Iterable[str]) -> list[str]:
    """The words that may follow these: the monitor takes flags in the order of the help, each at its
    place and not behind it."""
    position, expects_value = 0, False
    for word in words:
        if expects_value:
            expects_value = False
            continue
        position = _position_after(parameters, position, word)
        expects_value = position > 0 and _has_value(parameters[position - 1], word)
    found: list[str] = []
    if not expects_value:
        for parameter in parameters[position:]:
            found += parameter.choices
            if not parameter.is_optional:
                break
    return found


def _has_value(parameter: Parameter, word: str) -> bool:
    return parameter.takes_value and word in parameter.choices


def _position_after(parameters: Sequence[Parameter], position: int, word: str) -> int:
    """Where one stands in the parameters behind `word`, which came at `position`."""
    for index in range(position, len(parameters)):
        if word in parameters[index].choices:
            return index + 1
        if not parameters[index].is_optional:
            break
    for index in range(position, len(parameters)):
        if not parameters[index].is_flag:
            return index + 1
    return len(parameters)


def _read(piece: str, found: list[Parameter], *, is_optional: bool, depth: int) -> None:
    """Add the parameters of a piece without blanks but in brackets."""
    group = _group(piece)
    if not group:
        found.append(_parameter(piece, is_optional=is_optional))
    elif len(group) < len(piece):
        # [user|tap],id=str: the text behind a choice is typed right behind it.
        glued = _parameter(group[1:-1], is_optional=is_optional)
        found.append(Parameter(choices=glued.choices, is_optional=is_optional))
    else:
        inner = _pieces(group[1:-1]) if depth < _DEPTH else []
        if len(inner) == 2 and is_flag(inner[0]):
            found.append(Parameter(choices=inner[:1], is_optional=True, takes_value=True))
        elif len(inner) > 1:
            for part in inner:
                _read(part, found, is_optional=True, depth=depth + 1)
        else:
            found.append(_parameter(group[1:-1].strip(), is_optional=True))


def _parameter(text: str, *, is_optional: bool) -> Parameter:
    """One that is not in brackets, or what stood in them."""
    alternatives = text.split("|")
    if not all(re.fullmatch(_WORD, one) for one in alternatives):
        return Parameter(is_optional=is_optional)
    if len(alternatives) == 1 and not is_flag(text):
        return Parameter(text, is_optional=is_optional)
    return Parameter(choices=alternatives, is_optional=is_optional)


def _group(piece: str) -> str:
    """The bracket that a piece begins with, up to where it is closed; empty if there is none."""
    if not piece.startswith("["):
        return ""
    depth = 0
    for index, char in enumerate(piece):
        depth += (char in _OPENING) - (char in _CLOSING)
        if depth == 0:
            return piece[: index + 1]
    return ""


def _pieces(text: str) -> list[str]:
    """What blanks outside brackets separate; and `[-f][-d]` is two."""
    pieces: list[str] = []
    start = depth = 0
    for index, char in enumerate(text):
        if depth == 0 and (char.isspace() or text.startswith("[-", index)):
            pieces.append(text[start:index])
            start = index
        depth = max(0, depth + (char in _OPENING) - (char in _CLOSING))
    pieces.append(text[start:])
    return [piece.strip() for piece in pieces if piece.strip()]
