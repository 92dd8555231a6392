"""Effects: what a session asks its driver to do.

The driver passes the answer to Confirm, ReadSecret, ReadFile, OpenRedirect, CloseRedirect and Connect
to `Session.answer`.
"""

from __future__ import annotations

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..language import Redirect
    from ..qmp import Event, Malformed, Message, NotQmp, Reply
    from ..render import Block
    from .requests import Request


class Send:
    """Send `data`. `request` is the user's request, or None for the handshake."""

    __slots__ = ("data", "request")

    def __init__(self, data: bytes, request: Request | None = None) -> None:
        self.data = data
        self.request = request


class ShowReply:
    """Show the reply to a request.

    `late` is true if the user has stopped waiting for it. `elapsed` is in seconds. `redirect` is
    where it goes, if not to the output. `again` is true if the user wants to see all of it.
    """

    __slots__ = ("again", "elapsed", "late", "redirect", "reply", "request")

    def __init__(
        self,
        reply: Reply,
        request: Request,
        *,
        late: bool,
        elapsed: float,
        redirect: Redirect | None = None,
        again: bool = False,
    ) -> None:
        self.reply = reply
        self.request = request
        self.late = late
        self.elapsed = elapsed
        self.redirect = redirect
        self.again = again


class ShowEvent:
    """Show an event if it is not hidden, or with `again` in any case."""

    __slots__ = ("again", "event")

    def __init__(self, event: Event, *, again: bool = False) -> None:
        self.event = event
        self.again = again


class ShowUnexpected(Record):
    """Show an unexpected reply, an unknown message, or malformed data."""

    item: Message | Malformed | NotQmp
    reason: str


class ShowBytes(Record):
    """Show received bytes unchanged (`--raw`)."""

    data: bytes


class ShowMessage(Record):
    """Show a message of qmpshell's own, such as a diagnosis, a hint or an error in a line."""

    text: str
    is_error: bool = False


class ShowDocument(Record):
    """Show a help document."""

    blocks: list[Block]


class Confirm(Record):
    """Ask the user whether to send `request`. The answer is True or False."""

    question: str
    request: Request


class Ready:
    """The server has sent its greeting and accepts commands."""

    __slots__ = ()


class QueryResult(Record):
    """The result of a query of qmpshell's own: what command `name` returned."""

    name: str
    value: object
    __match_args__ = ("name", "value")


class ReadSecret(Record):
    """Ask for the value of `key` without echo. The answer is the text, or None."""

    key: str


class ReadFile(Record):
    """Read a file. The answer is its content, or an OSError."""

    path: str


class ShowCommand(Record):
    """Show what would be sent (`--dry-run`)."""

    data: bytes
    request: Request


class OpenRedirect(Record):
    """Open the redirect of the following replies. The answer is a problem, or ""."""

    redirect: Redirect


class CloseRedirect(Record):
    """Close a redirect after its last reply. The answer is a problem, or ""."""

    redirect: Redirect


class StopFile(Record):
    """Stop to read or open a file, or to write to it. No answer is expected any more."""

    step: ReadFile | OpenRedirect | CloseRedirect
    __match_args__ = ("step",)


class Connect(Record):
    """Connect to the address in `text`, or with None to the same one again.

    The driver closes the open connection first, and calls `connected`. If that fails, the answer is
    the problem.
    """

    text: str | None


class Exit(Record):
    """Exit with this status."""

    status: int


Effect = (
    Send
    | ShowReply
    | ShowEvent
    | ShowUnexpected
    | ShowBytes
    | ShowCommand
    | ShowMessage
    | ShowDocument
    | Confirm
    | ReadSecret
    | ReadFile
    | Ready
    | QueryResult
    | OpenRedirect
    | CloseRedirect
    | StopFile
    | Connect
    | Exit
)


class Outbox:
    """The effects of one call of the session, in order, and the time of the call in seconds."""

    def __init__(self) -> None:
        self.now = 0.0
        self._effects: list[Effect] = []

    def emit(self, effect: Effect) -> None:
        """Add an effect."""
        self._effects.append(effect)

    def show(self, text: str, *, is_error: bool = False) -> None:
        """Add a message to the user."""
        self._effects.append(ShowMessage(text, is_error=is_error))

    def drain(self) -> list[Effect]:
        """Remove and return the effects."""
        effects, self._effects = self._effects, []
        return effects
