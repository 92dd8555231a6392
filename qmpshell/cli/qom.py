"""`qmpshell qom`: shows and changes the objects of QOM, QEMU's object model."""

from __future__ import annotations

import re
import sys
from fnmatch import fnmatchcase
from typing import Any

import click

from ..language import read_json
from ..qmp import JsonError, parse_property, split_property
from ..record import Record
from ..render import PLAIN, escape, plain_text_of
from ..render.views.graph import TreeNode, ascii_lines, draw_tree
from ..render.views.table import Table, table_lines
from .options import CONTEXT, OnceCommand, parse_sent
from .qom_fuse import fuse_command
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
    from .options import RunSubcommand
    from .qom_objects import QomClient, QomObject


_EPILOG = """PATH is the path of an object, such as /machine/peripheral/net0, or a part of it that only one
object has, such as net0. Secrets, such as the data of a secret object, are never read. Exit status: 0
success, 1 the server reports an error, 2 usage error, 3 no connection, connection lost or no reply
within --timeout."""


def _examples(*lines: str) -> str:
    """Return an epilog with lines that click does not fill."""
    return "\n".join((f"{_EPILOG}\n\nExamples:\n\n\b", *lines))


@click.group(
    "qom",
    context_settings=CONTEXT,
    epilog=_examples(
        "qmpshell qom tree -s vm.sock -d 2 /machine",
        "qmpshell qom get -s vm.sock net0.mac",
        "qmpshell qom fuse -s vm.sock mnt",
    ),
)
def command() -> None:
    """Show and change the objects of QOM, QEMU's object model."""


@command.command(
    "list",
    cls=OnceCommand,
    params=qom_options(),
    epilog=_examples(
        "qmpshell qom list -s vm.sock /machine",
        "qmpshell qom list -s vm.sock -l net0",
    ),
)
@click.argument("path", default="/", type=parse_sent, shell_complete=complete_qom_path)
@click.option("-l", "--long", is_flag=True, help="Show types and values too.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def list_command(path: str, long: bool, as_json: bool, **options: Any) -> RunSubcommand:
    """List the properties of an object. Children end with /, links are marked by @."""

    def run(client: QomClient) -> Iterator[str]:
        properties = client.list_properties(path)
        values = client.values(path, properties) if long else {}
        if as_json:
            yield json_text([_json_entry(entry, values) for entry in properties])
        elif long:
            rows = [
                {
                    "name": _mark(entry),
                    "type": entry.type,
                    "value": value_text(values[entry.name]) if entry.name in values else "",
                }
                for entry in properties
            ]
            table = Table(["name", "type", "value"], rows)
            yield from table_lines(table, max_cell=None, has_header=False)
        else:
            yield from map(_mark, properties)

    return make_task(run, options)


def _mark(entry: QomProperty) -> str:
    """Return the name of a property, marked as in the former qom-list."""
    if entry.child_type:
        return f"{escape(entry.name)}/"
    return f"@{escape(entry.name)}/" if entry.link_type else escape(entry.name)


def _json_entry(entry: QomProperty, values: dict[str, object]) -> dict[str, object]:
    more = value_json(values[entry.name]) if entry.name in values else {}
    return {"name": entry.name, "type": entry.type, **more}


@command.command(
    "get",
    cls=OnceCommand,
    params=qom_options(),
    options_metavar="[OPTIONS] PATH.PROPERTY | PATH PROPERTY",
    epilog=_examples(
        "qmpshell qom get -s vm.sock /machine.smp",
        "qmpshell qom get -s vm.sock net0 mac",
    ),
)
@click.argument("words", nargs=-1, metavar="", type=parse_sent, shell_complete=complete_qom_path)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def get_command(words: Sequence[str], as_json: bool, **options: Any) -> RunSubcommand:
    """Print the value of a property. Text is printed as it is, an object as a line for each member."""
    if not _is_target(words):
        raise click.UsageError("expected PATH.PROPERTY, or PATH PROPERTY.")

    def run(client: QomClient) -> Iterator[str]:
        path, name = client.find_property(words)
        value = client.get(path, name)
        if as_json:
            yield json_text(value)
        elif isinstance(value, dict):
            for key, member in value.items():
                yield f"{escape(key)}: {value_text(member)}"
        else:
            yield value_text(value)

    return make_task(run, options)


@command.command(
    "set",
    cls=OnceCommand,
    params=qom_options(),
    options_metavar="[OPTIONS] PATH.PROPERTY VALUE | PATH PROPERTY VALUE | PATH.PROPERTY:=JSON",
    context_settings={**CONTEXT, "ignore_unknown_options": True},
    epilog=f"""VALUE is read by the type of the property: on, 64k or 0x10, an enum value, text. PATH.PROPERTY:=JSON, or
:= as a separate word, sends JSON.

{_examples("qmpshell qom set -s vm.sock io0.poll-max-ns 64k", "qmpshell qom set -s vm.sock io0.poll-max-ns:=5")}""",
)
@click.argument("words", nargs=-1, metavar="", type=parse_sent, shell_complete=complete_qom_path)
def set_command(words: Sequence[str], **options: Any) -> RunSubcommand:
    """Change the value of a property."""
    target, text, is_json = _assignment(words)
    value = _parse_json(text) if is_json else None

    def run(client: QomClient) -> Iterator[str]:
        path, name = client.find_property(target)
        client.set(path, name, value if is_json else _typed(client, path, name, text))
        yield from ()

    return make_task(run, options)


def _is_target(words: Sequence[str]) -> bool:
    """Return True if the words are PATH.PROPERTY, or PATH and PROPERTY."""
    return len(words) == 2 or (len(words) == 1 and any(split_property(words[0])))


def _assignment(words: Sequence[str]) -> tuple[Sequence[str], str, bool]:
    """Return PATH.PROPERTY or PATH and PROPERTY, the value's text, and whether it is JSON."""
    target, text, is_json = _split_words(words)
    if _is_target(target):
        return target, text, is_json
    raise click.UsageError(
        "expected PATH.PROPERTY VALUE, PATH PROPERTY VALUE or PATH.PROPERTY:=JSON."
    )


def _split_words(words: Sequence[str]) -> tuple[Sequence[str], str, bool]:
    if not words:
        return (), "", False
    *before, last = words
    name, operator, text = last.partition(":=")
    if operator and len(before) <= 1 and (not before or re.fullmatch(r"[^\s/=]+", name)):
        return (*before, name), text, True
    if before[-1:] == [":="]:
        return before[:-1], last, True
    if before:
        return before, last, False
    name, _, text = last.partition("=")
    return (name,) if "=" in last else (), text, False


def _parse_json(text: str) -> object:
    try:
        return read_json(text)
    except JsonError as error:
        raise click.UsageError(f"the value is not JSON: {error}.") from error


def _typed(client: QomClient, path: str, name: str, text: str) -> object:
    """Return the value of a property that the text denotes, by the property's type."""
    for entry in client.list_properties(path):
        if entry.name == name:
            return parse_property(text, entry.type, description=entry.description)
    return text  # the server explains what is wrong


_TREE_EPILOG = """Without an option, only objects and their types are shown. GLOB is a name with wildcards.
Objects that do not match are shown only if something below them matches. Filters apply to properties too, if
-t, -v or -l shows them. A property that cannot be read is shown with the reason.

\b
qmpshell qom tree -s vm.sock -d 2
qmpshell qom tree -s vm.sock -v --name mac /machine
qmpshell qom tree -s vm.sock --type 'virtio-*' /machine"""


@command.command(
    "tree", cls=OnceCommand, params=qom_options(), epilog=_TREE_EPILOG, context_settings=CONTEXT
)
@click.argument("path", default="/", type=parse_sent, shell_complete=complete_qom_path)
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
    **options: Any,
) -> RunSubcommand:
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
        if not _prune(root, chosen):
            raise failure("no object or property is selected by the filters")
        if form == "json":
            yield json_text(_to_json(root))
        elif form == "flat":
            yield from _flat(root)
        else:
            # Without stdout, writing the lines fails later.
            encoding = sys.stdout.encoding if sys.stdout else ""
            is_unicode = encoding.lower().startswith("utf")
            node = _to_node(root, chosen, arrow="→" if is_unicode else "->")
            lines = map(plain_text_of, draw_tree([node]))
            yield from lines if is_unicode else map(ascii_lines, lines)

    return make_task(run, options)


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


