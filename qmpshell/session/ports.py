"""What a session needs of the world besides its stream.

Owns: the calls for files that are handed in. Must not know: how they are carried out.
"""

from __future__ import annotations

from ..language import no_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    class MessageLog(Protocol):
        """A log that takes whole messages, secrets and all removed."""

        def write(self, direction: str, message: dict[str, Any]) -> None:
            """Raises QmpShellError."""

        def close(self) -> None: ...


def no_page(name: str, version: tuple[int, ...] | None) -> str | None:
    """A `find_page` where no manual is."""
    return None


class Ports:
    """`read_file` gives a file's bytes, `open_file` a descriptor for `<` or `<>`; both raise OSError.
    `open_log` opens a log and raises QmpShellError. `find_page` gives the text of the manual page of a
    name that is best for a server of a version, or None where none is installed."""

    __slots__ = ("find_page", "open_file", "open_log", "read_file")

    def __init__(
        self,
        *,
        read_file: Callable[[str], bytes] = no_file,
        open_file: Callable[[str, str], int],
        open_log: Callable[[str], MessageLog],
        find_page: Callable[[str, tuple[int, ...] | None], str | None] = no_page,
    ) -> None:
        self.find_page = find_page
        self.read_file = read_file
        self.open_file = open_file
        self.open_log = open_log
