"""The exceptions of the package and the exit statuses of the program.

An error reply from the server is data. It becomes an exception only in `Connection.execute`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class QmpShellError(Exception):
    """Base class of all exceptions that the package raises on purpose.

    The text is one line for the user.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions are pickled by the arguments of their class, which differ from their text here.
        return _restore, (type(self), self.args, vars(self))


def _restore(
    cls: type[QmpShellError], args: tuple[Any, ...], attributes: dict[str, Any]
) -> QmpShellError:
    error = cls.__new__(cls, *args)
    error.args = args
    vars(error).update(attributes)
    return error


class AddressError(QmpShellError):
    """The address cannot be parsed, or its kind of transport is not supported."""


class LineError(QmpShellError):
    """A line cannot be parsed or evaluated. Nothing of it was sent.

    `start` and `end` are offsets into the text of the line. `hint` says what to do, or is empty.
    """

    def __init__(self, reason: str, *, start: int, end: int | None = None, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.start = start
        self.end = start + 1 if end is None else max(end, start + 1)
        self.hint = hint

    @property
    def sentence(self) -> str:
        """The reason and the hint on one line."""
        mark = ": " if self.hint.startswith("did you mean") else "; "
        return f"{self.reason}{mark if self.hint else ''}{self.hint}"


class ConnectError(QmpShellError):
    """No connection could be made.

    `retriable` is true if waiting may help, `busy` if the server serves another client.
    """

    def __init__(self, text: str, *, retriable: bool = False, busy: bool = False) -> None:
        super().__init__(text)
        self.retriable = retriable
        self.busy = busy


class CommandLineError(QmpShellError):
    """The shell cannot run this QEMU command line."""


class LaunchError(QmpShellError):
    """QEMU could not be started."""


class ConnectionLost(QmpShellError):  # noqa: N818 - a public name
    """The connection ended or broke while it was needed."""


class ProtocolError(QmpShellError):
    """The server does not speak QMP or violates the protocol."""


class NegotiationError(ProtocolError):
    """The server refused `qmp_capabilities` (qmp-spec, "Capabilities Negotiation")."""


class ReplyTimeout(QmpShellError, TimeoutError):  # noqa: N818 - a public name
    """A greeting, a reply or an event did not arrive in time."""


class NoGreetingError(ConnectError, ReplyTimeout):
    """The server accepts connections, but has sent no greeting in time: it may serve another client."""


class OperationError(QmpShellError):
    """A job or a migration failed or was cancelled."""


class CommandError(QmpShellError):
    """The server answered a command with an error (qmp-spec, "Error").

    `error_class` and `desc` are the members `class` and `desc` of the error. `reply` is the message.
    """

    def __init__(self, reply: dict[str, object]) -> None:
        error = reply.get("error")
        members = error if isinstance(error, dict) else {}
        self.error_class = _text(members.get("class", "GenericError"))
        self.desc = _text(members.get("desc", error))
        self.reply = reply
        super().__init__(f"{self.error_class}: {self.desc}")


class OutputClosedError(Exception):
    """The reader of stdout has closed it."""


class OutputError(Exception):
    """The output could not be written; the text says why."""


def _text(value: object) -> str:
    try:
        return str(value)
    except RecursionError:
        return "(a value that is nested too deeply)"


OK = 0
FAILED = 1
USAGE = 2
CONNECTION = 3
INTERRUPTED = 130
PIPE = 141
