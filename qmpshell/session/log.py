"""The log of a session's messages.

Owns: that nothing secret gets into it, and what becomes of one that cannot be written. Must not know:
files, sessions.
"""

from __future__ import annotations

from ..errors import QmpShellError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..qmp import Message
    from .ports import MessageLog
    from .requests import Request


# What an agent is woken with is no message.
_SENTINEL = b"\xff"


class Logbook:
    """Writes to the log that is open, if one is. `problem` says why it ended by itself, once."""

    def __init__(self, open_log: Callable[[str], MessageLog]) -> None:
        self._open_log = open_log
        self._log: MessageLog | None = None
        self._redact_reply: Callable[[dict[str, Any], dict[str, Any] | None], dict[str, Any]]
        self.problem = ""

    def open(self, path: str | None) -> None:
        """Begin a log, or with None end it. Raises QmpShellError; the one before stays then."""
        log = self._open_log(path) if path is not None else None
        if self._log is not None:
            self._log.close()
        self._log = log
        if log is not None:
            # Few sessions keep a log; in those that do an import for each message would count.
            from ..storage import redact_reply

            self._redact_reply = redact_reply

    def sent(self, message: dict[str, Any]) -> None:
        if self._log is not None:
            from ..storage import redact_command  # few sessions keep a log

            self._write("sent", redact_command(message))

    def sent_bytes(self, data: bytes) -> None:
        """What the negotiation sends."""
        if self._log is not None:
            from ..qmp import decode

            for line in data.splitlines():
                self.sent(decode(line.lstrip(_SENTINEL)))

    def received(self, message: Message, request: Request | None = None) -> None:
        """A message, and the request that it answers."""
        if self._log is not None:
            command = request.message if request is not None else None
            self._write("received", self._redact_reply(message.value, command))

    def _write(self, direction: str, message: dict[str, Any]) -> None:
        assert self._log is not None
        try:
            self._log.write(direction, message)
        except QmpShellError as error:
            self.problem = f"the log has ended: {error}"
            self._log = None
