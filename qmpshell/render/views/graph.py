"""Trees and graphs, drawn with lines or written for graphviz."""

from __future__ import annotations

from ...record import Record
from ..document import EMPHASIS, NAME, PLAIN, Spans, plain_text_of
from ..text import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

# Before a child, and before the lines below it: for a child that has a next one, and for the last.
_MARKS = (("├─ ", "│  "), ("└─ ", "   "))
_TO_ASCII = str.maketrans("├└│─", "|`|-")


def ascii_lines(text: str) -> str:
    """Return a text whose trees are drawn with ASCII characters."""
    return text.translate(_TO_ASCII)


class TreeNode(Record):
    """A node of a tree: its text, the nodes below it, and more lines of text."""

    spans: Spans
    children: Sequence[TreeNode] = ()
    details: Iterable[Spans] = ()


def draw_tree(roots: Sequence[TreeNode]) -> Iterator[Spans]:
    """Yield the lines of each node, below its parent. Nodes can be nested to any depth."""
    # Nodes that are not drawn yet, the next one last: the node, and the text before it and below it.
    rest = [(root, "", "") for root in reversed(roots)]
    while rest:
        node, before, below = rest.pop()
        yield [(PLAIN, before), *node.spans] if before else list(node.spans)
        beside = below + _MARKS[not node.children][1]
        for spans in node.details:
            yield [(PLAIN, beside), *spans]
        for number, child in enumerate(reversed(node.children)):
            at, under = _MARKS[number == 0]
            rest.append((child, below + at, below + under))


class GraphNode(Record):
    """A node. `key` is its unique name, `spans` its text on one line, `details` more lines."""

    key: str
    spans: Spans
    details: Iterable[Spans] = ()


class GraphEdge(Record):
    """An edge. `role` says what the child is for the parent, `note` more about the edge.

    The child of a chain is drawn below its parent with the same indentation, because chains are
    long.
    """

    parent: str
    child: str
    role: str = ""
    note: str = ""
    is_chain: bool = False


class Graph(Record):
    """A graph whose nodes are drawn in their order if possible. `legend` explains notes of edges."""

    name: str
    nodes: list[GraphNode]
    edges: list[GraphEdge]
    legend: Sequence[str] = ()


def draw_graph(graph: Graph) -> Iterator[Spans]:
    """Yield one line for each edge and for each node without parents, and the details of each node.

    A node with several parents is drawn completely below the first, and marked as shared below the
    others.
    """
    return draw_tree(_Forest(graph).trees())


class _Forest:
    """Converts a graph to trees. Nothing is recursive, because chains can be long."""

    def __init__(self, graph: Graph) -> None:
        self._nodes = {node.key: node for node in graph.nodes}
        self._edges: dict[str, list[GraphEdge]] = {}
        self._children: set[str] = set()
        for edge in graph.edges:
            if edge.parent in self._nodes and edge.child in self._nodes:
                self._edges.setdefault(edge.parent, []).append(edge)
                self._children.add(edge.child)
        self._placed: set[str] = set()

    def trees(self) -> list[TreeNode]:
        roots: list[TreeNode] = []
        # Nodes that only have each other as parents come last.
        for key in sorted(self._nodes, key=lambda key: key in self._children):
            if key not in self._placed:
                self._placed.add(key)
                roots.append(self._tree(key))
        return roots

    def _tree(self, root: str) -> TreeNode:
        children: list[TreeNode] = []
        top = TreeNode(self._nodes[root].spans, children, self._nodes[root].details)
        todo = [(root, children)]
        while todo:
            key, children = todo.pop()
            found: list[tuple[str, list[TreeNode]]] = []
            before = key
            for edge in self._siblings(key, with_chain=key == root):
                is_new = edge.child not in self._placed
                below: list[TreeNode] = []
                details = self._nodes[edge.child].details if is_new else ()
                spans = self._spans(edge, key, before, is_new=is_new)
                children.append(TreeNode(spans, below, details))
                before = edge.child
                if is_new:
                    self._placed.add(edge.child)
                    found.append((edge.child, below))
            todo += reversed(found)
        return top

    def _siblings(self, key: str, *, with_chain: bool) -> Iterator[GraphEdge]:
        """Yield the edges of a node, each followed by the chain of its child.

        The chain of the node itself is drawn beside it, unless the node has no parent.
        """
        own = self._edges.get(key, [])
        chain = None if with_chain else self._chain(key)
        for edge in own:
            link = edge if edge is not chain else None
            while link is not None:
                is_new = link.child not in self._placed
                yield link
                link = self._chain(link.child) if is_new else None

    def _chain(self, key: str) -> GraphEdge | None:
        return next((edge for edge in self._edges.get(key, []) if edge.is_chain), None)

    def _spans(self, edge: GraphEdge, above: str, before: str, *, is_new: bool) -> Spans:
        node = self._nodes[edge.child].spans
        spans: Spans = []
        if edge.role:
            of = "" if edge.parent in (above, before) else f" of {edge.parent}"
            spans.append((EMPHASIS, f"{edge.role}{of}: "))
        spans += node if is_new else [node[0], (EMPHASIS, "  (shared)")]
        return [*spans, (PLAIN, f"  {edge.note}")] if edge.note else spans


def graph_dot(graph: Graph) -> Iterator[str]:
    """Yield the lines of the graph for graphviz."""
    yield f"digraph {_quoted(graph.name)} {{"
    # Trees are broader than deep.
    yield "  rankdir=LR;"
    yield '  node [shape=box, fontname="monospace"];'
    yield '  edge [fontname="monospace"];'
    for node in graph.nodes:
        label = _quoted(*(text for spans in (node.spans, *node.details) for _, text in spans))
        yield f"  {_quoted(node.key)} [label={label}];"
    for edge in graph.edges:
        label = f" [label={_quoted(edge.role, edge.note)}]" if edge.role else ""
        yield f"  {_quoted(edge.parent)} -> {_quoted(edge.child)}{label};"
    yield "}"


def _quoted(*lines: str) -> str:
    r"""Return lines as a string for graphviz, which replaces sequences such as `\N` and `&lt;`."""
    texts = (escape(line.strip()).replace("\\", r"\\").replace("&", "&amp;") for line in lines)
    text = r"\n".join(filter(None, texts)).replace('"', r"\"")
    return f'"{text}"'


def graph_value(graph: Graph) -> dict[str, object]:
    """Return the graph as JSON."""
    texts = {
        node.key: "\n".join(map(plain_text_of, (node.spans, *node.details))) for node in graph.nodes
    }
    return {
        "nodes": [{"id": key, "text": text} for key, text in texts.items()],
        "edges": [
            {"parent": edge.parent, "child": edge.child, "role": edge.role, "note": edge.note}
            for edge in graph.edges
        ],
    }


def unique_key(name: str, others: set[str]) -> str:
    """Return the name, with a number if others have it already."""
    number, found = 1, name
    while found in others:
        number += 1
        found = f"{name} {number}"
    return found


def node_spans(name: str, about: str) -> Spans:
    """Return a name and what is known of it."""
    return [(NAME, name), (PLAIN, f"  {about}")] if about else [(NAME, name)]
