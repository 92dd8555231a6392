"""Files of a guest: `qmpshell ga cat` and `qmpshell ga cp`."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import stat
import sys
import time

import click

from ..errors import OK, CommandError, OutputClosedError, OutputError, ProtocolError, QmpShellError
from ..record import Record
from ..render import escape, percent, progress_bar
from ..render.views.numbers import size_text
from .guest_agent import (
    FAILURES,
    GuestOutput,
    agent_command,
    decode_base64,
    encode_base64,
    member,
    report,
)
from .options import parse_sent
from .shell_completion import complete_copied_path
from .signals import SignalReceived
from .start import can_move_cursor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from .guest_agent import Agent


GUEST = "guest:"
STANDARD = "-"

# Bytes of a file in one command. The base64 of a piece is far below the 64 MiB that QEMU accepts in a
# message (MAX_TOKEN_SIZE), and the agent's limit of 48 MB.
_PIECE = 1 << 20
# Seconds for closing a file after a failure.
_CLOSE_TIMEOUT = 2.0
_REDRAW_INTERVAL = 0.1
_BAR_CELLS = 20
_SEEK_SET, _SEEK_END = 0, 2  # numbers, because agents before QEMU 2.6 have no names for them
_DIRECTORY_ENDS = ("/", "\\")
_WINDOWS_PATH = re.compile(r"[A-Za-z]:|\\\\")


class Copy(Record):
    """A request to copy: `sources` and `target` are paths, and `to_guest` says in which direction."""

    sources: Sequence[str]
    target: str
    to_guest: bool


def plan_copy(paths: Sequence[str]) -> Copy:
    """Return what the words of `cp` ask for. Raises ValueError."""
    *sources, target = paths
    are_guests = {path.startswith(GUEST) for path in sources}
    to_guest = target.startswith(GUEST)
    if len(are_guests) != 1 or are_guests == {to_guest}:
        raise ValueError(
            f"either the sources or the destination must start with {GUEST}, as in"
            f" {GUEST}/etc/hosts; a file of this machine with such a name is ./{GUEST}…"
        )
    names = [path.removeprefix(GUEST) for path in sources]
    target = target.removeprefix(GUEST)
    if not all(names) or not target:
        raise ValueError(f"a path is missing after {GUEST}")
    if len(names) > 1 and not to_guest and not (target == STANDARD or os.path.isdir(target)):
        raise ValueError(f"several files need a directory, and {target} is not one")
    if len(names) > 1 and to_guest and not target.endswith(_DIRECTORY_ENDS):
        raise ValueError(f"several files need a directory: end {target} with /")
    return Copy(names, target, to_guest)


@agent_command(
    "cat",
    """A terminal shows control characters as \\xNN. A file that cannot be read gives status 1, and the
others are printed.

\b
qmpshell ga cat -s qga.sock /etc/os-release
qmpshell ga cat -s qga.sock /var/log/boot.log > boot.log""",
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=parse_sent)
def cat_command(agent: Agent, files: Sequence[str]) -> int:
    """Print files of the guest."""
    output, status = GuestOutput(1, agent.signals), OK
    for path in (file.removeprefix(GUEST) for file in files):
        try:
            with _closing(agent, _open(agent, path, "r")) as handle:
                for piece in _read(agent, handle):
                    output.write(piece)
        except CommandError as error:  # the other files can still be printed
            status = report(error, path=path)
    output.write(b"", is_last=True)
    return status


def _parse_paths(
    _context: click.Context, _parameter: click.Parameter, paths: Sequence[str]
) -> Copy:
    if len(paths) < 2:
        raise click.UsageError("SOURCE and DESTINATION are required.")
    try:
        copy = plan_copy(paths)
    except ValueError as error:
        raise click.UsageError(f"{error}.") from error
    sent = [copy.target] if copy.to_guest else list(copy.sources)
    if copy.to_guest and copy.target.endswith(_DIRECTORY_ENDS):
        sent += map(os.path.basename, copy.sources)
    for path in sent:
        parse_sent(path)
    return copy


@agent_command(
    "cp",
    """Paths in the guest start with guest:, and either all SOURCEs or DESTINATION have that. In place of
a file of this machine, - is stdin or stdout. The agent gives new files the mode 0666: every user of
the guest can read and change them. Directories are not copied.

