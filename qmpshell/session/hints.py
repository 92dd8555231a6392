"""Hints after errors: commands, arguments and human monitor lines that the user may have meant."""

from __future__ import annotations

import contextlib

from ..errors import ConnectionLost
from ..language import (
    MISSING_DRIVER,
    MISSING_SCHEMA,
    WATCH,
    Missing,
    folded_name,
    has_typographic_quotes,
    missing_parameter,
    names_a_parameter,
    parse,
    shortened,
    suggestion_for,
)
from ..qmp import DEVICE_ADD, hmp_command, hmp_text
from .requests import confirmation_question, make_hmp_request, unknown_command_name
from .server import command_names_in, list_commands, result_or_none
from .steps import Query, WaitStopped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from typing import Any

    from ..complete import HmpCommand
    from ..language import SourceLine, StrayWordError
    from ..qmp import Reply
    from .requests import Request
    from .state import SessionState
    from .steps import Step, Steps


# They are operators only between blanks, or in the case of a semicolon at the end of a word.
_OPERATORS = ";|<>"


def hint_steps(state: SessionState, reply: Reply, request: Request) -> Steps | None:
    """Return the steps that show a hint about an error reply, or None if there is none.

    The session ends after the hint if it ends at the first failure.
    """
    name = unknown_command_name(reply, request)
    if name and request.source is not None:
        return _then_stop(state, suggest_command(state, name, request.source, request.start))
    is_about_value = names_a_parameter(reply.desc) or has_typographic_quotes(request.data)
    if request.is_typed and request.text is None and is_about_value:
        return _then_stop(state, _suggest_parameter(state, request, reply.desc))
    return None


def _then_stop(state: SessionState, steps: Steps) -> Steps:
    """Show a hint about a failure. Then end the session if it ends at the first failure."""
    with contextlib.suppress(ConnectionLost, WaitStopped):
        yield from steps
    state.failures.stop_on_error()


def suggest_for_stray_word(state: SessionState, error: StrayWordError, source: SourceLine) -> Steps:
    """Suggest what a line whose arguments are words was meant to be. Then stop as `hint_steps` does."""
    start = error.command_start
    if _item_at(source.line.text, start)[1]:  # not in the arguments of a shell command
        steps = suggest_command(state, error.command, source, start, has_words=True)
        yield from _then_stop(state, steps)
    else:
        state.failures.stop_on_error()


def suggest_command(
    state: SessionState, name: str, source: SourceLine, start: int, *, has_words: bool = False
) -> Steps:
    """Suggest what the command `name` at `start` of a line was meant to be.

    This is a command of the human monitor, or a command or shell command with a similar name. With
    `has_words`, the arguments are words, as in the human monitor.
    """
    operator = next((char for char in name if char in _OPERATORS), "")
    if operator:
        hint = f"the name of a command contains no {operator}: write a blank before and after it"
        state.outbox.show(state.failures.place(source, start, hint))
        return
    from .commands.registry import COMMANDS

    typed, slash, own_name = name.partition("/")
    if typed and f"{slash}{own_name}" in COMMANDS:
        text = _item_at(source.line.text, start)[1][len(typed) :]
        state.outbox.show(state.failures.place(source, start, f"use {shortened(text)}"))
        return
    names = yield from _command_names(state)
    own = suggestion_for(name, [*names, *COMMANDS])
    is_known = name in names
    hint = "" if is_known else own
    if is_known or has_words or not any(folded_name(name) == folded_name(it) for it in names):
        command = yield from _find_monitor_command(state, name, names)
        before, text = _item_at(source.line.text, start)
        is_useful = command is not None and (command.parameters or not is_known)
        if text and is_useful and not _is_destructive(state, text, source):
            hint = f"use {before}/hmp {shortened(text)}"
    if hint:
        state.outbox.show(state.failures.place(source, start, hint))


def _is_destructive(state: SessionState, text: str, source: SourceLine) -> bool:
    """Return True if a human monitor line needs confirmation, so that no hint suggests it."""
    request = make_hmp_request(text, source, None, start=0, cpu=None)
    return confirmation_question(request, state.settings.confirm) != ""


def _command_names(state: SessionState) -> Generator[Step, Any, Sequence[str]]:
    """Return the names of the server's commands, if they can be known."""
    server = state.server
    if server.names is None and server.introspection.schema is not None:
        server.learn_names(server.introspection.schema.commands())
    if server.names is None and state.sender.can_query:
        reply = yield Query(list_commands(agent=state.settings.agent))
        server.learn_names(command_names_in(result_or_none(reply)))
    return server.names or ()


def _find_monitor_command(
    state: SessionState, name: str, names: Sequence[str]
) -> Generator[Step, Any, HmpCommand | None]:
    """Return the human monitor's command of a name, or None, from the server's list of commands."""
    server = state.server
    query = hmp_command("help", None)
    if server.catalogue is None and query["execute"] in names and state.sender.can_query:
        reply = yield Query(query["execute"], query["arguments"])
        from ..complete import parse_catalogue  # few scripts need it

        server.learn_catalogue(parse_catalogue(hmp_text(result_or_none(reply))))
    commands = server.catalogue.by_name if server.catalogue is not None else {}
    return commands.get(name.partition("/")[0])


def _item_at(text: str, start: int) -> tuple[str, str]:
    """Return the text of the command that starts at an offset of a line, or "".

    Before it, return what precedes it in its item: "", or `/watch` with its options.
    """
    for part in parse(text).parts:
        starts = [token.start for token in part.tokens]
        is_watch = bool(starts) and part.tokens[0].text == WATCH
        if start in (starts if is_watch else starts[:1]):
            return text[starts[0] : start], text[start : part.tokens[-1].end]
    return "", ""


def _suggest_parameter(state: SessionState, request: Request, desc: str) -> Steps:
    """Suggest arguments and values with similar names, in the words of the prompt's diagnostics.

    For a missing object that needs no members, suggest an empty one.
    """
    introspection = state.server.introspection
    if not introspection.has_schema and state.sender.can_query:
        yield from state.server.query(Missing(MISSING_SCHEMA))
    driver = request.arguments.get("driver") if request.name == DEVICE_ADD else None
    if isinstance(driver, str) and driver not in introspection.drivers and state.sender.can_query:
        yield from state.server.query(Missing(MISSING_DRIVER, driver))
    # Few scripts need them.
    from ..complete import (
        AnsweredNames,
        CompletionSources,
        accepts_empty_object,
        find_mistyped_names,
        properties_query,
    )

    live = AnsweredNames()
    for name, properties in introspection.drivers.items():
        live.results[properties_query(name)] = [{"name": key} for key in properties or ()]
    known = CompletionSources(schema=introspection.schema, live=live)
    message = request.data.decode("utf-8")
    hints = find_mistyped_names(message, known)
    missing = missing_parameter(desc)
    if missing and not hints and accepts_empty_object(message, missing.split("."), known):
        hints.append(f"add {missing}={{}}")
    for text in hints:
        state.outbox.show(state.place(request, text))
