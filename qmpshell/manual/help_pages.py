"""Help pages: what the schema and the manual contain about a name, as a document."""

from __future__ import annotations

import re

from ..complete import TypeResolver
from ..qmp import DEVICE_ADD
from ..record import Record
from ..render import (
    EMPHASIS,
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
    plain_text_of,
)
from .entries import COMMAND, ENUM, EVENT, KINDS, SAYS_NOTHING
from .reference import inferred_type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ..language import Properties
    from ..qmp import CommandInfo, EventInfo, Member, Schema
    from ..render import Spans
    from .entries import Described, Entry
    from .reference import Reference

    # Returns the value of a discriminator, or None.
    Chosen = Callable[[str], str | None]


# A schema may refer to itself.
_MAX_SHAPE_DEPTH = 5
_MEANINGS = {
    "deprecated": "deprecated: will be removed",
    "unstable": "unstable: may change or disappear at any time",
}


def type_text(schema: Schema, name: str, *, called: str = "", depth: int = 0) -> str:
    """Describe a type like the menu and the signature (`complete.types`), but in full.

    `called` is its name in the manual, which replaces a long description.
    """
    kind = schema.kind(name) or "any"
    if depth > _MAX_SHAPE_DEPTH:
        return "…"
    if kind == "enum":
        return " | ".join(schema.enum_values(name)) or "any"
    if kind == "array":
        element = schema.element_type(name) or ""
        return f"[{type_text(schema, element, called=called, depth=depth + 1)}]"
    if kind == "alternate":
        text = TypeResolver(schema).words(name)
        return f"{called} ({text})" if called else text
    if kind == "object":
        members = schema.members(name, lambda _: None).values()
        inner = ", ".join(
            f"[{member.name}]" if member.optional else member.name for member in members
        )
        text = f"{{{inner}{', …' if schema.tag(name) else ''}}}"
        return f"{called} {text}" if called else text
    return TypeResolver(schema).words(name)


def shape_text(schema: Schema, name: str, *, called: str = "", depth: int = 0) -> str:
    """Describe a type whose members are listed below it: `BlockInfo`, `[{…}]`."""
    kind = schema.kind(name)
    if depth > _MAX_SHAPE_DEPTH:
        return "…"
    if kind == "array":
        element = schema.element_type(name) or ""
        return f"[{shape_text(schema, element, called=called, depth=depth + 1)}]"
    if kind == "object":
        return called or "{…}"
    return type_text(schema, name, called=called)


def features_text(features: tuple[str, ...]) -> str:
    """Return the features that are warnings, to be shown after a name."""
    told = [feature for feature in features if feature in _MEANINGS]
    return f" ({', '.join(told)})" if told else ""


def meaning(feature: str) -> str:
    """Return the meaning of a feature in words, or "" if only the manual has it."""
    return _MEANINGS.get(feature, "")


def object_type(schema: Schema, name: str) -> str | None:
    """Return the object type that a member of this type may hold, or None.

    That is its own type, that of an alternate's branch, or that of an array's elements.
    """
    for _ in range(_MAX_SHAPE_DEPTH):
        kind = schema.kind(name)
        if kind == "object":
            return name
        if kind == "alternate":
            inner = (
                type_name
                for type_name in schema.alternatives(name)
                if schema.kind(type_name) == "object"
            )
            return next(inner, None)
        if kind != "array":
            return None
        name = schema.element_type(name) or ""
    return None


TYPES = tuple(kind for kind in KINDS if kind not in (COMMAND, EVENT))
# How many references from type to type are followed in the manual.
_MAX_DEPTH = 8

# Deeper members are not listed.
_MAX_MEMBER_DEPTH = 16


