"""The queue of lines, and the lines that run."""

from __future__ import annotations

from collections import deque

from .effects import CloseRedirect, OpenFile, OpenRedirect, ReadFile, TryConnect
from .steps import Sleep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from ..language import Action, Redirect, SourceLine
    from .requests import PreparedLine, Request
    from .steps import Step, Steps
    from .waits import Wait


class Task:
    """A line that runs.

    `steps` is its generator. `blocked_on` is the step that it waits for, or None if it can continue
    with `answer`, or with `error` as an exception. `actions` are those that have not started, each
    with its request if that is encoded already. `wait` is what a shell command waits for.
    """

    def __init__(self, line: PreparedLine, *, number: int) -> None:
        self.line = line
        # The order in which lines have started.
        self.number = number
        self.steps: Steps
        self.blocked_on: Step | None = None
        self.answer: Any = None
        self.error: Exception | None = None
        self.actions: deque[tuple[Action, Request | None]] = deque()
        # Whether the line is still being evaluated.
        self.is_evaluating = True
        # The redirect of the replies, while it is open.
        self.redirect: Redirect | None = None
        self.wait: Wait | None = None
        # The unanswered query of the wait.
        self.query: Request | None = None
        # When the driver started to open, read or write a file.
        self.blocked_since = 0.0

    @property
    def file(self) -> str:
        """The file that the line waits for, or ""."""
        step = self.blocked_on
        if isinstance(step, (ReadFile, OpenFile)):
            return step.path
        if isinstance(step, (OpenRedirect, CloseRedirect)) and step.redirect.operator != "|":
            return step.redirect.text
        return ""

    @property
    def source(self) -> SourceLine:
        """The source of the line."""
        return self.line.source

    def load(self, line: PreparedLine) -> None:
        """Set the actions of an evaluated line."""
        assert line.parsed is not None
        self.line = line
        self.is_evaluating = False
        requests = line.requests or [None] * len(line.parsed.actions)
        self.actions.extend(zip(line.parsed.actions, requests, strict=True))

    @property
    def unsent(self) -> int:
        """How many commands were not sent. A line that is not evaluated counts as one."""
        return 1 if self.is_evaluating and self.blocked_on is not None else len(self.actions)

    def resume(self, step: Step, answer: Any) -> None:
        """Let the line continue with an answer, if it still waits for this step."""
        if self.blocked_on is step:
            self.blocked_on, self.answer = None, answer

    def interrupt(self, error: Exception) -> None:
        """Let the line continue with an exception."""
        self.abandon_query()
        self.blocked_on, self.error = None, error

    def abandon_query(self) -> None:
        """Stop waiting for the answer to the query of the wait."""
        if self.query is not None:
            self.query.abandoned = True
            self.query = None

    def run(self) -> bool:
        """Run to the next step. Return False if the line has ended. Raises NotConnected."""
        answer, self.answer = self.answer, None
        error, self.error = self.error, None
        try:
            step = self.steps.send(answer) if error is None else self.steps.throw(error)
        except StopIteration:
            return False
        self.blocked_on = step
        return True


class LineQueue:
    """The queue of a session: the `waiting` lines, the `current` one, and those in the `background`."""

    def __init__(self) -> None:
        self.waiting: deque[PreparedLine] = deque()
        self.current: Task | None = None
        # Lines that do not block the others: /oob, /help, and live views.
        self.background: list[Task] = []
        # Whether no more lines are accepted: the session ends after the last reply.
        self.is_closed = False
        self._count = 0

    def __bool__(self) -> bool:
        return bool(self.waiting) or self.current is not None

    def __iter__(self) -> Iterator[Task]:
        """Iterate over the running lines."""
        return iter([*([self.current] if self.current is not None else []), *self.background])

    def make_task(self, line: PreparedLine) -> Task:
        """Return a line to run."""
        self._count += 1
        return Task(line, number=self._count)

    def start_next(self) -> Task:
        """Make the next waiting line the current one."""
        self.current = self.make_task(self.waiting.popleft())
        return self.current

    @property
    def unsent(self) -> int:
        """How many commands were not sent. A line that is not evaluated counts as one."""
        return count_commands(self.waiting) + (self.current.unsent if self.current else 0)

    @property
    def ready_in_background(self) -> Task | None:
        """A line in the background that can continue, or None."""
        return next((task for task in self.background if task.blocked_on is None), None)

    @property
    def awaited(self) -> Wait | None:
        """What the current line waits for, if it is a shell command that waits."""
        return self.current.wait if self.current is not None else None

    @property
    def view_task(self) -> Task | None:
        """The line whose wait is shown as the live view, or None."""
        return next((task for task in self.background if task.wait is not None), None)

    @property
    def has_waits(self) -> bool:
        """Whether any line waits for something with a deadline."""
        current = self.current
        return bool(self.background) or (current is not None and current.wait is not None)

    @property
    def deadlines(self) -> list[float]:
        """The times at which something is due for a wait."""
        waits = [task.wait for task in self if task.wait is not None]
        sleeps = [task.blocked_on for task in self if isinstance(task.blocked_on, Sleep)]
        deadlines = [wait.deadline for wait in waits if wait.deadline is not None]
        return deadlines + [sleep.until for sleep in sleeps]

    def contains(self, task: Task) -> bool:
        """Return True if the line runs."""
        return self.current is task or task in self.background

    def remove(self, task: Task) -> None:
        """Remove a line that has ended."""
        if self.current is task:
            self.current = None
        elif task in self.background:
            self.background.remove(task)

    def move_to_background(self, task: Task, view: Wait) -> None:
        """Let the other lines run, and show the wait of this one as the live view."""
        if self.current is task:
            self.current = None
            self.background.append(task)
        task.wait = view

    def close(self, *, drops_rest: bool = False) -> None:
        """Accept no more lines. With `drops_rest`, drop what has not started."""
        self.is_closed = True
        if drops_rest:
            self.waiting.clear()
            if self.current is not None:
                self.current.actions.clear()

    def restart_evaluation(self) -> None:
        """Evaluate the current line later if it is not evaluated yet, because the server is new."""
        if self.current is not None and self.current.is_evaluating:
            self.waiting.appendleft(self.current.line)
            self.current = None

    def drop_attempts(self) -> None:
        """Drop the lines that try to reach another server."""
        for task in [task for task in self.background if isinstance(task.blocked_on, TryConnect)]:
            task.steps.close()
            self.background.remove(task)

    def drop_view(self) -> None:
        """Drop the line of the live view."""
        task = self.view_task
        if task is not None:
            self.background.remove(task)

    def clear(self) -> None:
        """Remove all lines."""
        for task in self:
            task.actions.clear()
        self.waiting.clear()
        self.current = None
        self.background.clear()


def count_commands(lines: Iterable[PreparedLine]) -> int:
    """Return how many commands are in lines. A line that is not evaluated counts as one."""
    return sum(len(line.parsed.actions) if line.parsed else 1 for line in lines)


def describe_unsent(count: int) -> str:
    """Return how many commands were not sent, in words."""
    return "1 command was not sent" if count == 1 else f"{count} commands were not sent"
