"""QEMU's option strings, such as `driver=qcow2,file.filename=a,,b.img`.

There are two syntaxes: that of -blockdev, -object and -netdev (QEMU: util/keyval.c), and that of
-device (QemuOpts, util/qemu-option.c). Functions raise LineError with offsets into the option
string. QEMU uses the last of two equal keys; here a repeated key is an error, as on a line.
"""

from __future__ import annotations

import re

from ..errors import LineError
from ..qmp import COMMANDS, DEVICE_ADD
from ..record import Record
from .syntax import BOTH_KINDS, REPEATED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


_KEY = re.compile(r"[^=,]*")
_VALUE = re.compile(r"(?:[^,]|,,)*+")
# A QAPI name (parse_qapi_name in QEMU's util/qapi-util.c). The dots of a downstream prefix belong
# to it.
_NAME = re.compile(r"(?:__[A-Za-z0-9.-]*_)?[A-Za-z][A-Za-z0-9_-]*")
_INDEX = re.compile(r"[0-9]+")
_MAX_KEY_PART = 127  # maximum length of a part of a key in QEMU, in characters
_MAX_SHOWN = 40  # how much of a long word messages repeat, in characters

# Option or command: the command, and the key of a first word without a name.
_COMMANDS = {
    word: (name, facts.main_argument)
    for name, facts in COMMANDS.items()
    if facts.option
    for word in dict.fromkeys((facts.option, name))
}
OPTION_NAMES = tuple(_COMMANDS)
# The command with QEMU's older syntax, in which a dot is part of a name.
OLD_SYNTAX = DEVICE_ADD

_COMMA = "write ,, for a comma within a value"


def option_command(word: str) -> tuple[str, str | None]:
    """Return the command that an option or command name stands for, and its implied key.

    >>> option_command("-device"), option_command("query-status")
    (('device_add', 'driver'), ('query-status', None))
    """
    return _COMMANDS.get(word.lstrip("-"), (word, None))


def pieces(text: str) -> Iterator[tuple[int, int, int]]:
    """Yield the start and end of each piece's key, and the end of the piece.

    Never fails: an incomplete piece is a piece too, possibly empty. Without `=`, it is all key.
    """
    position = 0
    while True:
        key_end = _match(_KEY, text, position)
        end = key_end
        if text[key_end : key_end + 1] == "=":
            end = _match(_VALUE, text, key_end + 1)
        yield position, key_end, end
        if end >= len(text):
            return
        position = end + 1


def parse_keyval(text: str, *, implied_key: str | None) -> list[tuple[list[str], str]]:
    """Return the keys, each as its parts, and their values, in the order of the text.

    `implied_key` is the key of a first word without `=`. List indexes lose leading zeros.

    >>> parse_keyval("qcow2,file.filename=a,,b", implied_key="driver")
    [(['driver'], 'qcow2'), (['file', 'filename'], 'a,b')]
    """
    pairs: list[tuple[list[str], str]] = []
    shape = _Shape(text)
    for start, end, value in _split(text, implied_key=implied_key):
        if implied_key is not None and start == end:
            path = [_Part(implied_key, start, end)]
        else:
            path = _read_key(text, start, end)
        if value is None:
            raise LineError(
                f"= must follow {_short(text[start:end])}",
                start=start,
                end=end,
                hint=f"{text[start:end][:_MAX_SHOWN]}=on, if that is meant; {_COMMA}",
            )
        shape.add(path)
        pairs.append(([part.name for part in path], value))
    shape.check_indices()
    return pairs


def parse_device_options(text: str, *, implied_key: str | None) -> list[tuple[list[str], str]]:
    """Parse the syntax of -device: a key has one part, and a key without a value means `on`.

    >>> parse_device_options("max-x86_64-cpu,sse4.1=off,hotplugged", implied_key="driver")
    [(['driver'], 'max-x86_64-cpu'), (['sse4.1'], 'off'), (['hotplugged'], 'on')]
    """
    pairs: list[tuple[list[str], str]] = []
    shape = _Shape(text)
    for start, end, value in _split(text, implied_key=implied_key):
        name = text[start:end] if start < end or implied_key is None else implied_key
        shape.add([_Part(name, start, end)])
        pairs.append(([name], "on" if value is None else value))
    return pairs


