"""Errors about words that are not arguments, with hints that name the right form."""

from __future__ import annotations

import re

from ..errors import LineError
from ..qmp import command_facts, main_argument, option_command_name
from . import tokens as t
from .values import MAX_SHOWN, NO_BLANKS, shortened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .tokens import Token
    from .values import Argument


class StrayWordError(LineError):
    """The first argument of a command is a word that gives no hint of what is meant.

    `command` is the name of the command, which starts at `command_start`.
    """

    def __init__(self, reason: str, command: Token, *, start: int, end: int, hint: str) -> None:
        super().__init__(reason, start=start, end=end, hint=hint)
        self.command = command.text
        self.command_start = command.start


# Word processors and web pages replace a hyphen by others.
_DASHES = ("-", "\N{EN DASH}", "\N{EM DASH}", "\N{MINUS SIGN}")
# A key whose last part is missing.
_OPEN_KEY = r"[\w-]+(?:\.[\w-]+)*\."
# "KEY=VALUE" in quotes: the key with its operator, and the rest.
_QUOTED_ARGUMENT = r'"([\w.-]+=)(.*)'


def stray_word_error(name: Token, tokens: Sequence[Token], position: int) -> LineError:
    """Return the error for a word among the arguments of `name` that is not an argument."""
    token = tokens[position]
    text = token.text
    before = tokens[position - 1] if position and tokens[position - 1].kind == t.VALUE else None
    following = tokens[position + 1].text if position + 1 < len(tokens) else ""
    reason = f"{name.text.removesuffix('(')[:MAX_SHOWN]} has no argument {text[:MAX_SHOWN]!r}"
    quoted = re.match(_QUOTED_ARGUMENT, text)
    if name.text + text[:1] == t.TRANSACTION:
        hint = f"write {t.TRANSACTION} in one word, and a blank after it"
    elif quoted is not None:
        argument = f'{quoted[1]}"{quoted[2]}'
        hint = f"quote only the value: {shortened(argument)}"
    elif len(text) > MAX_SHOWN:
        hint = "expected KEY=VALUE"
    elif following.startswith(("=", ":=")) or (before is not None and not before.text):
        hint = NO_BLANKS
    elif text.startswith("--") and text.strip("-"):
        hint = f"did you mean {text.lstrip('-')}{'' if '=' in text else '=…'}?"
    elif text.startswith(("=", ":=")):
        hint = NO_BLANKS
    elif before is not None:
        hint = _hint_after_value(text)
    elif text.startswith(("|", "<", ">")):
        hint = f"a blank must follow {text[0]}"
    elif text == ")":
        hint = f"there is no open transaction; one starts with {t.TRANSACTION}"
    else:
        return _keyless_word(name, token, reason)
    return token.error(reason, hint=hint)


def _hint_after_value(text: str) -> str:
    if re.fullmatch(_OPEN_KEY, text):
        return f"expected {text}MEMBER=VALUE, or {text[:-1]}={{}} without members"
    return "expected KEY=VALUE; quote a value that contains blanks"


def _keyless_word(name: Token, token: Token, reason: str) -> LineError:
    text, hint = token.text, "expected KEY=VALUE"
    command = _option_command(name.text) if name.text.startswith("-") else ""
    if command:
        return token.error(reason, hint=option_hint(command, text))
    key = "" if text.startswith(_DASHES) else main_argument(name.text)
    if key and text == key:
        return token.error(f"{key} has no value", hint=f"expected {key}=VALUE")
    if not key:
        return StrayWordError(reason, name, start=token.start, end=token.end, hint=hint)
    value = text.removeprefix(f"{key}:") or "…"
    return token.error(reason, hint=f"{hint}: did you mean {key}={value}?")


# The option that no command accepts: its syntax differs from that of chardev-add.
_CHARDEV = "-chardev"
# A further option after the text of an option string.
_MORE_OPTIONS = r",[\w.-]+="


def option_string_error(line: str, name: Token, arguments: Sequence[Argument]) -> LineError | None:
    """Return the error about `device_add e1000,id=n`, which has the syntax of QEMU's command line.

    Return None if the arguments have another syntax. There is at least one.
    """
    command = _option_command(name.text)
    if not command:
        return None
    first = arguments[0]
    is_main = first.key.text == main_argument(command) and first.operator.text == "="
    if "," not in first.key.text.partition('"')[0] and not (
        is_main and first.value.kind == t.VALUE and re.search(_MORE_OPTIONS, first.value.text)
    ):
        return None
    text = line[first.key.start : arguments[-1].value.end]
    return LineError(
        f"{name.text[:MAX_SHOWN]} takes KEY=VALUE separated by blanks",
        start=first.key.start,
        end=first.value.end,
        hint=option_hint(command, text),
    )


def _option_command(name: str) -> str:
    """Return the command for an option of QEMU's command line, or for its own name, or ""."""
    return "chardev-add" if name == _CHARDEV else option_command_name(name)


def option_hint(command: str, text: str) -> str:
    """Return the hint that names the shell command for an option string of a command."""
    is_human = is_human_option(command, text)
    return f"use {t.HUMAN if is_human else '/keyval'} {command} {shortened(text)}"


def is_human_option(command: str, text: str) -> bool:
    """Return True if only the human monitor's form of a command accepts an option string.

    chardev-add has other arguments than its form in the human monitor, chardev-add null,id=c0.
    """
    facts = command_facts(command)
    has_key = "=" in text.partition(",")[0]
    return bool(facts.option) and not facts.main_argument and not has_key
