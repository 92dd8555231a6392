"""Completion of lines for the human monitor.

Owns: what may stand at the cursor of such a line: commands, what `help` and `info` take, flags and
words that the help spells out. Must not know: how the help was got, menus, keys. Values that live in
the server, such as the names of devices, are not its affair.
"""

from __future__ import annotations

import re

from ..language import HUMAN, LOCAL, PIPE, tokenize, tokenize_human
from .ranking import Candidate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


_FLAG = r"-[A-Za-z]"
# A word to be typed, or the name of what is to be typed.
_PARAMETER_WORD = rf"{_FLAG}|[A-Za-z0-9][A-Za-z0-9_.-]*"
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
    if not all(re.fullmatch(_PARAMETER_WORD, one) for one in alternatives):
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


# What QEMU's help/hmp files and downstream's call their commands; none needs escaping.
_HELP_NAME = r"[A-Za-z0-9_?][A-Za-z0-9_.?+-]*"
_NAMES = rf"({_HELP_NAME}(?:\|{_HELP_NAME})*) "
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
    for command in _help_entries(info_text):
        names, _, parameters = command.parameters.partition(" ")
        if INFO in command.names and re.fullmatch(_NAMES, names + " "):
            info.append(HumanCommand(names.split("|"), parameters, command.description))
    return Catalogue(_help_entries(help_text), info)


def _help_entries(text: str) -> list[HumanCommand]:
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


_HELP = "help"
# A command's name ends where a format begins, as in "x/4i $pc".
_NAME = r"[^ \t/]*"
_WORD = r'"(?:[^"\\]|\\.)*+"?|[^ \t]+'


def human_line(line: str) -> str | None:
    """What of a line for QMP is a line for the human monitor: all behind `/hmp`; None if nothing."""
    if HUMAN not in line:
        return None
    for token in tokenize(line):
        if token.kind == LOCAL and token.text == HUMAN and token.end < len(line):
            return line[token.end :]
    return None


def complete_human(line: str, catalogue: Catalogue) -> list[Candidate]:
    """What may replace the last word of `line`, a line for the human monitor up to the cursor; in
    alphabetical order."""
    if any(token.kind == PIPE for token in tokenize_human(line)):
        return []  # the shell's
    line = line.lstrip(" \t")
    match = re.match(_NAME, line)
    name = match[0] if match else ""
    if len(name) == len(line):
        return _commands(name, catalogue.names, catalogue.find)
    command = catalogue.find(name)
    words = _split(line[len(name) :])
    if command is None or words[-1].startswith('"'):
        return []
    if _HELP in command.names:
        return _complete_help(words, catalogue)
    if INFO in command.names and catalogue.info:
        if len(words) == 1:
            return _commands(words[0], catalogue.info_names, catalogue.find_info)
        command = catalogue.find_info(words[0])
        words = words[1:]
    return _arguments(words, command, catalogue) if command is not None else []


def _complete_help(words: Sequence[str], catalogue: Catalogue) -> list[Candidate]:
    if len(words) == 1:
        found = _commands(words[0], catalogue.names, catalogue.find)
        return [_without_blank(one) if one.label != INFO else one for one in found]
    topic = catalogue.find(words[0])
    if len(words) == 2 and topic is not None and INFO in topic.names:
        found = _commands(words[1], catalogue.info_names, catalogue.find_info)
        return [_without_blank(one) for one in found]
    return []


def _without_blank(candidate: Candidate) -> Candidate:
    return Candidate(candidate.label, candidate.start, candidate.meta)


def _commands(
    prefix: str, names: Iterable[str], find: Callable[[str], HumanCommand | None]
) -> list[Candidate]:
    """Those whose name begins so, with a blank where a parameter may follow."""
    found = []
    for name in sorted(names):
        command = find(name)
        if command is not None and name.startswith(prefix):
            text = f"{name} " if command.parameters else name
            found.append(Candidate(text, -len(prefix), command.summary))
    return found


def _arguments(
    words: Sequence[str], command: HumanCommand, catalogue: Catalogue
) -> list[Candidate]:
    *before, prefix = words
    choices = choices_after(read_parameters(command.parameters), before)
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
    """The words of a command's arguments; the last is what stands at the cursor, which may be empty."""
    words = re.findall(_WORD, text)
    return [*words, ""] if not words or text[-1] in " \t" else words
