"""`/hmp`: a line for the human monitor.

Owns: that it needs one. Must not know: how it is sent.
"""

from __future__ import annotations

from .words import usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..effects import Effect
    from ..language.command import LocalCommand
    from .host import Host


def run(host: Host, call: LocalCommand) -> list[Effect]:
    if not call.tokens:
        raise usage(call, "a line for the human monitor is missing")
    token = call.tokens[0]
    return host.perform_human(token.text, token.start)
