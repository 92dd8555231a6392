"""Lines as they come from the user.

Owns: which line is queued, which overtakes those that wait, which ends the session, which cannot be read.
Must not know: how a line is carried out, what is sent.
"""

from __future__ import annotations

from ..language.command import LocalCommand
from ..requests import Prepared, prepare, prepare_human
from .lines import is_exit
from .link import CONNECTED, UNCONNECTED
from .queue import CurrentLine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..effects import Effect
    from ..requests import Source
    from .core import Session

# A person's commands that wait for none before them.
_AT_ONCE = ("/oob", "/status", "/help", "/apropos")


class Intake:
    """Takes the lines of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def prepare(self, source: Source) -> Prepared:
        """Read a line, which may be done while an earlier one is under way."""
        session = self._session
        if session.settings.hmp:
            return prepare_human(source)
        prepared = prepare(source, session.facts, encode=not session.interactive)
        if prepared.plan is not None:
            for action in prepared.plan.actions:
                if isinstance(action, LocalCommand):
                    from ..commands.check import mistake  # few scripts need it

                    error = mistake(action)
                    if error is not None:
                        return Prepared(source, error=error)
        return prepared

    def submit(self, prepared: Prepared) -> list[Effect]:
        """Queue a line that was read, or say why it could not be read."""
        session = self._session
        if session.ending.is_leaving:
            return []
        if session.interactive:
            effects = self._at_once(prepared)
            if effects is not None:
                return effects
        session.queue.lines.append(prepared)
        return session.advance()

    def _at_once(self, prepared: Prepared) -> list[Effect] | None:
        """What a person's line does that waits for no other; None where it is to be queued."""
        session = self._session
        if self._may_overtake and any(_is_local(prepared, name) for name in _AT_ONCE):
            return session.runner.overtake(CurrentLine(prepared))
        if _is_local(prepared, "/connect"):
            effects = session.connecting.make_way()
            session.queue.lines.append(prepared)
            return [*effects, *session.advance()]
        if not session.queue.unsent and _leaves(prepared):
            if session.link.state == UNCONNECTED:
                return session.ending.left()
            return session.ending.leave_soon()
        if prepared.error is not None:
            return session.failures.of_line(prepared.source, prepared.error)
        return None

    @property
    def _may_overtake(self) -> bool:
        link = self._session.link
        return link.state == CONNECTED and link.is_ready and self._session.asking is None


def _is_local(prepared: Prepared, name: str) -> bool:
    """Whether the line is one local command, of this name."""
    plan = prepared.plan
    if plan is None or len(plan.actions) != 1:
        return False
    action = plan.actions[0]
    return isinstance(action, LocalCommand) and action.name == name and not plan.destination


def _leaves(prepared: Prepared) -> bool:
    plan = prepared.plan
    if plan is None or len(plan.actions) != 1:
        return False
    action = plan.actions[0]
    if isinstance(action, LocalCommand):
        return action.name == "/quit" and not action.tokens
    return is_exit(action)
