"""Finding and reading installed manual pages."""

from __future__ import annotations

import os

from ..qmp import AGENT_PREFIX
from ..record import Record
from ..render import EMPHASIS, WARNING, Block, Heading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from .reference import Reference


class ManualPage(Record):
    """A manual page. `package` is Debian's package that contains it."""

    name: str
    package: str


QEMU = ManualPage("qemu-qmp-ref", "qemu-system-common")
STORAGE_DAEMON = ManualPage("qemu-storage-daemon-qmp-ref", "qemu-system-common")
AGENT = ManualPage("qemu-ga-ref", "qemu-guest-agent")
SECTION = "7"


def page_of(commands: Collection[str], *, name: str = "") -> ManualPage:
    """Return the page for a server with these commands: its greeting does not identify its kind.

    If no commands are known, return the page that contains `name`.
    """
    if any(command.startswith(AGENT_PREFIX) for command in commands or (name,)):
        return AGENT
    if "blockdev-add" in commands and "query-status" not in commands:
        return STORAGE_DAEMON
    return QEMU


_DEFAULT_DIRECTORIES = ("/usr/share/man", "/usr/local/share/man", "/usr/local/man")
_HOMEBREW = ("/opt/homebrew", "/usr/local", "/home/linuxbrew/.linuxbrew")
_SUFFIXES = ("", ".gz", ".xz")
# The title line of a page is within this many bytes.
_HEAD = 1 << 14
# No page is larger: this is a hundred times the largest one so far.
_MAX_PAGE_SIZE = 1 << 27


def find_page(
    name: str,
    version: tuple[int, ...] | None,
    *,
    environment: Mapping[str, str],
    program: str | None = None,
) -> str | None:
    """Return the roff text of the page that is best for a server of this version, or None.

    The same version is best, then one with the most equal leading numbers, then the first one
    found. `program` is the server's program if qmpshell has started it; its manual is installed
    beside it.
    """
    from .reference import page_version  # few sessions read the manual

    best, best_score = "", -1
    for path in _paths(name, environment, program):
        score = _likeness(page_version(_read(path, _HEAD)), version)
        if score > best_score:
            best, best_score = path, score
    return (_read(best, _MAX_PAGE_SIZE) or None) if best else None


def manual_directories(environment: Mapping[str, str], program: str | None = None) -> list[str]:
    """Return the directories of manual pages, the most relevant first, like man(1).

    $MANPATH replaces the usual ones; an empty part of it stands for them. The directories beside
    `program` and $QEMU come first.
    """
    found: list[str] = []
    for item in (program, _program_of(environment)):
        if item:
            binaries = os.path.dirname(_resolved(item, environment))
            # A build directory of QEMU contains its manual.
            found += [*_beside(binaries), f"{binaries}/docs"]
    manual_path = environment.get("MANPATH")
    for part in manual_path.split(":") if manual_path else [""]:
        found += [part] if part else _usual(environment)
    return list(dict.fromkeys(found))


def _usual(environment: Mapping[str, str]) -> list[str]:
    found = [
        directory
        for binaries in environment.get("PATH", "").split(":")
        if binaries
        for directory in _beside(binaries)
    ]
    found += _DEFAULT_DIRECTORIES
    brew = environment.get("HOMEBREW_PREFIX")
    return found + [f"{item}/share/man" for item in ((brew, *_HOMEBREW) if brew else _HOMEBREW)]


def _beside(binaries: str) -> list[str]:
    """Return the directories of manual pages beside a directory of programs."""
    prefix = os.path.dirname(os.path.abspath(binaries))
    return [f"{prefix}/share/man", f"{prefix}/man"]


def _program_of(environment: Mapping[str, str]) -> str:
    """Return the program in $QEMU, which options may follow."""
    import shlex

    try:
        return next(iter(shlex.split(environment.get("QEMU", ""))), "")
    except ValueError:
        return ""


