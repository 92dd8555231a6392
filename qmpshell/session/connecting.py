"""Going back to a server, or to another one.

Owns: what becomes of everything that belonged to the connection before. Must not know: sockets, how an
address is read. Nothing that was sent is ever sent again.
"""

from __future__ import annotations

from ..effects import Connect, Tell
from .link import CONNECTED, LOST, UNCONNECTED, Link
from .outstanding import answer_own
from .queue import were_not_sent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..effects import Effect
    from .core import Session


class Connecting:
    """Does a session's `/connect`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def make_way(self) -> list[Effect]:
        """A person wants another connection now: nothing of this one is waited for any longer."""
        session = self._session
        unsent = session.queue.unsent
        effects = self._forget()
        session.forget_lines()
        session.asking = None
        session.link.end()
        return [*effects, Tell(were_not_sent(unsent))] if unsent else effects

    def begin(self, text: str | None) -> list[Effect]:
        """Leave this server, and connect to what `text` names, or with None to this one again."""
        session = self._session
        effects = self._forget() if session.link.state == CONNECTED else []
        settings = session.settings
        same = text is None or text == session.link.address
        session.link = Link(
            session.link.address if text is None else text,
            settings,
            gives_up=not session.interactive,
        )
        session.link.state = UNCONNECTED
        session.link.since = session.now
        session.facts.forget()
        session.names = session.cpu = None
        session.agent_version = ""
        session.told.clear()
        session.waits.panel = session.machine = None
        if not same:
            session.events.clear()
            session.recent.clear()
        return [*effects, Connect(text)]

    def failed(self, text: str) -> list[Effect]:
        """There is no server; `text` says why."""
        session = self._session
        if session.link.state != UNCONNECTED:
            return []
        session.link.state = LOST
        unsent = session.queue.unsent
        session.forget_lines()
        return session.failures.no_server(f"{text}; {were_not_sent(unsent)}" if unsent else text)

    def _forget(self) -> list[Effect]:
        session = self._session
        effects: list[Effect] = []
        for request in session.outstanding.clear():
            if request.source is None:
                effects += answer_own(request, None)
            elif not request.abandoned:
                text = f"no longer waiting for the reply to {request.label}; its outcome is unknown"
                effects.append(Tell(text))
        return effects
