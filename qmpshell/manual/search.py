"""Full-text search in a manual."""

from __future__ import annotations

from ..record import Record
from .entries import COMMAND, EVENT
from .reference import Reference, inferred_type, normalized

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from ..qmp import Schema
    from .reference import Place


_NAMED, _IN_NAME, _IN_SENTENCE, _ANYWHERE, _IN_TYPE = range(5)
_TYPED = (COMMAND, EVENT)
_ORDER = {COMMAND: 0, EVENT: 1}
# QEMU wraps types in these, and only its schema contains them.
_WRAPPER = "Wrapper"


class Found(Record):
    """A search result: name, kind and first sentence of an entry."""

    name: str
    kind: str
    sentence: str


def search_manual(
    reference: Reference | None, words: list[str], schema: Schema | None = None
) -> list[Found]:
    """Return the entries with all words, ignoring case, in name, text, or a type that they use.

    An exact name comes first; then commands before events before types; among these, those with the
    words in the name, then in the first sentence, then in the arguments, then elsewhere.
    """
    wanted = [word.lower() for word in words]
    reference = reference or Reference("")
    ranks = _ranks(reference, wanted, schema)
    found = [
        (rank, place.start, Found(place.name, place.kind, reference.sentence(place)))
        for place, rank in ranks.items()
    ]
    told = {(place.name, place.kind) for place in ranks}
    for kind, names in _only_named(schema):
        found += [
            (_NAMED if [name.lower()] == wanted else _IN_NAME, -1, Found(name, kind, ""))
            for name in names
            if (name, kind) not in told and all(word in name.lower() for word in wanted)
        ]
    found.sort(
        key=lambda entry: (entry[0] != _NAMED, _ORDER.get(entry[2].kind, len(_ORDER)), *entry[:2])
    )
    return [entry for _, _, entry in found]


def names_starting_with(
    reference: Reference | None, start: str, schema: Schema | None
) -> list[Found]:
    """Return all names with this prefix, each once: commands before events before types."""
    reference = reference or Reference("")
    found = [
        Found(place.name, place.kind, reference.sentence(place))
        for place in reference.places
        if place.name.startswith(start)
    ]
    for kind, names in _only_named(schema):
        found += [Found(name, kind, "") for name in names if name.startswith(start)]
    found.sort(key=lambda entry: _ORDER.get(entry.kind, len(_ORDER)))
    known: dict[str, Found] = {}
    for item in found:
        known.setdefault(item.name, item)
    return list(known.values())


def _only_named(schema: Schema | None) -> list[tuple[str, list[str]]]:
    return [(COMMAND, schema.commands()), (EVENT, schema.events())] if schema is not None else []


def _ranks(reference: Reference, wanted: list[str], schema: Schema | None) -> dict[Place, int]:
    ranks: dict[Place, int] = {}
    for place in reference.places:
        rank = _rank(reference, place, wanted)
        if rank is not None:
            ranks[place] = rank
    types = [place for place in ranks if place.kind not in _TYPED]
    for place, distance in _users_of_types(reference, types, schema).items():
        ranks[place] = min(ranks.get(place, _IN_TYPE + distance), _ANYWHERE + distance)
    if len(ranks) > len(types):
        for place in types:
            if place.name.endswith(_WRAPPER) and ranks[place] != _NAMED:
                del ranks[place]
    return ranks


def _rank(reference: Reference, place: Place, wanted: list[str]) -> int | None:
    name = place.name.lower()
    if [name] == wanted:
        return _NAMED
    if all(word in name for word in wanted):
        return _IN_NAME
    text = f"{name} {reference.words_of(place)}".lower()
    if not all(word in text for word in wanted):
        return None
    sentence = f"{name} {reference.sentence(place)}".lower()
    return _IN_SENTENCE if all(word in sentence for word in wanted) else _ANYWHERE


def _users_of_types(
    reference: Reference, types: Collection[Place], schema: Schema | None
) -> dict[Place, int]:
    """Return the commands and events that use one of the types, with the distance of each.

    The distance is 0 if the type's members are the command's own arguments.
    """
    found: dict[Place, int] = {}
    typed = [(normalized(place.name), place) for place in reference.places if place.kind in _TYPED]
    seen = {place.name: 0 for place in types}
    nearest = list(seen)
    while nearest:
        name = nearest.pop(0)
        distance = seen[name]
        for place, step in _direct_users(reference, name, typed, schema):
            farther = distance + step
            if place.kind in _TYPED:
                found[place] = min(found.get(place, farther), farther)
            elif farther < seen.get(place.name, farther + 1):
                seen[place.name] = farther
                # Those at the same distance come first.
                nearest.insert(0 if step == 0 else len(nearest), place.name)
    return found


def _direct_users(
    reference: Reference, name: str, typed: list[tuple[str, Place]], schema: Schema | None
) -> Iterator[tuple[Place, int]]:
    for place in reference.mentioning(name):
        entry = reference.at(place)
        if any(base.type == name and not base.tag for base in entry.inherited):
            yield place, 0
        elif any(base.type == name for base in entry.inherited) or any(
            member.type.strip("[]") == name for member in entry.members
        ):
            yield place, 1
    part = normalized(name)
    for whole, place in typed:
        if part in whole and inferred_type(reference, place.name, schema) == name:
            yield place, 0
