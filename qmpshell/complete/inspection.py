"""What is wrong with one command, in words.

Owns: which mistakes there are in its name, its envelope and its arguments. Must not know: the rest of the
line, where it is shown.
"""

from __future__ import annotations

from ..requests import LEAVING
from . import slot as s
from .arguments import ENVELOPE, EXECUTE
from .checks import missing_below
from .given import DOTTED, OBJECT, OPAQUE, STRING, Given
from .live import QOM_PROPERTY, Live
from .live_kinds import open_names, property_of
from .typecheck import LONG, TypeCheck, choice_misfit, property_misfit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..schema.model import Member
    from .known import Known
    from .live import LiveName
    from .shapes import Shapes
    from .slot import Call, Context

_MOST = 8
_MOST_NAMES = 6
_DEEPEST = 16
_ADDRESS = "addr"
_TOLD = ("deprecated", "unstable")


class Findings:
    """Sentences: `wrong` about what the server refuses, `missing` about what it lacks, `notes` about
    what is deprecated or unstable."""

    __slots__ = ("missing", "notes", "wrong")

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self.missing: list[str] = []
        self.notes: list[str] = []

    def name(self, command: str) -> None:
        """Say of which command they are where that is not the one that is being typed."""
        for texts in (self.wrong, self.missing):
            texts[:] = [one if command in one else f"{command[:LONG]}: {one}" for one in texts]


class Inspection:
    """`is_finished` says that the cursor has left the command, which has all that it will have."""

    def __init__(self, context: Context, known: Known, *, is_finished: bool) -> None:
        self._cursor = context.cursor
        self._call = context.call
        self._known = known
        self._is_finished = is_finished
        self._findings = Findings()

    def run(self) -> Findings:
        call, found = self._call, self._findings
        if call is not None:
            self._is_finished |= call.is_closed
            if call.envelope is not None:
                self._envelope(call.envelope)
            shapes = self._known.shapes_of(call.name) if call.name else None
            found.wrong += call.mistakes
            if shapes is not None:
                _Arguments(call, shapes, self._known, found, cursor=self._cursor).run(
                    is_finished=self._is_finished
                )
        for texts in (found.wrong, found.notes):
            del texts[_MOST:]
        return found

    def _envelope(self, given: Given) -> None:
        """A command in JSON, around its arguments."""
        wrong = self._findings.wrong
        for name in given.members:
            if name not in ENVELOPE:
                guess = self._known.guess(name, ENVELOPE, "envelope")
                meant = f": did you mean {guess}?" if guess else ""
                wrong.append(f"a command in JSON has no {name[:LONG]}{meant}")
        for name in EXECUTE:
            one = given.members.get(name)
            if one is not None and one.form != STRING and not one.holds(self._cursor):
                wrong.append(f"{name} takes text, in quotes")
        arguments = given.members.get("arguments")
        if arguments is not None and arguments.form != OBJECT:
            wrong.append("arguments takes {…}")
        if self._is_finished and not any(name in given.members for name in EXECUTE):
            self._findings.missing.append(f"missing: {EXECUTE[0]}")


