"""The members that may be named at the cursor.

Owns: which of an object's members are offered, in which order, and how far a key goes on. Must not
know: tokens, how the server is asked.
"""

from __future__ import annotations

from .checks import missing_below
from .given import DOTTED
from .live import Live
from .live_kinds import open_names
from .offers import Offer, told
from .slot import EVENT, KEYVAL, LITERAL, Slot
from .spelling import spell_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..schema.model import Member
    from .given import Given
    from .known import Known
    from .shapes import Shapes

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
