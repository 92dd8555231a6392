"""The answers of `--json-errors`: exactly one JSON object for each item of an input line."""

from __future__ import annotations

from .effects import ShowAnswer, ShowUnexpected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .effects import Outbox, ShowCommand, ShowReply
    from .requests import PreparedLine


# Classes of errors that are not the server's.
LINE_ERROR = "LineError"  # the line was refused as a whole, and nothing of it was sent
GENERIC_ERROR = "GenericError"
CONNECTION_LOST = "ConnectionLost"


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
