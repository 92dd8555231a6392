"""`/set`: the settings, shown and changed.

Owns: the words of that; all of them are right before anything is changed. Must not know: which settings
there are (that is `options`), or what they are used for.
"""

from __future__ import annotations

from ...errors import LineError
from ...language import KEY, QUOTED, WORD, arguments, hint_for, unquote
from ...qmp import encode_scalar
from ...storage import OPTIONS, OptionError
from .arguments import usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...language import Argument, LocalCommand, Token
    from ...storage import Option, Settings
    from ..context import Host
    from ..effects import Effect


_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-*?,./:+")
_LONG = 40
_COLUMN, _WIDTH = 16, 79


def run_set(host: Host, call: LocalCommand) -> list[Effect]:
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
                raise LineError(f"{option.name} is given twice", start=name.start, end=name.end)
            (argument,) = arguments(call.line, name, tokens[:3])
            values[option.name] = _value(call, option, argument)
            del tokens[:3]
        else:
            raise usage(call, f"{name.text[:_LONG]!r} is not for {call.name}", name)
    settings = host.settings
    for option_name, value in values.items():
        setattr(settings, OPTIONS[option_name].attribute, value)
    if asked:
        return host.tell("\n".join(_explained(option, settings) for option in asked))
    return [] if values else host.tell(_listing(settings))


def _option(call: LocalCommand, token: Token, *, is_loose: bool = False) -> Option:
    """The option that a word names; `is_loose` says that the word stands behind a value."""
    option = OPTIONS.get(token.text)
    if option is None:
        cure = hint_for(token.text, list(OPTIONS)) or f"{call.name} lists them"
        if is_loose:
            cure = "a value with blanks stands in quotes"
        raise LineError(
            f"there is no setting {token.text[:_LONG]}",
            start=token.start,
            end=token.end,
            cure=cure,
        )
    if option.file_only:
        raise LineError(
            f"{option.name} can be set in the settings file only",
            start=token.start,
            end=token.end,
        )
    return option


def _value(call: LocalCommand, option: Option, argument: Argument) -> object:
    operator, token = argument.operator, argument.value
    if operator.text != "=":
        raise usage(call, f"between a name and its value stands =, not {operator.text}", operator)
    text = unquote(token) if token.kind == QUOTED else token.text
    try:
        return option.read(text)
    except OptionError as error:
        end = max(token.end, token.start + 1)
        raise LineError(str(error), start=token.start, end=end) from None


def _explained(option: Option, settings: Settings) -> str:
    return f"{_assignment(option, settings)}\n  {option.what}\n  {option.possible}"


def _listing(settings: Settings) -> str:
    """One a line, in the form in which it can be set, and what it is where that has room."""
    lines: list[str] = []
    for option in OPTIONS.values():
        text = _assignment(option, settings)
        line = f"{text:{_COLUMN}}  # {option.what}"
        if not option.file_only:
            lines.append(line if len(line) <= _WIDTH else text)
    return "\n".join(lines)


def _assignment(option: Option, settings: Settings) -> str:
    text = option.write(settings)
    return f"{option.name}={text if _PLAIN.issuperset(text) else encode_scalar(text)}"
