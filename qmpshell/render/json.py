"""JSON values as styled text, laid out for a width.

It is not recursive, because servers may nest to any depth, and it computes little beyond what is
consumed, so that the head of a huge value is cheap.
"""

from __future__ import annotations

from itertools import repeat

from ..qmp import encode, encode_scalar
from .text import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from ..qmp import Message

    # Name and value of each member of an object; the elements of an array have no names.
    Members = Iterator[tuple[str | None, Any]]
    # What describes a scalar by the name of its member, or returns "".
    Meanings = Mapping[str | None, Callable[[Any], str] | None]


JSON_PUNCTUATION = "punctuation"
JSON_NAME = "name"
JSON_STRING = "string"
JSON_NUMBER = "number"
JSON_WORD = "word"
JSON_NOTE = "note"  # what a number means

Piece = tuple[str, str]

_INDENT = 2
_MAX_NOTES = 4096
_PLAIN = ("", "")
_MARKS = (",", "{", "}", "{}", "[", "]", "[]")

# Text is yielded after about this many members: few at first, for a caller that only needs the head.
_FIRST_CHUNK, _LARGEST_CHUNK = 16, 4096
# A longer string is written in parts of this many characters.
_PART = 1 << 16


def style_json(
    value: Any,
    *,
    width: int | None,
    string: Callable[[str], str] = encode_scalar,
    meanings: Meanings | None = None,
) -> Iterator[Piece]:
    """Yield `(style, text)` pieces of the text of `paint_json`. Punctuation is the default style."""
    # JSON text contains no control characters, so they can mark where the style changes.
    paint = {
        style: (f"\0{style}\1", "\0")
        for style in (JSON_NAME, JSON_STRING, JSON_NUMBER, JSON_WORD, JSON_NOTE)
    }
    style = JSON_PUNCTUATION
    for chunk in paint_json(value, width=width, string=string, paint=paint, meanings=meanings):
        for number, text in enumerate(chunk.split("\0")):
            if number and style == JSON_PUNCTUATION:
                style, _, text = text.partition("\1")
            elif number:
                style = JSON_PUNCTUATION
            if text:
                yield (style, text)


def paint_json(
    value: Any,
    *,
    width: int | None,
    string: Callable[[str], str] = encode_scalar,
    paint: Mapping[str, tuple[str, str]],
    meanings: Meanings | None = None,
) -> Iterator[str]:
    """Yield the text of `value` in chunks of any size.

    An object or array that fits on its line stays on it. With `width` 0, every non-empty one is
    broken; with None, none is. `string` encodes a string as JSON: each character independently,
    between quotes, none as a control character. `paint` maps a style to the text before and after
    it; other styles stay plain. No style extends over a line end. `meanings` describes numbers; the
    descriptions follow them in parentheses, and are not JSON.
    """
    return _Painter(width, string, paint, meanings).chunks(value)


class _Names(dict[str | None, str]):
    """Caches the text before a member, because most names occur many times in a value.

    `columns` maps a name to the columns of its text on a line, including a comma and a blank.
    """

    def __init__(
        self, string: Callable[[str], str], paint: tuple[str, str], colon: tuple[str, str]
    ) -> None:
        self._string = string
        self._before = paint[0]
        self._after = paint[1] + ":".join(colon) + " "
        self[None] = ""
        self.columns: dict[str | None, int] = {None: 2}

    def __missing__(self, name: str | None) -> str:
        text = self._string(str(name))
        self.columns[name] = len(text) + 4
        self[name] = text = f"{self._before}{text}{self._after}"
        return text


