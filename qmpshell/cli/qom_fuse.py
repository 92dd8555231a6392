"""`qmpshell qom fuse`: mounts the objects of QOM as a file system."""

from __future__ import annotations

import errno
import json
import os
import select
import shlex
import signal
import stat
import threading
import time
from typing import Any

import click

from ..errors import (
    CONNECTION,
    FAILED,
    INTERRUPTED,
    OK,
    USAGE,
    CommandError,
    ConnectionLost,
    ReplyTimeout,
)
from ..qmp import QOM_SET, QomProperty, as_text, parse_properties, parse_property
from ..record import Record
from ..storage import is_secret_property
from .options import open_connection, subcommand
from .qom_objects import (
    QOM_GET,
    QOM_LIST,
    is_secret,
    plain_text,
    qom_options,
)
from .start import write_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ..client import Connection
    from .options import RunSubcommand


_DEFAULT_TIMEOUT = 10.0  # seconds, after which a file operation fails
_MAX_AGE = 1.0  # seconds for which the list of an object's properties is used again
# The kernel asks twice in a row for the size of a file.
_MAX_SIZE_AGE = 0.1
# Seconds after which the main thread handles signals, although a file operation waits.
_LOCK_TIMEOUT = 0.05
# What QEMU's errors start with or contain, and the errno of the file operation.
_ERRNOS = (
    ("not readable", errno.EACCES),
    ("not writable", errno.EACCES),
    ("Insufficient permission", errno.EACCES),
    ("not found", errno.ENOENT),
    ("after it was realized", errno.EBUSY),
)
# What libfuse returns if a signal has ended it.
_BY_SIGNAL = 8

_EPILOG = """Objects are directories, properties are files with a line of text, and links are symbolic links, or
empty files if they point to nothing. Writing to a file sets the property, by its type; an error of QEMU
is the error of the write. The mount ends with Ctrl-C, fusermount3 -u, or QEMU. A file operation fails
after 10 seconds, or --timeout, without a reply. Exit status: 0 unmounted, or QEMU has shut down, 1 the
mount failed, 3 no connection or connection lost, 130 interrupted.

\b
qmpshell qom fuse -s vm.sock /mnt &
cat /mnt/machine/peripheral/net0/mac
find /mnt/machine -lname '*/pcie.0'"""


class _MountPoint(click.Path):
    """A directory, also one whose mount must be removed first."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path. Raises click.BadParameter."""
        try:
            os.stat(value)
        except OSError as error:
            if error.errno == errno.ENOTCONN:
                remedy = f"fusermount3 -u {shlex.quote(value)}"
                self.fail(f"the program of an earlier mount has ended; use {remedy}", param, ctx)
        return super().convert(value, param, ctx)


@subcommand("fuse", params=qom_options(), epilog=_EPILOG)
@click.argument("mountpoint", type=_MountPoint(exists=True, file_okay=False))
@click.option("--read-only", is_flag=True, help="Do not let anything change a property.")
def fuse_command(mountpoint: str, read_only: bool, **options: Any) -> RunSubcommand:
    """Mount the objects as a file system. Ctrl-C unmounts it."""
    options["timeout"] = options["timeout"] or _DEFAULT_TIMEOUT

    def run(environment: Mapping[str, str]) -> int:
        try:
            import mfusepy
        except ImportError:
            write_error(
                "qmpshell: qom fuse needs a library: install it with pip install 'qmpshell[fuse]'"
            )
            return USAGE
        except (OSError, AttributeError) as error:
            write_error(f"qmpshell: qom fuse needs libfuse: install the package fuse3 ({error})")
            return USAGE
        # libfuse changes the current directory.
        directory = os.path.abspath(mountpoint)
        with open_connection(environment, **options) as connection:
            files = QomFiles(connection, read_only=read_only, clock=time.monotonic)
            more: dict[str, object] = {"ro": True} if read_only else {}
            if mfusepy.fuse_version_major > 2:
                more["max_idle_threads"] = 10  # without it, libfuse 3.14 prints a warning

            def serve() -> None:
                mfusepy.FUSE(
                    files,
                    directory,
                    foreground=True,
                    fsname="qom",
                    subtype="qmpshell",
                    direct_io=True,  # a value may have another size than it had
                    attr_timeout=0,
                    default_permissions=True,
                    **more,
                )

            status = _Mount(serve, connection, files).run()
            if status == FAILED:
                write_error(f"qmpshell: cannot mount at {directory}")
            return status

    return run


