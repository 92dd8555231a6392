"""The help on one name: what the schema knows and what the manual says, as a page.

Owns: what is told, in which order. Must not know: how it is laid out, where the two come from.
"""

from __future__ import annotations

from ..page import EMPHASIS, NAME, PLAIN, WARNING, Block, Heading, Item, Paragraph, Table, plain
from .entries import COMMAND, ENUM, EVENT, KINDS
from .search import untold_type
from .shapes import features_text, meaning, object_type, type_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ..page import Spans
    from ..schema.model import CommandInfo, EventInfo, Member, Schema
    from .entries import Described, Entry
    from .reference import Reference

    # What a tag is set to, if anything.
    Chosen = Callable[[str], str | None]

_TYPES = tuple(kind for kind in KINDS if kind not in (COMMAND, EVENT))
# How far the manual refers from one type to another, at most.
_FARTHEST = 8
_SAYS_NOTHING = "Not documented"


class Articles:
    """Each of the two sources may be missing."""

    def __init__(self, schema: Schema | None, reference: Reference | None) -> None:
        self._schema = schema
        self._reference = reference

    def names(self) -> list[str]:
        """All names of commands, events and types that something is known of."""
        known = [*self._schema.commands(), *self._schema.events()] if self._schema else []
        return list(dict.fromkeys(known + (self._reference.names() if self._reference else [])))

    def about(self, name: str, given: Mapping[str, str]) -> list[Block]:
        """The page on a command, an event, or a type of the manual's; empty where nothing is known.
        `given` has the values that choose branches of unions, by their dotted path."""
        schema = self._schema
        info = (schema.command(name) or schema.event(name)) if schema is not None else None
        if schema is not None and info is not None:
            return self._known(schema, info, given)
        entry = self._entry(name)
        return self._documented(entry) if entry is not None else []

    def about_value(self, name: str) -> list[Block]:
        """The page on a value of enums: what it means in each, and which arguments take it; empty where
        nothing is known."""
        rows: list[Block] = []
        if self._reference is not None:
            for enum in self._reference.enums_with(name):
                rows.append(Item([(NAME, enum.name)], _prose(enum.member(name))))
        takers = list(self._takers(name))
        if not rows and not takers:
            return []
        page = [_title(name, ["value"]), *rows]
        if takers:
            page += [
                _heading("Taken by"),
                Table([[(NAME, one), (PLAIN, of)] for one, of in takers]),
            ]
        return page

    def _entry(self, name: str, *kinds: str) -> Entry | None:
        return self._reference.entry(name, *kinds) if self._reference is not None else None

    def _taken(self, entry: Entry | None) -> Entry | None:
        """What tells of the members of a command or an event: its own entry, or that of a type."""
        if entry is None or self._reference is None:
            return entry
        return self._entry(untold_type(self._reference, entry.name, self._schema), *_TYPES) or entry

    # -- commands and events -------------------------------------------------------------------

    def _known(
        self, schema: Schema, info: CommandInfo | EventInfo, given: Mapping[str, str]
    ) -> list[Block]:
        ret_type = getattr(info, "ret_type", None)
        kind = EVENT if ret_type is None else COMMAND
        entry = self._entry(info.name, kind)
        told = [kind, *(one for one in info.features if meaning(one))]
        if entry is not None and entry.since:
            told.append(f"since {entry.since}")
        page: list[Block] = [_title(info.name, told)]
        if entry is not None and not given:
            page += entry.prose
        rows = list(self._rows(schema, info.arg_type, self._taken(entry), "", given))
        if rows:
            if not isinstance(rows[0], Heading):
                page.append(_heading("Arguments" if kind == COMMAND else "Data"))
            page += rows
        if ret_type is not None and not given:
            page += self._returned(schema, ret_type, entry)
        page += _features(info.features, entry)
        if getattr(info, "allow_oob", False):
            page.append(_paragraph(f"It can be sent out of band: /oob {info.name}"))
        if entry is not None and not given:
            page += _rest(entry)
        return page

    def _rows(
        self,
        schema: Schema,
        type_name: str,
        entry: Entry | None,
        prefix: str,
        given: Mapping[str, str],
    ) -> Iterator[Block]:
        """The members of an object, those of the branch that is chosen first, and before others those
        that are required."""

        def chosen(tag: str) -> str | None:
            return given.get(prefix + tag)

        tags = _tags(schema, type_name, chosen)
        common = schema.members(type_name, lambda _: None)
        members = list(schema.members(type_name, chosen).values())
        members.sort(key=lambda one: one.optional)
        branch = [one for one in members if one.name not in common]
        choice = ", ".join(f"{prefix}{tag}={chosen(tag)}" for tag in tags if chosen(tag))
        if branch:
            yield _heading(f"With {choice}")
            yield from self._branch_prose(entry, chosen)
        inner: list[Block] = []
        for number, member in enumerate((*branch, *(one for one in members if one not in branch))):
            if branch and number == len(branch):
                yield _heading("And always")
            described = self._described(entry, member.name, chosen)
            yield self._row(schema, member, described, prefix, is_tag=member.name in tags)
            inner += self._inner_rows(schema, member, described, prefix, given)
        yield from _open_choices(schema, members, tags, prefix, chosen)
        yield from inner

    def _inner_rows(
        self,
        schema: Schema,
        member: Member,
        described: Described | None,
        prefix: str,
        given: Mapping[str, str],
    ) -> Iterator[Block]:
        """The members of a member that something is given of."""
        path = f"{prefix}{member.name}."
        inside = next((one for one in given if one.startswith(path)), None)
        inner = object_type(schema, member.type)
        if inside is None or inner is None:
            return
        index = inside[len(path) :].partition(".")[0]
        if schema.kind(member.type) == "array" and index.isdecimal():
            path += f"{index}."
        entry = self._entry(_bare(described.type), *_TYPES) if described is not None else None
        if entry is not None and entry.kind == "alternate":
            entry = self._object_of(entry) or entry
        rows = list(self._rows(schema, inner, entry, path, given))
        if rows and not isinstance(rows[0], Heading):
            yield _heading(f"Members of {path.rstrip('.')}")
        yield from rows

    def _object_of(self, alternate: Entry) -> Entry | None:
        entries = (self._entry(_bare(one.type), *_TYPES) for one in alternate.members)
        return next((one for one in entries if one is not None and one.kind != ENUM), None)

    def _row(
        self,
        schema: Schema,
        member: Member,
        described: Described | None,
        prefix: str,
        *,
        is_tag: bool,
    ) -> Item:
        called = _bare(described.type) if described is not None else ""
        if called and self._entry(called, *_TYPES) is None:
            called = ""
        text = called if is_tag and called else type_text(schema, member.type, called=called)
        name = prefix + member.name
        term: Spans = [
            (NAME, f"[{name}]" if member.optional else name),
            (PLAIN, f": {text}"),
        ]
        mark = features_text(member.features)
        if mark:
            term.append((EMPHASIS, mark))
        return Item(term, _prose(described))

    def _described(
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
                inner = self._entry(one.type, *_TYPES)
                found = self._described(inner, name, chosen, depth + 1)
                if found is not None:
                    return found
        return None

    def _branch_prose(self, entry: Entry | None, chosen: Chosen) -> list[Block]:
        """What the manual says of the type of the branch that is chosen."""
        for _ in range(_FARTHEST):
            inherited = entry.inherited if entry is not None else []
            for one in inherited:
                if one.tag and chosen(one.tag) == one.value:
                    found = self._entry(one.type, *_TYPES)
                    return list(found.prose) if found is not None else []
            entry = next((self._entry(one.type, *_TYPES) for one in inherited if not one.tag), None)
        return []

    def _returned(self, schema: Schema, ret_type: str, entry: Entry | None) -> list[Block]:
        prose = entry.returns if entry is not None else []
        empty = schema.kind(ret_type) == "object" and not schema.members(ret_type, lambda _: None)
        if empty and not prose:
            return []
        called = _bare(entry.return_type) if entry is not None else ""
        called = called if self._entry(called, *_TYPES) is not None else ""
        shape = [] if empty else [_paragraph(type_text(schema, ret_type, called=called))]
        return [_heading("Returns"), *shape, *prose]

    # -- the manual alone ----------------------------------------------------------------------

    def _documented(self, entry: Entry) -> list[Block]:
        told = [entry.kind]
        if entry.since:
            told.append(f"since {entry.since}")
        page: list[Block] = [_title(entry.name, told)]
        if self._schema is not None and entry.kind in (COMMAND, EVENT):
            page.append(_paragraph(f"This server has no such {entry.kind}."))
            if entry.condition:
                page.append(_paragraph(f"It is there where QEMU was built so: {entry.condition}"))
        page += entry.prose
        labels = {COMMAND: "Arguments", EVENT: "Data", ENUM: "Values"}
        if entry.members or entry.inherited:
            page.append(_heading(labels.get(entry.kind, "Members")))
        page += [_manual_row(one) for one in entry.members]
        always = [one.type for one in entry.inherited if not one.tag]
        if always:
            page.append(_paragraph(f"And the members of {', '.join(always)}"))
        branches = [one for one in entry.inherited if one.tag]
        if branches:
            page.append(_paragraph("And, depending on the branch, the members of:"))
            page.append(
                Table([[(NAME, f"{one.tag}={one.value}"), (PLAIN, one.type)] for one in branches])
            )
        if entry.returns:
            shape = [_paragraph(entry.return_type)] if entry.return_type else []
            page += [_heading("Returns"), *shape, *entry.returns]
        return page + _features((), entry) + _rest(entry)

    def _takers(self, value: str) -> Iterator[tuple[str, str]]:
        schema = self._schema
        for name in schema.commands() if schema is not None else ():
            assert schema is not None
            info = schema.command(name)
            members = schema.members(info.arg_type, lambda _: None) if info is not None else {}
            for member in members.values():
                if value in schema.enum_values(member.type):
                    yield name, f"{member.name}={value}"


def _tags(schema: Schema, type_name: str, chosen: Chosen) -> dict[str, dict[str, str]]:
    """The tags of a union as far as they are chosen, and the first that is not, with their cases."""
    found: dict[str, dict[str, str]] = {}
    todo: str | None = type_name
    for _ in range(_FARTHEST):
        tag = schema.tag(todo) if todo is not None else None
        if todo is None or tag is None:
            break
        cases = found.setdefault(tag, schema.cases(todo))
        todo = cases.get(chosen(tag) or "")
    return found


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
            yield _paragraph(f"Further members depend on {prefix}{tag}: {', '.join(cases)}")
        elif value not in schema.enum_values(types.get(tag, "")):
            yield Paragraph([(WARNING, f"{prefix}{tag} cannot be {value}.")])
        elif value not in cases:
            yield _paragraph(f"{prefix}{tag}={value} has no further members.")


def _title(name: str, told: list[str]) -> Heading:
    return Heading([(NAME, name), (PLAIN, f" ({', '.join(told)})")])


def _heading(text: str) -> Heading:
    return Heading([(PLAIN, text)], 2)


def _paragraph(text: str) -> Paragraph:
    return Paragraph([(PLAIN, text)])


def _bare(type_text: str) -> str:
    """The name of a type, or of the elements of an array, as the manual writes it."""
    return type_text.removeprefix("array of ").strip("[] ")


def _prose(described: Described | None) -> list[Block]:
    blocks = described.blocks if described is not None else []
    first = blocks[0] if blocks else None
    if isinstance(first, Paragraph) and plain(first.spans).rstrip(".") == _SAYS_NOTHING:
        return blocks[1:]
    return list(blocks)


def _manual_row(one: Described) -> Item:
    term: Spans = [(NAME, f"[{one.name}]" if one.optional else one.name)]
    if one.type:
        term.append((PLAIN, f": {one.type}"))
    return Item(term, _prose(one))


def _features(features: tuple[str, ...], entry: Entry | None) -> list[Block]:
    """Those of the schema and those that only the manual tells of, which may be a member's."""
    rows: list[Block] = []
    described = {one.name: one for one in entry.features} if entry is not None else {}
    for name in dict.fromkeys((*features, *described)):
        blocks = _prose(described.get(name))
        if not blocks and meaning(name):
            blocks = [_paragraph(meaning(name).partition(": ")[2])]
        rows.append(Item([(NAME, name)], blocks))
    return [_heading("Features"), *rows] if rows else []


def _rest(entry: Entry) -> list[Block]:
    page: list[Block] = []
    for label, blocks in (
        ("Errors", entry.errors),
        ("Notes", entry.notes),
        ("Example", entry.examples),
    ):
        if blocks:
            page += [_heading(label), *blocks]
    return page
