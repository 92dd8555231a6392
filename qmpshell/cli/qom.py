"""`qmpshell qom`: shows and changes the objects of QOM, QEMU's object model."""

from __future__ import annotations

import json
import re
from typing import Any

import click

from ..qmp import parse_property, split_property
from ..render import escape
from ..render.views.table import Table, table_lines
from .options import CONTEXT, OnceCommand
from .qom_fuse import fuse_command
from .qom_objects import json_text, make_task, qom_options, value_json, value_text
from .qom_tree import tree_command
from .shell_completion import complete_qom_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..qmp import QomProperty
    from .options import Task
    from .qom_objects import QomClient


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
@click.argument("path", default="/", shell_complete=complete_qom_path)
@click.option("-l", "--long", is_flag=True, help="Show types and values too.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def list_command(path: str, long: bool, as_json: bool, socket: str | None, **options: Any) -> Task:
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

    return make_task(run, socket=socket, options=options)


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
@click.argument("words", nargs=-1, metavar="", shell_complete=complete_qom_path)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def get_command(words: Sequence[str], as_json: bool, socket: str | None, **options: Any) -> Task:
    """Print the value of a property. Text is printed as it is, an object as a line for each member."""
    if len(words) != 2 and not (len(words) == 1 and any(split_property(words[0]))):
        raise click.UsageError("expected PATH.PROPERTY, or PATH PROPERTY.")

    def run(client: QomClient) -> Iterator[str]:
        path, name = client.find_property(words[0]) if len(words) == 1 else words
        value = client.get(path, name)
        if as_json:
            yield json_text(value)
        elif isinstance(value, dict):
            for key, member in value.items():
                yield f"{escape(key)}: {value_text(member)}"
        else:
            yield value_text(value)

    return make_task(run, socket=socket, options=options)


@command.command(
    "set",
    cls=OnceCommand,
    params=qom_options(),
    options_metavar="[OPTIONS] PATH.PROPERTY VALUE | PATH PROPERTY VALUE | PATH.PROPERTY:=JSON",
    context_settings={**CONTEXT, "ignore_unknown_options": True},
    epilog=f"""VALUE is read by the type of the property: on, 64k or 0x10, an enum value, text. With :=, which
can also be a word of its own in place of a blank, it is JSON.

{_examples("qmpshell qom set -s vm.sock io0.poll-max-ns 64k", "qmpshell qom set -s vm.sock io0.poll-max-ns:=5")}""",
)
@click.argument("words", nargs=-1, metavar="", shell_complete=complete_qom_path)
def set_command(words: Sequence[str], socket: str | None, **options: Any) -> Task:
    """Change the value of a property."""
    target, text, is_json = _assignment(words)
    value = _parse_json(text) if is_json else None

    def run(client: QomClient) -> Iterator[str]:
        path, name = client.find_property(target[0]) if len(target) == 1 else target
        client.set(path, name, value if is_json else _typed(client, path, name, text))
        yield from ()

    return make_task(run, socket=socket, options=options)


def _assignment(words: Sequence[str]) -> tuple[Sequence[str], str, bool]:
    """Return PATH.PROPERTY or PATH and PROPERTY, the value's text, and whether it is JSON."""
    target, text, is_json = _split_words(words)
    if len(target) == 2 or (len(target) == 1 and any(split_property(target[0]))):
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
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise click.UsageError(f"the value is not JSON: {error}") from error


def _typed(client: QomClient, path: str, name: str, text: str) -> object:
    """Return the value of a property that the text denotes, by the property's type."""
    for entry in client.list_properties(path):
        if entry.name == name:
            return parse_property(text, entry.type, description=entry.description)
    return text  # the server explains what is wrong


command.add_command(tree_command)
command.add_command(fuse_command)
