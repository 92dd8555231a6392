"""The shell command /set. It validates all values before it changes any."""

from __future__ import annotations

from ...language import KEY, WORD, arguments, suggestion_for
from ...qmp import encode_scalar
from ...storage import SETTINGS, SettingError
from .arguments import no_argument_error, usage_error, value_text
from .events import unknown_events

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...language import Argument, ShellCommand, Token
    from ...storage import Setting, Settings
    from ..context import CommandContext


_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-*?,./:+")
_MAX_SHOWN = 40
_COLUMN, _WIDTH = 16, 79


def run_set(context: CommandContext, call: ShellCommand) -> None:
    """Run `/set [NAME[=VALUE]…]`."""
    asked: list[Setting] = []
    values: dict[str, object] = {}
    tokens = call.tokens
    position = 0
    while position < len(tokens):
        name = tokens[position]
        if name.kind == WORD:
            before = asked[-1].name if asked else ""
            asked.append(_find_setting(call, name, is_loose=bool(values), before=before))
            position += 1
        elif name.kind == KEY:
            setting = _find_setting(call, name)
            if setting.name in values:
                raise name.error(f"{setting.name} occurs twice")
            (argument,) = arguments(call.line, name, tokens[position : position + 3])
            values[setting.name] = _value(call, setting, argument)
            position += 3
        else:
            raise no_argument_error(call, name)
    settings = context.settings
    for setting_name, value in values.items():
        setattr(settings, SETTINGS[setting_name].attribute, value)
        if setting_name == "events" and isinstance(value, tuple):
            for note in unknown_events(context, value):
                context.show_message(note)
    if asked:
        context.show_message("\n".join(_explained(setting, settings) for setting in asked))
    elif not values:
        context.show_message(_listing(settings))


def _find_setting(
    call: ShellCommand, token: Token, *, is_loose: bool = False, before: str = ""
) -> Setting:
    """Return the setting that a word names.

    `is_loose` is true if the word follows a value. `before` is the setting before it, if any.
    """
    setting = SETTINGS.get(token.text)
    if setting is None:
        hint = suggestion_for(token.text, list(SETTINGS)) or f"{call.name} shows the list"
        if is_loose:
            hint = "quote a value that contains blanks"
        elif before:
            value = token.text.lstrip("=")[:_MAX_SHOWN]
            hint = f"did you mean {before}={value or '…'}?"
        raise token.error(f"unknown setting {token.text[:_MAX_SHOWN]}", hint=hint)
    if setting.file_only:
        raise token.error(f"{setting.name} can only be set in the settings file")
    return setting


def _value(call: ShellCommand, setting: Setting, argument: Argument) -> object:
    operator, token = argument.operator, argument.value
    if operator.text != "=":
        raise usage_error(call, f"expected NAME=VALUE, not NAME {operator.text}", operator)
    try:
        return setting.read(value_text(token))
    except SettingError as error:
        raise token.error(str(error)) from None


def _explained(setting: Setting, settings: Settings) -> str:
    return f"{_assignment(setting, settings)}\n  {setting.help}\n  {setting.possible}"


def _listing(settings: Settings) -> str:
    """Return one setting per line, in the form that changes it, with its help if there is room."""
    lines: list[str] = []
    for setting in SETTINGS.values():
        text = _assignment(setting, settings)
        line = f"{text:{_COLUMN}}  # {setting.help}"
        if not setting.file_only:
            lines.append(line if len(line) <= _WIDTH else text)
    return "\n".join(lines)


def _assignment(setting: Setting, settings: Settings) -> str:
    text = setting.write(settings)
    return f"{setting.name}={text if _PLAIN.issuperset(text) else encode_scalar(text)}"
