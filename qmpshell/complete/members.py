"""Candidates for the members of an object and for their values, and how they are written."""

from __future__ import annotations

from ..language import BLANKS, KEY, QUOTED, VALUE, no_members, tokenize
from ..language.values import DOTTED
from ..qmp import DEVICE_ADD, is_ambiguous, linked_kind, natural_key, references as kinds
from ..render import utf8_string
from .ranking import DIRECTORY, candidate_for, describe_match, with_description
from .sources import LiveName, NameQuery
from .target import EVENT, HELP, KEYVAL, LINE, LITERAL, CompletionTarget
from .types import is_required, missing_below

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ..language import Value
    from ..qmp import Member, Reference
    from .ranking import Candidate
    from .sources import CompletionSources
    from .target import PartialCommand


_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


def spell_key(target: CompletionTarget, name: str, ending: str) -> str:
    """Return a member's name as typed text.

    `ending` is `=`, `.` if the key continues, or the only value.
    """
    if target.writing == LITERAL:
        quoted = quote(name, target.quote)
        return (
            quoted[:-1] if target.closed else quoted if target.next_char == ":" else f"{quoted}: "
        )
    text = name
    if target.writing != KEYVAL and (target.quote or not is_plain_part(name)):
        text = utf8_string(name)
    is_there = target.next_char == ending[:1] or (ending == "=" and target.next_char == ":")
    return text if ending and is_there else text + ending


def is_plain_part(name: str) -> bool:
    """Return True if a part of a key needs no quotes."""
    if _PLAIN.issuperset(name):
        return bool(name)
    tokens = tokenize(f"x {name}=")
    if "." in name and not name.startswith("__"):
        return False
    return [token.kind for token in tokens[1:2]] == [KEY] and tokens[1].text == name


def spell_value(
    target: CompletionTarget, text: str, *, is_string: bool, is_loose: bool = False
) -> str:
    """Return a value as typed text.

    `is_string` is false for values without quotes in JSON. `is_loose` is true if the text without
    quotes could be mistaken for another type.
    """
    if target.writing == KEYVAL:
        return text.replace(",", ",,")
    if target.writing == LITERAL:
        if not is_string:
            return text
        quoted = quote(text, target.quote)
        return quoted[:-1] if target.closed else quoted
    if not target.quote and not (is_loose and is_string and is_ambiguous(text)) and _is_plain(text):
        return text
    quoted = quote_word(text, target.quote)
    return quoted[:-1] if target.closed else quoted


def _is_plain(text: str) -> bool:
    """Return True if a value is one word that means the same without quotes."""
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
    """Return a text in the command line's quotes, with JSON's escapes in double ones only."""
    if mark == "'" and "'" not in text and text.isprintable():
        return f"'{text}'"
    return utf8_string(text)


def quote(text: str, mark: str) -> str:
    """Return a string for a literal."""
    if mark != "'":
        return utf8_string(text)
    inner = utf8_string(text)[1:-1].replace('\\"', '"').replace("'", "\\'")
    return f"'{inner}'"


def spell_word(text: str, mark: str = "") -> str:
    """Return a single word, such as a file name, quoted if necessary."""
    tokens = tokenize(f"x {text} ")
    plain = len(tokens) == 2 and tokens[1].text == text and tokens[1].kind not in (QUOTED,)
    blanks = any(char in BLANKS for char in text)
    if not mark and not blanks and (plain or "=" in text) and text[:1] not in "\"'":
        return text
    return quote_word(text, mark)


# Order: the discriminator, required members, members that contain required ones, optional members, and
# members that only the server has.
_TAG, _REQUIRED, _DEEPER, _OPTIONAL, _OPEN = range(5)
# The value of an object without members, after its key.
_EMPTY = "={}"
# The description of a key that continues after a dot.
_INSIDE = "{…}"


