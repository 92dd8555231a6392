"""Storms of events, folded.

Owns: which events are shown one by one, and which only counted with others of their name. Must not
know: how either looks, or clocks (`now` is handed in, in seconds).
Each name may come in a burst, and go on slowly; who comes faster is counted until there is calm. The
order stays: what was counted is given out before anything that came later.
"""

from __future__ import annotations

from ..qmp import Event

_BURST = 30.0  # so many of a name at once are shown one by one
_RATE = 5.0  # and so many a second
_CALM = _BURST / 2  # a storm is over when so many could be shown again
_PAUSE = 1.0  # seconds between two counts of a storm
# A server may make up names; beyond so many they are counted as one.
_NAMES = 256
OTHERS = ""


class Folded:
    """`count` events of one `name`, or of several if that is OTHERS; `last` is the latest."""

    __slots__ = ("count", "last", "name")

    def __init__(self, name: str, last: Event) -> None:
        self.name = name
        self.count = 1
        self.last = last


class _Allowance:
    """How many events of a name may be shown; `stormy` while none is."""

    __slots__ = ("left", "stormy", "when")

    def __init__(self, now: float) -> None:
        self.left = _BURST
        self.when = now
        self.stormy = False

    def take(self, now: float) -> bool:
        """Whether one more may be shown."""
        self.left = min(_BURST, self.left + (now - self.when) * _RATE)
        self.when = now
        if self.left < 1:
            self.stormy = True
        elif self.left >= _CALM:
            self.stormy = False
        # A storm uses up what it is not given, too: it ends when it calms down.
        self.left = max(0.0, self.left - 1)
        return not self.stormy


class Storm:
    """Give it every event; `due` is when `flush` is to be called at the latest, or None."""

    def __init__(self) -> None:
        self._allowances: dict[str, _Allowance] = {}
        self._folded: dict[str, Folded] = {}
        self.due: float | None = None

    def take(self, event: Event, now: float) -> list[Event | Folded]:
        """What is to be shown now that `event` has come."""
        name = event.name
        allowance = self._allowances.get(name)
        if allowance is None:
            name, allowance = self._begin(name, now)
        if allowance.take(now):
            return [*self.flush(), event]
        folded = self._folded.pop(name, None)
        if folded is None:
            folded = Folded(name, event)
        else:
            folded.count += 1
            folded.last = event
        self._folded[name] = folded  # behind those whose latest is older
        if self.due is None:
            self.due = now + _PAUSE
        return []

    def flush(self) -> list[Event | Folded]:
        """What was counted since the last time; the name whose latest is oldest comes first."""
        self.due = None
        if not self._folded:
            return []
        folded, self._folded = self._folded, {}
        return [one.last if one.count == 1 else one for one in folded.values()]

    def _begin(self, name: str, now: float) -> tuple[str, _Allowance]:
        if len(self._allowances) >= _NAMES:
            name = OTHERS
        return name, self._allowances.setdefault(name, _Allowance(now))
