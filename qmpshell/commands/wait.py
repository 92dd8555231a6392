"""`/wait`: until an event comes.

Owns: which event it is that is waited for. Must not know: what happens meanwhile.
"""

from __future__ import annotations

from ..language.parse import arguments, unquote
from ..language.tokens import COMPOUND, QUOTED, WORD
from ..language.values import read_json, scalar
from ..requests import echoes
from ..waits import EventWait
from .words import take_timeout, usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..effects import Effect
    from ..language.command import Argument, LocalCommand
    from ..protocol.messages import Event
    from .host import Host


def run(host: Host, call: LocalCommand) -> list[Effect]:
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
