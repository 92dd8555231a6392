"""QEMU's own option strings, such as `driver=qcow2,file.filename=a,,b.img`.

Owns: their two syntaxes, that of -blockdev, -object and -netdev (QEMU's util/keyval.c), and that of
-device (QemuOpts, util/qemu-option.c); which option is which command, and its key that may stand
without its name. Must not know: schemas, what a value means.
Raises LineError, with offsets into the option string.

QEMU lets the last of two equal keys win; here a key given twice is an error, as it is on a line.
"""

from __future__ import annotations

import re

from ..errors import LineError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


_KEY = re.compile(r"[^=,]*")
_VALUE = re.compile(r"(?:[^,]|,,)*+")
# A QAPI name (parse_qapi_name in QEMU's util/qapi-util.c); the dots of a downstream prefix are its own.
_NAME = re.compile(r"(?:__[A-Za-z0-9.-]*_)?[A-Za-z][A-Za-z0-9_-]*")
_INDEX = re.compile(r"[0-9]+")
_LONGEST = 127  # characters in a part of a key, in QEMU
_SHOWN = 40  # of longer words only so much is repeated

# The option's name or the command's: the command, and the key that stands first without its name.
_COMMANDS = {
    "blockdev": ("blockdev-add", "driver"),
    "blockdev-add": ("blockdev-add", "driver"),
    "chardev-add": ("chardev-add", None),
    "device": ("device_add", "driver"),
    "device_add": ("device_add", "driver"),
    "netdev": ("netdev_add", "type"),
    "netdev_add": ("netdev_add", "type"),
    "object": ("object-add", "qom-type"),
    "object-add": ("object-add", "qom-type"),
}
OPTION_NAMES = tuple(_COMMANDS)
# Its command has QEMU's older syntax, in which a dot belongs to the name.
OLD_SYNTAX = "device_add"

_COMMA = "a comma inside a value is written ,,"


def option_command(word: str) -> tuple[str, str | None]:
    """The command that an option or a command of this name stands for, and its implied key.

    >>> option_command("-device"), option_command("query-status")
    (('device_add', 'driver'), ('query-status', None))
    """
    return _COMMANDS.get(word.lstrip("-"), (word, None))


def pieces(text: str) -> Iterator[tuple[int, int, int]]:
    """Where the key of each piece begins and ends, and where the piece ends. It never fails: what is
    half typed is a piece, too, which may be empty, and a piece without `=` is all key."""
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


def read_keyval(text: str, *, implied_key: str | None) -> list[tuple[list[str], str]]:
    """The keys, each as its parts, and their values, in the order of the text.

    `implied_key` is what a first word without `=` is the value of. List indices lose leading zeros.

    >>> read_keyval("qcow2,file.filename=a,,b", implied_key="driver")
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
                cure=f"{text[start:end][:_SHOWN]}=on, if that is meant; {_COMMA}",
            )
        shape.add(path)
        pairs.append(([part.name for part in path], value))
    shape.check_indices()
    return pairs


def read_options(text: str, *, implied_key: str | None) -> list[tuple[list[str], str]]:
    """The same for -device: a key has one part, whatever it looks like, and alone it means `on`.

    >>> read_options("max-x86_64-cpu,sse4.1=off,hotplugged", implied_key="driver")
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
    """Where each key begins and ends, and its value: None without `=`. An implied key is empty."""
    position = 0
    while position < len(text):
        start = position
        end = _match(_KEY, text, start)
        implied = implied_key is not None and start == 0 and text[end : end + 1] != "="
        if start == end:
            cure = f"{_COMMA}; nothing else stands between two commas"
            if text[end] == "=":
                cure = "a key stands before the =, as in KEY=VALUE"
            raise LineError("a key is missing", start=start, cure=cure)
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


class _Part:
    """A part of a key and its place."""

    __slots__ = ("end", "is_index", "name", "start")

    def __init__(self, name: str, start: int, end: int, *, is_index: bool = False) -> None:
        self.name = name
        self.start = start
        self.end = end
        self.is_index = is_index


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
    if stop - start > _LONGEST:
        raise LineError(
            f"a part of the key is longer than {_LONGEST} characters", start=start, end=stop
        )
    if index:
        return _Part(str(int(index[0])), start, stop, is_index=True)
    return _Part(text[start:stop], start, stop)


def _no_part(text: str, start: int, stop: int, end: int) -> LineError:
    """`stop` is where what could be read ends, and the mistake is."""
    if start == end or text[start] == ".":
        return LineError(
            "a part of the key is empty",
            start=min(start, end - 1),
            cure="the parts of a key are separated by single dots",
        )
    if text[start] in "0123456789" and stop == start:
        return LineError(
            "a key does not begin with a list index",
            start=start,
            end=end,
            cure="the name of the list comes first, as in NAME.0=VALUE",
        )
    cure = "a key has letters, digits, - and _, and begins with a letter"
    if text[start:end].strip() != text[start:end]:
        cure = "no blanks stand around a key"
    elif start > 0:
        cure += f"; {_COMMA}"
    return LineError(f"{_short(text[start:end])} is no key", start=stop, cure=cure)


class _Shape:
    """The objects and lists that keys describe, to find keys that do not go together."""

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
                    "list indices and names of members do not go together",
                    start=part.start,
                    end=part.end,
                )
            known = node.children[part.name] = _Node(part)
        elif leaf or not known.children:
            key = self._text[key_start : part.end]
            twice = leaf and not known.children
            raise LineError(
                f"{_short(key)} is given {'twice' if twice else 'both a value and members'}",
                start=key_start,
                end=part.end,
                cure=_twice(known.part) if twice else "",
            )
        return known

    def check_indices(self) -> None:
        """Raise LineError where those of a list have a gap: only the end of the text tells."""
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
                        cure="list indices run from 0 without a gap",
                    )


class _Node:
    """What a part of a key names; `part` is where it was named first."""

    __slots__ = ("children", "part")

    def __init__(self, part: _Part | None) -> None:
        self.part = part
        self.children: dict[str, _Node] = {}


def _twice(first: _Part | None) -> str:
    if first is not None and first.start == first.end:
        return "the first word, which has no =, is its value already"
    return ""


def _short(word: str) -> str:
    return repr(word[:_SHOWN])
