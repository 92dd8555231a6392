"""How a session and its connection end.

Owns: what the loss of the server means for what is under way, and when a person or a script leaves. Must
not know: the order of lines, what messages say.
"""

from __future__ import annotations

from .. import exits
from ..diagnosis import explain_garbage
from ..effects import Leave, ShowStray, Tell
from ..protocol.messages import Foreign
from ..protocol.negotiation import READY
from ..render.escape import escape
from .outstanding import answer_own
from .queue import were_not_sent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..effects import Effect
    from .core import Session


class Ending:
    """`is_leaving` says that nothing more is taken: we leave when what was sent is answered."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.is_leaving = False

    # -- the connection ------------------------------------------------------------------------

    def end_of_stream(self) -> list[Effect]:
        """The server has closed the stream."""
        session = self._session
        effects: list[Effect] = []
        for item in session.link.protocol.receive_end():
            if isinstance(item, Foreign):
                return self.give_up(explain_garbage(session.link.address, item.raw))
            effects.append(ShowStray(item, "cut off"))
        return effects + self.connection_lost("")

    def give_up(self, text: str) -> list[Effect]:
        """The connection is of no use; `text` says why."""
        session = self._session
        session.link.end()
        session.forget_lines()
        return session.failures.no_server(text)

    def connection_lost(self, reason: str) -> list[Effect]:
        """The stream broke; `reason` is empty where the server just closed it."""
        session = self._session
        link, unsent = session.link, session.queue.unsent
        awaited, waiting = session.waits.awaited, session.outstanding.waiting
        is_quitting = link.ended_well or (waiting is not None and waiting.is_silent)
        ended_well = is_quitting and session.outstanding.all_quit and awaited is None
        early = link.protocol.state != READY
        line, opening = session.queue.current, session.queue.opening
        finishing = session.queue.finishing
        link.end()
        background = [one for one in session.outstanding.clear() if one.background]
        session.forget_lines()
        session.asking = None
        if line is not None and line.destination is not None and opening is None:
            # Its replies are still on their way to a file or a command.
            line.actions.clear()
            session.queue.current, session.queue.finishing = line, finishing
        unanswered = [effect for one in background for effect in answer_own(one, None)]
        if early:
            text = link.explain_early_loss(reason)
            if unsent and session.interactive:
                text += f"; {were_not_sent(unsent)}"
            return session.failures.no_server(text)
        if ended_well and not unsent:
            link.quit_answered = True
            told: list[Effect] = [Tell("the server has exited")] if session.interactive else []
            return [*told, *session.advance()]
        text = link.explain_loss(reason, waiting, awaited)
        if waiting is not None:
            text = session.failures.place(waiting.source, waiting.start, text)
        if unsent:
            text += f"; {_more(unsent) if waiting is not None else were_not_sent(unsent)}"
        return [*session.advance(), *session.failures.no_server(text), *unanswered]

    # -- the session ---------------------------------------------------------------------------

    def leave(self) -> list[Effect]:
        """`exit`: leave when what was sent is answered; what follows is forgotten."""
        queue = self._session.queue
        self.is_leaving = True
        queue.lines.clear()
        if queue.current is not None:
            queue.current.actions.clear()
        return []

    def leave_soon(self) -> list[Effect]:
        """A person leaves; whatever we ask ourselves does not keep them."""
        self.is_leaving = True
        return self.leave_if_done() or self._tell_delay()

    def leave_if_done(self) -> list[Effect]:
        session = self._session
        queue = session.queue
        if not self.is_leaving or queue.lines or session.waits.awaited is not None:
            return []
        if queue.needing is not None or queue.current is not None:
            return []
        return self.left() if session.waiting is None else []

    def left(self) -> list[Effect]:
        """Leave, whatever is awaited."""
        session = self._session
        if session.lost and not session.link.ended_well:
            return [Leave(exits.CONNECTION)]
        return [Leave(exits.OK if session.interactive else session.failures.status)]

    def _tell_delay(self) -> list[Effect]:
        waiting = self._session.waiting
        if waiting is None:
            return []
        return [Tell(f"leaving when {escape(waiting.label)} is answered; Ctrl-D leaves now")]


def _more(unsent: int) -> str:
    return f"{unsent} more was not sent" if unsent == 1 else f"{unsent} more were not sent"
