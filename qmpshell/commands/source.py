"""`/source`: the lines of a file.

Owns: reading it. Must not know: how lines are run.
"""

from __future__ import annotations

from ..errors import LineError
from .words import usage, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..effects import Effect
    from ..language.command import LocalCommand
    from .host import Host


def run(host: Host, call: LocalCommand) -> list[Effect]:
    given = words(call)
    if len(given) != 1:
        raise usage(call, "the name of a file is missing")
    path = given[0]
    try:
        data = host.facts.read_file(path.text)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise LineError(f"{path.text}: {reason}", start=path.start, end=path.end) from None
    return host.source(path.text, data)