class _Painter:
    """Writes a value: broken containers member by member, and those that fit on a line in one loop.

    Only that loop counts columns, and at most those of the line.
    """

    def __init__(
        self,
        width: int | None,
        string: Callable[[str], str],
        paint: Mapping[str, tuple[str, str]],
        meanings: Meanings | None,
    ) -> None:
        self._meanings = meanings
        self._note_paint = paint.get(JSON_NOTE, _PLAIN)
        self._notes: dict[tuple[str | None, object, str], tuple[int, str]] = {}
        punctuation = paint.get(JSON_PUNCTUATION, _PLAIN)
        self._width = width
        self._string = string
        self._string_paint = paint.get(JSON_STRING, _PLAIN)
        self._number_paint = paint.get(JSON_NUMBER, _PLAIN)
        self._word_paint = paint.get(JSON_WORD, _PLAIN)
        self._marks = {mark: mark.join(punctuation) for mark in _MARKS}
        self._names = _Names(string, paint.get(JSON_NAME, _PLAIN), punctuation)

    def chunks(self, value: object) -> Iterator[str]:  # noqa: C901 - a hot loop
        names, string, marks, width = self._names, self._string, self._marks, self._width
        meanings = self._meanings
        before, after = self._string_paint
        chunk: list[str] = []
        write = chunk.append
        most = _FIRST_CHUNK
        # The open container: its remaining members, the text before the next member, the text
        # before those after it, and the closing text.
        members: Members = iter([(None, value)])
        lead = comma = end = ""
        around: list[tuple[Members, str, str]] = []
        depth = 0
        while True:
            entered: dict[str, Any] | list[Any] | None = None
            for name, member in members:
                key = names[name]
                if isinstance(member, str):
                    if len(member) <= _PART:
                        write(f"{lead}{key}{before}{string(member)}{after}")
                    else:
                        write(f"{lead}{key}{before}")
                        for part in self._parts(member):
                            write(part)
                            yield "".join(chunk)
                            chunk.clear()
                        write(after)
                elif not isinstance(member, (dict, list)):
                    write(f"{lead}{key}{self._scalar(member, encode_scalar(member))}")
                    if meanings is not None and meanings[name] is not None:
                        write(self._note(name, member)[1])
                elif not member:
                    write(f"{lead}{key}{marks['{}' if isinstance(member, dict) else '[]']}")
                else:
                    line = None
                    if width:
                        # The comma that may follow must fit, except after the outermost value.
                        used = names.columns[name] - (1 if around else 2)
                        line = self._line(member, width - depth - used)
                    if line is None:
                        write(f"{lead}{key}")
                        entered = member
                        break
                    write(f"{lead}{key}{line}")
                lead = comma
                if len(chunk) >= most:
                    break
            else:
                if not around:
                    break
                write(end)
                members, comma, end = around.pop()
                lead = comma
                depth -= _INDENT
            if entered is not None:
                around.append((members, comma, end))
                opening, closing = "{}" if isinstance(entered, dict) else "[]"
                write(marks[opening])
                members = _members(entered)
                if width is None:
                    lead, comma, end = "", marks[","] + " ", marks[closing]
                else:
                    lead = f"\n{' ' * (depth + _INDENT)}"
                    comma = marks[","] + lead
                    end = f"\n{' ' * depth}{marks[closing]}"
                depth += _INDENT
            if len(chunk) >= most:
                yield "".join(chunk)
                chunk.clear()
                most = min(2 * most, _LARGEST_CHUNK)
        yield "".join(chunk)

    def _line(self, value: dict[str, Any] | list[Any], room: int) -> str | None:  # noqa: C901 - a hot loop
        """Return a non-empty `value` on one line, or None if it takes more than `room` columns."""
        if len(value) * (6 if isinstance(value, dict) else 3) > room:
            return None  # it does not fit, whatever follows
        meanings = self._meanings
        names, string, marks = self._names, self._string, self._marks
        before, after = self._string_paint
        opening, closing = "{}" if isinstance(value, dict) else "[]"
        line: list[str] = [marks[opening]]
        write = line.append
        members = _members(value)
        lead = ""
        comma = marks[","] + " "
        end = marks[closing]
        around: list[tuple[Members, str]] = []
        while True:
            for name, member in members:
                key = names[name]
                # The first member has no comma and blank; their columns are for the brackets.
                room -= names.columns[name]
                if isinstance(member, str):
                    if len(member) >= room:
                        return None
                    text = string(member)
                    room -= len(text)
                    write(f"{lead}{key}{before}{text}{after}")
                elif not isinstance(member, (dict, list)):
                    text = encode_scalar(member)
                    room -= len(text)
                    write(f"{lead}{key}{self._scalar(member, text)}")
                    if meanings is not None and meanings[name] is not None:
                        columns, note = self._note(name, member)
                        room -= columns
                        write(note)
                elif not member:
                    room -= 2
                    write(f"{lead}{key}{marks['{}' if isinstance(member, dict) else '[]']}")
                else:
                    if len(member) * (6 if isinstance(member, dict) else 3) > room:
                        return None
                    around.append((members, end))
                    opening, closing = "{}" if isinstance(member, dict) else "[]"
                    write(f"{lead}{key}{marks[opening]}")
                    members = _members(member)
                    lead = ""
                    end = marks[closing]
                    break
                if room < 0:
                    return None
                lead = comma
            else:
                write(end)
                if not around:
                    return "".join(line)
                members, end = around.pop()
                lead = comma

    def _scalar(self, value: object, text: str) -> str:
        is_word = value is None or isinstance(value, bool)
        before, after = self._word_paint if is_word else self._number_paint
        return f"{before}{text}{after}"

    def _note(self, name: str | None, value: Any) -> tuple[int, str]:
        """Return the columns of the text after a number, and the text. Most numbers are frequent."""
        key = name, value, getattr(value, "note", "")
        found = self._notes.get(key)
        if found is None:
            describe = self._meanings[name] if self._meanings is not None else None
            text = describe(value) if describe is not None else ""
            text = f" ({text})" if text else ""
            found = (len(text), text.join(self._note_paint) if text else "")
            if len(self._notes) >= _MAX_NOTES:
                self._notes.clear()
            self._notes[key] = found
        return found

    def _parts(self, text: str) -> Iterator[str]:
        """Yield a long string as JSON, in parts."""
        quotes = self._string("")
        yield quotes[:1]
        for start in range(0, len(text), _PART):
            yield self._string(text[start : start + _PART])[1:-1]
        yield quotes[1:]


