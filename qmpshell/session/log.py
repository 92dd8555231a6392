"""The message log, with redaction, and the latest events."""

from __future__ import annotations

from collections import deque

from ..errors import QmpShellError
from ..qmp import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ..qmp import Event, Message
    from ..storage import MessageRedactor
    from .ports import MessageLog
    from .requests import Request


# How many messages are kept from before the log: a reply in the log may repeat their secrets.
_MAX_UNLOGGED = 100
# The byte that precedes an agent's synchronization is not a message.
_SENTINEL = b"\xff"


class MessageLogger:
    """Writes to the open log, if any."""

    def __init__(self) -> None:
        self._log: MessageLog | None = None
        self._redactor: MessageRedactor | None = None
        self._unlogged: deque[dict[str, Any]] = deque(maxlen=_MAX_UNLOGGED)
        # Whether there is a log.
        self.is_open = False
        # Why the log was closed, until that is reported, or "".
        self.problem = ""

    def use(self, log: MessageLog | None) -> None:
        """Write to an open log from now on, or to none."""
        self.flush(is_last=True)
        self._close()
        self._log, self.is_open = log, log is not None
        if log is not None:
            from ..storage import MessageRedactor  # few sessions have a log

            self._redactor = self._redactor or MessageRedactor()
            while self._unlogged:
                self._redactor.sent(self._unlogged.popleft())

    @property
    def waits_for(self) -> dict[int, bool]:
        """The descriptors that waiting messages wait for, as in `RedirectTarget.waits_for`."""
        return self._log.waits_for if self._log is not None and self._log.pending else {}

    def flush(self, *, is_last: bool = False) -> None:
        """Write waiting messages. With `is_last`, close the log if some remain."""
        log = self._log
        if log is None or not log.pending:
            return
        try:
            log.flush(is_last=is_last)
        except QmpShellError as error:
            self.fail(str(error))
            return
        if is_last and log.pending:
            self.fail(f"the last {log.pending} bytes could not be written")

    def _close(self) -> None:
        log, self._log, self.is_open = self._log, None, False
        if log is not None:
            log.close()

    def fail(self, reason: str) -> None:
        """Close the log, which cannot be written, and report that."""
        self.problem = f"the log was closed: {reason}"
        self._close()

    def pop_problem(self) -> str:
        """Return why the log was closed, once, or ""."""
        problem, self.problem = self.problem, ""
        return problem

    def sent(self, message: dict[str, Any]) -> None:
        """Log a sent message."""
        if self._log is None:
            self._unlogged.append(message)
        else:
            assert self._redactor is not None
            self._write("sent", encode(self._redactor.sent(message)))

    def sent_bytes(self, data: bytes) -> None:
        """Log what the handshake sends."""
        if self._log is not None:
            from ..qmp import decode

            for line in data.splitlines():
                self.sent(decode(line.lstrip(_SENTINEL)))

    def received(self, message: Message, request: Request | None = None) -> None:
        """Log a received message. `request` is the one that it answers."""
        if self._log is not None:
            assert self._redactor is not None
            command = request.message if request is not None else None
            value = self._redactor.received(message.value, command)
            # Most messages have no secrets. Encoding a large one again would delay keys.
            text = message.as_line() if value is message.value else encode(value)
            self._write("received", text)

    def _write(self, direction: str, message: str) -> None:
        assert self._log is not None
        try:
            self._log.add(direction, message)
        except QmpShellError as error:
            self.fail(str(error))


# How many of the latest events are kept for `/wait`, and for `/events list`.
_MAX_UNCLAIMED = 10_000
_MAX_RECENT = 1_000


class EventLog:
    """The latest events: all in `recent`, and those that no `/wait` has consumed.

    The latter are kept as bytes. In an event storm, Python would search thousands of messages for
    garbage, which delays keys.
    """

    def __init__(self) -> None:
        self._unclaimed: deque[bytes] = deque(maxlen=_MAX_UNCLAIMED)
        self.recent: deque[Event] = deque(maxlen=_MAX_RECENT)

    def add(self, event: Event, *, is_consumed: bool) -> None:
        """Add an event."""
        self.recent.append(event)
        if not is_consumed:
            self._unclaimed.append(event.raw)

    @property
    def unclaimed_count(self) -> int:
        """How many events no `/wait` has consumed."""
        return len(self._unclaimed)

    def unclaimed(self) -> Iterator[Event]:
        """Yield the events that no `/wait` has consumed, the oldest first."""
        from ..qmp import Event, Framer  # only waits need it

        for raw in self._unclaimed:
            for message in Framer().feed(raw + b"\n"):
                assert isinstance(message, Event)
                yield message

    def claim(self, event: Event) -> None:
        """Remove an event that a wait consumes from the unclaimed ones."""
        self._unclaimed.remove(event.raw)

    def clear(self) -> None:
        """Remove all events."""
        self._unclaimed.clear()
        self.recent.clear()
