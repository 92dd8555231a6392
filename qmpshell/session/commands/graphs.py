"""The shell command /graph."""

from __future__ import annotations

from ...language import suggestion_for
from ...render import PLAIN, Lines
from ...render.views.blocks import show_block_graph
from ...render.views.device_tree import show_devices, show_pci, show_qom
from ...render.views.graph import draw_graph, graph_dot, graph_value
from ...render.views.view import Call, guard
from .arguments import command_words, require_monitor, text_of, usage_error
from .info import answer_requests

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from typing import Any

    from ...language import ShellCommand
    from ...render import Spans
    from ...render.views.graph import Graph
    from ...render.views.view import Ask, GraphSteps
    from ..context import CommandContext
    from ..steps import Steps


_DOT, _SHOW_REQUESTS = "--dot", "-v"
_FLAGS = frozenset({"-b"})  # a graph shows few properties of devices


def run_graph(context: CommandContext, call: ShellCommand) -> Steps:
    """Run `/graph [-v] block|devices|qom|pci [--dot] [PATH]`."""
    words = [text_of(token) for token in command_words(call)]
    is_dot = _DOT in words
    names = [word for word in words if word not in (_DOT, _SHOW_REQUESTS)]
    if not names:
        raise usage_error(call, f"the graph is missing: {', '.join(_GRAPHS)}")
    if names[0] not in _GRAPHS or len(names) > (2 if names[0] == "qom" else 1):
        wrong = names[0] if names[0] not in _GRAPHS else names[-1]
        token = call.tokens[words.index(wrong)]
        hint = suggestion_for(wrong, list(_GRAPHS))
        if names[0] in _GRAPHS and not hint:
            hint = "only qom has a PATH"
        reason = f"{call.name} has no argument {wrong[:40]!r}"
        raise usage_error(call, f"{reason}; {hint}" if hint else reason, token)
    require_monitor(context, call, "graphs")
    steps = _GRAPHS[names[0]](Call({"path": names[1] if len(names) > 1 else "/"}, _FLAGS))
    drawn = yield from answer_requests(
        context, guard(_drawn(steps, is_dot=is_dot)), shows_requests=_SHOW_REQUESTS in words
    )
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
    graph = yield from steps
    if is_dot:
        return graph, [[(PLAIN, line)] for line in graph_dot(graph)]
    return graph, [*draw_graph(graph), *([(PLAIN, text)] for text in graph.legend)]


_GRAPHS: dict[str, Callable[[Call], GraphSteps]] = {
    "block": show_block_graph,
    "devices": show_devices,
    "qom": show_qom,
    "pci": show_pci,
}
