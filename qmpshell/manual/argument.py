"""The help on one argument of a command, or on one member of an event's data.

Owns: finding it by what was typed of it, however deep and whatever is not chosen yet, and what is told of
it. Must not know: the rest of a page, where schema and manual come from.
"""

from __future__ import annotations

from ..complete.shapes import DEVICE_ADD
from ..page import (
    EMPHASIS,
    NAME,
    PLAIN,
    WARNING,
    Block,
    Heading,
    Item,
    Paragraph,
    heading,
    paragraph,
)
from .entries import ENUM
from .members import feature_rows, prose
from .shapes import meaning, object_type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..language.facts import Properties
    from ..schema.model import Member, Schema
    from .entries import Described, Entry
    from .members import Members

# A union may be in a union; a server's schema may refer to itself.
_DEEPEST = 2
# So many places a path may lead to.
_MOST = 40


class _Place:
    """An object that has members: its type, the manual's entry on it, the path to it with a dot, and what
    must be chosen for it to be there, in words."""

    __slots__ = ("condition", "entry", "is_array", "prefix", "type")

    def __init__(
        self,
        type_name: str,
        entry: Entry | None,
        prefix: str = "",
        condition: str = "",
        *,
        is_array: bool = False,
    ) -> None:
        self.type = type_name
        self.entry = entry
        self.prefix = prefix
        self.condition = condition
        self.is_array = is_array


class _Found:
    """A member of a place. `choices` are those of the values of tags that bring it, none where it is
    there already."""

    __slots__ = ("choices", "described", "member", "place")

    def __init__(self, place: _Place, member: Member) -> None:
        self.place = place
        self.member = member
        self.choices: list[dict[str, str]] = []
        self.described: Described | None = None

    @property
    def condition(self) -> str:
        """What must be chosen for it to be there, in words."""
        ours = _in_words(self.place.prefix, self.choices)
        return " and ".join(one for one in (self.place.condition, ours) if one)


