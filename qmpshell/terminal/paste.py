"""Pasted text is read as a whole, also from terminals that do not mark it (bracketed paste)."""

from __future__ import annotations

import select

from prompt_toolkit.input.posix_utils import PosixStdinReader

# More characters in one read than a user can type.
_MIN_PASTE = 64
_READ_SIZE = 1 << 16
_MAX_PASTE = 16 << 20
# Seconds without data after which a paste has ended.
_PAUSE = 0.1
# The end of a paste from a terminal that marks it.
_PASTE_END = "\x1b[201~"


class PasteReader(PosixStdinReader):
    """Reads all that arrives together, so that each key shows whether text follows it."""

    def read(self, count: int = 1024) -> str:
        """Return the text that was typed or pasted. `count` is too small to know where that ends."""
        count = max(count, _READ_SIZE)
        text = super().read(count)
        if len(text) < _MIN_PASTE:
            return text
        parts, size = [text], len(text)
        while size < _MAX_PASTE and not parts[-1].endswith(_PASTE_END) and self._has_more():
            parts.append(super().read(count))
            size += len(parts[-1])
            if self.closed:
                break
        return "".join(parts)

    def _has_more(self) -> bool:
        return bool(select.select([self.stdin_fd], [], [], _PAUSE)[0])
