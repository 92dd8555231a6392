"""The members that may be named at the cursor.

Owns: which of an object's members are offered, in which order, and how far a key goes on. Must not
know: tokens, how the server is asked.
"""

from __future__ import annotations

from ..language import KEY, QUOTED, VALUE, tokenize
from ..qmp import is_ambiguous
from ..render import utf8_string
from .ranking import DIRECTORY, Offer, natural, told
from .references import (
    CHAIN_FILE,
    FILE,
    NODE,
    QOM_CHILD,
    QOM_PATH,
    QOM_PROPERTY,
    Live,
    find_kind,
    linked_kind,
    open_names,
    property_of,
    taken,
)
from .target import DOTTED, EVENT, KEYVAL, LINE, LITERAL, Slot
from .types import missing_below

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..qmp import Member
    from .references import LiveName
    from .sources import Known
    from .target import Given, Slot
    from .types import Shapes


_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


def spell_key(slot: Slot, name: str, ending: str) -> str:
    """A member's name: `ending` is `=`, or `.` where more of the key is to follow."""
    if slot.writing == LITERAL:
        quoted = quote(name, slot.quote)
        return quoted[:-1] if slot.closed else quoted if slot.behind == ":" else f"{quoted}: "
    text = name
    if slot.writing != KEYVAL and (slot.quote or not is_plain_part(name)):
        text = utf8_string(name)
    is_there = slot.behind == ending or (ending == "=" and slot.behind == ":")
    return text if is_there else text + ending


def is_plain_part(name: str) -> bool:
    """Whether a part of a key needs no quotes."""
    if _PLAIN.issuperset(name):
        return bool(name)
    tokens = tokenize(f"x {name}=")
    if "." in name and not name.startswith("__"):
        return False
    return [one.kind for one in tokens[1:2]] == [KEY] and tokens[1].text == name


def spell_value(slot: Slot, text: str, *, is_string: bool, is_loose: bool = False) -> str:
    """A value. `is_string` is false for what JSON writes without quotes, `is_loose` says that without
    quotes the text could be taken for something else than a string."""
    if slot.writing == KEYVAL:
        return text.replace(",", ",,")
    if slot.writing == LITERAL:
        if not is_string:
            return text
        quoted = quote(text, slot.quote)
        return quoted[:-1] if slot.closed else quoted
    if not slot.quote and not (is_loose and is_string and is_ambiguous(text)) and _is_plain(text):
        return text
    quoted = quote_word(text, slot.quote)
    return quoted[:-1] if slot.closed else quoted


def _is_plain(text: str) -> bool:
    """Whether a value is one word that says the same without quotes."""
    if _PLAIN.issuperset(text):
        return bool(text)
    tokens = tokenize(f"x y={text} ")
    return (
        len(tokens) == 4
        and tokens[3].kind == VALUE
        and tokens[3].text == text
        and not text.startswith("@")
        and text.isprintable()
    )


def quote_word(text: str, mark: str = "") -> str:
    """A text in quotes, as the command line has them: JSON's escapes, but only in double ones."""
    if mark == "'" and "'" not in text and text.isprintable():
        return f"'{text}'"
    return utf8_string(text)


def quote(text: str, mark: str) -> str:
    """A string in a literal."""
    if mark != "'":
        return utf8_string(text)
    inner = utf8_string(text)[1:-1].replace('\\"', '"').replace("'", "\\'")
    return f"'{inner}'"


def spell_word(text: str, mark: str = "") -> str:
    """A single word, such as a file's name."""
    tokens = tokenize(f"x {text} ")
    plain = len(tokens) == 2 and tokens[1].text == text and tokens[1].kind not in (QUOTED,)
    blanks = any(char in " \t\r\n" for char in text)
    if not mark and not blanks and (plain or "=" in text) and text[:1] not in "\"'":
        return text
    return quote_word(text, mark)


# The discriminator, what must be given, what must be given further down, what may be given, and what only
# the running server knows.
_TAG, _REQUIRED, _DEEPER, _OPTIONAL, _OPEN = range(5)
# What a key that ends with a dot goes on into, whatever else may stand behind =.
_INSIDE = "{…}"


def key_offers(slot: Slot, known: Known) -> Iterator[Offer]:
    """What may be named in the object or array that the slot is in."""
    call = slot.call
    if call is None or (call.is_whole and slot.writing != LITERAL):
        return
    shapes = known.shapes_of(call.name)
    given = call.root.at(slot.path)
    if shapes is not None and (given is None or not given.is_scalar):
        type_name = shapes.at(shapes.of_call(call), call.root, slot.path)
        yield from _KeyOffers(slot, shapes, given).below(type_name)
    yield from _open_keys(slot, known, given)


