"""Where manual pages are installed.

Owns: the folders that may have them, and reading a page, compressed or not. Must not know: what is in a
page, but for its version; servers.
"""

from __future__ import annotations

import os

from .pages import SECTION
from .reference import page_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