class _Candidates:
    """The candidates for a target in a command."""

    def __init__(self, target: CompletionTarget, sources: CompletionSources) -> None:
        assert target.call is not None
        self._target = target
        self._sources = sources
        self._call = target.call
        self._types = sources.types_of(target.call.name)
        self._type = self._types.at(self._types.of_call(target.call), target.call.root, target.path)


def key_candidates(target: CompletionTarget, sources: CompletionSources) -> Iterator[Candidate]:
    """Yield the members that can be named in the object or array of the target."""
    if target.call is not None and (not target.call.is_whole or target.writing == LITERAL):
        yield from _KeyCandidates(target, sources).all()


def raw_key_candidates(target: CompletionTarget, sources: CompletionSources) -> Iterator[Candidate]:
    """Yield names that contain dots, for a key that is typed without quotes."""
    whole = CompletionTarget(
        target.kind, target.raw, target.raw_start, call=target.call, writing=target.writing
    )
    whole.subject = target.subject
    whole.next_char = target.next_char
    for candidate in key_candidates(whole, sources):
        if "." in candidate.name and "." in candidate.text.strip('.="'):
            yield candidate


class _KeyCandidates(_Candidates):
    def __init__(self, target: CompletionTarget, sources: CompletionSources) -> None:
        super().__init__(target, sources)
        self._given = self._call.root.at(target.path) or no_members()

    def all(self) -> Iterator[Candidate]:
        if not self._given.is_scalar:
            yield from self._below(self._type)
        # Members that are not in a schema.
        name_query = open_members(self._call, self._target.path)
        for live_name in self._sources.find_live(name_query) if name_query is not None else ():
            if (
                live_name.name not in self._given.members
                or live_name.name == self._target.name_at_cursor
            ):
                text = spell_key(self._target, live_name.name, "=")
                yield self._as_help(
                    candidate_for(live_name.name, text, live_name.meta, order=_OPEN)
                )

    def _below(self, type_name: str) -> Iterator[Candidate]:
        compound = self._types.schema.compound(type_name)
        if self._types.schema.kind(compound) == "array":
            yield from self._indices(self._types.schema.element_type(compound) or "")
            return
        tags = self._types.tags(compound, self._given)
        members = self._types.members(compound, self._given)
        unchosen = (
            self._types.of_any_branch(compound).get(name)  # of a branch that is not chosen yet
            for name in self._given.members
            if name not in members
        )
        for member in (*members.values(), *filter(None, unchosen)):
            if member.name in tags:
                order = _TAG
            else:
                order = _REQUIRED if self._is_required(member) else _OPTIONAL
            yield from self._member(member, order)

    def _is_required(self, member: Member) -> bool:
        return self._call.sort != EVENT and is_required(member, self._call, self._target.path)

    def _member(self, member: Member, order: int) -> Iterator[Candidate]:
        name = member.name
        there = self._given.members.get(name)
        is_partial = there is not None and there.form == DOTTED
        # The name at the cursor can be replaced as a whole.
        is_own = name == self._target.name_at_cursor
        if there is not None and not is_partial and not is_own:
            return
        needed = "required" if self._is_required(member) else ""
        endings = list(self._endings([name], member.type, there if is_partial else None))
        if is_partial and is_own:
            endings += self._endings([name], member.type, None)
        for key, ending in endings:
            candidate = self._candidate(key, ending, member.type, needed, member.features)
            candidate.order = _OPTIONAL if is_partial else order
            yield candidate if order == _TAG else self._as_help(candidate)
        if is_partial and there is not None and self._target.writing != LITERAL:
            for key, missing in missing_below(self._types, member.type, there):
                for rest, ending in self._endings([name, *key], missing, None):
                    candidate = self._candidate(rest, ending, missing, "required")
                    candidate.order = _DEEPER
                    yield candidate

    def _as_help(self, candidate: Candidate) -> Candidate:
        """Return the candidate without its `=` if it names an argument for `/help`."""
        if self._target.subject == HELP:
            candidate.text = candidate.text.removesuffix(_EMPTY).removesuffix("=")
        return candidate

    def _indices(self, element: str) -> Iterator[Candidate]:
        if self._target.writing == LITERAL:
            return
        partial = [
            index
            for index, item in self._given.members.items()
            if item.form == DOTTED or index == self._target.name_at_cursor
        ]
        following = _next_index(self._given)
        for index in dict.fromkeys([*partial, following]):
            for key, ending in self._endings([index], element, None):
                if ending == "." or index in (following, self._target.name_at_cursor):
                    yield self._candidate(key, ending, element)

    def _candidate(
        self,
        key: list[str],
        ending: str,
        type_name: str,
        needed: str = "",
        features: Iterable[str] = (),
    ) -> Candidate:
        *parents, last = key
        head = "".join(spell_key(self._target, part, "") + "." for part in parents)
        text = head + spell_key(self._target, last, ending)
        words = _INSIDE if ending == "." else self._types.words(type_name)
        meta = describe_match(words, needed, features=features)
        return candidate_for(".".join(key), text, meta, features=features)

    def _endings(
        self, key: list[str], type_name: str, partial: Value | None
    ) -> Iterator[tuple[list[str], str]]:
        """Yield keys and their endings, the likeliest first. `partial` contains the members already given."""
        if self._target.writing == LITERAL:
            yield key, "="
            return
        schema = self._types.schema
        kind = schema.kind(type_name) or "any"
        names = schema.branches(type_name) if kind == "alternate" else {kind: type_name}
        is_scalar = any(kind not in ("object", "array") for kind in names)
        if is_scalar and partial is None:
            yield key, "="
        if "object" in names:
            has_members = self._types.has_members(names["object"])
            yield key, "." if has_members or self._target.writing == KEYVAL else _EMPTY
        if "array" in names:
            element = schema.element_type(names["array"]) or ""
            for index, child in partial.members.items() if partial is not None else ():
                if child.form == DOTTED:
                    yield [*key, index], "."
            following = [*key, _next_index(partial)]
            if schema.kind(element) in ("object", "array"):
                yield following, "."
                return
            yield from self._endings(following, element, None)
            # A key that ends with a dot becomes that of a whole value when `=` is typed.
            is_whole = partial is None and not is_scalar and "object" not in names
            if is_whole and self._target.writing != KEYVAL:
                yield key, "="


