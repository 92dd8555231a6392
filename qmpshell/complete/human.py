"""Completion of lines for the human monitor.

Owns: what may stand at the cursor of such a line: commands, what `help` and `info` take, flags and
words that the help spells out. Must not know: how the help was got, menus, keys. Values that live in
the server, such as the names of devices, are not its affair.
"""

from __future__ import annotations

import re

from ..language.tokens import HUMAN, LOCAL, PIPE, tokenize, tokenize_human
from .candidate import Candidate
from .human_help import INFO
from .human_parameters import choices_after, is_flag, read_parameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .human_help import Catalogue, HumanCommand

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
