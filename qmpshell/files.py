"""The files that lines name.

Owns: opening them for a session (`ports`), and whether they are there. Must not know: what they are for.
"""

from __future__ import annotations

import os

from .ports import Ports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from .ports import MessageLog


def make_ports(environment: Mapping[str, str], *, program: str | None = None) -> Ports:
    """A session's calls, on this machine's files. `program` is the server if it was started with us."""

    def find_page(name: str, version: tuple[int, ...] | None) -> str | None:
        from .manual import finding  # few scripts ask for help

        return finding.find_page(name, version, environment=environment, program=program)

    return Ports(read_file=_read, open_file=_open, open_log=_open_log, find_page=find_page)


def is_file(path: str) -> bool:
    """Whether something other than a directory is there: a socket, most likely."""
    return os.path.exists(path) and not os.path.isdir(path)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _open(path: str, operator: str) -> int:
    # A pipe without a writer must not hold everything up.
    mode = os.O_RDWR if operator == "<>" else os.O_RDONLY | os.O_NONBLOCK
    descriptor = os.open(path, mode | os.O_CLOEXEC)
    os.set_blocking(descriptor, True)
    return descriptor


def _open_log(path: str) -> MessageLog:
    import time

    from .records.log import Log  # few sessions keep one

    return Log(path, clock=time.time)
