"""The views of `info`: each name's requests, and the lines made of the replies.

The data comes from QMP commands only. Names are those of the human monitor, and those of all
commands `query-NAME` and `x-query-NAME` without mandatory arguments.
"""

from __future__ import annotations

import json
from functools import partial
from itertools import zip_longest

from ...qmp import command_object
from ..document import NAME, PLAIN, Span
from .describe import sections, text_lines
from .graph import Graph, draw_graph
from .table import human_text
from .view import Ask, AskError, Call, InfoError, InfoUsageError, LazyLines, View, guard, require

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from ...qmp import Schema
    from .view import Steps


# How many requests of the same name are shown together.
_MAX_SHOWN = 3
_PREFIXES = ("query-", "x-query-")
# The replies to these are for programs.
_LARGE = ("query-qmp-schema", "query-command-line-options")


def view_steps(name: str, view: View, words: Sequence[str], commands: frozenset[str]) -> Steps:
    """Yield the requests of a view, and return its lines. Raises InfoError."""
    call = _parse(name, view, words, commands)
    return (yield from guard(_lines(view, call)))


def _lines(view: View, call: Call) -> Steps:
    """Yield the requests of a view, and return its lines, which are complete if they are few."""
    found = yield from (view.steps or partial(_request, view))(call)
    if isinstance(found, Graph):
        return LazyLines(partial(draw_graph, found))
    return found if isinstance(found, LazyLines) else list(found)


def _request(view: View, call: Call) -> Steps:
    """Yield the only request of a view, and return its lines."""
    (reply,) = yield [Ask(view.command, call.arguments)]
    value = require(reply)
    text = human_text(value)
    if text is not None:
        return text_lines(text)
    return (view.lines or partial(sections, "", command=view.command))(value)


def _parse(name: str, view: View, words: Sequence[str], commands: frozenset[str]) -> Call:
    """Return the call for the words after a name. Raises InfoError."""
    usage = f"{name} {view.usage}".rstrip()
    parameters, flags = view.parameters, view.flags
    given = [word for word in words if word not in flags]
    options = [word for word in given if flags and word.startswith("-")]
    for word in (*options, *given[len(parameters) :]):
        reason = f"{name} has no argument '{word}'"
        raise InfoUsageError(reason, usage, position=words.index(word))
    found: dict[str, Any] = {}
    for parameter, word in zip_longest(parameters, given):
        if word is not None:
            found[parameter.name] = _argument(word, parameter.kind)
        elif parameter.default:
            found[parameter.name] = parameter.default
        elif not parameter.is_optional:
            raise InfoUsageError("an argument is missing", usage)
    return Call(found, frozenset(words) & frozenset(flags), commands)


def _argument(word: str, kind: str) -> object:
    if kind != "int":
        return word
    try:
        return int(word, 0)
    except ValueError:
        raise InfoError(f"'{word}' is not a number") from None


def find_view(name: str, commands: frozenset[str]) -> View | None:
    """Return the view of a name, if the server has its command.

    With an unknown server (no commands), return any view.
    """
    from .info_table import INFO_VIEWS

    view = INFO_VIEWS.get(name)
    if view is not None and (not commands or view.command in commands):
        return view
    for command in (prefix + name for prefix in _PREFIXES):
        if command in commands:
            return View(f"the reply to {command}", command)
    return None


def available(commands: frozenset[str], generic: Iterable[str]) -> list[tuple[str, View]]:
    """Return the views that a server can show, in alphabetical order of their names.

    `generic` are the commands whose replies can be requested without arguments.
    """
    from .info_table import INFO_VIEWS

    views = {name: find_view(name, commands) for name in INFO_VIEWS}
    found = {name: view for name, view in views.items() if view and view.command in commands}
    used = {view.command for view in found.values()}
    for command in generic:
        name = command.removeprefix("x-").removeprefix("query-")
        if command in commands and command not in used:
            found.setdefault(name, View(f"the reply to {command}", command))
    return sorted(found.items())


def queries_of(schema: Schema) -> Iterator[str]:
    """Yield the names of query commands that need no argument."""
    for name in schema.commands():
        command = schema.command(name)
        if name.startswith(_PREFIXES) and command is not None and name not in _LARGE:
            members = schema.members(command.arg_type, lambda _: None)
            if all(item.optional for item in members.values()):
                yield name


def no_view_text(name: str, hint: str) -> str:
    """Return the message about the name of a view that the server cannot show."""
    return f"this server has no view {name[:40]!r}; {hint}"


def data_of(asked: Sequence[tuple[Ask, Any]]) -> Any:
    """Return the data of a view as JSON: the result of its request, or a list of several."""
    if len(asked) == 1:
        return asked[0][1]
    return [
        {**_message(ask), "return": value}
        for ask, value in asked
        if not isinstance(value, AskError)
    ]


def request_lines(asked: Sequence[Ask]) -> list[str]:
    """Return requests as JSON lines. Of many with the same name, the first ones are shown."""
    by_name: dict[str, list[Ask]] = {}
    for ask in asked:
        by_name.setdefault(ask.name, []).append(ask)
    shown = [ask for asks in by_name.values() for ask in asks[:_MAX_SHOWN]]
    more = [
        f"{len(asks) - _MAX_SHOWN} more {name}"
        for name, asks in by_name.items()
        if len(asks) > _MAX_SHOWN
    ]
    lines = [f"-> {json.dumps(_message(ask))}" for ask in shown]
    return [*lines, "-> and " + ", ".join(more)] if more else lines


def _message(ask: Ask) -> dict[str, Any]:
    return command_object(ask.name, ask.arguments)


def listing(found: Iterable[tuple[str, View]]) -> list[list[Span]]:
    """Return the rows of the list of names: what to type, and help."""
    return [[(NAME, f"{name} {view.usage}".rstrip()), (PLAIN, view.help)] for name, view in found]