def raw_key_offers(slot: Slot, known: Known) -> Iterator[Offer]:
    """Names that have dots themselves, for a key that was typed without quotes."""
    whole = Slot(slot.kind, slot.raw, slot.raw_start, call=slot.call, writing=slot.writing)
    whole.behind = slot.behind
    for offer in key_offers(whole, known):
        if "." in offer.name and "." in offer.text.strip('.="'):
            yield offer


def _open_keys(slot: Slot, known: Known, given: Given | None) -> Iterator[Offer]:
    """Members that no schema has."""
    assert slot.call is not None
    kind, subject = open_names(slot.call, slot.path, given)
    if not kind or given is None:
        return
    for one in known.find_live(Live(kind, subject)):
        if one.name not in given.members or one.name == slot.own:
            text = spell_key(slot, one.name, "=")
            yield Offer(one.name, text, slot.start, one.meta, order=_OPEN)


class _KeyOffers:
    """What is offered in one place."""

    def __init__(self, slot: Slot, shapes: Shapes, given: Given | None) -> None:
        self._slot = slot
        self._shapes = shapes
        self._given = given
        assert slot.call is not None
        self._is_event = slot.call.sort == EVENT

    def below(self, type_name: str) -> Iterator[Offer]:
        compound = self._shapes.compound(type_name)
        if self._shapes.schema.kind(compound) == "array":
            yield from self._indices(self._shapes.schema.element_type(compound) or "")
            return
        tags = self._shapes.tags(compound, self._given)
        members = self._shapes.members(compound, self._given)
        for member in (*members.values(), *self._unchosen(compound, members)):
            if member.name in tags:
                order = _TAG
            else:
                order = _OPTIONAL if member.optional or self._is_event else _REQUIRED
            yield from self._member(member, order)

    def _unchosen(self, type_name: str, members: Mapping[str, Member]) -> Iterator[Member]:
        """What is begun of a branch that is not chosen yet."""
        for name in self._given.members if self._given is not None else ():
            member = (
                self._shapes.of_any_branch(type_name).get(name) if name not in members else None
            )
            if member is not None:
                yield member

    def _member(self, member: Member, order: int) -> Iterator[Offer]:
        name = member.name
        there = self._given.members.get(name) if self._given is not None else None
        is_begun = there is not None and there.form == DOTTED
        # What the cursor is in may be typed anew, all of it.
        is_own = name == self._slot.own
        if there is not None and not is_begun and not is_own:
            return
        needed = "required" if order in (_TAG, _REQUIRED) and not member.optional else ""
        needed = "" if self._is_event else needed
        endings = list(self._endings([name], member.type, there if is_begun else None))
        if is_begun and is_own:
            endings += self._endings([name], member.type, None)
        for key, ending in endings:
            text = self._spell(key, ending)
            order = _OPTIONAL if is_begun else order
            words = _INSIDE if ending == "." else self._shapes.words(member.type)
            meta = told(words, needed, features=member.features)
            yield Offer(
                ".".join(key), text, self._slot.start, meta, order=order, features=member.features
            )
        if is_begun and there is not None and self._slot.writing != LITERAL:
            for key, missing in missing_below(self._shapes, member.type, there):
                for rest, ending in self._endings([name, *key], missing, None):
                    words = _INSIDE if ending == "." else self._shapes.words(missing)
                    meta = told(words, "required")
                    text = self._spell(rest, ending)
                    yield Offer(".".join(rest), text, self._slot.start, meta, order=_DEEPER)

    def _indices(self, element: str) -> Iterator[Offer]:
        if self._slot.writing == LITERAL:
            return
        given = self._given
        begun = [
            index
            for index, one in (given.members.items() if given is not None else ())
            if one.form == DOTTED or index == self._slot.own
        ]
        following = _next_index(given)
        for index in dict.fromkeys([*begun, following]):
            for key, ending in self._endings([index], element, None):
                if ending == "." or index in (following, self._slot.own):
                    text = self._spell(key, ending)
                    meta = _INSIDE if ending == "." else self._shapes.words(element)
                    yield Offer(".".join(key), text, self._slot.start, meta)

    def _spell(self, key: list[str], ending: str) -> str:
        *parents, last = key
        head = "".join(spell_key(self._slot, one, "") + "." for one in parents)
        return head + spell_key(self._slot, last, ending)

    def _endings(
        self, key: list[str], type_name: str, begun: Given | None
    ) -> Iterator[tuple[list[str], str]]:
        """A key and how it ends, the likeliest first: `begun` are the members that it has already."""
        if self._slot.writing == LITERAL:
            yield key, "="
            return
        schema = self._shapes.schema
        kinds = [(schema.kind(type_name) or "any", type_name)]
        if kinds[0][0] == "alternate":
            kinds = [(schema.kind(one) or "any", one) for one in schema.alternatives(type_name)]
        names = dict(kinds)
        is_scalar = any(kind not in ("object", "array") for kind in names)
        if is_scalar and begun is None:
            yield key, "="
        if "object" in names:
            yield key, "."
        if "array" in names:
            element = schema.element_type(names["array"]) or ""
            for index, child in begun.members.items() if begun is not None else ():
                if child.form == DOTTED:
                    yield [*key, index], "."
            following = [*key, _next_index(begun)]
            if schema.kind(element) in ("object", "array"):
                yield following, "."
            else:
                yield from self._endings(following, element, None)
        if not is_scalar and begun is None and self._slot.writing != KEYVAL:
            yield key, "="


