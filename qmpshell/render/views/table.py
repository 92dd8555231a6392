"""Lists of similar objects as tables."""

from __future__ import annotations

import re

from ...qmp import as_text, encode, encode_scalar
from ...record import Record
from ..text import escape, text_width
from .numbers import NAMES, Growing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    # The cells of a row by column: what the objects contain, without the nested objects.
    Row = dict[str, Any]


# The column of elements that are not objects, and those of the members of a single object.
_VALUE, _NAME = "value", "name"
# Objects that are nested more deeply are shown as JSON.
_MAX_DEPTH = 5
# Columns of more deeply nested members, such as a backing image's, must be asked for.
_MAX_DOTS = 2
_MAX_COLUMNS = 200
# Longer cells are cut, in columns of the terminal.
MAX_CELL = 40
_GAP = 2
_WILDCARDS = "*?["
# Text of TSV that would end a cell or a row.
_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


class Table(Record):
    """A table. A row has no cell for a column that its object does not have.

    `others` are columns that rows have too, but that are not shown.
    """

    columns: list[str]
    rows: list[Row]
    others: list[str] = []


def make_table(value: object) -> Table | None:
    """Return the table of a list or object, or None for another value.

    A list has a row for each element, and an object one for each member. The members of nested
    objects have columns such as `image.format`. Columns without any text, and those of very deeply
    nested members, are omitted.
    """
    if isinstance(value, dict):
        rows = [{_NAME: name, _VALUE: member} for name, member in _flat(value).items()]
        return Table([_NAME, _VALUE], rows)
    if not isinstance(value, list):
        return None
    rows = [_flat(item) if isinstance(item, dict) else {_VALUE: item} for item in value]
    columns, others = _columns(rows)
    return Table(columns, rows, others)


def is_tabular(value: object) -> bool:
    """Return True for a list of similar objects: each has a member that the first has too."""
    if not isinstance(value, list) or not value or not isinstance(value[0], dict):
        return False
    first = value[0].keys()
    return all(isinstance(element, dict) and not first.isdisjoint(element) for element in value)


def human_text(value: object) -> str | None:
    """Return the text of a reply that consists of `human-readable-text`, or None."""
    if isinstance(value, dict) and len(value) == 1:
        text = value.get("human-readable-text")
        return text.replace("\r\n", "\n") if isinstance(text, str) else None
    return None


def _flat(members: dict[str, Any]) -> Row:
    row: Row = {}
    _flatten(members, "", row, _MAX_DEPTH)
    return row


def _flatten(members: dict[str, Any], prefix: str, row: Row, depth: int) -> None:
    for name, value in members.items():
        if type(value) is dict and value and depth:
            _flatten(value, f"{prefix}{name}.", row, depth - 1)
        else:
            row[prefix + name] = value


def _columns(rows: list[Row]) -> tuple[list[str], list[str]]:
    """Return the columns that have text, names first, then scalars, nested ones and lists; and others."""
    samples: Row = {}
    empty: set[str] = set()
    for row in rows:
        if not empty and row.keys() <= samples.keys():
            continue
        for column, value in row.items():
            if column not in samples or column in empty:
                # Zero, false and null are text too.
                samples[column] = encode(value) if value in (0, None) else value
                (empty.add if value in ("", [], {}) else empty.discard)(column)
    ranks = {name: rank for rank, name in enumerate(NAMES)}

    def place(column: str) -> tuple[int, bool, int]:
        is_list = isinstance(samples[column], (list, dict))
        return ranks.get(column, len(ranks)), is_list, column.count(".")

    columns = [name for name in samples if name not in empty and name.count(".") <= _MAX_DOTS]
    columns = sorted(columns, key=place)[:_MAX_COLUMNS]
    shown = set(columns)
    return columns, [name for name in samples if name not in shown]


def find_columns(table: Table, wanted: str) -> list[str]:
    """Return the columns that a name or glob denotes. A name may omit the objects around it.

    Several columns for a name without wildcards mean that it is ambiguous.
    """
    columns = [*table.columns, *table.others]
    if wanted in columns:
        return [wanted]
    if any(char in wanted for char in _WILDCARDS):
        from fnmatch import fnmatchcase  # rarely needed

        return [column for column in columns if fnmatchcase(column, wanted)]
    ends = [column for column in columns if column.endswith(f".{wanted}")]
    dots = min((column.count(".") for column in ends), default=0)
    return [column for column in ends if column.count(".") == dots]


def sort_rows(table: Table, column: str, *, is_descending: bool = False) -> Table:
    """Return the table sorted by a column: numbers, then text with its numbers in order.

    Rows without a cell come last.
    """
    known = [row for row in table.rows if row.get(column) is not None]
    known.sort(key=lambda row: _sort_key(row[column]), reverse=is_descending)
    unknown = [row for row in table.rows if row.get(column) is None]
    return Table(table.columns, [*known, *unknown], table.others)


