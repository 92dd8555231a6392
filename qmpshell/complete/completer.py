"""Entry point of completion: the candidates for the target at the cursor."""

from __future__ import annotations

from ..language import BLANKS, EXIT_COMMANDS, PIPE, parse
from ..qmp import key_names, references as kinds
from ..storage import EVENTS_INLINE, EVENTS_NONE, EVENTS_STDERR, SETTINGS
from . import target as targets
from .members import (
    file_names,
    key_candidates,
    qom_paths,
    quote,
    raw_key_candidates,
    spell_value,
    spell_word,
    value_candidates,
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
from .target import find_target, program_targets

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


def complete(line: str, cursor: int, sources: CompletionSources) -> list[Candidate]:
    """Return the candidates for the text before `cursor` of a logical line, the likeliest first.

    Never fails and never waits. `Candidate.text` comes from the server and is not trusted.
    """
    found: list[Candidate] = []
    for target in find_target(line, cursor).targets:
        fitting = rank_candidates(_candidates(target, sources), target.text, target.start - cursor)
        if target.kind == targets.KEY and not found and not fitting and "." in target.raw:
            candidates = raw_key_candidates(target, sources)
            fitting = rank_candidates(candidates, target.raw, target.raw_start - cursor)
        for candidate in fitting:
            candidate.suffix_length = target.suffix_length
        found += fitting
    return found


def complete_program(line: str, sources: CompletionSources) -> list[Candidate]:
    """Return the candidates after the pipe of a human monitor line, with the cursor at its end."""
    for token in parse(line, human=True).tokens:
        if token.kind == PIPE:
            return [
                candidate
                for target in program_targets(line, len(line), token.end)
                for candidate in rank_candidates(
                    _candidates(target, sources), target.text, target.start - len(line)
                )
            ]
    return []


def _candidates(target: CompletionTarget, sources: CompletionSources) -> Iterable[Candidate]:
    return _KINDS[target.kind](target, sources)


def _names(names: Iterable[str]) -> Iterator[Candidate]:
    """Yield names that are written as they are."""
    for name in names:
        yield candidate_for(name)


def _commands(target: CompletionTarget, sources: CompletionSources) -> Iterator[Candidate]:
    if target.subject == targets.ACTION:
        yield from _actions(target, sources)
        return
    is_literal = target.writing == targets.LITERAL
    is_out_of_band = target.subject == "oob" or (
        target.call is not None and target.call.is_out_of_band
    )
    for name in sources.commands():
        if not is_match(target.text, name):  # so its description, which takes long, is not needed
            continue
        types = sources.types_of(name)
        info = types.schema.command(name)
        if is_out_of_band and info is not None and not info.allow_oob:
            continue
        features = info.features if info is not None else ()
        needs = types.describe_command(name)
        takes = types.takes_arguments(name)
        text = (
            spell_value(target, name, is_string=True) if is_literal else _word(target, name, takes)
        )
        is_disabled = name in sources.disabled
        meta = describe_match(needs, "disabled" if is_disabled else "", features=features)
        meta = with_description(meta, sources.describe(name))
        candidate = candidate_for(name, text, meta, features=features)
        candidate.is_last |= is_disabled
        yield candidate
    if not is_literal and not is_out_of_band:
        if "transaction" in sources.commands():
            meta = "several actions, all or none, up to )"
            yield candidate_for(_TRANSACTION, _word(target, _TRANSACTION, True), meta)
        _, _, meta = sources.shell_commands.get("/quit", ("", "", ""))
        for name in EXIT_COMMANDS:
            if not name.startswith("/"):
                yield candidate_for(name, meta=meta, order=1)
        if "help" not in sources.commands():
            meta = "list shell commands, or show help on a name"
            yield candidate_for("help", _word(target, "help", True), meta, order=1)


def _word(target: CompletionTarget, name: str, takes: bool) -> str:
    return f"{name} " if takes and target.next_char not in (" ", "\t") else name


def _actions(target: CompletionTarget, sources: CompletionSources) -> Iterator[Candidate]:
    types = sources.types
    actions = types.of_action()
    tag = types.schema.tag(actions)
    member = types.members(actions, None).get(tag or "")
    cases = types.schema.cases(actions)
    for name, features in types.schema.enum_values(member.type if member else "").items():
        data = types.schema.members(cases.get(name, "")).get("data")
        needs = types.schema.members(data.type) if data is not None else {}
        meta = describe_match(
            ", ".join(value.name for value in needs.values() if not value.optional),
            features=features,
        )
        yield candidate_for(name, _word(target, name, True), meta, features=features)


def _shell_commands(target: CompletionTarget, sources: CompletionSources) -> Iterator[Candidate]:
    for name, (_, how, what) in sources.shell_commands.items():
        yield candidate_for(name, _word(target, name, how != name), what)


def _option_names(target: CompletionTarget, sources: CompletionSources) -> Iterator[Candidate]:
    from ..language import DASHED_OPTIONS, OPTION_NAMES, option_command

    for name in DASHED_OPTIONS if target.text.startswith("-") else OPTION_NAMES:
        command = option_command(name)[0]
        if command in sources.commands():
            yield candidate_for(name, _word(target, name, True), command)
    for name in sources.commands() if not target.text.startswith("-") else ():
        if name not in OPTION_NAMES:
            yield candidate_for(name, _word(target, name, True), order=1)


def _envelope(target: CompletionTarget, _sources: CompletionSources) -> Iterator[Candidate]:
    for name in targets.ENVELOPE_MEMBERS:
        if name not in target.words or name == target.name_at_cursor:
            quoted = quote(name, target.quote)
            text = quoted[:-1] if target.closed else f"{quoted}: "
            yield candidate_for(name, text, order=targets.ENVELOPE_MEMBERS.index(name))


def _events(_target: CompletionTarget, sources: CompletionSources) -> Iterator[Candidate]:
    schema = sources.schema
    for name in sorted(schema.events()) if schema is not None else ():
        info = schema.event(name) if schema is not None else None
        features = info.features if info is not None else ()
        meta = with_description(describe_match(features=features), sources.describe(name))
        yield candidate_for(name, meta=meta, features=features)


def _event_filters(target: CompletionTarget, sources: CompletionSources) -> Iterator[Candidate]:
    yield from _names((EVENTS_INLINE, EVENTS_STDERR, EVENTS_NONE))
    yield from _events(target, sources)


def _topics(target: CompletionTarget, sources: CompletionSources) -> Iterator[Candidate]:
    for name in sources.commands():
        meta = with_description("command", sources.describe(name))
        yield candidate_for(name, meta=meta)
    for item in _events(target, sources):
        item.meta = describe_match("event", item.meta)
        yield item
    for name, (_, _, what) in sources.shell_commands.items():
        yield candidate_for(name, meta=what, order=1)
    yield candidate_for("keys", meta="the keys of the prompt", order=1)


def _settings(target: CompletionTarget, _sources: CompletionSources) -> Iterator[Candidate]:
    for setting in SETTINGS.values():
        if not setting.file_only:
            text = setting.name if target.next_char == "=" else f"{setting.name}="
            yield candidate_for(setting.name, text, setting.help)


def _setting_values(target: CompletionTarget, sources: CompletionSources) -> Iterator[Candidate]:
    setting = SETTINGS.get(target.subject)
    if setting is None:
        return
    yield from _names(setting.choices)
    if setting.name == "style":
        yield from _names(sources.styles)
    elif setting.name == "events":
        yield from _events(target, sources)
    elif setting.name == "confirm":
        yield from _names(sources.commands())


# The flag of /info that also shows its requests.
_SHOW_REQUESTS = "-v"


def _views(target: CompletionTarget, sources: CompletionSources) -> Iterator[Candidate]:
    """Yield the names of views, or the flags and names for the arguments of one."""
    from ..render.views.info import available, find_view, queries_of  # only for /info

    commands = frozenset(sources.commands())
    words = target.words[target.words[:1] == (_SHOW_REQUESTS,) :]
    if words:
        view = find_view(words[0], commands)
        if view is not None:
            yield from _view_arguments(view, words[1:], target, sources)
        return
    for name, view in available(commands, queries_of(sources.schema) if sources.schema else ()):
        text = f"{name} " if view.usage else name
        yield candidate_for(name, text, view.help)
    if not target.words and target.text:
        meta = "show the requests too"
        yield candidate_for(_SHOW_REQUESTS, f"{_SHOW_REQUESTS} ", meta)


def _live(target: CompletionTarget, found: Iterable[LiveName]) -> Iterator[Candidate]:
    for name in found:
        yield candidate_for(name.name, spell_word(name.name, target.quote), name.meta)


def _view_arguments(
    view: View, words: tuple[str, ...], target: CompletionTarget, sources: CompletionSources
) -> Iterator[Candidate]:
    for flag in view.flags:
        if flag not in words:
            yield candidate_for(flag, f"{flag} ", order=1)
    given = [word for word in words if word not in view.flags]
    kind = view.parameters[0].kind if view.parameters else ""
    if kind in ("", "int") or given:
        return
    yield from _live(
        target,
        qom_paths(target.text, sources)
        if kind == kinds.QOM_PATH
        else sources.find_live(NameQuery(kind)),
    )


def _files(target: CompletionTarget, sources: CompletionSources) -> Iterator[Candidate]:
    for name, kind in file_names(target.text, sources):
        if target.subject == "@":
            # The name is the rest of the word, without quotes.
            if any(char in BLANKS for char in name):
                continue
            text = name
        else:
            text = spell_word(name, target.quote)
            if kind == DIRECTORY and text[-1] in "\"'":
                text = text[:-1]
        order = _ADDRESSES.index(kind) if target.subject == targets.ADDRESS else 0
        yield candidate_for(name, text, kind, order=order)


# What often follows a pipe.
_FILTERS = ("jq", "less", "grep", "head", "tail", "wc", "sort", "tee")


def _programs(_target: CompletionTarget, sources: CompletionSources) -> Iterator[Candidate]:
    for name in sources.programs:
        order = _FILTERS.index(name) if name in _FILTERS else len(_FILTERS)
        yield candidate_for(name, f"{name} ", order=order)


_KINDS: dict[str, Callable[[CompletionTarget, CompletionSources], Iterable[Candidate]]] = {
    targets.KEY: key_candidates,
    targets.VALUE: value_candidates,
    targets.COMMAND: _commands,
    targets.SHELL_COMMAND: _shell_commands,
    targets.EVENT: _events,
    targets.EVENT_FILTER: _event_filters,
    targets.TOPIC: _topics,
    targets.JOB_ID: lambda target, sources: _live(target, sources.find_live(NameQuery(kinds.JOB))),
    targets.KEY_NAME: lambda _target, sources: _names(key_names(sources.schema)),
    targets.FILE: _files,
    targets.PROGRAM: _programs,
    targets.SETTING: _settings,
    targets.SETTING_VALUE: _setting_values,
    targets.OPTION_NAME: _option_names,
    targets.ENVELOPE: _envelope,
    targets.WORD: lambda target, _sources: (
        candidate_for(word.rstrip(), word) for word in target.words
    ),
    targets.INFO: _views,
}