class Members:
    """Describes members of object types. `reference` may be None."""

    def __init__(self, schema: Schema, reference: Reference | None) -> None:
        self._schema = schema
        self._reference = reference

    def type_entry(self, type_text: str) -> Entry | None:
        """Return the manual's entry for a type, or for the elements of an array."""
        return self._reference.entry(bare(type_text), *TYPES) if self._reference else None

    def taken(self, entry: Entry | None) -> Entry | None:
        """Return the entry that describes the arguments of a command or event: its own, or a type's."""
        if entry is None or self._reference is None:
            return entry
        return self.type_entry(inferred_type(self._reference, entry.name, self._schema)) or entry

    def rows(
        self,
        type_name: str,
        entry: Entry | None,
        prefix: str,
        given: Mapping[str, str],
    ) -> Iterator[Block]:
        """Yield the members of an object: those of the chosen branch first, required ones before others."""

        def chosen(tag: str) -> str | None:
            return given.get(prefix + tag)

        tags = self.tags(type_name, prefix, given)
        common = self._schema.members(type_name, lambda _: None)
        members = list(self._schema.members(type_name, chosen).values())
        members.sort(key=lambda member: member.optional)
        branch = [member for member in members if member.name not in common]
        choice = ", ".join(f"{prefix}{tag}={chosen(tag)}" for tag in tags if chosen(tag))
        if branch:
            yield heading(f"With {choice}")
            yield from self._branch_prose(entry, chosen)
        inner: list[Block] = []
        for number, member in enumerate(
            (*branch, *(member for member in members if member not in branch))
        ):
            if branch and number == len(branch):
                yield heading("Always")
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
        """Yield the members of a member for which a value is given."""
        path = f"{prefix}{member.name}."
        inside = next((argument for argument in given if argument.startswith(path)), None)
        inner = object_type(self._schema, member.type)
        if inside is None or inner is None or prefix.count(".") > _MAX_MEMBER_DEPTH:
            return
        index = inside[len(path) :].partition(".")[0]
        if self._schema.kind(member.type) == "array" and index.isdecimal():
            path += f"{index}."
        rows = list(self.rows(inner, self.inner_entry(described), path, given))
        if rows and not isinstance(rows[0], Heading):
            yield heading(f"Members of {path.rstrip('.')}")
        yield from rows

    def inner_entry(self, described: Described | None) -> Entry | None:
        """Return the manual's entry for the object that a member holds."""
        entry = self.type_entry(described.type) if described is not None else None
        if entry is None or entry.kind != "alternate":
            return entry
        entries = (self.type_entry(member.type) for member in entry.members)
        objects = (entry for entry in entries if entry is not None and entry.kind != ENUM)
        return next(objects, entry)

    def tags(
        self, type_name: str, prefix: str, given: Mapping[str, str]
    ) -> dict[str, dict[str, str]]:
        """Return the discriminators that are chosen, and the first that is not, with their variants."""
        found: dict[str, dict[str, str]] = {}
        todo: str | None = type_name
        for _ in range(_MAX_DEPTH):
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
        """Return the help on one member."""
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
        """Describe a member's type. A discriminator has its name: its values are listed elsewhere."""
        called = bare(described.type) if described is not None else ""
        if called and self.type_entry(called) is None:
            called = ""
        return called if is_tag and called else type_text(self._schema, member.type, called=called)

    def described(
        self, entry: Entry | None, name: str, chosen: Chosen, depth: int = 0
    ) -> Described | None:
        """Return the manual's description of a member, own or inherited."""
        if entry is None or depth > _MAX_DEPTH:
            return None
        found = entry.member(name)
        if found is not None:
            return found
        for base in entry.inherited:
            if not base.tag or chosen(base.tag) == base.value:
                inner = self.type_entry(base.type)
                found = self.described(inner, name, chosen, depth + 1)
                if found is not None:
                    return found
        return None

    def _branch_prose(self, entry: Entry | None, chosen: Chosen) -> list[Block]:
        """Return the manual's text about the type of the chosen branch."""
        for _ in range(_MAX_DEPTH):
            inherited = entry.inherited if entry is not None else []
            for base in inherited:
                if base.tag and chosen(base.tag) == base.value:
                    found = self.type_entry(base.type)
                    return list(found.prose) if found is not None else []
            entry = next(
                (self.type_entry(base.type) for base in inherited if not base.tag),
                None,
            )
        return []


