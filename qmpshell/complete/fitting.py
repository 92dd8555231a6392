"""What of a signature fits in a row, and of warnings in a few.

Owns: what stays when there is little room: the argument that the cursor is in, the command's name, what
is required, then types, then the neighbours. Must not know: colours, terminals, commands.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .signature import Part, Piece

    Width = Callable[[str], int]

COMMAND = "command"
REQUIRED = "required"
TYPE = "type"
MARK = "mark"  # brackets, colons and dots

_GAP = (MARK, " ")
_MORE = (MARK, "…")
_COLON = (MARK, ": ")
_ELLIPSIS = "…"
_OR = "|"


def fit(
    parts: Sequence[Part], columns: int, current: int | None, *, width: Width = len
) -> list[Piece]:
    """What of the parts fits in so many columns, with blanks between them and … where something is left
    out. The first part is the command's name, and where in its arguments the others are."""
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
        # The columns that each part takes.
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
        """Show a part so, if there is room."""
        before = self._shown.get(index)
        self._shown[index] = part
        if self._fits():
            return True
        if before is None:
            del self._shown[index]
        else:
            self._shown[index] = before
        return False

    # -- what stays ----------------------------------------------------------------------------

    def add_core(self, current: int | None) -> None:
        """The current part and the required ones: first their names, then as much of them as fits."""
        if current:
            self._add_current(current)
        for index, part in enumerate(self._parts):
            if index != current and any(style == REQUIRED for style, _ in part):
                if self._try(index, _without_type(part)):
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
        """As many of the values of its type as fit."""
        part = self._parts[index]
        place = next((i for i, (style, _) in enumerate(part) if style == TYPE), None)
        values = part[place][1].split(_OR) if place is not None else []
        for count in range(len(values) - 1, 0, -1):
            text = _OR.join([*values[:count], _ELLIPSIS])
            assert place is not None
            if self._try(index, [*part[:place], (TYPE, text), *part[place + 1 :]]):
                return

    # -- what else has room --------------------------------------------------------------------

    def add_neighbours(self, current: int | None) -> None:
        """Those behind the current part, then those before it, up to the first that has no room."""
        middle = current or 0
        for indices in (range(middle + 1, len(self._parts)), range(middle - 1, -1, -1)):
            for index in indices:
                if index not in self._shown and not self._has_room(index):
                    break

    def _has_room(self, index: int) -> bool:
        # A gap may close by it, which makes room.
        least = self._widths[index] - 2 * len(_ELLIPSIS)
        free = self._columns - self._width_of(self.pieces())
        return least <= free and self._try(index, self._parts[index])


def _without_type(part: Part) -> Part:
    return [piece for piece in part if piece[0] != TYPE and piece != _COLON]


def _cut(pieces: Sequence[Piece], columns: int, width: Width) -> list[Piece]:
    """As much as fits; what is cut ends with …"""
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


# -- warnings -------------------------------------------------------------------------------------


def wrap(text: str, columns: int, rows: int, *, width: Width = len) -> list[str]:
    """A text in at most so many rows, broken between words, which are cut where they are too long for a
    row; … at its end says that there is more."""
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
            begin = _beginning(rest, columns, width) or rest[0]
            yield begin
            rest = rest[len(begin) :]
        if rest:
            yield rest
