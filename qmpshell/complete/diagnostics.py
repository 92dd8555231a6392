"""Diagnostics while typing: what the server would reject in a command, in words."""

from __future__ import annotations

from fnmatch import fnmatchcase

from ..language import (
    DID_YOU_MEAN,
    EXIT_COMMANDS,
    RawItem,
    ShellCommand,
    ShellCommandItem,
    feature_notes,
    find_error,
    parse,
    shell_command_name,
    shown_value,
    without_typographic_quotes,
    wrong_value,
)
from ..language.values import ARRAY, BARE_WORD, DOTTED, JSON, OBJECT, OPAQUE, STRING, TEXT
from ..qmp import (
    DEVICE_ADD,
    LITERAL,
    json_number,
    parse_integers,
    parse_scalar,
    property_kind,
    references as kinds,
)
from .members import open_members, qom_property_at
from .sources import CompletionSources, NameQuery
from .target import (
    ACTION,
    ENVELOPE_MEMBERS,
    EVENT,
    EXECUTE,
    find_tree,
    finished_context,
    items_of,
    with_command,
)
from .types import is_required, missing_below

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ..errors import LineError
    from ..language import Part, Tree, Value
    from ..qmp import Member, Schema
    from .sources import LiveName
    from .target import Context


LONG = 40
_NUMBERS = ("int", "number", "boolean", "null")
_JSON_WORDS = {
    "int": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}
_IN_WORDS = {**_JSON_WORDS, "str": "text", "object": "members", "array": "a list"}
_BRACKETS = {OBJECT: "object", ARRAY: "array"}
_KIND_OF_WORD = {
    word: "null" if value is None else "boolean" for word, value in LITERAL.words.items()
}
# QEMU parses a JSON number outside this range as a double, which is not an integer.
_SMALLEST, _LARGEST = -(1 << 63), (1 << 64) - 1
# Up to this many values of an enum are listed; of more, only the number is given.
_FEW = 10
_LIST_HINT = ": Tab shows the list"
# QEMU 7.2 parses device properties from text and accepts these words too.
_OTHER_BOOLEANS = ("y", "n")
_MAX_CANDIDATES = 8
_MAX_NAMES = 6
_MAX_DEPTH = 16
_ADDRESS = "addr"
# Device properties that resemble `driver` but are not a typo of it.
_DRIVER_LIKE = ("drive",)


def _is_float(text: str, kind: str) -> bool:
    """Return True if a C library parses a number that is not valid JSON, such as .5."""
    if kind != "number":
        return False
    try:
        float(text)
    except ValueError:
        return False
    return True


def _shown(given: Value) -> str:
    if given.form in _BRACKETS:
        return {OBJECT: "{…}", ARRAY: "[…]"}[given.form]
    return given.text[:LONG] if given.form == JSON else shown_value(given.text)


def _reads_as(given: Value, kind: str) -> bool:
    """Return True if a scalar is of a kind other than `str` and enum."""
    if given.form == STRING:
        return False
    if given.form == JSON:
        found = _json_kind(given.text)
        return found == kind or (found, kind) == ("int", "number")
    return parse_scalar(given.text, kind)[1]


def _json_kind(text: str) -> str:
    """Return the kind of a JSON or Python word, or "" for another word."""
    number = json_number(text)
    if number is None:
        return _KIND_OF_WORD.get(text, "")
    return "int" if isinstance(number, int) and _SMALLEST <= number <= _LARGEST else "number"


def _may_become(given: Value, kind: str) -> bool:
    """Return True if a text that is being typed may become a value of a kind."""
    text = given.text
    if kind in ("boolean", "null"):
        words = [word for word, meaning in _KIND_OF_WORD.items() if meaning == kind]
        if kind == "boolean" and given.form != JSON:
            words += ("on", "off", "yes", "no")
        return any(word.startswith(text) for word in words)
    if given.form == JSON:
        return all(char in ("-0123456789" if kind == "int" else "+-.0123456789eE") for char in text)
    return all(char in "+-.0123456789xXabcdefABCDEFkKMmGgTtPpEe" for char in text)


