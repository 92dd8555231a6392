"""Effects: what a session asks its driver to do."""

from __future__ import annotations

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


class ShowUnexpected:
    """Show an unexpected reply, an unknown message, or malformed data."""

    __slots__ = ("item", "reason")

    def __init__(self, item: Message | Malformed | NotQmp, reason: str) -> None:
        self.item = item
        self.reason = reason


class ShowBytes:
    """Show received bytes unchanged (`--raw`)."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data


class ShowMessage:
    """Show a message of qmpshell's own, such as a diagnosis, a hint or an error in a line."""

    __slots__ = ("is_error", "text")

    def __init__(self, text: str, *, is_error: bool = False) -> None:
        self.text = text
        self.is_error = is_error


class ShowDocument:
    """Show a help document."""

    __slots__ = ("blocks",)

    def __init__(self, blocks: list[Block]) -> None:
        self.blocks = blocks


class Confirm:
    """Ask the user whether to send `request`. The driver calls `answer`."""

    __slots__ = ("question", "request")

    def __init__(self, question: str, request: Request) -> None:
        self.question = question
        self.request = request


class Ready:
    """The server has sent its greeting and accepts commands."""

    __slots__ = ()


class QueryResult:
    """The result of a query of qmpshell's own: what command `name` returned."""

    __slots__ = ("name", "value")
    __match_args__ = ("name", "value")

    def __init__(self, name: str, value: object) -> None:
        self.name = name
        self.value = value


class ReadSecret:
    """Ask for the value of `key` without echo. The driver calls `secret`."""

    __slots__ = ("key",)

    def __init__(self, key: str) -> None:
        self.key = key


class ShowCommand:
    """Show what would be sent (`--dry-run`)."""

    __slots__ = ("data", "request")

    def __init__(self, data: bytes, request: Request) -> None:
        self.data = data
        self.request = request


class OpenRedirect:
    """Open the redirect of the following replies. The driver calls `redirect_opened`."""

    __slots__ = ("redirect",)

    def __init__(self, redirect: Redirect) -> None:
        self.redirect = redirect


class CloseRedirect:
    """Close a redirect after its last reply. The driver calls `redirect_closed`."""

    __slots__ = ("redirect",)

    def __init__(self, redirect: Redirect) -> None:
        self.redirect = redirect


class Connect:
    """Connect to the address in `text`, or with None to the same one again.

    The driver closes the open connection first, and calls `connected` or `connect_failed`.
    """

    __slots__ = ("text",)

    def __init__(self, text: str | None) -> None:
        self.text = text


class Exit:
    """Exit with this status."""

    __slots__ = ("status",)

    def __init__(self, status: int) -> None:
        self.status = status


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
    | Ready
    | QueryResult
    | OpenRedirect
    | CloseRedirect
    | Connect
    | Exit
)
