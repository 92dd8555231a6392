"""The shell commands /info and /graph."""

from __future__ import annotations

from ...language import suggestion_for
from ...render import PLAIN, Lines, Table, escape
from ..failures import GENERIC_ERROR
from ..server import list_commands, result_or_none
from ..steps import Query
from .arguments import (
    SHOW_REQUESTS,
    command_words,
    reject_option,
    require_monitor,
    text_of,
    usage_error,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from typing import Any, TypeVar

    from ...language import ShellCommand
    from ...render import Spans
    from ...render.views.graph import Graph
    from ...render.views.view import Ask, Call, GraphSteps, View
    from ..context import CommandContext
    from ..steps import Step, Steps

    T = TypeVar("T")


_DOT = "--dot"
_GRAPH_FLAGS = frozenset({"-b"})  # a graph shows few properties of devices


def run_info(context: CommandContext, call: ShellCommand) -> Steps:
    """Run `/info [-v] [NAME [ARGUMENT…]]`."""
    words = [text_of(token) for token in command_words(call)]
    context.shows_requests = words[:1] == [SHOW_REQUESTS]
    if context.shows_requests:
        del words[0]
        if not words:
            raise usage_error(call, "a name must follow -v")
    if words:
        reject_option(call, call.tokens[-len(words)])
    require_monitor(context, call, "info")
    server = context.state.server
    if server.names is None and not context.settings.dry_run:
        found = yield from context.ask([Query(list_commands(agent=False))])
        server.store_commands(result_or_none(found[0]))
    commands = frozenset(server.names or ())
    if not words:
        views = yield from _available(context, commands)
        from ...render.views.info import listing  # imported only with a view

        context.show_view([Table(listing(views))], lambda: [name for name, _ in views])
        return
    yield from _show(context, call, words, commands)


def _available(
    context: CommandContext, commands: frozenset[str]
) -> Generator[Step, Any, list[tuple[str, View]]]:
    """Return the views that the server can show, by name."""
    from ...render.views.info import available, queries_of

    yield from context.load_schema()
    schema = context.introspection.schema
    return available(commands, queries_of(schema) if schema is not None else ())


def _show(
    context: CommandContext, call: ShellCommand, words: list[str], commands: frozenset[str]
) -> Steps:
    """Show a view. Raises LineError."""
    from ...render.views.info import data_of, find_view, no_view_text, view_steps
    from ...render.views.view import InfoUsageError

    name = words[0]
    view = find_view(name, commands)
    if view is None:
        names = [name for name, _ in (yield from _available(context, commands))]
        hint = suggestion_for(name, names) or "/info lists the names"
        context.fail(escape(no_view_text(name, hint)))
        return
    asked: list[tuple[Ask, Any]] = []
    steps = view_steps(name, view, words[1:], commands)
    try:
        lines = yield from _answer_requests(context, steps, asked)
    except InfoUsageError as error:
        position = error.position
        wrong = call if position is None else call.tokens[position + 1 - len(words)]
        raise wrong.error(escape(error.reason), hint=f"usage: {call.name} {error.usage}") from None
    if lines is not None:
        context.show_view([Lines(lines, wrap=True)], lambda: data_of(asked))


def run_graph(context: CommandContext, call: ShellCommand) -> Steps:
    """Run `/graph [-v] block|devices|qom|pci [--dot] [PATH]`."""
    from ...render.views.blocks import show_block_graph  # few sessions need it
    from ...render.views.device_tree import show_devices, show_pci, show_qom
    from ...render.views.graph import graph_value
    from ...render.views.view import Call, guard

    graphs: dict[str, Callable[[Call], GraphSteps]] = {
        "block": show_block_graph,
        "devices": show_devices,
        "qom": show_qom,
        "pci": show_pci,
    }
    words = [text_of(token) for token in command_words(call)]
    is_dot = _DOT in words
    context.shows_requests = SHOW_REQUESTS in words
    names = [word for word in words if word not in (_DOT, SHOW_REQUESTS)]
    if not names:
        raise usage_error(call, f"the graph is missing: {', '.join(graphs)}")
    if names[0] not in graphs or len(names) > (2 if names[0] == "qom" else 1):
        wrong = names[0] if names[0] not in graphs else names[-1]
        token = call.tokens[words.index(wrong)]
        hint = suggestion_for(wrong, list(graphs))
        if names[0] in graphs and not hint:
            hint = "only qom has a PATH"
        reason = f"{call.name} has no argument {wrong[:40]!r}"
        raise usage_error(call, f"{reason}; {hint}" if hint else reason, token)
    require_monitor(context, call, "graphs")
    steps = graphs[names[0]](Call({"path": names[1] if len(names) > 1 else "/"}, _GRAPH_FLAGS))
    drawn = yield from _answer_requests(context, guard(_drawn(steps, is_dot=is_dot)))
    if drawn is None:
        return
    graph, lines = drawn
    if not graph.nodes and not is_dot:
        context.show_message("there is nothing to draw")
    context.show_view([Lines(lines)] if lines else [], lambda: graph_value(graph))


def _drawn(
    steps: GraphSteps, *, is_dot: bool
) -> Generator[Sequence[Ask], list[Any], tuple[Graph, list[Spans]]]:
    """Yield the requests of a graph, and return it with its lines."""
    from ...render.views.graph import draw_graph, graph_dot

    graph = yield from steps
    if is_dot:
        return graph, [[(PLAIN, line)] for line in graph_dot(graph)]
    return graph, [*draw_graph(graph), *([(PLAIN, text)] for text in graph.legend)]


def _answer_requests(
    context: CommandContext,
    steps: Generator[Sequence[Ask], list[Any], T],
    asked: list[tuple[Ask, Any]] | None = None,
) -> Generator[Step, Any, T | None]:
    """Send the requests of a view, and return its result, or None after a failure, which is reported.

    The requests and their results are added to `asked`.
    """
    from ...render.views.info import request_lines
    from ...render.views.view import AskError, InfoError, InfoUsageError

    try:
        batch = next(steps)
        while True:
            if context.shows_requests or context.settings.verbose:
                context.show_message("\n".join(map(escape, request_lines(batch))))
            replies = yield from context.ask([Query(ask.name, ask.arguments) for ask in batch])
            answers = [
                AskError(reply.desc, reply.error_class)
                if reply.is_error
                else context.with_rates(result_or_none(reply), ask.name)
                for ask, reply in zip(batch, replies, strict=True)
            ]
            if asked is not None:
                asked += zip(batch, answers, strict=True)
            batch = steps.send(answers)
    except StopIteration as stop:
        result: T = stop.value
        return result
    except InfoUsageError:  # the caller reports it, with its place
        raise
    except InfoError as error:
        context.fail(escape(str(error)), error_class=error.error_class or GENERIC_ERROR)
        return None
