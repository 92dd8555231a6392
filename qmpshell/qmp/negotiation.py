"""From the greeting to command mode, and back when the server starts anew.

Owns: qmp-spec's "Capabilities Negotiation", what is our own talk and what is the user's. Must not
know: I/O, time, how anything is shown.
"""

from __future__ import annotations

from .framing import Framer
from .messages import (
    Event,
    Foreign,
    Garbage,
    Greeting,
    Item,
    Message,
    Reply,
    command_object,
    encode_message,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .messages import Reply


class OwnTalk:
    """The base of both protocols."""

    def __init__(self) -> None:
        self._outgoing: list[bytes] = []
        # For who logs them: each with how many items of the same `receive` came before it.
        self._own_replies: list[tuple[int, Reply]] = []

    def data_to_send(self) -> bytes:
        """What it wants to say; call after each `receive`."""
        data = b"".join(self._outgoing)
        self._outgoing.clear()
        return data

    def take_own_replies(self) -> list[tuple[int, Reply]]:
        """The replies that the last `receive` left out, each with how many items came before it."""
        replies, self._own_replies = self._own_replies, []
        return replies


# Where the connection stands.
GREETING = "greeting"  # nothing heard that would tell us that the other end speaks QMP
NEGOTIATING = "negotiating"  # greeted; our qmp_capabilities is not answered yet
READY = "ready"  # commands may be sent
REFUSED = "refused"  # the server will not negotiate; `refusal` is its reply

_OUR_ID = "qmpshell-negotiation"


class QmpProtocol(OwnTalk):
    """One QMP connection without its stream: bytes in, messages out, and the reverse.

    With `negotiate` false it is ready at once and takes a greeting for a message like any other.
    Every greeting while it negotiates or is ready starts the negotiation again: pty monitors greet
    twice, and a restarted server behind a serial line greets in mid-session. What was in flight then
    is lost.
    """

    def __init__(self, *, negotiate: bool = True) -> None:
        super().__init__()
        self._framer = Framer()
        self._negotiate = negotiate
        self._asked = 0
        self._enable: list[str] = []
        self.state = GREETING if negotiate else READY
        self.greeting: Greeting | None = None
        self.refusal: Reply | None = None
        self.capabilities: frozenset[str] = frozenset()
        # Every server of QMP's gives a command's id back.
        self.echoes_ids = True

    @property
    def pending(self) -> bytes:
        """The beginning of a message that has not come whole."""
        return self._framer.pending

    def receive(self, data: bytes) -> list[Item]:
        """What `data` completed, in order, without the replies to our own negotiation.

        While commands cannot be sent a reply is a stale one, of a client before us, and left out.
        """
        return self._sorted(self._framer.feed(data))

    def receive_end(self) -> list[Item]:
        """The stream has ended; a message that was cut off comes out as garbage."""
        return self._sorted(self._framer.end())

    def _sorted(self, found: Sequence[Message | Garbage]) -> list[Item]:
        items: list[Item] = []
        for item in found:
            if isinstance(item, Reply):
                if self._reply(item):
                    self._own_replies.append((len(items), item))
                else:
                    items.append(item)
            elif isinstance(item, Event):
                items.append(item)
            elif isinstance(item, Greeting):
                self._greeting(item)
                items.append(item)
            elif self.state == GREETING:
                items.append(Foreign(item.raw))
            else:
                items.append(item)
        return items

    def _greeting(self, greeting: Greeting) -> None:
        self.greeting = greeting
        if self._negotiate:
            self._enable = [name for name in greeting.capabilities if name == "oob"]
            self._ask()

    def _ask(self) -> None:
        self._asked += 1
        self.state = NEGOTIATING
        command = command_object(
            "qmp_capabilities", {"enable": self._enable} if self._enable else None
        )
        self._outgoing.append(encode_message(command | {"id": f"{_OUR_ID}-{self._asked}"}))

    def _reply(self, reply: Reply) -> bool:
        """Take a reply that is not the user's; whether it is none."""
        marker = reply.value.get("id")
        ours = isinstance(marker, str) and marker.startswith(_OUR_ID)
        if self.state == READY:
            # Of several greetings each was answered, and the last answer may be late.
            return ours and self._asked > 0
        if self.state != NEGOTIATING or (not ours and "id" in reply.value):
            return True
        if not reply.is_error:
            self._done(self._enable)
        elif reply.error_class == "CommandNotFound":
            # Either negotiated already, by whoever held the stream before us, or a server that
            # knows no qmp_capabilities: both take commands.
            self._done([])
        elif self._enable:
            self._enable = []
            self._ask()
        else:
            self.state = REFUSED
            self.refusal = reply
        return True

    def _done(self, enabled: list[str]) -> None:
        self.state = READY
        self.capabilities = frozenset(enabled)
