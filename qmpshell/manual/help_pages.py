"""Help pages: what the schema and the manual contain about a name, as a document."""

from __future__ import annotations

import re

from ..complete import TypeResolver
from ..qmp import DEVICE_ADD, NO_SCHEMA, EventInfo, Schema
from ..record import Record
from ..render import (
    PLAIN,
    WARNING,
    Block,
    Heading,
    Page,
    Paragraph,
    definition,
    heading,
    names_table,
    paragraph,
    plain_text_of,
)
from .entries import COMMAND, ENUM, EVENT, KINDS, SAYS_NOTHING, text_of
from .reference import Reference, inferred_type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ..language import Properties
    from ..qmp import CommandInfo, Member
    from ..render import Item
    from .entries import Described, Entry

    # Returns the value of a discriminator, or None.
    Chosen = Callable[[str], str | None]


# A word that may be the name of a type.
_TYPE_WORD = r"\b[A-Z]\w+"
# A union may contain a union, and a schema may refer to itself.
_MAX_UNION_DEPTH = 2
# The maximum number of places for a path.
_MAX_PLACES = 40
# The depth of a member's type that is written out.
_MAX_SHAPE_DEPTH = 5
_MEANINGS = {
    "deprecated": "deprecated: will be removed",
    "unstable": "unstable: may change or disappear at any time",
}


TYPES = tuple(kind for kind in KINDS if kind not in (COMMAND, EVENT))
# How many base types of base types are searched for the description of one member.
_MAX_DEPTH = 8
# Deeper members are not listed.
_MAX_MEMBER_DEPTH = 16


def type_text(
    schema: Schema, name: str, *, called: str = "", is_brief: bool = False, depth: int = 0
) -> str:
    """Describe a type like the menu and the signature (`complete.types`), but in full.

    `called` is its name in the manual, which replaces a long description. With `is_brief`, the
    members of an object are left out, because they are listed below: `BlockInfo`, `[{…}]`.
    """
    kind = schema.kind(name) or "any"
    if depth > _MAX_SHAPE_DEPTH:
        return "…"
    if kind == "enum":
        return " | ".join(schema.enum_values(name)) or "any"
    if kind == "array":
        element = schema.element_type(name) or ""
        text = type_text(schema, element, called=called, is_brief=is_brief, depth=depth + 1)
        return f"[{text}]"
    if kind == "object" and is_brief:
        return called or "{…}"
    if kind == "object":
        members = schema.members(name).values()
        inner = ", ".join(
            f"[{member.name}]" if member.optional else member.name for member in members
        )
        text = f"{{{inner}{', …' if schema.tag(name) else ''}}}"
        return f"{called} {text}" if called else text
    text = TypeResolver(schema).words(name)
    return f"{called} ({text})" if called and kind == "alternate" else text


def object_type(schema: Schema, name: str) -> str | None:
    """Return the object type that a member of this type may hold, or None.

    That is its own type, that of an alternate's branch, or that of an array's elements.
    """
    for _ in range(_MAX_SHAPE_DEPTH):
        kind = schema.kind(name)
        if kind == "object":
            return name
        if kind == "alternate":
            return schema.branches(name).get("object")
        if kind != "array":
            return None
        name = schema.element_type(name) or ""
    return None


