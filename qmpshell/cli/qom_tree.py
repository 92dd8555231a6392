"""`qmpshell qom tree`: shows an object with all objects below it."""

from __future__ import annotations

import sys
from fnmatch import fnmatchcase
from typing import Any

import click

from ..record import Record
from ..render import PLAIN, escape, plain_text_of
from ..render.views.graph import TreeNode, ascii_lines, draw_tree
from .options import CONTEXT, OnceCommand
from .qom_objects import (
    SECRET,
    Unread,
    failure,
    json_text,
    make_task,
    qom_options,
    value_json,
    value_text,
)
from .shell_completion import complete_qom_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..qmp import QomProperty
    from .options import Task
    from .qom_objects import QomClient, QomObject


_EPILOG = """Without an option, only objects and their types are shown. GLOB is a name with wildcards. What a
filter leaves out is shown only above something that it selects. Filters apply to properties too, if -t, -v or -l shows them. A
property that cannot be read is shown with the reason.

\b
qmpshell qom tree -s vm.sock -d 2
qmpshell qom tree -s vm.sock -v --name mac /machine
qmpshell qom tree -s vm.sock --type 'virtio-*' /machine"""


@click.command(
    "tree", cls=OnceCommand, params=qom_options(), epilog=_EPILOG, context_settings=CONTEXT
)
@click.argument("path", default="/", shell_complete=complete_qom_path)
@click.option(
    "-d",
    "--depth",
    metavar="N",
    type=click.IntRange(min=0),
    help="Show at most N levels below PATH.",
)
@click.option("-t", "--types", is_flag=True, help="Show the properties with their types.")
@click.option("-v", "--values", is_flag=True, help="Show the properties with their values.")
@click.option(
    "-l", "--links", is_flag=True, help="Show the links with the objects that they point to."
)
@click.option(
    "--name",
    "names",
    metavar="GLOB",
    multiple=True,
    help="Show only what has such a name; can be repeated.",
)
@click.option(
    "--type",
    "kinds",
    metavar="GLOB",
    multiple=True,
    help="Show only what has such a type; can be repeated.",
)
@click.option("--json", "form", flag_value="json", help="Print a JSON object with nested children.")
@click.option(
    "--flat",
    "form",
    flag_value="flat",
    help="Print paths with all properties, as the former qom-tree did.",
)
def tree_command(
    path: str,
    depth: int | None,
    types: bool,
    values: bool,
    links: bool,
    names: Sequence[str],
    kinds: Sequence[str],
    form: str | None,
    socket: str | None,
    **options: Any,
) -> Task:
    """Show an object and all below it. PATH is / by default."""
    everything = form == "flat"

    def run(client: QomClient) -> Iterator[str]:
        chosen = _Choice(
            types=types or everything,
            values=values or everything,
            links=links or everything,
            names=names,
            kinds=kinds,
        )
        shows_properties = chosen.types or chosen.values or chosen.links
        root = client.tree(path, depth=depth, wants=chosen.wants if shows_properties else None)
        shown = _select(root, chosen)
        if root not in shown:
            raise failure("no object or property is selected by the filters")
        if form == "json":
            yield json_text(_to_json(root, shown))
        elif form == "flat":
            yield from _flat(root, shown)
        else:
            is_unicode = (sys.stdout.encoding or "").lower().startswith("utf")
            node = _to_node(root, shown, chosen, arrow="→" if is_unicode else "->")
            lines = map(plain_text_of, draw_tree([node]))
            yield from lines if is_unicode else map(ascii_lines, lines)

    return make_task(run, socket=socket, options=options)