class Arguments:
    """Those of the command or the event `name`: `entry` is what tells of them, `given` has the values that
    choose branches of unions, by their dotted path, `properties` are those of the device whose driver
    is given."""

    def __init__(
        self,
        schema: Schema,
        members: Members,
        *,
        name: str,
        is_event: bool,
        arg_type: str,
        entry: Entry | None,
        given: Mapping[str, str],
        properties: Properties,
    ) -> None:
        self._properties = properties
        self._schema = schema
        self._members = members
        self._name = name
        self._noun = "data" if is_event else "argument"
        self._root = _Place(arg_type, entry)
        self._given = given

    def about(self, key: str) -> list[Block]:
        """What is known of the argument of that dotted path, or of those whose names begin so."""
        parts = key.split(".")
        while len(parts) > 1 and (not parts[-1] or parts[-1].isdecimal()):
            parts.pop()
        *outer, last = parts
        found = [one for place in self._at(outer) for one in self._all(place)]
        shown = [one for one in found if one.member.name == last]
        properties = [key] if key in self._properties and not shown else []
        is_begun = not shown and not properties and key not in self._given
        if is_begun:
            shown = [one for one in found if one.member.name.startswith(last)]
            names = {one.member.name for one in shown}
            properties = [
                one for one in self._properties if one.startswith(key) and one not in names
            ]
        for one in shown:
            self._describe(one)
        if len(shown) == 1 and not properties:
            return self._section(shown[0])
        if shown or properties:
            which = f"{self._noun} of {self._name}" + (": those that begin so" if is_begun else "")
            title = Heading([(NAME, key), (PLAIN, f" ({which})")])
            return [title, *map(self._row, shown), *map(self._property, properties)]
        own = " of its own" if self._name == DEVICE_ADD else ""
        return [Paragraph([(WARNING, f"{self._name} has no {self._noun} {key}{own}.")])]

    # -- finding -------------------------------------------------------------------------------

    def _at(self, parts: list[str]) -> list[_Place]:
        """The places that a path may lead to, as long as something is not chosen."""
        places = [self._root]
        for part in parts:
            places = [inner for place in places for inner in self._below(place, part)][:_MOST]
        return places

    def _below(self, place: _Place, part: str) -> Iterator[_Place]:
        if place.is_array and part.isdecimal():
            yield _Place(place.type, place.entry, f"{place.prefix}{part}.", place.condition)
            return
        for found in self._all(place):
            inner = object_type(self._schema, found.member.type)
            if found.member.name == part and inner is not None:
                self._describe(found)
                yield _Place(
                    inner,
                    self._members.inner_entry(found.described),
                    f"{place.prefix}{part}.",
                    found.condition,
                    is_array=self._schema.kind(found.member.type) == "array",
                )

    def _all(self, place: _Place) -> list[_Found]:
        """All members, those of branches too that may still be chosen."""

        def chosen(tag: str) -> str | None:
            return self._given.get(place.prefix + tag)

        members = self._schema.members(place.type, chosen)
        found = [_Found(place, member) for member in members.values()]
        branches: dict[tuple[str, str, bool], _Found] = {}
        for member, choice in self._branches(place, place.type, {}):
            if member.name not in members:
                one = branches.setdefault(
                    (member.name, member.type, member.optional), _Found(place, member)
                )
                one.choices.append(choice)
        return [*found, *branches.values()]

    def _branches(
        self, place: _Place, type_name: str, choice: dict[str, str]
    ) -> Iterator[tuple[Member, dict[str, str]]]:
        tag = self._schema.tag(type_name)
        if tag is None or tag in choice or len(choice) == _DEEPEST:
            return
        value = self._given.get(place.prefix + tag)
        cases = self._schema.cases(type_name)
        for case, branch in cases.items():
            if value not in cases or case == value:
                inner = choice | {tag: case}
                for member in self._schema.members(branch, lambda _: None).values():
                    yield member, inner
                yield from self._branches(place, branch, inner)

    def _describe(self, found: _Found) -> None:
        place = found.place
        choice = found.choices[0] if found.choices else {}
        found.described = self._members.described(
            place.entry,
            found.member.name,
            lambda tag: choice.get(tag) or self._given.get(place.prefix + tag),
        )

    # -- telling -------------------------------------------------------------------------------

    def _row(self, found: _Found) -> Item:
        row = self._members.row(found.member, found.described, found.place.prefix, is_tag=False)
        if found.condition:
            row.blocks.insert(0, paragraph(f"with {found.condition}"))
        return row

    def _property(self, name: str) -> Item:
        """A property of the device that is to be added."""
        found = self._properties[name]
        whose = f" (of {self._given.get('driver', '')})"
        blocks: list[Block] = [paragraph(found.description)] if found.description else []
        return Item([(NAME, f"[{name}]"), (PLAIN, f": {found.type}"), (EMPHASIS, whose)], blocks)

    def _section(self, found: _Found) -> list[Block]:
        place, member, described = found.place, found.member, found.described
        path = place.prefix + member.name
        told = [f"{self._noun} of {self._name}", "optional" if member.optional else "required"]
        told += [one for one in member.features if meaning(one)]
        page: list[Block] = [Heading([(NAME, path), (PLAIN, f" ({', '.join(told)})")])]
        tags = self._members.tags(place.type, place.prefix, self._given)
        page.append(
            paragraph(self._members.type_text(member, described, is_tag=member.name in tags))
        )
        if found.condition:
            page.append(paragraph(f"It is there with {found.condition}."))
        page += prose(described)
        page += feature_rows(tuple(member.features), place.entry, only_those=True)
        page += self._values(path, member, described)
        inner = object_type(self._schema, member.type)
        if inner is not None:
            entry = self._members.inner_entry(described)
            rows = list(self._members.rows(inner, entry, f"{path}.", self._given))
            if rows and not isinstance(rows[0], Heading):
                page.append(heading(f"Members of {path}"))
            page += rows
        return page

    def _values(self, path: str, member: Member, described: Described | None) -> list[Block]:
        """What the manual says of the values of an enum: of the one that is given, or of all."""
        values = self._schema.enum_values(member.type)
        entry = self._members.type_entry(described.type) if described is not None else None
        if entry is None or entry.kind != ENUM:
            return []
        given = self._given.get(path)
        told = [one for one in ([given] if given in values else values) if one is not None]
        rows: list[Block] = [Item([(NAME, one)], prose(entry.member(one))) for one in told]
        is_told = any(isinstance(row, Item) and row.blocks for row in rows)
        return [heading("Values"), *rows] if is_told else []


def _in_words(prefix: str, choices: list[dict[str, str]]) -> str:
    """`driver=qcow2, qed`: the values of the last tag together, if the others are the same."""
    groups: dict[str, list[str]] = {}
    for choice in choices:
        *outer, (tag, value) = choice.items()
        key = " ".join([*(f"{prefix}{one}={of}" for one, of in outer), f"{prefix}{tag}="])
        groups.setdefault(key, []).append(value)
    return "; or with ".join(f"{key}{', '.join(values)}" for key, values in groups.items())
