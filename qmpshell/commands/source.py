"""`/source`: the lines of a file.

Owns: reading it. Must not know: how lines are run.
"""

from __future__ import annotations

from ..errors import LineError
from .words import file_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..effects import Effect
    from ..language.command import LocalCommand
    from .host import Host


def run(host: Host, call: LocalCommand) -> list[Effect]:
    path, start, end = file_name(call, "the name of a file is missing")
    try:
        data = host.facts.read_file(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise LineError(f"{path}: {reason}", start=start, end=end) from None
    return host.source(path, data)