def _resolved(program: str, environment: Mapping[str, str]) -> str:
    import shutil

    path = environment.get("PATH")
    return os.path.realpath(shutil.which(program, path=path) or program)


def _paths(name: str, environment: Mapping[str, str], program: str | None) -> Iterator[str]:
    for directory in manual_directories(environment, program):
        for inner in (f"{directory}/man{SECTION}", directory):
            for suffix in _SUFFIXES:
                path = f"{inner}/{name}.{SECTION}{suffix}"
                if os.path.isfile(path):
                    yield path


def _likeness(text: str, version: tuple[int, ...] | None) -> int:
    """Return how many leading numbers of two versions are equal."""
    numbers = [int(part) for part in text.split(".") if part]
    same = 0
    for number, other in zip(numbers, version or (), strict=False):
        if number != other:
            break
        same += 1
    return same


def _read(path: str, size: int) -> str:
    """Return the first `size` bytes of a page, or "" if it cannot be read."""
    try:
        with open(path, "rb") as file:
            data = file.read(size)
    except OSError:
        return ""
    if path.endswith(".gz"):
        data = _gunzipped(data, size)
    elif path.endswith(".xz"):
        data = _unxzed(data, size)
    return data.decode("utf-8", "replace")


def _gunzipped(data: bytes, size: int) -> bytes:
    """Return up to `size` bytes of gzip data, as much as is valid."""
    import zlib

    try:
        return zlib.decompressobj(wbits=31).decompress(data, size)
    except zlib.error:
        return b""


def _unxzed(data: bytes, size: int) -> bytes:
    try:
        import lzma  # not in every Python
    except ImportError:
        return b""
    try:
        return lzma.LZMADecompressor().decompress(data, size)
    except (lzma.LZMAError, EOFError):
        return b""


# Versions are equal for this purpose if this many leading numbers are: the next one counts bug fixes.
_MAJOR_MINOR = 2


class Manual(Record):
    """A manual page for a server.

    `reference` is None if the page is not installed. `version` is the server's, if known.
    """

    page: ManualPage
    reference: Reference | None
    version: tuple[int, ...] | None

    @property
    def absence(self) -> str:
        """A sentence that says that the page is not installed and how to get it, or ""."""
        if self.reference is not None:
            return ""
        page = self.page
        return f"no manual is installed: on Debian, {page.name}(7) in {page.package}"

    def about(self, page: list[Block]) -> list[Block]:
        """Add a line with the source of a help page; it comes first if the versions differ."""
        title = f"{self.page.name}(7)"
        if self.reference is None:
            text = self.absence[:1].upper() + self.absence[1:]
            return [*page, Heading([(WARNING, f"{text}.")])]
        theirs = self.reference.version
        if self.version is not None and theirs and _likeness(theirs, self.version) < _MAJOR_MINOR:
            server = ".".join(map(str, self.version))
            text = f"From {title} of QEMU {theirs}, but the server is QEMU {server}."
            return [Heading([(WARNING, text)]), *page]
        of = f" of QEMU {theirs}" if theirs else ""
        return [*page, Heading([(EMPHASIS, f"From {title}{of}.")])]


class ManualCache:
    """Loads manual pages. `find` returns the text of a page (`Ports.find_page`)."""

    def __init__(self, find: Callable[[str, tuple[int, ...] | None], str | None]) -> None:
        self._find = find
        self._read: dict[tuple[str, tuple[int, ...] | None], Reference] = {}

    def manual(self, page: ManualPage, version: tuple[int, ...] | None) -> Manual:
        """Return the page for a server of this version. A missing page is searched for each time."""
        key = (page.name, version)
        reference = self._read.get(key)
        if reference is None:
            text = self._find(*key)
            if text is not None:
                from .reference import Reference  # few sessions read the manual

                reference = self._read[key] = Reference(text)
        return Manual(page, reference, version)