\b
qmpshell ga cp -s qga.sock guest:/var/log/syslog .
qmpshell ga cp -s qga.sock setup.sh guest:/root/
tar c etc | qmpshell ga cp -s qga.sock - guest:/tmp/etc.tar""",
)
@click.argument(
    "copy",
    metavar="SOURCE... DESTINATION",
    nargs=-1,
    required=True,
    callback=_parse_paths,
    shell_complete=complete_copied_path,
)
def cp_command(agent: Agent, copy: Copy) -> int:
    """Copy files to or from the guest."""
    status, shows_progress = OK, can_move_cursor(os.environ, descriptor=2)
    for path in copy.sources:
        transfer = _Transfer(agent, shows_progress=shows_progress)
        try:
            if copy.to_guest:
                transfer.upload(path, copy.target)
            else:
                transfer.download(path, copy.target)
        except FAILURES as error:
            transfer.progress.clear()
            # The consequence of a failed upload names the guest's file.
            status = report(error, transfer.consequence, path="" if copy.to_guest else path)
            if not _concerns_one_file(error):
                return status
    return status


def _concerns_one_file(error: BaseException) -> bool:
    return isinstance(error, CommandError) or not isinstance(
        error, QmpShellError | SignalReceived | OutputClosedError | OutputError
    )


class _Transfer:
    """The copy of one file. `consequence` says what a failure leaves behind."""

    def __init__(self, agent: Agent, *, shows_progress: bool) -> None:
        self._agent = agent
        self.consequence = ""
        self.progress = Progress(is_shown=shows_progress)

    def download(self, path: str, target: str) -> None:
        """Copy a file of the guest to a file or directory of this machine, or to stdout."""
        with _closing(self._agent, _open(self._agent, path, "r")) as handle:
            if target == STANDARD:
                output = GuestOutput(1, self._agent.signals)
                for piece in _read(self._agent, handle):
                    output.write(piece)
                output.write(b"", is_last=True)
                return
            if os.path.isdir(target):
                target = os.path.join(target, _base_name(path))
            if self.progress.is_shown:
                self.progress.start(path, _size(self._agent, handle))
            pieces = _read(self._agent, handle)
            first = next(pieces, b"")  # a failure must not change the target
            with self._agent.signals.released():  # a FIFO may have no reader yet
                descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
            self.consequence = f"{target} is incomplete"
            try:
                self._copy(
                    itertools.chain([first], pieces),
                    lambda data: self._write_local(descriptor, data),
                )
            finally:
                os.close(descriptor)

    def upload(self, path: str, target: str) -> None:
        """Copy a file of this machine, or stdin, to a file or directory of the guest."""
        with self._agent.signals.released():
            descriptor = _open_source(path)
        try:
            status = os.fstat(descriptor)
            if stat.S_ISDIR(status.st_mode):
                raise IsADirectoryError(
                    errno.EISDIR, f"{os.strerror(errno.EISDIR)}; copy an archive of it", path
                )
            self.progress.start(path, status.st_size or None)
            name = "" if path == STANDARD else os.path.basename(path)
            pieces = self._pieces(descriptor, path)
            first = next(pieces, b"")  # a failure must not change the target
            with self._open_target(target, name) as handle:
                self._copy(
                    itertools.chain([first], pieces), lambda data: self._write_guest(handle, data)
                )
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _open_target(self, target: str, name: str) -> Iterator[int]:
        """Open a file of the guest for writing, or the file `name` if `target` is a directory there."""
        if name and target.endswith(_DIRECTORY_ENDS):
            target += name
            name = ""
        try:
            handle = _open(self._agent, target, "w")
        except CommandError as failure:
            if not name:
                raise
            target = f"{target}/{name}"
            try:  # agents do not report which paths are directories
                handle = _open(self._agent, target, "w")
            except CommandError:
                raise failure from None
        self.consequence = f"{GUEST}{target} is incomplete"
        with _closing(self._agent, handle):
            yield handle

    def _copy(self, pieces: Iterable[bytes], write: Callable[[memoryview], int]) -> None:
        for piece in pieces:
            rest = memoryview(piece)
            while rest:
                rest = rest[write(rest) :]
            self.progress.add(len(piece))
        self.progress.finish()

    def _pieces(self, descriptor: int, path: str) -> Iterator[bytes]:
        while True:
            try:
                with self._agent.signals.released():
                    piece = os.read(descriptor, _PIECE)
            except OSError as error:
                raise _source_error(error.errno, path) from error
            if not piece:
                return
            yield piece

    def _write_local(self, descriptor: int, data: memoryview) -> int:
        with self._agent.signals.released():
            return os.write(descriptor, data)

    def _write_guest(self, handle: int, data: memoryview) -> int:
        reply = self._agent.execute(
            "guest-file-write", {"handle": handle, "buf-b64": encode_base64(data)}
        )
        count = member(reply, "count", int)
        if not 0 < count <= len(data):
            raise ProtocolError(f"the agent wrote {count} of {len(data)} bytes")
        return count


def _open_source(path: str) -> int:
    """Open a file of this machine, or duplicate stdin. Raises OSError."""
    if path != STANDARD:
        return os.open(path, os.O_RDONLY)
    if sys.stdin is None:  # it was closed, and `main` has opened another file in its place
        raise _source_error(errno.EBADF, path)
    return os.dup(0)


def _source_error(number: int | None, path: str) -> OSError:
    reason = os.strerror(number or errno.EIO)
    if path == STANDARD:
        return OSError(number, f"cannot read standard input: {reason}")
    return OSError(number, reason, path)


def _open(agent: Agent, path: str, mode: str) -> int:
    handle = agent.execute("guest-file-open", {"path": path, "mode": mode})
    if not isinstance(handle, int):
        raise ProtocolError("the agent's reply is not the handle of a file")
    return handle


@contextlib.contextmanager
def _closing(agent: Agent, handle: int) -> Iterator[int]:
    """Close the handle at the end: an agent keeps it after the end of the connection."""
    try:
        yield handle
    except BaseException:
        with contextlib.suppress(QmpShellError, SignalReceived):
            agent.execute("guest-file-close", {"handle": handle}, timeout=_CLOSE_TIMEOUT)
        raise
    agent.execute("guest-file-close", {"handle": handle})


def _read(agent: Agent, handle: int) -> Iterator[bytes]:
    """Yield the rest of a file in pieces."""
    while True:
        reply = agent.execute("guest-file-read", {"handle": handle, "count": _PIECE})
        piece = decode_base64(member(reply, "buf-b64", str))
        if piece:
            yield piece
        if not piece or member(reply, "eof", bool):
            return


def _size(agent: Agent, handle: int) -> int | None:
    """Return the size of a file, or None if it has none. The position is at the start again."""
    try:
        reply = agent.execute(
            "guest-file-seek", {"handle": handle, "offset": 0, "whence": _SEEK_END}
        )
        agent.execute("guest-file-seek", {"handle": handle, "offset": 0, "whence": _SEEK_SET})
    except CommandError:
        return None
    return member(reply, "position", int) or None


def _base_name(path: str) -> str:
    if _WINDOWS_PATH.match(path):
        path = path.replace("\\", "/")
    return path.rstrip("/").rpartition("/")[2]


class Progress:
    """A line at the terminal with the progress of a copy; nothing if `is_shown` is false."""

    def __init__(self, *, is_shown: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self.is_shown = is_shown
        self._name = ""
        self._total: int | None = None
        self._done = 0
        self._clock = clock
        self._started = clock()
        self._drawn_at: float | None = None

    def start(self, name: str, total: int | None) -> None:
        """Set the name and the size of the file. `total` is None if the size is unknown."""
        self._name, self._total, self._started = name, total, self._clock()

    def add(self, count: int) -> None:
        """Count bytes, and draw the line again if it is old."""
        self._done += count
        now = self._clock()
        if self._drawn_at is None or now >= self._drawn_at + _REDRAW_INTERVAL:
            self._draw(now, "")

    def finish(self) -> None:
        """Draw the line for the last time."""
        self._total = self._done
        self._draw(self._clock(), "\n")

    def clear(self) -> None:
        """Remove the line."""
        if self._drawn_at is not None:
            self._write("\r\x1b[K")

    def _draw(self, now: float, end: str) -> None:
        if self.is_shown:
            self._drawn_at = now
            columns, encoding = os.get_terminal_size(2).columns, sys.stderr.encoding
            line = progress_line(
                self._name,
                self._done,
                self._total,
                seconds=now - self._started,
                unicode=encoding.lower().startswith("utf"),
            )
            self._write(f"\r{line[: max(columns - 1, 1)]}\x1b[K{end}")

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            os.write(2, text.encode(sys.stderr.encoding, "replace"))


def progress_line(name: str, done: int, total: int | None, *, seconds: float, unicode: bool) -> str:
    """Return the text of a copy: the name, a bar if the size is known, amount and speed.

    >>> progress_line("disk.img", 3 << 20, 12 << 20, seconds=2, unicode=False)
    'disk.img  [#####...............]   25 %  3 MiB of 12 MiB  1.5 MiB/s'
    """
    parts = [escape(name)]
    if total is not None and done <= total:
        whole = max(total, 1)
        shown = done if total else whole  # an empty file is complete
        parts.append(progress_bar(shown, whole, cells=_BAR_CELLS, unicode=unicode))
        parts.append(f"{percent(shown, whole):3} %")
    parts.append(_size_text(done) + (f" of {_size_text(total)}" if total and done < total else ""))
    if seconds > 0:
        parts.append(f"{_size_text(int(done / seconds))}/s")
    return "  ".join(parts)


def _size_text(size: int) -> str:
    """Return a size with few digits, which change slowly."""
    exponent = max(size.bit_length() - 1, 0) // 10
    unit = 1 << 10 * exponent
    digits = 0 if size >= 100 * unit else 1 if exponent else 0
    return size_text(round(size / unit * 10**digits) * unit // 10**digits)
