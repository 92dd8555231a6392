"""Completion of human monitor lines from the texts of `help` and `help info`.

Names that only the server has, such as devices, are not completed here.
"""

from __future__ import annotations

import re

from ..language import HUMAN, SHELL_COMMAND, parse
from ..record import Record
from .ranking import Candidate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


_FLAG = r"-[A-Za-z]"
# A literal word, or the name of a value.
_PARAMETER_WORD = rf"{_FLAG}|[A-Za-z0-9][A-Za-z0-9_.-]*"
_OPENING, _CLOSING = "[<", "]>"
# Brackets in help texts are not nested deeper; deeper ones are ignored.
_DEPTH = 4


class Parameter(Record):
    """A parameter of a human monitor command.

    `choices` are the words that the help lists. Otherwise `name` is its name for the value.
    `takes_value` is true if a word follows a flag, as in `[-d display]`.
    """

    name: str = ""
    choices: tuple[str, ...] = ()
    is_optional: bool = False
    takes_value: bool = False

    @property
    def is_flag(self) -> bool:
        """Whether it is a flag, such as `-d`."""
        return bool(self.choices) and all(map(is_flag, self.choices))


def is_flag(word: str) -> bool:
    """Return True for a flag, such as `-d`."""
    return re.fullmatch(_FLAG, word) is not None


def parse_parameters(text: str) -> list[Parameter]:
    """Return the parameters in order. Any text is accepted; it may give parameters without choices."""
    found: list[Parameter] = []
    for piece in _pieces(text):
        _read(piece, found, is_optional=False, depth=0)
    return found


def choices_after(parameters: Sequence[Parameter], words: Iterable[str]) -> list[str]:
    """Return the words that may follow `words`. The monitor accepts flags only in the order of the help."""
    position, expects_value = 0, False
    for word in words:
        if expects_value:
            expects_value = False
            continue
        position = _position_after(parameters, position, word)
        before = parameters[position - 1] if position else Parameter()
        expects_value = before.takes_value and word in before.choices
    found: list[str] = []
    if not expects_value:
        for parameter in parameters[position:]:
            found += parameter.choices
            if not parameter.is_optional:
                break
    return found


def _position_after(parameters: Sequence[Parameter], position: int, word: str) -> int:
    """Return the position in the parameters after `word`, which is at `position`."""
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
    """Add the parameters of a piece that contains no blanks outside brackets."""
    group = _group(piece)
    if not group:
        found.append(_parameter(piece, is_optional=is_optional))
    elif len(group) < len(piece):
        # [user|tap],id=str: the text after a choice follows without a blank.
        glued = _parameter(group[1:-1], is_optional=is_optional)
        found.append(Parameter(choices=glued.choices, is_optional=is_optional))
    else:
        inner = _pieces(group[1:-1]) if depth < _DEPTH else []
        if len(inner) == 2 and is_flag(inner[0]):
            found.append(Parameter(choices=tuple(inner[:1]), is_optional=True, takes_value=True))
        elif len(inner) > 1:
            for part in inner:
                _read(part, found, is_optional=True, depth=depth + 1)
        else:
            found.append(_parameter(group[1:-1].strip(), is_optional=True))


def _parameter(text: str, *, is_optional: bool) -> Parameter:
    """Return a parameter without brackets, or the content of brackets."""
    alternatives = text.split("|")
    if not all(re.fullmatch(_PARAMETER_WORD, word) for word in alternatives):
        return Parameter(is_optional=is_optional)
    if len(alternatives) == 1 and not is_flag(text):
        return Parameter(text, is_optional=is_optional)
    return Parameter(choices=tuple(alternatives), is_optional=is_optional)


def _group(piece: str) -> str:
    """Return the bracket at the start of a piece up to its closing one, or ""."""
    if not piece.startswith("["):
        return ""
    depth = 0
    for index, char in enumerate(piece):
        depth += (char in _OPENING) - (char in _CLOSING)
        if depth == 0:
            return piece[: index + 1]
    return ""