class Diagnostics:
    """Diagnostics of the command in a context.

    `wrong` is what the server rejects, `missing` what it requires, `notes` what is deprecated or
    unstable. `is_finished` is true if the cursor has left the command, so that nothing can be added
    to it.
    """

    def __init__(self, context: Context, sources: CompletionSources, *, is_finished: bool) -> None:
        self.wrong: list[str] = []
        self.missing: list[str] = []
        self.notes: list[str] = []
        self._cursor = context.cursor
        self._sources = sources
        self._name = context.call.name if context.call is not None else ""
        if context.call is None:
            return
        self._call = call = context.call
        self._types = sources.types_of(call.name)
        is_finished |= call.is_closed
        if call.envelope is not None:
            self._check_envelope(call.envelope, is_finished=is_finished)
        self._check_quotes(call.root, ())
        if call.name and self._types.schema.commands():
            self._check_call(is_finished=is_finished)
        for texts in (self.wrong, self.notes):
            del texts[_MAX_CANDIDATES:]

    def name_command(self) -> None:
        """Name the command in each sentence, because it is not the one at the cursor."""
        name = self._name
        for texts in (self.wrong, self.missing) if name else ():
            texts[:] = [text if name in text else f"{name[:LONG]}: {text}" for text in texts]

    def _check_envelope(self, given: Value, *, is_finished: bool) -> None:
        """Check a command in JSON without its arguments."""
        for name in given.members:
            if name not in ENVELOPE_MEMBERS:
                guess = self._sources.guess(name, ENVELOPE_MEMBERS, "envelope")
                self.wrong.append(f"a command in JSON has no member '{name[:LONG]}'{guess}")
        for name in EXECUTE:
            one = given.members.get(name)
            if one is not None and one.form != STRING and not one.holds(self._cursor):
                self.wrong.append(f"{name} must be text, in quotes")
        arguments = given.members.get("arguments")
        if arguments is not None and arguments.form != OBJECT:
            self.wrong.append("arguments takes {…}")
        if is_finished and not any(name in given.members for name in EXECUTE):
            self.missing.append(f"missing: {EXECUTE[0]}")

    def _check_quotes(self, given: Value, path: tuple[str, ...]) -> None:
        """Report values in typographic quotes, which QEMU takes as part of the value."""
        if given.form in (BARE_WORD, TEXT, STRING):
            inner = without_typographic_quotes(given.text)
            if inner is not None:
                right = f'{DID_YOU_MEAN}"{inner[:LONG]}"?'
                self.wrong.append(f"{'.'.join(path)} has typographic quotes: {right}")
        for name, child in given.members.items() if len(path) < _MAX_DEPTH else ():
            self._check_quotes(child, (*path, name))

    def _check_call(self, *, is_finished: bool) -> None:
        call = self._call
        type_name = self._types.of_call(call)
        if not type_name:
            self.wrong[:0] = self._unknown_call()
            return
        if call.name in self._sources.disabled:
            self.wrong.append(f"{call.name} is disabled on this agent")
        info = self._types.schema.event(call.name) or self._types.schema.command(call.name)
        self.notes += feature_notes(call.name, info.features if info is not None else ())
        if call.root.form in (DOTTED, OBJECT):
            self._object(call.root, type_name, ())
        if (call.root.members or is_finished) and call.sort != EVENT:
            self._find_missing(type_name)

    def _unknown_call(self) -> list[str]:
        call = self._call
        name = call.name[:LONG]
        if call.sort == EVENT:
            names = self._types.schema.events()
            return _unknown_events(call.name, names, self._sources)
        if call.sort == ACTION:
            actions = self._types.schema.cases(self._types.of_action())
            what, names = "action of a transaction", list(actions)
        else:
            what, names = "command", [*self._sources.commands(), *self._sources.shell_commands]
        if (
            not self._sources.commands()
            or call.name in names
            or (call.name in EXIT_COMMANDS and not call.root.members)
        ):
            return []
        return [f"the server has no {what} '{name}'{self._sources.guess(call.name, names, what)}"]

    def _find_missing(self, type_name: str) -> None:
        names: list[str] = []
        tags: list[str] = []
        paths = [path for path, _ in missing_below(self._types, type_name, self._call.root)]
        paths += [
            [member.name]
            for member in self._types.members(type_name, self._call.root).values()
            if member.optional and is_required(member, self._call, ())
            if member.name not in self._call.root.members
        ]
        for path in paths:
            holder = self._call.root.at(path[:-1])
            above = self._types.at(type_name, self._call.root, path[:-1])
            kind = self._types.schema.compound(above)
            is_tag = path[-1] in self._types.tags(kind, holder)
            (tags if is_tag else names).append(".".join(path))
        self.missing += [f"missing: {name}, which selects the other members" for name in tags]
        if names:
            more = ", …" if len(names) > _MAX_NAMES else ""
            self.missing.append(f"missing: {', '.join(names[:_MAX_NAMES])}{more}")

    def _object(self, given: Value, type_name: str, path: tuple[str, ...]) -> None:
        types = self._types
        members = types.members(type_name, given)
        tags = types.tags(type_name, given)
        name_query = open_members(self._call, path)
        live = self._sources.peek_live(name_query) if name_query is not None else ()
        others = {live_name.name: live_name for live_name in live}
        # There may be unknown members.
        is_device = self._call.sort != EVENT and self._call.name == DEVICE_ADD
        is_open = types.schema.kind(type_name) != "object" or (is_device and not others)
        # If the discriminator is missing or wrong, the members that it selects are unknown.
        branches: Mapping[str, Member] = {}
        if any((given.text_of(tag) or "") not in self._values(members, tag) for tag in tags):
            is_open, branches = True, types.of_any_branch(type_name)
        for name, child in given.members.items():
            if len(self.wrong) > _MAX_CANDIDATES:
                return
            member = members.get(name)
            if member is not None:
                self.notes += feature_notes(".".join((*path, name)), member.features)
                self._value(child, member.type, (*path, name))
                self._by_qom(child, (*path, name))
            elif name in others:
                self._property(child, others[name], name, strict=False)
            elif name not in branches and not self._is_typed(child):
                where = (
                    f"{self._call.sort}:{self._call.name}:{type_name}:{'.'.join(map(str, tags))}"
                )
                wrong = self._unknown(name, (*path,), [*members, *others], where)
                # If more members may exist, only what resembles a known one is wrong.
                if not is_open or (DID_YOU_MEAN in wrong and name not in _DRIVER_LIKE):
                    self.wrong.append(wrong)

    def _by_qom(self, given: Value, path: tuple[str, ...]) -> None:
        """Check the value of `qom-set` by the type of the property."""
        holder, name = qom_property_at(self._call, path)
        # A bus address, which may be text, cannot be distinguished from a number here.
        if holder and name not in ("", _ADDRESS):
            for live_name in self._sources.peek_live(NameQuery(kinds.QOM_PROPERTY, holder)):
                if live_name.name == name:
                    self._property(given, live_name, ".".join(path), strict=True)

    def _values(self, members: Mapping[str, Member], tag: str) -> Iterable[str]:
        member = members.get(tag)
        return self._types.schema.enum_values(member.type) if member is not None else ()

    def _is_typed(self, given: Value) -> bool:
        """Return True if the cursor is in the name of a member."""
        return given.key_start <= self._cursor < given.start

    def _unknown(self, name: str, path: tuple[str, ...], names: list[str], where: str) -> str:
        of = f"{self._call.name} {'.'.join(path)}".rstrip()
        # The names of a type depend on its discriminator.
        guess = self._sources.guess(name, names, f"{where}:{len(names)}")
        kind = "member" if path or self._call.sort == EVENT else "argument"
        return f"{of} has no {kind} '{name[:LONG]}'{guess}"

    def _value(self, given: Value, type_name: str, path: tuple[str, ...]) -> None:
        if len(path) > _MAX_DEPTH or given.form == OPAQUE:
            return
        schema = self._types.schema
        kind = schema.kind(type_name) or "any"
        key = ".".join(path)
        is_alternate = kind == "alternate"
        if is_alternate:
            if given.form != DOTTED and self._ends_alternate(given, type_name, key):
                return
            by_index = given.form != OBJECT and all(map(str.isdecimal, given.members))
            type_name = self._types.schema.compound(type_name, by_index=by_index)
            kind = schema.kind(type_name) or "any"
        is_text = kind == "str" and given.text != ""  # brackets after `=`
        if given.is_scalar:
            self._scalar(given, type_name, kind, key)
        elif kind == "object" and given.form in (DOTTED, OBJECT):
            self._object(given, type_name, path)
        elif kind == "array" and given.form != OBJECT:
            element = schema.element_type(type_name) or ""
            for index, child in given.members.items():
                self._value(child, element, (*path, index))
        elif kind == "enum":
            shown = shown_value(given.text) if given.text else _shown(given)
            self.wrong.append(self._not_of_enum(type_name, given.text, shown, key))
        elif kind != "any" and (given.form == DOTTED or not is_alternate) and not is_text:
            self.wrong.append(f"{key} takes {_IN_WORDS.get(kind, kind)}")

    def _ends_alternate(self, given: Value, type_name: str, key: str) -> bool:
        """Check the kind of an alternate's value. Return True if nothing more can be checked."""
        if self._fits_alternate(given, type_name):
            return given.is_scalar
        words = self._types.all_words(type_name, _FEW)
        self.wrong.append(f"{key} takes {words}, not {_shown(given)}")
        return True

    def _fits_alternate(self, given: Value, type_name: str) -> bool:
        """Return True if an alternate may accept a scalar or brackets."""
        schema = self._types.schema
        branches = schema.branches(type_name)
        form, text = given.form, given.text
        has_text = "str" in branches
        if form in _BRACKETS:
            return _BRACKETS[form] in branches or (has_text and text != "")
        if (
            given.holds(self._cursor)
            or (has_text and form in (BARE_WORD, TEXT, STRING))
            or (form == BARE_WORD and not text)
        ):
            return True
        if "enum" in branches and form != JSON and text in schema.enum_values(branches["enum"]):
            return True
        return any(kind in _NUMBERS and _reads_as(given, kind) for kind in branches)

    def _scalar(self, given: Value, type_name: str, kind: str, key: str) -> None:
        if kind == "enum":
            self._enum(given, type_name, key)
        elif kind in _NUMBERS:
            self._number(given, kind, key)
        elif given.holds(self._cursor):
            return
        elif kind == "str" and given.form == JSON:
            self.wrong.append(f"{key} must be text, in quotes")
        elif kind in ("object", "array") and given.form in (STRING, JSON):
            self.wrong.append(f"{key} takes {'{…}' if kind == 'object' else '[…]'}")
        elif kind in ("object", "array") and not self._is_range(given, type_name):
            self.wrong.append(wrong_value(key, kind, given.text))

    def _is_range(self, given: Value, type_name: str) -> bool:
        """Return True for the integers of an array, written as N or N-M."""
        schema = self._types.schema
        element = schema.kind(schema.element_type(type_name) or "")
        return element == "int" and bool(parse_integers(given.text))

    def _enum(self, given: Value, type_name: str, key: str) -> None:
        values = self._types.schema.enum_values(type_name)
        typed = given.holds(self._cursor)
        if given.text in values:
            if given.form == JSON and not typed:
                self.wrong.append(f"{key} must be text, in quotes")
            else:
                self.notes += feature_notes(f"{key}={given.text}", values[given.text])
        elif not (typed and any(value.startswith(given.text) for value in values)):
            shown = shown_value(given.text)
            self.wrong.append(self._not_of_enum(type_name, given.text, shown, key))

    def _not_of_enum(self, type_name: str, text: str, shown: str, key: str) -> str:
        """Return the sentence about `text`, which is not a value of an enum."""
        values = self._types.schema.enum_values(type_name)
        guess = self._sources.guess(text, values, type_name)
        hint = guess or (_LIST_HINT if len(values) > _FEW else "")
        return f"{key} takes {self._types.all_words(type_name, _FEW)}, not {shown}{hint}"

    def _number(self, given: Value, kind: str, key: str) -> None:
        """Check the value of a number, a boolean or null."""
        typed = given.holds(self._cursor)
        if _reads_as(given, kind):
            return
        if given.form == STRING:
            self.wrong.append(f"{key} takes {_JSON_WORDS[kind]}, without quotes")
        elif typed and _may_become(given, kind):
            return
        elif given.form == JSON:
            self.wrong.append(f"{key} takes {_JSON_WORDS[kind]}, not {given.text[:LONG]}")
        else:
            self.wrong.append(wrong_value(key, kind, given.text))

    def _property(self, given: Value, listed: LiveName, key: str, *, strict: bool) -> None:
        """Check the value of a QOM property, which is not in the schema.

        Its description starts with its type. `strict` is true if the server rejects text in place
        of a number in JSON.
        """
        type_name, *words = listed.meta.split(", ")
        kind = property_kind(type_name, descriptions=words)
        if listed.choices:
            self._choice(given, listed.choices, key)
        elif kind in _NUMBERS and given.form == JSON:
            is_clear = strict or _KIND_OF_WORD.get(given.text, "int") != kind
            if is_clear and kind != "number":
                self._number(given, kind, key)
        elif kind in _NUMBERS and given.form in (BARE_WORD, TEXT, STRING):
            is_loose = (kind == "boolean" and given.text in _OTHER_BOOLEANS) or (
                _is_float(given.text, kind)
                or (given.form == STRING and parse_scalar(given.text, kind)[1])
            )
            if strict or not is_loose:
                self._number(given, kind, key)

    def _choice(self, given: Value, choices: Sequence[str], key: str) -> None:
        """Check the value of a property that accepts one of a few words."""
        begins = given.holds(self._cursor) and any(word.startswith(given.text) for word in choices)
        if given.form in (BARE_WORD, TEXT, STRING) and given.text not in choices and not begins:
            self.wrong.append(f"{key} takes {'|'.join(choices)}, not {shown_value(given.text)}")


