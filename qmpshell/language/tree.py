"""Arguments with dotted keys, gathered into a tree.

Owns: what belongs together, and keys that contradict each other. Must not know: what values mean.
The order of the words makes no difference. Raises LineError.
"""

from __future__ import annotations

from ..errors import LineError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from .command import Argument


class Node:
    """The members that dotted keys give an object or array; `start` is where the first is named, at
    `depth` parts of its `path`."""

    __slots__ = ("_depth", "_path", "children", "start")

    def __init__(self, path: Sequence[tuple[str, int]], depth: int, start: int) -> None:
        self.children: dict[str, Node | Argument] = {}
        self.start = start
        self._path = path
        self._depth = depth

    @property
    def key(self) -> str:
        """The dotted key."""
        return ".".join(name for name, _ in self._path[: self._depth])

    def indices(self) -> list[str]:
        """The names in order where they are 0, 1, 2… without a gap; else an empty list."""
        indices = [str(number) for number in range(len(self.children))]
        return indices if all(index in self.children for index in indices) else []

    def is_numbered(self) -> bool:
        return all(name.isascii() and name.isdecimal() for name in self.children)


def build(arguments: Iterable[Argument]) -> Node:
    """The tree of some arguments."""
    root = Node((), 0, 0)
    for argument in arguments:
        add(root, argument)
    return root


def add(root: Node, argument: Argument) -> None:
    """Hang one argument into the tree."""
    node = root
    *parents, (name, start) = argument.path
    for depth, (parent, parent_start) in enumerate(parents, 1):
        child = node.children.get(parent)
        if child is None:
            child = node.children[parent] = Node(argument.path, depth, parent_start)
        elif not isinstance(child, Node):
            raise _both(parent, parent_start)
        node = child
    there = node.children.get(name)
    if isinstance(there, Node):
        raise _both(name, start)
    if there is not None:
        key = argument.key.text
        raise LineError(f"{key} is given twice", start=argument.key.start, end=argument.key.end)
    node.children[name] = argument


def leaves(node: Node) -> Iterator[Argument]:
    """The arguments, in no order that matters."""
    todo = [node]
    while todo:
        for child in todo.pop().children.values():
            if isinstance(child, Node):
                todo.append(child)
            else:
                yield child


def nodes(node: Node) -> Iterator[Node]:
    """The nodes below, parents before their children."""
    todo = [node]
    while todo:
        one = todo.pop()
        for child in one.children.values():
            if isinstance(child, Node):
                yield child
                todo.append(child)


def _both(name: str, start: int) -> LineError:
    return LineError(
        f"{name} is given both a value and members", start=start, end=start + len(name)
    )