def _next_index(given: Value | None) -> str:
    number = 0
    while given is not None and str(number) in given.members:
        number += 1
    return str(number)


_BOOLEANS = ("true", "false")
# Suggested once the user has started to type them.
_OTHER_BOOLEANS = ("on", "off", "yes", "no", "True", "False")
# Members that name a driver although their type is text.
_FORMAT = ("format",)
# Nobody reads more names than this, and sorting them naturally would delay typing.
_MAX_NATURAL = 1000
_OPENING = {"object": "{", "array": "["}
# Discriminators whose values without members are useless: a driver without creation options creates no
# image. In blockdev-add, null-co needs no members and is valid.
_MEMBERS_NEEDED = {("blockdev-create", ("options", "driver"))}


def value_candidates(target: CompletionTarget, sources: CompletionSources) -> Iterator[Candidate]:
    """Yield the possible values at the target's path."""
    if target.call is not None and target.path:
        yield from _ValueCandidates(target, sources).all()


def file_names(typed: str, sources: CompletionSources) -> Iterator[tuple[str, str]]:
    """Yield the files with this path prefix and their kinds, directories first, with a trailing slash."""
    if sources.files is None or "\0" in typed:
        return
    directory, slash, partial = typed.rpartition("/")
    found = [
        (kind != DIRECTORY, name.lower(), name, kind)
        for name, kind in sources.files(typed)
        if name.startswith(partial) and (partial or not name.startswith("."))
    ]
    if len(found) <= _MAX_NATURAL:
        found.sort(key=lambda item: (item[0], natural_key(item[1]), item[2]))
    else:
        found.sort()
    for _, _, name, kind in found:
        yield f"{directory}{slash}{name}{'/' if kind == DIRECTORY else ''}", kind


