"""A page of QEMU's reference manual: an index of its entries, parsed on demand, and its search."""

from __future__ import annotations

import re
from functools import cache

from ..record import Record
from ..render import plain_text_of
from .entries import COMMAND, ENUM, EVENT, KINDS, Entry, first_sentence, parse_title
from .roff import parse_page, spans

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from ..qmp import Schema


# A line that may be a title: of a section, an item, or in bold.
_TITLE = (
    r"^(?:[.'][ \t]*(?:SS|SH|B|IP)[ \t]+|[.'][ \t]*TP.*\n(?![.']))"
    rf"(.*\b(?i:{'|'.join(KINDS)})\b.*)$"
)
_SECTION = r"^[.'][ \t]*SH\b"
_VERSION = r"\d{1,9}(?:\.\d{1,9})+"
# A roff font change may precede it.
_TYPE_NAME = r"(?:\\f[A-Z]|\\%|\b)([A-Z]\w+)"
# The first paragraph of an entry is within this many characters.
_HEAD = 2000


class Place:
    """The position of an entry: its body is `text[start:end]` of the page."""

    __slots__ = ("end", "kind", "name", "since", "start")

    def __init__(self, name: str, kind: str, since: str, start: int) -> None:
        self.name = name
        self.kind = kind
        self.since = since
        self.start = start
        self.end = start


class Reference:
    """A manual page as roff text.

    `version` is the manual's, or ""; `places` are all entries in the manual's order.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self.version = page_version(text)
        self.places = _places(text)
        self._by_name: dict[str, list[Place]] = {}
        for place in self.places:
            self._by_name.setdefault(place.name, []).append(place)
        # Each of these is parsed once.
        self.at: Callable[[Place], Entry] = cache(self._parse_entry)
        self.sentence: Callable[[Place], str] = cache(self._parse_sentence)
        # The entries that mention each type, computed on demand.
        self._mentioned: dict[str, list[Place]] | None = None

    def names(self, *kinds: str) -> list[str]:
        """Return the names of all entries, or of those of these kinds, in the manual's order."""
        return [place.name for place in self.places if not kinds or place.kind in kinds]

    def entry(self, name: str, *kinds: str) -> Entry | None:
        """Return the first entry of that name, of one of the kinds if any are given."""
        for place in self._by_name.get(name, ()):
            if not kinds or place.kind in kinds:
                return self.at(place)
        return None

    def enums_with(self, value: str) -> Iterator[Entry]:
        """Yield the enums that have such a value."""
        for place in self.places:
            if place.kind == ENUM and value in self.words_of(place):
                entry = self.at(place)
                if entry.member(value) is not None:
                    yield entry

    def mentioning(self, type_name: str) -> list[Place]:
        """Return the entries that mention a type, except its own."""
        if self._mentioned is None:
            self._mentioned = {}
            for place in self.places:
                names = re.findall(_TYPE_NAME, self._text[place.start : place.end])
                for name in set(names) - {place.name}:
                    self._mentioned.setdefault(name, []).append(place)
        return self._mentioned.get(type_name, [])

    def words_of(self, place: Place) -> str:
        """Return the text of an entry, approximately as printed."""
        return _words(self._text[place.start : place.end])

    def _parse_entry(self, place: Place) -> Entry:
        """Return the entry at a place."""
        blocks = parse_page(self._text[place.start : place.end], is_part=True)
        return Entry(place.name, place.kind, place.since, blocks)

    def _parse_sentence(self, place: Place) -> str:
        """Return the first sentence of an entry."""
        head = self._text[place.start : min(place.end, place.start + _HEAD)]
        if len(head) == _HEAD:
            head = head.rpartition("\n")[0]
        return first_sentence(Entry("", "", "", parse_page(head, is_part=True)).prose)


def page_version(text: str) -> str:
    """Return the version in a page's title line, such as `7.2.22`, or ""."""
    title = re.search(r"(?m)^\.TH\b(.*)$", text)
    # A date does not have this form.
    found = re.search(rf"(?<![\w.])({_VERSION})\b", title[1]) if title else None
    return found[1] if found else ""


def _places(text: str) -> list[Place]:
    places: list[Place] = []
    sections = [match.start() for match in re.finditer(_SECTION, text, re.MULTILINE)]
    sections.append(len(text))
    number = 0
    for match in re.finditer(_TITLE, text, re.MULTILINE):
        title = parse_title(plain_text_of(spans(match[1])))
        if title is None:
            continue
        _end_last(places, match.start(), sections, number)
        while sections[number] < match.start():
            number += 1
        places.append(Place(*title, min(match.end() + 1, len(text))))
    _end_last(places, len(text), sections, number)
    return places


