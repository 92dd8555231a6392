"""The shell command /info."""

from __future__ import annotations

from ...language import suggestion_for
from ...render import Lines, Table, escape
from ..failures import GENERIC_ERROR
from ..server import returned
from ..steps import Query
from .arguments import command_words, require_monitor, text_of, usage_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from typing import Any, TypeVar

    from ...language import ShellCommand
    from ...render.views.view import Ask, View
    from ..context import CommandContext
    from ..steps import Step, Steps

    T = TypeVar("T")


def run_info(context: CommandContext, call: ShellCommand) -> Steps:
    """Run `/info [-v] [NAME [ARGUMENT…]]`."""
    words = [text_of(token) for token in command_words(call)]
    shows_requests = words[:1] == ["-v"]
    if shows_requests:
        del words[0]
        if not words:
            raise usage_error(call, "a name must follow -v")
    require_monitor(context, call, "info")
    commands = yield from context.server_commands()
    if not words:
        found = yield from _available(context, commands)
        from ...render.views.info import listing  # imported only with a view

        context.show_view([Table(listing(found))], lambda: [name for name, _ in found])
        return
    yield from _show(context, words, commands, shows_requests=shows_requests)


def _available(
    context: CommandContext, commands: frozenset[str]
) -> Generator[Step, Any, list[tuple[str, View]]]:
    """Return the names that the server can answer."""
    from ...render.views.info import available, queries_of

    yield from context.load_schema()
    schema = context.introspection.schema
    return available(commands, queries_of(schema) if schema is not None else ())


def _show(
    context: CommandContext, words: list[str], commands: frozenset[str], *, shows_requests: bool
) -> Steps:
    """Show a view."""
    from ...render.views.info import data_of, find_view, no_view_text, view_steps

    name = words[0]
    view = find_view(name, commands)
    if view is None:
        names = [name for name, _ in (yield from _available(context, commands))]
        hint = suggestion_for(name, names) or "/info lists the names"
        context.fail(escape(no_view_text(name, hint)))
        return
    asked: list[tuple[Ask, Any]] = []
    steps = view_steps(name, view, words[1:], commands)
    lines = yield from answer_requests(context, steps, asked, shows_requests=shows_requests)
    if lines is not None:
        context.show_view([Lines(lines, wrap=True)], lambda: data_of(asked))


def answer_requests(
    context: CommandContext,
    steps: Generator[Sequence[Ask], list[Any], T],
    asked: list[tuple[Ask, Any]] | None = None,
    *,
    shows_requests: bool = False,
) -> Generator[Step, Any, T | None]:
    """Send the requests of a view, and return its result, or None after a failure, which is reported.

    The requests and their results are added to `asked`.
    """
    from ...render.views.info import request_lines
    from ...render.views.view import AskError, InfoError

    try:
        batch = next(steps)
        while True:
            if shows_requests or context.settings.verbose:
                context.show_message("\n".join(map(escape, request_lines(batch))))
            replies = yield from context.ask([Query(ask.name, ask.arguments) for ask in batch])
            answers = [
                AskError(reply.desc, reply.error_class)
                if reply.is_error
                else context.with_rates(returned(reply), ask.name)
                for ask, reply in zip(batch, replies, strict=True)
            ]
            if asked is not None:
                asked += zip(batch, answers, strict=True)
            batch = steps.send(answers)
    except StopIteration as stop:
        result: T = stop.value
        return result
    except InfoError as error:
        context.fail(escape(str(error)), error_class=error.error_class or GENERIC_ERROR)
        return None
