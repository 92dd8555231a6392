"""The lines that are still to be carried out.

Owns: their order, and what the current one waits for. Must not know: how anything is carried out.
"""

from __future__ import annotations

from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..language import Action, Destination
    from .requests import Prepared, Request


class CurrentLine:
    """The line that is being carried out: the actions that are left, each with its request if that
    was made ahead."""

    __slots__ = ("actions", "destination", "source")

    def __init__(self, prepared: Prepared) -> None:
        plan = prepared.plan
        assert plan is not None
        self.source = prepared.source
        self.actions: deque[tuple[Action, Request | None]] = deque(
            zip(plan.actions, prepared.requests, strict=True)
        )
        self.destination = plan.destination


class LineQueue:
    """`needing` is a line that cannot be read before something is known; `opening` and `finishing`
    are destinations of the current line that are not ready, or not done."""

    def __init__(self) -> None:
        self.lines: deque[Prepared] = deque()
        self.current: CurrentLine | None = None
        self.needing: Prepared | None = None
        self.opening: Destination | None = None
        self.finishing: Destination | None = None

    def __bool__(self) -> bool:
        return bool(self.lines) or self.current is not None or self.needing is not None

    @property
    def is_held(self) -> bool:
        return self.needing is not None or self.opening is not None or self.finishing is not None

    @property
    def unsent(self) -> int:
        """How many commands were not sent; a line that was not read yet counts as one."""
        count = sum(len(one.plan.actions) if one.plan else 1 for one in self.lines)
        if self.current is not None:
            count += len(self.current.actions)
        return count + (self.needing is not None)

    def clear(self) -> None:
        self.lines.clear()
        self.current = self.needing = self.opening = self.finishing = None


def were_not_sent(count: int) -> str:
    return f"{count} was not sent" if count == 1 else f"{count} were not sent"