def _members(value: dict[str, Any] | list[Any]) -> Members:
    return iter(value.items()) if isinstance(value, dict) else zip(repeat(None), value)


def message_line(message: Message) -> bytes:
    """Return a message on one line, with a line end, unchanged if it is one line of plain JSON.

    Numbers beyond the precision of a double and repeated names thus reach the reader unchanged.
    """
    raw = message.raw
    has_controls = b"\n" in raw or b"\r" in raw or b"\x7f" in raw
    if message.strict and raw.isascii() and not has_controls:
        return raw + b"\n"
    return value_line(message.value)


def value_line(value: object) -> bytes:
    """Return a value on one line, with a line end."""
    return encode(value).encode("ascii") + b"\n"


def value_pretty(value: Any) -> bytes:
    """Return a value indented by two blanks, with a line end."""
    text = "".join(paint_json(value, width=0, paint={}))
    return text.encode("ascii") + b"\n"


_COLOURS = {JSON_NAME: "34", JSON_STRING: "32", JSON_NUMBER: "36", JSON_WORD: "35"}


def color_json(value: Any, *, pretty: bool) -> bytes:
    """Return a value as coloured ASCII JSON, on one line or indented by two blanks."""
    paint = {style: (f"\x1b[{colour}m", "\x1b[0m") for style, colour in _COLOURS.items()}
    text = "".join(paint_json(value, width=0 if pretty else None, paint=paint))
    return text.encode("ascii") + b"\n"


def value_flat(value: object) -> bytes:
    """Return a value as lines `a.b[0].c: value`, as QEMU's former `qmp` script printed them.

    Each scalar has a line. Booleans and null are written as in Python.

    >>> print(value_flat([{"a": {"b": True}}, None]).decode(), end="")
    item[0].a.b: True
    item[1]: None
    """
    return "".join(f"{line}\n" for line in _flat_lines(value)).encode("utf-8", "backslashreplace")


def _flat_lines(value: object) -> Iterator[str]:
    # A stack, because values may be nested more deeply than Python's calls.
    stack: list[tuple[str, object]] = [("", value)]
    while stack:
        path, item = stack.pop()
        if isinstance(item, dict):
            prefix = f"{path}." if path else ""
            stack += [(f"{prefix}{name}", member) for name, member in reversed(item.items())]
        elif isinstance(item, list):
            name = path or "item"
            stack += [(f"{name}[{at}]", item[at]) for at in reversed(range(len(item)))]
        else:
            yield escape(f"{path}: {item}" if path else str(item))
