"""Failures: messages with their positions, the exit status, and the answers of `--json-errors`."""

from __future__ import annotations

from ..errors import CONNECTION, FAILED, OK, LineError
from .effects import Exit, ShowAnswer, ShowUnexpected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..language import SourceLine
    from ..storage import Settings
    from .effects import Outbox, ShowCommand, ShowReply
    from .requests import PreparedLine


# Classes of errors that are not the server's.
LINE_ERROR = "LineError"  # the line was refused as a whole, and nothing of it was sent
GENERIC_ERROR = "GenericError"
CONNECTION_LOST = "ConnectionLost"


class FailureReporter:
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
        self,
        source: SourceLine,
        error: LineError,
        *,
        error_class: str = LINE_ERROR,
        stops: bool = True,
    ) -> None:
        """Report a line that cannot be parsed or cannot run as it is.

        Without `stops`, the caller calls `stop_on_error` after a hint.
        """
        from ..render import format_line_error  # few lines are invalid

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
        if source.is_one_of_several:
            number, _, _ = source.line.locate(error.start)
            text = f"line {number}: {text}"
        self._outbox.show(text, is_error=True, line=source)
        self._answers.fail(error_class, error.sentence)
        if stops:
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
        from ..render import with_position  # few commands fail

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


class AnswerLog:
    """Collects the answer to the current item of a script, and shows it when the item has ended.

    The answer is the first failure, else the last reply, else the result of a shell command.
    Without `is_enabled`, replies are shown as they arrive, and nothing else is done.
    """

    def __init__(self, outbox: Outbox, *, is_enabled: bool) -> None:
        self._outbox = outbox
        self.is_enabled = is_enabled
        # Whether the current item, or a line that has not started, has no answer yet.
        self._is_owed = False
        self._answer: dict[str, object] = {}
        # The answers to the lines of each open `/source`.
        self._files: list[list[object]] = []

    def start_line(self, line: PreparedLine) -> None:
        """Expect an answer to a line, which may fail before its first item starts."""
        if line.ends_file:
            line.ends_file = False
            self._end_file()
        self.start_item()

    def start_item(self) -> None:
        """Expect one answer from now on."""
        self._is_owed = self.is_enabled
        self._answer = {"return": {}}

    def cancel(self) -> None:
        """Expect no answer, because the line contains no item, or another line answers."""
        self._is_owed = False

    def add_reply(self, shown: ShowReply) -> None:
        """Add a reply to the current item. A redirect receives it at once."""
        if not self.is_enabled or (shown.redirect is not None and not shown.is_failure):
            self._outbox.emit(shown)
        elif shown.late:  # its item has been answered
            self._outbox.emit(ShowUnexpected(shown.reply, "a late reply"))
        else:
            self._answer = shown.request.visible(shown.reply)

    def add_command(self, shown: ShowCommand) -> None:
        """Add the command that a dry run shows."""
        if self.is_enabled:
            self._answer = shown.request.message
        else:
            self._outbox.emit(shown)

    def set_result(self, value: object) -> None:
        """Set the result of a shell command."""
        self._answer = {"return": value}

    def fail(self, error_class: str, desc: str) -> None:
        """Answer with an error, unless the item has its answer already."""
        self._answer = {"error": {"class": error_class, "desc": desc}}
        self.finish_item()

    def finish_item(self) -> None:
        """Show the answer, unless the item has its answer already."""
        if self._is_owed:
            self._is_owed = False
            if self._files:
                self._files[-1].append(self._answer)
            else:
                self._outbox.emit(ShowAnswer(self._answer))

    def start_file(self) -> None:
        """Collect the answers to the lines of a file. They are the result of its `/source`."""
        self.cancel()
        self._files.append([])

    def _end_file(self) -> None:
        """Answer the `/source` whose lines have ended."""
        answers = self._files.pop()
        self.start_item()
        self.set_result(answers)
        self.finish_item()

    def close(self) -> None:
        """Answer what has started, because the script ends."""
        self.finish_item()
        while self._files:
            self._end_file()
