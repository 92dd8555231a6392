"""The functions that a session needs for files, and the process of a server started by qmpshell."""

from __future__ import annotations

from ..language import no_variable
from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    from ..transport import Peer

    class MessageLog(Protocol):
        """A log of complete, redacted messages."""

        @property
        def pending(self) -> int:
            """The number of bytes that wait for `fileno()` to become writable."""

        def fileno(self) -> int:
            """Return the descriptor."""

        def write(self, direction: str, message: dict[str, Any]) -> None:
            """Write or queue a message. Raises QmpShellError."""

        def flush(self) -> None:
            """Write as much of the queue as possible. Raises QmpShellError."""

        def close(self) -> None:
            """Close the log."""

    class ChildProcess(Protocol):
        """The server's process, if qmpshell has started it."""

        @property
        def program(self) -> str:
            """The program of the server."""

        @property
        def keep(self) -> bool:
            """Whether it continues when the shell exits."""

        def end_question(self) -> str:
            """Return a sentence that says that it will be ended, or "" if that loses nothing."""


def no_page(_name: str, _version: tuple[int, ...] | None) -> str | None:
    """Return None: a `find_page` without a manual."""
    return None


class Ports(Record, kw_only=True):
    """Functions for files and processes for a session.

    `open_file` returns a descriptor for `<` or `<>` without blocking, and raises OSError.
    `read_variable` returns an environment variable, or None. `open_log` opens a log and raises
    QmpShellError. `find_page` returns the text of the best manual page for a version of the server,
    or None. `find_peer` returns what the system shows about the server at an address, or None if it
    shows nothing. `child` is the server's process, if qmpshell has started it.
    """

    read_variable: Callable[[str], bytes | None] = no_variable
    open_file: Callable[[str, str], int]
    open_log: Callable[[str], MessageLog]
    find_page: Callable[[str, tuple[int, ...] | None], str | None] = no_page
    find_peer: Callable[[str], Peer | None] | None = None
    child: ChildProcess | None = None