def _sort_key(value: object) -> tuple[bool, Any]:
    if isinstance(value, (int, float)):
        return False, value
    parts = filter(None, re.split(r"([0-9]{1,18})", as_text(value)))
    is_number = str.isdecimal
    return True, [(False, int(part)) if is_number(part) else (True, part) for part in parts]


def row_objects(table: Table) -> list[Row]:
    """Return the rows with the cells of the columns of the table only."""
    return [
        {column: row[column] for column in table.columns if column in row} for row in table.rows
    ]


def cell_text(value: object, *, most: int | None = None) -> str:
    """Return the text of a cell, not escaped. Lists of scalars have commas between the elements.

    Text after the first `most` characters can be incomplete.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        if any(isinstance(element, (dict, list)) for element in value):
            return encode(value) if most is None else _start_of(value, most)
        return ",".join(map(cell_text, value if most is None else value[:most]))
    if isinstance(value, dict):
        return encode(value) if value else ""
    return encode_scalar(value)


def _start_of(elements: list[Any], most: int) -> str:
    """Return the first characters of a list as JSON, because the rest may be very long."""
    text = "["
    for number, element in enumerate(elements):
        text += f"{', ' if number else ''}{encode(element)}"
        if len(text) > most:
            return text
    return f"{text}]"


def tsv_lines(table: Table) -> Iterator[str]:
    """Yield the header and the rows with tabs between the cells, none of which is cut.

    Backslashes, tabs and line ends in cells are escaped.
    """
    yield "\t".join(column.translate(_ESCAPES) for column in table.columns)
    for row in table.rows:
        cells = [cell_text(row[column]) if column in row else "" for column in table.columns]
        yield "\t".join(cell.translate(_ESCAPES) for cell in cells)


def table_lines(
    table: Table, *, max_cell: int | None = MAX_CELL, has_header: bool = True
) -> Iterator[str]:
    """Yield the header, if wanted, and the rows, aligned and escaped. Numbers are aligned to the right.

    Cells with more than `max_cell` columns of the terminal are cut.
    """
    columns: list[list[str]] = []
    for column in table.columns:
        values = [row.get(column, "") for row in table.rows]
        is_last = len(columns) + 1 == len(table.columns)
        header = [escape(column)] if has_header else []
        columns.append(_laid_out(header, values, max_cell, is_last=is_last))
    for cells in zip(*columns, strict=True):
        yield (" " * _GAP).join(cells).rstrip()


def _laid_out(
    header: list[str], values: list[Any], max_cell: int | None, *, is_last: bool
) -> list[str]:
    """Return the padded texts of a column, the header first if there is one."""
    is_number = True
    texts = header
    add = texts.append
    for value in values:
        kind = type(value)
        if kind is str:
            text = value
            if is_number and value:
                is_number = False
            if not text.isprintable() or not text.isascii():
                text = escape(text[: 2 * max_cell] if max_cell else text)
        elif kind is int:
            text = str(value) if -_MAX_INT < value < _MAX_INT else encode_scalar(value)
        elif kind is bool:
            text = "true" if value else "false"
            is_number = False
        else:
            text = _with_rate(value, max_cell)
            is_number = is_number and isinstance(value, (int, float))
        add(text)
    measure: Callable[[str], int] = len if all(map(str.isascii, texts)) else text_width
    sizes = list(map(measure, texts))
    if max_cell is not None and max(sizes, default=0) > max_cell:
        texts = [
            text if size <= max_cell else _cut(text, max_cell, measure)
            for text, size in zip(texts, sizes, strict=True)
        ]
        sizes = list(map(text_width, texts))
    if is_last and not is_number:
        return texts
    width = max(sizes, default=0)
    if is_number:
        return [" " * (width - size) + text for text, size in zip(texts, sizes, strict=True)]
    return [text + " " * (width - size) for text, size in zip(texts, sizes, strict=True)]


def _with_rate(value: object, most: int | None) -> str:
    text = escape(cell_text(value, most=most))
    return f"{text} ({value.note})" if isinstance(value, Growing) else text


# Python refuses to write integers with thousands of digits.
_MAX_INT = 1 << 64


def _cut(text: str, columns: int, measure: Callable[[str], int]) -> str:
    text = text[:columns]
    while measure(text) >= columns:
        text = text[:-1]
    return f"{text}…"


def matching_rows(table: Table, matches: Callable[[Mapping[str, Any]], bool]) -> Table:
    """Return the table with the rows that match."""
    return Table(table.columns, [row for row in table.rows if matches(row)], table.others)


def select_columns(table: Table, names: Iterable[str]) -> Table:
    """Return the table with these columns in this order, each once."""
    return Table(list(dict.fromkeys(names)), table.rows)


def clipped_lines(lines: Sequence[str], columns: int) -> Iterator[tuple[str, bool]]:
    """Yield the start of each line that fits in `columns`, and whether it is cut."""
    for line in lines:
        is_long = text_width(line) > columns
        yield (_cut(line, columns, text_width) if is_long else line), is_long
