"""The members of objects: what the schema knows of each and what the manual says.

Owns: finding both for a member, however deep in types the manual tells of it. Must not know: pages, where
the two come from.
"""

from __future__ import annotations

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
    plain,
)
from .entries import COMMAND, ENUM, EVENT, KINDS
from .shapes import features_text, meaning, object_type, type_text
from .untold import untold_type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ..page import Spans
    from ..schema.model import Member, Schema
    from .entries import Described, Entry
    from .reference import Reference

    # What a tag is set to, if anything.
    Chosen = Callable[[str], str | None]

TYPES = tuple(kind for kind in KINDS if kind not in (COMMAND, EVENT))
# How far the manual refers from one type to another, at most.
_FARTHEST = 8
_SAYS_NOTHING = "Not documented"

# Nobody asks about members that lie deeper.
_DEEPEST = 16


class Members:
    """There may be no manual."""

    def __init__(self, schema: Schema, reference: Reference | None) -> None:
        self._schema = schema
        self._reference = reference

    def type_entry(self, type_text: str) -> Entry | None:
        """The manual's entry on a type, or on the elements of an array."""
        return self._reference.entry(bare(type_text), *TYPES) if self._reference else None

    def taken(self, entry: Entry | None) -> Entry | None:
        """What tells of the members of a command or an event: its own entry, or that of a type."""
        if entry is None or self._reference is None:
            return entry
        return self.type_entry(untold_type(self._reference, entry.name, self._schema)) or entry

    def rows(
        self,
        type_name: str,
        entry: Entry | None,
        prefix: str,
        given: Mapping[str, str],
    ) -> Iterator[Block]:
        """The members of an object, those of the branch that is chosen first, and before others those
        that are required."""

        def chosen(tag: str) -> str | None:
            return given.get(prefix + tag)

        tags = self.tags(type_name, prefix, given)
        common = self._schema.members(type_name, lambda _: None)
        members = list(self._schema.members(type_name, chosen).values())
        members.sort(key=lambda one: one.optional)
        branch = [one for one in members if one.name not in common]
        choice = ", ".join(f"{prefix}{tag}={chosen(tag)}" for tag in tags if chosen(tag))
        if branch:
            yield heading(f"With {choice}")
            yield from self._branch_prose(entry, chosen)
        inner: list[Block] = []
        for number, member in enumerate((*branch, *(one for one in members if one not in branch))):
            if branch and number == len(branch):
                yield heading("And always")
            described = self.described(entry, member.name, chosen)
            yield self.row(member, described, prefix, is_tag=member.name in tags)
            inner += self._inner_rows(member, described, prefix, given)
        yield from _open_choices(self._schema, members, tags, prefix, chosen)
        yield from inner

    def _inner_rows(
        self,
        member: Member,
        described: Described | None,
        prefix: str,
        given: Mapping[str, str],
    ) -> Iterator[Block]:
        """The members of a member that something is given of."""
        path = f"{prefix}{member.name}."
        inside = next((one for one in given if one.startswith(path)), None)
        inner = object_type(self._schema, member.type)
        if inside is None or inner is None or prefix.count(".") > _DEEPEST:
            return
        index = inside[len(path) :].partition(".")[0]
        if self._schema.kind(member.type) == "array" and index.isdecimal():
            path += f"{index}."
        rows = list(self.rows(inner, self.inner_entry(described), path, given))
        if rows and not isinstance(rows[0], Heading):
            yield heading(f"Members of {path.rstrip('.')}")
        yield from rows

    def inner_entry(self, described: Described | None) -> Entry | None:
        """What the manual says of the object that a member holds."""
        entry = self.type_entry(described.type) if described is not None else None
        if entry is None or entry.kind != "alternate":
            return entry
        entries = (self.type_entry(one.type) for one in entry.members)
        objects = (one for one in entries if one is not None and one.kind != ENUM)
        return next(objects, entry)

    def tags(
        self, type_name: str, prefix: str, given: Mapping[str, str]
    ) -> dict[str, dict[str, str]]:
        """The tags of a union as far as they are chosen, and the first that is not, with their cases."""
        found: dict[str, dict[str, str]] = {}
        todo: str | None = type_name
        for _ in range(_FARTHEST):
            tag = self._schema.tag(todo) if todo is not None else None
            if todo is None or tag is None:
                break
            cases = found.setdefault(tag, self._schema.cases(todo))
            todo = cases.get(given.get(prefix + tag) or "")
        return found

    def row(
        self,
        member: Member,
        described: Described | None,
        prefix: str,
        *,
        is_tag: bool,
    ) -> Item:
        text = self.type_text(member, described, is_tag=is_tag)
        name = prefix + member.name
        term: Spans = [
            (NAME, f"[{name}]" if member.optional else name),
            (PLAIN, f": {text}"),
        ]
        mark = features_text(member.features)
        if mark:
            term.append((EMPHASIS, mark))
        return Item(term, prose(described))

    def type_text(self, member: Member, described: Described | None, *, is_tag: bool) -> str:
        """A member's type in words; of a tag its name, for what it can be is told elsewhere."""
        called = bare(described.type) if described is not None else ""
        if called and self.type_entry(called) is None:
            called = ""
        return called if is_tag and called else type_text(self._schema, member.type, called=called)

    def described(
        self, entry: Entry | None, name: str, chosen: Chosen, depth: int = 0
    ) -> Described | None:
        """What the manual says of a member: of the type's own, or of one that the type takes over."""
        if entry is None or depth > _FARTHEST:
            return None
        found = entry.member(name)
        if found is not None:
            return found
        for one in entry.inherited:
            if not one.tag or chosen(one.tag) == one.value:
                inner = self.type_entry(one.type)
                found = self.described(inner, name, chosen, depth + 1)
                if found is not None:
                    return found
        return None

    def _branch_prose(self, entry: Entry | None, chosen: Chosen) -> list[Block]:
        """What the manual says of the type of the branch that is chosen."""
        for _ in range(_FARTHEST):
            inherited = entry.inherited if entry is not None else []
            for one in inherited:
                if one.tag and chosen(one.tag) == one.value:
                    found = self.type_entry(one.type)
                    return list(found.prose) if found is not None else []
            entry = next((self.type_entry(one.type) for one in inherited if not one.tag), None)
        return []