def _open_choices(
    schema: Schema,
    members: list[Member],
    tags: dict[str, dict[str, str]],
    prefix: str,
    chosen: Chosen,
) -> Iterator[Block]:
    """Yield what remains to be chosen, and choices that are invalid."""
    types = {member.name: member.type for member in members}
    for tag, cases in tags.items():
        value = chosen(tag)
        if value is None:
            yield paragraph(f"Further members depend on {prefix}{tag}: {', '.join(cases)}")
        elif value not in schema.enum_values(types.get(tag, "")):
            yield Paragraph([(WARNING, f"{prefix}{tag} cannot be {value}.")])
        elif value not in cases:
            yield paragraph(f"{prefix}{tag}={value} has no further members.")


def bare(type_name: str) -> str:
    """Return the name of a type, or of the elements of an array."""
    return type_name.strip("[]")


def prose(described: Described | None) -> list[Block]:
    """Return the text of a description, or []."""
    blocks = described.blocks if described is not None else []
    first = blocks[0] if blocks else None
    if isinstance(first, Paragraph) and plain_text_of(first.spans).rstrip(".") == SAYS_NOTHING:
        return blocks[1:]
    return list(blocks)


def feature_rows(
    features: tuple[str, ...], entry: Entry | None, *, only_those: bool = False
) -> list[Block]:
    """Return features of the schema with the manual's description of them.

    Unless `only_those`, features that only the manual has are added. They may be a member's.
    """
    rows: list[Block] = []
    described = {feature.name: feature for feature in entry.features} if entry is not None else {}
    for name in dict.fromkeys((*features, *(() if only_those else described))):
        blocks = prose(described.get(name))
        if not blocks and meaning(name):
            blocks = [paragraph(meaning(name).partition(": ")[2])]
        rows.append(Item([(NAME, name)], blocks))
    return [heading("Features"), *rows] if rows else []


# A union may contain a union, and a schema may refer to itself.
_MAX_UNION_DEPTH = 2
# The maximum number of places for a path.
_MAX_PLACES = 40


class _Place(Record):
    """An object with members: type, manual entry, dotted path, and the condition for its existence."""

    type: str
    entry: Entry | None
    prefix: str = ""
    condition: str = ""
    is_array: bool = False


class _Found(Record):
    """A member of a place.

    `choices` are the discriminator values that add it, empty if it is always there.
    """

    place: _Place
    member: Member
    choices: list[dict[str, str]] = []
    described: Described | None = None

    @property
    def condition(self) -> str:
        """The condition for its existence, in words."""
        ours = _in_words(self.place.prefix, self.choices)
        return " and ".join(item for item in (self.place.condition, ours) if item)


