"""`qmpshell info`: a summary of the machine, or a view as `info` of the human monitor shows it."""

from __future__ import annotations

import json
import os
import sys

import click

from ..errors import FAILED, OK, CommandError
from ..language import suggestion_for
from ..qmp import Schema
from ..render import Lines, Table, escape, escape_json, text_of
from ..render.views.graph import ascii_lines
from ..render.views.info import (
    available,
    data_of,
    find_view,
    listing,
    no_view_text,
    queries_of,
    request_lines,
    view_steps,
)
from ..render.views.view import AskError, InfoError, guard
from .options import connection_options, open_connection, subcommand
from .start import write_error, write_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from typing import Any

    from ..client import Connection
    from ..render import Block, Span
    from ..render.views.view import Ask, View
    from .options import RunSubcommand


_UNLIMITED = 1 << 30  # columns

_EPILOG = """Without NAME, a summary is printed: version, status, CPUs, memory, disks, network, chardevs,
jobs, migration. Names are those of the human monitor (info block); the data comes from QMP. Options precede
NAME. Words after NAME belong to the view: block -v adds the images. Exit status: 0 success, 1 the server has
no such view, 2 usage error, 3 no connection or connection lost.

\b
qmpshell info -s vm.sock
qmpshell info -s vm.sock --list
qmpshell info -s vm.sock block -v
qmpshell info -s vm.sock --json | jq .memory"""


def _complete(context: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    """Return the names of views that start with the typed text."""
    from ..render.views.info_table import INFO_VIEWS

    return (
        []
        if context.params.get("words")
        else [name for name in INFO_VIEWS if name.startswith(typed)]
    )


@subcommand(
    "info",
    params=connection_options("verbose", "timeout"),
    epilog=_EPILOG,
    allow_interspersed_args=False,
)
@click.argument(
    "words",
    metavar="[NAME [ARGUMENT]...]",
    nargs=-1,
    type=click.UNPROCESSED,
    shell_complete=_complete,
)
@click.option("--json", "as_json", is_flag=True, help="Print the data as JSON.")
@click.option("--list", "lists", is_flag=True, help="List the views that the server can show.")
def command(words: Sequence[str], as_json: bool, lists: bool, **options: Any) -> RunSubcommand:
    """Describe the machine, or show a view such as block or pci."""
    if lists and words:
        raise click.UsageError("--list needs no NAME.")
    if lists and as_json:
        raise click.UsageError("--list and --json are mutually exclusive.")
    for word in words[1:]:
        if word.startswith("--"):  # no view has such an argument
            raise click.UsageError(f"{word} must precede {words[0]}.")

    def run(environment: Mapping[str, str]) -> int:
        with open_connection(environment, **options) as connection:
            server = _Server(connection, verbose=options["verbose"])
            try:
                if lists:
                    text = _blocks_text([Table(listing(server.available()))])
                elif words:
                    text = server.view(words[0], words[1:], as_json=as_json)
                else:
                    text = server.summary(as_json=as_json)
            except InfoError as error:
                write_error(f"qmpshell: {escape(str(error))}")
                return FAILED
        _print(text)  # a pager does not keep other clients waiting
        return OK

    return run


class _Server:
    """The server, and its views. With `verbose`, requests are printed on stderr."""

    def __init__(self, connection: Connection, *, verbose: bool) -> None:
        self._connection = connection
        self._verbose = verbose
        names = connection.execute("query-commands")
        self._commands = frozenset(item["name"] for item in names)
        # The requests of a view and their results.
        self._asked: list[tuple[Ask, Any]] = []

    def available(self) -> list[tuple[str, View]]:
        """Return the views that the server can show, by name."""
        try:
            schema = Schema(self._connection.execute("query-qmp-schema"))
        except CommandError:
            return available(self._commands, ())
        return available(self._commands, queries_of(schema))

    def summary(self, *, as_json: bool) -> str:
        """Return the summary as text."""
        from ..render.views.info_summary import find_facts, summary_rows

        def find() -> Generator[Sequence[Ask], list[Any], tuple[Any, list[list[Span]]]]:
            facts = yield from find_facts(self._commands)
            return facts, summary_rows(facts)

        facts, rows = self._run(guard(find()))
        return _json_text(facts) if as_json else _blocks_text([Table(rows)])

    def view(self, name: str, words: Sequence[str], *, as_json: bool) -> str:
        """Return a view as text. Raises InfoError."""
        view = find_view(name, self._commands)
        if view is None:
            names = [name for name, _ in self.available()]
            hint = suggestion_for(name, names) or "--list shows the names"
            raise InfoError(no_view_text(name, hint))
        lines = self._run(view_steps(name, view, words, self._commands))
        if not as_json:
            return _blocks_text([Lines(lines, wrap=True)])
        return _json_text(data_of(self._asked))

    def _run(self, steps: Generator[Sequence[Ask], list[Any], Any]) -> Any:
        """Answer the requests of a view, and return its result."""
        try:
            batch = next(steps)
            while True:
                if self._verbose:
                    write_error("\n".join(map(escape, request_lines(batch))))
                answers = [self._answer(ask) for ask in batch]
                self._asked += zip(batch, answers, strict=True)
                batch = steps.send(answers)
        except StopIteration as stop:
            return stop.value

    def _answer(self, ask: Ask) -> Any:
        try:
            return self._connection.execute(ask.name, ask.arguments)
        except CommandError as error:
            return AskError(error.desc, error.error_class)


def _json_text(value: Any) -> str:
    indent = 2 if os.isatty(1) else None
    return escape_json(json.dumps(value, indent=indent))


def _blocks_text(blocks: list[Block]) -> str:
    # $COLUMNS is not this: another program may have exported it.
    width = (os.get_terminal_size(1).columns or 80) if os.isatty(1) else _UNLIMITED
    return text_of(blocks, width=width)


def _print(text: str) -> None:
    """Write text to stdout. Raises OutputClosedError or OutputError."""
    encoding = sys.stdout.encoding if sys.stdout else "utf-8"
    if encoding.lower().replace("-", "") != "utf8":
        text = ascii_lines(text)
    write_lines([text])
