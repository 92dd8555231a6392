"""The session of `--raw`: bytes pass through unchanged."""

from __future__ import annotations

from ..errors import CONNECTION, OK
from ..language import SourceLine
from .effects import Effect, Exit, Send, ShowBytes, ShowMessage
from .requests import PreparedLine, Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .steps import Step


_QUIET = 1.0


class RawSession:
    """A session without a protocol, with the same methods as `Session`."""

    def __init__(self, *, address: str, interactive: bool) -> None:
        self._address = address
        self._interactive = interactive
        self._quiet_at: float | None = None
        self._input_ended = False
        self.lost = False
        # It has no log, and no line fails.
        self.log_waits_for: dict[int, bool] = {}
        self.status = OK

    @property
    def idle(self) -> bool:
        """Whether the next line can be sent, which is always so."""
        return True

    def is_ended_by(self, data: bytes) -> bool:
        """Return False, because no reply is expected."""
        return False

    @property
    def deadline(self) -> float | None:
        """The time at which `tick` is due, or None."""
        return self._quiet_at

    def connected(
        self,
        now: float,
        *,
        address: str | None = None,
        give_up_at: float | None = None,
        passes_descriptors: bool = False,
    ) -> list[Effect]:
        """Handle an open stream."""
        text = f"Connected to {self._address}; bytes pass through unchanged. Ctrl-D leaves."
        return [ShowMessage(text)] if self._interactive else []

    def receive(self, data: bytes, now: float) -> list[Effect]:
        """Handle received bytes; b"" is the end."""
        if not data:
            return self.connection_lost("")
        if self._input_ended:
            self._quiet_at = now + _QUIET
        return [ShowBytes(data)]

    def connection_lost(self, reason: str) -> list[Effect]:
        """Handle the end of the connection. A script succeeds if all of its input was sent."""
        self.lost = True
        self._quiet_at = None
        if self._interactive or reason or not self._input_ended:
            text = f"{self._address}: connection {'lost: ' + reason if reason else 'closed'}"
            message = ShowMessage(text, is_error=True)
            return [message] if self._interactive else [message, Exit(CONNECTION)]
        return [Exit(OK)]

    def prepare(self, source: SourceLine) -> PreparedLine:
        """Return the line unchanged, with its end."""
        return PreparedLine(source)

    def submit(self, prepared: PreparedLine, now: float) -> list[Effect]:
        """Send a line."""
        if self.lost:
            return [ShowMessage("not connected; nothing was sent", is_error=True)]
        source = prepared.source
        data = source.line.text.encode("utf-8", "surrogateescape")
        return [Send(data, Request({}, data=data, source=source))]

    def answer(self, step: Step, answer: object, now: float) -> list[Effect]:
        """Do nothing: there are no steps for the driver."""
        return []

    def flush_log(self, now: float, *, is_last: bool = False) -> list[Effect]:
        """Do nothing: there is no log."""
        return []

    def leave_now(self) -> list[Effect]:
        """Leave at the user's request."""
        return [Exit(OK)]

    def end_of_input(self, now: float) -> list[Effect]:
        """Handle the end of input: wait for a second without data."""
        self._input_ended = True
        self._quiet_at = now + _QUIET
        return []

    def tick(self, now: float) -> list[Effect]:
        """Do what is due at `now`."""
        if self._quiet_at is not None and now >= self._quiet_at:
            self._quiet_at = None
            return [Exit(OK)]
        return []
