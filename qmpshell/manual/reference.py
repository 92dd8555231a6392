"""A page of QEMU's reference manual: an index of its entries, which are parsed on demand."""

from __future__ import annotations

import re
from functools import cache

from ..render import plain_text_of
from .entries import COMMAND, ENUM, EVENT, KINDS, Entry, first_sentence, parse_title
from .roff import parse_page, spans

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

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
