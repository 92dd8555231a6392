"""Entry point of completion: the candidates for the target at the cursor."""

from __future__ import annotations

from ..language import BLANKS, EXIT_COMMANDS, PIPE, parse
from ..qmp import key_names, references as kinds
from ..storage import EVENTS_INLINE, EVENTS_NONE, EVENTS_STDERR, SETTINGS
from . import target
from .members import (
    file_names,
    key_offers,
    qom_paths,
    quote,
    raw_key_offers,
    spell_value,
    spell_word,
    value_offers,
)
from .ranking import (
    DIRECTORY,
    OTHER,
    REGULAR_FILE,
    SOCKET,
    candidate_for,
    describe_match,
    is_match,
    rank_candidates,
    with_description,
)
from .sources import NameQuery
from .target import find_target, program_slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ..render.views.view import View
    from .ranking import Candidate
    from .sources import CompletionSources, LiveName
    from .target import CompletionTarget


# What a server may listen at, the likeliest first. A directory leads to others; a file is not an
# address.
_ADDRESSES = (SOCKET, DIRECTORY, OTHER, REGULAR_FILE)
_TRANSACTION = "transaction("


def complete(line: str, cursor: int, known: CompletionSources) -> list[Candidate]:
    """Return the candidates for the text before `cursor` of a logical line, the likeliest first.

    Never fails and never waits. `Candidate.text` comes from the server and is not trusted.
    """
    found: list[Candidate] = []
    for slot in find_target(line, cursor).slots:
        fitting = rank_candidates(_offers(slot, known), slot.text, slot.start - cursor)
        if slot.kind == target.KEY and not found and not fitting and "." in slot.raw:
            offers = raw_key_offers(slot, known)
            fitting = rank_candidates(offers, slot.raw, slot.raw_start - cursor)
        for candidate in fitting:
            candidate.after = slot.after
        found += fitting
    return found


def complete_program(line: str, known: CompletionSources) -> list[Candidate]:
    """Return the candidates after the pipe of a human monitor line, with the cursor at its end."""
    for token in parse(line, human=True).tokens:
        if token.kind == PIPE:
            return [
                candidate
                for slot in program_slots(line, len(line), token.end)
                for candidate in rank_candidates(
                    _offers(slot, known), slot.text, slot.start - len(line)
                )
            ]
    return []


def _offers(slot: CompletionTarget, known: CompletionSources) -> Iterable[Candidate]:
    return _KINDS[slot.kind](slot, known)


def _names(names: Iterable[str]) -> Iterator[Candidate]:
    """Yield names that are written as they are."""
    for name in names:
        yield candidate_for(name)


def _commands(slot: CompletionTarget, known: CompletionSources) -> Iterator[Candidate]:
    if slot.subject == target.ACTION:
        yield from _actions(slot, known)
        return
    is_literal = slot.writing == target.LITERAL
    is_out_of_band = slot.subject == "oob" or (slot.call is not None and slot.call.is_out_of_band)
    for name in known.commands():
        if not is_match(slot.text, name):  # so its description, which takes long, is not needed
            continue
        shapes = known.shapes_of(name)
        info = shapes.schema.command(name)
        if is_out_of_band and info is not None and not info.allow_oob:
            continue
        features = info.features if info is not None else ()
        needs = shapes.describe_command(name)
        takes = shapes.takes_arguments(name)
        text = spell_value(slot, name, is_string=True) if is_literal else _word(slot, name, takes)
        is_disabled = name in known.disabled
        meta = describe_match(needs, "disabled" if is_disabled else "", features=features)
        meta = with_description(meta, known.describe(name))
        offer = candidate_for(name, text, meta, features=features)
        offer.is_last |= is_disabled
        yield offer
    if not is_literal and not is_out_of_band:
        if "transaction" in known.commands():
            meta = "several actions, all or none, up to )"
            yield candidate_for(_TRANSACTION, _word(slot, _TRANSACTION, True), meta)
        _, _, meta = known.shell_commands.get("/quit", ("", "", ""))
        for name in EXIT_COMMANDS:
            if not name.startswith("/"):
                yield candidate_for(name, meta=meta, order=1)
        if "help" not in known.commands():
            meta = "list shell commands, or show help on a name"
            yield candidate_for("help", _word(slot, "help", True), meta, order=1)


