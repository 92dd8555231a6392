"""Effects: the actions that a session requests from its driver.

Only a session at a terminal has TryConnect and Restart.
"""

from __future__ import annotations

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..language import Redirect, SourceLine
    from ..qmp import Event, Malformed, Message, NotQmp, Reply
    from ..render import Block
    from .requests import Request

# The formats of pictures, by QEMU's names (ImageFormat).
PNG = "png"
PPM = "ppm"


class Effect(Record):
    """An effect of a call of the session."""


class Send(Effect):
    """Send `data`. `request` is the user's request, or None for the handshake."""

    data: bytes
    request: Request | None = None


class ShowReply(Effect):
    """Show the reply to a request.

    `late` is true if the user has stopped waiting for it. `elapsed` is in seconds. `redirect` is
    where a result goes, if not to the output; failures never go there. `again` is true if the user
    wants to see all of it.
    """

    reply: Reply
    request: Request
    late: bool
    elapsed: float
    redirect: Redirect | None = None
    again: bool = False

    @property
    def is_failure(self) -> bool:
        """Whether the server, or its human monitor, reports a failure."""
        if self.reply.is_error or self.request.text is None:
            return self.reply.is_error
        from ..qmp import failed, hmp_text  # only for the human monitor

        return failed(hmp_text(self.reply.value.get("return", "")))


class ShowResult(Effect):
    """Show the result of a shell command, if it is a value and is not visible otherwise."""

    value: object
    redirect: Redirect | None = None


class ShowAnswer(Effect):
    """Show the answer to an item that has no reply of the server (`--json-errors`)."""

    value: dict[str, object]


class ShowEvent(Effect):
    """Show an event if it is not hidden, or with `again` in any case."""

    event: Event
    again: bool = False


class ShowUnexpected(Effect):
    """Show an unexpected reply, an unknown message, or malformed data."""

    item: Message | Malformed | NotQmp
    reason: str


class ShowBytes(Effect):
    """Show received bytes unchanged (`--raw`)."""

    data: bytes


class ShowMessage(Effect):
    """Show a message of qmpshell's own, such as a diagnosis, a hint or an error in a line.

    `line` is a line that cannot be executed as it is.
    """

    text: str
    is_error: bool = False
    line: SourceLine | None = None


class ShowDocument(Effect):
    """Show a document, or pass it to the redirect of its line.

    A result is part of the output of a script, and help is not. A folded document does not open in
    the pager.
    """

    blocks: list[Block]
    redirect: Redirect | None = None
    is_result: bool = False
    is_folded: bool = False


class ShowPicture(Effect):
    """Show a picture, or write it to the redirect of its line."""

    data: bytes
    format: str  # PNG or PPM, or "sixel" for PPM that the terminal shows as sixel
    redirect: Redirect | None = None


class DriverStep(Effect):
    """A step of a line that the driver performs. The driver passes the answer to `Session.answer`."""


class FileStep(DriverStep):
    """A step for a file, which may block."""


class Confirm(DriverStep):
    """Ask the user whether to send `request`, or to end the server. The answer is True or False."""

    question: str
    request: Request | None


class Ready(Effect):
    """The server has sent its greeting and accepts commands."""


class QueryResult(Effect):
    """The result of a query of qmpshell's own: what command `name` returned."""

    name: str
    value: object
    __match_args__ = ("name", "value")


class ReadSecret(DriverStep):
    """Ask for the value of `key` without echo. The answer is the text, or None."""

    key: str


class ReadFile(FileStep):
    """Read a file. The answer is its content, or an OSError."""

    path: str


class OpenFile(FileStep):
    """Open the file at `path` with `call`, which may block. The answer is its result or exception.

    `discard` receives the result of a call that was stopped.
    """

    path: str
    call: Callable[[], Any]
    discard: Callable[[Any], None]


class ShowCommand(Effect):
    """Show what would be sent (`--dry-run`)."""

    data: bytes
    request: Request


class OpenRedirect(FileStep):
    """Open the redirect of the following replies. The answer is a problem, or ""."""

    redirect: Redirect


class CloseRedirect(FileStep):
    """Close a redirect after its last reply. The answer is a problem, or ""."""

    redirect: Redirect


class StopFile(Effect):
    """Stop reading, opening or writing a file. No answer is expected any more."""

    step: FileStep
    __match_args__ = ("step",)


class Connect(DriverStep):
    """Connect to the address in `text`, or with None to the first one.

    The driver closes the open connection first, and calls `connected`. If that fails, the answer is
    the problem.
    """

    text: str | None


class TryConnect(DriverStep):
    """Open a second connection and wait for the server's greeting. The answer is a problem, or "".

    After "", the next Connect to the same `text` uses it. `since` is the time of the request.
    """

    text: str
    since: float


class Restart(Connect):
    """End the server that qmpshell has started, start it again, and connect to it.

    `text` is None.
    """


class Exit(Effect):
    """Exit with this status."""

    status: int


class Outbox:
    """The effects of one call of the session, in order, and the time of the call in seconds."""

    def __init__(self) -> None:
        self.now = 0.0
        self._effects: list[Effect] = []

    def start(self, now: float) -> None:
        """Start a call at this time."""
        self.now = now

    def emit(self, effect: Effect) -> None:
        """Add an effect."""
        self._effects.append(effect)

    def show(self, text: str, *, is_error: bool = False, line: SourceLine | None = None) -> None:
        """Add a message to the user, about `line` if that cannot be executed."""
        self._effects.append(ShowMessage(text, is_error=is_error, line=line))

    def drain(self) -> list[Effect]:
        """Remove and return the effects."""
        effects, self._effects = self._effects, []
        return effects
