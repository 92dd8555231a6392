"""The shell commands /events and /wait."""

from __future__ import annotations

from itertools import islice

from ...language import (
    COMPOUND,
    QUOTED,
    WORD,
    arguments,
    parse_scalar,
    read_json,
    suggestion_for,
    unquote,
)
from ...storage import EVENT_MODES, MUTED, SHOWN, adjust_events, parse_events
from ..requests import echoes
from ..waits import EventWait
from .arguments import command_words, number, parse_timeout, text_of, usage_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ...language import Argument, ShellCommand, Token
    from ...qmp import Event
    from ..context import CommandContext
    from ..steps import Steps


_LISTED = 20
_MAX_SHOWN = 40


def run_events(context: CommandContext, call: ShellCommand) -> None:
    """Run `/events [MODE|list]`."""
    given = command_words(call)
    if not given:
        context.show_message(_shown(context))
        return
    if given[0].text == "list":
        _list(context, call, given[1:])
        return
    texts = [argument.strip() for argument in ",".join(map(text_of, given)).split(",")]
    mode = parse_events(",".join(texts))
    if mode is None:
        raise usage_error(call, "inline, stderr, none, or names with wildcards", given[0])
    if texts[0][0] in MUTED + SHOWN:
        if not all(text[0] in MUTED + SHOWN for text in texts):
            raise usage_error(
                call, f"each must start with {MUTED} or {SHOWN}, or the first does not", given[0]
            )
        mode = adjust_events(context.settings.events, texts)
    context.settings.events = mode
    told = _no_events(context, texts)
    # A script needs no confirmation.
    if context.introspection.can_ask:
        told.insert(0, _shown(context))
    if told:
        context.show_message("\n".join(told))


def _shown(context: CommandContext) -> str:
    mode = context.settings.events
    return f"events: {mode if isinstance(mode, str) else ','.join(mode)}"


def _no_events(context: CommandContext, texts: list[str]) -> list[str]:
    """Return notes about names that match no event of the server."""
    schema = context.introspection.schema
    names = schema.events() if schema is not None else []
    if not names:
        return []
    from fnmatch import fnmatchcase  # few scripts need it

    globs = [text.lstrip(MUTED + SHOWN) for text in texts if text not in EVENT_MODES]
    unknown = [glob for glob in globs if not any(fnmatchcase(name, glob) for name in names)]
    return [
        f"{glob[:_MAX_SHOWN]} is not an event of this server{_event_hint(glob, names)}"
        for glob in unknown
    ]


def _event_hint(text: str, names: list[str]) -> str:
    hint = suggestion_for(text, names)
    return f": {hint}" if hint else ""


def _list(context: CommandContext, call: ShellCommand, given: list[Token]) -> None:
    """Show the latest events, including hidden ones."""
    from fnmatch import fnmatchcase  # few scripts need it

    count, globs = _LISTED, list[str]()
    words = iter(given)
    for word in words:
        if word.text == "-n":
            option = [word, *islice(words, 1)]
            asked = number(call, option, "events")
            if asked != int(asked):
                raise usage_error(call, "it must be a whole number", option[1])
            count = int(asked)
        else:
            globs += [glob for glob in text_of(word).split(",") if glob]
    found = [
        event
        for event in context.recent_events()
        if not globs or any(fnmatchcase(event.name, glob) for glob in globs)
    ]
    if not found:
        context.show_message("no such events have arrived" if globs else "no events have come")
    for event in found[-count:] if count else ():
        context.show_event(event)


def run_wait(context: CommandContext, call: ShellCommand) -> Steps:
    """Run `/wait [-t SECONDS] EVENT [KEY=VALUE…]`."""
    timeout, tokens = parse_timeout(call)
    if not tokens or tokens[0].kind != WORD:
        raise usage_error(call, "the name of an event is missing")
    name = tokens[0]
    wanted = arguments(call.line, name, tokens[1:])
    wait = EventWait(
        name.text,
        lambda event: all(_has(event, argument) for argument in wanted),
        deadline=None if timeout is None else context.now + timeout,
    )
    for event in context.unclaimed_events():
        if wait.wants(event):
            context.claim_event(event)
            return
    yield from context.wait(wait)


def _has(event: Event, argument: Argument) -> bool:
    value: Any = event.value.get("data", {})
    for name, _ in argument.path:
        if isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        elif isinstance(value, dict) and name in value:
            value = value[name]
        else:
            return False
    return _matches(value, argument)


def _matches(value: object, argument: Argument) -> bool:
    """Return True if a member of the event equals the typed value, evaluated by the member's type."""
    token = argument.value
    if argument.operator.text == ":=" or token.kind == COMPOUND:
        return echoes(read_json(token.text, token.start), value)
    text = unquote(token) if token.kind == QUOTED else token.text
    if isinstance(value, str):
        return value == text
    if token.kind == QUOTED:
        return False
    kinds = {bool: "boolean", int: "int", float: "number", type(None): "null"}
    kind = kinds.get(type(value))
    if kind is None:
        return False
    wanted, found = parse_scalar(text, kind)
    return found and wanted == value
