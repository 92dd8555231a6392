"""A mistake of our own, told so that it can be mended.

Owns: the sentence, and the file with the details. Must not know: what went wrong.
"""

from __future__ import annotations

import contextlib
import os
import time
import traceback
from collections.abc import Mapping

from .. import __version__
from ..folders import state_folder


def describe_crash(error: BaseException, environment: Mapping[str, str]) -> str:
    """What to tell the user; the details go to a file of the user's own."""
    text = "".join(traceback.format_exception(error))
    path = _write(f"qmpshell {__version__}\n{text}", environment)
    where = f"; the details are in {path}" if path else ""
    return f"a mistake of qmpshell's own: {type(error).__name__}: {error}{where}"


def _write(text: str, environment: Mapping[str, str]) -> str:
    """The path of a new file with the text; empty where none can be written."""
    directory = state_folder(environment)
    if directory is None:
        return ""
    path = os.path.join(directory, f"crash-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt")
    with contextlib.suppress(OSError):
        os.makedirs(directory, mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        return path
    return ""