def _end_last(places: list[Place], next_title: int, sections: list[int], number: int) -> None:
    """Set the end of the last entry: the next entry or the next section."""
    if places:
        while sections[number] < places[-1].start:
            number += 1
        places[-1].end = max(places[-1].start, min(next_title, sections[number]))


def _words(text: str) -> str:
    """Return roff text approximately as printed, for searching words."""
    text = re.sub(r"(?m)^[.'][ \t]*(?:(?:B|SS|SH|IP)\b|.*$)", "", text)
    for code, char in (("\\-", "-"), ("\\(aq", "'"), ("\\(dq", '"')):
        text = text.replace(code, char)
    return re.sub(r"\\(?:f[A-Z]|\(bu|[%&])", "", text)


_TYPED = (COMMAND, EVENT)


def inferred_type(reference: Reference, name: str, schema: Schema | None) -> str:
    """Return the type with the members of a command or event if the manual does not name it, or "".

    It is inferred from the command's name and, with a schema, from the names of the members.
    """
    entry = reference.entry(name, *_TYPED)
    if entry is None or entry.members or entry.inherited:
        return ""
    members: set[str] | None = None
    if schema is not None:
        info = schema.command(name) or schema.event(name)
        members = set(schema.members(info.arg_type)) if info is not None else None
    if members is not None and not members:
        return ""
    whole = normalized(name)
    for place in reference.places:
        type_name = normalized(place.name)
        if place.kind in _TYPED or type_name not in whole:
            continue
        if members is None and type_name == whole:
            return place.name
        if (
            members is not None
            and {member.name for member in reference.at(place).members} == members
        ):
            return place.name
    return ""


def normalized(name: str) -> str:
    """Return a name in a form that is equal for `block-dirty-bitmap-add` and `BlockDirtyBitmapAdd`."""
    return name.replace("-", "").replace("_", "").lower()


class Descriptions:
    """The first sentences of a manual's commands, events and enum values.

    All are read at once, which takes about 0.2 s; `reference` is None without a manual.
    """

    def __init__(self, reference: Reference | None) -> None:
        self._names: dict[str, str] = {}
        self._enums: list[dict[str, str]] = []
        reference = reference or Reference("")
        for place in reference.places:
            if place.kind in (COMMAND, EVENT):
                self._names.setdefault(place.name, reference.sentence(place))
            elif place.kind == ENUM:
                members = reference.at(place).members
                self._enums.append({item.name: first_sentence(item.blocks) for item in members})

    def of_name(self, name: str) -> str:
        """Return the description of a command or event, or ""."""
        return self._names.get(name, "")

    def of_values(self, values: Iterable[str]) -> Mapping[str, str]:
        """Return the descriptions of an enum's values, by its values: a schema hides its name.

        A server may lack values that the manual has. If several enums fit equally, there are none.
        """
        wanted = set(values)
        fitting = [enum for enum in self._enums if wanted <= enum.keys()]
        least = min(map(len, fitting), default=0)
        best = [enum for enum in fitting if len(enum) == least]
        return best[0] if wanted and best and all(enum == best[0] for enum in best) else {}


_NAMED, _IN_NAME, _IN_SENTENCE, _ANYWHERE, _IN_TYPE = range(5)
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
    ranked = {(place.name, place.kind) for place in ranks}
    for item in _only_named(schema):
        name = item.name.lower()
        if (item.name, item.kind) not in ranked and all(word in name for word in wanted):
            found.append((_NAMED if [name] == wanted else _IN_NAME, -1, item))
    found.sort(key=lambda entry: (entry[0] != _NAMED, _order(entry[2]), *entry[:2]))
    return [entry for _, _, entry in found]


def names_starting_with(
    reference: Reference | None, start: str, schema: Schema | None
) -> list[Found]:
    """Return all names with this prefix, each once: commands before events before types."""
    reference = reference or Reference("")
    places = [place for place in reference.places if place.name.startswith(start)]
    found = [Found(place.name, place.kind, reference.sentence(place)) for place in places]
    found += [item for item in _only_named(schema) if item.name.startswith(start)]
    known: dict[str, Found] = {}
    for item in sorted(found, key=_order):
        known.setdefault(item.name, item)
    return list(known.values())


def _order(found: Found) -> int:
    return _ORDER.get(found.kind, len(_ORDER))


def _only_named(schema: Schema | None) -> list[Found]:
    """Return the commands and events of a schema."""
    if schema is None:
        return []
    kinds = ((COMMAND, schema.commands()), (EVENT, schema.events()))
    return [Found(name, kind, "") for kind, names in kinds for name in names]


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
