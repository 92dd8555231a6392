"""A terminal that has gone.

Owns: telling its errors from mistakes of our own. Must not know: who finds them.
"""

from __future__ import annotations

import errno
import termios


def is_hang_up(error: BaseException) -> bool:
    """Whether reading, writing or setting the terminal failed because its window was closed."""
    gone = (errno.EIO, errno.ENXIO, errno.ENOTTY)
    if isinstance(error, termios.error):
        return bool(error.args) and error.args[0] in gone
    return isinstance(error, OSError) and error.errno in gone