def _prune(root: QomObject, chosen: _Choice) -> bool:
    """Remove what is not shown from a tree. Return False if nothing is shown."""
    shown: set[QomObject] = set()
    for item in reversed(root.walk()):
        item.children = [child for child in item.children if child in shown]
        item.properties = [
            entry for entry in item.properties if not entry.child_type and chosen.shows(item, entry)
        ]
        if item.children or item.properties or chosen.accepts(item.name, item.type):
            shown.add(item)
    return root in shown


def _to_node(root: QomObject, chosen: _Choice, *, arrow: str) -> TreeNode:
    nodes: dict[QomObject, TreeNode] = {}
    for item in reversed(root.walk()):
        text = f"{escape(item.path if item is root else item.name)} ({escape(item.type)})"
        if item.problem:
            text += f" <{escape(item.problem)}>"
        lines = [_property_line(item, entry, chosen, arrow=arrow) for entry in item.properties]
        nodes[item] = TreeNode(
            [(PLAIN, text)],
            [
                *(TreeNode([(PLAIN, line)]) for line in lines),
                *(nodes[child] for child in item.children),
            ],
        )
    return nodes[root]


def _property_line(item: QomObject, entry: QomProperty, chosen: _Choice, *, arrow: str) -> str:
    text = escape(entry.name)
    if entry.name in item.values:
        value = value_text(item.values[entry.name])
        text += f" {arrow} {value or 'nothing'}" if entry.link_type else f": {value}"
    return f"{text} ({escape(entry.type)})" if chosen.types else text


def _flat(root: QomObject) -> Iterator[str]:
    """Yield the lines of the former qom-tree."""
    for item in root.walk():
        yield escape(item.path)
        if item.problem:
            yield f"  <EXCEPTION: {escape(item.problem)}>"
        for entry in item.properties:
            value = item.values[entry.name]
            text = value_text(value)
            if isinstance(value, Unread) and value is not SECRET:
                text = f"<EXCEPTION: {escape(value.reason)}>"
            yield f"  {escape(entry.name)}: {text} ({escape(entry.type)})"
        yield ""


def _to_json(root: QomObject) -> dict[str, object]:
    objects: dict[QomObject, dict[str, object]] = {}
    for item in reversed(root.walk()):
        found: dict[str, object] = {"path": item.path, "type": item.type}
        if item.problem:
            found["error"] = item.problem
        if item.properties:
            found["properties"] = {
                entry.name: {"type": entry.type}
                | (value_json(item.values[entry.name]) if entry.name in item.values else {})
                for entry in item.properties
            }
        if item.children:
            found["children"] = [objects[child] for child in item.children]
        objects[item] = found
    return objects[root]


command.add_command(fuse_command)
