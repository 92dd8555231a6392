"""QEMU's option strings, such as `driver=qcow2,file.filename=a,,b.img`.

There are two syntaxes: that of -blockdev, -object and -netdev (QEMU: util/keyval.c), and that of
-device (QemuOpts, util/qemu-option.c). QEMU uses the last of two equal keys; here a repeated key is
an error, as on a line, except for the lists of -netdev (hostfwd=…,hostfwd=…).
"""

from __future__ import annotations

import re

from ..errors import LineError
from ..qmp import (
    COMMANDS,
    DEVICE_ADD,
    command_facts,
    encode,
    main_argument,
    option_command_name,
)
from ..record import Record
from . import tokens as t
from .tokens import Token
from .values import Argument, Value, no_members

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

_OPTIONS = {name: facts for name, facts in COMMANDS.items() if facts.option}
OPTION_NAMES = tuple(
    dict.fromkeys(word for name, facts in _OPTIONS.items() for word in (facts.option, name))
)
# The options of QEMU's command line among them.
DASHED_OPTIONS = tuple(
    f"-{facts.option}" for name, facts in _OPTIONS.items() if name != facts.option
)
_MORE_OPTIONS = re.compile(rf"\s+-?({'|'.join(DASHED_OPTIONS)})\s")
# The command with QEMU's older syntax, in which a dot is part of a name.
OLD_SYNTAX = DEVICE_ADD

_COMMA = "write ,, for a comma within a value"


def option_command(word: str) -> tuple[str, str | None]:
    """Return the command that an option or command name stands for, and its implied key.

    >>> option_command("-device"), option_command("query-status")
    (('device_add', 'driver'), ('query-status', None))
    """
    name = option_command_name(word) or option_command_name(f"-{word}")
    return (name, command_facts(name).main_argument) if name else (word, None)


def pieces(text: str, *, has_implied_key: bool = False) -> Iterator[tuple[int, int, int]]:
    """Yield the start and end of each piece's key, and the end of the piece.

    Never fails: an incomplete piece is a piece too, possibly empty. Without `=`, it is all key, or
    if it is the first one and has an implied key, all value.
    """
    position = 0
    while True:
        key_end = end = _match(_KEY, text, position)
        if text[key_end : key_end + 1] == "=":
            end = _match(_VALUE, text, key_end + 1)
        elif has_implied_key and position == 0 and key_end:
            key_end, end = 0, _match(_VALUE, text, 0)
        yield position, key_end, end
        if end >= len(text):
            return
        position = end + 1


class OptionString(Record):
    """A parsed option string.

    `arguments` are its pieces in order. One without `=` has an empty operator, and one with an
    implied key has an empty key. `error` is the first mistake, or None.
    """

    arguments: list[Argument]
    error: LineError | None

    @property
    def given(self) -> list[Argument]:
        """The arguments without an empty piece after the last comma."""
        *before, last = self.arguments
        is_empty = last.key.start == last.value.end
        return before if is_empty else self.arguments


def find_syntax_mistake(text: str, start: int) -> LineError | None:
    """Return the error for an option string in quotes, or with another option behind it, or None.

    `start` is its offset in the line.
    """
    if text[:1] in ("'", '"'):
        hint = "only the system shell needs the quotes"
        return LineError("the option string is in quotes", start=start, hint=hint)
    more = _MORE_OPTIONS.search(text)
    if more is None:
        return None
    reason = f"another option, {more[1]}, follows"
    return LineError(
        reason,
        start=start + more.start(1),
        end=start + more.end(1),
        hint="write one option per line",
    )


def parse_options(text: str, start: int, command: str, *, implied_key: str | None) -> OptionString:
    """Parse the option string at offset `start` of a line, in the syntax of the command's option.

    `implied_key` is the key of a first word without `=`. List indexes lose leading zeros. In the
    syntax of -device, a key has one part, and one without a value means `on`.

    >>> found = parse_options("qcow2,file.filename=a,,b", 0, "blockdev-add", implied_key="driver")
    >>> [([name for name, _ in item.path], item.value.text) for item in found.arguments]
    [(['driver'], 'qcow2'), (['file', 'filename'], 'a,b')]
    """
    found: list[Argument] = []
    errors: list[LineError] = []
    root = no_members()
    for key_start, key_end, end in pieces(text, has_implied_key=implied_key is not None):
        value_start = min(key_end + (text[key_end : key_end + 1] == "="), end)
        key = Token(t.KEY, text[key_start:key_end], start + key_start)
        operator = Token(t.OPERATOR, text[key_end:value_start], key.end)
        value = _value(text[value_start:end], operator.end)
        is_implied = key_start == value_start == 0 and (end > 0 or not text)
        path = [(implied_key, start)] if is_implied and implied_key else _any_path(key, command)
        argument = Argument(key, path, operator, value)
        found.append(argument)
        if key_start == len(text) or errors:
            continue
        try:
            if not is_implied:
                _check(argument, command, start)
            _name_item(argument, command, root)
            _add(root, argument)
        except LineError as error:
            errors.append(error)
    errors += _index_errors(root)
    return OptionString(found, errors[0] if errors else None)


