"""The signature of the command at the cursor, and its layout for a width."""

from __future__ import annotations

from ..record import Record
from .diagnostics import find_warnings
from .members import open_members
from .target import EVENT, find_target, with_command
from .types import is_required

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ..language import Value
    from .sources import CompletionSources
    from .target import PartialCommand
    from .types import TypeResolver

    Width = Callable[[str], int]

    # A style and its text.
    Piece = tuple[str, str]

    # Pieces that stay together: a name, or an argument with its type.
    Part = list[Piece]


COMMAND = "command"
REQUIRED = "required"
TYPE = "type"
MARK = "mark"  # brackets, colons and dots

_GAP = (MARK, " ")
_MORE = (MARK, "…")
_COLON = (MARK, ": ")
_ELLIPSIS = "…"
_OR = "|"


def shrink(
    parts: Sequence[Part], columns: int, current: int | None, *, width: Width = len
) -> list[Piece]:
    """Return the parts that fit in `columns`, with blanks between them and … for what is left out.

    The first part is the command's name and the path in its arguments.
    """
    if not parts or columns < 1:
        return []
    row = _Row(parts, columns, width)
    row.add_core(current)
    row.add_neighbours(current)
    return _cut(row.pieces(), columns, width)


class _Row:
    def __init__(self, parts: Sequence[Part], columns: int, width: Width) -> None:
        self._parts = parts
        self._columns = columns
        self._width = width
        self._shown: dict[int, Part] = {0: parts[0]}
        self._core: list[int] = []
        # The columns of each part.
        self._widths = [self._width_of(part) for part in parts]

    def _width_of(self, part: Part) -> int:
        return sum(self._width(text) for _, text in part)

    def pieces(self) -> list[Piece]:
        found: list[Piece] = []
        before = -1
        for index in sorted(self._shown):
            if index > before + 1:
                found += [_MORE, _GAP]
            found += [*self._shown[index], _GAP]
            before = index
        return [*found, _MORE] if before < len(self._parts) - 1 else found[:-1]

    def _fits(self) -> bool:
        return self._width_of(self.pieces()) <= self._columns

    def _try(self, index: int, part: Part) -> bool:
        """Show a part in this form if there is room."""
        before = self._shown.get(index)
        self._shown[index] = part
        if self._fits():
            return True
        if before is None:
            del self._shown[index]
        else:
            self._shown[index] = before
        return False

    def add_core(self, current: int | None) -> None:
        """Add the current and the required parts: first their names, then as much of them as fits."""
        if current:
            self._add_current(current)
        for index, part in enumerate(self._parts):
            is_required = index != current and any(style == REQUIRED for style, _ in part)
            if is_required and self._try(index, _without_type(part)):
                self._core.append(index)
        for index in self._core:
            if not self._try(index, self._parts[index]):
                self._shorten(index)

    def _add_current(self, current: int) -> None:
        part = _without_type(self._parts[current])
        self._core.append(current)
        if self._try(current, part):
            return
        head = self._shown[0]
        self._shown = {current: part}
        path = [piece for piece in head if piece[0] != COMMAND]
        if path:
            self._try(0, path[1:])

    def _shorten(self, index: int) -> None:
        """Show as many values of the part's type as fit."""
        part = self._parts[index]
        place = next((i for i, (style, _) in enumerate(part) if style == TYPE), None)
        values = part[place][1].split(_OR) if place is not None else []
        for count in range(len(values) - 1, 0, -1):
            text = _OR.join([*values[:count], _ELLIPSIS])
            assert place is not None
            if self._try(index, [*part[:place], (TYPE, text), *part[place + 1 :]]):
                return

    def add_neighbours(self, current: int | None) -> None:
        """Add the parts after the current one, then those before it, until one does not fit."""
        middle = current or 0
        for indices in (range(middle + 1, len(self._parts)), range(middle - 1, -1, -1)):
            for index in indices:
                if index not in self._shown and not self._has_room(index):
                    break

    def _has_room(self, index: int) -> bool:
        # The part may close a gap, which makes room.
        least = self._widths[index] - 2 * len(_ELLIPSIS)
        free = self._columns - self._width_of(self.pieces())
        return least <= free and self._try(index, self._parts[index])


def _without_type(part: Part) -> Part:
    return [piece for piece in part if piece[0] != TYPE and piece != _COLON]


def _cut(pieces: Sequence[Piece], columns: int, width: Width) -> list[Piece]:
    """Return as much as fits; … marks a cut."""
    if sum(width(text) for _, text in pieces) <= columns:
        return list(pieces)
    found: list[Piece] = []
    free = columns - 1
    for style, text in pieces:
        kept = _beginning(text, free, width)
        if kept:
            found.append((style, kept))
        free -= width(kept)
        if kept != text:
            break
    return [*found, _MORE]


def _beginning(text: str, columns: int, width: Width) -> str:
    for index, char in enumerate(text):
        columns -= width(char)
        if columns < 0:
            return text[:index]
    return text


