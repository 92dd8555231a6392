"""What a session asks of its driver.

Owns: the shapes of a session's answers. Must not know: how a driver carries them out.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..language import Destination
    from ..qmp import Event, Foreign, Garbage, Message, Reply
    from ..render import Block
    from .requests import Request


class Send:
    """Send `data`; `request` is what the user asked, or None for talk of our own."""

    __slots__ = ("data", "request")

    def __init__(self, data: bytes, request: Request | None = None) -> None:
        self.data = data
        self.request = request


class ShowReply:
    """Show a reply to a request; `late` after the user gave up on it, `elapsed` in seconds. It goes to
    `destination`, if it has one; `again` means that all of it is asked for."""

    __slots__ = ("again", "destination", "elapsed", "late", "reply", "request")

    def __init__(
        self,
        reply: Reply,
        request: Request,
        *,
        late: bool,
        elapsed: float,
        destination: Destination | None = None,
        again: bool = False,
    ) -> None:
        self.reply = reply
        self.request = request
        self.late = late
        self.elapsed = elapsed
        self.destination = destination
        self.again = again


class ShowEvent:
    """Show an event, if such events are wanted; `again` means that it is asked for."""

    __slots__ = ("again", "event")

    def __init__(self, event: Event, *, again: bool = False) -> None:
        self.event = event
        self.again = again


class ShowStray:
    """Show what nobody asked for: a reply of a stranger's, an unknown message, or garbage."""

    __slots__ = ("item", "reason")

    def __init__(self, item: Message | Garbage | Foreign, reason: str) -> None:
        self.item = item
        self.reason = reason


class ShowBytes:
    """Show bytes of the server's as they came (`--raw`)."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data


class Tell:
    """Say something of our own: a diagnosis, a hint, a mistake in a line, already worded."""

    __slots__ = ("is_error", "text")

    def __init__(self, text: str, *, is_error: bool = False) -> None:
        self.text = text
        self.is_error = is_error


class Page:
    """Show a page of text: the help that was asked for."""

    __slots__ = ("blocks",)

    def __init__(self, blocks: list[Block]) -> None:
        self.blocks = blocks


class Ask:
    """Ask whether to go on with `request`; tell the session with `answer`."""

    __slots__ = ("question", "request")

    def __init__(self, question: str, request: Request) -> None:
        self.question = question
        self.request = request


class Greeted:
    """The server has greeted and is ready for commands."""

    __slots__ = ()


class Learned:
    """The server's answer to a question of our own: what command `name` returned."""

    __slots__ = ("name", "value")
    __match_args__ = ("name", "value")

    def __init__(self, name: str, value: object) -> None:
        self.name = name
        self.value = value


class AskSecret:
    """Ask for the value of `key`, unseen; give it to the session with `secret`."""

    __slots__ = ("key",)

    def __init__(self, key: str) -> None:
        self.key = key


class ShowCommand:
    """Show what would be sent (`--dry-run`)."""

    __slots__ = ("data", "request")

    def __init__(self, data: bytes, request: Request) -> None:
        self.data = data
        self.request = request


class Divert:
    """The replies of the requests that have this destination go there: begin with it."""

    __slots__ = ("destination",)

    def __init__(self, destination: Destination) -> None:
        self.destination = destination


class Finish:
    """All replies to a destination have been shown: end it, and tell the session with `finished`."""

    __slots__ = ("destination",)

    def __init__(self, destination: Destination) -> None:
        self.destination = destination


class Connect:
    """Connect to the address that `text` names, or with None to the same one again; tell the session
    with `connected` or `connect_failed`. A connection that is open is closed first."""

    __slots__ = ("text",)

    def __init__(self, text: str | None) -> None:
        self.text = text


class Leave:
    """End, with this exit status."""

    __slots__ = ("status",)

    def __init__(self, status: int) -> None:
        self.status = status


Effect = (
    Send
    | ShowReply
    | ShowEvent
    | ShowStray
    | ShowBytes
    | ShowCommand
    | Tell
    | Page
    | Ask
    | AskSecret
    | Greeted
    | Learned
    | Divert
    | Finish
    | Connect
    | Leave
)
