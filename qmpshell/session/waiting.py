"""What a session waits for, beside replies.

Owns: the one wait that holds up the lines, the one that goes on beside them, and when each is looked
at. Must not know: what they wait for (`waits`), the order of lines.
"""

from __future__ import annotations

from ..render.escape import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..effects import Effect
    from ..protocol.messages import Event
    from ..waits import Wait
    from .core import Session


class Waiting:
    """`awaited` holds up the lines; `panel` is what a person looks on at beside them."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.awaited: Wait | None = None
        self.panel: Wait | None = None

    def __iter__(self) -> Iterator[Wait]:
        return iter([wait for wait in (self.awaited, self.panel) if wait is not None])

    def clear(self) -> None:
        self.awaited = self.panel = None

    @property
    def deadlines(self) -> list[float]:
        """When `tick` is due."""
        times = [time for wait in self for time in (wait.deadline, wait.due)]
        return [time for time in times if time is not None]

    def see(self, event: Event) -> bool:
        """Whether an event is used up by what is waited for."""
        return self.awaited is not None and self.awaited.see(event)

    def look(self) -> list[Effect]:
        """Something was learnt that what is waited for may be about."""
        return [effect for wait in self for effect in self.settle(wait)]

    def settle(self, wait: Wait) -> list[Effect]:
        """Go on if `wait` is over."""
        if wait not in (self.awaited, self.panel):
            return []
        effects = wait.look()
        if not wait.ended:
            ask, wait.ask = wait.ask, None
            return [*effects, *(ask() if ask is not None else [])]
        self._end(wait)
        if wait.failure:
            effects += self._session.failures.at(wait.source, wait.start, wait.failure)
        return effects

    def tick(self, now: float) -> list[Effect]:
        """Do what is due by now."""
        effects: list[Effect] = []
        for wait in self:
            if wait.deadline is not None and now >= wait.deadline:
                self._end(wait)
                text = f"{escape(wait.label)} did not {wait.verb} in time"
                effects += self._session.failures.at(wait.source, wait.start, text)
            elif wait.due is not None and now >= wait.due:
                effects += [*wait.act(now), *self.settle(wait)]
        return effects

    def stop_panel(self) -> list[Effect]:
        """The person has seen enough of what goes on beside the lines."""
        panel, self.panel = self.panel, None
        return panel.stop() if panel is not None else []

    def _end(self, wait: Wait) -> None:
        if self.awaited is wait:
            self.awaited = None
        else:
            self.panel = None
