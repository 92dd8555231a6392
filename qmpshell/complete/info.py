"""Completion of the names and arguments of /info."""

from __future__ import annotations

from ..qmp import references as kinds
from ..render.views.info import available, find_view, queries_of
from .members import qom_paths, spell_word
from .ranking import UnrankedCandidate
from .sources import NameQuery

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..render.views.view import View
    from .sources import CompletionSources
    from .target import CompletionTarget


_SHOW_REQUESTS = "-v"


def info_offers(slot: CompletionTarget, known: CompletionSources) -> Iterator[UnrankedCandidate]:
    """Yield the names of views, or the flags and names for the arguments of one."""
    commands = frozenset(known.commands())
    words = slot.words[slot.words[:1] == (_SHOW_REQUESTS,) :]
    if words:
        view = find_view(words[0], commands)
        if view is not None:
            yield from _arguments(view, words[1:], slot, known)
        return
    for name, view in available(commands, queries_of(known.schema) if known.schema else ()):
        text = f"{name} " if view.usage else name
        yield UnrankedCandidate(name, text, slot.start, view.help)
    if not slot.words and slot.text:
        meta = "show the requests too"
        yield UnrankedCandidate(_SHOW_REQUESTS, f"{_SHOW_REQUESTS} ", slot.start, meta)


def _arguments(
    view: View, words: tuple[str, ...], slot: CompletionTarget, known: CompletionSources
) -> Iterator[UnrankedCandidate]:
    for flag in view.flags:
        if flag not in words:
            yield UnrankedCandidate(flag, f"{flag} ", slot.start, order=1)
    given = [word for word in words if word not in view.flags]
    kind = view.parameters[0].kind if view.parameters else ""
    if kind in ("", "int") or given:
        return
    if kind == kinds.QOM_PATH:
        found = qom_paths(slot.text, known)
    else:
        found = ((live.name, live.meta) for live in known.find_live(NameQuery(kind)))
    for name, meta in found:
        yield UnrankedCandidate(name, spell_word(name, slot.quote), slot.start, meta)
