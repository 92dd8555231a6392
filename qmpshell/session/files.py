"""The files that lines wait for, and the time limits for them and the log."""

from __future__ import annotations

from .effects import CloseRedirect, FileStep, OpenFile, OpenRedirect, ReadFile, StopFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..storage import Settings
    from .effects import Outbox
    from .lines import LineQueue, Task
    from .log import MessageLogger


class FileSteps:
    """The steps of lines that wait for files, which may be FIFOs; and the log, which may be one too."""

    def __init__(
        self,
        settings: Settings,
        outbox: Outbox,
        lines: LineQueue,
        message_logger: MessageLogger,
        *,
        interactive: bool,
    ) -> None:
        self._settings = settings
        self._outbox = outbox
        self._lines = lines
        self._message_logger = message_logger
        self._interactive = interactive
        self._steps: list[FileStep] = []
        # Since when the log accepts no messages.
        self._log_blocked_since: float | None = None

    def start(self, task: Task, step: FileStep) -> None:
        """Add the step of a line, which the driver starts."""
        task.blocked_since = self._outbox.now
        self._steps.append(step)

    def end(self, step: object) -> None:
        """Remove a step that the driver has answered."""
        if self._steps:
            self._steps = [other for other in self._steps if other is not step]

    @property
    def task(self) -> Task | None:
        """The line that waits for a file, or None."""
        if not self._steps:
            return None
        return next((task for task in self._lines if task.file), None)

    def stop(self, task: Task) -> None:
        """Stop reading, opening or writing the file that a line waits for."""
        step = task.blocked_on
        assert isinstance(step, FileStep)
        self._outbox.emit(StopFile(step))
        self.end(step)

    def update(self) -> None:
        """Stop reading and opening files for lines that were dropped. Redirects are still written."""
        logger = self._message_logger
        if not (logger.is_open and logger.waits_for):
            self._log_blocked_since = None
        elif self._log_blocked_since is None:
            self._log_blocked_since = self._outbox.now
        if not self._steps:
            return
        awaited = {id(task.blocked_on) for task in self._lines}
        for step in self._steps:
            if id(step) not in awaited and not isinstance(step, CloseRedirect):
                self._outbox.emit(StopFile(step))
        self._steps = [step for step in self._steps if id(step) in awaited]

    def flush_log(self, *, is_last: bool) -> None:
        """Write waiting messages to the log. With `is_last`, report those that remain."""
        self._message_logger.flush(is_last=is_last)
        self._log_blocked_since = None

    @property
    def deadline(self) -> float | None:
        """When a script stops waiting for a file or the log."""
        timeout = self._settings.timeout
        if timeout is None or self._interactive:
            return None
        task, since = self.task, self._log_blocked_since
        if task is not None:
            since = task.blocked_since
        return None if since is None else since + timeout

    def on_time(self, now: float) -> None:
        """Stop waiting for a file or the log that takes too long."""
        deadline = self.deadline
        if deadline is None or now < deadline:
            return
        task, within = self.task, f"within {self._settings.timeout:g} s"
        if task is None:
            self._message_logger.fail(f"no data could be written {within}")
            return
        step = task.blocked_on
        self.stop(task)
        match step:
            case ReadFile():
                task.resume(step, OSError(0, f"it could not be read {within}"))
            case OpenFile():
                task.resume(step, OSError(0, f"it could not be opened {within}; nothing was sent"))
            case OpenRedirect():
                task.resume(step, f"{task.file}: it could not be opened {within}; nothing was sent")
            case CloseRedirect():
                task.resume(step, f"{task.file}: not all data could be written {within}")
