"""`/connect`: back to the server, or to another one.

Owns: the words of it. Must not know: addresses.
"""

from __future__ import annotations

from .words import file_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..effects import Effect
    from ..language.command import LocalCommand
    from .host import Host


def run(host: Host, call: LocalCommand) -> list[Effect]:
    address = file_name(call, "")[0] if call.tokens else None
    return host.connect(address)