class _Place(Record):
    """An object with members: type, manual entry, dotted path, and the condition for its existence.

    `given` maps dotted paths to values that choose branches of unions.
    """

    type: str
    entry: Entry | None
    given: Mapping[str, str]
    prefix: str = ""
    condition: str = ""
    is_array: bool = False

    def chosen(self, tag: str) -> str | None:
        """Return the value of a discriminator, or None."""
        return self.given.get(self.prefix + tag)


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
    """The arguments of the command or event `info`.

    `entry` is the manual's entry that describes them. `given` maps dotted paths to values that
    choose branches of unions. `properties` are those of the device whose driver is given.
    """

    def __init__(
        self,
        pages: HelpPages,
        info: CommandInfo | EventInfo,
        entry: Entry | None,
        *,
        given: Mapping[str, str],
        properties: Properties,
    ) -> None:
        self._properties = properties
        self._schema = pages.schema
        self._pages = pages
        self._name = info.name
        self._noun = "data" if isinstance(info, EventInfo) else "argument"
        self._root = _Place(info.arg_type, entry, given)
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
        is_partial = not shown and not properties and key not in self._given
        if is_partial:
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
                ": those that start with it" if is_partial else ""
            )
            page = Page()
            page.title(key, [which])
            page.blocks += [*map(self._row, shown), *map(self._property, properties)]
            return page.blocks
        own = " of its own" if self._name == DEVICE_ADD else ""
        kind = "argument" if self._noun == "argument" else "member"
        return [Paragraph([(WARNING, f"{self._name} has no {kind} '{key}'{own}.")])]

    def _at(self, parts: list[str]) -> list[_Place]:
        """Return the places that a path may lead to, depending on open choices."""
        places = [self._root]
        for part in parts:
            places = [inner for place in places for inner in self._below(place, part)][:_MAX_PLACES]
        return places

    def _below(self, place: _Place, part: str) -> Iterator[_Place]:
        if place.is_array and part.isdecimal():
            path = f"{place.prefix}{part}."
            yield _Place(place.type, place.entry, self._given, path, place.condition)
            return
        for found in self._all(place):
            inner = object_type(self._schema, found.member.type)
            if found.member.name == part and inner is not None:
                self._describe(found)
                yield _Place(
                    inner,
                    self._pages.inner_entry(found.described),
                    self._given,
                    f"{place.prefix}{part}.",
                    found.condition,
                    is_array=self._schema.kind(found.member.type) == "array",
                )

    def _all(self, place: _Place) -> list[_Found]:
        """Return all members, including those of branches that can still be chosen."""
        members = self._schema.members(place.type, place.chosen)
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
        value = place.chosen(tag)
        cases = self._schema.cases(type_name)
        for case, branch in cases.items():
            if value not in cases or case == value:
                inner = choice | {tag: case}
                for member in self._schema.members(branch).values():
                    yield member, inner
                yield from self._branches(place, branch, inner)

    def _describe(self, found: _Found) -> None:
        place = found.place
        choice = found.choices[0] if found.choices else {}
        found.described = self._pages.described(
            place.entry,
            found.member.name,
            lambda tag: choice.get(tag) or place.chosen(tag),
        )

    def _row(self, found: _Found) -> Item:
        row = self._pages.row(found.member, found.described, found.place.prefix, is_tag=False)
        if found.condition:
            row.blocks.insert(0, paragraph(f"with {found.condition}"))
        return row

    def _property(self, name: str) -> Item:
        """Describe a property of the device."""
        found = self._properties[name]
        whose = f" (of {self._given.get('driver', '')})"
        blocks: list[Block] = [paragraph(found.description)] if found.description else []
        return definition(f"[{name}]", blocks, type_text=found.type, remark=whose)

    def _section(self, found: _Found) -> list[Block]:
        place, member, described = found.place, found.member, found.described
        path = place.prefix + member.name
        page = Page()
        remarks = [f"{self._noun} of {self._name}", "optional" if member.optional else "required"]
        page.title(path, remarks + [feature for feature in member.features if feature in _MEANINGS])
        tags = self._schema.tags(place.type, place.chosen)
        page.text(self._pages.type_text(member, described, is_tag=member.name in tags))
        if found.condition:
            page.text(f"Only with {found.condition}.")
        page.blocks += prose(described)
        features = tuple(member.features)
        page.section("Features", feature_rows(features, place.entry, only_those=True))
        page.section("Values", self._values(path, member, described))
        inner = object_type(self._schema, member.type)
        if inner is not None:
            entry = self._pages.inner_entry(described)
            rows = self._pages.rows(_Place(inner, entry, self._given, f"{path}."))
            page.section(f"Members of {path}", rows)
        return page.blocks

    def _values(self, path: str, member: Member, described: Described | None) -> list[Block]:
        """Return the manual's description of the given enum value, or of all values."""
        values = self._schema.enum_values(member.type)
        entry = self._pages.type_entry(described.type) if described is not None else None
        if entry is None or entry.kind != ENUM:
            return []
        given = self._given.get(path)
        shown = [value for value in ([given] if given in values else values) if value is not None]
        rows = [definition(item, prose(entry.member(item))) for item in shown]
        return list(rows) if any(row.blocks for row in rows) else []