def wrap(text: str, columns: int, rows: int, *, width: Width = len) -> list[str]:
    """Wrap a text into at most `rows` rows, between words or within too long ones.

    … at the end marks a cut.
    """
    if columns < 1 or rows < 1:
        return []
    found = [""]
    words = list(_words(text, columns, width))
    for word in words:
        longer = f"{found[-1]} {word}" if found[-1] else word
        if width(longer) <= columns:
            found[-1] = longer
        elif len(found) < rows:
            found.append(word)
        else:
            while found[-1] and width(found[-1]) + 2 > columns:
                found[-1] = found[-1].rpartition(" ")[0]
            found[-1] = f"{found[-1]} {_ELLIPSIS}".lstrip()
            return found
    return found


def _words(text: str, columns: int, width: Width) -> Iterator[str]:
    for word in text.split():
        rest = word
        while width(rest) > columns:
            line = _beginning(rest, columns, width) or rest[0]
            yield line
            rest = rest[len(line) :]
        if rest:
            yield rest


# Styles.
OPTIONAL = "optional"
GIVEN = "given"
CURRENT = "current"


class Signature(Record):
    """The signature of a command.

    `parts` are the command's name with the path of what is shown, and the arguments there, each a
    list of pieces (style, text). `current` is the index of the part at the cursor, or None.
    `warnings` are diagnostics. All texts come from the server and are not trusted.
    """

    parts: list[Part]
    current: int | None
    warnings: list[str]

    @property
    def text(self) -> str:
        """The complete signature without styles."""
        return " ".join("".join(text for _, text in part) for part in self.parts)


def describe(line: str, cursor: int, sources: CompletionSources) -> Signature | None:
    """Return the signature of the command at the cursor and its diagnostics, or None. Never fails."""
    context = find_target(line, cursor)
    warnings = find_warnings(context, sources)
    call = with_command(context).call
    if call is not None and call.name:
        types = sources.types_of(call.name)
        type_name = types.of_call(call)
        if type_name:
            return _Drawing(call, types, sources).draw(type_name, warnings)
    return Signature([], None, warnings) if warnings else None


class _Drawing:
    def __init__(
        self, call: PartialCommand, types: TypeResolver, sources: CompletionSources
    ) -> None:
        self._call = call
        self._types = types
        self._sources = sources
        self._parts: list[Part] = [[(COMMAND, call.name)]]
        self._current: int | None = None

    def draw(self, type_name: str, warnings: Sequence[str]) -> Signature:
        path, name = self._level(type_name)
        given = self._call.root.at(path)
        if path:
            self._parts[0] += [(MARK, " "), (GIVEN, ".".join(path)), (MARK, ".")]
        type_name = self._types.schema.compound(self._types.at(type_name, self._call.root, path))
        if self._types.schema.kind(type_name) == "array":
            element = self._types.schema.element_type(type_name) or ""
            self._add(name or "0", self._types.words(element), OPTIONAL)
            self._current = len(self._parts) - 1
        else:
            self._members(type_name, path, given, name)
        return Signature(self._parts, self._current, list(warnings))

    def _level(self, type_name: str) -> tuple[tuple[str, ...], str]:
        """Return the object that is shown, and the member at the cursor."""
        path, name = self._call.key_path
        given: Value | None = self._call.root
        known = 0  # how many parts of the path lead to an object or an array
        for index, part in enumerate(path, 1):
            type_name = self._types.below(type_name, given, part)
            given = given.members.get(part) if given is not None else None
            if not type_name:
                break
            if self._types.schema.kind(self._types.schema.compound(type_name)) in (
                "object",
                "array",
            ):
                known = index
        return (path, name) if known == len(path) else (path[:known], path[known])

    def _members(self, type_name: str, path: Sequence[str], given: Value | None, name: str) -> None:
        there = given.members if given is not None else {}
        tags = self._types.tags(type_name, given)
        members = list(self._types.members(type_name, given).values())
        required = {member.name for member in members if is_required(member, self._call, path)}
        members.sort(key=lambda member: (member.name not in tags, member.name not in required))
        for member in members:
            must = member.name in required and self._call.sort != EVENT
            style = GIVEN if member.name in there else REQUIRED if must else OPTIONAL
            if member.name == name:
                style = CURRENT
                self._current = len(self._parts)
            self._add(member.name, self._types.words(member.type), style, in_brackets=not must)
        name_query = open_members(self._call, path)
        if name_query is None:
            return
        for live_name in self._sources.peek_live(name_query):
            if live_name.name in there:
                style = CURRENT if live_name.name == name else GIVEN
                if style == CURRENT:
                    self._current = len(self._parts)
                self._add(live_name.name, live_name.meta, style, in_brackets=True)
        self._parts.append([(MARK, "[PROPERTY=VALUE…]")])

    def _add(self, name: str, words: str, style: str, *, in_brackets: bool = False) -> None:
        part: Part = [(style, name), (MARK, ": "), (TYPE, words)]
        self._parts.append([(MARK, "["), *part, (MARK, "]")] if in_brackets else part)