_STARTED, _ENDED = b"s", b"e"


class _Mount:
    """Runs `serve`, which mounts and unmounts, in a thread, and ends it.

    It ends because of a signal, a lost connection, or because somebody unmounts it.
    """

    def __init__(self, serve: Callable[[], None], connection: Connection, files: QomFiles) -> None:
        self._serve = serve
        self._connection = connection
        self._files = files
        files.init = self._on_start  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self._run_thread)
        self._failure: Exception | None = None
        self._is_started = False
        self._is_ended = False
        self._acknowledged = threading.Event()
        # The status if the mount is to end.
        self._status: int | None = None
        # What happens: the number of a signal, or what the thread has done.
        self._news, self._reporter = os.pipe()
        os.set_blocking(self._reporter, False)

    def run(self) -> int:
        """Mount, and return the exit status after the end."""
        # Before the handlers, so that no signal is lost.
        signal.set_wakeup_fd(self._reporter, warn_on_full_buffer=False)
        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGQUIT) != signal.SIG_IGN:  # in a background job of a script
            numbers.append(signal.SIGQUIT)
        previous = {number: signal.signal(number, lambda *_: None) for number in numbers}
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # libfuse handles it, in the thread
        self._thread.start()
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
        try:
            self._wait()
        finally:
            signal.set_wakeup_fd(-1)
            for number, handler in previous.items():
                signal.signal(number, handler)
            os.close(self._news)
            os.close(self._reporter)
        if self._failure is not None and self._failure.args != (_BY_SIGNAL,):
            return FAILED
        if self._status is not None:
            return self._status
        return OK if self._failure is None else INTERRUPTED

    def _run_thread(self) -> None:
        try:
            self._serve()
        except Exception as error:
            self._failure = error
        os.write(self._reporter, _ENDED)
        self._acknowledged.wait()  # until then, the thread can get a signal

    def _on_start(self, _path: str) -> None:
        os.write(self._reporter, _STARTED)

    def _wait(self) -> None:
        """Wait until the thread has ended."""
        poll = select.poll()
        connection: int | None = self._connection.fileno()
        poll.register(self._connection, select.POLLIN)
        poll.register(self._news, select.POLLIN)
        must_signal = True
        while not self._is_ended:
            ready = dict(poll.poll())
            if self._news in ready:
                self._handle(os.read(self._news, 64))
            if self._status is None and connection in ready:
                self._status = self._read_events()
            if self._status is not None and connection is not None:
                # File operations that wait for a reply fail, so that the thread can end.
                self._connection.close()
                poll.unregister(connection)
                connection = None
            if self._status is not None and self._is_started and must_signal:
                # Once, because libfuse handles it only from the start of the mount to its end.
                signal.pthread_kill(self._thread.ident or 0, signal.SIGHUP)
                must_signal = False
        self._acknowledged.set()
        self._thread.join()

    def _handle(self, news: bytes) -> None:
        for number in news:
            if number == _ENDED[0]:
                self._is_ended = True
            elif number == _STARTED[0]:
                self._is_started = True
            else:
                self._status = 128 + number

    def _read_events(self) -> int | None:
        """Read the events. Return the exit status if the connection is lost."""
        lost = self._files.read_events()
        if lost is None:
            return None
        if self._files.is_shutdown:
            return OK
        write_error(f"qmpshell: {lost}")
        return CONNECTION


class _Handle(Record):
    """An open file: the text that is read, and the text that was written so far."""

    content: bytes
    written: bytes = b""