def qom_paths(typed: str, sources: CompletionSources) -> Iterator[LiveName]:
    """Yield the QOM paths one level below a typed path, and what is there."""
    parent = typed.rpartition("/")[0]
    for live_name in sources.find_live(NameQuery(kinds.QOM_CHILD, parent or "/")):
        path = f"{parent}/{live_name.name}"
        # The path may continue: another Tab adds / and lists what is below.
        yield LiveName(f"{path}/" if path == typed else path, live_name.meta)


_MIGRATION_URIS = {
    "tcp:": "HOST:PORT",
    "unix:": "PATH",
    "exec:": "COMMAND",
    "fd:": "the name of a descriptor, see getfd",
    "file:": "PATH[,offset=N]",
}


# Kinds of values that a text without quotes could be mistaken for.
_LOOSE = {"int", "number", "null", "boolean"}


class _ValueCandidates(_Candidates):
    def __init__(self, target: CompletionTarget, sources: CompletionSources) -> None:
        super().__init__(target, sources)
        branches = self._types.schema.branches(self._type)
        self._is_loose = not _LOOSE.isdisjoint(branches)
        # A blank, for the next argument. /wait rarely has another one.
        is_last = target.next_char or self._call.is_whole or self._call.sort == EVENT
        self._end = " " if target.writing == LINE and not is_last else ""

    def all(self) -> Iterator[Candidate]:
        schema = self._types.schema
        if not self._type:
            yield from self._of_property()
        if self._types.is_reference(self._type):
            yield from self._live(kinds.NODE)
        kind = schema.kind(self._type)
        is_alternate = kind == "alternate"
        branches = schema.branches(self._type) if is_alternate else {kind or "": self._type}
        for kind_name, item in branches.items():
            yield from self._of_kind(kind_name, item)

    def _candidate(self, text: str, meta: str = "", *, is_string: bool = True) -> Candidate:
        spelled = spell_value(self._target, text, is_string=is_string, is_loose=self._is_loose)
        return candidate_for(text, spelled + self._end, meta)

    def _of_kind(self, kind: str, type_name: str) -> Iterator[Candidate]:
        target = self._target
        if kind == "enum":
            useless = self._useless()
            values = self._types.schema.enum_values(type_name)
            descriptions = self._sources.describe_values(values)
            for value, features in values.items():
                warning = describe_match(features=features)
                meta = with_description(warning, descriptions.get(value, ""))
                candidate = self._candidate(value, meta)
                candidate.order = int(value in useless)
                candidate.is_last |= bool(warning)
                yield candidate
        elif kind == "boolean":
            yield from self._booleans()
        elif kind == "null":
            if not target.quote:
                yield self._candidate("null", is_string=False)
        elif kind in _OPENING:
            if not target.quote and target.writing != KEYVAL:
                yield candidate_for(_OPENING[kind], order=1)
        elif kind in ("str", "any"):
            yield from self._names()

    def _useless(self) -> set[str]:
        """Return the values of a discriminator that are useless here."""
        call, path, types = self._call, self._target.path, self._types
        if (call.name, path) not in _MEMBERS_NEEDED:
            return set()
        union = types.schema.compound(types.at(types.of_call(call), call.root, path[:-1]))
        cases = types.schema.cases(union)
        return {name for name, item in cases.items() if not types.members(item, None)}

    def _booleans(self) -> Iterator[Candidate]:
        target = self._target
        if target.writing == LITERAL and target.quote:
            return
        words: tuple[str, ...] = _BOOLEANS
        if target.writing == KEYVAL:
            words = ("on", "off")
        elif target.writing == LITERAL:
            words = ("True", "False") if target.text[:1] in ("T", "F") else _BOOLEANS
        elif target.text:
            partial = (value for value in _OTHER_BOOLEANS if value.startswith(target.text))
            words = (*_BOOLEANS, *partial)
        for word in words:
            yield self._candidate(word, is_string=False)

    def _names(self) -> Iterator[Candidate]:
        kind, subject = find_kind(self._sources.live_kinds, self._call, self._target.path)
        if kind == kinds.FILE:
            yield from self._files(self._target.text)
        elif kind == kinds.CHAIN_FILE:
            yield from self._live(kind, subject)
            for candidate in self._files(self._target.text):
                candidate.order = 1
                yield candidate
        elif kind == kinds.QOM_PATH:
            for found in qom_paths(self._target.text, self._sources):
                yield self._unfinished(found.name, found.meta)
        elif kind == kinds.MIGRATION_URI:
            yield from self._migration_uris()
        elif kind:
            yield from self._live(kind, subject)
        elif self._target.path[-1:] == _FORMAT:
            yield from self._formats()
        holder, name = qom_property_at(self._call, self._target.path)
        if holder and name:
            yield from self._by_property(NameQuery(kinds.QOM_PROPERTY, holder), name)

    def _formats(self) -> Iterator[Candidate]:
        """Yield the drivers of blockdev-add: a format is one of them, although its type is text."""
        info = self._types.schema.command("blockdev-add")
        if info is not None:
            driver = self._types.members(info.arg_type, None).get("driver")
            if driver is not None and self._types.schema.kind(driver.type) == "enum":
                yield from self._of_kind("enum", driver.type)

    def _of_property(self) -> Iterator[Candidate]:
        """Yield the values of something that only the server has, such as a device's property."""
        *parents, name = self._target.path
        name_query = open_members(self._call, parents)
        yield from self._names()
        if name_query is None:
            return
        yield from self._by_property(name_query, name)
        for live_name in self._sources.find_live(name_query):
            linked = linked_kind(_type_of(live_name)) if live_name.name == name else ""
            if linked:
                yield from self._live(linked)

    def _by_property(self, name_query: NameQuery, name: str) -> Iterator[Candidate]:
        """Yield values by a property's description, which starts with its type."""
        for live_name in self._sources.find_live(name_query):
            if live_name.name != name:
                continue
            if _type_of(live_name) == "bool":
                yield from self._booleans()
            for choice in live_name.choices:
                yield self._candidate(choice, "the default" if choice == live_name.default else "")

    def _live(self, kind: str, subject: str = "") -> Iterator[Candidate]:
        used_names = names_beside(self._sources.live_kinds, self._call, self._target.path)
        for live_name in self._sources.find_live(NameQuery(kind, subject)):
            if live_name.name not in used_names:
                yield self._candidate(live_name.name, live_name.meta)

    def _unfinished(self, text: str, meta: str) -> Candidate:
        """Return a candidate for a path, which continues after a slash at its end."""
        candidate = self._candidate(text, meta)
        candidate.text = candidate.text.removesuffix(" ")
        if text.endswith(("/", ":")) and candidate.text[-1] in "\"'" and not self._target.closed:
            candidate.text = candidate.text[:-1]
        return candidate

    def _migration_uris(self) -> Iterator[Candidate]:
        scheme, colon, path = self._target.text.partition(":")
        if not colon:
            for prefix, meta in _MIGRATION_URIS.items():
                if prefix != "file:" or self._migrates_to_files():
                    yield self._unfinished(prefix, meta)
        elif scheme in ("unix", "file"):
            yield from self._files(path, scheme + colon)

    def _migrates_to_files(self) -> bool:
        """Return True if the server can migrate to a file (QEMU 8.2).

        No schema contains the schemes of a URI. They are those of the other form of address.
        """
        info = self._types.schema.command("migrate")
        path = ("channels", "0", "addr", "transport")
        transport = self._types.at(info.arg_type if info is not None else "", None, path)
        return "file" in self._types.schema.enum_values(transport)

    def _files(self, path: str, prefix: str = "") -> Iterator[Candidate]:
        for name, kind in file_names(path, self._sources):
            text = prefix + name
            yield self._unfinished(text, kind) if kind == DIRECTORY else self._candidate(text, kind)


