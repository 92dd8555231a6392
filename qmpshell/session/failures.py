"""Failures: messages with their positions, and the exit status."""

from __future__ import annotations

from ..errors import CONNECTION, FAILED, OK, LineError
from ..render import format_line_error, with_position
from .answers import CONNECTION_LOST, GENERIC_ERROR, LINE_ERROR
from .effects import Exit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..language import SourceLine
    from ..storage import Settings
    from .answers import AnswerLog
    from .effects import Outbox


class FailureLog:
    """Reports failures. `status` is the exit status so far.

    `source_depth` contains the names of the files that `/source` runs. `stop` is called at the first
    failure if the session ends there (`--stop-on-error`).
    """

    def __init__(
        self,
        settings: Settings,
        outbox: Outbox,
        source_depth: Mapping[str, int],
        *,
        answers: AnswerLog,
        interactive: bool,
        stop: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._outbox = outbox
        self._source_depth = source_depth
        self._answers = answers
        self._interactive = interactive
        self._stop = stop
        self.status = OK

    def mark(self) -> None:
        """Record that a command failed."""
        if self.status == OK:
            self.status = FAILED

    def stop_on_error(self) -> None:
        """End the session if it ends at the first failure."""
        if self._settings.stop_on_error and not self._interactive:
            self._answers.close()
            self._stop()

    def report(
        self,
        source: SourceLine | None,
        start: int,
        text: str,
        *,
        error_class: str = GENERIC_ERROR,
    ) -> None:
        """Report the failure of a line, at this position."""
        self.mark()
        self._outbox.show(self.place(source, start, text), is_error=True)
        if self._answers.is_enabled and source is not None:
            self._answers.fail(error_class, self._clean(text, source, self._hidden(source)))
        self.stop_on_error()

    def report_line(
        self, source: SourceLine, error: LineError, *, error_class: str = LINE_ERROR
    ) -> None:
        """Report a line that cannot be parsed, or not be executed as it is."""
        self.mark()
        hidden: list[tuple[int, int]] = []
        if self._is_named(source):
            hidden = self._hidden(source)
            error = LineError(
                self._clean(error.reason, source, hidden),
                start=error.start,
                end=error.end,
                hint=self._clean(error.hint, source, hidden),
            )
        text = format_line_error(source, error, named=self._is_named(source), hidden=hidden)
        self._outbox.show(text, is_error=True, line=source)
        self._answers.fail(error_class, error.sentence)
        self.stop_on_error()

    def report_no_server(self, text: str) -> None:
        """Report that there is no server, which ends a script."""
        self.status = CONNECTION
        self._outbox.show(text, is_error=True)
        self._answers.fail(CONNECTION_LOST, text)
        self._answers.close()
        if not self._interactive:
            self._outbox.emit(Exit(CONNECTION))

    def place(self, source: SourceLine | None, start: int, text: str) -> str:
        """Return the text, with its position if that is not obvious."""
        if source is None or not self._is_named(source):
            return text
        return with_position(source, start, self._clean(text, source, self._hidden(source)))

    def _hidden(self, source: SourceLine) -> list[tuple[int, int]]:
        """Return the positions of the secrets in a line: messages of scripts are often kept."""
        from ..storage import hidden_spans  # only after a failure

        return hidden_spans(source.line.text, human=self._settings.hmp)

    def _clean(self, text: str, source: SourceLine, hidden: list[tuple[int, int]]) -> str:
        if not hidden:
            return text
        from ..storage import without_spans  # only after a failure

        return without_spans(text, source.line.text, hidden)

    def _is_named(self, source: SourceLine) -> bool:
        """Return True if the user must be told the file of a line."""
        return not self._interactive or source.name in self._source_depth