def _unknown_events(text: str, names: Sequence[str], sources: CompletionSources) -> list[str]:
    """Return what is wrong with names and globs of events, separated by commas."""
    found: list[str] = []
    if len(text) > 1 and text[0] in "\"'" and text[-1] == text[0]:
        text = text[1:-1]
    for name in text.split(",") if names else ():
        if name and name not in names and not any(fnmatchcase(other, name) for other in names):
            guess = sources.guess(name, names, "event")
            found.append(f"the server has no event '{name[:LONG]}'{guess}")
    return found


def find_event_mistake(schema: Schema, names: str, member: str) -> str:
    """Return what is wrong with waiting for events of these names, or "".

    The names may be globs. With a `member`, KEY=VALUE, return the reason why none of the events
    can have it.
    """
    sources = CompletionSources(schema=schema)
    if not member:
        return next(iter(_unknown_events(names, schema.events(), sources)), "")
    found = [
        list(_find_all_wrong(f"/wait {event} {member}", sources))
        for event in schema.events()
        if any(fnmatchcase(event, name) for name in names.split(","))
    ]
    return found[0][0].removesuffix(_LIST_HINT) if found and all(found) else ""


def _find_all_wrong(line: str, sources: CompletionSources) -> Iterator[str]:
    """Yield what the server would reject in the items of a complete line."""
    tree = find_tree(line, len(line))
    for part in items_of(tree) if tree is not None else ():
        yield from Diagnostics(finished_context(line, part), sources, is_finished=True).wrong