def _next_index(given: Given | None) -> str:
    number = 0
    while given is not None and str(number) in given.members:
        number += 1
    return str(number)


_BOOLEANS = ("true", "false")
# Offered where one has begun to type them.
_OTHER_BOOLEANS = ("on", "off", "yes", "no", "True", "False")
# The members that name a driver by any text.
_FORMAT = ("format",)
# Nobody reads more names than these; to put them in their natural order would hold up the typing.
_MOST_NATURAL = 1000
_OPENING = {"object": "{", "array": "["}
# Discriminators of which a value that brings no members is of no use: a driver that takes no options for
# creating an image creates none. In blockdev-add, null-co needs none and is all right.
_MEMBERS_NEEDED = {("blockdev-create", ("options", "driver"))}


def value_offers(slot: Slot, known: Known) -> Iterator[Offer]:
    """What the value at the slot's path may be."""
    call = slot.call
    if call is None or not slot.path:
        return
    shapes = known.shapes_of(call.name)
    offers = _ValueOffers(slot, known, shapes)
    if shapes is not None:
        type_name = shapes.at(shapes.of_call(call), call.root, slot.path)
        if type_name:
            yield from offers.of_type(type_name)
            return
    yield from offers.of_property()


def file_names(typed: str, known: Known) -> Iterator[tuple[str, str]]:
    """The files whose path begins so, folders first, each with what it is; a folder ends with a slash."""
    if known.files is None or "\0" in typed:
        return
    folder, slash, begun = typed.rpartition("/")
    found = [
        (kind != DIRECTORY, name.lower(), name, kind)
        for name, kind in known.files(typed)
        if name.startswith(begun) and (begun or not name.startswith("."))
    ]
    if len(found) <= _MOST_NATURAL:
        found.sort(key=lambda one: (one[0], natural(one[1]), one[2]))
    else:
        found.sort()
    for _, _, name, kind in found:
        yield f"{folder}{slash}{name}{'/' if kind == DIRECTORY else ''}", kind


