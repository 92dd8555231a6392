"""What has failed, and what that means for the lines that follow.

Owns: the status that a session ends with, where it is said that something happened, and that a script may
end at its first failure. Must not know: replies, connections, the order of lines.
"""

from __future__ import annotations

from .. import exits
from ..effects import Leave, Tell
from ..render.diagnostics import line_message, placed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..effects import Effect
    from ..errors import LineError
    from ..requests import Source
    from .core import Session


class Failures:
    """Those of one session; `status` is what it would end with now."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.status = exits.OK

    def at(self, source: Source | None, start: int, text: str) -> list[Effect]:
        """A line has failed, at this place of it."""
        self.mark()
        return [Tell(self.place(source, start, text), is_error=True), *self.stop_on_error()]

    def of_line(self, source: Source, error: LineError) -> list[Effect]:
        """A line cannot be understood, or not be carried out as it stands."""
        self.mark()
        text = line_message(source, error, named=self._is_named(source))
        return [Tell(text, is_error=True), *self.stop_on_error()]

    def mark(self) -> None:
        if self.status == exits.OK:
            self.status = exits.FAILED

    def stop_on_error(self) -> list[Effect]:
        session = self._session
        if not session.settings.stop_on_error or session.interactive:
            return []
        line = session.queue.current
        if line is not None and line.destination is not None and session.queue.opening is None:
            return session.leave()  # once the replies so far are where they belong
        session.forget_lines()
        return [Leave(self.status)]

    def no_server(self, text: str) -> list[Effect]:
        """Say why there is no server; a script ends with that."""
        self.status = exits.CONNECTION
        tell = Tell(text, is_error=True)
        return [tell] if self._session.interactive else [tell, Leave(exits.CONNECTION)]

    def place(self, source: Source | None, start: int, text: str) -> str:
        """The text, with where it happened if a person must be told."""
        if source is None or not self._is_named(source):
            return text
        return placed(source, start, text)

    def _is_named(self, source: Source) -> bool:
        """Whether a person must be told in which file a line stands."""
        return not self._session.interactive or source.name in self._session.source_depth
