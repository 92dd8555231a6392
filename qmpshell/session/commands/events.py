"""`/events`: which events are shown, and the latest ones again.

Owns: the spellings of that. Must not know: how events are shown.
"""

from __future__ import annotations

from ...language import COMPOUND, QUOTED, WORD, arguments, hint_for, read_json, scalar, unquote
from ...storage import EVENT_MODES, MUTED, SHOWN, adjust_events, parse_events
from ..requests import echoes
from ..waits import EventWait
from .arguments import number, take_timeout, text_of, usage, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ...language import Argument, LocalCommand, Token
    from ...qmp import Event
    from ..context import Host
    from ..effects import Effect


_LISTED = 20
_LONG = 40


def run_events(host: Host, call: LocalCommand) -> list[Effect]:
    given = words(call)
    if not given:
        return host.tell(_shown(host))
    if given[0].text == "list":
        return _list(host, call, given[1:])
    texts = [one.strip() for one in ",".join(map(text_of, given)).split(",")]
    mode = parse_events(",".join(texts))
    if mode is None:
        raise usage(call, "inline, stderr, none, or names with wildcards", given[0])
    if texts[0][0] in MUTED + SHOWN:
        if not all(text[0] in MUTED + SHOWN for text in texts):
            raise usage(
                call, f"each begins with {MUTED} or {SHOWN}, or the first does not", given[0]
            )
        mode = adjust_events(host.settings.events, texts)
    host.settings.events = mode
    told = _no_events(host, texts)
    # A script said it for itself.
    if host.facts.can_ask:
        told.insert(0, _shown(host))
    return host.tell("\n".join(told)) if told else []


def _shown(host: Host) -> str:
    mode = host.settings.events
    return f"events: {mode if isinstance(mode, str) else ','.join(mode)}"


def _no_events(host: Host, texts: list[str]) -> list[str]:
    """What is said of names that no event of the server's has."""
    schema = host.facts.schema
    names = schema.events() if schema is not None else []
    if not names:
        return []
    from fnmatch import fnmatchcase  # few scripts need it

    globs = [text.lstrip(MUTED + SHOWN) for text in texts if text not in EVENT_MODES]
    unknown = [one for one in globs if not any(fnmatchcase(name, one) for name in names)]
    return [f"{one[:_LONG]} names no event of this server{_meant(one, names)}" for one in unknown]


def _meant(text: str, names: list[str]) -> str:
    hint = hint_for(text, names)
    return f": {hint}" if hint else ""


def _list(host: Host, call: LocalCommand, given: list[Token]) -> list[Effect]:
    """The latest events again, be they shown otherwise or not."""
    from fnmatch import fnmatchcase  # few scripts need it

    count, globs = _LISTED, list[str]()
    while given:
        if given[0].text == "-n":
            asked = number(call, given, "events")
            if asked != int(asked):
                raise usage(call, "it is a whole number", given[1])
            count = int(asked)
            given = given[1:]
        else:
            globs += [glob for glob in text_of(given[0]).split(",") if glob]
        given = given[1:]
    found = [
        event
        for event in host.recent_events()
        if not globs or any(fnmatchcase(event.name, glob) for glob in globs)
    ]
    if not found:
        return host.tell("no such events have come" if globs else "no events have come")
    return [effect for event in found[-count:] if count for effect in host.show_event(event)]


def run_wait(host: Host, call: LocalCommand) -> list[Effect]:
    timeout, tokens = take_timeout(call)
    if not tokens or tokens[0].kind != WORD:
        raise usage(call, "the name of an event is missing")
    name = tokens[0]
    wanted = arguments(call.line, name, tokens[1:])
    wait = EventWait(
        name.text,
        lambda event: all(_has(event, argument) for argument in wanted),
        deadline=None if timeout is None else host.now + timeout,
    )
    for event in host.untaken_events():
        if wait.wants(event):
            host.take_event(event)
            return []
    return host.wait(wait)


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
    """Whether a member of the event is what was typed: read as the type that it has."""
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
    wanted, found = scalar(text, kind)
    return found and wanted == value
