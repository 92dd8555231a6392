"""The functions that a session needs for files, and the process of a server started by qmpshell."""

from __future__ import annotations

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from ..qemu import ChildServer
    from ..transport import Peer

    class MessageLog(Protocol):
        """A log of complete, redacted messages."""

        @property
        def pending(self) -> int:
            """The number of bytes that are not written yet."""

        @property
        def waits_for(self) -> dict[int, bool]:
            """The descriptors to wait for before `flush`, as in `RedirectTarget.waits_for`."""

        def add(self, direction: str, message: str) -> None:
            """Queue a message, one line of ASCII JSON. Raises QmpShellError."""

        def flush(self, *, is_last: bool = False) -> None:
            """Write as much of the queue as possible. Raises QmpShellError."""

        def close(self) -> None:
            """Close the log."""

    class Directory(Protocol):
        """A directory that only this user can read."""

        @property
        def picture(self) -> str:
            """The absolute path of a file in it that does not exist yet."""

        def remove(self) -> None:
            """Remove the directory and its files."""


class Ports(Record, kw_only=True):
    """Functions for files and processes for a session.

    `open_file` returns a descriptor for `<` or `<>`, and raises OSError; `close_file` closes it.
    `read_variable` returns an environment variable, or None. `open_log` opens a log, within this number
    of seconds unless it is None, and raises QmpShellError. `find_page` returns the text of the best manual
    page for a version of the server, or None. `find_peer` returns what the system shows about the
    server at an address, or None if it shows nothing. `wake_server` connects to an address once more,
    for a moment. `make_directory` makes a directory for a file
    of the server, and raises QmpShellError. `picture_format` returns the format of the pictures
    that the driver shows, or "". `child` is the server's process, if qmpshell has started it.
    """

    read_variable: Callable[[str], bytes | None]
    open_file: Callable[[str, str], int]
    close_file: Callable[[int], None]
    open_log: Callable[[str, float | None], MessageLog]
    find_page: Callable[[str, tuple[int, ...] | None], str | None]
    make_directory: Callable[[], Directory]
    picture_format: Callable[[], str]
    find_peer: Callable[[str], Peer | None] | None = None
    wake_server: Callable[[str], None] | None = None
    child: ChildServer | None = None
