"""The exceptions of the package.

Owns: every error that a caller may want to tell apart. Must not know: any other module.

An error *reply* of the server is data and becomes an exception only in
`Connection.execute`, for programs (`CommandError`).
"""

from __future__ import annotations


class QmpShellError(Exception):
    """Base of everything that this package raises on purpose. Its text is one line for a person."""


class AddressError(QmpShellError):
    """An address that cannot be understood, or that names a kind of stream we cannot open."""


class LineError(QmpShellError):
    """A line of the user's that cannot be understood; nothing of it was sent.

    `start` and `end` are offsets into the text of the line; `cure` says what to do, or is empty.
    """

    def __init__(self, reason: str, *, start: int, end: int | None = None, cure: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.start = start
        self.end = start + 1 if end is None else max(end, start + 1)
        self.cure = cure


class ConnectError(QmpShellError):
    """No connection could be made. `retriable` says whether waiting may help, `busy` that the server
    is there and serves others."""

    def __init__(self, text: str, *, retriable: bool = False, busy: bool = False) -> None:
        super().__init__(text)
        self.retriable = retriable
        self.busy = busy


class CommandLineError(QmpShellError):
    """A command line of QEMU's that the shell cannot carry out."""


class LaunchError(QmpShellError):
    """QEMU could not be started."""


class ConnectionLost(QmpShellError):
    """The stream ended, or broke, while it was needed."""


class ProtocolError(QmpShellError):
    """The other end does not speak QMP, or breaks its rules."""


class NegotiationError(ProtocolError):
    """The server refused `qmp_capabilities` (qmp-spec, "Capabilities Negotiation")."""


class ReplyTimeout(QmpShellError, TimeoutError):
    """What was waited for (a greeting, a reply, an event) did not come in time."""


class CommandError(QmpShellError):
    """The server answered a command with an error (qmp-spec, "Error").

    `error_class` and `desc` are its members `class` and `desc`; `reply` is the whole message.
    """

    def __init__(self, reply: dict[str, object]) -> None:
        error = reply.get("error")
        members = error if isinstance(error, dict) else {}
        self.error_class = str(members.get("class", "GenericError"))
        self.desc = str(members.get("desc", error))
        self.reply = reply
        super().__init__(f"{self.error_class}: {self.desc}")


OK = 0
FAILED = 1
USAGE = 2
CONNECTION = 3
INTERRUPTED = 130
PIPE = 141
TERMINATED = 143