def _pieces(text: str) -> list[str]:
    """Split a text at blanks outside brackets. `[-f][-d]` gives two pieces."""
    pieces: list[str] = []
    start = depth = 0
    for index, char in enumerate(text):
        if depth == 0 and (char.isspace() or text.startswith("[-", index)):
            pieces.append(text[start:index])
            start = index
        depth = max(0, depth + (char in _OPENING) - (char in _CLOSING))
    pieces.append(text[start:])
    return [piece.strip() for piece in pieces if piece.strip()]


# Command names in QEMU's and downstream help texts. None needs escaping.
_HELP_NAME = r"[A-Za-z0-9_?][A-Za-z0-9_.?+-]*"
_NAMES = rf"({_HELP_NAME}(?:\|{_HELP_NAME})*) "
_MARK = " -- "
INFO = "info"
# In characters. QEMU's help has 20,000; anything much longer is not a help text.
_MAX_HELP = 1 << 18


class HmpCommand:
    """A human monitor command. `names` are its name and aliases; `description` is its lines, unindented."""

    __slots__ = ("description", "names", "parameters")

    def __init__(self, names: Iterable[str], parameters: str, description: str) -> None:
        self.names = tuple(names)
        self.description = description
        # Some texts repeat the name: "closefd closefd name -- ...".
        first, _, rest = parameters.partition(" ")
        self.parameters = rest.strip() if first in self.names else parameters

    @property
    def summary(self) -> str:
        """The description on one line."""
        return " ".join(self.description.split())

    def describe_flag(self, flag: str) -> str:
        """Return the description of a flag on one line, or the summary if there is none.

        It is found as "(-a: for all; -b: ...)" or at the start of a line.
        """
        match = re.search(
            rf"(?:^|[(;] ?){re.escape(flag)}(?:: ?| (?=to |for ))(.*)", self.description, re.M
        )
        text = _up_to_end(match[1]) if match else ""
        return text or self.summary


class HmpCatalogue:
    """The commands of the human monitor, and the subcommands of `info`."""

    __slots__ = ("by_name", "commands", "info", "info_by_name", "placeholders")

    def __init__(
        self, commands: Sequence[HmpCommand] = (), info: Sequence[HmpCommand] = ()
    ) -> None:
        self.commands = tuple(commands)
        self.info = tuple(info)
        # By each name and alias.
        self.by_name = {name: command for command in self.commands for name in command.names}
        self.info_by_name = {name: item for item in self.info for name in item.names}
        # A word that stands alone somewhere is a placeholder: in `device|all`, only `all` is literal.
        self.placeholders = frozenset(
            parameter.name
            for command in (*self.commands, *self.info)
            for parameter in parse_parameters(command.parameters)
            if parameter.name
        )


def parse_catalogue(help_text: str, info_text: str = "") -> HmpCatalogue:
    """Parse the output of `help` and `help info`. Other text adds nothing."""
    info = []
    for command in _help_entries(info_text):
        names, _, parameters = command.parameters.partition(" ")
        if INFO in command.names and re.fullmatch(_NAMES, names + " "):
            info.append(HmpCommand(names.split("|"), parameters, command.description))
    return HmpCatalogue(_help_entries(help_text), info)


def _help_entries(text: str) -> list[HmpCommand]:
    """Return the commands in order."""
    found: list[_Entry] = []
    current: _Entry | None = None
    for line in [*text[:_MAX_HELP].replace("\r", "").split("\n"), ""]:
        match = re.match(_NAMES, line)
        is_active = current is not None and line.startswith(("[", "<"))
        if current is not None and not is_active:
            # Without a mark after it, it was text.
            if found:
                found[-1].description += current.lines
            current = None
        if match:
            current = _Entry(match[1].split("|"))
        if current is None:
            if found:
                found[-1].description.append(line)
            continue
        rest = line[match.end(1) :] if match else f" {line}"
        parameters, mark, description = f"{rest} ".partition(_MARK)
        current.lines.append(line)
        current.parameters.append(parameters)
        if mark:
            # Without a description, the parameters continue on the next lines, as those of
            # drive_add do.
            current.description.append(description)
            found.append(current)
            current = None
    return [entry.command() for entry in found]


