"""What a session does because time has passed.

Owns: which deadline is the next, and what is due then: a silence is explained, a wait ends, a reply is
given up. Must not know: clocks (`now` is handed in), how anything is shown.
"""

from __future__ import annotations

from ..effects import Tell
from .outstanding import answer_own

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..effects import Effect
    from ..requests import Request
    from .core import Session

# After so many seconds without an answer a command has succeeded that is answered only where it fails.
_SILENT_SUCCESS = 3.0


class Timing:
    """The times of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def deadline(self) -> float | None:
        """When `tick` is due at the latest; None where nothing depends on time."""
        session = self._session
        holding = session.outstanding.holding
        patience = self._patience(holding) if holding is not None else None
        if patience is None and session.machine is None and self._is_timeless:
            return None  # as in most scripts, for every message
        times = [*session.link.deadlines, *session.waits.deadlines]
        if session.machine is not None and session.machine.deadline is not None:
            times.append(session.machine.deadline)
        if holding is not None and patience is not None:
            times.append(holding.sent_at + patience)
        return min(times, default=None)

    @property
    def _is_timeless(self) -> bool:
        """Whether neither the connection nor a wait has a time set."""
        link, waits = self._session.link, self._session.waits
        if waits.awaited is not None or waits.panel is not None:
            return False
        return link.silence_at is None and link.give_up_at is None and link.again_at is None

    def tick(self, now: float) -> list[Effect]:
        """Do what is due by now."""
        session, link = self._session, self._session.link
        if link.give_up_at is not None and now >= link.give_up_at:
            return session.ending.give_up(link.explain_silence())
        effects: list[Effect] = []
        if link.silence_at is not None and now >= link.silence_at:
            link.silence_at = None
            effects.append(Tell(link.explain_silence()))
        if link.again_at is not None and now >= link.again_at:
            link.synchronise(now)
            effects += session.negotiate()
        effects += [*session.waits.tick(now), *session.advance()]
        if session.machine is not None:
            effects += session.machine.tick(now)
        request = session.outstanding.holding
        if request is not None:
            patience = self._patience(request)
            if patience is not None and now >= request.sent_at + patience:
                effects += self._give_up(request)
        return effects

    def _patience(self, request: Request) -> float | None:
        """For how many seconds its reply is awaited."""
        timeout = self._session.settings.timeout
        if request.is_silent:
            return _SILENT_SUCCESS if timeout is None else min(timeout, _SILENT_SUCCESS)
        return timeout

    def _give_up(self, request: Request) -> list[Effect]:
        session, timeout = self._session, self._session.settings.timeout
        needing = session.queue.needing
        if request.is_silent and request.source is not None:
            return self._succeeded(request)
        if request.source is None and needing is not None and not session.interactive:
            session.forget_lines()
            text = f"no reply to {request.name} within {timeout:g} s; nothing was sent"
            text = session.failures.place(needing.source, 0, text)
            return session.failures.no_server(text)
        request.abandoned = True
        if request.source is None:
            return [*answer_own(request, None), *session.advance()]
        text = f"no reply to {request.label} within {timeout:g} s; its outcome is unknown"
        if session.interactive:
            return [Tell(text, is_error=True), *session.advance()]
        session.forget_lines()
        text = session.failures.place(request.source, request.start, text)
        return session.failures.no_server(text)

    def _succeeded(self, request: Request) -> list[Effect]:
        """It would have been answered by now if it had failed; if it still is, that is shown as late."""
        session = self._session
        session.outstanding.dismiss(request)
        session.link.quit_answered |= request.is_quit
        told: list[Effect] = []
        if session.interactive:
            told = [Tell(f"{request.label} is under way: it is answered only where it fails")]
        return [*told, *session.advance()]
