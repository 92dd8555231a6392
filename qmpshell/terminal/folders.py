"""What is in a folder, for who completes a path.

Owns: asking the file system. Must not know: what a path is for, which of the names fit.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from ..complete.file_kinds import FILE, FOLDER, OTHER, SOCKET


def list_folder(path: str) -> Iterator[tuple[str, str]]:
    """The names in the folder that the beginning of a path is in, in no order, each with what it is, as
    `complete.file_kinds` calls that; none where it cannot be read. `~/` stands for the home directory."""
    folder = os.path.expanduser(os.path.dirname(path)) or "."
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                yield entry.name, _kind(entry)
    except OSError:
        return


def _kind(entry: os.DirEntry[str]) -> str:
    if entry.is_dir():
        return FOLDER
    if entry.is_file():
        return FILE
    try:
        return SOCKET if stat.S_ISSOCK(entry.stat().st_mode) else OTHER
    except OSError:  # a link to nothing
        return OTHER
