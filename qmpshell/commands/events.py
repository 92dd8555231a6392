"""`/events`: which events are shown, and the latest ones again.

Owns: the spellings of that. Must not know: how events are shown.
"""

from __future__ import annotations

from ..settings import MUTED, SHOWN, adjust_events, parse_events
from .words import number, text_of, usage, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..effects import Effect
    from ..language.command import LocalCommand
    from ..language.tokens import Token
    from .host import Host

_LISTED = 20


def run(host: Host, call: LocalCommand) -> list[Effect]:
    given = words(call)
    if not given:
        shown = host.settings.events
        return host.tell(f"events: {shown if isinstance(shown, str) else ','.join(shown)}")
    if given[0].text == "list":
        return _list(host, call, given[1:])
    texts = [one.strip() for one in ",".join(map(text_of, given)).split(",")]
    mode = parse_events(",".join(texts))
    if mode is None:
        raise usage(call, "inline, stderr, none, or names with wildcards", given[0])
    if texts[0][0] in MUTED + SHOWN:
        if not all(text[0] in MUTED + SHOWN for text in texts):
            raise usage(
                call, f"each begins with {MUTED} or {SHOWN}, or the first does not", given[0]
            )
        mode = adjust_events(host.settings.events, texts)
    host.settings.events = mode
    return []


def _list(host: Host, call: LocalCommand, given: list[Token]) -> list[Effect]:
    """The latest events again, be they shown otherwise or not."""
    from fnmatch import fnmatchcase  # few scripts need it

    count, globs = _LISTED, list[str]()
    while given:
        if given[0].text == "-n":
            asked = number(call, given, "events")
            if asked != int(asked):
                raise usage(call, "it is a whole number", given[1])
            count = int(asked)
            given = given[1:]
        else:
            globs += [glob for glob in text_of(given[0]).split(",") if glob]
        given = given[1:]
    found = [
        event
        for event in host.recent_events()
        if not globs or any(fnmatchcase(event.name, glob) for glob in globs)
    ]
    if not found:
        return host.tell("no such events have come" if globs else "no events have come")
    return [effect for event in found[-count:] if count for effect in host.show_event(event)]
