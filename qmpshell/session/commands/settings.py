"""The shell command /set. It validates all values before it changes any."""

from __future__ import annotations

from ...errors import LineError
from ...language import KEY, QUOTED, WORD, arguments, suggestion_for, unquote
from ...qmp import encode_scalar
from ...storage import OPTIONS, OptionError
from .arguments import usage_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...language import Argument, ShellCommand, Token
    from ...storage import Option, Settings
    from ..context import CommandContext


_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-*?,./:+")
_MAX_SHOWN = 40
_COLUMN, _WIDTH = 16, 79


def run_set(context: CommandContext, call: ShellCommand) -> None:
    """Run `/set [NAME[=VALUE]…]`."""
    asked: list[Option] = []
    values: dict[str, object] = {}
    tokens = list(call.tokens)
    while tokens:
        name = tokens[0]
        if name.kind == WORD:
            asked.append(_option(call, name, is_loose=bool(values)))
            del tokens[0]
        elif name.kind == KEY:
            option = _option(call, name)
            if option.name in values:
                raise LineError(f"{option.name} occurs twice", start=name.start, end=name.end)
            (argument,) = arguments(call.line, name, tokens[:3])
            values[option.name] = _value(call, option, argument)
            del tokens[:3]
        else:
            raise usage_error(call, f"{call.name} has no argument {name.text[:_MAX_SHOWN]!r}", name)
    settings = context.settings
    for option_name, value in values.items():
        setattr(settings, OPTIONS[option_name].attribute, value)
    if asked:
        context.show_message("\n".join(_explained(option, settings) for option in asked))
    elif not values:
        context.show_message(_listing(settings))


def _option(call: ShellCommand, token: Token, *, is_loose: bool = False) -> Option:
    """Return the setting that a word names. `is_loose` is true if the word follows a value."""
    option = OPTIONS.get(token.text)
    if option is None:
        hint = suggestion_for(token.text, list(OPTIONS)) or f"{call.name} shows the list"
        if is_loose:
            hint = "quote a value that contains blanks"
        raise LineError(
            f"unknown setting {token.text[:_MAX_SHOWN]}",
            start=token.start,
            end=token.end,
            hint=hint,
        )
    if option.file_only:
        raise LineError(
            f"{option.name} can only be set in the settings file",
            start=token.start,
            end=token.end,
        )
    return option


def _value(call: ShellCommand, option: Option, argument: Argument) -> object:
    operator, token = argument.operator, argument.value
    if operator.text != "=":
        raise usage_error(call, f"expected NAME=VALUE, not NAME {operator.text}", operator)
    text = unquote(token) if token.kind == QUOTED else token.text
    try:
        return option.read(text)
    except OptionError as error:
        end = max(token.end, token.start + 1)
        raise LineError(str(error), start=token.start, end=end) from None


def _explained(option: Option, settings: Settings) -> str:
    return f"{_assignment(option, settings)}\n  {option.help}\n  {option.possible}"


def _listing(settings: Settings) -> str:
    """Return one setting per line, in the form that changes it, with its help if there is room."""
    lines: list[str] = []
    for option in OPTIONS.values():
        text = _assignment(option, settings)
        line = f"{text:{_COLUMN}}  # {option.help}"
        if not option.file_only:
            lines.append(line if len(line) <= _WIDTH else text)
    return "\n".join(lines)


def _assignment(option: Option, settings: Settings) -> str:
    text = option.write(settings)
    return f"{option.name}={text if _PLAIN.issuperset(text) else encode_scalar(text)}"
