"""`/log`: append every message to a file, or no longer.

Owns: the spelling of that. Must not know: the file's form.
"""

from __future__ import annotations

from ..errors import LineError, QmpShellError
from .words import usage, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..effects import Effect
    from ..language.command import LocalCommand
    from .host import Host


def run(host: Host, call: LocalCommand) -> list[Effect]:
    given = words(call)
    if len(given) != 1:
        raise usage(call, "the name of a file is missing, or off")
    path = given[0]
    try:
        host.set_log(None if path.text == "off" else path.text)
    except QmpShellError as error:
        raise LineError(str(error), start=path.start, end=path.end) from None
    return []