class _Arguments:
    def __init__(
        self, call: Call, shapes: Shapes, known: Known, findings: Findings, *, cursor: int
    ) -> None:
        self._cursor = cursor
        self._call = call
        self._shapes = shapes
        self._known = known
        self._types = TypeCheck(shapes, known)
        self._wrong = findings.wrong
        self._missing = findings.missing
        self._notes = findings.notes

    def run(self, *, is_finished: bool) -> None:
        call = self._call
        type_name = self._shapes.of_call(call)
        if not type_name:
            self._wrong[:0] = self._unknown_call()
            return
        if call.name in self._known.disabled:
            self._wrong.append(f"{call.name} is switched off on this agent")
        self._features(call.name, self._features_of_call())
        if call.root.form in (DOTTED, OBJECT):
            self._object(call.root, type_name, ())
        if (call.root.members or is_finished) and call.sort != s.EVENT:
            self._find_missing(type_name)

    # -- the call itself -----------------------------------------------------------------------

    def _unknown_call(self) -> list[str]:
        call = self._call
        name = call.name[:LONG]
        if call.sort == s.EVENT:
            what, names = "event", self._shapes.schema.events()
        elif call.sort == s.ACTION:
            what, names = "action of a transaction", self._actions()
        else:
            what, names = "command", [*self._known.commands()]
        if not names or call.name in names or (call.name in LEAVING and not call.root.members):
            return []
        return [f"the server has no {what} {name}{self._guess(call.name, names, what)}"]

    def _actions(self) -> list[str]:
        info = self._shapes.schema.command("transaction")
        type_name = self._shapes.at(info.arg_type if info else "", None, ("actions", "0"))
        return list(self._shapes.schema.cases(type_name))

    def _features_of_call(self) -> Iterable[str]:
        schema = self._shapes.schema
        info = schema.event(self._call.name) or schema.command(self._call.name)
        return info.features if info is not None else ()

    def _guess(self, word: str, names: Iterable[str], where: str) -> str:
        guess = self._known.guess(word, names, where)
        return f": did you mean {guess}?" if guess else ""

    def _features(self, what: str, features: Iterable[str]) -> None:
        self._notes += [f"{what} is {one}" for one in _TOLD if one in features]

    # -- what is missing -----------------------------------------------------------------------

    def _find_missing(self, type_name: str) -> None:
        names: list[str] = []
        tags: list[str] = []
        for path, _ in missing_below(self._shapes, type_name, self._call.root):
            holder = self._call.root.at(path[:-1])
            kind = self._shapes.compound(self._shapes.at(type_name, self._call.root, path[:-1]))
            is_tag = path[-1] in self._shapes.tags(kind, holder)
            (tags if is_tag else names).append(".".join(path))
        self._missing += [f"missing: {name}, which chooses the other members" for name in tags]
        if names:
            more = ", …" if len(names) > _MOST_NAMES else ""
            self._missing.append(f"missing: {', '.join(names[:_MOST_NAMES])}{more}")

    # -- what is given -------------------------------------------------------------------------

    def _object(self, given: Given, type_name: str, path: tuple[str, ...]) -> None:
        shapes = self._shapes
        members = shapes.members(type_name, given)
        tags = shapes.tags(type_name, given)
        kind, subject = open_names(self._call, path, given)
        live = self._known.peek_live(Live(kind, subject)) if kind else ()
        others = {one.name: one for one in live}
        is_open = shapes.schema.kind(type_name) != "object" or self._is_open(kind, others)
        # While the discriminator is missing or wrong, what it would choose is not known.
        is_open |= any((given.text_of(tag) or "") not in self._values(members, tag) for tag in tags)
        for name, child in given.members.items():
            if len(self._wrong) > _MOST:
                return
            member = members.get(name)
            if member is not None:
                self._features(".".join((*path, name)), member.features)
                self._value(child, member.type, (*path, name))
                self._by_qom(child, (*path, name))
            elif name in others:
                self._property(child, others[name], name, strict=False)
            elif not is_open and not self._is_typed(child):
                where = (
                    f"{self._call.sort}:{self._call.name}:{type_name}:{'.'.join(map(str, tags))}"
                )
                self._wrong.append(self._unknown(name, (*path,), [*members, *others], where))

    def _by_qom(self, given: Given, path: tuple[str, ...]) -> None:
        """What `qom-set` sets has the type of the property."""
        holder, name = property_of(self._call, path)
        # An address on a bus, which may be text, is not told from a number here.
        if holder and name not in ("", _ADDRESS):
            for one in self._known.peek_live(Live(QOM_PROPERTY, holder)):
                if one.name == name:
                    self._property(given, one, ".".join(path), strict=True)

    def _values(self, members: Mapping[str, Member], tag: str) -> Iterable[str]:
        member = members.get(tag)
        return self._shapes.schema.enum_values(member.type) if member is not None else ()

    def _is_open(self, kind: str, others: Mapping[str, LiveName]) -> bool:
        """Whether there may be members that are not known."""
        if self._call.sort == s.EVENT:
            return False
        return self._call.name == "device_add" and not (kind and others)

    def _is_typed(self, given: Given) -> bool:
        """Whether the cursor is in the name of a member."""
        return given.key_start <= self._cursor < given.start

    def _unknown(self, name: str, path: tuple[str, ...], names: list[str], where: str) -> str:
        of = f"{self._call.name} {'.'.join(path)}".rstrip()
        # The names of a type change with its discriminator.
        guess = self._guess(name, names, f"{where}:{len(names)}")
        return f"{of} has no {name[:LONG]}{guess}"

    def _value(self, given: Given, type_name: str, path: tuple[str, ...]) -> None:
        if len(path) > _DEEPEST or given.form == OPAQUE:
            return
        schema = self._shapes.schema
        kind = schema.kind(type_name) or "any"
        key = ".".join(path)
        is_alternate = kind == "alternate"
        if is_alternate:
            if given.form != DOTTED:
                typed = given.holds(self._cursor)
                wrong = self._types.alternate(given, type_name, key, typed=typed)
                if wrong or given.is_scalar:
                    self._say(wrong)
                    return
            by_index = given.form != OBJECT and all(map(str.isdecimal, given.members))
            type_name = self._shapes.compound(type_name, by_index=by_index)
            kind = schema.kind(type_name) or "any"
        if given.is_scalar:
            self._scalar(given, type_name, kind, key)
        elif kind == "object" and given.form in (DOTTED, OBJECT):
            self._object(given, type_name, path)
        elif kind == "array" and given.form != OBJECT:
            element = schema.element_type(type_name) or ""
            for index, child in given.members.items():
                self._value(child, element, (*path, index))
        elif kind == "enum":
            self._say(self._types.enum_of_brackets(given, type_name, key))
        elif kind != "any" and (given.form == DOTTED or not is_alternate):
            self._say(self._types.compound(given, kind, key))

    def _scalar(self, given: Given, type_name: str, kind: str, key: str) -> None:
        typed = given.holds(self._cursor)
        wrong = self._types.scalar(given, type_name, kind, key, typed=typed)
        self._say(wrong)
        if kind == "enum" and not wrong:
            features = self._shapes.schema.enum_values(type_name).get(given.text, ())
            self._features(f"{key}={given.text}", features)

    def _property(self, given: Given, told: LiveName, key: str, *, strict: bool) -> None:
        """The value of a property that no schema has."""
        typed = given.holds(self._cursor)
        if told.choices:
            self._say(choice_misfit(given, told.choices, key, typed=typed))
        else:
            self._say(property_misfit(given, told.meta, key, typed=typed, strict=strict))

    def _say(self, wrong: str) -> None:
        if wrong:
            self._wrong.append(wrong)
