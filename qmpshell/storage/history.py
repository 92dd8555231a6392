"""The history file of typed lines.

The format is prompt_toolkit's: an empty line, `# TIME`, then each line of the entry after a `+`.
The empty line comes first, so that an entry that was cut off does not damage the next one. An entry
that has failed is repeated with `-`, which prompt_toolkit ignores.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import time
from collections.abc import Callable, Mapping

from ..errors import QmpShellError
from ..render import escape, escape_json
from .files import NON_BLOCKING, failure_reason, state_directory

# How much of the file is read. All entries are searched at each prompt and each key.
_MAX_BYTES = 1 << 20
_MAX_ENTRIES = 10_000
# Longer entries are not typed by hand, and they make a line editor slow.
_MAX_ENTRY = 1 << 16
_PRIVATE_FILE = 0o600
_ENTRY, _FAILED = "+", "-"
_PRIVATE_DIRECTORY = 0o700
_NOT_OWNER = "it belongs to another user"
_NO_FILE = "it is not a regular file"
_REASONS = {errno.ENXIO: _NO_FILE}  # a FIFO or a socket


class HistoryError(QmpShellError):
    """The history cannot be kept; the text says why."""


def history_path(environment: Mapping[str, str], name: str) -> str:
    """Return the path of the history called `name` (XDG base directories). Raises HistoryError."""
    directory = state_directory(environment)
    if directory is None:
        raise HistoryError("the history is not saved: HOME is not the path of a directory")
    return os.path.join(directory, name)


class HistoryFile:
    """The entries in the file at `path`. `clock` returns the seconds since the epoch.

    The file is opened again for each entry, because the user may remove or edit it meanwhile.
    """

    def __init__(self, path: str, *, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock

    def check(self) -> None:
        """Create the file if it does not exist. Raises HistoryError if it cannot be written."""
        self._append(b"")

    def append(self, entry: str, *, has_failed: bool = False) -> None:
        """Append an entry in one write: those of several shells stay intact. Raises HistoryError.

        With `has_failed`, record that the entry has failed.
        """
        if len(entry) > _MAX_ENTRY:
            return
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self._clock()))
        mark = _FAILED if has_failed else _ENTRY
        lines = "".join(f"{mark}{line}\n" for line in entry.split("\n"))
        self._append(f"\n# {moment}\n{lines}".encode("utf-8", "backslashreplace"))

    def read(self) -> list[str]:
        """Return the last entries, oldest first, safe to show; [] if the file cannot be read."""
        entries, _ = self.read_with_failed()
        return entries

    def read_with_failed(self) -> tuple[list[str], set[str]]:
        """Return the same, and the entries that have failed when they were last used."""
        try:
            descriptor = _open(self._path, os.O_RDONLY)
            try:
                data = _last_bytes(descriptor)
            finally:
                os.close(descriptor)
        except (OSError, ValueError, HistoryError):
            return [], set()
        return _entries(data.decode("utf-8", "surrogateescape"))

    def _append(self, data: bytes) -> None:
        try:
            descriptor = self._open_for_appending()
            try:
                complete = os.write(descriptor, data) == len(data)
            finally:
                os.close(descriptor)
        except HistoryError as error:
            raise self._problem(str(error)) from None
        except (OSError, ValueError) as error:
            raise self._problem(failure_reason(error, _REASONS)) from error
        if not complete:
            raise self._problem("an entry was cut off; is the disk full?")

    def _open_for_appending(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND
        try:
            return _open(self._path, flags)
        except FileNotFoundError:
            pass
        directory = os.path.dirname(self._path)
        _make_directory(directory)
        _check_owner(directory)
        return _open(self._path, flags | os.O_CREAT)

    def _problem(self, reason: str) -> HistoryError:
        return HistoryError(f"the history is not saved: {escape(self._path)}: {reason}")


def escape_entry(text: str) -> str:
    r"""Return `text` with control characters as JSON escapes, which mean the same in quotes.

    >>> escape_entry('a\n\tb="\x1b"')
    'a\n\tb="\\u001b"'
    """
    if text.isascii() and text.isprintable():
        return text
    return re.sub(r"[^\n\t]+", lambda match: escape_json(match[0]), text)


def _make_directory(path: str) -> None:
    if os.path.isdir(path):
        return
    parent = os.path.dirname(path)
    if parent == path:
        return
    _make_directory(parent)
    _check_owner(parent)
    try:
        os.mkdir(path, _PRIVATE_DIRECTORY)
    except FileExistsError:
        if not os.path.isdir(path):  # another shell may have created it
            raise


def _check_owner(directory: str) -> None:
    """Raise HistoryError if root would create a file in a directory of another user."""
    if os.geteuid() == 0 and os.stat(directory).st_uid != 0:
        raise HistoryError(f"{escape(directory)} belongs to another user")


def _open(path: str, flags: int) -> int:
    """Open a file. Raises OSError, ValueError for an invalid path, or HistoryError with the reason."""
    try:
        descriptor = os.open(path, flags | NON_BLOCKING | os.O_NOFOLLOW, _PRIVATE_FILE)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.EMLINK):
            raise
        # A link that the user has made is followed: some keep such files elsewhere, and a link to
        # /dev/null disables the history. The checks apply to what was opened.
        null = os.path.realpath(path) == os.devnull
        if os.lstat(path).st_uid != os.geteuid() and not null:
            raise HistoryError("it is a symbolic link that belongs to another user") from None
        descriptor = os.open(path, flags | NON_BLOCKING, _PRIVATE_FILE)
    try:
        _check_trusted(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check_trusted(descriptor: int) -> None:
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode):
        if status.st_uid != os.geteuid():
            raise HistoryError(_NOT_OWNER)
        if stat.S_IMODE(status.st_mode) & ~_PRIVATE_FILE:
            with contextlib.suppress(OSError):  # some file systems have no modes
                os.fchmod(descriptor, _PRIVATE_FILE)
    elif not (stat.S_ISCHR(status.st_mode) and status.st_rdev == os.stat(os.devnull).st_rdev):
        raise HistoryError(_NO_FILE)


def _last_bytes(descriptor: int) -> bytes:
    """Return the end of the file, from the start of an entry on."""
    before = max(0, os.fstat(descriptor).st_size - _MAX_BYTES)
    data = os.pread(descriptor, _MAX_BYTES, before)
    if not before:
        return data
    first = data.find(b"\n#")
    return data[first:] if first >= 0 else b""


def _entries(text: str) -> tuple[list[str], set[str]]:
    found: list[str] = []
    failed: set[str] = set()
    lines: list[str] = []
    mark = ""
    for line in [*text.split("\n"), ""]:
        if lines and line[:1] != mark:
            entry = escape_entry("\n".join(lines))
            lines.clear()
            if mark == _FAILED:
                failed.add(entry)
            elif 0 < len(entry) <= _MAX_ENTRY:
                failed.discard(entry)
                if entry != (found[-1] if found else None):
                    found.append(entry)
        mark = line[:1]
        if mark in (_ENTRY, _FAILED):
            lines.append(line[1:])
    return found[-_MAX_ENTRIES:], failed
