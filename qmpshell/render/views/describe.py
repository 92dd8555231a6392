"""Any reply as lines for people, and layouts that describe how to show one."""

from __future__ import annotations

import re
from functools import cache
from itertools import cycle

from ..document import NAME, PLAIN, Spans
from .numbers import NAMES, NumberMeanings, number_text, size_text
from .table import Table, table_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any


_INDENT = 2
# How long an object or a list may be on the line of its name.
_MAX_INLINE = 60
# A list of more numbers is shown as ranges.
_MAX_NUMBERS = 16
# The meanings of numbers whose command is not known.
_NO_COMMAND = NumberMeanings("")
_GROUP = re.compile(r"<([^<>]*)>")
_MEMBER = re.compile(r"\{([^{}:]*):?([^{}]*)\}")


def line(text: str, indent: int = 0) -> Spans:
    """Return a line without styles."""
    return [(PLAIN, " " * indent + text)]


def text_lines(text: str) -> list[Spans]:
    """Return the lines of a text that QEMU or the firmware has formatted."""
    return [line(part) for part in text.replace("\r", "").rstrip("\n").split("\n")]


def title_line(text: str) -> Spans:
    """Return the first line of a section. What precedes a colon is its name."""
    name, colon, rest = text.partition(": ")
    return [(NAME, name), (PLAIN, colon + rest)]


def member(value: object, path: str) -> Any:
    """Return a member of nested objects by its dotted path, or None."""
    for name in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def fill(template: str, value: object, meanings: NumberMeanings | None = None) -> str:
    """Replace `{PATH}` in a template by the values of members.

    A group `<…>` is left out if a member in it is absent or empty. `{PATH:size}` is a number of bytes
    with a unit, and `{PATH:A|B}` is A for true and B for false or absent members.

    >>> fill("{name}: {running:running|paused}< at {at}>", {"name": "vm", "running": False})
    'vm: paused'
    """
    texts = [
        text if not is_group or _has_members(text, value) else []
        for text, is_group in zip(_parse(template), cycle((False, True)))
    ]
    return "".join(_fill_members(text, value, meanings) for text in texts).rstrip()


# The text before a member, its path and its format; the text after the last one has no path.
_Part = tuple[str, str, str]


@cache
def _parse(template: str) -> list[list[_Part]]:
    """Return the parts of a template: outside of groups, in the first group, outside, and so on."""
    split = [[*_MEMBER.split(text), "", ""] for text in _GROUP.split(template)]
    return [list(zip(text[::3], text[1::3], text[2::3], strict=True)) for text in split]


def _has_members(parts: Iterable[_Part], value: object) -> bool:
    return all(not path or member(value, path) not in (None, "") for _, path, _ in parts)


def _fill_members(parts: Iterable[_Part], value: object, meanings: NumberMeanings | None) -> str:
    texts: list[str] = []
    for before, path, form in parts:
        texts.append(before)
        found = member(value, path) if path else None
        if "|" in form:
            texts.append(form.split("|")[0 if found else 1])
        elif found not in (None, ""):
            name = path.rpartition(".")[2]
            texts.append(size_text(found) if form else inline(name, found, meanings))
    return "".join(texts)


def inline(name: str, value: object, meanings: NumberMeanings | None = None) -> str:
    """Return the value of a member on one line."""
    if isinstance(value, dict):
        items = (f"{key}={inline(key, value[key], meanings)}" for key in sorted(value))
        return ", ".join(items) or "none"
    if isinstance(value, list):
        if len(value) > _MAX_NUMBERS and all(type(item) is int for item in value):
            return _ranges(value)
        texts = ((item, inline(name, item, meanings)) for item in value)
        items = (f"({text})" if isinstance(item, dict) else text for item, text in texts)
        return ", ".join(items) or "none"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return number_text(value, (meanings or _NO_COMMAND)[name])
    texts_of = {True: "true", False: "false", None: "none", "": '""'}
    return texts_of.get(value, str(value)) if isinstance(value, (bool, str)) else "none"


def _ranges(numbers: Iterable[int]) -> str:
    """Return numbers in ascending order, with ranges."""
    ranges: list[list[int]] = []
    for number in sorted(numbers):
        if ranges and number <= ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ", ".join(f"{first}-{last}" if last > first else f"{first}" for first, last in ranges)


