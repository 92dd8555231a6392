"""The help on one name: what the schema knows and what the manual says, as a page.

Owns: what is told, in which order. Must not know: how it is laid out, where the two come from.
"""

from __future__ import annotations

import re

from ..page import (
    NAME,
    PLAIN,
    WARNING,
    Block,
    Heading,
    Item,
    Paragraph,
    Table,
    heading,
    paragraph,
    plain,
)
from .argument import Arguments
from .entries import COMMAND, ENUM, EVENT
from .members import TYPES, Members, bare, feature_rows, prose
from .shapes import meaning, object_type, shape_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..language.facts import Properties
    from ..page import Spans
    from ..schema.model import CommandInfo, EventInfo, Schema
    from .entries import Described, Entry
    from .reference import Reference

# How far the manual refers from one type to another, at most.
_DEEPEST = 4


class Articles:
    """Each of the two sources may be missing."""

    def __init__(self, schema: Schema | None, reference: Reference | None) -> None:
        self._schema = schema
        self._reference = reference

    def names(self) -> list[str]:
        """All names of commands, events and types that something is known of."""
        known = [*self._schema.commands(), *self._schema.events()] if self._schema else []
        return list(dict.fromkeys(known + (self._reference.names() if self._reference else [])))

    def about(
        self,
        name: str,
        given: Mapping[str, str],
        key: str = "",
        *,
        properties: Properties | None = None,
    ) -> list[Block]:
        """The page on a command, an event, or a type of the manual's; empty where nothing is known.
        `given` has the values that choose branches of unions, by their dotted path. What is known of
        the argument or member `key`, a dotted path or the beginning of one, stands first; it may be one
        of the `properties` of a device's driver."""
        schema = self._schema
        info = (schema.command(name) or schema.event(name)) if schema is not None else None
        if schema is not None and info is not None:
            return self._known(schema, info, given, key, properties or {})
        entry = self._entry(name)
        if entry is None:
            return []
        return [*(self._member(entry, key) if key else []), *self._documented(entry)]

    def about_value(self, name: str) -> list[Block]:
        """The page on a value of enums: what it means in each, and which arguments take it; empty where
        nothing is known."""
        rows: list[Block] = []
        if self._reference is not None:
            for enum in self._reference.enums_with(name):
                rows.append(Item([(NAME, enum.name)], prose(enum.member(name))))
        takers = list(self._takers(name))
        if not rows and not takers:
            return []
        page = [_title(name, ["value"]), *rows]
        if takers:
            page += [
                heading("Taken by"),
                Table([[(NAME, one), (PLAIN, of)] for one, of in takers]),
            ]
        return page

    def _entry(self, name: str, *kinds: str) -> Entry | None:
        return self._reference.entry(name, *kinds) if self._reference is not None else None

    # -- commands and events -------------------------------------------------------------------

    def _known(
        self,
        schema: Schema,
        info: CommandInfo | EventInfo,
        given: Mapping[str, str],
        key: str,
        properties: Properties,
    ) -> list[Block]:
        ret_type = getattr(info, "ret_type", None)
        kind = EVENT if ret_type is None else COMMAND
        entry = self._entry(info.name, kind)
        members = Members(schema, self._reference)
        taken = members.taken(entry)
        label = "Arguments" if kind == COMMAND else "Data"
        page: list[Block] = []
        if key:
            page += Arguments(
                schema,
                members,
                name=info.name,
                is_event=kind == EVENT,
                arg_type=info.arg_type,
                entry=taken,
                given=given,
                properties=properties,
            ).about(key)
        rows = list(members.rows(info.arg_type, taken, "", given))
        # Of a part that is chosen, this is all.
        is_whole = not any(isinstance(row, Heading) for row in rows)
        told = [kind, *(one for one in info.features if meaning(one))]
        if entry is not None and entry.since:
            told.append(f"since {entry.since}")
        page.append(_title(info.name, told))
        if entry is not None and is_whole:
            page += entry.prose
        if rows:
            if not isinstance(rows[0], Heading):
                page.append(heading(label))
            page += rows
        if ret_type is not None and is_whole:
            page += self._returned(schema, members, ret_type, entry)
        page += feature_rows(info.features, entry)
        if getattr(info, "allow_oob", False):
            page.append(paragraph(f"It can be sent out of band: /oob {info.name}"))
        if entry is not None and is_whole:
            page += _rest(entry)
        return page

    def _returned(
        self, schema: Schema, members: Members, ret_type: str, entry: Entry | None
    ) -> list[Block]:
        told = entry.returns if entry is not None else []
        inner = object_type(schema, ret_type)
        rows: list[Block] = []
        described: Entry | None = None
        if inner is not None:
            described = self._return_entry(schema, inner, entry)
            rows = list(members.rows(inner, described, "", {}))
            if not rows and inner == ret_type:
                return [heading("Returns"), *told] if told else []
        called = described.name if described is not None else ""
        if entry is not None and self._entry(bare(entry.return_type), *TYPES) is not None:
            called = bare(entry.return_type)
        return [
            heading("Returns"),
            paragraph(shape_text(schema, ret_type, called=called)),
            *told,
            *rows,
        ]

    def _return_entry(self, schema: Schema, inner: str, entry: Entry | None) -> Entry | None:
        """The manual's entry on the object that is returned. 7.2's names it, if at all, in its prose."""
        names = set(schema.members(inner, lambda _: None))
        words = [entry.return_type, *_words(entry.returns)] if entry is not None else []
        for word in map(bare, words):
            found = self._entry(word, *TYPES)
            if found is not None and {one.name for one in self._members_of(found, 0)} >= names:
                return found
        return None

    # -- the manual alone ----------------------------------------------------------------------

    def _documented(self, entry: Entry) -> list[Block]:
        told = [entry.kind]
        if entry.since:
            told.append(f"since {entry.since}")
        page: list[Block] = [_title(entry.name, told)]
        if self._schema is not None and entry.kind in (COMMAND, EVENT):
            page.append(paragraph(f"This server has no such {entry.kind}."))
            if entry.condition:
                page.append(paragraph(f"It is there where QEMU was built so: {entry.condition}"))
        page += entry.prose
        labels = {COMMAND: "Arguments", EVENT: "Data", ENUM: "Values"}
        if entry.members or entry.inherited:
            page.append(heading(labels.get(entry.kind, "Members")))
        page += [_manual_row(one) for one in entry.members]
        always = [one.type for one in entry.inherited if not one.tag]
        if always:
            page.append(paragraph(f"And the members of {', '.join(always)}"))
        branches = [one for one in entry.inherited if one.tag]
        if branches:
            page.append(paragraph("And, depending on the branch, the members of:"))
            page.append(
                Table([[(NAME, f"{one.tag}={one.value}"), (PLAIN, one.type)] for one in branches])
            )
        if entry.returns:
            shape = [paragraph(entry.return_type)] if entry.return_type else []
            page += [heading("Returns"), *shape, *entry.returns]
        return page + feature_rows((), entry) + _rest(entry)

    def _member(self, entry: Entry, key: str) -> list[Block]:
        """What the manual says of the member of that name, or of those that begin so."""
        found = [one for one in self._members_of(entry, 0) if one.name.startswith(key)]
        found = [one for one in found if one.name == key][:1] or found
        if not found:
            return [Paragraph([(WARNING, f"{entry.name} has no {key}.")])]
        title = Heading([(PLAIN, f"Of {entry.name}")])
        return [title, *(_manual_row(one) for one in found)]

    def _members_of(self, entry: Entry, depth: int) -> Iterator[Described]:
        yield from entry.members
        for one in entry.inherited if depth < _DEEPEST else ():
            inner = self._entry(one.type, *TYPES)
            if inner is not None:
                yield from self._members_of(inner, depth + 1)

    def _takers(self, value: str) -> Iterator[tuple[str, str]]:
        schema = self._schema
        for name in schema.commands() if schema is not None else ():
            assert schema is not None
            info = schema.command(name)
            members = schema.members(info.arg_type, lambda _: None) if info is not None else {}
            for member in members.values():
                if value in schema.enum_values(member.type):
                    yield name, f"{member.name}={value}"


def _title(name: str, told: list[str]) -> Heading:
    return Heading([(NAME, name), (PLAIN, f" ({', '.join(told)})")])


def _words(blocks: list[Block]) -> list[str]:
    """Those that may be the names of types."""
    texts = [plain(block.spans) for block in blocks if isinstance(block, Paragraph)]
    return re.findall(r"\b[A-Z]\w+", " ".join(texts))


def _manual_row(one: Described) -> Item:
    term: Spans = [(NAME, f"[{one.name}]" if one.optional else one.name)]
    if one.type:
        term.append((PLAIN, f": {one.type}"))
    return Item(term, prose(one))


def _rest(entry: Entry) -> list[Block]:
    page: list[Block] = []
    for label, blocks in (
        ("Errors", entry.errors),
        ("Notes", entry.notes),
        ("Example", entry.examples),
    ):
        if blocks:
            page += [heading(label), *blocks]
    return page
