"""One thing that may stand at the cursor.

Owns: its shape, which is the same whatever is completed. Must not know: who offers it, menus.
"""

from __future__ import annotations


class Candidate:
    """`text` replaces what stands between `start` and the cursor, and `after` characters behind it; it
    ends with a blank where something is to follow. `start` is an offset from the cursor, zero or negative;
    `meta` says what it is, on one line of any length. Texts are the server's words: who shows them
    escapes them.
    """

    __slots__ = ("after", "meta", "start", "text")

    def __init__(self, text: str, start: int, meta: str = "") -> None:
        self.after = 0
        self.text = text
        self.start = start
        self.meta = meta

    @property
    def label(self) -> str:
        """What a menu calls it."""
        return self.text.rstrip(" ")

    def __repr__(self) -> str:
        return f"Candidate({self.text!r}, {self.start}, {self.meta!r})"
