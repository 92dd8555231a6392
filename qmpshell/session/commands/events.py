"""The shell commands /events and /wait."""

from __future__ import annotations

from itertools import islice

from ...errors import LineError
from ...language import (
    DID_YOU_MEAN,
    MISSING_SCHEMA,
    QUOTED,
    WORD,
    Missing,
    arguments,
    build_tree,
    suggestion_for,
)
from ...qmp import parse_scalar
from ...storage import EVENT_MODES, MUTED, SHOWN, adjust_events, event_place, parse_events
from ..requests import echoes
from ..server import result_or_none
from ..waits import EventWait
from .arguments import (
    command_words,
    number,
    parse_timeout,
    reject_option,
    require_monitor,
    text_of,
    usage_error,
    value_text,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ...language import Argument, ShellCommand, Token
    from ...qmp import Event, Reply, Schema
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
    try:
        mode = parse_events(",".join(texts))
    except ValueError as error:
        reason = str(error) or "inline, stderr, none, or names with wildcards"
        raise usage_error(call, reason, given[0]) from None
    if texts[0][0] in MUTED + SHOWN:
        if not all(text[0] in MUTED + SHOWN for text in texts):
            reason = f"start every name with {MUTED} or {SHOWN}, or none"
            raise usage_error(call, reason, given[0])
        mode = adjust_events(context.settings.events, texts)
    context.settings.events = mode
    messages = unknown_events(context, texts)
    # A script needs no confirmation.
    if context.introspection.can_ask:
        messages.insert(0, _shown(context))
    if messages:
        context.show_message("\n".join(messages))


def _shown(context: CommandContext) -> str:
    mode = context.settings.events
    return f"events: {mode if isinstance(mode, str) else ','.join(mode)}"


def unknown_events(context: CommandContext, texts: Iterable[str]) -> list[str]:
    """Return notes about names that match no event of the server, if its schema is known."""
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
        for event in context.state.events.recent
        if not globs or any(fnmatchcase(event.name, glob) for glob in globs)
    ]
    if not found:
        context.show_message("no such events have arrived" if globs else "no events have arrived")
    for event in found[-count:] if count else ():
        context.show_event(event)


def run_wait(context: CommandContext, call: ShellCommand) -> Steps:
    """Run `/wait [-t SECONDS] EVENT [KEY=VALUE…]`.

    With `--check`, only check that the server has such an event.
    """
    timeout, tokens = parse_timeout(call)
    is_check = bool(tokens) and tokens[0].text == "--check"
    name, given = _event_tokens(call, tokens[1:] if is_check else tokens)
    names = text_of(name)
    wanted = arguments(call.line, name, given)
    build_tree(wanted)  # raises LineError for a repeated key, which no event can match
    require_monitor(context, call, "events")
    known = context.introspection

    def find_mistake() -> LineError | None:
        return _find_mistake(known.schema, names, name, call.line, wanted)

    if is_check:
        mistake = find_mistake() if (yield from context.load_schema()) else None
        if mistake is not None:
            raise mistake
        return

    def check(reply: Reply) -> LineError | None:
        context.state.server.store(Missing(MISSING_SCHEMA), result_or_none(reply))
        return find_mistake()

    wait = EventWait(
        names,
        lambda event: all(has_member(event, argument) for argument in wanted),
        deadline=context.deadline(timeout),
        members=call.line[given[0].start : given[-1].end] if given else "",
        check=None if known.has_schema else check,
    )
    found = next((event for event in context.state.events.unclaimed() if wait.wants(event)), None)
    is_past = found is not None
    if found is not None:
        context.state.events.claim(found)
    else:
        mistake = find_mistake()
        if mistake is None:
            yield from context.wait(wait)
            found, mistake = wait.event, wait.mistake
        if mistake is not None:
            raise mistake
    if found is None:
        return
    context.show_result(found.value)
    is_visible = event_place(context.settings.events, found.name) and not is_past
    if context.state.interactive and context.task.redirect is None and not is_visible:
        context.show_event(found)


def _event_tokens(call: ShellCommand, tokens: list[Token]) -> tuple[Token, list[Token]]:
    """Return the names of events and the tokens of `KEY=VALUE`. Raises LineError."""
    if not tokens or tokens[0].kind != WORD or not all(text_of(tokens[0]).split(",")):
        raise usage_error(call, "the name of an event is missing")
    reject_option(call, tokens[0])
    name, given = tokens[0], tokens[1:]
    for token in given:
        if token.kind == WORD:
            text = f"{name.text[:_MAX_SHOWN]} has no argument {token.text[:_MAX_SHOWN]!r}"
            raise usage_error(call, text, token)
    return name, given


def _find_mistake(
    schema: Schema | None, names: str, token: Token, line: str, wanted: list[Argument]
) -> LineError | None:
    """Return the error for names or members that no event of the server has, or None."""
    if schema is None:
        return None
    if not wanted and all(name in schema.events() for name in names.split(",")):
        return None
    from ...complete import find_event_mistake  # few scripts need it

    texts = [
        (line[item.key.start : item.value.end], item.key.start, item.value.end) for item in wanted
    ]
    for text, start, end in [("", token.start, token.end), *texts]:
        mistake = find_event_mistake(schema, names, text)
        if mistake:
            reason, question, meant = mistake.partition(_QUESTION)
            hint = f"{_QUESTION.lstrip(': ')}{meant}" if question else ""
            return LineError(reason, start=start, end=end, hint=hint)
    return None


_QUESTION = f": {DID_YOU_MEAN}"


def has_member(event: Event, argument: Argument) -> bool:
    """Return True if the data of an event has the member that `KEY=VALUE` denotes."""
    value: Any = event.value.get("data", {})
    for name, _ in argument.path:
        if isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        elif isinstance(value, dict) and name in value:
            value = value[name]
        else:
            return False
    return value_matches(value, argument)


def value_matches(value: object, argument: Argument) -> bool:
    """Return True if a member equals the typed value, evaluated by the member's type."""
    token = argument.value
    if argument.json is not None:
        return echoes(argument.json.read(), value)
    text = value_text(token)
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