def _split(text: str, *, implied_key: str | None) -> Iterator[tuple[int, int, str | None]]:
    """Yield the start and end of each key and its value, None without `=`. An implied key is empty."""
    position = 0
    while position < len(text):
        start = position
        end = _match(_KEY, text, start)
        implied = implied_key is not None and start == 0 and text[end : end + 1] != "="
        if start == end:
            hint = f"{_COMMA}; commas separate KEY=VALUE pairs"
            if text[end] == "=":
                hint = "a key must precede =, as in KEY=VALUE"
            raise LineError("a key is missing", start=start, hint=hint)
        if implied:
            end = start
        elif text[end : end + 1] != "=":
            yield start, end, None
            position = end + 1
            continue
        value_start = start if implied else end + 1
        value_end = _match(_VALUE, text, value_start)
        yield start, end, text[value_start:value_end].replace(",,", ",")
        position = value_end + 1


def _match(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    assert match is not None
    return match.end()


class _Part(Record):
    """A part of a key and its position."""

    name: str
    start: int
    end: int
    is_index: bool = False


def _read_key(text: str, start: int, end: int) -> list[_Part]:
    path: list[_Part] = []
    position = start
    while True:
        part = _read_part(text, position, end, first=position == start)
        path.append(part)
        if part.end == end:
            return path
        position = part.end + 1


def _read_part(text: str, start: int, end: int, *, first: bool) -> _Part:
    index = None if first else _INDEX.match(text, start, end)
    match = index or _NAME.match(text, start, end)
    stop = match.end() if match else start
    if match is None or (stop < end and text[stop] != "."):
        raise _no_part(text, start, stop, end)
    if stop - start > _MAX_KEY_PART:
        raise LineError(
            f"a part of the key is longer than {_MAX_KEY_PART} characters", start=start, end=stop
        )
    if index:
        return _Part(str(int(index[0])), start, stop, is_index=True)
    return _Part(text[start:stop], start, stop)


def _no_part(text: str, start: int, stop: int, end: int) -> LineError:
    """Return the error for a part that ends at `stop`, where the mistake is."""
    if start == end or text[start] == ".":
        return LineError(
            "a part of the key is empty",
            start=min(start, end - 1),
            hint="single dots separate the parts of a key",
        )
    if text[start] in "0123456789" and stop == start:
        return LineError(
            "a key cannot start with a list index",
            start=start,
            end=end,
            hint="the name of the list comes first, as in NAME.0=VALUE",
        )
    hint = "a key consists of letters, digits, - and _, and starts with a letter"
    if text[start:end].strip() != text[start:end]:
        hint = "a key has no blanks around it"
    elif start > 0:
        hint += f"; {_COMMA}"
    return LineError(f"{_short(text[start:end])} is not a key", start=stop, hint=hint)


class _Shape:
    """The objects and lists that keys describe. It detects keys that contradict each other."""

    __slots__ = ("_root", "_text")

    def __init__(self, text: str) -> None:
        self._root = _Node(None)
        self._text = text

    def add(self, path: list[_Part]) -> None:
        node = self._root
        for part in path[:-1]:
            node = self._child(node, part, path[0].start, leaf=False)
        self._child(node, path[-1], path[0].start, leaf=True)

    def _child(self, node: _Node, part: _Part, key_start: int, *, leaf: bool) -> _Node:
        known = node.children.get(part.name)
        if known is None:
            sibling = next(iter(node.children.values()), None)
            if sibling and sibling.part and sibling.part.is_index != part.is_index:
                raise LineError(
                    "a list index and a member name contradict each other",
                    start=part.start,
                    end=part.end,
                )
            known = node.children[part.name] = _Node(part)
        elif leaf or not known.children:
            key = self._text[key_start : part.end]
            twice = leaf and not known.children
            raise LineError(
                f"{_short(key)} {REPEATED if twice else BOTH_KINDS}",
                start=key_start,
                end=part.end,
                hint=_twice(known.part) if twice else "",
            )
        return known

    def check_indices(self) -> None:
        """Raise LineError if the indexes of a list have a gap, which only shows at the end of the text."""
        todo = [self._root]
        while todo:
            children = list(todo.pop().children.values())
            todo += children
            parts = [child.part for child in children if child.part and child.part.is_index]
            parts.sort(key=lambda part: int(part.name))
            for number, part in enumerate(parts):
                if int(part.name) != number:
                    raise LineError(
                        f"the list has no index {number}",
                        start=part.start,
                        end=part.end,
                        hint="list the indexes must be 0, 1, 2… without a gap",
                    )


class _Node:
    """What a part of a key names. `part` is its first occurrence."""

    __slots__ = ("children", "part")

    def __init__(self, part: _Part | None) -> None:
        self.part = part
        self.children: dict[str, _Node] = {}


def _twice(first: _Part | None) -> str:
    if first is not None and first.start == first.end:
        return "the first word, without =, is already its value"
    return ""


def _short(word: str) -> str:
    return repr(word[:_MAX_SHOWN])