def _word(slot: CompletionTarget, name: str, takes: bool) -> str:
    return f"{name} " if takes and slot.behind not in (" ", "\t") else name


def _actions(slot: CompletionTarget, known: CompletionSources) -> Iterator[Candidate]:
    shapes = known.shapes
    actions = shapes.of_action()
    tag = shapes.schema.tag(actions)
    member = shapes.members(actions, None).get(tag or "")
    cases = shapes.schema.cases(actions)
    for name, features in shapes.schema.enum_values(member.type if member else "").items():
        data = shapes.schema.members(cases.get(name, "")).get("data")
        needs = shapes.schema.members(data.type) if data is not None else {}
        meta = describe_match(
            ", ".join(value.name for value in needs.values() if not value.optional),
            features=features,
        )
        yield candidate_for(name, _word(slot, name, True), meta, features=features)


def _locals(slot: CompletionTarget, known: CompletionSources) -> Iterator[Candidate]:
    for name, (_, how, what) in known.shell_commands.items():
        yield candidate_for(name, _word(slot, name, how != name), what)


def _option_names(slot: CompletionTarget, known: CompletionSources) -> Iterator[Candidate]:
    from ..language import OPTION_NAMES, option_command

    for name in OPTION_NAMES:
        command = option_command(name)[0]
        if command in known.commands():
            yield candidate_for(name, _word(slot, name, True), command)
    for name in known.commands():
        if name not in OPTION_NAMES:
            yield candidate_for(name, _word(slot, name, True), order=1)


def _envelope(slot: CompletionTarget, _known: CompletionSources) -> Iterator[Candidate]:
    for name in target.ENVELOPE_MEMBERS:
        if name not in slot.words or name == slot.own:
            quoted = quote(name, slot.quote)
            text = quoted[:-1] if slot.closed else f"{quoted}: "
            yield candidate_for(name, text, order=target.ENVELOPE_MEMBERS.index(name))


def _events(_slot: CompletionTarget, known: CompletionSources) -> Iterator[Candidate]:
    schema = known.schema
    for name in sorted(schema.events()) if schema is not None else ():
        info = schema.event(name) if schema is not None else None
        features = info.features if info is not None else ()
        meta = with_description(describe_match(features=features), known.describe(name))
        yield candidate_for(name, meta=meta, features=features)


def _event_filters(slot: CompletionTarget, known: CompletionSources) -> Iterator[Candidate]:
    yield from _names((EVENTS_INLINE, EVENTS_STDERR, EVENTS_NONE))
    yield from _events(slot, known)


def _topics(slot: CompletionTarget, known: CompletionSources) -> Iterator[Candidate]:
    for name in known.commands():
        meta = with_description("command", known.describe(name))
        yield candidate_for(name, meta=meta)
    for item in _events(slot, known):
        item.meta = describe_match("event", item.meta)
        yield item
    for name, (_, _, what) in known.shell_commands.items():
        yield candidate_for(name, meta=what, order=1)
    yield candidate_for("keys", meta="the keys of the prompt", order=1)


def _settings(slot: CompletionTarget, _known: CompletionSources) -> Iterator[Candidate]:
    for setting in SETTINGS.values():
        if not setting.file_only:
            text = setting.name if slot.behind == "=" else f"{setting.name}="
            yield candidate_for(setting.name, text, setting.help)


