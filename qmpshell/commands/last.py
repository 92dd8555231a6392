"""`/last`: the last reply again, and all of it.

Owns: that it takes no words. Must not know: how a reply is shown.
"""

from __future__ import annotations

from .words import usage, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..effects import Effect
    from ..language.command import LocalCommand
    from .host import Host


def run(host: Host, call: LocalCommand) -> list[Effect]:
    if words(call):
        raise usage(call, "it takes nothing", call.tokens[0])
    return host.show_last()
