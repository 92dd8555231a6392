"""The session of `--raw`: bytes through.

Owns: that each line goes out as it is and every byte that comes is shown, and when a piped input has
been answered: after a second of quiet. Must not know: QMP.
"""

from __future__ import annotations

from ..errors import CONNECTION, OK
from ..language import Source
from .effects import Effect, Leave, Send, ShowBytes, Tell
from .requests import Prepared, Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..language import Destination


_QUIET = 1.0


class RawSession:
    """Has the same calls as `Session`, and no protocol."""

    def __init__(self, *, address: str, interactive: bool) -> None:
        self._address = address
        self._interactive = interactive
        self._quiet_at: float | None = None
        self._input_ended = False
        self.lost = False

    @property
    def idle(self) -> bool:
        return True

    @property
    def deadline(self) -> float | None:
        return self._quiet_at

    def connected(
        self,
        now: float,
        *,
        address: str | None = None,
        give_up_at: float | None = None,
        passes_descriptors: bool = False,
    ) -> list[Effect]:
        """The stream is open."""
        text = f"Connected to {self._address}; bytes go through as they are. Ctrl-D leaves."
        return [Tell(text)] if self._interactive else []

    def connect_failed(self, text: str, now: float) -> list[Effect]:
        return []  # there is no /connect here

    def receive(self, data: bytes, now: float) -> list[Effect]:
        """Bytes from the server; b"" is its end."""
        if not data:
            return self.connection_lost("")
        if self._input_ended:
            self._quiet_at = now + _QUIET
        return [ShowBytes(data)]

    def connection_lost(self, reason: str) -> list[Effect]:
        """The other end closed, which ends a script well if all of it was sent."""
        self.lost = True
        self._quiet_at = None
        if self._interactive or reason or not self._input_ended:
            text = f"{self._address}: connection {'lost: ' + reason if reason else 'closed'}"
            tell = Tell(text, is_error=True)
            return [tell] if self._interactive else [tell, Leave(CONNECTION)]
        return [Leave(OK)]

    def prepare(self, source: Source) -> Prepared:
        """The line as it is; its end, if it is to have one, is part of it."""
        return Prepared(source)

    def submit(self, prepared: Prepared, now: float) -> list[Effect]:
        if self.lost:
            return [Tell("not connected; nothing was sent", is_error=True)]
        source = prepared.source
        data = source.line.text.encode("utf-8", "surrogateescape")
        return [Send(data, Request({}, data=data, source=source))]

    def diverted(self, destination: Destination, problem: str, now: float) -> list[Effect]:
        return []

    def finished(self, destination: Destination, problem: str, now: float) -> list[Effect]:
        return []

    def person_leaves(self) -> list[Effect]:
        """The person leaves."""
        return [Leave(OK)]

    def end_of_input(self, now: float) -> list[Effect]:
        """No line will follow: wait for a second of quiet."""
        self._input_ended = True
        self._quiet_at = now + _QUIET
        return []

    def tick(self, now: float) -> list[Effect]:
        """Do what is due by now."""
        if self._quiet_at is not None and now >= self._quiet_at:
            self._quiet_at = None
            return [Leave(OK)]
        return []