# Placeholders for text that is not typed yet: more of a word, or another argument or word.
_MORE, _ANY_ARGUMENT, _ANY_WORD = "1", "1=1", " 1"


def find_warnings(context: Context, sources: CompletionSources) -> list[str]:
    """Return the diagnostics of a line, the most severe first: errors, missing members, deprecations.

    `context` is that of the item at the cursor.
    """
    tree, cursor = context.tree, context.cursor
    if tree is None:
        return []
    mistakes = [find_mistake(tree, cursor, sources)]
    typed: list[Diagnostics] = []
    others: list[Diagnostics] = []
    for part in items_of(tree):
        holds_cursor = _holds(part, cursor)
        item = with_command(context) if holds_cursor else finished_context(tree.line, part)
        findings = Diagnostics(item, sources, is_finished=not holds_cursor)
        if not holds_cursor:
            findings.name_command()
        mistakes.append(find_mistake(tree, cursor, sources, part))
        if mistakes[-1] is not None:
            findings.wrong.clear()
        (typed if holds_cursor else others).append(findings)
    # The user may still add what the item at the cursor lacks.
    texts = [
        *(error.sentence for error in mistakes if error is not None),
        *(text for item in typed + others for text in item.wrong),
        *(text for item in others + typed for text in item.missing),
        *(text for item in typed + others for text in item.notes),
    ]
    return list(dict.fromkeys(texts))