class _Choice(Record):
    """What is shown: properties with types and values, links, and the filters."""

    types: bool
    values: bool
    links: bool
    names: Sequence[str]
    kinds: Sequence[str]

    def shows(self, item: QomObject, entry: QomProperty) -> bool:
        """Return True if a property, which is not a child, is shown."""
        is_shown = self.links if entry.link_type else self.types or self.values
        kind = entry.link_type or entry.type
        return is_shown and (self.accepts(item.name, item.type) or self.accepts(entry.name, kind))

    def wants(self, item: QomObject, entry: QomProperty) -> bool:
        """Return True if the value of a property is shown."""
        return (bool(entry.link_type) or self.values) and self.shows(item, entry)

    def accepts(self, name: str, kind: str) -> bool:
        """Return True if the filters select something with this name and type."""
        by_name = not self.names or any(fnmatchcase(name, glob) for glob in self.names)
        by_kind = not self.kinds or any(fnmatchcase(kind, glob) for glob in self.kinds)
        return by_name and by_kind


# The properties that are shown of each object that is shown.
_Shown = dict["QomObject", list["QomProperty"]]


def _walk(root: QomObject) -> list[QomObject]:
    """Return the objects of a tree, each before those below it."""
    found = []
    todo = [root]
    while todo:
        item = todo.pop()
        found.append(item)
        todo += reversed(item.children)
    return found


def _select(root: QomObject, chosen: _Choice) -> _Shown:
    shown: _Shown = {}
    for item in reversed(_walk(root)):
        properties = [
            entry for entry in item.properties if not entry.child_type and chosen.shows(item, entry)
        ]
        is_above = any(child in shown for child in item.children)
        if properties or is_above or chosen.accepts(item.name, item.type):
            shown[item] = properties
    return shown


def _to_node(root: QomObject, shown: _Shown, chosen: _Choice, *, arrow: str) -> TreeNode:
    nodes: dict[QomObject, TreeNode] = {}
    for item in reversed(_walk(root)):
        if item in shown:
            text = f"{escape(item.path if item is root else item.name)} ({escape(item.type)})"
            if item.problem:
                text += f" <{escape(item.problem)}>"
            lines = [_property_line(item, entry, chosen, arrow=arrow) for entry in shown[item]]
            nodes[item] = TreeNode(
                [(PLAIN, text)],
                [
                    *(TreeNode([(PLAIN, line)]) for line in lines),
                    *(nodes[child] for child in item.children if child in shown),
                ],
            )
    return nodes[root]


def _property_line(item: QomObject, entry: QomProperty, chosen: _Choice, *, arrow: str) -> str:
    text = escape(entry.name)
    if entry.name in item.values:
        value = value_text(item.values[entry.name])
        text += f" {arrow} {value or 'nothing'}" if entry.link_type else f": {value}"
    return f"{text} ({escape(entry.type)})" if chosen.types else text


def _flat(root: QomObject, shown: _Shown) -> Iterator[str]:
    """Yield the lines of the former qom-tree."""
    for item in _walk(root):
        if item not in shown:
            continue
        yield escape(item.path)
        if item.problem:
            yield f"  <EXCEPTION: {escape(item.problem)}>"
        for entry in shown[item]:
            value = item.values[entry.name]
            text = value_text(value)
            if isinstance(value, Unread) and value is not SECRET:
                text = f"<EXCEPTION: {escape(value.reason)}>"
            yield f"  {escape(entry.name)}: {text} ({escape(entry.type)})"
        yield ""


def _to_json(root: QomObject, shown: _Shown) -> dict[str, object]:
    objects: dict[QomObject, dict[str, object]] = {}
    for item in reversed(_walk(root)):
        if item not in shown:
            continue
        found: dict[str, object] = {"path": item.path, "type": item.type}
        if item.problem:
            found["error"] = item.problem
        if shown[item]:
            found["properties"] = {
                entry.name: {"type": entry.type}
                | (value_json(item.values[entry.name]) if entry.name in item.values else {})
                for entry in shown[item]
            }
        children = [objects[child] for child in item.children if child in shown]
        if children:
            found["children"] = children
        objects[item] = found
    return objects[root]
