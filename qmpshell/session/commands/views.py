"""The shell command /table."""

from __future__ import annotations

from collections import deque

from ...errors import LineError
from ...language import (
    KEY,
    OBJECT,
    QUOTED,
    WORD,
    Argument,
    Command,
    RawCommand,
    Token,
    arguments,
    shortened,
    suggestion_for,
)
from ...record import Record
from ...render import HEADING, PLAIN, Lines
from ...render.views.table import (
    Table,
    cell_text,
    find_columns,
    human_text,
    make_table,
    matching_rows,
    row_objects,
    select_columns,
    sort_rows,
    table_lines,
    tsv_lines,
)
from .arguments import (
    SHOW_REQUESTS,
    evaluate_own_command,
    no_option_error,
    usage_error,
    value_text,
)
from .events import value_matches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ...language import ShellCommand
    from ...render import Block
    from ..context import CommandContext
    from ..steps import Steps


_TSV, _SORT = "--tsv", "-s"
_NO_SHELL_COMMAND = "only server commands return a list"
# The start of most names of commands, and of no column.
_QUERY = "query-"
_WILDCARDS = "*?["
_MAX_LISTED = 8


class _TableCall(Record):
    """The arguments of `/table`. `words` are the command's name, or a JSON object, and its arguments."""

    words: list[Token]
    columns: list[Token] = []
    filters: list[Argument] = []
    sort: Token | None = None
    is_tsv: bool = False
    shows_requests: bool = False


def run_table(context: CommandContext, call: ShellCommand) -> Steps:
    """Run `/table [-v] [-s COLUMN] [--tsv] [COLUMN,…] [COLUMN=VALUE…] COMMAND [KEY=VALUE…]`."""
    table_call = _parse(call)
    context.shows_requests = table_call.shows_requests

    def evaluate() -> Command | RawCommand:
        first, *rest = table_call.words
        if first.text.startswith("/"):
            raise usage_error(call, _NO_SHELL_COMMAND, first)
        schema = context.introspection.schema
        if schema is not None:
            names = set(schema.commands())
            _check_order(call, table_call, lambda word: word in names)
        return evaluate_own_command(context, call, first, rest, what=call.name)

    command = yield from context.evaluated(evaluate)
    if command is None:
        return
    reply = yield from context.fetch(command)
    if reply is None or reply.is_error:
        return
    value = reply.value.get("return")
    text = human_text(value)
    if text is not None:
        lines = text.removesuffix("\n").split("\n")
        context.show_view([Lines([[(PLAIN, line)] for line in lines])], lambda: value)
        return
    name = command.name if isinstance(command, Command) else ""
    table = make_table(context.with_rates(value, name))
    if table is None:
        context.fail(f"{table_call.words[0].text[:40]} returned neither a list nor an object")
        return
    table = _apply(table_call, table)
    if not table.rows and not table_call.is_tsv:
        context.show_message("there are no rows")
    context.show_view(_blocks(table_call, table), lambda: row_objects(table))


def _parse(call: ShellCommand) -> _TableCall:
    """Return the arguments. The last word is the command, and what precedes it is for the table."""
    position = _command_position(call.tokens)
    before = deque(call.tokens[:position])
    found = _TableCall(call.tokens[position:])
    filters: list[Token] = []
    while before:
        token = before.popleft()
        if token.text == _TSV:
            found.is_tsv = True
        elif token.text == SHOW_REQUESTS:
            found.shows_requests = True
        elif token.text == _SORT and token.kind == WORD:
            if not before or before[0].kind != WORD or not before[0].text.strip("-"):
                raise usage_error(call, f"a column must follow {_SORT}", token)
            found.sort = before.popleft()
        elif token.kind == WORD and token.text.startswith("/"):
            raise usage_error(call, _NO_SHELL_COMMAND, token)
        elif token.kind == WORD and not token.text.startswith("-"):
            found.columns.append(token)
        elif token.kind == KEY:
            filters += [token, before.popleft(), before.popleft()]
        else:
            raise no_option_error(call, token)
    if not found.words:
        raise usage_error(call, "the command whose result is shown is missing")
    found.filters = arguments(call.line, found.words[0], filters)
    _check_order(call, found, lambda word: word.startswith(_QUERY))
    return found


