"""The file that keeps what was typed from one shell to the next.

Owns: where it is, opening it safely, appending to it so that other shells may too, and reading its
end. Must not know: which entries may be kept (that is `entries`), prompts.

It is prompt_toolkit's format: an empty line, `# TIME`, then each line of the entry behind a `+`. The
empty line comes first, so that an entry which was cut off does not spoil the next.
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
from .paths import state_folder

# What is read of it. All entries are gone through at each prompt, and at each key that is typed.
_MOST_BYTES = 1 << 20
_MOST_ENTRIES = 10_000
# Nobody types longer ones, and an editor of lines is slow with them.
_LONGEST = 1 << 16
# Without waiting: a FIFO would hold us until somebody reads it.
_FLAGS = os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_PRIVATE_FILE = 0o600
_PRIVATE_FOLDER = 0o700
_ANOTHERS = "it belongs to another user"
_NO_FILE = "it is no regular file"


class HistoryError(QmpShellError):
    """The history is not kept; the text says why in a sentence."""


def history_path(environment: Mapping[str, str], name: str) -> str:
    """Where the history of this name is, by the XDG base directories. Raises HistoryError."""
    folder = state_folder(environment)
    if folder is None:
        raise HistoryError("the history is not kept: HOME is not the path of a directory")
    return os.path.join(folder, name)


class HistoryFile:
    """The entries in the file at `path`; `clock` returns the seconds since the epoch.

    The file is opened anew for each entry: the person may remove it, or edit it, meanwhile.
    """

    def __init__(self, path: str, *, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock

    def check(self) -> None:
        """Make the file where there is none. Raises HistoryError if nothing can be kept in it."""
        self._append(b"")

    def append(self, entry: str) -> None:
        """Append in one write, so that the entries of several shells stay whole. Raises
        HistoryError."""
        if len(entry) > _LONGEST:
            return
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self._clock()))
        lines = "".join(f"+{line}\n" for line in entry.split("\n"))
        self._append(f"\n# {moment}\n{lines}".encode("utf-8", "backslashreplace"))

    def read(self) -> list[str]:
        """The last entries, the oldest first, as they may be shown; none if it cannot be read."""
        try:
            descriptor = _open(self._path, os.O_RDONLY)
            try:
                data = _last_bytes(descriptor)
            finally:
                os.close(descriptor)
        except (OSError, ValueError, HistoryError):
            return []
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
            raise self._problem(_reason(error)) from error
        if not complete:
            raise self._problem("an entry was cut off; is the disk full?")

    def _open_for_appending(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND
        try:
            return _open(self._path, flags)
        except FileNotFoundError:
            pass
        folder = os.path.dirname(self._path)
        _make_folder(folder)
        _check_owner(folder)
        return _open(self._path, flags | os.O_CREAT)

    def _problem(self, reason: str) -> HistoryError:
        return HistoryError(f"the history is not kept: {escape(self._path)}: {reason}")


def showable(text: str) -> str:
    r"""`text` with JSON's escapes for what would act on a terminal: in quotes they mean the same.

    >>> showable('a\n\tb="\x1b"')
    'a\n\tb="\\u001b"'
    """
    if text.isascii() and text.isprintable():
        return text
    return re.sub(r"[^\n\t]+", lambda match: escape_json(match[0]), text)


def _make_folder(path: str) -> None:
    if os.path.isdir(path):
        return
    parent = os.path.dirname(path)
    if parent == path:
        return
    _make_folder(parent)
    _check_owner(parent)
    try:
        os.mkdir(path, _PRIVATE_FOLDER)
    except FileExistsError:
        if not os.path.isdir(path):  # another shell may have made it
            raise


def _check_owner(folder: str) -> None:
    """Root makes nothing in a user's folders that the user could not write to afterwards."""
    if os.geteuid() == 0 and os.stat(folder).st_uid != 0:
        raise HistoryError(f"{escape(folder)} belongs to another user")


def _open(path: str, flags: int) -> int:
    """Raises OSError, ValueError for a path that is none, and HistoryError with the reason."""
    try:
        descriptor = os.open(path, flags | _FLAGS | os.O_NOFOLLOW, _PRIVATE_FILE)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.EMLINK):
            raise
        # A link is followed if the person made it: some keep such files elsewhere, and one to
        # /dev/null keeps none. What is judged is what was opened.
        null = os.path.realpath(path) == os.devnull
        if os.lstat(path).st_uid != os.geteuid() and not null:
            raise HistoryError("it is a symbolic link of another user's") from None
        descriptor = os.open(path, flags | _FLAGS, _PRIVATE_FILE)
    try:
        _judge(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _judge(descriptor: int) -> None:
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode):
        if status.st_uid != os.geteuid():
            raise HistoryError(_ANOTHERS)
        if stat.S_IMODE(status.st_mode) & ~_PRIVATE_FILE:
            with contextlib.suppress(OSError):  # not every file system has modes
                os.fchmod(descriptor, _PRIVATE_FILE)
    elif not (stat.S_ISCHR(status.st_mode) and status.st_rdev == os.stat(os.devnull).st_rdev):
        raise HistoryError(_NO_FILE)


def _last_bytes(descriptor: int) -> bytes:
    """The end of the file, from the beginning of an entry on."""
    before = max(0, os.fstat(descriptor).st_size - _MOST_BYTES)
    data = os.pread(descriptor, _MOST_BYTES, before)
    if not before:
        return data
    begin = data.find(b"\n#")
    return data[begin:] if begin >= 0 else b""


def _entries(text: str) -> list[str]:
    found: list[str] = []
    lines: list[str] = []
    for line in [*text.split("\n"), ""]:
        if line[:1] == "+":
            lines.append(line[1:])
        elif lines:
            entry = showable("\n".join(lines))
            lines.clear()
            if 0 < len(entry) <= _LONGEST and entry != (found[-1] if found else None):
                found.append(entry)
    return found[-_MOST_ENTRIES:]


def _reason(error: OSError | ValueError) -> str:
    if not isinstance(error, OSError):
        return "a path cannot hold a NUL character"
    if error.errno == errno.ENXIO:  # a FIFO or a socket
        return _NO_FILE
    return error.strerror or str(error)
