"""Where manual pages are installed.

Owns: the folders that may have them, and reading a page, compressed or not. Must not know: what is in a
page, but for its version; servers.
"""

from __future__ import annotations

import os

from ..render import EMPHASIS, WARNING, Block, Heading
from .reference import Reference, page_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping


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


_USUAL = ("/usr/share/man", "/usr/local/share/man", "/usr/local/man")
_HOMEBREW = ("/opt/homebrew", "/usr/local", "/home/linuxbrew/.linuxbrew")
_SUFFIXES = ("", ".gz", ".xz")
# The title line of a page stands within so many bytes.
_HEAD = 1 << 14
# No page is larger: a hundred times the largest so far.
_LARGEST = 1 << 27


def find_page(
    name: str,
    version: tuple[int, ...] | None,
    *,
    environment: Mapping[str, str],
    program: str | None = None,
) -> str | None:
    """The roff text of the page that is best for a server of this version: the same version, else one
    that is as near in its first numbers, else the first that is found. None if none is installed.

    `program` is the server if we have started it; its manual stands beside it.
    """
    best, best_score = "", -1
    for path in _paths(name, environment, program):
        score = _likeness(page_version(_read(path, _HEAD)), version)
        if score > best_score:
            best, best_score = path, score
    return (_read(best, _LARGEST) or None) if best else None


def folders(environment: Mapping[str, str], program: str | None = None) -> list[str]:
    """The folders of manual pages, the likeliest first, as man(1) has them: $MANPATH takes the place
    of the usual ones, which an empty part of it stands for. Before all come those beside `program` and
    beside $QEMU."""
    found: list[str] = []
    for one in (program, _program_of(environment)):
        if one:
            binaries = os.path.dirname(_resolved(one, environment))
            # Who builds QEMU has its manual there.
            found += [*_beside(binaries), f"{binaries}/docs"]
    manual_path = environment.get("MANPATH")
    for part in manual_path.split(":") if manual_path else [""]:
        found += [part] if part else _usual(environment)
    return list(dict.fromkeys(found))


def _usual(environment: Mapping[str, str]) -> list[str]:
    found = [
        folder
        for binaries in environment.get("PATH", "").split(":")
        if binaries
        for folder in _beside(binaries)
    ]
    found += _USUAL
    brew = environment.get("HOMEBREW_PREFIX")
    return found + [f"{one}/share/man" for one in ((brew, *_HOMEBREW) if brew else _HOMEBREW)]


def _beside(binaries: str) -> list[str]:
    """The folders of manual pages beside a folder of programs."""
    prefix = os.path.dirname(os.path.abspath(binaries))
    return [f"{prefix}/share/man", f"{prefix}/man"]


def _program_of(environment: Mapping[str, str]) -> str:
    """The program that $QEMU names, which may have options behind it."""
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
    for folder in folders(environment, program):
        for inner in (f"{folder}/man{SECTION}", folder):
            for suffix in _SUFFIXES:
                path = f"{inner}/{name}.{SECTION}{suffix}"
                if os.path.isfile(path):
                    yield path


def _likeness(text: str, version: tuple[int, ...] | None) -> int:
    """How many of the first numbers of a version are those of the other."""
    numbers = [int(part) for part in text.split(".") if part]
    same = 0
    for one, other in zip(numbers, version or (), strict=False):
        if one != other:
            break
        same += 1
    return same


def _read(path: str, size: int) -> str:
    """The first `size` bytes of a page; empty where it cannot be read."""
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
    """Up to `size` bytes of what is in gzip's data, as much as there is of it."""
    import zlib

    try:
        return zlib.decompressobj(wbits=31).decompress(data, size)
    except zlib.error:
        return b""


def _unxzed(data: bytes, size: int) -> bytes:
    try:
        import lzma  # not every Python has it
    except ImportError:
        return b""
    try:
        return lzma.LZMADecompressor().decompress(data, size)
    except (lzma.LZMAError, EOFError):
        return b""


# Two versions are alike if so many of their first numbers are: the next only tells of corrections.
_TELLING = 2


class Manual:
    """`reference` is None where the page is not installed; `version` is the server's, if it is known."""

    __slots__ = ("page", "reference", "version")

    def __init__(
        self, page: Page, reference: Reference | None, version: tuple[int, ...] | None
    ) -> None:
        self.page = page
        self.reference = reference
        self.version = version

    @property
    def absence(self) -> str:
        """That it is not installed, and where it is to be had; empty where it is."""
        if self.reference is not None:
            return ""
        page = self.page
        return f"no manual is installed: Debian has {page.name}(7) in {page.package}"

    def about(self, page: list[Block]) -> list[Block]:
        """A page with a line that says where its words are from: first, if that is another version than
        the server's."""
        title = f"{self.page.name}(7)"
        if self.reference is None:
            text = self.absence[:1].upper() + self.absence[1:]
            return [*page, Heading([(WARNING, f"{text}.")])]
        theirs = self.reference.version
        if self.version is not None and theirs and not self._is_like(theirs):
            server = ".".join(map(str, self.version))
            text = f"From {title} of QEMU {theirs}, but the server is QEMU {server}."
            return [Heading([(WARNING, text)]), *page]
        of = f" of QEMU {theirs}" if theirs else ""
        return [*page, Heading([(EMPHASIS, f"From {title}{of}.")])]

    def _is_like(self, text: str) -> bool:
        assert self.version is not None
        numbers = tuple(int(part) for part in text.split("."))
        return numbers[:_TELLING] == self.version[:_TELLING]


class Library:
    """`find` gives a page's text (`ports.Ports.find_page`)."""

    def __init__(self, find: Callable[[str, tuple[int, ...] | None], str | None]) -> None:
        self._find = find
        self._read: dict[tuple[str, tuple[int, ...] | None], Reference] = {}

    def manual(self, page: Page, version: tuple[int, ...] | None) -> Manual:
        """The page for a server of this version. One that is missing is looked for each time."""
        key = (page.name, version)
        reference = self._read.get(key)
        if reference is None:
            text = self._find(*key)
            if text is not None:
                reference = self._read[key] = Reference(text)
        return Manual(page, reference, version)