class Arguments:
    """The arguments of the command or event `name`.

    `entry` is the manual's entry that describes them. `given` maps dotted paths to values that
    choose branches of unions. `properties` are those of the device whose driver is given.
    """

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
        """Return help for the argument of a dotted path, or for those that start with it."""
        parts = key.split(".")
        while len(parts) > 1 and (not parts[-1] or parts[-1].isdecimal()):
            parts.pop()
        *outer, last = parts
        found = [entry for place in self._at(outer) for entry in self._all(place)]
        shown = [item for item in found if item.member.name == last]
        properties = [key] if key in self._properties and not shown else []
        is_begun = not shown and not properties and key not in self._given
        if is_begun:
            shown = [item for item in found if item.member.name.startswith(last)]
            names = {row.member.name for row in shown}
            properties = [
                item for item in self._properties if item.startswith(key) and item not in names
            ]
        for row in shown:
            self._describe(row)
        if len(shown) == 1 and not properties:
            return self._section(shown[0])
        if shown or properties:
            which = f"{self._noun} of {self._name}" + (
                ": those that start with it" if is_begun else ""
            )
            title = Heading([(NAME, key), (PLAIN, f" ({which})")])
            return [title, *map(self._row, shown), *map(self._property, properties)]
        own = " of its own" if self._name == DEVICE_ADD else ""
        return [Paragraph([(WARNING, f"{self._name} has no {self._noun} {key}{own}.")])]

    def _at(self, parts: list[str]) -> list[_Place]:
        """Return the places that a path may lead to, depending on open choices."""
        places = [self._root]
        for part in parts:
            places = [inner for place in places for inner in self._below(place, part)][:_MAX_PLACES]
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
        """Return all members, including those of branches that can still be chosen."""

        def chosen(tag: str) -> str | None:
            return self._given.get(place.prefix + tag)

        members = self._schema.members(place.type, chosen)
        found = [_Found(place, member) for member in members.values()]
        branches: dict[tuple[str, str, bool], _Found] = {}
        for member, choice in self._branches(place, place.type, {}):
            if member.name not in members:
                conditional = branches.setdefault(
                    (member.name, member.type, member.optional), _Found(place, member)
                )
                conditional.choices.append(choice)
        return [*found, *branches.values()]

    def _branches(
        self, place: _Place, type_name: str, choice: dict[str, str]
    ) -> Iterator[tuple[Member, dict[str, str]]]:
        tag = self._schema.tag(type_name)
        if tag is None or tag in choice or len(choice) == _MAX_UNION_DEPTH:
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

    def _row(self, found: _Found) -> Item:
        row = self._members.row(found.member, found.described, found.place.prefix, is_tag=False)
        if found.condition:
            row.blocks.insert(0, paragraph(f"with {found.condition}"))
        return row

    def _property(self, name: str) -> Item:
        """Describe a property of the device."""
        found = self._properties[name]
        whose = f" (of {self._given.get('driver', '')})"
        blocks: list[Block] = [paragraph(found.description)] if found.description else []
        return Item([(NAME, f"[{name}]"), (PLAIN, f": {found.type}"), (EMPHASIS, whose)], blocks)

    def _section(self, found: _Found) -> list[Block]:
        place, member, described = found.place, found.member, found.described
        path = place.prefix + member.name
        told = [f"{self._noun} of {self._name}", "optional" if member.optional else "required"]
        told += [feature for feature in member.features if meaning(feature)]
        page: list[Block] = [Heading([(NAME, path), (PLAIN, f" ({', '.join(told)})")])]
        tags = self._members.tags(place.type, place.prefix, self._given)
        page.append(
            paragraph(self._members.type_text(member, described, is_tag=member.name in tags))
        )
        if found.condition:
            page.append(paragraph(f"Only with {found.condition}."))
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
        """Return the manual's description of the given enum value, or of all values."""
        values = self._schema.enum_values(member.type)
        entry = self._members.type_entry(described.type) if described is not None else None
        if entry is None or entry.kind != ENUM:
            return []
        given = self._given.get(path)
        told = [value for value in ([given] if given in values else values) if value is not None]
        rows: list[Block] = [Item([(NAME, item)], prose(entry.member(item))) for item in told]
        has_text = any(isinstance(row, Item) and row.blocks for row in rows)
        return [heading("Values"), *rows] if has_text else []


def _in_words(prefix: str, choices: list[dict[str, str]]) -> str:
    """Describe choices: `driver=qcow2, qed`, the values of the last discriminator together."""
    groups: dict[str, list[str]] = {}
    for choice in choices:
        *outer, (tag, value) = choice.items()
        start = " ".join([*(f"{prefix}{key}={case}" for key, case in outer), f"{prefix}{tag}="])
        groups.setdefault(start, []).append(value)
    return "; or with ".join(f"{start}{', '.join(values)}" for start, values in groups.items())


# How many references from type to type are followed in the manual.
_MAX_INHERITED_DEPTH = 4