def _type_of(item: LiveName) -> str:
    """Return a property's type, which is the start of its description."""
    return item.meta.partition(",")[0]


# References to names of the server.
_ANYWHERE = "**"


def find_kind(
    table: dict[tuple[str, str], Reference], call: PartialCommand, path: Sequence[str]
) -> tuple[str, str]:
    """Return the kind of name at a path and its subject, or two empty strings."""
    name, root, path = action_of(call.name, call.root, path)
    found = _entry(table, name, path)
    if found is None:
        return "", ""
    subject = found.subject
    if not subject:
        return found.kind, ""
    return found.kind, _beside(root, path, subject.split("."))


def names_beside(
    table: dict[tuple[str, str], Reference], call: PartialCommand, path: Sequence[str]
) -> frozenset[str]:
    """Return the names beside a value, which are not meant by it."""
    name, root, path = action_of(call.name, call.root, path)
    found = _entry(table, name, path)
    if found is None or root is None:
        return frozenset()
    places: list[Value | None] = []
    depth = len(path) - 1
    if path[-1].isdecimal():
        array = root.at(path[:-1])
        items = array.members.items() if array is not None else ()
        places += [item for index, item in items if index != path[-1]]
        depth -= 1
    other = root.at((*path[:depth], found.other)) if found.other else None
    if other is not None:
        places += [other, *other.members.values()]
    return frozenset(place.text for place in places if place is not None and place.is_scalar)