def find_mistyped_names(message: str, sources: CompletionSources) -> list[str]:
    """Return the diagnostics of a command in JSON that suggest other names."""
    return [text for text in _find_all_wrong(message, sources) if DID_YOU_MEAN in text]


def accepts_empty_object(message: str, path: Sequence[str], sources: CompletionSources) -> bool:
    """Return True if a command in JSON accepts an object without members at a path."""
    parts = items_of(parse(message))
    call = finished_context(message, parts[0]).call if parts else None
    if call is None:
        return False
    types = sources.types_of(call.name)
    type_name = types.at(types.of_call(call), call.root, path)
    members = types.members(type_name, None).values()
    return types.schema.kind(type_name) == "object" and all(member.optional for member in members)


def find_rejections(line: str, sources: CompletionSources) -> list[tuple[int, str]]:
    """Return what the server would reject in a complete line, each with the offset of its item."""
    found: list[tuple[int, str]] = []
    for part in items_of(parse(line)):
        findings = Diagnostics(finished_context(line, part), sources, is_finished=True)
        findings.name_command()
        texts = dict.fromkeys((*findings.wrong, *findings.missing))
        found += [(part.tokens[0].start, text.removesuffix(_LIST_HINT)) for text in texts]
    return found


def find_mistake(
    tree: Tree, cursor: int, sources: CompletionSources, part: Part | None = None
) -> LineError | None:
    """Return the error that Enter would report in an item, or in the line outside of its items.

    None if typing on at the cursor may correct it.
    """
    error = _first_error(tree, part, sources)
    if error is None or (part is not None and not _holds(part, cursor)):
        return error
    is_open = part is not None and isinstance(part.item, RawItem) and not part.item.token.closed
    if error.start <= cursor <= error.end or (is_open and error.start <= cursor):
        return None
    if part is not None and _is_at_name(part, cursor):
        return error
    place, word = cursor, _MORE if tree.line[cursor - 1 : cursor].strip() else _ANY_ARGUMENT
    if part is not None and isinstance(part.item, ShellCommandItem):
        place, word = part.end, _ANY_WORD
    longer = find_tree(f"{tree.line[:place]}{word}{tree.line[place:]}", place + len(word))
    if longer is None:
        return None
    start = error.start + (len(word) if error.start >= place else 0)
    found = [_first_error(longer, other, sources) for other in (None, *items_of(longer))]
    return error if start in [other.start for other in found if other is not None] else None


def _is_at_name(part: Part, cursor: int) -> bool:
    """Return True if the cursor is in the name of the item, or before its JSON object."""
    first = part.tokens[0]
    return cursor <= (first.start if isinstance(part.item, RawItem) else first.end)


def _holds(part: Part, cursor: int) -> bool:
    return part.tokens[0].start <= cursor <= part.end


def _first_error(tree: Tree, part: Part | None, sources: CompletionSources) -> LineError | None:
    if part is None:
        return next(iter(tree.errors), None)
    item, find = part.item, sources.find_shell_mistake
    if not isinstance(item, ShellCommandItem) or find is None:
        return find_error(part, sources.schema)
    command = shell_command_name(item.name.text)
    return find(ShellCommand(command, item.tokens, line=part.line, start=item.name.start))