class _Entry(Record):
    """A command while its lines are parsed."""

    names: list[str]
    lines: list[str] = []
    parameters: list[str] = []
    description: list[str] = []

    def command(self) -> HmpCommand:
        parameters = " ".join(part.strip() for part in self.parameters).strip()
        description = "\n".join(line.strip() for line in self.description).strip()
        return HmpCommand(self.names, parameters, description)


def _up_to_end(text: str) -> str:
    """Return the text up to the semicolon or bracket that ends the description of a flag."""
    depth = 0
    for index, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth < 0 or (char == ";" and depth == 0):
            return text[:index].strip()
    return text.strip()


_HELP = "help"
# A command's name ends where a format starts, as in "x/4i $pc".
_NAME = r"[^ \t/]*"
_WORD = r'"(?:[^"\\]|\\.)*+"?|[^ \t]+'


def hmp_line(line: str) -> str | None:
    """Return the part of a QMP line that is for the human monitor, after `/hmp`, or None."""
    if HUMAN not in line:
        return None
    for token in parse(line).tokens:
        if token.kind == SHELL_COMMAND and token.text == HUMAN and token.end < len(line):
            return line[token.end :]
    return None


def complete_hmp(line: str, catalogue: HmpCatalogue) -> list[Candidate]:
    """Return the candidates for the last word of a human monitor line, in alphabetical order."""
    if parse(line, human=True).parts[0].has_redirect:
        return []  # a system shell command
    line = line.lstrip(" \t")
    match = re.match(_NAME, line)
    name = match[0] if match else ""
    if len(name) == len(line):
        return _commands(name, catalogue.by_name)
    command = catalogue.by_name.get(name)
    words = _split(line[len(name) :])
    if command is None or words[-1].startswith('"'):
        return []
    if _HELP in command.names:
        return _complete_help(words, catalogue)
    if INFO in command.names and catalogue.info:
        if len(words) == 1:
            return _commands(words[0], catalogue.info_by_name)
        command = catalogue.info_by_name.get(words[0])
        words = words[1:]
    return _arguments(words, command, catalogue) if command is not None else []


def _complete_help(words: Sequence[str], catalogue: HmpCatalogue) -> list[Candidate]:
    if len(words) == 1:
        return _commands(words[0], catalogue.by_name, are_topics=True)
    topic = catalogue.by_name.get(words[0])
    if len(words) == 2 and topic is not None and INFO in topic.names:
        return _commands(words[1], catalogue.info_by_name, are_topics=True)
    return []


def _commands(
    prefix: str, commands: Mapping[str, HmpCommand], *, are_topics: bool = False
) -> list[Candidate]:
    """Return the commands with this prefix, with a blank if a parameter or a topic may follow."""
    found = []
    for name, command in sorted(commands.items()):
        if name.startswith(prefix):
            is_followed = command.parameters and (name == INFO or not are_topics)
            text = f"{name} " if is_followed else name
            found.append(Candidate(text, -len(prefix), command.summary))
    return found


def _arguments(
    words: Sequence[str], command: HmpCommand, catalogue: HmpCatalogue
) -> list[Candidate]:
    *before, prefix = words
    choices = choices_after(parse_parameters(command.parameters), before)
    return [
        Candidate(
            choice,
            -len(prefix),
            command.describe_flag(choice) if is_flag(choice) else command.summary,
        )
        for choice in sorted(set(choices) - catalogue.placeholders)
        if choice.startswith(prefix)
    ]


def _split(text: str) -> list[str]:
    """Split a command's arguments into words. The last one is at the cursor and may be empty."""
    words = re.findall(_WORD, text)
    return [*words, ""] if not words or text[-1] in " \t" else words