def _entry(
    table: dict[tuple[str, str], Reference], name: str, path: Sequence[str]
) -> Reference | None:
    pattern = ".".join("*" if part.isdecimal() else part for part in path)
    last = pattern.rpartition(".")[2]
    return table.get((name, pattern)) or table.get((name, f"{_ANYWHERE}.{last}"))


def _beside(root: Value | None, path: Sequence[str], subject: Sequence[str]) -> str:
    """Return the text of a member beside the value, or on the nearest level above."""
    for depth in range(len(path) - 1, -1, -1):
        holder = root.at((*path[:depth], *subject[:-1])) if root is not None else None
        text = holder.text_of(subject[-1]) if holder is not None else None
        if text is not None:
            return text
    return ""


def action_of(
    name: str, root: Value | None, path: Sequence[str]
) -> tuple[str, Value | None, Sequence[str]]:
    """Return the action, its arguments and the path in it for a value in a JSON transaction."""
    if name != "transaction" or len(path) < 3 or path[0] != "actions" or path[2] != "data":
        return name, root, path
    action = root.at(path[:2]) if root is not None else None
    if action is None:
        return name, root, path
    return action.text_of("type") or "", action.members.get("data"), path[3:]


def open_members(call: PartialCommand, path: Sequence[str]) -> NameQuery | None:
    """Return the query for the names of members that are not in a schema, or None."""
    # An incomplete name is not used in a query.
    if call.sort == EVENT or path or call.key_path == ((), "driver"):
        return None
    driver = call.root.text_of("driver") if call.name == DEVICE_ADD else None
    return NameQuery(kinds.DEVICE_PROPERTY, driver) if driver else None


def qom_property_at(call: PartialCommand, path: Sequence[str]) -> tuple[str, str]:
    """Return the QOM path and property whose value is at a path, or two empty strings."""
    if call.sort == EVENT or call.name != "qom-set" or tuple(path) != ("value",):
        return "", ""
    return call.root.text_of("path") or "", call.root.text_of("property") or ""
