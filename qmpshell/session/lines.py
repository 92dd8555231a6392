"""The queue of lines."""

from __future__ import annotations

from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..language import Action, Redirect
    from .requests import PreparedLine, Request


class RunningLine:
    """The line being executed: the remaining actions, each with its request if it is encoded already."""

    __slots__ = ("actions", "redirect", "source")

    def __init__(self, prepared: PreparedLine) -> None:
        plan = prepared.plan
        assert plan is not None
        self.source = prepared.source
        self.actions: deque[tuple[Action, Request | None]] = deque(
            zip(plan.actions, prepared.requests, strict=True)
        )
        self.redirect = plan.redirect


class LineQueue:
    """The queue of a session.

    `missing` is a line that cannot be evaluated yet; `opening` and `closing` are redirects of the
    current line that are not ready or not done.
    """

    def __init__(self) -> None:
        self.lines: deque[PreparedLine] = deque()
        self.current: RunningLine | None = None
        self.missing_line: PreparedLine | None = None
        self.opening: Redirect | None = None
        self.closing: Redirect | None = None

    def __bool__(self) -> bool:
        return bool(self.lines) or self.current is not None or self.missing_line is not None

    @property
    def is_held(self) -> bool:
        """Whether the current line waits for information or a redirect."""
        return self.missing_line is not None or self.opening is not None or self.closing is not None

    @property
    def unsent(self) -> int:
        """Return how many commands were not sent. A line that is not parsed yet counts as one."""
        count = sum(len(line.plan.actions) if line.plan else 1 for line in self.lines)
        if self.current is not None:
            count += len(self.current.actions)
        return count + (self.missing_line is not None)

    def clear(self) -> None:
        """Remove all lines."""
        self.lines.clear()
        self.current = self.missing_line = self.opening = self.closing = None


def describe_unsent(count: int) -> str:
    """Return how many commands were not sent, in words."""
    return f"{count} was not sent" if count == 1 else f"{count} were not sent"