def member_lines(
    value: Mapping[str, Any],
    meanings: NumberMeanings,
    *,
    indent: int = 0,
    without: Iterable[str] = (),
) -> Iterator[Spans]:
    """Yield the members of an object in alphabetical order; QEMU's order has no meaning."""
    for name in sorted(value.keys() - set(without)):
        found = value[name]
        text = inline(name, found, meanings) if _is_flat(found) else ""
        if text and not _is_long(found, text):
            yield line(f"{name}: {text}", indent)
            continue
        yield line(f"{name}:", indent)
        inner = indent + _INDENT
        if isinstance(found, dict):
            yield from member_lines(found, meanings, indent=inner)
            continue
        for item in found:
            lines = [line(inline(name, item, meanings), inner + _INDENT)]
            if isinstance(item, dict):
                lines = list(member_lines(item, meanings, indent=inner + _INDENT)) or lines
            yield line(f"- {lines[0][0][1].lstrip()}", inner)
            yield from lines[1:]


def _is_long(value: object, text: str) -> bool:
    """Return True for an object, or a list of sentences, that is too long for one line."""
    is_prose = isinstance(value, list) and any(" " in str(item) for item in value)
    return len(text) > _MAX_INLINE and (isinstance(value, dict) or is_prose)


def _is_flat(value: object) -> bool:
    """Return False for a value that contains objects, apart from an object without any in it."""
    if isinstance(value, dict):
        return not any(isinstance(item, dict) or not _is_flat(item) for item in value.values())
    return not isinstance(value, list) or not any(isinstance(item, (dict, list)) for item in value)


def sections(
    layout: str, value: object, command: str = "", *, empty: str = "none"
) -> Iterator[Spans]:
    """Yield the lines of an object, or of each object of a list, in the reply to a command.

    A layout is a title and other lines, which are templates. A line is left out if a member is absent
    or empty; `*` stands for all members that no line contains, and an object alone for its members.
    Without a layout, the title of objects in a list is their name, and blank lines separate those
    without one. `empty` is the text for a list without items.
    """
    meanings = NumberMeanings(command)
    items = value if isinstance(value, list) else [value]
    names = [
        name for name in NAMES if all(isinstance(item, dict) and name in item for item in items)
    ]
    if not layout and isinstance(value, list) and names:
        layout = f"{{{names[0]}}}\n  *"
    shown = {match[1] for match in _MEMBER.finditer(layout)}
    for number, item in enumerate(items):
        if isinstance(item, dict):
            if number and not layout:
                yield []
            yield from _section(layout or "*", item, meanings, without=shown) or [line("none")]
        else:
            yield line(inline("", item, meanings))
    if not items:
        yield line(empty)


def _section(
    layout: str, item: Mapping[str, Any], meanings: NumberMeanings, *, without: Iterable[str]
) -> list[Spans]:
    lines: list[Spans] = []
    for number, template in enumerate(layout.split("\n")):
        text = template.lstrip()
        indent = len(template) - len(text)
        if text == "*":
            lines += member_lines(item, meanings, indent=indent, without=without)
        elif isinstance(found := item.get(text.strip("{}")), dict):
            lines += member_lines(found, meanings, indent=indent)
        elif number == 0:
            title = fill(template, item, meanings)
            is_split = ": " in template  # not only in a value
            lines += [title_line(title) if is_split else [(NAME, title)]] if title else []
        elif all(_has_members(part, item) for part in _parse(text)[::2]):
            lines.append(line(fill(text, item, meanings), indent))
    return lines


def column_lines(columns: str, items: Iterable[Mapping[str, Any]]) -> list[Spans]:
    """Return objects as rows of a table. `columns` are words `TITLE=PATH`, or with a format."""
    paths = dict(word.split("=") for word in columns.split())
    rows = [
        {
            title: fill(f"{{{path}}}", item) if ":" in path else member(item, path)
            for title, path in paths.items()
        }
        for item in items
    ]
    header, *others = table_lines(Table(list(paths), rows), max_cell=None)
    return [title_line(header), *map(line, others)]
