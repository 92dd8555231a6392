"""`/log`: append every message to a file, or no longer.

Owns: the spelling of that. Must not know: the file's form.
"""

from __future__ import annotations

from ..errors import LineError, QmpShellError
from .words import file_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..effects import Effect
    from ..language.command import LocalCommand
    from .host import Host


def run(host: Host, call: LocalCommand) -> list[Effect]:
    path, start, end = file_name(call, "the name of a file is missing, or off")
    try:
        host.set_log(None if call.tokens[0].text == "off" else path)
    except QmpShellError as error:
        raise LineError(str(error), start=start, end=end) from None
    return []