def _setting_values(slot: CompletionTarget, known: CompletionSources) -> Iterator[Candidate]:
    setting = SETTINGS.get(slot.subject)
    if setting is None:
        return
    yield from _names(setting.choices)
    if setting.name == "style":
        yield from _names(known.styles)
    elif setting.name == "events":
        yield from _events(slot, known)
    elif setting.name == "confirm":
        yield from _names(known.commands())


# The flag of /info that also shows its requests.
_SHOW_REQUESTS = "-v"


def _views(slot: CompletionTarget, known: CompletionSources) -> Iterator[Candidate]:
    """Yield the names of views, or the flags and names for the arguments of one."""
    from ..render.views.info import available, find_view, queries_of  # only for /info

    commands = frozenset(known.commands())
    words = slot.words[slot.words[:1] == (_SHOW_REQUESTS,) :]
    if words:
        view = find_view(words[0], commands)
        if view is not None:
            yield from _view_arguments(view, words[1:], slot, known)
        return
    for name, view in available(commands, queries_of(known.schema) if known.schema else ()):
        text = f"{name} " if view.usage else name
        yield candidate_for(name, text, view.help)
    if not slot.words and slot.text:
        meta = "show the requests too"
        yield candidate_for(_SHOW_REQUESTS, f"{_SHOW_REQUESTS} ", meta)


def _live(slot: CompletionTarget, found: Iterable[LiveName]) -> Iterator[Candidate]:
    for name in found:
        yield candidate_for(name.name, spell_word(name.name, slot.quote), name.meta)


def _view_arguments(
    view: View, words: tuple[str, ...], slot: CompletionTarget, known: CompletionSources
) -> Iterator[Candidate]:
    for flag in view.flags:
        if flag not in words:
            yield candidate_for(flag, f"{flag} ", order=1)
    given = [word for word in words if word not in view.flags]
    kind = view.parameters[0].kind if view.parameters else ""
    if kind in ("", "int") or given:
        return
    yield from _live(
        slot,
        qom_paths(slot.text, known) if kind == kinds.QOM_PATH else known.find_live(NameQuery(kind)),
    )


def _files(slot: CompletionTarget, known: CompletionSources) -> Iterator[Candidate]:
    for name, kind in file_names(slot.text, known):
        if slot.subject == "@":
            # The name is the rest of the word, without quotes.
            if any(char in BLANKS for char in name):
                continue
            text = name
        else:
            text = spell_word(name, slot.quote)
            if kind == DIRECTORY and text[-1] in "\"'":
                text = text[:-1]
        order = _ADDRESSES.index(kind) if slot.subject == target.ADDRESS else 0
        yield candidate_for(name, text, kind, order=order)


# What often follows a pipe.
_FILTERS = ("jq", "less", "grep", "head", "tail", "wc", "sort", "tee")


def _programs(_slot: CompletionTarget, known: CompletionSources) -> Iterator[Candidate]:
    for name in known.programs:
        order = _FILTERS.index(name) if name in _FILTERS else len(_FILTERS)
        yield candidate_for(name, f"{name} ", order=order)


_KINDS: dict[str, Callable[[CompletionTarget, CompletionSources], Iterable[Candidate]]] = {
    target.KEY: key_offers,
    target.VALUE: value_offers,
    target.COMMAND: _commands,
    target.LOCAL: _locals,
    target.EVENT: _events,
    target.EVENT_FILTER: _event_filters,
    target.TOPIC: _topics,
    target.JOB_ID: lambda slot, known: _live(slot, known.find_live(NameQuery(kinds.JOB))),
    target.KEY_NAME: lambda _slot, known: _names(key_names(known.schema)),
    target.FILE: _files,
    target.PROGRAM: _programs,
    target.SETTING: _settings,
    target.SETTING_VALUE: _setting_values,
    target.OPTION_NAME: _option_names,
    target.ENVELOPE: _envelope,
    target.WORD: lambda slot, _known: (candidate_for(word.rstrip(), word) for word in slot.words),
    target.INFO: _views,
}
