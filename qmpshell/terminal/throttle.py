"""Throttling of event storms: frequent events are counted by name.

An event name may occur in a burst, and then slowly; faster ones are counted until the storm ends.
The order is kept: counted events are shown before anything that came later.
"""

from __future__ import annotations

from ..qmp import Event
from ..record import Record

_MAX_BURST = 30.0  # events of a name that are shown at once
_RATE = 5.0  # and per second after that
_END_LEVEL = _MAX_BURST / 2  # a storm ends when this many could be shown again
_PAUSE = 1.0  # seconds between two counts in a storm
# A server may invent names; beyond this number, they are counted together.
_NAMES = 256
OTHERS = ""


class EventCount(Record):
    """`count` events of one `name`, or of several if that is OTHERS. `last` is the latest."""

    name: str
    last: Event
    count: int = 1


class _Allowance:
    """How many events of a name may be shown. `is_counting` while none may."""

    __slots__ = ("is_counting", "left", "when")

    def __init__(self, now: float) -> None:
        self.left = _MAX_BURST
        self.when = now
        self.is_counting = False

    def allow(self, now: float) -> bool:
        """Return True if one more may be shown."""
        self.left = min(_MAX_BURST, self.left + (now - self.when) * _RATE)
        self.when = now
        if self.left < 1:
            self.is_counting = True
        elif self.left >= _END_LEVEL:
            self.is_counting = False
        # Hidden events count too, so that a storm only ends when it calms down.
        self.left = max(0.0, self.left - 1)
        return not self.is_counting


class EventThrottle:
    """Receives every event. `due` is when `flush` must be called, or None."""

    def __init__(self) -> None:
        self._allowances: dict[str, _Allowance] = {}
        self._folded: dict[str, EventCount] = {}
        self.due: float | None = None

    def allow(self, event: Event, now: float) -> list[Event | EventCount]:
        """Return what to show for `event`."""
        name = event.name
        allowance = self._allowances.get(name)
        if allowance is None:
            name = OTHERS if len(self._allowances) >= _NAMES else name
            allowance = self._allowances.setdefault(name, _Allowance(now))
        if allowance.allow(now):
            return [*self.flush(), event]
        folded = self._folded.pop(name, None)
        if folded is None:
            folded = EventCount(name, event)
        else:
            folded.count += 1
            folded.last = event
        self._folded[name] = folded  # after those whose latest event is older
        if self.due is None:
            self.due = now + _PAUSE
        return []

    def flush(self) -> list[Event | EventCount]:
        """Return the counts since the last time, by the time of the latest event."""
        self.due = None
        if not self._folded:
            return []
        folded, self._folded = self._folded, {}
        return [value.last if value.count == 1 else value for value in folded.values()]