def _open_choices(
    schema: Schema,
    members: list[Member],
    tags: dict[str, dict[str, str]],
    prefix: str,
    chosen: Chosen,
) -> Iterator[Block]:
    """What is still to be chosen, and what cannot be."""
    types = {one.name: one.type for one in members}
    for tag, cases in tags.items():
        value = chosen(tag)
        if value is None:
            yield paragraph(f"Further members depend on {prefix}{tag}: {', '.join(cases)}")
        elif value not in schema.enum_values(types.get(tag, "")):
            yield Paragraph([(WARNING, f"{prefix}{tag} cannot be {value}.")])
        elif value not in cases:
            yield paragraph(f"{prefix}{tag}={value} has no further members.")


def bare(type_name: str) -> str:
    """The name of a type, or of the elements of an array."""
    return type_name.strip("[]")


def prose(described: Described | None) -> list[Block]:
    blocks = described.blocks if described is not None else []
    first = blocks[0] if blocks else None
    if isinstance(first, Paragraph) and plain(first.spans).rstrip(".") == _SAYS_NOTHING:
        return blocks[1:]
    return list(blocks)


def feature_rows(
    features: tuple[str, ...], entry: Entry | None, *, only_those: bool = False
) -> list[Block]:
    """Features of the schema, with what the manual says of them; and those that only the manual tells
    of, which may be a member's, unless it is `only_those`."""
    rows: list[Block] = []
    described = {one.name: one for one in entry.features} if entry is not None else {}
    for name in dict.fromkeys((*features, *(() if only_those else described))):
        blocks = prose(described.get(name))
        if not blocks and meaning(name):
            blocks = [paragraph(meaning(name).partition(": ")[2])]
        rows.append(Item([(NAME, name)], blocks))
    return [heading("Features"), *rows] if rows else []
