"""The lines that were typed, to be recalled.

Owns: that no secret is among them. Must not know: what is secret (that is `records`), keys.
"""

from __future__ import annotations

from prompt_toolkit.history import InMemoryHistory


class SafeHistory(InMemoryHistory):
    """Keeps a secret as `@?`, which asks for it again, and leaves out the lines where that cannot be
    done, and those that begin with a blank. `human` says that they are the human monitor's."""

    def __init__(self, *, human: bool) -> None:
        super().__init__()
        self._human = human

    def append_string(self, string: str) -> None:
        from ..records.entries import (
            redact_entry,
        )  # slow to import, and not before the first prompt

        kept = redact_entry(string, human=self._human)
        if kept is not None:
            super().append_string(kept)
