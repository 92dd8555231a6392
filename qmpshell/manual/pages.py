"""The three manual pages of QEMU's servers.

Owns: their names, the packages that have them, and which is a server's. Must not know: where they are
installed, how they are read.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection


class Page:
    """`package` is Debian's."""

    __slots__ = ("name", "package")

    def __init__(self, name: str, package: str) -> None:
        self.name = name
        self.package = package


QEMU = Page("qemu-qmp-ref", "qemu-system-common")
STORAGE_DAEMON = Page("qemu-storage-daemon-qmp-ref", "qemu-system-common")
AGENT = Page("qemu-ga-ref", "qemu-guest-agent")
SECTION = "7"
# How the names of all commands of the agent begin.
_AGENTS = "guest-"


def page_of(commands: Collection[str], *, name: str = "") -> Page:
    """The page about a server that has these commands: its greeting does not tell which it is. Where
    none are known, the one that has `name`."""
    if any(one.startswith(_AGENTS) for one in commands or (name,)):
        return AGENT
    if "blockdev-add" in commands and "query-status" not in commands:
        return STORAGE_DAEMON
    return QEMU