def _in_words(prefix: str, choices: list[dict[str, str]]) -> str:
    """Describe choices: `driver=qcow2, qed`, the values of the last discriminator together."""
    groups: dict[str, list[str]] = {}
    for choice in choices:
        *outer, (tag, value) = choice.items()
        start = " ".join([*(f"{prefix}{key}={case}" for key, case in outer), f"{prefix}{tag}="])
        groups.setdefault(start, []).append(value)
    return "; or with ".join(f"{start}{', '.join(values)}" for start, values in groups.items())


# The members of a type include those of its base types, down to this depth.
_MAX_INHERITED_DEPTH = 4


class HelpPages:
    """Builds help pages. Schema and reference may be None."""

    def __init__(self, schema: Schema | None, reference: Reference | None) -> None:
        self._has_schema = schema is not None
        self.schema = schema or NO_SCHEMA
        self._reference = reference or Reference("")

    def names(self) -> list[str]:
        """Return the names of all commands, events and types with help."""
        known = [*self.schema.commands(), *self.schema.events(), *self._reference.names()]
        return list(dict.fromkeys(known))

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
        info = self.schema.command(name) or self.schema.event(name)
        if info is not None:
            return self._known(info, given, key, properties or {})
        entry = self._reference.entry(name)
        if entry is None:
            return []
        return [*(self._member(entry, key) if key else []), *self._documented(entry)]

    def about_value(self, name: str) -> list[Block]:
        """Return the help page of an enum value: its meanings and the arguments that accept it, or []."""
        page = Page()
        page.title(name, ["value"])
        for enum in self._reference.enums_with(name):
            page.blocks.append(definition(enum.name, prose(enum.member(name))))
        users = list(self._users_of_value(name))
        page.section("Used by", [names_table(users)] if users else [])
        return page.blocks if len(page.blocks) > 1 else []

    def _known(
        self,
        info: CommandInfo | EventInfo,
        given: Mapping[str, str],
        key: str,
        properties: Properties,
    ) -> list[Block]:
        ret_type = getattr(info, "ret_type", None)
        kind = EVENT if ret_type is None else COMMAND
        entry = self._reference.entry(info.name, kind)
        arguments_entry = self.arguments_entry(entry)
        label = "Arguments" if kind == COMMAND else "Data"
        page = Page()
        if key:
            arguments = Arguments(self, info, arguments_entry, given=given, properties=properties)
            page.blocks += arguments.about(key)
        rows = list(self.rows(_Place(info.arg_type, arguments_entry, given)))
        # A chosen part is complete without a heading.
        is_whole = not any(isinstance(row, Heading) for row in rows)
        remarks = [kind, *(feature for feature in info.features if feature in _MEANINGS)]
        page.title(info.name, remarks + _since(entry))
        if entry is not None and is_whole:
            page.blocks += entry.prose
        page.section(label, rows)
        if ret_type is not None and is_whole:
            page.section("Returns", self._returned(ret_type, entry))
        page.section("Features", feature_rows(info.features, entry))
        if getattr(info, "allow_oob", False):
            page.text(f"Can run out of band: /oob {info.name}")
        if entry is not None and is_whole:
            _add_rest(page, entry)
        return page.blocks

    def _returned(self, ret_type: str, entry: Entry | None) -> list[Block]:
        returns = entry.returns if entry is not None else []
        inner = object_type(self.schema, ret_type)
        rows: list[Block] = []
        described: Entry | None = None
        if inner is not None:
            described = self._return_entry(inner, entry)
            rows = list(self.rows(_Place(inner, described, {})))
            if not rows and inner == ret_type:
                return returns
        called = described.name if described is not None else ""
        if entry is not None and self.type_entry(entry.return_type) is not None:
            called = bare(entry.return_type)
        return [
            paragraph(type_text(self.schema, ret_type, called=called, is_brief=True)),
            *returns,
            *rows,
        ]

    def _return_entry(self, inner: str, entry: Entry | None) -> Entry | None:
        """Return the manual's entry for the returned object. In 7.2, only the text names it, if at all."""
        names = set(self.schema.members(inner))
        words = (
            [entry.return_type, *re.findall(_TYPE_WORD, text_of(entry.returns))]
            if entry is not None
            else []
        )
        for word in words:
            found = self.type_entry(word)
            if (
                found is not None
                and {member.name for member in self._members_of(found, 0)} >= names
            ):
                return found
        return None

    def _documented(self, entry: Entry) -> list[Block]:
        page = Page()
        page.title(entry.name, [entry.kind, *_since(entry)])
        if self._has_schema and entry.kind in (COMMAND, EVENT):
            page.text(f"This server does not have this {entry.kind}.")
            if entry.condition:
                page.text(f"Only if QEMU was built with: {entry.condition}")
        page.blocks += entry.prose
        members = Page()
        members.blocks += [_manual_row(member) for member in entry.members]
        always = [base.type for base in entry.inherited if not base.tag]
        if always:
            members.text(f"And the members of {', '.join(always)}")
        branches = [base for base in entry.inherited if base.tag]
        if branches:
            members.text("And, depending on the branch, the members of:")
            members.names((f"{item.tag}={item.value}", item.type) for item in branches)
        labels = {COMMAND: "Arguments", EVENT: "Data", ENUM: "Values"}
        page.section(labels.get(entry.kind, "Members"), members.blocks)
        shape = [paragraph(entry.return_type)] if entry.return_type else []
        page.section("Returns", [*shape, *entry.returns] if entry.returns else [])
        page.section("Features", feature_rows((), entry))
        _add_rest(page, entry)
        return page.blocks

    def _member(self, entry: Entry, key: str) -> list[Block]:
        """Return the manual's description of the member of that name, or of those that start with it."""
        found = [member for member in self._members_of(entry, 0) if member.name.startswith(key)]
        found = [item for item in found if item.name == key][:1] or found
        if not found:
            kind = "argument" if entry.kind == COMMAND else "member"
            return [Paragraph([(WARNING, f"{entry.name} has no {kind} '{key}'.")])]
        title = Heading([(PLAIN, f"Of {entry.name}")])
        return [title, *(_manual_row(item) for item in found)]

    def _members_of(self, entry: Entry, depth: int) -> Iterator[Described]:
        yield from entry.members
        for base in entry.inherited if depth < _MAX_INHERITED_DEPTH else ():
            inner = self.type_entry(base.type)
            if inner is not None:
                yield from self._members_of(inner, depth + 1)

    def _users_of_value(self, value: str) -> Iterator[tuple[str, str]]:
        for name in self.schema.commands():
            info = self.schema.command(name)
            members = self.schema.members(info.arg_type) if info is not None else {}
            for member in members.values():
                if value in self.schema.enum_values(member.type):
                    yield name, f"{member.name}={value}"

    def type_entry(self, type_text: str) -> Entry | None:
        """Return the manual's entry for a type, or for the elements of an array."""
        return self._reference.entry(bare(type_text), *TYPES)

    def arguments_entry(self, entry: Entry | None) -> Entry | None:
        """Return the entry that describes the arguments of a command or event: its own, or a type's."""
        if entry is None:
            return None
        return self.type_entry(inferred_type(self._reference, entry.name, self.schema)) or entry

    def rows(self, place: _Place) -> Iterator[Block]:
        """Yield the members of an object: those of the chosen branch first, required ones before others."""
        tags = self.schema.tags(place.type, place.chosen)
        common = self.schema.members(place.type)
        members = list(self.schema.members(place.type, place.chosen).values())
        members.sort(key=lambda member: member.optional)
        branch = [member for member in members if member.name not in common]
        if branch:
            choices = [
                f"{place.prefix}{tag}={place.chosen(tag)}" for tag in tags if place.chosen(tag)
            ]
            yield heading(f"With {', '.join(choices)}")
            yield from self._branch_prose(place)
        inner: list[Block] = []
        for number, member in enumerate(
            (*branch, *(member for member in members if member not in branch))
        ):
            if branch and number == len(branch):
                yield heading("Always")
            described = self.described(place.entry, member.name, place.chosen)
            yield self.row(member, described, place.prefix, is_tag=member.name in tags)
            inner += self._inner_rows(place, member, described)
        types = {member.name: member.type for member in members}
        for tag, cases in tags.items():
            yield from self._open_choice(place, tag, cases, types.get(tag, ""))
        yield from inner

    def _open_choice(
        self, place: _Place, tag: str, cases: Mapping[str, str], type_name: str
    ) -> Iterator[Block]:
        """Yield that a discriminator remains to be chosen, or that the choice is invalid."""
        value, key = place.chosen(tag), place.prefix + tag
        if value is None:
            yield paragraph(f"Further members depend on {key}: {', '.join(cases)}")
        elif value not in self.schema.enum_values(type_name):
            yield Paragraph([(WARNING, f"{key} cannot be {value}.")])
        elif value not in cases:
            yield paragraph(f"{key}={value} has no further members.")

    def _inner_rows(
        self, place: _Place, member: Member, described: Described | None
    ) -> Iterator[Block]:
        """Yield the members of a member for which a value is given."""
        path = f"{place.prefix}{member.name}."
        inside = next((argument for argument in place.given if argument.startswith(path)), None)
        inner = object_type(self.schema, member.type)
        if inside is None or inner is None or path.count(".") > _MAX_MEMBER_DEPTH + 1:
            return
        index = inside[len(path) :].partition(".")[0]
        if self.schema.kind(member.type) == "array" and index.isdecimal():
            path += f"{index}."
        page = Page()
        rows = self.rows(_Place(inner, self.inner_entry(described), place.given, path))
        page.section(f"Members of {path.rstrip('.')}", rows)
        yield from page.blocks

    def inner_entry(self, described: Described | None) -> Entry | None:
        """Return the manual's entry for the object that a member holds."""
        entry = self.type_entry(described.type) if described is not None else None
        if entry is None or entry.kind != "alternate":
            return entry
        entries = (self.type_entry(member.type) for member in entry.members)
        objects = (entry for entry in entries if entry is not None and entry.kind != ENUM)
        return next(objects, entry)

    def row(
        self, member: Member, described: Described | None, prefix: str, *, is_tag: bool
    ) -> Item:
        """Return the help on one member."""
        name = prefix + member.name
        features = [feature for feature in member.features if feature in _MEANINGS]
        return definition(
            f"[{name}]" if member.optional else name,
            prose(described),
            type_text=self.type_text(member, described, is_tag=is_tag),
            remark=f" ({', '.join(features)})" if features else "",
        )

    def type_text(self, member: Member, described: Described | None, *, is_tag: bool) -> str:
        """Describe a member's type. A discriminator has its name: its values are listed elsewhere."""
        called = bare(described.type) if described is not None else ""
        if called and self.type_entry(called) is None:
            called = ""
        return called if is_tag and called else type_text(self.schema, member.type, called=called)

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

    def _branch_prose(self, place: _Place) -> list[Block]:
        """Return the manual's text about the type of the chosen branch."""
        entry = place.entry
        for _ in range(_MAX_DEPTH):
            inherited = entry.inherited if entry is not None else []
            for base in inherited:
                if base.tag and place.chosen(base.tag) == base.value:
                    found = self.type_entry(base.type)
                    return list(found.prose) if found is not None else []
            always = (self.type_entry(base.type) for base in inherited if not base.tag)
            entry = next(always, None)
        return []


def _since(entry: Entry | None) -> list[str]:
    return [f"since {entry.since}"] if entry is not None and entry.since else []


def _manual_row(member: Described) -> Item:
    name = f"[{member.name}]" if member.optional else member.name
    return definition(name, prose(member), type_text=member.type)


def _add_rest(page: Page, entry: Entry) -> None:
    page.section("Errors", entry.errors)
    page.section("Notes", entry.notes)
    page.section("Example", entry.examples)


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
        if not blocks and name in _MEANINGS:
            blocks = [paragraph(_MEANINGS[name].partition(": ")[2])]
        rows.append(definition(name, blocks))
    return rows
