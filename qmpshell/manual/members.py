"""Types and members of objects: what the schema and the manual contain about them."""

from __future__ import annotations

from ..complete import TypeResolver
from ..render import WARNING, Block, Page, Paragraph, definition, heading, paragraph, plain_text_of
from .entries import COMMAND, ENUM, EVENT, KINDS, SAYS_NOTHING
from .reference import Reference, inferred_type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ..qmp import Member, Schema
    from ..render import Item
    from .entries import Described, Entry

    # Returns the value of a discriminator, or None.
    Chosen = Callable[[str], str | None]


# A schema may refer to itself.
_MAX_SHAPE_DEPTH = 5
_MEANINGS = {
    "deprecated": "deprecated: will be removed",
    "unstable": "unstable: may change or disappear at any time",
}


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
            return schema.branches(name).get("object")
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
    """Describes members of object types."""

    def __init__(self, schema: Schema, reference: Reference) -> None:
        self.schema = schema
        self._reference = reference

    def type_entry(self, type_text: str) -> Entry | None:
        """Return the manual's entry for a type, or for the elements of an array."""
        return self._reference.entry(bare(type_text), *TYPES)

    def taken(self, entry: Entry | None) -> Entry | None:
        """Return the entry that describes the arguments of a command or event: its own, or a type's."""
        if entry is None:
            return None
        return self.type_entry(inferred_type(self._reference, entry.name, self.schema)) or entry

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

        tags = self.schema.tags(type_name, chosen)
        common = self.schema.members(type_name)
        members = list(self.schema.members(type_name, chosen).values())
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
        yield from _open_choices(self.schema, members, tags, prefix, chosen)
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
        inner = object_type(self.schema, member.type)
        if inside is None or inner is None or prefix.count(".") > _MAX_MEMBER_DEPTH:
            return
        index = inside[len(path) :].partition(".")[0]
        if self.schema.kind(member.type) == "array" and index.isdecimal():
            path += f"{index}."
        page = Page()
        rows = self.rows(inner, self.inner_entry(described), path, given)
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
        self,
        member: Member,
        described: Described | None,
        prefix: str,
        *,
        is_tag: bool,
    ) -> Item:
        """Return the help on one member."""
        name = prefix + member.name
        told = [feature for feature in member.features if meaning(feature)]
        return definition(
            f"[{name}]" if member.optional else name,
            prose(described),
            type_text=self.type_text(member, described, is_tag=is_tag),
            remark=f" ({', '.join(told)})" if told else "",
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
        rows.append(definition(name, blocks))
    return rows
