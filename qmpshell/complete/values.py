"""The values that may stand at the cursor.

Owns: what each type of value offers, and what its member names. Must not know: tokens, how the server
is asked.
"""

from __future__ import annotations

from . import live
from .file_kinds import FOLDER
from .live import Live
from .live_kinds import FILE, QOM_PATH, find_kind, linked_kind, open_names, property_of, taken
from .offers import Offer, told
from .ranking import natural
from .slot import EVENT, KEYVAL, LINE, LITERAL, Slot
from .spelling import spell_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .known import Known
    from .live import LiveName
    from .shapes import Shapes

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
        (kind != FOLDER, name.lower(), name, kind)
        for name, kind in known.files(typed)
        if name.startswith(begun) and (begun or not name.startswith("."))
    ]
    if len(found) <= _MOST_NATURAL:
        found.sort(key=lambda one: (one[0], natural(one[1]), one[2]))
    else:
        found.sort()
    for _, _, name, kind in found:
        yield f"{folder}{slash}{name}{'/' if kind == FOLDER else ''}", kind


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
                yield from self._live(live.NODE, "", is_loose=is_loose)
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
        elif kind == live.CHAIN_FILE:
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
            yield from self._by_property(Live(live.QOM_PROPERTY, path), name)

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
        for one in self._known.find_live(Live(live.QOM_CHILD, parent or "/")):
            offer = self._offer(f"{parent}/{one.name}", one.meta)
            # One may go on below it: / and Tab offer what is there.
            offer.text = offer.text.removesuffix(" ")
            yield offer

    def _files(self) -> Iterator[Offer]:
        for name, kind in file_names(self._slot.text, self._known):
            offer = self._offer(name, kind)
            if kind == FOLDER:
                # One goes on inside it.
                offer.text = offer.text.removesuffix(" ")
                if offer.text[-1] in "\"'" and not self._slot.closed:
                    offer.text = offer.text[:-1]
            yield offer


def _type_of(one: LiveName) -> str:
    """A property's type, with which what is said of it begins."""
    return one.meta.partition(",")[0]