def _value(text: str, start: int) -> Token:
    value = text.replace(",,", ",")
    # An @ has no meaning in QEMU's option strings, and none in quotes here.
    is_quoted = value[:1] == "@"
    token = Token(t.QUOTED, encode(value), start) if is_quoted else Token(t.VALUE, value, start)
    token.end = start + len(text)
    return token


def _any_path(key: Token, command: str) -> list[tuple[str, int]]:
    """Return the parts of a key that may be invalid."""
    path: list[tuple[str, int]] = []
    start = key.start
    for name in [key.text] if command == OLD_SYNTAX else key.text.split("."):
        path.append((name, start))
        start += len(name) + 1
    return path


def _check(argument: Argument, command: str, start: int) -> None:
    """Check the key of an argument of an option string that begins at `start`. Raises LineError."""
    key, has_value = argument.key, argument.operator.text != ""
    if not key.text:
        hint = f"{_COMMA}; commas separate KEY=VALUE pairs"
        if has_value:
            hint = "a key must precede =, as in KEY=VALUE"
        raise LineError("a key is missing", start=key.start, hint=hint)
    if command == OLD_SYNTAX:
        if not has_value:
            argument.value.text = "on"
        return
    argument.path[:] = _path(key, is_first=key.start == start)
    if not has_value:
        word = key.text[:_MAX_SHOWN]
        hint = f"{word}=on, if {word} is a boolean argument; {_COMMA}"
        main = main_argument(command)
        if key.start == start and main:
            hint = f"did you mean {main}={word}?"
        raise key.error(f"= must follow {_short(key.text)}", hint=hint)


def _name_item(argument: Argument, command: str, root: Value) -> None:
    """Complete the path of an argument that adds an item to a list: hostfwd is hostfwd.0.str."""
    (name, start), *rest = argument.path
    if not rest and name in command_facts(command).repeated_keys:
        before = root.members.get(name)
        argument.path += [(str(len(before.members) if before else 0), start), ("str", start)]


def _path(key: Token, *, is_first: bool) -> list[tuple[str, int]]:
    """Return the parts of a valid key. Raises LineError."""
    path: list[tuple[str, int]] = []
    start = 0
    while True:
        index = _INDEX.match(key.text, start) if path else None
        match = index or _NAME.match(key.text, start)
        stop = match.end() if match else start
        if match is None or key.text[stop : stop + 1] not in ("", "."):
            raise _no_part(key, start, stop, is_first=is_first)
        if stop - start > _MAX_KEY_PART:
            reason = f"a part of the key is longer than {_MAX_KEY_PART} characters"
            raise LineError(reason, start=key.start + start, end=key.start + stop)
        path.append((str(int(match[0])) if index else match[0], key.start + start))
        if stop == len(key.text):
            return path
        start = stop + 1


def _no_part(key: Token, start: int, stop: int, *, is_first: bool) -> LineError:
    """Return the error for a part that ends at `stop`, where the mistake is."""
    text = key.text[start:]
    if not text or text[0] == ".":
        return LineError(
            "a part of the key is empty",
            start=key.start + min(start, len(key.text) - 1),
            hint="single dots separate the parts of a key",
        )
    if text[0] in "0123456789" and stop == start:
        return LineError(
            "a key cannot start with a list index",
            start=key.start + start,
            end=key.end,
            hint="the name of the list comes first, as in NAME.0=VALUE",
        )
    hint = "a key consists of letters, digits, - and _, and starts with a letter"
    if text.strip() != text:
        hint = "a key has no blanks around it"
    elif start > 0 or not is_first:
        hint += f"; {_COMMA}"
    return LineError(f"{_short(text)} is not a key", start=key.start + stop, hint=hint)


def _add(root: Value, argument: Argument) -> None:
    before = root.at(name for name, _ in argument.path)
    error = root.add(argument)
    if error is not None and before is not None and before.leaf and not before.leaf.key.text:
        hint = "the first word, without =, is already its value"
        error = LineError(error.reason, start=error.start, end=error.end, hint=hint)
    if error is not None:
        raise error


def _index_errors(root: Value) -> list[LineError]:
    """Return the mistakes in list indexes, of which gaps only show at the end of the text."""
    for node in root.nodes():
        names = list(node.members)
        indexes = sorted((name for name in names if name.isdecimal()), key=int)
        wrong = reason = hint = ""
        if indexes and len(indexes) < len(names):
            is_index = names[0].isdecimal()
            wrong = next(name for name in names if name.isdecimal() != is_index)
            reason = "a list index and a member name contradict each other"
        for number, name in enumerate(indexes if not wrong else ()):
            if int(name) != number:
                wrong, reason = name, f"the list has no index {number}"
                hint = "the indexes of a list must be 0, 1, 2… without a gap"
                break
        if wrong:
            start = node.members[wrong].part_start
            return [LineError(reason, start=start, end=start + len(wrong), hint=hint)]
    return []


def _match(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    assert match is not None
    return match.end()


def _short(word: str) -> str:
    return repr(word[:_MAX_SHOWN])