class QomFiles:
    """The file operations, as mfusepy calls them from several threads."""

    use_ns = True

    def __init__(
        self, connection: Connection, *, read_only: bool, clock: Callable[[], float]
    ) -> None:
        self._connection = connection
        self._read_only = read_only
        self._clock = clock
        # The connection is for one thread at a time.
        self._lock = threading.Lock()
        self._lists: dict[str, tuple[float, dict[str, QomProperty]]] = {}
        self._sizes: dict[str, tuple[float, int | None]] = {}
        self._handles: dict[int, _Handle] = {}
        self._count = 0
        self._started = time.time_ns()
        self.is_shutdown = False

    def init(self, _path: str) -> None:
        """Do nothing when the mount starts."""

    def read_events(self) -> ConnectionLost | None:
        """Discard the events. Return the exception if the connection is lost.

        A file operation that waits for its reply reads the connection itself.
        """
        if not self._lock.acquire(timeout=_LOCK_TIMEOUT):
            return None
        try:
            events = self._connection.get_events()
            self.is_shutdown |= any(event["event"] == "SHUTDOWN" for event in events)
        except ConnectionLost as error:
            return error
        finally:
            self._lock.release()
        return None

    def getattr(self, path: str, _handle: int | None = None) -> dict[str, int]:
        """Return the attributes of a file."""
        entry = self._find(path)
        if entry is None or entry.child_type:
            return self._attributes(stat.S_IFDIR | (0o555 if self._read_only else 0o755), links=2)
        if entry.link_type:
            target = as_text(self._get(path))
            if target:
                return self._attributes(stat.S_IFLNK | 0o777, size=len(_relative(path, target)))
        writable = 0 if self._read_only else 0o200
        size = self._size(path)
        if size is None:
            return self._attributes(stat.S_IFREG | writable)
        return self._attributes(stat.S_IFREG | 0o444 | writable, size=size)

    def readdir(self, path: str, _handle: int) -> Iterator[tuple[str, dict[str, int], int]]:
        """Return the names in a directory, with the kinds of files."""
        names = [(".", stat.S_IFDIR), ("..", stat.S_IFDIR)]
        for entry in self._list(path).values():
            if "/" not in entry.name and entry.name not in ("", ".", ".."):
                kind = stat.S_IFDIR if entry.child_type else stat.S_IFREG
                # A link may point to nothing: only `getattr` can tell.
                names.append((entry.name, 0 if entry.link_type else kind))
        return iter([(name, {"st_mode": mode}, 0) for name, mode in names])

    def readlink(self, path: str) -> str:
        """Return the target of a link, relative to its directory."""
        return _relative(path, as_text(self._get(path)))

    def open(self, path: str, flags: int) -> int:
        """Open a property, and read its value."""
        is_read = flags & os.O_ACCMODE != os.O_WRONLY
        self._sizes = {}  # the value may have another size now
        handle = _Handle(self._content(path) if is_read else b"")
        with self._lock:
            self._count += 1
            self._handles[self._count] = handle
            return self._count

    def release(self, _path: str, number: int) -> int:
        """Close a file."""
        with self._lock:
            del self._handles[number]
        return 0

    def read(self, _path: str, size: int, offset: int, number: int) -> bytes:
        """Return a part of the value as it was when the file was opened."""
        return self._handles[number].content[offset : offset + size]

    def write(self, path: str, data: bytes, offset: int, number: int) -> int:
        """Set the property to all that was written since the file was opened."""
        handle = self._handles[number]
        if offset > len(handle.written):
            raise _error(errno.EINVAL)
        text = handle.written[:offset] + data
        self._set(path, text)
        handle.written = text
        return len(data)

    def truncate(self, path: str, _length: int, _handle: int | None = None) -> int:
        """Do nothing: a write replaces the value."""
        self._check_file(path)
        return 0

    def flush(self, _path: str, _handle: int) -> int:
        """Do nothing: `write` has set the property."""
        return 0

    def create(self, _path: str, *_others: object) -> int:
        """Refuse to create or remove a file or directory."""
        raise _error(errno.EPERM)

    mknod = mkdir = unlink = rmdir = create

    def _attributes(self, mode: int, *, size: int = 0, links: int = 1) -> dict[str, int]:
        times = dict.fromkeys(("st_atime", "st_mtime", "st_ctime"), self._started)
        owner = {"st_uid": os.getuid(), "st_gid": os.getgid()}
        return {"st_mode": mode, "st_size": size, "st_nlink": links, **owner, **times}

    def _find(self, path: str) -> QomProperty | None:
        """Return the property at a path, or None for the root. Raises OSError."""
        if path == "/":
            return None
        above, _, name = path.rpartition("/")
        entry = self._list(above or "/").get(name)
        if entry is None:
            raise _error(errno.ENOENT)
        return entry

    def _check_file(self, path: str) -> QomProperty:
        entry = self._find(path)
        if entry is None or entry.child_type:
            raise _error(errno.EISDIR)
        return entry

    def _list(self, path: str) -> dict[str, QomProperty]:
        """Return the properties of an object by name. Raises OSError."""
        when, found = self._lists.get(path, (0.0, None))
        now = self._clock()
        if found is None or now - when > _MAX_AGE:
            listed = self._execute(QOM_LIST, {"path": path}, default=errno.ENOENT)
            found = {entry.name: entry for entry in parse_properties(listed)}
            self._lists[path] = now, found
        return found

    def _size(self, path: str) -> int | None:
        """Return the size of a file, or None if it cannot be read. Raises OSError."""
        when, size = self._sizes.get(path, (0.0, None))
        now = self._clock()
        if now - when > _MAX_SIZE_AGE:
            try:
                size = len(self._content(path))
            except OSError as error:
                if error.errno in (errno.EIO, errno.ETIMEDOUT):
                    raise
                size = None
            self._sizes = {path: (now, size)}
        return size

    def _content(self, path: str) -> bytes:
        """Return the text of a file. Raises OSError."""
        entry = self._check_file(path)
        value = self._get(path)
        if entry.link_type and not value:
            return b""
        return f"{plain_text(value)}\n".encode("utf-8", "backslashreplace")

    def _get(self, path: str) -> object:
        """Return the value of the property at a path. Raises OSError."""
        above, _, name = path.rpartition("/")
        place = {"path": above or "/", "property": name}
        if is_secret_property(name):
            kind = self._execute(QOM_GET, {**place, "property": "type"}, default=errno.EACCES)
            if is_secret(as_text(kind), name):
                raise _error(errno.EACCES)
        return self._execute(QOM_GET, place, default=errno.ENODATA)

    def _set(self, path: str, data: bytes) -> None:
        """Set the property at a path. Raises OSError."""
        entry = self._check_file(path)
        if self._read_only:
            raise _error(errno.EROFS)
        try:
            value = _parse(data.decode().removesuffix("\n"), entry)
        except ValueError:
            raise _error(errno.EINVAL) from None
        above, _, name = path.rpartition("/")
        arguments = {"path": above or "/", "property": name, "value": value}
        try:
            self._execute(QOM_SET, arguments, default=errno.EINVAL)
        finally:
            self._sizes = {}

    def _execute(self, name: str, arguments: dict[str, Any], *, default: int) -> object:
        """Run a command. Raises OSError; `default` is the errno of an error with no better one."""
        with self._lock:
            try:
                return self._connection.execute(name, arguments)
            except CommandError as error:
                for part, number in _ERRNOS:
                    if part in error.desc:
                        raise _error(number) from error
                raise _error(default) from error
            except ReplyTimeout as error:
                raise _error(errno.ETIMEDOUT) from error
            except ConnectionLost as error:
                raise _error(errno.EIO) from error


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def _relative(path: str, target: str) -> str:
    """Return the target of a link at a path, relative to the link's directory.

    >>> _relative("/machine/peripheral/net0/parent_bus", "/machine/q35/pcie.0")
    '../../q35/pcie.0'
    """
    return os.path.relpath(target, os.path.dirname(path))


def _parse(text: str, entry: QomProperty) -> object:
    """Return the value that a text denotes by the property's type. Raises ValueError."""
    if text[:1] in ("{", "[") and entry.type not in ("str", "string"):
        return json.loads(text)
    return parse_property(text, entry.type, description=entry.description)
