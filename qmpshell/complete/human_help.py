"""The human monitor's help, as a catalogue of its commands.

Owns: reading what `help` and `help info` print. Must not know: how they were asked, lines, cursors.
Each command is `NAMES PARAMETERS -- DESCRIPTION` (monitor/hmp.c, help_cmd_dump_one); parameters and
description may both go on over more lines, whose beginnings follow no rule. A text that is no help,
such as "unknown command: 'help'", gives no commands.
"""

from __future__ import annotations

import re

from .human_parameters import read_parameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# What QEMU's help/hmp files and downstream's call their commands; none needs escaping.
_NAME = r"[A-Za-z0-9_?][A-Za-z0-9_.?+-]*"
_NAMES = rf"({_NAME}(?:\|{_NAME})*) "
_MARK = " -- "
INFO = "info"
# In characters. QEMU's have 20,000; what is much longer is none.
_LONGEST = 1 << 18


class HumanCommand:
    """`names` are the command's name and its aliases, as the help has them; `parameters` is what the
    help says of them, `description` its lines without indentation.
    """

    __slots__ = ("description", "names", "parameters")

    def __init__(self, names: Iterable[str], parameters: str, description: str) -> None:
        self.names = tuple(names)
        self.description = description
        # Some begin with the name once more: "closefd closefd name -- ...".
        first, _, rest = parameters.partition(" ")
        self.parameters = rest.strip() if first in self.names else parameters

    @property
    def summary(self) -> str:
        """The description on one line."""
        return " ".join(self.description.split())

    def describe_flag(self, flag: str) -> str:
        """What the description says of `-a`, on one line: "(-a: for all; -b: ...)", or a line that
        begins with it. The whole summary where it says nothing that can be told apart."""
        match = re.search(
            rf"(?:^|[(;] ?){re.escape(flag)}(?:: ?| (?=to |for ))(.*)", self.description, re.M
        )
        text = _up_to_end(match[1]) if match else ""
        return text or self.summary


class Catalogue:
    """What the human monitor has: its `commands`, and what `info` shows."""

    __slots__ = ("_commands", "_info", "commands", "info", "placeholders")

    def __init__(
        self, commands: Sequence[HumanCommand] = (), info: Sequence[HumanCommand] = ()
    ) -> None:
        self.commands = tuple(commands)
        self.info = tuple(info)
        self._commands = {name: one for one in self.commands for name in one.names}
        self._info = {name: one for one in self.info for name in one.names}
        # What stands alone somewhere stands for a value: in `device|all` only `all` is to be typed.
        self.placeholders = frozenset(
            parameter.name
            for command in (*self.commands, *self.info)
            for parameter in read_parameters(command.parameters)
            if parameter.name
        )

    @property
    def names(self) -> list[str]:
        """The names and aliases of all commands."""
        return list(self._commands)

    @property
    def info_names(self) -> list[str]:
        return list(self._info)

    def find(self, name: str) -> HumanCommand | None:
        return self._commands.get(name)

    def find_info(self, name: str) -> HumanCommand | None:
        return self._info.get(name)


def read_catalogue(help_text: str, info_text: str = "") -> Catalogue:
    """What `help` and `help info` printed; text that is neither adds nothing."""
    info = []
    for command in _commands(info_text):
        names, _, parameters = command.parameters.partition(" ")
        if INFO in command.names and re.fullmatch(_NAMES, names + " "):
            info.append(HumanCommand(names.split("|"), parameters, command.description))
    return Catalogue(_commands(help_text), info)


def _commands(text: str) -> list[HumanCommand]:
    """The commands in their order."""
    found: list[_Entry] = []
    begun: _Entry | None = None
    for line in [*text[:_LONGEST].replace("\r", "").split("\n"), ""]:
        match = re.match(_NAMES, line)
        goes_on = begun is not None and line.startswith(("[", "<"))
        if begun is not None and not goes_on:
            # No mark has followed: it was text.
            if found:
                found[-1].description += begun.lines
            begun = None
        if match:
            begun = _Entry(match[1])
        if begun is None:
            if found:
                found[-1].description.append(line)
            continue
        rest = line[match.end(1) :] if match else f" {line}"
        parameters, mark, description = f"{rest} ".partition(_MARK)
        begun.lines.append(line)
        begun.parameters.append(parameters)
        if mark:
            # Without it the parameters go on over the next lines, as drive_add's do.
            begun.description.append(description)
            found.append(begun)
            begun = None
    return [entry.command() for entry in found]


class _Entry:
    """A command while its lines are read."""

    def __init__(self, names: str) -> None:
        self.names = names.split("|")
        self.lines: list[str] = []
        self.parameters: list[str] = []
        self.description: list[str] = []

    def command(self) -> HumanCommand:
        parameters = " ".join(part.strip() for part in self.parameters).strip()
        description = "\n".join(line.strip() for line in self.description).strip()
        return HumanCommand(self.names, parameters, description)


def _up_to_end(text: str) -> str:
    """Up to the semicolon or the bracket that ends what is said of a flag."""
    depth = 0
    for index, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth < 0 or (char == ";" and depth == 0):
            return text[:index].strip()
    return text.strip()