class HelpPages:
    """Builds help pages. Schema and reference may be None."""

    def __init__(self, schema: Schema | None, reference: Reference | None) -> None:
        self._schema = schema
        self._reference = reference

    def names(self) -> list[str]:
        """Return the names of all commands, events and types with help."""
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
        """Return the help page of a command, an event, or a type of the manual, or [].

        `given` maps dotted paths to values that choose branches of unions. Help for the argument or
        member `key`, a dotted path or the start of one, comes first; it may be one of the
        `properties` of a device's driver.
        """
        schema = self._schema
        info = (schema.command(name) or schema.event(name)) if schema is not None else None
        if schema is not None and info is not None:
            return self._known(schema, info, given, key, properties or {})
        entry = self._entry(name)
        if entry is None:
            return []
        return [*(self._member(entry, key) if key else []), *self._documented(entry)]

    def about_value(self, name: str) -> list[Block]:
        """Return the help page of an enum value: its meanings and the arguments that accept it, or []."""
        rows: list[Block] = []
        if self._reference is not None:
            for enum in self._reference.enums_with(name):
                rows.append(Item([(NAME, enum.name)], prose(enum.member(name))))
        users = list(self._users_of_value(name))
        if not rows and not users:
            return []
        page = [_title(name, ["value"]), *rows]
        if users:
            page += [
                heading("Used by"),
                Table([[(NAME, user), (PLAIN, members)] for user, members in users]),
            ]
        return page

    def _entry(self, name: str, *kinds: str) -> Entry | None:
        return self._reference.entry(name, *kinds) if self._reference is not None else None

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
        # A chosen part is complete without a heading.
        is_whole = not any(isinstance(row, Heading) for row in rows)
        told = [kind, *(feature for feature in info.features if meaning(feature))]
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
            page.append(paragraph(f"Can run out of band: /oob {info.name}"))
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
        """Return the manual's entry for the returned object. In 7.2, only the text names it, if at all."""
        names = set(schema.members(inner, lambda _: None))
        words = [entry.return_type, *_words(entry.returns)] if entry is not None else []
        for word in map(bare, words):
            found = self._entry(word, *TYPES)
            if (
                found is not None
                and {member.name for member in self._members_of(found, 0)} >= names
            ):
                return found
        return None

    def _documented(self, entry: Entry) -> list[Block]:
        told = [entry.kind]
        if entry.since:
            told.append(f"since {entry.since}")
        page: list[Block] = [_title(entry.name, told)]
        if self._schema is not None and entry.kind in (COMMAND, EVENT):
            page.append(paragraph(f"This server does not have this {entry.kind}."))
            if entry.condition:
                page.append(paragraph(f"Only if QEMU was built with: {entry.condition}"))
        page += entry.prose
        labels = {COMMAND: "Arguments", EVENT: "Data", ENUM: "Values"}
        if entry.members or entry.inherited:
            page.append(heading(labels.get(entry.kind, "Members")))
        page += [_manual_row(member) for member in entry.members]
        always = [base.type for base in entry.inherited if not base.tag]
        if always:
            page.append(paragraph(f"And the members of {', '.join(always)}"))
        branches = [base for base in entry.inherited if base.tag]
        if branches:
            page.append(paragraph("And, depending on the branch, the members of:"))
            page.append(
                Table(
                    [[(NAME, f"{item.tag}={item.value}"), (PLAIN, item.type)] for item in branches]
                )
            )
        if entry.returns:
            shape = [paragraph(entry.return_type)] if entry.return_type else []
            page += [heading("Returns"), *shape, *entry.returns]
        return page + feature_rows((), entry) + _rest(entry)

    def _member(self, entry: Entry, key: str) -> list[Block]:
        """Return the manual's description of the member of that name, or of those that start with it."""
        found = [member for member in self._members_of(entry, 0) if member.name.startswith(key)]
        found = [item for item in found if item.name == key][:1] or found
        if not found:
            return [Paragraph([(WARNING, f"{entry.name} has no {key}.")])]
        title = Heading([(PLAIN, f"Of {entry.name}")])
        return [title, *(_manual_row(item) for item in found)]

    def _members_of(self, entry: Entry, depth: int) -> Iterator[Described]:
        yield from entry.members
        for base in entry.inherited if depth < _MAX_INHERITED_DEPTH else ():
            inner = self._entry(base.type, *TYPES)
            if inner is not None:
                yield from self._members_of(inner, depth + 1)

    def _users_of_value(self, value: str) -> Iterator[tuple[str, str]]:
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
    """Return the words that may be names of types."""
    texts = [plain_text_of(block.spans) for block in blocks if isinstance(block, Paragraph)]
    return re.findall(r"\b[A-Z]\w+", " ".join(texts))


def _manual_row(member: Described) -> Item:
    term: Spans = [(NAME, f"[{member.name}]" if member.optional else member.name)]
    if member.type:
        term.append((PLAIN, f": {member.type}"))
    return Item(term, prose(member))


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