def _check_order(call: ShellCommand, found: _TableCall, is_command: Callable[[str], bool]) -> None:
    """Raise LineError if the last word names columns, and a word before it the command."""
    last = found.words[0]
    command = next((word for word in found.columns if is_command(word.text)), None)
    if command is None or last.kind != WORD or is_command(last.text):
        return
    line, first, end = call.line, call.tokens[0].start, call.tokens[-1].end
    before, after = line[first : command.start], line[last.end : end]
    right = f"{before}{last.text} {line[command.start : last.start].rstrip()}{after}"
    hint = f"did you mean {call.name} {shortened(right)}?"
    raise last.error("the columns precede the command", hint=hint)


def _command_position(tokens: list[Token]) -> int:
    """Return the position of the command: the last word, or else a JSON object."""
    words = [
        number
        for number, token in enumerate(tokens)
        if token.kind == WORD
        and not token.text.startswith("-")
        and (not number or tokens[number - 1].text != _SORT)
    ]
    objects = [number for number, token in enumerate(tokens) if token.kind == OBJECT]
    return words[-1] if words else objects[0] if objects else len(tokens)


def _apply(call: _TableCall, table: Table) -> Table:
    """Filter, sort and select. Raises LineError for a column that no row has."""
    if not table.rows:
        return table
    for argument in call.filters:
        is_negative = argument.key.text.endswith("!")
        name = argument.key.text.removesuffix("!")
        column = _column(table, name, argument.key.start)
        table = matching_rows(
            table,
            lambda row, column=column, argument=argument, wanted=not is_negative: (  # type: ignore[misc]
                _matches(row.get(column, ""), argument) is wanted
            ),
        )
    if call.sort is not None:
        name = call.sort.text.removeprefix("-")
        column = _column(table, name, call.sort.end - len(name))
        table = sort_rows(table, column, is_descending=call.sort.text.startswith("-"))
    names: list[str] = []
    for token in call.columns:
        start = token.start
        for name in token.text.split(","):
            if any(char in name for char in _WILDCARDS):
                names += find_columns(table, name) or [_column(table, name, start)]
            elif name:
                names.append(_column(table, name, start))
            start += len(name) + 1
    return select_columns(table, names) if names else table


def _column(table: Table, name: str, start: int) -> str:
    """Return the column that a name at `start` of the line denotes. Raises LineError."""
    found = find_columns(table, name)
    if len(found) == 1:
        return found[0]
    listed = ", ".join((found or table.columns)[:_MAX_LISTED])
    if len(found or table.columns) > _MAX_LISTED:
        listed += ", …"
    hint = f"the columns are {listed}"
    if not found:
        names = [*table.columns, *(column.rpartition(".")[2] for column in table.columns)]
        hint = suggestion_for(name, list(dict.fromkeys(names))) or hint
    raise LineError(
        f"{name[:40]!r} can be several columns" if found else f"no column {name[:40]!r}",
        start=start,
        end=start + len(name),
        hint=hint,
    )


def _matches(value: object, argument: Argument) -> bool:
    """Return True if a cell has the value of a filter, or matches its glob."""
    token = argument.value
    if value_matches(value, argument):
        return True
    text = value_text(token)
    if token.kind != QUOTED and any(char in text for char in _WILDCARDS):
        from fnmatch import fnmatchcase  # rarely needed

        return fnmatchcase(cell_text(value), text)
    return not isinstance(value, (bool, int, float)) and cell_text(value) == text


def _blocks(call: _TableCall, table: Table) -> list[Block]:
    if call.is_tsv:
        lines = [[(PLAIN, line)] for line in tsv_lines(table)]
        return [Lines(lines, keeps_tabs=True)]
    if not table.rows:
        return []
    texts = table_lines(table, max_cell=None) if call.columns else table_lines(table)
    header, *rows = texts
    return [Lines([[(HEADING, header)], *([(PLAIN, row)] for row in rows)])]
