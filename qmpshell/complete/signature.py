"""The shape of the command that is being typed, for a line under it.

Owns: which arguments are shown, and how each is marked. Must not know: colours, terminals, what fits
(that is `fitting`), what is wrong with the command (that is `warnings`).
"""

from __future__ import annotations

from .context import find_context
from .fitting import COMMAND, MARK, REQUIRED, TYPE
from .live import Live
from .live_kinds import open_names
from .slot import EVENT
from .warnings import find_warnings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .given import Given
    from .known import Known
    from .shapes import Shapes
    from .slot import Call

    # A style and its text.
    Piece = tuple[str, str]
    # What stays together: a name, or an argument with its type.
    Part = list[Piece]

# Styles.
OPTIONAL = "optional"
GIVEN = "given"
CURRENT = "current"


class Signature:
    """`parts` are the command's name, with the path of what is shown in it, and the arguments there,
    each of pieces (style, text) that stay together; `current` is the index of the part that the cursor
    is in, None if in none. `warnings` are sentences without an end. All of them hold the server's
    words, which are not trusted."""

    __slots__ = ("current", "parts", "warnings")

    def __init__(self, parts: Sequence[Part], current: int | None, warnings: Sequence[str]) -> None:
        self.parts = list(parts)
        self.current = current
        self.warnings = list(warnings)

    @property
    def text(self) -> str:
        """All of the shape, without styles."""
        return " ".join("".join(text for _, text in part) for part in self.parts)


def describe(line: str, cursor: int, known: Known) -> Signature | None:
    """The shape of the command that the cursor is in, and what is wrong with it; None where there is
    none, or it is not known. It never fails."""
    context = find_context(line, cursor)
    warnings = find_warnings(line, context, known)
    call = context.call
    shapes = known.shapes_of(call.name) if call is not None and call.name else None
    type_name = shapes.of_call(call) if call is not None and shapes is not None else ""
    if call is None or shapes is None or not type_name:
        return Signature([], None, warnings) if warnings else None
    return _Drawing(call, shapes, known).draw(type_name, warnings)


class _Drawing:
    def __init__(self, call: Call, shapes: Shapes, known: Known) -> None:
        self._call = call
        self._shapes = shapes
        self._known = known
        self._parts: list[Part] = [[(COMMAND, call.name)]]
        self._current: int | None = None

    def draw(self, type_name: str, warnings: Sequence[str]) -> Signature:
        path, name = self._level(type_name)
        given = self._call.root.at(path)
        if path:
            self._parts[0] += [(MARK, " "), (GIVEN, ".".join(path)), (MARK, ".")]
        type_name = self._shapes.compound(self._shapes.at(type_name, self._call.root, path))
        if self._shapes.schema.kind(type_name) == "array":
            element = self._shapes.schema.element_type(type_name) or ""
            self._add(name or "0", self._shapes.words(element), OPTIONAL)
            self._current = len(self._parts) - 1
        else:
            self._members(type_name, path, given, name)
        return Signature(self._parts, self._current, warnings)

    def _level(self, type_name: str) -> tuple[tuple[str, ...], str]:
        """The object that is shown, and the member of it that the cursor is in."""
        path, name = self._call.key_path
        given: Given | None = self._call.root
        known = 0  # so many parts of the path lead to an object or an array
        for index, part in enumerate(path, 1):
            type_name = self._shapes.below(type_name, given, part)
            given = given.members.get(part) if given is not None else None
            if not type_name:
                break
            if self._shapes.schema.kind(self._shapes.compound(type_name)) in ("object", "array"):
                known = index
        return (path, name) if known == len(path) else (path[:known], path[known])

    def _members(self, type_name: str, path: Sequence[str], given: Given | None, name: str) -> None:
        there = given.members if given is not None else {}
        tags = self._shapes.tags(type_name, given)
        members = list(self._shapes.members(type_name, given).values())
        members.sort(key=lambda one: (one.name not in tags, one.optional))
        for member in members:
            must = not member.optional and self._call.sort != EVENT
            style = GIVEN if member.name in there else REQUIRED if must else OPTIONAL
            if member.name == name:
                style = CURRENT
                self._current = len(self._parts)
            self._add(member.name, self._shapes.words(member.type), style, in_brackets=not must)
        kind, subject = open_names(self._call, path, given)
        for one in self._known.peek_live(Live(kind, subject)) if kind else ():
            if one.name in there:
                style = CURRENT if one.name == name else GIVEN
                if style == CURRENT:
                    self._current = len(self._parts)
                self._add(one.name, one.meta, style, in_brackets=True)
        if kind:
            self._parts.append([(MARK, "[PROPERTY=VALUE…]")])

    def _add(self, name: str, words: str, style: str, *, in_brackets: bool = False) -> None:
        part: Part = [(style, name), (MARK, ": "), (TYPE, words)]
        self._parts.append([(MARK, "["), *part, (MARK, "]")] if in_brackets else part)
