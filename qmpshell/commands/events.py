"""`/events`: which events are shown.

Owns: the spellings of that choice. Must not know: how events are shown.
"""

from __future__ import annotations

from ..settings import parse_events
from .words import text_of, usage, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..effects import Effect
    from ..language.command import LocalCommand
    from .host import Host


def run(host: Host, call: LocalCommand) -> list[Effect]:
    given = words(call)
    if not given:
        shown = host.settings.events
        return host.tell(f"events: {shown if isinstance(shown, str) else ','.join(shown)}")
    mode = parse_events(",".join(map(text_of, given)))
    if mode is None:
        raise usage(call, "inline, stderr, none, or names with wildcards", given[0])
    host.settings.events = mode
    return []