class _ValueOffers:
    def __init__(self, slot: Slot, known: Known, shapes: Shapes | None) -> None:
        self._slot = slot
        self._known = known
        self._shapes = shapes
        assert slot.call is not None
        self._call = slot.call
        self._end = self._what_follows()

    def _what_follows(self) -> str:
        """A blank, for the next argument; who waits for an event seldom names another."""
        slot = self._slot
        if slot.writing != LINE or slot.behind or self._call.is_whole:
            return ""
        return "" if self._call.sort == EVENT else " "

    def _offer(
        self, text: str, meta: str = "", *, is_string: bool = True, is_loose: bool = False
    ) -> Offer:
        spelled = spell_value(self._slot, text, is_string=is_string, is_loose=is_loose)
        return Offer(text, spelled + self._end, self._slot.start, meta)

    def of_type(self, type_name: str) -> Iterator[Offer]:
        assert self._shapes is not None
        shapes = self._shapes
        kind = shapes.schema.kind(type_name)
        if kind == "alternate":
            kinds = {shapes.schema.kind(one): one for one in shapes.schema.alternatives(type_name)}
            is_loose = bool({"int", "number", "null", "boolean"} & kinds.keys())
            if shapes.is_reference(type_name):
                yield from self._live(NODE, "", is_loose=is_loose)
            for one_kind, one in kinds.items():
                yield from self._of_kind(str(one_kind), one, is_loose=is_loose)
        elif kind is not None:
            yield from self._of_kind(kind, type_name, is_loose=False)

    def _of_kind(self, kind: str, type_name: str, *, is_loose: bool) -> Iterator[Offer]:
        assert self._shapes is not None
        slot = self._slot
        if kind == "enum":
            useless = self._useless()
            for value, features in self._shapes.schema.enum_values(type_name).items():
                offer = self._offer(value, told(features=features), is_loose=is_loose)
                offer.order = int(value in useless)
                offer.is_last |= bool(offer.meta)
                yield offer
        elif kind == "boolean":
            yield from self._booleans()
        elif kind == "null":
            if not slot.quote:
                yield self._offer("null", is_string=False)
        elif kind in _OPENING:
            if not slot.quote and slot.writing != KEYVAL:
                yield Offer(_OPENING[kind], _OPENING[kind], slot.start, order=1)
        elif kind in ("str", "any"):
            yield from self._names(is_loose=is_loose)

    def _useless(self) -> set[str]:
        """The values of a discriminator that are of no use here."""
        call, path, shapes = self._call, self._slot.path, self._shapes
        if shapes is None or (call.name, path) not in _MEMBERS_NEEDED:
            return set()
        union = shapes.compound(shapes.at(shapes.of_call(call), call.root, path[:-1]))
        cases = shapes.schema.cases(union)
        return {name for name, one in cases.items() if not shapes.members(one, None)}

    def _booleans(self) -> Iterator[Offer]:
        slot = self._slot
        if slot.writing == LITERAL and slot.quote:
            return
        words: tuple[str, ...] = _BOOLEANS
        if slot.writing == KEYVAL:
            words = ("on", "off")
        elif slot.writing == LITERAL:
            words = ("True", "False") if slot.text[:1] in ("T", "F") else _BOOLEANS
        elif slot.text:
            begun = (one for one in _OTHER_BOOLEANS if one.startswith(slot.text))
            words = (*_BOOLEANS, *begun)
        for word in words:
            yield self._offer(word, is_string=False)

    # -- names of things -----------------------------------------------------------------------

    def _names(self, *, is_loose: bool = False) -> Iterator[Offer]:
        kind, subject = find_kind(self._known.live_kinds, self._call, self._slot.path)
        if kind == FILE:
            yield from self._files()
        elif kind == CHAIN_FILE:
            yield from self._live(kind, subject, is_loose=is_loose)
            for offer in self._files():
                offer.order = 1
                yield offer
        elif kind == QOM_PATH:
            yield from self._qom_paths()
        elif kind:
            yield from self._live(kind, subject, is_loose=is_loose)
        elif self._slot.path[-1:] == _FORMAT:
            yield from self._formats()
        path, name = property_of(self._call, self._slot.path)
        if path and name:
            yield from self._by_property(Live(QOM_PROPERTY, path), name)

    def _formats(self) -> Iterator[Offer]:
        """The drivers of blockdev-add: a format is one of them, though the schema says any text."""
        if self._shapes is None:
            return
        info = self._shapes.schema.command("blockdev-add")
        if info is not None:
            driver = self._shapes.members(info.arg_type, None).get("driver")
            if driver is not None and self._shapes.schema.kind(driver.type) == "enum":
                yield from self._of_kind("enum", driver.type, is_loose=False)

    def of_property(self) -> Iterator[Offer]:
        """A value of what only the running server knows, such as a device's property."""
        *parents, name = self._slot.path
        given = self._call.root.at(parents)
        kind, subject = open_names(self._call, parents, given)
        yield from self._names()
        if not kind:
            return
        want = Live(kind, subject)
        yield from self._by_property(want, name)
        for one in self._known.find_live(want):
            linked = linked_kind(_type_of(one)) if one.name == name else ""
            if linked:
                yield from self._live(linked, "", is_loose=False)

    def _by_property(self, want: Live, name: str) -> Iterator[Offer]:
        """By what is said of a property, which begins with its type."""
        for one in self._known.find_live(want):
            if one.name != name:
                continue
            if _type_of(one) == "bool":
                yield from self._booleans()
            for choice in one.choices:
                yield self._offer(choice, "the default" if choice == one.default else "")

    def _live(self, kind: str, subject: str, *, is_loose: bool) -> Iterator[Offer]:
        taken_names = taken(self._known.live_kinds, self._call, self._slot.path)
        for one in self._known.find_live(Live(kind, subject)):
            if one.name not in taken_names:
                yield self._offer(one.name, one.meta, is_loose=is_loose)

    def _qom_paths(self) -> Iterator[Offer]:
        parent = self._slot.text.rpartition("/")[0]
        for one in self._known.find_live(Live(QOM_CHILD, parent or "/")):
            offer = self._offer(f"{parent}/{one.name}", one.meta)
            # One may go on below it: / and Tab offer what is there.
            offer.text = offer.text.removesuffix(" ")
            yield offer

    def _files(self) -> Iterator[Offer]:
        for name, kind in file_names(self._slot.text, self._known):
            offer = self._offer(name, kind)
            if kind == DIRECTORY:
                # One goes on inside it.
                offer.text = offer.text.removesuffix(" ")
                if offer.text[-1] in "\"'" and not self._slot.closed:
                    offer.text = offer.text[:-1]
            yield offer


def _type_of(one: LiveName) -> str:
    """A property's type, with which what is said of it begins."""
    return one.meta.partition(",")[0]
