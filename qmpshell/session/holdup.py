"""What the lines that follow wait for, in words.

Owns: those words. Must not know: who shows them.
"""

from __future__ import annotations

from ..protocol.negotiation import READY
from ..render.escape import escape
from .link import CONNECTED, UNCONNECTED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .core import Session

# A wait of so many seconds is told of; after so many more there may be something wrong.
_TOLD = 1.0
_LONG = 5.0


def is_held_up(session: Session) -> bool:
    """Whether anything is waited for that a person might want to know of."""
    return (
        session.waits.awaited is not None
        or session.outstanding.holding is not None
        or session.link.state == UNCONNECTED
    )


def describe_hold_up(session: Session, now: float) -> str:
    """What is waited for, how long, and how many lines are queued; empty if not for long."""
    held = _held_by(session)
    if held is None:
        return ""
    what, since, cause = held
    seconds = now - since
    if seconds < _TOLD:
        return ""
    text = f"waiting for {what}, {int(seconds)} s; Ctrl-C stops waiting"
    unsent = session.queue.unsent
    if unsent:
        text += f"; {unsent} more {'is' if unsent == 1 else 'are'} queued"
    return f"{text}; {cause}" if cause and seconds >= _LONG else text


def _held_by(session: Session) -> tuple[str, float, str] | None:
    """What is waited for, since when, and why it may take long."""
    link = session.link
    if link.state == UNCONNECTED:
        return f"a connection to {escape(link.address)}", link.since, ""
    if link.state == CONNECTED and link.protocol.state != READY:
        return None  # that is told by itself
    if session.waits.awaited is not None:
        return escape(session.waits.awaited.label), session.waits.awaited.since, ""
    request = session.outstanding.holding
    if request is not None and (request.source is not None or session.queue.unsent):
        cause = "the server may be stopped, or busy"
        return f"the reply to {escape(request.label)}", request.sent_at, cause
    return None
